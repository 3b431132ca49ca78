//! What was ordered, and why an order failed, as JSON. Orders and events both show it.

use domain::{Adjustment, Currency, Failure, Line, Order};

use super::value::{
    write_amount, write_displayed, write_minor, write_number, write_text, write_text_or_null,
    write_time_or_null,
};

/// Appends what was ordered, as the members `currency`, `amount`, `lines`, `adjustments`, `metadata` and `process_after`
/// of an object that the caller has begun.
pub fn write_contents(order: &Order, out: &mut Vec<u8>) {
    let currency = order.amount.currency();
    out.extend_from_slice(b"\"currency\":\"");
    out.extend_from_slice(currency.code().as_bytes());
    out.extend_from_slice(b"\",\"amount\":");
    write_amount(order.amount, out);
    out.extend_from_slice(b",\"lines\":[");
    for (index, line) in order.lines.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_line(line, currency, out);
    }
    out.extend_from_slice(b"],\"adjustments\":[");
    for (index, adjustment) in order.adjustments.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_adjustment(adjustment, currency, out);
    }
    out.extend_from_slice(b"],\"metadata\":{");
    for (index, (key, value)) in order.metadata.pairs().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(key, out);
        out.push(b':');
        write_text(value, out);
    }
    out.extend_from_slice(b"},\"process_after\":");
    write_time_or_null(order.process_after, out);
}

/// Appends `{"code": ..., "message": ...}`, or `null` if there is no failure.
pub fn write_failure(failure: Option<&Failure>, out: &mut Vec<u8>) {
    let Some(failure) = failure else {
        out.extend_from_slice(b"null");
        return;
    };
    out.extend_from_slice(b"{\"code\":");
    write_text(&failure.code, out);
    out.extend_from_slice(b",\"message\":");
    write_text(&failure.message, out);
    out.push(b'}');
}

fn write_line(line: &Line, currency: Currency, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"sku\":");
    write_text_or_null(line.sku.as_ref().map(domain::Sku::as_str), out);
    out.extend_from_slice(b",\"product_name\":");
    write_text(line.product_name.as_str(), out);
    out.extend_from_slice(b",\"quantity\":");
    match line.quantity.as_whole() {
        Some(pieces) => write_number(u64::from(pieces), out),
        None => write_displayed(&line.quantity, out),
    }
    out.extend_from_slice(b",\"unit_price\":");
    match line.unit_price_minor {
        Some(minor) => write_minor(minor, currency, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"total\":");
    write_minor(line.total_minor, currency, out);
    out.push(b'}');
}

fn write_adjustment(adjustment: &Adjustment, currency: Currency, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"kind\":\"");
    out.extend_from_slice(adjustment.kind.as_str().as_bytes());
    out.extend_from_slice(b"\",\"label\":");
    write_text_or_null(adjustment.label.as_ref().map(domain::Label::as_str), out);
    out.extend_from_slice(b",\"amount\":");
    if adjustment.amount_minor < 0 {
        out.push(b'-');
    }
    write_minor(adjustment.amount_minor.unsigned_abs(), currency, out);
    out.extend_from_slice(b",\"included\":");
    out.extend_from_slice(if adjustment.included {
        b"true"
    } else {
        b"false"
    });
    out.push(b'}');
}
