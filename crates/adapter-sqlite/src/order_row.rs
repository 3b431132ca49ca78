//! Row mapping of the table `orders`: from columns to an order. The row of an erased order ([`ERASED`]) maps to no order.
//! The writer, the readers and the replay of the index use it. It only reads.

use std::sync::Arc;

use domain::{Fingerprint, IdempotencyKey, Order, OrderId, Status, Version};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::codec::facts::{self, Facts};
use crate::codec::{Unreadable, standing};
use crate::rowid;

/// The status code of an erased order; no [`Status`] has it.
pub(crate) const ERASED: u8 = 0;

/// The columns that [`order`] reads, in its order.
macro_rules! order_columns {
    () => {
        "id, status, version, standing, facts"
    };
}
pub(crate) use order_columns;

/// An order with the fingerprint of the command that placed it.
pub(crate) type Loaded = (Arc<Order>, Option<Fingerprint>);

/// The error for a column whose contents cannot be decoded.
pub(crate) fn unreadable(column: usize, error: Unreadable) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(error))
}

pub(crate) fn facts(row: &Row<'_>, column: usize) -> rusqlite::Result<Facts> {
    let bytes = row.get_ref(column)?.as_blob()?;
    facts::decode(bytes).map_err(|error| unreadable(column, error))
}

/// The status in a column; `None` for an erased order.
pub(crate) fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Status>> {
    let code: u8 = row.get(column)?;
    if code == ERASED {
        return Ok(None);
    }
    Status::from_code(code)
        .map(Some)
        .ok_or_else(|| unreadable(column, Unreadable::because("an unknown status")))
}

/// An order with the key and the fingerprint of the command that placed it.
pub(crate) struct PlacedOrder {
    pub(crate) order: Arc<Order>,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// The order of a row of [`order_columns`]; `None` for an erased one.
pub(crate) fn order(row: &Row<'_>) -> rusqlite::Result<Option<Loaded>> {
    Ok(read(row)?.map(|placed| (placed.order, placed.fingerprint)))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<PlacedOrder>> {
    let id = OrderId::from_bytes(row.get(0)?);
    let Some(status) = status(row, 1)? else {
        return Ok(None);
    };
    let version = Version::from_number(row.get(2)?)
        .ok_or_else(|| unreadable(2, Unreadable::because("version 0")))?;
    let mut facts = facts(row, 4)?;
    let (key, fingerprint) = (facts.key.take(), facts.fingerprint);
    let standing = row.get_ref(3)?.as_blob()?;
    let order = standing::decode(id, status, version, standing, facts)
        .map_err(|error| unreadable(3, error))?;
    Ok(Some(PlacedOrder {
        order: Arc::new(order),
        key,
        fingerprint,
    }))
}

/// The order with this id; `None` if it is unknown or erased.
pub(crate) fn load(connection: &Connection, id: OrderId) -> rusqlite::Result<Option<Loaded>> {
    let found = rowid::by_id!(order_columns!()).find(connection, &id, order)?;
    Ok(found.flatten())
}

/// As [`load`], with the key of the command.
pub(crate) fn load_placed(
    connection: &Connection,
    id: OrderId,
) -> rusqlite::Result<Option<PlacedOrder>> {
    let found = rowid::by_id!(order_columns!()).find(connection, &id, read)?;
    Ok(found.flatten())
}

/// The order at a rowid.
pub(crate) fn load_at(connection: &Connection, rowid: i64) -> rusqlite::Result<Option<Loaded>> {
    let found = connection
        .prepare_cached(concat!(
            "SELECT ",
            order_columns!(),
            " FROM orders WHERE place = ?1"
        ))?
        .query_row([rowid], order)
        .optional()?;
    Ok(found.flatten())
}
