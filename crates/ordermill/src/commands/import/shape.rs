//! How orders lie in the files: in rows that a mapping explains, or whole, one a line. Chosen by the flags and, without a
//! mapping, by the heading of the first file.

use std::path::Path;
use std::sync::Arc;

use order_import::{Fate, Mapping, Ready, column_of, presets};
use server::ConfigError;

use super::flags::{As, FormatFlag, ImportFlags};

/// How orders lie in the files.
#[derive(Clone)]
pub enum Shape {
    /// In rows, whose columns a mapping names.
    Mapped(Arc<Mapping>),
    /// A whole order a line, as it is exported and posted.
    Whole,
}

impl Shape {
    /// The shape that the flags ask for.
    ///
    /// # Errors
    /// A mapping with faults, flags that do not fit it, or a file that needs a mapping.
    pub fn choose(flags: &ImportFlags) -> anyhow::Result<Self> {
        let shape = match (&flags.mapping, &flags.preset) {
            (Some(path), _) => Self::of_file(path)?,
            (None, Some(name)) => Self::of_preset(name)?,
            (None, None) => Self::of_content(flags)?,
        };
        if let (Self::Mapped(mapping), Some(kind)) = (&shape, flags.kind) {
            check_kind(mapping, kind)?;
        }
        Ok(shape)
    }

    fn of_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            faults: vec![format!(
                "cannot read the mapping file {}: {error}",
                path.display()
            )],
        })?;
        Self::of_text(&path.display().to_string(), &text)
    }

    fn of_preset(name: &str) -> anyhow::Result<Self> {
        let preset =
            presets::find(name).ok_or_else(|| anyhow::anyhow!("there is no preset {name:?}"))?;
        Ok(Self::of_text(preset.name, preset.text)?)
    }

    fn of_text(name: &str, text: &str) -> Result<Self, ConfigError> {
        let mapping = Mapping::parse(text).map_err(|faults| ConfigError {
            faults: faults
                .iter()
                .map(|fault| format!("{name}:{}: {}", fault.line, fault.message))
                .collect(),
        })?;
        Ok(Self::Mapped(Arc::new(mapping)))
    }

    /// Without a mapping: our own export by its heading, or whole orders.
    fn of_content(flags: &ImportFlags) -> anyhow::Result<Self> {
        if flags.format == Some(FormatFlag::Ndjson) {
            return Ok(Self::Whole);
        }
        Ok(match presets::of_files(&flags.inputs().files)? {
            Some(preset) => Self::of_text(preset.name, preset.text)?,
            None => Self::Whole,
        })
    }

    /// How a report names what a JSON pointer of an order speaks of.
    pub fn column_of(&self, pointer: &str, order: &Ready) -> String {
        match self {
            Self::Mapped(mapping) => {
                column_of(mapping, pointer, &order.origin.adjustment_indexes())
            }
            Self::Whole => pointer.trim_start_matches('/').to_owned(),
        }
    }
}

/// What becomes of orders that do not say it themselves.
pub fn default_fate(flags: &ImportFlags) -> Fate {
    flags.kind.map_or(Fate::Pending, As::fate)
}

fn check_kind(mapping: &Mapping, kind: As) -> Result<(), ConfigError> {
    let fault = if !mapping.status.is_empty() {
        "--as cannot stand beside a mapping with [status], which decides for each order"
    } else if kind == As::Processed && mapping.order.created_at.is_none() {
        "--as processed needs order.created_at in the mapping: when each order was made"
    } else {
        return Ok(());
    };
    Err(ConfigError {
        faults: vec![fault.to_owned()],
    })
}
