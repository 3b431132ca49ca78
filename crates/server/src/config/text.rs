//! Reads texts of the environment and of flags as raw values. Called by the layers, with the setting's default as the model;
//! knows no setting by name.

use toml::Value;

/// Reads a text as a value of the kind of `like`.
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
