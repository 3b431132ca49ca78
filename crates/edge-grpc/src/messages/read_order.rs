//! Reading new orders: all faults of a message at once, with pointers as the domain makes them.

use std::borrow::Cow;

use application::BatchRow;
use domain::{
    AdjustmentDraft, CheckRules, Currency, Fault, Given, History, HistoryStatus, IdempotencyKey,
    LineDraft, OrderDraft, PlaceOrder, decimal,
};
use proto::ordermill::v1 as pb;

use super::read::{NOT_A_TIME, known_adjustment_kind, known_source, timestamp};
use crate::refusal::Refusal;

/// A new order, with its key.
pub(crate) fn read_order(
    message: pb::CreateOrderRequest,
    default_currency: Currency,
) -> Result<(PlaceOrder, Option<IdempotencyKey>), Refusal> {
    let mut faults = Vec::new();
    if message.history.is_some() {
        faults.push(Fault::new(
            "/history",
            "not_allowed",
            "is for CreateOrders and IntakeOrders",
        ));
    }
    let rules = CheckRules::new_orders(default_currency);
    check(message, rules, faults)
}

/// A new order of many, or one of the past.
pub(crate) fn read_batch_row(
    message: pb::CreateOrderRequest,
    default_currency: Currency,
) -> Result<BatchRow, Refusal> {
    let mut faults = Vec::new();
    let given = message.history;
    let history = given.and_then(|history| read_history(&history, &mut faults));
    let rules = if given.is_some() {
        CheckRules::history(default_currency)
    } else {
        CheckRules::new_orders(default_currency)
    };
    let (command, key) = check(message, rules, faults)?;
    Ok(BatchRow {
        command,
        key,
        history,
    })
}

fn read_history(history: &pb::History, faults: &mut Vec<Fault>) -> Option<History> {
    let status = match pb::Status::try_from(history.status) {
        Ok(pb::Status::Processed) => Some(HistoryStatus::Processed),
        Ok(pb::Status::Cancelled) => Some(HistoryStatus::Cancelled),
        Ok(_) | Err(_) => {
            faults.push(Fault::new(
                "/history/status",
                "unknown_value",
                "must be STATUS_PROCESSED or STATUS_CANCELLED; place an order that is still to be processed without history",
            ));
            None
        }
    };
    let created_at = match history.created_at.as_ref().map(timestamp) {
        Some(Some(time)) => Some(time),
        Some(None) => {
            faults.push(Fault::new("/history/created_at", "invalid", NOT_A_TIME));
            None
        }
        None => {
            faults.push(Fault::new("/history/created_at", "required", "is required"));
            None
        }
    };
    Some(History {
        status: status?,
        created_at: created_at?,
    })
}

fn check(
    message: pb::CreateOrderRequest,
    rules: CheckRules,
    mut faults: Vec<Fault>,
) -> Result<(PlaceOrder, Option<IdempotencyKey>), Refusal> {
    let key = message.idempotency_key.as_deref().and_then(|text| {
        IdempotencyKey::new(text)
            .map_err(|error| {
                let detail = error.to_string();
                faults.push(Fault::new("/idempotency_key", error.code(), detail));
            })
            .ok()
    });
    let (currency, exponent) = currency_of(&message, rules.default_currency, &mut faults);
    let process_after = match message.process_after.as_ref().map(timestamp) {
        None => Given::Missing,
        Some(Some(time)) => Given::Value(Cow::Owned(time.to_string())),
        Some(None) => {
            faults.push(Fault::new("/process_after", "invalid", NOT_A_TIME));
            Given::Faulty
        }
    };
    let adjustments = message.adjustments.into_iter().enumerate();
    let adjustments = adjustments
        .map(|(index, adjustment)| adjustment_draft(index, adjustment, exponent, &mut faults))
        .collect();
    let lines = message.lines.into_iter();
    let draft = OrderDraft {
        user_id: text(message.user_id),
        external_id: Given::from(message.external_id.map(Cow::Owned)),
        source: source(message.source, &mut faults),
        currency,
        amount: decimal_of(message.amount.as_ref(), exponent),
        lines: Given::Value(lines.map(|line| line_draft(line, exponent)).collect()),
        adjustments: Given::Value(adjustments),
        metadata: Given::Value(message.metadata),
        process_after,
    };
    match PlaceOrder::check(draft, rules, &mut faults) {
        Some(command) => Ok((command, key)),
        None => Err(Refusal::invalid(faults)),
    }
}

fn line_draft(line: pb::Line, exponent: u8) -> LineDraft<'static> {
    LineDraft {
        sku: Given::from(line.sku.map(Cow::Owned)),
        product_name: text(line.product_name),
        quantity: text(line.quantity),
        unit_price: decimal_of(line.unit_price.as_ref(), exponent),
        total: decimal_of(line.total.as_ref(), exponent),
    }
}

fn adjustment_draft(
    index: usize,
    adjustment: pb::Adjustment,
    exponent: u8,
    faults: &mut Vec<Fault>,
) -> AdjustmentDraft<'static> {
    let kind = if adjustment.kind == pb::AdjustmentKind::Unspecified as i32 {
        Given::Missing
    } else if let Some(kind) = known_adjustment_kind(adjustment.kind) {
        Given::Value(Cow::Borrowed(kind.as_str()))
    } else {
        faults.push(Fault::new(
            format!("/adjustments/{index}/kind"),
            "unknown_value",
            "is not a kind that this server knows",
        ));
        Given::Faulty
    };
    AdjustmentDraft {
        kind,
        label: Given::from(adjustment.label.map(Cow::Owned)),
        amount: decimal_of(adjustment.amount.as_ref(), exponent),
        included: Given::Value(adjustment.included),
    }
}

/// An empty text is one that was not given: protobuf cannot tell them apart.
fn text(text: String) -> Given<Cow<'static, str>> {
    if text.is_empty() {
        Given::Missing
    } else {
        Given::Value(Cow::Owned(text))
    }
}

/// The domain reads decimals, so that every edge is read alike.
fn decimal_of(money: Option<&pb::Money>, exponent: u8) -> Given<Cow<'static, str>> {
    let Some(money) = money else {
        return Given::Missing;
    };
    let mut text = String::with_capacity(24);
    decimal::write(&mut text, money.minor_units, exponent).expect("a String takes every write");
    Given::Value(Cow::Owned(text))
}

/// Every amount of an order with its pointer, in the order in which they are looked at.
fn amounts(message: &pb::CreateOrderRequest) -> impl Iterator<Item = (String, &pb::Money)> {
    let amount = message.amount.iter();
    let lines = message.lines.iter().enumerate().flat_map(|(index, line)| {
        let prices = [("unit_price", &line.unit_price), ("total", &line.total)];
        prices.into_iter().filter_map(move |(field, money)| {
            Some((format!("/lines/{index}/{field}"), money.as_ref()?))
        })
    });
    let adjustments = message.adjustments.iter().enumerate();
    let adjustments = adjustments.filter_map(|(index, adjustment)| {
        let pointer = format!("/adjustments/{index}/amount");
        Some((pointer, adjustment.amount.as_ref()?))
    });
    amount
        .map(|money| ("/amount".to_owned(), money))
        .chain(lines)
        .chain(adjustments)
}

/// Finds the currency that the first amount names, and its digits after the point (two if it is none); every amount
/// that names another is a fault.
fn currency_of(
    message: &pb::CreateOrderRequest,
    default_currency: Currency,
    faults: &mut Vec<Fault>,
) -> (Given<Cow<'static, str>>, u8) {
    let mut named = amounts(message).filter(|(_, money)| !money.currency.is_empty());
    let Some((place, first)) = named.next() else {
        return (Given::Missing, default_currency.exponent());
    };
    for (pointer, money) in named {
        if money.currency != first.currency {
            faults.push(Fault::new(
                format!("{pointer}/currency"),
                "another_currency",
                "is not the currency of the order's other amounts",
            ));
        }
    }
    // Whether this order may be in a withdrawn one is for the domain to say.
    match Currency::parse_any(&first.currency) {
        Ok(currency) => (
            Given::Value(Cow::Owned(first.currency.clone())),
            currency.exponent(),
        ),
        Err(error) => {
            let detail = match Currency::of_other_case(&first.currency) {
                Some(meant) => format!("{error}; did you mean {meant}?"),
                None => error.to_string(),
            };
            faults.push(Fault::new(
                format!("{place}/currency"),
                "unknown_value",
                detail,
            ));
            (Given::Faulty, 2)
        }
    }
}

fn source(number: i32, faults: &mut Vec<Fault>) -> Given<Cow<'static, str>> {
    if number == pb::Source::Unspecified as i32 {
        return Given::Missing;
    }
    match known_source(number) {
        Some(source) => Given::Value(Cow::Borrowed(source.as_str())),
        None => {
            faults.push(Fault::new(
                "/source",
                "unknown_value",
                "is not a source that this server knows",
            ));
            Given::Faulty
        }
    }
}
