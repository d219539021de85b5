//! How deep a message is nested, before anybody takes it apart.
//!
//! The LDAP library takes a message apart by recursion, one level of the call stack for each level of the
//! message. No answer of RFC 4511 has more than seven levels; one of sixty thousand, which is a few
//! hundred kilobytes, would end the process. So whatever a directory sends passes here first, byte by
//! byte and in constant memory, read exactly as the library reads it: tags of one byte, lengths as it
//! computes them.

/// Levels that a message may have.
const DEEPEST: usize = 32;

/// Bytes that a message may have. A group of two million members is one message.
const LONGEST: u64 = 512 << 20;

/// Why a message must not be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is nested too deep.
    #[error("a message is nested more than {DEEPEST} levels deep")]
    TooDeep,
    #[error("a message is longer than {} MiB", LONGEST >> 20)]
    TooLong,
    /// A part of it is longer than the whole.
    #[error("a part of a message is longer than the message")]
    Overrun,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The tag of a value.
    Tag,
    /// The first byte of its length.
    Length { constructed: bool },
    /// So many further bytes of its length.
    Rest { constructed: bool, bytes: u8, length: u64 },
    /// So many bytes that are nobody's tags.
    Content(u64),
}

/// Follows a stream of messages.
#[derive(Debug)]
pub struct Depth {
    /// What is left of each value that is open, the outermost first. Each is taken off its parent whole.
    open: Vec<u64>,
    next: Next,
}

impl Default for Depth {
    fn default() -> Self {
        Self { open: Vec::with_capacity(DEEPEST), next: Next::Tag }
    }
}

impl Depth {
    /// Takes the next bytes. After an error nothing more may be taken, nor given to anybody.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let Next::Content(left) = self.next {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = bytes.get(length..).unwrap_or_default();
                let left = left - length as u64;
                self.next = if left == 0 { Next::Tag } else { Next::Content(left) };
                self.close();
                continue;
            }
            bytes = rest;
            if let Some(inner) = self.open.last_mut() {
                *inner = inner.checked_sub(1).ok_or(Malformed::Overrun)?;
            }
            match self.next {
                Next::Tag | Next::Content(_) => self.next = Next::Length { constructed: byte & 0x20 != 0 },
                Next::Length { constructed } if byte & 0x80 == 0 => self.enter(constructed, byte.into())?,
                Next::Length { constructed } => self.more(constructed, byte & 0x7f, 0)?,
                Next::Rest { constructed, bytes, length } => {
                    // As the library does it: what is too large for the number falls out of it.
                    self.more(constructed, bytes - 1, length << 8 | u64::from(byte))?;
                }
            }
        }
        Ok(())
    }

    fn more(&mut self, constructed: bool, bytes: u8, length: u64) -> Result<(), Malformed> {
        if bytes == 0 {
            return self.enter(constructed, length);
        }
        self.next = Next::Rest { constructed, bytes, length };
        Ok(())
    }

    /// The head of a value has ended; so many bytes follow.
    fn enter(&mut self, constructed: bool, length: u64) -> Result<(), Malformed> {
        match self.open.last_mut() {
            Some(inner) => *inner = inner.checked_sub(length).ok_or(Malformed::Overrun)?,
            None if length > LONGEST => return Err(Malformed::TooLong),
            None => {}
        }
        self.next = Next::Tag;
        if !constructed && length > 0 {
            self.next = Next::Content(length);
        } else if constructed {
            if self.open.len() >= DEEPEST {
                return Err(Malformed::TooDeep);
            }
            self.open.push(length);
        }
        self.close();
        Ok(())
    }

    /// Closes every value of which nothing is left.
    fn close(&mut self) {
        while self.next == Next::Tag && self.open.last() == Some(&0) {
            self.open.pop();
        }
    }
}

/// Whether bytes can be taken apart by recursion.
pub fn is_shallow(bytes: &[u8]) -> bool {
    Depth::default().feed(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use ldap3::asn1::{PL, StructureTag, TagClass, parse_tag, write};
    use proptest::prelude::*;

    use super::*;

    /// So many sequences within each other, with lengths of four bytes.
    fn nested(levels: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for level in (0..levels).rev() {
            bytes.extend([0x30, 0x84]);
            bytes.extend(u32::try_from(level * 6).unwrap().to_be_bytes());
        }
        bytes
    }

    #[track_caller]
    fn check(bytes: &[u8], expect: Result<(), Malformed>) {
        for step in [1, 2, 7, bytes.len().max(1)] {
            let mut depth = Depth::default();
            assert_eq!(bytes.chunks(step).try_for_each(|bytes| depth.feed(bytes)), expect, "{step}");
        }
    }

    #[test]
    fn what_is_too_deep_is_refused() {
        check(&nested(DEEPEST), Ok(()));
        check(&nested(DEEPEST + 1), Err(Malformed::TooDeep));
        check(&nested(60_000), Err(Malformed::TooDeep));
        // The depth is that of each value, and not of all before it.
        check(&nested(20).repeat(3_000), Ok(()));
        // Lengths that are said to follow and do not: the library takes these for 0.
        check(&[0x30, 0x80].repeat(60_000), Ok(()));
        // A deep value behind a flat one, within a message.
        let inner = [&[0x02, 0x01, 0x05][..], &nested(40)].concat();
        let length = u8::try_from(inner.len() % 256).unwrap();
        check(
            &[&[0x30, 0x82, u8::try_from(inner.len() / 256).unwrap(), length][..], &inner].concat(),
            Err(Malformed::TooDeep),
        );
    }

    #[test]
    fn what_overruns_is_refused() {
        check(&[0x30, 0x03, 0x04, 0x05, 0x00], Err(Malformed::Overrun));
        check(&[0x30, 0x01, 0x04, 0x00], Err(Malformed::Overrun));
        check(&[0x30, 0x88, 0xff, 0, 0, 0, 0, 0, 0, 0], Err(Malformed::TooLong));
        check(&[], Ok(()));
    }

    fn tag() -> impl Strategy<Value = StructureTag> {
        let leaf = proptest::collection::vec(any::<u8>(), 0..200).prop_map(PL::P);
        let payload = leaf.prop_recursive(8, 60, 6, |inner| {
            let tag = inner.prop_map(|payload| StructureTag { class: TagClass::Universal, id: 4, payload });
            proptest::collection::vec(tag, 0..6).prop_map(PL::C)
        });
        payload.prop_map(|payload| StructureTag { class: TagClass::Application, id: 3, payload })
    }

    proptest! {
        /// Whatever the library writes passes, however it is cut, and one message after another.
        #[test]
        fn what_is_well_formed_passes(tags in proptest::collection::vec(tag(), 1..4), step in 1_usize..50) {
            let mut bytes = BytesMut::new();
            for tag in tags {
                write::encode_into(&mut bytes, tag).unwrap();
            }
            let mut depth = Depth::default();
            for chunk in bytes.chunks(step) {
                prop_assert_eq!(depth.feed(chunk), Ok(()));
            }
            prop_assert!(depth.open.is_empty() && depth.next == Next::Tag);
        }

        /// What passes, the library takes apart or finds incomplete, and the stack is enough for it.
        #[test]
        fn what_passes_can_be_taken_apart(bytes in proptest::collection::vec(prop_oneof![Just(0x30_u8), Just(0x80), 0_u8..8, any::<u8>()], 0..400)) {
            if is_shallow(&bytes) {
                let _ = parse_tag(&bytes);
            }
        }
    }
}
