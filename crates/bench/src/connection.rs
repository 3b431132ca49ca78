//! A bare HTTP/1.1 connection for the load generator: one request out, one answer in, as few cycles as possible.
//! It knows just as much of HTTP as the server under test sends, and never pipelines.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::error::{BenchError, Doing as _, Result};

/// One keep-alive connection.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What was answered; the body lies in the connection's buffer until the next exchange.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

impl Connection {
    pub(super) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .doing(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
        })
    }

    /// Sends a whole request and reads the whole answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (head_length, body_length) = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(BenchError::unexpected("the server closed the connection"));
            }
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let length = content_length(&self.buffer[..end]);
                let length = length
                    .ok_or_else(|| BenchError::unexpected("the answer has no Content-Length"))?;
                break (end + 4, length);
            }
        };
        while self.buffer.len() < head_length + body_length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(BenchError::unexpected(
                    "the server closed the connection within a body",
                ));
            }
        }
        let status = std::str::from_utf8(self.buffer.get(9..12).unwrap_or_default())?.parse()?;
        Ok(Answer {
            status,
            body: &self.buffer[head_length..head_length + body_length],
        })
    }
}

/// A request with a body, ready to be sent.
pub(super) fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A request without a body, ready to be sent.
pub(super) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// The text of the JSON field `"id"` that comes first in an answer.
pub(super) fn first_id(body: &[u8]) -> Option<&str> {
    let start = find(body, b"\"id\":\"")? + 6;
    std::str::from_utf8(body.get(start..start + 36)?).ok()
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let at = head
        .windows(NAME.len())
        .position(|window| window.eq_ignore_ascii_case(NAME))?
        + NAME.len();
    let digits = head[at..].split(|byte| *byte == b'\r').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
