//! Security identifiers of Windows ([MS-DTYP] 2.4.2), as bytes and as text.

/// The text of the bytes: `S-1-5-21-…-500`.
pub fn to_text(bytes: &[u8]) -> Option<String> {
    let (&[revision, count, ref authority @ ..], parts) = bytes.split_first_chunk::<8>()?;
    if parts.len() != usize::from(count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let parts = parts.chunks_exact(4).filter_map(|part| Some(u32::from_le_bytes(part.try_into().ok()?)));
    Some(parts.fold(format!("S-{revision}-{authority}"), |text, part| format!("{text}-{part}")))
}

/// The bytes of the text: revision, number of parts, authority of six bytes, then each part in four bytes,
/// little-endian. `None` where it is no SID.
pub fn to_bytes(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.strip_prefix("S-1-")?.split('-');
    let authority: u64 = parts.next()?.parse().ok().filter(|authority| *authority < 1 << 48)?;
    let parts: Vec<u32> = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
    // As many as a SID may have.
    let count = u8::try_from(parts.len()).ok().filter(|count| *count <= 15)?;
    let authority = authority.to_be_bytes().into_iter().skip(2);
    Some([1, count].into_iter().chain(authority).chain(parts.into_iter().flat_map(u32::to_le_bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_written_as_people_do() {
        let bytes = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
        assert_eq!(to_text(&bytes).as_deref(), Some("S-1-5-32-544"));
        assert_eq!(to_text(&bytes[..15]), None);
        assert_eq!(to_text(&[]), None);
    }

    #[test]
    fn what_is_written_is_read() {
        for text in ["S-1-5-32-544", "S-1-5-21-1-2-4294967295-1104", "S-1-281474976710655"] {
            assert_eq!(to_bytes(text).and_then(|bytes| to_text(&bytes)).as_deref(), Some(text));
        }
        for none in ["S-1-5-21-x", "S-1-5-21-4294967296", "S-2-5-21", "S-1-281474976710656", "", "S-1-5--1"] {
            assert_eq!(to_bytes(none), None, "{none}");
        }
    }
}
