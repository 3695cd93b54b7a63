//! The adapter between a PLC under load and a broker, the proxy before the broker, and what is counted after each fault.
//!
//! What is missing at the end has to be missing because of the adapter. A broker that is killed takes with it what it has
//! acknowledged and not yet handed to the probe; so before a broker dies without its memory a hole in the network keeps
//! more from reaching it, and the probe waits until it has heard all that the broker has. The adapter meanwhile goes on
//! sending into the hole, and has no acknowledgement of what got through last: the most that can be in doubt.

use std::{
    collections::HashSet,
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tagwise_tests::{
    Account, Adapter, Broker, BrokerKind, BrokerOptions, Mapping, Message, Metrics, MqttProbe, MqttProxy, PATIENCE,
    Simulator, SimulatorOptions, SpoolFolder, SpooledMessage, Verdict, pause, wait_until,
};

/// Until the data of a long outage has been sent on a busy machine.
pub(crate) const LONG_PATIENCE: Duration = Duration::from_mins(4);
/// Nothing more comes from the broker when nothing has come for so long.
const QUIET: Duration = Duration::from_millis(300);
/// For so long the broker gets messages whose acknowledgements never arrive.
const IN_DOUBT: Duration = Duration::from_millis(300);
/// So few messages wait in a spool that is caught up with, per tag.
const WAITING_PER_TAG: f64 = 5.0;

/// What a stand is made of.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) kind: BrokerKind,
    pub(crate) has_tls: bool,
    /// Whether broker and probe keep the probe's session.
    pub(crate) is_persistent: bool,
    pub(crate) tags: usize,
    /// Values of each tag per second.
    pub(crate) rate: f64,
    /// Where the state is kept; beside the mapping when absent.
    pub(crate) state_dir: Option<PathBuf>,
    /// Each payload is so many bytes longer than it need be.
    pub(crate) padding: usize,
}

impl Terms {
    /// Some hundred values a second to a broker without TLS and without a memory.
    pub(crate) fn of(kind: BrokerKind) -> Self {
        Self { kind, has_tls: false, is_persistent: false, tags: 20, rate: 10.0, state_dir: None, padding: 0 }
    }

    pub(crate) fn with_tls(self, has_tls: bool) -> Self {
        Self { has_tls, ..self }
    }

    pub(crate) fn persistent(self, is_persistent: bool) -> Self {
        Self { is_persistent, ..self }
    }

    pub(crate) fn load(self, tags: usize, rate: f64) -> Self {
        Self { tags, rate, ..self }
    }
}

/// All of it, with data flowing.
pub(crate) struct MqttFaultStand {
    // Ended in this order.
    pub(crate) adapter: Adapter,
    pub(crate) probe: MqttProbe,
    pub(crate) proxy: MqttProxy,
    pub(crate) broker: Broker,
    _simulator: Simulator,
    account: Account,
    pub(crate) terms: Terms,
    counted: Verdict,
}

/// One fault in the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) fault: String,
    pub(crate) broker: BrokerKind,
    pub(crate) transport: &'static str,
    pub(crate) verdict: Verdict,
    /// From the end of the fault to the first value.
    pub(crate) again: Duration,
}

impl MqttFaultStand {
    /// `None`, said aloud, where the broker's program is missing.
    pub(crate) async fn set_up(terms: Terms) -> Result<Option<Self>> {
        let options =
            BrokerOptions { has_tls: terms.has_tls, is_persistent: terms.is_persistent, ..BrokerOptions::default() };
        let Some(broker) = terms.kind.start_or_announce(options).await? else { return Ok(None) };
        let load = SimulatorOptions { tags: terms.tags, rate: Some(terms.rate), user: None };
        let simulator = Simulator::start_with(load).await?;
        let probe = if terms.is_persistent {
            MqttProbe::connect_to_stay(broker.access()).await?
        } else {
            MqttProbe::connect(broker.access()).await?
        };
        let proxy = MqttProxy::start(broker.access()).await?;
        let adapter = Adapter::start(&mapping(&terms, &simulator, &proxy, &broker)?).await?;
        let (account, counted) = (Account::default(), Verdict::default());
        let mut stand = Self { adapter, probe, proxy, broker, _simulator: simulator, account, terms, counted };
        stand.every_tag_is_live().await?;
        Ok(Some(stand))
    }

    /// The broker dies, killed or in order, with all that it knew; or, where it and the probe keep the session, an orderly
    /// end under load.
    pub(crate) async fn broker_dies(&mut self, is_killed: bool) -> Result<()> {
        if is_killed || !self.terms.is_persistent {
            self.cut_off_and_listen().await?;
        }
        if is_killed {
            self.broker.kill()?;
        } else {
            self.broker.stop().await?;
        }
        self.proxy.shut();
        self.proxy.reset();
        Ok(())
    }

    /// From now on the broker gets nothing more, and the probe has all that it got.
    async fn cut_off_and_listen(&mut self) -> Result<()> {
        // Acknowledgements are kept back first, so that much is in doubt when the broker dies.
        self.proxy.hold_answers();
        pause(IN_DOUBT).await;
        self.proxy.open_hole();
        self.probe.fence_within(LONG_PATIENCE).await?;
        self.probe.silence("load/", QUIET).await
    }

    /// The broker is back, and before the adapter can reach it the probe listens. When it could.
    pub(crate) async fn broker_returns(&mut self) -> Result<Instant> {
        let connections = self.probe.subscription_count();
        self.broker.resume().await?;
        self.probe.subscribed(connections + 1).await?;
        self.proxy.open();
        Ok(Instant::now())
    }

    /// Waits until data flows again, all that waited has come and each tag is live, and counts.
    pub(crate) async fn recover(&mut self, fault: &str, over: Instant) -> Result<Row> {
        let recovered = self.try_recover(fault, over).await;
        recovered.with_context(|| format!("{fault}\n{}", self.adapter.log().unwrap_or_default()))
    }

    async fn try_recover(&mut self, fault: &str, over: Instant) -> Result<Row> {
        self.hear_all();
        self.probe
            .wait_until("data flows again", LONG_PATIENCE, |messages| messages.iter().any(is_value).then_some(()))
            .await?;
        let again = over.elapsed();
        self.is_caught_up().await?;
        self.every_tag_is_live().await?;
        self.probe.fence_within(LONG_PATIENCE).await?;
        self.adapter.ensure_running()?;
        self.hear_announcements().await;
        Ok(self.row(fault, again))
    }

    /// What has come to the account since the last row.
    pub(crate) fn row(&mut self, fault: &str, again: Duration) -> Row {
        let all = self.account.verdict();
        let verdict = all.since(&self.counted);
        self.counted = all;
        let transport = if self.terms.has_tls { "TLS" } else { "TCP" };
        let row = Row { fault: fault.to_owned(), broker: self.terms.kind, transport, verdict, again };
        row.print();
        row
    }

    /// Where something is missing, waits for the gaps that say so; without them the row will tell.
    async fn hear_announcements(&mut self) {
        let all_is_known = wait_until("all that is missing is announced", PATIENCE, async || {
            self.hear_all();
            Ok((self.account.verdict().lost == 0).then_some(()))
        });
        all_is_known.await.unwrap_or_default();
    }

    /// Hands the account what the probe has heard.
    pub(crate) fn hear_all(&mut self) {
        self.account.take_all(&self.probe.take_messages());
    }

    /// Waits until hardly anything waits in the spool.
    pub(crate) async fn is_caught_up(&self) -> Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let limit = self.terms.tags as f64 * WAITING_PER_TAG;
        wait_until("the spool is caught up with", LONG_PATIENCE, async || {
            let metrics = self.adapter.http().metrics().await;
            Ok(metrics.ok().filter(|metrics| waiting(metrics) < limit).map(drop))
        })
        .await
    }

    /// Waits until of every tag a value has come that waited for nothing: whatever of it is missing now has left a hole.
    async fn every_tag_is_live(&mut self) -> Result<()> {
        let mut looked_at = self.probe.mark();
        let mut live = HashSet::new();
        let tags = self.terms.tags;
        self.probe
            .wait_until("every tag is live", LONG_PATIENCE, |messages| {
                let is_live = |message: &&Message| is_value(message) && message.user_property("replay").is_none();
                let later = messages.get(looked_at..).unwrap_or_default().iter();
                live.extend(later.filter(is_live).map(|message| message.topic.clone()));
                looked_at = messages.len();
                (live.len() == tags).then_some(())
            })
            .await
    }

    /// Waits until so many messages wait in the spool.
    pub(crate) async fn backlog(&self, messages: f64) -> Result<Metrics> {
        self.adapter.metrics_where("a backlog has grown", |metrics| waiting(metrics) >= messages).await
    }

    /// The state directory.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.terms.state_dir.clone().unwrap_or_else(|| self.adapter.directory().join("state/line1"))
    }

    /// All of these have been accepted, and have to arrive.
    pub(crate) fn expect(&mut self, messages: &[SpooledMessage]) {
        for message in messages {
            self.account.expect(&message.topic, &message.payload);
        }
    }

    /// Kills the adapter, and takes note of all that it had accepted by then.
    pub(crate) fn kill_adapter(&mut self) -> Result<()> {
        self.adapter.kill()?;
        let state_dir = self.state_dir();
        // It may have been killed before it had one.
        if state_dir.join("spool").is_dir() {
            self.expect(&SpoolFolder::in_state(&state_dir)?.messages()?);
        }
        Ok(())
    }
}

fn mapping(terms: &Terms, simulator: &Simulator, proxy: &MqttProxy, broker: &Broker) -> Result<Mapping> {
    let tls = format!("tls: {{ ca_file: '{}' }}", broker.authority_file().display());
    // The server is to forget the sessions of killed adapters soon.
    let mut mapping = Mapping::between(&simulator.url(), &proxy.url())?
        .connection("session_timeout: 10s")
        .drain_timeout("1s")
        .publishing(Duration::from_millis(100), 0)
        .broker("keep_alive: 5s")
        .with(&tags(terms));
    if terms.has_tls {
        mapping = mapping.broker(&tls);
    }
    if let Some(state_dir) = &terms.state_dir {
        mapping = mapping.adapter(&format!("state_dir: '{}'", state_dir.display()));
    }
    Ok(mapping)
}

/// The simulator's load tags on `load/<tag>`.
fn tags(terms: &Terms) -> String {
    let padding = "x".repeat(terms.padding);
    let tags = (1..=terms.tags).map(|number| {
        let node = Simulator::node("Load", &format!("T{number:04}"));
        let name = if padding.is_empty() { String::new() } else { ", include_tag_names: true".to_owned() };
        format!("  - {{ name: T{number:04}{padding}, node: '{node}', topic: load/T{number:04}{name} }}\n")
    });
    std::iter::once("tags:\n".to_owned()).chain(tags).collect()
}

fn is_value(message: &Message) -> bool {
    message.topic.starts_with("load/")
}

/// Messages in the spool.
pub(crate) fn waiting(metrics: &Metrics) -> f64 {
    metrics.sum("tagwise_spool_messages", &[])
}

impl Row {
    /// Fails unless every value came, in order and as it was.
    pub(crate) fn is_clean(&self) -> Result<()> {
        ensure!(self.verdict.is_clean(), "{self}\n{}", self.verdict);
        Ok(())
    }

    /// Fails unless all that is missing is announced, and nothing else, and all else came in order.
    pub(crate) fn is_announced(&self) -> Result<()> {
        let Verdict { lost, missing, announced, .. } = self.verdict;
        ensure!(lost == 0 && missing == announced && self.verdict.is_orderly(), "{self}\n{}", self.verdict);
        Ok(())
    }

    /// The names of the columns.
    pub(crate) fn heading() -> String {
        format!(
            "{:<44} {:<10} {:<4} {:>8} {:>6} {:>9} {:>10} {:>6} {:>8}",
            "fault", "broker", "over", "values", "lost", "announced", "duplicated", "order", "again/s"
        )
    }

    #[expect(clippy::print_stdout, reason = "measured figures; the test runner shows them when asked")]
    fn print(&self) {
        println!("{}\n{self}", Self::heading());
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { sent, lost, announced, duplicated, out_of_order, .. } = self.verdict;
        let (fault, broker, transport, again) = (&self.fault, self.broker, self.transport, self.again.as_secs_f64());
        write!(
            formatter,
            "{fault:<44} {broker:<10} {transport:<4} {sent:>8} {lost:>6} {announced:>9} {duplicated:>10} \
             {out_of_order:>6} {again:>8.2}"
        )
    }
}
