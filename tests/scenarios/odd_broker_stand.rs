//! What the scenarios with odd brokers share: the adapter between a simulated PLC and a broker that behaves as asked.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tagwise_tests::{
    Adapter, Behaviour, Mapping, Metrics, OddBroker, Reply, SequenceCheck, Simulator, SimulatorOptions, SpoolFolder,
};

/// How long a scenario waits for values to flow though something has to be found out first.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// The tag that has to flow whatever the broker thinks of others.
pub(crate) const TICK: &str = "plant1/tick";
/// Values of each tag per second.
pub(crate) const RATE: usize = 5;
pub(crate) const STATUS: &str = "tagwise/line1/status";
pub(crate) const V5: &str = "5";
pub(crate) const V3: &str = "3.1.1";

/// All of it.
pub(crate) struct OddStand {
    // Ended in this order.
    pub(crate) adapter: Adapter,
    pub(crate) broker: OddBroker,
    pub(crate) simulator: Simulator,
}

/// What a stand is made of.
pub(crate) struct Terms {
    version: &'static str,
    tags: usize,
    rate: f64,
    broker: String,
    text: String,
}

impl Terms {
    /// The tag `plant1/tick` alone, by this version of MQTT.
    pub(crate) fn of(version: &'static str) -> Self {
        Self {
            version,
            tags: 2,
            rate: RATE as f64,
            broker: String::new(),
            text: format!("tags:\n{}", load_tag(1, TICK, "")),
        }
    }

    /// So many load tags on `load/T0001`… in place of `plant1/tick`, and so many values of each per second.
    pub(crate) fn load(self, tags: usize, rate: f64, more: &str) -> Self {
        let each = (1..=tags).map(|number| load_tag(number, &format!("load/T{number:04}"), more));
        Self { tags, rate, text: std::iter::once("tags:\n".to_owned()).chain(each).collect(), ..self }
    }

    /// More lines for the mapping: more tags first, then other keys.
    pub(crate) fn with(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// More keys for `broker`, in flow style.
    pub(crate) fn broker(mut self, keys: &str) -> Self {
        self.broker = format!(", {keys}");
        self
    }

    pub(crate) fn mapping(&self, simulator: &Simulator, broker: &OddBroker) -> Result<Mapping> {
        let mapping = Mapping::between(&simulator.url(), &broker.url())?;
        Ok(mapping.broker(&format!("protocol_version: \"{}\"{}", self.version, self.broker)).with(&self.text))
    }

    /// All of it, with a broker that behaves so.
    pub(crate) async fn stand(self, behaviour: Behaviour) -> Result<OddStand> {
        self.stand_with(OddBroker::start(behaviour)?).await
    }

    /// As `stand`, with a broker that may not run yet.
    pub(crate) async fn stand_with(self, broker: OddBroker) -> Result<OddStand> {
        let load = SimulatorOptions { tags: self.tags, rate: Some(self.rate), user: None };
        let simulator = Simulator::start_with(load).await?;
        let adapter = Adapter::spawn(&self.mapping(&simulator, &broker)?)?;
        Ok(OddStand { adapter, broker, simulator })
    }
}

/// A load tag on a topic.
pub(crate) fn load_tag(number: usize, topic: &str, more: &str) -> String {
    let node = Simulator::node("Load", &format!("T{number:04}"));
    format!("  - {{ name: T{number:04}, node: '{node}', topic: {topic}{more} }}\n")
}

/// Commands on these filters set the machine's speed.
pub(crate) fn commands<'a>(filters: impl IntoIterator<Item = &'a str>) -> String {
    let node = Simulator::node("Machine", "SpeedSetpoint");
    let head = format!("  - {{ name: speed, node: '{node}' }}\nsouthbound_mappings:\n");
    let each = filters.into_iter().map(|filter| format!("  - {{ tag_name: speed, topic_filter: '{filter}' }}\n"));
    std::iter::once(head).chain(each).collect()
}

impl OddStand {
    /// Waits until so many more messages have been taken on topics that begin so.
    pub(crate) async fn flows(&self, topic: &str, count: usize, within: Duration) -> Result<()> {
        let from = self.broker.now();
        let is_enough = |broker: &OddBroker| (broker.taken_after(from, topic) >= count).then_some(());
        let waited = self.broker.wait(&format!("{count} more messages on {topic}"), within, is_enough).await;
        self.with_log(waited)
    }

    /// Waits until the pages say 200, `degraded`, and all of these words, in any case.
    pub(crate) async fn is_degraded(&mut self, words: &[&str]) -> Result<Reply> {
        let is_it = |reply: &Reply| {
            let body = reply.body.to_lowercase();
            let is_degraded = reply.json().is_ok_and(|json| json["status"] == "degraded");
            reply.status == 200 && is_degraded && words.iter().all(|word| body.contains(&word.to_lowercase()))
        };
        self.readiness(&format!("/readyz is 200, degraded, and says {words:?}"), is_it).await
    }

    /// Waits until the pages say all of these words, whatever the status.
    pub(crate) async fn is_told(&mut self, words: &[&str]) -> Result<Reply> {
        let is_it = |reply: &Reply| {
            let body = reply.body.to_lowercase();
            words.iter().all(|word| body.contains(&word.to_lowercase()))
        };
        self.readiness(&format!("/readyz says {words:?}"), is_it).await
    }

    async fn readiness(&mut self, what: &str, is_wanted: impl Fn(&Reply) -> bool) -> Result<Reply> {
        let waited = self.adapter.readiness(what, is_wanted).await;
        let last = self.adapter.http().get("/readyz").await.map(|reply| format!("{} {}", reply.status, reply.body));
        let waited = waited.with_context(|| format!("the last was {last:?}; {}", self.broker.summary()));
        self.with_log(waited)
    }

    /// A command on this topic is answered.
    pub(crate) async fn commands_work(&self, topic: &str) -> Result<()> {
        let subscribed = |broker: &OddBroker| (broker.publish(topic, b"1200") > 0).then_some(());
        let waited = self.broker.wait(&format!("{topic} is subscribed to"), SOON, subscribed).await;
        self.with_log(waited)?;
        let result = format!("{topic}/result");
        let answered = |broker: &OddBroker| {
            broker.published(&result).iter().any(|(_, _, outcome)| outcome.is_taken()).then_some(())
        };
        self.with_log(self.broker.wait(&format!("a verdict on {result}"), SOON, answered).await)
    }

    /// The PLC goes, and all that the adapter has accepted arrives, without a hole and in order.
    pub(crate) async fn everything_arrives(&mut self, within: Duration) -> Result<SequenceCheck> {
        self.simulator.kill()?;
        self.spool_drains(within).await?;
        let checked = SequenceCheck::check(&self.broker.taken());
        self.with_log(checked)
    }

    /// Waits until nothing waits any more.
    pub(crate) async fn spool_drains(&self, within: Duration) -> Result<()> {
        let folder = SpoolFolder::in_state(&self.adapter.directory().join("state/line1"))?;
        let waited = tagwise_tests::wait_until("the spool is empty", within, async || {
            let metrics = self.adapter.http().metrics().await?;
            let is_empty = metrics.has("tagwise_spool_messages", &[]) && waiting(&metrics) < 1.0;
            Ok(is_empty.then_some(()))
        });
        let waited = waited.await.with_context(|| {
            let left = folder.messages().map(|messages| messages.len()).unwrap_or_default();
            format!("{left} messages wait; {}", self.broker.summary())
        });
        self.with_log(waited)
    }

    /// Messages that were given up, with the reasons.
    pub(crate) fn dead_letters(&self) -> Result<Vec<Value>> {
        let file = self.adapter.directory().join("state/line1/spool/broker/dead-letters.jsonl");
        let text = if file.exists() { fs::read_to_string(file)? } else { String::new() };
        // The last line may be in the making.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// No message has been given up, and none is announced as lost.
    pub(crate) fn nothing_is_given_up(&self) -> Result<()> {
        let letters = self.dead_letters()?;
        ensure!(letters.is_empty(), "{} dead letters; the first: {}", letters.len(), letters[0]);
        let gaps = self.broker.published("tagwise/line1/gap");
        ensure!(gaps.is_empty(), "{} gaps", gaps.len());
        Ok(())
    }

    /// There have been no more connections than this.
    pub(crate) fn at_most(&self, connections: usize) -> Result<()> {
        let count = self.broker.connect_times().len();
        let counted = if count <= connections {
            Ok(())
        } else {
            Err(anyhow::anyhow!("{count} connections; {}", self.broker.summary()))
        };
        self.with_log(counted)
    }

    /// Adds what the adapter has logged to an error.
    pub(crate) fn with_log<T>(&self, result: Result<T>) -> Result<T> {
        result.with_context(|| {
            let log = self.adapter.log().unwrap_or_default();
            let lines = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR"));
            lines.take(12).collect::<Vec<_>>().join("\n")
        })
    }
}

/// Messages that wait for their PUBACK.
pub(crate) fn waiting(metrics: &Metrics) -> f64 {
    metrics.sum("tagwise_spool_messages", &[])
}
