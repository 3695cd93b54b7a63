//! What a disk that is full, damaged or cut off from power costs is announced, and all else arrives in order.

use std::time::Duration;

use anyhow::Result;
use tagwise_tests::{BrokerKind, SmallDisk, cannot_mount};

use crate::{
    disk_fault::{Damage, on, weighty},
    mqtt_fault_stand::{MqttFaultStand, Terms},
};

fn terms() -> Terms {
    Terms::of(BrokerKind::Mosquitto)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_nothing_while_the_broker_is_there() -> Result<()> {
    if cannot_mount("a_full_disk_costs_nothing_while_the_broker_is_there") {
        return Ok(());
    }
    let disk = SmallDisk::in_memory(16)?;
    let Some(mut stand) = on(&disk, terms()).await? else { return Ok(()) };
    stand.suffer_full_disk(&disk, Duration::from_secs(2)).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_neither_disk_nor_memory_can_hold_is_announced() -> Result<()> {
    if cannot_mount("what_neither_disk_nor_memory_can_hold_is_announced") {
        return Ok(());
    }
    let disk = SmallDisk::in_memory(48)?;
    let Some(mut stand) = on(&disk, weighty(terms())).await? else { return Ok(()) };
    stand.suffer_full_disk_without_broker(&disk, Duration::ZERO).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_damaged_on_the_disk_is_announced() -> Result<()> {
    let Some(mut stand) = MqttFaultStand::set_up(terms().load(50, 10.0)).await? else { return Ok(()) };
    stand.suffer_damage(Damage::BitsAndPages, 2_000.0).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_at_either_end_of_a_file_is_announced() -> Result<()> {
    let Some(mut stand) = MqttFaultStand::set_up(terms().load(50, 10.0)).await? else { return Ok(()) };
    stand.suffer_damage(Damage::Truncated, 1_000.0).await?;
    stand.suffer_damage(Damage::Beginning, 1_000.0).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_costs_only_what_sync_does_not_promise() -> Result<()> {
    if cannot_mount("a_power_cut_costs_only_what_sync_does_not_promise") {
        return Ok(());
    }
    let disk = SmallDisk::in_file(64)?;
    let Some(mut stand) = on(&disk, terms()).await? else { return Ok(()) };
    stand.suffer_power_cut(&disk).await.map(drop)
}
