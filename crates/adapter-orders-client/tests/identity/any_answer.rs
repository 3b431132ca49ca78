//! Arbitrary answers: successes, and every variant of every error.

use std::sync::Arc;
use std::time::Duration;

use adapter_orders_client::call::Response;
use application::ports::{Counts, OrderPage, ReceiptError, StoreError};
use application::store_health::{CommitFailure, ShardHealth, ShardState, StoreHealth};
use application::{
    CommandError, DeadLetterReason, DeadLetterReasons, Forbidden, FoundReceipt, NamedOrder,
    OrderEvents, PlaceError, Placed, ReadError, ReadReceiptError, Scope,
};
use domain::{Fault, Refusal, ShardId, Status, Transition};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::result::maybe_ok;
use proptest::sample::select;

use crate::any_order::{event, id, order, status, time, version};

fn words() -> impl Strategy<Value = String> {
    "\\PC{0,40}"
}

fn shared_words() -> impl Strategy<Value = Arc<str>> {
    words().prop_map(Arc::from)
}

fn forbidden() -> impl Strategy<Value = Forbidden> {
    prop_oneof![
        Just(Forbidden::BoundToUser),
        select(&Scope::ALL[..]).prop_map(|scope| Forbidden::MissingScope { scope }),
    ]
}

pub fn store_error() -> impl Strategy<Value = StoreError> {
    let fault = || (any::<u16>().prop_map(ShardId), words());
    prop_oneof![
        any::<usize>().prop_map(|limit| StoreError::Overloaded { limit }),
        Just(StoreError::Expired),
        fault().prop_map(|(shard, reason)| StoreError::Unavailable { shard, reason }),
        fault().prop_map(|(shard, reason)| StoreError::Full { shard, reason }),
        fault().prop_map(|(shard, reason)| StoreError::Unknown { shard, reason }),
        fault().prop_map(|(shard, reason)| StoreError::Corrupt { shard, reason }),
    ]
}

fn receipt_error() -> impl Strategy<Value = ReceiptError> {
    prop_oneof![
        words().prop_map(ReceiptError::Unavailable),
        words().prop_map(|key| ReceiptError::Conflict { key }),
        (words(), words()).prop_map(|(key, reason)| ReceiptError::Refused { key, reason }),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    (words(), words(), words())
        .prop_map(|(pointer, code, detail)| Fault::new(pointer, code, detail))
}

fn place_error() -> impl Strategy<Value = PlaceError> {
    prop_oneof![
        forbidden().prop_map(PlaceError::Forbidden),
        vec(fault(), 0..4).prop_map(PlaceError::Invalid),
        Just(PlaceError::KeyReused),
        vec(words(), 0..4).prop_map(|differing| PlaceError::ExternalIdTaken { differing }),
        Just(PlaceError::KeyInFlight),
        words().prop_map(PlaceError::Refused),
        receipt_error().prop_map(PlaceError::Receipt),
        store_error().prop_map(PlaceError::Store),
    ]
}

fn read_error() -> impl Strategy<Value = ReadError> {
    prop_oneof![
        forbidden().prop_map(ReadError::Forbidden),
        store_error().prop_map(ReadError::Store),
    ]
}

fn read_receipt_error() -> impl Strategy<Value = ReadReceiptError> {
    prop_oneof![
        forbidden().prop_map(ReadReceiptError::Forbidden),
        store_error().prop_map(ReadReceiptError::Store),
        receipt_error().prop_map(ReadReceiptError::Receipt),
    ]
}

fn transition() -> impl Strategy<Value = Transition> {
    select(vec![
        Transition::Claim,
        Transition::Complete,
        Transition::Retry,
        Transition::Fail,
        Transition::Cancel,
        Transition::Hold,
        Transition::Release,
        Transition::Replay,
        Transition::Discard,
    ])
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        (status(), transition())
            .prop_map(|(status, transition)| Refusal::NotAllowed { status, transition }),
        Just(Refusal::TooManyCommands),
        Just(Refusal::WorkDone),
        status().prop_map(|status| Refusal::NotErasable { status }),
    ]
}

fn command_error() -> impl Strategy<Value = CommandError> {
    prop_oneof![
        forbidden().prop_map(CommandError::Forbidden),
        Just(CommandError::NotFound),
        refusal().prop_map(CommandError::Illegal),
        version().prop_map(|current| CommandError::VersionMismatch { current }),
        Just(CommandError::Contended),
        store_error().prop_map(CommandError::Store),
    ]
}

fn placed() -> impl Strategy<Value = Result<Placed, PlaceError>> {
    let placed = prop_oneof![
        order().prop_map(Placed::Created),
        order().prop_map(Placed::Replayed),
        order().prop_map(Placed::Existing),
    ];
    maybe_ok(placed, place_error())
}

fn named() -> impl Strategy<Value = NamedOrder> {
    prop_oneof![
        Just(NamedOrder::Unknown),
        order().prop_map(NamedOrder::Order),
        Just(NamedOrder::Several),
    ]
}

fn page() -> impl Strategy<Value = OrderPage> {
    (vec(order(), 0..3), option::of(id())).prop_map(|(orders, next_before)| OrderPage {
        orders,
        next_before,
    })
}

fn events() -> impl Strategy<Value = OrderEvents> {
    (order(), vec(event(), 0..4)).prop_map(|(order, events)| OrderEvents { order, events })
}

fn receipt() -> impl Strategy<Value = FoundReceipt> {
    prop_oneof![
        Just(FoundReceipt::UnknownOrder),
        status().prop_map(|status| FoundReceipt::NotYet { status }),
        any::<String>().prop_map(FoundReceipt::Text),
    ]
}

fn counts() -> impl Strategy<Value = Counts> {
    let numbers = (any::<[u64; Status::ALL.len()]>(), any::<u64>());
    numbers.prop_map(|(by_status, erased)| {
        let mut counts = Counts::default();
        for (status, count) in Status::ALL.into_iter().zip(by_status) {
            counts.set(status, count);
        }
        counts.erased = erased;
        counts
    })
}

fn reasons() -> impl Strategy<Value = DeadLetterReasons> {
    let reason = (shared_words(), any::<usize>(), time(), shared_words()).prop_map(
        |(code, count, newest_at, sample_message)| DeadLetterReason {
            code,
            count,
            newest_at,
            sample_message,
        },
    );
    (vec(reason, 0..4), any::<usize>(), any::<bool>()).prop_map(|(reasons, counted, has_more)| {
        DeadLetterReasons {
            reasons,
            counted,
            has_more,
        }
    })
}

fn health() -> impl Strategy<Value = StoreHealth> {
    let state = select(vec![
        ShardState::Available,
        ShardState::Unreachable,
        ShardState::CommitsFail(CommitFailure::Full),
        ShardState::CommitsFail(CommitFailure::Unavailable),
    ]);
    let age = (0..=u64::MAX / 2, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| Duration::new(seconds, nanos));
    let shard =
        (any::<u16>(), state, option::of(age)).prop_map(|(shard, state, oldest_due_age)| {
            ShardHealth {
                shard: ShardId(shard),
                state,
                oldest_due_age,
            }
        });
    vec(shard, 0..4).prop_map(|shards| StoreHealth { shards })
}

/// Any answer of the port.
pub fn response() -> impl Strategy<Value = Response> {
    let changed = || maybe_ok(order(), command_error());
    prop_oneof![
        placed().prop_map(Response::Place),
        vec(placed(), 0..3).prop_map(Response::PlaceBatch),
        maybe_ok(option::of(order()), read_error()).prop_map(Response::Get),
        maybe_ok(option::of(order()), read_error()).prop_map(Response::Find),
        maybe_ok(named(), read_error()).prop_map(Response::FindByName),
        maybe_ok(page(), read_error()).prop_map(Response::List),
        maybe_ok(option::of(events()), read_error()).prop_map(Response::Events),
        maybe_ok(any::<bool>(), read_error()).prop_map(Response::HasSeenAll),
        maybe_ok(receipt(), read_receipt_error()).prop_map(Response::Receipt),
        maybe_ok(counts(), read_error()).prop_map(Response::Counts),
        changed().prop_map(Response::Command),
        changed().prop_map(Response::SetStatus),
        maybe_ok(any::<usize>(), command_error()).prop_map(Response::CommandDeadLetters),
        maybe_ok(reasons(), read_error()).prop_map(Response::DeadLetterReasons),
        health().prop_map(Response::StoreHealth),
        words().prop_map(Response::Undecodable),
    ]
}
