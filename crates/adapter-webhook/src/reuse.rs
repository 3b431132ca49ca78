//! Sends a request over a pooled connection, and once more if that connection turns out to be dead.
//!
//! A server closes a connection that was idle for some time. If it does so while the next request is on its way, the
//! request fails although the endpoint is well, and although it never reached it. hyper repeats what it has not begun to
//! send; this file covers the rest. Only a request on a reused connection is repeated, and only if no answer began: a new
//! connection that breaks is the endpoint's fault. Repeating is safe because every call carries its idempotency key.

use std::cell::Cell;
use std::error::Error;
use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Request, Response};
use tokio::time::Instant;
use tower::util::MapFutureLayer;

tokio::task_local! {
    /// Whether the running call has made its own connection.
    static CONNECTED: Cell<bool>;
}

/// A client that [`execute`] can ask whether a call made a connection.
pub(crate) fn noticing_connections(client: ClientBuilder) -> ClientBuilder {
    client.connector_layer(MapFutureLayer::new(noticed))
}

/// Runs within the task of the call that waits for the connection. A connection that is no longer waited for, because
/// another call returned one to the pool meanwhile, is finished in a task of its own, outside the scope of any call.
async fn noticed<F: Future>(connecting: F) -> F::Output {
    let connection = connecting.await;
    // Outside a scope there is no call to tell.
    let _ = CONNECTED.try_with(|connected| connected.set(true));
    connection
}

/// Sends `request` and waits for the head of the answer. `timeout` is for everything: the first try, the second, and the
/// body.
pub(crate) async fn execute(
    client: &Client,
    mut request: Request,
    timeout: Duration,
) -> Result<Response, reqwest::Error> {
    let deadline = Instant::now() + timeout;
    *request.timeout_mut() = Some(timeout);
    let again = request.try_clone();
    let first = CONNECTED.scope(Cell::new(false), async {
        let answer = client.execute(request).await;
        (answer, CONNECTED.with(Cell::get))
    });
    match (first.await, again) {
        ((Err(error), false), Some(mut again)) if broke_before_an_answer(&error) => {
            tracing::debug!(%error, "an idle connection was closed by the endpoint; the call is sent again");
            *again.timeout_mut() = Some(deadline.saturating_duration_since(Instant::now()));
            client.execute(again).await
        }
        ((answer, _), _) => answer,
    }
}

/// Whether the connection ended before the head of an answer had come. What is no HTTP is an answer in this sense.
fn broke_before_an_answer(error: &reqwest::Error) -> bool {
    if error.is_timeout() || error.is_connect() {
        return false;
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(source) = cause {
        if let Some(error) = source.downcast_ref::<hyper::Error>()
            && (error.is_incomplete_message() || error.is_closed() || error.is_canceled())
        {
            return true;
        }
        if let Some(error) = source.downcast_ref::<std::io::Error>() {
            return matches!(
                error.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::NotConnected
                    | ErrorKind::UnexpectedEof
            );
        }
        cause = source.source();
    }
    false
}
