//! Tags that hold up no other, and commands that never come late.

use serde_json::json;

use super::*;

/// So many tags, each under `t<number>/set`; the alarm's bit is one of them.
fn scene_of(tags: u32) -> Scene {
    Scene::with_mappings((0..tags).map(|tag| mapping(Some(&format!("t{tag}/set")), TagId(tag))).collect())
}

fn command_for(tag: u32, payload: &str) -> Command {
    Command { topic: format!("t{tag}/set"), ..command(payload) }
}

impl Scene {
    fn make_late(&self, tags: impl IntoIterator<Item = u32>, late: Duration) {
        self.plc.late.lock().unwrap().extend(tags.into_iter().map(|tag| (TagId(tag), late)));
    }

    fn sent_to(&self, tag: u32) -> usize {
        self.plc.sent_at.lock().unwrap().iter().filter(|(to, _)| *to == TagId(tag)).count()
    }

    async fn waiting(&self, count: i64) {
        self.until(|scene| scene.metrics.commands_waiting.get() == count).await;
    }
}

#[tokio::test(start_paused = true)]
async fn beside_seven_nodes_that_answer_late_a_healthy_one_is_written_at_once() {
    let mut scene = scene_of(10);
    scene.make_late(2..9, Duration::from_mins(1));
    for tag in (2..9).chain(2..9) {
        scene.send(command_for(tag, "5"));
    }
    scene.waiting(7).await;
    let begun = Instant::now();
    assert_eq!(scene.ask(command_for(9, "7")).await["value"], 7);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn no_more_writes_are_under_way_than_the_server_is_to_have() {
    let scene = scene_of(20);
    scene.plc.gate.forget_permits(PERMITS);
    for tag in 2..20 {
        scene.send(command_for(tag, "5"));
    }
    scene.waiting(10).await;
    assert_eq!(scene.plc.sent_at.lock().unwrap().len(), WRITES_IN_FLIGHT);
    scene.plc.gate.add_permits(3);
    scene.waiting(7).await;
    assert_eq!(scene.plc.sent_at.lock().unwrap().len(), WRITES_IN_FLIGHT + 3);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_has_waited_too_long_is_rejected_then_and_never_written() {
    let mut scene = Scene::start();
    scene.board.set_opcua(Connection::Connected);
    scene.plc.gate.forget_permits(PERMITS);
    scene.send(command("1"));
    scene.waiting(0).await;
    let begun = Instant::now();
    scene.send(command("2"));
    let verdict = scene.verdict().await;
    assert_eq!(begun.elapsed(), MAX_WAIT);
    assert_eq!((&verdict["outcome"], &verdict["reason"]), (&json!("rejected"), &json!("expired")), "{verdict}");
    assert!(verdict["message"].as_str().unwrap().contains("`max_wait`"), "{verdict}");
    scene.plc.gate.add_permits(PERMITS);
    assert_eq!(scene.verdict().await["value"], 1);
    assert_eq!(scene.ask(command("3")).await["outcome"], "succeeded");
    assert_eq!(scene.plc.written(), [speed(1), speed(3)]);
}

#[tokio::test(start_paused = true)]
async fn time_without_a_session_is_no_waiting() {
    let mut scene = Scene::start();
    scene.board.set_opcua(Connection::Connected);
    scene.plc.gate.forget_permits(PERMITS);
    scene.send(command("1"));
    scene.send(command("2"));
    scene.waiting(1).await;
    sleep(Duration::from_secs(6)).await;
    scene.board.set_opcua(Connection::Disconnected);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(scene.metrics.commands_waiting.get(), 1);
    scene.board.set_opcua(Connection::Connected);
    let begun = Instant::now();
    assert_eq!(scene.verdict().await["reason"], "expired");
    let left = begun.elapsed();
    assert!(left > Duration::from_secs(3) && left < Duration::from_secs(5), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn time_in_the_queue_before_the_task_counts_as_well() {
    let mut scene = Scene::start();
    let old = command("5");
    advance(MAX_WAIT).await;
    assert_eq!(scene.ask(old).await["reason"], "expired");
    let fresh = command("6");
    advance(Duration::from_millis(9_999)).await;
    assert_eq!(scene.ask(fresh).await["outcome"], "succeeded");
}

#[tokio::test(start_paused = true)]
async fn each_mapping_has_its_own_patience() {
    let hasty = SouthboundMapping { max_wait: Duration::from_secs(1), ..mapping(Some("line1/speed/now"), SPEED) };
    let mut scene = Scene::with_mappings(vec![mapping(Some("line1/speed/set"), SPEED), hasty]);
    scene.board.set_opcua(Connection::Connected);
    scene.make_late([SPEED.0], Duration::from_secs(5));
    scene.send(command("1"));
    scene.send(command("2"));
    scene.waiting(1).await;
    scene.send(Command { topic: "line1/speed/now".into(), ..command("3") });
    let verdicts = [scene.verdict().await, scene.verdict().await, scene.verdict().await];
    let told = verdicts.each_ref().map(|verdict| (&verdict["value"], &verdict["outcome"]));
    let [expired, first, second] =
        [(json!(3), json!("rejected")), (json!(1), json!("succeeded")), (json!(2), json!("succeeded"))];
    assert_eq!(told.map(|(value, outcome)| (value.clone(), outcome.clone())), [expired, first, second]);
}

/// A PLC whose description of a node comes late, and which would write at once.
struct LateDescription(Arc<ScriptedPlc>);

impl Plc for LateDescription {
    async fn describe(&self, tag: TagId) -> Result<NodeDescription, PlcError> {
        sleep(MAX_WAIT).await;
        self.0.describe(tag).await
    }

    async fn write(&self, tag: TagId, value: TagValue) -> Result<StatusCode, PlcError> {
        self.0.write(tag, value).await
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_is_looked_at_again_immediately_before_the_write() {
    let mut scene = Scene::with_plc(vec![mapping(Some("line1/speed/set"), SPEED)], LateDescription);
    let verdict = scene.ask(command("5")).await;
    assert_eq!(verdict["reason"], "expired", "{verdict}");
    let aged = SouthboundMapping {
        max_age: Some(Duration::from_secs(5)),
        max_wait: Duration::from_mins(1),
        ..mapping(Some("line1/speed/set"), SPEED)
    };
    let mut aged = Scene::with_plc(vec![aged], LateDescription);
    let stamped = format!(r#"{{"value":5,"timestamp":{NOW}}}"#);
    assert_eq!(aged.ask(command(&stamped)).await["reason"], "too_old");
    let expiring = Command { message_expiry_seconds: Some(5), ..command("6") };
    assert_eq!(aged.ask(expiring).await["reason"], "too_old");
    assert!(scene.plc.written().is_empty() && aged.plc.written().is_empty());
}

#[tokio::test(start_paused = true)]
async fn alarm_bits_wait_neither_for_commands_nor_for_nodes_that_answer_late() {
    let scene = scene_of(40);
    scene.make_late(2..30, Duration::from_mins(1));
    for tag in 2..30 {
        scene.send(command_for(tag, "5"));
    }
    scene.waiting(20).await;
    let begun = Instant::now();
    scene.make_late([30, 31], Duration::from_mins(1));
    for tag in [30, 31, ALARM.0] {
        scene.levels.set(AlarmWrite { tag: TagId(tag), mapping: 0, is_active: true });
    }
    scene.until(|scene| scene.plc.written() == [(ALARM, TagValue::Boolean(true))]).await;
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_command_and_an_alarm_bit_of_one_tag_are_never_under_way_together() {
    let mut scene = scene_of(2);
    scene.make_late([ALARM.0], Duration::from_secs(3));
    scene.send(command_for(ALARM.0, "false"));
    scene.until(|scene| scene.sent_to(ALARM.0) == 1).await;
    let level = |is_active| AlarmWrite { tag: ALARM, mapping: 0, is_active };
    scene.levels.set(level(true));
    scene.send(command_for(ALARM.0, "false"));
    scene.verdict().await;
    scene.verdict().await;
    let bit = |level| (ALARM, TagValue::Boolean(level));
    assert_eq!(scene.plc.written(), [bit(false), bit(true), bit(false)]);
    let sent_at: Vec<Instant> = scene.plc.sent_at.lock().unwrap().iter().map(|(_, at)| *at).collect();
    assert!(sent_at.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_secs(3)), "{sent_at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_for_one_tag_leaves_room_for_the_others() {
    let mut scene = scene_of(4);
    scene.plc.gate.forget_permits(PERMITS);
    for value in 0..MAX_WAITING_COMMANDS {
        scene.send(command_for(2, &value.to_string()));
    }
    scene.waiting(128).await;
    let verdict = scene.verdict().await;
    assert_eq!((&verdict["reason"], &verdict["value"]), (&json!("overloaded"), &json!(129)), "{verdict}");
    assert!(verdict["message"].as_str().unwrap().contains("128 commands wait for this tag"), "{verdict}");
    scene.send(command_for(3, "7"));
    scene.until(|scene| scene.sent_to(3) == 1).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_that_comes_again_too_soon_waits_for_the_first_verdict_however_long_that_takes() {
    let mut scene = Scene::start();
    scene.board.set_opcua(Connection::Connected);
    scene.make_late([SPEED.0], 2 * MAX_WAIT);
    let with_id = command(r#"{"value":1,"id":7}"#);
    scene.send(with_id.clone());
    scene.waiting(0).await;
    scene.send(Command { response_topic: Some("again".into()), is_duplicate: true, ..with_id });
    scene.waiting(1).await;
    let (first, again) = (scene.sent().await, scene.sent().await);
    assert_eq!((again.route.topic.as_str(), &again.payload), ("again", &first.payload));
    assert_eq!(scene.plc.written(), [speed(1)]);
    assert_eq!((scene.count("succeeded"), scene.count("repeated")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn no_repeat_has_a_verdict_that_contradicts_the_first() {
    let mut scene = Scene::start();
    scene.plc.gate.forget_permits(PERMITS);
    let with_id = command(r#"{"value":1,"id":7}"#);
    scene.send(with_id.clone());
    scene.waiting(0).await;
    for _ in 0..200 {
        scene.send(with_id.clone());
    }
    scene.waiting(128).await;
    scene.until(|scene| scene.count("repeated") == 72).await;
    scene.plc.gate.add_permits(PERMITS);
    for _ in 0..129 {
        assert_eq!(scene.verdict().await["outcome"], "succeeded");
    }
    assert_eq!((scene.count("succeeded"), scene.count("repeated"), scene.count("rejected")), (1, 200, 0));
    assert!(scene.stop().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_that_found_no_room_may_be_sent_again_with_its_id() {
    let mut scene = Scene::start();
    scene.plc.gate.forget_permits(PERMITS);
    for value in 0..129 {
        scene.send(command(&value.to_string()));
    }
    scene.waiting(128).await;
    let with_id = command(r#"{"value":200,"id":"x"}"#);
    assert_eq!(scene.ask(with_id.clone()).await["reason"], "overloaded");
    scene.plc.gate.add_permits(PERMITS);
    scene.waiting(0).await;
    scene.send(with_id);
    scene.until(|scene| scene.plc.written().last() == Some(&speed(200))).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_all_that_are_under_way_and_every_command_has_its_verdict() {
    let mut scene = scene_of(12);
    scene.make_late([2, 3], Duration::from_secs(1));
    scene.make_late(4..10, Duration::from_mins(1));
    for tag in 2..12 {
        scene.send(command_for(tag, &format!(r#"{{"value":5,"id":{tag}}}"#)));
    }
    scene.waiting(2).await;
    scene.send(Command { is_duplicate: true, ..command_for(4, r#"{"value":5,"id":4}"#) });
    scene.send(Command { is_duplicate: true, ..command_for(11, r#"{"value":5,"id":11}"#) });
    scene.waiting(4).await;
    let begun = Instant::now();
    scene.cancel.cancel();
    let mut verdicts = Vec::new();
    for _ in 0..12 {
        let verdict = scene.verdict().await;
        verdicts.push((verdict["id"].as_u64().unwrap(), verdict["outcome"].as_str().unwrap().to_owned()));
    }
    assert_eq!(begun.elapsed(), PATIENCE);
    verdicts.sort();
    let of = |ids: &[u64], outcome: &str| ids.iter().map(|id| (*id, outcome.to_owned())).collect::<Vec<_>>();
    let expected =
        [of(&[2, 3], "succeeded"), of(&[4, 4, 5, 6, 7, 8, 9], "unknown"), of(&[10, 11, 11], "rejected")].concat();
    assert_eq!(verdicts, expected);
    assert!(scene.stop().await.is_empty());
}
