//! What `tagwise certs` prints.

use std::path::Path;

use crate::opcua::pki::{
    Certificate, OwnCertificate,
    certificate::show_time,
    store::{Folder, Listing},
};

/// This client's certificate, and what to do with it.
pub(super) fn own(own: &OwnCertificate) -> String {
    let (file, key) = (own.path.display(), own.key_path.display());
    let thumbprint = &own.certificate.thumbprint;
    [
        lines(&own.certificate),
        line("file", file),
        line("private key", format_args!("{key} (keep it here; no server needs it)")),
        format!(
            "\nThe server has to trust this certificate, thumbprint {thumbprint}:\n  \
             Siemens S7-1500 (TIA Portal): import the file as a device certificate in the project's certificate manager, add\n    \
             it under the CPU's OPC UA > Server > Security > Secure channel > Trusted clients, and download to the device.\n  \
             Kepware: OPC UA Configuration Manager > Trusted Clients > Import; or connect once, and trust it there.\n  \
             Others: connect once; the server keeps the certificate among the rejected ones, from where it is trusted.\n"
        ),
    ]
    .concat()
}

/// What was trusted.
pub(super) fn trusted(certificate: &Certificate) -> String {
    format!("trusted:\n{}A running adapter connects at its next attempt.\n", lines(certificate))
}

/// What was rejected.
pub(super) fn rejected(certificate: &Certificate) -> String {
    format!("no longer trusted:\n{}A running adapter keeps its session until it connects anew.\n", lines(certificate))
}

/// Everything in the folders.
pub(super) fn list(directory: &Path, listings: &[(Folder, Listing)], now: i64) -> String {
    let mut parts = Vec::new();
    for (folder, listing) in listings {
        let folder = folder.as_str();
        for entry in &listing.entries {
            let is_expired = now > entry.certificate.not_after;
            let head = format!("{folder}{}:\n", if is_expired { ", expired" } else { "" });
            parts.extend([head, lines(&entry.certificate), line("file", entry.path.display())]);
        }
        parts.extend(listing.unreadable.iter().map(|reason| format!("{folder}, not used: {reason}\n")));
    }
    if parts.is_empty() {
        let directory = directory.display();
        return format!("{directory} has no certificates of servers; connect once, and the server's is there\n");
    }
    parts.concat()
}

fn lines(certificate: &Certificate) -> String {
    let (from, to) = (show_time(certificate.not_before), show_time(certificate.not_after));
    [
        line("subject", &certificate.subject),
        line("application", certificate.application_uri().unwrap_or("none")),
        line("hosts", certificate.hosts.join(", ")),
        line("valid", format_args!("{from} to {to}")),
        line("thumbprint", format_args!("{} (SHA-1)", certificate.thumbprint)),
        line("fingerprint", format_args!("{} (SHA-256)", certificate.sha256)),
    ]
    .concat()
}

fn line(name: &str, value: impl std::fmt::Display) -> String {
    format!("  {name:<12} {value}\n")
}
