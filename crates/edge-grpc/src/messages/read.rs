//! Reading messages: all faults of one at once, with pointers as the domain makes them.

use std::borrow::Cow;

use application::BatchRow;
use application::ports::ListFilter;
use domain::{
    Currency, ExternalId, Fault, Given, IdempotencyKey, LineDraft, OrderDraft, OrderId, PlaceOrder,
    Source, Status, Timestamp, UserId, decimal,
};
use proto::ordermill::v1 as pb;

use crate::refusal::Refusal;

/// What is wrong with a message so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn push(
        &mut self,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) {
        self.0.push(Fault::new(pointer, code, detail));
    }

    /// The end of a reading that made `value`, which is only missing where there are faults.
    pub(crate) fn all_good<T>(self, value: Option<T>) -> Result<T, Refusal> {
        match value {
            Some(value) => self.finish().map(|()| value),
            None => Err(Refusal::invalid(self.0)),
        }
    }

    /// The end of the reading.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::invalid(self.0))
        }
    }
}

/// A new order, with its key.
pub(crate) fn read_order(
    message: pb::CreateOrderRequest,
    default_currency: Currency,
) -> Result<(PlaceOrder, Option<IdempotencyKey>), Refusal> {
    let mut faults = Vec::new();
    let key = message.idempotency_key.and_then(|text| {
        IdempotencyKey::new(&text)
            .map_err(|error| {
                faults.push(Fault::new(
                    "/idempotency_key",
                    error.code(),
                    error.to_string(),
                ));
            })
            .ok()
    });
    let (currency, exponent) = currency_of(
        message.amount.as_ref(),
        &message.lines,
        default_currency,
        &mut faults,
    );
    let decimal = |money: Option<pb::Money>| decimal_of(money, exponent);
    let draft = OrderDraft {
        user_id: text(message.user_id),
        external_id: Given::from(message.external_id.map(Cow::Owned)),
        source: source(message.source, &mut faults),
        currency,
        amount: decimal(message.amount),
        lines: Given::Value(
            message
                .lines
                .into_iter()
                .map(|line| LineDraft {
                    sku: Given::from(line.sku.map(Cow::Owned)),
                    product_name: text(line.product_name),
                    quantity: Given::Value(Cow::Owned(line.quantity.to_string())),
                    unit_price: decimal(line.unit_price),
                })
                .collect(),
        ),
        metadata: Given::Value(message.metadata),
    };
    match PlaceOrder::check(draft, default_currency, &mut faults) {
        Some(command) => Ok((command, key)),
        None => Err(Refusal::invalid(faults)),
    }
}

/// A new order of many.
pub(crate) fn read_batch_row(
    message: pb::CreateOrderRequest,
    default_currency: Currency,
) -> Result<BatchRow, Refusal> {
    let (command, key) = read_order(message, default_currency)?;
    Ok(BatchRow {
        command,
        key,
        history: None,
    })
}

/// An empty text is one that was not given: protobuf cannot tell them apart.
fn text(text: String) -> Given<Cow<'static, str>> {
    if text.is_empty() {
        Given::Missing
    } else {
        Given::Value(Cow::Owned(text))
    }
}

/// The domain reads decimals, so that all edges are read alike.
fn decimal_of(money: Option<pb::Money>, exponent: u8) -> Given<Cow<'static, str>> {
    let Some(money) = money else {
        return Given::Missing;
    };
    let mut text = String::with_capacity(24);
    decimal::write(&mut text, money.minor_units, exponent).expect("a String takes every write");
    Given::Value(Cow::Owned(text))
}

/// Finds the currency that the first amount names, and its digits after the point (two where it is none); every amount
/// that names another is a fault.
fn currency_of(
    amount: Option<&pb::Money>,
    lines: &[pb::Line],
    default_currency: Currency,
    faults: &mut Vec<Fault>,
) -> (Given<Cow<'static, str>>, u8) {
    let prices = || lines.iter().map(|line| line.unit_price.as_ref());
    let first = amount
        .filter(|money| names_currency(money))
        .or_else(|| prices().flatten().find(|money| names_currency(money)));
    let Some(first) = first else {
        return (Given::Missing, default_currency.exponent());
    };
    for (index, price) in prices().enumerate() {
        if price.is_some_and(|money| names_currency(money) && money.currency != first.currency) {
            faults.push(Fault::new(
                format!("/lines/{index}/unit_price/currency"),
                "another_currency",
                "is not the currency of the order's other amounts",
            ));
        }
    }
    match Currency::parse(&first.currency) {
        Ok(currency) => (
            Given::Value(Cow::Owned(first.currency.clone())),
            currency.exponent(),
        ),
        Err(error) => {
            let place = if amount.is_some_and(names_currency) {
                "/amount/currency".to_owned()
            } else {
                let index = prices().position(|price| price.is_some_and(names_currency));
                format!("/lines/{}/unit_price/currency", index.unwrap_or_default())
            };
            faults.push(Fault::new(place, "unknown_value", error.to_string()));
            (Given::Faulty, 2)
        }
    }
}

const fn names_currency(money: &pb::Money) -> bool {
    !money.currency.is_empty()
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
                "is no source that this server knows",
            ));
            Given::Faulty
        }
    }
}

/// The numbers of the enums are those that stores keep: a test holds them together.
fn known_source(number: i32) -> Option<Source> {
    Source::from_code(u8::try_from(number).ok()?)
}

fn known_status(number: i32) -> Option<Status> {
    Status::from_code(u8::try_from(number).ok()?)
}

/// An order's id.
pub(crate) fn read_order_id(text: &str, faults: &mut Faults) -> Option<OrderId> {
    if text.is_empty() {
        faults.push("/order_id", "required", "is required");
        return None;
    }
    OrderId::parse(text)
        .map_err(|error| faults.push("/order_id", "invalid", error.to_string()))
        .ok()
}

/// A status that must be given.
pub(crate) fn read_status(number: i32, faults: &mut Faults) -> Option<Status> {
    let status = known_status(number);
    if status.is_none() {
        let (code, detail) = if number == pb::Status::Unspecified as i32 {
            ("required", "is required")
        } else {
            ("unknown_value", "is no status that this server knows")
        };
        faults.push("/status", code, detail);
    }
    status
}

/// What a list shows.
pub(crate) fn read_filter(message: &pb::ListOrdersRequest, faults: &mut Faults) -> ListFilter {
    let user_id = message.user_id.as_deref().and_then(|text| {
        UserId::new(text)
            .map_err(|error| faults.push("/user_id", error.code(), error.to_string()))
            .ok()
    });
    let external_id = message.external_id.as_deref().and_then(|text| {
        ExternalId::new(text)
            .map_err(|error| faults.push("/external_id", error.code(), error.to_string()))
            .ok()
    });
    let status = if message.status == pb::Status::Unspecified as i32 {
        None
    } else {
        read_status(message.status, faults)
    };
    let source = known_source(message.source);
    if source.is_none() && message.source != pb::Source::Unspecified as i32 {
        faults.push(
            "/source",
            "unknown_value",
            "is no source that this server knows",
        );
    }
    let text_prefix = message.text_prefix.clone();
    if text_prefix
        .as_deref()
        .is_some_and(|text| text.is_empty() || text.chars().count() > 255)
    {
        faults.push("/text_prefix", "invalid", "must have 1 to 255 characters");
    }
    let created_from = time(message.created_from.as_ref(), "/created_from", faults);
    let created_to = time(message.created_to.as_ref(), "/created_to", faults);
    if created_from > created_to && created_to.is_some() {
        faults.push(
            "/created_from",
            "out_of_range",
            "must not be after created_to",
        );
    }
    ListFilter {
        user_id,
        external_id,
        status,
        source,
        created_from,
        created_to,
        text_prefix,
        failure_code: None,
    }
}

fn time(
    given: Option<&prost_types::Timestamp>,
    pointer: &str,
    faults: &mut Faults,
) -> Option<Timestamp> {
    let given = given?;
    let nanos = u64::try_from(given.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000);
    let ms = u64::try_from(given.seconds)
        .ok()
        .and_then(|seconds| seconds.checked_mul(1000)?.checked_add(nanos? / 1_000_000));
    let read = ms.and_then(|ms| Timestamp::from_millis(ms).ok());
    if read.is_none() {
        faults.push(
            pointer,
            "invalid",
            "is not a time between 1970 and 9999-12-30",
        );
    }
    read
}

#[cfg(test)]
mod tests {
    use domain::{Source, Status};
    use proto::ordermill::v1 as pb;

    use super::{known_source, known_status};

    #[test]
    fn the_numbers_of_statuses_and_sources_are_the_domain_s() {
        for status in Status::ALL {
            let named = pb::Status::from_str_name(&format!("STATUS_{}", status.as_str())).unwrap();
            assert_eq!(known_status(named as i32), Some(status));
        }
        for source in Source::ALL {
            let name = format!("SOURCE_{}", source.as_str().to_uppercase());
            let named = pb::Source::from_str_name(&name).unwrap();
            assert_eq!(known_source(named as i32), Some(source));
        }
        for unknown in [-1, 0, 8, 256, i32::MAX] {
            assert_eq!((known_status(unknown), known_source(unknown)), (None, None));
        }
    }
}
