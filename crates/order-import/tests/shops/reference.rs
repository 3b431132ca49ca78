//! docs/IMPORT.md is true: each example is a mapping, each key is in an example and in the text, and each preset is listed.

use std::collections::BTreeSet;
use std::path::Path;

use order_import::{Mapping, mapping_keys, presets};
use toml::{Table, Value};

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/IMPORT.md");
    std::fs::read_to_string(path).unwrap()
}

/// The TOML blocks, without the indentation of a list.
fn blocks(document: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in document.lines() {
        match (line.trim(), &mut open) {
            ("```toml", None) => open = Some(String::new()),
            ("```", Some(_)) => blocks.extend(open.take()),
            (line, Some(block)) => *block += &format!("{line}\n"),
            (_, None) => {}
        }
    }
    blocks
}

/// An example shows a part; the rest is what every mapping needs.
fn completed(block: &str) -> String {
    let table: Table = block
        .parse()
        .unwrap_or_else(|error| panic!("{error}\n{block}"));
    let mut text = String::new();
    let order = table.get("order").and_then(Value::as_table);
    if !table.contains_key("currency") && order.is_none_or(|order| !order.contains_key("currency"))
    {
        text += "currency = \"USD\"\n";
    }
    text += block;
    if order.is_none() {
        text += "[order]\nuser_id = \"User\"\namount = \"Amount\"\n";
    } else if !table.contains_key("line")
        && order.is_some_and(|order| !order.contains_key("amount"))
    {
        text += "[line]\nproduct_name = \"Name\"\nquantity = \"Quantity\"\ntotal = \"Total\"\n";
    }
    text
}

/// All keys of a block as `section.key`; those of fields and times under one name for all of them.
fn keys_of(block: &str) -> BTreeSet<(&'static str, String)> {
    let table: Table = block.parse().unwrap();
    let mut keys = BTreeSet::new();
    for (key, value) in &table {
        keys.insert(("", key.clone()));
        let section = match key.as_str() {
            "order" => "order",
            "line" => "line",
            "adjustment" => "adjustment",
            "status" => "status",
            "expect" => "expect",
            _ => continue,
        };
        let tables: Vec<&Table> = match value {
            Value::Array(items) => items.iter().filter_map(Value::as_table).collect(),
            other => other.as_table().into_iter().collect(),
        };
        for table in tables {
            for (key, value) in table {
                keys.insert((section, key.clone()));
                let kind = match (section, key.as_str()) {
                    ("status" | "expect", _) | (_, "metadata") => continue,
                    ("order", "created_at" | "process_after") => "time",
                    _ => "field",
                };
                let inner = value.as_table().into_iter().flat_map(Table::keys);
                keys.extend(inner.map(|key| (kind, key.clone())));
            }
        }
    }
    keys
}

#[test]
fn every_example_is_a_mapping() {
    let blocks = blocks(&document());
    assert!(blocks.len() > 12, "{} examples", blocks.len());
    for block in blocks {
        if let Err(faults) = Mapping::parse(&completed(&block)) {
            panic!("{faults:?}\n{block}");
        }
    }
}

#[test]
fn every_key_has_an_example_and_is_explained() {
    let document = document();
    let shown: BTreeSet<_> = blocks(&document)
        .iter()
        .flat_map(|block| keys_of(block))
        .collect();
    let mut count = 0;
    for (section, keys) in mapping_keys() {
        for key in keys {
            count += 1;
            assert!(
                shown.contains(&(section, (*key).to_owned())),
                "no example has {key} in {section:?}"
            );
            assert!(
                document.contains(&format!("`{key}`")) || document.contains(&format!("[{key}]")),
                "{key} is not explained"
            );
        }
    }
    assert!(count > 60, "{count} keys");
}

#[test]
fn every_preset_is_listed_with_its_title() {
    let document = document();
    for preset in presets::all() {
        let row = document
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", preset.name)));
        assert!(
            row.is_some_and(|row| row
                .replace('`', "")
                .contains(&preset.title.replace('`', ""))),
            "{}",
            preset.name
        );
    }
}
