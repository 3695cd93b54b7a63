//! From the arguments to a server: by its URI, or by a mapping.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::CommandFactory;
use secrecy::SecretString;
use tagwise_model::Registry;

use super::{
    args::{Args, Format},
    entry::{MAPPING_INVALID, USAGE},
    online_args::ConnectionArgs,
    signals::StopSignals,
};
use crate::{
    config::{
        self, Config, ProcessEnvironment,
        effective::{OpcUaAuth, OpcUaConfig, Range, SouthboundMapping, Tag},
    },
    domain::{NodeLocator, TagId, locator::NodeLocatorError},
    opcua::{Explorer, NamespaceMemory},
};

/// Who we are to the server where no mapping gives an id.
const ID: &str = "tools";

/// The server that the arguments name, and what is left of them.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) opcua: OpcUaConfig,
    pub(super) adapter_id: String,
    /// The tags of the mapping; none without one.
    pub(super) tags: Vec<Tag>,
    /// What the mapping allows to be written.
    pub(super) southbound_mappings: Vec<SouthboundMapping>,
    /// Where the adapter of the mapping keeps its state; none without a mapping.
    pub(super) state_dir: Option<PathBuf>,
    /// What stood behind the URI.
    pub(super) places: Vec<String>,
}

/// The exit code of a command that has already said why it cannot be done.
pub(super) type Ended = u8;

impl ConnectionArgs {
    /// Finds out which server is meant. Without `--config` the first of `places` is its URI.
    pub(super) fn target(&self, places: Vec<String>) -> anyhow::Result<Result<Target, Ended>> {
        if let Some(file) = &self.config {
            let config = match load(file)? {
                Ok(config) => config,
                Err(code) => return Ok(Err(code)),
            };
            return Ok(Ok(Target { places, ..Target::of(&config) }));
        }
        let mut places = VecDeque::from(places);
        let Some(uri) = places.pop_front().filter(|uri| uri.starts_with("opc.tcp://")) else {
            return usage("the server is due first, such as opc.tcp://plc:4840, or --config FILE").map(Err);
        };
        let opcua = OpcUaConfig { auth: self.auth()?, ..OpcUaConfig::new(&uri) };
        Ok(Ok(Target {
            opcua,
            adapter_id: ID.to_owned(),
            tags: Vec::new(),
            southbound_mappings: Vec::new(),
            state_dir: None,
            places: places.into(),
        }))
    }

    fn auth(&self) -> anyhow::Result<OpcUaAuth> {
        let Some(username) = &self.user else { return Ok(OpcUaAuth::Anonymous) };
        let password = match (&self.password_env, &self.password_file) {
            (Some(name), _) => std::env::var(name)
                .with_context(|| format!("the environment variable {name} of --password-env holds no text"))?,
            (None, Some(file)) => {
                let text = fs::read_to_string(file)
                    .with_context(|| format!("cannot read `{}` of --password-file", file.display()))?;
                text.strip_suffix('\n').map_or(text.clone(), |text| text.trim_end_matches('\r').to_owned())
            }
            (None, None) => String::new(),
        };
        tracing::warn!("without a security policy the password crosses the network in clear text");
        Ok(OpcUaAuth::Basic { username: username.clone(), password: SecretString::from(password) })
    }
}

impl Target {
    /// The server of a mapping.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            opcua: config.opcua.clone(),
            adapter_id: config.adapter.id.clone(),
            tags: config.tags.clone(),
            southbound_mappings: config.southbound_mappings.clone(),
            state_dir: Some(config.adapter.state_dir.clone()),
            places: Vec::new(),
        }
    }

    /// What the adapter of the mapping knows of the server's namespaces, for these tags.
    pub(super) fn memory(&self, tags: &[Tag]) -> anyhow::Result<NamespaceMemory> {
        Ok(match &self.state_dir {
            Some(folder) => NamespaceMemory::recall(folder, &self.opcua.uri, tags)?,
            None => NamespaceMemory::new(&self.opcua.uri, tags),
        })
    }

    /// Connects, works, and takes leave of the server, also when a signal ends the work.
    pub(super) async fn with_explorer<T>(
        &self,
        work: impl AsyncFnOnce(&Explorer) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.with_memory(NamespaceMemory::default(), work).await
    }

    /// As `with_explorer`, with what is known of the server's namespaces.
    pub(super) async fn with_memory<T>(
        &self,
        memory: NamespaceMemory,
        work: impl AsyncFnOnce(&Explorer) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let signals = StopSignals::listen()?;
        let stopped = signals.first();
        tokio::pin!(stopped);
        let explorer = tokio::select! {
            explorer = Box::pin(Explorer::connect(self.opcua.clone(), &self.adapter_id, memory)) => explorer?,
            () = &mut stopped => anyhow::bail!("interrupted"),
        };
        let outcome = tokio::select! {
            outcome = Box::pin(work(&explorer)) => outcome,
            () = &mut stopped => Err(anyhow::anyhow!("interrupted")),
        };
        explorer.close().await;
        outcome
    }

    /// The node that an argument names: by the name of a tag, its id, or the names that lead to it. The node of a tag is the
    /// one that the adapter takes by what is `known` of the namespaces; an index of the argument itself is the server's.
    pub(super) fn place(&self, text: &str, known: &NamespaceMemory) -> Result<NodeLocator, String> {
        match self.tags.iter().find(|tag| tag.name.as_str() == text) {
            Some(tag) => Ok(known.by_uri(&tag.node)),
            None => text.parse().map_err(|error: NodeLocatorError| format!("`{text}` is no node: {error}")),
        }
    }

    /// The nodes that all arguments name, or the first that names none.
    pub(super) fn all_places(&self, known: &NamespaceMemory) -> Result<Vec<NodeLocator>, String> {
        self.places.iter().map(|text| self.place(text, known)).collect()
    }

    /// The ranges of all southbound mappings of the tag that an argument names; `None` where it names no tag.
    pub(super) fn ranges(&self, text: &str) -> Option<Vec<Range>> {
        let position = self.tags.iter().position(|tag| tag.name.as_str() == text)?;
        let tag = TagId(u32::try_from(position).ok()?);
        let of_tag = self.southbound_mappings.iter().filter(|mapping| mapping.tag == tag);
        Some(of_tag.map(|mapping| mapping.range).collect())
    }
}

/// Loads a mapping; what is wrong with it goes to stderr.
pub(super) fn load(file: &Path) -> anyhow::Result<Result<Config, Ended>> {
    match config::load(file, &ProcessEnvironment, &Registry::builtin()) {
        Ok(loaded) => Ok(Ok(loaded.config)),
        Err(diagnostics) => {
            super::check::report(&diagnostics, Format::Text)?;
            Ok(Err(MAPPING_INVALID))
        }
    }
}

/// Says what is wrong with the arguments where it takes more than their form to see it.
pub(super) fn usage(message: &str) -> anyhow::Result<Ended> {
    Args::command().error(clap::error::ErrorKind::ValueValidation, message).print()?;
    Ok(USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> ConnectionArgs {
        ConnectionArgs { config: None, user: None, password_env: None, password_file: None }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_server_stands_first_and_the_nodes_behind_it() {
        let target = connection().target(texts(&["opc.tcp://plc", "i=1", "/Server"])).unwrap().unwrap();
        assert_eq!((target.opcua.uri.as_str(), target.places.len()), ("opc.tcp://plc", 2));
        let places = target.all_places(&NamespaceMemory::default()).unwrap();
        assert_eq!(places[1].to_string(), "/Server");
        assert_eq!(connection().target(texts(&["i=1"])).unwrap().unwrap_err(), USAGE);
        assert_eq!(connection().target(Vec::new()).unwrap().unwrap_err(), USAGE);
    }

    #[test]
    fn a_mapping_brings_server_and_tags() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("line1.yaml");
        let text = "version: 1\nopcua: { uri: opc.tcp://plc, security: { policy: none } }\nbroker: { url: mqtt://b }\ntags: [ { name: speed, node: i=7, topic: t } ]\n";
        fs::write(&file, text).unwrap();
        let arguments = ConnectionArgs { config: Some(file.clone()), ..connection() };
        let target = arguments.target(texts(&["speed", "i=8"])).unwrap().unwrap();
        assert_eq!((target.opcua.uri.as_str(), target.adapter_id.as_str()), ("opc.tcp://plc:4840", "line1"));
        let known = target.memory(&target.tags).unwrap();
        let places: Vec<String> = target.all_places(&known).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(places, ["i=7", "i=8"]);
        assert!(target.place("sped", &known).unwrap_err().contains("sped"));
        fs::write(&file, "version: 2\n").unwrap();
        assert_eq!(arguments.target(Vec::new()).unwrap().unwrap_err(), MAPPING_INVALID);
    }

    #[test]
    fn a_tag_is_the_node_that_the_adapter_has_learned_and_an_id_the_one_that_the_server_has_now() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        let learned = r#"{"server":"opc.tcp://plc:4840","namespaces":{"2":"urn:mine"}}"#;
        fs::write(state.join("namespaces.json"), learned).unwrap();
        let file = folder.path().join("line1.yaml");
        let text = format!(
            "version: 1
adapter: {{ state_dir: '{}' }}
opcua: {{ uri: opc.tcp://plc, security: {{ policy: none }} }}
broker: {{ url: mqtt://b }}
tags: [ {{ name: speed, node: ns=2;s=Speed, topic: t }}, {{ name: mode, node: ns=2;s=Mode, topic: m }} ]
southbound_mappings: [ {{ tag_name: speed, topic_filter: s, range: {{ min: 0, max: 100 }} }} ]
",
            state.display()
        );
        fs::write(&file, text).unwrap();
        let arguments = ConnectionArgs { config: Some(file), ..connection() };
        let target = arguments.target(texts(&["speed", "ns=2;s=Speed"])).unwrap().unwrap();
        let known = target.memory(&target.tags).unwrap();
        let places: Vec<String> = target.all_places(&known).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(places, ["nsu=urn:mine;s=Speed", "ns=2;s=Speed"]);
        assert_eq!(target.ranges("speed"), Some(vec![Range { min: Some(0.0), max: Some(100.0) }]));
        assert_eq!((target.ranges("mode"), target.ranges("ns=2;s=Speed")), (Some(Vec::new()), None));
    }

    #[test]
    fn a_password_comes_from_a_file_without_its_line_end() {
        use secrecy::ExposeSecret;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        for content in ["secret", "secret\n", "secret\r\n"] {
            fs::write(&file, content).unwrap();
            let arguments =
                ConnectionArgs { user: Some("edge".into()), password_file: Some(file.clone()), ..connection() };
            let OpcUaAuth::Basic { username, password } = arguments.auth().unwrap() else { panic!("nobody") };
            assert_eq!((username.as_str(), password.expose_secret()), ("edge", "secret"));
        }
        let arguments =
            ConnectionArgs { user: Some("edge".into()), password_env: Some("NO_SUCH".into()), ..connection() };
        assert!(arguments.auth().unwrap_err().to_string().contains("NO_SUCH"));
    }
}
