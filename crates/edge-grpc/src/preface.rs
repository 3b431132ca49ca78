//! The first bytes of a connection: a client of HTTP/2 that knows what it speaks to says so at once (RFC 9113, 3.3).
//!
//! `server` calls it before it hands a connection to HTTP/2, which by itself would wait for these bytes for ever.

use std::time::Duration;

use edge_listener::ConnectionStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How often half a preface is looked at again. Nearly every client sends it whole.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long a client of the wrong port may take to be told.
const GOODBYE: Duration = Duration::from_secs(2);
/// For a client that came to the wrong port.
const WRONG_PORT: &[u8] = b"HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Connection: close\r\nContent-Length: 70\r\n\r\nThis port speaks gRPC over HTTP/2. HTTP is served on another address.\n";

/// Whether the client speaks HTTP/2. What it sent is still there to be read.
pub(crate) async fn is_http2(stream: &mut ConnectionStream, patience: Duration) -> bool {
    match timeout(patience, begins_so(stream)).await {
        Ok(Some(true)) => true,
        Ok(Some(false)) => {
            // Whoever does not read it need not.
            let _ = timeout(patience.min(GOODBYE), say_wrong_port(stream)).await;
            false
        }
        Ok(None) | Err(_) => false,
    }
}

/// Answers, and takes what the client still sends: a connection that is closed over unread bytes loses the answer.
async fn say_wrong_port(stream: &mut ConnectionStream) -> std::io::Result<()> {
    stream.write_all(WRONG_PORT).await?;
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// `None` where the connection ends.
async fn begins_so(stream: &ConnectionStream) -> Option<bool> {
    let mut bytes = [0; PREFACE.len()];
    loop {
        let came = stream.peek(&mut bytes).await.ok()?;
        if came == 0 {
            return None;
        }
        if bytes[..came] != PREFACE[..came] {
            return Some(false);
        }
        if came == PREFACE.len() {
            return Some(true);
        }
        sleep(LOOK_AGAIN).await;
    }
}
