//! The statements of the group commit, each beside what it is given: whole batches as arrays, one round trip a
//! batch and not one a row. Used by `transaction` alone.

use std::time::SystemTime;

use application::ports::{Guard, Write};
use domain::{Currency, Event, Job, Order, Receipt, ShardId, Status, Version};
use tokio_postgres::{Client, Error, Row, Statement};
use uuid::Uuid;

use crate::rows::{ORDER_COLUMNS, lines_json, metadata_json, microseconds, system_time};

/// The channel on which processes tell each other of commits. The schema's own name is in it, because channels
/// belong to a database and not to a schema.
pub(crate) const CHANNEL: &str = "SELECT 'ordermill_' || 'shard'::regclass::oid";

/// Everything prepared that a writer needs on its connection.
pub(crate) struct Statements {
    insert_orders: Statement,
    change_orders: Statement,
    look_up: Statement,
    take_due: Statement,
    take_lost: Statement,
    insert_receipts: Statement,
    take_seqs: Statement,
    insert_events: Statement,
    notify: Statement,
    channel: String,
}

impl Statements {
    pub(crate) async fn prepare(client: &Client) -> Result<Self, Error> {
        let take = |condition: &str, order: &str| {
            format!(
                "SELECT {ORDER_COLUMNS} FROM orders o WHERE {condition} ORDER BY {order} LIMIT $1 FOR UPDATE SKIP LOCKED"
            )
        };
        let look_up = format!(
            "SELECT true AS by_key, k.nth, o.fingerprint, {ORDER_COLUMNS} \
             FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (user_id, key, nth) \
             JOIN orders o ON o.idempotency_key = k.key AND o.user_id = k.user_id \
               AND o.idempotency_key IS NOT NULL \
             UNION ALL \
             SELECT false, x.nth, o.fingerprint, {ORDER_COLUMNS} \
             FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS x (user_id, external_id, nth) \
             JOIN orders o ON o.external_id = x.external_id AND o.user_id = x.user_id \
               AND o.external_id IS NOT NULL"
        );
        let take_due = take("o.due_at <= statement_timestamp()", "o.due_at");
        let take_lost = take("o.lease_until < statement_timestamp()", "o.lease_until");
        let (insert_orders, change_orders, look_up, take_due, take_lost) = tokio::try_join!(
            client.prepare(INSERT_ORDERS),
            client.prepare(CHANGE_ORDERS),
            client.prepare(&look_up),
            client.prepare(&take_due),
            client.prepare(&take_lost),
        )?;
        let (insert_receipts, take_seqs, insert_events, notify, channel) = tokio::try_join!(
            client.prepare(INSERT_RECEIPTS),
            client.prepare(TAKE_SEQS),
            client.prepare(INSERT_EVENTS),
            client.prepare("SELECT pg_notify($1, $2)"),
            client.query_one(CHANNEL, &[]),
        )?;
        Ok(Self {
            insert_orders,
            change_orders,
            look_up,
            take_due,
            take_lost,
            insert_receipts,
            take_seqs,
            insert_events,
            notify,
            channel: channel.try_get(0)?,
        })
    }

    /// Inserts what is new; returns the ids that were inserted. What a key, an external id or an id stands against
    /// is left out, after waiting for any transaction that is about to bind it.
    pub(crate) async fn insert_orders(
        &self,
        client: &Client,
        orders: &NewOrders<'_>,
    ) -> Result<Vec<Row>, Error> {
        let NewOrders {
            ids,
            created_at,
            updated_at,
            amounts,
            versions,
            attempts,
            due_in_us,
            statuses,
            sources,
            currencies,
            user_ids,
            external_ids,
            keys,
            fingerprints,
            lines,
            metadata,
            results,
            receipt_keys,
        } = orders;
        client
            .query(
                &self.insert_orders,
                &[
                    ids,
                    created_at,
                    updated_at,
                    amounts,
                    versions,
                    attempts,
                    due_in_us,
                    statuses,
                    sources,
                    currencies,
                    user_ids,
                    external_ids,
                    keys,
                    fingerprints,
                    lines,
                    metadata,
                    results,
                    receipt_keys,
                ],
            )
            .await
    }

    /// Changes orders that stand exactly as their guards say; returns the ids of those.
    pub(crate) async fn change_orders(
        &self,
        client: &Client,
        changes: &Changes<'_>,
    ) -> Result<Vec<Row>, Error> {
        client
            .query(
                &self.change_orders,
                &[
                    &changes.ids,
                    &changes.from_versions,
                    &changes.from_statuses,
                    &changes.updated_at,
                    &changes.versions,
                    &changes.attempts,
                    &changes.due_in_us,
                    &changes.lease_us,
                    &changes.statuses,
                    &changes.failure_codes,
                    &changes.failure_messages,
                    &changes.results,
                    &changes.receipt_keys,
                ],
            )
            .await
    }

    /// The orders that stand behind keys and external ids.
    pub(crate) async fn look_up(
        &self,
        client: &Client,
        keys: (&[&str], &[&str]),
        external_ids: (&[&str], &[&str]),
    ) -> Result<Vec<Row>, Error> {
        client
            .query(
                &self.look_up,
                &[&keys.0, &keys.1, &external_ids.0, &external_ids.1],
            )
            .await
    }

    /// Locks orders whose work is due.
    pub(crate) async fn take_due(&self, client: &Client, limit: i64) -> Result<Vec<Row>, Error> {
        client.query(&self.take_due, &[&limit]).await
    }

    /// Locks orders whose lease has run out.
    pub(crate) async fn take_lost(&self, client: &Client, limit: i64) -> Result<Vec<Row>, Error> {
        client.query(&self.take_lost, &[&limit]).await
    }

    /// Keeps receipts with their orders.
    pub(crate) async fn insert_receipts(
        &self,
        client: &Client,
        receipts: &Receipts<'_>,
    ) -> Result<(), Error> {
        let Receipts {
            order_ids,
            keys,
            texts,
        } = receipts;
        client
            .execute(&self.insert_receipts, &[order_ids, keys, texts])
            .await?;
        Ok(())
    }

    /// Takes the next `count` places and adds to the counts by status; holds the shard's lock until COMMIT.
    /// Returns the last place.
    pub(crate) async fn take_seqs(
        &self,
        client: &Client,
        count: i64,
        counts: &[i64; Status::ALL.len()],
    ) -> Result<i64, Error> {
        let [
            pending,
            processing,
            retrying,
            processed,
            failed,
            on_hold,
            cancelled,
        ] = counts;
        client
            .query_one(
                &self.take_seqs,
                &[
                    &count, pending, processing, retrying, processed, failed, on_hold, cancelled,
                ],
            )
            .await?
            .try_get(0)
    }

    /// Writes events at the places that were just taken.
    pub(crate) async fn insert_events(
        &self,
        client: &Client,
        events: &Events<'_>,
    ) -> Result<(), Error> {
        client
            .execute(
                &self.insert_events,
                &[
                    &events.count(),
                    &events.order_ids,
                    &events.versions,
                    &events.attempts,
                    &events.occurred_at,
                    &events.retry_at,
                    &events.types,
                    &events.user_ids,
                    &events.failure_codes,
                    &events.failure_messages,
                    &events.request_ids,
                    &events.trace_ids,
                ],
            )
            .await?;
        Ok(())
    }

    /// Tells the other processes.
    pub(crate) async fn notify(&self, client: &Client, payload: &str) -> Result<(), Error> {
        client
            .query(&self.notify, &[&self.channel, &payload])
            .await?;
        Ok(())
    }
}

const INSERT_ORDERS: &str = "\
INSERT INTO orders (id, created_at, updated_at, amount_minor, version, attempt, due_at, status, source, currency,
                    user_id, external_id, idempotency_key, fingerprint, lines, metadata, result, receipt_key)
SELECT n.id, n.created_at, n.updated_at, n.amount_minor, n.version, n.attempt,
       clock_timestamp() + n.due_in_us * interval '1 microsecond', n.status, n.source, n.currency,
       n.user_id, n.external_id, n.idempotency_key, n.fingerprint, n.lines::json, n.metadata::json, n.result,
       n.receipt_key
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
    updated_at: Vec<SystemTime>,
    amounts: Vec<i64>,
    versions: Vec<i64>,
    attempts: Vec<i64>,
    due_in_us: Vec<Option<i64>>,
    statuses: Vec<i16>,
    sources: Vec<i16>,
    currencies: Vec<&'a str>,
    user_ids: Vec<&'a str>,
    external_ids: Vec<Option<&'a str>>,
    keys: Vec<Option<&'a str>>,
    fingerprints: Vec<Option<&'a [u8]>>,
    lines: Vec<&'a str>,
    metadata: Vec<&'a str>,
    results: Vec<Option<&'a str>>,
    receipt_keys: Vec<Option<&'a str>>,
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
        self.updated_at.push(system_time(order.updated_at));
        self.amounts
            .push(i64::try_from(order.amount.minor()).unwrap_or(i64::MAX));
        self.versions.push(order.version.get().into());
        self.attempts.push(order.attempt.into());
        self.due_in_us.push(due_in_us(encoded.write.decision.job));
        self.statuses.push(order.status.code().into());
        self.sources.push(order.source.code().into());
        self.currencies.push(encoded.currency.code());
        self.user_ids.push(order.user_id.as_str());
        self.external_ids
            .push(order.external_id.as_ref().map(|id| id.as_str()));
        self.keys.push(key.map(|key| key.as_str()));
        self.fingerprints
            .push(fingerprint.map(|fingerprint| &fingerprint.0[..]));
        self.lines.push(&encoded.lines);
        self.metadata.push(&encoded.metadata);
        self.results.push(order.result.as_deref());
        self.receipt_keys.push(order.receipt_key.as_deref());
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

/// A write whose texts are made, by the caller's task, so that the one writer has less to do.
pub(crate) struct Encoded {
    pub(crate) shard: ShardId,
    pub(crate) write: Write,
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
        Self {
            shard,
            write,
            currency,
            lines,
            metadata,
        }
    }
}

const CHANGE_ORDERS: &str = "\
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
    due_in_us: Vec<Option<i64>>,
    lease_us: Vec<Option<i64>>,
    statuses: Vec<i16>,
    failure_codes: Vec<Option<&'a str>>,
    failure_messages: Vec<Option<&'a str>>,
    results: Vec<Option<&'a str>>,
    receipt_keys: Vec<Option<&'a str>>,
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
}

fn due_in_us(job: Job) -> Option<i64> {
    match job {
        Job::DueIn(delay) => Some(microseconds(delay)),
        Job::Leased | Job::Nothing => None,
    }
}

const INSERT_RECEIPTS: &str = "\
INSERT INTO receipts (order_id, key, text) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])";

/// The columns of [`INSERT_RECEIPTS`].
#[derive(Default)]
pub(crate) struct Receipts<'a> {
    order_ids: Vec<Uuid>,
    keys: Vec<&'a str>,
    texts: Vec<&'a str>,
}

impl<'a> Receipts<'a> {
    pub(crate) fn push(&mut self, order: &Order, receipt: &'a Receipt) {
        self.order_ids.push(order.id.as_uuid());
        self.keys.push(&receipt.key);
        self.texts.push(&receipt.text);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order_ids.is_empty()
    }
}

const TAKE_SEQS: &str = "\
UPDATE shard
SET last_seq = last_seq + $1, pending = pending + $2, processing = processing + $3, retrying = retrying + $4,
    processed = processed + $5, failed = failed + $6, on_hold = on_hold + $7, cancelled = cancelled + $8
RETURNING last_seq";

const INSERT_EVENTS: &str = "\
INSERT INTO events (seq, order_id, version, attempt, occurred_at, retry_at, event_type, user_id, failure_code,
                    failure_message, request_id, trace_id)
SELECT (SELECT last_seq FROM shard) - $1::bigint + n.nth, n.order_id, n.version, n.attempt, n.occurred_at, n.retry_at,
       n.event_type, n.user_id, n.failure_code, n.failure_message, n.request_id, n.trace_id
FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::smallint[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
  WITH ORDINALITY AS n (order_id, version, attempt, occurred_at, retry_at, event_type, user_id, failure_code,
                        failure_message, request_id, trace_id, nth)";

/// The columns of [`INSERT_EVENTS`], in the order of their places.
#[derive(Default)]
pub(crate) struct Events<'a> {
    order_ids: Vec<Uuid>,
    versions: Vec<i64>,
    attempts: Vec<i64>,
    occurred_at: Vec<SystemTime>,
    retry_at: Vec<Option<SystemTime>>,
    types: Vec<i16>,
    user_ids: Vec<&'a str>,
    failure_codes: Vec<Option<&'a str>>,
    failure_messages: Vec<Option<&'a str>>,
    request_ids: Vec<Option<&'a str>>,
    trace_ids: Vec<Option<&'a str>>,
}

impl<'a> Events<'a> {
    pub(crate) fn push(&mut self, event: &'a Event) {
        self.order_ids.push(event.order_id.as_uuid());
        self.versions.push(event.version.get().into());
        self.attempts.push(event.attempt.into());
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
