//! One order while its rows come in, and its end: a row of a batch, or its faults by file, row and column. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use domain::order::MAX_LINES;
use domain::{
    Currency, Fault, Given, IdempotencyKey, LineDraft, Money, OrderDraft, PlaceOrder, Timestamp,
};
use serde_json::{Map, Value, json};

use super::fields::{Bound, LineTexts, OrderTexts, column_of};
use super::local_time::TimeReader;
use super::rows::Row;

/// Faults of one order beyond so many are counted, not kept.
const MAX_FAULTS: usize = 1000;

/// Where a row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<str>,
    /// The row in it.
    pub row: u64,
}

/// One line of the report: what was refused, where, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The row.
    pub place: Place,
    /// The column, where the fault is one column's.
    pub column: String,
    /// The order that is refused for it, by its external id or its key; empty where it cannot be told.
    pub external_id: String,
    /// A stable word.
    pub code: String,
    /// A sentence.
    pub reason: String,
}

/// An order on its way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// One row of a batch.
    pub json: String,
    /// For the report, should the server refuse it: its external id or its key, where it has one.
    pub external_id: String,
    /// Whether another run finds it again, and so does not take it twice.
    pub is_repeatable: bool,
    /// The row of each line; one row for an order without lines.
    pub places: Vec<Place>,
}

/// The order of the rows that came in last.
pub struct Group {
    /// What its rows share; empty where each row is an order.
    pub name: String,
    /// Under which it is sent where it has no name, so that this run at least takes it once.
    run_key: String,
    texts: OrderTexts,
    created_at: Option<Timestamp>,
    places: Vec<Place>,
    lines: Vec<LineTexts>,
    refusals: Vec<Refusal>,
    more_faults: usize,
}

impl Group {
    /// An order that begins at `place`; `time` is there where its time is asked for.
    pub fn begin(
        name: String,
        run_key: String,
        place: &Place,
        row: &Row,
        bound: &Bound<'_>,
        time: Option<&TimeReader<'_>>,
    ) -> Self {
        let mut group = Self {
            name,
            run_key,
            texts: bound.order(&row.cells),
            created_at: None,
            places: Vec::new(),
            lines: Vec::new(),
            refusals: Vec::new(),
            more_faults: 0,
        };
        if let Some(time) = time {
            match time.read(&group.texts.created_at) {
                Ok(at) => group.created_at = Some(at),
                Err(reason) => group.refuse(
                    place,
                    column_of(bound.mapping, "/created_at"),
                    "not_a_time",
                    reason,
                ),
            }
        }
        group
    }

    /// Adds a row.
    pub fn push(&mut self, place: Place, row: &Row, bound: &Bound<'_>) {
        for index in &row.undecodable {
            if let Some(column) = bound.name_of(*index) {
                self.refuse(
                    &place,
                    column.to_owned(),
                    "not_utf8",
                    "is not UTF-8".to_owned(),
                );
            }
        }
        if let Some(first) = self.places.first() {
            let texts = bound.order(&row.cells);
            let said = first.row;
            let mut contradictions = Vec::new();
            for (pointer, here, there) in [
                (
                    "/idempotency_key",
                    &texts.idempotency_key,
                    &self.texts.idempotency_key,
                ),
                ("/user_id", &texts.user_id, &self.texts.user_id),
                ("/currency", &texts.currency, &self.texts.currency),
                ("/amount", &texts.amount, &self.texts.amount),
            ] {
                if here != there {
                    contradictions.push((
                        column_of(bound.mapping, pointer),
                        format!("says {here:?}, but row {said} of the same order says {there:?}"),
                    ));
                }
            }
            for (column, reason) in contradictions {
                self.refuse(&place, column, "contradicts", reason);
            }
        }
        match bound.line(&row.cells) {
            // One line too many is kept, so that the check of the whole order says so.
            Some(line) if self.lines.len() <= MAX_LINES => {
                self.lines.push(line);
                self.places.push(place);
            }
            Some(_) => {}
            None if self.places.is_empty() => self.places.push(place),
            None => {
                let reason = "repeats the order's number, but the mapping has no [line]: an order is one row".to_owned();
                let pointer = bound
                    .mapping
                    .order
                    .name()
                    .map_or("", |(_, pointer)| pointer);
                self.refuse(
                    &place,
                    column_of(bound.mapping, pointer),
                    "repeated",
                    reason,
                );
            }
        }
    }

    /// Notes a fault, up to a bound.
    pub fn refuse(&mut self, place: &Place, column: String, code: &str, reason: String) {
        if self.refusals.len() >= MAX_FAULTS {
            self.more_faults += 1;
            return;
        }
        self.refusals.push(Refusal {
            place: place.clone(),
            column,
            external_id: self.name.clone(),
            code: code.to_owned(),
            reason,
        });
    }

    /// Checks the order as the server would.
    pub fn finish(mut self, bound: &Bound<'_>) -> Result<Ready, Vec<Refusal>> {
        let currency = bound.mapping.currency.unwrap_or(Currency::USD);
        let mut faults = Vec::new();
        if self.name.is_empty()
            && let Some((_, pointer)) = bound.mapping.order.name()
        {
            // Without it a second run would take the order again.
            faults.push(Fault::new(pointer, "required", "is blank"));
        }
        let key = self.key(bound, &mut faults);
        let command = PlaceOrder::check(self.draft(bound), currency, &mut faults);
        for fault in faults {
            self.refuse_at_pointer(&fault, bound);
        }
        match command {
            Some(command) if self.refusals.is_empty() => Ok(Ready {
                json: batch_row(&command, key, self.created_at).to_string(),
                is_repeatable: !self.name.is_empty(),
                external_id: self.name,
                places: self.places,
            }),
            _ => {
                self.refusals.sort_by(|left, right| {
                    (&left.place.file, left.place.row).cmp(&(&right.place.file, right.place.row))
                });
                if self.more_faults > 0
                    && let Some(last) = self.refusals.last().cloned()
                {
                    let reason = format!(
                        "{} more faults of this order are not listed",
                        self.more_faults
                    );
                    self.refusals.push(Refusal {
                        column: String::new(),
                        code: "more".to_owned(),
                        reason,
                        ..last
                    });
                }
                Err(self.refusals)
            }
        }
    }

    /// The key that the order is sent with, where it needs one.
    fn key(&self, bound: &Bound<'_>, faults: &mut Vec<Fault>) -> Option<String> {
        let own = &self.texts.idempotency_key;
        if !own.is_empty() {
            if let Err(error) = IdempotencyKey::new(own) {
                faults.push(Fault::new(
                    "/idempotency_key",
                    error.code(),
                    error.to_string(),
                ));
            }
            return Some(own.clone());
        }
        bound
            .mapping
            .order
            .name()
            .is_none()
            .then(|| self.run_key.clone())
    }

    fn refuse_at_pointer(&mut self, fault: &Fault, bound: &Bound<'_>) {
        let place = place_of(&fault.pointer, &self.places).clone();
        let column = column_of(bound.mapping, &fault.pointer);
        let reason = format!("{}{}", self.shown(&fault.pointer), fault.detail);
        self.refuse(&place, column, fault.code, reason);
    }

    /// The faulty text in front of the reason, where it is short enough to help.
    fn shown(&self, pointer: &str) -> String {
        let parts: Vec<&str> = pointer.split('/').skip(1).collect();
        let text = match parts.as_slice() {
            ["lines", index, name] => {
                let line = index
                    .parse()
                    .ok()
                    .and_then(|index: usize| self.lines.get(index));
                line.map(|line| match *name {
                    "sku" => line.sku.as_str(),
                    "product_name" => line.product_name.as_str(),
                    "quantity" => line.quantity.as_str(),
                    _ => line.unit_price.as_str(),
                })
            }
            ["user_id"] => Some(self.texts.user_id.as_str()),
            ["amount"] => Some(self.texts.amount.as_str()),
            ["currency"] => Some(self.texts.currency.as_str()),
            ["source"] => Some(self.texts.source.as_str()),
            _ => None,
        };
        text.filter(|text| !text.is_empty() && text.chars().count() <= 40)
            .map_or_else(String::new, |text| format!("{text:?} "))
    }

    fn draft(&self, bound: &Bound<'_>) -> OrderDraft<'_> {
        fn given(text: &str) -> Given<Cow<'_, str>> {
            if text.trim().is_empty() {
                Given::Missing
            } else {
                Given::Value(text.into())
            }
        }
        fn line(line: &LineTexts) -> LineDraft<'_> {
            LineDraft {
                sku: given(&line.sku),
                product_name: given(&line.product_name),
                quantity: given(&line.quantity),
                unit_price: given(&line.unit_price),
            }
        }
        OrderDraft {
            user_id: given(&self.texts.user_id),
            external_id: match bound.mapping.order.external_id {
                Some(_) => given(&self.name),
                None => Given::Missing,
            },
            source: given(&self.texts.source),
            currency: given(&self.texts.currency),
            amount: given(&self.texts.amount),
            lines: match bound.mapping.line {
                Some(_) => Given::Value(self.lines.iter().map(line).collect()),
                None => Given::Missing,
            },
            metadata: Given::Value(self.texts.metadata.clone()),
        }
    }
}

/// The row that a fault's JSON Pointer speaks of: the line's, or the order's first.
pub fn place_of<'p>(pointer: &str, places: &'p [Place]) -> &'p Place {
    pointer
        .strip_prefix("/lines/")
        .and_then(|rest| rest.split('/').next()?.parse::<usize>().ok())
        .and_then(|index| places.get(index))
        .or_else(|| places.first())
        .expect("an order has at least one row")
}

/// Amounts go as texts, which the server reads with the currency's digits.
fn batch_row(command: &PlaceOrder, key: Option<String>, created_at: Option<Timestamp>) -> Value {
    let currency = command.amount.currency();
    let price = |minor| {
        Money::new(minor, currency)
            .map(|money| money.to_string())
            .unwrap_or_default()
    };
    let mut row = Map::new();
    row.insert("user_id".to_owned(), json!(command.user_id.as_str()));
    row.insert(
        "external_id".to_owned(),
        json!(command.external_id.as_ref().map(|id| id.as_str())),
    );
    row.insert("source".to_owned(), json!(command.source.as_str()));
    row.insert("currency".to_owned(), json!(currency.code()));
    row.insert("amount".to_owned(), json!(command.amount.to_string()));
    let lines = command.lines.iter().map(|line| {
        json!({
            "sku": line.sku.as_ref().map(|sku| sku.as_str()),
            "product_name": line.product_name.as_str(),
            "quantity": line.quantity,
            "unit_price": price(line.unit_price_minor),
        })
    });
    row.insert("lines".to_owned(), lines.collect());
    row.insert("metadata".to_owned(), json!(command.metadata.pairs()));
    if let Some(key) = key {
        row.insert("idempotency_key".to_owned(), json!(key));
    }
    if let Some(at) = created_at {
        row.insert("created_at".to_owned(), json!(at.to_string()));
    }
    Value::Object(row)
}
