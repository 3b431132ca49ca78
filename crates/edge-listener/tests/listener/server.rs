//! A server with a small service, and the good client that must always be served.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge_listener::{AnswerBody, ConnectionStream, Listening, MemoryBudget, ServeReport};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long anything may take that should happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A listener that answers `GET /<bytes>` with that number of bytes, and `GET /wait/<milliseconds>` after that time.
pub struct Server {
    pub address: SocketAddr,
    pub answers: Arc<MemoryBudget>,
    pub soft: CancellationToken,
    serving: JoinSet<ServeReport>,
}

impl Server {
    pub async fn start(change: impl FnOnce(&mut Listening)) -> Self {
        Self::with_budget(64 * 1024 * 1024, change).await
    }

    /// A server whose answers may hold `bytes` together.
    pub async fn with_budget(bytes: usize, change: impl FnOnce(&mut Listening)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers = Arc::new(MemoryBudget::of(bytes));
        let mut listening = Listening {
            max_connections: 10_000,
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(10),
            trusted_proxies: Vec::new(),
            drain_timeout: Duration::from_secs(10),
            tasks: TaskTracker::new(),
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
            cut: CancellationToken::new(),
        };
        change(&mut listening);
        let soft = listening.soft.clone();
        let (tasks, budget) = (listening.tasks.clone(), Arc::clone(&answers));
        let mut serving = JoinSet::new();
        serving.spawn(listening.serve(listener, move |stream| {
            serve(stream, tasks.clone(), Arc::clone(&budget))
        }));
        Self {
            address,
            answers,
            soft,
            serving,
        }
    }

    /// A connection from this address of the machine.
    pub async fn connect_from(&self, from: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        let from: IpAddr = from.parse().unwrap();
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// The status and the number of bytes of the answer that a new connection of a good client gets.
    pub async fn good_client(&self) -> (u16, usize) {
        let mut stream = self.connect_from("127.0.0.1").await;
        let request = "GET /1000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let mut answer = Vec::new();
        let asking = async {
            stream.write_all(request.as_bytes()).await?;
            stream.read_to_end(&mut answer).await
        };
        let asked = timeout(PATIENCE, asking).await;
        asked.expect("a good client is answered in time").unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), body.len())
    }

    /// Waits until the answers hold nothing more.
    pub async fn until_nothing_is_held(&self) {
        let begun = Instant::now();
        while self.answers.reserved() > 0 {
            assert!(
                begun.elapsed() < PATIENCE,
                "{} bytes are held",
                self.answers.reserved()
            );
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn stop(mut self) -> ServeReport {
        self.soft.cancel();
        let report = timeout(PATIENCE, self.serving.join_next()).await;
        report.expect("it stops").expect("it served").unwrap()
    }
}

/// Serves one connection as an edge does.
async fn serve(stream: ConnectionStream, tasks: TaskTracker, answers: Arc<MemoryBudget>) {
    let connection = Arc::clone(stream.connection());
    let service = service_fn(|request: Request<Incoming>| {
        let in_flight = connection.begin_request(request.version());
        let answers = Arc::clone(&answers);
        async move {
            let answer = answer(request.uri().path()).await;
            let answer: Response<AnswerBody<_>> = in_flight.answer(answer, &answers, overloaded);
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = Builder::new(connection.executor(&tasks));
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(64 * 1024);
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    // How it ends is the client's affair.
    let _ = connection.run(served).await;
}

async fn answer(path: &str) -> Response<Full<Bytes>> {
    if let Some(milliseconds) = path.strip_prefix("/wait/") {
        sleep(Duration::from_millis(milliseconds.parse().unwrap())).await;
        return Response::new(Full::from("waited"));
    }
    let bytes = path.trim_start_matches('/').parse().unwrap();
    Response::new(Full::new(Bytes::from(vec![b'x'; bytes])))
}

fn overloaded() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from("overloaded"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// Whether the server closes the connection, which sends nothing more, within [`PATIENCE`].
pub async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = [0; 4096];
    let reading = async { while stream.read(&mut rest).await.is_ok_and(|bytes| bytes > 0) {} };
    timeout(PATIENCE, reading).await.is_ok()
}
