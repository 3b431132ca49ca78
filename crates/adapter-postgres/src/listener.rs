//! Hears of other processes' commits to one shard, by LISTEN on a connection of its own, and passes them on as
//! hints. After every connect it listens first and hints once afterwards, so that what was missed meanwhile is
//! looked for. Spawned by the store; it never reads orders.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use application::ports::{Dispatch, StatusBus};
use domain::Seq;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::connect::{Address, Driver, Purpose};
use crate::error::{ConnectError, reason};
use crate::rows;
use crate::statements::CHANNEL;
use crate::writer::ShardState;

/// How often an idle connection is asked whether it still lives.
const PING: Duration = Duration::from_secs(15);

/// The listener of one shard.
pub(crate) struct Listener {
    pub(crate) address: Address,
    pub(crate) max_backoff: Duration,
    pub(crate) dispatch: Arc<dyn Dispatch>,
    pub(crate) status: Arc<dyn StatusBus>,
    pub(crate) state: Arc<ShardState>,
    pub(crate) closing: CancellationToken,
}

impl Listener {
    /// Listens until the store is closed.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::up_to(self.max_backoff);
        loop {
            let started = Instant::now();
            let ended = tokio::select! {
                () = self.closing.cancelled() => return,
                ended = self.listen() => ended,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "listening to other processes ended");
            }
            if started.elapsed() > PING {
                backoff = Backoff::up_to(self.max_backoff);
            }
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = sleep(backoff.next_pause()) => {}
            }
        }
    }

    async fn listen(&self) -> Result<(), ConnectError> {
        if !self.state.is_prepared.load(Ordering::Acquire) {
            return Ok(());
        }
        let (client, driver) = self.address.dial().await?;
        // The connection has to be driven for the client to get any answer: whichever ends first ends both.
        tokio::select! {
            result = self.hear(driver) => result,
            result = self.subscribe(&client) => result,
        }
    }

    /// Passes notifications on until the connection ends.
    async fn hear(&self, mut driver: Driver) -> Result<(), ConnectError> {
        while let Some(message) = poll_fn(|context| driver.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notification(heard)) => {
                    // Our own writer has hinted already.
                    if heard.process_id() != self.state.writer_process.load(Ordering::Relaxed) {
                        self.pass_on(heard.payload());
                    }
                }
                Ok(_) => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
        Ok(())
    }

    fn pass_on(&self, payload: &str) {
        let mut words = payload.split(' ');
        if let Some(seq) = words.next().and_then(|word| word.parse().ok()) {
            self.status.committed(self.address.shard, Seq(seq));
        }
        if words.next() == Some("1") {
            self.dispatch.work_is_due(self.address.shard);
        }
    }

    /// Listens, hints at whatever was missed, then keeps asking whether the connection lives.
    async fn subscribe(&self, client: &Client) -> Result<(), ConnectError> {
        self.address.settle(client, Purpose::Listen).await?;
        let channel: String = client
            .query_one(CHANNEL, &[])
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|error| self.lost(&error))?;
        client
            .batch_execute(&format!("LISTEN \"{channel}\""))
            .await
            .map_err(|error| self.lost(&error))?;
        let mut is_first = true;
        loop {
            let ask = client.query_one("SELECT last_seq FROM shard", &[]);
            let head: i64 = match timeout(self.address.statement_timeout(), ask).await {
                Ok(row) => row
                    .and_then(|row| row.try_get(0))
                    .map_err(|error| self.lost(&error))?,
                Err(_) => return Ok(()),
            };
            self.status.committed(self.address.shard, rows::seq(head));
            if is_first {
                self.dispatch.work_is_due(self.address.shard);
                is_first = false;
            }
            sleep(PING).await;
        }
    }

    fn lost(&self, error: &tokio_postgres::Error) -> ConnectError {
        ConnectError::Unavailable {
            shard: self.address.shard,
            reason: reason(error),
        }
    }
}
