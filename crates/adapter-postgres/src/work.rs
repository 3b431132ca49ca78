//! A batch on its way through its transactions: which writes go into which, and what each caller is answered. The writer
//! drives it; it never talks to a server.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use application::ports::{CommitError, Guard, RescuePolicy, StoreError};
use domain::{Order, OrderId, ShardId};

use crate::claim::{MOST_TAKEN, WorkerNeeds};
use crate::columns::Encoded;
use crate::error::unavailable;
use crate::queue::{Answer, Call, Job, Orders};
use crate::transaction::Done;

/// The most transactions of a batch that repeat writes.
const MOST_REPEATS: u32 = 5;

/// The index of a write: of its job, and within the job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    job: usize,
    item: usize,
}

/// What goes into one transaction.
#[derive(Default)]
pub(crate) struct SubBatch {
    pub(crate) slots: Vec<Slot>,
    pub(crate) needs: WorkerNeeds,
}

/// A batch and its answers so far.
pub(crate) struct Work {
    jobs: Vec<Job>,
    calls: Vec<Call>,
    answers: Vec<Vec<Option<Answer>>>,
    claimed: Option<Orders>,
    rescued: Option<Orders>,
    /// How often writes were tried again because their names were freed by an erasure.
    repeats: u32,
    pub(crate) sub_batches: VecDeque<SubBatch>,
}

impl Work {
    /// An order that is written twice is written in two transactions, in the order given.
    pub(crate) fn new(jobs: Vec<Job>, calls: Vec<Call>) -> Self {
        let mut sub_batches = VecDeque::from([SubBatch {
            slots: Vec::new(),
            needs: needs_of(&calls),
        }]);
        let mut seen: HashMap<OrderId, usize> = HashMap::new();
        for (job, writes) in jobs.iter().enumerate() {
            for (item, encoded) in writes.items.iter().enumerate() {
                let turn = seen.entry(encoded.write.decision.order.id).or_insert(0);
                if sub_batches.len() <= *turn {
                    sub_batches.push_back(SubBatch::default());
                }
                sub_batches[*turn].slots.push(Slot { job, item });
                *turn += 1;
            }
        }
        let answers = jobs.iter().map(|job| vec![None; job.items.len()]).collect();
        Self {
            jobs,
            calls,
            answers,
            claimed: None,
            rescued: None,
            repeats: 0,
            sub_batches,
        }
    }

    pub(crate) fn encoded(&self, slot: Slot) -> &Encoded {
        &self.jobs[slot.job].items[slot.item]
    }

    /// Notes what a transaction did. Writes that have no answer yet go into the next transaction.
    pub(crate) fn take_down(&mut self, sub_batch: &SubBatch, done: Done, shard: ShardId) {
        let mut again = Vec::new();
        for (slot, answer) in sub_batch.slots.iter().zip(done.answers) {
            if answer.is_none() {
                again.push(*slot);
            }
            self.answers[slot.job][slot.item] = answer;
        }
        if !again.is_empty() {
            let sub_batch = SubBatch {
                slots: again,
                needs: WorkerNeeds::default(),
            };
            self.repeats += 1;
            if self.repeats > MOST_REPEATS {
                let reason = "orders with the same key or external id are being erased";
                self.fail(&sub_batch, &unavailable(shard, reason));
            } else {
                self.sub_batches.push_front(sub_batch);
            }
        }
        if sub_batch.needs.take.is_some() {
            self.claimed = Some(Ok(done.claimed));
        }
        if sub_batch.needs.rescue.is_some() {
            self.rescued = Some(Ok(done.rescued));
        }
    }

    /// Something in the sub_batch cannot be stored: halves it until that write is alone and is refused.
    pub(crate) fn divide(&mut self, mut sub_batch: SubBatch, shard: ShardId, reason: &str) {
        if !sub_batch.needs.is_empty() && !sub_batch.slots.is_empty() {
            let needs = std::mem::take(&mut sub_batch.needs);
            let slots = Vec::new();
            self.sub_batches.push_front(SubBatch { slots, needs });
            self.sub_batches.push_front(sub_batch);
            return;
        }
        match *sub_batch.slots {
            [] => {
                let reason = reason.to_owned();
                self.fail(&sub_batch, &StoreError::Corrupt { shard, reason });
            }
            [slot] => {
                self.answers[slot.job][slot.item] =
                    Some(Err(CommitError::Refused(reason.to_owned())));
            }
            _ => {
                let second = sub_batch.slots.split_off(sub_batch.slots.len() / 2);
                self.sub_batches.push_front(SubBatch {
                    slots: second,
                    needs: WorkerNeeds::default(),
                });
                self.sub_batches.push_front(sub_batch);
            }
        }
    }

    /// Answers everything in the sub_batch with `error`.
    pub(crate) fn fail(&mut self, sub_batch: &SubBatch, error: &StoreError) {
        for slot in &sub_batch.slots {
            self.answers[slot.job][slot.item] = Some(Err(CommitError::Store(error.clone())));
        }
        if sub_batch.needs.take.is_some() {
            self.claimed = Some(Err(error.clone()));
        }
        if sub_batch.needs.rescue.is_some() {
            self.rescued = Some(Err(error.clone()));
        }
    }

    /// Answers every caller. Writes that no transaction reached were not written.
    pub(crate) fn answer(self, shard: ShardId) {
        let error = unavailable(shard, "the connection broke");
        for (job, answers) in self.jobs.into_iter().zip(self.answers) {
            let answers = answers
                .into_iter()
                .map(|answer| answer.unwrap_or_else(|| Err(CommitError::Store(error.clone()))))
                .collect();
            job.answer(answers);
        }
        let mut claimed = self.claimed;
        let mut rescued = Shares::of(self.rescued, &error);
        for call in self.calls {
            let orders = match &call {
                Call::Take { .. } => claimed.take().unwrap_or_else(|| Err(error.clone())),
                Call::Rescue { limit, .. } => rescued.next(*limit),
            };
            call.answer(orders);
        }
    }
}

/// The orders that were taken back, handed out in the order of the calls.
struct Shares(Result<VecDeque<Arc<Order>>, StoreError>);

impl Shares {
    fn of(orders: Option<Orders>, otherwise: &StoreError) -> Self {
        Self(
            orders
                .unwrap_or_else(|| Err(otherwise.clone()))
                .map(VecDeque::from),
        )
    }

    fn next(&mut self, limit: usize) -> Orders {
        match &mut self.0 {
            Ok(orders) => Ok(orders.drain(..limit.min(orders.len())).collect()),
            Err(error) => Err(error.clone()),
        }
    }
}

/// Removes the calls that cannot share a transaction and returns them, for the next one. A transaction takes orders for one
/// call, because each call has its own limits; it takes back orders for all calls of one policy, if they are not too many.
pub(crate) fn split_off_deferred(calls: &mut Vec<Call>) -> VecDeque<Call> {
    let mut takes = false;
    let mut rescues: Option<(usize, RescuePolicy)> = None;
    let mut deferred = VecDeque::new();
    for call in std::mem::take(calls) {
        let shares = match &call {
            Call::Take { .. } => !std::mem::replace(&mut takes, true),
            Call::Rescue { policy, limit, .. } => match &mut rescues {
                None => {
                    rescues = Some((*limit, *policy));
                    true
                }
                Some((sum, of_all)) if of_all == policy && *sum + limit <= MOST_TAKEN => {
                    *sum += limit;
                    true
                }
                Some(_) => false,
            },
        };
        if shares {
            calls.push(call);
        } else {
            deferred.push_back(call);
        }
    }
    deferred
}

fn needs_of(calls: &[Call]) -> WorkerNeeds {
    let mut needs = WorkerNeeds::default();
    for call in calls {
        match call {
            Call::Take { taking, .. } => needs.take = Some(taking.clone()),
            Call::Rescue { limit, policy, .. } => {
                let (sum, _) = needs.rescue.get_or_insert((0, *policy));
                *sum = (*sum + limit).min(MOST_TAKEN);
            }
        }
    }
    needs
}

/// The key or the external id that a new order would bind, with its user.
pub(crate) fn names(encoded: &Encoded) -> Option<(&str, Option<&str>, Option<&str>)> {
    let Guard::New { key, .. } = &encoded.write.guard else {
        return None;
    };
    let order = &encoded.write.decision.order;
    let key = key.as_ref().map(|key| key.as_str());
    let external_id = order.external_id.as_ref().map(|id| id.as_str());
    (key.is_some() || external_id.is_some()).then(|| (order.user_id.as_str(), key, external_id))
}
