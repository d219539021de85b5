//! How values are compared: the one case folding, and text in index order.

use std::borrow::Cow;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Folds text for comparison where `caseExact` is false: full-width and half-width forms become the
/// ordinary ones, then Unicode NFC and full case folding (RFC 7644 §5 and §7.8; the width mapping
/// and the folding are rules of the profile UsernameCaseMapped of PRECIS, RFC 8265 §3.3). Filters, uniqueness, PATCH value filters and index keys all use this
/// function, so that they never disagree. Folding folded text changes nothing.
///
/// The steps are those of Unicode's canonical caseless matching (The Unicode Standard, D145) with
/// the result composed. Compatibility forms (NFKC) would go too far: they make `²` equal to `2`, so
/// that two names which a person tells apart would be one.
pub fn fold(text: &str) -> String {
    fold_cow(text).into_owned()
}

/// As [`fold`], without a copy where the text is folded already (lower-case ASCII).
pub fn fold_cow(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        return Cow::Owned(with_ordinary_width(text).nfd().default_case_fold().nfc().collect());
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Borrowed(text)
}

/// Characters that Unicode decomposes as `<wide>` or `<narrow>`: the ideographic space, and a block
/// that holds nothing else.
fn with_ordinary_width(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(|character| {
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
        fn the_ascii_path_agrees_with_unicode(text in "[ -~]*") {
            prop_assert_eq!(fold(&text), text.nfd().default_case_fold().nfc().collect::<String>());
        }
    }
}
