//! Duplicate detection for a new order: finds an existing order with the same idempotency key or external id, and decides the
//! answer. `apply` calls it within the transaction.
//!
//! The index finds orders by hashes, so the key or external id of a found order is compared with the one of the new order. If
//! a lookup fails, the write is refused as unavailable: no order is written that may exist already.

use std::sync::Arc;

use application::ports::{CommitError, Committed, StoreError};
use domain::{Fingerprint, Order, OrderId};

use super::Writer;
use super::transaction::Transaction;
use crate::codec::facts::{self, Facts};
use crate::failure::{corrupt, is_unreadable, unavailable};
use crate::index::hashes::UniqueKeyHash;
use crate::index::memtable::Candidates;
use crate::order_row::{self, PlacedOrder};

/// What is unique among the orders of a user.
#[derive(Debug, Clone, Copy)]
enum UniqueKey {
    Key,
    ExternalId,
}

/// An existing order with a unique key of the new order.
enum Existing {
    /// The same command placed it. The order as it is now.
    SameCommand(Arc<Order>),
    /// Another command placed it.
    OtherCommand,
    /// It cannot be determined whether there is one.
    Unknown(StoreError),
}

/// An order that was found by the hash of a unique key.
enum Found {
    Existing(Existing),
    /// It has another unique key with the same hash.
    Collision,
    Erased,
}

impl UniqueKey {
    /// Whether the existing order and the new one have the same user and the same key of this kind.
    fn is_equal(self, placed: &PlacedOrder, new: &Facts) -> bool {
        let order = &placed.order;
        order.user_id == new.user_id
            && match self {
                Self::Key => placed.key == new.key,
                Self::ExternalId => order.external_id == new.external_id,
            }
    }
}

impl Writer<'_> {
    /// The answer to a new order with these encoded facts, if its key or its external id is used; `None` if both are unused.
    /// The key is checked first.
    pub(super) fn find_duplicate(
        &mut self,
        transaction: &Transaction,
        [key, external_id]: [Option<UniqueKeyHash>; 2],
        fingerprint: Option<Fingerprint>,
        facts: &[u8],
    ) -> rusqlite::Result<Option<Result<Committed, CommitError>>> {
        let by_key =
            self.find_by_unique_key(transaction, UniqueKey::Key, key, fingerprint, facts)?;
        if let Some(existing) = by_key {
            return Ok(Some(match existing {
                Existing::SameCommand(order) => Ok(Committed::Replayed(order)),
                Existing::OtherCommand => Err(CommitError::KeyReused),
                Existing::Unknown(error) => Err(CommitError::Store(error)),
            }));
        }
        let by_external_id = self.find_by_unique_key(
            transaction,
            UniqueKey::ExternalId,
            external_id,
            fingerprint,
            facts,
        )?;
        Ok(by_external_id.map(|existing| match existing {
            Existing::SameCommand(order) => Ok(Committed::Existing(order)),
            Existing::OtherCommand => Err(CommitError::ExternalIdTaken),
            Existing::Unknown(error) => Err(CommitError::Store(error)),
        }))
    }

    /// The existing order with this unique key: of this transaction, in the memtable of the index, or in its file. The keys of
    /// an erased order are unused, unless another order has them.
    fn find_by_unique_key(
        &mut self,
        transaction: &Transaction,
        key: UniqueKey,
        hash: Option<UniqueKeyHash>,
        fingerprint: Option<Fingerprint>,
        facts: &[u8],
    ) -> rusqlite::Result<Option<Existing>> {
        let Some(hash) = hash else { return Ok(None) };
        let connection = self.connection;
        let find = |id| compare(connection, id, key, fingerprint, facts);
        let Candidates { in_memory, in_file } = self.shared.memtable.candidates(hash);
        let in_transaction = transaction.indexed.unique_keys.get(&hash).copied();
        for id in [in_transaction].into_iter().chain(in_memory).flatten() {
            match find(id)? {
                Found::Existing(existing) => return Ok(Some(existing)),
                // Memory holds only one order for each hash.
                Found::Collision => {
                    return Ok(Some(Existing::Unknown(unavailable(
                        "another key or external id has the same hash and is not indexed yet; try again",
                    ))));
                }
                Found::Erased => {}
            }
        }
        let Some(version) = in_file else {
            return Ok(None);
        };
        let found = self.index.find_by_key(version, hash, |id| {
            Ok(match find(id)? {
                Found::Existing(existing) => Some(existing),
                Found::Collision | Found::Erased => None,
            })
        });
        found.unwrap_or_else(|failure| {
            self.shared.memtable.index_failed(&failure);
            Ok(Some(Existing::Unknown(failure.to_store_error())))
        })
    }
}

/// Compares the order with this id to a new order with these facts, which has a unique key with the same hash.
fn compare(
    connection: &rusqlite::Connection,
    id: OrderId,
    key: UniqueKey,
    fingerprint: Option<Fingerprint>,
    facts: &[u8],
) -> rusqlite::Result<Found> {
    let placed = match order_row::load_placed(connection, id) {
        // Only this write is refused; the transaction continues.
        Err(error) if is_unreadable(&error) => {
            return Ok(Found::Existing(Existing::Unknown(corrupt(error))));
        }
        placed => placed?,
    };
    let Some(placed) = placed else {
        return Ok(Found::Erased);
    };
    Ok(match facts::decode(facts) {
        Err(error) => Found::Existing(Existing::Unknown(corrupt(error))),
        Ok(new) if !key.is_equal(&placed, &new) => Found::Collision,
        Ok(_) if placed.fingerprint == fingerprint => {
            Found::Existing(Existing::SameCommand(placed.order))
        }
        Ok(_) => Found::Existing(Existing::OtherCommand),
    })
}

#[cfg(test)]
mod tests;
