//! The command that makes an order, and the one place where untrusted input becomes one.

mod adjustment;
mod line;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use adjustment::AdjustmentDraft;
use adjustment::check_adjustments;
pub use line::LineDraft;
use line::check_lines;

use crate::adjustment::Adjustment;
use crate::currency::Currency;
use crate::fault::Fault;
use crate::money::{Money, MoneyError};
use crate::order::{Line, Source};
use crate::receipt_form::ReceiptTemplate;
use crate::text::{ExternalId, Metadata, TextError, UserId};
use crate::time::Timestamp;

/// A valid order to be: no field of it can be refused any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The user who places it.
    pub user_id: UserId,
    /// The client's own number.
    pub external_id: Option<ExternalId>,
    /// Where it came in.
    pub source: Source,
    /// Amount and currency; the sum of line totals and adjustments if there are lines.
    pub amount: Money,
    /// What is ordered.
    pub lines: Arc<[Line]>,
    /// What is added to the lines or taken off; for information only if there are no lines.
    pub adjustments: Arc<[Adjustment]>,
    /// The client's notes.
    pub metadata: Arc<Metadata>,
    /// It is not processed before this time.
    pub process_after: Option<Timestamp>,
    /// How its receipt will look. It depends on the interface that takes the order and is no part of the fingerprint.
    pub receipt_template: ReceiptTemplate,
}

/// What a check takes for granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckRules {
    /// The currency of an order that names none.
    pub default_currency: Currency,
    /// Whether currencies that ISO 4217 has withdrawn are accepted: in imported history only.
    pub accepts_withdrawn_currencies: bool,
}

impl CheckRules {
    /// The rules for new orders.
    #[must_use]
    pub const fn new_orders(default_currency: Currency) -> Self {
        Self {
            default_currency,
            accepts_withdrawn_currencies: false,
        }
    }

    /// The rules for imported history.
    #[must_use]
    pub const fn history(default_currency: Currency) -> Self {
        Self {
            default_currency,
            accepts_withdrawn_currencies: true,
        }
    }
}

/// A field as an edge found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Given<T> {
    /// Absent, or null.
    #[default]
    Missing,
    /// Present, but of a wrong type; the edge has already reported that.
    Faulty,
    /// Present.
    Value(T),
}

impl<T> Given<T> {
    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missing | Self::Faulty => None,
        }
    }
}

impl<T> From<Option<T>> for Given<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Self::Value)
    }
}

/// An order as it comes in, unchecked. Numbers are texts, so that no digit is lost on the way.
#[derive(Debug, Clone, Default)]
pub struct OrderDraft<'a> {
    /// Required.
    pub user_id: Given<Cow<'a, str>>,
    /// Optional.
    pub external_id: Given<Cow<'a, str>>,
    /// Optional; `api` by default.
    pub source: Given<Cow<'a, str>>,
    /// Optional; [`CheckRules::default_currency`] by default.
    pub currency: Given<Cow<'a, str>>,
    /// Required if there are no lines: a decimal in major units.
    pub amount: Given<Cow<'a, str>>,
    /// Required if there is no amount.
    pub lines: Given<Vec<LineDraft<'a>>>,
    /// Optional.
    pub adjustments: Given<Vec<AdjustmentDraft<'a>>>,
    /// Optional.
    pub metadata: Given<BTreeMap<String, String>>,
    /// Optional: RFC 3339.
    pub process_after: Given<Cow<'a, str>>,
}

impl PlaceOrder {
    /// Checks a draft to its end, for a receipt of the standard template. `faults` may hold what the edge found already; everything found here is added.
    /// Returns a command only if there is no fault at all.
    pub fn check(
        draft: OrderDraft<'_>,
        rules: CheckRules,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let user_id = required(draft.user_id, "/user_id", faults)
            .and_then(|text| text_field(UserId::new(&text), "/user_id", faults));
        let external_id = optional(draft.external_id, |text| {
            text_field(ExternalId::new(&text), "/external_id", faults)
        });
        let source = match draft.source {
            Given::Missing => Some(Source::Api),
            Given::Faulty => None,
            Given::Value(name) => check_source(&name, faults),
        };
        let currency = match draft.currency {
            Given::Missing => Some(rules.default_currency),
            Given::Faulty => None,
            Given::Value(code) => check_currency(&code, rules, faults),
        };
        let metadata = check_metadata(draft.metadata.value().unwrap_or_default(), faults);
        let process_after = optional(draft.process_after, |text| {
            Timestamp::parse(&text)
                .map_err(|error| {
                    faults.push(Fault::new("/process_after", "invalid", error.to_string()));
                })
                .ok()
        });
        let has_amount = !matches!(draft.amount, Given::Missing);
        let checked_currency = CheckedCurrency {
            currency: currency.unwrap_or(Currency::USD),
            is_known: currency.is_some(),
        };
        let amount = optional(draft.amount, |text| {
            checked_currency.money(&text, "/amount", faults)
        });
        let lines = match draft.lines {
            Given::Missing => Some(Vec::new()),
            Given::Faulty => None,
            Given::Value(drafts) => check_lines(drafts, checked_currency, faults),
        };
        let adjustments = match draft.adjustments {
            Given::Missing => Some(Vec::new()),
            Given::Faulty => None,
            Given::Value(drafts) => check_adjustments(drafts, checked_currency, faults),
        };
        if !has_amount && lines.as_ref().is_some_and(Vec::is_empty) {
            faults.push(Fault::new(
                "",
                "required",
                "needs either lines or an amount",
            ));
        }
        let amount = match (amount, lines.as_deref(), adjustments.as_deref()) {
            (amount, Some([]), _) => amount.flatten(),
            // Also beside an amount that is faulty itself: a client sees all faults at once.
            (amount, Some(lines), Some(adjustments)) => {
                let amount = amount.flatten();
                check_sum(lines, adjustments, amount, checked_currency, faults)
            }
            (_, _, _) => None,
        };
        if !faults.is_empty() {
            return None;
        }
        Some(Self {
            user_id: user_id?,
            external_id: external_id?,
            source: source?,
            amount: amount?,
            lines: Arc::from(lines?),
            adjustments: Arc::from(adjustments?),
            metadata: Arc::new(metadata?),
            process_after: process_after?,
            receipt_template: ReceiptTemplate::Standard,
        })
    }
}

/// The currency that amounts are read in. If the order's own was refused, amounts are read with two digits, and a
/// fault of precision is not reported beside the one of the currency.
#[derive(Clone, Copy)]
struct CheckedCurrency {
    currency: Currency,
    is_known: bool,
}

impl CheckedCurrency {
    fn money(self, text: &str, pointer: &str, faults: &mut Vec<Fault>) -> Option<Money> {
        self.report(Money::parse(text, self.currency), pointer, faults)
    }

    fn signed_money(self, text: &str, pointer: &str, faults: &mut Vec<Fault>) -> Option<i64> {
        self.report(Money::parse_signed(text, self.currency), pointer, faults)
    }

    fn report<T>(
        self,
        parsed: Result<T, MoneyError>,
        pointer: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(MoneyError::TooPrecise { .. }) if !self.is_known => None,
            Err(error) => {
                faults.push(Fault::new(pointer, error.code(), error.to_string()));
                None
            }
        }
    }
}

/// The value of a required field; reports it if it is missing.
fn required<T>(given: Given<T>, pointer: &str, faults: &mut Vec<Fault>) -> Option<T> {
    if matches!(given, Given::Missing) {
        faults.push(Fault::new(pointer, "required", "is required"));
    }
    given.value()
}

/// `Some(None)` for a field that is missing, `None` for one with a fault.
fn optional<T, U>(given: Given<T>, check: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    match given {
        Given::Missing => Some(None),
        Given::Faulty => None,
        Given::Value(value) => check(value).map(Some),
    }
}

fn text_field<T>(
    result: Result<T, TextError>,
    pointer: &str,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    result
        .map_err(|error| faults.push(Fault::new(pointer, error.code(), error.to_string())))
        .ok()
}

fn check_source(name: &str, faults: &mut Vec<Fault>) -> Option<Source> {
    let source = Source::from_name(name);
    if source.is_none() {
        faults.push(Fault::new(
            "/source",
            "unknown_value",
            "must be one of web, pos, mobile, api, import",
        ));
    }
    source
}

fn check_currency(code: &str, rules: CheckRules, faults: &mut Vec<Fault>) -> Option<Currency> {
    let found = if rules.accepts_withdrawn_currencies {
        Currency::parse_any(code)
    } else {
        Currency::parse(code)
    };
    let error = match found {
        Ok(currency) => return Some(currency),
        Err(error) => error,
    };
    let detail = if Currency::parse_any(code).is_ok() {
        format!(
            "{code} was withdrawn from ISO 4217 and is accepted for imported history only; use the currency that replaced it"
        )
    } else if let Some(meant) = Currency::of_other_case(code)
        .filter(|meant| rules.accepts_withdrawn_currencies || !meant.is_withdrawn())
    {
        format!("{error}; did you mean {meant}?")
    } else {
        error.to_string()
    };
    faults.push(Fault::new("/currency", "unknown_value", detail));
    None
}

fn check_metadata(pairs: BTreeMap<String, String>, faults: &mut Vec<Fault>) -> Option<Metadata> {
    Metadata::new(pairs)
        .map_err(|errors| {
            faults.extend(errors.into_iter().map(|(key, error)| {
                let pointer = match key {
                    Some(key) => format!("/metadata/{}", key.replace('~', "~0").replace('/', "~1")),
                    None => "/metadata".to_owned(),
                };
                Fault::new(pointer, error.code(), error.to_string())
            }));
        })
        .ok()
}

/// What an order with lines costs, in minor units of its currency: the line totals plus the adjustments that the prices do not
/// contain already. Below zero if more is taken off than the lines cost.
#[must_use]
pub fn sum_minor(lines: &[Line], adjustments: &[Adjustment]) -> i128 {
    let totals: i128 = lines.iter().map(|line| i128::from(line.total_minor)).sum();
    let added: i128 = adjustments
        .iter()
        .filter(|adjustment| !adjustment.included)
        .map(|adjustment| i128::from(adjustment.amount_minor))
        .sum();
    totals + added
}

/// The amount of an order with lines ([`sum_minor`]); a given amount must be equal to it.
fn check_sum(
    lines: &[Line],
    adjustments: &[Adjustment],
    amount: Option<Money>,
    currency: CheckedCurrency,
    faults: &mut Vec<Fault>,
) -> Option<Money> {
    let sum = sum_minor(lines, adjustments);
    let in_range = u64::try_from(sum)
        .ok()
        .and_then(|minor| Money::new(minor, currency.currency).ok());
    let Some(total) = in_range else {
        let (pointer, detail) = if sum < 0 {
            (
                "/adjustments",
                "take off more than the lines cost: the amount would be below zero",
            )
        } else {
            (
                "/lines",
                "add up to more than 9007199254740991 minor units, adjustments included",
            )
        };
        faults.push(Fault::new(pointer, "out_of_range", detail));
        return None;
    };
    if let Some(amount) = amount.filter(|amount| *amount != total) {
        let what = if adjustments.is_empty() {
            "the sum of the lines"
        } else {
            "the sum of the lines and adjustments"
        };
        let detail = format!("is {amount}, but {what} is {total}");
        faults.push(Fault::new("/amount", "not_the_sum", detail));
        return None;
    }
    Some(total)
}
