//! What stands before the clusters of a cloud: TLS ends here, and the name that the client asks for says where it goes.

use std::sync::{Arc, Mutex};

use rumqttc::tokio_rustls::LazyConfigAcceptor;
use rustls::ServerConfig;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Passes on to a broker whoever asks for the right name, and hangs up on everybody else.
pub(crate) struct SniRouter {
    pub(crate) port: u16,
    /// The names that were asked for, one a connection.
    pub(crate) asked: Arc<Mutex<Vec<Option<String>>>>,
    _task: JoinSet<()>,
}

impl SniRouter {
    pub(crate) async fn to(name: &'static str, config: Arc<ServerConfig>, target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (config, record) = (Arc::clone(&config), Arc::clone(&record));
                connections.spawn(async move {
                    // Whatever fails ends this connection only.
                    drop(route(socket, name, config, &record, target).await);
                });
            }
        });
        Self { port, asked, _task: task }
    }
}

async fn route(
    socket: TcpStream,
    name: &str,
    config: Arc<ServerConfig>,
    asked: &Mutex<Vec<Option<String>>>,
    target: u16,
) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), socket).await?;
    let wanted = start.client_hello().server_name().map(str::to_owned);
    asked.lock().unwrap().push(wanted.clone());
    if wanted.as_deref() != Some(name) {
        return Ok(());
    }
    let mut inner = start.into_stream(config).await?;
    let mut outer = TcpStream::connect(("127.0.0.1", target)).await?;
    outer.set_nodelay(true)?;
    copy_bidirectional(&mut inner, &mut outer).await.map(drop)
}
