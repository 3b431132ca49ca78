//! What the key and the external id of a new order lead to: the order that has one of them already, if there is one. Called
//! by `apply`, within the transaction.
//!
//! The index finds orders by hashes. An order that it finds counts only if its own key or external id is the one that was
//! looked for. A lookup that fails refuses its own write as unavailable: nothing is written that may exist already.

use std::sync::Arc;

use application::ports::{CommitError, Committed, StoreError};
use domain::{Fingerprint, Order, OrderId};

use super::Writer;
use super::batch::Batch;
use crate::codec::facts::{self, Facts};
use crate::failure::{corrupt, index_failed, is_unreadable, unavailable};
use crate::index::memtable::Candidates;
use crate::index::names::NameHash;
use crate::read::row::{self, Placed};

/// What makes a new order the same as one that exists.
#[derive(Debug, Clone, Copy)]
enum Name {
    Key,
    ExternalId,
}

/// The order that has the name of a new one.
enum Known {
    /// Made by the same command: the order as it is now.
    Equal(Arc<Order>),
    /// Made by another command.
    Other,
    /// It is not known whether there is one.
    Undecided(StoreError),
}

/// An order that was found by the hash of a name.
enum Found {
    Named(Known),
    /// It has another name, with the same hash.
    Collides,
    Erased,
}

impl Name {
    /// Whether an order was placed by the same user with this name of the new order.
    fn is_of(self, placed: &Placed, new: &Facts) -> bool {
        let order = &placed.order;
        order.user_id == new.user_id
            && match self {
                Self::Key => placed.key == new.key,
                Self::ExternalId => order.external_id == new.external_id,
            }
    }
}

impl Writer<'_> {
    /// The answer to a new order of these encoded facts whose key or external id is known, the key first.
    pub(super) fn find_known(
        &mut self,
        batch: &Batch,
        [key, external_id]: [Option<NameHash>; 2],
        fingerprint: Option<Fingerprint>,
        facts: &[u8],
    ) -> rusqlite::Result<Option<Result<Committed, CommitError>>> {
        if let Some(known) = self.known(batch, Name::Key, key, fingerprint, facts)? {
            return Ok(Some(match known {
                Known::Equal(order) => Ok(Committed::Replayed(order)),
                Known::Other => Err(CommitError::KeyReused),
                Known::Undecided(error) => Err(CommitError::Store(error)),
            }));
        }
        let known = self.known(batch, Name::ExternalId, external_id, fingerprint, facts)?;
        Ok(known.map(|known| match known {
            Known::Equal(order) => Ok(Committed::Existing(order)),
            Known::Other => Err(CommitError::ExternalIdTaken),
            Known::Undecided(error) => Err(CommitError::Store(error)),
        }))
    }

    /// The order that has this name already: in this transaction, in the memtable of the index, or in its file. A name that
    /// an erased order had is free, unless another order has it.
    fn known(
        &mut self,
        batch: &Batch,
        name: Name,
        hash: Option<NameHash>,
        fingerprint: Option<Fingerprint>,
        facts: &[u8],
    ) -> rusqlite::Result<Option<Known>> {
        let Some(hash) = hash else { return Ok(None) };
        let connection = self.connection;
        let find = |id| find(connection, id, name, fingerprint, facts);
        let Candidates { in_memory, in_file } = self.surroundings.memtable.named(hash);
        let in_batch = batch.indexed.names.get(&hash).copied();
        for id in [in_batch].into_iter().chain(in_memory).flatten() {
            match find(id)? {
                Found::Named(known) => return Ok(Some(known)),
                // Memory holds one order for each hash.
                Found::Collides => {
                    return Ok(Some(Known::Undecided(unavailable(
                        "another key or external id has the same hash and is not indexed yet; try again",
                    ))));
                }
                Found::Erased => {}
            }
        }
        let Some(version) = in_file else {
            return Ok(None);
        };
        let found = self.index.named(version, hash, |id| {
            Ok(match find(id)? {
                Found::Named(known) => Some(known),
                Found::Collides | Found::Erased => None,
            })
        });
        found.unwrap_or_else(|failure| {
            self.surroundings.memtable.index_failed(&failure);
            Ok(Some(Known::Undecided(index_failed(&failure))))
        })
    }
}

/// What the order of this id is to a new order of these facts, which has a name with the same hash.
fn find(
    connection: &rusqlite::Connection,
    id: OrderId,
    name: Name,
    fingerprint: Option<Fingerprint>,
    facts: &[u8],
) -> rusqlite::Result<Found> {
    let placed = match row::placed(connection, id) {
        // This write alone is refused.
        Err(error) if is_unreadable(&error) => {
            return Ok(Found::Named(Known::Undecided(corrupt(error))));
        }
        placed => placed?,
    };
    let Some(placed) = placed else {
        return Ok(Found::Erased);
    };
    Ok(match facts::decode(facts) {
        Err(error) => Found::Named(Known::Undecided(corrupt(error))),
        Ok(new) if !name.is_of(&placed, &new) => Found::Collides,
        Ok(_) if placed.fingerprint == fingerprint => Found::Named(Known::Equal(placed.order)),
        Ok(_) => Found::Named(Known::Other),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use application::in_process::InProcessHints;
    use application::ports::{
        Clock, CommitError, Committed, Guard, Ids, OrderReader as _, OrderWriter as _, StoreError,
        Write,
    };
    use application::system::{SystemClock, SystemIds};
    use domain::{
        Cause, EventPosition, ExternalId, IdempotencyKey, Order, OrderId, PlaceOrder,
        ReceiptLocation, Seq,
    };
    use port_conformance::order_store::sample;

    use crate::index::file::IndexFile;
    use crate::index::memtable::Segment;
    use crate::index::names::NameHash;
    use crate::{SHARDS, SqliteOptions, SqliteStore, Tuning};

    fn open(dir: &Path) -> SqliteStore {
        let hints = Arc::new(InProcessHints::new(&SHARDS));
        SqliteStore::open(
            SqliteOptions {
                data_dir: dir.to_owned(),
                queue: 1_024,
                batch: 256,
                tuning: Tuning::default(),
            },
            Arc::new(SystemClock::new()),
            Arc::new(SystemIds),
            hints,
        )
        .unwrap()
    }

    fn write(command: &PlaceOrder, key: Option<&str>) -> Write {
        let now = SystemClock::new().now();
        let id = SystemIds.order_id(now, &command.user_id);
        let rendered = ReceiptLocation::Rendered;
        Write {
            decision: Order::place(command.clone(), id, now, Cause::default(), rendered),
            guard: Guard::New {
                key: key.map(|key| IdempotencyKey::new(key).unwrap()),
                fingerprint: Some(command.fingerprint()),
            },
        }
    }

    async fn commit(store: &SqliteStore, write: Write) -> Result<Committed, CommitError> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        store.commit(vec![write], deadline).await.remove(0)
    }

    /// What the index would hold if these names had the hash of a name of the order.
    fn colliding(id: OrderId, through: EventPosition) -> Segment {
        let alice = sample::user("alice");
        let mut segment = Segment {
            through,
            ..Segment::default()
        };
        let key = IdempotencyKey::new("another").unwrap();
        let external_id = ExternalId::new("A-2").unwrap();
        for name in [
            NameHash::of_key(&alice, &key),
            NameHash::of_external_id(&alice, &external_id),
        ] {
            segment.names.insert(name, id);
        }
        segment
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_order_that_is_found_by_its_hash_alone_is_not_the_one_that_was_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let first = write(&sample::numbered("alice", 1, "A-1"), Some("key"));
        let id = first.decision.order.id;
        assert!(commit(&store, first).await.is_ok());
        let through = store.published.figures().position();
        store.close().await;
        let orders = rusqlite::Connection::open(directory.path().join("orders.db")).unwrap();
        let store_id: Vec<u8> = orders
            .query_row("SELECT store_id FROM store", [], |row| row.get(0))
            .unwrap();
        drop(orders);
        let path = directory.path().join("index-1.db");
        let mut index = IndexFile::open(&path, &store_id).unwrap();
        index.add(&colliding(id, through)).unwrap();
        drop(index);

        let store = open(directory.path());
        // The same command: but for its key, it would be a replay.
        let by_key = write(&sample::numbered("alice", 1, "A-3"), Some("another"));
        let answer = commit(&store, by_key).await;
        assert!(
            matches!(answer, Ok(Committed::Written { .. })),
            "{answer:?}"
        );
        let by_number = write(&sample::numbered("alice", 1, "A-2"), None);
        let answer = commit(&store, by_number).await;
        assert!(
            matches!(answer, Ok(Committed::Written { .. })),
            "{answer:?}"
        );
        // The names themselves lead to their orders.
        let again = write(&sample::numbered("alice", 1, "A-1"), Some("key"));
        let answer = commit(&store, again).await;
        assert!(
            matches!(&answer, Ok(Committed::Replayed(order)) if order.id == id),
            "{answer:?}"
        );
        let again = write(&sample::numbered("alice", 1, "A-3"), Some("another"));
        let answer = commit(&store, again).await;
        assert!(matches!(answer, Ok(Committed::Replayed(_))), "{answer:?}");
        store.close().await;
    }

    /// The memtable has one order for each hash: the second one waits until the first one has left it.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_hash_that_another_order_has_in_memory_is_refused_for_now() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        store.pause_index();
        let first = write(&sample::plain("alice", 1), Some("key"));
        let id = first.decision.order.id;
        assert!(commit(&store, first).await.is_ok());
        let through = store.published.figures().position();
        store.memtable.append(&mut colliding(id, through), through);
        let second = || write(&sample::plain("alice", 1), Some("another"));
        let answer = commit(&store, second()).await;
        let Err(CommitError::Store(StoreError::Unavailable { reason, .. })) = answer else {
            panic!("{answer:?}");
        };
        assert!(reason.contains("try again"), "{reason}");
        store.resume_index();
        let until = tokio::time::Instant::now() + Duration::from_secs(20);
        while commit(&store, second()).await.is_err() {
            assert!(tokio::time::Instant::now() < until);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let answer = commit(&store, second()).await;
        assert!(
            matches!(&answer, Ok(Committed::Replayed(order)) if order.id != id),
            "{answer:?}"
        );
        assert_eq!(through.seq, Seq(1));
        assert_eq!(store.counts().await.unwrap().accepted(), 2);
        store.close().await;
    }
}
