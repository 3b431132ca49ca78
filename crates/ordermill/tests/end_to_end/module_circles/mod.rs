//! No modules of a crate import each other in a circle: none of them could be understood without all others.
//!
//! The check compares siblings, at every level of every crate. `a` and `b` of one parent are a circle if something below
//! `a` imports something below `b` and the other way round: by `use`, by a path in the code, or through a re-export of
//! their parent. A parent and its children are one unit and may know each other. Unit tests are left out.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

mod graph;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cargo_metadata::{MetadataCommand, TargetKind};

use crate::server::repository;
use graph::circles;
use source::modules;

/// The circles that are not opened yet: the crate, the parent, and the children. Entries are only ever removed.
const KNOWN: [&str; 7] = [
    "adapter-postgres: connect, options",
    "adapter-postgres: erasure, queue",
    "adapter-postgres: record, transaction",
    "adapter-postgres: session, writer",
    "adapter-webhook: answer, message, result",
    "adapter-webhook: settings, signer",
    "edge-http live::websocket: connection, peer",
];

#[test]
fn no_modules_of_a_crate_import_each_other_in_a_circle() {
    let metadata = MetadataCommand::new()
        .manifest_path(repository("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let mut found = BTreeMap::new();
    let mut read = 0;
    for package in metadata.workspace_packages() {
        for target in &package.targets {
            let is_shipped = [TargetKind::Lib, TargetKind::Bin];
            if !target.kind.iter().any(|kind| is_shipped.contains(kind)) {
                continue;
            }
            let modules = modules(target.src_path.as_std_path(), &|path| {
                fs::read_to_string(path).ok()
            });
            read += modules.len();
            for circle in circles(&modules) {
                let parent = circle.parent.join("::");
                let name = format!("{} {parent}", package.name);
                let name = format!("{}: {}", name.trim_end(), circle.children.join(", "));
                found.insert(name, circle.imports);
            }
        }
    }
    assert!(read > 300, "the sources are read: {read} modules");
    let names: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(KNOWN), "{found:#?}");
}

/// The circles of a crate with these files, as `parent: children`.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<&Path, &str> = files
        .iter()
        .map(|(path, text)| (Path::new(*path), *text))
        .collect();
    let modules = modules(Path::new("src/lib.rs"), &|path| {
        files.get(path).map(|text| (*text).to_owned())
    });
    circles(&modules)
        .iter()
        .map(|circle| {
            format!(
                "{}: {}",
                circle.parent.join("::"),
                circle.children.join(", ")
            )
        })
        .collect()
}

#[test]
fn a_circle_is_found_however_it_is_closed() {
    let lib = ("src/lib.rs", "mod a; mod b; mod c;");
    let a = ("src/a.rs", "use crate::b::B; pub struct A(B);");
    let c = ("src/c.rs", "");
    for closing in [
        "use crate::a::A;",
        "use super::{c, a::{self}};",
        "use crate::a as other;",
        "use crate::a::*;",
        "pub struct B(Option<super::a::A>);",
        "pub fn b() { let _ = vec![crate::a::new()]; }",
        "impl Clone for B { fn clone(&self) -> Self { crate::a::copy(self) } }",
        "mod inner { use super::super::a::A; }",
    ] {
        assert_eq!(
            circles_of(&[lib, a, c, ("src/b.rs", closing)]),
            [": a, b"],
            "{closing}"
        );
    }
    let c = ("src/c.rs", "use crate::a::A;");
    let b = ("src/b.rs", "use crate::c;");
    assert_eq!(circles_of(&[lib, a, b, c]), [": a, b, c"]);
}

#[test]
fn a_re_export_leads_to_the_module_that_defines() {
    let files = [
        ("src/lib.rs", "mod a;"),
        ("src/a/mod.rs", "mod x; mod y; pub use x::X; pub use y::*;"),
        ("src/a/x.rs", "use super::Y; pub struct X;"),
        ("src/a/y.rs", "use super::X; pub struct Y;"),
    ];
    assert_eq!(circles_of(&files), ["a: x, y"]);
}

#[test]
fn what_closes_no_circle_is_none() {
    let lib = ("src/lib.rs", "mod a; mod b; pub use a::A; pub struct Root;");
    let a = (
        "src/a.rs",
        "use crate::b::B; use crate::Root; pub struct A(B);",
    );
    for text in [
        "pub struct B;",
        "#[cfg(test)] mod tests { use crate::a::A; }",
        "#[cfg(test)] use crate::a::A;",
        "use crate::Root; pub struct B(Root);",
        "#[derive(crate::a::Derive)] pub struct B;",
        "pub(in crate::a) struct B;",
        "// use crate::a::A;",
        "use a::A; use std::fmt;",
    ] {
        assert_eq!(
            circles_of(&[lib, a, ("src/b.rs", text)]),
            Vec::<String>::new(),
            "{text}"
        );
    }
}
