//! Prints every setting with where it came from. Secrets are hidden: nothing printed here opens anything.

use std::fmt::Write as _;

use toml::Value;

use super::aliases::{self, Alias};
use super::layers::Layers;

/// Settings whose value is never shown.
const SECRETS: [&str; 1] = ["handler.secret"];
/// Settings whose items are headers: shown by their names.
const HEADERS: [&str; 1] = ["handler.headers"];
/// Settings whose values are connection strings: shown without their passwords.
const CONNECTIONS: [&str; 2] = ["store.shards", "handler.url"];

/// One line for each setting: name, value, origin; then what became of the names of other systems.
pub fn show(layers: &Layers, aliases: &[Alias]) -> String {
    let lines: Vec<(String, String)> = layers
        .settings()
        .iter()
        .map(|(name, setting)| {
            (
                format!("{name} = {}", shown(name, &setting.value)),
                setting.origin.to_string(),
            )
        })
        .collect();
    let width = lines
        .iter()
        .map(|(line, _)| line.chars().count())
        .max()
        .unwrap_or(0)
        .min(60);
    let mut out = String::new();
    for (line, origin) in &lines {
        writeln!(out, "{line:width$}  # {origin}").expect("writing to a String never fails");
    }
    for line in aliases::lines(aliases, layers) {
        writeln!(out, "# {line}").expect("writing to a String never fails");
    }
    out
}

fn shown(name: &str, value: &Value) -> String {
    let hides_password = CONNECTIONS.contains(&name);
    match value {
        Value::String(text) if SECRETS.contains(&name) && !text.is_empty() => quoted(HIDDEN),
        Value::String(text) if HEADERS.contains(&name) => quoted(&without_header_value(text)),
        Value::String(text) if hides_password => quoted(&without_password(text)),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(name, item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Datetime(_) | Value::Table(_) => "(unreadable)".to_owned(),
    }
}

/// What is shown in place of a secret.
const HIDDEN: &str = "(hidden)";

/// `Name: value` with its value hidden; all of it if it is not of that form.
fn without_header_value(text: &str) -> String {
    match text.split_once(':') {
        Some((name, _)) => format!("{name}: {HIDDEN}"),
        None => HIDDEN.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A connection string with its password, and whatever else could be one, replaced by `***`.
pub fn without_password(text: &str) -> String {
    if let Some((scheme, rest)) = text.split_once("://") {
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let rest = match rest.rsplit_once('@') {
            Some((login, host)) => {
                let user = login.split(':').next().unwrap_or_default();
                let mark = if login.contains(':') { ":***" } else { "" };
                format!("{user}{mark}@{host}")
            }
            None => rest.to_owned(),
        };
        let query = query.map_or_else(String::new, |query| {
            let pairs: Vec<String> = query.split('&').map(hide_pair).collect();
            format!("?{}", pairs.join("&"))
        });
        return format!("{scheme}://{rest}{query}");
    }
    // key=value pairs; a quoted password may hold blanks, so everything after it is hidden too.
    match text.to_lowercase().find("password") {
        Some(at) => format!("{}password=***", &text[..at]),
        None => text.to_owned(),
    }
}

fn hide_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _))
            if name.to_lowercase().contains("password")
                || name.to_lowercase().contains("token") =>
        {
            format!("{name}=***")
        }
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_never_show() {
        for text in [
            "postgres://u:s3cret@h:5432/d",
            "postgres://u:s3c@ret@h/d?sslmode=require",
            "postgres://h/d?user=u&password=s3cret",
            "host=h user=u password='s3cret x' dbname=d",
        ] {
            let shown = without_password(text);
            assert!(!shown.contains("s3c") && shown.contains("***"), "{shown}");
        }
        assert_eq!(without_password("postgres://u@h/d"), "postgres://u@h/d");
    }
}
