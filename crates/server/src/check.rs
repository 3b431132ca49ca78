//! The check of a whole configuration: refuses everything that makes a start impossible until a setting changes, all
//! faults at once. `serve` runs it before it opens anything, and `config check` runs the same. It reads files that settings
//! name, but makes no file, opens no store and listens nowhere.

use std::sync::Arc;

use application::ports::Clock;
use application::system::SystemClock;

use crate::config::{Config, ConfigError, Configuration};
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

/// Checks what [`Configuration::load`] cannot: it knows each setting and how they fit together, this knows the parts that
/// are built from them.
///
/// # Errors
/// Every fault, each with its setting and where that was set.
pub fn check(configuration: Configuration) -> Result<Checked, ConfigError> {
    let Configuration {
        settings: mut config,
        mut layers,
        ..
    } = configuration;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    open_files::make_room(&mut config, &mut layers);
    store::check(&config, &mut layers);
    receipts::check(&config, &mut layers);
    let handling = work::handling(&config, Arc::clone(&clock), &mut layers);
    layers.finish()?;
    Ok(Checked {
        config,
        clock,
        handling: handling.expect("a handler that cannot be set up leaves a fault"),
    })
}
