//! Arbitrary orders, commands and events, within the rules of the domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use application::ports::SequencedEvent;
use domain::{
    Actor, Adjustment, AdjustmentKind, Cause, Currency, Event, EventType, ExternalId, Failure,
    Label, Line, Metadata, Money, Order, OrderId, PlaceOrder, ProductName, Quantity, Reason,
    ReceiptForm, ReceiptLocation, ReceiptTemplate, RequestId, Seq, Sku, Source, Status, Timestamp,
    Trace, UserId, Version,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// A text that the constructor of `T` takes: any characters but controls, not blank.
fn text<T: std::fmt::Debug + 'static>(
    new: impl Fn(&str) -> Option<T> + 'static,
) -> impl Strategy<Value = T> {
    "\\PC{0,40}[a-zü😀]".prop_filter_map("a valid text", move |text| new(&text))
}

pub fn user() -> impl Strategy<Value = UserId> {
    text(|text| UserId::new(text).ok())
}

pub fn external_id() -> impl Strategy<Value = ExternalId> {
    text(|text| ExternalId::new(text).ok())
}

pub fn reason() -> impl Strategy<Value = Reason> {
    text(|text| Reason::new(text).ok())
}

pub fn actor() -> impl Strategy<Value = Actor> {
    text(|text| Actor::new(text).ok())
}

pub fn time() -> impl Strategy<Value = Timestamp> {
    (0..=253_402_207_200_000_u64).prop_map(|ms| Timestamp::from_millis(ms).unwrap())
}

pub fn id() -> impl Strategy<Value = OrderId> {
    any::<[u8; 16]>().prop_map(OrderId::from_bytes)
}

pub fn version() -> impl Strategy<Value = Version> {
    (1..=u32::MAX).prop_map(|number| Version::from_number(number).unwrap())
}

pub fn source() -> impl Strategy<Value = Source> {
    select(&Source::ALL[..])
}

pub fn status() -> impl Strategy<Value = Status> {
    select(&Status::ALL[..])
}

fn currency() -> impl Strategy<Value = Currency> {
    select(vec!["JPY", "USD", "EUR", "KWD", "CLF", "DEM"])
        .prop_map(|code| Currency::parse_any(code).unwrap())
}

/// A line whose prices agree: its total is the rounded product, or there is no unit price.
fn line() -> impl Strategy<Value = Line> {
    let sku = option::of(text(|text| Sku::new(text).ok()));
    let product_name = text(|text| ProductName::new(text).ok());
    let prices = (1..=1_000_000_u32, 0..=10_000_000_u64, any::<bool>());
    (sku, product_name, prices).prop_map(|(sku, product_name, prices)| {
        let (thousandths, unit_price_minor, has_unit_price) = prices;
        Line {
            sku,
            product_name,
            quantity: Quantity::from_thousandths(thousandths).unwrap(),
            unit_price_minor: has_unit_price.then_some(unit_price_minor),
            total_minor: (u64::from(thousandths) * unit_price_minor + 500) / 1000,
        }
    })
}

fn adjustment() -> impl Strategy<Value = Adjustment> {
    let kind = select(&AdjustmentKind::ALL[..]);
    let label = option::of(text(|text| Label::new(text).ok()));
    (kind, label, 0..=1_000_000_i64, any::<bool>()).prop_map(
        |(kind, label, magnitude, is_special)| Adjustment {
            kind,
            label,
            amount_minor: match kind {
                AdjustmentKind::Discount => -magnitude,
                AdjustmentKind::Rounding | AdjustmentKind::Other if is_special => -magnitude,
                _ => magnitude,
            },
            included: kind == AdjustmentKind::Tax && is_special,
        },
    )
}

fn metadata() -> impl Strategy<Value = Arc<Metadata>> {
    let pairs = btree_map("[a-zü]{1,12}", "(\\PC|\t|\r|\n){0,30}", 0..5);
    pairs.prop_filter_map("valid metadata", |pairs: BTreeMap<String, String>| {
        Metadata::new(pairs).ok().map(Arc::new)
    })
}

/// Any command: lines with their sum, or an amount alone.
pub fn command() -> impl Strategy<Value = PlaceOrder> {
    let names = (user(), option::of(external_id()), source());
    let amount = (0..=Money::MAX_MINOR, currency());
    let content = (vec(line(), 0..4), vec(adjustment(), 0..4), metadata());
    let template = select(vec![ReceiptTemplate::Standard, ReceiptTemplate::Orderflow]);
    (names, amount, content, option::of(time()), template).prop_filter_map(
        "adjustments that take off no more than the lines cost",
        |(names, (minor, currency), (lines, adjustments, metadata), process_after, template)| {
            let sum = domain::place::sum_minor(&lines, &adjustments);
            let minor = if lines.is_empty() {
                minor
            } else {
                u64::try_from(sum).ok()?
            };
            Some(PlaceOrder {
                user_id: names.0,
                external_id: names.1,
                source: names.2,
                amount: Money::new(minor, currency).ok()?,
                lines: lines.into(),
                adjustments: adjustments.into(),
                metadata,
                process_after,
                receipt_template: template,
            })
        },
    )
}

pub fn failure() -> impl Strategy<Value = Failure> {
    ("[a-z_]{0,20}", "\\PC{0,80}").prop_map(|(code, message)| Failure::new(&code, &message))
}

/// Any order: every field of its standing is drawn by itself, also where the rules would not let it become so.
pub fn order() -> impl Strategy<Value = Arc<Order>> {
    let location = select(vec![ReceiptLocation::Rendered, ReceiptLocation::Stored]);
    let times = (time(), time(), option::of(time()), option::of(time()));
    let numbers = (
        version(),
        any::<u32>(),
        0..=domain::order::MAX_OPERATOR_COMMANDS,
    );
    let work = (
        any::<bool>(),
        option::of("\\PC{0,50}".prop_map(Arc::from)),
        option::of("\\PC{0,50}".prop_map(Arc::from)),
    );
    let standing = (status(), option::of(failure()), work);
    (command(), id(), location, times, numbers, standing).prop_map(
        |(command, id, location, times, numbers, (status, failure, work))| {
            Arc::new(Order {
                id,
                external_id: command.external_id,
                user_id: command.user_id,
                source: command.source,
                amount: command.amount,
                lines: command.lines,
                adjustments: command.adjustments,
                metadata: command.metadata,
                process_after: command.process_after,
                created_at: times.0,
                receipt: ReceiptForm {
                    template: command.receipt_template,
                    location,
                },
                status,
                version: numbers.0,
                attempt: numbers.1,
                operator_commands: numbers.2,
                failure,
                retry_at: times.2,
                busy_since: times.3,
                work_done: work.0,
                result: work.1,
                receipt_key: work.2,
                updated_at: times.1,
            })
        },
    )
}

pub fn trace() -> impl Strategy<Value = Trace> {
    let request_id = "[!-~]{1,128}".prop_map(|text| RequestId::new(&text).unwrap());
    let hexadecimal = |digits: &'static str| option::of(digits.prop_map(Arc::from));
    (
        option::of(request_id),
        hexadecimal("[0-9a-f]{32}"),
        hexadecimal("[0-9a-f]{16}"),
    )
        .prop_map(|(request_id, trace_id, span_id)| Trace {
            request_id,
            trace_id,
            span_id,
        })
}

fn cause() -> impl Strategy<Value = Cause> {
    (trace(), option::of(actor()), option::of(reason())).prop_map(|(trace, actor, reason)| Cause {
        trace,
        actor,
        reason,
    })
}

/// Any event: every field is drawn by itself.
pub fn event() -> impl Strategy<Value = SequencedEvent> {
    let position = (any::<u64>(), any::<u32>());
    let what = (
        id(),
        version(),
        select(&EventType::ALL[..]),
        option::of(user()),
    );
    let when = (
        time(),
        any::<u32>(),
        option::of(failure()),
        option::of(time()),
    );
    (position, what, when, cause(), any::<bool>()).prop_map(
        |((seq, bits), what, when, cause, history)| SequencedEvent {
            seq: Seq(seq),
            bits,
            event: Arc::new(Event {
                order_id: what.0,
                version: what.1,
                event_type: what.2,
                user_id: what.3,
                occurred_at: when.0,
                attempt: when.1,
                failure: when.2,
                retry_at: when.3,
                cause,
                history,
            }),
        },
    )
}
