//! The receipt of an order: a text made from facts of its creation alone, at a key derived from it, so that writing or
//! rendering it again gives the same bytes at the same place.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::currency::Currency;
use crate::decimal;
use crate::id::OrderId;
use crate::order::Order;
use crate::receipt_form::ReceiptTemplate;
use crate::text::UserId;

/// A receipt, ready to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// `receipts/<user_id>/<order_id>.txt`, the user id encoded.
    pub key: Arc<str>,
    /// The text, UTF-8.
    pub text: String,
}

impl Receipt {
    /// The receipt of `order`, in the order's template.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        Self {
            key: Self::key_of(&order.user_id, order.id),
            text: match order.receipt.template {
                ReceiptTemplate::Standard => standard(order),
                ReceiptTemplate::Orderflow => orderflow(order),
            },
        }
    }

    /// The key of an order's receipt. Injective: `%`, `/`, `\`, controls and the dots of a segment of dots alone are
    /// percent-encoded, other UTF-8 stays as it is.
    #[must_use]
    pub fn key_of(user: &UserId, id: OrderId) -> Arc<str> {
        let user = user.as_str();
        let only_dots = user.bytes().all(|b| b == b'.');
        let mut key = String::with_capacity(user.len() + 50);
        key.push_str("receipts/");
        for c in user.chars() {
            if c.is_control() || matches!(c, '%' | '/' | '\\') || (only_dots && c == '.') {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(key, "%{byte:02X}");
                }
            } else {
                key.push(c);
            }
        }
        let _ = write!(key, "/{id}.txt");
        Arc::from(key)
    }
}

const RULE: &str = "=====================================\n";
const THIN_RULE: &str = "-------------------------------------\n";

fn standard(order: &Order) -> String {
    let currency = order.amount.currency();
    let mut text = String::with_capacity(320 + order.lines.len() * 140);
    text.push_str("RECEIPT\n");
    text.push_str(RULE);
    field(&mut text, "Order", order.id);
    if let Some(number) = &order.external_id {
        field(&mut text, "Number", number);
    }
    field(&mut text, "Customer", &order.user_id);
    field(&mut text, "Date", created_at(order));
    text.push_str(THIN_RULE);
    for line in order.lines.iter() {
        field(&mut text, "Item", &line.product_name);
        if let Some(sku) = &line.sku {
            field(&mut text, "SKU", sku);
        }
        field(&mut text, "Quantity", line.quantity);
        if let Some(minor) = line.unit_price_minor {
            field(&mut text, "Unit price", amount(minor, currency));
        }
        field(&mut text, "Total", amount(line.total_minor, currency));
        text.push_str(THIN_RULE);
    }
    for adjustment in order.adjustments.iter() {
        let value = signed_amount(adjustment.amount_minor, currency);
        let label = adjustment
            .label
            .as_ref()
            .map_or_else(String::new, |label| format!(" ({label})"));
        let included = if adjustment.included {
            ", included in the prices"
        } else {
            ""
        };
        let kind = adjustment.kind.as_str();
        field(
            &mut text,
            "Adjustment",
            format!("{kind}{label} {value}{included}"),
        );
    }
    if !order.adjustments.is_empty() {
        text.push_str(THIN_RULE);
    }
    field(&mut text, "Amount", format!("{currency} {}", order.amount));
    text.push_str(RULE);
    text
}

/// A label, padded, and its value.
fn field(text: &mut String, label: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{label:<12} {value}");
}

/// RFC 3339 without the fraction: the 19 characters up to the seconds.
fn created_at(order: &Order) -> String {
    let full = order.created_at.to_string();
    format!("{}Z", full.get(..19).unwrap_or(&full))
}

fn amount(minor: u64, currency: Currency) -> String {
    signed_amount(i64::try_from(minor).unwrap_or(i64::MAX), currency)
}

fn signed_amount(minor: i64, currency: Currency) -> String {
    let mut text = String::new();
    let _ = decimal::write(&mut text, minor, currency.exponent());
    text
}

/// What orderflow writes, to the byte: its labels, a shard that follows from the user's first letter, and the status
/// `pending`, which its orders have when it writes the receipt.
fn orderflow(order: &Order) -> String {
    let currency = order.amount.currency();
    let price = |minor: u64| {
        let amount = amount(minor, currency);
        if currency.code() == "USD" {
            format!("${amount}")
        } else {
            format!("{currency} {amount}")
        }
    };
    let shard = if order.id.bucket().is_first_half_of_alphabet() {
        "shard1"
    } else {
        "shard2"
    };
    let mut text = String::with_capacity(420 + order.lines.len() * 120);
    text.push_str("ORDER RECEIPT\n");
    text.push_str(RULE);
    let _ = writeln!(text, "Order ID:    {}", order.id);
    let _ = writeln!(text, "User ID:     {}", order.user_id);
    let _ = writeln!(text, "Shard:       {shard}");
    text.push_str(THIN_RULE);
    for line in order.lines.iter() {
        let _ = writeln!(text, "Product:     {}", line.product_name);
        let _ = writeln!(text, "Quantity:    {}", line.quantity);
        if let Some(minor) = line.unit_price_minor {
            let _ = writeln!(text, "Unit Price:  {}", price(minor));
        }
        let _ = writeln!(text, "Total:       {}", price(line.total_minor));
        text.push_str(THIN_RULE);
    }
    if order.lines.len() != 1 {
        let _ = writeln!(text, "Order Total: {}", price(order.amount.minor()));
        text.push_str(THIN_RULE);
    }
    text.push_str("Status:      pending\n");
    let _ = writeln!(text, "Created At:  {}", created_at(order));
    text.push_str(RULE);
    text.push_str("Thank you for your order!\n");
    text
}
