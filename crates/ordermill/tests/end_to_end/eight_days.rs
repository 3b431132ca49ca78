//! What the eight days say, by a reading of its own: it shares nothing with the importer but the files.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::server::repository;

/// A user and the shop's number of an order.
pub type Name = (String, String);

/// What the files say, read here.
#[derive(Default)]
pub struct Expected {
    /// Lines and pence of each good order.
    pub taken: BTreeMap<Name, (usize, u64)>,
    /// Numbers of the orders with a faulty row.
    pub refused: BTreeSet<String>,
    /// File and row of each faulty row.
    pub faulty_rows: BTreeSet<(String, u64)>,
}

/// The files, by day.
pub fn days() -> Vec<PathBuf> {
    let mut days: Vec<PathBuf> = fs::read_dir(repository("examples/online-retail"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .collect();
    days.sort();
    assert_eq!(days.len(), 8);
    days
}

/// `2.55` in pence; nothing for what has more than two digits or is below zero.
pub fn pence(text: &str) -> Option<u64> {
    let (pounds, rest) = text.split_once('.').unwrap_or((text, "0"));
    let rest = rest.trim_end_matches('0');
    let hundredths = match rest.len() {
        0 => 0,
        1 => rest.parse::<u64>().ok()? * 10,
        2 => rest.parse().ok()?,
        _ => return None,
    };
    Some(pounds.parse::<u64>().ok()? * 100 + hundredths)
}

/// Reads all days.
pub fn expected() -> Expected {
    expected_of(&days())
}

/// Reads files in the layout of the eight days.
pub fn expected_of(files: &[PathBuf]) -> Expected {
    let mut all: BTreeMap<String, Vec<(String, Option<u64>)>> = BTreeMap::new();
    let mut expected = Expected::default();
    for day in files {
        let mut reader = csv::Reader::from_path(day).unwrap();
        for (index, row) in reader.deserialize::<BTreeMap<String, String>>().enumerate() {
            let row = row.unwrap();
            let quantity: i64 = row["Quantity"].parse().unwrap();
            let price = pence(&row["UnitPrice"]);
            let is_named =
                !row["Description"].trim().is_empty() || !row["StockCode"].trim().is_empty();
            let total = match (u64::try_from(quantity), price) {
                (Ok(quantity @ 1..=1_000_000), Some(price)) if is_named => Some(quantity * price),
                _ => None,
            };
            if total.is_none() {
                expected
                    .faulty_rows
                    .insert((day.display().to_string(), index as u64 + 2));
            }
            let user = match row["CustomerID"].as_str() {
                "" => "guest".to_owned(),
                text => text.strip_suffix(".0").unwrap_or(text).to_owned(),
            };
            all.entry(row["InvoiceNo"].clone())
                .or_default()
                .push((user, total));
        }
    }
    for (number, rows) in all {
        let totals: Option<Vec<u64>> = rows.iter().map(|(_, total)| *total).collect();
        match totals {
            Some(totals) => {
                let name = (rows[0].0.clone(), number);
                expected
                    .taken
                    .insert(name, (totals.len(), totals.iter().sum()));
            }
            None => {
                expected.refused.insert(number);
            }
        }
    }
    assert!(
        expected.taken.len() > 800 && expected.refused.len() > 100,
        "the sample is what it was"
    );
    expected
}
