//! One call as it is kept: fields of a fixed size, which searches look at, and its text.

use std::{borrow::Cow, fmt, time::Duration};

use scim_protocol::Timestamp;
use uuid::Uuid;

use crate::ids::{ResourceId, TenantId};

/// The size of the fields before the text.
pub(super) const FIXED: usize = 72;
/// The longest text that is read: a longer one is damage.
const MAX_TEXT: u32 = 64 << 20;

/// How a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Method {
    Other,
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub(super) const ALL: [Self; 7] =
        [Self::Other, Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// The one of that name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().skip(1).find(|method| method.name().eq_ignore_ascii_case(name))
    }

    /// The one that a request has.
    pub fn of(name: &str) -> Self {
        Self::named(name).unwrap_or(Self::Other)
    }

    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => "OTHER",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What is noted of a call, beside its line in the audit log.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// When it came in.
    pub at: Timestamp,
    pub took: Duration,
    pub method: Method,
    pub status: u16,
    /// The tenant of the URL, if there is one.
    pub tenant: Option<TenantId>,
    /// The token or OAuth client; also of a refused call where that is known.
    pub token: Option<ResourceId>,
    /// The user or group that it was about.
    pub resource: Option<ResourceId>,
    /// For how many calls it stands.
    pub count: u32,
    /// The path of its URL, redacted.
    pub path: Cow<'a, str>,
    /// The `scimType` of an error; empty for none.
    pub scim_type: &'static str,
    /// In a word why nobody was authenticated; empty for other calls.
    pub refusal: Cow<'a, str>,
    /// The same as a sentence.
    pub reason: Cow<'a, str>,
}

/// The fields of a fixed size. An id that is absent is nil.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed {
    pub at: i64,
    pub micros: u32,
    pub count: u32,
    pub tenant: Uuid,
    pub token: Uuid,
    pub resource: Uuid,
    /// The length of the text.
    pub text: u32,
    pub status: u16,
    pub method: Method,
}

/// Which kinds of calls a block has of a tenant: a bit for each method and class of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds(pub u32);

impl Kinds {
    /// The bit of one kind. Statuses below 300 are one class.
    pub fn of(method: Method, status: u16) -> Self {
        let class = u32::from(status / 100).clamp(2, 5) - 2;
        Self(1 << (class * 7 + method as u32))
    }

    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::ops::BitOrAssign for Kinds {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl Call<'_> {
    /// The same, to be kept.
    pub fn into_owned(self) -> Call<'static> {
        let Self { at, took, method, status, tenant, token, resource, count, path, scim_type, refusal, reason } = self;
        let [path, refusal, reason] = [path, refusal, reason].map(|fact| Cow::Owned(fact.into_owned()));
        Call { at, took, method, status, tenant, token, resource, count, path, scim_type, refusal, reason }
    }

    /// Writes the row of the call behind others. `line` is that of the audit log, without its end, and the values behind it.
    pub fn write(&self, line: &[u8], rows: &mut Vec<u8>) {
        let begin = rows.len();
        rows.extend_from_slice(&[0; FIXED]);
        for (at, fact) in [&*self.path, self.scim_type, &self.refusal, &self.reason].into_iter().enumerate() {
            if at > 0 {
                rows.push(b'\t');
            }
            rows.extend(fact.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
        }
        rows.push(b'\n');
        rows.extend_from_slice(line);
        let text = u32::try_from(rows.len() - begin - FIXED).unwrap_or(u32::MAX);
        let fixed = Fixed {
            at: self.at.as_millis(),
            micros: u32::try_from(self.took.as_micros()).unwrap_or(u32::MAX),
            count: self.count,
            tenant: self.tenant.map_or(Uuid::nil(), |tenant| tenant.0),
            token: self.token.map_or(Uuid::nil(), |token| token.0),
            resource: self.resource.map_or(Uuid::nil(), |resource| resource.0),
            text,
            status: self.status,
            method: self.method,
        };
        if let Some(place) = rows.get_mut(begin..begin + FIXED) {
            place.copy_from_slice(&fixed.to_bytes());
        }
    }
}

impl Fixed {
    pub fn to_bytes(self) -> [u8; FIXED] {
        let mut bytes = [0; FIXED];
        bytes[..8].copy_from_slice(&self.at.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.micros.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.count.to_le_bytes());
        bytes[16..32].copy_from_slice(self.tenant.as_bytes());
        bytes[32..48].copy_from_slice(self.token.as_bytes());
        bytes[48..64].copy_from_slice(self.resource.as_bytes());
        bytes[64..68].copy_from_slice(&self.text.to_le_bytes());
        bytes[68..70].copy_from_slice(&self.status.to_le_bytes());
        bytes[70] = self.method as u8;
        bytes
    }

    fn from_bytes(bytes: &[u8; FIXED]) -> Self {
        let mut rest = bytes.as_slice();
        let at = i64::from_le_bytes(take(&mut rest));
        let (micros, count) = (u32::from_le_bytes(take(&mut rest)), u32::from_le_bytes(take(&mut rest)));
        let [tenant, token, resource] = [(); 3].map(|()| Uuid::from_bytes(take(&mut rest)));
        let text = u32::from_le_bytes(take(&mut rest));
        let status = u16::from_le_bytes(take(&mut rest));
        let [method] = take(&mut rest);
        let method = Method::ALL.into_iter().nth(method.into()).unwrap_or(Method::Other);
        Self { at, micros, count, tenant, token, resource, text, status, method }
    }

    pub fn kind(&self) -> Kinds {
        Kinds::of(self.method, self.status)
    }
}

/// The next bytes of a fixed number; zeros where there are not so many.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let Some((first, behind)) = rest.split_first_chunk() else { return [0; N] };
    *rest = behind;
    *first
}

/// Fields that follow each other; what is broken off at the end is left out.
pub(super) fn fixed(bytes: &[u8]) -> Vec<Fixed> {
    bytes.as_chunks().0.iter().map(Fixed::from_bytes).collect()
}

/// Rows that follow each other: the fields of each, and its text.
pub(super) fn rows(mut rest: &[u8]) -> impl Iterator<Item = (Fixed, &[u8])> {
    std::iter::from_fn(move || {
        let (first, behind) = rest.split_first_chunk()?;
        let fixed = Fixed::from_bytes(first);
        let (text, behind) = behind.split_at_checked(fixed.text.min(MAX_TEXT) as usize)?;
        rest = behind;
        Some((fixed, text))
    })
}

/// A place in the log: the number of a block, and of a row in it. Newer calls have greater places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub block: u64,
    pub row: u32,
}

impl Place {
    /// Reads what [`Display`](fmt::Display) writes: `17.204`.
    pub fn parse(text: &str) -> Option<Self> {
        let (block, row) = text.split_once('.')?;
        Some(Self { block: block.parse().ok()?, row: row.parse().ok()? })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.block, self.row)
    }
}

/// A call that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub place: Place,
    pub at: Timestamp,
    pub took: Duration,
    pub method: Method,
    pub status: u16,
    pub tenant: Option<TenantId>,
    pub token: Option<ResourceId>,
    pub resource: Option<ResourceId>,
    pub count: u32,
    pub path: String,
    pub scim_type: String,
    pub refusal: String,
    pub reason: String,
    /// The line of the audit log: JSON.
    pub line: String,
    /// The values of its bodies, as JSON; empty where they are not kept.
    pub values: String,
}

/// The parts of a text: its facts, the line of the audit log, and the values behind it.
pub(super) fn parts(text: &str) -> (&str, &str, &str) {
    let (facts, rest) = text.split_once('\n').unwrap_or(("", text));
    let (line, values) = rest.split_once('\n').unwrap_or((rest, ""));
    (facts, line, values)
}

impl Row {
    pub(super) fn new(place: Place, fixed: &Fixed, text: &str) -> Self {
        let (facts, line, values) = parts(text);
        let mut facts = facts.split('\t').map(str::to_owned);
        let mut fact = || facts.next().unwrap_or_default();
        let known = |id: Uuid| (!id.is_nil()).then_some(id);
        Self {
            place,
            at: Timestamp::from_millis(fixed.at),
            took: Duration::from_micros(fixed.micros.into()),
            method: fixed.method,
            status: fixed.status,
            tenant: known(fixed.tenant).map(TenantId),
            token: known(fixed.token).map(ResourceId),
            resource: known(fixed.resource).map(ResourceId),
            count: fixed.count,
            path: fact(),
            scim_type: fact(),
            refusal: fact(),
            reason: fact(),
            line: line.to_owned(),
            values: values.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call<'static> {
        Call {
            at: Timestamp::from_millis(1_700_000_000_123),
            took: Duration::from_micros(1203),
            method: Method::Patch,
            status: 409,
            tenant: Some(TenantId(Uuid::from_u128(1))),
            token: None,
            resource: Some(ResourceId(Uuid::from_u128(3))),
            count: 1,
            path: "/Users".into(),
            scim_type: "uniqueness",
            refusal: "".into(),
            reason: "two\nlines\tand a tab".into(),
        }
    }

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let mut bytes = Vec::new();
        call().write(b"{\"a\":1}", &mut bytes);
        call().write(b"{}\n{\"b\":2}", &mut bytes);
        let found: Vec<_> = rows(&bytes).collect();
        assert_eq!(found.len(), 2);
        let place = Place { block: 7, row: 1 };
        let second = Row::new(place, &found[1].0, std::str::from_utf8(found[1].1).unwrap());
        assert_eq!((&*second.line, &*second.values), ("{}", "{\"b\":2}"));
        let (fixed, text) = found[0];
        let row = Row::new(Place { block: 7, row: 0 }, &fixed, std::str::from_utf8(text).unwrap());
        assert_eq!((row.method, row.status, row.count), (Method::Patch, 409, 1));
        assert_eq!((row.at, row.took), (call().at, call().took));
        assert_eq!((row.tenant, row.token, row.resource), (call().tenant, None, call().resource));
        assert_eq!((&*row.path, &*row.scim_type, &*row.refusal), ("/Users", "uniqueness", ""));
        assert_eq!((&*row.reason, &*row.line, &*row.values), ("two lines and a tab", "{\"a\":1}", ""));
        for cut in 0..bytes.len() {
            assert!(rows(&bytes[..cut]).count() < 2, "{cut}");
        }
    }

    #[test]
    fn places_are_in_the_order_of_the_log() {
        let place = |text| Place::parse(text).unwrap();
        assert!(place("9.500") < place("10.0") && place("10.2") < place("10.11"));
        assert_eq!(place("17.204").to_string(), "17.204");
        for wrong in ["", "1", "1.", ".1", "a.b", "-1.0", "1.2.3"] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_kind_of_call_has_a_bit_of_its_own() {
        let all = Method::ALL.iter().flat_map(|method| [200, 304, 404, 503].map(|status| Kinds::of(*method, status)));
        let bits: std::collections::BTreeSet<_> = all.map(|kind| kind.0).collect();
        assert_eq!(bits.len(), 28);
        assert_eq!(Kinds::of(Method::Get, 100), Kinds::of(Method::Get, 204));
        assert_eq!(Kinds::of(Method::Get, 599), Kinds::of(Method::Get, 999));
    }
}
