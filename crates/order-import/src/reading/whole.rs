//! NDJSON in which each line is a whole order, in the shape of `POST /v1/orders`, of a batch's row, or of our own export.
//!
//! What a server sets is not taken over. Of an exported order, its id makes the import repeatable, and its status decides:
//! PROCESSED and CANCELLED become history with their time, every other one becomes a new order.

use std::sync::Arc;

use domain::{
    CheckRules, Currency, Fault, History, HistoryStatus, IdempotencyKey, PlaceOrder, Source,
    Status, Timestamp,
};
use order_json::{Members, OrderForm, Reader, SET_BY_SERVERS, read_order, text_of};

use super::error::ImportError;
use super::progress::Progress;
use super::source_file::SourceFile;
use super::{Inputs, Item, Sink};
use crate::files::{FileLayout, Format};
use crate::mapping::Fate;
use crate::orders::{OrderRows, Place, Ready, Refusal, Refused, RunKeys};

/// Files of whole orders.
pub struct WholeFiles {
    files: Vec<SourceFile>,
}

impl WholeFiles {
    /// Opens all files.
    ///
    /// # Errors
    /// The first file that cannot be opened, or is something else.
    pub fn open(inputs: &Inputs) -> Result<Self, ImportError> {
        let files = SourceFile::open_all(inputs, &FileLayout::default())?;
        for file in &files {
            file.with(|file| match file.format() {
                Format::Ndjson => Ok(()),
                Format::Delimited if file.columns()?.is_empty() => Ok(()),
                Format::Delimited | Format::Spreadsheet => Err(ImportError::NeedsMapping {
                    file: Arc::clone(file.name()),
                }),
            })?;
        }
        Ok(Self { files })
    }

    /// Bytes of one pass over all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(SourceFile::size).sum()
    }

    /// Reads all orders. `default_fate` is for orders without a status.
    ///
    /// # Errors
    /// If a file cannot be read to its end, or `sink` wants no more.
    pub fn read(
        &self,
        mut keys: RunKeys,
        default_fate: Fate,
        progress: &Progress,
        sink: &mut Sink<'_>,
    ) -> Result<(), ImportError> {
        let mut ahead = 0;
        for source in &self.files {
            let mut is_empty = true;
            source.with(|file| {
                let mut lines = file.lines()?;
                while let Some(line) = lines.next()? {
                    is_empty = false;
                    progress.add_row(true);
                    progress.set_bytes(ahead + lines.bytes_read());
                    let place = Place {
                        file: Arc::clone(file.name()),
                        row: line.number,
                    };
                    let broken = line
                        .broken
                        .map(|broken| Fault::new("", broken.code, broken.reason));
                    let parsed = broken.map_or_else(|| parse(&line.text), Err);
                    let item = match parsed {
                        Ok(members) => taken(&members, &place, default_fate, &mut keys),
                        Err(fault) => refused(&[fault], &place, ""),
                    };
                    if !sink(item) {
                        return Err(ImportError::Stopped);
                    }
                }
                Ok(())
            })?;
            if is_empty && !sink(Item::EmptyFile(source.name())) {
                return Err(ImportError::Stopped);
            }
            ahead += source.size();
            progress.set_bytes(ahead);
        }
        Ok(())
    }
}

fn parse(line: &str) -> Result<Members<'_>, Fault> {
    Members::read(line.as_bytes()).map_err(|malformed| {
        let detail = format!("is not one JSON object: {malformed}");
        Fault::new("", "bad_json", detail)
    })
}

fn refused(faults: &[Fault], place: &Place, order: &str) -> Item {
    let refusals = faults.iter().map(|fault| Refusal {
        place: place.clone(),
        column: fault.pointer.trim_start_matches('/').to_owned(),
        order: order.to_owned(),
        code: fault.code.to_string(),
        reason: fault.detail.to_string(),
    });
    Item::Refused(Refused {
        refusals: refusals.collect(),
        is_counted: false,
    })
}

/// One order, as it goes to the server or into the report.
fn taken(members: &Members<'_>, place: &Place, default_fate: Fate, keys: &mut RunKeys) -> Item {
    let number = ["external_id", "idempotency_key", "id"]
        .into_iter()
        .find_map(|name| text(members, name))
        .unwrap_or_default();
    let mut faults = Vec::new();
    let history = history(members, default_fate, &mut faults);
    let own_key = text(members, "idempotency_key");
    let new_key = match (text(members, "external_id"), text(members, "id")) {
        _ if own_key.is_some() => None,
        (Some(_), _) => None,
        (None, Some(id)) => Some(format!("import-{id}")),
        (None, None) => Some(keys.next_key()),
    };
    if let Some(key) = &own_key
        && let Err(error) = IdempotencyKey::new(key)
    {
        let pointer = "/idempotency_key";
        faults.push(Fault::new(pointer, error.code(), error.to_string()));
    }
    let json = row(members, history.as_ref(), new_key.as_deref());
    let is_history = history.is_some() || members.get("history").is_some();
    let order = check_row(&json, is_history, &mut faults);
    match order {
        Some(order) if faults.is_empty() => Item::Order(Box::new(Ready {
            order,
            key: own_key.or(new_key),
            history,
            json,
            is_repeatable: !number.is_empty(),
            number,
            origin: OrderRows {
                file: Arc::clone(&place.file),
                first: place.row,
                ..OrderRows::default()
            },
            rounded: 0,
            difference: None,
        })),
        _ => refused(&faults, place, &number),
    }
}

/// Checks a row as the server would, except for what only it knows: its default currency, its keys and external ids.
fn check_row(json: &str, is_history: bool, faults: &mut Vec<Fault>) -> Option<PlaceOrder> {
    let read = Reader::new(json.as_bytes()).and_then(|mut reader| {
        let input = read_order(&mut reader, OrderForm::Row, faults)?;
        reader.finish().map(|()| input)
    });
    let input = match read {
        Ok(input) => input,
        Err(malformed) => {
            faults.push(Fault::new("", "bad_json", malformed.to_string()));
            return None;
        }
    };
    let rules = if is_history {
        CheckRules::history(Currency::USD)
    } else {
        CheckRules::new_orders(Currency::USD)
    };
    PlaceOrder::check(input.draft, rules, faults)
}

/// What the order was, if its status or the caller makes it history.
fn history(members: &Members<'_>, default_fate: Fate, faults: &mut Vec<Fault>) -> Option<History> {
    if members.get("history").is_some() {
        return None;
    }
    let fate = match text(members, "status") {
        None => default_fate,
        Some(name) => match Status::from_name(&name) {
            Some(Status::Processed) => Fate::Processed,
            Some(Status::Cancelled) => Fate::Cancelled,
            Some(
                Status::Pending
                | Status::Processing
                | Status::Retrying
                | Status::Failed
                | Status::OnHold,
            ) => Fate::Pending,
            None => {
                let detail = format!("{name:?} is no status");
                faults.push(Fault::new("/status", "unknown_value", detail));
                return None;
            }
        },
    };
    let status = match fate {
        Fate::Processed => HistoryStatus::Processed,
        Fate::Cancelled => HistoryStatus::Cancelled,
        Fate::Pending | Fate::Skip => return None,
    };
    let fault = match text(members, "created_at") {
        None => {
            let detail = "is required for history: when the order was made";
            Fault::new("/created_at", "required", detail)
        }
        Some(text) => match Timestamp::parse(&text) {
            Ok(created_at) => return Some(History { status, created_at }),
            Err(error) => Fault::new("/created_at", "not_a_time", error.to_string()),
        },
    };
    faults.push(fault);
    None
}

/// A text that is there and not blank.
fn text(members: &Members<'_>, name: &str) -> Option<String> {
    let text = text_of(members.get(name)?)?;
    (!text.trim().is_empty()).then(|| text.into_owned())
}

/// The row of a batch: what servers set is left out, and every digit stays as it is written.
fn row(members: &Members<'_>, history: Option<&History>, key: Option<&str>) -> String {
    let mut row = String::from("{");
    let mut add = |name: &str, value: &str| {
        if row.len() > 1 {
            row.push(',');
        }
        row.push_str(&serde_json::Value::from(name).to_string());
        row.push(':');
        row.push_str(value);
    };
    for (name, value) in members.iter() {
        let is_replaced = name == "idempotency_key" && key.is_some();
        if !SET_BY_SERVERS.contains(&name) && !is_replaced {
            add(name, value);
        }
    }
    if members.get("source").is_none() {
        let source = serde_json::Value::from(Source::Import.as_str());
        add("source", &source.to_string());
    }
    if let Some(key) = key {
        add("idempotency_key", &serde_json::Value::from(key).to_string());
    }
    if let Some(history) = history {
        let created_at = history.created_at.to_string();
        let value = serde_json::json!({"status": history.status.status().as_str(), "created_at": created_at});
        add("history", &value.to_string());
    }
    row.push('}');
    row
}
