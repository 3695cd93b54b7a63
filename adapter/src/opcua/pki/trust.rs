//! Whether a server's certificate is trusted, and what to do when it is not.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{
    certificate::{Certificate, show_time},
    chain,
    store::Trusted,
};

/// What a server has shown, and what it should be.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The server's certificate.
    pub certificate: &'a Certificate,
    /// What it sent along to prove it.
    pub issuers: &'a [Certificate],
    /// The application URI of its endpoint description.
    pub application_uri: &'a str,
    /// The host that the mapping names.
    pub host: &'a str,
    /// Lengths of keys, in bits, that the security policy allows: least and most.
    pub key_bits: (usize, usize),
    /// The present, in seconds since 1970.
    pub now: i64,
}

/// Why a server's certificate is not taken, with the way out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Distrust {
    /// Nobody has trusted it.
    #[error(
        "the server's certificate is not trusted: thumbprint {thumbprint}, {subject}; compare it with what the server's own tool shows, then trust it: {command}"
    )]
    Unknown {
        /// SHA-1.
        thumbprint: String,
        /// Whom it names.
        subject: String,
        /// The command that trusts it.
        command: String,
    },
    /// Another one of the same application is trusted.
    #[error(
        "the server shows another certificate than the trusted one: now thumbprint {thumbprint}, {subject}, before {before}; if it was not replaced on purpose, somebody stands between; if it was, trust the new one: {command}"
    )]
    Replaced {
        /// SHA-1.
        thumbprint: String,
        /// Whom it names.
        subject: String,
        /// SHA-1 of the one that is trusted.
        before: String,
        /// The command that trusts it.
        command: String,
    },
    /// It has expired.
    #[error(
        "the server's certificate {thumbprint} expired on {not_after} (this machine's clock says {now}); renew it on the server and trust the new one, or set the clock"
    )]
    Expired {
        /// SHA-1.
        thumbprint: String,
        /// When.
        not_after: String,
        /// By the clock of this machine.
        now: String,
    },
    /// It is not valid yet.
    #[error(
        "the server's certificate {thumbprint} is valid only from {not_before}, and this machine's clock says {now}; set the clocks of both by NTP"
    )]
    NotYetValid {
        /// SHA-1.
        thumbprint: String,
        /// From when.
        not_before: String,
        /// By the clock of this machine.
        now: String,
    },
    /// Its key is too short or too long for the policy.
    #[error(
        "the key of the server's certificate {thumbprint} has {bits} bits, and the security policy allows {least} to {most}; renew the certificate on the server, or choose another `opcua.security.policy`"
    )]
    KeyLength {
        /// SHA-1.
        thumbprint: String,
        /// What it has.
        bits: usize,
        /// What the policy allows at least.
        least: usize,
        /// What the policy allows at most.
        most: usize,
    },
    /// An authority vouches for it, but for another application.
    #[error(
        "the server's certificate {thumbprint} is for the application {found}, and the server says it is {expected}; correct the certificate on the server, or trust this very certificate: {command}"
    )]
    WrongApplication {
        /// SHA-1.
        thumbprint: String,
        /// In the certificate.
        found: String,
        /// In the endpoint description.
        expected: String,
        /// The command that trusts it.
        command: String,
    },
}

/// Decides about a server's certificate. What is odd about one that is trusted comes back as sentences.
///
/// The name of the host is never a reason to refuse, since behind NAT none fits. The application URI is one only where
/// an authority vouches: whoever has trusted this very certificate has said more than the URI can.
///
/// # Errors
/// Why it is not taken.
pub fn judge(question: &Question<'_>, trusted: &Trusted, pki_dir: &Path) -> Result<Vec<String>, Distrust> {
    let Question { certificate, now, .. } = *question;
    let thumbprint = certificate.thumbprint.clone();
    let is_pinned = trusted.certificates.iter().any(|one| one.is_same(certificate));
    if !is_pinned {
        let known: Vec<&Certificate> = question.issuers.iter().chain(&trusted.issuers).collect();
        if chain::find(certificate, &known, &trusted.certificates, now).is_none() {
            return Err(unknown(certificate, trusted, pki_dir));
        }
    }
    if now < certificate.not_before {
        let not_before = show_time(certificate.not_before);
        return Err(Distrust::NotYetValid { thumbprint, not_before, now: show_time(now) });
    }
    if now > certificate.not_after {
        let not_after = show_time(certificate.not_after);
        return Err(Distrust::Expired { thumbprint, not_after, now: show_time(now) });
    }
    let (bits, (least, most)) = (certificate.key_bits(), question.key_bits);
    if bits < least || bits > most {
        return Err(Distrust::KeyLength { thumbprint, bits, least, most });
    }
    let mut oddities = Vec::new();
    if !certificate.uris.iter().any(|uri| uri == question.application_uri) {
        let expected = super::certificate::harmless(question.application_uri);
        let found = certificate.application_uri().unwrap_or("without a URI").to_owned();
        if !is_pinned {
            let command = trust_command(&certificate.thumbprint, pki_dir);
            return Err(Distrust::WrongApplication { thumbprint, found, expected, command });
        }
        oddities.push(format!(
            "the server's certificate is for the application {found}, and the server says it is {expected}"
        ));
    }
    if !certificate.hosts.iter().any(|host| host.eq_ignore_ascii_case(question.host)) {
        let hosts = if certificate.hosts.is_empty() { "no host".to_owned() } else { certificate.hosts.join(", ") };
        oddities.push(format!("the server's certificate names {hosts}, and `opcua.uri` names {}", question.host));
    }
    Ok(oddities)
}

fn unknown(certificate: &Certificate, trusted: &Trusted, pki_dir: &Path) -> Distrust {
    let (thumbprint, subject) = (certificate.thumbprint.clone(), certificate.subject.clone());
    let command = trust_command(&thumbprint, pki_dir);
    let is_of_same_application =
        |one: &&Certificate| certificate.application_uri().is_some_and(|uri| one.application_uri() == Some(uri));
    match trusted.certificates.iter().find(is_of_same_application) {
        Some(before) => Distrust::Replaced { thumbprint, subject, before: before.thumbprint.clone(), command },
        None => Distrust::Unknown { thumbprint, subject, command },
    }
}

/// The command that trusts a certificate, ready to be pasted into a shell.
pub fn trust_command(thumbprint: &str, pki_dir: &Path) -> String {
    let absolute = std::path::absolute(pki_dir).unwrap_or_else(|_| PathBuf::from(pki_dir));
    format!("tagwise certs trust {thumbprint} --pki-dir {}", quoted(&absolute.to_string_lossy()))
}

fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-:\\".contains(c);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::pki::test_support::{Names, Pair, authority, certificate, signed_by};

    const NOW: i64 = 1_800_000_000;

    fn trusted(certificates: &[&Pair]) -> Trusted {
        Trusted {
            certificates: certificates.iter().map(|pair| pair.certificate.clone()).collect(),
            issuers: Vec::new(),
        }
    }

    fn question(pair: &Pair) -> Question<'_> {
        Question {
            certificate: &pair.certificate,
            issuers: &[],
            application_uri: "urn:plc",
            host: "plc",
            key_bits: (2048, 4096),
            now: NOW,
        }
    }

    fn ask(question: &Question<'_>, trusted: &Trusted) -> Result<Vec<String>, Distrust> {
        judge(question, trusted, Path::new("/pki"))
    }

    #[test]
    fn the_very_certificate_is_trusted_and_no_other() {
        let (one, other) = (certificate(&Names::default()), certificate(&Names { uri: "urn:x", ..Names::default() }));
        assert_eq!(ask(&question(&one), &trusted(&[&other, &one])), Ok(Vec::new()));
        let distrust = ask(&question(&one), &trusted(&[&other])).unwrap_err();
        let sentence = distrust.to_string();
        let command = format!("tagwise certs trust {} --pki-dir /pki", one.certificate.thumbprint);
        assert!(matches!(distrust, Distrust::Unknown { .. }) && sentence.ends_with(&command), "{sentence}");
    }

    #[test]
    fn another_certificate_of_a_trusted_application_is_told_apart() {
        let (old, new) = (certificate(&Names::default()), certificate(&Names::default()));
        let distrust = ask(&question(&new), &trusted(&[&old])).unwrap_err();
        assert!(matches!(&distrust, Distrust::Replaced { before, .. } if *before == old.certificate.thumbprint));
        assert!(distrust.to_string().contains("another certificate"), "{distrust}");
    }

    #[test]
    fn an_authority_vouches_for_the_application_that_it_names() {
        let root = authority("root", None);
        let leaf = signed_by(&Names::default(), &root);
        assert_eq!(ask(&question(&leaf), &trusted(&[&root])), Ok(Vec::new()));
        let wrong = Question { application_uri: "urn:other", ..question(&leaf) };
        let distrust = ask(&wrong, &trusted(&[&root])).unwrap_err();
        assert!(matches!(distrust, Distrust::WrongApplication { .. }), "{distrust}");
        let oddities = ask(&wrong, &trusted(&[&root, &leaf])).unwrap();
        assert!(oddities[0].contains("urn:other"), "{oddities:?}");
        let known = Trusted { certificates: Vec::new(), issuers: vec![root.certificate] };
        assert!(ask(&question(&leaf), &known).is_err(), "an issuer only helps on the way to a trusted one");
    }

    #[test]
    fn times_are_compared_with_this_machines_clock() {
        let pair = certificate(&Names::default());
        let at = |now| ask(&Question { now, ..question(&pair) }, &trusted(&[&pair]));
        let early = at(pair.certificate.not_before - 1).unwrap_err();
        assert!(matches!(early, Distrust::NotYetValid { .. }), "{early}");
        assert!(early.to_string().contains(&show_time(pair.certificate.not_before - 1)), "{early}");
        let late = at(pair.certificate.not_after + 1).unwrap_err();
        assert!(matches!(late, Distrust::Expired { .. }), "{late}");
        assert!(at(pair.certificate.not_after).is_ok() && at(pair.certificate.not_before).is_ok());
    }

    #[test]
    fn a_key_that_the_policy_forbids_is_named() {
        let pair = certificate(&Names::default());
        let short = ask(&Question { key_bits: (3072, 4096), ..question(&pair) }, &trusted(&[&pair]));
        assert!(short.unwrap_err().to_string().contains("2048 bits"));
    }

    #[test]
    fn another_host_is_only_odd() {
        let pair = certificate(&Names { hosts: &["PLC", "10.0.0.7"], is_uri_last: true, ..Names::default() });
        let at = |host| ask(&Question { host, ..question(&pair) }, &trusted(&[&pair])).unwrap();
        assert!(at("plc").is_empty() && at("10.0.0.7").is_empty());
        assert!(at("gateway")[0].contains("gateway"));
    }

    #[test]
    fn the_command_survives_a_shell() {
        assert_eq!(quoted("/etc/tagwise/pki-1"), "/etc/tagwise/pki-1");
        assert_eq!(quoted("/a b/c'd$(x)"), r"'/a b/c'\''d$(x)'");
    }
}
