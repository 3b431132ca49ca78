//! Numbers of variable length: the bytes are pinned, because stores and cursors hold them.

use domain::varint::{VarintError, put_varint, take_varint};
use proptest::prelude::*;

fn bytes_of(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, number);
    bytes
}

#[test]
fn the_bytes_of_a_number_never_change() {
    for (number, bytes) in [
        (0, &[0][..]),
        (1, &[1]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (300, &[0xac, 0x02]),
        (16_384, &[0x80, 0x80, 0x01]),
        (
            u64::MAX,
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ),
    ] {
        assert_eq!(bytes_of(number), bytes, "{number}");
    }
}

#[test]
fn every_other_sequence_of_bytes_is_refused_and_left_where_it_is() {
    for (bytes, error) in [
        (&[][..], VarintError::Incomplete),
        (&[0x80], VarintError::Incomplete),
        (&[0xff; 9], VarintError::Incomplete),
        (&[0x80, 0x00], VarintError::NotShortest),
        (&[0xac, 0x82, 0x00], VarintError::NotShortest),
        (
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            VarintError::TooLarge,
        ),
        (&[0x80; 10], VarintError::TooLarge),
        (&[0xff; 11], VarintError::TooLarge),
    ] {
        let mut rest = bytes;
        assert_eq!(take_varint(&mut rest), Err(error), "{bytes:?}");
        assert_eq!(rest, bytes);
    }
}

proptest! {
    #[test]
    fn numbers_come_back_one_after_the_other(numbers in prop::collection::vec(any::<u64>(), 0..20)) {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| bytes_of(*number)).collect();
        let mut rest = bytes.as_slice();
        for number in numbers {
            prop_assert_eq!(take_varint(&mut rest), Ok(number));
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn only_one_sequence_of_bytes_stands_for_a_number(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        let mut rest = bytes.as_slice();
        if let Ok(number) = take_varint(&mut rest) {
            prop_assert_eq!(&bytes[..bytes.len() - rest.len()], bytes_of(number));
        }
    }
}
