//! The application URI of a server, kept from the first time on that an authority vouched for it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    certificate::hexadecimal,
    error::PkiError,
    files::{self, Readers},
    trust::Trust,
};

/// Where the application URI of the server at one address is kept.
#[derive(Clone, Debug)]
pub struct RememberedServer {
    address: String,
    path: PathBuf,
}

#[derive(Deserialize, Serialize)]
struct Content {
    address: String,
    application_uri: String,
}

impl RememberedServer {
    /// What is kept in a directory of the server at a host and port; another address is another server.
    pub fn new(directory: &Path, host: &str, port: u16) -> Self {
        let address = format!("{}:{port}", host.to_ascii_lowercase());
        // An address may have characters that no file has.
        let name: String = hexadecimal(&Sha256::digest(&address)).chars().take(16).collect();
        Self { address, path: directory.join("servers").join(format!("{name}.json")) }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The application URI, where one is remembered. What cannot be understood is none, and is written anew.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn application_uri(&self) -> Result<Option<String>, PkiError> {
        let bytes = match files::read(&self.path) {
            Ok(bytes) => bytes,
            Err(PkiError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let content: Option<Content> = serde_json::from_slice(&bytes).ok();
        Ok(content.filter(|content| content.address == self.address).map(|content| content.application_uri))
    }

    /// Keeps what is to be remembered, and gives back what is odd. That it cannot be kept is one more oddity: the server is
    /// known all the same.
    #[must_use]
    pub fn keep(&self, trust: Trust) -> Vec<String> {
        let mut oddities = trust.oddities;
        if let Some(Err(error)) = trust.remember.map(|uri| self.remember(&uri)) {
            oddities.push(format!("the application of the server's certificate cannot be remembered: {error}"));
        }
        oddities
    }

    /// Keeps an application URI.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remember(&self, application_uri: &str) -> Result<(), PkiError> {
        if let Some(directory) = self.path.parent() {
            files::make_directory(directory, Readers::All)?;
        }
        let content = Content { address: self.address.clone(), application_uri: application_uri.to_owned() };
        let bytes = serde_json::to_vec_pretty(&content).unwrap_or_default();
        files::write(&self.path, &bytes, Readers::All)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_address_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let of = |host, port| RememberedServer::new(&folder.path().join("opcua"), host, port);
        assert_eq!(of("plc", 4840).application_uri().unwrap(), None);
        of("plc", 4840).remember("urn:a").unwrap();
        of("../plc", 4840).remember("urn:b").unwrap();
        of("PLC", 4840).remember("urn:c").unwrap();
        assert_eq!(of("plc", 4840).application_uri().unwrap().as_deref(), Some("urn:c"));
        assert_eq!(of("../plc", 4840).application_uri().unwrap().as_deref(), Some("urn:b"));
        assert_eq!(of("plc", 4841).application_uri().unwrap(), None);
    }

    #[test]
    fn a_damaged_file_remembers_nothing_and_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let server = RememberedServer::new(folder.path(), "plc", 4840);
        server.remember("urn:a").unwrap();
        for content in ["", "{", r#"{"address":"other:1","application_uri":"urn:x"}"#] {
            fs::write(server.path(), content).unwrap();
            assert_eq!(server.application_uri().unwrap(), None, "{content}");
        }
        server.remember("urn:a").unwrap();
        assert_eq!(server.application_uri().unwrap().as_deref(), Some("urn:a"));
        fs::remove_file(server.path()).unwrap();
        let trust = Trust { oddities: vec!["odd".to_owned()], remember: Some("urn:b".to_owned()) };
        assert_eq!(server.keep(trust.clone()), ["odd"]);
        assert_eq!(server.application_uri().unwrap().as_deref(), Some("urn:b"));
        fs::remove_dir_all(folder.path().join("servers")).unwrap();
        fs::write(folder.path().join("servers"), "in the way").unwrap();
        assert!(server.keep(trust)[1].contains("cannot be remembered"));
        fs::remove_file(folder.path().join("servers")).unwrap();
        fs::create_dir(folder.path().join("servers")).unwrap();
        fs::create_dir(server.path()).unwrap();
        assert!(server.application_uri().unwrap_err().to_string().contains("plain file"));
    }
}
