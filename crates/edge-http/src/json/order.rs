//! An order as clients send it: JSON into an [`OrderDraft`], with a fault for whatever has the wrong shape.
//!
//! What is of the right shape is judged by the domain. This is the hot path: a good order costs no allocation here
//! beyond its lines and metadata.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashSet;

use domain::order::MAX_LINES;
use domain::{Fault, Given, LineDraft, OrderDraft};

use super::reader::{Kind, Malformed, Reader};
use crate::problem::MAX_FAULTS;

/// Which fields are taken beside those of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowFields {
    /// None: a single order.
    None,
    /// `idempotency_key`: a row of a batch.
    Key,
    /// `idempotency_key` and `created_at`: a row of imported history.
    KeyAndCreatedAt,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct OrderInput<'a> {
    pub(crate) draft: OrderDraft<'a>,
    pub(crate) idempotency_key: Given<Cow<'a, str>>,
    pub(crate) created_at: Given<Cow<'a, str>>,
}

const ORDER_FIELDS: [&str; 7] = [
    "user_id",
    "external_id",
    "source",
    "currency",
    "amount",
    "lines",
    "metadata",
];
const LINE_FIELDS: [&str; 4] = ["sku", "product_name", "quantity", "unit_price"];
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

/// Reads one order. Faults of shape are added to `faults`.
pub(crate) fn read_order<'a>(
    reader: &mut Reader<'a>,
    fields: RowFields,
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
    let mut seen = Seen::default();
    let mut strangers = HashSet::new();
    reader.object(|reader, key| {
        let draft = &mut input.draft;
        match &*key {
            "user_id" => {
                seen.first(0, &key, reader)?;
                draft.user_id = text(reader, "/user_id", faults)?;
            }
            "external_id" => {
                seen.first(1, &key, reader)?;
                draft.external_id = text(reader, "/external_id", faults)?;
            }
            "source" => {
                seen.first(2, &key, reader)?;
                draft.source = text(reader, "/source", faults)?;
            }
            "currency" => {
                seen.first(3, &key, reader)?;
                draft.currency = text(reader, "/currency", faults)?;
            }
            "amount" => {
                seen.first(4, &key, reader)?;
                draft.amount = decimal(reader, "/amount", faults)?;
            }
            "lines" => {
                seen.first(5, &key, reader)?;
                draft.lines = lines(reader, faults)?;
            }
            "metadata" => {
                seen.first(6, &key, reader)?;
                draft.metadata = metadata(reader, faults)?;
            }
            "idempotency_key" if fields != RowFields::None => {
                seen.first(7, &key, reader)?;
                input.idempotency_key = text(reader, "/idempotency_key", faults)?;
            }
            "created_at" if fields == RowFields::KeyAndCreatedAt => {
                seen.first(8, &key, reader)?;
                input.created_at = text(reader, "/created_at", faults)?;
            }
            _ => {
                if strangers.contains(&key) {
                    return Err(reader.duplicate(&key));
                }
                push(faults, || stranger(&key, fields));
                strangers.insert(key);
                reader.skip()?;
            }
        }
        Ok(())
    })?;
    Ok(input)
}

/// Which known keys of an object have come.
#[derive(Debug, Default)]
struct Seen(u16);

impl Seen {
    fn first(&mut self, bit: u16, key: &str, reader: &Reader<'_>) -> Result<(), Malformed> {
        if self.0 & (1 << bit) != 0 {
            return Err(reader.duplicate(key));
        }
        self.0 |= 1 << bit;
        Ok(())
    }
}

/// Adds a fault, unless there are more already than any answer lists.
fn push(faults: &mut Vec<Fault>, fault: impl FnOnce() -> Fault) {
    if faults.len() <= MAX_FAULTS {
        faults.push(fault());
    }
}

/// A key as a segment of a JSON pointer; cut where it is absurdly long.
pub(super) fn segment(key: &str) -> String {
    let shown: String = key.chars().take(100).collect();
    shown.replace('~', "~0").replace('/', "~1")
}

fn stranger(key: &str, fields: RowFields) -> Fault {
    let pointer = format!("/{}", segment(key));
    if key == "created_at" && fields == RowFields::Key {
        return Fault::new(
            pointer,
            "read_only",
            "is set by the server; imported history brings its own, with ?as=processed",
        );
    }
    if SERVER_FIELDS.contains(&key) {
        return Fault::new(pointer, "read_only", "is set by the server, not by clients");
    }
    if key == "idempotency_key" {
        return Fault::new(
            pointer,
            "unknown_field",
            "belongs into the Idempotency-Key header; only rows of a batch carry it",
        );
    }
    let row_fields: &[&str] = match fields {
        RowFields::None => &[],
        RowFields::Key => &["idempotency_key"],
        RowFields::KeyAndCreatedAt => &["idempotency_key", "created_at"],
    };
    let known = ORDER_FIELDS.iter().chain(row_fields).copied();
    Fault::new(
        pointer,
        "unknown_field",
        unknown_among(key, known, "a field of an order"),
    )
}

/// The sentence about a name that is not `what`, with the nearest known one where one is near.
pub(crate) fn unknown_among<'k>(
    name: &str,
    known: impl Iterator<Item = &'k str>,
    what: &str,
) -> String {
    // A name this long is near none, and comparing it would cost time for nothing.
    let nearest = (name.len() <= 64)
        .then(|| {
            known
                .map(|known| (strsim::damerau_levenshtein(name, known), known))
                .filter(|(distance, known)| *distance <= known.len() / 2)
                .min()
        })
        .flatten();
    match nearest {
        Some((_, nearest)) => format!("is not {what}; the nearest known one is {nearest}"),
        None => format!("is not {what}"),
    }
}

/// Notes a value of another type and passes over it.
pub(super) fn wrong_type(
    reader: &mut Reader<'_>,
    pointer: &str,
    expected: &str,
    faults: &mut Vec<Fault>,
) -> Result<(), Malformed> {
    let found = reader.peek()?;
    push(faults, || {
        let detail = format!("must be {expected}, not {}", found.name());
        Fault::new(pointer, "wrong_type", detail)
    });
    reader.skip()
}

pub(super) fn text<'a>(
    reader: &mut Reader<'a>,
    pointer: &str,
    faults: &mut Vec<Fault>,
) -> Result<Given<Cow<'a, str>>, Malformed> {
    match reader.peek()? {
        Kind::Text => reader.text().map(Given::Value),
        Kind::Null => reader.null().map(|()| Given::Missing),
        Kind::Object | Kind::Array | Kind::Number | Kind::Boolean => {
            wrong_type(reader, pointer, "a string", faults).map(|()| Given::Faulty)
        }
    }
}

/// A number, or a decimal in a string, as its text.
fn decimal<'a>(
    reader: &mut Reader<'a>,
    pointer: &str,
    faults: &mut Vec<Fault>,
) -> Result<Given<Cow<'a, str>>, Malformed> {
    match reader.peek()? {
        Kind::Number => reader
            .number()
            .map(|text| Given::Value(Cow::Borrowed(text))),
        Kind::Text => reader.text().map(Given::Value),
        Kind::Null => reader.null().map(|()| Given::Missing),
        Kind::Object | Kind::Array | Kind::Boolean => {
            wrong_type(reader, pointer, "a number", faults).map(|()| Given::Faulty)
        }
    }
}

fn number<'a>(
    reader: &mut Reader<'a>,
    pointer: &str,
    faults: &mut Vec<Fault>,
) -> Result<Given<Cow<'a, str>>, Malformed> {
    match reader.peek()? {
        Kind::Number => reader
            .number()
            .map(|text| Given::Value(Cow::Borrowed(text))),
        Kind::Null => reader.null().map(|()| Given::Missing),
        Kind::Object | Kind::Array | Kind::Text | Kind::Boolean => {
            wrong_type(reader, pointer, "a number", faults).map(|()| Given::Faulty)
        }
    }
}

fn lines<'a>(
    reader: &mut Reader<'a>,
    faults: &mut Vec<Fault>,
) -> Result<Given<Vec<LineDraft<'a>>>, Malformed> {
    match reader.peek()? {
        Kind::Array => {}
        Kind::Null => return reader.null().map(|()| Given::Missing),
        Kind::Object | Kind::Text | Kind::Number | Kind::Boolean => {
            return wrong_type(reader, "/lines", "an array", faults).map(|()| Given::Faulty);
        }
    }
    let mut lines = Vec::new();
    reader.array(|reader, index| {
        // One more than allowed is kept, so that the domain sees that there are too many.
        if index > MAX_LINES {
            return reader.skip();
        }
        // Pointers are only built where there is a fault.
        let mut here = Vec::new();
        lines.push(line(reader, &mut here)?);
        for fault in here {
            push(faults, || Fault {
                pointer: format!("/lines/{index}{}", fault.pointer),
                ..fault
            });
        }
        Ok(())
    })?;
    Ok(Given::Value(lines))
}

fn line<'a>(reader: &mut Reader<'a>, faults: &mut Vec<Fault>) -> Result<LineDraft<'a>, Malformed> {
    if reader.peek()? != Kind::Object {
        wrong_type(reader, "", "an object", faults)?;
        // The fields of what is no line are no faults of their own.
        return Ok(LineDraft {
            sku: Given::Faulty,
            product_name: Given::Faulty,
            quantity: Given::Faulty,
            unit_price: Given::Faulty,
        });
    }
    let mut draft = LineDraft::default();
    let mut seen = Seen::default();
    let mut strangers = HashSet::new();
    reader.object(|reader, key| {
        match &*key {
            "sku" => {
                seen.first(0, &key, reader)?;
                draft.sku = text(reader, "/sku", faults)?;
            }
            "product_name" => {
                seen.first(1, &key, reader)?;
                draft.product_name = text(reader, "/product_name", faults)?;
            }
            "quantity" => {
                seen.first(2, &key, reader)?;
                draft.quantity = number(reader, "/quantity", faults)?;
            }
            "unit_price" => {
                seen.first(3, &key, reader)?;
                draft.unit_price = decimal(reader, "/unit_price", faults)?;
            }
            _ => {
                if strangers.contains(&key) {
                    return Err(reader.duplicate(&key));
                }
                push(faults, || {
                    let known = LINE_FIELDS.iter().copied();
                    Fault::new(
                        format!("/{}", segment(&key)),
                        "unknown_field",
                        unknown_among(&key, known, "a field of a line"),
                    )
                });
                strangers.insert(key);
                reader.skip()?;
            }
        }
        Ok(())
    })?;
    Ok(draft)
}

fn metadata(
    reader: &mut Reader<'_>,
    faults: &mut Vec<Fault>,
) -> Result<Given<BTreeMap<String, String>>, Malformed> {
    match reader.peek()? {
        Kind::Object => {}
        Kind::Null => return reader.null().map(|()| Given::Missing),
        Kind::Array | Kind::Text | Kind::Number | Kind::Boolean => {
            return wrong_type(reader, "/metadata", "an object of strings", faults)
                .map(|()| Given::Faulty);
        }
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

    use super::{Reader, RowFields, read_order};

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
