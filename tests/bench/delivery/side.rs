//! What each side measures of itself.

use std::time::Instant;

use anyhow::Result;
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::json;
use tagwise_tests::Usage;

/// The broker, as each side is told of it.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ToBroker {
    /// Its port on loopback.
    #[arg(long)]
    pub(crate) port: u16,
    /// Its process, whose CPU time is read too.
    #[arg(long)]
    pub(crate) broker: u32,
}

/// A measurement from its beginning on.
pub(crate) struct Measured {
    started: Instant,
    own: Usage,
    broker: Option<(u32, Usage)>,
}

impl Measured {
    /// Begins, beside a broker or without one.
    pub(crate) fn begin(broker: Option<u32>) -> Result<Self> {
        let broker = broker.map(|id| Ok::<_, anyhow::Error>((id, Usage::of(id)?))).transpose()?;
        Ok(Self { started: Instant::now(), own: Usage::of(std::process::id())?, broker })
    }

    /// Ends, and prints one JSON object.
    #[expect(clippy::print_stdout, reason = "the result")]
    pub(crate) fn report(self, messages: u64, delays: Option<&Histogram<u64>>) -> Result<()> {
        let seconds = self.started.elapsed().as_secs_f64();
        let own = Usage::of(std::process::id())?;
        let broker =
            self.broker.map(|(id, before)| Ok::<_, anyhow::Error>(Usage::of(id)?.cpu_seconds - before.cpu_seconds));
        let delay = |quantile| delays.map(|delays| delays.value_at_quantile(quantile));
        let result = json!({
            "messages": messages,
            "seconds": seconds,
            "cpu_seconds": own.cpu_seconds - self.own.cpu_seconds,
            "broker_cpu_seconds": broker.transpose()?,
            "peak_resident_bytes": own.peak_resident_bytes,
            "delay_p50_us": delay(0.5),
            "delay_p99_us": delay(0.99),
        });
        println!("{result}");
        Ok(())
    }
}
