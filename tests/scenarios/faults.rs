//! After each fault of network or server data flows again by itself, nothing is lost that the server still had, and no
//! session is left behind.

use std::time::Duration;

use anyhow::{Result, ensure};
use opcua::types::StatusCode;
use tagwise_tests::{Message, Service, Stack, UaServerOptions};

use crate::{fault::Fault, fault_stand::FaultStand, stacks::Stand};

/// How long a fault goes on after it has been noticed.
const A_WHILE: Duration = Duration::from_millis(500);

/// Three stacks suffer each fault here, and all of them in `cargo xtask soak`.
macro_rules! survives {
    ($($name:ident: $($fault:ident),+;)*) => { $(
        mod $name {
            use anyhow::Result;
            use tagwise_tests::Stack;

            use crate::fault::Fault;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn of_the_simulator() -> Result<()> {
                super::suffer(Stack::Simulator, &[$(Fault::$fault),+]).await
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn of_open62541() -> Result<()> {
                super::suffer(Stack::Open62541, &[$(Fault::$fault),+]).await
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn of_asyncua() -> Result<()> {
                super::suffer(Stack::Asyncua, &[$(Fault::$fault),+]).await
            }
        }
    )* };
}

survives! {
    a_reset_and_a_cut_cost_no_value: Reset, Cut;
    a_hole_in_the_network_costs_no_value: Hole;
    a_slow_drip_costs_no_value: Drip;
    a_frozen_process_costs_no_value: Frozen;
    a_swallowed_message_is_fetched_again: Swallowed;
    refusals_after_a_restart_are_overcome: TooManyOperations, TooManySessions;
    refusals_of_publish_are_overcome: SubscriptionIdInvalid, NoSubscription;
}

/// Longer than a connection waits for its first answer: the kernel of a frozen server goes on taking connections.
const LONGER_THAN_A_CONNECTION_WAITS: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_connections_and_says_nothing_for_long_costs_no_value() -> Result<()> {
    let Some(mut stand) = FaultStand::set_up(Stack::Simulator).await? else { return Ok(()) };
    for fault in [Fault::Frozen, Fault::Hole] {
        let outcome = stand.suffer(fault, LONGER_THAN_A_CONNECTION_WAITS).await?;
        ensure!(outcome.sessions == 1, "{fault:?}: the session was given up");
    }
    Ok(())
}

/// What the proxy does without looking into messages, over connections that are encrypted.
macro_rules! survives_encrypted {
    ($($name:ident: $stack:ident $($fault:ident),+;)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() -> Result<()> {
            let Some(stand) = FaultStand::set_up_encrypted(Stack::$stack).await? else { return Ok(()) };
            suffer_on(stand, &[$(Fault::$fault),+]).await
        }
    )* };
}

survives_encrypted! {
    resets_cuts_and_restarts_are_survived_encrypted_with_asyncua: Asyncua Reset, Cut, Killed;
    a_hole_is_survived_encrypted_with_asyncua: Asyncua Hole;
    a_drip_is_survived_encrypted_with_asyncua: Asyncua Drip;
    resets_cuts_and_holes_are_survived_encrypted_with_open62541: Open62541 Reset, Cut, Hole;
}

async fn suffer(stack: Stack, faults: &[Fault]) -> Result<()> {
    let Some(stand) = FaultStand::set_up(stack).await? else { return Ok(()) };
    suffer_on(stand, faults).await
}

async fn suffer_on(mut stand: FaultStand, faults: &[Fault]) -> Result<()> {
    for fault in faults {
        stand.suffer(*fault, A_WHILE).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_no_longer_has_is_announced_as_a_gap() -> Result<()> {
    let Some(stand) = FaultStand::set_up(Stack::Simulator).await? else { return Ok(()) };
    stand.proxy.refuse(Service::Republish, StatusCode::BadMessageNotAvailable, 100);
    stand.proxy.swallow_notifications(1);
    let is_gap = |message: &Message| message.topic == "tagwise/line1/gap";
    let gap = stand.stand.probe.wait_for("the gap is announced", is_gap).await?.json()?;
    assert_eq!((&gap["scope"], &gap["cause"]), (&"subscription".into(), &"sequence".into()), "{gap}");
    assert_eq!(gap["count"], 1, "{gap}");
    let metrics = stand.adapter.http().metrics().await?;
    assert!(metrics.sum("tagwise_opcua_sequence_gaps_total", &[]) >= 1.0, "the gap is counted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_at_the_same_address_is_subscribed_anew() -> Result<()> {
    let Some(mut stand) = FaultStand::set_up(Stack::Asyncua).await? else { return Ok(()) };
    let Some(mut other) = Stand::set_up(Stack::NodeOpcua, UaServerOptions::default()).await? else { return Ok(()) };
    // It knows neither the session nor the subscription of the first.
    stand.proxy.lead_to(other.server.port());
    stand.proxy.reset();
    other.one_session().await?;
    let mark = stand.stand.probe.mark();
    let is_counter = |message: &Message| message.topic == "counter";
    stand.stand.probe.wait_after(mark, "values of the other server flow", is_counter).await?;
    stand.adapter.ready().await.map(drop)
}
