//! `tagwise simulate`: the demo's PLC alone.

use std::io::{self, Write};

use anyhow::Context;
use tagwise_simulator::{Plc, PlcOptions, PlcSecurity};

use super::{args::Simulate, entry::DONE, run::block_on, signals::StopSignals};

/// Runs the PLC until told to stop. The first line on stdout is its endpoint.
pub fn simulate(arguments: &Simulate) -> anyhow::Result<u8> {
    let options = PlcOptions {
        listen: arguments.listen,
        load_tags: arguments.tags,
        load_rate_hz: arguments.rate,
        seed: arguments.seed,
        user: arguments.user.clone(),
        security: arguments
            .secure
            .as_ref()
            .map(|directory| PlcSecurity { trusts_every_client: false, ..PlcSecurity::new(directory) }),
        ..PlcOptions::default()
    };
    block_on(async {
        let signals = StopSignals::listen()?;
        let plc = Plc::start(options).await.context("the simulated PLC cannot start")?;
        // Written and flushed whole, since other programs wait for it.
        let mut out = io::stdout().lock();
        writeln!(out, "{}", plc.endpoint_url()).and_then(|()| out.flush()).context("stdout is closed")?;
        drop(out);
        let end = async {
            match arguments.duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = signals.first() => {}
            () = end => {}
        }
        plc.stop().await;
        Ok(DONE)
    })
}
