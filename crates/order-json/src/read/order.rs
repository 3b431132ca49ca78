//! An order as clients send it: JSON into an [`OrderDraft`], with a fault for each value of the wrong type.
//!
//! The domain checks the values. This is the hot path: a valid order costs no allocation here beyond its lines,
//! adjustments and metadata.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::{Fault, Given, OrderDraft};

use super::adjustment::read_adjustments;
use super::fields::{Field, Fields, Scalar, enter, segment, unknown_field, wrong_type};
use super::history::{HistoryInput, read_history};
use super::line::read_lines;
use crate::reader::{Malformed, Reader, ValueType};

/// In which form an order comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderForm {
    /// A single order. Rows of a batch have two more fields; the details of the faults say where they belong instead.
    Single {
        /// The detail for `idempotency_key`.
        key_belongs: &'static str,
        /// The detail for `history`.
        history_belongs: &'static str,
    },
    /// A row of a batch, with `idempotency_key` and `history`.
    Row,
}

/// What was read of an order.
#[derive(Debug, Default)]
pub struct OrderInput<'a> {
    /// The order, which the domain has still to check.
    pub draft: OrderDraft<'a>,
    /// Of a row of a batch: its own key.
    pub idempotency_key: Given<Cow<'a, str>>,
    /// Of a row of a batch: how an order of the past ended, and when it was made; to be checked too.
    pub history: Given<HistoryInput<'a>>,
}

const NAMES: [&str; 9] = [
    "user_id",
    "external_id",
    "source",
    "currency",
    "amount",
    "lines",
    "adjustments",
    "metadata",
    "process_after",
];
const ROW_NAMES: [&str; 2] = ["idempotency_key", "history"];
/// Fields of an order that only servers set. A client that sends one is refused: ignoring it would let the client believe
/// that it had set it. An import of exported orders leaves them out.
pub const SET_BY_SERVERS: [&str; 11] = [
    "id",
    "status",
    "version",
    "attempt",
    "failure",
    "result",
    "receipt_key",
    "retry_at",
    "waiting_for",
    "created_at",
    "updated_at",
];

const USER_ID: Field = Field::new(0, "/user_id");
const EXTERNAL_ID: Field = Field::new(1, "/external_id");
const SOURCE: Field = Field::new(2, "/source");
const CURRENCY: Field = Field::new(3, "/currency");
const AMOUNT: Field = Field::new(4, "/amount");
const LINES: Field = Field::new(5, "/lines");
const ADJUSTMENTS: Field = Field::new(6, "/adjustments");
const METADATA: Field = Field::new(7, "/metadata");
const PROCESS_AFTER: Field = Field::new(8, "/process_after");
const IDEMPOTENCY_KEY: Field = Field::new(9, "/idempotency_key");
const HISTORY: Field = Field::new(10, "/history");

/// Reads one order. Wrong types and unknown fields are added to `faults`; values are for [`domain::PlaceOrder::check`].
///
/// # Errors
/// If the text is not JSON.
pub fn read_order<'a>(
    reader: &mut Reader<'a>,
    form: OrderForm,
    faults: &mut Vec<Fault>,
) -> Result<OrderInput<'a>, Malformed> {
    let mut input = OrderInput::default();
    if reader.peek()? != ValueType::Object {
        wrong_type(reader, "", "an object", faults)?;
        // What is not an order has no missing fields.
        input.draft.user_id = Given::Faulty;
        input.draft.amount = Given::Faulty;
        return Ok(input);
    }
    let mut fields = Fields::new(faults);
    reader.object(|reader, key| {
        let draft = &mut input.draft;
        match &*key {
            "user_id" => draft.user_id = fields.scalar(reader, USER_ID, Scalar::Text)?,
            "external_id" => {
                draft.external_id = fields.scalar(reader, EXTERNAL_ID, Scalar::Text)?
            }
            "source" => draft.source = fields.scalar(reader, SOURCE, Scalar::Text)?,
            "currency" => draft.currency = fields.scalar(reader, CURRENCY, Scalar::Text)?,
            "amount" => draft.amount = fields.scalar(reader, AMOUNT, Scalar::Decimal)?,
            "lines" => {
                let faults = fields.once(reader, LINES)?;
                draft.lines = read_lines(reader, faults)?;
            }
            "adjustments" => {
                let faults = fields.once(reader, ADJUSTMENTS)?;
                draft.adjustments = read_adjustments(reader, faults)?;
            }
            "metadata" => {
                let faults = fields.once(reader, METADATA)?;
                draft.metadata = read_metadata(reader, faults)?;
            }
            "process_after" => {
                draft.process_after = fields.scalar(reader, PROCESS_AFTER, Scalar::Text)?;
            }
            "idempotency_key" if form == OrderForm::Row => {
                input.idempotency_key = fields.scalar(reader, IDEMPOTENCY_KEY, Scalar::Text)?;
            }
            "history" if form == OrderForm::Row => {
                let faults = fields.once(reader, HISTORY)?;
                input.history = read_history(reader, faults)?;
            }
            _ => fields.unknown(reader, key, |key| unknown(key, form))?,
        }
        Ok(())
    })?;
    Ok(input)
}

/// The fault of a field that an order from a client does not have.
fn unknown(key: &str, form: OrderForm) -> Fault {
    let fault = |code, detail| Fault::new(format!("/{}", segment(key)), code, detail);
    match (key, form) {
        ("status" | "created_at", OrderForm::Row) => fault(
            "read_only",
            "is set by the server; imported history has its own, inside history",
        ),
        ("idempotency_key", OrderForm::Single { key_belongs, .. }) => {
            fault("unknown_field", key_belongs)
        }
        (
            "history",
            OrderForm::Single {
                history_belongs, ..
            },
        ) => fault("unknown_field", history_belongs),
        (key, _) if SET_BY_SERVERS.contains(&key) => {
            fault("read_only", "is set by the server, not by clients")
        }
        (key, OrderForm::Single { .. }) => {
            unknown_field(key, NAMES.into_iter(), "a field of an order")
        }
        (key, OrderForm::Row) => {
            let known = NAMES.into_iter().chain(ROW_NAMES);
            unknown_field(key, known, "a field of an order")
        }
    }
}

fn read_metadata(
    reader: &mut Reader<'_>,
    faults: &mut Vec<Fault>,
) -> Result<Given<BTreeMap<String, String>>, Malformed> {
    let wanted = (ValueType::Object, "an object of strings");
    if let Some(other) = enter(reader, "/metadata", wanted, faults)? {
        return Ok(other);
    }
    let mut pairs = BTreeMap::new();
    let mut all_texts = true;
    reader.object(|reader, key| {
        if pairs.contains_key(&*key) {
            return Err(reader.duplicate(&key));
        }
        let value = if reader.peek()? == ValueType::Text {
            reader.text()?.into_owned()
        } else {
            all_texts = false;
            let pointer = format!("/metadata/{}", segment(&key));
            wrong_type(reader, &pointer, "a string", faults)?;
            String::new()
        };
        pairs.insert(key.into_owned(), value);
        Ok(())
    })?;
    Ok(if all_texts {
        Given::Value(pairs)
    } else {
        Given::Faulty
    })
}

#[cfg(test)]
mod tests;
