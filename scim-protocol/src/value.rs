//! How values are compared: the one case folding, and text in index order.

use std::borrow::Cow;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Folds text for comparison where `caseExact` is false: Unicode NFC and full case folding
/// (RFC 7644 §5 and §7.8). Filters, uniqueness, PATCH value filters and index keys all use this
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
        return Cow::Owned(text.nfd().default_case_fold().nfc().collect());
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Borrowed(text)
}
