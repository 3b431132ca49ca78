//! A checked order as the row of a batch, which is what the importer sends. The opposite of `read::order`.

use domain::{History, Money, PlaceOrder};
use serde_json::{Map, Value, json};

/// A checked order as the row of a batch. Amounts are texts, so that no program on their way makes floats of them; a reader
/// takes the currency's digits from them.
#[must_use]
pub fn batch_row(order: &PlaceOrder, key: Option<&str>, history: Option<&History>) -> String {
    let currency = order.amount.currency();
    let amount = |minor: u64| {
        Money::new(minor, currency)
            .map(|money| money.to_string())
            .unwrap_or_default()
    };
    let signed = |minor: i64| {
        let sign = if minor < 0 { "-" } else { "" };
        format!("{sign}{}", amount(minor.unsigned_abs()))
    };
    let lines = order.lines.iter().map(|line| {
        json!({
            "sku": line.sku.as_ref().map(|sku| sku.as_str()),
            "product_name": line.product_name.as_str(),
            "quantity": line.quantity.to_string(),
            "unit_price": line.unit_price_minor.map(amount),
            "total": amount(line.total_minor),
        })
    });
    let adjustments = order.adjustments.iter().map(|adjustment| {
        json!({
            "kind": adjustment.kind.as_str(),
            "label": adjustment.label.as_ref().map(|label| label.as_str()),
            "amount": signed(adjustment.amount_minor),
            "included": adjustment.included,
        })
    });
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| {
        members.insert(name.to_owned(), value);
    };
    set("user_id", json!(order.user_id.as_str()));
    if let Some(external_id) = &order.external_id {
        set("external_id", json!(external_id.as_str()));
    }
    set("source", json!(order.source.as_str()));
    set("currency", json!(currency.code()));
    set("amount", json!(order.amount.to_string()));
    set("lines", lines.collect());
    set("adjustments", adjustments.collect());
    set("metadata", json!(order.metadata.pairs()));
    if let Some(at) = order.process_after {
        set("process_after", json!(at.to_string()));
    }
    if let Some(key) = key {
        set("idempotency_key", json!(key));
    }
    if let Some(history) = history {
        let created_at = history.created_at.to_string();
        set(
            "history",
            json!({"status": history.status.status().as_str(), "created_at": created_at}),
        );
    }
    Value::Object(members).to_string()
}
