//! The modules of a crate as its source says, without its tests: what each file names of the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility, visit::Visit};

/// A path from the root of its crate, such as `["store", "sled", "key"]`.
pub type Name = Vec<String>;

/// What one file of a crate says.
#[derive(Default)]
pub struct Module {
    /// What it declares with `mod`, tests left out.
    children: BTreeSet<String>,
    /// The names of its own items.
    items: BTreeSet<String>,
    /// What a name stands for that came by `use`, and whether `use` hands it on to others (`pub use`).
    imported: BTreeMap<String, (Name, bool)>,
    /// The modules whose items came by `use …::*`, and whether they are handed on.
    globs: Vec<(Name, bool)>,
    /// Every path in the code, from the root where it begins with `crate`, `self` or `super`.
    paths: BTreeSet<Name>,
    /// Every identifier in the code, for rules about single words.
    words: BTreeSet<String>,
}

/// A crate: its modules by their path. The root has the empty path.
pub struct Crate {
    pub modules: BTreeMap<Name, Module>,
}

impl Crate {
    /// Reads `src/lib.rs` and every module that it leads to.
    pub fn read(root: &Path) -> Self {
        let mut modules = BTreeMap::new();
        let source = root.join("src");
        let mut pending = vec![(Name::new(), source.join("lib.rs"), source)];
        while let Some((name, file, folder)) = pending.pop() {
            let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let mut reader = Reader { name: name.clone(), module: Module::default() };
            reader.visit_file(&parsed);
            for child in &reader.module.children {
                let mut path = name.clone();
                path.push(child.clone());
                pending.push((path, folder.join(format!("{child}.rs")), folder.join(child)));
            }
            modules.insert(name, reader.module);
        }
        Self { modules }
    }

    /// What each module uses of others: from, to, and the path as it is written in the code.
    /// A `pub use` only hands on; who takes the name from there uses the module that defines it.
    pub fn uses(&self) -> BTreeMap<(Name, Name), String> {
        let mut uses = BTreeMap::new();
        for (from, module) in &self.modules {
            let taken = module.imported.values().filter(|(_, handed_on)| !handed_on).map(|(path, _)| path.clone());
            let written = module.paths.iter().map(|path| self.absolute(from, path));
            let named = taken.chain(written).filter_map(|path| Some((self.definition(&path, 0)?, path)));
            let all = module.globs.iter().filter(|(path, handed_on)| !handed_on && path[0] == "crate");
            let all = all.map(|(path, _)| (path[1..].to_vec(), path.clone()));
            for (to, path) in named.chain(all.filter(|(to, _)| self.modules.contains_key(to))) {
                if to != *from {
                    uses.entry((from.clone(), to)).or_insert_with(|| path.join("::"));
                }
            }
        }
        uses
    }

    /// Whether a module says a word, or names a path that begins so (`scim_protocol::filter`).
    pub fn says(&self, name: &Name, what: &str) -> bool {
        let module = &self.modules[name];
        let path: Vec<&str> = what.split("::").collect();
        if path.len() == 1 {
            return module.words.contains(what);
        }
        let taken = module.imported.values().map(|(path, _)| path);
        let mut paths = taken.chain(module.globs.iter().map(|(path, _)| path)).chain(&module.paths);
        paths.any(|named| named.len() >= path.len() && named.iter().zip(&path).all(|(named, part)| named == part))
    }

    /// A path from the root, if its first word is a module or a name that came by `use`.
    fn absolute(&self, from: &Name, path: &Name) -> Name {
        let module = &self.modules[from];
        match path.split_first() {
            Some((first, rest)) if first != "crate" => {
                if let Some((target, _)) = module.imported.get(first) {
                    [target.as_slice(), rest].concat()
                } else if module.children.contains(first) {
                    let root = ["crate".to_owned()];
                    [&root[..], from.as_slice(), path.as_slice()].concat()
                } else {
                    path.clone()
                }
            }
            _ => path.clone(),
        }
    }

    /// The module that defines what a path names; none for other crates and for a module as such.
    fn definition(&self, path: &Name, hops: usize) -> Option<Name> {
        let (first, mut rest) = path.split_first()?;
        if first != "crate" || hops > 16 {
            return None;
        }
        let mut at = Name::new();
        while let Some((next, behind)) = rest.split_first() {
            if !self.modules[&at].children.contains(next) {
                break;
            }
            at.push(next.clone());
            rest = behind;
        }
        let module = &self.modules[&at];
        let (name, behind) = rest.split_first()?;
        if module.items.contains(name) {
            return Some(at);
        }
        if let Some((target, _)) = module.imported.get(name) {
            let target = self.absolute(&at, target);
            return self.definition(&[target.as_slice(), behind].concat(), hops + 1);
        }
        for (target, _) in &module.globs {
            let target = self.absolute(&at, target);
            let found = self.definition(&[target.as_slice(), rest].concat(), hops + 1);
            if let Some(found) = found.filter(|found| self.modules[found].items.contains(name)) {
                return Some(found);
            }
        }
        Some(at)
    }
}

/// Walks over one file, past whatever is only there for tests.
struct Reader {
    name: Name,
    module: Module,
}

impl Reader {
    /// `crate`, `self` and `super` become a path that begins with `crate`; another path stays.
    fn rooted(&self, path: &[String]) -> Name {
        let mut base = self.name.clone();
        let mut rest = path;
        let mut relative = false;
        while let Some((first, behind)) = rest.split_first() {
            match first.as_str() {
                "self" => {}
                "super" => drop(base.pop()),
                _ => break,
            }
            relative = true;
            rest = behind;
        }
        let first = rest.first();
        if relative || (path.len() > 1 && first.is_some_and(|first| self.module.children.contains(first))) {
            let root = ["crate".to_owned()];
            return [&root[..], &base, rest].concat();
        }
        path.to_vec()
    }

    fn import(&mut self, tree: &UseTree, before: &[String], handed_on: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), handed_on),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before, handed_on)),
            UseTree::Glob(_) => {
                let path = self.rooted(before);
                self.module.globs.push((path, handed_on));
            }
            UseTree::Name(name) if name.ident == "self" => self.bring(before.last().cloned(), before, handed_on),
            UseTree::Name(name) => self.bring(Some(name.ident.to_string()), &with(&name.ident), handed_on),
            UseTree::Rename(rename) => {
                let path = if rename.ident == "self" { before.to_vec() } else { with(&rename.ident) };
                // `use Trait as _` brings no name, and still uses the trait.
                let name = if rename.rename == "_" { path.join("::") } else { rename.rename.to_string() };
                self.bring(Some(name), &path, handed_on);
            }
        }
    }

    fn bring(&mut self, name: Option<String>, path: &[String], handed_on: bool) {
        if let Some(name) = name {
            let path = self.rooted(path);
            self.module.imported.insert(name, (path, handed_on));
        }
    }

    /// Paths that stand in the arguments of a macro, which are no syntax yet.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    self.module.words.insert(ident.to_string());
                    if colons != 2 {
                        self.keep(&std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    colons = 0;
                    self.keep(&std::mem::take(&mut path));
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.keep(&path);
    }

    fn keep(&mut self, path: &[String]) {
        if path.len() > 1 {
            let path = self.rooted(path);
            self.module.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_file(&mut self, file: &'ast syn::File) {
        // Children first: whether a path is one of this crate hangs on them.
        for item in file.items.iter().filter(|item| !only_for_tests(attributes(item))) {
            match item {
                Item::Mod(module) if module.content.is_none() => {
                    _ = self.module.children.insert(module.ident.to_string());
                }
                item => self.module.items.extend(named(item)),
            }
        }
        syn::visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !only_for_tests(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !only_for_tests(&function.attrs) {
            syn::visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.content.is_some() {
            // A module within the file is one place deeper, and its names are the file's.
            self.name.push(module.ident.to_string());
            syn::visit::visit_item_mod(self, module);
            self.name.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let handed_on = !matches!(item.vis, Visibility::Inherited);
        self.import(&item.tree, &[], handed_on);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.keep(&segments);
        syn::visit::visit_path(self, path);
    }

    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        self.module.words.insert(ident.to_string());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }
}

/// `#[cfg(test)]`, also within `all(…)`.
fn only_for_tests(attributes: &[Attribute]) -> bool {
    fn tests(tokens: TokenStream) -> bool {
        let mut negated = false;
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => {
                negated = ident == "not";
                ident == "test"
            }
            TokenTree::Group(group) => !negated && tests(group.stream()),
            _ => false,
        })
    }
    let cfg = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    cfg.filter_map(|attribute| attribute.meta.require_list().ok()).any(|list| tests(list.tokens.clone()))
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

/// The name under which an item can be imported.
fn named(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        Item::Mod(item) => item.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        _ => return None,
    })
}
