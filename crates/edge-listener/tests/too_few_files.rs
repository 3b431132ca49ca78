//! A process that may open no more files: new connections wait, and the log says what to do, once. A test binary of its own,
//! because the limit is the process's.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edge_listener::Listening;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const PATIENCE: Duration = Duration::from_secs(20);

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn connections_wait_while_no_file_is_left_and_the_log_says_so_once() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || written.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let token = CancellationToken::new;
    let listening = Listening {
        max_connections: 1000,
        idle_timeout: Duration::from_secs(75),
        write_timeout: Duration::from_secs(10),
        trusted_proxies: Vec::new(),
        drain_timeout: Duration::from_secs(1),
        tasks: TaskTracker::new(),
        soft: token(),
        hard: token(),
        cut: token(),
    };
    let mut serving = JoinSet::new();
    serving.spawn(listening.serve(listener, async |mut stream| {
        let _ = stream.write_all(b"hello").await;
    }));

    // Sockets that exist already connect without a new file; the server needs one for each.
    let sockets: Vec<_> = (0..4).map(|_| TcpSocket::new_v4().unwrap()).collect();
    let before = getrlimit(Resource::Nofile);
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let lowered = Rlimit {
        current: Some(u64::try_from(open - 1).unwrap()),
        ..before
    };
    setrlimit(Resource::Nofile, lowered).unwrap();
    let mut clients = Vec::new();
    for socket in sockets {
        clients.push(socket.connect(address).await.unwrap());
    }
    sleep(Duration::from_secs(1)).await;
    let text = log.text();
    assert_eq!(
        text.matches("no connection can be accepted").count(),
        1,
        "{text}"
    );
    for part in ["ulimit -n", "LimitNOFILE", &format!("limit={}", open - 1)] {
        assert!(text.contains(part), "{part}: {text}");
    }

    setrlimit(Resource::Nofile, before).unwrap();
    for mut client in clients {
        let mut heard = Vec::new();
        let hearing = timeout(PATIENCE, client.read_to_end(&mut heard));
        hearing.await.unwrap().unwrap();
        assert_eq!(heard, b"hello");
    }
}
