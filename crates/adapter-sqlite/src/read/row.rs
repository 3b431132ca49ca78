//! From the columns of an order's row to the order.

use std::sync::Arc;

use domain::{Fingerprint, Order, OrderId, Status, Version};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::codec::facts::{self, Facts};
use crate::codec::{Unreadable, standing};
use crate::place;

/// The columns that [`order`] reads, in its order.
macro_rules! order_columns {
    () => {
        "id, status, version, standing, facts"
    };
}
pub(crate) use order_columns;

pub(crate) fn unreadable(column: usize, error: Unreadable) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(error))
}

pub(crate) fn facts(row: &Row<'_>, column: usize) -> rusqlite::Result<Facts> {
    let bytes = row.get_ref(column)?.as_blob()?;
    facts::decode(bytes).map_err(|error| unreadable(column, error))
}

pub(crate) fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    let code: u8 = row.get(column)?;
    Status::from_code(code)
        .ok_or_else(|| unreadable(column, Unreadable::because("an unknown status")))
}

/// The order of a row of [`order_columns`], with the fingerprint of the command that made it.
pub(crate) fn order(row: &Row<'_>) -> rusqlite::Result<(Arc<Order>, Option<Fingerprint>)> {
    let id = OrderId::from_bytes(row.get(0)?);
    let status = status(row, 1)?;
    let version = Version::from_number(row.get(2)?)
        .ok_or_else(|| unreadable(2, Unreadable::because("version 0")))?;
    let facts = facts(row, 4)?;
    let fingerprint = facts.fingerprint;
    let standing = row.get_ref(3)?.as_blob()?;
    let order = standing::decode(id, status, version, standing, facts)
        .map_err(|error| unreadable(3, error))?;
    Ok((Arc::new(order), fingerprint))
}

/// An order by its id.
pub(crate) fn load(
    connection: &Connection,
    id: OrderId,
) -> rusqlite::Result<Option<(Arc<Order>, Option<Fingerprint>)>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            order_columns!(),
            " FROM orders WHERE ",
            place::is_order!()
        ))?
        .query_row(place::key(&id), order)
        .optional()
}
