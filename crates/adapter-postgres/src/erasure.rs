//! Erasing an order: its way to the shard's writer, and its transaction. `store` puts it in, `writer` takes it out. Each
//! erasure is a transaction of its own; it is rare, and a failure is then its own, too.
//!
//! The first round trip deletes the order, under the guard of its version and status, which locks it against every other
//! writer; the second makes tombstones of its events, takes the shard's lock, appends `order.erased` and commits.
//! With the row the order's key and external id are free again. PostgreSQL keeps the old row versions on disk until they
//! are vacuumed, and in its write-ahead log and backups until those are removed.

use std::sync::Arc;

use application::ports::{CommitError, Deadline, Erasure, StoreError};
use domain::{EventPosition, ShardId};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, timeout};

use crate::columns::Events;
use crate::counts::CountChanges;
use crate::failure::{Failure, before_commit, sent, unconfirmed};
use crate::progress::Progress;
use crate::shard_map::MapEpoch;
use crate::transaction::Session;

/// What became of an erasure.
pub(crate) type Erased = Result<EventPosition, CommitError>;

/// An erasure that waits for the writer.
pub(crate) struct ErasureCall {
    pub(crate) erasure: Erasure,
    pub(crate) deadline: Deadline,
    pub(crate) progress: Arc<Progress>,
    pub(crate) answer: oneshot::Sender<Erased>,
    /// Its place in the queue, given back when it is answered.
    pub(crate) _room: OwnedSemaphorePermit,
}

impl ErasureCall {
    /// Whether the writer may begin. Otherwise the caller has been answered that nothing will be written.
    pub(crate) fn begin(&self) -> bool {
        self.progress.begin()
    }

    pub(crate) fn is_late(&self) -> bool {
        self.deadline <= Instant::now()
    }

    pub(crate) fn answer(self, answer: Erased) {
        // A caller that stopped listening finds out by reading the order.
        let _ = self.answer.send(answer);
    }

    pub(crate) fn fail(self, error: StoreError) {
        self.answer(Err(CommitError::Store(error)));
    }
}

/// What the caller of an erasure that failed is answered.
pub(crate) fn refusal(shard: ShardId, epoch: MapEpoch, failure: Failure) -> CommitError {
    match failure {
        Failure::Data(reason) => CommitError::Refused(reason),
        failure => CommitError::Store(failure.into_store_error(shard, epoch)),
    }
}

impl Session {
    /// Erases an order. `None` if it is not at the version and status that the erasure was decided from.
    pub(crate) async fn erase(&self, erasure: &Erasure) -> Result<Option<EventPosition>, Failure> {
        let (client, statements) = (&self.client, &self.statements);
        let id = erasure.event.order_id.as_uuid();
        let guard = (erasure.version.get().into(), erasure.status.code().into());
        let opening = async {
            let delete = statements.delete_order(client, id, guard);
            let (begun, deleted) = futures_util::join!(client.batch_execute("BEGIN"), delete);
            begun.and(deleted)
        };
        match timeout(self.round_trip, opening).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                self.roll_back().await?;
                return Ok(None);
            }
            Ok(Err(error)) => {
                let failure = before_commit(&error);
                if !matches!(failure, Failure::Lost(_)) {
                    self.roll_back().await?;
                }
                return Err(failure);
            }
            Err(_) => return Err(Failure::Lost(self.silent())),
        }
        let mut events = Events::default();
        events.push(&erasure.event);
        let mut counts = CountChanges::default();
        counts.erased(erasure.status);
        let closing = async {
            futures_util::join!(
                statements.bury_events(client, id),
                statements.take_seqs(client, &events, &counts, self.map_epoch()),
                statements.insert_events(client, &events),
                client.batch_execute("COMMIT")
            )
        };
        let Ok((buried, position, recorded, committed)) = timeout(self.round_trip, closing).await
        else {
            return Err(Failure::Unknown(self.silent()));
        };
        // The first error is the cause of all that follow it, and has turned the COMMIT into a rollback.
        let position = buried
            .and(position)
            .and_then(|position| recorded.map(|()| position))
            .map_err(|error| sent(&error))?;
        committed.map_err(|error| unconfirmed(&error))?;
        Ok(Some(position))
    }
}
