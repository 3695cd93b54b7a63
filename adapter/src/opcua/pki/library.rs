//! What the library needs to read from files: our pair, and the one server certificate that has been judged.
//!
//! Its store takes a certificate when it finds the very same one in a folder of its own. It gets such a folder for each
//! certificate that we have decided to take, with nothing else in it; so whatever another certificate looks like, the
//! library refuses it, in the channel and in the session.

use std::path::{Path, PathBuf};

use opcua::crypto::{CertificateStore, X509};

use super::{
    OwnCertificate,
    certificate::Certificate,
    error::PkiError,
    files::{self, Readers},
};

/// Where the library finds what it needs.
#[derive(Clone, Debug)]
pub(in crate::opcua) struct LibraryFiles {
    /// Its store, with one trusted certificate.
    pub(in crate::opcua) directory: PathBuf,
    /// Our certificate.
    pub(in crate::opcua) certificate: PathBuf,
    /// Our private key.
    pub(in crate::opcua) key: PathBuf,
}

/// Writes what is not there yet. A private key in PEM form is left where it is and not copied.
pub(in crate::opcua) fn prepare(
    work_dir: &Path,
    own: &OwnCertificate,
    server: &Certificate,
) -> Result<LibraryFiles, PkiError> {
    let directory = work_dir.join(&server.thumbprint);
    files::make_directory(&directory, Readers::Owner)?;
    let trusted = directory.join("trusted");
    files::make_directory(&trusted, Readers::All)?;
    files::make_directory(&directory.join("rejected"), Readers::All)?;
    let wrong = |_| PkiError::Certificate {
        what: "what the server shows".to_owned(),
        reason: "the OPC UA library cannot read it".to_owned(),
    };
    let name = CertificateStore::cert_file_name(&X509::from_der(server.der()).map_err(wrong)?);
    write_if_other(&trusted.join(name), server.der(), Readers::All)?;
    let certificate = directory.join("own.der");
    write_if_other(&certificate, own.certificate.der(), Readers::All)?;
    let key = if files::is_pem(&files::read(&own.key_path)?) {
        own.key_path.clone()
    } else {
        let key = directory.join("own.pem");
        write_if_other(&key, own.key_pem()?.as_bytes(), Readers::Owner)?;
        key
    };
    Ok(LibraryFiles { directory, certificate, key })
}

fn write_if_other(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), PkiError> {
    if files::read(path).is_ok_and(|found| found == bytes) { Ok(()) } else { files::write(path, bytes, readers) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use opcua::crypto::{PrivateKey, SecurityPolicy};
    use rsa::pkcs8::EncodePrivateKey;

    use super::*;
    use crate::opcua::pki::{
        Store,
        test_support::{Names, certificate, pem},
    };

    #[test]
    fn the_library_takes_the_judged_certificate_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let pair = certificate(&Names::default());
        let store = Store::new(folder.path().join("pki"));
        for (name, content) in [
            ("own/a.crt", pem(&pair.certificate).into_bytes()),
            ("private/a.key", pair.key.to_pkcs8_der().unwrap().as_bytes().to_vec()),
        ] {
            let path = store.directory().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let own = OwnCertificate::load(&store).unwrap().unwrap();
        let server = certificate(&Names { is_uri_last: true, ..Names::default() }).certificate;
        let files = prepare(&folder.path().join("work"), &own, &server).unwrap();
        let mut library = CertificateStore::new(&files.directory);
        library.set_skip_verify_certs(true);
        let ask = |certificate: &Certificate| {
            let certificate = X509::from_der(certificate.der()).unwrap();
            library.validate_application_instance_cert(&certificate, SecurityPolicy::Basic256Sha256, None, None)
        };
        assert!(ask(&server).is_ok());
        assert!(ask(&pair.certificate).is_err());
        assert!(PrivateKey::read_pem_file(&files.key).is_ok());
        assert!(CertificateStore::read_cert(&files.certificate).is_ok());
    }
}
