//! `dead-letters`: the orders that failed for good, and what a person can do about them. A dead letter's id is its
//! order's id.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use order_json::{OrderPage, OrderView};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::get;
use super::order_commands::{Change, change_each};
use super::table::Table;
use crate::client::{Server, ServerFlags};

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: ordermill dead-letters list\n\
         Example: ordermill dead-letters replay --all --code timeout")]
pub enum DeadLettersCommand {
    /// List them, newest first
    #[command(after_help = "Example: ordermill dead-letters list --code handler_rejected")]
    List(ListFlags),
    /// Show one, with the reason
    #[command(
        after_help = "Example: ordermill dead-letters show 019a8b3c-7f60-7a11-9b1e-3c5d7e9f1a2b"
    )]
    Show(ShowFlags),
    /// Work on some or all again, with fresh attempts
    #[command(after_help = "Example: ordermill dead-letters replay --all --user alice")]
    Replay(ReplayOrDiscardFlags),
    /// Give some or all up: they become CANCELLED
    #[command(
        after_help = "Example: ordermill dead-letters discard 019a8b3c-7f60-7a11-9b1e-3c5d7e9f1a2b"
    )]
    Discard(ReplayOrDiscardFlags),
    /// Count them by reason, the most frequent first
    #[command(after_help = "Example: ordermill dead-letters reasons --user alice")]
    Reasons(ReasonsFlags),
}

/// Flags of `dead-letters list`.
#[derive(Debug, clap::Args)]
pub struct ListFlags {
    /// Of this user
    #[arg(long)]
    user: Option<String>,
    /// With this reason, such as timeout
    #[arg(long)]
    code: Option<String>,
    /// The most to show
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Continue an earlier list at this cursor
    #[arg(long)]
    cursor: Option<String>,
    /// Print one a line as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Flags of `dead-letters show`.
#[derive(Debug, clap::Args)]
pub struct ShowFlags {
    /// The order's id
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Flags of `dead-letters replay` and `dead-letters discard`.
#[derive(Debug, clap::Args)]
pub struct ReplayOrDiscardFlags {
    /// The orders' ids
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All that match the filters below
    #[arg(long)]
    all: bool,
    /// Of this user
    #[arg(long, requires = "all")]
    user: Option<String>,
    /// With this failure code
    #[arg(long, requires = "all")]
    code: Option<String>,
    /// Why, for the record: it is kept with the orders' events
    #[arg(long)]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Flags of `dead-letters reasons`.
#[derive(Debug, clap::Args)]
pub struct ReasonsFlags {
    /// Of this user
    #[arg(long)]
    user: Option<String>,
    /// Print one a line as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Runs one of them.
pub async fn run(command: DeadLettersCommand) -> anyhow::Result<ExitCode> {
    match command {
        DeadLettersCommand::List(flags) => list(&flags).await,
        DeadLettersCommand::Show(flags) => show(&flags).await,
        DeadLettersCommand::Replay(flags) => replay_or_discard(&flags, "replay", "replayed").await,
        DeadLettersCommand::Discard(flags) => {
            replay_or_discard(&flags, "discard", "discarded").await
        }
        DeadLettersCommand::Reasons(flags) => reasons(&flags).await,
    }
}

async fn list(flags: &ListFlags) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    let mut query = vec![("limit", flags.limit.to_string())];
    query.extend(flags.user.clone().map(|user| ("user_id", user)));
    query.extend(flags.code.clone().map(|code| ("code", code)));
    query.extend(flags.cursor.clone().map(|cursor| ("cursor", cursor)));
    let answer = server.get(&["v1", "dead-letters"], &query).await?;
    let page = OrderPage::read(&answer.body).context("the server's list cannot be read")?;
    let mut out = std::io::stdout().lock();
    let mut table = Table::new(
        &["FAILED", "ORDER", "USER", "ATTEMPTS", "CODE", "REASON"],
        &[3],
    );
    for order in &page.data {
        if flags.json {
            writeln!(out, "{order}")?;
            continue;
        }
        let order =
            OrderView::read(order.as_bytes()).context("the server's order cannot be read")?;
        let (code, message) = order
            .failure
            .map_or_else(Default::default, |failure| (failure.code, failure.message));
        table.row(vec![
            order.updated_at,
            order.id,
            order.user_id,
            order.attempt.to_string(),
            code,
            message,
        ]);
    }
    if !flags.json {
        write!(out, "{table}")?;
        match page.next_cursor.filter(|_| page.has_more) {
            Some(cursor) => eprintln!(
                "{} dead letters; there are more: --cursor {cursor}",
                table.len()
            ),
            None => eprintln!("{} dead letters", table.len()),
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(flags: &ShowFlags) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    let answer = server.get(&["v1", "orders", &flags.id], &[]).await?;
    let order = OrderView::read(&answer.body).context("the server's order cannot be read")?;
    if order.status != domain::Status::Failed.as_str() {
        bail!(
            "order {} is {}, not a dead letter; see it with `ordermill get`",
            order.id,
            order.status
        );
    }
    get::print(&answer.body, flags.json)?;
    Ok(ExitCode::SUCCESS)
}

/// The server's answer to a command by filter: how many dead letters it changed, under the name of the command, and whether
/// more match.
#[derive(Deserialize)]
struct ChangedByFilter {
    #[serde(alias = "replayed", alias = "discarded")]
    count: u64,
    has_more: bool,
}

/// Replays or discards (`command`) the named dead letters, or all that match the filters.
async fn replay_or_discard(
    flags: &ReplayOrDiscardFlags,
    command: &str,
    done: &str,
) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    if !flags.all {
        let change = Change {
            prefix: &["v1", "dead-letters"],
            action: command,
            reason: flags.reason.as_deref(),
        };
        return change_each(&server, &flags.ids, &change, flags.json).await;
    }
    let mut filter = Map::new();
    let fields = [
        ("user_id", &flags.user),
        ("code", &flags.code),
        ("reason", &flags.reason),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            filter.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    let filter = Value::Object(filter).to_string();
    let mut count = 0;
    // The server takes a bounded number at a time.
    loop {
        let answer = server
            .post(&["v1", "dead-letters", command], filter.clone(), None)
            .await?;
        let body: ChangedByFilter =
            serde_json::from_slice(&answer.body).context("the server's answer cannot be read")?;
        count += body.count;
        if !body.has_more || body.count == 0 {
            break;
        }
    }
    let mut out = std::io::stdout().lock();
    if flags.json {
        writeln!(out, "{}", serde_json::json!({ done: count }))?;
    } else {
        writeln!(out, "{count} {done}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Dead letters by reason, as the server counts them.
#[derive(Deserialize)]
struct Reasons<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    counted: u64,
    has_more: bool,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    count: u64,
    newest_at: String,
    sample_message: String,
}

async fn reasons(flags: &ReasonsFlags) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    let query: Vec<_> = flags
        .user
        .iter()
        .map(|user| ("user_id", user.clone()))
        .collect();
    let answer = server
        .get(&["v1", "dead-letters", "reasons"], &query)
        .await?;
    let found: Reasons<'_> =
        serde_json::from_slice(&answer.body).context("the server's reasons cannot be read")?;
    let mut out = std::io::stdout().lock();
    let mut table = Table::new(&["COUNT", "CODE", "NEWEST", "SUCH AS"], &[0]);
    for reason in &found.data {
        if flags.json {
            writeln!(out, "{reason}")?;
            continue;
        }
        let reason: Reason =
            serde_json::from_str(reason.get()).context("the server's reason cannot be read")?;
        table.row(vec![
            reason.count.to_string(),
            reason.code,
            reason.newest_at,
            reason.sample_message,
        ]);
    }
    if !flags.json {
        write!(out, "{table}")?;
        let newest = if found.has_more { "the newest " } else { "" };
        eprintln!("{newest}{} dead letters", found.counted);
    }
    Ok(ExitCode::SUCCESS)
}
