//! NDJSON in which each line is a whole order, in the shape of `POST /v1/orders`, of a batch's row, or of our own
//! export. It is read by the server's own reader, so that what is refused here is what the server would refuse.
//!
//! What a server sets is not taken over: of an exported order, its id makes the import repeatable, its status says
//! whether it may come in that way, and the rest is left out.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, bail};
use domain::{Currency, Fault, Given, IdempotencyKey, PlaceOrder, Source, Status, Timestamp};
use edge_http::{Reader, RowFields, read_order};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::assemble::{Item, RunKeys};
use super::group::{Place, Ready, Refusal};
use super::rows::{Input, read_line, skip_byte_order_mark};

/// What an export holds and a server sets; `created_at` is history's own.
const SET_BY_SERVERS: [&str; 8] = [
    "id",
    "status",
    "version",
    "attempt",
    "failure",
    "result",
    "receipt_key",
    "updated_at",
];

/// The lines of one file.
pub struct WholeOrders {
    bytes: Box<dyn BufRead + Send>,
    file: Arc<str>,
    row: u64,
}

impl WholeOrders {
    /// Begins a file; `None` for one without a byte in it.
    ///
    /// # Errors
    /// Where it cannot be read, or is something else.
    pub fn begin(input: &Input, progress: Arc<AtomicU64>) -> anyhow::Result<Option<Self>> {
        let file = input.name();
        let cannot = || format!("cannot read {file}");
        let mut bytes = input.open(progress).with_context(cannot)?;
        skip_byte_order_mark(&mut bytes).with_context(cannot)?;
        let start = bytes.fill_buf().with_context(cannot)?;
        if start.is_empty() {
            return Ok(None);
        }
        let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
        if first.is_some_and(|first| *first != b'{') {
            bail!(
                "{file} is not NDJSON, whose every line is one order in braces: \
                 say --mapping FILE for a file with columns"
            );
        }
        Ok(Some(Self {
            bytes,
            file,
            row: 0,
        }))
    }

    /// The next order; blank lines are passed over.
    ///
    /// # Errors
    /// Where the file cannot be read any further.
    pub fn next(&mut self, as_processed: bool, keys: &mut RunKeys) -> io::Result<Option<Item>> {
        loop {
            let Some((line, is_cut)) = read_line(&mut *self.bytes)? else {
                return Ok(None);
            };
            self.row += 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let place = Place {
                file: Arc::clone(&self.file),
                row: self.row,
            };
            let parsed = if is_cut {
                Err(Fault::new("", "too_long", "is longer than 1 MiB"))
            } else {
                parse(&line)
            };
            return Ok(Some(match parsed {
                Ok(members) => taken(&members, &place, as_processed, keys),
                Err(fault) => Item::Refused(vec![refusal(&fault, &place, "")]),
            }));
        }
    }
}

fn parse(line: &[u8]) -> Result<Members<'_>, Fault> {
    let text = std::str::from_utf8(line).map_err(|_| Fault::new("", "not_utf8", "is not UTF-8"))?;
    serde_json::from_str(text).map_err(|error| {
        let detail = format!("is not one JSON object: {error}");
        Fault::new("", "bad_json", detail)
    })
}

fn refusal(fault: &Fault, place: &Place, name: &str) -> Refusal {
    Refusal {
        place: place.clone(),
        column: fault.pointer.trim_start_matches('/').to_owned(),
        external_id: name.to_owned(),
        code: fault.code.to_owned(),
        reason: fault.detail.to_string(),
    }
}

/// One order, as it goes to the server or into the report.
fn taken(members: &Members<'_>, place: &Place, as_processed: bool, keys: &mut RunKeys) -> Item {
    let name = ["external_id", "idempotency_key", "id"]
        .into_iter()
        .find_map(|name| members.text(name))
        .unwrap_or_default();
    let mut faults = Vec::new();
    let status = members.text("status").unwrap_or_default();
    if let Some(fault) = wrong_status(&status, as_processed) {
        faults.push(fault);
    }
    let own_key = members.text("idempotency_key").is_some();
    let key = match (members.text("external_id"), members.text("id")) {
        _ if own_key => None,
        (Some(_), _) => None,
        (None, Some(id)) => Some(format!("import-{id}")),
        (None, None) => Some(keys.next()),
    };
    let json = members.row(as_processed, key.as_deref());
    check(&json, as_processed, &mut faults);
    if faults.is_empty() {
        Item::Ready(Ready {
            json,
            is_repeatable: !name.is_empty(),
            external_id: name,
            places: vec![place.clone()],
        })
    } else {
        let refusals = faults.iter().map(|fault| refusal(fault, place, &name));
        Item::Refused(refusals.collect())
    }
}

/// An exported order may not come in as what it was not: nobody is to be charged again, and nothing is to look done
/// that was not.
fn wrong_status(status: &str, as_processed: bool) -> Option<Fault> {
    let detail = match (Status::from_name(status), as_processed) {
        (None, _) if status.is_empty() => return None,
        (None, _) => format!("{status:?} is no status"),
        (Some(Status::Processed), true) => return None,
        (Some(_), true) => format!("is {status}: only what was PROCESSED is history"),
        (Some(Status::Processed), false) => {
            "is PROCESSED: it would be worked off again; import it with --as processed".to_owned()
        }
        (Some(Status::Cancelled), false) => "is CANCELLED: it would be worked off".to_owned(),
        (
            Some(
                Status::Pending
                | Status::Processing
                | Status::Retrying
                | Status::Failed
                | Status::OnHold,
            ),
            false,
        ) => return None,
    };
    Some(Fault::new("/status", "wrong_status", detail))
}

/// Checks a row as the server would, except for what only it knows: its default currency, its keys and external ids.
fn check(json: &str, as_processed: bool, faults: &mut Vec<Fault>) {
    let read = Reader::new(json.as_bytes()).and_then(|mut reader| {
        let input = read_order(&mut reader, RowFields::KeyAndCreatedAt, faults)?;
        reader.finish().map(|()| input)
    });
    let input = match read {
        Ok(input) => input,
        Err(malformed) => {
            faults.push(Fault::new("", "bad_json", malformed.to_string()));
            return;
        }
    };
    if let Given::Value(key) = &input.idempotency_key
        && let Err(error) = IdempotencyKey::new(key)
    {
        faults.push(Fault::new(
            "/idempotency_key",
            error.code(),
            error.to_string(),
        ));
    }
    match &input.created_at {
        Given::Value(text) => {
            if let Err(error) = Timestamp::parse(text) {
                faults.push(Fault::new("/created_at", "not_a_time", error.to_string()));
            }
        }
        Given::Missing if as_processed => {
            let detail = "is needed with --as processed: when the order was made";
            faults.push(Fault::new("/created_at", "required", detail));
        }
        Given::Missing | Given::Faulty => {}
    }
    PlaceOrder::check(input.draft, Currency::USD, faults);
}

/// The members of an object, each as it is written.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl Members<'_> {
    fn get(&self, name: &str) -> Option<&RawValue> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| *value)
    }

    /// A text that is there and not blank.
    fn text(&self, name: &str) -> Option<String> {
        let text: String = serde_json::from_str(self.get(name)?.get()).ok()?;
        (!text.trim().is_empty()).then_some(text)
    }

    /// The row of a batch: what servers set is left out, and every digit stays as it is written.
    fn row(&self, as_processed: bool, key: Option<&str>) -> String {
        let mut row = String::from("{");
        let mut add = |name: &str, value: &str| {
            if row.len() > 1 {
                row.push(',');
            }
            row.push_str(&serde_json::Value::from(name).to_string());
            row.push(':');
            row.push_str(value);
        };
        for (name, value) in &self.0 {
            let is_left_out = SET_BY_SERVERS.contains(&&**name)
                || (name == "created_at" && !as_processed)
                || (name == "idempotency_key" && key.is_some());
            if !is_left_out {
                add(name, value.get());
            }
        }
        if self.get("source").is_none() {
            add(
                "source",
                &serde_json::Value::from(Source::Import.as_str()).to_string(),
            );
        }
        if let Some(key) = key {
            add("idempotency_key", &serde_json::Value::from(key).to_string());
        }
        row.push('}');
        row
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members(Vec::new());
        while let Some(name) = map.next_key::<Name<'de>>()? {
            if members.get(&name.0).is_some() {
                return Err(A::Error::custom(format!(
                    "the key {:?} comes twice",
                    name.0
                )));
            }
            members.0.push((name.0, map.next_value()?));
        }
        Ok(members)
    }
}

/// A key; borrowed where it holds no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::{Item, Place, RunKeys, parse, taken};

    fn import(line: &str, as_processed: bool) -> Result<String, Vec<(String, String)>> {
        let place = Place {
            file: "f".into(),
            row: 1,
        };
        let members =
            parse(line.as_bytes()).map_err(|fault| vec![(fault.pointer, fault.code.to_owned())])?;
        match taken(&members, &place, as_processed, &mut RunKeys::of(7)) {
            Item::Ready(ready) => Ok(ready.json),
            Item::Refused(refusals) => Err(refusals
                .into_iter()
                .map(|refusal| (refusal.column, refusal.code))
                .collect()),
        }
    }

    fn fault(column: &str, code: &str) -> Vec<(String, String)> {
        vec![(column.to_owned(), code.to_owned())]
    }

    #[test]
    fn what_was_posted_goes_as_it_is_under_a_key_of_the_run() {
        assert_eq!(
            import(r#"{"user_id":"a","amount":1.10,"currency":"USD"}"#, false).unwrap(),
            r#"{"user_id":"a","amount":1.10,"currency":"USD","source":"import","idempotency_key":"import-0000000000000007-1"}"#
        );
        let own = r#"{"user_id":"a","amount":"1","idempotency_key":"k","source":"web"}"#;
        assert_eq!(import(own, false).unwrap(), own);
    }

    #[test]
    fn an_exported_order_goes_without_what_the_server_set_under_its_id() {
        let line = r#"{"id":"0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11","external_id":null,"user_id":"a","source":"web",
            "status":"PROCESSED","version":3,"currency":"USD","amount":2.00,"lines":[{"sku":null,"product_name":"p",
            "quantity":2,"unit_price":1.00}],"metadata":{},"attempt":1,"failure":null,"result":{"x":1},
            "receipt_key":"r","created_at":"2026-01-31T12:00:00.000Z","updated_at":"2026-01-31T12:00:00.000Z"}"#;
        let json = import(line, true).unwrap();
        assert!(
            json.contains(r#""idempotency_key":"import-0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11""#)
        );
        assert!(
            json.contains(r#""created_at":"2026-01-31T12:00:00.000Z""#)
                && !json.contains("receipt_key")
        );
        assert_eq!(import(line, false), Err(fault("status", "wrong_status")));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (line, column, code) in [
            ("{\"user_id\":\"a\",\"amount\":1", "", "bad_json"),
            ("[1]", "", "bad_json"),
            (
                r#"{"user_id":"a","user_id":"b","amount":1}"#,
                "",
                "bad_json",
            ),
            (
                r#"{"user_id":"a","amuont":1,"amount":1}"#,
                "amuont",
                "unknown_field",
            ),
            (r#"{"amount":1}"#, "user_id", "required"),
            (
                r#"{"user_id":"a","amount":1,"idempotency_key":"ü"}"#,
                "idempotency_key",
                "not_visible_ascii",
            ),
            (
                r#"{"user_id":"a","amount":1,"status":"CANCELLED"}"#,
                "status",
                "wrong_status",
            ),
            (
                r#"{"user_id":"a","lines":[{"product_name":"p","quantity":0,"unit_price":1}]}"#,
                "lines/0/quantity",
                "out_of_range",
            ),
        ] {
            assert_eq!(import(line, false), Err(fault(column, code)), "{line}");
        }
        let untimed = r#"{"user_id":"a","amount":1}"#;
        assert_eq!(import(untimed, true), Err(fault("created_at", "required")));
    }
}
