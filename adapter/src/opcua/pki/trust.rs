//! Whether a server's certificate is trusted, and what to do when it is not.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{
    certificate::{Certificate, harmless, show_time},
    chain,
    names::has_host,
    store::Trusted,
};

/// What a server has shown, and what it should be.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The server's certificate.
    pub certificate: &'a Certificate,
    /// What it sent along to prove it.
    pub issuers: &'a [Certificate],
    /// The application URI of its endpoint description: the server's own word.
    pub application_uri: &'a str,
    /// `opcua.application_uri_of_server`.
    pub configured_uri: Option<&'a str>,
    /// The application URI that is known from before, see [`Trust::remember`].
    pub remembered_uri: Option<&'a str>,
    /// The host that the mapping names.
    pub host: &'a str,
    /// Lengths of keys, in bits, that the security policy allows: least and most.
    pub key_bits: (usize, usize),
    /// The present, in seconds since 1970.
    pub now: i64,
}

/// A server's certificate is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// What is odd about it, in sentences.
    pub oddities: Vec<String>,
    /// The application URI that is to be remembered of the server at this address.
    pub remember: Option<String>,
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
    /// An authority vouches for it that has expired.
    #[error(
        "the authority {subject} with the certificate {thumbprint}, which vouches for the server's, expired on {not_after} (this machine's clock says {now}); have it renewed and trust the new one, or set the clock"
    )]
    AuthorityExpired {
        /// SHA-1 of the authority's.
        thumbprint: String,
        /// Whom it names.
        subject: String,
        /// When.
        not_after: String,
        /// By the clock of this machine.
        now: String,
    },
    /// An authority vouches for it that is not valid yet.
    #[error(
        "the authority {subject} with the certificate {thumbprint}, which vouches for the server's, is valid only from {not_before}, and this machine's clock says {now}; set the clock by NTP"
    )]
    AuthorityNotYetValid {
        /// SHA-1 of the authority's.
        thumbprint: String,
        /// Whom it names.
        subject: String,
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
    /// An authority vouches for it, but not as a server's.
    #[error(
        "the server's certificate {thumbprint} carries {found}, and one that only an authority vouches for must carry serverAuth, since the authority signs for others than servers, too; have it issued anew with serverAuth, or trust this very certificate: {command}"
    )]
    NoServer {
        /// SHA-1.
        thumbprint: String,
        /// What it says it is for.
        found: String,
        /// The command that trusts it.
        command: String,
    },
    /// An authority vouches for it, but for another application than the mapping names.
    #[error(
        "the server's certificate {thumbprint} is for the application {found:?}, and `opcua.application_uri_of_server` is {expected:?}; if this is the right server, correct that key, or trust this very certificate: {command}"
    )]
    OtherApplication {
        /// SHA-1.
        thumbprint: String,
        /// In the certificate.
        found: String,
        /// In the mapping.
        expected: String,
        /// The command that trusts it.
        command: String,
    },
    /// An authority vouches for it, but nothing says that it is this server's.
    #[error(
        "the server's certificate {thumbprint} is for the application {found:?} on {hosts}, and `opcua.uri` names {host}, where {known}: it may be that of another machine that the authority has signed; if this is the right server, set `opcua.application_uri_of_server: {found:?}`, or trust this very certificate: {command}"
    )]
    OtherServer {
        /// SHA-1.
        thumbprint: String,
        /// The application of the certificate.
        found: String,
        /// The hosts of the certificate.
        hosts: String,
        /// The host that the mapping names.
        host: String,
        /// What is known of the server there.
        known: String,
        /// The command that trusts it.
        command: String,
    },
}

impl Distrust {
    /// Whether trusting this very certificate helps.
    pub const fn can_be_trusted(&self) -> bool {
        match self {
            Self::Unknown { .. }
            | Self::Replaced { .. }
            | Self::WrongApplication { .. }
            | Self::NoServer { .. }
            | Self::OtherApplication { .. }
            | Self::OtherServer { .. } => true,
            Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::AuthorityExpired { .. }
            | Self::AuthorityNotYetValid { .. }
            | Self::KeyLength { .. } => false,
        }
    }
}

/// Decides about a server's certificate.
///
/// Whoever has trusted this very certificate has said enough. An authority signs certificates of many applications, some
/// of them clients on other machines, and what the server says of itself in its endpoint description is anybody's word;
/// so one that only an authority vouches for must be a server's, and this server's.
///
/// | # | trusted by | what it carries | verdict |
/// |---|---|---|---|
/// | 1 | nobody, or an authority that is not valid now | | refused: unknown, another than before, or out of time |
/// | 2 | anybody | expired, not valid yet, or a key that the policy forbids | refused |
/// | 3 | itself | whatever it is | taken; another application or host is odd |
/// | 4 | an authority | no serverAuth | refused |
/// | 5 | an authority | not the application that the server says it is | refused |
/// | 6 | an authority | the application of `opcua.application_uri_of_server` | taken; another host is odd |
/// | 7 | an authority | another than that | refused, even if it has the host |
/// | 8 | an authority, without that key | the host of `opcua.uri` | taken, its application remembered; another than before is odd |
/// | 9 | an authority, without that key | another host, the remembered application | taken; the host is odd |
/// | 10 | an authority, without that key | neither | refused |
///
/// # Errors
/// Why it is not taken.
pub fn judge(question: &Question<'_>, trusted: &Trusted, pki_dir: &Path) -> Result<Trust, Distrust> {
    let Question { certificate, now, .. } = *question;
    let thumbprint = certificate.thumbprint.clone();
    let is_pinned = trusted.certificates.iter().any(|one| one.is_same(certificate));
    if !is_pinned {
        let known: Vec<&Certificate> = question.issuers.iter().chain(&trusted.issuers).collect();
        if chain::find(certificate, &known, &trusted.certificates, now).is_none() {
            let untimely = chain::find_untimely(certificate, &known, &trusted.certificates, now);
            return Err(
                untimely.map_or_else(|| unknown(certificate, trusted, pki_dir), |one| untimely_authority(one, now))
            );
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
    if is_pinned { Ok(pinned(question)) } else { vouched_for(question, trust_command(&thumbprint, pki_dir)) }
}

/// Row 3: what a person has trusted as it is.
fn pinned(question: &Question<'_>) -> Trust {
    let mut oddities = Vec::new();
    let says = harmless(question.application_uri);
    let found = question.certificate.application_uri().unwrap_or("without a URI");
    if !has_uri(question, question.application_uri) {
        oddities
            .push(format!("the server's certificate is for the application {found}, and the server says it is {says}"));
    }
    if let Some(expected) = question.configured_uri.filter(|uri| !has_uri(question, uri)) {
        oddities.push(format!(
            "the server's certificate is for the application {found}, and `opcua.application_uri_of_server` is {expected}"
        ));
    }
    oddities.extend(other_host(question));
    Trust { oddities, remember: None }
}

/// Rows 4 to 10: what an authority has signed.
fn vouched_for(question: &Question<'_>, command: String) -> Result<Trust, Distrust> {
    let Question { certificate, application_uri, .. } = *question;
    let thumbprint = certificate.thumbprint.clone();
    if !certificate.is_for_servers() {
        return Err(Distrust::NoServer { thumbprint, found: certificate.purposes(), command });
    }
    if !has_uri(question, application_uri) {
        let found = certificate.application_uri().unwrap_or("without a URI").to_owned();
        let expected = harmless(application_uri);
        return Err(Distrust::WrongApplication { thumbprint, found, expected, command });
    }
    let (found, oddity) = (application_uri.to_owned(), other_host(question));
    if let Some(expected) = question.configured_uri {
        return if has_uri(question, expected) {
            Ok(Trust { oddities: oddity.into_iter().collect(), remember: None })
        } else {
            Err(Distrust::OtherApplication { thumbprint, found, expected: expected.to_owned(), command })
        };
    }
    let before = question.remembered_uri.map(harmless);
    match (oddity, question.remembered_uri) {
        (None, Some(remembered)) if has_uri(question, remembered) => Ok(Trust::default()),
        (None, _) => {
            let changed = before.map(|before| {
                format!("the server's certificate is for the application {found}, and before it was for {before}")
            });
            Ok(Trust { oddities: changed.into_iter().collect(), remember: Some(found) })
        }
        (Some(oddity), Some(remembered)) if has_uri(question, remembered) => {
            Ok(Trust { oddities: vec![oddity], remember: None })
        }
        (Some(_), _) => {
            let known = before.map_or_else(
                || "no application is known yet".to_owned(),
                |before| format!("the application {before} is known from before"),
            );
            let (hosts, host) = (hosts_of(certificate), question.host.to_owned());
            Err(Distrust::OtherServer { thumbprint, found, hosts, host, known, command })
        }
    }
}

fn has_uri(question: &Question<'_>, uri: &str) -> bool {
    question.certificate.uris.iter().any(|one| one == uri)
}

fn other_host(question: &Question<'_>) -> Option<String> {
    let Question { certificate, host, .. } = *question;
    (!has_host(&certificate.hosts, host))
        .then(|| format!("the server's certificate names {}, and `opcua.uri` names {host}", hosts_of(certificate)))
}

fn hosts_of(certificate: &Certificate) -> String {
    if certificate.hosts.is_empty() { "no host".to_owned() } else { certificate.hosts.join(", ") }
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

fn untimely_authority(authority: &Certificate, now: i64) -> Distrust {
    let (thumbprint, subject) = (authority.thumbprint.clone(), authority.subject.clone());
    if now < authority.not_before {
        let not_before = show_time(authority.not_before);
        return Distrust::AuthorityNotYetValid { thumbprint, subject, not_before, now: show_time(now) };
    }
    Distrust::AuthorityExpired { thumbprint, subject, not_after: show_time(authority.not_after), now: show_time(now) }
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
#[path = "trust_tests.rs"]
mod tests;
