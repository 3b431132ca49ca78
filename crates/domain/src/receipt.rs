//! The receipt of an order: a text made from facts of its creation alone, at a key derived from it, so that
//! writing it again writes the same bytes at the same place.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::id::OrderId;
use crate::money::Money;
use crate::order::Order;
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
    /// The receipt of `order`.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        Self {
            key: Self::key_of(&order.user_id, order.id),
            text: text_of(order),
        }
    }

    /// Where the receipt of an order is kept. Injective: `%`, `/`, `\`, controls and the dots of a segment that is
    /// made of dots alone are percent-encoded, other UTF-8 stays as it is.
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

fn text_of(order: &Order) -> String {
    let currency = order.amount.currency();
    let price = |minor: u64| {
        let amount = Money::new(minor, currency)
            .map_or_else(|_| minor.to_string(), |money| money.to_string());
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
    // RFC 3339 without the fraction: the 19 characters up to the seconds.
    let created_at = order.created_at.to_string();
    let mut text = String::with_capacity(420 + order.lines.len() * 120);
    text.push_str("ORDER RECEIPT\n");
    text.push_str(RULE);
    let _ = writeln!(text, "Order ID:    {}", order.id);
    let _ = writeln!(text, "User ID:     {}", order.user_id);
    let _ = writeln!(text, "Shard:       {shard}");
    text.push_str(THIN_RULE);
    for line in order.lines.iter() {
        let total = u64::from(line.quantity).saturating_mul(line.unit_price_minor);
        let _ = writeln!(text, "Product:     {}", line.product_name);
        let _ = writeln!(text, "Quantity:    {}", line.quantity);
        let _ = writeln!(text, "Unit Price:  {}", price(line.unit_price_minor));
        let _ = writeln!(text, "Total:       {}", price(total));
        text.push_str(THIN_RULE);
    }
    if order.lines.len() != 1 {
        let _ = writeln!(text, "Order Total: {}", price(order.amount.minor()));
        text.push_str(THIN_RULE);
    }
    text.push_str("Status:      pending\n");
    let _ = writeln!(
        text,
        "Created At:  {}Z",
        created_at.get(..19).unwrap_or(&created_at)
    );
    text.push_str(RULE);
    text.push_str("Thank you for your order!\n");
    text
}
