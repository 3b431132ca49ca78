//! Where the row of an order is: its rowid follows from its id, so that a lookup by id needs no index beside the rows,
//! and rows made one after the other lie one after the other.
//!
//! The upper bits are the millisecond of the id, the next ones the first of its random bits, which of an order that is
//! made now tell when within the millisecond that was, the last ones are drawn from all of it. So new rows come at the
//! end, whatever the users' buckets are. Two orders of one millisecond may be drawn to the same place; the later one then
//! has the next free place, at most [`REACH`] away. Rows are in the order of their ids but within a millisecond. A row is
//! never removed: whoever removes one day has to keep its id from coming again.

use domain::OrderId;

/// The places of a millisecond: 2^19. With 44 bits for the milliseconds they last until the year 2527; ids of a later
/// time share the last millisecond, where they are found as surely, if not as fast.
const SPREAD_BITS: u32 = 19;
const LAST_MILLISECOND: u64 = (1 << 44) - 1;

/// So many random bits of an id decide first. In each of their parts of a millisecond are 128 places: more than a machine
/// makes orders in a quarter of a microsecond.
const FRACTION_BITS: u32 = 12;

/// An order is less than so many places past the one where it belongs: enough for 400,000 orders of one millisecond
/// (linear probing at a load of 0.8), which an import of old orders with dates alone can come to.
pub(crate) const REACH: i64 = 1_024;

/// The condition of SQL that finds an order by its [`key`].
macro_rules! is_order {
    () => {
        "place BETWEEN ?1 AND ?2 AND id = ?3"
    };
}
pub(crate) use is_order;

/// The parameters of [`is_order`].
pub(crate) fn key(id: &OrderId) -> (i64, i64, &[u8; 16]) {
    let place = of(*id);
    (place, place + REACH - 1, id.as_bytes())
}

/// Where an order belongs.
pub(crate) fn of(id: OrderId) -> i64 {
    let (high, low) = id.as_uuid().as_u64_pair();
    // Fibonacci hashing (Knuth, The Art of Computer Programming 6.4): the upper bits of the product are spread evenly
    // however regular the ids are. The places at the end are left for what is moved on within the millisecond.
    let mixed = (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Behind the two bits of the variant (RFC 9562 section 4.1).
    let first_random = low << 2 & !(u64::MAX >> FRACTION_BITS);
    let drawn = first_random | mixed >> FRACTION_BITS;
    let places = (1 << SPREAD_BITS) - REACH.cast_unsigned();
    let spread = (u128::from(drawn) * u128::from(places)) >> 64;
    first_of(id) | (spread as u64).cast_signed()
}

/// The first place of the millisecond of an id.
pub(crate) fn first_of(id: OrderId) -> i64 {
    let (high, _) = id.as_uuid().as_u64_pair();
    ((high >> 16).min(LAST_MILLISECOND) << SPREAD_BITS).cast_signed()
}

/// The last place of the millisecond of an id.
pub(crate) fn last_of(id: OrderId) -> i64 {
    first_of(id) | ((1 << SPREAD_BITS) - 1)
}

/// Tells apart the milliseconds of places.
pub(crate) const fn millisecond(place: i64) -> i64 {
    place >> SPREAD_BITS
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
        let places: HashSet<i64> = (0..10_000)
            .map(|_| {
                // A Weyl sequence: no two alike, and spread evenly.
                random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
                of(id(1_700_000_000_000, random))
            })
            .collect();
        assert!(places.len() > 9_800, "{} places", places.len());
    }

    #[test]
    fn what_was_made_later_within_the_millisecond_lies_behind() {
        let made = |part: u64, rest: u64| of(id(1_700_000_000_000, part << 52 | rest >> 12));
        for part in 0..4_095 {
            assert!(made(part, u64::MAX) <= made(part + 1, 0), "{part}");
        }
    }
}
