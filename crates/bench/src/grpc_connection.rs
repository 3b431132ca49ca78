//! A bare HTTP/2 connection under the generated gRPC client, for the load generator: one connection, no balancing, no
//! retries, no time-outs.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use proto::ordermill::v1::order_service_client::OrderServiceClient;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::body::Body;

use super::error::{Doing as _, Result};

/// What a client sends before it is answered: the usual windows of large clients.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// One connection; its calls share it.
#[derive(Clone)]
pub(super) struct Connection(SendRequest<Body>);

/// The generated client over a connection.
pub(super) type Client = OrderServiceClient<Connection>;

/// Opens a connection, whose task `running` owns.
pub(super) async fn open(address: &str, running: &mut JoinSet<()>) -> Result<Client> {
    let stream = TcpStream::connect(address)
        .await
        .doing(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .handshake(TokioIo::new(stream))
        .await?;
    running.spawn(async move {
        // The calls on it say what went wrong.
        let _ = connection.await;
    });
    let origin: Uri = format!("http://{address}").parse()?;
    Ok(OrderServiceClient::with_origin(Connection(sender), origin))
}

impl tower::Service<Request<Body>> for Connection {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, Result<Response<Incoming>, hyper::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
