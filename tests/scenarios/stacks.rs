//! What must work with a server of every stack: each type both ways, a user name, and a restart after which data flows
//! again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tagwise_tests::{
    Adapter, Mapping, Mosquitto, MqttProbe, PATIENCE, Peer, SequenceCheck, Stack, UaServer, UaServerOptions,
    announce_skip, wait_until,
};

use crate::stack_types::{north, south};

/// How long a server keeps a session whose client is gone; the shortest that all of them grant.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// A broker with a probe, and a server of a stack.
pub(crate) struct Stand {
    pub(crate) broker: Mosquitto,
    pub(crate) server: UaServer,
    pub(crate) probe: MqttProbe,
}

impl Stand {
    /// All of it, running; `None`, said aloud, where a program is missing.
    pub(crate) async fn set_up(stack: Stack, options: UaServerOptions) -> Result<Option<Self>> {
        let scenario = std::thread::current().name().unwrap_or("a scenario").to_owned();
        let Some(mosquitto) = Peer::Mosquitto.program() else {
            announce_skip(Peer::Mosquitto, &scenario);
            return Ok(None);
        };
        let Some(program) = stack.program_or_announce(&scenario)? else { return Ok(None) };
        let broker = Mosquitto::start(mosquitto).await?;
        let probe = MqttProbe::connect(broker.access()).await?;
        let server = UaServer::start_of(stack, program, options).await?;
        Ok(Some(Self { broker, server, probe }))
    }

    /// Between this server, by whatever URL leads there, and this broker.
    pub(crate) fn mapping(&self, url: &str) -> Result<Mapping> {
        let timeout = SESSION_TIMEOUT.as_secs();
        Ok(Mapping::between(url, &self.broker.url())?.connection(&format!("session_timeout: {timeout}s")))
    }

    /// The first counter on the topic `counter`.
    pub(crate) fn counter(&self) -> String {
        let node = self.server.stack().node("Counter1");
        format!("tags:\n  - {{ name: counter, node: '{node}', topic: counter }}\n")
    }

    /// Waits until the server has the adapter's one session and no other: what was cut off may live on until the server
    /// gives it up.
    pub(crate) async fn one_session(&mut self) -> Result<()> {
        let what = format!("{} has one session", self.server.stack());
        let server = &mut self.server;
        let mut count = 0;
        let waited = wait_until(&what, SESSION_TIMEOUT + PATIENCE, async || {
            count = server.session_count().await?;
            Ok((count == 1).then_some(()))
        });
        waited.await.with_context(|| format!("{count} sessions"))
    }
}

/// A scenario for each of some stacks, as tests of their own in a module.
macro_rules! on_stacks {
    ($name:ident => $scenario:ident on $($test:ident $stack:ident),+) => {
        mod $name {
            use tagwise_tests::Stack;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() -> anyhow::Result<()> {
                    super::$scenario(Stack::$stack).await
                }
            )+
        }
    };
}
pub(crate) use on_stacks;

/// Scenarios for all stacks.
macro_rules! for_each_stack {
    ($($name:ident => $scenario:ident;)*) => { $(
        $crate::stacks::on_stacks! {
            $name => $scenario on simulator Simulator, asyncua Asyncua, node_opcua NodeOpcua, milo Milo,
                open62541 Open62541
        }
    )* };
}
pub(crate) use for_each_stack;

for_each_stack! {
    every_type_becomes_the_right_json_from => every_type_becomes_the_right_json;
    every_type_is_written_to => every_type_is_written;
    a_user_name_gets_into => a_user_name_gets_in;
    values_flow_again_after_restarts_of => values_flow_again_after_restarts;
}

// The simulated PLC has all its nodes from the start.
on_stacks! {
    a_node_that_comes_later_is_found_on => a_node_that_comes_later_is_found
        on asyncua Asyncua, node_opcua NodeOpcua, milo Milo, open62541 Open62541
}

async fn every_type_becomes_the_right_json(stack: Stack) -> Result<()> {
    let Some(stand) = Stand::set_up(stack, UaServerOptions::default()).await? else { return Ok(()) };
    let tags = north(stack).into_iter().map(|(name, _)| {
        let node = stack.node(&format!("Types.{name}"));
        format!("  - {{ name: {name}, node: '{node}', topic: types/{name} }}\n")
    });
    let head = "defaults: { northbound_mapping: { include_metadata: true } }\ntags:\n".to_owned();
    let text: String = std::iter::once(head).chain(tags).collect();
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&text)).await?;
    for (name, value) in north(stack) {
        let topic = format!("types/{name}");
        let message = stand.probe.wait_for(&format!("{name} came"), |message| message.topic == topic).await?;
        assert_eq!(message.json()?["value"], value, "{name} of {stack}: {:?}", message.payload);
    }
    let not_a_number = stand.probe.on_topic("types/NaN").remove(0).json()?;
    assert_eq!(not_a_number["metadata"]["number"], "NaN", "{not_a_number}");
    let float = stand.probe.on_topic("types/Float").remove(0);
    assert!(float.payload.starts_with(b"{\"value\":0.1,"), "no digits that the Float never had: {:?}", float.payload);
    Ok(())
}

async fn every_type_is_written(stack: Stack) -> Result<()> {
    let Some(mut stand) = Stand::set_up(stack, UaServerOptions::default()).await? else { return Ok(()) };
    let cases = south(stack);
    let tags = cases.iter().map(|(name, _)| {
        let node = stack.node(&format!("Types.{name}"));
        format!("  - {{ name: {name}, node: '{node}' }}\n")
    });
    let mappings = cases.iter().map(|(name, _)| format!("  - {{ topic_filter: cmd/{name}, tag_name: {name} }}\n"));
    let head = |text: &str| std::iter::once(text.to_owned());
    let text: String = head("tags:\n").chain(tags).chain(head("southbound_mappings:\n")).chain(mappings).collect();
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&text)).await?;
    for (name, value) in &cases {
        let verdict = stand.probe.request(&format!("cmd/{name}"), &json!({ "value": value }).to_string()).await?;
        assert_eq!(verdict["outcome"], "succeeded", "{name} of {stack}: {verdict}");
        let written = stand.server.read(&format!("Types.{name}")).await?;
        assert!(is_same(&written, value), "{name} of {stack}: {written} in place of {value}");
    }
    Ok(())
}

/// Whether two JSON values are the same, whatever way their numbers are written.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        _ => left == right,
    }
}

async fn a_user_name_gets_in(stack: Stack) -> Result<()> {
    let user = Some(("edge".to_owned(), "Pa55 wörd".to_owned()));
    let options = UaServerOptions { user, ..UaServerOptions::default() };
    let Some(mut stand) = Stand::set_up(stack, options).await? else { return Ok(()) };
    let auth = |password: &str| format!("auth: {{ basic: {{ username: edge, password: \"{password}\" }} }}");
    let mapping = stand.mapping(&stand.server.url())?.with(&stand.counter());

    let mut refused = Adapter::spawn(&mapping.clone().opcua(&auth("wrong")))?;
    let reply = refused.readiness("the refusal is told", |reply| reply.body.contains("password")).await?;
    assert_eq!(reply.status, 503, "{}", reply.body);
    drop(refused);

    let _adapter = Adapter::start(&mapping.opcua(&auth("Pa55 wörd"))).await?;
    stand.probe.wait_for_count("counter", 5).await?;
    stand.one_session().await
}

async fn a_node_that_comes_later_is_found(stack: Stack) -> Result<()> {
    let Some(mut stand) = Stand::set_up(stack, UaServerOptions::default()).await? else { return Ok(()) };
    let late = format!("  - {{ name: late, node: '{}', topic: late }}\n", stack.node("Late"));
    let mapping = stand.mapping(&stand.server.url())?.with(&stand.counter()).with(&late);
    let mut adapter = Adapter::start(&mapping).await?;
    stand.probe.wait_for_count("counter", 5).await?;
    adapter.readiness("the missing node is named", |reply| reply.body.contains("BadNodeIdUnknown")).await?;
    stand.server.add_node("Late").await?;
    stand.probe.wait_for("the late node has a value", |message| message.topic == "late").await?;
    Ok(())
}

async fn values_flow_again_after_restarts(stack: Stack) -> Result<()> {
    let Some(mut stand) = Stand::set_up(stack, UaServerOptions::default()).await? else { return Ok(()) };
    let mut adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&stand.counter())).await?;
    stand.probe.wait_for_count("counter", 5).await?;
    for is_orderly in [false, true] {
        if is_orderly {
            stand.server.stop().await?;
        } else {
            stand.server.kill()?;
        }
        adapter.readiness("the loss is noticed", |reply| reply.status == 503).await?;
        stand.server.resume().await?;
        let mark = stand.probe.mark();
        let begun = Instant::now();
        stand.probe.wait_after(mark, "values flow again", |message| message.topic == "counter").await?;
        let what = if is_orderly { "orderly restart" } else { "killed and restarted" };
        report(stack, what, begun.elapsed(), &stand.probe)?;
        stand.one_session().await?;
    }
    let metrics = adapter.http().metrics().await?;
    assert_eq!(metrics.sum("tagwise_opcua_reconnects_total", &[]).to_string(), "2", "reconnects are counted");
    let status = adapter.terminate(PATIENCE).await?;
    assert_eq!(status.code(), Some(0));
    assert_eq!(stand.server.session_count().await?, 0, "the adapter closes its session on {stack}");
    Ok(())
}

/// Prints how long it took until data flowed again, and checks what came.
#[expect(clippy::print_stdout, reason = "measured figures; the test runner shows them when asked")]
pub(crate) fn report(stack: Stack, fault: &str, recovered: Duration, probe: &MqttProbe) -> Result<()> {
    println!("stack={stack:<10} fault={fault:<28} recovered={:.2}s", recovered.as_secs_f64());
    SequenceCheck::check(&probe.messages()).map(drop)
}
