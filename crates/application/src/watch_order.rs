//! Whether a watcher of one order has anything left to wait for.

use domain::{Order, Version};

use crate::Application;
use crate::ports::StoreError;
use crate::watch::Cursor;

impl Application {
    /// Whether nothing can follow any more: the order is final, and its last change lies before the cursor.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn has_seen_all(&self, order: &Order, cursor: &Cursor) -> Result<bool, StoreError> {
        if !order.status.is_final() {
            return Ok(false);
        }
        let shard = self.store.feed.shard_of(order.id.bucket());
        let before = Version::from_number(order.version.get() - 1);
        let events = self.store.feed.order_events(order.id, before, 1).await?;
        let last = events.unwrap_or_default();
        Ok(
            matches!((last.first(), cursor.get(shard)), (Some(last), Some(seen)) if last.seq <= seen.seq),
        )
    }
}
