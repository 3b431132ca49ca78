//! The flags of `import`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use order_import::files::{Format, Input, Limits};
use order_import::{Fate, Inputs, presets};

use crate::client::ServerFlags;

/// As what orders are imported whose rows have no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum As {
    /// New orders, which are processed
    Pending,
    /// History: with their original time, and never processed
    Processed,
}

impl As {
    /// What becomes of the orders.
    pub const fn fate(self) -> Fate {
        match self {
            Self::Pending => Fate::Pending,
            Self::Processed => Fate::Processed,
        }
    }
}

/// What the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FormatFlag {
    /// Cells between delimiters, under a heading
    Csv,
    /// One JSON object a line
    Ndjson,
    /// A sheet of XLSX, XLSB, XLS or ODS
    Spreadsheet,
}

/// Flags of `import`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ordermill import --suggest orders.csv > shop.toml\n\
         Example: ordermill import --mapping shop.toml --dry-run --show 3 orders.csv\n\
         Example: ordermill import --preset shopify orders_export.csv\n\
         Example: ordermill import exported.ndjson"
)]
pub struct ImportFlags {
    /// A bundled mapping of a known shop
    #[arg(long, value_name = "NAME", conflicts_with = "mapping", value_parser = preset_names())]
    pub preset: Option<String>,
    /// The mapping file, which says which column is what (docs/IMPORT.md); without it, each line is an order as JSON, as
    /// `export` writes it and POST /v1/orders takes it, or the file is our own CSV export
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Print the preset instead of importing
    #[arg(long, requires = "preset", conflicts_with = "files")]
    pub print: bool,
    /// Print a first mapping for this file, guessed from its heading and first rows, instead of importing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["preset", "mapping", "print", "files"])]
    pub suggest: Option<PathBuf>,
    /// Read and check everything, write the report, send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the first orders as they would be placed
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub show: usize,
    /// Where refused orders are listed by file, row and column; by default ordermill-import-refused.csv, if there are any
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// As what orders are imported; by default pending, or by the status of each order
    #[arg(long = "as", value_enum)]
    pub kind: Option<As>,
    /// What the files are; by default the content of each file decides
    #[arg(long, value_enum)]
    pub format: Option<FormatFlag>,
    /// The largest spreadsheet, packed and unpacked; it is read whole
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_spreadsheet_bytes)]
    pub max_spreadsheet_bytes: u64,
    /// The most bytes of a pipe or a packed file that are kept in a temporary file
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_spool_bytes)]
    pub max_spool_bytes: u64,
    /// How long a batch is retried if the server does not take it, until the import stops
    #[arg(
        long,
        alias = "patience",
        value_name = "SECONDS",
        default_value_t = 120
    )]
    pub retry_timeout: u64,
    /// Print the summary as JSON, and no progress bar
    #[arg(long)]
    pub json: bool,
    /// The files; - is standard input
    #[arg(required_unless_present_any = ["print", "suggest"], value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub server: ServerFlags,
}

impl ImportFlags {
    /// The files with their bounds.
    pub fn inputs(&self) -> Inputs {
        Inputs {
            files: self.files.iter().map(|path| Input::new(path)).collect(),
            format: self.format.map(|format| match format {
                FormatFlag::Csv => Format::Delimited,
                FormatFlag::Ndjson => Format::Ndjson,
                FormatFlag::Spreadsheet => Format::Spreadsheet,
            }),
            limits: Limits {
                max_spreadsheet_bytes: self.max_spreadsheet_bytes,
                max_spool_bytes: self.max_spool_bytes,
            },
        }
    }
}

fn preset_names() -> PossibleValuesParser {
    PossibleValuesParser::new(presets::all().iter().map(|preset| preset.name))
}
