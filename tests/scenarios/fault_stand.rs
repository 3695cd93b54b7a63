//! The adapter, a server and the fault proxy between them, and what is looked at after each fault.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tagwise_tests::{Adapter, FaultProxy, Mapping, Message, MqttProbe, SequenceCheck, Stack, UaServerOptions};
use tempfile::TempDir;

use crate::{fault::Fault, odd_stand::trust, stacks::Stand};

/// Data has to flow again within the pause between attempts and two seconds; on a busy machine this much is allowed.
const BOUND: Duration = Duration::from_secs(30);
const COUNTERS: usize = 4;
/// Values that have to come after a fault before it is looked at what is missing.
const ENOUGH: usize = 10;

/// The adapter reaches its server only through the proxy.
pub(crate) struct FaultStand {
    pub(crate) stand: Stand,
    pub(crate) proxy: FaultProxy,
    pub(crate) adapter: Adapter,
    /// The server's certificate, where it has one.
    _certificates: TempDir,
}

/// What a fault has done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// From the end of the fault to the first new value.
    pub(crate) recovered: Duration,
    /// Values of the counter that never arrived; `None` where it began anew.
    pub(crate) missing: Option<u64>,
    /// Sessions on the server when data flowed again.
    pub(crate) sessions: u64,
}

impl FaultStand {
    /// All of it, with data flowing; `None`, said aloud, where a program is missing.
    pub(crate) async fn set_up(stack: Stack) -> Result<Option<Self>> {
        Self::set_up_as(stack, false).await
    }

    /// As `set_up`, over connections that are signed and encrypted.
    pub(crate) async fn set_up_encrypted(stack: Stack) -> Result<Option<Self>> {
        Self::set_up_as(stack, true).await
    }

    async fn set_up_as(stack: Stack, is_encrypted: bool) -> Result<Option<Self>> {
        let certificates = tempfile::tempdir()?;
        let secure = is_encrypted.then(|| certificates.path().join("pki"));
        let options = UaServerOptions { counters: Some(COUNTERS), secure, ..UaServerOptions::default() };
        let Some(stand) = Stand::set_up(stack, options).await? else { return Ok(None) };
        let proxy = FaultProxy::start(stand.server.port()).await?;
        let mut mapping = impatient(stand.mapping(&proxy.url())?).with(&stand.counter()).with(&others(stack));
        if is_encrypted {
            mapping = mapping.security("policy: basic256sha256, message_security_mode: sign_and_encrypt");
            mapping = mapping.opcua("pki_dir: pki");
        }
        let mut adapter = Adapter::spawn(&mapping)?;
        if is_encrypted {
            trust(&mut adapter).await?;
        }
        adapter.ready().await?;
        stand.probe.wait_for_count("counter", 5).await?;
        Ok(Some(Self { stand, proxy, adapter, _certificates: certificates }))
    }

    /// Plays a fault, waits until all is well again, and prints what it has done.
    pub(crate) async fn suffer(&mut self, fault: Fault, time: Duration) -> Result<Outcome> {
        // Values of an earlier fault are none of this one's.
        self.stand.probe.take_messages();
        self.stand.probe.wait_for_count("counter", 2).await?;
        let over = fault.play(self, time).await?;
        let outcome = self.recover(fault, over).await.with_context(|| self.adapter.log().unwrap_or_default())?;
        report(self.stand.server.stack(), fault, outcome);
        ensure!(outcome.recovered < BOUND, "{fault:?}: data flows again only after {:?}", outcome.recovered);
        if fault.leaves_the_queue() {
            let log = self.adapter.log()?;
            ensure!(outcome.missing == Some(0), "{fault:?}: {:?} values are missing\n{log}", outcome.missing);
        }
        Ok(outcome)
    }

    async fn recover(&mut self, fault: Fault, over: Instant) -> Result<Outcome> {
        let probe = &self.stand.probe;
        let mark = probe.mark();
        probe.wait_after(mark, "values flow again", |message| message.topic == "counter").await?;
        let recovered = over.elapsed();
        let sessions = self.stand.server.session_count().await?;
        self.adapter.ready().await?;
        let mark = probe.mark();
        let is_enough = |messages: &[Message]| {
            let later = messages.get(mark..).unwrap_or_default();
            (later.iter().filter(|message| message.topic == "counter").count() >= ENOUGH).then_some(())
        };
        probe.wait_until("values go on flowing", BOUND, is_enough).await?;
        let missing = fault.leaves_the_counter().then(|| missing(probe));
        check_sequence(probe)?;
        if missing.unwrap_or(0) > 0 {
            // Losses are announced once a second, which may be after the first values.
            probe.wait_for("what is missing is announced", |message| message.topic == "tagwise/line1/gap").await?;
        }
        self.stand.one_session().await?;
        Ok(Outcome { recovered, missing, sessions })
    }
}

/// Tags besides the first counter, so that a call for all of them can be halved.
fn others(stack: Stack) -> String {
    let mut tags = String::new();
    for number in 2..=COUNTERS {
        let node = stack.node(&format!("Counter{number}"));
        tags.extend([format!("  - {{ name: other{number}, node: '{node}', topic: other{number} }}\n")]);
    }
    tags
}

/// Notices silence after three seconds, and has the server keep what it cannot send in that time.
fn impatient(mapping: Mapping) -> Mapping {
    mapping
        .connection("request_timeout: 3s, keep_alive_interval: 1s, keep_alive_failures_allowed: 1")
        .subscription("publishing_interval: 100ms, sampling_interval: 0ms, server_queue_size: 1000")
}

/// How many numbers are missing from those that the counter has shown.
fn missing(probe: &MqttProbe) -> u64 {
    let mut missing = 0;
    let mut last: Option<f64> = None;
    for message in probe.on_topic("counter") {
        let Some(value) = message.json().ok().and_then(|json| json["value"].as_f64()) else { continue };
        // A new session begins with the value that the last one ended with.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        let hole = last.map_or(0, |last| (value - last - 1.0).max(0.0) as u64);
        missing += hole;
        last = Some(value);
    }
    missing
}

/// What the probe has heard since the last fault is in order, and nothing is missing that had been numbered.
fn check_sequence(probe: &MqttProbe) -> Result<()> {
    let mut check = SequenceCheck::from_midway();
    check.take_all(&probe.messages())
}

#[expect(clippy::print_stdout, reason = "measured figures; the test runner shows them when asked")]
fn report(stack: Stack, fault: Fault, outcome: Outcome) {
    println!("stack={stack:<10} fault={:<26} {outcome}", fault.name());
}

impl Outcome {
    /// The worse of two in each respect.
    pub(crate) fn or_worse(self, other: Self) -> Self {
        Self {
            recovered: self.recovered.max(other.recovered),
            missing: self.missing.max(other.missing),
            sessions: self.sessions.max(other.sessions),
        }
    }

    /// For a table.
    pub(crate) fn cell(self) -> String {
        let missing = self.missing.map_or("-".to_owned(), |missing| missing.to_string());
        format!("{:.2} {missing} {}", self.recovered.as_secs_f64(), self.sessions)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.missing.map_or("-".to_owned(), |missing| missing.to_string());
        let (recovered, sessions) = (self.recovered.as_secs_f64(), self.sessions);
        write!(formatter, "recovered={recovered:.2}s missing={missing} sessions={sessions}")
    }
}
