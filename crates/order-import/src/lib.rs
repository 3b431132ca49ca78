//! Order files of any shop into checked orders.
//!
//! Reads CSV, TSV, XLSX and NDJSON files by a mapping that says which column is what, and hands out orders that the
//! domain has checked, or the faults of a refused order by file, row and column. The command line's `import` calls
//! it and sends what it hands out. Nothing here speaks to a server or prints.
//!
//! | module | owns |
//! | --- | --- |
//! | `files` | bytes into rows of cells |
//! | `mapping` | the mapping file: which column is what |
//! | `values`, `time` | texts into numbers and instants |
//! | `orders` | rows into orders |
//! | `reading` | the passes over all files |
//! | `tally` | what was read, by number and by sum |
//! | `presets` | mappings of known shops |
//! | `suggest` | a first mapping, guessed from a file |
//! | `formula` | the apostrophe that keeps text from running as a formula |

pub mod files;
pub mod formula;
mod mapping;
mod orders;
pub mod presets;
mod reading;
pub mod suggest;
mod tally;
mod time;
mod values;

pub use mapping::{Expect, Fate, Mapping, MappingFault, mapping_keys};
pub use orders::{
    OrderNumbers, OrderRows, Place, Ready, Refusal, Refused, RunKeys, Stop, column_of,
};
pub use reading::{ImportError, Inputs, Item, MappedFiles, Progress, Sink, WholeFiles};
pub use tally::{Mismatch, Repeats, Taken, Tally};
pub use values::Number;
