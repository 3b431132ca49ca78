//! The house rules that a compiler does not check: which crate may depend on which, which licences are in the tree, that no
//! dependency is listed without being used, and that no text names a setting that does not exist.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

mod dependencies;
mod licences;
mod settings;
mod tables;
mod used_crates;

use std::fs;
use std::path::Path;

use cargo_metadata::{Metadata, MetadataCommand};

use crate::server::repository;

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(repository("Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .unwrap()
}

/// Passes every Rust source below `folder` to `read`; a folder that does not exist has none.
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
