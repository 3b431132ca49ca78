//! How orders and events lie in their rows. Reading checks everything again: what a row cannot mean is reported as
//! corrupt, never guessed. The columns of each query stand beside the function that reads them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use application::ports::SequencedEvent;
use domain::{
    Currency, Event, EventType, ExternalId, Failure, Fingerprint, Line, Metadata, Money, Order,
    OrderId, ProductName, RequestId, Seq, Sku, Source, Status, Timestamp, Trace, UserId, Version,
};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

/// What a row cannot mean, in words.
pub(crate) type Unreadable = String;

/// The columns that [`order`] reads, of a table or alias `o`.
pub(crate) const ORDER_COLUMNS: &str = "o.id, o.created_at, o.updated_at, o.amount_minor, o.version, o.attempt, o.status, \
     o.source, o.currency, o.user_id, o.external_id, o.lines::text AS lines, o.metadata::text AS metadata, \
     o.failure_code, o.failure_message, o.result, o.receipt_key";

/// The columns that [`event`] reads, of a table or alias `e`.
pub(crate) const EVENT_COLUMNS: &str = "e.seq, e.order_id, e.version, e.attempt, e.occurred_at, e.retry_at, \
     e.event_type, e.user_id, e.failure_code, e.failure_message, e.request_id, e.trace_id";

/// A line as it lies in the column `lines`.
#[derive(Serialize, Deserialize)]
struct StoredLine<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    sku: Option<Cow<'a, str>>,
    #[serde(borrow)]
    product_name: Cow<'a, str>,
    quantity: u32,
    unit_price_minor: u64,
}

/// The column `lines` of an order.
pub(crate) fn lines_json(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "[]".to_owned();
    }
    let lines: Vec<_> = lines
        .iter()
        .map(|line| StoredLine {
            sku: line.sku.as_ref().map(|sku| Cow::Borrowed(sku.as_str())),
            product_name: Cow::Borrowed(line.product_name.as_str()),
            quantity: line.quantity,
            unit_price_minor: line.unit_price_minor,
        })
        .collect();
    serde_json::to_string(&lines).expect("texts and numbers have a JSON form")
}

/// The column `metadata` of an order.
pub(crate) fn metadata_json(metadata: &Metadata) -> String {
    if metadata.pairs().is_empty() {
        return "{}".to_owned();
    }
    serde_json::to_string(metadata.pairs()).expect("texts have a JSON form")
}

/// A point in time as the driver writes it.
pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.as_millis())
}

/// A duration as the server adds it to its clock, at most a thousand years, which its clock still holds.
pub(crate) fn microseconds(duration: Duration) -> i64 {
    const MOST: Duration = Duration::from_secs(1000 * 366 * 24 * 3600);
    i64::try_from(duration.min(MOST).as_micros()).unwrap_or(i64::MAX)
}

/// Reads [`ORDER_COLUMNS`].
pub(crate) fn order(row: &Row) -> Result<Order, Unreadable> {
    let id = OrderId::from_bytes(column::<Uuid>(row, "id")?.into_bytes());
    let named = |error: &dyn std::fmt::Display| format!("order {id}: {error}");
    let currency = Currency::parse(column(row, "currency")?).map_err(|error| named(&error))?;
    let amount = u64::try_from(column::<i64>(row, "amount_minor")?)
        .map_err(|error| named(&error))
        .and_then(|minor| Money::new(minor, currency).map_err(|error| named(&error)))?;
    let lines: Vec<StoredLine<'_>> =
        serde_json::from_str(column(row, "lines")?).map_err(|error| named(&error))?;
    let lines: Result<Vec<Line>, Unreadable> = lines
        .into_iter()
        .map(|line| {
            Ok(Line {
                sku: line
                    .sku
                    .map(|sku| Sku::new(&sku))
                    .transpose()
                    .map_err(|error| named(&error))?,
                product_name: ProductName::new(&line.product_name)
                    .map_err(|error| named(&error))?,
                quantity: line.quantity,
                unit_price_minor: line.unit_price_minor,
            })
        })
        .collect();
    let pairs: BTreeMap<String, String> =
        serde_json::from_str(column(row, "metadata")?).map_err(|error| named(&error))?;
    let metadata =
        Metadata::new(pairs).map_err(|faults| named(&format!("metadata: {faults:?}")))?;
    let external_id = column::<Option<&str>>(row, "external_id")?
        .map(ExternalId::new)
        .transpose();
    let code = |name| Ok::<_, Unreadable>(u8::try_from(column::<i16>(row, name)?).unwrap_or(0));
    Ok(Order {
        id,
        external_id: external_id.map_err(|error| named(&error))?,
        user_id: UserId::new(column(row, "user_id")?).map_err(|error| named(&error))?,
        source: Source::from_code(code("source")?).ok_or_else(|| named(&"unknown source"))?,
        amount,
        lines: Arc::from(lines?),
        metadata: Arc::new(metadata),
        created_at: timestamp(row, "created_at")?,
        status: Status::from_code(code("status")?).ok_or_else(|| named(&"unknown status"))?,
        version: version(row)?,
        attempt: number(row, "attempt")?,
        failure: failure(row)?,
        result: column::<Option<&str>>(row, "result")?.map(Arc::from),
        receipt_key: column::<Option<&str>>(row, "receipt_key")?.map(Arc::from),
        updated_at: timestamp(row, "updated_at")?,
    })
}

/// Reads [`EVENT_COLUMNS`].
pub(crate) fn event(row: &Row) -> Result<SequencedEvent, Unreadable> {
    let order_id = OrderId::from_bytes(column::<Uuid>(row, "order_id")?.into_bytes());
    let named = |error: &dyn std::fmt::Display| format!("an event of order {order_id}: {error}");
    let code = u8::try_from(column::<i16>(row, "event_type")?).unwrap_or(0);
    let request_id = column::<Option<&str>>(row, "request_id")?
        .map(RequestId::new)
        .transpose();
    let retry_at = column::<Option<SystemTime>>(row, "retry_at")?
        .map(read_time)
        .transpose()?;
    Ok(SequencedEvent {
        seq: seq(column(row, "seq")?),
        event: Arc::new(Event {
            order_id,
            version: version(row)?,
            event_type: EventType::from_code(code)
                .ok_or_else(|| named(&"unknown kind of event"))?,
            user_id: UserId::new(column(row, "user_id")?).map_err(|error| named(&error))?,
            occurred_at: timestamp(row, "occurred_at")?,
            attempt: number(row, "attempt")?,
            failure: failure(row)?,
            retry_at,
            trace: Trace {
                request_id: request_id.map_err(|error| named(&error))?,
                trace_id: column::<Option<&str>>(row, "trace_id")?.map(Arc::from),
            },
        }),
    })
}

/// Reads the id of an order whose other columns may mean nothing.
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

/// Whether a waiting order `o` runs alone ([`Order::runs_alone`]): the condition of the index `orders_alone`.
pub(crate) fn alone() -> String {
    format!(
        "o.failure_code = '{}' AND o.attempt >= {}",
        Failure::LEASE_LOST,
        Order::SUSPECT_FROM
    )
}

/// The opposite of [`alone`].
pub(crate) fn in_company() -> String {
    format!("({}) IS NOT TRUE", alone())
}

/// Reads one column.
pub(crate) fn column<'a, T>(row: &'a Row, name: &str) -> Result<T, Unreadable>
where
    T: tokio_postgres::types::FromSql<'a>,
{
    row.try_get(name)
        .map_err(|error| format!("column {name}: {}", crate::error::reason(&error)))
}

fn number(row: &Row, name: &str) -> Result<u32, Unreadable> {
    let number: i64 = column(row, name)?;
    u32::try_from(number).map_err(|_| format!("column {name}: {number} is out of range"))
}

fn version(row: &Row) -> Result<Version, Unreadable> {
    Version::from_number(number(row, "version")?).ok_or_else(|| "version 0".to_owned())
}

fn timestamp(row: &Row, name: &str) -> Result<Timestamp, Unreadable> {
    read_time(column(row, name)?)
}

fn read_time(at: SystemTime) -> Result<Timestamp, Unreadable> {
    at.duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .and_then(|ms| Timestamp::from_millis(ms).ok())
        .ok_or_else(|| "a time before 1970 or after 9999".to_owned())
}

fn failure(row: &Row) -> Result<Option<Failure>, Unreadable> {
    let code: Option<&str> = column(row, "failure_code")?;
    let message: Option<&str> = column(row, "failure_message")?;
    Ok(code.map(|code| Failure {
        code: Arc::from(code),
        message: Arc::from(message.unwrap_or_default()),
    }))
}
