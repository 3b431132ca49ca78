//! Where the row of an order is: its rowid ("place") follows from its id, so that a lookup by id needs no index beside the
//! rows, and rows of orders created one after the other lie one after the other.
//!
//! The upper bits of a place are the millisecond of the id. The lower ones are drawn from its random bits: first from
//! those that say, of an order created now, when within the millisecond that was, then from all of them. So new rows come
//! at the end, whatever the users' buckets are. Two orders of one millisecond may be drawn to the same place; the later
//! one takes the next free place, less than [`REACH`] away (linear probing).
//!
//! An order that finds no free place there goes to the overflow area: to the next place below zero, which the table
//! `overflow` keeps by id. An import of old orders with dates alone puts hundreds of thousands of them into one
//! millisecond; all but the first 10,000 or so overflow. They are added one after the other, and a list, which reads a
//! millisecond whole because places are not quite in the order of ids, never reads more than [`PLACES`] rows for it.
//!
//! Used by all that reads or writes rows of orders. A row is never removed, so that no place becomes free and no order has
//! two: an order that is erased leaves its row as a tombstone.

use domain::OrderId;
use rusqlite::{Connection, OptionalExtension, Row};

const PLACE_BITS: u32 = 14;

/// The places of a millisecond. With the 48 bits of the milliseconds they fill the upper half of the numbers of 63 bits.
const PLACES: u64 = 1 << PLACE_BITS;

/// The first random bits of an id decide first. Each of their 4,096 parts of a millisecond, a quarter of a microsecond,
/// has four places.
const FRACTION_BITS: u32 = 12;

/// An order is less than this many places past the one that its id leads to. A lookup of an order that is not there reads
/// as many rows at most, two pages or so.
pub(crate) const REACH: i64 = 16;

/// The two statements that find a row by its order's id: [`ById`].
macro_rules! by_id {
    ($columns:expr) => {
        $crate::place::ById {
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

/// Reads some columns of an order's row. Made by [`by_id`].
#[derive(Clone, Copy)]
pub(crate) struct ById {
    pub(crate) in_millisecond: &'static str,
    pub(crate) in_overflow: &'static str,
}

impl ById {
    /// The row of the order with this id, also that of an erased order.
    pub(crate) fn find<T>(
        self,
        connection: &Connection,
        id: &OrderId,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let place = of(*id);
        let found = connection
            .prepare_cached(self.in_millisecond)?
            .query_row((place, place + REACH - 1, id.as_bytes()), &mut read)
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

/// The place that an id leads to.
pub(crate) fn of(id: OrderId) -> i64 {
    let (high, low) = id.as_uuid().as_u64_pair();
    // Fibonacci hashing (Knuth, The Art of Computer Programming 6.4): the upper bits of the product are spread evenly
    // however regular the ids are. The places at the end are left for what is moved on within the millisecond.
    let mixed = (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Behind the two bits of the variant (RFC 9562 section 4.1).
    let first_random = low << 2 & !(u64::MAX >> FRACTION_BITS);
    let drawn = first_random | mixed >> FRACTION_BITS;
    let places = PLACES - REACH.cast_unsigned();
    let spread = (u128::from(drawn) * u128::from(places)) >> 64;
    first_of(id) | (spread as u64).cast_signed()
}

/// The first place of the millisecond of an id.
pub(crate) fn first_of(id: OrderId) -> i64 {
    let (high, _) = id.as_uuid().as_u64_pair();
    ((high >> 16) << PLACE_BITS).cast_signed()
}

/// The last place of the millisecond of an id.
pub(crate) fn last_of(id: OrderId) -> i64 {
    first_of(id) | (PLACES - 1).cast_signed()
}

/// Tells apart the milliseconds of places.
pub(crate) const fn millisecond(place: i64) -> i64 {
    place >> PLACE_BITS
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::{OrderId, Timestamp, UserId};
    use proptest::prelude::*;

    use super::{REACH, first_of, last_of, millisecond, of};

    fn id(millis: u64, random: u64) -> OrderId {
        let user = UserId::new("alice").unwrap();
        OrderId::new(Timestamp::from_millis(millis).unwrap(), &user, random)
    }

    proptest! {
        #[test]
        fn a_place_and_its_reach_are_within_the_millisecond(high: u64, low: u64) {
            let id = OrderId::from_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes());
            prop_assert!(first_of(id) >= 0);
            prop_assert!(first_of(id) <= of(id));
            prop_assert!(of(id) + (REACH - 1) <= last_of(id));
            prop_assert_eq!(millisecond(of(id)), millisecond(last_of(id)));
        }

        #[test]
        fn later_ids_have_later_places(a in 0..1_u64 << 44, b in 0..1_u64 << 44, random: u64) {
            prop_assume!(a < b);
            prop_assert!(last_of(id(a, random)) < first_of(id(b, !random)));
        }
    }

    #[test]
    fn ids_of_one_millisecond_are_spread_by_their_random_bits() {
        let mut random = 0_u64;
        let places: HashSet<i64> = (0..1_000)
            .map(|_| {
                // A Weyl sequence: no two alike, and spread evenly.
                random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
                of(id(1_700_000_000_000, random))
            })
            .collect();
        // 970 if they were drawn by chance.
        assert!(places.len() > 940, "{} places", places.len());
    }

    #[test]
    fn what_was_made_later_within_the_millisecond_lies_behind() {
        let made = |part: u64, rest: u64| of(id(1_700_000_000_000, part << 52 | rest >> 12));
        for part in 0..4_095 {
            assert!(made(part, u64::MAX) <= made(part + 1, 0), "{part}");
        }
    }
}
