//! The command line, as pages and sentences name it: what somebody copies has to run.

/// The first words of commands.
pub const COMMANDS: &[&str] = &[
    "access",
    "admin-token",
    "agent",
    "backup",
    "brake",
    "check",
    "client",
    "completions",
    "config",
    "console",
    "consumer",
    "doctor",
    "events",
    "export",
    "group",
    "health",
    "import",
    "init",
    "mapping",
    "migrate",
    "requests",
    "restore",
    "role",
    "schema",
    "serve",
    "setup-link",
    "signing-key",
    "status",
    "stream",
    "tenant",
    "token",
    "undo",
    "user",
    "webhook",
];

/// The first words of those of which each works on one tenant, which `--tenant` names.
const OF_TENANT: &[&str] = &[
    "access",
    "brake",
    "client",
    "consumer",
    "group",
    "mapping",
    "role",
    "schema",
    "setup-link",
    "stream",
    "token",
    "undo",
    "user",
];

/// Flags that take no value, of those that pages name. Any other takes the word behind it.
const SWITCHES: &[&str] = &["--days", "--dry-run", "--follow", "--json", "--send-again"];

/// A command line: `scim-server` with these words, each quoted where a shell would take it apart.
///
/// A value that looks like a flag stays a value: behind its flag, with `=`. The word behind `--` is a value that stands alone,
/// such as a name that somebody has chosen: one that looks like a flag goes to the end, behind `--`.
pub fn line(words: &[&str]) -> String {
    let mut words = words.iter().copied();
    let (mut shown, mut alone) = (vec!["scim-server".to_owned()], Vec::new());
    while let Some(word) = words.next() {
        let takes_one = word.starts_with("--") && !SWITCHES.contains(&word);
        match (word, if takes_one { words.next() } else { None }) {
            ("--", Some(value)) if is_like_a_flag(value) => alone.push(quoted(value)),
            ("--", Some(value)) => shown.push(quoted(value)),
            (flag, Some(value)) if is_like_a_flag(value) => shown.push(quoted(&format!("{flag}={value}"))),
            (word, value) => shown.extend([word].into_iter().chain(value).map(quoted)),
        }
    }
    if !alone.is_empty() {
        shown.push("--".to_owned());
    }
    shown.extend(alone);
    shown.join(" ")
}

/// Whether a word would be read as a flag. `-` alone is what is read.
fn is_like_a_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// A command line that reads a text. Not by `echo`, to which a backslash is something else in some shells.
pub fn fed(text: &str, words: &[&str]) -> String {
    format!("printf '%s' {} | {}", quoted(text), line(words))
}

/// The two commands that take from providers what they may write to a tenant with.
pub fn shutting_out(tenant: &str) -> String {
    let delete = |what: &str, which: &str| line(&[what, "delete", "--tenant", tenant, which]);
    format!("`{}` or `{}`", delete("token", "TOKEN_ID"), delete("client", "CLIENT_ID"))
}

/// Whether a text of a sentence is a command without the name of the program, as our code writes it: `token list`. A word
/// alone is none: it may as well be a member of a document, as `schema`. Neither is a line of the configuration.
pub fn is_short(text: &str) -> bool {
    let is_word = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '-');
    text.split_once(' ').is_some_and(|(first, rest)| COMMANDS.contains(&first) && is_word(rest))
}

/// A sentence in which each [short](is_short) command between backticks is whole, so that somebody can run it: with the name
/// of the program, and with the tenant that the sentence is about, also in the place of the word `TENANT`.
pub fn whole(sentence: &str, tenant: Option<&str>) -> String {
    let tenant = quoted(tenant.filter(|tenant| !is_like_a_flag(tenant)).unwrap_or("TENANT"));
    let part = |(at, part): (usize, &str)| {
        if at % 2 == 0 || !is_short(part) {
            return part.to_owned();
        }
        let is_of_one = part.split(' ').next().is_some_and(|first| OF_TENANT.contains(&first));
        let behind = if is_of_one && !part.contains(" --tenant") { " --tenant TENANT" } else { "" };
        format!("scim-server {part}{behind}").replace(" TENANT", &format!(" {tenant}"))
    };
    sentence.split('`').enumerate().map(part).collect::<Vec<_>>().join("`")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use clap::error::ErrorKind;

    use super::*;

    /// Said of somebody whom the sentence does not name.
    const WITHOUT_NAME: [&str; 2] = ["user disable", "user enable"];

    #[test]
    fn a_command_in_a_sentence_is_whole() {
        for (sentence, tenant, expect) in [
            ("see `token list`", Some("acme"), "see `scim-server token list --tenant acme`"),
            ("`token list --tenant x` or `config`", Some("acme"), "`scim-server token list --tenant x` or `config`"),
            ("`tenant set TENANT`", Some("a b"), "`scim-server tenant set 'a b'`"),
            ("`user show x`", Some("--help"), "`scim-server user show x --tenant TENANT`"),
            ("`brake show`, token list", None, "`scim-server brake show --tenant TENANT`, token list"),
            ("set `console = true`", Some("acme"), "set `console = true`"),
            ("`scim-server serve` and `sync-agent held`", None, "`scim-server serve` and `sync-agent held`"),
            ("an odd ` alone", None, "an odd ` alone"),
        ] {
            assert_eq!(whole(sentence, tenant), expect);
        }
    }

    /// The lines of our code, without its comments and its tests.
    fn lines(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                lines(&entry, found);
            } else if entry.extension().is_some_and(|kind| kind == "rs") && !entry.ends_with("tests.rs") {
                let text = fs::read_to_string(&entry).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                let is_code = |line: &&str| !line.trim_start().starts_with("//");
                found.extend(code.lines().filter(is_code).map(str::to_owned));
            }
        }
    }

    /// A command that lacks an argument, or that there is not, helps nobody who is told to run it.
    #[test]
    fn each_short_command_of_our_sentences_can_be_run() {
        let (mut all, mut seen, mut wrong) = (Vec::new(), 0, Vec::new());
        lines(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
        for line in &all {
            for short in line.split('`').skip(1).step_by(2).filter(|part| is_short(part)) {
                seen += 1;
                let command = whole(&format!("`{short}`"), Some("acme")).replace(['`', '{', '}'], "");
                let read = crate::cli::definition().try_get_matches_from(command.split(' '));
                // Words in capitals, and what is filled in, stand for a value.
                let is_wrong = read
                    .is_err_and(|error| !matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation));
                if is_wrong && !WITHOUT_NAME.contains(&short) {
                    wrong.push(command);
                }
            }
        }
        assert!(seen > 40, "only {seen} commands were found");
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn a_shell_takes_each_word_as_one() {
        assert_eq!(line(&["token", "list", "--tenant", "acme-1"]), "scim-server token list --tenant acme-1");
        assert!(is_short("token list --tenant x") && !is_short("tokens of") && !is_short("schema") && !is_short(""));
        assert_eq!(fed("[\"it's\"]", &["x", "-"]), "printf '%s' '[\"it'\\''s\"]' | scim-server x -");
        assert_eq!(line(&["x", "a b", "it's", "", "$(rm)", "a;b"]), "scim-server x 'a b' 'it'\\''s' '' '$(rm)' 'a;b'");
    }

    #[test]
    fn a_value_that_looks_like_a_flag_stays_a_value() {
        for (words, expect) in [
            (&["role", "set", "--", "a b", "--role", "-x", "--dry-run"][..], "role set 'a b' --role=-x --dry-run"),
            (
                &["role", "set", "--", "--help", "--group", "--it's", "--dry-run"][..],
                "role set '--group=--it'\\''s' --dry-run -- --help",
            ),
            (&["tenant", "set", "acme", "--settings", "-"][..], "tenant set acme --settings -"),
            (&["events", "--json", "--tenant", "acme"][..], "events --json --tenant acme"),
        ] {
            assert_eq!(line(words), format!("scim-server {expect}"));
        }
    }

    #[test]
    fn what_is_fed_arrives_as_it_is() {
        let text = "[\"a\\nb\\\\c\", \"it's\", \"50 % %s\"]\n-n";
        let script = fed(text, &["x", "-"]).replace("scim-server x -", "cat");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), text);
    }
}
