//! The arguments of `tagwise certs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub enum Certs {
    /// Make this client's certificate and private key, and say what to do on the server's side.
    #[command(after_help = "Examples:\n  tagwise certs generate --config line1.yaml\n  \
                      tagwise certs generate --pki-dir pki --application-uri urn:box:tagwise:line1 --host box.plant.local\n  \
                      tagwise certs generate --config line1.yaml --renew")]
    Generate {
        /// Which directory.
        #[command(flatten)]
        place: Place,
        /// The application's URI; default: that of the old certificate, else the mapping's, else `urn:HOST:tagwise:ADAPTER`.
        #[arg(long, value_name = "URI")]
        application_uri: Option<String>,
        /// A further host name or address of this machine; may be repeated.
        #[arg(long = "host", value_name = "NAME")]
        hosts: Vec<String>,
        /// How long it is valid, in days.
        #[arg(long, value_name = "DAYS", default_value_t = crate::opcua::pki::own::DAYS, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
        /// Replace the certificate there is; it is put aside, and every server has to trust the new one.
        #[arg(long)]
        renew: bool,
    },
    /// Show this client's certificate, and what to do on the server's side.
    Show {
        /// Which directory.
        #[command(flatten)]
        place: Place,
    },
    /// List the certificates of servers and authorities that are trusted, and those that were rejected.
    List {
        /// Which directory.
        #[command(flatten)]
        place: Place,
    },
    /// Trust a rejected certificate; a running adapter connects at its next attempt.
    #[command(after_help = "Examples:\n  tagwise certs trust 3f786850e387550f --config line1.yaml\n  \
                      tagwise certs trust plc.der --pki-dir pki")]
    Trust {
        /// Its fingerprint (SHA-1 or SHA-256, the beginning is enough), or a file with a certificate.
        fingerprint: String,
        /// Which directory.
        #[command(flatten)]
        place: Place,
    },
    /// Take trust in a certificate back; a running adapter notices when it next connects.
    Reject {
        /// Its fingerprint (SHA-1 or SHA-256, the beginning is enough), or a file with a certificate.
        fingerprint: String,
        /// Which directory.
        #[command(flatten)]
        place: Place,
    },
}

/// Which directory of certificates.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Place {
    /// The mapping file whose `opcua.pki_dir` is meant.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The directory itself.
    #[arg(long, value_name = "DIRECTORY")]
    pub pki_dir: Option<PathBuf>,
}
