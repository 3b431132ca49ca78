//! Messages that stand for nothing: each is refused with the field that is wrong, and an invalid order cannot be decoded.

use adapter_orders_client::call::{Request, Response};
use adapter_orders_client::wire::{
    DecodeError, Problem, decode_call, decode_reply, encode_call, encode_reply,
};
use application::Caller;
use application::ports::{Counts, Deadline};
use application::watch::Cursor;
use domain::{Cause, EventPosition, Order, OrderId, ReceiptLocation, ShardId, Trace};
use port_conformance::order_store::sample;
use proto::ordermill::internal::v1;
use proto::ordermill::internal::v1::call::Request as Asked;
use proto::ordermill::internal::v1::reply::Response as Answered;

/// What a full order is refused with after this change of its message.
fn refused_order(change: impl FnOnce(&mut v1::Order)) -> DecodeError {
    use v1::found_order::Found;
    use v1::order_response::Result as Answer;
    let command = sample::full("alice", "A-1");
    let now = sample::time("2026-01-31T12:00:00Z");
    let id = OrderId::new(now, &command.user_id, 1 << 2);
    let rendered = ReceiptLocation::Rendered;
    let placed = Order::place(command, id, now, Cause::default(), rendered);
    let mut reply = encode_reply(1, &Response::Get(Ok(Some(placed.order))));
    let Some(Answered::Get(v1::OrderResponse {
        result:
            Some(Answer::Answer(v1::FoundOrder {
                found: Some(Found::Order(order)),
            })),
    })) = &mut reply.response
    else {
        panic!("an order was encoded");
    };
    change(order);
    let mut error = decode_reply(reply).expect_err("it is no order any more");
    let inner = error.path.strip_prefix("get.answer.order.");
    error.path = inner.expect("the path begins at the message").to_owned();
    error
}

fn facts(order: &mut v1::Order) -> &mut v1::OrderFacts {
    order.facts.as_mut().expect("it is set")
}

/// What a call is refused with after this change.
fn refused_call(request: &Request, change: impl FnOnce(&mut Asked)) -> DecodeError {
    let now = Deadline::now();
    let caller = Caller::trusted(Trace::default(), now);
    let mut call = encode_call(1, &caller, request, now);
    change(call.request.as_mut().expect("it is set"));
    decode_call(call, now).expect_err("it is no call any more")
}

fn refused_get(change: impl FnOnce(&mut v1::GetRequest)) -> DecodeError {
    let request = Request::Get(OrderId::from_bytes([7; 16]));
    refused_call(&request, |request| match request {
        Asked::Get(get) => change(get),
        other => panic!("a get was encoded: {other:?}"),
    })
}

fn caller(get: &mut v1::GetRequest) -> &mut v1::Caller {
    get.caller.as_mut().expect("it is set")
}

#[track_caller]
fn assert_missing(error: &DecodeError, path: &str) {
    assert_eq!((&*error.path, &error.problem), (path, &Problem::Missing));
}

#[track_caller]
fn assert_unknown(error: &DecodeError, path: &str, number: i32) {
    let problem = Problem::UnknownValue(number);
    assert_eq!((&*error.path, &error.problem), (path, &problem));
}

#[track_caller]
fn assert_refused(error: &DecodeError, path: &str) {
    assert_eq!(error.path, path, "{error}");
    assert!(matches!(error.problem, Problem::Refused(_)), "{error}");
}

#[test]
fn a_field_that_is_always_set_is_missed() {
    let missing = |path, change: fn(&mut v1::Order)| assert_missing(&refused_order(change), path);
    missing("facts", |order| order.facts = None);
    missing("created_at_ms", |order| order.created_at_ms = None);
    missing("receipt", |order| order.receipt = None);
    missing("attempt", |order| order.attempt = None);
    missing("operator_commands", |order| order.operator_commands = None);
    missing("work_done", |order| order.work_done = None);
    missing("updated_at_ms", |order| order.updated_at_ms = None);
    missing("facts.amount", |order| facts(order).amount = None);
    missing("facts.amount.minor", |order| {
        facts(order).amount.as_mut().expect("it is set").minor = None;
    });
    missing("facts.lines[1].total_minor", |order| {
        facts(order).lines[1].total_minor = None;
    });
    missing("facts.adjustments[0].included", |order| {
        facts(order).adjustments[0].included = None;
    });
    missing("failure.message", |order| {
        let code = Some("timeout".to_owned());
        order.failure = Some(v1::Failure {
            code,
            message: None,
        });
    });
}

#[test]
fn a_caller_without_its_parts_is_refused_and_not_trusted() {
    assert_missing(&refused_get(|get| get.caller = None), "get.caller");
    let error = refused_get(|get| caller(get).remaining = None);
    assert_missing(&error, "get.caller.remaining");
    let error = refused_get(|get| caller(get).trace = None);
    assert_missing(&error, "get.caller.trace");
    let error = refused_get(|get| caller(get).principal = None);
    assert_missing(&error, "get.caller.principal");
    let error = refused_get(|get| caller(get).principal = Some(v1::Principal::default()));
    assert_missing(&error, "get.caller.principal.users");
    let error = refused_get(|get| caller(get).scopes.push(99));
    assert_unknown(&error, "get.caller.scopes[6]", 99);
    for (seconds, nanos) in [(-1, 0), (i64::MAX, 999_999_999)] {
        let remaining = prost_types::Duration { seconds, nanos };
        let error = refused_get(|get| caller(get).remaining = Some(remaining));
        assert_refused(&error, "get.caller.remaining");
    }
    let error = refused_get(|get| {
        caller(get).trace.as_mut().expect("it is set").trace_id = Some("00-xyz".to_owned());
    });
    assert_refused(&error, "get.caller.trace.trace_id");
}

#[test]
fn a_value_of_another_version_is_unknown() {
    for number in [0, 8, -1] {
        let error = refused_order(|order| order.status = number);
        assert_unknown(&error, "status", number);
    }
    let error = refused_order(|order| facts(order).source = 6);
    assert_unknown(&error, "facts.source", 6);
    let error = refused_order(|order| facts(order).adjustments[2].kind = 0);
    assert_unknown(&error, "facts.adjustments[2].kind", 0);
    let now = Deadline::now();
    let error = decode_call(v1::Call::default(), now).expect_err("it asks nothing");
    assert_missing(&error, "request");
    let error = decode_reply(v1::Reply::default()).expect_err("it answers nothing");
    assert_missing(&error, "response");
}

#[test]
fn what_the_domain_refuses_is_no_order() {
    let refused = |path, change: fn(&mut v1::Order)| assert_refused(&refused_order(change), path);
    refused("id", |order| order.id = vec![1; 15]);
    refused("version", |order| order.version = 0);
    refused("created_at_ms", |order| {
        order.created_at_ms = Some(u64::MAX)
    });
    refused("operator_commands", |order| {
        order.operator_commands = Some(1_001)
    });
    refused("result", |order| order.result = Some("x".repeat(8_193)));
    refused("failure.message", |order| {
        let (code, message) = (Some(String::new()), Some("two\nlines".to_owned()));
        order.failure = Some(v1::Failure { code, message });
    });
    refused("facts.user_id", |order| {
        facts(order).user_id = " ".to_owned()
    });
    refused("facts.external_id", |order| {
        facts(order).external_id = Some("A\0".to_owned());
    });
    refused("facts.metadata", |order| {
        facts(order)
            .metadata
            .insert("note".to_owned(), "x".repeat(8_193));
    });
    refused("facts.amount.currency", |order| {
        facts(order).amount.as_mut().expect("it is set").currency = "usd".to_owned();
    });
    refused("facts.amount.minor", |order| {
        facts(order).amount.as_mut().expect("it is set").minor = Some(1 << 53);
    });
    refused("facts.amount", |order| {
        let amount = facts(order).amount.as_mut().expect("it is set");
        amount.minor = amount.minor.map(|minor| minor + 1);
    });
    refused("facts.lines", |order| {
        let line = facts(order).lines[0].clone();
        facts(order).lines = vec![line; 1_001];
    });
    refused("facts.lines[0].quantity_thousandths", |order| {
        facts(order).lines[0].quantity_thousandths = 0;
    });
    refused("facts.lines[0].total_minor", |order| {
        facts(order).lines[0].unit_price_minor = Some(1);
    });
    refused("facts.lines[4].total_minor", |order| {
        facts(order).lines[4].total_minor = Some(1 << 53);
    });
    refused("facts.adjustments", |order| {
        let adjustment = facts(order).adjustments[0].clone();
        facts(order).adjustments = vec![adjustment; 51];
    });
    refused("facts.adjustments[0].amount_minor", |order| {
        facts(order).adjustments[0].amount_minor = Some(1);
    });
    refused("facts.adjustments[0].amount_minor", |order| {
        facts(order).adjustments[0].amount_minor = Some(i64::MIN);
    });
    refused("facts.adjustments[1].included", |order| {
        facts(order).adjustments[1].included = Some(true);
    });
}

#[test]
fn a_cursor_has_each_shard_once() {
    let position = EventPosition::default();
    let cursor = Cursor::new([(ShardId(1), position), (ShardId(2), position)]);
    let request = Request::HasSeenAll(OrderId::from_bytes([7; 16]), cursor);
    let at = |index: usize, shard| {
        refused_call(&request, |request| {
            if let Asked::HasSeenAll(asked) = request {
                let cursor = asked.cursor.as_mut().expect("it is set");
                cursor.positions[index].shard = Some(shard);
            }
        })
    };
    assert_refused(&at(1, 1), "has_seen_all.cursor.positions");
    assert_refused(&at(0, 65_536), "has_seen_all.cursor.positions[0].shard");
}

#[test]
fn counts_have_each_status_once() {
    use v1::counts_response::Result as Answer;
    let refused = |change: fn(&mut v1::Counts)| {
        let mut reply = encode_reply(1, &Response::Counts(Ok(Counts::default())));
        if let Some(Answered::Counts(answer)) = &mut reply.response
            && let Some(Answer::Answer(counts)) = &mut answer.result
        {
            change(counts);
        }
        decode_reply(reply).expect_err("these are no counts any more")
    };
    let error = refused(|counts| counts.by_status.truncate(6));
    assert_refused(&error, "counts.answer.by_status");
    let error = refused(|counts| counts.by_status.push(counts.by_status[0]));
    assert_refused(&error, "counts.answer.by_status");
    assert_missing(
        &refused(|counts| counts.erased = None),
        "counts.answer.erased",
    );
}

#[test]
fn a_row_that_is_wrong_is_named_by_its_place() {
    let row = application::BatchRow {
        command: sample::full("alice", "A-1"),
        key: None,
        history: None,
    };
    let request = Request::PlaceBatch(vec![row; 3]);
    let error = refused_call(&request, |request| {
        if let Asked::PlaceBatch(batch) = request {
            batch.rows[2].key = Some("with space".to_owned());
        }
    });
    assert_refused(&error, "place_batch.rows[2].key");
    assert_eq!(
        error.to_string(),
        "place_batch.rows[2].key: holds something other than visible ASCII characters"
    );
}
