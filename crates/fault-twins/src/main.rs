//! Twins of the server, each with one defect, for the fault tests alone: a checker that passes a broken twin checks
//! nothing. The wiring is the shipped binary's (edge, worker, store, handler), the defect is chosen by name.
//!
//! Started by the tests of `ordermill`; never shipped, never published, and nothing depends on it.

mod broken_store;
mod defect;
mod poison;
mod settings;
mod wiring;

use std::process::ExitCode;

use settings::Settings;

fn main() -> ExitCode {
    let ran = Settings::read(std::env::args().skip(1)).and_then(wiring::run);
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fault-twins: {error:#}");
            ExitCode::FAILURE
        }
    }
}
