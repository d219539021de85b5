//! How values are compared: the one case folding, and text in index order.

/// Folds text for comparison where `caseExact` is false: Unicode NFC and full case folding
/// (RFC 7644 §5 and §7.8). Filters, uniqueness, PATCH value filters and index keys all use this
/// function, so that they never disagree.
pub fn fold(_text: &str) -> String {
    todo!()
}
