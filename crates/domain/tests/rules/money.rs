//! Money, against decimal arithmetic on texts alone.

use std::cmp::Ordering;

use domain::money::MoneyError;
use domain::{Currency, Money};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::made::any_currency;

/// What the text says, in the smallest unit, as a text of digits: moved by its exponent, without any number type.
#[derive(Debug, PartialEq)]
enum Oracle {
    Units(String),
    NotANumber,
    TooPrecise,
}

fn oracle(text: &str, scale: i64) -> Oracle {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    let mut halves = lower.splitn(2, 'e');
    let mantissa = halves.next().unwrap_or_default();
    let exponent: i64 = match halves.next() {
        None => 0,
        Some(exponent) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || digits.contains(|c: char| !c.is_ascii_digit()) {
                return Oracle::NotANumber;
            }
            exponent.parse().unwrap_or(if exponent.starts_with('-') {
                -100_000
            } else {
                100_000
            })
        }
    };
    let mut parts = mantissa.splitn(2, '.');
    let whole = parts.next().unwrap_or_default();
    let fraction = parts.next();
    let bad = |part: &str| part.is_empty() || part.contains(|c: char| !c.is_ascii_digit());
    if bad(whole) || fraction.is_some_and(bad) || (whole.len() > 1 && whole.starts_with('0')) {
        return Oracle::NotANumber;
    }
    let fraction = fraction.unwrap_or_default();
    let digits = format!("{whole}{fraction}");
    if digits.bytes().all(|b| b == b'0') {
        return Oracle::Units("0".to_owned());
    }
    // Where the point stands, counted from the left of `digits`, once the unit is the smallest one.
    let point = whole.len() as i64 + exponent + scale;
    let (units, rest) = if point <= 0 {
        (String::new(), digits.clone())
    } else if point as usize >= digits.len() {
        let zeros = (point as usize - digits.len()).min(1_000);
        (format!("{digits}{}", "0".repeat(zeros)), String::new())
    } else {
        (
            digits[..point as usize].to_owned(),
            digits[point as usize..].to_owned(),
        )
    };
    if rest.bytes().any(|b| b != b'0') {
        return Oracle::TooPrecise;
    }
    let units = units.trim_start_matches('0');
    Oracle::Units(if units.is_empty() { "0" } else { units }.to_owned())
}

/// Compares numbers written as digits without leading zeros.
fn compare_digits(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn agrees_with_the_oracle(text: &str, currency: Currency) -> TestCaseResult {
    let parsed = Money::parse(text, currency);
    match oracle(text, i64::from(currency.exponent())) {
        Oracle::NotANumber => prop_assert_eq!(parsed, Err(MoneyError::Syntax), "{}", text),
        Oracle::TooPrecise => prop_assert!(
            matches!(parsed, Err(MoneyError::TooPrecise { .. })),
            "{text} as {currency} is {parsed:?}"
        ),
        Oracle::Units(units) if text.starts_with('-') && units != "0" => {
            prop_assert_eq!(parsed, Err(MoneyError::Negative), "{}", text);
        }
        Oracle::Units(units) => {
            if compare_digits(&units, "9007199254740991") == Ordering::Greater {
                prop_assert_eq!(parsed, Err(MoneyError::TooLarge), "{}", text);
            } else {
                let minor = parsed.map(|money| money.minor().to_string());
                prop_assert_eq!(minor, Ok(units), "{}", text);
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn money_is_read_as_decimal_arithmetic_says(
        text in r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,8}0{0,4})?([eE][+-]?[0-9]{1,2})?",
        currency in any_currency(),
    ) {
        agrees_with_the_oracle(&text, currency)?;
    }

    #[test]
    fn money_around_its_largest_amount_is_exact(minor in (Money::MAX_MINOR - 50)..(Money::MAX_MINOR + 50)) {
        for code in ["JPY", "USD", "KWD", "CLF"] {
            let currency = Currency::parse(code).unwrap();
            let digits = minor.to_string();
            let at = digits.len() - usize::from(currency.exponent());
            let text = format!("{}.{}0", &digits[..at], &digits[at..]);
            agrees_with_the_oracle(&text, currency)?;
        }
    }

    #[test]
    fn what_is_no_number_is_never_taken(text in r"[-+0-9.eE x,٣]{0,12}", currency in any_currency()) {
        agrees_with_the_oracle(&text, currency)?;
    }

    #[test]
    fn money_is_printed_as_it_is_read(minor in 0..=Money::MAX_MINOR, currency in any_currency()) {
        let money = Money::new(minor, currency).unwrap();
        let text = money.to_string();
        prop_assert_eq!(Money::parse(&text, currency), Ok(money));
        let fraction = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        prop_assert_eq!(fraction, usize::from(currency.exponent()), "{}", text);
    }
}
