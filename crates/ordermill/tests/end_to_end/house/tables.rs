//! The tables of docs/ARCHITECTURE.md against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use cargo_metadata::{DependencyKind, Package};

use super::metadata;
use crate::server::repository;

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

#[test]
fn only_the_server_wires_adapters_and_edges() {
    let is_outer =
        |name: &str| name.starts_with("adapter-") || ["edge-http", "edge-grpc"].contains(&name);
    let mut wiring = BTreeMap::<String, usize>::new();
    for package in metadata().workspace_packages() {
        let outer = shipped(package).filter(|name| is_outer(name)).count();
        wiring.insert(package.name.to_string(), outer);
    }
    assert!(wiring["server"] > 1, "{wiring:?}");
    wiring.retain(|name, outer| {
        *outer > 0 && !["server", "bench", "fault-twins"].contains(&name.as_str())
    });
    assert_eq!(wiring, BTreeMap::new());
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
