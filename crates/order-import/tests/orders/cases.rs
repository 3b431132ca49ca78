//! Files in the layouts of real exports, against what they must hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::HistoryStatus;
use serde_json::Value;

use crate::run::{Outcome, import_paths};

const SHOPIFY: &str = r##"
[order]
external_id = "Name"
user_id = ["Email", "Phone"]
currency = "Currency"
amount = "Total"
source = { column = "Source", map = { web = "web", pos = "pos" }, otherwise = "import" }
created_at = { column = "Created at", format = "%Y-%m-%d %H:%M:%S %z" }
metadata = { notes = "Note Attributes" }
[line]
sku = "Lineitem sku"
product_name = "Lineitem name"
quantity = "Lineitem quantity"
unit_price = "Lineitem price"
[[adjustment]]
kind = "discount"
amount = "Discount Amount"
label = "Discount Code"
[[adjustment]]
kind = "shipping"
amount = "Shipping"
[[adjustment]]
kind = "tax"
amount = "Taxes"
[[status]]
column = "Cancelled at"
map = { "not blank" = "cancelled" }
[[status]]
column = "Financial Status"
map = { paid = "processed", refunded = "processed", pending = "pending" }
"##;

const WOOCOMMERCE: &str = r#"
[order]
external_id = "order_number"
user_id = "customer_email"
currency = "order_currency"
amount = "order_total"
created_at = { column = "order_date", format = "%Y-%m-%d %H:%M:%S", zone = "Europe/Berlin" }
[line]
sku = "sku"
product_name = "product_name"
quantity = "quantity"
total = "item_total"
[[adjustment]]
kind = "discount"
amount = "discount_total"
[[adjustment]]
kind = "shipping"
amount = "shipping_total"
[[adjustment]]
kind = "tax"
amount = "tax_total"
[status]
column = "status"
map = { completed = "processed", processing = "pending", cancelled = "cancelled" }
"#;

const TIENDANUBE: &str = r#"
encoding = "windows-1252"
decimal = ","
thousands = "."
[order]
external_id = "Número de orden"
user_id = "Email"
currency = "Moneda"
amount = "Total"
created_at = { column = "Fecha", format = "%d/%m/%Y %H:%M:%S", zone = "America/Argentina/Buenos_Aires" }
[line]
sku = "SKU"
product_name = "Nombre del producto"
quantity = "Cantidad del producto"
unit_price = "Precio del producto"
[[adjustment]]
kind = "discount"
amount = "Descuento"
[[adjustment]]
kind = "shipping"
amount = "Costo de envío"
"#;

const ROWS_APART: &str = r#"
currency = "USD"
[order]
external_id = "no"
user_id = "user"
[line]
sku = "sku"
product_name = "name"
quantity = "qty"
unit_price = "price"
"#;

const EBAY: &str = r#"
header_contains = ["Order number", "Item title"]
null = "--"
[only]
"Type" = "Order"
[order]
external_id = "Order number"
user_id = "Buyer username"
currency = "Payout currency"
amount = "Gross transaction amount"
created_at = { column = "Transaction creation date", format = "%b %d, %Y", zone = "America/Los_Angeles" }
[line]
sku = "Custom label"
product_name = "Item title"
quantity = "Quantity"
total = "Item subtotal"
[[adjustment]]
kind = "shipping"
level = "line"
amount = "Shipping and handling"
[[adjustment]]
kind = "tax"
level = "line"
amount = "eBay collected tax"
"#;

const ETSY: &str = r##"
thousands = ","
[order]
external_id = { column = "Order ID", strip_prefix = "#" }
user_id = "Buyer"
currency = "Currency"
created_at = { column = "Sale Date", format = "%m/%d/%y", zone = "America/New_York" }
[line]
product_name = "Item Name"
quantity = "Quantity"
unit_price = "Price"
total = "Item Total"
[[adjustment]]
kind = "discount"
level = "line"
amount = "Discount Amount"
[[adjustment]]
kind = "shipping"
level = "line"
amount = "Order Shipping"
[[adjustment]]
kind = "tax"
level = "line"
amount = "Order Sales Tax"
"##;

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(name)
}

fn import_case(mapping: &str, name: &str) -> Outcome {
    import_paths(mapping, &[case(name)]).unwrap()
}

/// Each order is there with user, currency, amount and number of lines, and nothing else is.
fn assert_as_expected(name: &str, outcome: &Outcome) {
    let text = std::fs::read_to_string(case("expected.json")).unwrap();
    let all: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_str(&text).unwrap();
    let expected = &all[name];
    assert!(outcome.refused.is_empty(), "{:#?}", outcome.refused);
    assert_eq!(outcome.orders.len(), expected.len(), "{:?}", outcome.lines);
    for (number, facts) in expected {
        let ready = outcome.order(number);
        let order = &ready.order;
        if facts == "cancelled" {
            let history = ready.history.unwrap();
            assert_eq!(history.status, HistoryStatus::Cancelled, "{number}");
            continue;
        }
        assert_eq!(order.user_id.as_str(), facts["user"], "{number}");
        assert_eq!(order.amount.to_string(), facts["amount"], "{number}");
        let currency = facts
            .get("currency")
            .map_or("USD", |code| code.as_str().unwrap());
        assert_eq!(order.amount.currency().code(), currency, "{number}");
        assert_eq!(order.lines.len() as u64, facts["lines"], "{number}");
    }
}

#[test]
fn shopify_orders_keep_discounts_shipping_and_taxes() {
    let outcome = import_case(SHOPIFY, "shopify.csv");
    assert_as_expected("shopify.csv", &outcome);
    let first = outcome.order("#1001");
    let history = first.history.unwrap();
    assert_eq!(history.created_at.to_string(), "2026-04-05T17:06:21.000Z");
    assert_eq!(first.order.source.as_str(), "web");
    assert_eq!(
        first.order.metadata.pairs()["notes"],
        "gift: yes\nfloor: 3\nlift: no"
    );
    assert!(outcome.order("#1002").history.is_none());
}

#[test]
fn woocommerce_orders_have_line_totals() {
    let outcome = import_case(WOOCOMMERCE, "woocommerce.csv");
    assert_as_expected("woocommerce.csv", &outcome);
    let line = &outcome.order("5001").order.lines[0];
    assert_eq!((line.unit_price_minor, line.total_minor), (None, 6500));
}

#[test]
fn tiendanube_s_encoding_and_numbers_are_read() {
    let outcome = import_case(TIENDANUBE, "semicolon_windows_1252.csv");
    assert_as_expected("semicolon_windows_1252.csv", &outcome);
    let lines = &outcome.order("7002").order.lines;
    assert_eq!(lines[1].sku.as_ref().unwrap().as_str(), "00123");
    assert_eq!(lines[0].product_name.as_str(), "Campera ñandú");
}

#[test]
fn rows_apart_are_collected_or_refused_whole() {
    let outcome = import_case(
        &format!("rows = \"anywhere\"{ROWS_APART}"),
        "rows_apart.csv",
    );
    assert_as_expected("rows_apart.csv", &outcome);
    let outcome = import_case(ROWS_APART, "rows_apart.csv");
    let taken: Vec<&str> = outcome.orders.iter().map(|order| &*order.number).collect();
    assert_eq!((taken, outcome.refused_count), (vec!["O2", "O4"], 2));
}

#[test]
fn ebay_s_report_has_a_preamble_and_rows_that_are_no_orders() {
    let outcome = import_case(EBAY, "preamble.csv");
    assert_as_expected("preamble.csv", &outcome);
}

#[test]
fn etsy_s_amounts_have_currency_signs_and_dates_two_digit_years() {
    let outcome = import_case(ETSY, "currency_signs.csv");
    assert_as_expected("currency_signs.csv", &outcome);
    let third = &outcome.order("3812345671").order;
    assert_eq!(third.lines[0].unit_price_minor, Some(121_600));
}
