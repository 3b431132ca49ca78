//! Decimal numbers as people and JSON write them, read from their text into integers of a smallest unit.
//! No float is ever involved, and nothing is ever rounded.

/// Why a text is not a usable decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not of the form `-?digits[.digits][e[+-]digits]`.
    #[error("is not a decimal number")]
    Syntax,
    /// More digits after the point than the unit has, and not all of them zero.
    #[error("has more digits after the point than allowed")]
    TooPrecise,
    /// Beyond what an `i64` of the smallest unit can hold.
    #[error("is too large")]
    TooLarge,
}

/// Reads a decimal such as `149.99`, `-3` or `1.5e2` as an integer of units of 10^-`scale`.
///
/// The grammar is JSON's number (RFC 8259, section 6) with leading zeros and a leading `+` refused, as there.
///
/// # Errors
/// See [`DecimalError`]; nothing is rounded: `0.001` at scale 2 is [`DecimalError::TooPrecise`], `0.010` is 1.
pub fn parse(text: &str, scale: u8) -> Result<i64, DecimalError> {
    let (negative, rest) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], read_exponent(&rest[at + 1..])?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(DecimalError::Syntax),
        Some((whole, fraction)) => (whole, fraction),
        None => (mantissa, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty()
        || !all_digits(whole)
        || !all_digits(fraction)
        || (whole.len() > 1 && whole.starts_with('0'))
    {
        return Err(DecimalError::Syntax);
    }
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().all(|b| b == b'0') {
        return Ok(0);
    }
    // The value in units is the digits as one integer, times 10^shift.
    let shift = i64::from(scale) + exponent
        - i64::try_from(fraction.len()).map_err(|_| DecimalError::TooPrecise)?;
    let trailing_zeros =
        i64::try_from(digits().rev().take_while(|b| *b == b'0').count()).unwrap_or(i64::MAX);
    if shift + trailing_zeros < 0 {
        return Err(DecimalError::TooPrecise);
    }
    let kept =
        whole.len() + fraction.len() - usize::try_from((-shift).max(0)).unwrap_or(usize::MAX);
    let mut units: i64 = 0;
    for digit in digits().take(kept) {
        units = push_digit(units, digit - b'0')?;
    }
    for _ in 0..shift.max(0) {
        units = push_digit(units, 0)?;
    }
    Ok(if negative { -units } else { units })
}

/// The exponent, held within bounds that are far beyond every usable number.
fn read_exponent(text: &str) -> Result<i64, DecimalError> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Syntax);
    }
    Ok(sign * digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000))
}

fn push_digit(units: i64, digit: u8) -> Result<i64, DecimalError> {
    units
        .checked_mul(10)
        .and_then(|tens| tens.checked_add(i64::from(digit)))
        .ok_or(DecimalError::TooLarge)
}

/// Appends `units` of 10^-`scale` as a decimal with exactly `scale` digits after the point.
pub fn write(out: &mut impl std::fmt::Write, units: i64, scale: u8) -> std::fmt::Result {
    if scale == 0 {
        return write!(out, "{units}");
    }
    let divisor = 10_u64.pow(u32::from(scale));
    let sign = if units < 0 { "-" } else { "" };
    let magnitude = units.unsigned_abs();
    write!(
        out,
        "{sign}{}.{:0width$}",
        magnitude / divisor,
        magnitude % divisor,
        width = usize::from(scale)
    )
}

#[cfg(test)]
mod tests {
    use super::{DecimalError, parse};

    #[test]
    fn reads_what_json_allows_and_nothing_else() {
        assert_eq!(parse("149.99", 2), Ok(14_999));
        assert_eq!(parse("149.9900", 2), Ok(14_999));
        assert_eq!(parse("-0.05", 2), Ok(-5));
        assert_eq!(parse("1.5e2", 0), Ok(150));
        assert_eq!(parse("15000e-2", 0), Ok(150));
        assert_eq!(parse("0e99999999999999999999", 2), Ok(0));
        for text in [
            "", "-", "+1", ".5", "1.", "01", "1e", "1e+", "0x10", "1,5", "NaN", "Infinity", "1 ",
            "--1", "1.-1",
        ] {
            assert_eq!(parse(text, 2), Err(DecimalError::Syntax), "{text:?}");
        }
    }

    #[test]
    fn never_rounds_and_never_overflows() {
        assert_eq!(parse("0.001", 2), Err(DecimalError::TooPrecise));
        assert_eq!(parse("1e-3", 2), Err(DecimalError::TooPrecise));
        assert_eq!(parse("1e-999999999999", 2), Err(DecimalError::TooPrecise));
        assert_eq!(parse("1e99", 2), Err(DecimalError::TooLarge));
        assert_eq!(
            parse("92233720368547758.08", 2),
            Err(DecimalError::TooLarge)
        );
        assert_eq!(parse("92233720368547758.07", 2), Ok(i64::MAX));
    }
}
