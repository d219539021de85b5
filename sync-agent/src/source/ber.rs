//! The values of controls, which are BER within BER (RFC 4511 §5.1).
//!
//! The LDAP library's own readers of these panic on a value that is malformed; a server's mistake
//! must end a cycle and not the program.

use bytes::BytesMut;
use ldap3::asn1::{ASNTag, Integer, OctetString, PL, Sequence, StructureTag, Tag, parse_tag, write};

/// The outermost value of some bytes; `None` also where they are nested deeper than anything in LDAP.
pub fn parse(bytes: &[u8]) -> Option<StructureTag> {
    parse_tag(Some(bytes).filter(|bytes| super::depth::is_shallow(bytes))?).ok().map(|(_, tag)| tag)
}

/// The parts of a sequence or set.
pub fn parts(tag: StructureTag) -> Option<Vec<StructureTag>> {
    match tag.payload {
        PL::C(parts) => Some(parts),
        PL::P(_) => None,
    }
}

/// The bytes of a string.
pub fn octets(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(octets) => Some(octets),
        PL::C(_) => None,
    }
}

/// A number, or an enumeration, of at most eight bytes.
pub fn number(tag: StructureTag) -> Option<i64> {
    let bytes = octets(tag)?;
    let first = *bytes.first().filter(|_| bytes.len() <= 8)?;
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    Some(bytes.into_iter().fold(sign, |number, byte| (number << 8) | i64::from(byte)))
}

/// A number to be written.
pub fn integer(inner: i64) -> Tag {
    Tag::Integer(Integer { inner, ..Integer::default() })
}

/// A string to be written.
pub fn octet_string(inner: &[u8]) -> Tag {
    Tag::OctetString(OctetString { inner: inner.to_vec(), ..OctetString::default() })
}

/// A sequence, as bytes.
pub fn sequence(inner: Vec<Tag>) -> Vec<u8> {
    let tag = Tag::Sequence(Sequence { inner, ..Sequence::default() }).into_structure();
    let mut bytes = BytesMut::new();
    // Writing into memory does not fail; an empty value would be refused by the server.
    let _ = write::encode_into(&mut bytes, tag);
    bytes.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let bytes = sequence(vec![integer(-2_147_483_648), integer(300), octet_string(b"cookie")]);
        let mut inner = parts(parse(&bytes).unwrap()).unwrap().into_iter();
        assert_eq!(inner.next().and_then(number), Some(-2_147_483_648));
        assert_eq!(inner.next().and_then(number), Some(300));
        assert_eq!(inner.next().and_then(octets).as_deref(), Some(&b"cookie"[..]));
    }

    #[test]
    fn malformed_values_are_none() {
        assert!(parse(&[0x30, 0x05, 0x02]).is_none());
        assert!(parse(&[]).is_none());
        assert!(parse(&[0x30, 0x80].repeat(60_000)).is_some(), "flat, however long");
        let deep: Vec<u8> =
            (0..60_000_u32).rev().flat_map(|level| [&[0x30, 0x84][..], &(level * 6).to_be_bytes()].concat()).collect();
        assert!(parse(&deep).is_none());
        assert!(parse(&[0x02, 0x00]).and_then(number).is_none());
        assert!(parse(&[0x02, 0x01, 0x05]).and_then(parts).is_none());
    }
}
