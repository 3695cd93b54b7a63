//! Packets over a socket of one's own: TCP, or TLS over it.

use std::{io::Read, path::PathBuf, sync::Arc, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use bytes::{Buf, BytesMut};
use clap::Args;
use rumqttc::v5::mqttbytes::{
    Error, QoS,
    v5::{ConnAck, Connect, ConnectReturnCode, Filter, Packet, Subscribe},
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What is read or written at a time, in bytes.
pub(super) const CHUNK: usize = 64 * 1024;

/// The broker, as each process is told of it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Target {
    /// Its port on loopback.
    #[arg(long)]
    pub(super) port: u16,
    /// The file with the certificate to trust; TLS where there is one.
    #[arg(long)]
    pub(super) authority: Option<PathBuf>,
}

impl Target {
    /// The same for a child process.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--port".to_owned(), self.port.to_string()];
        if let Some(file) = &self.authority {
            arguments.extend(["--authority".to_owned(), file.display().to_string()]);
        }
        arguments
    }
}

/// A connection that the broker has accepted.
pub(super) struct Wire {
    tcp: TcpStream,
    tls: Option<ClientConnection>,
    /// What TLS made of the bytes written, or has yet to make of those read.
    sealed: BytesMut,
    /// Bytes read and not yet taken apart.
    input: BytesMut,
}

impl Wire {
    /// Connects with an MQTT session of its own, without a Will or keep-alive.
    pub(super) async fn open(target: &Target, client_id: &str) -> Result<(Self, ConnAck)> {
        let tcp = TcpStream::connect(("127.0.0.1", target.port)).await.context("connecting")?;
        tcp.set_nodelay(true)?;
        let tls = target.authority.as_ref().map(trusting).transpose()?;
        let mut wire = Self { tcp, tls, sealed: BytesMut::new(), input: BytesMut::new() };
        wire.shake_hands().await?;
        let connect = Connect { keep_alive: 0, client_id: client_id.to_owned(), clean_start: true, properties: None };
        let mut output = BytesMut::new();
        Packet::Connect(connect, None, None).write(&mut output, None)?;
        wire.write(&mut output).await?;
        match wire.next().await? {
            Packet::ConnAck(answer) if answer.code == ConnectReturnCode::Success => Ok((wire, answer)),
            other => anyhow::bail!("the broker answered {other:?}"),
        }
    }

    /// Subscribes to one filter at QoS 0.
    pub(super) async fn subscribe(&mut self, filter: &str) -> Result<()> {
        let mut subscribe = Subscribe::new(Filter::new(filter, QoS::AtMostOnce), None);
        subscribe.pkid = 1;
        let mut output = BytesMut::new();
        Packet::Subscribe(subscribe).write(&mut output, None)?;
        self.write(&mut output).await?;
        while !matches!(self.next().await?, Packet::SubAck(_)) {}
        Ok(())
    }

    /// Writes everything, and empties the buffer.
    pub(super) async fn write(&mut self, output: &mut BytesMut) -> Result<()> {
        match &mut self.tls {
            None => self.tcp.write_all(output).await?,
            Some(tls) => {
                std::io::Write::write_all(&mut tls.writer(), output)?;
                self.flush().await?;
            }
        }
        output.clear();
        Ok(())
    }

    /// Waits until something can be read, lets `pause` pass so that more is there, and reads it.
    pub(super) async fn read(&mut self, pause: Duration) -> Result<()> {
        if !pause.is_zero() {
            self.tcp.readable().await?;
            #[expect(
                clippy::disallowed_methods,
                reason = "a timer is no finer than 1 ms; nothing else runs on this thread"
            )]
            thread::sleep(pause);
        }
        let buffer = if self.tls.is_some() { &mut self.sealed } else { &mut self.input };
        buffer.reserve(CHUNK);
        ensure!(self.tcp.read_buf(buffer).await? > 0, "the broker has closed the connection");
        self.unseal()
    }

    /// Has the kernel acknowledge at once what was read; it forgets this again by itself.
    pub(super) fn quick_ack(&self) -> Result<()> {
        Ok(self.tcp.set_quickack(true)?)
    }

    /// The next packet of what was read.
    pub(super) fn take(&mut self) -> Result<Option<Packet>> {
        match Packet::read(&mut self.input, None) {
            Ok(packet) => Ok(Some(packet)),
            Err(Error::InsufficientBytes(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The next packet, waited for.
    pub(super) async fn next(&mut self) -> Result<Packet> {
        loop {
            if let Some(packet) = self.take()? {
                return Ok(packet);
            }
            self.read(Duration::ZERO).await?;
        }
    }

    /// Forgets what was read, and says how many bytes it was.
    pub(super) fn discard(&mut self) -> usize {
        let bytes = self.input.len();
        self.input.clear();
        bytes
    }

    async fn shake_hands(&mut self) -> Result<()> {
        self.flush().await?;
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.read(Duration::ZERO).await?;
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        let mut records = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut records)?;
        }
        Ok(self.tcp.write_all(&records).await?)
    }

    fn unseal(&mut self) -> Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while !self.sealed.is_empty() {
            let mut rest: &[u8] = &self.sealed;
            let read = tls.read_tls(&mut rest)?;
            self.sealed.advance(read);
            let state = tls.process_new_packets()?;
            let (had, more) = (self.input.len(), state.plaintext_bytes_to_read());
            self.input.resize(had + more, 0);
            tls.reader().read_exact(&mut self.input[had..])?;
        }
        Ok(())
    }
}

fn trusting(authority: &PathBuf) -> Result<ClientConnection> {
    // Another part of this process may have chosen one.
    rustls::crypto::ring::default_provider().install_default().unwrap_or_default();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).with_context(|| authority.display().to_string())?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut tls = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
    tls.set_buffer_limit(None);
    Ok(tls)
}
