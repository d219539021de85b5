//! White space in names, as a directory compares it.
//!
//! For LDAP `trail `, ` trail` and `trail` are one name, and so are `two  words` and `two words`: spaces at the
//! ends do not count, several between two words count as one (RFC 4518 §2.6.1), and a tab or a no-break space is
//! a space (§2.2). A SCIM server compares names as text. So a name is written there as the directory compares
//! it, or else one name of the directory would be two at the target.

use std::borrow::Cow;

/// A name without the spaces that do not count.
pub fn insignificant_removed(text: &str) -> Cow<'_, str> {
    let single = |text: &str| text.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace));
    if text.is_empty() || single(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(super::insignificant_removed(text), expect, "{text:?}");
    }

    #[test]
    fn only_spaces_between_words_count() {
        for same in ["", "one", "two words", "a-b_c.d@e", "王 小明"] {
            check(same, same);
        }
        check("trail ", "trail");
        check("  lead", "lead");
        check("two  in", "two in");
        check("tab\there", "tab here");
        check("no\u{a0}break\u{a0}", "no break");
        check("\u{3000}wide\u{2003}\nline\u{85}", "wide line");
        check(" \t\u{a0}", "");
    }
}
