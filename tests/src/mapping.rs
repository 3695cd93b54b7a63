//! Mapping files for the adapter under test.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::{free_port, workspace_root};

/// A mapping file in the making: the head says whom the adapter stands between, the scenario adds the tags.
#[derive(Clone, Debug)]
pub struct Mapping {
    adapter: String,
    drain_timeout: String,
    opcua: String,
    security: String,
    connection: String,
    subscription: String,
    broker: String,
    /// Stands for `broker`.
    brokers: Option<String>,
    http: String,
    rest: String,
    /// Stands for all of the above.
    whole: Option<String>,
    http_port: u16,
}

impl Mapping {
    /// A file of the repository as it stands there, but for its addresses: its pages go to a free port, and each first of
    /// `replacements` becomes its second.
    pub fn of_repository(file: &str, replacements: &[(&str, &str)]) -> Result<Self> {
        let mapping = Self::between("", "")?;
        let mut text = fs::read_to_string(workspace_root().join(file)).with_context(|| file.to_owned())?;
        let pages = format!("127.0.0.1:{}", mapping.http_port);
        for (old, new) in replacements.iter().copied().chain([("127.0.0.1:9464", pages.as_str())]) {
            ensure!(text.contains(old), "{file} does not contain {old}");
            text = text.replace(old, new);
        }
        Ok(Self { whole: Some(text), ..mapping })
    }

    /// Between an OPC UA endpoint and a broker, both by URL, with quick publishing and a page of metrics on a free port.
    pub fn between(opcua: &str, broker: &str) -> Result<Self> {
        let http_port = free_port()?;
        Ok(Self {
            adapter: "id: line1".to_owned(),
            drain_timeout: "5s".to_owned(),
            opcua: format!("uri: \"{opcua}\""),
            security: "policy: none".to_owned(),
            connection: "retry: { initial: 250ms, max: 1s }".to_owned(),
            subscription: "publishing_interval: 100ms, sampling_interval: 50ms".to_owned(),
            broker: format!("url: \"{broker}\""),
            brokers: None,
            http: format!("listen: \"127.0.0.1:{http_port}\""),
            rest: String::new(),
            whole: None,
            http_port,
        })
    }

    /// More keys for `adapter`, in flow style: `status_topic: x`.
    #[must_use]
    pub fn adapter(mut self, keys: &str) -> Self {
        self.adapter = format!("{}, {keys}", self.adapter);
        self
    }

    /// Another time to drain.
    #[must_use]
    pub fn drain_timeout(mut self, time: &str) -> Self {
        time.clone_into(&mut self.drain_timeout);
        self
    }

    /// More keys for `opcua`, in flow style.
    #[must_use]
    pub fn opcua(mut self, keys: &str) -> Self {
        self.opcua = format!("{}, {keys}", self.opcua);
        self
    }

    /// Other keys for `security`, in flow style.
    #[must_use]
    pub fn security(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.security);
        self
    }

    /// More keys for `connection_options`, in flow style.
    #[must_use]
    pub fn connection(mut self, keys: &str) -> Self {
        self.connection = format!("{}, {keys}", self.connection);
        self
    }

    /// Other intervals for the subscription; sampling in milliseconds.
    #[must_use]
    pub fn publishing(mut self, publishing: Duration, sampling: u64) -> Self {
        let publishing = publishing.as_millis();
        self.subscription = format!("publishing_interval: {publishing}ms, sampling_interval: {sampling}ms");
        self
    }

    /// Other keys for the subscription, in flow style.
    #[must_use]
    pub fn subscription(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.subscription);
        self
    }

    /// More keys for `broker`, in flow style.
    #[must_use]
    pub fn broker(mut self, keys: &str) -> Self {
        self.broker = format!("{}, {keys}", self.broker);
        self
    }

    /// Brokers by name in place of the one, in flow style: `edge: { url: … }, cloud: { url: … }`.
    #[must_use]
    pub fn brokers(mut self, brokers: &str) -> Self {
        self.brokers = Some(brokers.to_owned());
        self
    }

    /// More keys for `http`, in flow style.
    #[must_use]
    pub fn http(mut self, keys: &str) -> Self {
        self.http = format!("{}, {keys}", self.http);
        self
    }

    /// More top-level keys, as they shall stand in the file: `models:`, `tags:`, mappings.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        self.rest.push_str(text.trim_start_matches('\n'));
        if !self.rest.ends_with('\n') {
            self.rest.push('\n');
        }
        self
    }

    /// With each `old` in its text as `new`.
    pub fn replacing(self, old: &str, new: &str) -> Result<Self> {
        let text = self.text();
        ensure!(text.contains(old), "the mapping does not contain {old}");
        Ok(Self { whole: Some(text.replace(old, new)), ..self })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let Self { adapter, drain_timeout, opcua, security, connection, subscription, http, rest, .. } = self;
        let broker = match &self.brokers {
            Some(brokers) => format!("brokers: {{ {brokers} }}"),
            None => format!("broker: {{ {} }}", self.broker),
        };
        format!(
            "version: 1\nadapter: {{ {adapter}, drain_timeout: {drain_timeout} }}\n\
             opcua: {{ {opcua}, security: {{ {security} }}, connection_options: {{ {connection} }}, \
             subscription: {{ {subscription} }} }}\n\
             {broker}\nhttp: {{ {http} }}\n{rest}"
        )
    }

    /// Where the adapter will serve its pages.
    pub fn http_port(&self) -> u16 {
        self.http_port
    }
}
