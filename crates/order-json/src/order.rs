//! An order as clients send it: JSON into an [`OrderDraft`], with a fault for each value of the wrong shape.
//!
//! The domain checks the values of the right shape. This is the hot path: a good order costs no allocation here beyond
//! its lines, adjustments and metadata.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::{Fault, Given, OrderDraft};

use super::adjustment::read_adjustments;
use super::fields::{Field, Fields, Scalar, enter, segment, unknown_field, wrong_type};
use super::history::{HistoryInput, read_history};
use super::line::read_lines;
use super::reader::{Kind, Malformed, Reader};

/// Which fields are accepted in addition to those of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFields {
    /// None: a single order.
    None,
    /// `idempotency_key` and `history`: a row of a batch.
    Row,
}

/// What was read.
#[derive(Debug, Default)]
pub struct OrderInput<'a> {
    /// The order, which the domain has still to check.
    pub draft: OrderDraft<'a>,
    /// Of a row of a batch: its own key.
    pub idempotency_key: Given<Cow<'a, str>>,
    /// Of a row of a batch: how an order of the past ended, and when it was made.
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
/// Fields of an order that the server sets. Ignoring them would let a client believe that it had set them.
const SERVER_FIELDS: [&str; 11] = [
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

/// Reads one order. Faults of shape are added to `faults`.
///
/// # Errors
/// If the text is not JSON.
pub fn read_order<'a>(
    reader: &mut Reader<'a>,
    row: RowFields,
    faults: &mut Vec<Fault>,
) -> Result<OrderInput<'a>, Malformed> {
    let mut input = OrderInput::default();
    if reader.peek()? != Kind::Object {
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
                let faults = fields.first(reader, LINES)?;
                draft.lines = read_lines(reader, faults)?;
            }
            "adjustments" => {
                let faults = fields.first(reader, ADJUSTMENTS)?;
                draft.adjustments = read_adjustments(reader, faults)?;
            }
            "metadata" => {
                let faults = fields.first(reader, METADATA)?;
                draft.metadata = read_metadata(reader, faults)?;
            }
            "process_after" => {
                draft.process_after = fields.scalar(reader, PROCESS_AFTER, Scalar::Text)?;
            }
            "idempotency_key" if row == RowFields::Row => {
                input.idempotency_key = fields.scalar(reader, IDEMPOTENCY_KEY, Scalar::Text)?;
            }
            "history" if row == RowFields::Row => {
                let faults = fields.first(reader, HISTORY)?;
                input.history = read_history(reader, faults)?;
            }
            _ => fields.stranger(reader, key, |key| stranger(key, row))?,
        }
        Ok(())
    })?;
    Ok(input)
}

/// The fault of a field that an order from a client does not have.
fn stranger(key: &str, row: RowFields) -> Fault {
    let fault = |code, detail| Fault::new(format!("/{}", segment(key)), code, detail);
    match (key, row) {
        ("status" | "created_at", RowFields::Row) => fault(
            "read_only",
            "is set by the server; imported history has its own, inside history",
        ),
        ("idempotency_key", RowFields::None) => fault(
            "unknown_field",
            "belongs in the Idempotency-Key header; only rows of a batch carry it",
        ),
        ("history", RowFields::None) => fault(
            "unknown_field",
            "belongs to rows of a batch: POST /v1/orders/batch",
        ),
        (key, _) if SERVER_FIELDS.contains(&key) => {
            fault("read_only", "is set by the server, not by clients")
        }
        (key, RowFields::None) => unknown_field(key, NAMES.into_iter(), "a field of an order"),
        (key, RowFields::Row) => {
            let known = NAMES.into_iter().chain(ROW_NAMES);
            unknown_field(key, known, "a field of an order")
        }
    }
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
    use domain::{CheckRules, Currency, Fault, PlaceOrder};

    use super::{RowFields, read_order};
    use crate::Reader;

    fn check(json: &str) -> Result<PlaceOrder, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut reader = Reader::new(json.as_bytes()).unwrap();
        let input = read_order(&mut reader, RowFields::None, &mut faults).unwrap();
        let rules = CheckRules::new_orders(Currency::USD);
        PlaceOrder::check(input.draft, rules, &mut faults).ok_or(faults)
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
            r#"{"user_id":"al\u0069ce","external_id":"A-1","source":"web","currency":"KWD","amount":"0.009",
                "lines":[{"sku":null,"product_name":"Pin","quantity":2,"unit_price":0.005},
                         {"product_name":"Tea","quantity":"0.485","total":"0.001"}],
                "adjustments":[{"kind":"discount","label":"SPRING","amount":-0.002},
                               {"kind":"tax","amount":"0.001","included":true}],
                "metadata":{"note":"a\tb"},"process_after":"2030-01-01T01:00:00+01:00"}"#,
        )
        .unwrap();
        assert_eq!(order.user_id.as_str(), "alice");
        assert_eq!(order.amount.to_string(), "0.009");
        let [pin, tea] = &*order.lines else {
            panic!("{:?}", order.lines)
        };
        assert_eq!((pin.unit_price_minor, pin.total_minor), (Some(5), 10));
        assert_eq!((tea.quantity.thousandths(), tea.total_minor), (485, 1));
        let [discount, tax] = &*order.adjustments else {
            panic!("{:?}", order.adjustments)
        };
        assert_eq!((discount.amount_minor, discount.included), (-2, false));
        assert_eq!((tax.amount_minor, tax.included), (1, true));
        let time = order.process_after.unwrap();
        assert_eq!(time.to_string(), "2030-01-01T00:00:00.000Z");
        assert_eq!(order.metadata.pairs()["note"], "a\tb");
    }

    #[test]
    fn faults_of_shape_and_of_sense_come_together() {
        let faults = check(
            r#"{"user_id":7,"usr_id":"x","id":"1","currency":"usd","metadata":{"a/b":1},
                "lines":[{"product_name":"","quantity":0.0005,"unit_price":[],"colour":"red"},4],
                "adjustments":[{"kind":"tax","amount":false,"included":"yes","lable":"x"},7]}"#,
        )
        .unwrap_err();
        let found: Vec<_> = faults
            .iter()
            .map(|fault| (fault.pointer.as_str(), &*fault.code))
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
                ("/adjustments/0/amount", "wrong_type"),
                ("/adjustments/0/included", "wrong_type"),
                ("/adjustments/0/lable", "unknown_field"),
                ("/adjustments/1", "wrong_type"),
                ("/currency", "unknown_value"),
                ("/lines/0/product_name", "blank"),
                ("/lines/0/quantity", "too_precise"),
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
            r#"{"adjustments":[{"included":true,"included":true}]}"#,
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
        let json = format!(
            r#"{{{},"lines":[{lines}],"adjustments":[{lines}]}}"#,
            strangers.join(",")
        );
        let faults = check(&json).unwrap_err();
        assert!(faults.len() < 1_010, "{}", faults.len());
    }

    #[test]
    fn fields_that_belong_elsewhere_say_where() {
        let faults_of = |json: &str, row| {
            let mut faults = Vec::new();
            let mut reader = Reader::new(json.as_bytes()).unwrap();
            read_order(&mut reader, row, &mut faults).unwrap();
            faults
        };
        for (json, row, code, detail) in [
            (
                r#"{"waiting_for":null}"#,
                RowFields::None,
                "read_only",
                "set by the server",
            ),
            (
                r#"{"retry_at":null}"#,
                RowFields::Row,
                "read_only",
                "set by the server",
            ),
            (
                r#"{"created_at":"x"}"#,
                RowFields::Row,
                "read_only",
                "inside history",
            ),
            (
                r#"{"status":"x"}"#,
                RowFields::Row,
                "read_only",
                "inside history",
            ),
            (
                r#"{"status":"x"}"#,
                RowFields::None,
                "read_only",
                "not by clients",
            ),
            (
                r#"{"history":{}}"#,
                RowFields::None,
                "unknown_field",
                "rows of a batch",
            ),
            (
                r#"{"idempotency_key":"k"}"#,
                RowFields::None,
                "unknown_field",
                "header",
            ),
            (
                r#"{"histroy":{}}"#,
                RowFields::Row,
                "unknown_field",
                "nearest known one is history",
            ),
            (
                r#"{"adjustment":[]}"#,
                RowFields::None,
                "unknown_field",
                "nearest known one is adjustments",
            ),
            (
                r#"{"history":{"state":"x"}}"#,
                RowFields::Row,
                "unknown_field",
                "nearest known one is status",
            ),
        ] {
            let faults = faults_of(json, row);
            let [fault] = &*faults else {
                panic!("{json}: {faults:?}")
            };
            assert_eq!(fault.code, code, "{json}");
            assert!(fault.detail.contains(detail), "{json}: {}", fault.detail);
        }
    }
}
