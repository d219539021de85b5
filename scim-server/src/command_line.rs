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

/// Whether a text of a sentence is a command without the name of the program, as people at the command line read it:
/// `token list`. A word alone is none: it may as well be a member of a document, as `schema`.
pub fn is_short(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(first, _)| COMMANDS.contains(&first))
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
    use super::*;

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
