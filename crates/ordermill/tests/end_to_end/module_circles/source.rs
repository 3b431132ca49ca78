//! The modules of one crate as its sources declare them: what each defines, what it brings into its own names, and which
//! paths of its own crate it mentions. Test code and attributes are left out. `graph` makes edges of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemMod, UseTree};

/// The segments of a path within the crate, its root being empty.
pub type ModulePath = Vec<String>;

/// One module, in a file of its own or inside another.
#[derive(Debug, Default)]
pub struct Module {
    /// The names of the items that it defines, child modules included.
    pub items: BTreeSet<String>,
    /// What its `use` declarations bring in from this crate, by the name that it then has here.
    pub imports: BTreeMap<String, ModulePath>,
    /// The modules of which its `use` declarations bring in everything.
    pub globs: BTreeSet<ModulePath>,
    /// Every path of this crate in its code, as absolute segments.
    pub mentions: BTreeSet<ModulePath>,
}

/// All modules of a crate, by their paths.
pub type Modules = BTreeMap<ModulePath, Module>;

/// Reads the crate with this root file, such as `src/lib.rs`. `read` returns a file's text, if there is such a file.
pub fn modules(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Modules {
    let mut modules = Modules::new();
    let text = read(root).unwrap_or_else(|| panic!("{} is there", root.display()));
    let folder = root.parent().unwrap().to_owned();
    add_file(&text, &folder, Vec::new(), read, &mut modules);
    modules
}

fn add_file(
    text: &str,
    folder: &Path,
    path: ModulePath,
    read: &dyn Fn(&Path) -> Option<String>,
    modules: &mut Modules,
) {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    add_items(&file.items, folder, path, read, modules);
}

/// Adds the module `path` with these items; files of its child modules are in `folder`.
fn add_items(
    items: &[Item],
    folder: &Path,
    path: ModulePath,
    read: &dyn Fn(&Path) -> Option<String>,
    modules: &mut Modules,
) {
    let mut reading = Reading {
        path: &path,
        module: Module::default(),
    };
    for item in items.iter().filter(|item| !is_test(attributes(item))) {
        reading.module.items.extend(name(item));
        match item {
            Item::Mod(child) => add_child(child, folder, &path, read, modules),
            item => reading.visit_item(item),
        }
    }
    let module = reading.module;
    modules.insert(path, module);
}

fn add_child(
    child: &ItemMod,
    folder: &Path,
    parent: &ModulePath,
    read: &dyn Fn(&Path) -> Option<String>,
    modules: &mut Modules,
) {
    let name = child.ident.to_string();
    let path = [parent.as_slice(), std::slice::from_ref(&name)].concat();
    let folder = folder.join(&name);
    if let Some((_, items)) = &child.content {
        return add_items(items, &folder, path, read, modules);
    }
    let files: [PathBuf; 2] = [folder.with_extension("rs"), folder.join("mod.rs")];
    let text = files.iter().find_map(|file| read(file));
    let text = text.unwrap_or_else(|| panic!("neither of {files:?} is there"));
    add_file(&text, &folder, path, read, modules);
}

/// Whether code is only there in tests.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        let condition = list.tokens.to_string();
        let is_required = condition == "test" || condition.starts_with("all (test");
        list.path.is_ident("cfg") && is_required
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Mod(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(name.to_string())
}

/// Collects what one module brings in and mentions.
struct Reading<'m> {
    path: &'m ModulePath,
    module: Module,
}

impl Reading<'_> {
    /// A path of this module's code as absolute segments, if it begins with `crate`, `self` or `super`.
    fn absolute(&self, segments: &[String]) -> Option<ModulePath> {
        let first = segments.first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.path.clone(),
            _ => return None,
        };
        let mut rest = &segments[usize::from(first != "super")..];
        while let Some((_, after)) = rest.split_first().filter(|(word, _)| *word == "super") {
            base.pop()?;
            rest = after;
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    fn mention(&mut self, segments: &[String]) {
        // `self` alone is a value, not a module.
        if let Some(path) = self.absolute(segments).filter(|_| segments.len() > 1) {
            self.module.mentions.insert(path);
        }
    }

    fn bring_in(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.bring_in(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.bring_in(tree, before);
                }
            }
            UseTree::Glob(_) => {
                let path = self.absolute(before).or_else(|| self.relative(before));
                self.module.mentions.extend(path.clone());
                self.module.globs.extend(path);
            }
            UseTree::Name(name) if name.ident == "self" => {
                let here = before.last().cloned().unwrap_or_default();
                self.bring_in_name(before, here);
            }
            UseTree::Name(name) => self.bring_in_name(&with(&name.ident), name.ident.to_string()),
            UseTree::Rename(name) => {
                self.bring_in_name(&with(&name.ident), name.rename.to_string());
            }
        }
    }

    fn bring_in_name(&mut self, segments: &[String], here: String) {
        let path = self.absolute(segments).or_else(|| self.relative(segments));
        if let Some(path) = path {
            self.module.mentions.insert(path.clone());
            self.module.imports.insert(here, path);
        }
    }

    /// A path that begins with a child module, or with another crate: the graph finds no module for the latter.
    fn relative(&self, segments: &[String]) -> Option<ModulePath> {
        Some([self.path, segments].concat())
    }

    /// Macros take code that only they can parse: what looks like a path of this crate is one.
    fn mention_tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::<String>::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if colons == 2 => path.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons = colons % 2 + 1;
                    continue;
                }
                TokenTree::Ident(ident) => {
                    self.mention(&std::mem::take(&mut path));
                    path.push(ident.to_string());
                }
                TokenTree::Group(group) => {
                    self.mention(&std::mem::take(&mut path));
                    self.mention_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.mention(&std::mem::take(&mut path));
                }
            }
            colons = 0;
        }
        self.mention(&path);
    }
}

impl<'ast> Visit<'ast> for Reading<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let is_for_tests = match item {
            ImplItem::Fn(function) => is_test(&function.attrs),
            ImplItem::Const(constant) => is_test(&constant.attrs),
            _ => false,
        };
        if !is_for_tests {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.bring_in(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments: Vec<String> = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect();
            self.mention(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.mention_tokens(call.tokens.clone());
    }

    /// What an attribute names (a derive, a serde function) is no import.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    /// `pub(in crate::a)` says who may see an item, and needs nothing of it.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}
