//! Who has signed whom.

use rsa::{
    pkcs1v15::{Signature, VerifyingKey},
    signature::Verifier,
};
use sha2::{Sha256, Sha384, Sha512};
use x509_cert::{
    der::{Encode, asn1::ObjectIdentifier},
    ext::pkix::{KeyUsage, KeyUsages},
};

use super::certificate::{Certificate, MAX_BYTES};

/// Certificates that may stand one after another in one message.
const MAX_LENGTH: usize = 8;

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA384_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA512_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");

/// Whether `issuer` is an authority that has signed `certificate`. Signatures with SHA-1 prove nothing any more and do
/// not count, nor do other algorithms than RSA with SHA-2.
pub(super) fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let (signed, authority) = (certificate.parsed(), issuer.parsed());
    let may_sign = match authority.tbs_certificate.get::<KeyUsage>() {
        Ok(Some((_, KeyUsage(usage)))) => usage.contains(KeyUsages::KeyCertSign),
        Ok(None) => true,
        Err(_) => false,
    };
    if !issuer.is_authority || !may_sign || signed.tbs_certificate.issuer != authority.tbs_certificate.subject {
        return false;
    }
    let (Ok(content), Some(signature)) = (signed.tbs_certificate.to_der(), signed.signature.as_bytes()) else {
        return false;
    };
    let Ok(signature) = Signature::try_from(signature) else { return false };
    let key = issuer.key().clone();
    match signed.signature_algorithm.oid {
        SHA256_WITH_RSA => VerifyingKey::<Sha256>::new(key).verify(&content, &signature).is_ok(),
        SHA384_WITH_RSA => VerifyingKey::<Sha384>::new(key).verify(&content, &signature).is_ok(),
        SHA512_WITH_RSA => VerifyingKey::<Sha512>::new(key).verify(&content, &signature).is_ok(),
        _ => false,
    }
}

/// The way from a certificate to one that is trusted, by authorities that are known or were sent along. All of them
/// have to be valid at `now`. `None` where no way leads to a trusted one.
pub(super) fn find<'a>(
    leaf: &'a Certificate,
    known: &[&'a Certificate],
    trusted: &'a [Certificate],
    now: i64,
) -> Option<&'a Certificate> {
    let is_valid = |one: &Certificate| one.not_before <= now && now <= one.not_after;
    let mut current = leaf;
    for _ in 0..MAX_LENGTH {
        if let Some(anchor) = trusted.iter().find(|one| is_valid(one) && is_signed_by(current, one)) {
            return Some(anchor);
        }
        current = known.iter().find(|one| !one.is_same(current) && is_valid(one) && is_signed_by(current, one))?;
    }
    None
}

/// The certificates of a message: the first is the sender's, the others its issuers'.
///
/// # Errors
/// What is wrong with the first; what follows it is only help, and left out when it is not understood.
pub fn split(bytes: &[u8]) -> Result<(Certificate, Vec<Certificate>), String> {
    let (first, mut rest) = split_first(bytes).ok_or("it is cut off or no DER")?;
    let leaf = Certificate::from_der(first)?;
    let mut issuers = Vec::new();
    while issuers.len() < MAX_LENGTH
        && let Some((next, following)) = split_first(rest)
    {
        issuers.extend(Certificate::from_der(next));
        rest = following;
    }
    Ok((leaf, issuers))
}

/// The first DER sequence of many.
fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[tag, length], rest) = bytes.split_first_chunk::<2>()?;
    let count = usize::from(length & 0x7F);
    let size = match length {
        0x80.. if count > 3 => return None,
        0x80.. => 2 + count + rest.get(..count)?.iter().fold(0, |size, byte| size * 256 + usize::from(*byte)),
        _ => 2 + count,
    };
    (tag == 0x30 && size <= MAX_BYTES).then_some(())?;
    bytes.split_at_checked(size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::opcua::pki::test_support::{Names, authority, certificate, signed_by};

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn a_way_leads_over_authorities_in_between() {
        let (root, between) = (authority("root", None), authority("between", Some("root")));
        let leaf = signed_by(&Names::default(), &between).certificate;
        let trusted = [root.certificate.clone()];
        assert!(find(&leaf, &[], &trusted, NOW).is_none(), "the one in between is not known");
        let found = find(&leaf, &[&between.certificate], &trusted, NOW).unwrap();
        assert!(found.is_same(&root.certificate));
        assert!(find(&leaf, &[&between.certificate], &trusted, i64::MAX - 1).is_none(), "all have expired");
        assert!(find(&leaf, &[&between.certificate], &[], NOW).is_none());
    }

    #[test]
    fn a_name_alone_signs_nothing() {
        let impostor = authority("root", None);
        let leaf = signed_by(&Names::default(), &authority("root", Some("other key"))).certificate;
        assert!(!is_signed_by(&leaf, &impostor.certificate));
        let plain = certificate(&Names::default()).certificate;
        assert!(!is_signed_by(&plain, &plain), "no authority, though it is signed by itself");
    }

    #[test]
    fn a_message_with_several_certificates_is_taken_apart() {
        let root = authority("root", None).certificate;
        let leaf = certificate(&Names::default()).certificate;
        let both = [leaf.der(), root.der()].concat();
        let (first, issuers) = split(&both).unwrap();
        assert!(first.is_same(&leaf) && issuers.len() == 1 && issuers[0].is_same(&root));
        let (first, issuers) = split(&both[..both.len() - 1]).unwrap();
        assert!(first.is_same(&leaf) && issuers.is_empty());
        assert!(split(&both[..10]).is_err() && split(b"").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            split(&[&[0x30][..], &bytes].concat()).ok();
        }
    }
}
