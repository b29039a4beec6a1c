//! Which file of a crate takes something from which other: `use` trees and paths, re-exports followed to the file that
//! defines the thing. Unit tests do not count.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, Path, UseTree, Visibility};

use super::Tree;
use super::knots::find_knots;

/// A module's names from the root of its crate; empty for the root itself.
pub type Module = Vec<String>;

/// The imports of one crate.
pub struct Imports {
    /// Each module with the file it is written in.
    pub files: BTreeMap<Module, String>,
    /// (who takes, from whom, line in the taker's file), each pair once, at its first line.
    pub arrows: Vec<Arrow>,
}

/// One file takes something from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// The module that takes.
    pub from: Module,
    /// The module that gives.
    pub to: Module,
    /// The line of the first such import, counted from 1.
    pub line: usize,
}

/// A path as a file writes it: the module it is written in, its names, its line.
struct Reference {
    within: Module,
    names: Vec<String>,
    line: usize,
}

/// Reads the imports of the crate whose sources lie in `root` (with `/` at its end). A file that cannot be parsed has none:
/// the compiler says so.
pub fn read_imports(tree: &Tree, root: &str) -> Imports {
    let files: BTreeMap<Module, String> = tree
        .files()
        .filter_map(|(path, _)| Some((module_of(path.strip_prefix(root)?)?, path.to_owned())))
        .filter(|(module, _)| !module.iter().any(|name| name == "tests" || name == "bin"))
        .collect();
    let mut references = Vec::new();
    let mut exports = BTreeMap::new();
    for (module, path) in &files {
        let Some(file) = tree.text(path).and_then(|text| syn::parse_file(text).ok()) else {
            continue;
        };
        let mut reader =
            Reader { files: &files, module: module.clone(), references: Vec::new(), exports: Vec::new() };
        reader.visit_file(&file);
        exports.extend(reader.exports);
        references.extend(reader.references.into_iter().map(|reference| (module.clone(), reference)));
    }
    let mut first: BTreeMap<(Module, Module), usize> = BTreeMap::new();
    for (from, reference) in references {
        let target = absolute(&files, &reference).map(|names| follow(&exports, names));
        if let Some(to) = target.and_then(|names| home(&files, &names)).filter(|to| *to != from) {
            first.entry((from, to)).or_insert(reference.line);
        }
    }
    let arrows = first.into_iter().map(|((from, to), line)| Arrow { from, to, line }).collect();
    Imports { files, arrows }
}

/// The module of a file below the root: `a/b.rs` and `a/b/mod.rs` are `[a, b]`.
fn module_of(path: &str) -> Option<Module> {
    let mut names: Module = path.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    if matches!(names.last()?.as_str(), "mod" | "lib" | "main") {
        names.pop();
    }
    Some(names)
}

/// A reference's names from the root of the crate; `None` for another crate's, or a local name.
fn absolute(files: &BTreeMap<Module, String>, reference: &Reference) -> Option<Vec<String>> {
    let mut names = reference.names.iter();
    let mut at = reference.within.clone();
    let first = names.next()?;
    match first.as_str() {
        "crate" => at.clear(),
        "self" => {}
        "super" => _ = at.pop()?,
        name => {
            at.push(name.to_owned());
            if !files.contains_key(&at) {
                return None;
            }
        }
    }
    for name in names {
        match name.as_str() {
            "super" => _ = at.pop()?,
            "self" => {}
            name => at.push(name.to_owned()),
        }
    }
    Some(at)
}

/// Follows re-exports: the longest re-exported beginning is replaced by what it stands for, until none is left.
fn follow(exports: &BTreeMap<Vec<String>, Vec<String>>, mut names: Vec<String>) -> Vec<String> {
    // A chain of re-exports is short; a circle of them would not compile.
    for _ in 0..8 {
        let Some((length, target)) =
            (1..=names.len()).rev().find_map(|length| Some((length, exports.get(&names[..length])?)))
        else {
            break;
        };
        names = target.iter().chain(&names[length..]).cloned().collect();
    }
    names
}

/// The module whose file defines what these names mean.
fn home(files: &BTreeMap<Module, String>, names: &[String]) -> Option<Module> {
    let length = (1..=names.len()).rev().find(|length| files.contains_key(&names[..*length]))?;
    Some(names[..length].to_vec())
}

/// Collects the references and re-exports of one file.
struct Reader<'a> {
    files: &'a BTreeMap<Module, String>,
    /// The module that is being read: the file's, or one inside of it.
    module: Module,
    references: Vec<Reference>,
    exports: Vec<(Vec<String>, Vec<String>)>,
}

impl Reader<'_> {
    fn note(&mut self, names: Vec<String>, line: usize) {
        self.references.push(Reference { within: self.module.clone(), names, line });
    }

    fn note_tree(&mut self, tree: &UseTree, before: &[String], line: usize, exports: bool) {
        let mut names = before.to_vec();
        match tree {
            UseTree::Path(path) => {
                names.push(path.ident.to_string());
                self.note_tree(&path.tree, &names, line, exports);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.note_tree(tree, &names, line, exports);
                }
            }
            UseTree::Name(name) => {
                names.push(name.ident.to_string());
                self.note_leaf(names, None, line, exports);
            }
            UseTree::Rename(rename) => {
                names.push(rename.ident.to_string());
                self.note_leaf(names, Some(rename.rename.to_string()), line, exports);
            }
            UseTree::Glob(_) => self.note(names, line),
        }
    }

    fn note_leaf(&mut self, mut names: Vec<String>, renamed: Option<String>, line: usize, exports: bool) {
        if names.len() > 1 && names.last().is_some_and(|name| name == "self") {
            names.pop();
        }
        let reference = Reference { within: self.module.clone(), names, line };
        let target = absolute(self.files, &reference).filter(|_| exports);
        match target {
            Some(target) => {
                let name = renamed.or_else(|| target.last().cloned()).unwrap_or_default();
                let own = target.starts_with(&self.module);
                self.exports.push((self.module.iter().cloned().chain([name]).collect(), target));
                // A room that passes on what lies in itself takes nothing from elsewhere.
                if !own {
                    self.references.push(reference);
                }
            }
            None => self.references.push(reference),
        }
    }

    /// Paths inside of a macro's arguments: `crate`, `self` or `super`, and the names after it.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut names: Vec<String> = Vec::new();
        let mut line = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if names.is_empty() && matches!(ident.to_string().as_str(), "crate" | "super") {
                        line = ident.span().start().line;
                    }
                    if line > 0 {
                        names.push(ident.to_string());
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                other => {
                    if names.len() > 1 {
                        self.note(std::mem::take(&mut names), line);
                    }
                    (names, line) = (Vec::new(), 0);
                    if let TokenTree::Group(group) = other {
                        self.note_tokens(group.stream());
                    }
                }
            }
        }
        if names.len() > 1 {
            self.note(names, line);
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    let says_test = |attribute: &Attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Path>().is_ok_and(|condition| condition.is_ident("test"))
    };
    attributes.iter().any(says_test)
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let exports = !matches!(item.vis, Visibility::Inherited);
        let line = item.use_token.span.start().line;
        self.note_tree(&item.tree, &[], line, exports);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            if matches!(names[0].as_str(), "crate" | "super" | "self") {
                let line = path.segments[0].ident.span().start().line;
                self.note(names, line);
            }
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.note_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

/// The file circles of more than two files: each a sorted list of modules that take from each other, however far around.
pub fn circles(imports: &Imports) -> Vec<Vec<Module>> {
    let arrows = imports.arrows.iter().map(|arrow| (&arrow.from, &arrow.to));
    let knots: BTreeSet<BTreeSet<&Module>> = find_knots(imports.files.keys(), arrows).into_values().collect();
    let circles = knots.into_iter().filter(|knot| knot.len() > 2);
    circles.map(|knot| knot.into_iter().cloned().collect()).collect()
}
