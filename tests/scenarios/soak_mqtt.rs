//! Each fault on the way to the broker at length, against each broker, over TCP and TLS: `cargo xtask soak --only mqtt`.

use std::time::Duration;

use anyhow::Result;
use tagwise_tests::{BrokerKind, SmallDisk, cannot_mount};

use crate::{
    disk_fault::{Damage, on, weighty},
    mqtt_fault::MqttFault,
    mqtt_fault_stand::{MqttFaultStand, Row, Terms},
};

/// A thousand values a second.
const TAGS: usize = 100;
const RATE: f64 = 10.0;
const KILLS: u64 = 50;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes; run by `cargo xtask soak`"]
async fn soak_of_mqtt_faults_on_every_broker() -> Result<()> {
    let mut rows = Vec::new();
    for kind in BrokerKind::ALL {
        for has_tls in [false, true] {
            let terms = Terms::of(kind).with_tls(has_tls).load(TAGS, RATE);
            let restarts = [MqttFault::Killed, MqttFault::Stopped];
            if !suffer(terms.clone().persistent(true), &restarts, &mut rows).await? {
                continue;
            }
            let mut faults = restarts.to_vec();
            faults.extend([MqttFault::Away(seconds(60)), MqttFault::Hole(seconds(30)), MqttFault::HalfOpen]);
            if !has_tls {
                // The proxy has to see the packets for these.
                faults.extend([MqttFault::Mute(seconds(70)), MqttFault::HangsUp(50)]);
            }
            suffer(terms, &faults, &mut rows).await?;
        }
    }
    print(&rows);
    Ok(())
}

/// `false` where the broker's program is missing.
async fn suffer(terms: Terms, faults: &[MqttFault], rows: &mut Vec<Row>) -> Result<bool> {
    let Some(mut stand) = MqttFaultStand::set_up(terms).await? else { return Ok(false) };
    for fault in faults {
        rows.push(stand.suffer(*fault).await?);
    }
    Ok(true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes; run by `cargo xtask soak`"]
async fn soak_of_fifty_kills_while_the_broker_comes_and_goes() -> Result<()> {
    let mut rows = Vec::new();
    for (kind, has_tls) in [(BrokerKind::Mosquitto, false), (BrokerKind::HiveMq, true)] {
        let terms = Terms::of(kind).with_tls(has_tls).load(TAGS, RATE);
        let Some(mut stand) = MqttFaultStand::set_up(terms).await? else { continue };
        rows.push(stand.suffer_kills(KILLS).await?);
    }
    print(&rows);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes; run by `cargo xtask soak`"]
async fn soak_of_disk_faults() -> Result<()> {
    let mut rows = Vec::new();
    let terms = Terms::of(BrokerKind::Mosquitto).load(TAGS, RATE);
    let Some(mut stand) = MqttFaultStand::set_up(terms.clone()).await? else { return Ok(()) };
    for damage in [Damage::BitsAndPages, Damage::Beginning, Damage::Truncated] {
        rows.push(stand.suffer_damage(damage, 10_000.0).await?);
    }
    drop(stand);
    if !cannot_mount("soak_of_disk_faults") {
        let disk = SmallDisk::in_memory(64)?;
        if let Some(mut stand) = on(&disk, terms.clone()).await? {
            rows.push(stand.suffer_full_disk(&disk, seconds(10)).await?);
        }
        let disk = SmallDisk::in_memory(128)?;
        if let Some(mut stand) = on(&disk, weighty(terms.clone())).await? {
            rows.push(stand.suffer_full_disk_without_broker(&disk, seconds(10)).await?);
        }
        let disk = SmallDisk::in_file(256)?;
        if let Some(mut stand) = on(&disk, terms).await? {
            for _ in 0..3 {
                rows.push(stand.suffer_power_cut(&disk).await?);
            }
        }
    }
    print(&rows);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result")]
fn print(rows: &[Row]) {
    println!("\n{}", Row::heading());
    for row in rows {
        println!("{row}");
    }
}
