//! Single orders: by id, and by a user's number for them.

use std::sync::Arc;

use domain::{ExternalId, Order, OrderId, UserId};
use rusqlite::OptionalExtension;

use super::{ReadConnection, row};
use crate::index::names::NameHash;
use crate::index::tail::Named;
use crate::place;

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
        let id = match self.tail.named(name) {
            Named::Here(id) => Some(id),
            Named::Nowhere => None,
            Named::LookInFile(edition) => self
                .index
                .named(edition, name)
                .inspect_err(|error| self.tail.index_failed(edition.generation, error))?,
        };
        let Some(id) = id else { return Ok(None) };
        let found = self.get(id)?;
        // What a hash found is verified by the texts.
        Ok(found.filter(|order| {
            order.user_id == *user && order.external_id.as_ref() == Some(external_id)
        }))
    }

    pub(crate) fn receipt(&self, id: OrderId) -> rusqlite::Result<Option<String>> {
        self.orders
            .prepare_cached(concat!(
                "SELECT text FROM receipts WHERE place = (SELECT place FROM orders WHERE ",
                place::is_order!(),
                ")"
            ))?
            .query_row(place::key(&id), |found| found.get(0))
            .optional()
    }
}
