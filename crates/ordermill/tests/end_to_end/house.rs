//! The house rules that a compiler does not check: who may depend on whom, which licences are in the tree, that no
//! dependency is listed without being used, and that no text names a setting that there is not.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use proc_macro2::{TokenStream, TokenTree};

use crate::server::repository;

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(repository("Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .unwrap()
}

/// The rows of the table with this head in docs/ARCHITECTURE.md.
fn table(head: &str) -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(repository("docs/ARCHITECTURE.md")).unwrap();
    let rows: BTreeMap<_, _> = text
        .lines()
        .skip_while(|line| *line != head)
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let may = cells[1]
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty());
            (cells[0].to_owned(), may.collect())
        })
        .collect();
    assert!(!rows.is_empty(), "docs/ARCHITECTURE.md has no table {head}");
    rows
}

#[test]
fn crates_depend_on_each_other_as_the_architecture_says() {
    let metadata = metadata();
    let table = table("| crate | may depend on |");
    let members: BTreeSet<String> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let listed: BTreeSet<String> = table.keys().cloned().collect();
    assert_eq!(
        members, listed,
        "the table and the workspace name different crates"
    );
    let mut faults = Vec::new();
    for package in metadata.workspace_packages() {
        let may = &table[package.name.as_str()];
        for dependency in &package.dependencies {
            // Tests may use the suite, the embedded store as a real part, and what their clients and endpoints speak: the
            // proxy rule, gRPC's messages, and the signatures of calls. Shipped code may not.
            let for_tests = [
                "port-conformance",
                "adapter-sqlite",
                "adapter-webhook",
                "outbound-http",
                "proto",
            ];
            let is_for_tests = dependency.kind == DependencyKind::Development
                && for_tests.contains(&dependency.name.as_str());
            if members.contains(&dependency.name)
                && !may.contains(&dependency.name)
                && !is_for_tests
            {
                faults.push(format!("{} depends on {}", package.name, dependency.name));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// What a package needs of others when it is shipped.
fn shipped(package: &Package) -> impl Iterator<Item = &str> {
    let dependencies = package.dependencies.iter();
    dependencies
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.as_str())
}

#[test]
fn libraries_are_used_by_the_crates_that_they_are_for() {
    let metadata = metadata();
    let table = table("| library | may be used by |");
    let mut uses = BTreeMap::<String, BTreeSet<String>>::new();
    for package in metadata.workspace_packages() {
        for library in shipped(package).filter(|library| table.contains_key(*library)) {
            let users = uses.entry(library.to_owned()).or_default();
            users.insert(package.name.to_string());
        }
    }
    assert_eq!(uses, table);
    let domain = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name == "domain")
        .unwrap();
    let values: Vec<&str> = shipped(domain).collect();
    assert_eq!(values, ["jiff", "sha2", "thiserror", "uuid"]);
}

/// Every package that is really built, on this platform or another. The lock file names more: what features that nobody
/// switches on would bring in.
fn tree(metadata: &Metadata) -> Vec<&Package> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--workspace",
            "--target",
            "all",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(repository("."))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let built: BTreeSet<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let packages: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|package| built.contains(&(package.name.as_str(), &*package.version.to_string())))
        .collect();
    assert!(packages.len() > 100, "the tree is read");
    packages
}

#[test]
fn only_one_cryptography_is_in_the_tree() {
    let metadata = metadata();
    let unwanted: Vec<_> = tree(&metadata)
        .into_iter()
        .filter(|package| {
            ["ring", "rsa", "openssl-sys", "native-tls"].contains(&package.name.as_str())
        })
        .map(|package| package.name.to_string())
        .collect();
    assert_eq!(unwanted, Vec::<String>::new());
}

const LICENCES: [&str; 14] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "0BSD",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "CC0-1.0",
    "Unlicense",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
];

/// Whether a licence expression (SPDX) can be met by allowed licences alone.
fn is_allowed(expression: &str) -> bool {
    let text = expression.trim().replace('/', " OR ");
    let text = text.as_str();
    for operator in [" OR ", " AND "] {
        let parts = split_outside_parentheses(text, operator);
        if parts.len() > 1 {
            return if operator == " OR " {
                parts.into_iter().any(is_allowed)
            } else {
                parts.into_iter().all(is_allowed)
            };
        }
    }
    match text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(inner) => is_allowed(inner),
        None => LICENCES.contains(&text),
    }
}

fn split_outside_parentheses<'t>(text: &'t str, operator: &str) -> Vec<&'t str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ if depth == 0 && text[at..].starts_with(operator) => {
                parts.push(text[start..at].trim());
                start = at + operator.len();
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

#[test]
fn every_licence_in_the_tree_is_allowed() {
    assert!(is_allowed("(MIT OR GPL-3.0) AND Unicode-3.0") && !is_allowed("MIT AND GPL-3.0"));
    let metadata = metadata();
    let refused: Vec<_> = tree(&metadata)
        .into_iter()
        .filter(|package| !package.license.as_deref().is_some_and(is_allowed))
        .map(|package| {
            format!(
                "{} {}: {:?}",
                package.name, package.version, package.license
            )
        })
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}

/// Hands every Rust source below `folder` to `read`.
fn each_source(folder: &Path, read: &mut impl FnMut(&str)) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_source(&path, read);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_listed_dependency_is_used() {
    let metadata = metadata();
    let mut unused = Vec::new();
    let mut used_in_workspace = BTreeSet::new();
    for package in metadata.workspace_packages() {
        let root = package.manifest_path.parent().unwrap().as_std_path();
        let mut text = String::new();
        for folder in ["src", "tests", "benches", "examples"] {
            each_source(&root.join(folder), &mut |source| text.push_str(source));
        }
        text.push_str(&fs::read_to_string(root.join("build.rs")).unwrap_or_default());
        for dependency in &package.dependencies {
            used_in_workspace.insert(dependency.name.clone());
            let name = dependency
                .rename
                .as_ref()
                .unwrap_or(&dependency.name)
                .replace('-', "_");
            let is_named = [
                format!("{name}::"),
                format!("use {name}"),
                format!("({name}"),
            ];
            if !is_named.iter().any(|form| text.contains(form.as_str())) {
                unused.push(format!("{} lists {}", package.name, dependency.name));
            }
        }
    }
    let manifest = fs::read_to_string(repository("Cargo.toml")).unwrap();
    let listed = manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned()));
    unused.extend(
        listed
            .filter(|name| !used_in_workspace.contains(name))
            .map(|name| format!("the workspace lists {name}")),
    );
    assert_eq!(unused, Vec::<String>::new());
}

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
