//! The command line, as pages and sentences name it: what somebody copies has to run.

/// The first words of commands, of which some stand alone.
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

/// A command line: `scim-server` with these words, each quoted where a shell would take it apart.
pub fn line(words: &[&str]) -> String {
    let words = words.iter().map(|word| quoted(word));
    std::iter::once("scim-server".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// The same, which reads a text.
pub fn fed(text: &str, words: &[&str]) -> String {
    format!("echo {} | {}", quoted(text), line(words))
}

/// The two commands that take from providers what they may write to a tenant with.
pub fn shutting_out(tenant: &str) -> String {
    let delete = |what: &str, which: &str| line(&[what, "delete", "--tenant", tenant, which]);
    format!("`{}` or `{}`", delete("token", "TOKEN_ID"), delete("client", "CLIENT_ID"))
}

/// Whether a text of a sentence is a command without the name of the program, as people at the command line read it:
/// `token list`.
pub fn is_short(text: &str) -> bool {
    text.split(' ').next().is_some_and(|first| COMMANDS.contains(&first))
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
        assert!(is_short("token list --tenant x") && is_short("doctor") && !is_short("tokens") && !is_short(""));
        assert_eq!(fed("[\"it's\"]", &["x", "-"]), "echo '[\"it'\\''s\"]' | scim-server x -");
        assert_eq!(line(&["x", "a b", "it's", "", "$(rm)", "a;b"]), "scim-server x 'a b' 'it'\\''s' '' '$(rm)' 'a;b'");
    }
}
