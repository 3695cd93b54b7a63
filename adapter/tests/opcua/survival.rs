//! Servers that are absent, restart, fall silent or refuse.

use std::time::{Duration, Instant};

use tagwise::{
    config::effective::OpcUaConfig,
    domain::{TagId, TagValue},
    opcua::{Plc, PlcError},
};
use tagwise_simulator::{PlcLimits, PlcOptions};

use crate::{
    proxy::Proxy,
    rig::{PATIENCE, Rig, config, free_address, load_tag, plc, plc_at, user},
};

fn load() -> PlcOptions {
    PlcOptions { load_tags: 10, load_rate_hz: 20.0, ..PlcOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_later_is_found() {
    let address = free_address().await;
    let mut rig = Rig::start(config(&format!("opc.tcp://{address}")), &[&load_tag(1)]);
    let snapshot = rig.wait_for("a reason", |snapshot| snapshot.opcua.reason().is_some()).await;
    assert_eq!(snapshot.opcua.as_str(), "CONNECTING");
    let reason = snapshot.opcua.reason().unwrap().to_owned();
    assert!(reason.contains(&address.to_string()) && reason.contains("refuses the connection"), "{reason}");
    assert_eq!(rig.metrics.opcua_connected.get(), 0);

    let server = plc_at(address, load()).await;
    rig.value(TagId(0)).await;
    assert_eq!((rig.metrics.opcua_connected.get(), rig.metrics.opcua_reconnects.get()), (1, 0));
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_flows_again_after_each_of_three_restarts() {
    let mut server = plc(load()).await;
    let address = server.local_addr();
    let mut rig = Rig::start(config(&server.endpoint_url()), &[&load_tag(1), &load_tag(2)]);
    for restart in 0..3 {
        rig.update(TagId(1), |update| update.value.as_number() > Some(5.0)).await;
        if restart == 1 {
            // In good order, where the others lose their power.
            server.stop().await;
        } else {
            drop(server);
        }
        rig.wait_for("a lost session", |snapshot| snapshot.opcua.as_str() != "CONNECTED").await;
        server = plc_at(address, load()).await;
        let begun = Instant::now();
        let first = rig.update(TagId(1), |update| update.flags.is_initial).await;
        let lost = rig.values.take_missing().expect("what changed meanwhile is announced as lost");
        assert!(lost.count == 0 && lost.from < lost.to, "{lost:?}");
        let seconds = begun.elapsed().as_secs_f64();
        println!("restart {restart}: data after {seconds:.2} s");
        assert!(first.value.as_number().is_some());
        assert!(seconds < 1.0 + 2.0, "the longest pause and two seconds: {seconds}");
    }
    assert_eq!(rig.metrics.opcua_reconnects.get(), 3);
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_noticed_while_the_connection_looks_alive() {
    let server = plc(load()).await;
    let proxy = Proxy::start(server.local_addr()).await;
    let mut rig = Rig::start(config(&proxy.url()), &[&load_tag(1)]);
    rig.value(TagId(0)).await;

    proxy.open_hole();
    let plc = rig.plc.clone();
    let write = tokio::spawn(async move { plc.write(TagId(0), TagValue::Double(1.0)).await });
    let begun = Instant::now();
    let snapshot = rig.wait_for("silence", |snapshot| snapshot.opcua.as_str() != "CONNECTED").await;
    let seconds = begun.elapsed().as_secs_f64();
    println!("silence noticed after {seconds:.2} s");
    // Three keep-alives of 0.5 s and the grace.
    assert!(seconds < 4.0, "{seconds}");
    assert!(snapshot.opcua.reason().unwrap().contains("silent"), "{snapshot:?}");
    let answer = write.await.unwrap();
    assert!(matches!(answer, Err(PlcError::NoAnswer { .. })), "{answer:?}");

    proxy.close_hole();
    rig.wait_for("a new connection", |snapshot| snapshot.opcua.as_str() == "CONNECTED").await;
    assert_eq!(rig.metrics.opcua_reconnects.get(), 1);
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_write_without_an_answer_the_next_one_is_sent_only_to_a_server_that_answers() {
    let server = plc(load()).await;
    let proxy = Proxy::start(server.local_addr()).await;
    let mut config = config(&proxy.url());
    config.connection.request_timeout = Duration::from_secs(1);
    config.connection.keep_alive_interval = Duration::from_secs(30);
    let mut rig = Rig::start(config, &[&load_tag(1)]);
    rig.value(TagId(0)).await;

    proxy.open_hole();
    let first = rig.plc.write(TagId(0), TagValue::Double(1.0)).await;
    assert!(matches!(first, Err(PlcError::NoAnswer { .. })), "{first:?}");
    let second = rig.plc.write(TagId(0), TagValue::Double(2.0)).await;
    assert!(matches!(second, Err(PlcError::Undescribed { .. })), "{second:?}");
    rig.stop().await;
    server.stop().await;
}

/// Takes values of the first tag until `how_many` more have come. Ticks count by one, so that a hole in them is a loss.
async fn count_on(rig: &mut Rig, last: &mut f64, how_many: usize) {
    let mut counted = 0;
    while counted < how_many {
        for update in rig.batch().await.into_iter().filter(|update| update.tag == TagId(0)) {
            let value = update.value.as_number().expect("ticks are numbers");
            assert!((value - *last - 1.0).abs() < 1e-9, "after {last} comes {value}");
            assert!(!update.flags.is_initial, "the item was made anew");
            *last = value;
            counted += 1;
        }
    }
}

/// The value that a new item begins with.
async fn first_of(rig: &mut Rig) -> f64 {
    let batch = rig.batch().await;
    let values = batch.iter().filter(|update| update.tag == TagId(0));
    values.last().and_then(|update| update.value.as_number()).expect("a tick of the first tag")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_had_queued_comes_after_a_reset_and_after_a_hole() {
    let server = plc(load()).await;
    let proxy = Proxy::start(server.local_addr()).await;
    let mut rig = Rig::start(config(&proxy.url()), &[&load_tag(1)]);
    let mut last = first_of(&mut rig).await;
    count_on(&mut rig, &mut last, 5).await;
    for round in 1..=4 {
        if round % 2 == 1 {
            proxy.reset();
            rig.wait_for("a lost connection", |snapshot| snapshot.opcua.as_str() != "CONNECTED").await;
        } else {
            proxy.open_hole();
            rig.wait_for("silence", |snapshot| snapshot.opcua.as_str() != "CONNECTED").await;
            proxy.close_hole();
        }
        let begun = Instant::now();
        rig.wait_for("a new connection", |snapshot| snapshot.opcua.as_str() == "CONNECTED").await;
        println!("round {round}: connected after {:.2} s", begun.elapsed().as_secs_f64());
        count_on(&mut rig, &mut last, 40).await;
        assert_eq!(rig.metrics.opcua_reconnects.get(), round);
    }
    assert_eq!(rig.metrics.opcua_sequence_gaps.get(), 0);
    assert_eq!(rig.values.take_missing(), None);
    assert_eq!((server.diagnostics().sessions(), server.diagnostics().sessions_ever()), (1, 1));
    rig.stop().await;
    assert_eq!(server.diagnostics().sessions(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_of_a_session_that_was_forgotten_are_taken_over() {
    // Nobody can take over what an anonymous user of a connection without security has left.
    let server = plc(PlcOptions { user: Some(("edge".into(), "right".into())), ..load() }).await;
    let proxy = Proxy::start(server.local_addr()).await;
    let mut config = OpcUaConfig { auth: user("edge", "right"), ..config(&proxy.url()) };
    // The session is gone by the time that the server is there again; the subscriptions live for ten keep-alives.
    config.connection.session_timeout = Duration::from_secs(1);
    let mut rig = Rig::start(config, &[&load_tag(1)]);
    let mut last = first_of(&mut rig).await;
    count_on(&mut rig, &mut last, 5).await;
    proxy.go();
    rig.wait_for("a lost connection", |snapshot| snapshot.opcua.as_str() != "CONNECTED").await;
    while server.diagnostics().sessions() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    proxy.come_back();
    rig.wait_for("a new connection", |snapshot| snapshot.opcua.as_str() == "CONNECTED").await;
    count_on(&mut rig, &mut last, 80).await;
    assert_eq!(server.diagnostics().sessions_ever(), 2);
    assert_eq!((rig.metrics.opcua_sequence_gaps.get(), rig.values.take_missing()), (0, None));
    rig.stop().await;
    assert_eq!(server.diagnostics().sessions(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_fetched_again_is_counted_and_announced() {
    let server = plc(load()).await;
    let proxy = Proxy::start(server.local_addr()).await;
    let tags: Vec<String> = (1..=10).map(load_tag).collect();
    let mut rig = Rig::start(config(&proxy.url()), &tags.iter().map(String::as_str).collect::<Vec<_>>());
    rig.update(TagId(0), |update| update.value.as_number() > Some(3.0)).await;
    proxy.forget_the_past();
    proxy.steal(2, 300);
    rig.wait_for_missing().await;
    let lost = rig.values.take_missing().unwrap();
    assert!(lost.count == rig.metrics.opcua_sequence_gaps.get() && lost.from <= lost.to, "{lost:?}");
    assert_eq!(rig.metrics.opcua_reconnects.get(), 0);
    rig.update(TagId(0), |_| true).await;
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_of_the_setup_leaves_no_session_behind() {
    let server = plc(load()).await;
    let proxy = Proxy::start(server.local_addr()).await;
    proxy.slow_down(Duration::from_millis(150));
    let rig = Rig::start(config(&proxy.url()), &[&load_tag(1)]);
    let made = async {
        while server.diagnostics().sessions() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, made).await.expect("a session is made");
    assert_eq!(rig.metrics.opcua_connected.get(), 0, "and not yet used");
    rig.stop().await;
    assert_eq!(server.diagnostics().sessions(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_up_on_large_calls_gets_smaller_ones() {
    let server = plc(PlcOptions { load_tags: 400, ..load() }).await;
    let proxy = Proxy::start(server.local_addr()).await;
    // Some 80 items.
    proxy.end_at_longer_than(8_000);
    let tags: Vec<String> = (1..=400).map(load_tag).collect();
    let rig = Rig::start(config(&proxy.url()), &tags.iter().map(String::as_str).collect::<Vec<_>>());
    rig.wait_for_all_active().await;
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_full_before_it_said_gets_more_subscriptions() {
    // It refuses more than 100 items in a Subscription, and declares no such limit.
    let limits =
        PlcLimits { monitored_items_per_call: 40, monitored_items_per_subscription: 100, ..PlcLimits::default() };
    let server = plc(PlcOptions { load_tags: 350, limits, ..load() }).await;
    let tags: Vec<String> = (1..=350).map(load_tag).collect();
    let rig = Rig::start(config(&server.endpoint_url()), &tags.iter().map(String::as_str).collect::<Vec<_>>());
    rig.wait_for_all_active().await;
    assert_eq!(rig.metrics.opcua_reconnects.get(), 1, "one lesson");
    rig.stop().await;
    assert_eq!(server.diagnostics().sessions(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_small_limits_gets_small_calls_and_many_subscriptions() {
    let limits = PlcLimits { monitored_items_per_call: 40, nodes_per_read: 10, ..PlcLimits::default() };
    let server = plc(PlcOptions { load_tags: 350, limits, ..load() }).await;
    let tags: Vec<String> = (1..=350).map(load_tag).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    // Once it says what it takes, and once the mapping knows better and is wrong.
    let mut told = config(&server.endpoint_url());
    told.limits.monitored_items_per_subscription = Some(100);
    let mut mistaken = told.clone();
    mistaken.limits.monitored_items_per_call = Some(1_000);
    for config in [told, mistaken] {
        let rig = Rig::start(config, &tags);
        rig.wait_for_all_active().await;
        assert_eq!(rig.metrics.opcua_reconnects.get(), 0);
        rig.stop().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_missing_is_fetched_and_nothing_is_lost() {
    let server = plc(load()).await;
    let proxy = Proxy::start(server.local_addr()).await;
    let tags: Vec<String> = (1..=10).map(load_tag).collect();
    let mut rig = Rig::start(config(&proxy.url()), &tags.iter().map(String::as_str).collect::<Vec<_>>());
    let mut last = first_of(&mut rig).await;
    count_on(&mut rig, &mut last, 3).await;
    // Ten values make a longer message than any keep-alive.
    proxy.steal(2, 300);
    count_on(&mut rig, &mut last, 40).await;
    assert_eq!(proxy.to_be_stolen(), 0);
    assert_eq!((rig.metrics.opcua_reconnects.get(), rig.metrics.opcua_sequence_gaps.get()), (0, 0));
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said_and_the_right_one_gets_in() {
    let server = plc(PlcOptions { user: Some(("edge".into(), "right".into())), ..load() }).await;
    let with = |auth| OpcUaConfig { auth, ..config(&server.endpoint_url()) };

    let rig = Rig::start(with(user("edge", "pa55word")), &[&load_tag(1)]);
    let snapshot = rig.wait_for("a refusal", |snapshot| snapshot.opcua.as_str() == "ERROR").await;
    let reason = snapshot.opcua.reason().unwrap();
    assert!(reason.contains("user name or password") && reason.contains("opcua.auth"), "{reason}");
    assert!(!reason.contains("pa55word"), "{reason}");
    rig.stop().await;

    let rig = Rig::start(config(&server.endpoint_url()), &[&load_tag(1)]);
    let snapshot = rig.wait_for("a refusal", |snapshot| snapshot.opcua.as_str() == "ERROR").await;
    assert!(snapshot.opcua.reason().unwrap().contains("no anonymous"), "{snapshot:?}");
    rig.stop().await;

    let mut rig = Rig::start(with(user("edge", "right")), &[&load_tag(1)]);
    rig.value(TagId(0)).await;
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_quick_and_ends_the_queue() {
    let server = plc(load()).await;
    let mut rig = Rig::start(config(&server.endpoint_url()), &[&load_tag(1)]);
    rig.value(TagId(0)).await;
    let (mut values, time) = rig.stop().await;
    assert!(time < Duration::from_secs(3), "{time:?}");
    while values.receive().await.is_some() {}
    server.stop().await;

    let rig = Rig::start(config(&format!("opc.tcp://{}", free_address().await)), &[&load_tag(1)]);
    rig.wait_for("a reason", |snapshot| snapshot.opcua.reason().is_some()).await;
    let (_, time) = rig.stop().await;
    assert!(time < Duration::from_secs(3), "{time:?}");
}
