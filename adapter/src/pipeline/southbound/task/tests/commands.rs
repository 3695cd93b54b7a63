//! Commands that are taken, come twice, wait, or arrive at the end.

use serde_json::json;
use tracing::subscriber::set_default;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_good_command_is_written_and_answered() {
    let mut scene = Scene::start();
    scene.send(Command {
        response_topic: Some("answers/7".into()),
        correlation_data: Some(Bytes::from_static(b"\x00c7")),
        ..command(r#"{"value":1500,"id":"a-1"}"#)
    });
    let verdict = scene.sent().await;
    let expected = r#"{"outcome":"succeeded","tagName":"line1/speed","value":1500,"id":"a-1","statusCode":{"code":0,"symbol":"Good"},"completedAt":1767225600000}"#;
    assert_eq!(String::from_utf8_lossy(&verdict.payload), expected);
    assert_eq!(verdict.route.topic.as_str(), "answers/7");
    assert_eq!(verdict.correlation_data.as_deref(), Some(b"\x00c7".as_slice()));
    assert_eq!((verdict.route.qos, verdict.route.is_retained), (Qos::AtLeastOnce, false));
    assert_eq!(scene.plc.written(), [speed(1500)]);
    assert_eq!(scene.count("succeeded"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_response_topic_the_verdict_goes_beside_the_command() {
    let mut scene = Scene::start();
    scene.send(command("5"));
    assert_eq!(scene.sent().await.route.topic.as_str(), "line1/speed/set/result");
}

#[tokio::test(start_paused = true)]
async fn commands_are_written_in_their_order() {
    let mut scene = Scene::start();
    for value in 0..100 {
        scene.send(command(&value.to_string()));
    }
    for value in 0..100 {
        assert_eq!(scene.verdict().await["value"], json!(value));
    }
    assert_eq!(scene.plc.written(), (0..100).map(speed).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_id_that_comes_again_is_answered_with_its_first_verdict() {
    let mut scene = Scene::start();
    scene.plc.answer_next(Ok(StatusCode(0x8074_0000)));
    scene.send(command(r#"{"value":1,"id":7}"#));
    let first = scene.sent().await;
    scene.send(Command {
        response_topic: Some("answers/8".into()),
        is_duplicate: true,
        ..command(r#"{"value":1,"id":7}"#)
    });
    let repeat = scene.sent().await;
    assert_eq!(repeat.payload, first.payload);
    assert_eq!(repeat.route.topic.as_str(), "answers/8");
    assert_eq!(scene.plc.written(), [speed(1)]);
    assert_eq!((scene.count("failed"), scene.count("repeated")), (1, 1));

    assert_eq!(scene.ask(command(r#"{"value":3,"id":"7"}"#)).await["outcome"], "succeeded");
    advance(Duration::from_secs(301)).await;
    assert_eq!(scene.ask(command(r#"{"value":4,"id":7}"#)).await["outcome"], "succeeded");
}

#[tokio::test(start_paused = true)]
async fn correlation_data_is_an_id_where_the_payload_has_none() {
    let mut scene = Scene::start();
    let with_data = |payload: &str| Command { correlation_data: Some(Bytes::from_static(b"x")), ..command(payload) };
    scene.ask(with_data("1")).await;
    let repeat = scene.ask(with_data("1")).await;
    assert_eq!(repeat["value"], 1);
    assert_eq!(repeat.get("id"), None);
    assert_eq!((scene.plc.written(), scene.count("repeated")), (vec![speed(1)], 1));
}

#[tokio::test(start_paused = true)]
async fn two_requesters_with_the_same_correlation_data_have_two_commands() {
    let mut scene = Scene::start();
    let from = |response_topic: &str, payload: &str| Command {
        correlation_data: Some(Bytes::from_static(b"1")),
        response_topic: Some(response_topic.into()),
        ..command(payload)
    };
    assert_eq!(scene.ask(from("resp/A", "11")).await["value"], 11);
    assert_eq!(scene.ask(from("resp/B", "22")).await["value"], 22);
    assert_eq!(scene.plc.written(), [speed(11), speed(22)]);
}

#[tokio::test(start_paused = true)]
async fn an_id_with_another_value_is_refused_and_the_first_verdict_stays() {
    let mut scene = Scene::start();
    assert_eq!(scene.ask(command(r#"{"value":33,"id":9}"#)).await["outcome"], "succeeded");
    let reused = scene.ask(command(r#"{"value":44,"id":9}"#)).await;
    assert_eq!((&reused["outcome"], &reused["reason"]), (&json!("rejected"), &json!("id_reused")), "{reused}");
    assert_eq!(scene.ask(command(r#"{"value":33,"id":9}"#)).await["outcome"], "succeeded");
    assert_eq!(scene.plc.written(), [speed(33)]);
}

#[tokio::test(start_paused = true)]
async fn a_retained_command_is_taken_where_the_mapping_says_so() {
    let accepting = SouthboundMapping { accepts_retained: true, ..mapping(Some("line1/speed/set"), SPEED) };
    let mut scene = Scene::with_mappings(vec![accepting]);
    let verdict = scene.ask(Command { is_retained: true, ..command("5") }).await;
    assert_eq!(verdict["outcome"], "succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_comes_back_is_no_command() {
    let mut scene = Scene::with_mappings(vec![mapping(Some("line1/#"), SPEED)]);
    scene.send(command(r#"{"value":1}"#));
    let verdict = scene.sent().await;
    scene.send(Command {
        topic: verdict.route.topic.as_str().to_owned(),
        payload: verdict.payload.clone(),
        ..command("")
    });
    scene.until(|scene| scene.count("ignored") == 1).await;
    assert_eq!(scene.plc.written(), [speed(1)]);
    assert_eq!(scene.stop().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_the_command_in_hand_is_finished_and_the_rest_turned_away() {
    let mut scene = Scene::start();
    scene.plc.gate.forget_permits(PERMITS);
    for value in 1..4 {
        scene.send(command(&format!(r#"{{"value":{value},"id":{value}}}"#)));
    }
    scene.until(|scene| scene.metrics.commands_waiting.get() == 2).await;
    scene.cancel.cancel();
    scene.plc.gate.add_permits(PERMITS);
    let mut verdicts = Vec::new();
    for _ in 0..3 {
        let verdict = scene.verdict().await;
        verdicts.push((verdict["id"].clone(), verdict["outcome"].clone(), verdict["reason"].clone()));
    }
    let turned_away = |id: i32| (json!(id), json!("rejected"), json!("shutting_down"));
    assert_eq!(verdicts, [(json!(1), json!("succeeded"), Value::Null), turned_away(2), turned_away(3)]);
    assert_eq!(scene.plc.written(), [speed(1)]);
    assert!(scene.stop().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_task_shows_progress_while_nobody_commands() {
    let scene = Scene::start();
    let shown = |scene: &Scene| scene.board.progress_of_tasks().get("southbound").copied();
    scene.until(|scene| shown(scene).is_some()).await;
    let first = shown(&scene);
    scene.until(|scene| shown(scene) > first).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_channel_cannot_take_gets_its_verdict_too() {
    let mut scene = Scene::start();
    (scene.refuse_handler)(command(r#"{"value":1,"id":"x"}"#), RejectReason::Overloaded);
    let verdict = scene.verdict().await;
    assert_eq!((&verdict["reason"], &verdict["id"]), (&json!("overloaded"), &json!("x")));
    assert_eq!(scene.count("rejected"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_that_the_channel_cannot_take_gets_no_verdict_but_the_first() {
    let mut scene = Scene::start();
    scene.plc.gate.forget_permits(PERMITS);
    let with_id = command(r#"{"value":1,"id":"x"}"#);
    scene.send(with_id.clone());
    scene.until(|scene| !scene.plc.sent_at.lock().unwrap().is_empty()).await;
    (scene.refuse_handler)(with_id.clone(), RejectReason::ShuttingDown);
    scene.plc.gate.add_permits(PERMITS);
    let first = scene.sent().await;
    (scene.refuse_handler)(with_id, RejectReason::Overloaded);
    assert_eq!(scene.sent().await.payload, first.payload);
    assert_eq!((scene.count("succeeded"), scene.count("repeated"), scene.count("rejected")), (1, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_long_value_is_not_repeated_in_the_verdict() {
    let mut scene = Scene::start();
    let verdict = scene.ask(command(&format!(r#"{{"value":"{}"}}"#, "x".repeat(5000)))).await;
    assert_eq!((&verdict["reason"], verdict.get("value")), (&json!("wrong_type"), None));
}

/// Collects log lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn every_command_leaves_one_line_in_the_audit_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let _guard = set_default(tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish());
    let mut scene = Scene::start();
    scene.ask(command(r#"{"value":5,"id":1}"#)).await;
    scene.ask(command(r#"{"value":5,"id":1}"#)).await;
    scene.ask(command("9999")).await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let audit: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["target"] == "audit")
        .collect();
    assert_eq!(audit.len(), 3, "{text}");
    let fields = &audit[2]["fields"];
    assert_eq!((&fields["tag"], &fields["value"]), (&json!("line1/speed"), &json!("9999")));
    assert_eq!((&fields["outcome"], &fields["reason"]), (&json!("rejected"), &json!("out_of_range")));
}

#[tokio::test(start_paused = true)]
async fn a_plc_that_does_not_answer_holds_up_a_shutdown_only_for_a_while_and_the_verdict_says_so() {
    let mut scene = Scene::start();
    scene.plc.gate.forget_permits(PERMITS);
    scene.send(command(r#"{"value":5}"#));
    scene.until(|scene| scene.commands_tx.capacity() == MAX_WAITING_COMMANDS).await;
    scene.send(command(r#"{"value":6}"#));
    let begun = Instant::now();
    scene.cancel.cancel();
    let (in_hand, waiting) = (scene.verdict().await, scene.verdict().await);
    assert_eq!((&in_hand["outcome"], &in_hand["reason"]), (&json!("unknown"), &json!("no_answer")));
    assert_eq!((&waiting["outcome"], &waiting["reason"]), (&json!("rejected"), &json!("shutting_down")));
    assert!(begun.elapsed() < 2 * PATIENCE, "{:?}", begun.elapsed());
    assert!(scene.stop().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slow_plc_is_waited_for_and_the_task_shows_that_it_is_alive() {
    let mut scene = Scene::start();
    scene.plc.gate.forget_permits(PERMITS);
    scene.send(command("5"));
    scene.until(|scene| scene.commands_tx.capacity() == MAX_WAITING_COMMANDS).await;
    let progress = |scene: &Scene| scene.board.progress_of_tasks()[TASK];
    for _ in 0..3 {
        let before = progress(&scene);
        scene.until(|scene| progress(scene) > before).await;
    }
    scene.plc.gate.add_permits(1);
    assert_eq!(scene.verdict().await["outcome"], "succeeded");
}
