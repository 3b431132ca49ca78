//! From the connection that HTTP hands over to a WebSocket that is served on it. `live::websocket` calls it once the
//! handshake is answered.

use std::pin::Pin;

use edge_listener::ConnectionStream;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::{Parts, downcast};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::connection::Connection;
use super::peer::Peer;

/// An idle connection keeps no more than this to read into; longer messages get room of their own.
const READ_BUFFER_BYTES: usize = 256;
/// Room for tungstenite's own output: a pong and a close frame.
const OWN_OUTPUT_BYTES: usize = 1024;

/// `connection` over the connection that HTTP has handed over. Boxed, because the future stays for as long as the
/// socket does, and is moved on: a task keeps room for both places.
pub(super) async fn serve(
    connection: Connection,
    upgraded: Upgraded,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(OWN_OUTPUT_BYTES)
        .max_message_size(Some(connection.max_message_bytes()))
        .max_frame_size(Some(connection.max_message_bytes()));
    match downcast::<TokioIo<ConnectionStream>>(upgraded) {
        // The bare connection: without the layers of HTTP, their buffers and their timer.
        Ok(Parts { io, read_buf, .. }) => {
            let stream = io.into_inner();
            let peer = Peer::new(stream, read_buf.to_vec(), config).await;
            Box::pin(connection.run(peer))
        }
        Err(upgraded) => {
            let peer = Peer::new(TokioIo::new(upgraded), Vec::new(), config).await;
            Box::pin(connection.run(peer))
        }
    }
}
