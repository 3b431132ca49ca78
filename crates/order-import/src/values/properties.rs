//! Properties of numbers, against oracles that share nothing with the reader.

use proptest::prelude::*;

use super::{Number, NumberFormat};

/// Digits with a sign between groups of three, counted from the right.
fn grouped(digits: &str, sign: char) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(sign);
        }
        text.push(digit);
    }
    text
}

fn format() -> impl Strategy<Value = NumberFormat> {
    let signs = prop::sample::select(vec![None, Some('.'), Some(','), Some('\''), Some(' ')]);
    (prop::sample::select(vec!['.', ',']), signs)
        .prop_filter("two signs", |(decimal, thousands)| {
            Some(*decimal) != *thousands
        })
        .prop_map(|(decimal, thousands)| NumberFormat { decimal, thousands })
}

proptest! {
    #[test]
    fn a_number_is_read_as_it_was_written_whatever_its_signs_are(
        format in format(),
        whole in 0_u64..1_000_000_000_000,
        fraction in "[0-9]{0,4}",
        is_negative: bool,
        around in prop::sample::select(vec![("", ""), ("$", ""), ("", " EUR"), ("US$ ", ""), ("", "€")]),
        is_grouped: bool,
    ) {
        let digits = whole.to_string();
        let written = match format.thousands {
            Some(sign) if is_grouped => grouped(&digits, sign),
            _ => digits.clone(),
        };
        let point = if fraction.is_empty() { String::new() } else { format!("{}{fraction}", format.decimal) };
        let sign = if is_negative { "-" } else { "" };
        let text = format!("{sign}{}{written}{point}{}", around.0, around.1);
        let (number, _) = format.read(&text).unwrap();
        // The oracle: the value in ten-thousandths, by integers alone.
        let ten_thousandths = i128::from(whole) * 10_000 + format!("{fraction:0<4}").parse::<i128>().unwrap();
        let expected = if is_negative { -ten_thousandths } else { ten_thousandths };
        prop_assert_eq!(number.units(4), Some(expected), "{}", text);
    }

    #[test]
    fn a_sign_in_the_wrong_position_is_refused_and_never_read_as_another_number(
        whole in 1_u32..1000,
        digits in "[0-9]{1,2}|[0-9]{4,6}",
        thousands in prop::sample::select(vec!['.', ',']),
    ) {
        let decimal = if thousands == '.' { ',' } else { '.' };
        let format = NumberFormat { decimal, thousands: Some(thousands) };
        let text = format!("{whole}{thousands}{digits}");
        prop_assert!(format.read(&text).is_err(), "{text}");
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(format in format(), text in "\\PC{0,20}") {
        let _ = format.read(&text);
    }

    #[test]
    fn rounding_is_to_the_nearest_and_a_tie_to_the_even_neighbour(
        units in -1_000_000_000_000_i128..1_000_000_000_000,
        scale in 0_u8..10,
        digits in 0_u8..6,
    ) {
        let number = Number::of_units(units, scale);
        let rounded = number.rounded(digits);
        let kept = rounded.units(digits).unwrap();
        let finest = scale.max(digits);
        let step = 10_i128.pow(u32::from(finest - digits));
        let distance = (number.units(finest).unwrap() - kept * step).abs();
        prop_assert!(2 * distance <= step);
        prop_assert!(2 * distance < step || step == 1 || kept % 2 == 0);
    }
}
