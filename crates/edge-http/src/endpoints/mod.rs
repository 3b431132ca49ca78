//! The endpoints, one a file, with what each takes, answers and refuses. `calls` calls them.

mod batch_rows;
pub(crate) mod dead_letter_reasons;
pub(crate) mod dead_letters;
pub(crate) mod error_page;
pub(crate) mod events;
pub(crate) mod get_order;
pub(crate) mod list_orders;
pub(crate) mod order_command;
mod page_end;
pub(crate) mod place_batch;
pub(crate) mod place_order;
pub(crate) mod probes;
pub(crate) mod receipt;
pub(crate) mod start_page;
pub(crate) mod stats;

use std::sync::Arc;

use application::Caller;
use domain::{Order, OrderId};

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

/// An order by its id; 404 if there is none.
async fn existing_order(
    edge: &EdgeState,
    caller: &Caller,
    id: OrderId,
) -> Result<Arc<Order>, Problem> {
    let order = edge.orders.get(caller, id).await?;
    order.ok_or_else(Problem::order_not_found)
}
