//! What a transaction writes beside the orders themselves: events, counts, and the changes of the orders that it takes
//! for workers. Pure; `transaction` sends it.

use std::sync::Arc;

use application::ports::{Clock, Guard};
use domain::{Decision, Job, Order, OrderId, Refusal, Seq, Status};
use tokio_postgres::Row;

use crate::claim::{Taking, WorkerNeeds};
use crate::columns::{Changes, Events};
use crate::counts::CountChanges;
use crate::plan::{Plan, Verdict};
use crate::rows::{self, Unreadable};

/// What was locked for the workers, and decided about it.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) claimed: Vec<Decision>,
    claimed_from: Vec<Arc<Order>>,
    pub(crate) rescued: Vec<Decision>,
    rescued_from: Vec<Arc<Order>>,
    /// Rows that cannot be read, and why: their work is deferred, so that those behind them are not held up.
    pub(crate) unreadable: Vec<(OrderId, Unreadable)>,
}

impl Taken {
    /// Decides about the rows that were locked.
    pub(crate) fn read(
        (lost, due): (&[Row], &[Row]),
        needs: &WorkerNeeds,
        clock: &dyn Clock,
    ) -> Result<Self, Unreadable> {
        let mut taken = Self::default();
        let now = clock.now();
        if let Some((_, policy)) = needs.rescue {
            for row in lost {
                let lose = |order: &Order| order.lose_lease(policy.max_attempts, policy.delay, now);
                match decide(row, lose) {
                    Ok((order, decision)) => {
                        taken.rescued.push(decision);
                        taken.rescued_from.push(order);
                    }
                    Err(reason) => taken.unreadable.push((rows::order_id(row)?, reason)),
                }
            }
        }
        for row in due {
            let (order, claim) = match decide(row, |order| order.claim(now)) {
                Ok(claimed) => claimed,
                Err(reason) => {
                    taken.unreadable.push((rows::order_id(row)?, reason));
                    continue;
                }
            };
            taken.claimed.push(claim);
            taken.claimed_from.push(order);
        }
        Ok(taken)
    }
}

/// The order of a row, and the decision about it.
fn decide(
    row: &Row,
    decision: impl FnOnce(&Order) -> Result<Decision, Refusal>,
) -> Result<(Arc<Order>, Decision), Unreadable> {
    let order = rows::order(row)?;
    let decision = decision(&order).map_err(|refusal| refusal.to_string())?;
    Ok((Arc::new(order), decision))
}

/// Everything that is written beside the orders of the plan.
#[derive(Default)]
pub(crate) struct Record<'a> {
    pub(crate) changes: Changes<'a>,
    pub(crate) events: Events<'a>,
    pub(crate) counts: CountChanges,
    pub(crate) left_work: bool,
}

impl<'a> Record<'a> {
    pub(crate) fn of(
        plan: &Plan<'a>,
        verdict: &Verdict,
        taken: &'a Taken,
        needs: &WorkerNeeds,
    ) -> Self {
        let mut record = Self::default();
        for (encoded, written) in plan.writes.iter().zip(&verdict.written) {
            if *written {
                let decision = &encoded.write.decision;
                let from = match encoded.write.guard {
                    Guard::New { .. } => None,
                    Guard::At { status, .. } => Some(status),
                };
                record.add(decision, from);
            }
        }
        let lease_us = match &needs.take {
            Some(Taking::Claim(_, lease) | Taking::ClaimQuarantined(lease)) => {
                rows::microseconds(*lease)
            }
            None => 0,
        };
        let rescued = taken.rescued.iter().zip(&taken.rescued_from);
        let claimed = taken.claimed.iter().zip(&taken.claimed_from);
        for (decision, from) in rescued.chain(claimed) {
            record.changes.push(
                &decision.order,
                decision.job,
                (from.version, from.status),
                lease_us,
            );
            record.add(decision, Some(from.status));
        }
        record
    }

    fn add(&mut self, decision: &'a Decision, from: Option<Status>) {
        for event in decision
            .earlier
            .iter()
            .chain(std::iter::once(&decision.event))
        {
            self.events.push(event);
        }
        self.counts.moved(from, decision.order.status);
        self.left_work |= matches!(decision.job, Job::DueIn(_) | Job::DueAt(_));
    }

    /// The number of the first event.
    pub(crate) fn first_seq(&self, last_seq: Option<Seq>) -> Seq {
        let count = u64::try_from(self.events.count()).unwrap_or(0);
        Seq((last_seq.unwrap_or_default().0 + 1).saturating_sub(count))
    }
}
