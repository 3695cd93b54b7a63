//! `cargo xtask bench link`: a steady load into brokers that grant windows of different sizes, the whole adapter and then
//! a bare loop with its messages, in turns.

use std::{path::Path, time::Duration};

use anyhow::Result;
use clap::Args;
use tagwise_tests::{Adapter, Mosquitto, Simulator, pause, wait_until};

use super::{
    bed::{self, BareLoop, Transport},
    offer::Offer,
    sample,
    settings::Wishes,
    table,
    turn::{Figures, Look},
};
use crate::{load::Load, mapping, report};

/// How long the training of all models may take.
const LONGEST_TRAINING: Duration = Duration::from_mins(5);

/// What is measured, and how often.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Double tags.
    #[arg(long, default_value_t = 1000)]
    tags: usize,
    /// Changes of each tag per second.
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Publishing interval of the subscription, in milliseconds; the bare loop's bursts come as often.
    #[arg(long, default_value_t = 100)]
    publishing: u64,
    /// Windows that the broker grants; 0 is one without a limit.
    #[arg(long, value_delimiter = ',', default_value = "1000,100,20,10")]
    windows: Vec<u16>,
    /// Detectors on every tag, and `none`.
    #[arg(long, value_delimiter = ',', default_value = "none,isolation_forest")]
    models: Vec<String>,
    /// Subscribers to everything.
    #[arg(long, value_delimiter = ',', default_value = "0,1")]
    subscribers: Vec<usize>,
    /// Ways to the broker.
    #[arg(long, value_delimiter = ',', value_enum, default_value = "tcp,tls")]
    transports: Vec<Transport>,
    /// Times that all of it is measured.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Seconds before each measurement of the adapter; where there are models, from when all are trained.
    #[arg(long, default_value_t = 8)]
    settle: u64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Measures the bare loop alone, with messages of `--payload` bytes.
    #[arg(long, default_value_t = false)]
    only_bare: bool,
    /// Bytes of a payload with `--only-bare`.
    #[arg(long, default_value_t = 130)]
    payload: usize,
    /// Messages per second that the bare loop is offered, 0 is as many as the broker takes; the tags' rate where absent.
    #[arg(long)]
    offered: Option<u64>,
    #[command(flatten)]
    wishes: Wishes,
}

/// One combination of what is measured.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) transport: Transport,
    pub(super) model: String,
    pub(super) subscribers: usize,
    pub(super) window: u16,
}

/// What both sides did in one turn.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) case: Case,
    pub(super) adapter: Option<Figures>,
    pub(super) bare: Figures,
}

impl Arguments {
    fn load(&self) -> Load {
        let Self { tags, rate, publishing, settle, seconds, .. } = *self;
        Load { tags, rate, publishing, sampling: 0, warm_up: settle, seconds }
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        // Where there is no adapter, there is nothing to put a model on.
        let models: &[String] = if self.only_bare { &["-".to_owned()] } else { &self.models };
        for &transport in &self.transports {
            for model in models {
                for &subscribers in &self.subscribers {
                    let case = |&window| Case { transport, model: model.clone(), subscribers, window };
                    cases.extend(self.windows.iter().map(case));
                }
            }
        }
        cases
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of messages")]
    fn offer(&self) -> Offer {
        let offered = self.offered.unwrap_or(self.load().values_per_second() as u64);
        Offer { offered, tick: self.publishing, until: self.seconds, messages: 0 }
    }
}

/// Measures and prints each row when it is known.
pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let load = arguments.load();
    let simulator = if arguments.only_bare { None } else { Some(bed::simulator(&load).await?) };
    let cases = arguments.cases();
    let count = cases.len() * arguments.rounds;
    table::head(&load);
    let mut pairs = Vec::new();
    for round in 0..arguments.rounds {
        for (index, case) in cases.iter().enumerate() {
            let number = round * cases.len() + index + 1;
            report::progress(&format!("turn {number} of {count}: {case:?}"));
            let pair = turn(arguments, case, simulator.as_ref()).await?;
            table::row(&pair);
            pairs.push(pair);
        }
    }
    if arguments.rounds > 1 {
        table::medians(&pairs, cases.len());
    }
    Ok(())
}

async fn turn(arguments: &Arguments, case: &Case, simulator: Option<&Simulator>) -> Result<Pair> {
    let folder = tempfile::tempdir()?;
    let mut broker = bed::broker(case.transport, case.window)?;
    broker.resume().await?;
    let mut subscribers = Vec::new();
    for _ in 0..case.subscribers {
        subscribers.push(bed::subscriber(&broker, folder.path()).await?);
    }
    let sample = folder.path().join("sample");
    let adapter = if let Some(simulator) = simulator {
        Some(of_adapter(arguments, case, simulator, &broker, &sample).await?)
    } else {
        sample::make_up(arguments.tags, arguments.payload, &sample)?;
        None
    };
    let offer = arguments.offer();
    let settings = arguments.wishes.within(case.window);
    let bare = BareLoop { sample: &sample, window: u16::MAX, settings, offer: &offer };
    let bare = Figures::of_bare(&bare.run(&broker, folder.path()).await?);
    Ok(Pair { case: case.clone(), adapter, bare })
}

async fn of_adapter(
    arguments: &Arguments,
    case: &Case,
    simulator: &Simulator,
    broker: &Mosquitto,
    sample: &Path,
) -> Result<Figures> {
    let mapping = mapping::generate(&arguments.load(), &case.model, &simulator.url(), &broker.url())?;
    let mapping = bed::broker_keys(broker).map_or_else(|| mapping.clone(), |keys| mapping.clone().broker(&keys));
    let mut adapter = Adapter::start(&mapping).await?;
    if case.model != "none" {
        trained(&adapter, arguments.tags).await?;
    }
    pause(Duration::from_secs(arguments.settle)).await;
    record(broker, sample).await?;
    let before = Look::at(&adapter, broker).await?;
    pause(Duration::from_secs(arguments.seconds)).await;
    let after = Look::at(&adapter, broker).await?;
    // In order, so that the server does not go on to sample for it; what still waits has the mapping's `drain_timeout`.
    adapter.terminate(Duration::from_secs(30)).await?;
    Ok(Figures::between(&before, &after))
}

/// Waits until every tag has its model: training costs many times what scoring does.
async fn trained(adapter: &Adapter, tags: usize) -> Result<()> {
    wait_until("the models are trained", LONGEST_TRAINING, async || {
        let metrics = adapter.http().metrics().await?;
        Ok((metrics.sum("tagwise_model_retrains_total", &[]) >= tags as f64).then_some(()))
    })
    .await
}

/// Takes a sample, and gives the broker time to forget whom it was for.
async fn record(broker: &Mosquitto, sample: &Path) -> Result<()> {
    sample::record(&bed::target(broker), sample).await?;
    pause(Duration::from_secs(1)).await;
    Ok(())
}
