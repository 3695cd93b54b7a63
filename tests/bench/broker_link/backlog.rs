//! `cargo xtask bench backlog`: many values a second through the whole adapter, and then a full spool that drains once its
//! broker is back, each beside a bare loop without a limit.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use tagwise_tests::{Adapter, Mapping, Mosquitto, Simulator, pause, wait_until};

use super::{
    bed::{self, BareLoop, Transport},
    offer::Offer,
    sample,
    settings::Wishes,
    table,
    turn::{Figures, Look},
};
use crate::{load::Load, mapping, report};

/// How long filling or draining may take.
const LONGEST: Duration = Duration::from_mins(10);
/// Between two looks at a spool that drains.
const LOOK: Duration = Duration::from_millis(100);

/// What is measured, and how often.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Double tags.
    #[arg(long, default_value_t = 5000)]
    tags: usize,
    /// Changes of each tag per second.
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Publishing interval of the subscription, in milliseconds.
    #[arg(long, default_value_t = 100)]
    publishing: u64,
    /// Messages that wait before the broker comes.
    #[arg(long, default_value_t = 500_000)]
    messages: u64,
    /// The most that the bare loop has in flight.
    #[arg(long, default_value_t = 2_000)]
    window: u16,
    /// Times that all of it is measured.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Seconds before the measurement of the steady load.
    #[arg(long, default_value_t = 10)]
    settle: u64,
    /// Seconds of the measurement of the steady load.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    #[command(flatten)]
    wishes: Wishes,
}

impl Arguments {
    fn load(&self) -> Load {
        let Self { tags, rate, publishing, settle, seconds, .. } = *self;
        Load { tags, rate, publishing, sampling: 0, warm_up: settle, seconds }
    }

    fn mapping(&self, simulator: &Simulator, broker: &Mosquitto) -> Result<Mapping> {
        mapping::generate(&self.load(), "none", &simulator.url(), &broker.url())
    }

    async fn bare(&self, offer: &Offer, broker: &Mosquitto, sample: &Path, folder: &Path) -> Result<Value> {
        // As with the window without a limit of `link`.
        let settings = self.wishes.within(0);
        BareLoop { sample, window: self.window, settings, offer }.run(broker, folder).await
    }
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    table::backlog_head();
    for round in 1..=arguments.rounds {
        report::progress(&format!("round {round} of {}", arguments.rounds));
        let folder = tempfile::tempdir()?;
        steady(arguments, folder.path()).await?;
        drain(arguments, folder.path()).await?;
    }
    Ok(())
}

/// What passes of the load while the broker is there; leaves a sample.
async fn steady(arguments: &Arguments, folder: &Path) -> Result<()> {
    let load = arguments.load();
    let simulator = bed::simulator(&load).await?;
    let mut broker = bed::broker(Transport::Tcp, 0)?;
    broker.resume().await?;
    let mut adapter = Adapter::start(&arguments.mapping(&simulator, &broker)?).await?;
    pause(Duration::from_secs(arguments.settle)).await;
    let sample = folder.join("sample");
    sample::record(&bed::target(&broker), &sample).await?;
    let before = Look::at(&adapter, &broker).await?;
    pause(Duration::from_secs(arguments.seconds)).await;
    let after = Look::at(&adapter, &broker).await?;
    adapter.kill()?;
    drop(simulator);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of messages")]
    let offered = load.values_per_second() as u64;
    let offer = Offer { offered, tick: arguments.publishing, until: arguments.seconds, messages: 0 };
    let bare = Figures::of_bare(&arguments.bare(&offer, &broker, &sample, folder).await?);
    let figures = Figures::between(&before, &after);
    let what = format!("{offered} values/s, {:.0} wait at the end", figures.waiting);
    table::backlog_row(&what, &figures, &bare);
    Ok(())
}

/// How fast a full spool drains when nothing is added to it.
async fn drain(arguments: &Arguments, folder: &Path) -> Result<()> {
    let load = arguments.load();
    let mut simulator = bed::simulator(&load).await?;
    let mut broker = bed::broker(Transport::Tcp, 0)?;
    let mut adapter = Adapter::spawn(&arguments.mapping(&simulator, &broker)?)?;
    let http = adapter.http().clone();
    wait_until("enough messages wait in the spool", LONGEST, async || {
        // Until it listens, connections are refused.
        let Ok(metrics) = http.metrics().await else { return Ok(None) };
        Ok((metrics.sum("tagwise_spool_messages", &[]) >= arguments.messages as f64).then_some(()))
    })
    .await?;
    simulator.kill()?;
    broker.resume().await?;
    let first = Look::at(&adapter, &broker).await?;
    let all = first.waiting();
    let (before, after) = bounds(&adapter, &broker, first, all).await?;
    adapter.kill()?;
    let figures = Figures::between(&before, &after);
    let messages = arguments.messages;
    let offer = Offer { offered: 0, tick: 100, until: 0, messages };
    let bare = Figures::of_bare(&arguments.bare(&offer, &broker, &folder.join("sample"), folder).await?);
    table::backlog_row(&format!("draining a spool of {all:.0}"), &figures, &bare);
    Ok(())
}

/// The looks when a twentieth of the messages was acknowledged, and when all but that were.
async fn bounds(adapter: &Adapter, broker: &Mosquitto, first: Look, all: f64) -> Result<(Look, Look)> {
    let already = first.acknowledged();
    let (mut look, mut before) = (first, None);
    let deadline = look.at + LONGEST;
    loop {
        ensure!(look.at < deadline, "{:.0} messages still wait", look.waiting());
        let share = (look.acknowledged() - already) / all;
        if share >= 0.95 {
            return Ok((before.context("it drained between two looks")?, look));
        }
        if share >= 0.05 && before.is_none() {
            before = Some(look);
        }
        pause(LOOK).await;
        look = Look::at(adapter, broker).await?;
    }
}
