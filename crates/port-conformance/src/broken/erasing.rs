//! What a broken store remembers of the orders that it erased, although it must not. Used by `store`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use application::ports::{
    CommitError, Counts, EventPage, Guard, ListQuery, OrderPage, SequencedEvent, Write,
};
use domain::{EventId, EventType, ExternalId, IdempotencyKey, Order, OrderId, UserId};

use super::Fault;

/// Erased orders, their names and their events.
#[derive(Default)]
pub struct Remembered {
    keys: HashMap<OrderId, IdempotencyKey>,
    orders: Vec<Arc<Order>>,
    events: HashMap<EventId, SequencedEvent>,
    bound_keys: HashSet<(UserId, IdempotencyKey)>,
    bound_external_ids: HashSet<(UserId, ExternalId)>,
}

impl Remembered {
    /// Notes the keys of orders that are about to be written.
    pub fn note(&mut self, writes: &[Write]) {
        for write in writes {
            if let Guard::New { key: Some(key), .. } = &write.guard {
                self.keys.insert(write.decision.order.id, key.clone());
            }
        }
    }

    /// Notes an order that was erased, with the events that it had.
    pub fn note_erased(&mut self, order: &Arc<Order>, events: Vec<SequencedEvent>) {
        if let Some(key) = self.keys.remove(&order.id) {
            self.bound_keys.insert((order.user_id.clone(), key));
        }
        if let Some(external_id) = order.external_id.clone() {
            self.bound_external_ids
                .insert((order.user_id.clone(), external_id));
        }
        self.orders.push(Arc::clone(order));
        self.events
            .extend(events.into_iter().map(|found| (found.event.id(), found)));
    }

    /// Why a write is refused whose names an erased order had.
    pub fn refusal(&self, write: &Write, fault: Fault) -> Option<CommitError> {
        let Guard::New { key, .. } = &write.guard else {
            return None;
        };
        let order = &write.decision.order;
        let is_key_bound = key.as_ref().is_some_and(|key| {
            self.bound_keys
                .contains(&(order.user_id.clone(), key.clone()))
        });
        let is_external_id_bound = order.external_id.as_ref().is_some_and(|id| {
            self.bound_external_ids
                .contains(&(order.user_id.clone(), id.clone()))
        });
        match fault {
            Fault::KeptKey if is_key_bound => Some(CommitError::KeyReused),
            Fault::KeptExternalId if is_external_id_bound => Some(CommitError::ExternalIdTaken),
            _ => None,
        }
    }

    /// An order that was erased.
    pub fn order(&self, id: OrderId) -> Option<Arc<Order>> {
        let order = self.orders.iter().find(|order| order.id == id);
        order.map(Arc::clone)
    }

    /// Counts erased orders as if they were there.
    pub fn add_to_counts(&self, counts: &mut Counts) {
        for order in &self.orders {
            counts.set(order.status, counts.get(order.status) + 1);
        }
    }

    /// Lists erased orders as if they were there.
    pub fn add_to_list(&self, query: &ListQuery, page: &mut OrderPage) {
        let shown = self.orders.iter().filter(|order| {
            query.before.is_none_or(|before| order.id < before) && query.filter.matches(order)
        });
        page.orders.extend(shown.cloned());
        page.orders
            .sort_unstable_by_key(|order| std::cmp::Reverse(order.id));
        page.orders.truncate(query.limit);
    }

    /// Spoils the tombstones of a page.
    pub fn spoil_tombstones(&self, fault: Fault, page: &mut EventPage) {
        let is_tombstone = |found: &SequencedEvent| {
            found.event.is_tombstone() && found.event.event_type != EventType::Erased
        };
        match fault {
            Fault::ForgottenTombstones => page.events.retain(|found| !is_tombstone(found)),
            Fault::PersonalTombstones => {
                for found in &mut page.events {
                    if let Some(before) = self.events.get(&found.event.id()) {
                        found.event = Arc::clone(&before.event);
                    }
                }
            }
            Fault::RedrawnBits => {
                for found in &mut page.events {
                    if is_tombstone(found) {
                        found.bits = !found.bits;
                    }
                }
            }
            _ => {}
        }
    }
}
