//! Order files of any shop into checked orders.
//!
//! Reads CSV, TSV, XLSX and NDJSON files by a mapping that says which column is what, and hands out orders that the
//! domain has checked, or the faults of a refused order by file, row and column. The command line's `import` calls
//! it and sends what it hands out. Nothing here speaks to a server or prints.

pub mod files;
mod mapping;
mod nearest;
mod orders;
mod time;
mod values;

pub use mapping::{Mapping, MappingFault};
