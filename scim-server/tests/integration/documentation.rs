//! The documentation is held against the repository: links lead somewhere, and commands exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::server::program;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// Every Markdown file of the repository.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut directories = vec![root()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "data" {
                directories.push(path);
            } else if name.ends_with(".md") {
                pages.push(path);
            }
        }
    }
    assert!(pages.len() > 20, "{pages:?}");
    pages
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// Splits a page into its lines outside code blocks, and the code blocks with their language.
fn parts(text: &str) -> (Vec<&str>, Vec<(&str, Vec<&str>)>) {
    let (mut prose, mut blocks) = (Vec::new(), Vec::new());
    let mut block: Option<(&str, Vec<&str>)> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), &mut block) {
            (Some(_), Some(_)) => blocks.extend(block.take()),
            (Some(language), None) => block = Some((language.trim(), Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => prose.push(line),
        }
    }
    (prose, blocks)
}

/// The targets of `[text](target)` in a line, code spans left out.
fn links(line: &str) -> Vec<String> {
    let outside: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
    let mut targets = Vec::new();
    let mut rest = outside.as_str();
    while let Some((_, after)) = rest.split_once("](") {
        let Some((target, behind)) = after.split_once(')') else { break };
        targets.push(target.to_owned());
        rest = behind;
    }
    targets
}

/// The anchors that headings get where Markdown is shown.
fn anchors(text: &str) -> BTreeSet<String> {
    let slug = |heading: &str| -> String {
        let heading = heading.trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    let (prose, _) = parts(text);
    let headings = prose.into_iter().filter(|line| line.starts_with('#'));
    headings.map(|line| slug(line.trim_start_matches('#'))).collect()
}

#[test]
fn each_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = read(&page);
        for target in parts(&text).0.into_iter().flat_map(links) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let aim = if file.is_empty() { page.clone() } else { page.with_file_name("").join(file) };
            if !aim.exists() {
                broken.push(format!("{}: {target}", page.display()));
            } else if !anchor.is_empty() && !anchors(&read(&aim)).contains(anchor) {
                broken.push(format!("{}: no heading {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The commands of the shell blocks of a page, one a line, continued lines joined.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for (language, lines) in parts(text).1 {
        if ["sh", "bash", "shell", "console"].contains(&language) {
            let script = lines.join("\n").replace("\\\n", " ");
            commands.extend(script.lines().map(|line| line.trim_start_matches("$ ").trim().to_owned()));
        }
    }
    commands
}

#[test]
fn each_make_target_that_is_named_is_there() {
    let makefile = read(&root().join("Makefile"));
    let targets: BTreeSet<_> = makefile.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    let mut named = BTreeSet::new();
    for page in pages() {
        let text = read(&page);
        let spans = text.split('`').skip(1).step_by(2).map(str::to_owned);
        for command in commands(&text).into_iter().chain(spans) {
            let mut words = command.split_whitespace();
            if words.next() == Some("make")
                && let Some(target) = words.next()
            {
                assert!(targets.contains(target), "{}: make {target}", page.display());
                named.insert(target.to_owned());
            }
        }
    }
    for needed in ["run", "test", "check", "bench", "crash-test", "audit", "fuzz"] {
        assert!(named.contains(needed), "no page names make {needed}");
    }
}

#[test]
fn each_command_that_is_shown_exists_with_its_flags() {
    let mut helps = BTreeMap::<String, String>::new();
    let mut shown = 0;
    for page in pages() {
        for command in commands(&read(&page)) {
            let command = command.trim_start_matches("sudo ").trim_start_matches("exec ");
            let command = command.split([';', '|', '>', '&', '#']).next().unwrap_or_default();
            let mut words = command.split_whitespace();
            if !words.next().is_some_and(|program| program.rsplit('/').next() == Some("scim-server")) {
                continue;
            }
            let words: Vec<_> = words.collect();
            let depth = usize::from(words.first().is_some_and(|word| nested(word))) + 1;
            let subcommand = &words[..depth.min(words.len())];
            let help = helps.entry(subcommand.join(" ")).or_insert_with(|| help(subcommand, &page));
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let flag = flag.split('=').next().unwrap_or_default().trim_matches(['"', '\'']);
                let known = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == flag);
                assert!(known, "{}: scim-server {} has no {flag}", page.display(), subcommand.join(" "));
            }
            shown += 1;
        }
    }
    assert!(shown > 10, "only {shown} commands are shown");
}

fn nested(word: &str) -> bool {
    ["tenant", "token", "user", "group"].contains(&word)
}

fn help(subcommand: &[&str], page: &Path) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let mut words = subcommand.to_vec();
    words.push("--help");
    let output = program(directory.path()).args(&words).output().expect("the program starts");
    assert!(output.status.success(), "{}: scim-server {}", page.display(), subcommand.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `make run` is the first thing that anybody types: what it starts must know its arguments.
#[test]
fn make_run_starts_what_there_is() {
    let makefile = read(&root().join("Makefile"));
    let line = makefile.lines().find(|line| line.contains("-- serve")).expect("the recipe of make run");
    let (_, arguments) = line.split_once("-- serve").unwrap_or_default();
    let help = help(&["serve"], &root().join("Makefile"));
    for flag in arguments.split_whitespace().filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "serve has no {flag}");
    }
}
