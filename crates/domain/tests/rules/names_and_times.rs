//! Ids, buckets and times.

use std::time::Duration;

use domain::{Bucket, OrderId, Timestamp, UserId};
use proptest::prelude::*;

use crate::made::at;

proptest! {
    #[test]
    fn a_bucket_comes_from_the_letter_and_the_hash_alone(user in r"\PC{1,30}", random: u64, ms in 0_u64..1 << 41) {
        let Ok(user) = UserId::new(&user) else { return Ok(()); };
        let id = OrderId::new(at(ms), &user, random);
        let first = user.as_str().chars().next().unwrap();
        let is_first_half = matches!(first, 'A'..='M' | 'a'..='m');
        prop_assert_eq!(id.bucket().is_first_half_of_alphabet(), is_first_half);
        prop_assert_eq!(id.bucket().get() >> 11, u16::from(!is_first_half));
        prop_assert_eq!(id.bucket(), Bucket::of(&user));
        let text = id.to_string();
        prop_assert_eq!(OrderId::parse(&text), Ok(id));
        prop_assert_eq!(OrderId::parse(&text.to_uppercase()), Ok(id));
        prop_assert_eq!(&text[14..15], "7", "a UUID of version 7");
        prop_assert!("89ab".contains(&text[19..20]), "of the variant of RFC 9562");
        prop_assert_eq!(u64::from_str_radix(&text.replace('-', "")[..12], 16), Ok(ms));
        prop_assert_eq!(u16::from_str_radix(&text[15..18], 16), Ok(id.bucket().get()));
        prop_assert!(OrderId::first_at(at(ms)) <= id);
        prop_assert!(id < OrderId::first_at(at(ms + 1)), "order by id is order by time");
    }

    #[test]
    fn times_are_printed_as_they_are_read(ms in 0_u64..=253_402_207_200_000) {
        let time = at(ms);
        let text = time.to_string();
        prop_assert_eq!(text.len(), 24, "{}", &text);
        prop_assert!(text.ends_with('Z') && text.as_bytes()[19] == b'.');
        prop_assert_eq!(Timestamp::parse(&text), Ok(time));
        prop_assert_eq!(Timestamp::parse(&text.replace('Z', "+00:00")), Ok(time));
    }

    #[test]
    fn no_text_makes_time_panic(text in r"[-0-9TZ:.+ ]{0,40}|\PC{0,20}") {
        if let Ok(time) = Timestamp::parse(&text) {
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
        }
    }

    #[test]
    fn time_never_leaves_what_can_be_printed(ms in 0_u64..=253_402_207_200_000, more: u64) {
        let later = at(ms).saturating_add(Duration::from_millis(more));
        prop_assert!(later >= at(ms));
        prop_assert_eq!(Timestamp::parse(&later.to_string()), Ok(later));
    }
}

#[test]
fn the_bucket_rule_never_changes() {
    // Fixed for good: SHA-256 of "alice" begins 2bd806c9, of "zoe" ce1c2f8c... A change here moves every order.
    let bucket = |user: &str| Bucket::of(&UserId::new(user).unwrap()).get();
    assert_eq!(bucket("alice"), 0x2bd8 >> 5);
    for user in ["N", "n", "Z", "0", "_", "é", "Ñ", "😀", "[", "@"] {
        assert_eq!(bucket(user) >> 11, 1, "{user:?} is not A..M");
    }
    for user in ["A", "a", "M", "m", "Mélanie"] {
        assert_eq!(bucket(user) >> 11, 0, "{user:?} is A..M");
    }
}
