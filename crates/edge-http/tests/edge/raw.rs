//! HTTP by hand, for what no client library would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// For what comes by itself, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What came back until the server closed the connection, or until `for_at_most` was over.
pub struct Heard {
    pub text: String,
    pub was_closed: bool,
}

impl Heard {
    /// The status of the first answer; 0 where nothing was answered.
    pub fn status(&self) -> u16 {
        self.text
            .get(9..12)
            .and_then(|status| status.parse().ok())
            .unwrap_or_default()
    }
}

/// Sends pieces, one after the other with `pause` between them, and listens until the server closes, up to [`PATIENCE`].
pub async fn talk(address: SocketAddr, pieces: &[&[u8]], pause: Duration) -> Heard {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            tokio::time::sleep(pause).await;
        }
        // The server may have closed the connection already; what it said is still there to be read.
        if stream.write_all(piece).await.is_err() {
            break;
        }
    }
    listen(&mut stream, PATIENCE).await
}

/// Listens until the server closes, or until the time is over.
pub async fn listen(stream: &mut TcpStream, for_at_most: Duration) -> Heard {
    let mut bytes = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            bytes.extend_from_slice(&buffer[..count]);
        }
    };
    let was_closed = tokio::time::timeout(for_at_most, reading).await.is_ok();
    Heard {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        was_closed,
    }
}

/// Says one thing and waits for the connection to be closed, up to [`PATIENCE`].
pub async fn say(address: SocketAddr, request: &str) -> Heard {
    talk(address, &[request.as_bytes()], Duration::ZERO).await
}
