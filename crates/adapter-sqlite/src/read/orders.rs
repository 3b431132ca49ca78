//! Single orders: by id, and by a user's number for them.

use std::sync::Arc;

use domain::{ExternalId, Order, OrderId, UserId};

use super::{ReadConnection, row};
use crate::index::memtable::Named;
use crate::index::names::NameHash;

impl ReadConnection {
    pub(crate) fn get(&self, id: OrderId) -> rusqlite::Result<Option<Arc<Order>>> {
        Ok(row::load(&self.orders, id)?.map(|(order, _)| order))
    }

    pub(crate) fn find(
        &mut self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> rusqlite::Result<Option<Arc<Order>>> {
        let name = NameHash::of_external_id(user, external_id);
        let orders = &self.orders;
        // What a hash found is verified by the texts; an erased order is not found.
        let load = |id| {
            let found = row::load(orders, id)?.map(|(order, _)| order);
            Ok(found.filter(|order| {
                order.user_id == *user && order.external_id.as_ref() == Some(external_id)
            }))
        };
        match self.memtable.named(name) {
            Named::Here(id) => load(id),
            Named::Nowhere => Ok(None),
            Named::LookInFile(version) => self
                .index
                .named(version, name, load)
                .inspect_err(|error| self.memtable.index_failed(version.generation, error))?,
        }
    }
}
