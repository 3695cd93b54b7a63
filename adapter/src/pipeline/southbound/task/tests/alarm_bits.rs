//! Alarm bits: levels that reach the PLC in the end.

use super::*;

const WRITE: AlarmWrite = AlarmWrite { tag: ALARM, mapping: 0, is_active: true };

fn bit(level: bool) -> (TagId, TagValue) {
    (ALARM, TagValue::Boolean(level))
}

#[tokio::test(start_paused = true)]
async fn a_bit_follows_its_alarm_and_gives_no_verdict() {
    let scene = Scene::start();
    scene.levels.set(WRITE);
    scene.until(|scene| scene.plc.written() == [bit(true)]).await;
    scene.levels.set(AlarmWrite { is_active: false, ..WRITE });
    scene.until(|scene| scene.plc.written() == [bit(true), bit(false)]).await;
    scene.until(|scene| scene.count("succeeded") == 2).await;
    assert!(scene.stop().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_bit_waits_for_the_session_and_is_counted_once() {
    let scene = Scene::start();
    let node = std::mem::replace(&mut *scene.plc.node(), Err(PlcError::NotConnected));
    scene.levels.set(WRITE);
    scene.until(|scene| scene.count("rejected") == 1).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!((scene.count("rejected"), scene.plc.written().len()), (1, 0));
    *scene.plc.node() = node;
    scene.until(|scene| scene.plc.written() == [bit(true)]).await;
    scene.until(|scene| scene.count("succeeded") == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_bit_without_an_answer_is_written_again() {
    let scene = Scene::start();
    scene.plc.answer_next(Err(PlcError::NoAnswer { reason: "BadTimeout".into() }));
    scene.levels.set(WRITE);
    scene.until(|scene| scene.count("succeeded") == 1).await;
    assert_eq!(scene.plc.written(), [bit(true), bit(true)]);
}

#[tokio::test(start_paused = true)]
async fn the_latest_level_wins_while_a_write_is_slow() {
    let scene = Scene::start();
    scene.plc.gate.forget_permits(PERMITS);
    scene.levels.set(WRITE);
    sleep(Duration::from_secs(1)).await;
    for is_active in [false, true, false] {
        scene.levels.set(AlarmWrite { is_active, ..WRITE });
    }
    scene.plc.gate.add_permits(PERMITS);
    scene.until(|scene| scene.plc.written() == [bit(true), bit(false)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_bit_is_written_anew_for_a_new_session() {
    let scene = Scene::start();
    scene.levels.set(WRITE);
    scene.until(|scene| scene.plc.written() == [bit(true)]).await;
    scene.levels.reassert();
    scene.until(|scene| scene.plc.written() == [bit(true), bit(true)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_tag_without_a_southbound_mapping_is_never_written() {
    let scene = Scene::with_mappings(vec![mapping(Some("line1/speed/set"), SPEED)]);
    scene.levels.set(WRITE);
    scene.until(|scene| scene.count("rejected") == 1).await;
    sleep(Duration::from_secs(100)).await;
    assert!(scene.plc.written().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_bit_does_not_wait_behind_a_flood_of_commands() {
    let mut scene = Scene::start();
    for _ in 0..MAX_WAITING_COMMANDS {
        scene.send(command("5"));
    }
    scene.levels.set(WRITE);
    for _ in 0..MAX_WAITING_COMMANDS {
        scene.sent().await;
    }
    let position = scene.plc.written().iter().position(|write| *write == bit(true));
    assert!(position.is_some_and(|position| position < MAX_WAITING_COMMANDS / 2), "{position:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_bit_that_cannot_be_written() {
    let scene = Scene::start();
    *scene.plc.node() = Err(PlcError::NotConnected);
    scene.levels.set(WRITE);
    scene.until(|scene| scene.count("rejected") == 1).await;
    assert!(timeout(Duration::from_millis(100), scene.stop()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn bits_are_written_without_a_source_of_commands() {
    let mut scene = Scene::start();
    scene.commands_tx = mpsc::channel(1).0;
    scene.levels.set(WRITE);
    scene.until(|scene| scene.plc.written() == [bit(true)]).await;
    assert!(!scene.task.is_finished());
}
