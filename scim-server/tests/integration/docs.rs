//! What the documentation says is so: links lead somewhere, commands and settings exist, examples
//! work as far as that can be told without running them.

mod changelog;
mod map;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use scim_server::internals::{
    cli,
    config::{self, SETTINGS},
    http::route::{Authorization, Discovery, Endpoint, Published, Target, route},
    store::TenantId,
    tenant::{Tenant, TenantRecord},
};

/// Folders that hold no documentation of ours.
const ELSEWHERE: [&str; 4] = ["target", ".git", ".tools", "data"];

/// Paths of the listener for administrators.
const ADMINISTRATION: [&str; 4] = ["/healthz", "/readyz", "/metrics", "/admin/v1/openapi.json"];

/// A Markdown file: its path below the repository, and its text.
struct Page {
    path: PathBuf,
    text: String,
}

/// A fenced block: what it says after the fence, and what is in it.
struct Block<'a> {
    language: &'a str,
    lines: Vec<&'a str>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Every Markdown file of the repository.
fn pages() -> Vec<Page> {
    let root = repository();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if entry.is_dir() && !ELSEWHERE.contains(&name.as_str()) {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&entry).expect("a page");
                found.push(Page { path: entry.strip_prefix(&root).expect("below the root").to_owned(), text });
            }
        }
    }
    assert!(found.len() > 20, "only {} pages were found", found.len());
    found
}

/// The pages that people operate the server by. Those of sync-agent are held against that program.
fn manual() -> Vec<Page> {
    let of_the_agent =
        |page: &Page| page.path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sync-"));
    let is_manual = |page: &Page| page.path.starts_with("docs") || page.path == Path::new("README.md");
    pages().into_iter().filter(|page| is_manual(page) && !of_the_agent(page)).collect()
}

impl Page {
    fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut open: Option<Block<'_>> = None;
        for line in self.text.lines() {
            match (line.trim_start().strip_prefix("```"), open.take()) {
                (Some(_), Some(block)) => blocks.push(block),
                (Some(language), None) => open = Some(Block { language: language.trim(), lines: Vec::new() }),
                (None, Some(mut block)) => {
                    block.lines.push(line.trim_start());
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{} has a block without an end", self.path.display());
        blocks
    }

    /// The lines outside blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut inside = false;
        self.text.lines().filter(move |line| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            !inside && !fence
        })
    }

    /// The commands in its blocks for the shell, with continued lines put together.
    fn commands(&self) -> Vec<String> {
        let shell = self.blocks().into_iter().filter(|block| matches!(block.language, "sh" | "bash" | "console"));
        let text: Vec<_> = shell.map(|block| block.lines.join("\n")).collect();
        let joined = text.join("\n").replace("\\\n", " ");
        joined.lines().map(|line| line.trim_start_matches("$ ").to_owned()).collect()
    }
}

/// The words of a command as a shell would part them, up to where it is piped or redirected.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '|' | '>' | '<' | ';' | '&') => break,
            (None, c) if c.is_whitespace() => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            (_, c) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// The anchor that a heading gets: lower case, hyphens for spaces, without punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
}

fn anchors(text: &str) -> BTreeSet<String> {
    let page = Page { path: PathBuf::new(), text: text.to_owned() };
    let headings = page.prose().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// What stands in the round brackets of each Markdown link of a line.
fn links(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let folder = repository().join(&page.path).parent().expect("a folder").to_owned();
        for link in page.prose().flat_map(links) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { repository().join(&page.path) } else { folder.join(file) };
            let there = if heading.is_empty() {
                target.exists()
            } else {
                fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(heading))
            };
            if !there {
                broken.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn commands_are_accepted_by_the_command_line() {
    let mut seen = 0;
    for page in manual() {
        for command in page.commands() {
            let words = words(&command);
            let Some(at) = words.iter().position(|word| word.rsplit('/').next() == Some("scim-server")) else {
                continue;
            };
            // Before it there may be `sudo -u USER` or `runuser -u USER --`; other programs may have its name as an argument.
            let before: Vec<_> = words.iter().take(at).map(String::as_str).collect();
            if !matches!(before.as_slice(), [] | ["sudo", "-u", _] | ["runuser", "-u", _, "--"]) {
                continue;
            }
            seen += 1;
            if let Err(error) = cli::definition().try_get_matches_from(words.into_iter().skip(at)) {
                assert!(!error.use_stderr(), "{}: `{command}`\n{error}", page.path.display());
            }
        }
    }
    assert!(seen > 20, "only {seen} commands were found");
}

/// In blocks and in the middle of sentences.
#[test]
fn make_has_the_targets_that_are_named() {
    let makefile = fs::read_to_string(repository().join("Makefile")).expect("the Makefile");
    let targets: BTreeSet<_> = makefile.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    let mut named = BTreeSet::new();
    for page in pages() {
        let spans = page.prose().flat_map(|line| line.split('`').skip(1).step_by(2));
        for command in page.commands().into_iter().chain(spans.map(str::to_owned)) {
            if let Some(target) = command.strip_prefix("make ").and_then(|rest| rest.split_whitespace().next()) {
                assert!(targets.contains(target), "{}: make {target}", page.path.display());
                named.insert(target.to_owned());
            }
        }
    }
    for target in ["run", "test", "check", "bench", "crash-test", "audit", "fuzz"] {
        assert!(named.contains(target), "no page names make {target}");
    }
}

/// The first thing that anybody types.
#[test]
fn make_run_starts_the_server_with_arguments_that_it_takes() {
    let makefile = fs::read_to_string(repository().join("Makefile")).expect("the Makefile");
    let recipe = makefile.lines().find_map(|line| line.split_once("-- serve ")).expect("the recipe of make run");
    let arguments = words(recipe.1).into_iter().map(|word| match word.as_str() {
        "$(DATA)" => "./data".to_owned(),
        "$(LISTEN)" => "127.0.0.1:8080".to_owned(),
        _ => word,
    });
    let command = ["scim-server".to_owned(), "serve".to_owned()].into_iter().chain(arguments);
    assert!(cli::definition().try_get_matches_from(command).is_ok(), "{}", recipe.1);
}

/// Every long flag of every command.
fn flags() -> BTreeSet<String> {
    let mut found: BTreeSet<_> = SETTINGS.iter().map(config::Setting::flag).collect();
    let mut commands = vec![cli::definition()];
    while let Some(command) = commands.pop() {
        found.extend(command.get_arguments().filter_map(|argument| argument.get_long().map(str::to_owned)));
        commands.extend(command.get_subcommands().cloned());
    }
    found.extend(["help".to_owned(), "version".to_owned()]);
    found
}

/// The pages of scim-conformance name that program's flags and options; its own tests look at them.
fn is_of_server(page: &Page) -> bool {
    !page.path.to_string_lossy().contains("conformance")
}

#[test]
fn settings_that_are_named_exist() {
    let flags = flags();
    let variables: BTreeSet<_> =
        SETTINGS.iter().map(config::Setting::variable).chain(["SCIM_SERVER_CONFIG".to_owned()]).collect();
    for page in manual().into_iter().filter(is_of_server) {
        for code in page.prose().flat_map(|line| line.split('`').skip(1).step_by(2)) {
            for word in code.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_') {
                let flag = word.strip_prefix("--").filter(|flag| flag.starts_with(|c: char| c.is_ascii_lowercase()));
                if let Some(flag) = flag {
                    assert!(flags.contains(flag), "{}: there is no flag --{flag}", page.path.display());
                }
                if word.starts_with("SCIM_SERVER_") && word != "SCIM_SERVER_" {
                    assert!(variables.contains(word), "{}: there is no {word}", page.path.display());
                }
            }
        }
    }
}

#[test]
fn examples_of_configuration_are_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut seen = 0;
    for page in manual().into_iter().filter(is_of_server) {
        for block in page.blocks().into_iter().filter(|block| block.language == "toml") {
            seen += 1;
            let file = directory.path().join("example.toml");
            fs::write(&file, block.lines.join("\n")).expect("a file");
            let mut given = config::Given::default();
            given.file = Some(file);
            if let Err(error) = config::Config::read(&given) {
                panic!("{}: {error}", page.path.display());
            }
        }
    }
    assert!(seen > 0, "no example was found");
}

#[test]
fn addresses_in_curl_lines_are_served() {
    let mut seen = 0;
    for page in manual() {
        for command in page.commands().into_iter().filter(|command| command.trim_start().starts_with("curl ")) {
            for word in words(&command) {
                let routed = if let Some(path) = word.strip_prefix("$BASE") {
                    let path = path.split('?').next().unwrap_or_default();
                    route(&format!("/t/scim/v2{path}")).is_ok_and(|route| route.target.is_ok())
                } else if let Some(path) = word.strip_prefix("$ADMIN") {
                    ADMINISTRATION.contains(&path)
                } else {
                    continue;
                };
                seen += 1;
                assert!(routed, "{}: nothing is served at {word}", page.path.display());
            }
        }
    }
    assert!(seen > 20, "only {seen} addresses were found");
}

#[test]
fn examples_of_tenants_settings_are_accepted() {
    let folder = repository().join("docs/guide/examples");
    let mut seen = 0;
    let entries = fs::read_dir(folder).expect("the examples").map(|entry| entry.expect("an entry").path());
    for entry in entries.filter(|entry| entry.extension().is_some_and(|extension| extension == "json")) {
        let text = fs::read_to_string(&entry).expect("an example");
        check_settings(&entry.display().to_string(), &text);
        seen += 1;
    }
    assert!(seen > 1, "only {seen} examples were found");
    // Those within pages are the objects that have nothing but settings in them.
    for page in manual().iter().filter(|page| page.path.ends_with("tenants-and-profiles.md")) {
        for block in page.blocks().into_iter().filter(|block| block.language == "json") {
            check_settings(&page.path.display().to_string(), &block.lines.join("\n"));
        }
    }
}

#[track_caller]
fn check_settings(place: &str, text: &str) {
    let settings = serde_json::from_str(text).unwrap_or_else(|error| panic!("{place}: {error}"));
    let (id, created) = (TenantId::random([1; 16]), scim_protocol::Timestamp::default());
    let record = TenantRecord::new(id, "example", settings, created);
    if let Err(error) = Tenant::build(&record) {
        panic!("{place}: {}", error.detail());
    }
}

/// A word for each target, so that a new one is not forgotten.
fn kind(target: &Target<'_>) -> &'static str {
    match target {
        Target::Authorization(Authorization::Introspect) => "introspect",
        Target::Authorization(Authorization::Metadata) => "authorization server metadata",
        Target::Authorization(Authorization::Revoke) => "revoke",
        Target::Authorization(Authorization::Token) => "token",
        Target::Endpoint(Endpoint::Access(_)) => "access",
        Target::Endpoint(Endpoint::Bulk) => "bulk",
        Target::Published(Published::Keys) => "transmitter keys",
        Target::Published(Published::Transmitter) => "transmitter configuration",
        Target::Endpoint(Endpoint::Signals(_)) => "security events",
        Target::Endpoint(Endpoint::Feed(_)) => "events",
        Target::Endpoint(Endpoint::Me) => "me",
        Target::Endpoint(Endpoint::Resource(..)) => "resource",
        Target::Discovery(Discovery::ResourceTypes(_)) => "resource types",
        Target::Endpoint(Endpoint::Resources(_)) => "resources",
        Target::Endpoint(Endpoint::Root) => "root",
        Target::Discovery(Discovery::Schemas(_)) => "schemas",
        Target::Endpoint(Endpoint::Search(_)) => "search",
        Target::Discovery(Discovery::ServiceProviderConfig) => "service provider config",
        Target::Description => "description",
        Target::Setup(_) => "setup",
    }
}

#[test]
fn endpoints_are_as_the_reference_lists_them() {
    let text = fs::read_to_string(repository().join("docs/reference/endpoints.md")).expect("the page");
    let mut kinds = BTreeSet::new();
    let table = text.split("\n## ").find(|part| part.starts_with("Paths")).expect("the table of endpoints");
    for line in table.lines().filter(|line| line.starts_with("| `/")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, path, methods, ..] = cells.as_slice() else { panic!("not a row: {line}") };
        let path = path.trim_matches('`').replace(['{', '}'], "");
        let is_beside_scim =
            ["/tenant_id/", "/.well-known/", "/setup", "/openapi.json"].iter().any(|begin| path.starts_with(begin));
        let url = if is_beside_scim { path.clone() } else { format!("/t/scim/v2{path}") };
        let target = route(&url).ok().and_then(|route| route.target.ok());
        let target = target.unwrap_or_else(|| panic!("nothing is served at {path}"));
        assert_eq!(target.methods(), *methods, "{path}");
        kinds.insert(kind(&target));
    }
    assert_eq!(kinds.len(), 20, "the page leaves something out: {kinds:?}");
}

#[test]
fn every_decision_is_in_the_list() {
    let folder = repository().join("docs/decisions");
    let list = fs::read_to_string(folder.join("README.md")).expect("the list");
    for entry in fs::read_dir(folder).expect("the decisions").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(name == "README.md" || list.contains(&format!("]({name})")), "{name} is not in the list");
    }
}
