//! What may know what: the modules of each crate in floors, no circle between files, and the words that
//! a part never says. Read from the source itself, so that it holds for every `use` and every path.

mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use source::{Crate, Name};

/// The modules of a crate, highest floor first. A module uses modules of lower floors only; those of one
/// floor do not know each other.
const FLOORS: &[(&str, &[&str])] =
    &[("scim-protocol", &[]), ("scim-server", &[]), ("sync-agent", &[]), ("conformance", &[])];

#[test]
fn floors() {
    for (name, floors) in FLOORS {
        let found = uphill(&Crate::read(&folder(name)), floors);
        eprintln!("{name}: {}", found.join("\n"));
    }
    for (name, _) in FLOORS {
        let it = Crate::read(&folder(name));
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for ((from, to), _) in it.uses() { if let (Some(a), Some(b)) = (from.first(), to.first()) { if a != b { edges.entry(a.clone()).or_default().insert(b.clone()); } edges.entry(b.clone()).or_default(); } }
        for (a, b) in &edges { eprintln!("EDGE {name} {a}: {b:?}"); }
        eprintln!("{name}: circles {}", circles(&Crate::read(&folder(name))).join("\n"));
    }
    panic!();
}

/// Each use that does not lead to a lower floor, and each module that the list leaves out.
fn uphill(it: &Crate, floors: &[&str]) -> Vec<String> {
    let floor: BTreeMap<&str, usize> = floors
        .iter()
        .enumerate()
        .flat_map(|(at, names)| names.split_whitespace().map(move |name| (name, at)))
        .collect();
    let mut edges: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for ((from, to), path) in it.uses() {
        let (Some(from_top), Some(to_top)) = (from.first(), to.first()) else { continue };
        if from_top != to_top
            && floor.get(from_top.as_str()).zip(floor.get(to_top.as_str())).is_none_or(|(from, to)| from >= to)
        {
            edges.entry((from_top.clone(), to_top.clone())).or_default().insert(format!("{}: {path}", from.join("::")));
        }
    }
    edges
        .into_iter()
        .map(|((from, to), why)| {
            format!("{from} uses {to}\n    {}", why.into_iter().collect::<Vec<_>>().join("\n    "))
        })
        .collect()
}

/// Modules side by side in one folder that know each other in a circle, with what ties them. All that lies
/// below a module counts as that module; a module and its own children are one room, and may know each other.
fn circles(it: &Crate) -> Vec<String> {
    let mut uses: BTreeMap<(Name, Name), String> = BTreeMap::new();
    for ((from, to), path) in it.uses() {
        let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
        if shared < from.len() && shared < to.len() {
            let sides = (from[..=shared].to_vec(), to[..=shared].to_vec());
            let said = format!("{} names {path}", from.join("::"));
            uses.entry(sides).and_modify(|all| all.push_str(&format!("; {said}"))).or_insert(said);
        }
    }
    let reached = |start: &Name| {
        let mut seen = BTreeSet::new();
        let mut pending = vec![start];
        while let Some(at) = pending.pop() {
            for ((_, to), _) in uses.range((at.clone(), Name::new())..).take_while(|((from, _), _)| from == at) {
                if seen.insert(to) {
                    pending.push(to);
                }
            }
        }
        seen
    };
    let tied = |(from, to): &(Name, Name)| reached(to).contains(from);
    uses.iter()
        .filter(|(sides, _)| tied(sides))
        .map(|((from, to), said)| format!("{} -> {}: {said}", from.join("::"), to.join("::")))
        .collect()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}
