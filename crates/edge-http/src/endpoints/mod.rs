//! The endpoints, one a file, with what each takes, answers and refuses. `calls` calls them.

mod batch_rows;
pub(crate) mod dead_letter_reasons;
pub(crate) mod dead_letters;
pub(crate) mod error_page;
pub(crate) mod events;
pub(crate) mod get_order;
pub(crate) mod list_orders;
mod page_end;
pub(crate) mod place_batch;
pub(crate) mod place_order;
pub(crate) mod probes;
pub(crate) mod receipt;
pub(crate) mod start_page;
pub(crate) mod stats;
pub(crate) mod steer_order;

use std::future::Future;

use application::ports::StoreError;
use domain::OrderId;
use tokio::time::Instant;

use crate::problem::Problem;
use crate::request::{Incomer, Query};
use crate::state::EdgeState;

/// Reads an id of a path.
fn order_id(text: &str) -> Result<OrderId, Problem> {
    OrderId::parse(text).map_err(|_| Problem::invalid_id())
}

/// Refuses any query, at the addresses that take none.
pub(crate) fn no_query(incomer: &Incomer<'_>) -> Result<(), Problem> {
    match incomer.parts.uri.query() {
        None => Ok(()),
        query => Query::read(query, &[]).finish(),
    }
}

/// Waits for a read no longer than the request's deadline.
pub(crate) async fn read<T, E>(
    deadline: Instant,
    reading: impl Future<Output = Result<T, E>>,
) -> Result<T, Problem>
where
    Problem: From<E>,
{
    match tokio::time::timeout_at(deadline, reading).await {
        Ok(result) => result.map_err(Problem::from),
        Err(_) => Err(Problem::deadline_passed()),
    }
}

/// Waits for an order by its id; 404 if there is none.
async fn existing_order(
    edge: &EdgeState,
    id: OrderId,
    deadline: Instant,
) -> Result<std::sync::Arc<domain::Order>, Problem> {
    let order: Option<_> = read::<_, StoreError>(deadline, edge.application.get_order(id)).await?;
    order.ok_or_else(Problem::order_not_found)
}
