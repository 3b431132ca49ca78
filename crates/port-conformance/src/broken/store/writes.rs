//! How a broken store spoils writes and refuses those that a healthy one takes.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use application::ports::{CommitError, Committed, Deadline, Guard, StoreError, Write};
use domain::{Job, Order, Status};

use super::BrokenStore;
use crate::broken::Fault;

/// How many orders fit into one millisecond of a store that has no room for more.
const MILLISECOND_HOLDS: usize = 3_000;

impl BrokenStore {
    /// Why a write is refused that a healthy store takes.
    pub(super) fn wrong_refusal(&self, write: &Write) -> Option<CommitError> {
        if self.fault == Fault::FullMillisecond && write.decision.event.history {
            let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = history.entry(write.decision.order.created_at).or_default();
            *taken += 1;
            return (*taken > MILLISECOND_HOLDS).then_some(CommitError::Store(
                StoreError::Overloaded {
                    limit: MILLISECOND_HOLDS,
                },
            ));
        }
        self.remembered().refusal(write, self.fault)
    }

    /// Does the writes that are not wrongly refused.
    pub(super) async fn commit_or_refuse(
        &self,
        writes: Vec<Write>,
        until: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        self.remembered().note(&writes);
        let refusals: Vec<_> = writes
            .iter()
            .map(|write| self.wrong_refusal(write))
            .collect();
        let taken = writes
            .into_iter()
            .zip(&refusals)
            .filter(|(_, refusal)| refusal.is_none())
            .map(|(write, _)| write)
            .collect();
        let mut answers = self.healthy.commit(taken, until).await.into_iter();
        refusals
            .into_iter()
            .map(|refusal| match refusal {
                Some(error) => Err(error),
                None => answers.next().expect("a store answers each write"),
            })
            .collect()
    }

    pub(super) async fn spoil(&self, mut write: Write) -> Write {
        match self.fault {
            Fault::ForgottenKey => {
                if let Guard::New { key, .. } = &mut write.guard {
                    *key = None;
                }
            }
            Fault::DroppedFencing => {
                let id = write.decision.order.id;
                if let Guard::At {
                    version,
                    status: Status::Processing,
                } = &mut write.guard
                    && let Ok(Some(now)) = self.healthy.get(id).await
                    && now.status == Status::Processing
                {
                    *version = now.version;
                    let after = Order {
                        version: now.version.next(),
                        ..(*write.decision.order).clone()
                    };
                    write.decision.event.version = after.version;
                    write.decision.order = Arc::new(after);
                }
            }
            Fault::UnmarkedHistory => {
                write.decision.event.history = false;
                for event in &mut write.decision.earlier {
                    event.history = false;
                }
            }
            Fault::EarlyJob => {
                if let Job::DueAt(_) = write.decision.job {
                    write.decision.job = Job::DueIn(Duration::ZERO);
                }
            }
            Fault::TimeAsDelay => {
                if let Job::DueAt(time) = write.decision.job {
                    let ms = time
                        .as_millis()
                        .saturating_sub(self.clock.now().as_millis());
                    write.decision.job = Job::DueIn(Duration::from_millis(ms));
                }
            }
            Fault::ForgottenAttempts => forget_attempts_of_released(&mut write),
            Fault::DelayByWallClock => {
                if let (Job::DueIn(delay), Guard::At { .. }) = (write.decision.job, &write.guard) {
                    write.decision.job = Job::DueAt(self.clock.now().saturating_add(delay));
                }
            }
            Fault::CountedHolds | Fault::LanesByAttempts | Fault::ForgottenWork => {
                let order = misjudged(self.fault, &write);
                write.decision.order = Arc::new(order);
            }
            _ => {}
        }
        write
    }

    /// As far as its first conflict.
    pub(super) async fn commit_until_a_conflict(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        let mut answers: Vec<Result<Committed, CommitError>> = Vec::new();
        for write in writes {
            let has_failed = matches!(answers.last(), Some(Err(_)));
            answers.push(if has_failed {
                Err(CommitError::Refused("the batch has failed".to_owned()))
            } else {
                self.healthy.commit(vec![write], deadline).await.remove(0)
            });
        }
        answers
    }
}

/// The order of a change with another lane than its own.
fn misjudged(fault: Fault, write: &Write) -> Order {
    let mut order = (*write.decision.order).clone();
    let waits = matches!(order.status, Status::Pending | Status::Retrying);
    let was_held = matches!(
        write.guard,
        Guard::At {
            status: Status::OnHold,
            ..
        }
    );
    match fault {
        Fault::CountedHolds if was_held && waits => order.operator_commands = 0,
        Fault::LanesByAttempts if waits && order.attempt == 0 => {
            order.operator_commands = order.version.get() - 1;
        }
        Fault::ForgottenWork if waits => {
            order.work_done = false;
            order.result = None;
        }
        _ => {}
    }
    order
}

fn forget_attempts_of_released(write: &mut Write) {
    let was_held = matches!(
        write.guard,
        Guard::At {
            status: Status::OnHold,
            ..
        }
    );
    if was_held && write.decision.order.status == Status::Pending {
        let mut order = (*write.decision.order).clone();
        order.attempt = 0;
        write.decision.order = Arc::new(order);
        write.decision.event.attempt = 0;
    }
}
