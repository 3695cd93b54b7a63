//! What can go wrong with the disk under the spool, and how it is brought about.

use std::{
    collections::HashSet,
    fs::{self, File},
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tagwise_tests::{Reply, Signal, SmallDisk, SpoolFolder, SpooledMessage, Verdict, pause};

use crate::mqtt_fault_stand::{MqttFaultStand, Row, Terms, waiting};

/// More than twenty times the interval at which the spool is synced by default.
const SYNCED_BY_THEN: Duration = Duration::from_secs(3);
/// Twice the interval at which cursors are written.
const CURSOR_IS_WRITTEN: Duration = Duration::from_secs(2);
/// In which a sync that has begun is over, on a disk in the memory of the machine.
const SYNC_IS_OVER: Duration = Duration::from_millis(500);

/// For an orderly end that waits in vain for the broker.
const ENOUGH_TO_END: Duration = Duration::from_secs(30);

/// The adapter with its state on a disk of its own.
pub(crate) async fn on(disk: &SmallDisk, terms: Terms) -> Result<Option<MqttFaultStand>> {
    MqttFaultStand::set_up(Terms { state_dir: Some(disk.path().join("line1")), ..terms }).await
}

/// So much data that the bound of the memory, 8 MiB, is reached in a few seconds.
pub(crate) fn weighty(terms: Terms) -> Terms {
    Terms { padding: 1_000, ..terms.load(100, 10.0) }
}

impl MqttFaultStand {
    /// The disk is full for a while, with the broker there: nothing is lost, and `/readyz` says how it is.
    pub(crate) async fn suffer_full_disk(&mut self, disk: &SmallDisk, time: Duration) -> Result<Row> {
        disk.fill()?;
        self.adapter.readiness("the full disk is noticed", |reply| reply.status == 503 && blames_disk(reply)).await?;
        pause(time).await;
        disk.free()?;
        let over = Instant::now();
        self.adapter.ready().await?;
        let row = self.recover(&format!("disk full for {} s", time.as_secs()), over).await?;
        row.is_clean()?;
        Ok(row)
    }

    /// The disk is full while the broker is away, for longer than memory can hold: what is lost is counted and announced,
    /// and nothing else.
    pub(crate) async fn suffer_full_disk_without_broker(&mut self, disk: &SmallDisk, time: Duration) -> Result<Row> {
        self.broker_dies(true).await?;
        disk.fill()?;
        self.adapter.readiness("the full disk is noticed", blames_disk).await?;
        pause(time).await;
        let is_lossy = |metrics: &tagwise_tests::Metrics| dropped_for_disk(metrics) >= 500.0;
        self.adapter.metrics_where("memory is full as well", is_lossy).await?;
        disk.free()?;
        self.adapter.readiness("the disk takes messages again", |reply| !blames_disk(reply)).await?;
        let over = self.broker_returns().await?;
        self.adapter.ready().await?;
        let row = self.recover("disk full and broker away", over).await?;
        self.is_announced(&row).await?;
        Ok(row)
    }

    /// Files of the spool are damaged between two runs.
    pub(crate) async fn suffer_damage(&mut self, damage: Damage, messages: f64) -> Result<Row> {
        self.broker_dies(true).await?;
        // Nothing of a segment that is begun without a broker has been delivered.
        self.restart().await?;
        let waiting = waiting(&self.adapter.http().metrics().await?);
        self.backlog(waiting + messages).await?;
        // It ends although it cannot deliver, and leaves all of it on the disk.
        self.adapter.terminate(ENOUGH_TO_END).await?;
        let spool = SpoolFolder::in_state(&self.state_dir())?;
        self.expect(&spool.messages()?);
        damage.inflict(&spool)?;
        self.adapter.resume()?;
        let over = self.broker_returns().await?;
        let row = self.recover(damage.name(), over).await?;
        ensure!(row.verdict.missing > 0, "nothing was damaged: {row}");
        self.is_announced(&row).await?;
        Ok(row)
    }

    /// The power is cut: what had been accepted for longer than the interval of the sync survives, and what follows.
    ///
    /// The disk is a file with a file system in it. What the adapter has written and not synced waits in the memory of the
    /// operating system and is not in that file. So a copy of the file, made while the adapter is frozen, is what the disk
    /// holds after a power cut at that moment.
    pub(crate) async fn suffer_power_cut(&mut self, disk: &SmallDisk) -> Result<Row> {
        self.broker_dies(true).await?;
        // What the broker has acknowledged is not promised any more; the cursor that says so is written once a second.
        pause(CURSOR_IS_WRITTEN).await;
        self.backlog(500.0).await?;
        let spool = SpoolFolder::in_state(&self.state_dir())?;
        let promised = spool.messages()?;
        // The promise is one about time.
        pause(SYNCED_BY_THEN).await;
        let unsynced = disk.path().join("unsynced");
        fs::write(&unsynced, "nobody syncs this")?;
        self.adapter.signal(Signal::Stop)?;
        pause(SYNC_IS_OVER).await;
        disk.keep_as_after_power_cut()?;
        self.adapter.kill()?;
        disk.go_back_to_what_was_kept()?;
        ensure!(fs::read(&unsynced).unwrap_or_default().is_empty(), "the cut has to cut off what was not synced");
        let survivors = spool.messages()?;
        self.expect(&survivors);
        let survived: HashSet<SpooledMessage> = survivors.into_iter().collect();
        let lost = promised.iter().filter(|message| !survived.contains(message)).count();
        report_survivors(promised.len(), survived.len());
        ensure!(lost == 0, "{lost} messages were lost of {} that had long been accepted", promised.len());
        self.adapter.resume()?;
        let over = self.broker_returns().await?;
        let row = self.recover("power cut", over).await?;
        row.is_clean()?;
        Ok(row)
    }

    async fn restart(&mut self) -> Result<()> {
        self.adapter.terminate(ENOUGH_TO_END).await?;
        self.adapter.resume()?;
        // Not ready: the broker is missing, and only that.
        let is_up = |reply: &Reply| reply.status == 503 && !reply.body.contains("opcua");
        self.adapter.readiness("the adapter runs again", is_up).await.map(drop)
    }

    /// What is missing is announced, and counted for the same reason.
    async fn is_announced(&self, row: &Row) -> Result<()> {
        row.is_announced()?;
        let counted = dropped_for_disk(&self.adapter.http().metrics().await?);
        let Verdict { announced, .. } = row.verdict;
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let difference = counted - announced as f64;
        ensure!(difference.abs() < 0.5, "{counted} are counted, and {announced} announced");
        Ok(())
    }
}

fn blames_disk(reply: &Reply) -> bool {
    reply.body.contains("the spool's disk refuses")
}

fn dropped_for_disk(metrics: &tagwise_tests::Metrics) -> f64 {
    metrics.sum("tagwise_spool_dropped_total", &[("reason", "disk")])
}

#[expect(clippy::print_stdout, reason = "measured figures")]
fn report_survivors(promised: usize, survived: usize) {
    println!("power cut: {promised} messages had long been accepted; {survived} are there afterwards");
}

/// What a segment's file begins with, and is no record.
const HEAD: u64 = 28;
const PAGE: usize = 4096;

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// A bit here, a page there.
    BitsAndPages,
    /// The first page, in which it says where the messages go.
    Beginning,
    /// The file is half as long as it was.
    Truncated,
}

impl Damage {
    const fn name(self) -> &'static str {
        match self {
            Self::BitsAndPages => "spool segment: bits flipped, a page zeroed",
            Self::Beginning => "spool segment: beginning zeroed",
            Self::Truncated => "spool segment: cut short",
        }
    }

    fn inflict(self, spool: &SpoolFolder) -> Result<()> {
        let segments = spool.value_segments()?;
        let (path, length) = segments.last().context("there is no segment")?;
        let file = File::options().read(true).write(true).open(path)?;
        match self {
            Self::BitsAndPages => {
                for quarter in [1, 3] {
                    let mut byte = [0];
                    file.read_exact_at(&mut byte, length * quarter / 4)?;
                    file.write_all_at(&[byte[0] ^ 0x10], length * quarter / 4)?;
                }
                file.write_all_at(&[0; PAGE], length / 2)?;
            }
            // What the file is, and of which start, stays readable.
            Self::Beginning => file.write_all_at(&[0; PAGE], HEAD)?,
            Self::Truncated => file.set_len(length / 2)?,
        }
        Ok(())
    }
}
