//! One file for each command. Each reads its flags, does its work, and answers with an exit code or an error with causes.

pub mod completions;
pub mod configuration;
pub mod dead_letters;
pub mod export;
pub mod get;
pub mod import;
pub mod list;
pub mod man;
pub mod migrate;
pub mod order_commands;
pub mod place;
pub mod serve;
mod table;
pub mod watch;
