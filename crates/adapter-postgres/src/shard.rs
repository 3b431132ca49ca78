//! One shard: its pool for reading, its queue for writing, and the reads themselves. The store asks the shard that
//! owns an order; a read here never touches another shard.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use application::ports::{Claim, Counts, StoreError};
use deadpool_postgres::{Object, Pool};
use domain::{ExternalId, Order, OrderId, ShardId, UserId};
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::counts;
use crate::error::{reason, unavailable};
use crate::queue::QueueHead;
use crate::rows::{self, ORDER_COLUMNS, Unreadable};
use crate::writer::ShardState;

/// One shard of the store.
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    pub(crate) pool: Pool,
    pub(crate) queue: QueueHead,
    pub(crate) state: Arc<ShardState>,
    pub(crate) statement_timeout: Duration,
}

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Shard {
    pub(crate) async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        let query = format!("SELECT {ORDER_COLUMNS} FROM orders o WHERE o.id = $1");
        self.first_order(&query, &[&id.as_uuid()]).await
    }

    pub(crate) async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let query = format!(
            "SELECT {ORDER_COLUMNS} FROM orders o \
             WHERE o.external_id = $1 AND o.user_id = $2 AND o.external_id IS NOT NULL"
        );
        self.first_order(&query, &[&external_id.as_str(), &user.as_str()])
            .await
    }

    pub(crate) async fn counts(&self) -> Result<Counts, StoreError> {
        let rows = self.rows(&counts::select(), &[]).await?;
        match rows.first() {
            Some(row) => counts::read(row).map_err(|why| self.corrupt(why)),
            None => Ok(Counts::default()),
        }
    }

    /// Prolongs leases; returns the claims that are lost. It may be repeated, so it may be tried twice.
    pub(crate) async fn heartbeat(
        &self,
        mut claims: Vec<Claim>,
        lease: Duration,
    ) -> Result<Vec<Claim>, StoreError> {
        // In the order of the ids, as the writer changes orders: the two never wait for each other in a circle.
        claims.sort_unstable_by_key(|claim| claim.order_id);
        let query = "UPDATE orders AS o SET lease_until = clock_timestamp() + $3::bigint * interval '1 microsecond' \
                     FROM unnest($1::uuid[], $2::bigint[]) AS c (id, token) \
                     WHERE o.id = c.id AND o.version = c.token AND o.status = 2 RETURNING o.id, o.version";
        let ids: Vec<Uuid> = claims
            .iter()
            .map(|claim| claim.order_id.as_uuid())
            .collect();
        let tokens: Vec<i64> = claims
            .iter()
            .map(|claim| claim.token.get().into())
            .collect();
        let lease_us = rows::microseconds(lease);
        let rows = self.rows(query, &[&ids, &tokens, &lease_us]).await?;
        let mut held = std::collections::HashSet::with_capacity(rows.len());
        for row in &rows {
            let id: Uuid = rows::column(row, "id").map_err(|why| self.corrupt(why))?;
            let token: i64 = rows::column(row, "version").map_err(|why| self.corrupt(why))?;
            held.insert((id, token));
        }
        claims
            .retain(|claim| !held.contains(&(claim.order_id.as_uuid(), claim.token.get().into())));
        Ok(claims)
    }

    /// Runs one statement. A connection that was closed while it was in the pool is replaced once.
    pub(crate) async fn rows(
        &self,
        query: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        if !self.state.is_prepared.load(Ordering::Acquire) {
            return Err(unavailable(self.id, "it is closed, or was never reached"));
        }
        match self.try_rows(query, parameters).await {
            Err(Trouble::Closed(_)) => self.try_rows(query, parameters).await,
            result => result,
        }
        .map_err(|trouble| match trouble {
            Trouble::Closed(why) | Trouble::Other(why) => unavailable(self.id, why),
        })
    }

    async fn try_rows(&self, query: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Trouble> {
        let client = self
            .pool
            .get()
            .await
            .map_err(|error| Trouble::Other(pool_reason(&error)))?;
        let work = async {
            let statement = client.prepare_cached(query).await?;
            client.query(&statement, parameters).await
        };
        // The server gives up first, so that its own words are reported.
        match timeout(self.statement_timeout + Duration::from_secs(1), work).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) if client.is_closed() => Err(Trouble::Closed(reason(&error))),
            Ok(Err(error)) => Err(Trouble::Other(reason(&error))),
            Err(_) => {
                // Its answer may still come, and must not be read as the answer to another query.
                drop(Object::take(client));
                Err(Trouble::Other("it does not answer".to_owned()))
            }
        }
    }

    async fn first_order(
        &self,
        query: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let rows = self.rows(query, parameters).await?;
        rows.first()
            .map(|row| {
                rows::order(row)
                    .map(Arc::new)
                    .map_err(|why| self.corrupt(why))
            })
            .transpose()
    }

    pub(crate) fn corrupt(&self, reason: Unreadable) -> StoreError {
        StoreError::Corrupt {
            shard: self.id,
            reason,
        }
    }
}

enum Trouble {
    Closed(String),
    Other(String),
}

pub(crate) fn pool_reason(error: &deadpool_postgres::PoolError) -> String {
    match error {
        deadpool_postgres::PoolError::Backend(error) => reason(error),
        other => other.to_string(),
    }
}

pub(crate) fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
