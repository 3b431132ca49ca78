//! Finding the order that a name means without its user: by its id, else by the number that it had before it came to us.

use domain::{ExternalId, OrderId};

use super::local_orders::LocalOrders;
use crate::access;
use crate::caller::Caller;
use crate::orders::{ListRequest, NamedOrder, ReadError};
use crate::ports::ListFilter;

impl LocalOrders {
    pub(super) async fn find_named(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<NamedOrder, ReadError> {
        access::may_read(caller)?;
        if let Ok(id) = OrderId::parse(name)
            && let Some(order) = self.visible_order(caller, id).await?
        {
            return Ok(NamedOrder::Order(order));
        }
        let Ok(external_id) = ExternalId::new(name) else {
            return Ok(NamedOrder::Unknown);
        };
        let request = ListRequest {
            filter: ListFilter {
                external_id: Some(external_id),
                ..ListFilter::default()
            },
            before: None,
            limit: 2,
        };
        let mut orders = self.visible_page(caller, request).await?.orders;
        Ok(match (orders.pop(), orders.is_empty()) {
            (None, _) => NamedOrder::Unknown,
            (Some(order), true) => NamedOrder::Order(order),
            (Some(_), false) => NamedOrder::Several,
        })
    }
}
