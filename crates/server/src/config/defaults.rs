//! The commented defaults: the one list of all settings, with the raw value and so the kind of each.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// The default file, as `ordermill config default` prints it.
pub const DEFAULTS: &str = include_str!("ordermill.toml");

/// Every setting, `section.key`, with its default.
pub fn values() -> BTreeMap<String, Value> {
    let table: Table = toml::from_str(DEFAULTS).expect("the embedded defaults are valid TOML");
    let mut values = BTreeMap::new();
    for (section, keys) in table {
        let Value::Table(keys) = keys else {
            panic!("every default is in a section");
        };
        for (key, value) in keys {
            values.insert(format!("{section}.{key}"), value);
        }
    }
    values
}
