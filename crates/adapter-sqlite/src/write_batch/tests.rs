//! Batches and their completion: which answer each call gets, and when.

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

use super::{EncodeBuffer, WriteBatch};
use crate::codec::facts;
use crate::completion::CommitFuture;
use crate::failure::unavailable;
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

/// Adds the writes of one call.
fn add(batch: &mut WriteBatch, writes: impl IntoIterator<Item = Write>) -> CommitFuture {
    let mut buffer = EncodeBuffer::default();
    for write in writes {
        buffer.add(write, false).unwrap();
    }
    let future = batch.add(&mut buffer, Deadline::now());
    assert_eq!(buffer.len(), 0);
    future
}

/// Answers each write of a batch with its index as its seq.
fn answer(batch: &mut WriteBatch) {
    for index in 0..batch.rowids.len() {
        *batch.write_mut(index).answer = Ok(Committed::Written {
            seq: Seq(index as u64),
        });
    }
    batch.complete();
}

fn seqs(future: &CommitFuture) -> Vec<u64> {
    let answers = future.answers().expect("the batch is completed").iter();
    let seq = |answer: &Result<_, _>| match answer {
        Ok(Committed::Written { seq }) => seq.0,
        other => panic!("{other:?}"),
    };
    answers.map(seq).collect()
}

fn poll(future: &mut CommitFuture, waker: &Waker) -> Poll<()> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

/// Counts its wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn each_call_gets_the_answers_to_its_own_writes() {
    let mut batch = WriteBatch::default();
    let first = add(&mut batch, [write(1, None)]);
    let second = add(&mut batch, [write(2, None), write(3, None)]);
    let third = add(&mut batch, [write(4, None)]);
    assert!(first.answers().is_none());
    answer(&mut batch);
    assert_eq!(seqs(&first), [0]);
    assert_eq!(seqs(&second), [1, 2]);
    assert_eq!(seqs(&third), [3]);
    assert_eq!((batch.callers, batch.decisions), (3, 4));
}

#[test]
fn each_write_has_its_own_bytes() {
    let mut batch = WriteBatch::default();
    let _futures = [
        add(&mut batch, [write(1, None)]),
        add(&mut batch, [write(2, Some("key")), write(3, None)]),
    ];
    for number in 0..3 {
        let pending = batch.write_mut(number);
        let found = facts::decode(pending.write.facts(pending.bytes)).unwrap();
        let expected = format!("user-{}", number + 1);
        assert_eq!(found.user_id.as_str(), expected);
        let user = pending.write.user(pending.bytes);
        assert_eq!(user.split_first().unwrap().1, expected.as_bytes());
    }
}

#[test]
fn only_the_single_order_of_a_call_without_unique_keys_is_sorted_by_rowid() {
    let mut batch = WriteBatch::default();
    let _futures = [
        add(&mut batch, [write(1, None)]),
        add(&mut batch, [write(2, Some("key"))]),
        add(&mut batch, [write(3, None), write(4, None)]),
    ];
    assert_ne!(batch.rowids[0], i64::MAX);
    assert_eq!(batch.rowids[1..], [i64::MAX; 3]);
}

#[test]
fn a_future_is_woken_once_through_its_last_waker() {
    let mut batch = WriteBatch::default();
    let mut first = add(&mut batch, [write(1, None)]);
    let mut second = add(&mut batch, [write(2, None)]);
    let [unchanged, before, after] = [(); 3].map(|()| Arc::new(Count::default()));
    for _ in 0..2 {
        assert!(poll(&mut first, &Waker::from(Arc::clone(&unchanged))).is_pending());
    }
    assert!(poll(&mut second, &Waker::from(Arc::clone(&before))).is_pending());
    assert!(poll(&mut second, &Waker::from(Arc::clone(&after))).is_pending());
    answer(&mut batch);
    let woken = [unchanged, before, after].map(|count| count.0.load(Ordering::Relaxed));
    assert_eq!(woken, [1, 0, 1]);
    assert!(poll(&mut first, Waker::noop()).is_ready());
    assert!(poll(&mut second, Waker::noop()).is_ready());
}

#[test]
fn a_future_that_is_polled_after_the_completion_is_ready() {
    let mut batch = WriteBatch::default();
    let mut future = add(&mut batch, [write(1, None)]);
    answer(&mut batch);
    batch.clear();
    assert!(poll(&mut future, Waker::noop()).is_ready());
    assert_eq!(seqs(&future), [0]);
}

#[test]
fn a_reused_batch_has_new_answers() {
    let mut batch = WriteBatch::default();
    let before = add(&mut batch, [write(1, None), write(2, None)]);
    answer(&mut batch);
    batch.clear();
    let after = add(&mut batch, [write(3, None)]);
    assert!(after.answers().is_none());
    answer(&mut batch);
    assert_eq!(seqs(&before), [0, 1]);
    assert_eq!(seqs(&after), [0]);
}

#[test]
fn a_dropped_batch_answers_its_writes_with_unknown() {
    let mut batch = WriteBatch::default();
    let future = add(&mut batch, [write(1, None)]);
    drop(batch);
    let answers = future.answers().expect("it is answered");
    assert!(
        matches!(
            answers,
            [Err(CommitError::Store(StoreError::Unknown { .. }))]
        ),
        "{answers:?}"
    );
}

#[test]
fn a_failed_transaction_fails_all_writes_that_were_not_refused_before() {
    let mut batch = WriteBatch::default();
    let future = add(&mut batch, [write(1, None), write(2, None)]);
    let (reply, mut claimed) = tokio::sync::oneshot::channel();
    batch.add_request(Request::Heartbeat {
        claims: Vec::new(),
        lease: Duration::ZERO,
        reply,
    });
    *batch.write_mut(0).answer = Err(CommitError::Store(StoreError::Expired));
    *batch.write_mut(1).answer = Ok(Committed::Written { seq: Seq(1) });
    let failure = unavailable("the disk is full");
    batch.fail(&failure);
    assert_eq!(
        future.answers().expect("it is answered"),
        [
            Err(CommitError::Store(StoreError::Expired)),
            Err(CommitError::Store(failure.clone()))
        ]
    );
    assert_eq!(claimed.try_recv().expect("it is answered"), Err(failure));
}
