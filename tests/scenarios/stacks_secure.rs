//! Encryption with a server of every stack: its certificate has to be trusted first, and again when it is another.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use tagwise_tests::{Adapter, PATIENCE, Stack, UaServerOptions, run_to_end, wait_until};
use tempfile::TempDir;

use crate::{
    stack_types::north,
    stacks::{Stand, for_each_stack},
};

for_each_stack! {
    an_encrypted_session_is_had_with => an_encrypted_session;
    a_replaced_certificate_has_to_be_trusted_of => a_replaced_certificate;
}

/// A stand whose server has a certificate, and an adapter that insists on encryption and trusts nobody yet.
struct Secure {
    stand: Stand,
    folder: TempDir,
    adapter: Adapter,
}

impl Secure {
    async fn set_up(stack: Stack, tags: &str) -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let user = Some(("edge".to_owned(), "Pa55 wörd".to_owned()));
        let secure = Some(folder.path().join("pki"));
        let options = UaServerOptions { user, secure, ..UaServerOptions::default() };
        let Some(stand) = Stand::set_up(stack, options).await? else { return Ok(None) };
        let mapping = stand
            .mapping(&stand.server.url())?
            .security("policy: basic256sha256, message_security_mode: sign_and_encrypt")
            .opcua("pki_dir: pki, auth: { basic: { username: edge, password: \"Pa55 wörd\" } }")
            .with(tags);
        let adapter = Adapter::spawn(&mapping)?;
        Ok(Some(Self { stand, folder, adapter }))
    }

    /// Waits until the adapter says that it does not trust the server, and trusts it as it says.
    async fn trust(&mut self) -> Result<()> {
        let says_how = |reply: &tagwise_tests::Reply| reply.body.contains("tagwise certs trust");
        let reply = self.adapter.readiness("the way to trust the server is told", says_how).await?;
        assert_eq!(reply.status, 503, "{}", reply.body);
        let command = reply.body.split("tagwise certs trust ").nth(1).context("a command")?;
        let fingerprint = command.split_whitespace().next().context("a fingerprint")?;
        let arguments = ["certs", "trust", fingerprint, "--pki-dir", "pki"];
        let output = run_to_end(&arguments, self.adapter.directory(), PATIENCE).await?;
        assert_eq!(output.code, Some(0), "{output:?}");
        self.be_let_in().await
    }

    /// The simulated PLC puts strangers among the rejected, from where they are trusted; the others let in everyone.
    async fn be_let_in(&self) -> Result<()> {
        if self.stand.server.stack() != Stack::Simulator {
            return Ok(());
        }
        let (rejected, trusted) = (self.pki("rejected"), self.pki("trusted"));
        let files = wait_until("the PLC has rejected the adapter", PATIENCE, async || {
            // Until a certificate is rejected there may be no folder for it.
            Ok(fs::read_dir(&rejected).ok().map(Iterator::collect::<Vec<_>>).filter(|files| !files.is_empty()))
        })
        .await?;
        fs::create_dir_all(&trusted)?;
        for file in files {
            let file = file?;
            fs::rename(file.path(), trusted.join(file.file_name()))?;
        }
        Ok(())
    }

    fn pki(&self, name: &str) -> PathBuf {
        self.folder.path().join("pki").join(name)
    }
}

async fn an_encrypted_session(stack: Stack) -> Result<()> {
    let tags = north(stack).into_iter().map(|(name, _)| {
        let node = stack.node(&format!("Types.{name}"));
        format!("  - {{ name: {name}, node: '{node}', topic: types/{name} }}\n")
    });
    let counter = format!("  - {{ name: counter, node: '{}', topic: counter }}\n", stack.node("Counter1"));
    let south = "southbound_mappings:\n  - { topic_filter: cmd, tag_name: Int16 }\n";
    let text: String = std::iter::once("tags:\n".to_owned()).chain(tags).chain([counter, south.to_owned()]).collect();
    let Some(mut secure) = Secure::set_up(stack, &text).await? else { return Ok(()) };
    secure.trust().await?;
    secure.adapter.ready().await?;
    let probe = &secure.stand.probe;
    for (name, value) in north(stack) {
        let topic = format!("types/{name}");
        let message = probe.wait_for(&format!("{name} came"), |message| message.topic == topic).await?;
        assert_eq!(message.json()?["value"], value, "{name} of {stack}: {:?}", message.payload);
    }
    let verdict = probe.request("cmd", "1234").await?;
    assert_eq!(verdict["outcome"], "succeeded", "{stack}: {verdict}");
    assert_eq!(secure.stand.server.read("Types.Int16").await?, json!(1234));

    secure.stand.server.kill()?;
    secure.adapter.readiness("the loss is noticed", |reply| reply.status == 503).await?;
    secure.stand.server.resume().await?;
    let mark = probe.mark();
    probe.wait_after(mark, "values flow again", |message| message.topic == "counter").await?;
    secure.stand.one_session().await
}

async fn a_replaced_certificate(stack: Stack) -> Result<()> {
    let counter = format!("tags:\n  - {{ name: counter, node: '{}', topic: counter }}\n", stack.node("Counter1"));
    let Some(mut secure) = Secure::set_up(stack, &counter).await? else { return Ok(()) };
    secure.trust().await?;
    secure.stand.probe.wait_for_count("counter", 5).await?;

    secure.stand.server.kill()?;
    fs::remove_dir_all(secure.folder.path().join("pki"))?;
    let mark = secure.stand.probe.mark();
    secure.stand.server.resume().await?;
    secure.trust().await?;
    let probe = &secure.stand.probe;
    probe.wait_after(mark, "values flow again", |message| message.topic == "counter").await?;
    wait_until("the adapter is ready", PATIENCE, async || Ok(secure.adapter.ready().await.ok().map(drop))).await
}
