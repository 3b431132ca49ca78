//! What the benchmark says: a table for people, JSON for programs.

use serde::Serialize;

use super::machine::Disturbance;

/// One measured figure.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// What was measured.
    pub(super) work: String,
    /// The figure.
    pub(super) value: f64,
    /// What it counts.
    pub(super) unit: &'static str,
    /// Against the ceiling of the same run, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ratio: Option<f64>,
    /// More of it: percentiles, what it was set against.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) note: String,
}

/// All rows of a run, and the state of the machine before it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) version: &'static str,
    pub(super) cores: usize,
    /// Share of the cores that others kept busy in the second before the run.
    pub(super) busy_before: f64,
    /// What others took of the machine during the run; not known where PostgreSQL, whose server is another, was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disturbance: Option<Disturbance>,
    pub(super) rows: Vec<Row>,
}

impl Report {
    /// Adds a row and shows it at once: a benchmark takes minutes, and nobody should wait for its first word.
    pub(super) fn add(&mut self, row: Row, is_json: bool) {
        if !is_json {
            println!("{}", line(&row));
        }
        self.rows.push(row);
    }

    pub(super) fn print_end(&self) {
        if let Some(Disturbance { others, stolen }) = self.disturbance {
            println!(
                "others kept {:.1}% of the cores busy meanwhile, other machines {:.1}%",
                others * 100.0,
                stolen * 100.0
            );
        }
    }

    pub(super) fn print_head(&self) {
        println!(
            "ordermill {} on {} cores, {:.0}% busy before the run",
            self.version,
            self.cores,
            self.busy_before * 100.0
        );
        println!(
            "{:<58} {:>14} {:<10} {:>6}  note",
            "work", "value", "unit", "ratio"
        );
    }
}

fn line(row: &Row) -> String {
    let ratio = row
        .ratio
        .map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    let value = if row.value >= 100.0 {
        format!("{:.0}", row.value)
    } else {
        format!("{:.2}", row.value)
    };
    format!(
        "{:<58} {value:>14} {:<10} {ratio:>6}  {}",
        row.work, row.unit, row.note
    )
}

/// The middle of the ratios of runs that took turns. What slows the machine down for a while slows both of a pair, so it
/// is steadier than the ratio of the middles.
pub(super) fn median_ratio(values: &[f64], ceilings: &[f64]) -> f64 {
    let pairs = values.iter().zip(ceilings);
    median(pairs.map(|(value, ceiling)| value / ceiling).collect())
}

/// The middle of a few repeated runs.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
