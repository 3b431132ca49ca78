//! `place`: one order from flags or a JSON file. Sends a random Idempotency-Key if none is given, so that its retries
//! make at most one order.

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
         Example: ordermill place --user alice --line Tea:0.485:19.90:9.65 --adjustment discount:SPRING:-2.00\n\
         Example: ordermill place --user alice --amount 20 --process-after 2027-01-31T08:00:00Z\n\
         Example: ordermill place --user alice --amount 99.90 --currency EUR --json"
)]
pub struct PlaceFlags {
    /// The user who places it
    #[arg(long, required_unless_present = "file")]
    user: Option<String>,
    /// A line, as NAME:QUANTITY:UNIT_PRICE, NAME:QUANTITY:UNIT_PRICE:TOTAL or NAME:QUANTITY::TOTAL; a SKU goes in brackets
    /// in front, as in the example
    #[arg(long = "line", value_parser = parse_line)]
    lines: Vec<Value>,
    /// What is added to the lines or taken off, as KIND:AMOUNT or KIND:LABEL:AMOUNT; KIND is discount, shipping, tax, fee,
    /// tip, rounding or other, or included-tax for a tax that the prices contain
    #[arg(long = "adjustment", value_parser = parse_adjustment, allow_hyphen_values = true)]
    adjustments: Vec<Value>,
    /// Do not process the order before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    process_after: Option<String>,
    /// The amount, if there are no lines
    #[arg(long)]
    amount: Option<String>,
    /// ISO 4217, such as EUR; the server's default if it is missing
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "lines", "amount", "currency", "external_id", "source", "metadata", "adjustments", "process_after"])]
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
        ("process_after", &flags.process_after),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            order.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    if !flags.lines.is_empty() {
        order.insert("lines".to_owned(), Value::from(flags.lines.clone()));
    }
    if !flags.adjustments.is_empty() {
        let adjustments = Value::from(flags.adjustments.clone());
        order.insert("adjustments".to_owned(), adjustments);
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

/// Reads a line from its end, so that a name may contain colons. What the server checks is not checked here.
fn parse_line(text: &str) -> Result<Value, String> {
    let (sku, rest) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((sku, rest)) => (Some(sku.trim()), rest.trim_start()),
        None => (None, text),
    };
    let parts: Vec<&str> = rest.split(':').map(str::trim).collect();
    let is_price = |part: &str| part.is_empty() || is_number(part);
    let (name_parts, quantity, unit_price, total) = match parts.as_slice() {
        [name @ .., quantity, unit_price, total]
            if !name.is_empty()
                && is_number(quantity)
                && is_price(unit_price)
                && is_number(total) =>
        {
            (name.len(), *quantity, *unit_price, Some(*total))
        }
        [name @ .., quantity, unit_price]
            if !name.is_empty() && is_number(quantity) && is_number(unit_price) =>
        {
            (name.len(), *quantity, *unit_price, None)
        }
        _ => {
            return Err(
                "is not of the form NAME:QUANTITY:UNIT_PRICE, NAME:QUANTITY:UNIT_PRICE:TOTAL or \
                 NAME:QUANTITY::TOTAL, with a [SKU] in front if there is one"
                    .to_owned(),
            );
        }
    };
    let unit_price = Some(unit_price).filter(|price| !price.is_empty());
    let name: Vec<&str> = rest.split(':').take(name_parts).collect();
    Ok(json!({
        "sku": sku, "product_name": name.join(":").trim(), "quantity": quantity,
        "unit_price": unit_price, "total": total,
    }))
}

fn is_number(text: &str) -> bool {
    domain::decimal::parse(text, 9).is_ok()
}

fn parse_adjustment(text: &str) -> Result<Value, String> {
    let wrong = || "is not of the form KIND:AMOUNT or KIND:LABEL:AMOUNT".to_owned();
    let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (label, amount) = match rest.rsplit_once(':') {
        Some((label, amount)) => (Some(label.trim()).filter(|label| !label.is_empty()), amount),
        None => (None, rest),
    };
    let (kind, included) = match kind.trim() {
        "included-tax" => ("tax", true),
        kind => (kind, false),
    };
    if !is_number(amount.trim()) {
        return Err(wrong());
    }
    Ok(json!({"kind": kind, "label": label, "amount": amount.trim(), "included": included}))
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "is not of the form NAME=VALUE".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{parse_adjustment, parse_line};

    #[test]
    fn a_line_is_read_from_its_end_so_that_names_may_have_colons() {
        for (text, sku, name, quantity, unit_price, total) in [
            (
                "[KB-1] Keyboard: the big one:2:149.99",
                Some("KB-1"),
                "Keyboard: the big one",
                "2",
                Some("149.99"),
                None,
            ),
            (
                "Tea:0.485:19.90:9.65",
                None,
                "Tea",
                "0.485",
                Some("19.90"),
                Some("9.65"),
            ),
            ("Tea:3::20.00", None, "Tea", "3", None, Some("20.00")),
        ] {
            let expected = json!({
                "sku": sku, "product_name": name, "quantity": quantity,
                "unit_price": unit_price, "total": total,
            });
            assert_eq!(parse_line(text).unwrap(), expected, "{text}");
        }
        for text in ["Keyboard:2", "Keyboard:two:1.00", "Tea:1:", "2:3"] {
            assert!(parse_line(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_adjustment_has_a_kind_an_amount_and_perhaps_a_label() {
        for (text, kind, label, amount, included) in [
            ("shipping:4.90", "shipping", None, "4.90", false),
            (
                "discount:SPRING: 1:-2.00",
                "discount",
                Some("SPRING: 1"),
                "-2.00",
                false,
            ),
            ("included-tax:VAT:1.90", "tax", Some("VAT"), "1.90", true),
        ] {
            let expected =
                json!({"kind": kind, "label": label, "amount": amount, "included": included});
            assert_eq!(parse_adjustment(text).unwrap(), expected, "{text}");
        }
        for text in ["shipping", "shipping:much"] {
            assert!(parse_adjustment(text).is_err(), "{text}");
        }
    }
}
