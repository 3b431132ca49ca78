//! The bounds of a connection: how much metadata its calls may carry, and that its client answers pings.

use std::time::Duration;

use proto::ordermill::v1 as pb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Request;

use crate::raw::Raw;
use crate::server::{Server, amount, placed};

const WAIT: Duration = Duration::from_secs(20);

fn with_metadata(bytes: usize) -> Request<pb::CreateOrderRequest> {
    let mut request = Request::new(amount("u", 1));
    let long = "x".repeat(bytes).parse().unwrap();
    request.metadata_mut().insert("x-note", long);
    request
}

#[tokio::test]
async fn metadata_over_the_bound_is_refused_and_the_connection_goes_on() {
    let server = Server::with(|settings, _| settings.tuning.max_metadata_bytes = 4096).await;
    let raw = Raw::connect(server.address).await;
    let mut client = raw.client();
    client.create_order(with_metadata(2048)).await.unwrap();
    let refused = client.create_order(with_metadata(8192)).await.unwrap_err();
    // Past the bound the head never comes to our code: the answer is one of HTTP, without details.
    assert!(refused.message().contains("431"), "{refused:?}");
    assert_eq!(server.accepted().await, 1);
    client.create_order(amount("u", 2)).await.unwrap();
    assert_eq!(server.accepted().await, 2);
}

#[tokio::test]
async fn a_flood_of_metadata_ends_only_its_own_connection() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let raw = Raw::connect(server.address).await;
    let flood = timeout(WAIT, async {
        raw.client().create_order(with_metadata(4_000_000)).await
    });
    assert!(flood.await.expect("it is not waited for").is_err());
    placed(&mut client, amount("u", 1)).await;
    assert_eq!(server.accepted().await, 1);
}

/// The preface of HTTP/2, and empty settings.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const PING: u8 = 6;

/// The types of the whole frames in `bytes`.
fn frame_types(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [high, middle, low, kind, _, _, _, _, _, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        types.push(*kind);
        bytes = rest.get(length..).unwrap_or_default();
    }
    types
}

#[tokio::test]
async fn a_client_that_answers_no_pings_loses_its_connection() {
    let server = Server::with(|settings, _| {
        settings.keepalive_after = Duration::from_millis(100);
        settings.tuning.keepalive_timeout = Duration::from_secs(2);
    })
    .await;
    let raw = Raw::connect(server.address).await;
    let mut dead = TcpStream::connect(server.address).await.unwrap();
    dead.write_all(HELLO).await.unwrap();
    let mut got = Vec::new();
    let read = timeout(WAIT, dead.read_to_end(&mut got));
    let _ = read.await.expect("the connection is closed");
    let types = frame_types(&got);
    assert!(types.contains(&PING), "it was asked first: {types:?}");
    // The other one was as silent, but for its answers to pings.
    raw.client().create_order(amount("u", 1)).await.unwrap();
}
