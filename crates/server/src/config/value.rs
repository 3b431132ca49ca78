//! What a setting's raw value must look like to become each type. Used by the sections alone; knows no setting by name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use toml::Value;

/// Becomes a typed value, or says what it must be: the message follows the setting's name.
pub trait FromValue: Sized {
    /// Reads `value`.
    ///
    /// # Errors
    /// What the value must be instead. Never repeats the value: it may be a secret.
    fn from_value(value: &Value) -> Result<Self, String>;
}

fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("must be text in quotes, not {}", kind(value)))
}

/// What a value is, in words for people.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a point",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Result<Self, String> {
        text(value).map(str::to_owned)
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Result<Self, String> {
        value
            .as_bool()
            .ok_or_else(|| format!("must be true or false, not {}", kind(value)))
    }
}

impl FromValue for u32 {
    fn from_value(value: &Value) -> Result<Self, String> {
        let number = value
            .as_integer()
            .ok_or_else(|| format!("must be a whole number, not {}", kind(value)))?;
        Self::try_from(number).map_err(|_| format!("must be from 0 to {}", Self::MAX))
    }
}

impl FromValue for usize {
    fn from_value(value: &Value) -> Result<Self, String> {
        u32::from_value(value).map(|number| number as Self)
    }
}

/// Times are added to the clock and to each other, which must not overflow.
const MAX_TIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl FromValue for Duration {
    fn from_value(value: &Value) -> Result<Self, String> {
        let example = "must be a time such as \"500ms\", \"30s\" or \"5m\"";
        let parsed: SignedDuration = value
            .as_str()
            .ok_or_else(|| format!("{example}, not {}", kind(value)))?
            .parse()
            .map_err(|_| example.to_owned())?;
        let time = Self::try_from(parsed).map_err(|_| "must not be below zero".to_owned())?;
        if time > MAX_TIME {
            return Err("must not be above 365 days".to_owned());
        }
        Ok(time)
    }
}

impl FromValue for PathBuf {
    fn from_value(value: &Value) -> Result<Self, String> {
        text(value).map(Self::from)
    }
}

impl FromValue for SocketAddr {
    fn from_value(value: &Value) -> Result<Self, String> {
        let text = text(value)?;
        if let Some(port) = text.strip_prefix("localhost:")
            && let Ok(port) = port.parse()
        {
            return Ok(Self::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        }
        text.parse().map_err(|_| {
            "must be an address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\""
                .to_owned()
        })
    }
}

impl FromValue for Vec<String> {
    fn from_value(value: &Value) -> Result<Self, String> {
        value
            .as_array()
            .ok_or_else(|| format!("must be a list of texts, not {}", kind(value)))?
            .iter()
            .map(|item| {
                item.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| format!("must be a list of texts, but holds {}", kind(item)))
            })
            .collect()
    }
}

/// One text, or a list of texts. An empty text is an empty list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OneOrMore(pub Vec<String>);

impl FromValue for OneOrMore {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) if text.is_empty() => Ok(Self::default()),
            Value::String(text) => Ok(Self(vec![text.clone()])),
            Value::Array(_) => Vec::from_value(value).map(Self),
            other => Err(format!(
                "must be text in quotes or a list of texts, not {}",
                kind(other)
            )),
        }
    }
}

/// An empty text is "not set"; everything else must be a good value.
impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Result<Self, String> {
        if value.as_str() == Some("") {
            return Ok(None);
        }
        T::from_value(value).map(Some)
    }
}

/// Reads one of a few names.
///
/// # Errors
/// The list of the names, where it is none of them.
pub fn one_of<T: Copy>(value: &Value, names: &[(&str, T)]) -> Result<T, String> {
    let given = value.as_str();
    names
        .iter()
        .find(|(name, _)| Some(*name) == given)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| {
            let known: Vec<_> = names.iter().map(|(name, _)| format!("{name:?}")).collect();
            format!("must be {}", known.join(" or "))
        })
}

/// Reads a text from the environment or a flag as the type that the setting's default has.
///
/// # Errors
/// What the text must be.
pub fn from_text(text: &str, like: &Value) -> Result<Value, String> {
    match like {
        Value::Integer(_) => text
            .trim()
            .replace('_', "")
            .parse()
            .map(Value::Integer)
            .map_err(|_| "must be a whole number".to_owned()),
        Value::Boolean(_) => text
            .trim()
            .parse()
            .map(Value::Boolean)
            .map_err(|_| "must be true or false".to_owned()),
        Value::Array(_) if text.trim_start().starts_with('[') => {
            let table: toml::Table = toml::from_str(&format!("list = {text}"))
                .map_err(|_| "must be a list such as [\"one\", \"two\"]".to_owned())?;
            Ok(table["list"].clone())
        }
        Value::Array(_) => Ok(Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        )),
        Value::String(_) | Value::Float(_) | Value::Datetime(_) | Value::Table(_) => {
            Ok(Value::String(text.to_owned()))
        }
    }
}
