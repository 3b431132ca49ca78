//! The summary of an import: counts, sums by currency and the largest orders, for people and as JSON.

use std::path::Path;
use std::time::Duration;

use indicatif::HumanCount;
use order_import::Tally;
use serde_json::{Value, json};

use crate::exit::one_line;

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Orders that are new.
    pub accepted: u64,
    /// New orders without an external id or key: another run would place them again.
    pub unrepeatable: u64,
    /// Orders that were there before, with the same content.
    pub existing: u64,
    /// Orders, or rows of no order, that were refused.
    pub refused: u64,
    /// Orders that the mapping leaves out.
    pub skipped: u64,
    /// The orders that are new or were there before.
    pub taken: Tally,
}

/// An import at its end.
pub struct Summary<'s> {
    /// What was counted.
    pub counts: &'s Counts,
    /// Rows read, and those that filters left out.
    pub rows: (u64, u64),
    /// How long it took.
    pub took: Duration,
    /// The report, if there is one.
    pub report: Option<&'s Path>,
    /// Whether nothing was sent.
    pub is_dry_run: bool,
    /// Whether it was interrupted.
    pub is_interrupted: bool,
}

impl Summary<'_> {
    /// For programs.
    pub fn json(&self, shown: &[Value]) -> Value {
        let counts = self.counts;
        let currencies = counts.taken.currencies.iter().map(|(currency, own)| {
            let largest = own.largest(*currency);
            let largest: Vec<Value> = largest
                .map(|(amount, order)| json!({"order": order, "amount": amount}))
                .collect();
            let value =
                json!({"orders": own.orders, "sum": own.sum(*currency), "largest": largest});
            (currency.code().to_owned(), value)
        });
        json!({
            "rows": self.rows.0,
            "left_out_rows": self.rows.1,
            "accepted": counts.accepted,
            "unrepeatable": counts.unrepeatable,
            "existing": counts.existing,
            "refused": counts.refused,
            "skipped": counts.skipped,
            "rounded": counts.taken.rounded,
            "rounding_adjustments": counts.taken.differences,
            "currencies": currencies.collect::<serde_json::Map<_, _>>(),
            "seconds": (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            "report": self.report.map(|path| path.display().to_string()),
            "dry_run": self.is_dry_run,
            "interrupted": self.is_interrupted,
            "shown": shown,
        })
    }

    /// For people, several lines.
    pub fn text(&self) -> String {
        let counts = self.counts;
        let mut text = String::new();
        if self.is_dry_run {
            text.push_str("Dry run, nothing was sent: ");
        }
        text.push_str(&format!(
            "{} rows in {:.1} s: {} orders accepted, {} existing, {} refused",
            HumanCount(self.rows.0),
            self.took.as_secs_f64(),
            HumanCount(counts.accepted),
            HumanCount(counts.existing),
            HumanCount(counts.refused),
        ));
        if counts.skipped > 0 {
            text.push_str(&format!(", {} left out", HumanCount(counts.skipped)));
        }
        if self.rows.1 > 0 {
            let rows = HumanCount(self.rows.1);
            text.push_str(&format!("; {rows} rows left out by only and skip"));
        }
        if counts.unrepeatable > 0 {
            text.push_str(&format!(
                "; {} of them have no external id and no key, and another run takes them again",
                HumanCount(counts.unrepeatable)
            ));
        }
        if let (Some(path), true) = (self.report, counts.refused > 0) {
            text.push_str(&format!("; why is in {}", path.display()));
        }
        self.push_sums(&mut text);
        if self.is_interrupted {
            text.push_str(&format!("\n{}", how_to_go_on(counts)));
        }
        text
    }

    fn push_sums(&self, text: &mut String) {
        let taken = &self.counts.taken;
        for (currency, own) in &taken.currencies {
            let largest: Vec<String> = own
                .largest(*currency)
                .map(|(amount, order)| match order {
                    "" => amount,
                    order => format!("{amount} ({})", one_line(order)),
                })
                .collect();
            text.push_str(&format!(
                "\n{currency} {} in {} orders, the largest {}",
                own.sum(*currency),
                HumanCount(own.orders),
                largest.join(", ")
            ));
        }
        if taken.rounded > 0 {
            text.push_str(&format!(
                "\n{} values were rounded",
                HumanCount(taken.rounded)
            ));
        }
        if taken.differences > 0 {
            text.push_str(&format!(
                "\n{} orders have a rounding adjustment for a difference to their amount",
                HumanCount(taken.differences)
            ));
        }
    }
}

/// What to do after an interruption.
fn how_to_go_on(counts: &Counts) -> &'static str {
    if counts.unrepeatable > 0 {
        "Interrupted. What was accepted stays; some of it has no external id and no key, so that the same command would take \
         it again: remove it from the file first"
    } else {
        "Interrupted. What was accepted stays. To go on, run the same command again: what it took is not taken twice"
    }
}
