//! Finding the order that somebody means by a name alone, without its user: clients of systems that ordermill replaced
//! know their orders so. Called by the dialects of the edges.

use std::sync::Arc;

use domain::{ExternalId, Order, OrderId};

use crate::Application;
use crate::ports::{ListFilter, ListQuery, StoreError};

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Nothing.
    Unknown,
    /// This order.
    Order(Arc<Order>),
    /// Orders of several users: a number is a user's own.
    Several,
}

impl Application {
    /// The order with this id, or else the one that had this number before it came to us. At most the configured number
    /// of orders is looked at.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn named_order(&self, name: &str) -> Result<Named, StoreError> {
        if let Ok(id) = OrderId::parse(name)
            && let Some(order) = self.store.reader.get(id).await?
        {
            return Ok(Named::Order(order));
        }
        let Ok(external_id) = ExternalId::new(name) else {
            return Ok(Named::Unknown);
        };
        let query = ListQuery {
            filter: ListFilter {
                external_id: Some(external_id),
                ..ListFilter::default()
            },
            before: None,
            limit: 2,
            scan_limit: self.settings.scan_limit,
        };
        let mut orders = self.store.reader.list(&query).await?.orders;
        Ok(match (orders.pop(), orders.is_empty()) {
            (None, _) => Named::Unknown,
            (Some(order), true) => Named::Order(order),
            (Some(_), false) => Named::Several,
        })
    }
}
