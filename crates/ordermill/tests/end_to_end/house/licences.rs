//! What is in the tree of dependencies: which licences, and one cryptography alone.

use std::collections::BTreeSet;
use std::process::Command;

use cargo_metadata::{Metadata, Package};

use super::metadata;
use crate::server::repository;

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
