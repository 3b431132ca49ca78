//! Why orders failed for good, reason by reason: how many, since when no more, and an example of what was said.
//!
//! Read by walking the dead letters, newest first, because they are few next to the orders; the walk is bounded, and says
//! where it stopped. It changes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Order, Status, UserId};

use super::local_orders::LocalOrders;
use crate::access;
use crate::caller::Caller;
use crate::orders::{DeadLetterReason, DeadLetterReasons, ListRequest, ReadError};
use crate::ports::ListFilter;

/// The most orders in memory at a time.
const ORDERS_AT_A_TIME: usize = 200;
/// The most pages without a match that may follow each other, each after a bounded number of orders.
const MAX_EMPTY_PAGES: usize = 100;

impl LocalOrders {
    pub(super) async fn count_reasons(
        &self,
        caller: &Caller,
        user_id: Option<UserId>,
        limit: usize,
    ) -> Result<DeadLetterReasons, ReadError> {
        access::may_operate(caller)?;
        let mut request = ListRequest {
            filter: ListFilter {
                user_id,
                status: Some(Status::Failed),
                ..ListFilter::default()
            },
            before: None,
            limit: 0,
        };
        let mut by_code = HashMap::new();
        let mut counted = 0;
        let mut empty_pages = 0;
        let has_more = loop {
            request.limit = (limit - counted).min(ORDERS_AT_A_TIME);
            let page = self.visible_page(caller, request.clone()).await?;
            empty_pages = if page.orders.is_empty() {
                empty_pages + 1
            } else {
                0
            };
            counted += page.orders.len();
            for order in &page.orders {
                count(order, &mut by_code);
            }
            request.before = page.next_before;
            if request.before.is_none() {
                break false;
            }
            if counted >= limit || empty_pages >= MAX_EMPTY_PAGES {
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
