use super::*;
use crate::opcua::pki::{
    chain,
    test_der::{Oddity, odd, tagged},
    test_support::{Names, authority, certificate, key, signed_by},
};

#[test]
fn names_are_found_in_any_order() {
    let names =
        Names { uri: "urn:plc:a", hosts: &["plc.local", "10.0.0.7", "::1"], is_uri_last: true, ..Names::default() };
    let certificate = certificate(&names).certificate;
    assert_eq!(certificate.application_uri(), Some("urn:plc:a"));
    assert_eq!(certificate.hosts, ["plc.local", "10.0.0.7", "::1"]);
    assert_eq!((certificate.thumbprint.len(), certificate.sha256.len()), (40, 64));
    assert_eq!(certificate.key_bits(), 2048);
    assert!(!certificate.is_authority);
}

#[test]
fn what_is_no_certificate_says_so() {
    assert!(Certificate::from_der(b"").is_err());
    assert!(Certificate::from_der(b"\x30\x03\x02\x01\x01").is_err());
    assert!(Certificate::from_der(&tagged(0x30, &vec![0; MAX_BYTES])).unwrap_err().contains("bytes"));
    let whole = certificate(&Names::default()).certificate;
    for length in (0..whole.der().len()).step_by(7) {
        assert!(Certificate::from_der(&whole.der()[..length]).is_err(), "{length}");
    }
}

#[test]
fn no_single_byte_brings_it_down() {
    let whole = certificate(&Names::default()).certificate;
    for place in 0..whole.der().len() {
        for byte in [0x00, 0x01, 0x30, 0x7F, 0x80, 0x84, 0xFF] {
            let mut der = whole.der().to_vec();
            der[place] = byte;
            Certificate::from_der(&der).ok();
        }
    }
}

#[test]
fn texts_of_strangers_are_made_harmless() {
    assert_eq!(harmless("CN=a\u{1b}[2J\nb"), "CN=a\u{fffd}[2J\u{fffd}b");
    assert_eq!(harmless(&"x".repeat(1_000)).len(), MAX_SHOWN);
    assert_eq!(show_time(0), "1970-01-01T00:00:00Z");
}

#[test]
fn the_certificates_of_real_plcs_are_known_as_they_came() {
    const LONG: &[u8] = &[0x7F; 40];
    const NEGATIVE: &[u8] = &[0x80, 1];
    let root = authority("root", None);
    let plain = signed_by(&Names::default(), &root).certificate;
    for oddity in [
        Oddity::Defaults,
        Oddity::Serial(LONG),
        Oddity::Serial(NEGATIVE),
        Oddity::Serial(&[0, 0, 1]),
        Oddity::Serial(&[]),
        Oddity::Subject(&[]),
        Oddity::Subject(b"\x31\x0D\x30\x0B\x06\x03\x55\x04\x03\x13\x04W\xFCrt"),
        Oddity::Validity(0x18, "20200101000000Z", "20491231235959Z"),
        Oddity::Validity(0x18, "20200101000000.5Z", "99991231235959Z"),
        Oddity::Validity(0x17, "2001010000Z", "491231235959+0100"),
    ] {
        let der = odd(plain.der(), oddity, root.key);
        let found = Certificate::from_der(&der).unwrap_or_else(|reason| panic!("{oddity:?}: {reason}"));
        assert_eq!(found.der(), der, "{oddity:?}");
        assert_eq!(found.thumbprint, hexadecimal(&Sha1::digest(&der)), "{oddity:?}");
        assert_eq!((found.application_uri(), found.public_key()), (Some("urn:plc"), &key("leaf").to_public_key()));
        assert!(chain::is_signed_by(&found, &root.certificate), "{oddity:?}: signed as it came");
        let behind = Certificate::from_der(&[&der[..], b"\0\0trailing"].concat()).unwrap();
        assert!(behind.is_same(&found) && behind.thumbprint == found.thumbprint, "{oddity:?}");
    }
}

#[test]
fn what_is_encoded_anew_is_another_certificate() {
    use x509_cert::der::{Decode, Encode};
    // The reason why nothing here is.
    let root = authority("root", None);
    let der = odd(signed_by(&Names::default(), &root).certificate.der(), Oddity::Defaults, root.key);
    let anew = x509_cert::Certificate::from_der(&der).unwrap().to_der().unwrap();
    let (came, anew) = (Certificate::from_der(&der).unwrap(), Certificate::from_der(&anew).unwrap());
    assert!(!came.is_same(&anew) && came.thumbprint != anew.thumbprint);
    assert!(chain::is_signed_by(&came, &root.certificate) && !chain::is_signed_by(&anew, &root.certificate));
}

#[test]
fn a_key_of_1024_bits_is_known() {
    use rsa::{RsaPrivateKey, pkcs8::EncodePublicKey, rand_core::OsRng};
    // Deprecated policies take it; whether one does is judged later.
    let small = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
    let plain = certificate(&Names::default()).certificate;
    let (ours, theirs) = (key("leaf").to_public_key(), small.to_public_key());
    let (ours, theirs) = (ours.to_public_key_der().unwrap(), theirs.to_public_key_der().unwrap());
    let place = plain.der().windows(ours.as_bytes().len()).position(|part| part == ours.as_bytes()).unwrap();
    let (before, after) = (&plain.der()[..place], &plain.der()[place + ours.as_bytes().len()..]);
    let mut der = [before, theirs.as_bytes(), after].concat();
    let shorter = ours.as_bytes().len() - theirs.as_bytes().len();
    for length in [2, 6] {
        let size = usize::from(u16::from_be_bytes([der[length], der[length + 1]])) - shorter;
        der[length..length + 2].copy_from_slice(&u16::try_from(size).unwrap().to_be_bytes());
    }
    assert_eq!(Certificate::from_der(&der).unwrap().key_bits(), 1024);
}

#[test]
fn what_it_is_for_is_said_in_words() {
    use crate::opcua::pki::test_support::Purpose;
    let of = |purpose| certificate(&Names { purpose, ..Names::default() }).certificate;
    let (server, client, unsaid) = (of(Purpose::Server), of(Purpose::Client), of(Purpose::Unsaid));
    assert!(server.is_for_servers() && !server.is_for_others());
    assert!(!client.is_for_servers() && client.is_for_others());
    assert!(!unsaid.is_for_servers() && !unsaid.is_for_others());
    assert!(client.purposes().ends_with("clientAuth"), "{}", client.purposes());
    assert_eq!(unsaid.purposes(), "no extended key usage");
    let any = of(Purpose::Any);
    assert!(!any.is_for_servers() && any.purposes().ends_with("2.5.29.37.0"), "{}", any.purposes());
}
