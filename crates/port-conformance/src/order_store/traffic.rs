//! Random but repeatable traffic: orders of few users with much in common, changes, and questions about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use application::ports::{Ids, ListFilter, ListQuery, Write};
use application::system::SystemIds;
use domain::{
    AdjustmentKind, Cause, HistoryStatus, Order, OrderCommand, OrderId, PlaceOrder, Source, Status,
    Timestamp,
};

use super::sample;
use super::subject::{Subject, deadline, decide_history, write_at, write_new, written};

/// Repeatable randomness (SplitMix64): a failure names its seed, and the seed brings the failure back.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that roll the same each time for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound.max(1) as u64).expect("below a usize")
    }

    /// One time in `odds`.
    pub fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }
}

/// Seed 1 and up, then one that was never tried before.
#[must_use]
pub fn seeds(fixed: u64) -> Vec<u64> {
    let fresh = SystemIds.random() >> 16;
    (1..=fixed).chain([fresh]).collect()
}

const USERS: [&str; 8] = [
    "alice", "Alice", "bob", "mallory", "nina", "zoe", "42", "alic",
];
const PRODUCTS: [&str; 5] = ["Lamp", "Lamp shade", "lamp", "100% wool_hat", "Ωmega 😀"];
const SKUS: [&str; 4] = ["KB-1", "KB-10", "kb-1", "%"];
const CODES: [&str; 3] = ["timeout", "handler_rejected", "lease_lost"];

fn any_command(dice: &mut Dice) -> PlaceOrder {
    let user_id = dice.pick(&USERS);
    let lines = (0..dice.below(3))
        .map(|_| {
            let sku = (!dice.one_in(3)).then(|| dice.pick(&SKUS));
            let thousandths = dice.pick(&[1_000, 3_000, 485]);
            let unit_price = (!dice.one_in(4)).then_some(250);
            let total = 250 * u64::from(thousandths) / 1_000;
            sample::priced(sku, dice.pick(&PRODUCTS), thousandths, unit_price, total)
        })
        .collect();
    let adjustments = if dice.one_in(3) {
        vec![sample::adjustment(AdjustmentKind::Tip, Some("tip"), 100)]
    } else {
        Vec::new()
    };
    let external_id = dice.one_in(3).then(|| {
        let number = SystemIds.random() >> 20;
        sample::external_id(&format!("{}{number:x}", dice.pick(&["A-", "a-", "Lamp-"])))
    });
    PlaceOrder {
        external_id,
        source: dice.pick(&Source::ALL),
        ..sample::of_lines_and(user_id, lines, adjustments)
    }
}

/// The write of an order of any kind: most are new, some are history from long ago.
fn any_write(subject: &Subject, dice: &mut Dice) -> Write {
    let command = any_command(dice);
    if !dice.one_in(5) {
        return subject.new_write(&command, None);
    }
    let then = Timestamp::from_millis(1_290_000_000_000 + dice.below(1_000) as u64 * 3_600_000)
        .expect("within representable time");
    let status = if dice.one_in(3) {
        HistoryStatus::Cancelled
    } else {
        HistoryStatus::Processed
    };
    write_new(decide_history(&command, then, status), &command, None)
}

/// Places `count` orders in one call; returns them as they were decided.
pub async fn place_some(subject: &Subject, dice: &mut Dice, count: usize) -> Vec<Arc<Order>> {
    let writes: Vec<Write> = (0..count).map(|_| any_write(subject, dice)).collect();
    let orders: Vec<Arc<Order>> = writes
        .iter()
        .map(|write| Arc::clone(&write.decision.order))
        .collect();
    for answer in subject.store.commit(writes, deadline()).await {
        written(answer, "an order of the traffic");
    }
    orders
}

/// Claims some of what is due and moves it on, commands some of what waits; those orders after it.
pub async fn move_some(
    subject: &Subject,
    dice: &mut Dice,
    model: &BTreeMap<OrderId, Arc<Order>>,
) -> Vec<Arc<Order>> {
    let mut moved = Vec::new();
    for shard in subject.store.shards() {
        let limit = 1 + dice.below(20);
        let claimed = subject.claim_from(*shard, limit, super::LONG).await;
        for order in claimed {
            moved.push(match dice.below(5) {
                0 => order,
                1 => subject.complete(&order).await,
                2 => subject.retry(&order, super::LONG).await,
                _ => subject.fail(&order, dice.pick(&CODES)).await,
            });
        }
    }
    let is_moved = |id: OrderId| moved.iter().any(|order| order.id == id);
    let waiting: Vec<Arc<Order>> = model
        .values()
        .filter(|order| order.status == Status::Pending && !is_moved(order.id))
        .take(30)
        .cloned()
        .collect();
    let mut writes = Vec::new();
    for order in &waiting {
        if !dice.one_in(3) {
            continue;
        }
        let command = dice.pick(&[OrderCommand::Hold, OrderCommand::Cancel]);
        let decision = order
            .apply(command, subject.now(), Cause::default())
            .expect("a pending order can be held and cancelled");
        moved.push(Arc::clone(&decision.order));
        writes.push(write_at(order, decision));
    }
    for answer in subject.store.commit(writes, deadline()).await {
        written(answer, "a step of the traffic");
    }
    moved
}

/// Erases some of what ended; their ids.
pub async fn erase_some(
    subject: &Subject,
    dice: &mut Dice,
    model: &BTreeMap<OrderId, Arc<Order>>,
) -> Vec<OrderId> {
    let ended: Vec<&Arc<Order>> = model
        .values()
        .filter(|order| order.status.is_erasable() && dice.one_in(4))
        .take(10)
        .collect();
    for order in &ended {
        subject.erase(order).await;
    }
    ended.iter().map(|order| order.id).collect()
}

/// A question about anything in `model`.
pub fn any_query(dice: &mut Dice, model: &BTreeMap<OrderId, Arc<Order>>) -> ListQuery {
    let mut query = any_query_of_what_stays(dice, model);
    if dice.one_in(3) {
        query.filter.status = Some(dice.pick(&Status::ALL));
    }
    if dice.one_in(6) {
        query.filter.failure_code = Some(dice.pick(&CODES).to_owned());
    }
    query
}

/// A question about what never changes of an order, so that an order once confirmed belongs to the answer for good.
pub fn any_query_of_what_stays(
    dice: &mut Dice,
    model: &BTreeMap<OrderId, Arc<Order>>,
) -> ListQuery {
    let ids: Vec<OrderId> = model.keys().copied().collect();
    let any_order =
        |dice: &mut Dice| (!ids.is_empty()).then(|| Arc::clone(&model[&dice.pick(&ids)]));
    let mut filter = ListFilter::default();
    if dice.one_in(2) {
        filter.user_id = Some(sample::user(dice.pick(&USERS)));
    }
    if dice.one_in(4) {
        filter.source = Some(dice.pick(&Source::ALL));
    }
    if dice.one_in(10) {
        filter.external_id = any_order(dice).and_then(|order| order.external_id.clone());
    }
    if dice.one_in(4) {
        filter.created_from = any_order(dice).map(|order| order.created_at);
    }
    if dice.one_in(4) {
        filter.created_to = any_order(dice).map(|order| order.created_at);
    }
    if dice.one_in(5) {
        let prefixes = [
            "La",
            "Lamp",
            "lamp",
            "KB-1",
            "A-",
            "%",
            "100% wool_",
            "_",
            "Ω",
            "zzz",
        ];
        filter.text_prefix = Some(dice.pick(&prefixes).to_owned());
    }
    ListQuery {
        filter,
        before: any_bound(dice, model),
        limit: 1 + dice.below(50),
        scan_limit: dice.pick(&[5, 20, 100, 1_000]),
    }
}

/// Mostly none; else an order's id, or one that no order has.
fn any_bound(dice: &mut Dice, model: &BTreeMap<OrderId, Arc<Order>>) -> Option<OrderId> {
    if model.is_empty() || !dice.one_in(4) {
        return None;
    }
    let ids: Vec<OrderId> = model.keys().copied().collect();
    let id = dice.pick(&ids);
    if dice.one_in(3) {
        Some(OrderId::first_at(model[&id].created_at))
    } else {
        Some(id)
    }
}
