//! Commands to place, as the behaviours need them: plain, full, large, with any text.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{
    Currency, ExternalId, Line, Metadata, Money, PlaceOrder, ProductName, Sku, Source, UserId,
};

/// A user id.
#[must_use]
pub fn user(text: &str) -> UserId {
    UserId::new(text).expect("the suite's user ids are valid")
}

/// An external id.
#[must_use]
pub fn external_id(text: &str) -> ExternalId {
    ExternalId::new(text).expect("the suite's external ids are valid")
}

/// An amount of USD.
#[must_use]
pub fn dollars(minor: u64) -> Money {
    Money::new(minor, Currency::USD).expect("the suite's amounts are within bounds")
}

/// An amount alone, of `user_id`.
#[must_use]
pub fn plain(user_id: &str, minor: u64) -> PlaceOrder {
    PlaceOrder {
        user_id: user(user_id),
        external_id: None,
        source: Source::Api,
        amount: dollars(minor),
        lines: Arc::from([]),
        metadata: Arc::new(Metadata::default()),
    }
}

/// As [`plain`], with the client's own number.
#[must_use]
pub fn numbered(user_id: &str, minor: u64, number: &str) -> PlaceOrder {
    PlaceOrder {
        external_id: Some(external_id(number)),
        ..plain(user_id, minor)
    }
}

/// A line.
#[must_use]
pub fn line(sku: Option<&str>, product_name: &str, quantity: u32, unit_price_minor: u64) -> Line {
    Line {
        sku: sku.map(|sku| Sku::new(sku).expect("the suite's SKUs are valid")),
        product_name: ProductName::new(product_name).expect("the suite's product names are valid"),
        quantity,
        unit_price_minor,
    }
}

/// An order of these lines; its amount is their sum.
#[must_use]
pub fn of_lines(user_id: &str, lines: Vec<Line>) -> PlaceOrder {
    let sum = lines
        .iter()
        .map(|line| u64::from(line.quantity) * line.unit_price_minor)
        .sum();
    PlaceOrder {
        amount: dollars(sum),
        lines: Arc::from(lines),
        ..plain(user_id, 0)
    }
}

/// Metadata of these pairs.
#[must_use]
pub fn metadata(pairs: &[(&str, &str)]) -> Arc<Metadata> {
    let pairs: BTreeMap<String, String> = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Arc::new(Metadata::new(pairs).expect("the suite's metadata is valid"))
}

/// An order with something in every field.
#[must_use]
pub fn full(user_id: &str, number: &str) -> PlaceOrder {
    let lines = vec![
        line(Some("KB-1"), "Mechanical Keyboard", 2, 14_999),
        line(None, "Bügel & Söhne — «Ωmega» 😀", 1_000_000, 1),
    ];
    PlaceOrder {
        external_id: Some(external_id(number)),
        source: Source::Mobile,
        metadata: metadata(&[("campaign", "black\tfriday\r\n2026"), ("empty", "")]),
        ..of_lines(user_id, lines)
    }
}
