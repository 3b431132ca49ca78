//! An order as clients send it: JSON into an [`OrderDraft`], with a fault for whatever has the wrong shape.
//!
//! What is of the right shape is judged by the domain. This is the hot path: a good order costs no allocation here
//! beyond its lines and metadata.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::{Fault, Given, OrderDraft};

use super::fields::{Field, Fields, Scalar, enter, segment, unknown_field, wrong_type};
use super::line::read_lines;
use super::reader::{Kind, Malformed, Reader};

/// Which fields are taken beside those of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFields {
    /// None: a single order.
    None,
    /// `idempotency_key`: a row of a batch.
    Key,
    /// `idempotency_key` and `created_at`: a row of imported history.
    KeyAndCreatedAt,
}

/// What was read.
#[derive(Debug, Default)]
pub struct OrderInput<'a> {
    /// The order, still to be judged by the domain.
    pub draft: OrderDraft<'a>,
    /// Of a row of a batch.
    pub idempotency_key: Given<Cow<'a, str>>,
    /// Of a row of imported history.
    pub created_at: Given<Cow<'a, str>>,
}

const NAMES: [&str; 7] = [
    "user_id",
    "external_id",
    "source",
    "currency",
    "amount",
    "lines",
    "metadata",
];
/// Fields of an order that the server sets. Taking them in silence would let a client believe that it did.
const SERVER_FIELDS: [&str; 9] = [
    "id",
    "status",
    "version",
    "attempt",
    "failure",
    "result",
    "receipt_key",
    "created_at",
    "updated_at",
];

const USER_ID: Field = Field::new(0, "/user_id");
const EXTERNAL_ID: Field = Field::new(1, "/external_id");
const SOURCE: Field = Field::new(2, "/source");
const CURRENCY: Field = Field::new(3, "/currency");
const AMOUNT: Field = Field::new(4, "/amount");
const LINES: Field = Field::new(5, "/lines");
const METADATA: Field = Field::new(6, "/metadata");
const IDEMPOTENCY_KEY: Field = Field::new(7, "/idempotency_key");
const CREATED_AT: Field = Field::new(8, "/created_at");

/// Reads one order. Faults of shape are added to `faults`.
///
/// # Errors
/// Where the text is not JSON.
pub fn read_order<'a>(
    reader: &mut Reader<'a>,
    row: RowFields,
    faults: &mut Vec<Fault>,
) -> Result<OrderInput<'a>, Malformed> {
    let mut input = OrderInput::default();
    if reader.peek()? != Kind::Object {
        wrong_type(reader, "", "an object", faults)?;
        // The fields of what is no order are no faults of their own.
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
                let faults = fields.first(reader, LINES)?;
                draft.lines = read_lines(reader, faults)?;
            }
            "metadata" => {
                let faults = fields.first(reader, METADATA)?;
                draft.metadata = read_metadata(reader, faults)?;
            }
            "idempotency_key" if row != RowFields::None => {
                input.idempotency_key = fields.scalar(reader, IDEMPOTENCY_KEY, Scalar::Text)?;
            }
            "created_at" if row == RowFields::KeyAndCreatedAt => {
                input.created_at = fields.scalar(reader, CREATED_AT, Scalar::Text)?;
            }
            _ => fields.stranger(reader, key, |key| stranger(key, row))?,
        }
        Ok(())
    })?;
    Ok(input)
}

fn stranger(key: &str, row: RowFields) -> Fault {
    let pointer = || format!("/{}", segment(key));
    if key == "created_at" && row == RowFields::Key {
        return Fault::new(
            pointer(),
            "read_only",
            "is set by the server; imported history brings its own, with ?as=processed",
        );
    }
    if SERVER_FIELDS.contains(&key) {
        return Fault::new(
            pointer(),
            "read_only",
            "is set by the server, not by clients",
        );
    }
    if key == "idempotency_key" {
        return Fault::new(
            pointer(),
            "unknown_field",
            "belongs into the Idempotency-Key header; only rows of a batch carry it",
        );
    }
    let row_fields: &[&str] = match row {
        RowFields::None => &[],
        RowFields::Key => &["idempotency_key"],
        RowFields::KeyAndCreatedAt => &["idempotency_key", "created_at"],
    };
    let known = NAMES.iter().chain(row_fields).copied();
    unknown_field(key, known, "a field of an order")
}

fn read_metadata(
    reader: &mut Reader<'_>,
    faults: &mut Vec<Fault>,
) -> Result<Given<BTreeMap<String, String>>, Malformed> {
    let wanted = (Kind::Object, "an object of strings");
    if let Some(other) = enter(reader, "/metadata", wanted, faults)? {
        return Ok(other);
    }
    let mut pairs = BTreeMap::new();
    let mut all_texts = true;
    reader.object(|reader, key| {
        if pairs.contains_key(&*key) {
            return Err(reader.duplicate(&key));
        }
        let value = if reader.peek()? == Kind::Text {
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
mod tests {
    use domain::{Currency, Fault, PlaceOrder};

    use super::{RowFields, read_order};
    use crate::json::Reader;

    fn check(json: &str) -> Result<PlaceOrder, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut reader = Reader::new(json.as_bytes()).unwrap();
        let input = read_order(&mut reader, RowFields::None, &mut faults).unwrap();
        PlaceOrder::check(input.draft, Currency::USD, &mut faults).ok_or(faults)
    }

    fn malformed(json: &str) -> String {
        let mut faults = Vec::new();
        let mut reader = Reader::new(json.as_bytes()).unwrap();
        read_order(&mut reader, RowFields::None, &mut faults)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_good_order_is_read_with_every_field() {
        let order = check(
            r#"{"user_id":"al\u0069ce","external_id":"A-1","source":"web","currency":"KWD","amount":"0.010",
                "lines":[{"sku":null,"product_name":"Pin","quantity":2,"unit_price":0.005}],
                "metadata":{"note":"a\tb"}}"#,
        )
        .unwrap();
        assert_eq!(order.user_id.as_str(), "alice");
        assert_eq!(order.amount.to_string(), "0.010");
        assert_eq!(order.lines[0].unit_price_minor, 5);
        assert_eq!(order.metadata.pairs()["note"], "a\tb");
    }

    #[test]
    fn faults_of_shape_and_of_sense_come_together() {
        let faults = check(
            r#"{"user_id":7,"usr_id":"x","id":"1","currency":"usd","metadata":{"a/b":1},
                "lines":[{"product_name":"","quantity":1.5,"unit_price":[],"colour":"red"},4]}"#,
        )
        .unwrap_err();
        let found: Vec<_> = faults
            .iter()
            .map(|fault| (fault.pointer.as_str(), fault.code))
            .collect();
        assert_eq!(
            found,
            [
                ("/user_id", "wrong_type"),
                ("/usr_id", "unknown_field"),
                ("/id", "read_only"),
                ("/metadata/a~1b", "wrong_type"),
                ("/lines/0/unit_price", "wrong_type"),
                ("/lines/0/colour", "unknown_field"),
                ("/lines/1", "wrong_type"),
                ("/currency", "unknown_value"),
                ("/lines/0/product_name", "blank"),
                ("/lines/0/quantity", "not_whole"),
            ]
        );
        assert!(
            faults[1]
                .detail
                .ends_with("the nearest known one is user_id")
        );
    }

    #[test]
    fn a_key_that_comes_twice_is_malformed_wherever_it_is() {
        for json in [
            r#"{"user_id":"a","user_id":"a"}"#,
            r#"{"lines":[{"sku":"a","sku":"a"}]}"#,
            r#"{"metadata":{"a":"1","a":"1"}}"#,
            r#"{"x":1,"x":1}"#,
            r#"{"x":{"y":1,"y":1}}"#,
            r#"{"user_id":"a","user_\u0069d":"a"}"#,
        ] {
            assert!(malformed(json).contains("comes twice"), "{json}");
        }
    }

    #[test]
    fn floods_of_faults_are_bounded() {
        let strangers: Vec<_> = (0..5_000).map(|n| format!("\"x{n}\":1")).collect();
        let lines = vec!["1"; 5_000].join(",");
        let json = format!(r#"{{{},"lines":[{lines}]}}"#, strangers.join(","));
        let faults = check(&json).unwrap_err();
        assert!(faults.len() < 1_010, "{}", faults.len());
    }
}
