//! What can go wrong between the adapter and its broker, and how it is brought about.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use tagwise_tests::{Usage, pause, wait_until};

use crate::mqtt_fault_stand::{LONG_PATIENCE, MqttFaultStand, Row};

/// The memory of a spool is bounded, so it grows by that bound at most, and by what an allocator keeps.
const GROWTH_BYTES: u64 = 48_000_000;
/// An adapter without any acknowledgement gives the connection up after so long.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(30);
/// How long an adapter lives at most before it is killed, in milliseconds.
const LONGEST_LIFE: u64 = 2_500;

/// Something that goes wrong, and is over at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MqttFault {
    /// The broker is killed, and started again.
    Killed,
    /// The broker ends in order, and is started again.
    Stopped,
    /// The broker is killed and away for so long.
    Away(Duration),
    /// Nothing comes through for so long, and nobody is told.
    Hole(Duration),
    /// The adapter's connection is reset, and the broker holds it for open.
    HalfOpen,
    /// The broker takes messages for so long, and acknowledges none.
    Mute(Duration),
    /// The broker hangs up so often, each time after a hundred messages.
    HangsUp(u64),
}

impl MqttFault {
    /// The name for reports.
    pub(crate) fn name(self, is_persistent: bool) -> String {
        let with = if is_persistent { "with persistence" } else { "without persistence" };
        match self {
            Self::Killed => format!("broker killed, {with}"),
            Self::Stopped => format!("broker restarted in order, {with}"),
            Self::Away(time) => format!("broker away for {} s", time.as_secs()),
            Self::Hole(time) => format!("network hole of {} s", time.as_secs()),
            Self::HalfOpen => "half-open connection at the broker".to_owned(),
            Self::Mute(time) => format!("broker acknowledges nothing for {} s", time.as_secs()),
            Self::HangsUp(times) => format!("broker hangs up after 100, {times} times"),
        }
    }

    /// Brings it about. Returns when it was over.
    async fn play(self, stand: &mut MqttFaultStand) -> Result<Instant> {
        match self {
            Self::Killed => {
                stand.broker_dies(true).await?;
                return stand.broker_returns().await;
            }
            Self::Stopped => {
                stand.broker_dies(false).await?;
                return stand.broker_returns().await;
            }
            Self::Away(time) => {
                stand.broker_dies(true).await?;
                pause(time).await;
                return stand.broker_returns().await;
            }
            Self::Hole(time) => {
                stand.proxy.open_hole();
                pause(time).await;
                stand.proxy.open();
            }
            Self::HalfOpen => stand.proxy.abandon(),
            Self::Mute(time) => stay_mute(stand, time).await?,
            Self::HangsUp(times) => {
                let before = stand.proxy.hang_ups();
                stand.proxy.hang_up_after(Some(100));
                let is_played = async || Ok((stand.proxy.hang_ups() >= before + times).then_some(()));
                wait_until("the proxy has hung up often enough", LONG_PATIENCE, is_played).await?;
                stand.proxy.hang_up_after(None);
            }
        }
        Ok(Instant::now())
    }
}

/// The broker acknowledges nothing; meanwhile memory stays bounded, and no more is sent than the broker allows.
async fn stay_mute(stand: &mut MqttFaultStand, time: Duration) -> Result<()> {
    /// No more than HiveMQ allows by itself.
    const RECEIVE_MAXIMUM: u16 = 10;
    stand.proxy.set_mute(true);
    stand.proxy.allow_in_flight(RECEIVE_MAXIMUM);
    stand.backlog(100.0).await?;
    let before = Usage::of(stand.adapter.id()?)?.resident_bytes;
    pause(time).await;
    let after = Usage::of(stand.adapter.id()?)?.resident_bytes;
    let most = stand.proxy.most_outstanding();
    ensure!(most == usize::from(RECEIVE_MAXIMUM), "{most} messages were outstanding and not {RECEIVE_MAXIMUM}");
    ensure!(after < before + GROWTH_BYTES, "the adapter grew from {before} to {after} bytes in {time:?}");
    report_memory(before, after, time);
    stand.proxy.set_mute(false);
    if time < GIVEN_UP_AFTER {
        // What the adapter would do by itself after a longer wait.
        stand.proxy.reset();
    }
    Ok(())
}

#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "measured figures to read")]
fn report_memory(before: u64, after: u64, time: Duration) {
    println!("mute for {time:?}: {:.1} MB resident, {:.1} MB before", after as f64 / 1e6, before as f64 / 1e6);
}

impl MqttFaultStand {
    /// Plays a fault, waits until all is well again, prints what it has done, and fails unless nothing was lost.
    pub(crate) async fn suffer(&mut self, fault: MqttFault) -> Result<Row> {
        let over = fault.play(self).await?;
        let row = self.recover(&fault.name(self.terms.is_persistent), over).await?;
        row.is_clean()?;
        Ok(row)
    }

    /// Kills the adapter at random moments, while the broker comes and goes; each time all that was accepted by then is
    /// noted, and has to arrive.
    pub(crate) async fn suffer_kills(&mut self, times: u64) -> Result<Row> {
        let mut random = Random::seeded();
        let mut is_broker_there = true;
        for _ in 0..times {
            pause(Duration::from_millis(random.below(LONGEST_LIFE))).await;
            if random.below(2) == 0 {
                self.toggle_broker(&mut is_broker_there).await?;
                pause(Duration::from_millis(random.below(500))).await;
            }
            self.kill_adapter()?;
            if random.below(4) == 0 {
                self.toggle_broker(&mut is_broker_there).await?;
            }
            self.adapter.resume()?;
            self.hear_all();
        }
        if !is_broker_there {
            self.broker_returns().await?;
        }
        let over = Instant::now();
        let row = self.recover(&format!("Tagwise killed {times} times, broker too"), over).await?;
        row.is_clean()?;
        Ok(row)
    }

    async fn toggle_broker(&mut self, is_there: &mut bool) -> Result<()> {
        if *is_there {
            self.broker_dies(true).await?;
        } else {
            self.broker_returns().await?;
        }
        *is_there = !*is_there;
        Ok(())
    }
}

/// Numbers that differ from run to run; the seed is printed.
struct Random(u64);

impl Random {
    #[expect(clippy::print_stdout, reason = "to play a failure again")]
    fn seeded() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = u64::from(now.subsec_nanos());
        println!("seed {seed}");
        Self(seed)
    }

    /// From 0 to below `limit`: `SplitMix64`.
    const fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
