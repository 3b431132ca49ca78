//! The settings that texts name, in the sources and in the documentation.

use std::collections::BTreeSet;
use std::fs;

use proc_macro2::{TokenStream, TokenTree};

use super::{each_source, metadata};
use crate::server::repository;

/// What looks like a setting and is none: files, and services of gRPC.
const NO_SETTINGS: [&str; 6] = [
    "grpc.health",
    "grpc.reflection",
    "orders.csv",
    "orders.db",
    "orders.ndjson",
    "orders.proto",
];

/// The settings, by the sections that they are in.
fn settings() -> toml::Table {
    let defaults = repository("crates/server/src/config/ordermill.toml");
    fs::read_to_string(defaults).unwrap().parse().unwrap()
}

/// Every `section.key` in `text` of which the section exists and the key does not.
fn unknown_settings(text: &str, settings: &toml::Table, out: &mut BTreeSet<String>) {
    let is_of_name = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
    let bytes = text.as_bytes();
    for (dot, _) in text.match_indices('.') {
        let section = bytes[..dot]
            .iter()
            .rev()
            .take_while(|byte| is_of_name(byte));
        let section = &text[dot - section.count()..dot];
        let key = bytes[dot + 1..].iter().take_while(|byte| is_of_name(byte));
        let key = &text[dot + 1..dot + 1 + key.count()];
        let before = bytes[..dot - section.len()].last();
        let is_inside =
            before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"./-".contains(byte));
        let Some(toml::Value::Table(known)) = settings.get(section) else {
            continue;
        };
        let name = format!("{section}.{key}");
        if !is_inside && !key.is_empty() && !known.contains_key(key) {
            out.insert(name);
        }
    }
    for name in NO_SETTINGS {
        out.remove(name);
    }
}

/// The texts of a source: its string literals, documentation included, without its unit tests.
fn texts(source: &str, out: &mut String) {
    fn collect(tokens: TokenStream, out: &mut String) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => collect(group.stream(), out),
                TokenTree::Literal(literal) => {
                    out.push_str(&literal.to_string());
                    out.push('\n');
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
    let shipped = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    collect(shipped.parse().unwrap(), out);
}

#[test]
fn every_setting_that_a_text_names_exists() {
    let settings = settings();
    let mut faults = BTreeSet::new();
    unknown_settings("see store.qeue, or store.queue", &settings, &mut faults);
    assert_eq!(faults.iter().collect::<Vec<_>>(), ["store.qeue"]);
    faults.clear();

    let mut shown = String::new();
    for package in metadata().workspace_packages() {
        let root = package.manifest_path.parent().unwrap().as_std_path();
        each_source(&root.join("src"), &mut |source| texts(source, &mut shown));
    }
    assert!(shown.contains("(setting store.queue)"), "texts are read");
    unknown_settings(&shown, &settings, &mut faults);
    assert_eq!(faults, BTreeSet::new(), "no such settings");
}

#[test]
fn every_setting_that_the_documentation_names_exists() {
    let settings = settings();
    let mut faults = BTreeSet::new();
    let mut files = vec![repository("README.md"), repository("docs/errors/README.md")];
    for entry in fs::read_dir(repository("docs")).unwrap() {
        files.push(entry.unwrap().path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    assert!(files.len() > 6, "{files:?}");
    for file in files {
        // A setting stands between back quotes, alone or in a command.
        let text = fs::read_to_string(&file).unwrap();
        unknown_settings(&text, &settings, &mut faults);
    }
    assert_eq!(faults, BTreeSet::new(), "no such settings");
}
