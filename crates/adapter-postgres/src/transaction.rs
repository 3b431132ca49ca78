//! One group commit: many independent decisions in one transaction, in one or two round trips. Called by the writer, which
//! decides what to do about a failure; nothing here waits without a bound or tries anything twice.
//!
//! One round trip is enough if nothing conflicts with any of the writes, which is nearly always so. Otherwise the first
//! round trip writes the orders and finds out which of them may be written; the second takes the shard's lock, writes the
//! numbered events and commits. The lock is held from there to the end of the commit and never across a round trip.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use application::ports::Clock;
use domain::{Decision, Order, Seq};
use futures_util::future::OptionFuture;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, Row};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::claim::{Rounds, TakeDue, WorkerNeeds};
use crate::columns::Encoded;
use crate::error::reason;
use crate::failure::{Failure, before_commit, sent, unconfirmed};
use crate::plan::{Answer, ConflictingInserts, Known, Plan};
use crate::record::{Record, Taken};
use crate::server_clock::{Reading, ServerClock};
use crate::shard_map::MapEpoch;
use crate::statements::{DEFERRED_MINUTES, Statements};

/// What a transaction did. It is durable.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// One answer per write, in the same order.
    pub(crate) answers: Vec<Answer>,
    /// Due orders that were taken.
    pub(crate) claimed: Vec<Arc<Order>>,
    /// Orders that were taken back, as they are now.
    pub(crate) rescued: Vec<Arc<Order>>,
    /// The shard's last number, if events were written.
    pub(crate) last_seq: Option<Seq>,
    /// Whether work became due, or will.
    pub(crate) left_work: bool,
}

/// A connection that writes.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) statements: Statements,
    /// The epoch of the shard map that transactions are made under.
    pub(crate) map_epoch: AtomicI64,
    pub(crate) rounds: Rounds,
    pub(crate) server_clock: ServerClock,
    /// How long a round trip may take: longer than the server gives a statement.
    pub(crate) round_trip: Duration,
    /// Cancelled when the connection has ended.
    pub(crate) ended: CancellationToken,
    /// How many of the next transactions do not take the optimistic path.
    pub(crate) pessimistic: AtomicU8,
}

/// How many transactions after a conflict do not take the optimistic path.
const PESSIMISTIC_AFTER_CONFLICT: u8 = 16;

/// What the first round trip found.
struct Opened {
    inserted: Vec<Row>,
    changed: Vec<Row>,
    due: Vec<Row>,
    lost: Vec<Row>,
    /// The server's clock, if a worker needs something.
    reading: Option<Reading>,
}

impl Session {
    /// Commits `writes` and what the workers need.
    pub(crate) async fn transact(
        &self,
        writes: &[&Encoded],
        needs: &WorkerNeeds,
        clock: &dyn Clock,
    ) -> Result<Done, Failure> {
        let plan = Plan::new(writes);
        if needs.is_empty()
            && self.takes_optimistic_path()
            && let Some(result) = self.commit_optimistically(&plan).await
        {
            return result;
        }
        let mut opened = self.open(&plan, needs, clock).await?;
        if let Some(reading) = opened.reading
            && self.server_clock.needs_restart(reading)
        {
            // What should have been due was not, so it is looked for once more.
            self.roll_back().await?;
            self.server_clock
                .restart_delays(&self.client, reading)
                .await;
            opened = self.open(&plan, needs, clock).await?;
        }
        let read = (self.rounds.advance(&opened.due))
            .and_then(|()| Taken::read((&opened.lost, &opened.due), needs, clock));
        let taken = match read {
            Ok(taken) => taken,
            Err(unreadable) => {
                self.roll_back().await?;
                return Err(Failure::Corrupt(unreadable));
            }
        };
        self.close(&plan, &opened, taken, needs).await
    }

    /// Whether to try in one round trip. Soon after a conflict the next transactions may conflict, too.
    fn takes_optimistic_path(&self) -> bool {
        let left = self.pessimistic.load(Ordering::Relaxed);
        self.pessimistic
            .store(left.saturating_sub(1), Ordering::Relaxed);
        left == 0
    }

    /// The optimistic path: commits in one round trip, which succeeds if nothing conflicts with any of the writes. `None` if something does:
    /// nothing was written then.
    async fn commit_optimistically(&self, plan: &Plan<'_>) -> Option<Result<Done, Failure>> {
        let verdict = plan.all_written();
        let taken = Taken::default();
        let record = Record::of(plan, &verdict, &taken, &WorkerNeeds::default());
        let (client, statements) = (&self.client, &self.statements);
        let insert: OptionFuture<_> = (plan.new_orders.len() > 0)
            .then(|| statements.insert_all(client, &plan.new_orders))
            .into();
        let change: OptionFuture<_> = (plan.changes.len() > 0)
            .then(|| statements.change_all(client, &plan.changes))
            .into();
        let flight = async {
            futures_util::join!(
                client.batch_execute("BEGIN"),
                insert,
                change,
                statements.take_seqs(client, &record.events, &record.counts, self.map_epoch()),
                statements.insert_events(client, &record.events),
                client.batch_execute("COMMIT")
            )
        };
        let Ok((begun, inserted, changed, last, recorded, committed)) =
            timeout(self.round_trip, flight).await
        else {
            return Some(Err(Failure::Unknown(self.silent())));
        };
        // The first error is the cause of all that follow it.
        let last = begun
            .and(inserted.unwrap_or(Ok(())))
            .and(changed.unwrap_or(Ok(())))
            .and(last)
            .and_then(|last| recorded.map(|()| last))
            .map_err(|error| sent(&error))
            .and_then(|last| match committed {
                Ok(()) => Ok(last),
                Err(error) => Err(unconfirmed(&error)),
            });
        match last {
            Ok(last) => {
                let last_seq = Some(last.seq);
                let first_seq = record.first_seq(last_seq);
                Some(Ok(Done {
                    answers: plan.answers(
                        &verdict,
                        &ConflictingInserts::default(),
                        &Known::default(),
                        first_seq,
                    ),
                    last_seq,
                    left_work: record.left_work,
                    ..Done::default()
                }))
            }
            Err(Failure::Data(_)) => {
                self.pessimistic
                    .store(PESSIMISTIC_AFTER_CONFLICT, Ordering::Relaxed);
                None
            }
            Err(failure) => Some(Err(failure)),
        }
    }

    /// The first round trip. Nothing is left open if it fails.
    async fn open(
        &self,
        plan: &Plan<'_>,
        needs: &WorkerNeeds,
        clock: &dyn Clock,
    ) -> Result<Opened, Failure> {
        match timeout(self.round_trip, self.try_open(plan, needs, clock)).await {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(error)) => {
                let failure = before_commit(&error);
                if !matches!(failure, Failure::Lost(_)) {
                    self.roll_back().await?;
                }
                Err(failure)
            }
            Err(_) => Err(Failure::Lost(self.silent())),
        }
    }

    async fn try_open(
        &self,
        plan: &Plan<'_>,
        needs: &WorkerNeeds,
        clock: &dyn Clock,
    ) -> Result<Opened, Error> {
        let (client, statements) = (&self.client, &self.statements);
        let insert: OptionFuture<_> = (plan.new_orders.len() > 0)
            .then(|| statements.insert_orders(client, &plan.new_orders))
            .into();
        let change: OptionFuture<_> = (plan.changes.len() > 0)
            .then(|| statements.change_orders(client, &plan.changes))
            .into();
        let take_lost: OptionFuture<_> = needs
            .rescue
            .map(|(limit, _)| statements.take_lost(client, rows_at_most(limit)))
            .into();
        let taking = needs.take.as_ref();
        let taking = taking.map(|taking| TakeDue::new(taking, &self.rounds));
        let take_due: OptionFuture<_> = taking
            .as_ref()
            .map(|taking| statements.take_due(client, taking))
            .into();
        let read_clock: OptionFuture<_> = (!needs.is_empty())
            .then(|| statements.read_clock(client))
            .into();
        let asked_at = clock.monotonic();
        // `join` polls in this order, and a statement is sent when it is first polled: one flight of statements.
        let (begun, inserted, changed, lost, due, server_us) = futures_util::join!(
            client.batch_execute("BEGIN"),
            insert,
            change,
            take_lost,
            take_due,
            read_clock
        );
        begun?;
        Ok(Opened {
            inserted: inserted.transpose()?.unwrap_or_default(),
            changed: changed.transpose()?.unwrap_or_default(),
            lost: lost.transpose()?.unwrap_or_default(),
            due: due.transpose()?.unwrap_or_default(),
            reading: server_us
                .transpose()?
                .map(|server_us| Reading::answered(asked_at, server_us, clock)),
        })
    }

    async fn close(
        &self,
        plan: &Plan<'_>,
        opened: &Opened,
        taken: Taken,
        needs: &WorkerNeeds,
    ) -> Result<Done, Failure> {
        let verdict = plan.judge(&opened.inserted, &opened.changed);
        let record = Record::of(plan, &verdict, &taken, needs);
        let (client, statements) = (&self.client, &self.statements);
        let conflicting = plan.conflicting(&verdict);
        let (keys, external_ids, ids) = (
            conflicting.keys(),
            conflicting.external_ids(),
            conflicting.ids(),
        );
        let look_up: OptionFuture<_> = conflicting
            .has_names()
            .then(|| {
                // Boxed, because it is rare and would make every commit's future larger.
                Box::pin(statements.look_up(
                    client,
                    (&keys.0, &keys.1),
                    (&external_ids.0, &external_ids.1),
                    &ids,
                ))
            })
            .into();
        let change: OptionFuture<_> = (record.changes.len() > 0)
            .then(|| statements.change_orders(client, &record.changes))
            .into();
        let unreadable: Vec<Uuid> = taken
            .unreadable
            .iter()
            .map(|(id, _)| id.as_uuid())
            .collect();
        let defer: OptionFuture<_> = (!unreadable.is_empty())
            .then(|| Box::pin(statements.defer(client, &unreadable)))
            .into();
        let has_events = record.events.count() > 0;
        let take_seqs: OptionFuture<_> = has_events
            .then(|| statements.take_seqs(client, &record.events, &record.counts, self.map_epoch()))
            .into();
        let insert_events: OptionFuture<_> = has_events
            .then(|| statements.insert_events(client, &record.events))
            .into();
        let flight = async {
            futures_util::join!(
                look_up,
                change,
                defer,
                take_seqs,
                insert_events,
                client.batch_execute("COMMIT")
            )
        };
        let Ok((found, changed, deferred, last, recorded, committed)) =
            timeout(self.round_trip, flight).await
        else {
            return Err(Failure::Unknown(self.silent()));
        };
        // A statement that failed has turned the COMMIT into a rollback.
        let found = found.transpose().map_err(|error| sent(&error))?;
        let changed = changed.transpose().map_err(|error| sent(&error))?;
        deferred.transpose().map_err(|error| sent(&error))?;
        let last = last.transpose().map_err(|error| sent(&error))?;
        recorded.transpose().map_err(|error| sent(&error))?;
        committed.map_err(|error| unconfirmed(&error))?;
        for (id, reason) in &taken.unreadable {
            tracing::error!(
                order = %id, reason, minutes = DEFERRED_MINUTES,
                "an order cannot be read: its work is deferred and the others go on; repair its row or delete it"
            );
        }
        debug_assert_eq!(changed.map_or(0, |rows| rows.len()), record.changes.len());

        let last_seq = last.map(|position| position.seq);
        let left_work = record.left_work;
        let first_seq = record.first_seq(last_seq);
        let known = Known::read(&found.unwrap_or_default());
        let answers = plan.answers(&verdict, &conflicting, &known, first_seq);
        Ok(Done {
            answers,
            claimed: orders_of(taken.claimed),
            rescued: orders_of(taken.rescued),
            last_seq,
            left_work,
        })
    }

    pub(crate) async fn roll_back(&self) -> Result<(), Failure> {
        match timeout(self.round_trip, self.client.batch_execute("ROLLBACK")).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::Lost(reason(&error))),
            Err(_) => Err(Failure::Lost(self.silent())),
        }
    }

    /// The epoch of the shard map that transactions are made under now.
    pub(crate) fn map_epoch(&self) -> MapEpoch {
        MapEpoch(self.map_epoch.load(Ordering::Relaxed))
    }

    pub(crate) fn silent(&self) -> String {
        format!("no answer within {} ms", self.round_trip.as_millis())
    }
}

fn rows_at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn orders_of(decisions: Vec<Decision>) -> Vec<Arc<Order>> {
    decisions
        .into_iter()
        .map(|decision| decision.order)
        .collect()
}
