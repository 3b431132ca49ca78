//! A client without opinions: HTTP/2 and nothing else, so that every deadline and every byte is the server's to judge.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body::Frame;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use proto::ordermill::v1::order_service_client::OrderServiceClient;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::body::Body;

/// One connection.
pub struct Raw {
    sender: SendRequest<Body>,
    address: SocketAddr,
    /// Ends with this.
    _connection: JoinSet<()>,
}

/// What generated clients call.
#[derive(Clone)]
pub struct RawService(SendRequest<Body>);

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::by(Builder::new(TokioExecutor::new()), address).await
    }

    /// A client that never has room for a byte of an answer.
    pub async fn without_room(address: SocketAddr) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(0);
        Self::by(builder, address).await
    }

    async fn by(builder: Builder<TokioExecutor>, address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let made = builder.handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.unwrap();
        let mut running = JoinSet::new();
        running.spawn(async move {
            let _ = connection.await;
        });
        Self {
            sender,
            address,
            _connection: running,
        }
    }

    pub fn client(&self) -> OrderServiceClient<RawService> {
        OrderServiceClient::with_origin(RawService(self.sender.clone()), self.origin())
    }

    pub fn origin(&self) -> Uri {
        format!("http://{}", self.address).parse().unwrap()
    }

    /// Sends bytes as a call's body, and reads its status.
    pub async fn send(&self, path: &str, bytes: &[u8]) -> Status {
        let request = self.request("POST", path, "application/grpc", piece(bytes, true));
        let response = RawService(self.sender.clone())
            .0
            .send_request(request)
            .await;
        let response = response.unwrap();
        assert_eq!(response.status(), 200);
        Status::from_header_map(response.headers()).expect("the head says how it ended")
    }

    /// Sends any request.
    pub async fn http(&self, method: &str, content_type: &str) -> Response<Incoming> {
        let request = self.request(
            method,
            "/ordermill.v1.OrderService/GetOrder",
            content_type,
            piece(&[], true),
        );
        self.sender.clone().send_request(request).await.unwrap()
    }

    /// Sends bytes as the beginning of a call's body, the rest of which never comes; returns how the call ends.
    pub async fn begin(&self, path: &str, bytes: &[u8]) -> Status {
        let request = self.request("POST", path, "application/grpc", piece(bytes, false));
        let response = self.sender.clone().send_request(request).await.unwrap();
        if let Some(status) = Status::from_header_map(response.headers()) {
            return status;
        }
        let body = http_body_util::BodyExt::collect(response.into_body());
        let body = body.await.unwrap();
        let trailers = body.trailers().expect("a stream ends with trailers");
        Status::from_header_map(trailers).expect("they say how it ended")
    }

    fn request(&self, method: &str, path: &str, content_type: &str, body: Body) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("content-type", content_type)
            .body(body)
            .unwrap()
    }
}

fn piece(bytes: &[u8], ends: bool) -> Body {
    let bytes = Some(Bytes::copy_from_slice(bytes));
    Body::new(Piece { bytes, ends })
}

/// A body of one piece.
struct Piece {
    bytes: Option<Bytes>,
    /// What comes after it: the end, or nothing at all.
    ends: bool,
}

impl http_body::Body for Piece {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.bytes.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl tower::Service<Request<Body>> for RawService {
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
