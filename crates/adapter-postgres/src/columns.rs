//! What the statements that write are given: whole batches as arrays, one round trip a batch and not one a row.
//! Each statement stands beside its columns. Filled by `plan` and `transaction`, sent by `statements`.

use std::time::SystemTime;

use application::ports::{Guard, Write};
use domain::{Currency, Event, Job, Order, OrderId, Receipt, ShardId, Status, Version};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::rows::{lines_json, metadata_json, microseconds, system_time};

/// A column that is mostly empty, or holds its statement's default. What follows its last value is not sent: the
/// server fills shorter arrays up with NULL, and pays for each value of each array.
#[derive(Debug)]
pub(crate) struct Sparse<T> {
    values: Vec<Option<T>>,
    pushed: usize,
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            pushed: 0,
        }
    }
}

impl<T> Sparse<T> {
    fn push(&mut self, value: Option<T>) {
        if value.is_some() {
            self.values.resize_with(self.pushed, || None);
            self.values.push(value);
        }
        self.pushed += 1;
    }

    /// As it is sent.
    pub(crate) const fn sent(&self) -> &Vec<Option<T>> {
        &self.values
    }
}

/// `None` for a value that the statement fills in itself.
fn unless<T: PartialEq>(value: T, default: &T) -> Option<T> {
    (value != *default).then_some(value)
}

/// See [`NewOrders`].
pub(crate) const INSERT_ORDERS: &str = "\
INSERT INTO orders (id, created_at, updated_at, amount_minor, version, attempt, due_at, status, source, currency,
                    user_id, external_id, idempotency_key, fingerprint, lines, metadata, result, receipt_key)
SELECT n.id, n.created_at, coalesce(n.updated_at, n.created_at), n.amount_minor, coalesce(n.version, 1),
       coalesce(n.attempt, 0), clock_timestamp() + n.due_in_us * interval '1 microsecond', coalesce(n.status, 1),
       n.source, n.currency, n.user_id, n.external_id, n.idempotency_key, n.fingerprint,
       coalesce(n.lines::json, '[]'), coalesce(n.metadata::json, '{}'), n.result, n.receipt_key
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::smallint[], $9::smallint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bytea[],
            $15::text[], $16::text[], $17::text[], $18::text[])
  AS n (id, created_at, updated_at, amount_minor, version, attempt, due_in_us, status, source, currency, user_id,
        external_id, idempotency_key, fingerprint, lines, metadata, result, receipt_key)
ON CONFLICT DO NOTHING
RETURNING id";

/// The columns of [`INSERT_ORDERS`].
#[derive(Default)]
pub(crate) struct NewOrders<'a> {
    ids: Vec<Uuid>,
    created_at: Vec<SystemTime>,
    updated_at: Sparse<SystemTime>,
    amounts: Vec<i64>,
    versions: Sparse<i64>,
    attempts: Sparse<i64>,
    due_in_us: Vec<Option<i64>>,
    statuses: Sparse<i16>,
    sources: Vec<i16>,
    currencies: Vec<&'a str>,
    user_ids: Vec<&'a str>,
    external_ids: Sparse<&'a str>,
    keys: Sparse<&'a str>,
    fingerprints: Sparse<&'a [u8]>,
    lines: Sparse<&'a str>,
    metadata: Sparse<&'a str>,
    results: Sparse<&'a str>,
    receipt_keys: Sparse<&'a str>,
}

impl<'a> NewOrders<'a> {
    pub(crate) fn push(&mut self, encoded: &'a Encoded) {
        let (key, fingerprint) = match &encoded.write.guard {
            Guard::New { key, fingerprint } => (key.as_ref(), fingerprint.as_ref()),
            Guard::At { .. } => (None, None),
        };
        let order: &'a Order = &encoded.write.decision.order;
        self.ids.push(order.id.as_uuid());
        self.created_at.push(system_time(order.created_at));
        let created_at = system_time(order.created_at);
        self.updated_at
            .push(unless(system_time(order.updated_at), &created_at));
        self.amounts
            .push(i64::try_from(order.amount.minor()).unwrap_or(i64::MAX));
        self.versions.push(unless(order.version.get().into(), &1));
        self.attempts.push(unless(order.attempt.into(), &0));
        self.due_in_us.push(due_in_us(encoded.write.decision.job));
        self.statuses.push(unless(
            order.status.code().into(),
            &Status::Pending.code().into(),
        ));
        self.sources.push(order.source.code().into());
        self.currencies.push(encoded.currency.code());
        self.user_ids.push(order.user_id.as_str());
        self.external_ids
            .push(order.external_id.as_ref().map(|id| id.as_str()));
        self.keys.push(key.map(|key| key.as_str()));
        self.fingerprints
            .push(fingerprint.map(|fingerprint| &fingerprint.0[..]));
        self.lines.push(unless(&encoded.lines, &"[]"));
        self.metadata.push(unless(&encoded.metadata, &"{}"));
        self.results.push(order.result.as_deref());
        self.receipt_keys.push(order.receipt_key.as_deref());
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// In the order of the statement.
    pub(crate) fn parameters(&self) -> [&(dyn ToSql + Sync); 18] {
        [
            &self.ids,
            &self.created_at,
            self.updated_at.sent(),
            &self.amounts,
            self.versions.sent(),
            self.attempts.sent(),
            &self.due_in_us,
            self.statuses.sent(),
            &self.sources,
            &self.currencies,
            &self.user_ids,
            self.external_ids.sent(),
            self.keys.sent(),
            self.fingerprints.sent(),
            self.lines.sent(),
            self.metadata.sent(),
            self.results.sent(),
            self.receipt_keys.sent(),
        ]
    }
}

/// With the default settings 8 MiB of texts go into one transaction, and 128 MiB wait, at most.
const PLACE_BYTES: usize = 16 * 1024;

/// A write whose texts are made, by the caller's task, so that the one writer has less to do.
pub(crate) struct Encoded {
    pub(crate) shard: ShardId,
    pub(crate) write: Write,
    /// How much room it takes in the queue and in a transaction: one place, and one more for every
    /// [`PLACE_BYTES`] of its texts.
    pub(crate) places: usize,
    currency: Currency,
    lines: String,
    metadata: String,
}

impl Encoded {
    pub(crate) fn new(shard: ShardId, write: Write) -> Self {
        let order = &write.decision.order;
        let currency = order.amount.currency();
        let (lines, metadata) = match &write.guard {
            Guard::New { .. } => (lines_json(&order.lines), metadata_json(&order.metadata)),
            Guard::At { .. } => (String::new(), String::new()),
        };
        let receipt = write.receipt.as_ref();
        let bytes = lines.len()
            + metadata.len()
            + receipt.map_or(0, |receipt| receipt.text.len())
            + order.result.as_ref().map_or(0, |result| result.len());
        Self {
            shard,
            places: 1 + bytes / PLACE_BYTES,
            write,
            currency,
            lines,
            metadata,
        }
    }
}

/// See [`Changes`].
pub(crate) const CHANGE_ORDERS: &str = "\
UPDATE orders AS o
SET updated_at = n.updated_at, version = n.version, attempt = n.attempt,
    due_at = clock_timestamp() + n.due_in_us * interval '1 microsecond',
    lease_until = clock_timestamp() + n.lease_us * interval '1 microsecond',
    status = n.status, failure_code = n.failure_code, failure_message = n.failure_message, result = n.result,
    receipt_key = n.receipt_key
FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::smallint[], $10::text[], $11::text[], $12::text[], $13::text[])
  AS n (id, from_version, from_status, updated_at, version, attempt, due_in_us, lease_us, status, failure_code,
        failure_message, result, receipt_key)
WHERE o.id = n.id AND o.version = n.from_version AND o.status = n.from_status
RETURNING o.id";

/// The columns of [`CHANGE_ORDERS`]. Push them in the order of their ids: two processes that lock rows in the same
/// order never wait for each other in a circle.
#[derive(Default)]
pub(crate) struct Changes<'a> {
    ids: Vec<Uuid>,
    from_versions: Vec<i64>,
    from_statuses: Vec<i16>,
    updated_at: Vec<SystemTime>,
    versions: Vec<i64>,
    attempts: Vec<i64>,
    due_in_us: Sparse<i64>,
    lease_us: Sparse<i64>,
    statuses: Vec<i16>,
    failure_codes: Sparse<&'a str>,
    failure_messages: Sparse<&'a str>,
    results: Sparse<&'a str>,
    receipt_keys: Sparse<&'a str>,
}

impl<'a> Changes<'a> {
    /// `lease_us` is the lease of a claim; a job that is leased without one is held by nobody, and its lease ends
    /// at once.
    pub(crate) fn push(
        &mut self,
        order: &'a Order,
        job: Job,
        (from_version, from_status): (Version, Status),
        lease_us: i64,
    ) {
        self.ids.push(order.id.as_uuid());
        self.from_versions.push(from_version.get().into());
        self.from_statuses.push(from_status.code().into());
        self.updated_at.push(system_time(order.updated_at));
        self.versions.push(order.version.get().into());
        self.attempts.push(order.attempt.into());
        self.due_in_us.push(due_in_us(job));
        self.lease_us.push((job == Job::Leased).then_some(lease_us));
        self.statuses.push(order.status.code().into());
        let failure = order.failure.as_ref();
        self.failure_codes
            .push(failure.map(|failure| &*failure.code));
        self.failure_messages
            .push(failure.map(|failure| &*failure.message));
        self.results.push(order.result.as_deref());
        self.receipt_keys.push(order.receipt_key.as_deref());
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// In the order of the statement.
    pub(crate) fn parameters(&self) -> [&(dyn ToSql + Sync); 13] {
        [
            &self.ids,
            &self.from_versions,
            &self.from_statuses,
            &self.updated_at,
            &self.versions,
            &self.attempts,
            self.due_in_us.sent(),
            self.lease_us.sent(),
            &self.statuses,
            self.failure_codes.sent(),
            self.failure_messages.sent(),
            self.results.sent(),
            self.receipt_keys.sent(),
        ]
    }
}

fn due_in_us(job: Job) -> Option<i64> {
    match job {
        Job::DueIn(delay) => Some(microseconds(delay)),
        Job::Leased | Job::Nothing => None,
    }
}

/// See [`Receipts`].
pub(crate) const INSERT_RECEIPTS: &str = "\
INSERT INTO receipts (order_id, key, text) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])";

/// The columns of [`INSERT_RECEIPTS`].
#[derive(Default)]
pub(crate) struct Receipts<'a> {
    pub(crate) order_ids: Vec<Uuid>,
    pub(crate) keys: Vec<&'a str>,
    pub(crate) texts: Vec<&'a str>,
}

impl<'a> Receipts<'a> {
    pub(crate) fn push(&mut self, order_id: OrderId, receipt: &'a Receipt) {
        self.order_ids.push(order_id.as_uuid());
        self.keys.push(&receipt.key);
        self.texts.push(&receipt.text);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order_ids.is_empty()
    }
}

/// See [`Events`].
pub(crate) const INSERT_EVENTS: &str = "\
INSERT INTO events (seq, order_id, version, attempt, occurred_at, retry_at, event_type, user_id, failure_code,
                    failure_message, request_id, trace_id)
SELECT (SELECT last_seq FROM shard) - $1::bigint + n.nth, n.order_id, coalesce(n.version, 1), coalesce(n.attempt, 0), n.occurred_at, n.retry_at,
       n.event_type, n.user_id, n.failure_code, n.failure_message, n.request_id, n.trace_id
FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::smallint[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
  WITH ORDINALITY AS n (order_id, version, attempt, occurred_at, retry_at, event_type, user_id, failure_code,
                        failure_message, request_id, trace_id, nth)";

/// The columns of [`INSERT_EVENTS`], in the order of their places.
#[derive(Default)]
pub(crate) struct Events<'a> {
    pub(crate) order_ids: Vec<Uuid>,
    pub(crate) versions: Sparse<i64>,
    pub(crate) attempts: Sparse<i64>,
    pub(crate) occurred_at: Vec<SystemTime>,
    pub(crate) retry_at: Sparse<SystemTime>,
    pub(crate) types: Vec<i16>,
    pub(crate) user_ids: Vec<&'a str>,
    pub(crate) failure_codes: Sparse<&'a str>,
    pub(crate) failure_messages: Sparse<&'a str>,
    pub(crate) request_ids: Sparse<&'a str>,
    pub(crate) trace_ids: Sparse<&'a str>,
}

impl<'a> Events<'a> {
    pub(crate) fn push(&mut self, event: &'a Event) {
        self.order_ids.push(event.order_id.as_uuid());
        self.versions.push(unless(event.version.get().into(), &1));
        self.attempts.push(unless(event.attempt.into(), &0));
        self.occurred_at.push(system_time(event.occurred_at));
        self.retry_at.push(event.retry_at.map(system_time));
        self.types.push(event.event_type.code().into());
        self.user_ids.push(event.user_id.as_str());
        let failure = event.failure.as_ref();
        self.failure_codes
            .push(failure.map(|failure| &*failure.code));
        self.failure_messages
            .push(failure.map(|failure| &*failure.message));
        self.request_ids
            .push(event.trace.request_id.as_ref().map(|id| id.as_str()));
        self.trace_ids.push(event.trace.trace_id.as_deref());
    }

    /// How many there are, as the server counts.
    pub(crate) fn count(&self) -> i64 {
        i64::try_from(self.order_ids.len()).unwrap_or(i64::MAX)
    }
}
