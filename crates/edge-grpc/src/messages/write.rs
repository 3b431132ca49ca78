//! Writing messages: orders, changes, and the positions of watchers.

use application::Placed;
use application::watch::{Change, Cursor, Resync};
use domain::{
    Adjustment, Currency, ExternalId, Failure, Label, Line, Money, Order, Sku, Status, Timestamp,
    UserId, Wait, WaitingFor,
};
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
        adjustments: order
            .adjustments
            .iter()
            .map(|one| adjustment(one, currency))
            .collect(),
        process_after: order.process_after.map(time),
        waiting_for: order.waiting_for().as_ref().map(waiting_for),
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
        status: event.status().map_or(0, Status::code).into(),
        version: event.version.get(),
        user_id: event
            .user_id
            .as_ref()
            .map_or_else(String::new, UserId::to_string),
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
    let minor_units = i64::try_from(minor_units);
    signed_minor_units(
        minor_units.expect("an amount is at most 2^53 - 1 minor units"),
        currency,
    )
}

fn signed_minor_units(minor_units: i64, currency: Currency) -> pb::Money {
    pb::Money {
        minor_units,
        currency: currency.code().to_owned(),
    }
}

fn line(line: &Line, currency: Currency) -> pb::Line {
    pb::Line {
        sku: line.sku.as_ref().map(Sku::to_string),
        product_name: line.product_name.as_str().to_owned(),
        quantity: line.quantity.to_string(),
        unit_price: line
            .unit_price_minor
            .map(|minor| minor_units(minor, currency)),
        total: Some(minor_units(line.total_minor, currency)),
    }
}

fn adjustment(adjustment: &Adjustment, currency: Currency) -> pb::Adjustment {
    pb::Adjustment {
        kind: i32::from(adjustment.kind.code()),
        label: adjustment.label.as_ref().map(Label::to_string),
        amount: Some(signed_minor_units(adjustment.amount_minor, currency)),
        included: adjustment.included,
    }
}

fn waiting_for(waiting_for: &WaitingFor) -> pb::WaitingFor {
    pb::WaitingFor {
        what: wait(waiting_for.what).into(),
        until: waiting_for.until.map(time),
    }
}

/// What an order waits for, as an enum of the messages.
pub(super) const fn wait(wait: Wait) -> pb::Wait {
    match wait {
        Wait::Worker => pb::Wait::Worker,
        Wait::ProcessAfter => pb::Wait::ProcessAfter,
        Wait::Handler => pb::Wait::Handler,
        Wait::Retry => pb::Wait::Retry,
        Wait::Receipts => pb::Wait::Receipts,
        Wait::Release => pb::Wait::Release,
        Wait::Operator => pb::Wait::Operator,
    }
}

pub(super) fn failure(failure: &Failure) -> pb::Failure {
    pb::Failure {
        code: failure.code.to_string(),
        message: failure.message.to_string(),
    }
}

pub(super) fn time(time: Timestamp) -> prost_types::Timestamp {
    let ms = time.as_millis();
    prost_types::Timestamp {
        seconds: i64::try_from(ms / 1000).expect("a timestamp lies before the year 10000"),
        nanos: i32::try_from(ms % 1000 * 1_000_000).expect("a fraction of a second is below 2^31"),
    }
}
