//! Reads single orders: by id, and by the external id of a user.

use std::sync::Arc;

use domain::{ExternalId, Order, OrderId, UserId};

use super::ReadConnection;
use super::error::ReadError;
use crate::index::hashes::UniqueKeyHash;
use crate::index::memtable::Candidates;
use crate::order_row;

impl ReadConnection {
    pub(crate) fn get(&self, id: OrderId) -> rusqlite::Result<Option<Arc<Order>>> {
        Ok(order_row::load(&self.orders, id)?.map(|(order, _)| order))
    }

    pub(crate) fn find(
        &mut self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, ReadError> {
        let hash = UniqueKeyHash::of_external_id(user, external_id);
        let orders = &self.orders;
        // The order is compared with the searched texts, because hashes may collide. An erased order is not found.
        let load = |id| {
            let found = order_row::load(orders, id)?.map(|(order, _)| order);
            Ok(found.filter(|order| {
                order.user_id == *user && order.external_id.as_ref() == Some(external_id)
            }))
        };
        let Candidates { in_memory, in_file } = self.memtable.candidates(hash);
        for id in in_memory.into_iter().flatten() {
            if let Some(order) = load(id)? {
                return Ok(Some(order));
            }
        }
        let Some(version) = in_file else {
            return Ok(None);
        };
        match self.index.find_by_key(version, hash, load) {
            Ok(found) => Ok(found?),
            Err(failure) => Err(self.index_failed(failure)),
        }
    }
}
