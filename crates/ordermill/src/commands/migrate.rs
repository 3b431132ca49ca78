//! `migrate`: brings the schema of the configured store up to this program's version and stops. `serve` does the same at
//! its start; this does it before.

use std::io::Write as _;
use std::process::ExitCode;

use server::{ConfigFlags, Configuration, Override};

/// Flags of `migrate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ordermill migrate --config /etc/ordermill.toml\n\
         Example: ordermill migrate --data-dir /var/lib/ordermill"
)]
pub struct MigrateFlags {
    /// The folder of the embedded store (setting store.data_dir)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<std::path::PathBuf>,
    #[command(flatten)]
    config: ConfigFlags,
}

/// Migrates every shard.
pub async fn run(flags: MigrateFlags) -> anyhow::Result<ExitCode> {
    let data_dir = flags
        .data_dir
        .as_ref()
        .map(|dir| Override::new("store.data_dir", dir.to_string_lossy(), "--data-dir"));
    let configuration = Configuration::load(&flags.config, data_dir.as_slice())?;
    let shards = server::migrate(configuration).await?;
    writeln!(
        std::io::stdout().lock(),
        "the schema of {shards} {} is up to date",
        if shards == 1 { "shard" } else { "shards" }
    )?;
    Ok(ExitCode::SUCCESS)
}
