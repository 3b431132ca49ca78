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
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::{Parts, downcast};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::connection::Connection;
use crate::patience::PatientStream;

/// An idle connection keeps no more than this to read into; longer messages get room of their own.
const READ_BUFFER_BYTES: usize = 256;
/// Room for tungstenite's own output: a pong and a close frame.
const OWN_OUTPUT_BYTES: usize = 1024;
/// The most frames, or batches of them, that one write takes.
const SLICES: usize = 64;
/// What a client sends after it was told to close is thrown away, up to this; then it is cut.
const DISCARDED_BYTES: usize = 16 * 1024 * 1024;

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
    match downcast::<TokioIo<PatientStream>>(upgraded) {
        // The bare connection: without the layers of HTTP, their buffers and their timer.
        Ok(Parts { io, read_buf, .. }) => {
            let stream = io.into_inner().into_inner();
            let peer = Peer::new(stream, read_buf.to_vec(), config).await;
            Box::pin(connection.run(peer))
        }
        Err(upgraded) => {
            let peer = Peer::new(TokioIo::new(upgraded), Vec::new(), config).await;
            Box::pin(connection.run(peer))
        }
    }
}

/// How a WebSocket is closed, and why: the code and the words of its last frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closing {
    pub(super) code: CloseCode,
    pub(super) reason: &'static str,
}

/// What a client said.
#[derive(Debug)]
pub(super) enum Said {
    Text(Utf8Bytes),
    Binary,
    /// A ping or a pong: it lives.
    Sign,
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
    async fn new(stream: S, begun: Vec<u8>, config: WebSocketConfig) -> Self {
        let socket =
            WebSocketStream::from_partially_read(stream, begun, Role::Server, Some(config)).await;
        Self {
            socket,
            waiting: VecDeque::new(),
            is_begun: false,
        }
    }

    /// What the client says next. Cancel-safe.
    pub(super) async fn listen(&mut self) -> Said {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => Said::Text(text),
            Some(Ok(Message::Binary(_))) => Said::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Said::Sign,
            // The answer to its close frame waits in the socket.
            Some(Ok(Message::Close(_))) | None => Said::Gone,
            Some(Err(error)) => fault(&error).map_or(Said::Gone, Said::Fault),
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

    /// Forgets what waits, except for what a frame's end may belong to.
    pub(super) fn forget_waiting(&mut self) {
        self.waiting.truncate(usize::from(self.is_begun));
    }

    pub(super) async fn ping(&mut self) -> Result<(), Error> {
        self.socket.send(Message::Ping(Bytes::new())).await
    }

    /// Says goodbye. All that waited must have been written or forgotten.
    pub(super) async fn close(mut self, closing: Option<Closing>, patience: Duration) {
        let goodbye = async {
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
        if !matches!(tokio::time::timeout(patience, goodbye).await, Ok(Ok(()))) {
            return;
        }
        // A connection that is dropped with unread bytes is reset, and the goodbye may be lost with it.
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
        let _ = tokio::time::timeout(patience, drain).await;
    }
}

/// What a client is told of its fault; `None` where nobody is there to be told.
fn fault(error: &Error) -> Option<Closing> {
    let (code, reason) = match error {
        Error::Capacity(_) => (CloseCode::Size, "the message is too large"),
        Error::Utf8(_) => (CloseCode::Invalid, "the text is not UTF-8"),
        Error::Protocol(_) => (CloseCode::Protocol, "the frame breaks the protocol"),
        _ => return None,
    };
    Some(Closing { code, reason })
}
