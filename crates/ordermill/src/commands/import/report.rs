//! The report of an import: one line a refusal, as CSV. The file appears with the first refusal, so that a clean import
//! leaves none behind.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use anyhow::Context as _;
use order_import::Refusal;

/// The file of refused orders.
pub struct Report {
    path: PathBuf,
    writer: Option<csv::Writer<BufWriter<File>>>,
    is_wanted: bool,
}

impl Report {
    /// A report at `path`. One that was asked for is written even if it is empty.
    ///
    /// # Errors
    /// If a report that was asked for cannot be written: better now than after the import.
    pub fn new(asked: Option<PathBuf>) -> anyhow::Result<Self> {
        let mut report = Self {
            is_wanted: asked.is_some(),
            path: asked.unwrap_or_else(|| PathBuf::from("ordermill-import-refused.csv")),
            writer: None,
        };
        if report.is_wanted {
            report.open()?;
        }
        Ok(report)
    }

    fn open(&mut self) -> anyhow::Result<&mut csv::Writer<BufWriter<File>>> {
        if self.writer.is_none() {
            let cannot = || {
                format!(
                    "cannot write the report {}; choose another with --report",
                    self.path.display()
                )
            };
            let file = File::create(&self.path).with_context(cannot)?;
            let mut writer = csv::Writer::from_writer(BufWriter::new(file));
            writer
                .write_record(["file", "row", "column", "external_id", "code", "reason"])
                .with_context(cannot)?;
            self.writer = Some(writer);
        }
        self.writer.as_mut().context("the report is open")
    }

    /// Writes the refusals of one order or row.
    pub fn write(&mut self, refusals: &[Refusal]) -> anyhow::Result<()> {
        let writer = self.open()?;
        for refusal in refusals {
            writer
                .write_record([
                    &*refusal.place.file,
                    &refusal.place.row.to_string(),
                    &refusal.column,
                    &refusal.order,
                    &refusal.code,
                    &refusal.reason,
                ])
                .context("cannot write the report")?;
        }
        Ok(())
    }

    /// Completes the file; its path, if there is one.
    pub fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        if let Some(writer) = &mut self.writer {
            writer.flush().context("cannot write the report")?;
        }
        Ok(self.writer.is_some().then_some(self.path))
    }
}
