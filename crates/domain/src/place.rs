//! The command that makes an order, and the one place where untrusted input becomes one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::currency::Currency;
use crate::decimal::{self, DecimalError};
use crate::fault::Fault;
use crate::money::{Money, MoneyError};
use crate::order::{Line, MAX_LINES, Source};
use crate::text::{ExternalId, Metadata, ProductName, Sku, TextError, UserId};

/// A valid order to be: no field of it can be refused any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// Whose it is.
    pub user_id: UserId,
    /// The client's own number.
    pub external_id: Option<ExternalId>,
    /// Where it came in.
    pub source: Source,
    /// Amount and currency; the sum of the lines where there are lines.
    pub amount: Money,
    /// What is ordered.
    pub lines: Arc<[Line]>,
    /// The client's notes.
    pub metadata: Arc<Metadata>,
}

/// SHA-256 of a [`PlaceOrder`]: equal commands have equal fingerprints, whatever their JSON looked like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// A field as an edge found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Given<T> {
    /// Not there, or null.
    #[default]
    Missing,
    /// There, but of a wrong type; the edge has already reported that.
    Faulty,
    /// There.
    Value(T),
}

impl<T> Given<T> {
    /// The value, where there is one.
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

/// An order as it comes in: nothing checked yet. Numbers are texts, so that no digit is lost on the way.
#[derive(Debug, Clone, Default)]
pub struct OrderDraft<'a> {
    /// Required.
    pub user_id: Given<Cow<'a, str>>,
    /// Optional.
    pub external_id: Given<Cow<'a, str>>,
    /// Optional; `api` where it is missing.
    pub source: Given<Cow<'a, str>>,
    /// Optional; the configured default where it is missing.
    pub currency: Given<Cow<'a, str>>,
    /// Required where there are no lines: a decimal in major units.
    pub amount: Given<Cow<'a, str>>,
    /// Required where there is no amount.
    pub lines: Given<Vec<LineDraft<'a>>>,
    /// Optional.
    pub metadata: Given<BTreeMap<String, String>>,
}

/// A line as it comes in.
#[derive(Debug, Clone, Default)]
pub struct LineDraft<'a> {
    /// Optional.
    pub sku: Given<Cow<'a, str>>,
    /// Required.
    pub product_name: Given<Cow<'a, str>>,
    /// Required: a whole number.
    pub quantity: Given<Cow<'a, str>>,
    /// Required: a decimal in major units.
    pub unit_price: Given<Cow<'a, str>>,
}

impl PlaceOrder {
    /// Checks a draft to its end. `faults` may hold what the edge found already; everything found here is added.
    /// Returns a command only if there is no fault at all.
    pub fn check(
        draft: OrderDraft<'_>,
        default_currency: Currency,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let user_id = required(draft.user_id, "/user_id", faults)
            .and_then(|text| checked(UserId::new(&text), "/user_id", faults));
        let external_id = draft
            .external_id
            .value()
            .and_then(|text| checked(ExternalId::new(&text), "/external_id", faults));
        let source = match draft.source {
            Given::Missing => Some(Source::Api),
            Given::Faulty => None,
            Given::Value(name) => found(Source::from_name(&name), faults, || {
                Fault::new(
                    "/source",
                    "unknown_value",
                    "must be one of web, pos, mobile, api, import",
                )
            }),
        };
        let currency = match draft.currency {
            Given::Missing => Some(default_currency),
            Given::Faulty => None,
            Given::Value(code) => found(Currency::parse(&code).ok(), faults, || {
                Fault::new(
                    "/currency",
                    "unknown_value",
                    "is not an ISO 4217 currency code in capital letters, such as USD",
                )
            }),
        };
        let metadata = check_metadata(draft.metadata.value().unwrap_or_default(), faults);
        let has_amount = !matches!(draft.amount, Given::Missing);
        // A wrong currency is one fault, not one more a price: prices are then checked with two digits.
        let scale_currency = currency.unwrap_or(Currency::USD);
        let amount = draft.amount.value().and_then(|text| {
            check_money(&text, scale_currency, currency.is_some(), "/amount", faults)
        });
        let lines = match draft.lines {
            Given::Missing => Some(Vec::new()),
            Given::Faulty => None,
            Given::Value(drafts) => check_lines(drafts, scale_currency, currency.is_some(), faults),
        };
        if !has_amount && lines.as_ref().is_some_and(Vec::is_empty) {
            faults.push(Fault::new(
                "",
                "required",
                "needs either lines or an amount",
            ));
        }
        let amount = match lines.as_deref() {
            Some([]) | None => amount,
            Some(lines) => check_sum(lines, amount, scale_currency, faults),
        };
        if !faults.is_empty() {
            return None;
        }
        Some(Self {
            user_id: user_id?,
            external_id,
            source: source?,
            amount: amount?,
            lines: Arc::from(lines?),
            metadata: Arc::new(metadata?),
        })
    }

    /// What is compared when a key or an external id comes again. Fields are length-prefixed, so that no two
    /// different commands run into one another.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        let mut text = |text: Option<&str>| match text {
            None => hash.update([0]),
            Some(text) => {
                hash.update([1]);
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text.as_bytes());
            }
        };
        text(Some(self.user_id.as_str()));
        text(self.external_id.as_ref().map(ExternalId::as_str));
        text(Some(self.source.as_str()));
        text(Some(self.amount.currency().code()));
        text(Some(&self.amount.minor().to_string()));
        text(Some(&self.lines.len().to_string()));
        for line in self.lines.iter() {
            text(line.sku.as_ref().map(Sku::as_str));
            text(Some(line.product_name.as_str()));
            text(Some(&format!(
                "{} {}",
                line.quantity, line.unit_price_minor
            )));
        }
        for (key, value) in self.metadata.pairs() {
            text(Some(key));
            text(Some(value));
        }
        Fingerprint(hash.finalize().into())
    }
}

fn required<T>(given: Given<T>, pointer: &str, faults: &mut Vec<Fault>) -> Option<T> {
    if matches!(given, Given::Missing) {
        faults.push(Fault::new(pointer, "required", "is required"));
    }
    given.value()
}

fn checked<T>(result: Result<T, TextError>, pointer: &str, faults: &mut Vec<Fault>) -> Option<T> {
    result
        .map_err(|error| faults.push(Fault::new(pointer, error.code(), error.to_string())))
        .ok()
}

fn found<T>(value: Option<T>, faults: &mut Vec<Fault>, fault: impl FnOnce() -> Fault) -> Option<T> {
    if value.is_none() {
        faults.push(fault());
    }
    value
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

/// `currency_is_known` is false where the currency itself was refused: precision is then no fault of its own.
fn check_money(
    text: &str,
    currency: Currency,
    currency_is_known: bool,
    pointer: &str,
    faults: &mut Vec<Fault>,
) -> Option<Money> {
    match Money::parse(text, currency) {
        Ok(money) => Some(money),
        Err(MoneyError::TooPrecise { .. }) if !currency_is_known => None,
        Err(error) => {
            let code = match error {
                MoneyError::Syntax => "not_a_number",
                MoneyError::Negative | MoneyError::TooLarge => "out_of_range",
                MoneyError::TooPrecise { .. } => "too_precise",
            };
            faults.push(Fault::new(pointer, code, error.to_string()));
            None
        }
    }
}

fn check_lines(
    drafts: Vec<LineDraft<'_>>,
    currency: Currency,
    currency_is_known: bool,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Line>> {
    if drafts.len() > MAX_LINES {
        faults.push(Fault::new(
            "/lines",
            "too_many",
            format!("holds more than {MAX_LINES} lines"),
        ));
        return None;
    }
    let count = drafts.len();
    let mut lines = Vec::with_capacity(count);
    for (index, draft) in drafts.into_iter().enumerate() {
        lines.extend(check_line(
            index,
            draft,
            currency,
            currency_is_known,
            faults,
        ));
    }
    (lines.len() == count).then_some(lines)
}

fn check_line(
    index: usize,
    draft: LineDraft<'_>,
    currency: Currency,
    currency_is_known: bool,
    faults: &mut Vec<Fault>,
) -> Option<Line> {
    // Pointers are only built where there is a fault: a good line costs no allocation for them.
    let mut here = Vec::new();
    let sku = match draft.sku {
        Given::Missing => Some(None),
        Given::Faulty => None,
        Given::Value(text) => checked(Sku::new(&text), "sku", &mut here).map(Some),
    };
    let product_name = required(draft.product_name, "product_name", &mut here)
        .and_then(|text| checked(ProductName::new(&text), "product_name", &mut here));
    let quantity = required(draft.quantity, "quantity", &mut here)
        .and_then(|text| check_quantity(&text, &mut here));
    let unit_price = required(draft.unit_price, "unit_price", &mut here)
        .and_then(|text| check_money(&text, currency, currency_is_known, "unit_price", &mut here));
    faults.extend(here.into_iter().map(|fault| Fault {
        pointer: format!("/lines/{index}/{}", fault.pointer),
        ..fault
    }));
    Some(Line {
        sku: sku?,
        product_name: product_name?,
        quantity: quantity?,
        unit_price_minor: unit_price?.minor(),
    })
}

fn check_quantity(text: &str, faults: &mut Vec<Fault>) -> Option<u32> {
    let (code, detail) = match decimal::parse(text, 0) {
        Ok(number) => match u32::try_from(number) {
            Ok(quantity) if (1..=Line::MAX_QUANTITY).contains(&quantity) => return Some(quantity),
            _ => ("out_of_range", "must be from 1 to 1,000,000"),
        },
        Err(DecimalError::TooLarge) => ("out_of_range", "must be from 1 to 1,000,000"),
        Err(DecimalError::TooPrecise) => ("not_whole", "must be a whole number"),
        Err(DecimalError::Syntax) => ("not_a_number", "is not a number"),
    };
    faults.push(Fault::new("quantity", code, detail));
    None
}

/// The sum of the lines, which a given amount must agree with.
fn check_sum(
    lines: &[Line],
    amount: Option<Money>,
    currency: Currency,
    faults: &mut Vec<Fault>,
) -> Option<Money> {
    let sum: u128 = lines
        .iter()
        .map(|line| u128::from(line.quantity) * u128::from(line.unit_price_minor))
        .sum();
    let total = u64::try_from(sum)
        .ok()
        .and_then(|minor| Money::new(minor, currency).ok());
    let Some(total) = total else {
        faults.push(Fault::new(
            "/lines",
            "out_of_range",
            "add up to more than 9007199254740991 minor units",
        ));
        return None;
    };
    if amount.is_some_and(|amount| amount != total) {
        let detail = format!("is not the sum of the lines, which is {total}");
        faults.push(Fault::new("/amount", "not_the_sum", detail));
        return None;
    }
    Some(total)
}
