//! Decides whether a run kept what was promised: the history that the load saw against what the server shows now.
//! Pure: [`judge`] reads two records and returns the violations, each by its own name, so that a test can say which
//! one a broken twin has to show.

mod content;
mod life;
mod requests;
mod violation;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use super::endpoint::{Effect, result_of};
use super::facts::MARKER;
use super::history::{History, Operation};
use super::readback::{Kept, ReadBack};

pub(super) use violation::Violation;

/// What a run is allowed to end with.
#[derive(Debug, Clone, Default)]
pub(super) struct Expectations {
    /// The markers of orders that have to be in the dead letters.
    pub(super) dead: BTreeSet<String>,
}

/// All that is wrong with a run. Empty for a run that kept every promise.
pub(super) fn judge(
    history: &History,
    readback: &ReadBack,
    effects: &HashMap<String, Effect>,
    expectations: &Expectations,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    if history.faults.is_empty() {
        violations.push(Violation::NoFaultFired);
    }
    if history
        .operations
        .iter()
        .all(|operation| operation.answers().next().is_none())
    {
        violations.push(Violation::NothingAcknowledged);
    }

    let by_marker = by_marker(readback);
    let mut asked: BTreeSet<&str> = BTreeSet::new();
    for operation in &history.operations {
        asked.insert(&operation.facts.marker);
        let found = by_marker.get(operation.facts.marker.as_str());
        let found = found.map_or(&[][..], Vec::as_slice);
        requests::check(operation, found, readback, &mut violations);
    }
    for (marker, kept) in &by_marker {
        if !asked.contains(marker) {
            let order_ids = kept.iter().map(|kept| kept.order.id.clone()).collect();
            violations.push(Violation::NobodyAskedForIt { order_ids });
        }
    }

    let facts: HashMap<&str, &Operation> = history
        .operations
        .iter()
        .map(|operation| (operation.facts.marker.as_str(), operation))
        .collect();
    for kept in readback.kept.values() {
        life::check(kept, &mut violations);
        let operation = kept
            .order
            .metadata
            .get(MARKER)
            .and_then(|marker| facts.get(marker.as_str()));
        if let Some(operation) = operation {
            content::check(&operation.facts, kept, &mut violations);
        }
        check_end(kept, readback, expectations, &mut violations);
        check_effect(kept, effects, &mut violations);
    }
    check_strange_effects(readback, effects, &mut violations);
    check_counts(readback, &mut violations);
    violations
}

fn by_marker(readback: &ReadBack) -> HashMap<&str, Vec<&Kept>> {
    let mut found: HashMap<&str, Vec<&Kept>> = HashMap::new();
    for kept in readback.kept.values() {
        let marker = kept.order.metadata.get(MARKER).map_or("", String::as_str);
        found.entry(marker).or_default().push(kept);
    }
    found
}

/// Every order is final by now, or among the dead letters that were expected.
fn check_end(
    kept: &Kept,
    readback: &ReadBack,
    expectations: &Expectations,
    violations: &mut Vec<Violation>,
) {
    let order = &kept.order;
    let marker = order.metadata.get(MARKER).map_or("", String::as_str);
    let may_be_dead = expectations.dead.contains(marker);
    let is_listed_dead = readback.dead_letters.contains(&order.id);
    let failure = order.failure.as_ref().map(|failure| failure.code.clone());
    match order.status.as_str() {
        "PROCESSED" | "CANCELLED" if !may_be_dead && !is_listed_dead => {}
        "FAILED" if may_be_dead && is_listed_dead => {}
        "FAILED" if !is_listed_dead => {
            violations.push(Violation::DeadLetterMissing {
                order_id: order.id.clone(),
            });
        }
        "FAILED" => violations.push(Violation::UnexpectedDeadLetter {
            order_id: order.id.clone(),
            failure,
        }),
        status => violations.push(Violation::NotAtItsEnd {
            order_id: order.id.clone(),
            status: status.to_owned(),
        }),
    }
}

/// The work of a processed order was done at least once, under its own key, and its result is that work's answer.
fn check_effect(kept: &Kept, effects: &HashMap<String, Effect>, violations: &mut Vec<Violation>) {
    let order = &kept.order;
    if order.status != "PROCESSED" {
        return;
    }
    if !effects.contains_key(&order.id) {
        violations.push(Violation::EffectMissing {
            order_id: order.id.clone(),
        });
    }
    let reference = order
        .result
        .as_ref()
        .and_then(|result| result["reference"].as_str());
    if reference != Some(result_of(&order.id).as_str()) {
        violations.push(Violation::ResultOfSomethingElse {
            order_id: order.id.clone(),
            result: order.result.clone(),
        });
    }
}

/// No effect without its order, and none under another order's key.
fn check_strange_effects(
    readback: &ReadBack,
    effects: &HashMap<String, Effect>,
    violations: &mut Vec<Violation>,
) {
    for (key, effect) in effects {
        let is_its_own = effect.order_ids.iter().all(|id| id == key);
        if !is_its_own || !readback.kept.contains_key(key) {
            violations.push(Violation::EffectOfNoOrder {
                key: key.clone(),
                order_ids: effect.order_ids.clone(),
            });
        }
    }
}

/// accepted = processed + failed + cancelled + in flight, and all of them as the orders themselves say; and the list
/// shows each order once.
fn check_counts(readback: &ReadBack, violations: &mut Vec<Violation>) {
    let mut shown: HashMap<&str, usize> = HashMap::new();
    for id in &readback.listed {
        *shown.entry(id).or_default() += 1;
    }
    for id in readback.kept.keys() {
        let times = shown.get(id.as_str()).copied().unwrap_or_default();
        if times != 1 {
            violations.push(Violation::ListShowsIt {
                order_id: id.clone(),
                times,
            });
        }
    }
    let standing = |status: &str| {
        let standing = readback
            .kept
            .values()
            .filter(|kept| kept.order.status == status);
        u64::try_from(standing.count()).expect("a few")
    };
    let stats = &readback.stats;
    let by_status = stats
        .by_status
        .iter()
        .all(|(status, count)| *count == standing(status));
    let reconciles = stats.accepted
        == stats.processed + stats.failed + stats.cancelled + stats.in_flight
        && stats.accepted == u64::try_from(readback.kept.len()).expect("a few")
        && stats.processed == standing("PROCESSED")
        && stats.failed == standing("FAILED")
        && stats.cancelled == standing("CANCELLED")
        && by_status;
    if !reconciles {
        violations.push(Violation::CountsDoNotReconcile {
            stats: stats.clone(),
            orders: readback.kept.len(),
        });
    }
}
