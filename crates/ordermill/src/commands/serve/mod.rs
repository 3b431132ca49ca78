//! `serve`: runs the server until a signal stops it; with `--demo` it feeds the bundled sample of orders to itself.

mod demo;
mod sample;

use std::net::SocketAddr;
use std::process::ExitCode;

use server::{Configuration, Override, ServeFlags, Shipped, Supervisor, Wiring};

/// The folder of `--demo` if no other is named: a demonstration never touches real orders.
const DEMO_DATA_DIR: &str = "ordermill-demo-data";

/// Flags of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ordermill serve --demo\n\
         Example: ordermill serve --data-dir /var/lib/ordermill --config /etc/ordermill.toml\n\
         Example: ordermill serve --set handler.kind=http --set handler.url=http://localhost:9000/orders")]
pub struct ServeCommand {
    #[command(flatten)]
    server: ServeFlags,
    /// Feed the bundled sample of real orders, in a data folder of its own
    #[arg(long)]
    demo: bool,
}

/// Serves until a signal stops it.
///
/// # Errors
/// A configuration that cannot be started with, or a failure of the start or of a supervised task.
pub fn run(command: &ServeCommand) -> anyhow::Result<ExitCode> {
    let flags = &command.server;
    let mut overrides = flags.overrides();
    if command.demo && flags.data_dir.is_none() {
        overrides.push(Override::new("store.data_dir", DEMO_DATA_DIR, "--demo"));
    }
    let configuration = Configuration::load(&flags.config, &overrides)?;
    let ran = if command.demo {
        server::run(flags.role, configuration, &mut Demonstration)
    } else {
        server::run(flags.role, configuration, &mut Shipped)
    };
    ran?;
    Ok(ExitCode::SUCCESS)
}

/// The shipped server with a task that feeds it.
struct Demonstration;

impl Wiring for Demonstration {
    fn listening(&mut self, http: SocketAddr, supervisor: &mut Supervisor) {
        let feed = demo::feed(http, supervisor.soft.clone());
        supervisor.spawn("the demonstration", feed);
    }
}
