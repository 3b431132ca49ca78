//! Import circles among sibling modules. Every import is an edge between the two children of the module that holds both,
//! wherever below them it is; what a module says of its own children, or they of it, is no edge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{ModulePath, Modules};

/// Modules of one parent that import each other in a circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// The parent's path.
    pub parent: ModulePath,
    /// All children that can be reached from each other, by name.
    pub children: Vec<String>,
    /// Each import between them: `a::b names c::d`.
    pub imports: Vec<String>,
}

/// One level: for each child of a module those of its siblings that it imports, with an example.
type Level = BTreeMap<String, BTreeMap<String, String>>;

/// All circles of a crate.
pub fn circles(modules: &Modules) -> Vec<Circle> {
    let mut levels = BTreeMap::<ModulePath, Level>::new();
    for (from, module) in modules {
        for mention in &module.mentions {
            let Some(to) = home(modules, mention, 0) else {
                continue;
            };
            let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if let (Some(child), Some(sibling)) = (from.get(shared), to.get(shared)) {
                let level = levels.entry(from[..shared].to_vec()).or_default();
                let imports = level.entry(child.clone()).or_default();
                imports
                    .entry(sibling.clone())
                    .or_insert_with(|| format!("{} names {}", from.join("::"), mention.join("::")));
            }
        }
    }
    levels
        .iter()
        .flat_map(|(parent, level)| circles_of(parent, level))
        .collect()
}

/// The module that defines what `path` names, behind any `use` that leads there. `None` only for a crate without a root.
fn home(modules: &Modules, path: &[String], hops: usize) -> Option<ModulePath> {
    // A `use` that leads to itself would not compile; one that looks so to us ends here.
    const MOST_HOPS: usize = 16;
    let depth = (0..=path.len())
        .rev()
        .find(|depth| modules.contains_key(&path[..*depth]))?;
    let (found, rest) = path.split_at(depth);
    let module = &modules[found];
    let Some(name) = rest.first() else {
        return Some(found.to_vec());
    };
    if module.items.contains(name) || hops == MOST_HOPS {
        return Some(found.to_vec());
    }
    if let Some(target) = module.imports.get(name) {
        let target = [target.as_slice(), &rest[1..]].concat();
        return home(modules, &target, hops + 1);
    }
    let behind_globs = module.globs.iter().find_map(|glob| {
        let glob = home(modules, glob, hops + 1).filter(|glob| glob != found)?;
        let source = &modules[&glob];
        let is_there = source.items.contains(name) || source.imports.contains_key(name);
        is_there.then(|| home(modules, &[glob.as_slice(), rest].concat(), hops + 1))?
    });
    // What neither is here by its name comes out of a macro that is called here.
    behind_globs.or_else(|| Some(found.to_vec()))
}

fn circles_of(parent: &ModulePath, level: &Level) -> Vec<Circle> {
    let reach: BTreeMap<&String, BTreeSet<&String>> = level
        .keys()
        .map(|child| (child, reachable(level, child)))
        .collect();
    let mut circles: Vec<Circle> = Vec::new();
    for (child, reached) in &reach {
        let is_known = circles.iter().any(|circle| circle.children.contains(child));
        if !reached.contains(child) || is_known {
            continue;
        }
        let children: Vec<String> = reached
            .iter()
            .filter(|other| reach.get(**other).is_some_and(|back| back.contains(child)))
            .map(|other| (*other).clone())
            .collect();
        let imports = children
            .iter()
            .flat_map(|child| &level[child])
            .filter(|(sibling, _)| children.contains(sibling))
            .map(|(_, example)| example.clone())
            .collect();
        circles.push(Circle {
            parent: parent.clone(),
            children,
            imports,
        });
    }
    circles
}

/// The siblings that `child` imports, directly or through others; itself only if it is in a circle.
fn reachable<'l>(level: &'l Level, child: &String) -> BTreeSet<&'l String> {
    let mut reached = BTreeSet::new();
    let mut next = VecDeque::from_iter(level[child].keys());
    while let Some(sibling) = next.pop_front() {
        if reached.insert(sibling)
            && let Some(imports) = level.get(sibling)
        {
            next.extend(imports.keys());
        }
    }
    reached
}
