//! What may know what: modules that lie side by side know each other in one direction, and some words a part
//! never says. Read from the source itself, so that it holds for every `use`, however nested, and every path.

mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use source::{Crate, Name};

/// The modules of a crate, highest floor first. A module uses modules of lower floors only; those of one floor do
/// not know each other. A crate joins this table when its knots are untied.
const FLOORS: &[(&str, &[&str])] = &[
    (
        "scim-protocol",
        &[
            "dialect message projection",
            "patch",
            "discovery filter resource",
            "path",
            "schema",
            "error timestamp value",
        ],
    ),
    (
        "scim-server",
        &[
            "internals",
            "cli",
            "console server",
            "judge setup",
            "admin http",
            "sink ssf",
            "completer silence webhook",
            "access operation",
            "brake caller config deleted directory plan sent system_records",
            "agent",
            "administrator deferred idempotency oauth setup_link",
            "consumer index stream token",
            "tenant",
            "author budget cursor passing profile render request_log",
            "own",
            "store",
            "audit event probe turns",
            "clock ids log membership metrics naming public_address roots rotated units web",
            "command_line durable packed",
        ],
    ),
    (
        "conformance",
        &[
            "cli coverage",
            "report run",
            "cases profile",
            "case",
            "context",
            "draft finding ledger",
            "discovery exchange",
            "advice section subject uri verdict",
        ],
    ),
    (
        "sync-agent",
        &[
            "cli",
            "daemon",
            "explain",
            "cycle status",
            "apply config",
            "state target",
            "plan",
            "mapping",
            "observation scope",
            "population",
            "source",
            "document problem tracer",
            "clock dn identity mode number secret sid spaces terminal tls",
        ],
    ),
];

/// Modules side by side that know each other in a circle, still. A new one fails the test, and so does one that
/// is untied and stands here: the list only grows shorter.
const KNOTS: &[(&str, &[&str])] =
    &[("scim-protocol", &[]), ("scim-server", &[]), ("sync-agent", &[]), ("conformance", &[])];

/// A part of the server, a word or the beginning of a path that its code never has, and why.
const ABSENCES: &[(&str, &str, &str)] = &[
    ("operation", "hyper", "operations know nothing of HTTP"),
    ("operation", "StatusCode", "only http turns outcomes into statuses"),
    ("store", "scim_protocol::Resource", "the store never sees a document"),
    ("store", "scim_protocol::filter", "a plan is made before the store is asked"),
    ("plan", "Store", "a plan is a value and reads nothing"),
    ("membership", "Store", "splitting a PATCH loads no member"),
    ("http", "sled", "only the store's own module names its engine"),
    ("operation", "sled", "only the store's own module names its engine"),
];

/// A part of the server, and another that it never uses.
const NEVER: &[(&str, &str, &str)] = &[
    ("operation", "http", "data flows from http to operation, never back"),
    ("store", "http", "the store is the last in line"),
    ("store", "operation", "the store is the last in line"),
    ("store", "render", "the store keeps bytes and knows nothing of their form"),
    ("render", "http", "bytes are made before they are sent"),
];

#[test]
fn each_module_uses_lower_floors_only() {
    for (name, floors) in FLOORS {
        let found = uphill(&Crate::read(&folder(name)), floors);
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

#[test]
fn no_circle_is_new() {
    for (name, known) in KNOTS {
        let it = Crate::read(&folder(name));
        let (knots, why) = knots(&it);
        let known: BTreeSet<String> = known.iter().map(|knot| (*knot).to_owned()).collect();
        assert_eq!(knots, known, "{name}: {knots:#?}\n{}", why.join("\n"));
    }
}

#[test]
fn parts_do_not_name_what_lies_behind_them() {
    let server = Crate::read(&folder("scim-server"));
    let mut found = Vec::new();
    let within = |name: &Name, part: &str| name.first().is_some_and(|first| first == part);
    for (part, word, why) in ABSENCES {
        assert!(server.modules.keys().any(|name| within(name, part)), "{part} is gone: change the table");
        let mut modules = server.modules.iter().filter(|(name, _)| within(name, part));
        found.extend(
            modules
                .find(|(name, _)| server.says(name, word))
                .map(|(name, _)| format!("{} says {word} ({why})", name.join("::"))),
        );
    }
    for (part, other, why) in NEVER {
        let uses = server.uses();
        let mut wrong = uses.iter().filter(|((from, to), _)| within(from, part) && within(to, other));
        found.extend(wrong.next().map(|((from, _), path)| format!("{} uses {path} ({why})", from.join("::"))));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The module that knows the flavours of directories. Others ask a flavour.
const FLAVOURS: &[&str] = &["source", "flavour"];

/// The types and values of the flavours: the rows `Self(&module::NAME)` of `Flavour::all`.
fn flavours() -> Vec<String> {
    let path = folder("sync-agent").join("src/source/flavour.rs");
    let text = fs::read_to_string(&path).expect("the module of the flavours");
    let rows = text.lines().filter_map(|line| line.trim().strip_prefix("Self(&")?.strip_suffix("),"));
    rows.filter_map(|row| row.rsplit("::").next().map(str::to_owned)).collect()
}

#[test]
fn one_module_names_the_flavours_of_directories() {
    let agent = Crate::read(&folder("sync-agent"));
    let is_in = |name: &Name| name.get(..FLAVOURS.len()).is_some_and(|start| start == FLAVOURS);
    let words = flavours();
    assert!(words.len() >= 4, "the rows of Flavour::all are written in another way: {words:?}");
    for word in words.iter().map(String::as_str).chain(["StandardSchema"]) {
        let (inside, outside): (Vec<_>, Vec<_>) =
            agent.modules.keys().filter(|name| agent.says(name, word)).partition(|name| is_in(name));
        assert!(!inside.is_empty(), "{word} is gone: change the test");
        assert!(outside.is_empty(), "{outside:?} name {word}: ask the flavour instead");
    }
}

/// Each kind of use is seen, wherever it stands, and what is only there for tests is not.
#[test]
fn a_planted_violation_is_found() {
    let low = |text: &str| {
        let place = tempfile::tempdir().expect("a directory");
        let source = place.path().join("src");
        fs::create_dir_all(source.join("low")).expect("folders");
        let write = |name: &str, text: &str| fs::write(source.join(name), text).expect("a file");
        write("lib.rs", "pub mod high;\npub mod low;\npub use high::High;\n");
        write("high.rs", "use crate::low::Low;\npub struct High(pub Low);\npub fn act() {}\n");
        write("low.rs", "mod inner;\npub struct Low;\n");
        write("low/inner.rs", text);
        let it = Crate::read(place.path());
        (uphill(&it, &["high", "low"]).len(), knots(&it).0.into_iter().collect::<Vec<_>>())
    };
    for text in [
        "use crate::high::High;",
        "use crate::{high::{self, High}, low::Low};",
        "use super::super::high::act;",
        "pub fn f() { crate::high::act(); }",
        "use crate::high; pub fn f() { high::act(); }",
        "pub type T = crate::High;",
        "pub fn f() { assert!(matches!(Some(1), Some(_)), \"{:?}\", crate::high::act()); }",
        "#[cfg(test)] mod tests {} pub fn f() { crate::high::act(); }",
        "use crate::high::*; pub fn f() -> High { loop {} }",
    ] {
        assert_eq!(low(text), (1, vec!["high low".to_owned()]), "{text}");
    }
    for text in [
        "#[cfg(test)] mod tests { use crate::high::High; }",
        "#[cfg(test)] use crate::high::High;",
        "use crate::low::Low; pub struct High(pub Low);",
        "// crate::high::act\npub const TEXT: &str = \"crate::high::act\";",
    ] {
        assert_eq!(low(text), (0, Vec::new()), "{text}");
    }
}

/// Each use that does not lead to a lower floor, and each module that the list leaves out.
fn uphill(it: &Crate, floors: &[&str]) -> Vec<String> {
    let floors = floors.iter().enumerate();
    let floor: BTreeMap<&str, usize> =
        floors.flat_map(|(at, names)| names.split_whitespace().map(move |name| (name, at))).collect();
    let at = |name: &str| floor.get(name).copied();
    let modules: BTreeSet<&str> = it.modules.keys().filter_map(|name| name.first().map(String::as_str)).collect();
    let unlisted = modules.into_iter().filter(|name| at(name).is_none());
    let mut found: BTreeMap<(String, String), String> =
        unlisted.map(|name| ((name.to_owned(), String::new()), format!("{name} stands on no floor"))).collect();
    for ((from, to), path) in it.uses() {
        let (Some(top), Some(used)) = (from.first(), to.first()) else { continue };
        if top != used && at(top).zip(at(used)).is_some_and(|(top, used)| top >= used) {
            let said = format!("{top} uses {used}: {} names {path}", from.join("::"));
            found.entry((top.clone(), used.clone())).or_insert(said);
        }
    }
    found.into_values().collect()
}

/// Modules side by side in one folder that know each other in a circle: each knot by its names, and what ties
/// them. All that lies below a module counts as that module; a module and its own children are one room, and
/// may know each other.
fn knots(it: &Crate) -> (BTreeSet<String>, Vec<String>) {
    let mut uses: BTreeMap<(Name, Name), String> = BTreeMap::new();
    for ((from, to), path) in it.uses() {
        let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
        if let (Some(one), Some(other)) = (from.get(..=shared), to.get(..=shared)) {
            let said = format!("{} names {path}", from.join("::"));
            uses.entry((one.to_vec(), other.to_vec())).or_insert(said);
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
    let mut knots = BTreeSet::new();
    let mut why = Vec::new();
    for ((from, to), said) in &uses {
        let beyond = reached(to);
        if !beyond.contains(from) {
            continue;
        }
        why.push(format!("{} -> {}: {said}", from.join("::"), to.join("::")));
        let tied = beyond.into_iter().filter(|name| reached(name).contains(from));
        knots.insert(tied.map(|name| name.join("::")).collect::<Vec<_>>().join(" "));
    }
    (knots, why)
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}
