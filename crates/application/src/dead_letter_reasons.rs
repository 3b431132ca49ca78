//! Why orders failed for good, reason by reason: how many, since when no more, and an example of what was said.
//!
//! Read by walking the dead letters, newest first, because they are few next to the orders; the walk is bounded, and says
//! where it stopped. It changes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Order, Status, Timestamp, UserId};

use crate::Application;
use crate::ports::{ListFilter, ListQuery, StoreError};

/// One reason, with its dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterReason {
    /// The code of [`domain::Failure`].
    pub code: Arc<str>,
    /// How many have it.
    pub count: usize,
    /// When the newest of them failed.
    pub newest_at: Timestamp,
    /// What the newest of them said.
    pub sample_message: Arc<str>,
}

/// The reasons of the dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterReasons {
    /// The most frequent first.
    pub reasons: Vec<DeadLetterReason>,
    /// How many dead letters were counted.
    pub counted: usize,
    /// The walk ended at its bound: there may be more of each, and other reasons.
    pub has_more: bool,
}

/// So many orders are in memory at a time.
const ORDERS_AT_A_TIME: usize = 200;
/// So many looks in vain may follow each other, each at a bounded number of orders.
const MOST_EMPTY_PAGES: usize = 100;

impl Application {
    /// Counts up to `limit` dead letters, of one user or of all, by their reason.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn dead_letter_reasons(
        &self,
        user_id: Option<UserId>,
        limit: usize,
    ) -> Result<DeadLetterReasons, StoreError> {
        let mut query = ListQuery {
            filter: ListFilter {
                user_id,
                status: Some(Status::Failed),
                ..ListFilter::default()
            },
            before: None,
            limit: 0,
            scan_limit: self.settings.scan_limit,
        };
        let mut by_code = HashMap::new();
        let mut counted = 0;
        let mut empty_pages = 0;
        let has_more = loop {
            query.limit = (limit - counted).min(ORDERS_AT_A_TIME);
            let page = self.list_orders(&query).await?;
            empty_pages = if page.orders.is_empty() {
                empty_pages + 1
            } else {
                0
            };
            counted += page.orders.len();
            for order in &page.orders {
                count(order, &mut by_code);
            }
            query.before = page.next_before;
            if query.before.is_none() {
                break false;
            }
            if counted >= limit || empty_pages >= MOST_EMPTY_PAGES {
                break true;
            }
        };
        let mut reasons: Vec<DeadLetterReason> = by_code.into_values().collect();
        reasons.sort_by(|one, other| {
            (other.count.cmp(&one.count)).then_with(|| one.code.cmp(&other.code))
        });
        Ok(DeadLetterReasons {
            reasons,
            counted,
            has_more,
        })
    }
}

fn count(order: &Order, by_code: &mut HashMap<Arc<str>, DeadLetterReason>) {
    let Some(failure) = &order.failure else {
        // A dead letter always says why; one that does not is not hidden from the total, only from the reasons.
        return;
    };
    let code: Arc<str> = Arc::from(&*failure.code);
    let reason = by_code
        .entry(Arc::clone(&code))
        .or_insert_with(|| DeadLetterReason {
            code,
            count: 0,
            newest_at: order.updated_at,
            sample_message: Arc::from(&*failure.message),
        });
    reason.count += 1;
    // The walk is by when an order was made; an older one may have failed later.
    if order.updated_at > reason.newest_at {
        reason.newest_at = order.updated_at;
        reason.sample_message = Arc::from(&*failure.message);
    }
}
