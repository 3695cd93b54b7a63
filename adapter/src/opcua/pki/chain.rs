//! Who has signed whom.

use rsa::{
    pkcs1v15::{Signature, VerifyingKey},
    signature::Verifier,
};
use sha2::{Sha256, Sha384, Sha512};

use super::{
    certificate::{Certificate, Signed},
    der::Elements,
};

/// Certificates that may stand one after another in one message.
const MAX_LENGTH: usize = 8;

const SHA256_WITH_RSA: &str = "1.2.840.113549.1.1.11";
const SHA384_WITH_RSA: &str = "1.2.840.113549.1.1.12";
const SHA512_WITH_RSA: &str = "1.2.840.113549.1.1.13";

/// Whether `issuer` is an authority that has signed `certificate`. Signatures with SHA-1 prove nothing any more and do
/// not count, nor do other algorithms than RSA with SHA-2. What is signed are the bytes that came.
pub(super) fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let Signed { content, algorithm, signature, issuer: name, .. } = certificate.signed();
    if !issuer.is_authority || *name != issuer.signed().subject {
        return false;
    }
    let Ok(signature) = Signature::try_from(signature.as_slice()) else { return false };
    let key = issuer.public_key().clone();
    match algorithm.as_str() {
        SHA256_WITH_RSA => VerifyingKey::<Sha256>::new(key).verify(content, &signature).is_ok(),
        SHA384_WITH_RSA => VerifyingKey::<Sha384>::new(key).verify(content, &signature).is_ok(),
        SHA512_WITH_RSA => VerifyingKey::<Sha512>::new(key).verify(content, &signature).is_ok(),
        _ => false,
    }
}

/// The way from a server's certificate to one that is trusted, by authorities that are known or were sent along. All of
/// them have to be valid at `now`, may have no more authorities below them than they say, and must not be for something
/// else than servers. `None` where no way leads to a trusted one.
pub(super) fn find<'a>(
    leaf: &'a Certificate,
    known: &[&'a Certificate],
    trusted: &'a [Certificate],
    now: i64,
) -> Option<&'a Certificate> {
    way(leaf, known, trusted, |one| is_valid(one, now))?.last().copied()
}

/// The first authority on the way to a trusted one that is not valid at `now`, where nothing but time is in the way.
pub(super) fn find_untimely<'a>(
    leaf: &'a Certificate,
    known: &[&'a Certificate],
    trusted: &'a [Certificate],
    now: i64,
) -> Option<&'a Certificate> {
    way(leaf, known, trusted, |_| true)?.into_iter().find(|one| !is_valid(one, now))
}

fn is_valid(certificate: &Certificate, now: i64) -> bool {
    certificate.not_before <= now && now <= certificate.not_after
}

/// The authorities from the one that has signed `leaf` to a trusted one.
fn way<'a>(
    leaf: &'a Certificate,
    known: &[&'a Certificate],
    trusted: &'a [Certificate],
    is_valid: impl Fn(&Certificate) -> bool,
) -> Option<Vec<&'a Certificate>> {
    let (mut current, mut way) = (leaf, Vec::new());
    for below in 0..MAX_LENGTH {
        let may_vouch = |one: &Certificate| {
            is_valid(one) && one.signed().path_length.is_none_or(|most| below <= most) && is_signed_by(current, one)
        };
        if let Some(anchor) = trusted.iter().find(|one| may_vouch(one)) {
            way.push(anchor);
            return Some(way);
        }
        let is_next = |one: &&&Certificate| !one.is_same(current) && !one.is_for_others() && may_vouch(one);
        current = known.iter().find(is_next)?;
        way.push(current);
    }
    None
}

/// The certificates of a message: the first is the sender's, the others its issuers'.
///
/// # Errors
/// What is wrong with the first; what follows it is only help, and left out when it is not understood.
pub fn split(bytes: &[u8]) -> Result<(Certificate, Vec<Certificate>), String> {
    let mut elements = Elements::new(bytes);
    let first = elements.next().ok_or("it is cut off or no DER")?;
    let leaf = Certificate::from_der(first.whole)?;
    let mut issuers = Vec::new();
    while issuers.len() < MAX_LENGTH
        && let Some(next) = elements.next()
    {
        issuers.extend(Certificate::from_der(next.whole));
    }
    Ok((leaf, issuers))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::BasicConstraints;

    use super::*;
    use crate::opcua::pki::test_support::{Names, Purpose, authority, authority_with, certificate, signed_by};

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
    fn an_authority_goes_no_further_than_it_may() {
        let root = authority("root", None);
        let of = |length, purpose| {
            let between = authority_with("between", Some("root"), BasicConstraints::Constrained(length), purpose);
            let leaf = signed_by(&Names::default(), &between).certificate;
            find(&leaf, &[&between.certificate], std::slice::from_ref(&root.certificate), NOW).is_some()
        };
        assert!(of(0, Purpose::Unsaid) && of(0, Purpose::Server));
        assert!(!of(0, Purpose::Client), "it is for clients");
        let narrow = authority_with("root", None, BasicConstraints::Constrained(0), Purpose::Unsaid);
        let between = authority("between", Some("root"));
        let leaf = signed_by(&Names::default(), &between).certificate;
        assert!(find(&leaf, &[&between.certificate], &[narrow.certificate], NOW).is_none(), "no authority below it");
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
        let (first, issuers) = split(&[leaf.der(), b"\0\0\0"].concat()).unwrap();
        assert!(first.is_same(&leaf) && issuers.is_empty(), "bytes behind it");
        assert!(split(&both[..10]).is_err() && split(b"").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            split(&[&[0x30][..], &bytes].concat()).ok();
        }
    }
}
