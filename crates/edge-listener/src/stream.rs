//! The bytes of one connection: a TCP stream that notes whether writes to it succeed, and that counts among the open
//! connections until it is dropped.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::connection::Connection;
use crate::connections::Slot;

/// The stream of an accepted connection. The connection counts as open until this is dropped: by hyper, or after an upgrade by
/// the protocol that took over.
#[derive(Debug)]
pub struct ConnectionStream {
    stream: TcpStream,
    slot: Slot,
}

impl ConnectionStream {
    pub(crate) const fn new(stream: TcpStream, slot: Slot) -> Self {
        Self { stream, slot }
    }

    /// The connection that it belongs to.
    #[must_use]
    pub const fn connection(&self) -> &Arc<Connection> {
        self.slot.connection()
    }

    /// Reads without taking: the next read returns the same bytes again.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn peek(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.peek(bytes).await
    }

    /// The kernel takes bytes only when the client makes room for them, so a write that succeeds is a client that reads.
    fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.connection().note_blocked_write(),
            Poll::Ready(_) => self.connection().note_write(),
        }
        written
    }
}

impl AsyncRead for ConnectionStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ConnectionStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for ConnectionStream {
    fn drop(&mut self) {
        // Otherwise the kernel would go on holding, for minutes, what a client does not take.
        if self.connection().is_stalled()
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "the socket of a stalled connection could not be reset");
        }
    }
}
