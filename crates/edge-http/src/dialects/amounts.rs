//! Amounts as the dialects read and print them.

use domain::Currency;

/// Whether the text of a number is above zero, decided by its digits alone.
pub(super) fn is_above_zero(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    !number.starts_with('-') && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'))
}

/// Appends an amount as those systems print it: as a number without trailing zeros.
pub(super) fn write_short_amount(minor: u64, currency: Currency, out: &mut Vec<u8>) {
    let amount = domain::Money::new(minor, currency)
        .map_or_else(|_| minor.to_string(), |money| money.to_string());
    let short = if amount.contains('.') {
        amount.trim_end_matches('0').trim_end_matches('.')
    } else {
        &amount
    };
    out.extend_from_slice(short.as_bytes());
}
