//! What people may call what they make. A word is typed in commands, and may be a file's name or a part of a path; a text
//! is only shown and compared.
//!
//! The rules are for new names: what was called otherwise before there was a rule is read as it is.

use uuid::Uuid;

/// The most characters of a word: the name of a tenant, token, client, consumer or setup link.
pub const LONGEST_WORD: usize = 64;
/// The most characters of a text: the name of a rule, role or rewrite, of whoever writes, or of the operator.
pub const LONGEST_TEXT: usize = 128;

/// Checks a word that is to be `what` ("a tenant's name"): letters, digits, `-`, `_` and `.`. It must not have the form of
/// an id, so that commands can accept either. The error says what to use.
pub fn check_word(what: &str, name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_long = name.chars().count() > LONGEST_WORD;
    if name.is_empty() || is_long || name.starts_with(['-', '.']) || !name.chars().all(allowed) {
        return Err(format!(
            "{name:?} cannot be {what}; use 1 to {LONGEST_WORD} letters, digits, '-', '_' and '.', and do not begin with '-' or '.'"
        ));
    }
    if Uuid::try_parse(name).is_ok() {
        return Err(format!("{name:?} cannot be {what} because it has the form of an id; choose a word"));
    }
    Ok(())
}

/// Checks a text that is to be `what` ("a rewrite's name"). The error says what to use.
pub fn check_text(what: &str, name: &str) -> Result<(), String> {
    let is_long = name.chars().count() > LONGEST_TEXT;
    if name.is_empty() || is_long || name.trim() != name || name.chars().any(char::is_control) {
        return Err(format!(
            "{name:?} cannot be {what}; use 1 to {LONGEST_TEXT} characters, without control characters and without spaces at the ends"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, is_word: bool, is_text: bool) {
        assert_eq!(check_word("a name", name).is_ok(), is_word, "{name}");
        assert_eq!(check_text("a name", name).is_ok(), is_text, "{name}");
    }

    #[test]
    fn names_are_words_or_texts() {
        check("acme", true, true);
        check("Acme-2.eu_west", true, true);
        check("Züri", true, true);
        check("", false, false);
        check("-acme", false, true);
        check("..", false, true);
        check("a/b", false, true);
        check("a b", false, true);
        check(" a", false, false);
        check("a\nb", false, false);
        check("8f14e45f-ceea-467f-9a3a-1d2b3c4d5e6f", false, true);
        check(&"é".repeat(LONGEST_WORD), true, true);
        check(&"é".repeat(LONGEST_WORD + 1), false, true);
        check(&"é".repeat(LONGEST_TEXT), false, true);
        check(&"é".repeat(LONGEST_TEXT + 1), false, false);
    }

    #[test]
    fn an_error_says_what_it_is_about_and_how_long_it_may_be() {
        let word = check_word("a token's name", &"x".repeat(3000)).unwrap_err();
        assert!(word.contains("cannot be a token's name; use 1 to 64 letters"), "{word}");
        let text = check_text("a rewrite's name", &"x".repeat(3000)).unwrap_err();
        assert!(text.contains("cannot be a rewrite's name; use 1 to 128 characters"), "{text}");
    }
}
