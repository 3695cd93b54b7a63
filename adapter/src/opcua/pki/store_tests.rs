use tempfile::TempDir;

use super::*;
use crate::opcua::pki::{
    test_der::{Oddity, odd},
    test_support::{Names, authority, certificate, key, pem, pem_of, signed_by},
};

fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::new(folder.path().join("pki")), folder)
}

fn new_certificate() -> Certificate {
    certificate(&Names::default()).certificate
}

fn count(store: &Store, folder: Folder) -> usize {
    store.list(folder).unwrap().entries.len()
}

#[test]
fn a_fingerprint_may_be_written_in_any_way() {
    let (store, _folder) = store();
    let one = new_certificate();
    let colons = |text: &str| {
        let pairs: Vec<String> = text.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into()).collect();
        pairs.join(":").to_uppercase()
    };
    for what in
        [one.thumbprint.clone(), one.sha256.clone(), colons(&one.sha256), one.thumbprint.chars().take(8).collect()]
    {
        store.add_rejected(&one).unwrap();
        assert!(store.trust(&what).unwrap().is_same(&one), "{what}");
        assert_eq!((count(&store, Folder::Rejected), count(&store, Folder::Trusted)), (0, 1));
        assert!(store.trust(&what).unwrap().is_same(&one), "twice is no mistake");
        store.reject(&what).unwrap();
        assert_eq!((count(&store, Folder::Rejected), count(&store, Folder::Trusted)), (1, 0));
    }
}

#[test]
fn what_is_no_fingerprint_of_ours_moves_nothing() {
    let (store, _folder) = store();
    store.add_rejected(&new_certificate()).unwrap();
    for what in ["", "abc", "../../etc/passwd", "zzzzzzzz", "\u{1b}[2J", &"a".repeat(65)] {
        assert!(matches!(store.trust(what), Err(PkiError::Fingerprint(_))), "{what}");
    }
    assert!(matches!(store.trust("00000000000000"), Err(PkiError::Unknown { .. })));
    assert_eq!((count(&store, Folder::Rejected), count(&store, Folder::Trusted)), (1, 0));
}

#[test]
fn a_beginning_that_fits_several_is_refused() {
    let (store, _folder) = store();
    let folder = store.folder(Folder::Rejected);
    fs::create_dir_all(&folder).unwrap();
    // Two in one file are two; the first digits of one must not take the other.
    let (one, other) = (new_certificate(), new_certificate());
    fs::write(folder.join("both.pem"), [pem(&one), pem(&other)].concat()).unwrap();
    let error = store.trust(&one.thumbprint).unwrap_err();
    assert!(error.to_string().contains("several certificates"), "{error}");
    assert_eq!(count(&store, Folder::Trusted), 0);
}

#[test]
fn a_file_can_be_trusted_and_taken_back() {
    let (store, folder) = store();
    let one = new_certificate();
    let path = folder.path().join("plc.crt");
    fs::write(&path, pem(&one)).unwrap();
    let name = path.to_str().unwrap();
    assert!(matches!(store.reject(name), Err(PkiError::Unknown { .. })), "it was never trusted");
    store.trust(name).unwrap();
    assert!(store.trusted().unwrap().certificates[0].is_same(&one));
    assert!(path.exists(), "the caller's own file stays");
    store.reject(name).unwrap();
    assert_eq!(count(&store, Folder::Trusted), 0);
}

#[test]
fn strangers_cannot_fill_the_disk() {
    let (store, _folder) = store();
    let mut last = None;
    for _ in 0..MAX_REJECTED + 5 {
        let one = new_certificate();
        store.add_rejected(&one).unwrap();
        store.add_rejected(&one).unwrap();
        last = Some(one);
    }
    let listing = store.list(Folder::Rejected).unwrap();
    assert_eq!(listing.entries.len(), MAX_REJECTED);
    assert!(listing.entries.iter().any(|entry| entry.certificate.is_same(last.as_ref().unwrap())));
}

#[test]
fn what_is_no_certificate_is_listed_and_trusts_nobody() {
    let (store, _folder) = store();
    let folder = store.folder(Folder::Trusted);
    fs::create_dir_all(folder.join("directory")).unwrap();
    fs::write(folder.join("note.txt"), "trust everybody").unwrap();
    fs::write(folder.join("cert.der.old"), new_certificate().der()).unwrap();
    let listing = store.list(Folder::Trusted).unwrap();
    assert!(listing.entries.is_empty());
    assert_eq!(listing.unreadable.len(), 1);
    assert!(store.trusted().unwrap().certificates.is_empty());
}

#[test]
fn the_file_of_a_plc_is_trusted_as_it_came_and_what_stands_behind_it_is_not() {
    let root = authority("root", None).certificate;
    let leaf = signed_by(&Names::default(), &authority("root", None)).certificate;
    let odd = Certificate::from_der(&odd(leaf.der(), Oddity::Defaults, key("root"))).unwrap();
    let chain = [odd.der(), root.der()].concat();
    let trailing = [odd.der(), b"\0\0\0"].concat();
    for (name, content) in [
        ("chain.der", chain.clone()),
        ("trailing.der", trailing.clone()),
        ("chain.pem", pem_of(&chain).into_bytes()),
        ("trailing.pem", pem_of(&trailing).into_bytes()),
    ] {
        let (store, folder) = store();
        let path = folder.path().join(name);
        fs::write(&path, &content).unwrap();
        assert!(store.trust(path.to_str().unwrap()).unwrap().is_same(&odd), "{name}");
        let written = store.folder(Folder::Trusted).join(format!("{}.der", odd.thumbprint));
        assert_eq!(fs::read(&written).unwrap(), odd.der(), "{name}");
        assert!(store.reject(&odd.sha256).unwrap().is_same(&odd), "{name}");
        // By hand into the folder: trusting a server does not trust its authority.
        fs::write(store.folder(Folder::Trusted).join(name), &content).unwrap();
        let trusted = store.trusted().unwrap().certificates;
        assert!(trusted.len() == 1 && trusted[0].is_same(&odd), "{name}: {trusted:?}");
    }
}
