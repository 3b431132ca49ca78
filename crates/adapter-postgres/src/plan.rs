//! What a batch of writes asks of a transaction, and what the transaction's findings mean for each of them. Pure:
//! `transaction` sends it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use application::ports::{CommitError, Committed, Guard, StoreError};
use domain::{Fingerprint, Order, OrderId, Seq};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{Changes, Encoded, NewOrders};
use crate::rows;
use crate::statements::{BY_EXTERNAL_ID, BY_ID, BY_KEY};

/// Writes that share a transaction; no order comes twice among them.
pub(crate) struct Plan<'a> {
    pub(crate) writes: &'a [&'a Encoded],
    pub(crate) new_orders: NewOrders<'a>,
    pub(crate) changes: Changes<'a>,
}

/// Which of the writes were written.
pub(crate) struct Verdict {
    pub(crate) written: Vec<bool>,
}

/// New orders that were not written because another order has their key, external id or id. Each is named by its index
/// among the writes.
#[derive(Default)]
pub(crate) struct ConflictingInserts<'a> {
    keys: Vec<(usize, &'a str, &'a str)>,
    external_ids: Vec<(usize, &'a str, &'a str)>,
    /// Those that have a key or an external id.
    ids: Vec<(usize, Uuid)>,
}

type Named = Result<(Option<Fingerprint>, Arc<Order>), rows::Unreadable>;

/// The orders that have their keys, external ids and ids, by the indexes in [`ConflictingInserts`].
#[derive(Default)]
pub(crate) struct Known {
    by_key: HashMap<usize, Named>,
    by_external_id: HashMap<usize, Named>,
    by_id: HashSet<usize>,
}

/// What a caller is answered. `None` for a new order whose name was taken when it was to be written and is free now,
/// because the order that had it was erased in between: it has to be written again.
pub(crate) type Answer = Option<Result<Committed, CommitError>>;

/// Why an order with a known id is refused.
pub(crate) const ID_IS_TAKEN: &str = "an order with this id exists, or existed and was erased";

impl<'a> Plan<'a> {
    pub(crate) fn new(writes: &'a [&'a Encoded]) -> Self {
        let mut new_orders = NewOrders::default();
        let mut guarded = Vec::new();
        for encoded in writes {
            match encoded.write.guard {
                Guard::New { .. } => new_orders.push(encoded),
                Guard::At { version, status } => {
                    guarded.push((&encoded.write.decision, (version, status)));
                }
            }
        }
        guarded.sort_unstable_by_key(|(decision, _)| decision.order.id);
        let mut changes = Changes::default();
        for (decision, from) in guarded {
            changes.push(&decision.order, decision.job, from, 0);
        }
        Self {
            writes,
            new_orders,
            changes,
        }
    }

    /// The verdict if nothing conflicts with any of them.
    pub(crate) fn all_written(&self) -> Verdict {
        Verdict {
            written: vec![true; self.writes.len()],
        }
    }

    /// Compares what was asked with the ids that came back.
    pub(crate) fn judge(&self, inserted: &[Row], changed: &[Row]) -> Verdict {
        if inserted.len() == self.new_orders.len() && changed.len() == self.changes.len() {
            return self.all_written();
        }
        let ids = |rows: &[Row]| {
            rows.iter()
                .filter_map(|row| row.try_get::<_, Uuid>(0).ok())
                .collect()
        };
        let (mut inserted, changed): (HashSet<Uuid>, HashSet<Uuid>) = (ids(inserted), ids(changed));
        let written = self
            .writes
            .iter()
            .map(|encoded| {
                let id = encoded.write.decision.order.id.as_uuid();
                match encoded.write.guard {
                    Guard::New { .. } => inserted.remove(&id),
                    Guard::At { .. } => changed.contains(&id),
                }
            })
            .collect();
        Verdict { written }
    }

    /// The new orders that were not written.
    pub(crate) fn conflicting(&self, verdict: &Verdict) -> ConflictingInserts<'a> {
        let mut conflicting = ConflictingInserts::default();
        for (index, encoded) in self.writes.iter().enumerate() {
            let Guard::New { key, .. } = &encoded.write.guard else {
                continue;
            };
            if verdict.written[index] {
                continue;
            }
            let order = &encoded.write.decision.order;
            if let Some(key) = key {
                conflicting
                    .keys
                    .push((index, order.user_id.as_str(), key.as_str()));
            }
            if let Some(external_id) = &order.external_id {
                conflicting.external_ids.push((
                    index,
                    order.user_id.as_str(),
                    external_id.as_str(),
                ));
            }
            if key.is_some() || order.external_id.is_some() {
                conflicting.ids.push((index, order.id.as_uuid()));
            }
        }
        conflicting
    }

    /// One answer per write; `next` is the number of the first event.
    pub(crate) fn answers(
        &self,
        verdict: &Verdict,
        conflicting: &ConflictingInserts<'_>,
        known: &Known,
        mut next: Seq,
    ) -> Vec<Answer> {
        let written_at = self.indexes_of_written(verdict, conflicting);
        let (by_key, by_external_id) = (
            conflicting_orders(&conflicting.keys, &known.by_key, &written_at),
            conflicting_orders(
                &conflicting.external_ids,
                &known.by_external_id,
                &written_at,
            ),
        );
        let mut unnamed = HashSet::new();
        for (nth, (index, _)) in conflicting.ids.iter().enumerate() {
            if !known.by_id.contains(&nth) {
                unnamed.insert(*index);
            }
        }
        let mut answers = Vec::with_capacity(self.writes.len());
        for (index, encoded) in self.writes.iter().enumerate() {
            answers.push(if verdict.written[index] {
                let events = 1 + encoded.write.decision.earlier.len() as u64;
                next.0 += events;
                Some(Ok(Committed::Written {
                    seq: Seq(next.0 - 1),
                }))
            } else {
                match &encoded.write.guard {
                    Guard::At { .. } => Some(Err(CommitError::Stale)),
                    Guard::New { fingerprint, .. } => {
                        let (key, external_id) = (by_key.get(&index), by_external_id.get(&index));
                        let is_free =
                            key.is_none() && external_id.is_none() && unnamed.contains(&index);
                        let refusal = || {
                            let (key, external_id) = (key.copied(), external_id.copied());
                            refusal(encoded, *fingerprint, key, external_id)
                        };
                        (!is_free).then(refusal)
                    }
                }
            });
        }
        answers
    }

    fn indexes_of_written(
        &self,
        verdict: &Verdict,
        conflicting: &ConflictingInserts<'_>,
    ) -> HashMap<OrderId, usize> {
        if !conflicting.has_names() {
            return HashMap::new();
        }
        let is_written = |(index, _): &(usize, &&Encoded)| verdict.written[*index];
        let writes = self.writes.iter().enumerate().filter(is_written);
        writes
            .map(|(index, encoded)| (encoded.write.decision.order.id, index))
            .collect()
    }
}

impl ConflictingInserts<'_> {
    pub(crate) fn has_names(&self) -> bool {
        !self.keys.is_empty() || !self.external_ids.is_empty()
    }

    /// Users and keys, as the look-up takes them.
    pub(crate) fn keys(&self) -> (Vec<&str>, Vec<&str>) {
        columns(&self.keys)
    }

    /// Users and external ids, as the look-up takes them.
    pub(crate) fn external_ids(&self) -> (Vec<&str>, Vec<&str>) {
        columns(&self.external_ids)
    }

    /// Ids, as the look-up takes them.
    pub(crate) fn ids(&self) -> Vec<Uuid> {
        self.ids.iter().map(|(_, id)| *id).collect()
    }
}

impl Known {
    /// Reads what the look-up found.
    pub(crate) fn read(found: &[Row]) -> Self {
        let mut known = Self::default();
        for row in found {
            let named = || -> Named { Ok((rows::fingerprint(row)?, Arc::new(rows::order(row)?))) };
            let index = rows::column::<i64>(row, "nth")
                .ok()
                .and_then(|nth| usize::try_from(nth - 1).ok());
            let Some(index) = index else { continue };
            match rows::column(row, "found_by") {
                Ok(BY_KEY) => {
                    known.by_key.insert(index, named());
                }
                Ok(BY_EXTERNAL_ID) => {
                    known.by_external_id.insert(index, named());
                }
                Ok(BY_ID) => {
                    known.by_id.insert(index);
                }
                Ok(_) | Err(_) => {}
            }
        }
        known
    }
}

fn columns<'a>(names: &[(usize, &'a str, &'a str)]) -> (Vec<&'a str>, Vec<&'a str>) {
    names.iter().map(|(_, user, name)| (*user, *name)).unzip()
}

/// The orders that conflict with the writes at these indexes. A name that a later write of the same batch bound was still
/// free when an earlier one was refused, and does not conflict with it.
fn conflicting_orders<'a>(
    asked: &[(usize, &str, &str)],
    found: &'a HashMap<usize, Named>,
    written_at: &HashMap<OrderId, usize>,
) -> HashMap<usize, &'a Named> {
    let mut standing = HashMap::new();
    for (nth, (index, _, _)) in asked.iter().enumerate() {
        let Some(named) = found.get(&nth) else {
            continue;
        };
        let bound_at = named
            .as_ref()
            .ok()
            .and_then(|(_, order)| written_at.get(&order.id));
        if bound_at.is_none_or(|bound_at| bound_at < index) {
            standing.insert(*index, named);
        }
    }
    standing
}

/// What the caller of a new order that was not written is answered. The key is compared before the external id.
fn refusal(
    encoded: &Encoded,
    fingerprint: Option<Fingerprint>,
    by_key: Option<&Named>,
    by_external_id: Option<&Named>,
) -> Result<Committed, CommitError> {
    let corrupt = |reason: &rows::Unreadable| {
        CommitError::Store(StoreError::Corrupt {
            shard: encoded.shard,
            reason: reason.clone(),
        })
    };
    match (by_key, by_external_id) {
        (Some(Err(reason)), _) | (None, Some(Err(reason))) => Err(corrupt(reason)),
        (Some(Ok((bound, order))), _) if *bound == fingerprint => {
            Ok(Committed::Replayed(Arc::clone(order)))
        }
        (Some(Ok(_)), _) => Err(CommitError::KeyReused),
        (None, Some(Ok((made_by, order)))) if *made_by == fingerprint => {
            Ok(Committed::Existing(Arc::clone(order)))
        }
        (None, Some(Ok(_))) => Err(CommitError::ExternalIdTaken),
        (None, None) => Err(CommitError::Refused(ID_IS_TAKEN.to_owned())),
    }
}
