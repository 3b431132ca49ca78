//! The most recent events of the store, encoded one behind the other.
//!
//! Whole events would keep the memory of thousands of orders in use, scattered and gone cold by the time that it is given
//! back, by another thread than took it; that costs every commit. Here an event is some hundred bytes beside its
//! neighbours, and a follower of the store reads what was just written.
//!
//! The writer adds what each commit wrote, through `published`. An erasure empties it: nothing here is ever changed.

use std::collections::VecDeque;

use application::ports::SequencedEvent;
use domain::{OrderId, UserId, Version};

use crate::codec::{Reader, Unreadable, history};

/// Events in the order of the log, without gaps.
#[derive(Debug, Default)]
pub(crate) struct EncodedEvents {
    bytes: Vec<u8>,
    /// The offset at which each ends.
    ends: Vec<usize>,
}

impl EncodedEvents {
    /// Adds an event of the commit with these `bits`; `user` is the name with its length before it, `encoded` its
    /// [`history`] form, its seq filled in.
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

/// Reads what [`RecentEvents::after`] found; `None` if it cannot be read here: the store has it, too.
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

/// The last events, up to a bound; older ones make room.
#[derive(Debug)]
pub(crate) struct RecentEvents {
    limit: usize,
    bytes: VecDeque<u8>,
    /// The offset at which each ends, counted from the first byte that was ever added.
    ends: VecDeque<usize>,
    /// Bytes that have made room.
    gone: usize,
    /// The seq of the last one.
    last: u64,
}

impl RecentEvents {
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: VecDeque::new(),
            ends: VecDeque::new(),
            gone: 0,
            last: 0,
        }
    }

    /// Adds the events of a commit, which follow those of the one before; the last of them is `last`.
    pub(crate) fn append(&mut self, events: &mut EncodedEvents, last: u64) {
        if events.ends.is_empty() {
            return;
        }
        let base = self.gone + self.bytes.len();
        self.bytes.extend(&events.bytes);
        self.ends.extend(events.ends.iter().map(|end| base + end));
        self.last = last;
        events.clear();
        let surplus = self.ends.len().saturating_sub(self.limit);
        if let Some(end) = self.ends.drain(..surplus).next_back() {
            self.bytes.drain(..end - self.gone);
            self.gone = end;
        }
    }

    /// Forgets all events: what they hold of an order that was erased is gone.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(self.limit);
    }

    /// A copy of the events after `after`, at most `limit`, for [`decode`]; `None` if not all of them are here.
    pub(crate) fn after(&self, after: u64, limit: usize) -> Option<Vec<u8>> {
        let kept = self.ends.len();
        if kept == 0 {
            return None;
        }
        let before_first = self.last.checked_sub(kept as u64)?;
        let skipped = usize::try_from(after.checked_sub(before_first)?).ok()?;
        let first = skipped.min(kept);
        let end = first + limit.min(kept - first);
        // The offset at which the first `count` kept events end.
        let end_of = |count: usize| count.checked_sub(1).map_or(0, |n| self.ends[n] - self.gone);
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

    use super::{EncodedEvents, RecentEvents, decode};
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

    fn commit(recent: &mut RecentEvents, first: u64, count: u64) {
        let mut events = EncodedEvents::default();
        for seq in first..first + count {
            let event = event(seq);
            let mut encoded = Vec::new();
            history::encode(&event, &mut encoded);
            history::stamp(&mut encoded, 0, seq);
            let mut user = Vec::new();
            put_text(&mut user, event.user_id.unwrap().as_str());
            events.push(bits(seq), event.order_id, event.version, &user, &encoded);
        }
        recent.append(&mut events, first + count - 1);
        assert!(events.bytes.is_empty() && events.ends.is_empty());
    }

    proptest! {
        /// Whatever the sizes of commits: what is kept is what was added, whole or not at all.
        #[test]
        fn the_last_events_are_kept(
            limit in 1_usize..20,
            begins in 0_u64..5,
            commits in prop::collection::vec(0_u64..9, 1..40),
            page in 0_usize..25,
        ) {
            let mut recent = RecentEvents::new(limit);
            let mut head = begins;
            for count in commits {
                if count > 0 {
                    commit(&mut recent, head + 1, count);
                }
                head += count;
                let kept = (head - begins).min(limit as u64);
                for after in 0..head + 2 {
                    let found = recent.after(after, page).map(|found| decode(&found).unwrap());
                    if kept == 0 || after < head - kept {
                        prop_assert!(found.is_none(), "after {} of {}", after, head);
                        continue;
                    }
                    let found = found.expect("it is kept");
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
    fn after_forgetting_only_later_events_are_here() {
        let mut recent = RecentEvents::new(10);
        commit(&mut recent, 1, 5);
        recent.forget();
        assert!(recent.after(0, 10).is_none() && recent.after(5, 10).is_none());
        // Event 6 was the one that told of it.
        commit(&mut recent, 7, 2);
        assert!(recent.after(5, 10).is_none());
        let found = decode(&recent.after(6, 10).unwrap()).unwrap();
        assert_eq!(
            found.iter().map(|found| found.seq.0).collect::<Vec<_>>(),
            [7, 8]
        );
    }
}
