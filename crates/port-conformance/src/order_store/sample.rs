//! The commands that the behaviours place (plain, full, large, with any text) and the causes that they record.

use std::collections::BTreeMap;
use std::sync::Arc;

use application::ports::Ids as _;
use application::system::SystemIds;
use domain::{
    Actor, Adjustment, AdjustmentKind, Cause, Currency, ExternalId, Label, Line, Metadata, Money,
    PlaceOrder, ProductName, Quantity, Reason, ReceiptTemplate, RequestId, Sku, Source, Timestamp,
    Trace, UserId,
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

/// A point in time.
#[must_use]
pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("the suite's times are valid")
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
        adjustments: Arc::from([]),
        metadata: Arc::new(Metadata::default()),
        process_after: None,
        receipt_template: ReceiptTemplate::Standard,
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

/// As [`plain`], not to be processed before `time`.
#[must_use]
pub fn later(user_id: &str, minor: u64, time: Timestamp) -> PlaceOrder {
    PlaceOrder {
        process_after: Some(time),
        ..plain(user_id, minor)
    }
}

/// A line of whole pieces; its total is the exact product.
#[must_use]
pub fn line(sku: Option<&str>, product_name: &str, pieces: u32, unit_price_minor: u64) -> Line {
    let quantity = Quantity::whole(pieces).expect("the suite's quantities are within bounds");
    let total = Line::exact_total(quantity, unit_price_minor);
    priced(
        sku,
        product_name,
        pieces * Quantity::PER_WHOLE,
        Some(unit_price_minor),
        total.expect("the suite's line totals are within bounds"),
    )
}

/// A line of so many thousandths, with a total of its own.
#[must_use]
pub fn priced(
    sku: Option<&str>,
    product_name: &str,
    thousandths: u32,
    unit_price_minor: Option<u64>,
    total_minor: u64,
) -> Line {
    Line {
        sku: sku.map(|sku| Sku::new(sku).expect("the suite's SKUs are valid")),
        product_name: ProductName::new(product_name).expect("the suite's product names are valid"),
        quantity: Quantity::from_thousandths(thousandths)
            .expect("the suite's quantities are within bounds"),
        unit_price_minor,
        total_minor,
    }
}

/// An order of these lines; its amount is their sum.
#[must_use]
pub fn of_lines(user_id: &str, lines: Vec<Line>) -> PlaceOrder {
    of_lines_and(user_id, lines, Vec::new())
}

/// An order of these lines and adjustments; its amount is the sum of all that is not included.
#[must_use]
pub fn of_lines_and(user_id: &str, lines: Vec<Line>, adjustments: Vec<Adjustment>) -> PlaceOrder {
    let totals: i128 = lines.iter().map(|line| i128::from(line.total_minor)).sum();
    let added: i128 = adjustments
        .iter()
        .filter(|adjustment| !adjustment.included)
        .map(|adjustment| i128::from(adjustment.amount_minor))
        .sum();
    let sum = u64::try_from(totals + added).expect("the suite's sums are within bounds");
    PlaceOrder {
        amount: dollars(sum),
        lines: Arc::from(lines),
        adjustments: Arc::from(adjustments),
        ..plain(user_id, 0)
    }
}

/// An adjustment that is added to the sum.
#[must_use]
pub fn adjustment(kind: AdjustmentKind, label: Option<&str>, amount_minor: i64) -> Adjustment {
    Adjustment {
        kind,
        label: label.map(|label| Label::new(label).expect("the suite's labels are valid")),
        amount_minor,
        included: false,
    }
}

/// One adjustment of each kind, with and without labels, of both signs, and a tax that the prices contain.
#[must_use]
pub fn adjustments() -> Vec<Adjustment> {
    let mut adjustments = vec![
        adjustment(AdjustmentKind::Discount, Some("SPRING «20 %» 😀"), -2_000),
        adjustment(AdjustmentKind::Shipping, None, 600),
        adjustment(AdjustmentKind::Fee, Some("gift wrap"), 0),
        adjustment(AdjustmentKind::Tip, None, 250),
        adjustment(AdjustmentKind::Rounding, Some("to 5 cents"), -2),
        adjustment(AdjustmentKind::Rounding, None, 1),
        adjustment(AdjustmentKind::Other, Some("deposit"), 1_500),
        adjustment(AdjustmentKind::Tax, Some("sales tax"), 725),
    ];
    adjustments.push(Adjustment {
        included: true,
        ..adjustment(AdjustmentKind::Tax, Some("VAT 19 %"), 4_789)
    });
    adjustments
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

/// An order with something in every field. Its `process_after` has passed, so that it is due at once.
#[must_use]
pub fn full(user_id: &str, number: &str) -> PlaceOrder {
    let lines = vec![
        line(Some("KB-1"), "Mechanical Keyboard", 2, 14_999),
        line(None, "Bügel & Söhne — «Ωmega» 😀", 1_000_000, 1),
        priced(Some("APPLE"), "Apples, by weight", 485, Some(219), 106),
        priced(None, "Three for twenty", 3_000, Some(667), 2_000),
        priced(Some("SET"), "A set that has a total alone", 1_500, None, 99),
        priced(None, "A free sample", 1, Some(0), 0),
    ];
    PlaceOrder {
        external_id: Some(external_id(number)),
        source: Source::Mobile,
        metadata: metadata(&[("campaign", "black\tfriday\r\n2026"), ("empty", "")]),
        process_after: Some(time("2010-06-01T00:00:00.001Z")),
        receipt_template: ReceiptTemplate::Orderflow,
        ..of_lines_and(user_id, lines, adjustments())
    }
}

/// A cause with something in every field, different at each call.
#[must_use]
pub fn cause() -> Cause {
    let random = SystemIds.random();
    let request_id = format!("req-{random:x}");
    let reason = format!("the customer called («{random}») 😀");
    Cause {
        trace: Trace {
            request_id: Some(RequestId::new(&request_id).expect("a valid request id")),
            trace_id: Some(Arc::from(format!("{random:016x}{random:016x}"))),
            span_id: Some(Arc::from(format!("{random:016x}"))),
        },
        actor: Some(Actor::new("support@example.com | Jürgen").expect("a valid actor")),
        reason: Some(Reason::new(&reason).expect("a valid reason")),
    }
}
