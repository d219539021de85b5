//! Cursors (RFC 9865): the position of a walk, kept by the client and not by the server.
//!
//! A cursor is the position after which the next page begins, sealed with authenticated encryption under a key of the
//! store. So any process on the same store can continue with it, and the server keeps nothing between pages. A client
//! can neither read it (a position may contain a name) nor forge it. It is bound to its query, and grants no access:
//! each page is authorised again.
//!
//! Text: base64url without padding, so only unreserved characters (§2).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit},
};
use scim_protocol::{Error, ErrorKind, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::store::{IndexValue, Position, ResourceId};

/// The longest cursor that is accepted.
pub const MAX_LENGTH: usize = 1024;
const NONCE: usize = 24;
const FINGERPRINT: usize = 16;

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Which of the query's resource types the walk is in, counted from 0.
    pub type_ordinal: u8,
    /// The walk goes backwards: the page ends before the position.
    pub backward: bool,
    /// The last resource seen, in the walk's order.
    pub position: Position,
    /// The `count` of the first request, which the others must repeat.
    pub count: Option<u32>,
}

/// What identifies a query: a cursor works only with the one that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; FINGERPRINT]);

impl Fingerprint {
    /// From everything that a client must repeat: tenant, endpoint, and the parameters.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let digest = digest.finalize();
        let mut fingerprint = [0; FINGERPRINT];
        fingerprint.copy_from_slice(&digest[..FINGERPRINT]);
        Self(fingerprint)
    }
}

/// Seals and opens cursors.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    /// How long a cursor is valid, in milliseconds.
    lifetime: i64,
}

impl Sealer {
    /// With the store's secret, and how many seconds a cursor lives.
    pub fn new(secret: &[u8; 32], lifetime_seconds: u32) -> Self {
        let lifetime = i64::from(lifetime_seconds) * 1000;
        Self { cipher: XChaCha20Poly1305::new(secret.into()), lifetime }
    }

    /// The text that the client gets.
    pub fn seal(&self, cursor: &Cursor, query: Fingerprint, now: Timestamp) -> Result<String, Error> {
        let mut plain = Vec::with_capacity(64 + cursor.position.value.0.len());
        plain.extend_from_slice(&query.0);
        plain.extend_from_slice(&(now.as_millis() + self.lifetime).to_be_bytes());
        plain.push(cursor.type_ordinal);
        plain.push(u8::from(cursor.backward));
        plain.extend_from_slice(&cursor.count.map_or(-1, i64::from).to_be_bytes());
        plain.extend_from_slice(cursor.position.id.0.as_bytes());
        plain.extend_from_slice(&cursor.position.value.0);
        let nonce: [u8; NONCE] = rand::random();
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), plain.as_slice())
            .map_err(|_| Error::internal("a cursor could not be sealed"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens a client's cursor. `invalidCursor` if it is forged or for another query, `expiredCursor` if it is too
    /// old, `invalidCount` if `count` differs from the first request's.
    pub fn open(&self, text: &str, query: Fingerprint, count: Option<u32>, now: Timestamp) -> Result<Cursor, Error> {
        let (fingerprint, expires, cursor) = self.read(text).ok_or_else(invalid)?;
        if fingerprint != query {
            return Err(invalid());
        }
        if now.as_millis() > expires {
            return Err(Error::new(
                ErrorKind::ExpiredCursor,
                "The cursor has expired. Start again with an empty cursor.",
            ));
        }
        if cursor.count != count {
            return Err(Error::new(
                ErrorKind::InvalidCount,
                "The count differs from the one that this walk began with. Send the same count with each cursor.",
            ));
        }
        Ok(cursor)
    }

    fn read(&self, text: &str) -> Option<(Fingerprint, i64, Cursor)> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), sealed).ok()?;
        let (fingerprint, rest) = plain.split_first_chunk::<FINGERPRINT>()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (&[type_ordinal, backward], rest) = rest.split_first_chunk::<2>()?;
        let (count, rest) = rest.split_first_chunk::<8>()?;
        let (id, value) = rest.split_first_chunk::<16>()?;
        let cursor = Cursor {
            type_ordinal,
            backward: backward != 0,
            position: Position { value: IndexValue(value.to_vec()), id: ResourceId(Uuid::from_bytes(*id)) },
            count: u32::try_from(i64::from_be_bytes(*count)).ok(),
        };
        Some((Fingerprint(*fingerprint), i64::from_be_bytes(*expires), cursor))
    }
}

/// The same text for a forged cursor, one of another query, and an invalid one, so that it reveals nothing (RFC 9865
/// §5.2).
fn invalid() -> Error {
    Error::new(
        ErrorKind::InvalidCursor,
        "The cursor is not one for this query. Send an empty cursor for the first page, then nextCursor with all other parameters unchanged.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor {
            type_ordinal: 1,
            backward: false,
            position: Position { value: IndexValue(b"bjensen".to_vec()), id: ResourceId(Uuid::from_u128(7)) },
            count: Some(10),
        }
    }

    #[track_caller]
    fn check(
        change: impl Fn(String) -> String,
        query: &str,
        count: Option<u32>,
        millis: i64,
        expect: Option<ErrorKind>,
    ) {
        let sealer = Sealer::new(&[7; 32], 60);
        let text = sealer.seal(&cursor(), Fingerprint::of(["a", "b"]), Timestamp::from_millis(0)).unwrap();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        let found = sealer.open(&change(text), Fingerprint::of([query, "b"]), count, Timestamp::from_millis(millis));
        match expect {
            None => assert_eq!(found.unwrap(), cursor()),
            Some(kind) => assert_eq!(found.unwrap_err().kind(), kind),
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_query_and_time_only() {
        let same = |text: String| text;
        check(same, "a", Some(10), 60_000, None);
        check(same, "a", Some(10), 60_001, Some(ErrorKind::ExpiredCursor));
        check(same, "a", Some(11), 0, Some(ErrorKind::InvalidCount));
        check(same, "a", None, 0, Some(ErrorKind::InvalidCount));
        check(same, "ab", Some(10), 0, Some(ErrorKind::InvalidCursor));
        check(|t| format!("{t}A"), "a", Some(10), 0, Some(ErrorKind::InvalidCursor));
        check(
            |t| t.replacen(&t[40..41], if &t[40..41] == "A" { "B" } else { "A" }, 1),
            "a",
            Some(10),
            0,
            Some(ErrorKind::InvalidCursor),
        );
        check(|_| "x".repeat(5000), "a", Some(10), 0, Some(ErrorKind::InvalidCursor));
    }
}
