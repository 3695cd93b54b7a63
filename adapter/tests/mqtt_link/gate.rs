//! A door between link and broker that the test opens and closes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Passes connections on to a port of the loopback while it is open, and hangs up at once while it is closed.
pub(crate) struct Gate {
    pub(crate) port: u16,
    is_open: Arc<AtomicBool>,
    _task: JoinSet<()>,
}

impl Gate {
    pub(crate) async fn open_to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_open = Arc::new(AtomicBool::new(true));
        let mut task = JoinSet::new();
        task.spawn(serve(listener, target, Arc::clone(&is_open)));
        Self { port, is_open, _task: task }
    }

    pub(crate) fn set_open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::Release);
    }
}

async fn serve(listener: TcpListener, target: u16, is_open: Arc<AtomicBool>) {
    let mut connections = JoinSet::new();
    loop {
        let (mut inner, _) = listener.accept().await.unwrap();
        if !is_open.load(Ordering::Acquire) {
            continue;
        }
        connections.spawn(async move {
            inner.set_nodelay(true).unwrap();
            if let Ok(mut outer) = TcpStream::connect(("127.0.0.1", target)).await {
                outer.set_nodelay(true).unwrap();
                drop(tokio::io::copy_bidirectional(&mut inner, &mut outer).await);
            }
        });
    }
}
