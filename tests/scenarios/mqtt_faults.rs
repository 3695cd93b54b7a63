//! After each fault of network or broker all values arrive, in order.

use std::time::Duration;

use anyhow::Result;
use tagwise_tests::BrokerKind;

use crate::{
    mqtt_fault::MqttFault,
    mqtt_fault_stand::{MqttFaultStand, Terms},
};

async fn suffer(terms: Terms, faults: &[MqttFault]) -> Result<()> {
    let Some(mut stand) = MqttFaultStand::set_up(terms).await? else { return Ok(()) };
    for fault in faults {
        stand.suffer(*fault).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_restart_of_a_broker_with_a_memory_under_load_costs_no_value() -> Result<()> {
    let terms = Terms::of(BrokerKind::Mosquitto).persistent(true);
    suffer(terms, &[MqttFault::Stopped, MqttFault::Killed]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_forgets_everything_costs_no_value() -> Result<()> {
    let terms = Terms::of(BrokerKind::Mosquitto).with_tls(true);
    suffer(terms, &[MqttFault::Stopped, MqttFault::Away(Duration::from_secs(3))]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_hivemq_costs_no_value() -> Result<()> {
    suffer(Terms::of(BrokerKind::HiveMq).with_tls(true), &[MqttFault::Killed]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_in_the_network_and_a_half_open_connection_cost_no_value() -> Result<()> {
    let faults = [MqttFault::Hole(Duration::from_secs(3)), MqttFault::HalfOpen];
    suffer(Terms::of(BrokerKind::Mosquitto), &faults).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_acknowledges_nothing_or_hangs_up_costs_no_value() -> Result<()> {
    let faults = [MqttFault::Mute(Duration::from_secs(2)), MqttFault::HangsUp(5)];
    suffer(Terms::of(BrokerKind::Mosquitto), &faults).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_survives_kills_at_random_moments() -> Result<()> {
    let terms = Terms::of(BrokerKind::Mosquitto).with_tls(true);
    let Some(mut stand) = MqttFaultStand::set_up(terms).await? else { return Ok(()) };
    stand.suffer_kills(5).await.map(drop)
}
