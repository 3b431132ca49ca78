//! The flags of `serve`: what the binary and the broken twins of the fault tests take alike. Each is a setting, too, and
//! becomes the uppermost layer of the configuration.

use std::path::PathBuf;

use crate::config::{ConfigFlags, Override};
use crate::roles::Role;

/// Flags of `serve`; each is a setting, too (`ordermill config default` lists all).
#[derive(Debug, clap::Args)]
pub struct ServeFlags {
    /// What this process does; today one process does everything
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub role: Role,
    /// The folder of the embedded store (setting store.data_dir)
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where HTTP is served; port 0 picks a free one (setting http.addr)
    #[arg(long, value_name = "ADDRESS")]
    pub http_addr: Option<String>,
    /// Where WebSocket has a port of its own; "" switches it off (setting http.ws_addr)
    #[arg(long, value_name = "ADDRESS")]
    pub ws_addr: Option<String>,
    /// Where gRPC is served; port 0 picks a free one, "" switches it off (setting grpc.addr)
    #[arg(long, value_name = "ADDRESS")]
    pub grpc_addr: Option<String>,
    /// Which file, and single settings
    #[command(flatten)]
    pub config: ConfigFlags,
}

impl ServeFlags {
    /// The settings that these flags set.
    pub fn overrides(&self) -> Vec<Override> {
        let data_dir = self.data_dir.as_ref().map(|dir| dir.to_string_lossy());
        let flags = [
            ("store.data_dir", data_dir, "--data-dir"),
            (
                "http.addr",
                self.http_addr.as_deref().map(Into::into),
                "--http-addr",
            ),
            (
                "http.ws_addr",
                self.ws_addr.as_deref().map(Into::into),
                "--ws-addr",
            ),
            (
                "grpc.addr",
                self.grpc_addr.as_deref().map(Into::into),
                "--grpc-addr",
            ),
        ];
        let given = |(setting, text, flag): (&str, Option<_>, &str)| {
            text.map(|text: std::borrow::Cow<'_, str>| Override::new(setting, text, flag))
        };
        flags.into_iter().filter_map(given).collect()
    }
}
