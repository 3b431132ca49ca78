//! Hints between processes by LISTEN and NOTIFY: one connection per shard, beside those of the store. The binary starts it
//! if `store.notify` is on and lets the store publish to it.
//!
//! A commit is published after it is durable, never in its transaction: a transaction that notifies takes a lock of the
//! whole server when it commits. While a notification is under way, later commits of the shard wait as one hint, so that
//! there is at most one notification per round trip however many commits there are.
//!
//! What other processes publish is delivered within this process alone. The task that hears has no other end to deliver to
//! ([`InProcessHints`]), so that no process publishes what it heard. After every connect it listens first and wakes up
//! everyone once afterwards, so that what was missed meanwhile is looked for. It never reads orders.

use std::future::poll_fn;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{CommitHint, CommitHints};
use domain::{Seq, ShardId};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::pauses_up_to;
use crate::connect::{Address, Driver, Purpose};
use crate::error::{ConnectError, reason};
use crate::options::PostgresOptions;
use crate::rows;

/// How often an idle connection is asked whether it still lives.
const PING: Duration = Duration::from_secs(15);

/// The name of the channel, and the server's process behind this connection. The channel is named after the table, because
/// channels belong to a database and not to a schema. NULL while there is no table yet.
const CHANNEL: &str = "SELECT 'ordermill_' || to_regclass('shard')::oid, pg_backend_pid()";

/// [`CommitHints`] that reach every process with a bus on the same shards. Dropping it ends its tasks.
pub struct NotifyBus {
    /// By the number of the shard.
    outboxes: Vec<Arc<Outbox>>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl NotifyBus {
    /// Starts a task per shard, which connects in the background for as long as it takes. What other processes publish is
    /// delivered to `delivery`.
    ///
    /// # Errors
    /// [`ConnectError::InvalidAddress`].
    pub fn start(
        options: &PostgresOptions,
        delivery: &Arc<InProcessHints>,
    ) -> Result<Self, ConnectError> {
        let addresses = options.addresses().collect::<Result<Vec<_>, _>>()?;
        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        let start = |address| {
            let outbox = Arc::new(Outbox::default());
            let bus = ShardBus {
                address,
                max_backoff: options.tuning.max_backoff,
                outbox: Arc::clone(&outbox),
                delivery: Arc::clone(delivery),
            };
            let closing = closing.clone();
            tasks.spawn(async move { closing.run_until_cancelled(bus.run()).await });
            outbox
        };
        let outboxes = addresses.into_iter().map(start).collect();
        tasks.close();
        Ok(Self {
            outboxes,
            closing,
            tasks,
        })
    }

    /// Closes the connections. What was not published yet is lost. Idempotent.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.wait().await;
    }
}

impl CommitHints for NotifyBus {
    fn committed(&self, shard: ShardId, hint: CommitHint) {
        if let Some(outbox) = self.outboxes.get(usize::from(shard.0)) {
            outbox.put(hint);
        }
    }
}

impl Drop for NotifyBus {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

impl std::fmt::Debug for NotifyBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NotifyBus")
            .field("shards", &self.outboxes.len())
            .finish_non_exhaustive()
    }
}

/// What has to be published of one shard: one hint, however many commits there were.
#[derive(Default)]
struct Outbox {
    hint: Mutex<Option<CommitHint>>,
    is_filled: Notify,
}

impl Outbox {
    fn put(&self, hint: CommitHint) {
        let mut waiting = self.hint.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = Some(waiting.map_or(hint, |waiting| waiting.merged(hint)));
        drop(waiting);
        self.is_filled.notify_one();
    }

    fn take(&self) -> Option<CommitHint> {
        let mut waiting = self.hint.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.take()
    }
}

/// The bus of one shard.
struct ShardBus {
    address: Address,
    max_backoff: Duration,
    outbox: Arc<Outbox>,
    delivery: Arc<InProcessHints>,
}

impl ShardBus {
    async fn run(self) {
        let mut pauses = pauses_up_to(self.max_backoff);
        loop {
            let started = Instant::now();
            if let Err(error) = self.connected().await {
                tracing::debug!(%error, "a connection for hints ended");
            }
            if started.elapsed() > PING {
                pauses.reset();
            }
            sleep(pauses.after_failure()).await;
        }
    }

    /// Listens and publishes on one connection until it ends.
    async fn connected(&self) -> Result<(), ConnectError> {
        let (client, driver) = self.address.dial().await?;
        let own_process = AtomicI32::new(0);
        // The connection has to be driven for the client to get any answer: whichever ends first ends both.
        tokio::select! {
            result = self.listen(driver, &own_process) => result,
            result = self.publish(&client, &own_process) => result,
        }
    }

    /// Delivers the notifications of other processes until the connection ends.
    async fn listen(
        &self,
        mut driver: Driver,
        own_process: &AtomicI32,
    ) -> Result<(), ConnectError> {
        while let Some(message) = poll_fn(|context| driver.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notification(notification)) => {
                    // The store has hinted at its own commits in this process already.
                    if notification.process_id() != own_process.load(Ordering::Relaxed)
                        && let Some(hint) = parse(notification.payload())
                    {
                        self.deliver(hint);
                    }
                }
                Ok(_) => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
        Ok(())
    }

    /// Subscribes, wakes up everyone once, then publishes what the store commits.
    async fn publish(&self, client: &Client, own_process: &AtomicI32) -> Result<(), ConnectError> {
        let lost = |error: tokio_postgres::Error| self.lost(&error);
        self.address
            .configure_session(client, Purpose::Notify)
            .await?;
        let row = client.query_one(CHANNEL, &[]).await.map_err(lost)?;
        let Some(channel) = row.try_get::<_, Option<String>>(0).map_err(lost)? else {
            return Err(self.unavailable("it has no tables yet".to_owned()));
        };
        own_process.store(row.try_get(1).map_err(lost)?, Ordering::Relaxed);
        let listen = format!("LISTEN \"{channel}\"");
        client.batch_execute(&listen).await.map_err(lost)?;
        let notify = client.prepare("SELECT pg_notify($1, $2)");
        let notify = notify.await.map_err(lost)?;
        let seq = self.ask_for_head(client).await?;
        self.deliver(CommitHint {
            seq,
            work_is_due: true,
        });
        loop {
            if timeout(PING, self.outbox.is_filled.notified())
                .await
                .is_err()
            {
                let seq = self.ask_for_head(client).await?;
                self.deliver(CommitHint {
                    seq,
                    work_is_due: false,
                });
            }
            if let Some(hint) = self.outbox.take() {
                let payload = format(hint);
                let parameters: [&(dyn ToSql + Sync); 2] = [&channel, &payload];
                let sent = client.query(&notify, &parameters);
                if let Err(error) = self.answered(sent).await {
                    self.outbox.put(hint);
                    return Err(error);
                }
            }
        }
    }

    async fn ask_for_head(&self, client: &Client) -> Result<Seq, ConnectError> {
        let head = client.query_one("SELECT last_seq FROM shard", &[]);
        let row = self.answered(head).await?;
        let head = row.try_get(0).map_err(|error| self.lost(&error))?;
        Ok(rows::seq(head))
    }

    /// The answer to a statement. A connection that gives none is given up.
    async fn answered<T>(
        &self,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, ConnectError> {
        match timeout(self.address.statement_timeout(), statement).await {
            Ok(answer) => answer.map_err(|error| self.lost(&error)),
            Err(_) => Err(self.unavailable("the connection does not answer".to_owned())),
        }
    }

    fn deliver(&self, hint: CommitHint) {
        self.delivery.committed(self.address.shard, hint);
    }

    fn lost(&self, error: &tokio_postgres::Error) -> ConnectError {
        self.unavailable(reason(error))
    }

    fn unavailable(&self, reason: String) -> ConnectError {
        ConnectError::Unavailable {
            shard: self.address.shard,
            reason,
        }
    }
}

/// A hint as the payload of a notification: the seq, and 1 if work is due.
fn format(hint: CommitHint) -> String {
    format!("{} {}", hint.seq, u8::from(hint.work_is_due))
}

/// Reads a payload of [`format`]; `None` for one that no ordermill sent.
fn parse(payload: &str) -> Option<CommitHint> {
    let (seq, work_is_due) = payload.split_once(' ')?;
    Some(CommitHint {
        seq: Seq(seq.parse().ok()?),
        work_is_due: work_is_due == "1",
    })
}

#[cfg(test)]
mod tests {
    use application::ports::CommitHint;
    use domain::Seq;

    use super::{format, parse};

    #[test]
    fn a_payload_is_read_as_it_was_sent_and_nothing_else_is_a_hint() {
        for (seq, work_is_due) in [(0, true), (u64::MAX, false)] {
            let seq = Seq(seq);
            let hint = CommitHint { seq, work_is_due };
            assert_eq!(parse(&format(hint)), Some(hint));
        }
        for payload in ["", "7", "x 1", "-1 1"] {
            assert_eq!(parse(payload), None, "{payload:?}");
        }
    }
}
