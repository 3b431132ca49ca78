//! Which crates a Rust source names, read from its syntax: paths, imports, and the tokens of macros and attributes. A name that
//! the file declares or imports from its own crate is no crate.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, ItemExternCrate, ItemMod, ItemUse, Macro, Path, UseTree};

/// Adds the crates that `source` may name to `used`, those of its unit tests if `with_tests`.
pub fn used_crates(source: &syn::File, with_tests: bool, used: &mut BTreeSet<String>) {
    let mut names = Names {
        with_tests,
        ..Names::default()
    };
    names.visit_file(source);
    used.extend(names.crates);
    used.extend(names.first_segments.difference(&names.own).cloned());
}

#[derive(Default)]
struct Names {
    with_tests: bool,
    /// Names behind a leading `::`, and of `extern crate`.
    crates: BTreeSet<String>,
    /// First segments of all other paths.
    first_segments: BTreeSet<String>,
    /// Modules of the file, and what it imports from its own crate.
    own: BTreeSet<String>,
}

impl Names {
    /// The imports below `parent`, which is `crate`, `self`, `super` or a module below one of them.
    fn own_imports(&mut self, parent: &Ident, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.own_imports(&path.ident, &path.tree),
            UseTree::Name(name) if name.ident == "self" => {
                self.own.insert(parent.to_string());
            }
            UseTree::Name(name) => {
                self.own.insert(name.ident.to_string());
            }
            UseTree::Rename(rename) => {
                self.own.insert(rename.rename.to_string());
            }
            UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| self.own_imports(parent, tree)),
            UseTree::Glob(_) => {}
        }
    }

    fn import(&mut self, tree: &UseTree) {
        let first = match tree {
            UseTree::Path(path)
                if ["crate", "self", "super"]
                    .iter()
                    .any(|own| path.ident == own) =>
            {
                return self.own_imports(&path.ident, &path.tree);
            }
            UseTree::Path(path) => &path.ident,
            UseTree::Name(name) => &name.ident,
            UseTree::Rename(rename) => &rename.ident,
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.import(tree)),
            UseTree::Glob(_) => return,
        };
        self.first_segments.insert(first.to_string());
    }

    /// Each name that `::` follows and no `::` precedes; in an attribute the paths in texts, too, as serde has them.
    fn tokens(&mut self, tokens: TokenStream, is_attribute: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream(), is_attribute),
                TokenTree::Ident(ident) if is_colon(at + 1) && is_colon(at + 2) => {
                    let is_inner = at >= 2 && is_colon(at - 1) && is_colon(at - 2);
                    if !is_inner {
                        self.first_segments.insert(ident.to_string());
                    }
                }
                TokenTree::Literal(literal) if is_attribute => {
                    let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                    if let Ok(path) = text.and_then(|text| text.parse::<Path>()) {
                        self.visit_path(&path);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    let condition = attribute.parse_args::<Ident>();
    attribute.path().is_ident("cfg") && condition.is_ok_and(|condition| condition == "test")
}

impl<'ast> Visit<'ast> for Names {
    fn visit_path(&mut self, path: &'ast Path) {
        // One segment is a name in scope; what brought it there is an import.
        if path.segments.len() > 1 {
            let first = path.segments[0].ident.to_string();
            if path.leading_colon.is_some() {
                self.crates.insert(first);
            } else {
                self.first_segments.insert(first);
            }
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&item.tree);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast ItemExternCrate) {
        self.crates.insert(item.ident.to_string());
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.own.insert(item.ident.to_string());
        if self.with_tests || !item.attrs.iter().any(is_for_tests) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_macro(&mut self, invoked: &'ast Macro) {
        self.tokens(invoked.tokens.clone(), false);
        visit::visit_macro(self, invoked);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone(), true);
        }
        visit::visit_attribute(self, attribute);
    }
}

#[test]
fn crates_are_found_in_paths_imports_macros_and_attributes_and_modules_are_none() {
    let source = r#"
        //! The crate in_a_comment::is not named.
        extern crate linked;
        use imported::Thing;
        use {grouped::a, crate::{http, own::{self, deeper as renamed}}};
        use as_nothing as _;
        mod declared;
        #[cfg(test)]
        mod tests { use in_a_test::X; }
        #[derive(derived::Error)]
        #[serde(with = "in_attribute::path", rename = "no path")]
        struct A;
        #[attribute::main]
        fn f(x: typed::T) -> Result<(), ::leading::E> {
            http::settings();
            declared::f();
            renamed::g();
            called::f("in_a_text::f");
            x.method::<turbofish::T>();
            outer!(x => in_macro::f(nested!{ in_nested::g(a::in_the_middle::b) }));
            ::std::mem::drop(own::x());
            Ok(())
        }
    "#;
    let source = syn::parse_file(source).unwrap();
    let mut used = BTreeSet::new();
    used_crates(&source, false, &mut used);
    let expected = [
        "a",
        "as_nothing",
        "attribute",
        "called",
        "derived",
        "grouped",
        "imported",
        "in_attribute",
        "in_macro",
        "in_nested",
        "leading",
        "linked",
        "std",
        "turbofish",
        "typed",
    ];
    assert_eq!(used.iter().collect::<Vec<_>>(), expected);
    used_crates(&source, true, &mut used);
    assert!(used.contains("in_a_test"), "{used:?}");
}
