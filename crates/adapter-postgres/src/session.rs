//! How a writer comes to its connection: dialled, configured, compared with the configuration, the epoch of its map read and
//! its statements prepared. One attempt; the writer tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::claim::Rounds;
use crate::connect::{Address, Purpose};
use crate::error::{ConnectError, reason};
use crate::schema::{self, ShardIdentity};
use crate::server_clock::ServerClock;
use crate::shard_state::ShardState;
use crate::statements::Statements;
use crate::transaction::Session;

/// One attempt to connect.
pub(crate) struct Connecting {
    pub(crate) address: Address,
    pub(crate) identity: ShardIdentity,
    pub(crate) state: Arc<ShardState>,
    pub(crate) drivers: TaskTracker,
    /// How long to wait before it.
    pub(crate) pause: Duration,
}

impl Connecting {
    pub(crate) async fn run(self) -> Result<Session, ConnectError> {
        sleep(self.pause).await;
        if !self.state.is_prepared.load(Ordering::Acquire) {
            schema::prepare(&self.address, &self.identity).await?;
        }
        let (client, driver) = self.address.dial().await?;
        let shard = self.identity.shard;
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        self.drivers.spawn(async move {
            let _guard = guard;
            if let Err(error) = driver.await {
                tracing::debug!(
                    shard = shard.0,
                    error = reason(&error),
                    "a writing connection ended"
                );
            }
        });
        self.address
            .configure_session(&client, Purpose::Write)
            .await?;
        let round_trip = self.address.statement_timeout() + Duration::from_secs(2);
        let prepare = async {
            // A name that now leads to another server must not be taken for this shard.
            let epoch = schema::check(&client, &self.identity).await?;
            self.state.is_prepared.store(true, Ordering::Release);
            let unavailable = |error: tokio_postgres::Error| ConnectError::Unavailable {
                shard,
                reason: reason(&error),
            };
            let statements = Statements::prepare(&client).await.map_err(unavailable)?;
            let process_id: i32 = client
                .query_one("SELECT pg_backend_pid()", &[])
                .await
                .and_then(|row| row.try_get(0))
                .map_err(unavailable)?;
            Ok((statements, process_id, epoch))
        };
        let (statements, process_id, epoch) =
            timeout(round_trip, prepare).await.unwrap_or_else(|_| {
                let reason = "the connection does not answer".to_owned();
                Err(ConnectError::Unavailable { shard, reason })
            })?;
        Ok(Session {
            client,
            statements,
            map_epoch: AtomicI64::new(epoch.0),
            rounds: Rounds::beginning_by(process_id),
            server_clock: ServerClock::new(shard, round_trip),
            round_trip,
            ended,
            pessimistic: AtomicU8::new(0),
        })
    }
}
