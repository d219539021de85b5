//! The command line that does what a page does.

/// A command line: `scim-server` with these words, each quoted where a shell would take it apart.
pub fn line(words: &[&str]) -> String {
    let words = words.iter().map(|word| quoted(word));
    std::iter::once("scim-server".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
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
        assert_eq!(line(&["x", "a b", "it's", "", "$(rm)", "a;b"]), "scim-server x 'a b' 'it'\\''s' '' '$(rm)' 'a;b'");
    }
}
