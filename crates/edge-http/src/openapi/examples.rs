//! The examples of the document, which a test checks against their schemas.

use serde_json::{Value, json};

use crate::problem::Code;

/// The id of the order in the examples.
pub(crate) const ID: &str = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";

const CURSOR: &str = "AQAByAEjRWeJ";

pub(crate) fn new_order() -> Value {
    json!({
        "user_id": "alice",
        "external_id": "A-1",
        "currency": "USD",
        "lines": [{"sku": "KB-1", "product_name": "Mechanical Keyboard", "quantity": 2, "unit_price": 149.99}]
    })
}

pub(crate) fn new_order_with_totals() -> Value {
    json!({
        "user_id": "alice",
        "currency": "EUR",
        "lines": [
            {"product_name": "Socks", "quantity": 3, "unit_price": 6.67, "total": 20},
            {"product_name": "Apples", "quantity": 0.485, "total": 1.45}
        ],
        "adjustments": [
            {"kind": "discount", "label": "SPRING", "amount": -2},
            {"kind": "shipping", "amount": 4.90},
            {"kind": "tax", "label": "VAT 20%", "amount": 4.06, "included": true}
        ],
        "process_after": "2026-02-01T08:00:00+01:00"
    })
}

fn line() -> Value {
    json!({
        "sku": "KB-1", "product_name": "Mechanical Keyboard", "quantity": 2, "unit_price": 149.99,
        "total": 299.98
    })
}

fn adjustments() -> Value {
    json!([
        {"kind": "discount", "label": "SPRING", "amount": -20.00, "included": false},
        {"kind": "shipping", "label": null, "amount": 6.00, "included": false}
    ])
}

pub(crate) fn order_of_an_amount() -> Value {
    json!({"user_id": "alice", "amount": 9.99})
}

pub(crate) fn batch() -> Value {
    json!([
        {"user_id": "alice", "amount": 1},
        {"user_id": "bob", "amount": 2, "idempotency_key": "k2"},
        {"user_id": "carol", "amount": 3, "currency": "DEM", "external_id": "1997-7",
         "history": {"status": "PROCESSED", "created_at": "1997-12-01T08:26:00Z"}}
    ])
}

pub(crate) fn batch_lines() -> &'static str {
    "{\"user_id\":\"alice\",\"amount\":1}\n{\"user_id\":\"bob\",\"amount\":2,\"idempotency_key\":\"k2\"}\n"
}

pub(crate) fn order(status: &str, version: u32) -> Value {
    let is_processed = status == "PROCESSED";
    let failure = match status {
        "FAILED" => json!({"code": "handler_rejected", "message": "the card was declined"}),
        _ => Value::Null,
    };
    json!({
        "id": ID,
        "external_id": "A-1",
        "user_id": "alice",
        "source": "api",
        "status": status,
        "version": version,
        "currency": "USD",
        "amount": 285.98,
        "lines": [line()],
        "adjustments": adjustments(),
        "metadata": {},
        "process_after": null,
        "attempt": u32::from(version > 2),
        "failure": failure,
        "result": if is_processed { json!({"payment": "pay_7"}) } else { Value::Null },
        "receipt_key": is_processed.then(|| format!("receipts/alice/{ID}.txt")),
        "waiting_for": waiting_for(status),
        "created_at": "2026-01-31T12:00:00.000Z",
        "updated_at": "2026-01-31T12:00:00.000Z"
    })
}

/// An order as the operator's endpoint gets it, at its first attempt.
pub(crate) fn claimed_order() -> Value {
    let mut order = order("PROCESSING", 2);
    order["attempt"] = json!(1);
    order
}

fn waiting_for(status: &str) -> Value {
    let what = match status {
        "PENDING" => "worker",
        "PROCESSING" => "handler",
        "ON_HOLD" => "release",
        _ => return Value::Null,
    };
    json!({"what": what, "until": null})
}

pub(crate) fn page(order: Value) -> Value {
    json!({"data": [order], "has_more": true, "next_cursor": CURSOR})
}

pub(crate) fn batch_result() -> Value {
    json!({
        "accepted": 1,
        "existing": 0,
        "refused": 1,
        "unavailable": 0,
        "results": [
            {"index": 0, "status": 201, "order": order("PENDING", 1)},
            {"index": 1, "status": 422, "error": problem(Code::ValidationFailed)}
        ]
    })
}

pub(crate) fn events() -> Value {
    json!({
        "data": [{
            "event_id": format!("{ID}:1"),
            "event_type": "order.created",
            "order_id": ID,
            "version": 1,
            "user_id": "alice",
            "status": "PENDING",
            "occurred_at": "2026-01-31T12:00:00.000Z",
            "actor": null,
            "reason": null,
            "history": false,
            "request_id": "7k0f3v9q2m5x8c1z",
            "trace_id": null,
            "span_id": null,
            "data": {
                "attempt": 0,
                "failure": null,
                "retry_at": null,
                "external_id": "A-1",
                "source": "api",
                "currency": "USD",
                "amount": 285.98,
                "lines": [line()],
                "adjustments": adjustments(),
                "metadata": {},
                "process_after": null
            }
        }],
        "has_more": false,
        "next_cursor": null
    })
}

pub(crate) fn event_stream() -> String {
    let change = json!({
        "order_id": ID, "status": "PROCESSED", "version": 3, "user_id": "alice",
        "occurred_at": "2026-01-31T12:00:00.000Z", "cursor": CURSOR
    });
    format!(
        "retry: 2000\n\nid: {CURSOR}\nevent: status\ndata: {change}\n\n: heartbeat\nid: {CURSOR}\n\n"
    )
}

pub(crate) const RECEIPT: &str = "RECEIPT\n=====================================\nOrder        0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11\n...\n";

pub(crate) fn stats() -> Value {
    json!({
        "accepted": 7, "processed": 4, "failed": 1, "cancelled": 0, "in_flight": 2, "erased": 0,
        "by_status": {
            "PENDING": 1, "PROCESSING": 1, "RETRYING": 0, "PROCESSED": 4, "FAILED": 1, "ON_HOLD": 0, "CANCELLED": 0
        },
        "oldest_due_age_ms": 360_000,
        "breaker": {
            "state": "open", "since": "2026-01-31T11:54:00.000Z", "consecutive_faults": 10, "next_probe_ms": 850
        },
        "busy_pause_ms": null,
        "degraded": true,
        "reasons": [
            {
                "code": "breaker_open",
                "detail": "The endpoint that processes orders fails, and the circuit breaker is open: orders wait and use no \
                           attempt until it answers."
            },
            {
                "code": "work_is_late",
                "detail": "An order has been due for 360 s and is not processed (setting health.late_after)."
            }
        ]
    })
}

/// A problem of a code, with a fault if its kind has one.
pub(crate) fn problem(code: Code) -> Value {
    let fault = match code {
        Code::ValidationFailed => {
            json!([{"pointer": "/lines/0/quantity", "code": "out_of_range", "detail": "must be from 0.001 to 1,000,000"}])
        }
        Code::ExternalIdTaken => {
            json!([{"pointer": "/amount", "code": "differs", "detail": "is not what the order of this external_id has"}])
        }
        Code::InvalidQuery => {
            json!([{"parameter": "limit", "code": "out_of_range", "detail": "must be a whole number from 1 to 1000"}])
        }
        Code::InvalidHeader => {
            json!([{"header": "If-Match", "code": "invalid", "detail": "must be the ETag of an order"}])
        }
        _ => json!([]),
    };
    json!({
        "type": format!("/docs/errors/{}", code.as_str()),
        "title": code.title(),
        "status": code.status().as_u16(),
        "detail": "One sentence on what is wrong, and what would be right.",
        "instance": "/v1/orders",
        "code": code.as_str(),
        "errors": fault,
        "request_id": "7k0f3v9q2m5x8c1z"
    })
}

/// The reasons of dead letters.
pub(crate) fn reasons() -> Value {
    let reason = json!({
        "code": "handler_rejected",
        "count": 12,
        "newest_at": "2026-01-31T12:00:00.000Z",
        "sample_message": "the card was declined"
    });
    json!({"data": [reason], "counted": 12, "has_more": false})
}

/// A command on the dead letters of one failure.
pub(crate) fn dead_letter_command() -> Value {
    json!({"code": "handler_rejected", "reason": "the cards work again"})
}

pub(crate) fn health() -> Value {
    json!({
        "status": "healthy",
        "version": "0.1.0",
        "reasons": [],
        "store": "reachable",
        "shards": [{"shard": 0, "status": "available"}],
        "handler": {"kind": "http", "note": null},
        "breaker": {
            "state": "closed",
            "since": "2026-01-31T12:00:00.000Z",
            "consecutive_faults": 0,
            "next_probe_ms": null
        },
        "busy_pause_ms": null,
        "oldest_due_age_ms": 12
    })
}

/// The health of a server that takes no orders.
pub(crate) fn health_unavailable() -> Value {
    let mut unavailable = health();
    unavailable["status"] = json!("unavailable");
    unavailable["shards"][0]["status"] = json!("full");
    unavailable["reasons"] = json!([{
        "code": "store_full",
        "detail": "The disk of shard 0 is full: orders of its users are refused until there is room. Free space where its \
                   data is; the server goes on by itself."
    }]);
    unavailable
}

/// An order as orderflow shows it.
pub(crate) fn api_order(status: &str) -> Value {
    json!({
        "id": ID,
        "user_id": "alice",
        "product_name": "Laptop",
        "quantity": 2,
        "price": 999.5,
        "status": status,
        "receipt_s3_key": format!("receipts/alice/{ID}.txt"),
        "created_at": "2026-01-31T12:00:00.000Z",
        "updated_at": "2026-01-31T12:00:00.000Z"
    })
}

/// An order as orderSystem shows it.
pub(crate) fn numbered_order() -> Value {
    json!({
        "order_id": ID,
        "user_id": "alice",
        "amount": 99.9,
        "status": "PENDING",
        "created_at": "2026-01-31T12:00:00.000Z"
    })
}
