//! What callers hand over to the writer, side by side in memory that is used again for later commits: the writer reads it
//! from one end to the other, and neither takes nor gives back memory for an order.

use std::collections::VecDeque;
use std::sync::Arc;

use application::ports::{CommitError, Deadline, StoreError, Write};

use crate::failure::unknown;
use crate::outcome::{Awaited, CommitAnswer, Outcome};
use crate::place;
use crate::prepared::Prepared;
use crate::request::Request;

pub(crate) const WRITER_STOPPED: &str = "the writer of the store stopped before it answered";

/// A parcel or a draft that grew beyond this many bytes is not used again.
const MAX_KEPT: usize = 1 << 18;

/// The writes of one call, encoded, before they are handed over.
#[derive(Default)]
pub(crate) struct Draft {
    writes: Vec<Prepared>,
    bytes: Vec<u8>,
}

impl Draft {
    /// Encodes a write; see [`Prepared::of`].
    pub(crate) fn add(&mut self, write: Write, keeps_orders: bool) -> Result<(), CommitError> {
        self.writes
            .push(Prepared::of(write, keeps_orders, &mut self.bytes)?);
        Ok(())
    }

    pub(crate) const fn len(&self) -> usize {
        self.writes.len()
    }

    /// Forgets what is in it, and keeps its memory for the next one.
    pub(crate) fn clear(&mut self) {
        self.writes.clear();
        self.bytes.clear();
        if self.bytes.capacity() > MAX_KEPT {
            *self = Self::default();
        }
    }
}

/// What was handed over together, and the one [`Outcome`] of its writes.
#[derive(Default)]
pub(crate) struct Parcel {
    writes: Vec<Handed>,
    /// Where the row of each write goes, if it is the single new order of its call and has no key and no external id.
    /// The others stay in the order in which they came: of two orders of one key the first is taken.
    pub(crate) places: Vec<i64>,
    /// The encoded writes, one after the other.
    bytes: Vec<u8>,
    answers: Vec<CommitAnswer>,
    outcome: Arc<Outcome>,
    /// What else was asked for.
    pub(crate) asked: VecDeque<Request>,
    /// How many calls are in it.
    pub(crate) callers: usize,
    /// How many decisions it amounts to.
    pub(crate) decisions: usize,
}

/// A write in a [`Parcel`].
struct Handed {
    write: Prepared,
    /// Where its bytes begin.
    begin: usize,
    deadline: Deadline,
}

/// A write as the writer works on it.
pub(crate) struct Opened<'p> {
    pub(crate) write: &'p mut Prepared,
    /// Its encoded parts.
    pub(crate) bytes: &'p mut [u8],
    pub(crate) deadline: Deadline,
    pub(crate) answer: &'p mut CommitAnswer,
}

impl Parcel {
    /// Puts the writes of a call in, which it takes out of their draft.
    pub(crate) fn add(&mut self, draft: &mut Draft, deadline: Deadline) -> Awaited {
        let first = self.writes.len();
        self.callers += 1;
        self.decisions += draft.len();
        self.places.extend(match draft.writes.as_slice() {
            [write] if write.is_unnamed() => Some(place::of(write.id)),
            _ => None,
        });
        let mut begin = self.bytes.len();
        self.bytes.extend_from_slice(&draft.bytes);
        for write in draft.writes.drain(..) {
            let length = write.length();
            self.writes.push(Handed {
                write,
                begin,
                deadline,
            });
            begin += length;
        }
        self.places.resize(self.writes.len(), i64::MAX);
        Awaited::new(Arc::clone(&self.outcome), first..self.writes.len())
    }

    /// Puts in what else a caller asks for.
    pub(crate) fn ask(&mut self, request: Request) {
        self.callers += 1;
        self.decisions += request.weight();
        self.asked.push_back(request);
    }

    /// The write with this number. Until it is answered it counts as one that the order moved away from.
    pub(crate) fn open(&mut self, number: usize) -> Opened<'_> {
        if self.answers.is_empty() {
            self.answers
                .resize(self.writes.len(), Err(CommitError::Stale));
        }
        let Handed {
            write,
            begin,
            deadline,
        } = &mut self.writes[number];
        let bytes = &mut self.bytes[*begin..*begin + write.length()];
        Opened {
            write,
            bytes,
            deadline: *deadline,
            answer: &mut self.answers[number],
        }
    }

    /// Hands the callers of its writes their answers. Each write was opened and answered.
    pub(crate) fn tell(&mut self) {
        if !self.writes.is_empty() {
            self.outcome.tell(std::mem::take(&mut self.answers));
        }
    }

    /// Fails every unanswered write and request with `error`, except those that were refused for a reason of their own.
    pub(crate) fn refuse(&mut self, error: &StoreError) {
        self.answers
            .resize(self.writes.len(), Err(CommitError::Stale));
        for answer in &mut self.answers {
            if !matches!(answer, Err(CommitError::Store(_))) {
                *answer = Err(CommitError::Store(error.clone()));
            }
        }
        self.tell();
        for request in self.asked.drain(..) {
            request.refuse(error);
        }
    }

    /// Makes an empty one of it, in the same memory.
    pub(crate) fn clear(&mut self) {
        if self.bytes.capacity() > MAX_KEPT {
            *self = Self::default();
            return;
        }
        self.writes.clear();
        self.places.clear();
        self.bytes.clear();
        self.answers.clear();
        self.asked.clear();
        self.callers = 0;
        self.decisions = 0;
        self.outcome = Arc::default();
    }
}

impl Drop for Parcel {
    /// Callers that wait for a writer that is gone get an answer.
    fn drop(&mut self) {
        if !self.writes.is_empty() {
            let answer = || Err(CommitError::Store(unknown(WRITER_STOPPED)));
            self.outcome
                .tell(self.writes.iter().map(|_| answer()).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;

    use application::ports::{CommitError, Committed, Deadline, Guard, StoreError, Write};
    use domain::{
        Cause, Currency, IdempotencyKey, Money, Order, OrderId, PlaceOrder, ReceiptLocation,
        ReceiptTemplate, Seq, Source, Timestamp, UserId,
    };

    use super::{Draft, Parcel};
    use crate::codec::facts;
    use crate::failure::unavailable;
    use crate::outcome::Awaited;
    use crate::request::Request;

    fn write(number: u8, key: Option<&str>) -> Write {
        let command = PlaceOrder {
            user_id: UserId::new(&format!("user-{number}")).unwrap(),
            external_id: None,
            source: Source::Api,
            amount: Money::new(u64::from(number), Currency::USD).unwrap(),
            lines: Arc::from([]),
            adjustments: Arc::from([]),
            metadata: Arc::default(),
            process_after: None,
            receipt_template: ReceiptTemplate::Standard,
        };
        let guard = Guard::New {
            key: key.map(|key| IdempotencyKey::new(key).unwrap()),
            fingerprint: key.map(|_| command.fingerprint()),
        };
        let id = OrderId::from_bytes([number; 16]);
        let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
        Write {
            decision: Order::place(
                command,
                id,
                now,
                Cause::default(),
                ReceiptLocation::Rendered,
            ),
            guard,
        }
    }

    /// Hands the writes of one call over.
    fn add(parcel: &mut Parcel, writes: impl IntoIterator<Item = Write>) -> Awaited {
        let mut draft = Draft::default();
        for write in writes {
            draft.add(write, false).unwrap();
        }
        let awaited = parcel.add(&mut draft, Deadline::now());
        assert_eq!(draft.len(), 0);
        awaited
    }

    /// Answers all writes of a parcel, each with its number as its seq.
    fn answer(parcel: &mut Parcel) {
        for number in 0..parcel.places.len() {
            *parcel.open(number).answer = Ok(Committed::Written {
                seq: Seq(number as u64),
            });
        }
        parcel.tell();
    }

    fn seqs(awaited: &Awaited) -> Vec<u64> {
        let answers = awaited.answers().expect("it was answered").iter();
        let seq = |answer: &Result<_, _>| match answer {
            Ok(Committed::Written { seq }) => seq.0,
            other => panic!("{other:?}"),
        };
        answers.map(seq).collect()
    }

    fn poll(awaited: &mut Awaited, waker: &Waker) -> Poll<()> {
        pin!(awaited).poll(&mut Context::from_waker(waker))
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_call_gets_the_answers_to_its_own_writes() {
        let mut parcel = Parcel::default();
        let first = add(&mut parcel, [write(1, None)]);
        let second = add(&mut parcel, [write(2, None), write(3, None)]);
        let third = add(&mut parcel, [write(4, None)]);
        assert!(first.answers().is_none());
        answer(&mut parcel);
        assert_eq!(seqs(&first), [0]);
        assert_eq!(seqs(&second), [1, 2]);
        assert_eq!(seqs(&third), [3]);
        assert_eq!((parcel.callers, parcel.decisions), (3, 4));
    }

    #[test]
    fn the_writer_finds_the_bytes_of_each_write() {
        let mut parcel = Parcel::default();
        let _awaited = [
            add(&mut parcel, [write(1, None)]),
            add(&mut parcel, [write(2, Some("key")), write(3, None)]),
        ];
        for number in 0..3 {
            let opened = parcel.open(number);
            let found = facts::decode(opened.write.facts(opened.bytes)).unwrap();
            let expected = format!("user-{}", number + 1);
            assert_eq!(found.user_id.as_str(), expected);
            let user = opened.write.user(opened.bytes);
            assert_eq!(user.split_first().unwrap().1, expected.as_bytes());
        }
    }

    #[test]
    fn only_the_single_unnamed_order_of_a_call_is_moved_to_its_place() {
        let mut parcel = Parcel::default();
        let _awaited = [
            add(&mut parcel, [write(1, None)]),
            add(&mut parcel, [write(2, Some("key"))]),
            add(&mut parcel, [write(3, None), write(4, None)]),
        ];
        assert_ne!(parcel.places[0], i64::MAX);
        assert_eq!(parcel.places[1..], [i64::MAX; 3]);
    }

    #[test]
    fn whoever_waits_is_woken_once_where_it_waits_by_then() {
        let mut parcel = Parcel::default();
        let mut waits = add(&mut parcel, [write(1, None)]);
        let mut moves = add(&mut parcel, [write(2, None)]);
        let [stays, before, after] = [(); 3].map(|()| Arc::new(Count::default()));
        for _ in 0..2 {
            assert!(poll(&mut waits, &Waker::from(Arc::clone(&stays))).is_pending());
        }
        assert!(poll(&mut moves, &Waker::from(Arc::clone(&before))).is_pending());
        assert!(poll(&mut moves, &Waker::from(Arc::clone(&after))).is_pending());
        answer(&mut parcel);
        let woken = [stays, before, after].map(|count| count.0.load(Ordering::Relaxed));
        assert_eq!(woken, [1, 0, 1]);
        assert!(poll(&mut waits, Waker::noop()).is_ready());
        assert!(poll(&mut moves, Waker::noop()).is_ready());
    }

    #[test]
    fn whoever_looks_only_after_the_answer_finds_it() {
        let mut parcel = Parcel::default();
        let mut awaited = add(&mut parcel, [write(1, None)]);
        answer(&mut parcel);
        parcel.clear();
        assert!(poll(&mut awaited, Waker::noop()).is_ready());
        assert_eq!(seqs(&awaited), [0]);
    }

    #[test]
    fn the_next_parcel_in_the_same_memory_has_answers_of_its_own() {
        let mut parcel = Parcel::default();
        let before = add(&mut parcel, [write(1, None), write(2, None)]);
        answer(&mut parcel);
        parcel.clear();
        let after = add(&mut parcel, [write(3, None)]);
        assert!(after.answers().is_none());
        answer(&mut parcel);
        assert_eq!(seqs(&before), [0, 1]);
        assert_eq!(seqs(&after), [0]);
    }

    #[test]
    fn a_parcel_that_is_lost_leaves_its_callers_not_knowing() {
        let mut parcel = Parcel::default();
        let awaited = add(&mut parcel, [write(1, None)]);
        drop(parcel);
        let answers = awaited.answers().expect("it is answered");
        assert!(
            matches!(
                answers,
                [Err(CommitError::Store(StoreError::Unknown { .. }))]
            ),
            "{answers:?}"
        );
    }

    #[test]
    fn a_failed_transaction_is_everybodys_answer_but_of_those_who_had_no_part_in_it() {
        let mut parcel = Parcel::default();
        let awaited = add(&mut parcel, [write(1, None), write(2, None)]);
        let (reply, mut claimed) = tokio::sync::oneshot::channel();
        parcel.ask(Request::Heartbeat {
            claims: Vec::new(),
            lease: Duration::ZERO,
            reply,
        });
        *parcel.open(0).answer = Err(CommitError::Store(StoreError::Expired));
        *parcel.open(1).answer = Ok(Committed::Written { seq: Seq(1) });
        let failure = unavailable("the disk is full");
        parcel.refuse(&failure);
        assert_eq!(
            awaited.answers().expect("it is answered"),
            [
                Err(CommitError::Store(StoreError::Expired)),
                Err(CommitError::Store(failure.clone()))
            ]
        );
        assert_eq!(claimed.try_recv().expect("it is answered"), Err(failure));
    }
}
