//! The statements of the group commit, prepared once a connection. What they are given, and the SQL of those that
//! write, is in `columns`. Used by `transaction` alone.

use domain::Status;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};
use uuid::Uuid;

use crate::columns::{
    CHANGE_ORDERS, Changes, Events, INSERT_EVENTS, INSERT_ORDERS, INSERT_RECEIPTS, NewOrders,
    Receipts,
};
use crate::queue::Taking;
use crate::rows::{ORDER_COLUMNS, alone, in_company};

/// The channel on which processes tell each other of commits. The schema's own name is in it, because channels
/// belong to a database and not to a schema.
pub(crate) const CHANNEL: &str = "SELECT 'ordermill_' || 'shard'::regclass::oid";

/// Everything prepared that a writer needs on its connection.
pub(crate) struct Statements {
    insert_orders: Statement,
    insert_all: Statement,
    change_orders: Statement,
    change_all: Statement,
    look_up: Statement,
    take_in_company: Statement,
    take_alone: Statement,
    take_due: Statement,
    take_lost: Statement,
    put_off: Statement,
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
        let due = "o.due_at <= statement_timestamp()";
        let take_in_company = take(&format!("{due} AND {}", in_company()), "o.due_at");
        let take_alone = take(&format!("{due} AND {}", alone()), "o.due_at");
        let take_due = take(due, "o.due_at");
        let take_lost = take("o.lease_until < statement_timestamp()", "o.lease_until");
        let (insert_all, change_all) =
            (all_or_nothing(INSERT_ORDERS), all_or_nothing(CHANGE_ORDERS));
        let (insert_orders, insert_all, change_orders, change_all) = tokio::try_join!(
            client.prepare(INSERT_ORDERS),
            client.prepare(&insert_all),
            client.prepare(CHANGE_ORDERS),
            client.prepare(&change_all),
        )?;
        let (take_in_company, take_alone, take_due) = tokio::try_join!(
            client.prepare(&take_in_company),
            client.prepare(&take_alone),
            client.prepare(&take_due),
        )?;
        let (look_up, take_lost, put_off) = tokio::try_join!(
            client.prepare(&look_up),
            client.prepare(&take_lost),
            client.prepare(PUT_OFF),
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
            insert_all,
            change_orders,
            change_all,
            look_up,
            take_in_company,
            take_alone,
            take_due,
            take_lost,
            put_off,
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
        client
            .query(&self.insert_orders, &orders.parameters())
            .await
    }

    /// Inserts all of what is new, or fails with a division by zero.
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

    /// Changes orders that stand exactly as their guards say; returns the ids of those.
    pub(crate) async fn change_orders(
        &self,
        client: &Client,
        changes: &Changes<'_>,
    ) -> Result<Vec<Row>, Error> {
        client
            .query(&self.change_orders, &changes.parameters())
            .await
    }

    /// Changes all orders as their guards say, or fails with a division by zero.
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

    /// Locks orders whose work is due, of the kind that is taken so.
    pub(crate) async fn take_due(
        &self,
        client: &Client,
        taking: &Taking,
        limit: i64,
    ) -> Result<Vec<Row>, Error> {
        let statement = match taking {
            Taking::Claim(_) => &self.take_in_company,
            Taking::ClaimAlone(_) => &self.take_alone,
            Taking::Settle(_) => &self.take_due,
        };
        client.query(statement, &[&limit]).await
    }

    /// Locks orders whose lease has run out.
    pub(crate) async fn take_lost(&self, client: &Client, limit: i64) -> Result<Vec<Row>, Error> {
        client.query(&self.take_lost, &[&limit]).await
    }

    /// Puts the work on locked orders off, without a change of the orders themselves.
    pub(crate) async fn put_off(&self, client: &Client, ids: &[Uuid]) -> Result<(), Error> {
        client.execute(&self.put_off, &[&ids]).await.map(drop)
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
                    events.versions.sent(),
                    events.attempts.sent(),
                    &events.occurred_at,
                    events.retry_at.sent(),
                    &events.types,
                    &events.user_ids,
                    events.failure_codes.sent(),
                    events.failure_messages.sent(),
                    events.request_ids.sent(),
                    events.trace_ids.sent(),
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

/// Wraps a statement that returns the rows it wrote, and whose last parameter is `$13` or `$18`: it then fails
/// where it wrote fewer rows than its next parameter says, which turns the COMMIT that follows into a rollback.
fn all_or_nothing(statement: &str) -> String {
    let count = if statement.contains("$18") {
        "$19"
    } else {
        "$14"
    };
    format!(
        "WITH written AS ({statement}) SELECT 1 / (count(*) = {count}::bigint)::int FROM written"
    )
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How long work is put off that nobody can do; also said in the log.
pub(crate) const PUT_OFF_MINUTES: u32 = 10;

const PUT_OFF: &str = "\
UPDATE orders
SET due_at = CASE WHEN due_at IS NOT NULL THEN statement_timestamp() + interval '10 minutes' END,
    lease_until = CASE WHEN lease_until IS NOT NULL THEN statement_timestamp() + interval '10 minutes' END
WHERE id = ANY($1)";

const TAKE_SEQS: &str = "\
UPDATE shard
SET last_seq = last_seq + $1, pending = pending + $2, processing = processing + $3, retrying = retrying + $4,
    processed = processed + $5, failed = failed + $6, on_hold = on_hold + $7, cancelled = cancelled + $8
RETURNING last_seq";
