//! Whether a watcher of one order has anything left to wait for.

use domain::{OrderId, Version};

use super::local_orders::LocalOrders;
use crate::caller::Caller;
use crate::deadline::within;
use crate::orders::ReadError;
use crate::watch::Cursor;

impl LocalOrders {
    pub(super) async fn nothing_follows(
        &self,
        caller: &Caller,
        id: OrderId,
        cursor: &Cursor,
    ) -> Result<bool, ReadError> {
        let order = self.read_order(caller, id).await?;
        let Some(order) = order.filter(|order| order.status.is_final()) else {
            return Ok(false);
        };
        let shard = self.feed.shard_of(id.bucket());
        let before = Version::from_number(order.version.get() - 1);
        let events = within(caller, self.feed.order_events(id, before, 1)).await?;
        let last = events.unwrap_or_default();
        Ok(
            matches!((last.first(), cursor.get(shard)), (Some(last), Some(seen)) if last.seq <= seen.seq),
        )
    }
}
