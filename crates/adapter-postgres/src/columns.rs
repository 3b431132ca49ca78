//! What the statements that write are given: whole batches as arrays, one round trip per batch and not one per row.
//! Each statement is beside its columns. Filled by `plan`, `record` and `erasure`, sent by `statements`.

mod events;

use std::time::SystemTime;

use application::ports::{Guard, Write};
use domain::{Currency, Job, Order, ShardId, Status, Version};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::claim::lane_of;
use crate::contents::{adjustments_json, lines_json, metadata_json};
use crate::rows::{microseconds, system_time};

pub(crate) use events::{Events, INSERT_EVENTS};

/// A column that is mostly empty, or holds its statement's default. What follows its last value is not sent: the
/// server fills shorter arrays up with NULL, and each value of each array costs it time.
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
    const fn sent(&self) -> &Vec<Option<T>> {
        &self.values
    }
}

/// `None` for a value that the statement fills in itself.
fn unless<T: PartialEq>(value: T, default: &T) -> Option<T> {
    (value != *default).then_some(value)
}

/// See [`NewOrders`]. A new order is PENDING in the lane of orders that were never tried, or it is final (imported history).
pub(crate) const INSERT_ORDERS: &str = "\
INSERT INTO orders (id, created_at, updated_at, amount_minor, version, attempt, due_at, delay_us, lane, process_after,
                    status, work_done, source, receipt_form, currency, user_id, external_id, idempotency_key,
                    fingerprint, lines, adjustments, metadata, result, receipt_key)
SELECT n.id, n.created_at, coalesce(n.updated_at, n.created_at), n.amount_minor, coalesce(n.version, 1),
       coalesce(n.attempt, 0), coalesce(n.due_at, clock_timestamp() + n.due_in_us * interval '1 microsecond'),
       n.due_in_us, CASE WHEN n.status IS NULL THEN 0 END, n.process_after, coalesce(n.status, 1),
       coalesce(n.status = 4, false), n.source, coalesce(n.receipt_form, 0), n.currency, n.user_id, n.external_id,
       n.idempotency_key, n.fingerprint, coalesce(n.lines::json, '[]'), coalesce(n.adjustments::json, '[]'),
       coalesce(n.metadata::json, '{}'), n.result, n.receipt_key
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::timestamptz[], $9::timestamptz[], $10::smallint[], $11::smallint[], $12::smallint[], $13::text[],
            $14::text[], $15::text[], $16::text[], $17::bytea[], $18::text[], $19::text[], $20::text[], $21::text[],
            $22::text[])
  AS n (id, created_at, updated_at, amount_minor, version, attempt, due_in_us, due_at, process_after, status, source,
        receipt_form, currency, user_id, external_id, idempotency_key, fingerprint, lines, adjustments, metadata,
        result, receipt_key)
ON CONFLICT DO NOTHING
RETURNING id";

/// How many parameters [`INSERT_ORDERS`] has.
pub(crate) const INSERT_ORDERS_PARAMETERS: usize = 22;

/// The columns of [`INSERT_ORDERS`].
#[derive(Default)]
pub(crate) struct NewOrders<'a> {
    ids: Vec<Uuid>,
    created_at: Vec<SystemTime>,
    updated_at: Sparse<SystemTime>,
    amounts: Vec<i64>,
    versions: Sparse<i64>,
    attempts: Sparse<i64>,
    due: DueTimes,
    process_after: Sparse<SystemTime>,
    statuses: Sparse<i16>,
    sources: Vec<i16>,
    receipt_forms: Sparse<i16>,
    currencies: Vec<&'a str>,
    user_ids: Vec<&'a str>,
    external_ids: Sparse<&'a str>,
    keys: Sparse<&'a str>,
    fingerprints: Sparse<&'a [u8]>,
    lines: Sparse<&'a str>,
    adjustments: Sparse<&'a str>,
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
        let created_at = system_time(order.created_at);
        self.ids.push(order.id.as_uuid());
        self.created_at.push(created_at);
        self.updated_at
            .push(unless(system_time(order.updated_at), &created_at));
        self.amounts
            .push(i64::try_from(order.amount.minor()).unwrap_or(i64::MAX));
        self.versions.push(unless(order.version.get().into(), &1));
        self.attempts.push(unless(order.attempt.into(), &0));
        self.due.push(encoded.write.decision.job);
        self.process_after
            .push(order.process_after.map(system_time));
        self.statuses.push(unless(
            order.status.code().into(),
            &Status::Pending.code().into(),
        ));
        self.sources.push(order.source.code().into());
        self.receipt_forms
            .push(unless(order.receipt.code().into(), &0));
        self.currencies.push(encoded.currency.code());
        self.user_ids.push(order.user_id.as_str());
        self.external_ids
            .push(order.external_id.as_ref().map(|id| id.as_str()));
        self.keys.push(key.map(|key| key.as_str()));
        self.fingerprints
            .push(fingerprint.map(|fingerprint| &fingerprint.0[..]));
        self.lines.push(unless(&encoded.lines, &"[]"));
        self.adjustments.push(unless(&encoded.adjustments, &"[]"));
        self.metadata.push(unless(&encoded.metadata, &"{}"));
        self.results.push(order.result.as_deref());
        self.receipt_keys.push(order.receipt_key.as_deref());
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// In the order of the statement.
    pub(crate) fn parameters(&self) -> [&(dyn ToSql + Sync); INSERT_ORDERS_PARAMETERS] {
        [
            &self.ids,
            &self.created_at,
            self.updated_at.sent(),
            &self.amounts,
            self.versions.sent(),
            self.attempts.sent(),
            self.due.in_us.sent(),
            self.due.at.sent(),
            self.process_after.sent(),
            self.statuses.sent(),
            &self.sources,
            self.receipt_forms.sent(),
            &self.currencies,
            &self.user_ids,
            self.external_ids.sent(),
            self.keys.sent(),
            self.fingerprints.sent(),
            self.lines.sent(),
            self.adjustments.sent(),
            self.metadata.sent(),
            self.results.sent(),
            self.receipt_keys.sent(),
        ]
    }
}

/// With the default settings at most 8 MiB of texts go into one transaction, and at most 128 MiB wait.
const BYTES_PER_PERMIT: usize = 16 * 1024;

/// A write whose texts are made, by the caller's task, so that the one writer has less to do.
pub(crate) struct Encoded {
    pub(crate) shard: ShardId,
    pub(crate) write: Write,
    /// How many permits it takes in the queue and how much of a transaction: one, and one more for every
    /// [`BYTES_PER_PERMIT`] of its texts.
    pub(crate) permits: usize,
    currency: Currency,
    lines: String,
    adjustments: String,
    metadata: String,
}

impl Encoded {
    pub(crate) fn new(shard: ShardId, write: Write) -> Self {
        let order = &write.decision.order;
        let currency = order.amount.currency();
        let (lines, adjustments, metadata) = match &write.guard {
            Guard::New { .. } => (
                lines_json(&order.lines, currency),
                adjustments_json(&order.adjustments, currency),
                metadata_json(&order.metadata),
            ),
            Guard::At { .. } => (String::new(), String::new(), String::new()),
        };
        let result = order.result.as_ref().map_or(0, |result| result.len());
        let bytes = lines.len() + adjustments.len() + metadata.len() + result;
        Self {
            shard,
            permits: 1 + bytes / BYTES_PER_PERMIT,
            write,
            currency,
            lines,
            adjustments,
            metadata,
        }
    }
}

/// See [`Changes`].
pub(crate) const CHANGE_ORDERS: &str = "\
UPDATE orders AS o
SET updated_at = n.updated_at, version = n.version, attempt = n.attempt,
    due_at = coalesce(n.due_at, clock_timestamp() + n.due_in_us * interval '1 microsecond'),
    lease_until = clock_timestamp() + n.lease_us * interval '1 microsecond', retry_at = n.retry_at,
    operator_commands = coalesce(n.operator_commands, 0), status = n.status, failure_code = n.failure_code,
    failure_message = n.failure_message, result = n.result, receipt_key = n.receipt_key, delay_us = n.due_in_us,
    lane = n.lane, busy_since = n.busy_since, work_done = coalesce(n.work_done, n.status = 4)
FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::timestamptz[], $9::bigint[], $10::timestamptz[], $11::integer[], $12::smallint[], $13::text[],
            $14::text[], $15::text[], $16::text[], $17::smallint[], $18::timestamptz[], $19::boolean[])
  AS n (id, from_version, from_status, updated_at, version, attempt, due_in_us, due_at, lease_us, retry_at,
        operator_commands, status, failure_code, failure_message, result, receipt_key, lane, busy_since, work_done)
WHERE o.id = n.id AND o.version = n.from_version AND o.status = n.from_status
RETURNING o.id";

/// How many parameters [`CHANGE_ORDERS`] has.
pub(crate) const CHANGE_ORDERS_PARAMETERS: usize = 19;

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
    due: DueTimes,
    lease_us: Sparse<i64>,
    retry_at: Sparse<SystemTime>,
    operator_commands: Sparse<i32>,
    statuses: Vec<i16>,
    failure_codes: Sparse<&'a str>,
    failure_messages: Sparse<&'a str>,
    results: Sparse<&'a str>,
    receipt_keys: Sparse<&'a str>,
    lanes: Sparse<i16>,
    busy_since: Sparse<SystemTime>,
    work_done: Sparse<bool>,
}

impl<'a> Changes<'a> {
    /// `lease_us` is the lease of a claim. An order that is leased without a claim is held by no worker, and its lease
    /// ends at once.
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
        self.due.push(job);
        self.lease_us.push((job == Job::Leased).then_some(lease_us));
        self.retry_at.push(order.retry_at.map(system_time));
        let commands = i32::try_from(order.operator_commands).unwrap_or(i32::MAX);
        self.operator_commands.push(unless(commands, &0));
        self.statuses.push(order.status.code().into());
        let failure = order.failure.as_ref();
        self.failure_codes
            .push(failure.map(|failure| &*failure.code));
        self.failure_messages
            .push(failure.map(|failure| &*failure.message));
        self.results.push(order.result.as_deref());
        self.receipt_keys.push(order.receipt_key.as_deref());
        let waits = matches!(job, Job::DueIn(_) | Job::DueAt(_));
        self.lanes.push(waits.then(|| lane_of(order)));
        self.busy_since.push(order.busy_since.map(system_time));
        let is_processed = order.status == Status::Processed;
        self.work_done.push(unless(order.work_done, &is_processed));
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// In the order of the statement.
    pub(crate) fn parameters(&self) -> [&(dyn ToSql + Sync); CHANGE_ORDERS_PARAMETERS] {
        [
            &self.ids,
            &self.from_versions,
            &self.from_statuses,
            &self.updated_at,
            &self.versions,
            &self.attempts,
            self.due.in_us.sent(),
            self.due.at.sent(),
            self.lease_us.sent(),
            self.retry_at.sent(),
            self.operator_commands.sent(),
            &self.statuses,
            self.failure_codes.sent(),
            self.failure_messages.sent(),
            self.results.sent(),
            self.receipt_keys.sent(),
            self.lanes.sent(),
            self.busy_since.sent(),
            self.work_done.sent(),
        ]
    }
}

/// When work is due: after a delay that starts when the statement runs, or at a time of the server's clock.
#[derive(Default)]
struct DueTimes {
    in_us: Sparse<i64>,
    at: Sparse<SystemTime>,
}

impl DueTimes {
    fn push(&mut self, job: Job) {
        let (in_us, at) = match job {
            Job::DueIn(delay) => (Some(microseconds(delay)), None),
            Job::DueAt(time) => (None, Some(system_time(time))),
            Job::Leased | Job::Nothing => (None, None),
        };
        self.in_us.push(in_us);
        self.at.push(at);
    }
}
