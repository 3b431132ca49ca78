//! The memory budget of the answers that clients have not taken yet. An answer counts from when it is encoded until its
//! last byte is with the system's socket, wherever it waits: in its call, or in the send buffers of HTTP/2.
//!
//! - A connection that takes nothing of its answers for the write time-out is cut off.
//! - Above four fifths of the budget, the connection that holds the most is cut off, unless it is the one that asks.
//! - At the budget, a new answer is refused.
//!
//! hyper and h2 bound what one stream buffers, not all streams of all connections. The price is one small allocation and
//! four atomic additions a piece of an answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

/// How often a write time-out is looked at while it runs.
const LOOKS: u32 = 5;

/// The budget of all connections.
#[derive(Debug)]
pub(crate) struct AnswerMemory {
    limit: usize,
    held: AtomicUsize,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    open: HashMap<u64, Arc<Counters>>,
}

/// What one connection holds of the budget; dropping it takes the connection off the list.
#[derive(Debug)]
pub(crate) struct ConnectionAnswers {
    number: u64,
    memory: Arc<AnswerMemory>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Counters {
    held: AtomicUsize,
    /// All bytes that were taken so far: it does not change while the client takes nothing.
    taken: AtomicU64,
    /// Ends the connection.
    cut: CancellationToken,
}

/// What an answer holds; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct AnswerReservation {
    memory: Arc<AnswerMemory>,
    counters: Arc<Counters>,
    bytes: usize,
}

/// The answers hold as much as they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl AnswerMemory {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            held: AtomicUsize::new(0),
            connections: Mutex::default(),
        }
    }

    /// Takes a connection on the list; `cut` ends it.
    pub(crate) fn connection(self: &Arc<Self>, cut: CancellationToken) -> ConnectionAnswers {
        let counters = Arc::new(Counters {
            held: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            cut,
        });
        let mut connections = self.lock();
        let number = connections.next;
        connections.next += 1;
        connections.open.insert(number, Arc::clone(&counters));
        ConnectionAnswers {
            number,
            memory: Arc::clone(self),
            counters,
        }
    }

    /// Cuts off every connection that takes nothing of its answers for `write_timeout`. Runs until it is dropped.
    pub(crate) async fn cut_off_stalled(&self, write_timeout: Duration) -> Infallible {
        let mut stalled: HashMap<u64, (u64, u32)> = HashMap::new();
        loop {
            tokio::time::sleep(write_timeout / LOOKS).await;
            let connections = self.lock();
            stalled.retain(|number, _| connections.open.contains_key(number));
            for (number, counters) in &connections.open {
                let taken = counters.taken.load(Ordering::Relaxed);
                if counters.held.load(Ordering::Relaxed) == 0 {
                    stalled.remove(number);
                    continue;
                }
                let (before, looks) = stalled.entry(*number).or_insert((taken, 0));
                if *before == taken {
                    *looks += 1;
                } else {
                    (*before, *looks) = (taken, 0);
                }
                if *looks > LOOKS && !counters.cut.is_cancelled() {
                    tracing::info!(
                        "a connection is cut off: its client takes nothing of its answers"
                    );
                    counters.cut.cancel();
                }
            }
        }
    }

    fn reserve(
        self: &Arc<Self>,
        counters: &Arc<Counters>,
        bytes: usize,
    ) -> Result<AnswerReservation, Exhausted> {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > self.limit / 5 * 4 {
            self.cut_off_largest(counters);
        }
        if held > self.limit {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Exhausted);
        }
        counters.held.fetch_add(bytes, Ordering::Relaxed);
        Ok(AnswerReservation {
            memory: Arc::clone(self),
            counters: Arc::clone(counters),
            bytes,
        })
    }

    /// Cuts off the connection that holds the most, unless it is `asking`, or one that was cut off still holds something.
    fn cut_off_largest(&self, asking: &Arc<Counters>) {
        let connections = self.lock();
        let mut largest: Option<(usize, &Arc<Counters>)> = None;
        for counters in connections.open.values() {
            let held = counters.held.load(Ordering::Relaxed);
            if held > 0 && counters.cut.is_cancelled() {
                return;
            }
            if held > largest.map_or(0, |(most, _)| most) {
                largest = Some((held, counters));
            }
        }
        if let Some((held, counters)) = largest
            && !Arc::ptr_eq(counters, asking)
        {
            tracing::warn!(
                held,
                "a connection is cut off: it holds the most of the memory for answers, which is nearly used up"
            );
            counters.cut.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        // No code that can panic runs under the lock.
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionAnswers {
    /// Reserves memory for a part of an answer.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<AnswerReservation, Exhausted> {
        self.memory.reserve(&self.counters, bytes)
    }

    /// These bytes, counted until they are dropped, piece by piece.
    pub(crate) fn track(&self, bytes: Bytes) -> Result<TrackedBytes, Exhausted> {
        let memory = self.reserve(bytes.len())?;
        Ok(TrackedBytes {
            bytes,
            memory: Some(memory),
        })
    }
}

/// Bytes of an answer that count against the budget.
#[derive(Debug, Default)]
pub(crate) struct TrackedBytes {
    bytes: Bytes,
    /// What they hold; `None` if there are none.
    memory: Option<AnswerReservation>,
}

impl TrackedBytes {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes the next `most` bytes at most, which count until the piece is dropped.
    pub(crate) fn next_piece(&mut self, most: usize) -> Bytes {
        let bytes = self.bytes.split_to(self.bytes.len().min(most));
        let memory = match &mut self.memory {
            Some(memory) if !self.bytes.is_empty() => Some(memory.split(bytes.len())),
            last => last.take(),
        };
        Bytes::from_owner(Piece {
            bytes,
            _memory: memory,
        })
    }
}

impl Drop for ConnectionAnswers {
    fn drop(&mut self) {
        self.memory.lock().open.remove(&self.number);
    }
}

impl AnswerReservation {
    /// A part of it, which is given back on its own.
    fn split(&mut self, bytes: usize) -> Self {
        self.bytes -= bytes;
        Self {
            memory: Arc::clone(&self.memory),
            counters: Arc::clone(&self.counters),
            bytes,
        }
    }
}

impl Drop for AnswerReservation {
    fn drop(&mut self) {
        self.memory.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.counters.held.fetch_sub(self.bytes, Ordering::Relaxed);
        let taken = u64::try_from(self.bytes).unwrap_or(u64::MAX);
        self.counters.taken.fetch_add(taken, Ordering::Relaxed);
    }
}

struct Piece {
    bytes: Bytes,
    _memory: Option<AnswerReservation>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::time::{sleep, timeout};
    use tokio_util::sync::CancellationToken;

    use super::{AnswerMemory, Exhausted};

    const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

    #[test]
    fn each_piece_of_an_answer_counts_until_it_is_dropped() {
        let memory = Arc::new(AnswerMemory::new(100));
        let connection = memory.connection(CancellationToken::new());
        let free = || memory.limit - memory.held.load(Ordering::Relaxed);
        let mut answer = connection.track(Bytes::from(vec![7; 70])).unwrap();
        assert_eq!(free(), 30);
        let piece = answer.next_piece(50);
        assert_eq!((piece.len(), free()), (50, 30));
        drop(piece);
        assert_eq!(free(), 80);
        let last = answer.next_piece(50);
        drop(answer);
        assert_eq!((last.len(), free()), (20, 80));
        drop(last);
        assert!(connection.reserve(100).is_ok());
        assert_eq!(
            connection.track(Bytes::from(vec![7; 101])).unwrap_err(),
            Exhausted
        );
    }

    #[test]
    fn near_the_budget_the_connection_that_holds_the_most_is_cut_off_for_another() {
        let memory = Arc::new(AnswerMemory::new(100));
        let [large, small, asking] = [(); 3].map(|()| CancellationToken::new());
        let holds_most = memory.connection(large.clone());
        let holds_little = memory.connection(small.clone());
        let asks = memory.connection(asking.clone());
        let _most = holds_most.reserve(60).unwrap();
        let _little = holds_little.reserve(15).unwrap();
        let _asked = asks.reserve(10).unwrap();
        assert!(large.is_cancelled() && !small.is_cancelled() && !asking.is_cancelled());
        // Until its memory is free no other connection is cut off for what it holds.
        assert_eq!(asks.reserve(20).unwrap_err(), Exhausted);
        assert!(!small.is_cancelled());
    }

    #[test]
    fn a_connection_is_refused_rather_than_cut_off_for_its_own_answers() {
        let memory = Arc::new(AnswerMemory::new(100));
        let cut = CancellationToken::new();
        let connection = memory.connection(cut.clone());
        let _held = connection.reserve(90).unwrap();
        assert_eq!(connection.reserve(20).unwrap_err(), Exhausted);
        assert!(!cut.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_takes_nothing_is_cut_off_and_one_that_takes_a_little_is_not() {
        let memory = Arc::new(AnswerMemory::new(1_000));
        let [stalled, slow, idle] = [(); 3].map(|()| CancellationToken::new());
        let takes_nothing = memory.connection(stalled.clone());
        let takes_little = memory.connection(slow.clone());
        let _has_nothing = memory.connection(idle.clone());
        let _held = takes_nothing.reserve(1).unwrap();
        let trickle = async {
            let _kept = takes_little.reserve(100).unwrap();
            loop {
                drop(takes_little.reserve(1));
                sleep(WRITE_TIMEOUT / 2).await;
            }
        };
        let watched = async {
            tokio::select! {
                _ = memory.cut_off_stalled(WRITE_TIMEOUT) => {}
                () = trickle => {}
            }
        };
        let _ = timeout(10 * WRITE_TIMEOUT, watched).await;
        assert!(stalled.is_cancelled() && !slow.is_cancelled() && !idle.is_cancelled());
    }
}
