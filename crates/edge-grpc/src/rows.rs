//! Orders that go to the store together, of which some could not even be read. Batches and intake streams call it.

use application::{BatchRow, Caller, Orders, Placed};

use crate::refusal::{Refusal, of_place};

/// An order as it was read.
pub(crate) type Row = Result<BatchRow, Refusal>;

/// Places the orders that could be read; one result each, in order.
pub(crate) async fn place_rows(
    orders: &dyn Orders,
    caller: &Caller,
    rows: Vec<Row>,
) -> Vec<Result<Placed, Refusal>> {
    let mut good = Vec::with_capacity(rows.len());
    let refused: Vec<Option<Refusal>> = rows
        .into_iter()
        .map(|row| match row {
            Ok(row) => {
                good.push(row);
                None
            }
            Err(refusal) => Some(refusal),
        })
        .collect();
    let mut placed = orders.place_batch(caller, good).await.into_iter();
    let mut next = || {
        let placed = placed.next().expect("a batch answers each of its rows");
        placed.map_err(|error| of_place(error, caller.deadline))
    };
    refused
        .into_iter()
        .map(|refusal| refusal.map_or_else(&mut next, Err))
        .collect()
}
