//! Values as JSON: texts, numbers, amounts and times. Every other writer is made of them.

use std::io::Write as _;

use domain::{Currency, Money, Timestamp};

/// Appends a time as a JSON string, or `null`.
pub(super) fn write_time_or_null(time: Option<Timestamp>, out: &mut Vec<u8>) {
    match time {
        Some(time) => {
            out.push(b'"');
            write_displayed(&time, out);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a JSON string, or `null`.
pub fn write_text_or_null(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => write_text(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a JSON string with what RFC 8259 wants escaped, and nothing more.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..at]);
        plain_from = at + 1;
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.extend_from_slice(&bytes[plain_from..]);
    out.push(b'"');
}

/// Appends an amount as a JSON number with exactly the digits of its currency.
pub fn write_amount(amount: Money, out: &mut Vec<u8>) {
    write_minor(amount.minor(), amount.currency(), out);
}

/// Appends an amount in minor units as a JSON number with exactly the digits of its currency.
pub(super) fn write_minor(minor: u64, currency: Currency, out: &mut Vec<u8>) {
    let exponent = usize::from(currency.exponent());
    let divisor = 10_u64.pow(u32::from(currency.exponent()));
    write_number(minor / divisor, out);
    if exponent > 0 {
        out.push(b'.');
        let from = out.len();
        out.resize(from + exponent, b'0');
        let mut fraction = minor % divisor;
        for digit in out[from..].iter_mut().rev() {
            *digit = b'0' + u8::try_from(fraction % 10).unwrap_or_default();
            fraction /= 10;
        }
    }
}

/// Appends a whole number.
pub(super) fn write_number(mut number: u64, out: &mut Vec<u8>) {
    // 20 digits hold every u64.
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends the text of `value`, which must need no escapes.
pub(super) fn write_displayed(value: &impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing into a Vec cannot fail, and what is written here can always be shown.
    let _ = write!(out, "{value}");
}
