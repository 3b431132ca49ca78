//! A bare WebSocket reader for the load generator (RFC 6455): it asks for everything and then only counts or looks,
//! so that 5,000 of them cost the machine less than the server that feeds them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::connection::find;
use super::error::{BenchError, Result};

/// An open socket, subscribed.
pub(super) struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are parsed already.
    parsed: usize,
}

impl Socket {
    /// Opens `ws://address/ws` and sends `subscription` as a text frame.
    pub(super) async fn open(address: &str, subscription: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // The key is the sample nonce of RFC 6455, section 1.3: the handshake needs one, not a secret one.
        let handshake = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(handshake.as_bytes()).await?;
        let mut buffer = Vec::with_capacity(1024);
        let parsed = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(BenchError::unexpected(
                    "the server closed the socket during the handshake",
                ));
            }
            if let Some(end) = find(&buffer, b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !buffer.starts_with(b"HTTP/1.1 101") {
            return Err(BenchError::unexpected(format!(
                "the server refused the socket: {}",
                String::from_utf8_lossy(&buffer)
            )));
        }
        let length = u8::try_from(subscription.len())
            .ok()
            .filter(|length| *length < 126);
        let length =
            length.ok_or_else(|| BenchError::unexpected("the subscription is too long"))?;
        // A client's frame is masked; the mask of zeros leaves the text as it is.
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(subscription.as_bytes());
        stream.write_all(&frame).await?;
        Ok(Self {
            stream,
            buffer,
            parsed,
        })
    }

    /// Waits for bytes and shows each complete text frame to `see`. Returns how many frames there were.
    pub(super) async fn read(&mut self, mut see: impl FnMut(&[u8])) -> Result<usize> {
        self.buffer.drain(..self.parsed);
        self.parsed = 0;
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(BenchError::unexpected("the server closed the socket"));
        }
        let mut frames = 0;
        while let Some((opcode, start, end)) = frame_at(&self.buffer, self.parsed) {
            match opcode {
                1 => {
                    see(&self.buffer[start..end]);
                    frames += 1;
                }
                8 => {
                    return Err(BenchError::unexpected(format!(
                        "the server ended the socket: {}",
                        String::from_utf8_lossy(&self.buffer[start..end])
                    )));
                }
                _ => {}
            }
            self.parsed = end;
        }
        Ok(frames)
    }
}

/// Opcode, start and end of the payload of the frame at `at`, if it is complete. Servers do not mask.
fn frame_at(buffer: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let opcode = buffer.get(at)? & 0x0f;
    let (start, length) = match buffer.get(at + 1)? & 0x7f {
        126 => (
            at + 4,
            u64::from(u16::from_be_bytes(
                buffer.get(at + 2..at + 4)?.try_into().ok()?,
            )),
        ),
        127 => (
            at + 10,
            u64::from_be_bytes(buffer.get(at + 2..at + 10)?.try_into().ok()?),
        ),
        short => (at + 2, u64::from(short)),
    };
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    (end <= buffer.len()).then_some((opcode, start, end))
}
