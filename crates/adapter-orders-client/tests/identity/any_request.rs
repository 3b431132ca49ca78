//! Arbitrary calls with arbitrary callers.

use std::time::Duration;

use adapter_orders_client::call::Request;
use application::ports::{Deadline, ListFilter};
use application::watch::Cursor;
use application::{BatchRow, Caller, ExpectedVersion, ListRequest, Principal, Scope};
use domain::{EventPosition, History, HistoryStatus, IdempotencyKey, OrderCommand, Seq, ShardId};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::any_order::{
    actor, command, external_id, id, reason, source, status, time, trace, user, version,
};

fn key() -> impl Strategy<Value = IdempotencyKey> {
    "[!-~]{1,255}".prop_map(|text| IdempotencyKey::new(&text).unwrap())
}

/// A caller that waits past `now`.
pub fn caller(now: Deadline) -> impl Strategy<Value = Caller> {
    let wait = (0..1_000_000_u64, 1..1_000_000_000_u32);
    let scopes = subsequence(&Scope::ALL[..], 0..=Scope::ALL.len());
    (
        option::of(actor()),
        option::of(user()),
        scopes,
        trace(),
        wait,
    )
        .prop_map(
            move |(subject, user_id, scopes, trace, (seconds, nanos))| Caller {
                principal: Principal { subject, user_id },
                scopes: scopes.into_iter().collect(),
                trace,
                deadline: now + Duration::new(seconds, nanos),
            },
        )
}

fn row() -> impl Strategy<Value = BatchRow> {
    let ends = select(vec![HistoryStatus::Processed, HistoryStatus::Cancelled]);
    let history = (time(), ends).prop_map(|(created_at, status)| History { created_at, status });
    (command(), option::of(key()), option::of(history)).prop_map(|(command, key, history)| {
        BatchRow {
            command,
            key,
            history,
        }
    })
}

/// Any filter.
pub fn filter() -> impl Strategy<Value = ListFilter> {
    let names = (option::of(user()), option::of(external_id()));
    let kinds = (option::of(status()), option::of(source()));
    let times = (option::of(time()), option::of(time()));
    let texts = (option::of("\\PC{0,20}"), option::of("[a-z_]{0,20}"));
    (names, kinds, times, texts).prop_map(|(names, kinds, times, texts)| ListFilter {
        user_id: names.0,
        external_id: names.1,
        status: kinds.0,
        source: kinds.1,
        created_from: times.0,
        created_to: times.1,
        text_prefix: texts.0,
        failure_code: texts.1,
    })
}

fn cursor() -> impl Strategy<Value = Cursor> {
    let positions = btree_map(any::<u16>(), (any::<u64>(), any::<u32>()), 0..5);
    positions.prop_map(|positions| {
        let positions = positions.into_iter().map(|(shard, (seq, bits))| {
            let seq = Seq(seq);
            (ShardId(shard), EventPosition { seq, bits })
        });
        Cursor::new(positions)
    })
}

fn expected() -> impl Strategy<Value = ExpectedVersion> {
    prop_oneof![
        Just(ExpectedVersion::Any),
        vec(version(), 0..4).prop_map(ExpectedVersion::OneOf),
    ]
}

fn order_command() -> impl Strategy<Value = OrderCommand> {
    select(vec![
        OrderCommand::Cancel,
        OrderCommand::Hold,
        OrderCommand::Release,
        OrderCommand::Replay,
        OrderCommand::Discard,
    ])
}

/// Any call of the port.
pub fn request() -> impl Strategy<Value = Request> {
    let why = || option::of(reason());
    let limit = any::<usize>;
    let page = (filter(), option::of(id()), limit());
    prop_oneof![
        (command(), option::of(key())).prop_map(|(command, key)| Request::Place(command, key)),
        vec(row(), 0..4).prop_map(Request::PlaceBatch),
        id().prop_map(Request::Get),
        (user(), external_id()).prop_map(|(user, number)| Request::Find(user, number)),
        any::<String>().prop_map(Request::FindByName),
        page.prop_map(|(filter, before, limit)| Request::List(ListRequest {
            filter,
            before,
            limit
        })),
        (id(), option::of(version()), limit())
            .prop_map(|(id, after, limit)| Request::Events(id, after, limit)),
        (id(), cursor()).prop_map(|(id, cursor)| Request::HasSeenAll(id, cursor)),
        id().prop_map(Request::Receipt),
        Just(Request::Counts),
        (id(), order_command(), expected(), why())
            .prop_map(|(id, command, at, why)| Request::Command(id, command, at, why)),
        (id(), status(), expected(), why())
            .prop_map(|(id, status, at, why)| Request::SetStatus(id, status, at, why)),
        (filter(), order_command(), why(), limit()).prop_map(|(filter, command, why, limit)| {
            Request::CommandDeadLetters(filter, command, why, limit)
        }),
        (option::of(user()), limit())
            .prop_map(|(user, limit)| Request::DeadLetterReasons(user, limit)),
        Just(Request::StoreHealth),
    ]
}
