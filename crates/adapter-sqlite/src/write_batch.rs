//! A batch of encoded writes and requests: what the queue collects from callers and hands to the writer as a whole.
//!
//! All writes of a batch share one byte buffer, and a batch is reused after its commit. So the writer reads memory
//! sequentially, and allocates and frees nothing for each order.

use std::collections::VecDeque;
use std::sync::Arc;

use application::ports::{CommitError, Deadline, StoreError, Write};

use crate::completion::{CommitAnswer, CommitFuture, Completion};
use crate::encoded_write::EncodedWrite;
use crate::failure::unknown;
use crate::request::Request;
use crate::rowid;

pub(crate) const WRITER_STOPPED: &str = "the writer of the store stopped before it answered";

/// A buffer that grew beyond this many bytes is freed instead of reused.
const MAX_REUSED_BYTES: usize = 1 << 18;

/// The encoded writes of one call, before they are added to a batch. Each thread of the callers reuses one.
#[derive(Default)]
pub(crate) struct EncodeBuffer {
    writes: Vec<EncodedWrite>,
    bytes: Vec<u8>,
}

impl EncodeBuffer {
    /// Encodes a write; see [`EncodedWrite::encode`].
    pub(crate) fn add(&mut self, write: Write, keeps_new_orders: bool) -> Result<(), CommitError> {
        let encoded = EncodedWrite::encode(write, keeps_new_orders, &mut self.bytes)?;
        self.writes.push(encoded);
        Ok(())
    }

    pub(crate) const fn len(&self) -> usize {
        self.writes.len()
    }

    /// Removes all writes and keeps the allocated memory.
    pub(crate) fn clear(&mut self) {
        self.writes.clear();
        self.bytes.clear();
        if self.bytes.capacity() > MAX_REUSED_BYTES {
            *self = Self::default();
        }
    }
}

/// Writes and requests that are committed together, and the one [`Completion`] of the writes.
#[derive(Default)]
pub(crate) struct WriteBatch {
    writes: Vec<QueuedWrite>,
    /// The home rowid of each write that may be sorted by it: the only write of its call, and a new order without unique
    /// keys. For all others `i64::MAX`, so that they stay in the order of arrival: of two orders with one key the first wins.
    pub(crate) rowids: Vec<i64>,
    /// The encoded writes, one after the other.
    bytes: Vec<u8>,
    answers: Vec<CommitAnswer>,
    completion: Arc<Completion>,
    pub(crate) requests: VecDeque<Request>,
    /// The number of calls in the batch.
    pub(crate) callers: usize,
    /// The number of decisions in the batch.
    pub(crate) decisions: usize,
}

/// A write in a [`WriteBatch`].
struct QueuedWrite {
    write: EncodedWrite,
    /// The offset of its bytes.
    begin: usize,
    deadline: Deadline,
}

/// A write while the writer applies it.
pub(crate) struct PendingWrite<'b> {
    pub(crate) write: &'b mut EncodedWrite,
    /// Its encoded parts.
    pub(crate) bytes: &'b mut [u8],
    pub(crate) deadline: Deadline,
    pub(crate) answer: &'b mut CommitAnswer,
}

impl WriteBatch {
    /// Moves the writes of one call out of `buffer` into the batch.
    pub(crate) fn add(&mut self, buffer: &mut EncodeBuffer, deadline: Deadline) -> CommitFuture {
        let first = self.writes.len();
        self.callers += 1;
        self.decisions += buffer.len();
        self.rowids.extend(match buffer.writes.as_slice() {
            [write] if write.is_new_without_unique_keys() => Some(rowid::of(write.id)),
            _ => None,
        });
        let mut begin = self.bytes.len();
        self.bytes.extend_from_slice(&buffer.bytes);
        for write in buffer.writes.drain(..) {
            let length = write.length();
            self.writes.push(QueuedWrite {
                write,
                begin,
                deadline,
            });
            begin += length;
        }
        self.rowids.resize(self.writes.len(), i64::MAX);
        CommitFuture::new(Arc::clone(&self.completion), first..self.writes.len())
    }

    pub(crate) fn add_request(&mut self, request: Request) {
        self.callers += 1;
        self.decisions += request.weight();
        self.requests.push_back(request);
    }

    /// The write at `index`. Its answer is [`CommitError::Stale`] until the writer sets it.
    pub(crate) fn write_mut(&mut self, index: usize) -> PendingWrite<'_> {
        if self.answers.is_empty() {
            self.answers
                .resize(self.writes.len(), Err(CommitError::Stale));
        }
        let QueuedWrite {
            write,
            begin,
            deadline,
        } = &mut self.writes[index];
        let bytes = &mut self.bytes[*begin..*begin + write.length()];
        PendingWrite {
            write,
            bytes,
            deadline: *deadline,
            answer: &mut self.answers[index],
        }
    }

    /// Sends all callers of writes their answers. The writer has set every answer by now.
    pub(crate) fn complete(&mut self) {
        if !self.writes.is_empty() {
            self.completion.complete(std::mem::take(&mut self.answers));
        }
    }

    /// Fails every write and request with `error`, except the writes that were already refused with another store error.
    pub(crate) fn fail(&mut self, error: &StoreError) {
        self.answers
            .resize(self.writes.len(), Err(CommitError::Stale));
        for answer in &mut self.answers {
            if !matches!(answer, Err(CommitError::Store(_))) {
                *answer = Err(CommitError::Store(error.clone()));
            }
        }
        self.complete();
        for request in self.requests.drain(..) {
            request.fail(error);
        }
    }

    /// Empties the batch for reuse and keeps the allocated memory.
    pub(crate) fn clear(&mut self) {
        if self.bytes.capacity() > MAX_REUSED_BYTES {
            *self = Self::default();
            return;
        }
        self.writes.clear();
        self.rowids.clear();
        self.bytes.clear();
        self.answers.clear();
        self.requests.clear();
        self.callers = 0;
        self.decisions = 0;
        self.completion = Arc::default();
    }
}

impl Drop for WriteBatch {
    /// Answers the callers of a batch that the writer will never complete. It has no effect on a completed batch.
    fn drop(&mut self) {
        if !self.writes.is_empty() {
            let answer = || Err(CommitError::Store(unknown(WRITER_STOPPED)));
            self.completion
                .complete(self.writes.iter().map(|_| answer()).collect());
        }
    }
}

#[cfg(test)]
mod tests;
