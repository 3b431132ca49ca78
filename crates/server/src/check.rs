//! The check of a whole configuration: refuses everything that makes a start impossible until a setting changes, all
//! faults at once. `serve` runs it before it opens anything, and `config check` runs the same. It reads files that settings
//! name, but makes no file, opens no store and listens nowhere.

use std::path::Path;
use std::sync::Arc;

use application::ports::Clock;
use application::system::SystemClock;

use crate::config::{Config, ConfigError, Layers};
use crate::work::Handling;
use crate::{open_files, receipts, store, work};

/// A configuration that can be started with, and the parts that were built while it was checked.
pub struct Checked {
    /// The settings; bounds that are only defaults are lowered to the limits of this process.
    pub config: Config,
    /// The clock of the process.
    pub clock: Arc<dyn Clock>,
    /// What processes an order.
    pub handling: Handling,
}

/// Checks what [`crate::config::load`] cannot: it knows each setting and how they fit together, this knows the parts that
/// are built from them.
///
/// # Errors
/// Every fault, each with its setting and where that was set.
pub fn check(mut config: Config, layers: &mut Layers) -> Result<Checked, ConfigError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    open_files::make_room(&mut config, layers);
    store::check(&config, layers);
    receipts::check(&config, layers);
    let handling = work::handling(&config, Arc::clone(&clock), layers);
    layers.finish()?;
    Ok(Checked {
        config,
        clock,
        handling: handling.expect("a handler that cannot be set up has left a fault"),
    })
}

/// Refuses a setting that names a folder but leads to something else. A folder that is not there is made by the start.
pub fn check_folder(setting: &str, folder: &Path, layers: &mut Layers) {
    let first_there = folder.ancestors().find(|path| path.exists());
    if let Some(there) = first_there
        && !there.is_dir()
    {
        let reason = format!("must name a folder: {} is a file", there.display());
        layers.refuse(setting, &reason);
    }
}
