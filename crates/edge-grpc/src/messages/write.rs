//! Writing messages: orders, changes, and where a watcher stands.

use application::Placed;
use application::watch::{Change, Cursor, Resync};
use domain::{Currency, ExternalId, Failure, Line, Money, Order, Sku, Timestamp};
use proto::ordermill::v1 as pb;

/// An order.
pub(crate) fn order(order: &Order) -> pb::Order {
    let currency = order.amount.currency();
    pb::Order {
        id: order.id.to_string(),
        external_id: order.external_id.as_ref().map(ExternalId::to_string),
        user_id: order.user_id.as_str().to_owned(),
        source: i32::from(order.source.code()),
        status: i32::from(order.status.code()),
        version: order.version.get(),
        amount: Some(money(order.amount)),
        lines: order.lines.iter().map(|one| line(one, currency)).collect(),
        metadata: order.metadata.pairs().clone(),
        attempt: order.attempt,
        failure: order.failure.as_ref().map(failure),
        result_json: order.result.as_deref().map(str::to_owned),
        receipt_key: order.receipt_key.as_deref().map(str::to_owned),
        created_at: Some(time(order.created_at)),
        updated_at: Some(time(order.updated_at)),
    }
}

/// A durable order, in short.
pub(crate) fn placed_order(placed: &Placed) -> pb::PlacedOrder {
    let (order, placement) = match placed {
        Placed::Created(order) => (order, pb::Placement::Created),
        Placed::Replayed(order) => (order, pb::Placement::Replayed),
        Placed::Existing(order) => (order, pb::Placement::Existing),
    };
    pb::PlacedOrder {
        order_id: order.id.to_string(),
        placement: placement.into(),
        status: i32::from(order.status.code()),
        version: order.version.get(),
    }
}

/// A change of an order.
pub(crate) fn change(change: &Change) -> pb::WatchResponse {
    let event = change.event();
    watch(pb::watch_response::Event::Change(pb::StatusChange {
        order_id: event.order_id.to_string(),
        status: i32::from(event.status().code()),
        version: event.version.get(),
        user_id: event.user_id.as_str().to_owned(),
        occurred_at: Some(time(event.occurred_at)),
        cursor: change.cursor().to_string(),
    }))
}

/// A gap that cannot be filled.
pub(crate) fn resync(resync: &Resync) -> pb::WatchResponse {
    watch(pb::watch_response::Event::Resync(pb::Resync {
        reason: resync.reason.code().to_owned(),
        cursor: resync.cursor.to_string(),
    }))
}

/// A place between changes.
pub(crate) fn position(cursor: &Cursor) -> pb::WatchResponse {
    watch(pb::watch_response::Event::Position(pb::Position {
        cursor: cursor.to_string(),
    }))
}

const fn watch(event: pb::watch_response::Event) -> pb::WatchResponse {
    pb::WatchResponse { event: Some(event) }
}

fn money(money: Money) -> pb::Money {
    minor_units(money.minor(), money.currency())
}

fn minor_units(minor_units: u64, currency: Currency) -> pb::Money {
    pb::Money {
        minor_units: i64::try_from(minor_units).expect("an amount is at most 2^53 - 1 minor units"),
        currency: currency.code().to_owned(),
    }
}

fn line(line: &Line, currency: Currency) -> pb::Line {
    pb::Line {
        sku: line.sku.as_ref().map(Sku::to_string),
        product_name: line.product_name.as_str().to_owned(),
        quantity: line.quantity,
        unit_price: Some(minor_units(line.unit_price_minor, currency)),
    }
}

fn failure(failure: &Failure) -> pb::Failure {
    pb::Failure {
        code: failure.code.to_string(),
        message: failure.message.to_string(),
    }
}

fn time(time: Timestamp) -> prost_types::Timestamp {
    let ms = time.as_millis();
    prost_types::Timestamp {
        seconds: i64::try_from(ms / 1000).expect("a timestamp lies before the year 10000"),
        nanos: i32::try_from(ms % 1000 * 1_000_000).expect("a fraction of a second is below 2^31"),
    }
}
