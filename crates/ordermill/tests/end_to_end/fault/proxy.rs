//! A TCP proxy between a process under test and a part of its world: makes every answer late, or breaks every
//! connection and takes no new one, until told otherwise.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// What answers wait for on their way, chunks of at most so many bytes each.
const CHUNK_BYTES: usize = 16 * 1024;
const CHUNKS: usize = 256;

/// A proxy. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Proxy {
    /// Where it listens.
    pub(super) address: SocketAddr,
    delay_ms: Arc<AtomicU64>,
    is_cut: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Passes everything on to `upstream`, at once.
    pub(super) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let delay_ms = Arc::new(AtomicU64::new(0));
        let (is_cut, cut) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, upstream, Arc::clone(&delay_ms), cut));
        Self {
            address,
            delay_ms,
            is_cut,
            _tasks: tasks,
        }
    }

    /// From now on every answer is so late.
    pub(super) fn slow_down(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).expect("a short delay");
        self.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// Breaks every connection, and each new one.
    pub(super) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Everything is passed on at once again.
    pub(super) fn restore(&self) {
        self.slow_down(Duration::ZERO);
        self.is_cut.send_replace(false);
    }
}

async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    delay_ms: Arc<AtomicU64>,
    cut: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener
            .accept()
            .await
            .expect("a listener on loopback does not fail");
        while connections.try_join_next().is_some() {}
        let (delay_ms, mut cut) = (Arc::clone(&delay_ms), cut.clone());
        connections.spawn(async move {
            let passing = pass(client, upstream, &delay_ms);
            tokio::select! {
                // Either end may break at any time: that is what the test is about.
                _ = passing => {}
                _ = cut.wait_for(|is_cut| *is_cut) => {}
            }
        });
    }
}

async fn pass(client: TcpStream, upstream: SocketAddr, delay_ms: &AtomicU64) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (chunks, waiting) = mpsc::channel(CHUNKS);
    tokio::select! {
        asked = tokio::io::copy(&mut from_client, &mut to_server) => asked.map(drop),
        read = read_answers(from_server, chunks, delay_ms) => read,
        written = write_answers(to_client, waiting) => written,
    }
}

async fn read_answers(
    mut server: OwnedReadHalf,
    chunks: mpsc::Sender<(Instant, Vec<u8>)>,
    delay_ms: &AtomicU64,
) -> io::Result<()> {
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let count = server.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        chunk.truncate(count);
        let delay = Duration::from_millis(delay_ms.load(Ordering::SeqCst));
        if chunks.send((Instant::now() + delay, chunk)).await.is_err() {
            return Ok(());
        }
    }
}

/// Chunks overtake nobody: one that became quick waits for the late ones before it.
async fn write_answers(
    mut client: OwnedWriteHalf,
    mut waiting: mpsc::Receiver<(Instant, Vec<u8>)>,
) -> io::Result<()> {
    while let Some((at, chunk)) = waiting.recv().await {
        sleep_until(at).await;
        client.write_all(&chunk).await?;
    }
    Ok(())
}
