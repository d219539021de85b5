//! The encoding of a resource.
//!
//! `1 · version · created · last modified · members · three lengths · display · visible · hidden · entries`: numbers
//! are little-endian and of fixed width, so that reading one is no loop. The first byte is the version of the layout;
//! another layout would be another function here.
//!
//! The index entries of the resource follow the body. A read ignores them; a writer and an export need them, because
//! an index leads from values to resources and not back.

use bytes::Bytes;
use scim_protocol::Timestamp;

use crate::store::{Body, Header, IndexValue, LAST_MODIFIED, Record, StoreError, decide::Entries};

const LAYOUT: u8 = 1;

pub(super) fn encode(record: &Record, entries: &Entries) -> Vec<u8> {
    let Record { header, body } = record;
    let text = body.display.len() + body.visible.len() + body.hidden.len();
    let mut out = Vec::with_capacity(64 + text + entries.len() * 48);
    out.push(LAYOUT);
    out.extend_from_slice(&header.version.to_le_bytes());
    out.extend_from_slice(&header.created.as_millis().to_le_bytes());
    out.extend_from_slice(&header.last_modified.as_millis().to_le_bytes());
    out.extend_from_slice(&header.members.to_le_bytes());
    for part in [&body.display, &body.visible, &body.hidden] {
        put_length(&mut out, part.len());
    }
    for part in [&body.display, &body.visible, &body.hidden] {
        out.extend_from_slice(part);
    }
    put_length(&mut out, entries.len());
    for ((attribute, value), unique) in entries {
        out.push(u8::from(*unique));
        for part in [attribute.as_bytes(), &value.0] {
            put_length(&mut out, part.len());
            out.extend_from_slice(part);
        }
    }
    out
}

/// Lengths have four bytes. A longer part cannot arise: bodies are limited to some megabytes where
/// they enter. Were one to, reading it back would say `Corrupt`.
fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

pub(super) fn decode(bytes: &[u8]) -> Result<Record, StoreError> {
    Decoder(bytes).record().ok_or_else(damaged)
}

/// The record with its index entries.
pub(super) fn decode_all(bytes: &[u8]) -> Result<(Record, Entries), StoreError> {
    let mut decoder = Decoder(bytes);
    let record = decoder.record().ok_or_else(damaged)?;
    let entries = decoder.entries().ok_or_else(damaged)?;
    Ok((record, entries))
}

/// Whether the resource still has that value, by which a reader of an index found it.
pub(super) fn holds(bytes: &[u8], attribute: &str, value: &IndexValue) -> Result<bool, StoreError> {
    let mut decoder = Decoder(bytes);
    let (header, ..) = decoder.parts().ok_or_else(damaged)?;
    if attribute == LAST_MODIFIED {
        return Ok(IndexValue::instant(header.last_modified) == *value);
    }
    for _ in 0..decoder.length().ok_or_else(damaged)? {
        let (_, its_attribute, its_value) = decoder.entry().ok_or_else(damaged)?;
        if (its_attribute, its_value) == (attribute, value.0.as_slice()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The header and the index entries, without the body.
pub(super) fn decode_entries(bytes: &[u8]) -> Result<(Header, Entries), StoreError> {
    let mut decoder = Decoder(bytes);
    let (header, ..) = decoder.parts().ok_or_else(damaged)?;
    Ok((header, decoder.entries().ok_or_else(damaged)?))
}

/// The display name alone.
pub(super) fn display(bytes: &[u8]) -> Result<Bytes, StoreError> {
    let mut decoder = Decoder(bytes);
    decoder.header().ok_or_else(damaged)?;
    let [display, ..] = decoder.lengths().ok_or_else(damaged)?;
    Ok(Bytes::copy_from_slice(decoder.take(display).ok_or_else(damaged)?))
}

fn damaged() -> StoreError {
    StoreError::Corrupt("a record cannot be decoded".into())
}

struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn eight(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    fn header(&mut self) -> Option<Header> {
        if self.byte()? != LAYOUT {
            return None;
        }
        Some(Header {
            version: u64::from_le_bytes(self.eight()?),
            created: Timestamp::from_millis(i64::from_le_bytes(self.eight()?)),
            last_modified: Timestamp::from_millis(i64::from_le_bytes(self.eight()?)),
            members: u64::from_le_bytes(self.eight()?),
        })
    }

    fn lengths(&mut self) -> Option<[usize; 3]> {
        Some([self.length()?, self.length()?, self.length()?])
    }

    /// The header; how long display name and visible part are; the body in one.
    fn parts(&mut self) -> Option<(Header, [usize; 2], &'a [u8])> {
        let header = self.header()?;
        let [display, visible, hidden] = self.lengths()?;
        let body = self.take(display.checked_add(visible)?.checked_add(hidden)?)?;
        Some((header, [display, visible], body))
    }

    /// The three parts of the body are slices of one copy.
    fn record(&mut self) -> Option<Record> {
        let (header, [display, visible], body) = self.parts()?;
        let mut rest = Bytes::copy_from_slice(body);
        let body = Body { display: rest.split_to(display), visible: rest.split_to(visible), hidden: rest };
        Some(Record { header, body })
    }

    /// Whether an entry is unique, its attribute and its value.
    fn entry(&mut self) -> Option<(bool, &'a str, &'a [u8])> {
        let unique = self.byte()? != 0;
        let length = self.length()?;
        let attribute = std::str::from_utf8(self.take(length)?).ok()?;
        let length = self.length()?;
        Some((unique, attribute, self.take(length)?))
    }

    fn entries(&mut self) -> Option<Entries> {
        let count = self.length()?;
        let mut entries = Entries::new();
        for _ in 0..count {
            let (unique, attribute, value) = self.entry()?;
            entries.insert((attribute.into(), IndexValue(value.to_vec())), unique);
        }
        self.0.is_empty().then_some(entries)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
    }

    fn entries() -> impl Strategy<Value = Entries> {
        let value = prop::collection::vec(any::<u8>(), 0..12);
        let place = ("[a-z.]{1,12}", value).prop_map(|(attribute, value)| (attribute.into(), IndexValue(value)));
        prop::collection::btree_map(place, any::<bool>(), 0..4)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            (version, members) in any::<(u64, u64)>(),
            (created, modified) in any::<(i64, i64)>(),
            (display, visible, hidden) in (bytes(), bytes(), bytes()),
            entries in entries(),
        ) {
            let (created, last_modified) = (Timestamp::from_millis(created), Timestamp::from_millis(modified));
            let record = Record {
                header: Header { version, created, last_modified, members },
                body: Body { display: display.clone(), visible, hidden },
            };
            let encoded = encode(&record, &entries);
            prop_assert_eq!(super::display(&encoded).unwrap(), display);
            prop_assert_eq!(decode(&encoded).unwrap(), record.clone());
            prop_assert_eq!(decode_all(&encoded).unwrap(), (record, entries));
            for end in 0..encoded.len() {
                prop_assert!(matches!(decode_all(&encoded[..end]), Err(StoreError::Corrupt(_))));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut layout = vec![LAYOUT];
            layout.extend_from_slice(&bytes);
            for bytes in [&bytes, &layout] {
                let _ = (decode(bytes), decode_all(bytes), super::display(bytes));
            }
        }
    }
}
