//! Whether a shard takes commits. The store asks while its commits fail.

use std::time::Duration;

use application::ports::{PROBE_BYTES, RescuePolicy, StoreError};
use tokio::time::timeout;

use crate::error::{Meaning, meaning, reason, unavailable};
use crate::shard::{Shard, pool_reason};

/// A row of this size is stored as it is, neither compressed nor elsewhere.
const ROW_BYTES: usize = 1_900;
/// The role may not make temporary tables: how much room there is stays unknown.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

impl Shard {
    /// Fails if a new order would fail.
    pub(crate) async fn probe_commit(&self) -> Result<(), StoreError> {
        self.write_and_forget().await?;
        // An empty transaction on the writer's connection: the writer takes what it is asked.
        let policy = RescuePolicy {
            max_attempts: 1,
            delay: Duration::ZERO,
        };
        self.queue.rescue(0, policy).await.map(drop)
    }

    /// Commits a temporary table that is gone with the commit. Its rows need room where the orders are: an update of a row
    /// that is there would find room within its page long after the disk is full.
    async fn write_and_forget(&self) -> Result<(), StoreError> {
        let client = self
            .pool
            .get()
            .await
            .map_err(|error| unavailable(self.id, pool_reason(&error)))?;
        // Statements that are sent together are one transaction.
        let rows = PROBE_BYTES / ROW_BYTES;
        let statements = format!(
            "CREATE TEMPORARY TABLE ordermill_probe (filling bytea) ON COMMIT DROP; \
             INSERT INTO ordermill_probe SELECT decode(repeat('5a', {ROW_BYTES}), 'hex') FROM generate_series(1, {rows})"
        );
        let round_trip = self.statement_timeout + Duration::from_secs(1);
        let failed = match timeout(round_trip, client.batch_execute(&statements)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => {
                // The connection is still at work on it.
                drop(deadpool_postgres::Object::take(client));
                return Err(unavailable(self.id, "it does not answer"));
            }
        };
        let said = failed.as_db_error().map(|said| said.code().code());
        if said == Some(INSUFFICIENT_PRIVILEGE) {
            return Ok(());
        }
        Err(match meaning(&failed) {
            Meaning::Full => StoreError::Full {
                shard: self.id,
                reason: reason(&failed),
            },
            Meaning::Data
            | Meaning::Conflict
            | Meaning::Moved
            | Meaning::Server
            | Meaning::Lost => unavailable(self.id, reason(&failed)),
        })
    }
}
