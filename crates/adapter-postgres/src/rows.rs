//! Reads orders and events from their rows. Reading checks everything again: a row whose values make no sense is
//! reported as corrupt, never guessed. The columns of each query are beside the function that reads them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use application::ports::SequencedEvent;
use domain::{
    Actor, Cause, Currency, Event, EventPosition, EventType, ExternalId, Failure, Fingerprint,
    Money, Order, OrderId, Reason, ReceiptForm, RequestId, Seq, Source, Status, Timestamp, Trace,
    UserId, Version,
};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use crate::contents;
pub(crate) use crate::contents::Unreadable;

/// The columns that [`order`] reads, of a table or alias `o`.
pub(crate) const ORDER_COLUMNS: &str = "o.id, o.created_at, o.updated_at, o.amount_minor, o.version, o.attempt, \
     o.process_after, o.retry_at, o.operator_commands, o.status, o.source, o.receipt_form, o.currency, o.user_id, \
     o.external_id, o.lines::text AS lines, o.adjustments::text AS adjustments, o.metadata::text AS metadata, \
     o.failure_code, o.failure_message, o.result, o.receipt_key, o.busy_since, o.work_done";

/// The columns that [`event`] reads, of a table or alias `e`. Columns that an order has, too, get another name, so that one
/// row can hold both.
pub(crate) const EVENT_COLUMNS: &str = "e.seq, e.order_id, e.version AS event_version, e.attempt AS event_attempt, \
     e.occurred_at, e.retry_at AS event_retry_at, e.bits, e.event_type, e.history, e.user_id AS event_user_id, \
     e.failure_code AS event_failure_code, e.failure_message AS event_failure_message, e.request_id, e.trace_id, \
     e.span_id, e.actor, e.reason";

/// A point in time as the driver writes it.
pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.as_millis())
}

/// A duration as the server adds it to its clock: at most a thousand years, so that the sum is a time it can hold.
pub(crate) fn microseconds(duration: Duration) -> i64 {
    const MOST: Duration = Duration::from_secs(1000 * 366 * 24 * 3600);
    i64::try_from(duration.min(MOST).as_micros()).unwrap_or(i64::MAX)
}

/// Reads [`ORDER_COLUMNS`].
pub(crate) fn order(row: &Row) -> Result<Order, Unreadable> {
    let id = order_id(row)?;
    read_order(row, id).map_err(|why| format!("order {id}: {why}"))
}

fn read_order(row: &Row, id: OrderId) -> Result<Order, Unreadable> {
    let currency = Currency::parse_any(column(row, "currency")?)
        .map_err(|error| format!("currency {error}"))?;
    let amount = u64::try_from(column::<i64>(row, "amount_minor")?)
        .map_err(|error| format!("amount_minor: {error}"))
        .and_then(|minor| Money::new(minor, currency).map_err(|error| format!("amount {error}")))?;
    Ok(Order {
        id,
        external_id: optional_text(row, "external_id", ExternalId::new)?,
        user_id: UserId::new(column(row, "user_id")?)
            .map_err(|error| format!("user_id {error}"))?,
        source: coded(row, "source", Source::from_code)?,
        amount,
        lines: Arc::from(contents::lines(column(row, "lines")?, currency)?),
        adjustments: Arc::from(contents::adjustments(
            column(row, "adjustments")?,
            currency,
        )?),
        metadata: Arc::new(contents::metadata(column(row, "metadata")?)?),
        process_after: optional_timestamp(row, "process_after")?,
        created_at: timestamp(row, "created_at")?,
        receipt: coded(row, "receipt_form", ReceiptForm::from_code)?,
        status: coded(row, "status", Status::from_code)?,
        version: version(row, "version")?,
        attempt: number(row, "attempt")?,
        operator_commands: u32::try_from(column::<i32>(row, "operator_commands")?)
            .map_err(|_| "operator_commands is below zero".to_owned())?,
        failure: failure(row, ("failure_code", "failure_message"))?,
        retry_at: optional_timestamp(row, "retry_at")?,
        busy_since: optional_timestamp(row, "busy_since")?,
        work_done: column(row, "work_done")?,
        result: column::<Option<&str>>(row, "result")?.map(Arc::from),
        receipt_key: column::<Option<&str>>(row, "receipt_key")?.map(Arc::from),
        updated_at: timestamp(row, "updated_at")?,
    })
}

/// Reads [`EVENT_COLUMNS`].
pub(crate) fn event(row: &Row) -> Result<SequencedEvent, Unreadable> {
    let order_id = OrderId::from_bytes(column::<Uuid>(row, "order_id")?.into_bytes());
    let event =
        read_event(row, order_id).map_err(|why| format!("an event of order {order_id}: {why}"))?;
    let position = position(column(row, "seq")?, column(row, "bits")?);
    Ok(SequencedEvent {
        seq: position.seq,
        bits: position.bits,
        event: Arc::new(event),
    })
}

fn read_event(row: &Row, order_id: OrderId) -> Result<Event, Unreadable> {
    Ok(Event {
        order_id,
        version: version(row, "event_version")?,
        event_type: coded(row, "event_type", EventType::from_code)?,
        user_id: optional_text(row, "event_user_id", UserId::new)?,
        occurred_at: timestamp(row, "occurred_at")?,
        attempt: number(row, "event_attempt")?,
        failure: failure(row, ("event_failure_code", "event_failure_message"))?,
        retry_at: optional_timestamp(row, "event_retry_at")?,
        cause: Cause {
            trace: Trace {
                request_id: optional_text(row, "request_id", RequestId::new)?,
                trace_id: column::<Option<&str>>(row, "trace_id")?.map(Arc::from),
                span_id: column::<Option<&str>>(row, "span_id")?.map(Arc::from),
            },
            actor: optional_text(row, "actor", Actor::new)?,
            reason: optional_text(row, "reason", Reason::new)?,
        },
        history: column(row, "history")?,
    })
}

/// Reads the id of an order whose other columns may be unreadable.
pub(crate) fn order_id(row: &Row) -> Result<OrderId, Unreadable> {
    let id: Uuid = column(row, "id")?;
    Ok(OrderId::from_bytes(id.into_bytes()))
}

/// Reads a fingerprint; `None` for an order that has none.
pub(crate) fn fingerprint(row: &Row) -> Result<Option<Fingerprint>, Unreadable> {
    column::<Option<&[u8]>>(row, "fingerprint")?
        .map(|bytes| {
            <[u8; 32]>::try_from(bytes)
                .map(Fingerprint)
                .map_err(|_| "a fingerprint that is no SHA-256".to_owned())
        })
        .transpose()
}

/// The seq with this number; the server's are never negative.
pub(crate) fn seq(number: i64) -> Seq {
    Seq(u64::try_from(number).unwrap_or(0))
}

/// The position with this number and these bits, which the server keeps as a signed number.
pub(crate) fn position(number: i64, bits: i32) -> EventPosition {
    EventPosition {
        seq: seq(number),
        bits: bits.cast_unsigned(),
    }
}

/// Reads one column.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, Unreadable> {
    row.try_get(name)
        .map_err(|error| format!("column {name}: {}", crate::error::reason(&error)))
}

fn optional_text<T, E: std::fmt::Display>(
    row: &Row,
    name: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Unreadable> {
    column::<Option<&str>>(row, name)?
        .map(read)
        .transpose()
        .map_err(|error| format!("{name} {error}"))
}

/// Reads a number that stands for one of a few values.
fn coded<T>(
    row: &Row,
    name: &str,
    from_code: impl FnOnce(u8) -> Option<T>,
) -> Result<T, Unreadable> {
    let code: i16 = column(row, name)?;
    u8::try_from(code)
        .ok()
        .and_then(from_code)
        .ok_or_else(|| format!("unknown {name} {code}"))
}

fn number(row: &Row, name: &str) -> Result<u32, Unreadable> {
    let number: i64 = column(row, name)?;
    u32::try_from(number).map_err(|_| format!("column {name}: {number} is out of range"))
}

fn version(row: &Row, name: &str) -> Result<Version, Unreadable> {
    Version::from_number(number(row, name)?).ok_or_else(|| "version 0".to_owned())
}

fn timestamp(row: &Row, name: &str) -> Result<Timestamp, Unreadable> {
    read_time(column(row, name)?)
}

fn optional_timestamp(row: &Row, name: &str) -> Result<Option<Timestamp>, Unreadable> {
    column::<Option<SystemTime>>(row, name)?
        .map(read_time)
        .transpose()
}

fn read_time(at: SystemTime) -> Result<Timestamp, Unreadable> {
    at.duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .and_then(|ms| Timestamp::from_millis(ms).ok())
        .ok_or_else(|| "a time before 1970 or after 9999".to_owned())
}

fn failure(row: &Row, (code, message): (&str, &str)) -> Result<Option<Failure>, Unreadable> {
    let code: Option<&str> = column(row, code)?;
    let message: Option<&str> = column(row, message)?;
    Ok(code.map(|code| Failure {
        code: Arc::from(code),
        message: Arc::from(message.unwrap_or_default()),
    }))
}
