//! Times as files write them into instants: several formats tried in turn, time zones by any name, serial dates. `mapping`
//! checks formats and zones with it, `orders` reads cells. It knows nothing of columns.

mod format;
mod reader;
mod windows_zones;
mod zone;

pub use format::TimeFormat;
pub use reader::{Ambiguous, TimeReader, TimeRules};
pub use zone::{OwnZones, zone_of_all_year};
