//! Reading orders: one, many, and how many there are.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{ExternalId, Order, OrderId, Source, Status, Timestamp, UserId};

use super::shards::StoreError;

/// Which orders a list shows; all given conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Of this user.
    pub user_id: Option<UserId>,
    /// With this external id. It leads to its orders by itself: whatever is newer, none is looked at in vain.
    pub external_id: Option<ExternalId>,
    /// Standing so.
    pub status: Option<Status>,
    /// Come in there.
    pub source: Option<Source>,
    /// Created then or later.
    pub created_from: Option<Timestamp>,
    /// Created before then.
    pub created_to: Option<Timestamp>,
    /// A prefix of the external id, of a line's SKU or of a line's product name, by exact characters.
    pub text_prefix: Option<String>,
    /// With this code of [`domain::Failure`] (dead letters by reason).
    pub failure_code: Option<String>,
}

impl ListFilter {
    /// Whether `order` is shown. The one definition that every store agrees with.
    #[must_use]
    pub fn matches(&self, order: &Order) -> bool {
        let text_matches = |prefix: &str| {
            order
                .external_id
                .as_ref()
                .is_some_and(|id| id.as_str().starts_with(prefix))
                || order.lines.iter().any(|line| {
                    line.product_name.as_str().starts_with(prefix)
                        || line
                            .sku
                            .as_ref()
                            .is_some_and(|sku| sku.as_str().starts_with(prefix))
                })
        };
        self.user_id
            .as_ref()
            .is_none_or(|user| *user == order.user_id)
            && self
                .external_id
                .as_ref()
                .is_none_or(|id| order.external_id.as_ref() == Some(id))
            && self.status.is_none_or(|status| status == order.status)
            && self.source.is_none_or(|source| source == order.source)
            && self
                .created_from
                .is_none_or(|from| order.created_at >= from)
            && self.created_to.is_none_or(|to| order.created_at < to)
            && self.text_prefix.as_deref().is_none_or(text_matches)
            && self.failure_code.as_deref().is_none_or(|code| {
                order
                    .failure
                    .as_ref()
                    .is_some_and(|failure| *failure.code == *code)
            })
    }
}

/// A page of a list, newest first: by descending id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// What to show.
    pub filter: ListFilter,
    /// Only orders with a smaller id: where the previous page ended.
    pub before: Option<OrderId>,
    /// The most orders to return.
    pub limit: usize,
    /// The most orders to look at; past it a page is short, with a continuation.
    pub scan_limit: usize,
}

/// What a [`ListQuery`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// Newest first.
    pub orders: Vec<Arc<Order>>,
    /// Where the next page goes on ([`ListQuery::before`]); `None` where there is certainly nothing more.
    pub next_before: Option<OrderId>,
}

/// How many orders have each status, all counted at one point in time of each shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    by_status: [u64; Status::ALL.len()],
    /// How many orders were erased. They are in no other count.
    pub erased: u64,
}

impl Counts {
    /// How many orders have `status`.
    #[must_use]
    pub const fn get(&self, status: Status) -> u64 {
        self.by_status[status.index()]
    }

    /// Sets the count of one status.
    pub const fn set(&mut self, status: Status, count: u64) {
        self.by_status[status.index()] = count;
    }

    /// All orders that exist.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.by_status.iter().sum()
    }

    /// Adds another shard's counts.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.by_status.iter_mut().zip(other.by_status) {
            *mine += theirs;
        }
        self.erased += other.erased;
    }
}

/// Reads orders. A read sees every write that was confirmed before it began.
#[async_trait]
pub trait OrderReader: Send + Sync + 'static {
    /// An order by its id.
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError>;

    /// An order by its user's number for it.
    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError>;

    /// A page of orders, newest first, exact: nothing that was confirmed is missing, nothing comes twice.
    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError>;

    /// How many orders have each status, over all shards.
    async fn counts(&self) -> Result<Counts, StoreError>;
}
