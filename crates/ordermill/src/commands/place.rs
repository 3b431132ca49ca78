//! `place`: one order from flags or a JSON file. Sends an Idempotency-Key of its own where none is given, so that its
//! retries make one order at most.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use application::ports::Ids as _;
use application::system::SystemIds;
use serde_json::{Map, Value, json};

use super::get;
use crate::client::{Server, ServerFlags};

/// How often a temporary failure is tried again, with the same key.
const RETRIES: u32 = 4;

/// Flags of `place`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ordermill place --user alice --line '[KB-1] Mechanical Keyboard:2:149.99'\n\
         Example: ordermill place --user alice --amount 99.90 --currency EUR --json"
)]
pub struct PlaceFlags {
    /// Whose order it is
    #[arg(long, required_unless_present = "file")]
    user: Option<String>,
    /// A line, as NAME:QUANTITY:UNIT_PRICE; a SKU goes in brackets in front, as in the example
    #[arg(long = "line", value_parser = parse_line)]
    lines: Vec<Value>,
    /// The amount, where there are no lines
    #[arg(long)]
    amount: Option<String>,
    /// ISO 4217, such as EUR; the server's default where it is missing
    #[arg(long)]
    currency: Option<String>,
    /// Your own number of the order
    #[arg(long)]
    external_id: Option<String>,
    /// web, pos, mobile, api or import
    #[arg(long)]
    source: Option<String>,
    /// A note, as NAME=VALUE
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_pair)]
    metadata: Vec<(String, String)>,
    /// The whole order as JSON, from a file or - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "lines", "amount", "currency", "external_id", "source", "metadata"])]
    file: Option<PathBuf>,
    /// The Idempotency-Key: the same key never makes two orders
    #[arg(long)]
    key: Option<String>,
    /// Print the order as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Places the order and prints it.
pub async fn run(flags: PlaceFlags) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    let key = flags.key.clone().unwrap_or_else(|| {
        format!(
            "place-{:016x}{:016x}",
            SystemIds.random(),
            SystemIds.random()
        )
    });
    let body = body(&flags)?;
    let mut wait = Duration::from_millis(200);
    let mut tries = 0;
    let answer = loop {
        match server
            .post(&["v1", "orders"], body.clone(), Some(&key))
            .await
        {
            Ok(answer) => break answer,
            Err(error) if error.is_temporary() && tries < RETRIES => {
                tokio::time::sleep(
                    error
                        .retry_after()
                        .unwrap_or(wait)
                        .min(Duration::from_secs(10)),
                )
                .await;
                tries += 1;
                wait *= 2;
            }
            Err(error) if error.is_temporary() => {
                return Err(error).context(format!(
                    "the order may or may not be there; find out with the same command and --key {key}"
                ));
            }
            Err(error) => return Err(error).context("the order was refused"),
        }
    };
    get::print(&answer.body, flags.json)?;
    Ok(ExitCode::SUCCESS)
}

fn body(flags: &PlaceFlags) -> anyhow::Result<String> {
    if let Some(path) = &flags.file {
        let mut text = String::new();
        if path.as_os_str() == "-" {
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read standard input")?;
        } else {
            text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
        }
        return Ok(text);
    }
    if flags.lines.is_empty() && flags.amount.is_none() {
        bail!("an order needs --line or --amount");
    }
    let mut order = Map::new();
    let texts = [
        ("user_id", &flags.user),
        ("amount", &flags.amount),
        ("currency", &flags.currency),
        ("external_id", &flags.external_id),
        ("source", &flags.source),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            order.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    if !flags.lines.is_empty() {
        order.insert("lines".to_owned(), Value::from(flags.lines.clone()));
    }
    if !flags.metadata.is_empty() {
        let pairs = flags
            .metadata
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        order.insert("metadata".to_owned(), Value::Object(pairs.collect()));
    }
    Ok(Value::Object(order).to_string())
}

fn parse_line(text: &str) -> Result<Value, String> {
    let wrong = || {
        "is not of the form NAME:QUANTITY:UNIT_PRICE or [SKU] NAME:QUANTITY:UNIT_PRICE".to_owned()
    };
    let (sku, rest) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((sku, rest)) => (Some(sku.trim()), rest.trim_start()),
        None => (None, text),
    };
    let mut parts = rest.rsplitn(3, ':');
    let (Some(price), Some(quantity), Some(name)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let quantity: u64 = quantity.trim().parse().map_err(|_| wrong())?;
    Ok(json!({"sku": sku, "product_name": name, "quantity": quantity, "unit_price": price.trim()}))
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "is not of the form NAME=VALUE".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse_line;

    #[test]
    fn a_line_is_read_from_its_end_so_that_names_may_hold_colons() {
        assert_eq!(
            parse_line("[KB-1] Keyboard: the big one:2:149.99").unwrap(),
            json!({"sku": "KB-1", "product_name": "Keyboard: the big one", "quantity": 2, "unit_price": "149.99"})
        );
        assert!(parse_line("Keyboard:2").is_err());
        assert!(parse_line("Keyboard:two:1.00").is_err());
    }
}
