//! The pool of idle connections, and what happens if the endpoint closes one of them while the next call is on its way.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adapter_webhook::HttpHandlerSettings;
use application::ports::{FaultScope, OrderHandler as _, Outcome};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::any;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::servers::{
    code_and_scope, handler, order, read_request, serve_connections, settings, with,
};

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// What a connection of [`closing_server`] does with its second request.
#[derive(Clone, Copy)]
enum SecondRequest {
    /// Closes it in order (FIN), as a server does after its keep-alive time.
    Close,
    /// Resets it (RST), as the kernel does for a server that closed before the request came.
    Reset,
    /// Answers with something that is not HTTP.
    Garbage,
}

/// A server that answers the first request of each connection and leaves the connection open, and closes it when the
/// second one comes: the client cannot have known. Counts requests and connections.
async fn closing_server(
    second: SecondRequest,
) -> (String, Arc<AtomicUsize>, Arc<AtomicUsize>, JoinSet<()>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let connections = Arc::new(AtomicUsize::new(0));
    let (counted, opened) = (Arc::clone(&requests), Arc::clone(&connections));
    let (url, server) = serve_connections(move |mut stream: TcpStream| {
        let requests = Arc::clone(&counted);
        opened.fetch_add(1, Ordering::SeqCst);
        async move {
            if read_request(&mut stream).await.is_none() {
                return;
            }
            requests.fetch_add(1, Ordering::SeqCst);
            stream.write_all(ANSWER).await.unwrap();
            if read_request(&mut stream).await.is_none() {
                return;
            }
            requests.fetch_add(1, Ordering::SeqCst);
            match second {
                SecondRequest::Close => {}
                SecondRequest::Reset => stream.set_zero_linger().unwrap(),
                SecondRequest::Garbage => stream.write_all(b"SSH-2.0-x\r\n\r\n").await.unwrap(),
            }
        }
    })
    .await;
    (url, requests, connections, server)
}

#[tokio::test]
async fn connections_are_used_again() {
    let (peers, mut received) = mpsc::channel(32);
    let keep = move |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
        peers.send(peer).await.unwrap();
    };
    let router = Router::new().route("/", any(keep));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    server.spawn(async move { axum::serve(listener, service).await.unwrap() });
    let handler = handler(url);
    let mut ports = HashSet::new();
    for _ in 0..10 {
        handler.handle(&order()).await;
        ports.insert(received.recv().await.unwrap());
    }
    assert_eq!(ports.len(), 1);
}

#[tokio::test]
async fn an_idle_connection_that_the_endpoint_closes_just_now_costs_no_attempt() {
    for second in [SecondRequest::Close, SecondRequest::Reset] {
        let (url, requests, connections, _server) = closing_server(second).await;
        let handler = handler(url);
        for round in 1..=4 {
            let outcome = handler.handle(&order()).await;
            assert_eq!(outcome, Outcome::Done { result: None }, "call {round}");
        }
        // Call 1 opens a connection; call 2 loses it and opens the next one; call 3 loses that...
        assert_eq!(connections.load(Ordering::SeqCst), 4);
        assert_eq!(requests.load(Ordering::SeqCst), 4 + 3);
    }
}

#[tokio::test]
async fn a_new_connection_that_breaks_is_not_tried_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let (url, _server) = serve_connections(move |mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            read_request(&mut stream).await;
        }
    })
    .await;
    let outcome = handler(url).handle(&order()).await;
    let expected = ("connection_broken".to_owned(), FaultScope::Endpoint);
    assert_eq!(code_and_scope(outcome), expected);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_reused_connection_that_gives_a_bad_answer_is_not_tried_again() {
    let (url, requests, _, _server) = closing_server(SecondRequest::Garbage).await;
    let handler = handler(url);
    handler.handle(&order()).await;
    let outcome = handler.handle(&order()).await;
    assert_eq!(code_and_scope(outcome).0, "connection_broken");
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_second_try_has_only_the_time_that_the_first_one_left() {
    let connections = AtomicUsize::new(0);
    let (url, _server) = serve_connections(move |mut stream| {
        let is_first = connections.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            read_request(&mut stream).await;
            if is_first {
                stream.write_all(ANSWER).await.unwrap();
                read_request(&mut stream).await;
                tokio::time::sleep(Duration::from_secs(2)).await;
            } else {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        }
    })
    .await;
    let handler = with(&HttpHandlerSettings {
        timeout: Duration::from_secs(4),
        ..settings(url)
    });
    let done = Outcome::Done { result: None };
    assert_eq!(handler.handle(&order()).await, done);
    let begun = tokio::time::Instant::now();
    let outcome = handler.handle(&order()).await;
    assert_eq!(code_and_scope(outcome).0, "timeout");
    let took = begun.elapsed();
    // Two seconds of the first try and four of the second would be six.
    assert!(took < Duration::from_millis(5_500), "{took:?}");
}

/// Node closes an idle connection after 5 s, by default.
#[tokio::test]
async fn an_idle_connection_is_closed_before_node_would_close_it() {
    let (url, requests, connections, _server) = closing_server(SecondRequest::Close).await;
    let handler = handler(url);
    assert_eq!(
        handler.handle(&order()).await,
        Outcome::Done { result: None }
    );
    tokio::time::sleep(Duration::from_millis(4_200)).await;
    assert_eq!(
        handler.handle(&order()).await,
        Outcome::Done { result: None }
    );
    // The second call did not even try the first connection.
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}
