//! Where a requirement is written: `RFC 7644 §3.5.2.1`, and its address.

/// The address of a section of an RFC; nothing for what is no RFC, such as a provider's documentation.
pub fn link(section: &str) -> Option<String> {
    let (document, rest) = section.strip_prefix("RFC ")?.split_once(' ')?;
    let number = rest.trim_start_matches('§').split([' ', ',']).next()?;
    let page = format!("https://www.rfc-editor.org/rfc/rfc{document}.html");
    let is_number = number.starts_with(|first: char| first.is_ascii_digit());
    Some(if is_number { format!("{page}#section-{number}") } else { page })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_has_an_address() {
        let link = |section| link(section).unwrap_or_default();
        assert_eq!(link("RFC 7644 §3.5.2.1"), "https://www.rfc-editor.org/rfc/rfc7644.html#section-3.5.2.1");
        assert_eq!(link("RFC 7643 §2.2, §7"), "https://www.rfc-editor.org/rfc/rfc7643.html#section-2.2");
        assert_eq!(link("Okta, documented"), "");
    }
}
