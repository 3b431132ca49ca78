//! Committing writes: encodes them in the task of the caller, queues them for the writer, and awaits the answers.

use std::cell::RefCell;

use application::ports::{CommitError, Deadline, Guard, StoreError, Write};

use super::SqliteStore;
use crate::completion::{CommitAnswer, CommitFuture};
use crate::failure::unknown;
use crate::request::Class;
use crate::write_batch::EncodeBuffer;

/// The most writes of a call that are committed in one transaction.
const MAX_WRITES_PER_COMMIT: usize = 512;

thread_local! {
    /// The buffer in which this thread encodes its writes.
    static ENCODE_BUFFER: RefCell<EncodeBuffer> = RefCell::default();
}

impl SqliteStore {
    /// Commits the writes, in several transactions if there are many. Returns one answer for each write.
    pub(super) async fn commit_writes(
        &self,
        mut writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<CommitAnswer> {
        let mut answers = Vec::with_capacity(writes.len());
        while writes.len() > MAX_WRITES_PER_COMMIT {
            let rest = writes.split_off(MAX_WRITES_PER_COMMIT);
            self.commit_in_one_transaction(writes, deadline, &mut answers)
                .await;
            writes = rest;
        }
        if !writes.is_empty() {
            self.commit_in_one_transaction(writes, deadline, &mut answers)
                .await;
        }
        answers
    }

    /// Commits the writes in one transaction and appends their answers.
    async fn commit_in_one_transaction(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
        answers: &mut Vec<CommitAnswer>,
    ) {
        // The positions and errors of writes that are refused before they are queued.
        let mut refused = Vec::new();
        let first = answers.len();
        let (count, queued) = self.enqueue(writes, deadline, |index, error| {
            refused.push((first + index, error));
        });
        let failed = match queued {
            Ok(mut future) => match tokio::time::timeout_at(deadline, &mut future).await {
                Ok(()) => {
                    answers.extend(future.answers().into_iter().flatten().cloned());
                    None
                }
                Err(_) => Some(unknown("no answer by the deadline")),
            },
            Err(error) => Some(error),
        };
        if let Some(error) = failed {
            answers.extend((0..count).map(|_| Err(CommitError::Store(error.clone()))));
        }
        for (index, error) in refused {
            answers.insert(index, Err(error));
        }
    }

    /// Encodes and queues the writes, and calls `refuse` for each that cannot be encoded. Returns the number of queued writes
    /// and the future of their answers.
    fn enqueue(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
        mut refuse: impl FnMut(usize, CommitError),
    ) -> (usize, Result<CommitFuture, StoreError>) {
        ENCODE_BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            let mut class = Class::Outcome;
            let keeps_new_orders = self.writes.keeps_new_orders();
            for (index, write) in writes.into_iter().enumerate() {
                if matches!(write.guard, Guard::New { .. }) {
                    class = Class::Intake;
                }
                if let Err(error) = buffer.add(write, keeps_new_orders) {
                    refuse(index, error);
                }
            }
            let count = buffer.len();
            // If no write is left, this error answers none.
            let queued = if count == 0 || deadline <= tokio::time::Instant::now() {
                Err(StoreError::Expired)
            } else {
                self.writes.commit(buffer, deadline, class)
            };
            (count, queued)
        })
    }
}
