//! Our own certificate with its private key.

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
};

use rsa::{
    RsaPrivateKey,
    pkcs8::{EncodePrivateKey, LineEnding},
};

use super::{
    certificate::Certificate,
    error::PkiError,
    files::{self, Readers},
    issue,
    store::{self, Store},
};

pub use super::issue::Identity;

/// Days that a new certificate is valid: ten years, as machines are commissioned once.
pub const DAYS: u32 = 3650;

/// What a new certificate of an adapter says, `application_uri` aside by its id and this machine's name.
pub fn identity(application_uri: Option<&str>, adapter_id: &str, now: i64) -> Identity {
    let host = opcua::crypto::hostname().ok().filter(|host| !host.is_empty()).unwrap_or_else(|| "localhost".to_owned());
    // A host name may have characters that no URI has.
    let plain: String =
        host.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' }).collect();
    Identity {
        common_name: format!("Tagwise {adapter_id}"),
        uri: application_uri.map_or_else(|| format!("urn:{plain}:tagwise:{adapter_id}"), str::to_owned),
        hosts: vec![plain],
        days: DAYS,
        now,
    }
}

/// Our own certificate with its private key.
#[derive(Clone)]
pub struct OwnCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// Its file.
    pub path: PathBuf,
    /// The file of its private key.
    pub key_path: PathBuf,
    key: RsaPrivateKey,
}

impl std::fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnCertificate").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl OwnCertificate {
    /// The pair of `own/` and `private/`, whatever the files are called; `None` when there is no certificate.
    ///
    /// # Errors
    /// When files cannot be read, or a certificate is there without its key.
    pub fn load(store: &Store) -> Result<Option<Self>, PkiError> {
        let (certificates, keys) = (store.directory().join("own"), store.directory().join("private"));
        let listing = store::list(&certificates)?;
        if let Some(reason) = listing.unreadable.into_iter().next().filter(|_| listing.entries.is_empty()) {
            return Err(PkiError::Certificate { what: certificates.display().to_string(), reason });
        }
        if listing.entries.is_empty() {
            return Ok(None);
        }
        let mut failure = None;
        for key_path in store::files_of(&keys)? {
            let key = match files::read_key(&key_path) {
                Ok(key) => key,
                Err(error) => {
                    failure = Some(error);
                    continue;
                }
            };
            let public_key = key.to_public_key();
            if let Some(entry) = listing.entries.iter().find(|entry| *entry.certificate.public_key() == public_key) {
                let (certificate, path) = (entry.certificate.clone(), entry.path.clone());
                return Ok(Some(Self { certificate, path, key_path, key }));
            }
        }
        Err(failure.unwrap_or(PkiError::NoKey { certificates, keys }))
    }

    /// A certificate and key by their files, such as those of a user.
    ///
    /// # Errors
    /// When one cannot be read, or they are not a pair.
    pub fn load_files(certificate: &Path, key: &Path) -> Result<Self, PkiError> {
        let first = files::read_certificates(certificate)?.swap_remove(0);
        let (path, key_path) = (certificate.to_owned(), key.to_owned());
        let key = files::read_key(key)?;
        if *first.public_key() != key.to_public_key() {
            return Err(PkiError::NoPair { certificate: path, key: key_path });
        }
        Ok(Self { certificate: first, path, key_path, key })
    }

    /// Makes a new pair. What was there before is put aside when `is_renewal`, and otherwise left alone.
    ///
    /// # Errors
    /// When there is a certificate already, or the files cannot be written.
    pub fn generate(store: &Store, identity: &Identity, is_renewal: bool) -> Result<Self, PkiError> {
        let (certificates, keys) = (store.directory().join("own"), store.directory().join("private"));
        let (path, key_path) = (certificates.join("cert.der"), keys.join("private.pem"));
        let present = store::files_of(&certificates)?;
        if let Some(path) = present.first().filter(|_| !is_renewal) {
            return Err(PkiError::Exists { path: path.clone() });
        }
        let key = issue::new_key()?;
        let certificate = issue::self_signed(identity, &key)?;
        let pem = pem_of(&key, &key_path)?;
        files::make_directory(&certificates, Readers::All)?;
        files::make_directory(&keys, Readers::Owner)?;
        for file in present.into_iter().chain(store::files_of(&keys)?) {
            put_aside(&file, identity.now)?;
        }
        files::write(&key_path, pem.as_bytes(), Readers::Owner)?;
        files::write(&path, certificate.der(), Readers::All)?;
        Ok(Self { certificate, path, key_path, key })
    }

    /// The private key in PEM form.
    ///
    /// # Errors
    /// When it has no such form.
    pub(crate) fn key_pem(&self) -> Result<impl Deref<Target = String> + use<>, PkiError> {
        pem_of(&self.key, &self.key_path)
    }
}

fn pem_of(key: &RsaPrivateKey, path: &Path) -> Result<impl Deref<Target = String> + use<>, PkiError> {
    let wrong = |error: rsa::pkcs8::Error| PkiError::Key { path: path.to_owned(), reason: error.to_string() };
    key.to_pkcs8_pem(LineEnding::LF).map_err(wrong)
}

/// Out of the way and still there; the name says when.
fn put_aside(path: &Path, now: i64) -> Result<(), PkiError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{now}.old"));
    fs::rename(path, path.with_file_name(name)).map_err(|source| PkiError::Io {
        what: "put aside",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::pki::test_support::{Names, certificate, key, pem};

    fn identity(now: i64) -> Identity {
        Identity { common_name: "a".into(), uri: "urn:a".into(), hosts: vec!["box".into()], days: DAYS, now }
    }

    #[test]
    fn a_pair_is_made_once_and_renewed_on_request_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("pki"));
        assert!(OwnCertificate::load(&store).unwrap().is_none());
        let made = OwnCertificate::generate(&store, &identity(1_800_000_000), false).unwrap();
        let loaded = OwnCertificate::load(&store).unwrap().unwrap();
        assert!(loaded.certificate.is_same(&made.certificate));
        let again = OwnCertificate::generate(&store, &identity(1_800_000_001), false).unwrap_err();
        assert!(again.to_string().contains("--renew"), "{again}");
        let renewed = OwnCertificate::generate(&store, &identity(1_800_000_002), true).unwrap();
        let loaded = OwnCertificate::load(&store).unwrap().unwrap();
        assert!(loaded.certificate.is_same(&renewed.certificate) && !loaded.certificate.is_same(&made.certificate));
        assert!(store.directory().join("own/cert.der.1800000002.old").exists());
        assert!(store.directory().join("private/private.pem.1800000002.old").exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_the_private_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let own = OwnCertificate::generate(&store, &identity(1_800_000_000), false).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&own.key_path), 0o600);
        assert_eq!(mode(own.key_path.parent().unwrap()), 0o700);
        assert!(!format!("{own:?}").contains("PRIVATE"), "{own:?}");
    }

    #[test]
    fn pairs_of_others_are_found_by_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let pair = certificate(&Names::default());
        fs::create_dir_all(folder.path().join("own")).unwrap();
        fs::create_dir_all(folder.path().join("private")).unwrap();
        fs::write(folder.path().join("own/line1.crt"), pem(&pair.certificate)).unwrap();
        let missing = OwnCertificate::load(&store).unwrap_err();
        assert!(missing.to_string().contains("no private key"), "{missing}");
        fs::write(folder.path().join("private/a.der"), key("other").to_pkcs8_der().unwrap().as_bytes()).unwrap();
        assert!(OwnCertificate::load(&store).is_err(), "a key that does not belong to it");
        fs::write(folder.path().join("private/b.der"), pair.key.to_pkcs8_der().unwrap().as_bytes()).unwrap();
        let own = OwnCertificate::load(&store).unwrap().unwrap();
        assert!(own.certificate.is_same(&pair.certificate));
        let again = OwnCertificate::load_files(&own.path, &own.key_path).unwrap();
        assert!(again.certificate.is_same(&pair.certificate));
        let mixed = OwnCertificate::load_files(&own.path, &folder.path().join("private/a.der")).unwrap_err();
        assert!(matches!(mixed, PkiError::NoPair { .. }), "{mixed}");
    }
}
