//! Which idempotency keys are under way in this process, so that a caller whose deadline passes can be told that an
//! equal request still runs. It decides nothing else: one order a key is the store's promise.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use domain::{IdempotencyKey, UserId};

type Key = (UserId, IdempotencyKey);

/// The keys under way. Bounded by the number of requests that the edges let in.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlightKeys {
    counts: Arc<Mutex<HashMap<Key, usize>>>,
}

/// One request's stay among the keys under way; dropping it ends the stay.
#[derive(Debug)]
pub(crate) struct InFlight {
    keys: InFlightKeys,
    key: Key,
}

impl InFlightKeys {
    pub(crate) fn enter(&self, user: &UserId, key: &IdempotencyKey) -> InFlight {
        let key = (user.clone(), key.clone());
        *self
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key.clone())
            .or_insert(0) += 1;
        InFlight {
            keys: self.clone(),
            key,
        }
    }
}

impl InFlight {
    /// Whether another request with the same key is under way.
    pub(crate) fn is_shared(&self) -> bool {
        self.keys
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&self.key)
            .is_some_and(|count| *count > 1)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut counts = self
            .keys
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(self.key.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}
