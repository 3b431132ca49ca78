//! Single orders: by id, and by a user's number for them.

use std::sync::Arc;

use domain::{ExternalId, Order, OrderId, UserId};

use super::{ReadConnection, row};
use crate::failure::ReadError;
use crate::index::memtable::Candidates;
use crate::index::names::NameHash;

impl ReadConnection {
    pub(crate) fn get(&self, id: OrderId) -> rusqlite::Result<Option<Arc<Order>>> {
        Ok(row::load(&self.orders, id)?.map(|(order, _)| order))
    }

    pub(crate) fn find(
        &mut self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, ReadError> {
        let hash = NameHash::of_external_id(user, external_id);
        let orders = &self.orders;
        // What a hash found is verified by the texts; an erased order is not found.
        let load = |id| {
            let found = row::load(orders, id)?.map(|(order, _)| order);
            Ok(found.filter(|order| {
                order.user_id == *user && order.external_id.as_ref() == Some(external_id)
            }))
        };
        let Candidates { in_memory, in_file } = self.memtable.named(hash);
        for id in in_memory.into_iter().flatten() {
            if let Some(order) = load(id)? {
                return Ok(Some(order));
            }
        }
        let Some(version) = in_file else {
            return Ok(None);
        };
        match self.index.named(version, hash, load) {
            Ok(found) => Ok(found?),
            Err(failure) => Err(self.index_failed(failure)),
        }
    }
}
