//! The statements of a shard's writer, prepared once per connection. What they are given, and the SQL of those that write
//! orders and events, is in `columns`. Used by `transaction` and `erasure`.

use domain::EventPosition;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};
use uuid::Uuid;

use crate::claim::{self, TakeDue};
use crate::columns::{
    CHANGE_ORDERS, CHANGE_ORDERS_PARAMETERS, Changes, Events, INSERT_EVENTS, INSERT_ORDERS,
    INSERT_ORDERS_PARAMETERS, NewOrders,
};
use crate::counts::{self, CountChanges};
use crate::rows::ORDER_COLUMNS;
use crate::server_clock::READ_CLOCK;
use crate::shard_map::MapEpoch;

/// Everything prepared that a writer needs on its connection.
pub(crate) struct Statements {
    insert_orders: Statement,
    insert_all: Statement,
    change_orders: Statement,
    change_all: Statement,
    look_up: Statement,
    take_due: Statement,
    take_lost: Statement,
    defer: Statement,
    read_clock: Statement,
    take_seqs: Statement,
    insert_events: Statement,
    delete_order: Statement,
    bury_events: Statement,
}

impl Statements {
    pub(crate) async fn prepare(client: &Client) -> Result<Self, Error> {
        let (insert_all, change_all) = (
            all_or_nothing(INSERT_ORDERS, INSERT_ORDERS_PARAMETERS),
            all_or_nothing(CHANGE_ORDERS, CHANGE_ORDERS_PARAMETERS),
        );
        let (insert_orders, insert_all, change_orders, change_all) = tokio::try_join!(
            client.prepare(INSERT_ORDERS),
            client.prepare(&insert_all),
            client.prepare(CHANGE_ORDERS),
            client.prepare(&change_all),
        )?;
        let (look_up, take_due, take_lost) = (look_up(), claim::take_due(), take_lost());
        let (look_up, take_due, take_lost, defer, read_clock) = tokio::try_join!(
            client.prepare(&look_up),
            client.prepare(&take_due),
            client.prepare(&take_lost),
            client.prepare(DEFER),
            client.prepare(READ_CLOCK),
        )?;
        let take_seqs = counts::take_seqs();
        let (take_seqs, insert_events, delete_order, bury_events) = tokio::try_join!(
            client.prepare(&take_seqs),
            client.prepare(INSERT_EVENTS),
            client.prepare(DELETE_ORDER),
            client.prepare(BURY_EVENTS),
        )?;
        Ok(Self {
            insert_orders,
            insert_all,
            change_orders,
            change_all,
            look_up,
            take_due,
            take_lost,
            defer,
            read_clock,
            take_seqs,
            insert_events,
            delete_order,
            bury_events,
        })
    }

    /// Inserts new orders; returns the ids that were inserted. An order whose key, external id or id is taken is left out,
    /// after waiting for a transaction that is about to bind or to free it.
    pub(crate) async fn insert_orders(
        &self,
        client: &Client,
        orders: &NewOrders<'_>,
    ) -> Result<Vec<Row>, Error> {
        client
            .query(&self.insert_orders, &orders.parameters())
            .await
    }

    /// Inserts all new orders, or fails with a division by zero.
    pub(crate) async fn insert_all(
        &self,
        client: &Client,
        orders: &NewOrders<'_>,
    ) -> Result<(), Error> {
        let count = whole(orders.len());
        let mut parameters: Vec<&(dyn ToSql + Sync)> = orders.parameters().into();
        parameters.push(&count);
        client.query(&self.insert_all, &parameters).await.map(drop)
    }

    /// Changes the orders whose guards hold; returns their ids.
    pub(crate) async fn change_orders(
        &self,
        client: &Client,
        changes: &Changes<'_>,
    ) -> Result<Vec<Row>, Error> {
        client
            .query(&self.change_orders, &changes.parameters())
            .await
    }

    /// Changes all orders, or fails with a division by zero if a guard does not hold.
    pub(crate) async fn change_all(
        &self,
        client: &Client,
        changes: &Changes<'_>,
    ) -> Result<(), Error> {
        let count = whole(changes.len());
        let mut parameters: Vec<&(dyn ToSql + Sync)> = changes.parameters().into();
        parameters.push(&count);
        client.query(&self.change_all, &parameters).await.map(drop)
    }

    /// The orders that have these keys, external ids or ids.
    pub(crate) async fn look_up(
        &self,
        client: &Client,
        keys: (&[&str], &[&str]),
        external_ids: (&[&str], &[&str]),
        ids: &[Uuid],
    ) -> Result<Vec<Row>, Error> {
        client
            .query(
                &self.look_up,
                &[&keys.0, &keys.1, &external_ids.0, &external_ids.1, &ids],
            )
            .await
    }

    /// Locks orders whose work is due.
    pub(crate) async fn take_due(
        &self,
        client: &Client,
        take: &TakeDue,
    ) -> Result<Vec<Row>, Error> {
        client.query(&self.take_due, &take.parameters()).await
    }

    /// Locks orders whose lease has run out.
    pub(crate) async fn take_lost(&self, client: &Client, limit: i64) -> Result<Vec<Row>, Error> {
        client.query(&self.take_lost, &[&limit]).await
    }

    /// Defers the work on locked orders, without a change of the orders themselves.
    pub(crate) async fn defer(&self, client: &Client, ids: &[Uuid]) -> Result<(), Error> {
        let microseconds = i64::from(DEFERRED_MINUTES) * 60_000_000;
        client
            .execute(&self.defer, &[&ids, &microseconds])
            .await
            .map(drop)
    }

    /// Reads the server's clock, in microseconds since 1970.
    pub(crate) async fn read_clock(&self, client: &Client) -> Result<i64, Error> {
        client.query_one(&self.read_clock, &[]).await?.try_get(0)
    }

    /// Takes the numbers of events and adds to the counts; holds the shard's lock until COMMIT. Fails, which turns the
    /// COMMIT into a rollback, if the shard map has another epoch or the shard does not own the bucket of each event.
    /// Returns the position of the last event.
    pub(crate) async fn take_seqs(
        &self,
        client: &Client,
        events: &Events<'_>,
        counts: &CountChanges,
        epoch: MapEpoch,
    ) -> Result<EventPosition, Error> {
        let (count, buckets) = (events.count(), events.buckets());
        let row = client
            .query_one(
                &self.take_seqs,
                &counts.parameters(&count, &epoch.0, &buckets),
            )
            .await?;
        counts::read_position(&row)
    }

    /// Writes events with the numbers that were just taken.
    pub(crate) async fn insert_events(
        &self,
        client: &Client,
        events: &Events<'_>,
    ) -> Result<(), Error> {
        client
            .execute(&self.insert_events, &events.parameters())
            .await?;
        Ok(())
    }

    /// Deletes an order that is at this version and status. Returns whether there was one.
    pub(crate) async fn delete_order(
        &self,
        client: &Client,
        id: Uuid,
        (version, status): (i64, i16),
    ) -> Result<bool, Error> {
        let deleted = client
            .execute(&self.delete_order, &[&id, &version, &status])
            .await?;
        Ok(deleted > 0)
    }

    /// Makes tombstones of the events of an order.
    pub(crate) async fn bury_events(&self, client: &Client, id: Uuid) -> Result<(), Error> {
        client.execute(&self.bury_events, &[&id]).await.map(drop)
    }
}

/// Wraps a statement that returns the rows it wrote and that has this many parameters: it then fails if it wrote fewer rows
/// than one more parameter says, which turns the COMMIT that follows into a rollback.
fn all_or_nothing(statement: &str, parameters: usize) -> String {
    let count = parameters + 1;
    format!(
        "WITH written AS ({statement}) SELECT 1 / (count(*) = ${count}::bigint)::int FROM written"
    )
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What an order of [`Statements::look_up`] was found by.
pub(crate) const BY_KEY: i16 = 0;
pub(crate) const BY_EXTERNAL_ID: i16 = 1;
pub(crate) const BY_ID: i16 = 2;

fn look_up() -> String {
    format!(
        "SELECT {BY_KEY}::smallint AS found_by, k.nth, o.fingerprint, {ORDER_COLUMNS} \
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (user_id, key, nth) \
         JOIN orders o ON o.idempotency_key = k.key AND o.user_id = k.user_id AND o.idempotency_key IS NOT NULL \
         UNION ALL \
         SELECT {BY_EXTERNAL_ID}::smallint, x.nth, o.fingerprint, {ORDER_COLUMNS} \
         FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS x (user_id, external_id, nth) \
         JOIN orders o ON o.external_id = x.external_id AND o.user_id = x.user_id AND o.external_id IS NOT NULL \
         UNION ALL \
         SELECT {BY_ID}::smallint, i.nth, o.fingerprint, {ORDER_COLUMNS} \
         FROM unnest($5::uuid[]) WITH ORDINALITY AS i (id, nth) JOIN orders o ON o.id = i.id"
    )
}

fn take_lost() -> String {
    format!(
        "SELECT {ORDER_COLUMNS} FROM orders o WHERE o.lease_until < statement_timestamp() ORDER BY o.lease_until \
         LIMIT $1 FOR UPDATE SKIP LOCKED"
    )
}

/// For how long work is deferred that no worker can do; the log says it, too.
pub(crate) const DEFERRED_MINUTES: u32 = 10;

const DEFER: &str = "\
UPDATE orders
SET due_at = CASE WHEN due_at IS NOT NULL THEN statement_timestamp() + $2::bigint * interval '1 microsecond' END,
    delay_us = CASE WHEN due_at IS NOT NULL THEN $2::bigint END,
    lease_until = CASE WHEN lease_until IS NOT NULL THEN statement_timestamp() + $2::bigint * interval '1 microsecond' END
WHERE id = ANY($1)";

const DELETE_ORDER: &str = "DELETE FROM orders WHERE id = $1 AND version = $2 AND status = $3";

/// As [`domain::Event::tombstone`] says.
const BURY_EVENTS: &str = "\
UPDATE events
SET user_id = NULL, failure_code = NULL, failure_message = NULL, retry_at = NULL, request_id = NULL, trace_id = NULL,
    span_id = NULL, actor = NULL, reason = NULL
WHERE order_id = $1";
