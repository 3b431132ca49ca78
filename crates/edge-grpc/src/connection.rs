//! One connection as its calls see it: what their answers hold, and how it is ended. It reports each call to the
//! listener, which ends connections without calls.
//!
//! `server` makes one for each connection; every call keeps it until its end.

use std::sync::Arc;

use edge_listener::RequestInFlight;
use http::Version;
use tokio_util::sync::CancellationToken;

use crate::answer_memory::{AnswerMemory, ConnectionAnswers};

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// What its answers hold.
    pub(crate) answers: ConnectionAnswers,
    /// Cancelled when it is cut off with everything on it, because of its answers or at a hard stop.
    cut: CancellationToken,
    accepted: Arc<edge_listener::Connection>,
}

/// A call under way on a connection, until it is dropped.
pub(crate) struct ActiveCall(
    #[expect(dead_code, reason = "held until the call ends")] RequestInFlight,
);

impl Connection {
    /// A connection without calls, which is cut off with `hard` at the latest.
    pub(crate) fn new(
        accepted: &Arc<edge_listener::Connection>,
        answers: &Arc<AnswerMemory>,
        hard: &CancellationToken,
    ) -> Arc<Self> {
        let cut = hard.child_token();
        Arc::new(Self {
            answers: answers.connection(cut.clone()),
            cut,
            accepted: Arc::clone(accepted),
        })
    }

    /// A call begins.
    pub(crate) fn begin_call(&self) -> ActiveCall {
        ActiveCall(self.accepted.begin_request(Version::HTTP_2))
    }

    /// Resolves when the connection is to end at once.
    pub(crate) async fn is_cut(&self) {
        tokio::select! {
            () = self.cut.cancelled() => {}
            () = self.accepted.cut() => {}
        }
    }
}
