//! Reads certificates and keys in either form, and writes what only the owner may read.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::Path,
};

use rsa::{RsaPrivateKey, pkcs1::DecodeRsaPrivateKey, pkcs8::DecodePrivateKey};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{certificate::Certificate, error::PkiError};

/// The largest file that is read, in bytes; a chain of several certificates as PEM fits.
const MAX_FILE: u64 = 256 * 1024;
/// Certificates of one file.
const MAX_CERTIFICATES: usize = 32;

/// All certificates of a file, PEM or DER.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<Certificate>, PkiError> {
    let bytes = read(path)?;
    let wrong = |reason: String| PkiError::Certificate { what: path.display().to_string(), reason };
    if !is_pem(&bytes) {
        return Ok(vec![Certificate::from_der(&bytes).map_err(wrong)?]);
    }
    let mut certificates = Vec::new();
    for der in CertificateDer::pem_slice_iter(&bytes).take(MAX_CERTIFICATES) {
        let der = der.map_err(|error| wrong(error.to_string()))?;
        certificates.push(Certificate::from_der(&der).map_err(wrong)?);
    }
    if certificates.is_empty() { Err(wrong("it has no `BEGIN CERTIFICATE`".to_owned())) } else { Ok(certificates) }
}

/// The private key of a file, PEM or DER, PKCS#8 or PKCS#1.
pub(super) fn read_key(path: &Path) -> Result<RsaPrivateKey, PkiError> {
    let bytes = read(path)?;
    let wrong = |reason: String| PkiError::Key { path: path.to_owned(), reason };
    if bytes.windows(9).any(|word| word == b"ENCRYPTED") && is_pem(&bytes) {
        return Err(wrong("it is encrypted with a password".to_owned()));
    }
    let key = if is_pem(&bytes) {
        match PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| wrong(error.to_string()))? {
            PrivateKeyDer::Pkcs8(key) => from_der(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => from_der(key.secret_pkcs1_der()),
            _ => return Err(wrong("it is for elliptic curves".to_owned())),
        }
    } else {
        from_der(&bytes)
    };
    key.ok_or_else(|| wrong("it holds no RSA key".to_owned()))
}

fn from_der(der: &[u8]) -> Option<RsaPrivateKey> {
    RsaPrivateKey::from_pkcs8_der(der).ok().or_else(|| RsaPrivateKey::from_pkcs1_der(der).ok())
}

/// Whether a file holds PEM text.
pub(super) fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).any(|word| word == b"-----BEGIN ")
}

/// Reads a plain file of bounded size; a pipe would hold us up, a device never end.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, PkiError> {
    let wrong = |source| PkiError::Io { what: "read", path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(wrong)?;
    let file = |reason| PkiError::File { path: path.to_owned(), reason };
    if !metadata.is_file() {
        return Err(file("it is no plain file"));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(wrong)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > MAX_FILE { Err(file("it has more than 256 KiB")) } else { Ok(bytes) }
}

/// Who may read what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Everybody whom the directory lets in.
    All,
    /// The owner alone.
    Owner,
}

/// Makes a directory with those above it; `Owner` also takes away what others may do in it.
pub(super) fn make_directory(path: &Path, readers: Readers) -> Result<(), PkiError> {
    let wrong = |source| PkiError::Io { what: "make the directory", path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(wrong)?;
    if readers == Readers::Owner { restrict(path, 0o700).map_err(wrong) } else { Ok(()) }
}

/// Replaces a file whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), PkiError> {
    // Of this process alone, so that two that write the same do not meet.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let result = write_new(&temporary, bytes, readers).and_then(|()| fs::rename(&temporary, path));
    result.map_err(|source| {
        // It is in the way of the next attempt; where it cannot be removed, that attempt says so.
        fs::remove_file(&temporary).ok();
        PkiError::Io { what: "write", path: path.to_owned(), source }
    })
}

fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o777 == mode { Ok(()) } else { fs::set_permissions(path, PermissionsExt::from_mode(mode)) }
}

/// Elsewhere the directory inherits its rights.
#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use rsa::{
        pkcs1::EncodeRsaPrivateKey,
        pkcs8::{EncodePrivateKey, LineEnding},
    };

    use super::*;
    use crate::opcua::pki::test_support::{Names, authority, certificate, pem};

    #[test]
    fn pem_and_der_are_both_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any name");
        let pair = certificate(&Names::default());
        let chain = [pem(&pair.certificate), pem(&authority("root", None).certificate)].concat();
        for (content, count) in [(pair.certificate.der().to_vec(), 1), (chain.into_bytes(), 2)] {
            fs::write(&path, content).unwrap();
            let read = read_certificates(&path).unwrap();
            assert_eq!(read.len(), count);
            assert!(read[0].is_same(&pair.certificate));
        }
        let key = pair.key;
        let forms: [Vec<u8>; 4] = [
            key.to_pkcs8_der().unwrap().as_bytes().to_vec(),
            key.to_pkcs1_der().unwrap().as_bytes().to_vec(),
            key.to_pkcs8_pem(LineEnding::CRLF).unwrap().as_bytes().to_vec(),
            key.to_pkcs1_pem(LineEnding::LF).unwrap().as_bytes().to_vec(),
        ];
        for form in forms {
            fs::write(&path, form).unwrap();
            assert_eq!(read_key(&path).unwrap(), *key);
        }
    }

    #[test]
    fn what_is_neither_says_so_and_shows_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let check = |content: &[u8], words: &str| {
            fs::write(&path, content).unwrap();
            let key = read_key(&path).unwrap_err().to_string();
            assert!(key.contains(words), "{key}");
            assert!(read_certificates(&path).is_err());
        };
        check(b"", "no RSA key");
        check(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "password");
        check(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no RSA key");
        check(b"-----BEGIN PRIVATE KEY-----\nAAAA", "no private key");
        check(&vec![b'x'; 300 * 1024], "256 KiB");
        assert!(read_key(folder.path()).unwrap_err().to_string().contains("plain file"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_for_the_owner_alone_is_so_from_the_first_byte() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("a/private");
        make_directory(&directory, Readers::Owner).unwrap();
        let path = directory.join("key");
        write(&path, b"1", Readers::Owner).unwrap();
        write(&path, b"2", Readers::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&path)), (0o700, 0o600));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing is left over");
    }
}
