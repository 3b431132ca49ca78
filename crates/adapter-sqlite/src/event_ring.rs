//! A ring of the most recent events, encoded in contiguous memory. A follower of the store reads new events from it instead
//! of the database.
//!
//! Decoded events would keep the memory of thousands of orders allocated, to be freed by another thread than the one that
//! allocated it, and every commit would take longer. Here an event takes about a hundred bytes.
//!
//! The writer appends the events of each commit through `committed_state`. An erasure clears the ring; no event in it is
//! ever changed.

use std::collections::VecDeque;

use application::ports::SequencedEvent;
use domain::{OrderId, UserId, Version};

use crate::codec::{Reader, Unreadable, history};

/// The encoded events of one commit, in log order.
#[derive(Debug, Default)]
pub(crate) struct CommitEvents {
    bytes: Vec<u8>,
    /// The end offset of each event.
    ends: Vec<usize>,
}

impl CommitEvents {
    /// Appends an event of the commit with these random `bits`. `user` is the user id, preceded by its length; `encoded` is
    /// the [`history`] form with the sequence number set.
    pub(crate) fn push(
        &mut self,
        bits: u32,
        id: OrderId,
        version: Version,
        user: &[u8],
        encoded: &[u8],
    ) {
        self.bytes.extend_from_slice(&bits.to_le_bytes());
        self.bytes.extend_from_slice(id.as_bytes());
        self.bytes.extend_from_slice(&version.get().to_le_bytes());
        self.bytes.extend_from_slice(user);
        self.bytes.extend_from_slice(encoded);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// Decodes what [`EventRing::after`] returned; `None` if that fails. The caller then reads the events from the database.
pub(crate) fn decode(encoded: &[u8]) -> Option<Vec<SequencedEvent>> {
    let mut reader = Reader::new(encoded);
    let mut events = Vec::new();
    while !reader.is_empty() {
        match decode_one(&mut reader) {
            Ok(event) => events.push(event),
            Err(error) => {
                tracing::error!(%error, "an event in memory cannot be read");
                return None;
            }
        }
    }
    Some(events)
}

fn decode_one(reader: &mut Reader<'_>) -> Result<SequencedEvent, Unreadable> {
    let bits = u32::from_le_bytes(reader.array()?);
    let id = OrderId::from_bytes(reader.array()?);
    let version = Version::from_number(u32::from_le_bytes(reader.array()?))
        .ok_or_else(|| Unreadable::because("an event without a version"))?;
    let user = UserId::new(reader.text()?).map_err(Unreadable::because)?;
    let (seq, event) = history::read_event(reader, id, version, Some(&user))?;
    Ok(SequencedEvent { seq, bits, event })
}

/// The last `limit` events. Appending removes the oldest ones.
#[derive(Debug)]
pub(crate) struct EventRing {
    limit: usize,
    bytes: VecDeque<u8>,
    /// The end offset of each event, counted from the first byte that was ever appended.
    ends: VecDeque<usize>,
    /// The number of bytes that were removed.
    removed: usize,
    /// The sequence number of the last event.
    last: u64,
}

impl EventRing {
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: VecDeque::new(),
            ends: VecDeque::new(),
            removed: 0,
            last: 0,
        }
    }

    /// Moves the events of a commit into the ring. They follow those of the previous commit; the last one is `last`.
    pub(crate) fn append(&mut self, events: &mut CommitEvents, last: u64) {
        if events.ends.is_empty() {
            return;
        }
        let base = self.removed + self.bytes.len();
        self.bytes.extend(&events.bytes);
        self.ends.extend(events.ends.iter().map(|end| base + end));
        self.last = last;
        events.clear();
        let surplus = self.ends.len().saturating_sub(self.limit);
        if let Some(end) = self.ends.drain(..surplus).next_back() {
            self.bytes.drain(..end - self.removed);
            self.removed = end;
        }
    }

    /// Removes all events, because an order was erased.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }

    /// A copy of at most `limit` events after `after`, for [`decode`]; `None` if not all of them are in the ring.
    pub(crate) fn after(&self, after: u64, limit: usize) -> Option<Vec<u8>> {
        let kept = self.ends.len();
        if kept == 0 {
            return None;
        }
        let before_first = self.last.checked_sub(kept as u64)?;
        let skipped = usize::try_from(after.checked_sub(before_first)?).ok()?;
        let first = skipped.min(kept);
        let end = first + limit.min(kept - first);
        // The offset of the end of the first `count` events.
        let end_of = |count: usize| {
            count
                .checked_sub(1)
                .map_or(0, |n| self.ends[n] - self.removed)
        };
        let found = self.bytes.range(end_of(first)..end_of(end));
        Some(found.copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::{
        Actor, Cause, Event, EventType, Failure, OrderId, Reason, RequestId, Timestamp, Trace,
        UserId, Version,
    };
    use proptest::prelude::*;

    use super::{CommitEvents, EventRing, decode};
    use crate::codec::{history, put_text};

    fn event(seq: u64) -> Event {
        let user_id = UserId::new(&"u".repeat(1 + usize::try_from(seq % 7).unwrap())).unwrap();
        let at = Timestamp::from_millis(1_700_000_000_000 + seq).unwrap();
        let failure = (seq.is_multiple_of(3)).then(|| Failure::new("refused", "no such card"));
        Event {
            order_id: OrderId::new(at, &user_id, seq),
            version: Version::from_number(u32::try_from(seq).unwrap()).unwrap(),
            event_type: EventType::Created,
            user_id: Some(user_id),
            occurred_at: at,
            attempt: u32::from(failure.is_some()),
            failure,
            retry_at: (seq.is_multiple_of(2)).then_some(at),
            cause: Cause {
                trace: Trace {
                    request_id: (!seq.is_multiple_of(5))
                        .then(|| RequestId::new(&format!("r-{seq}")).unwrap()),
                    trace_id: (seq % 5 > 1).then(|| Arc::from("4bf92f3577b34da6a3ce929d0e0e4736")),
                    span_id: (seq % 5 > 2).then(|| Arc::from("00f067aa0ba902b7")),
                },
                actor: (seq % 4 > 1).then(|| Actor::new("operator").unwrap()),
                reason: (seq % 4 > 2).then(|| Reason::new("asked by phone").unwrap()),
            },
            history: seq.is_multiple_of(11),
        }
    }

    /// The random bits of an event in this test.
    fn bits(seq: u64) -> u32 {
        u32::try_from(seq).unwrap().wrapping_mul(0x9e37_79b9)
    }

    fn commit(ring: &mut EventRing, first: u64, count: u64) {
        let mut events = CommitEvents::default();
        for seq in first..first + count {
            let event = event(seq);
            let mut encoded = Vec::new();
            history::encode(&event, &mut encoded);
            history::stamp(&mut encoded, 0, seq);
            let mut user = Vec::new();
            put_text(&mut user, event.user_id.unwrap().as_str());
            events.push(bits(seq), event.order_id, event.version, &user, &encoded);
        }
        ring.append(&mut events, first + count - 1);
        assert!(events.bytes.is_empty() && events.ends.is_empty());
    }

    proptest! {
        /// For commits of any sizes, a page is either complete and unchanged, or not returned.
        #[test]
        fn the_last_events_are_returned_as_they_were_appended(
            limit in 1_usize..20,
            begins in 0_u64..5,
            commits in prop::collection::vec(0_u64..9, 1..40),
            page in 0_usize..25,
        ) {
            let mut ring = EventRing::new(limit);
            let mut head = begins;
            for count in commits {
                if count > 0 {
                    commit(&mut ring, head + 1, count);
                }
                head += count;
                let kept = (head - begins).min(limit as u64);
                for after in 0..head + 2 {
                    let found = ring.after(after, page).map(|found| decode(&found).unwrap());
                    if kept == 0 || after < head - kept {
                        prop_assert!(found.is_none(), "after {} of {}", after, head);
                        continue;
                    }
                    let found = found.expect("it is in the ring");
                    let expected: Vec<u64> = (after + 1..=head).take(page).collect();
                    let seqs: Vec<u64> = found.iter().map(|found| found.seq.0).collect();
                    prop_assert_eq!(&seqs, &expected);
                    for found in found {
                        prop_assert_eq!(&*found.event, &event(found.seq.0));
                        prop_assert_eq!(found.bits, bits(found.seq.0));
                    }
                }
            }
        }
    }
    #[test]
    fn a_cleared_ring_returns_only_later_events() {
        let mut ring = EventRing::new(10);
        commit(&mut ring, 1, 5);
        ring.clear();
        assert!(ring.after(0, 10).is_none() && ring.after(5, 10).is_none());
        // Event 6 is the erasure itself.
        commit(&mut ring, 7, 2);
        assert!(ring.after(5, 10).is_none());
        let found = decode(&ring.after(6, 10).unwrap()).unwrap();
        assert_eq!(
            found.iter().map(|found| found.seq.0).collect::<Vec<_>>(),
            [7, 8]
        );
    }
}
