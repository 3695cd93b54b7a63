//! `tagwise certs`: makes and shows this client's certificate, and trusts those of servers.

use std::io::{self, Write as _};

use anyhow::Context as _;
use tagwise_model::Registry;

use super::{
    args::Format,
    certs_args::{Certs, Place},
    certs_text,
    entry::{DONE, MAPPING_INVALID},
    model_files::tolerate_closed,
};
use crate::{
    config::{self, ProcessEnvironment},
    domain::Timestamp,
    opcua::pki::{OwnCertificate, Store, own, store::Folder},
};

/// The id in the URI of a certificate that belongs to no mapping.
const NO_ADAPTER: &str = "client";

/// What a place says.
struct Found {
    store: Store,
    adapter_id: String,
    application_uri: Option<String>,
}

/// Does one of the five, and prints what became of it.
pub(super) fn certs(command: &Certs) -> anyhow::Result<u8> {
    let place = match command {
        Certs::Generate { place, .. }
        | Certs::Show { place }
        | Certs::List { place }
        | Certs::Trust { place, .. }
        | Certs::Reject { place, .. } => place,
    };
    let Some(found) = find(place)? else { return Ok(MAPPING_INVALID) };
    let store = &found.store;
    let text = match command {
        Certs::Generate { application_uri, hosts, days, renew, .. } => {
            let application_uri = application_uri.as_deref().or(found.application_uri.as_deref());
            generate(&found, &Wish { application_uri, hosts, days: *days, is_renewal: *renew })?
        }
        Certs::Show { .. } => {
            let missing = || {
                let directory = store.directory().display();
                format!("{directory} has no certificate of this client; make one with `tagwise certs generate`")
            };
            certs_text::own(&OwnCertificate::load(store)?.with_context(missing)?)
        }
        Certs::List { .. } => list(store)?,
        Certs::Trust { fingerprint, .. } => certs_text::trusted(&store.trust(fingerprint)?),
        Certs::Reject { fingerprint, .. } => certs_text::rejected(&store.reject(fingerprint)?),
    };
    tolerate_closed(io::stdout().lock().write_all(text.as_bytes()))?;
    Ok(DONE)
}

/// `None` when the mapping is invalid; its mistakes have been reported.
fn find(place: &Place) -> anyhow::Result<Option<Found>> {
    if let Some(directory) = &place.pki_dir {
        let store = Store::new(directory);
        return Ok(Some(Found { store, adapter_id: NO_ADAPTER.to_owned(), application_uri: None }));
    }
    let mapping = place.config.as_deref().context("name the mapping by --config or the directory by --pki-dir")?;
    match config::load(mapping, &ProcessEnvironment, &Registry::builtin()) {
        Ok(loaded) => {
            let config = loaded.config;
            let store = Store::new(config.opcua.pki_dir);
            let application_uri = config.opcua.application_uri;
            Ok(Some(Found { store, adapter_id: config.adapter.id, application_uri }))
        }
        Err(diagnostics) => {
            super::check::report(&diagnostics, Format::Text)?;
            Ok(None)
        }
    }
}

/// What a new certificate shall be.
struct Wish<'a> {
    application_uri: Option<&'a str>,
    hosts: &'a [String],
    days: u32,
    is_renewal: bool,
}

fn generate(found: &Found, wish: &Wish<'_>) -> anyhow::Result<String> {
    // An old one that cannot be read is one more reason to make a new one.
    let old = if wish.is_renewal { OwnCertificate::load(&found.store).unwrap_or_default() } else { None };
    let old = old.map(|old| old.certificate);
    let application_uri = wish.application_uri.or(old.as_ref().and_then(|old| old.application_uri()));
    let now = Timestamp::now().unix_millis() / 1_000;
    let mut identity = own::identity(application_uri, &found.adapter_id, now);
    for host in old.iter().flat_map(|old| &old.hosts).chain(wish.hosts) {
        if !identity.hosts.contains(host) {
            identity.hosts.push(host.clone());
        }
    }
    identity.days = wish.days;
    let own = OwnCertificate::generate(&found.store, &identity, wish.is_renewal)?;
    Ok(certs_text::own(&own))
}

fn list(store: &Store) -> anyhow::Result<String> {
    let folders = [Folder::Trusted, Folder::Issuers, Folder::Rejected];
    let listings =
        folders.iter().map(|folder| Ok((*folder, store.list(*folder)?))).collect::<anyhow::Result<Vec<_>>>()?;
    let now = Timestamp::now().unix_millis() / 1_000;
    Ok(certs_text::list(store.directory(), &listings, now))
}
