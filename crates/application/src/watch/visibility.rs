//! Which changes of single orders a watcher may be handed. An order may be watched by its id before it exists, so that its
//! owner is known only when a change of it comes.
//!
//! Used by the mailbox and by catch-ups. A watcher of all users pays nothing for it.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{Event, OrderId};

use crate::access::{Forbidden, WatchedOrders};

use super::topic::Topic;

/// What one watcher may be handed.
#[derive(Debug)]
pub(super) struct Visibility {
    /// `None` if the watcher may be handed the orders of all users.
    restricted: Option<Box<Restricted>>,
}

#[derive(Debug)]
struct Restricted {
    watched: WatchedOrders,
    /// Watched orders that are known to be the watcher's own: a tombstone does not say whose order it was. At most one for
    /// each topic.
    own: Mutex<HashSet<OrderId>>,
}

impl Visibility {
    pub(super) fn of(watched: WatchedOrders) -> Self {
        let is_restricted = watched.of_all_users().is_err();
        Self {
            restricted: is_restricted.then(|| {
                Box::new(Restricted {
                    watched,
                    own: Mutex::default(),
                })
            }),
        }
    }

    pub(super) const fn is_restricted(&self) -> bool {
        self.restricted.is_some()
    }

    /// Whether the topic may be watched. A single order may be; its changes are looked at one by one.
    pub(super) fn admits(&self, topic: &Topic) -> Result<(), Forbidden> {
        match (&self.restricted, topic) {
            (None, _) | (Some(_), Topic::Order(_)) => Ok(()),
            (Some(restricted), Topic::User(user)) => restricted.watched.of_user(user),
            (Some(restricted), Topic::Everything) => restricted.watched.of_all_users(),
        }
    }

    /// Whether the watcher of a single order may be handed this change of it.
    pub(super) fn sees(&self, event: &Event) -> bool {
        let Some(restricted) = &self.restricted else {
            return true;
        };
        match &event.user_id {
            Some(user) if restricted.watched.include(user) => {
                restricted.own().insert(event.order_id);
                true
            }
            Some(_) => false,
            None => restricted.own().contains(&event.order_id),
        }
    }

    /// The order is no longer watched.
    pub(super) fn forget(&self, id: OrderId) {
        if let Some(restricted) = &self.restricted {
            restricted.own().remove(&id);
        }
    }
}

impl Restricted {
    fn own(&self) -> MutexGuard<'_, HashSet<OrderId>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
