//! How values are compared: the one case folding, and text in index order.

use std::borrow::Cow;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// The edition of [`fold`]. An index that was written under another one has other keys, and is to be
/// written anew.
pub const FOLD_EDITION: u32 = 1;

/// Folds text for comparison where `caseExact` is false, as RFC 7644 §5 wants names to be prepared:
///
/// 1. What nobody sees is left out: the characters that Unicode calls default-ignorable (zero-width
///    spaces, soft hyphens, marks of direction).
/// 2. White space of any kind is the space, and there is none at the ends.
/// 3. Full-width and half-width forms become the ordinary ones, then Unicode NFC and full case folding
///    (RFC 7644 §5 and §7.8; the width mapping and the folding are rules of the profile
///    UsernameCaseMapped of PRECIS, RFC 8265 §3.3, whose class of characters has nothing of 1 and 2).
///
/// Filters, uniqueness, PATCH value filters and index keys all use this function, so that they never
/// disagree. Folding folded text changes nothing.
///
/// The steps of 3 are those of Unicode's canonical caseless matching (The Unicode Standard, D145) with
/// the result composed. Compatibility forms (NFKC) would go too far: they make `²` equal to `2`, so
/// that two names which a person tells apart would be one.
pub fn fold(text: &str) -> String {
    fold_cow(text).into_owned()
}

/// As [`fold`], without a copy where the text is folded already (lower-case ASCII).
pub fn fold_cow(text: &str) -> Cow<'_, str> {
    let ends = if is_plain(text) { text.trim_matches(' ') } else { return Cow::Owned(trimmed(folded(text))) };
    if ends.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(ends.to_ascii_lowercase());
    }
    Cow::Borrowed(ends)
}

/// As [`fold`], for text of which only a part may be at hand: white space at the ends belongs to it.
/// With it a search for `"Tour "` does not find `Touring`.
pub fn fold_part(text: &str) -> String {
    if is_plain(text) { text.to_ascii_lowercase() } else { folded(text) }
}

/// Whether the text is blank: empty, or nothing that anybody sees.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Printable ASCII, to which only case and the spaces at its ends are to be seen.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn folded(text: &str) -> String {
    let seen = text.chars().filter(|&c| c.is_whitespace() || !is_invisible(c));
    let spaced = seen.map(|c| if c.is_whitespace() { ' ' } else { c });
    with_ordinary_width(spaced).nfd().default_case_fold().nfc().collect()
}

fn trimmed(mut text: String) -> String {
    text.truncate(text.trim_end_matches(' ').len());
    let before = text.len() - text.trim_start_matches(' ').len();
    text.drain(..before);
    text
}

/// Default_Ignorable_Code_Point (DerivedCoreProperties.txt of Unicode 16).
fn is_invisible(c: char) -> bool {
    matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// Characters that Unicode decomposes as `<wide>` or `<narrow>`: the ideographic space, and a block
/// that holds nothing else.
fn with_ordinary_width(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.flat_map(|character| {
        let other_width = character == '\u{3000}' || ('\u{FF01}'..='\u{FFEE}').contains(&character);
        let (mapped, kept) = if other_width { (Some(character), None) } else { (None, Some(character)) };
        mapped.into_iter().nfkc().chain(kept)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(fold(text), expect, "{text}");
    }

    #[test]
    fn folds_case_and_composes() {
        check("", "");
        check("bjensen", "bjensen");
        check("BJensen@Example.COM", "bjensen@example.com");
        check("Ärzte", "ärzte");
        check("A\u{308}rzte", "ärzte");
        check("STRASSE", "strasse");
        check("Straße", "strasse");
        check("ΣΊΣΥΦΟΣ", "σίσυφοσ");
        check("σίσυφος", "σίσυφοσ");
        check("\u{212a}elvin", "kelvin");
        // The order of combining marks does not count.
        check("q\u{307}\u{323}", "q\u{323}\u{307}");
        // What an East Asian keyboard writes is what everybody writes.
        check("\u{ff21}da", "ada");
        check("ﾊﾞ\u{3000}＠", "バ @");
        // Other compatibility forms stay apart.
        check("x²", "x²");
    }

    #[test]
    fn what_nobody_sees_does_not_count() {
        for twin in [
            " bob",
            "bob ",
            "\tbob\r\n",
            "bob\u{a0}",
            "\u{3000}bob",
            "\u{2003}bob\u{2028}",
            "bob\u{85}",
            "bo\u{200b}b",
            "b\u{2060}ob",
            "bo\u{ad}b",
            "\u{feff}bob",
            "bob\u{200e}",
            "bob\u{200d}",
            "\u{202e}bob\u{202c}",
            "bob\u{fe0f}",
            "bob\u{e0041}",
            "bo\u{3164}b",
            "\u{200b} bob \u{200b}",
            "\u{180e}bob",
        ] {
            check(twin, "bob");
        }
        check("Tour\u{a0}Guides", "tour guides");
        check("a  b", "a  b");
        // What no text should hold is told apart, as ever.
        check("a\u{0}", "a\u{0}");
        assert_eq!(fold_part("Tour "), "tour ");
        assert_eq!(fold_part("\u{a0}É\u{200b}"), " é");
        assert!(["", " ", "\t\u{3000}", "\u{200b}", "\u{2060} "].into_iter().all(is_blank));
        assert!(!["x", " x", "\u{301}"].into_iter().any(is_blank));
    }

    #[test]
    fn every_character_folds_to_what_folds_to_itself() {
        for c in '\0'..=char::MAX {
            let folded = fold(c.encode_utf8(&mut [0; 4]));
            assert_eq!(fold(&folded), folded, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text: String) {
            let folded = fold(&text);
            prop_assert_eq!(&fold(&folded), &folded);
        }

        #[test]
        fn spaces_and_what_nobody_sees_change_nothing(text in "[ \t\u{a0}\u{200b}\u{ad}a-cA-Cß\u{301}\u{ff21}]*") {
            let folded = fold(&text);
            prop_assert_eq!(&fold(&folded), &folded);
            prop_assert_eq!(fold(&format!("\u{3000}{text}\u{200b} ")), folded);
        }

        #[test]
        fn the_ascii_path_agrees_with_unicode(text in "[ -~]*") {
            prop_assert_eq!(fold(&text), text.trim().nfd().default_case_fold().nfc().collect::<String>());
            prop_assert_eq!(fold_part(&text), folded(&text));
        }
    }
}
