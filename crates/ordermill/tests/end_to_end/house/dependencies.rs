//! No dependency is listed without being used: by the shipped sources, or by tests alone, or by the build script, as it is
//! listed.

use std::collections::BTreeSet;
use std::fs;

use cargo_metadata::{DependencyKind, Package};

use super::used_crates::used_crates;
use super::{each_source, metadata};
use crate::server::repository;

/// The crates that the sources of a package name, by the kind of dependency that each is for.
#[derive(Default)]
struct Used {
    shipped: BTreeSet<String>,
    tests: BTreeSet<String>,
    build: BTreeSet<String>,
}

impl Used {
    fn by(package: &Package) -> Self {
        let root = package.manifest_path.parent().unwrap().as_std_path();
        let mut used = Self::default();
        each_source(&root.join("src"), &mut |source| {
            let source = parsed(source);
            used_crates(&source, false, &mut used.shipped);
            used_crates(&source, true, &mut used.tests);
        });
        for folder in ["tests", "benches", "examples"] {
            each_source(&root.join(folder), &mut |source| {
                used_crates(&parsed(source), true, &mut used.tests);
            });
        }
        if let Ok(source) = fs::read_to_string(root.join("build.rs")) {
            used_crates(&parsed(&source), false, &mut used.build);
        }
        used
    }

    fn for_kind(&self, kind: DependencyKind) -> &BTreeSet<String> {
        match kind {
            DependencyKind::Development => &self.tests,
            DependencyKind::Build => &self.build,
            _ => &self.shipped,
        }
    }
}

fn parsed(source: &str) -> syn::File {
    syn::parse_file(source).expect("a source that compiles can be parsed")
}

#[test]
fn every_listed_dependency_is_used() {
    let mut unused = Vec::new();
    let mut used_in_workspace = BTreeSet::new();
    for package in metadata().workspace_packages() {
        let used = Used::by(package);
        for dependency in &package.dependencies {
            used_in_workspace.insert(dependency.name.clone());
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
            if !used
                .for_kind(dependency.kind)
                .contains(&name.replace('-', "_"))
            {
                let kind = dependency.kind;
                unused.push(format!("{} lists {name} ({kind})", package.name));
            }
        }
    }
    let manifest = fs::read_to_string(repository("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let listed = manifest["workspace"]["dependencies"].as_table().unwrap();
    assert!(listed.len() > 40, "the manifest is read");
    unused.extend(
        listed
            .keys()
            .filter(|name| !used_in_workspace.contains(*name))
            .map(|name| format!("the workspace lists {name}")),
    );
    assert_eq!(unused, Vec::<String>::new());
}
