//! What the tests of this binary share: imports a file up to the server, and compares with `cases/expected.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use order_import::files::Input;
use order_import::{Fate, Inputs, Item, MappedFiles, Mapping, Progress, Ready, RunKeys};
use serde_json::Value;

/// A case file.
pub fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(name)
}

/// What an import makes of a file.
pub struct Imported {
    /// The orders, by number.
    pub orders: BTreeMap<String, Ready>,
    /// The faults, each with its row.
    pub faults: Vec<String>,
    /// How many orders the mapping leaves out.
    pub skipped: usize,
}

/// Imports a file with a mapping, up to the server.
pub fn import(text: &str, file: &Path) -> Imported {
    let mapping = Mapping::parse(text).unwrap_or_else(|faults| panic!("{faults:?}"));
    let inputs = Inputs {
        files: vec![Input::new(file)],
        ..Inputs::default()
    };
    let files = MappedFiles::open(&mapping, &inputs).unwrap();
    let progress = Progress::default();
    let mut numbers = files.first_pass(&progress).unwrap();
    let (mut orders, mut faults, mut skipped) = (BTreeMap::new(), Vec::new(), 0);
    let mut sink = |item| {
        match item {
            Item::Order(ready) => {
                assert!(orders.insert(ready.number.clone(), *ready).is_none());
            }
            Item::Refused(refused) => faults.extend(
                refused
                    .refusals
                    .iter()
                    .map(|refusal| format!("{}: {}", refusal.place.row, refusal.reason)),
            ),
            Item::Skipped => skipped += 1,
            Item::EmptyFile(file) => faults.push(file.to_string()),
        }
        true
    };
    files
        .read(
            &mut numbers,
            RunKeys::of(7),
            Fate::Pending,
            &progress,
            &mut sink,
        )
        .unwrap();
    Imported {
        orders,
        faults,
        skipped,
    }
}

/// What an order is, as expected.json has it; `cancelled` for one that is no live order.
fn outline(ready: &Ready) -> Value {
    if let Some(history) = &ready.history
        && history.status.status() == domain::Status::Cancelled
    {
        return "cancelled".into();
    }
    let order = &ready.order;
    serde_json::json!({
        "user": order.user_id.as_str(),
        "currency": order.amount.currency().code(),
        "amount": order.amount.to_string(),
        "lines": order.lines.len(),
    })
}

impl Imported {
    /// Compares with what a case file must hold.
    pub fn expect(&self, file: &str) {
        let expected = std::fs::read(case("expected.json")).unwrap();
        let expected: BTreeMap<String, BTreeMap<String, Value>> =
            serde_json::from_slice(&expected).unwrap();
        let expected = &expected[file];
        assert_eq!(self.faults, Vec::<String>::new(), "{file}");
        let numbers: Vec<&String> = self.orders.keys().collect();
        let wanted: Vec<&String> = expected.keys().filter(|key| !key.is_empty()).collect();
        assert_eq!(numbers, wanted, "{file}");
        for (number, ready) in &self.orders {
            match &expected[number] {
                Value::String(text) => {
                    assert!(text.starts_with("cancelled"), "{text}");
                    assert_eq!(outline(ready), "cancelled", "{file} {number}");
                }
                order => {
                    for (name, value) in order.as_object().unwrap() {
                        assert_eq!(&outline(ready)[name], value, "{file} {number}: {name}");
                    }
                }
            }
        }
    }
}
