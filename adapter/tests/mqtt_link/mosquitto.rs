//! A mosquitto of the test's own, on a free port of the loopback.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use tempfile::TempDir;
use tokio::net::TcpStream;

const PLACES: [&str; 3] = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];

/// A broker process; killed when dropped.
pub(crate) struct Mosquitto {
    directory: TempDir,
    program: &'static str,
    child: Option<Child>,
    pub(crate) port: u16,
}

impl Mosquitto {
    /// Prepares a broker without starting it. `None`, loudly, where mosquitto is not installed.
    pub(crate) fn prepare(extra: impl FnOnce(&Path) -> String) -> Option<Self> {
        let Some(program) = PLACES.into_iter().find(|place| Path::new(place).exists()) else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "mosquitto has to be installed where CI runs");
            eprintln!("SKIPPED: mosquitto is not installed, so this test has tested NOTHING");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let extra = extra(directory.path());
        let anonymous = if extra.contains("password_file") { "" } else { "allow_anonymous true" };
        let config = format!(
            "listener {port} 127.0.0.1\nuser root\npersistence false\nmax_queued_messages 0\nset_tcp_nodelay true\n\
             {anonymous}\n{extra}\n"
        );
        std::fs::write(directory.path().join("mosquitto.conf"), config).unwrap();
        Some(Self { directory, program, child: None, port })
    }

    /// A plain broker that runs.
    pub(crate) async fn plain() -> Option<Self> {
        Self::with(|_| String::new()).await
    }

    /// A broker with more configuration, which may need files in its directory.
    pub(crate) async fn with(extra: impl FnOnce(&Path) -> String) -> Option<Self> {
        let mut broker = Self::prepare(extra)?;
        broker.start().await;
        Some(broker)
    }

    /// Starts the process and waits until it listens.
    pub(crate) async fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new(self.program);
        command.arg("-c").arg(self.path("mosquitto.conf")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        self.until_listening(self.port).await;
    }

    /// Waits until it listens at a port, such as that of a second listener.
    pub(crate) async fn until_listening(&self, port: u16) {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        for _ in 0..3000 {
            if TcpStream::connect(address).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("mosquitto does not listen: {}", std::fs::read_to_string(self.path("log")).unwrap());
    }

    /// SIGKILL: nothing is said, nothing is kept.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes a file with the only user and its password, as mosquitto wants it.
pub(crate) fn password_file(directory: &Path, user: &str, password: &str) -> PathBuf {
    let file = directory.join("passwords");
    std::fs::write(&file, "").unwrap();
    let status = Command::new("mosquitto_passwd").arg("-b").arg(&file).args([user, password]).status().unwrap();
    assert!(status.success());
    file
}

/// A port on which nothing listens. None is given twice: the system may offer one again as soon as it is let go, and
/// two tests would then talk to one broker.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}
