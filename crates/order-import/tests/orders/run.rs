//! One import of files in a temporary folder, and what became of each order as one line of text.

use std::path::PathBuf;

use domain::{Currency, Line, Money, PlaceOrder};
use order_import::files::Input;
use order_import::{
    Fate, ImportError, Inputs, Item, MappedFiles, Mapping, Progress, Ready, Refusal, RunKeys,
};

/// What was handed out.
#[derive(Default)]
pub struct Outcome {
    /// Orders without a fault.
    pub orders: Vec<Ready>,
    /// Every refused order or row.
    pub refused: Vec<Vec<Refusal>>,
    /// How many of them were counted.
    pub refused_count: usize,
    /// How many orders the mapping left out.
    pub skipped: usize,
    /// `+number` taken, `-row:column:code,...` refused, `=` left out, in the order of the files.
    pub lines: Vec<String>,
}

impl Outcome {
    /// The order with this number.
    pub fn order(&self, number: &str) -> &Ready {
        let found = self.orders.iter().find(|order| order.number == number);
        found.unwrap_or_else(|| panic!("{number} is not in {:?}: {:?}", self.lines, self.refused))
    }

    fn add(&mut self, item: Item) {
        match item {
            Item::Order(order) => {
                self.lines.push(format!("+{}", order.number));
                self.orders.push(*order);
            }
            Item::Refused(refused) => {
                self.refused_count += usize::from(!refused.is_counted);
                let faults: Vec<String> = refused
                    .refusals
                    .iter()
                    .map(|own| format!("{}:{}:{}", own.place.row, own.column, own.code))
                    .collect();
                self.lines.push(format!("-{}", faults.join(",")));
                self.refused.push(refused.refusals);
            }
            Item::Skipped => {
                self.lines.push("=".to_owned());
                self.skipped += 1;
            }
            Item::EmptyFile(_) => self.lines.push("empty".to_owned()),
        }
    }
}

/// The mapping; panics with all its faults.
pub fn mapping(text: &str) -> Mapping {
    Mapping::parse(text).unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"))
}

/// Imports texts as files `1.csv`, `2.csv`...
pub fn import(text: &str, files: &[&str]) -> Outcome {
    try_import(text, files).unwrap()
}

/// Imports texts as files, up to the fault that stops the import.
pub fn try_import(text: &str, files: &[&str]) -> Result<Outcome, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = files
        .iter()
        .enumerate()
        .map(|(index, content)| {
            let path = folder.path().join(format!("{}.csv", index + 1));
            std::fs::write(&path, content).unwrap();
            path
        })
        .collect();
    import_paths(text, &paths)
}

/// Imports files.
pub fn import_paths(text: &str, paths: &[PathBuf]) -> Result<Outcome, ImportError> {
    let mapping = mapping(text);
    let inputs = Inputs {
        files: paths.iter().map(|path| Input::new(path)).collect(),
        ..Inputs::default()
    };
    let files = MappedFiles::open(&mapping, &inputs)?;
    let progress = Progress::default();
    let mut numbers = files.first_pass(&progress)?;
    let mut outcome = Outcome::default();
    files.read(
        &mut numbers,
        RunKeys::of(7),
        Fate::Pending,
        &progress,
        &mut |item| {
            outcome.add(item);
            true
        },
    )?;
    Ok(outcome)
}

/// `12.00 USD: 2 x A (10.00), discount -1.00`
pub fn shown(order: &PlaceOrder) -> String {
    let currency = order.amount.currency();
    let mut text = format!("{} {currency}:", order.amount);
    for line in order.lines.iter() {
        text.push_str(&format!(
            " {} x {}",
            line.quantity,
            line.product_name.as_str()
        ));
        text.push_str(&format!(" ({})", total(line, currency)));
    }
    for adjustment in order.adjustments.iter() {
        let label = adjustment.label.as_ref().map_or("", |label| label.as_str());
        text.push_str(&format!(
            ", {}{}{label} {}",
            adjustment.kind.as_str(),
            if label.is_empty() { "" } else { " " },
            adjustment.amount_minor
        ));
        if adjustment.included {
            text.push_str(" included");
        }
    }
    text
}

fn total(line: &Line, currency: Currency) -> String {
    Money::new(line.total_minor, currency).unwrap().to_string()
}
