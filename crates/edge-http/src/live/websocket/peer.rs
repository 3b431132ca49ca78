//! The other end of a WebSocket: reads messages through tungstenite, writes frames that are encoded already.
//!
//! Frames of many watchers are shared bytes. They are written straight to the connection, many with one call, between
//! two uses of tungstenite, whose own output (pongs, the close frame) is always flushed before.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::{SinkExt, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// The most frames, or batches of them, that one write takes.
const SLICES: usize = 64;
/// What a client sends after the close frame is discarded, up to this; then the connection is cut.
const DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// How a WebSocket is closed, and why: the code and the words of its last frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closing {
    pub(super) code: CloseCode,
    pub(super) reason: &'static str,
}

/// What a client sent.
#[derive(Debug)]
pub(super) enum ClientMessage {
    Text(Utf8Bytes),
    Binary,
    /// A ping or a pong: it lives.
    Alive,
    /// It goes away, or is gone.
    Gone,
    /// It broke the rules.
    Fault(Closing),
}

#[derive(Debug)]
pub(super) struct Peer<S> {
    socket: WebSocketStream<S>,
    waiting: VecDeque<Bytes>,
    /// Whether a part of the first one that waits is written.
    is_begun: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(super) async fn new(stream: S, begun: Vec<u8>, config: WebSocketConfig) -> Self {
        let socket =
            WebSocketStream::from_partially_read(stream, begun, Role::Server, Some(config)).await;
        Self {
            socket,
            waiting: VecDeque::new(),
            is_begun: false,
        }
    }

    /// What the client sends next. Cancel-safe.
    pub(super) async fn listen(&mut self) -> ClientMessage {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => ClientMessage::Text(text),
            Some(Ok(Message::Binary(_))) => ClientMessage::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                ClientMessage::Alive
            }
            // The answer to its close frame waits in the socket.
            Some(Ok(Message::Close(_))) | None => ClientMessage::Gone,
            Some(Err(error)) => fault(&error).map_or(ClientMessage::Gone, ClientMessage::Fault),
        }
    }

    /// Puts encoded frames in the queue of this connection; [`Peer::write_some`] takes them from there.
    pub(super) fn queue(&mut self, frames: Bytes) {
        if !frames.is_empty() {
            self.waiting.push_back(frames);
        }
    }

    /// Writes of what waits; whether nothing is left. Cancel-safe: what is written is written.
    pub(super) async fn write_some(&mut self) -> io::Result<bool> {
        SinkExt::flush(&mut self.socket)
            .await
            .map_err(io::Error::other)?;
        if self.waiting.is_empty() {
            return Ok(true);
        }
        let (stream, waiting) = (self.socket.get_mut(), &self.waiting);
        let mut written = poll_fn(|context| {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = waiting.len().min(SLICES);
            for (slice, frames) in slices.iter_mut().zip(waiting) {
                *slice = IoSlice::new(frames);
            }
            Pin::new(&mut *stream).poll_write_vectored(context, &slices[..count])
        })
        .await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(first) = self.waiting.front_mut() {
            if written < first.len() {
                first.advance(written);
                self.is_begun |= written > 0;
                break;
            }
            written -= first.len();
            self.is_begun = false;
            self.waiting.pop_front();
        }
        if self.waiting.is_empty() {
            // Between two bursts a connection keeps no room for them.
            self.waiting = VecDeque::new();
            return Ok(true);
        }
        Ok(false)
    }

    /// Discards what waits, except for the rest of a frame that was begun.
    pub(super) fn discard_waiting(&mut self) {
        self.waiting.truncate(usize::from(self.is_begun));
    }

    pub(super) async fn ping(&mut self) -> Result<(), Error> {
        self.socket.send(Message::Ping(Bytes::new())).await
    }

    /// Closes the connection. Everything that waited must have been written or discarded.
    pub(super) async fn close(mut self, closing: Option<Closing>, close_timeout: Duration) {
        let handshake = async {
            let Some(closing) = closing else {
                // The answer to the client's own close frame.
                return SinkExt::flush(&mut self.socket).await;
            };
            let frame = CloseFrame {
                code: closing.code,
                reason: Utf8Bytes::from_static(closing.reason),
            };
            self.socket.send(Message::Close(Some(frame))).await
        };
        if !matches!(
            tokio::time::timeout(close_timeout, handshake).await,
            Ok(Ok(()))
        ) {
            return;
        }
        // A connection that is dropped with unread bytes is reset, and the close frame may be lost with it.
        let stream = self.socket.get_mut();
        let drain = async {
            stream.shutdown().await?;
            let mut bytes = vec![0; 4096];
            let mut discarded = 0;
            while discarded < DISCARDED_BYTES {
                match stream.read(&mut bytes).await? {
                    0 => break,
                    count => discarded += count,
                }
            }
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(close_timeout, drain).await;
    }
}

/// The close frame for a fault of the client; `None` if the client is gone.
fn fault(error: &Error) -> Option<Closing> {
    let (code, reason) = match error {
        Error::Capacity(_) => (CloseCode::Size, "the message is too large"),
        Error::Utf8(_) => (CloseCode::Invalid, "the text is not UTF-8"),
        Error::Protocol(_) => (CloseCode::Protocol, "the frame breaks the protocol"),
        _ => return None,
    };
    Some(Closing { code, reason })
}
