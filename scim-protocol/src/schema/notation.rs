//! The characters of names (RFC 7643 §2.1, RFC 7644 §3.10). Only a schema knows the meaning of a name.

/// The longest attribute notation that is read, in bytes.
pub const MAX_LENGTH: usize = 512;

/// Whether it is an `ATTRNAME` of RFC 7643 §2.1, or a name such as `$ref`, which the RFC uses itself.
pub(super) fn is_attribute_name(name: &str) -> bool {
    let name = name.strip_prefix('$').unwrap_or(name);
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Whether attribute notation may hold this character: those of `ATTRNAME`, `$` for `$ref`, and those of a URI
/// in front of it.
pub(crate) fn is_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '$' | '-' | '_' | '.' | ':' | '/' | '#' | '%' | '~' | '+' | '@')
}

/// What keeps the text from being attribute notation, in a sentence; `None` when nothing does.
pub(crate) fn fault(text: &str) -> Option<String> {
    if text.len() > MAX_LENGTH {
        return Some(format!("An attribute's name is longer than {MAX_LENGTH} bytes."));
    }
    let why = if !text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '$') {
        "a name begins with a letter".to_owned()
    } else if let Some(odd) = text.chars().find(|&c| !is_char(c)) {
        format!("the character \"{}\" cannot be part of a name", odd.escape_debug())
    } else if text.ends_with(['.', ':']) {
        "a name must follow the last character".to_owned()
    } else {
        return None;
    };
    Some(format!("\"{text}\" names no attribute: {why}."))
}
