//! Rowids of orders: a function of the order's id, so that a lookup by id needs no second tree, and rows of orders that were
//! created in sequence are adjacent. The column is named `place`.
//!
//! The upper bits of a rowid are the millisecond of the id. The lower bits are a hash of its random bits that keeps their
//! order, as far as the first ones tell the time of creation within the millisecond. So new rows are appended at the end,
//! whatever the buckets of their users are. If the rowid is occupied, the order takes the next free one, less than
//! [`PROBE_LIMIT`] away (linear probing).
//!
//! If none of these is free, the order goes to the overflow area: it gets the next rowid below zero, and the table `overflow`
//! maps its id to it. An import of old orders with dates alone puts hundreds of thousands of orders into one millisecond, of
//! which about 10,000 do not overflow. The overflow area is appended to in sequence. A list, which has to read a whole
//! millisecond to sort it by id, never reads more than [`ROWIDS_PER_MILLISECOND`] rows for it.
//!
//! Everything that reads or writes rows of orders uses this module. Rows are never removed, so a rowid never becomes free
//! again and no order has two: an erased order keeps its row as a tombstone.

use domain::OrderId;
use rusqlite::{Connection, OptionalExtension, Row};

const BITS_PER_MILLISECOND: u32 = 14;

/// With the 48 bits of the milliseconds they fill the positive rowids.
const ROWIDS_PER_MILLISECOND: u64 = 1 << BITS_PER_MILLISECOND;

/// The first random bits of an id, which tell the fraction of the millisecond. Each of the 4,096 fractions, a quarter of a
/// microsecond, has four rowids.
const FRACTION_BITS: u32 = 12;

/// The row of an order is fewer than this many rowids past the one that follows from its id. A lookup of an unknown order
/// reads at most as many rows, which are about two pages.
pub(crate) const PROBE_LIMIT: i64 = 16;

/// The two statements that find a row by the id of its order: [`ById`].
macro_rules! by_id {
    ($columns:expr) => {
        $crate::rowid::ById {
            in_millisecond: concat!(
                "SELECT ",
                $columns,
                " FROM orders WHERE place BETWEEN ?1 AND ?2 AND id = ?3"
            ),
            in_overflow: concat!(
                "SELECT ",
                $columns,
                " FROM orders WHERE place = (SELECT place FROM overflow WHERE id = ?1)"
            ),
        }
    };
}
pub(crate) use by_id;

/// Reads some columns of an order's row. [`by_id`] makes it.
#[derive(Clone, Copy)]
pub(crate) struct ById {
    pub(crate) in_millisecond: &'static str,
    pub(crate) in_overflow: &'static str,
}

impl ById {
    /// The row of the order with this id; also that of an erased order.
    pub(crate) fn find<T>(
        self,
        connection: &Connection,
        id: &OrderId,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let home = of(*id);
        let found = connection
            .prepare_cached(self.in_millisecond)?
            .query_row((home, home + PROBE_LIMIT - 1, id.as_bytes()), &mut read)
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
        connection
            .prepare_cached(self.in_overflow)?
            .query_row([id.as_bytes()], read)
            .optional()
    }
}

/// The home rowid of an order: where its row is unless it was occupied.
pub(crate) fn of(id: OrderId) -> i64 {
    let (high, low) = id.as_uuid().as_u64_pair();
    // Fibonacci hashing (Knuth, The Art of Computer Programming 6.4): the upper bits of the product are evenly distributed,
    // however regular the ids are. The last rowids of the millisecond are kept free for probing.
    let mixed = (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The two bits before them are the variant (RFC 9562 section 4.1).
    let fraction = low << 2 & !(u64::MAX >> FRACTION_BITS);
    let hash = fraction | mixed >> FRACTION_BITS;
    let homes = ROWIDS_PER_MILLISECOND - PROBE_LIMIT.cast_unsigned();
    let offset = (u128::from(hash) * u128::from(homes)) >> 64;
    first_of_millisecond(id) | (offset as u64).cast_signed()
}

/// The first rowid of the millisecond of an id.
pub(crate) fn first_of_millisecond(id: OrderId) -> i64 {
    let (high, _) = id.as_uuid().as_u64_pair();
    ((high >> 16) << BITS_PER_MILLISECOND).cast_signed()
}

/// The last rowid of the millisecond of an id.
pub(crate) fn last_of_millisecond(id: OrderId) -> i64 {
    first_of_millisecond(id) | (ROWIDS_PER_MILLISECOND - 1).cast_signed()
}

/// The millisecond of a rowid.
pub(crate) const fn millisecond(rowid: i64) -> i64 {
    rowid >> BITS_PER_MILLISECOND
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::{OrderId, Timestamp, UserId};
    use proptest::prelude::*;

    use super::{PROBE_LIMIT, first_of_millisecond, last_of_millisecond, millisecond, of};

    fn id(millis: u64, random: u64) -> OrderId {
        let user = UserId::new("alice").unwrap();
        OrderId::new(Timestamp::from_millis(millis).unwrap(), &user, random)
    }

    proptest! {
        #[test]
        fn a_rowid_and_its_probes_are_within_the_millisecond(high: u64, low: u64) {
            let id = OrderId::from_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes());
            prop_assert!(first_of_millisecond(id) >= 0);
            prop_assert!(first_of_millisecond(id) <= of(id));
            prop_assert!(of(id) + (PROBE_LIMIT - 1) <= last_of_millisecond(id));
            prop_assert_eq!(millisecond(of(id)), millisecond(last_of_millisecond(id)));
        }

        #[test]
        fn ids_of_later_milliseconds_have_higher_rowids(a in 0..1_u64 << 44, b in 0..1_u64 << 44, random: u64) {
            prop_assume!(a < b);
            prop_assert!(last_of_millisecond(id(a, random)) < first_of_millisecond(id(b, !random)));
        }
    }

    #[test]
    fn ids_of_one_millisecond_are_distributed_by_their_random_bits() {
        let mut random = 0_u64;
        let rowids: HashSet<i64> = (0..1_000)
            .map(|_| {
                // A Weyl sequence: all different, and evenly distributed.
                random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
                of(id(1_700_000_000_000, random))
            })
            .collect();
        // About 970 if they were drawn at random.
        assert!(rowids.len() > 940, "{} rowids", rowids.len());
    }

    #[test]
    fn ids_that_were_created_later_in_the_millisecond_have_higher_rowids() {
        let rowid =
            |fraction: u64, rest: u64| of(id(1_700_000_000_000, fraction << 52 | rest >> 12));
        for fraction in 0..4_095 {
            assert!(
                rowid(fraction, u64::MAX) <= rowid(fraction + 1, 0),
                "{fraction}"
            );
        }
    }
}
