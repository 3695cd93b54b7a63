//! Each reason for which a command does not succeed.

use super::*;

/// Holds the verdict on the only command against `outcome` and `reason`, and counts the writes that reached the PLC.
#[track_caller]
fn check(verdict: &Value, scene: &Scene, outcome: &str, reason: &str, writes: usize) {
    assert_eq!((&verdict["outcome"], &verdict["reason"]), (&outcome.into(), &reason.into()), "{verdict}");
    assert!(verdict["message"].as_str().is_some_and(|message| message.len() > 10), "{verdict}");
    assert_eq!(scene.plc.written().len(), writes, "{verdict}");
    assert_eq!(scene.count(outcome), 1, "{verdict}");
}

async fn check_rejected(reason: &str, command: Command) {
    let mut scene = Scene::start();
    let verdict = scene.ask(command).await;
    check(&verdict, &scene, "rejected", reason, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_the_command_itself_is_said() {
    check_rejected("unmapped", Command { topic: "line1/other/set".into(), ..command("5") }).await;
    check_rejected("retained", Command { is_retained: true, ..command("5") }).await;
    check_rejected("malformed", command("{")).await;
    check_rejected("malformed", command(r#"{"speed":5}"#)).await;
    check_rejected("possible_duplicate", Command { is_duplicate: true, ..command("5") }).await;
    check_rejected("wrong_type", command(r#"{"value":"5"}"#)).await;
    check_rejected("wrong_type", command(r#"{"value":[5]}"#)).await;
    check_rejected("wrong_type", command("null")).await;
    check_rejected("out_of_range", command("40000")).await;
    check_rejected("out_of_range", command("3001")).await;
    check_rejected("out_of_range", command("-1")).await;
    let received_at = Instant::now().into_std();
    advance(Duration::from_millis(2001)).await;
    check_rejected("too_old", Command { message_expiry_seconds: Some(2), received_at, ..command("5") }).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_on_the_age_is_kept() {
    let limited =
        SouthboundMapping { max_age: Some(Duration::from_secs(5)), ..mapping(Some("line1/speed/set"), SPEED) };
    let stamped = |timestamp: i64| format!(r#"{{"value":5,"timestamp":{timestamp}}}"#);
    let refused =
        [("5".to_owned(), "age_unknown"), (stamped(NOW - 5_001), "too_old"), (stamped(NOW + 5_001), "age_unknown")];
    for (payload, reason) in refused {
        let mut scene = Scene::with_mappings(vec![limited.clone()]);
        let verdict = scene.ask(command(&payload)).await;
        check(&verdict, &scene, "rejected", reason, 0);
    }
    let mut scene = Scene::with_mappings(vec![limited]);
    assert_eq!(scene.ask(command(&stamped(NOW - 5_000))).await["outcome"], "succeeded");
    let expiring = Command { message_expiry_seconds: Some(3), ..command("6") };
    assert_eq!(scene.ask(expiring).await["outcome"], "succeeded");
}

async fn check_node(reason: &str, node: Result<NodeDescription, PlcError>) {
    let mut scene = Scene::start();
    *scene.plc.node() = node;
    let verdict = scene.ask(command("5")).await;
    check(&verdict, &scene, "rejected", reason, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_the_node_is_said() {
    let int16 = NodeDescription { data_type: Some(DataType::Int16), value_rank: -1, is_writable: true };
    check_node("not_connected", Err(PlcError::NotConnected)).await;
    check_node("not_connected", Err(PlcError::Undescribed { reason: "BadTimeout".into() })).await;
    check_node("unknown_node", Err(PlcError::UnknownNode { reason: "BadNodeIdUnknown".into() })).await;
    check_node("not_writable", Err(PlcError::NoVariable { reason: "an Object".into() })).await;
    check_node("wrong_type", Err(PlcError::NoForm { reason: "a structure".into() })).await;
    check_node("wrong_type", Ok(NodeDescription { data_type: None, ..int16.clone() })).await;
    check_node("not_writable", Ok(NodeDescription { is_writable: false, ..int16.clone() })).await;
    check_node("wrong_type", Ok(NodeDescription { value_rank: 1, ..int16.clone() })).await;
    check_node("wrong_type", Ok(NodeDescription { data_type: Some(DataType::Boolean), ..int16 })).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_another_type_by_now_is_asked_before_a_value_is_refused() {
    let mut scene = Scene::start();
    let double = NodeDescription { data_type: Some(DataType::Double), value_rank: -1, is_writable: true };
    assert_eq!(scene.ask(command("7.5")).await["reason"], "wrong_type");
    *scene.plc.node_anew.lock().unwrap() = Some(double);
    assert_eq!(scene.ask(command("7.5")).await["outcome"], "succeeded");
    assert_eq!(scene.plc.written(), [(SPEED, TagValue::Double(7.5))]);
}

#[tokio::test(start_paused = true)]
async fn who_is_to_send_it_again_is_told_that_it_takes_a_new_id() {
    for error in [PlcError::NotConnected, PlcError::Undescribed { reason: "BadTimeout".into() }] {
        let mut scene = Scene::start();
        *scene.plc.node() = Err(error);
        let verdict = scene.ask(command(r#"{"value":5,"id":"q1"}"#)).await;
        assert!(verdict["message"].as_str().unwrap().contains("under a new id if it has one"), "{verdict}");
    }
}

async fn check_write(outcome: &str, reason: &str, answer: Result<StatusCode, PlcError>) {
    let mut scene = Scene::start();
    scene.plc.answer_next(answer);
    let verdict = scene.ask(command("5")).await;
    check(&verdict, &scene, outcome, reason, 1);
}

#[tokio::test(start_paused = true)]
async fn what_became_of_the_write_is_said() {
    check_write("failed", "bad_type_mismatch", Ok(StatusCode(0x8074_0000))).await;
    check_write("unknown", "bad_timeout", Ok(StatusCode(0x800A_0000))).await;
    check_write("unknown", "no_answer", Err(PlcError::NoAnswer { reason: "BadConnectionClosed".into() })).await;
    check_write("rejected", "not_connected", Err(PlcError::NotConnected)).await;
    check_write("rejected", "not_connected", Err(PlcError::Undescribed { reason: "BadTimeout".into() })).await;
    check_write("rejected", "unknown_node", Err(PlcError::UnknownNode { reason: "BadNodeIdUnknown".into() })).await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_may_have_reached_the_plc_is_not_tried_again() {
    let mut scene = Scene::start();
    scene.plc.answer_next(Err(PlcError::NoAnswer { reason: "BadConnectionClosed".into() }));
    assert_eq!(scene.ask(command("5")).await["outcome"], "unknown");
    advance(Duration::from_mins(10)).await;
    assert_eq!(scene.ask(command("6")).await["outcome"], "succeeded");
    assert_eq!(scene.plc.written(), [speed(5), speed(6)]);
}
