//! The layout of keys; no other module knows it.
//!
//! Every key is `tenant (16 bytes) · kind (1 byte) · …`, so that a tenant is one run of keys and so
//! is each kind within it. Names end in a NUL, which they cannot contain; numbers are big-endian, so
//! that their order is the order of the bytes. Members are keyed by ids alone, because an id is
//! unique in the whole store. The store's own keys live under the largest UUID, which no tenant has.
//!
//! | Kind | Behind it | Value |
//! | --- | --- | --- |
//! | `c` | type | how many resources of that type |
//! | `e` | sequence | event |
//! | `g` | member, group | the group's type |
//! | `i` | type, attribute, value, id | 1 when unique, else nothing |
//! | `m` | group, member | the member's type |
//! | `r` | type, id | record |
//! | `s` | | the last sequence given, and when |
//!
//! And of the store itself: `f`, its format, `n`, the number of the last batch, and `w` · tenant · group, a deleted group whose edges
//! are still to be swept away, and `x` · tenant, a tenant that was erased.

mod range;

use std::ops::Bound;

use scim_protocol::Timestamp;
use uuid::Uuid;

pub(super) use self::range::Range;
use self::range::behind;
use crate::store::{
    Freshness, IndexKey, IndexRange, IndexValue, LAST_MODIFIED, Position, ResourceId, ResourceKey, TenantId, TypeName,
    Values, decide::index_key,
};

const COUNT: u8 = b'c';
const EVENT: u8 = b'e';
const GROUP: u8 = b'g';
const INDEX: u8 = b'i';
const MEMBER: u8 = b'm';
const RESOURCE: u8 = b'r';
const SEQUENCE: u8 = b's';

const STORE: [u8; 16] = [0xFF; 16];
const FORMAT: u8 = b'f';
const COMMIT: u8 = b'n';
const SWEEP: u8 = b'w';
const ERASED: u8 = b'x';

/// Ends an index value. Within a value a zero byte is written as `ESCAPED`, so that a value ends
/// where it ends, and a shorter value sorts before each longer one that begins with it.
const END: [u8; 2] = [0x00, 0x00];
const ESCAPED: [u8; 2] = [0x00, 0xFF];

const ID: usize = 16;

fn start(tenant: TenantId, kind: u8) -> Vec<u8> {
    let mut key = Vec::with_capacity(96);
    key.extend_from_slice(tenant.0.as_bytes());
    key.push(kind);
    key
}

fn named(tenant: TenantId, kind: u8, name: &str) -> Vec<u8> {
    let mut key = start(tenant, kind);
    key.extend_from_slice(name.as_bytes());
    key.push(0);
    key
}

fn with(mut key: Vec<u8>, id: ResourceId) -> Vec<u8> {
    key.extend_from_slice(id.0.as_bytes());
    key
}

fn escape(key: &mut Vec<u8>, value: &[u8]) {
    for &byte in value {
        if byte == 0 { key.extend_from_slice(&ESCAPED) } else { key.push(byte) }
    }
}

pub(super) fn resource(key: &ResourceKey) -> Vec<u8> {
    with(named(key.tenant, RESOURCE, key.resource_type.as_str()), key.id)
}

pub(super) fn resources(tenant: TenantId, resource_type: &TypeName) -> Range {
    Range::of(named(tenant, RESOURCE, resource_type.as_str()))
}

/// All resources of a tenant, type by type.
pub(super) fn all_resources(tenant: TenantId) -> Range {
    Range::of(start(tenant, RESOURCE))
}

pub(super) fn count(tenant: TenantId, resource_type: &TypeName) -> Vec<u8> {
    named(tenant, COUNT, resource_type.as_str())
}

pub(super) fn counts(tenant: TenantId) -> Range {
    Range::of(start(tenant, COUNT))
}

pub(super) fn member(tenant: TenantId, group: ResourceId, member: ResourceId) -> Vec<u8> {
    with(with(start(tenant, MEMBER), group), member)
}

pub(super) fn members(tenant: TenantId, group: ResourceId) -> Range {
    Range::of(with(start(tenant, MEMBER), group))
}

pub(super) fn all_members(tenant: TenantId) -> Range {
    Range::of(start(tenant, MEMBER))
}

pub(super) fn group(tenant: TenantId, member: ResourceId, group: ResourceId) -> Vec<u8> {
    with(with(start(tenant, GROUP), member), group)
}

pub(super) fn groups(tenant: TenantId, member: ResourceId) -> Range {
    Range::of(with(start(tenant, GROUP), member))
}

/// The groups of all members from the first id to the last.
pub(super) fn groups_between(tenant: TenantId, first: ResourceId, last: ResourceId) -> Range {
    Range { start: with(start(tenant, GROUP), first), end: behind(&with(start(tenant, GROUP), last)) }
}

pub(super) fn all_groups(tenant: TenantId) -> Range {
    Range::of(start(tenant, GROUP))
}

pub(super) fn event(tenant: TenantId, sequence: u64) -> Vec<u8> {
    let mut key = start(tenant, EVENT);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

pub(super) fn events(tenant: TenantId) -> Range {
    Range::of(start(tenant, EVENT))
}

pub(super) fn sequence(tenant: TenantId) -> Vec<u8> {
    start(tenant, SEQUENCE)
}

pub(super) fn index(key: &IndexKey, id: ResourceId) -> Vec<u8> {
    with(index_value(key), id)
}

/// The entry of a resource in the index over `meta.lastModified`.
pub(super) fn modified(key: &ResourceKey, at: Timestamp) -> Vec<u8> {
    index(&index_key(key, LAST_MODIFIED.into(), IndexValue::instant(at)), key.id)
}

/// The value that is stored under the key of an index entry.
pub(super) fn mark(unique: bool) -> &'static [u8] {
    if unique { &[1] } else { &[] }
}

/// Whether this is the stored value of a unique entry.
pub(super) fn is_unique(mark: &[u8]) -> bool {
    !mark.is_empty()
}

/// All entries with this value.
pub(super) fn index_equal(key: &IndexKey) -> Range {
    Range::of(index_value(key))
}

pub(super) fn all_index(tenant: TenantId) -> Range {
    Range::of(start(tenant, INDEX))
}

fn index_value(key: &IndexKey) -> Vec<u8> {
    value(named_attribute(key.tenant, INDEX, key.resource_type.as_str(), &key.attribute), &key.value)
}

fn named_attribute(tenant: TenantId, kind: u8, resource_type: &str, attribute: &str) -> Vec<u8> {
    let mut key = named(tenant, kind, resource_type);
    key.extend_from_slice(attribute.as_bytes());
    key.push(0);
    key
}

fn value(mut key: Vec<u8>, value: &IndexValue) -> Vec<u8> {
    escape(&mut key, &value.0);
    key.extend_from_slice(&END);
    key
}

/// The run of keys of an index range, and how long the part is that comes before each value.
pub(super) fn index_range(range: &IndexRange, after: Option<&Position>) -> (Range, usize) {
    let attribute = named_attribute(range.tenant, INDEX, range.resource_type.as_str(), &range.attribute);
    let at = |bound: &IndexValue| value(attribute.clone(), bound);
    let keys = match &range.values {
        Values::All => Range::of(attribute.clone()),
        Values::Equal(only) => Range::of(at(only)),
        Values::Prefix(prefix) => {
            let mut key = attribute.clone();
            escape(&mut key, &prefix.0);
            Range::of(key)
        }
        Values::Between(low, high) => Range {
            start: match low {
                Bound::Included(low) => at(low),
                Bound::Excluded(low) => behind(&at(low)),
                Bound::Unbounded => attribute.clone(),
            },
            end: match high {
                Bound::Included(high) => behind(&at(high)),
                Bound::Excluded(high) => at(high),
                Bound::Unbounded => behind(&attribute),
            },
        },
    };
    let keys = match after {
        None => keys,
        Some(position) => {
            let key = with(at(&position.value), position.id);
            if range.descending { keys.before(key) } else { keys.after(key) }
        }
    };
    (keys, attribute.len())
}

/// All entries of the index that the range is a part of.
pub(super) fn whole_index(range: &IndexRange) -> Range {
    Range::of(named_attribute(range.tenant, INDEX, range.resource_type.as_str(), &range.attribute))
}

/// What the keys have in common that are counted with this one: resources of one type, and entries of one
/// index. `None` for keys that nobody counts.
pub(super) fn counted_with(key: &[u8]) -> Option<&[u8]> {
    let names = match *key.get(ID)? {
        RESOURCE => 1,
        INDEX => 2,
        _ => return None,
    };
    let ends = key.iter().enumerate().skip(ID + 1).filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
    key.get(..=ends.take(names).last()?)
}

/// The resources of which something is stored under this key, or the list whose length is. An index entry stands in
/// its resource's record, too, which is written with it. The length is written whenever a resource comes or goes.
pub(super) fn resources_of(key: &[u8]) -> impl Iterator<Item = ResourceId> + use<> {
    let id = |bytes: Option<&[u8; ID]>| bytes.map(|bytes| ResourceId(Uuid::from_bytes(*bytes)));
    let list = || Some(Freshness::list(tenant_of(key)?, parse_count(key)?.as_str()));
    let ids = match key.get(ID) {
        Some(&RESOURCE) => [id(key.last_chunk()), None],
        Some(&COUNT) => [list(), None],
        Some(&(MEMBER | GROUP)) => [id(key.get(ID + 1..).and_then(<[u8]>::first_chunk)), id(key.last_chunk())],
        _ => [None, None],
    };
    ids.into_iter().flatten()
}

/// The place in its index that this key is, when its value begins behind `prefix` bytes.
pub(super) fn position(key: &[u8], prefix: usize) -> Option<Position> {
    let (value, rest) = unescape(key.get(prefix..)?)?;
    Some(Position { value, id: id(rest)? })
}

/// Reads a value up to its end; gives it and what follows.
fn unescape(bytes: &[u8]) -> Option<(IndexValue, &[u8])> {
    let mut value = Vec::with_capacity(bytes.len().saturating_sub(ID));
    let mut rest = bytes;
    loop {
        match rest {
            [0x00, 0x00, behind @ ..] => return Some((IndexValue(value), behind)),
            [0x00, 0xFF, behind @ ..] => {
                value.push(0);
                rest = behind;
            }
            [0x00, ..] | [] => return None,
            [byte, behind @ ..] => {
                value.push(*byte);
                rest = behind;
            }
        }
    }
}

/// The key of an index entry, taken apart, and whose entry it is.
pub(super) fn parse_index(key: &[u8]) -> Option<(IndexKey, ResourceId)> {
    let tenant = tenant_of(key)?;
    let (resource_type, rest) = name(key.get(ID + 1..)?)?;
    let (attribute, rest) = name(rest)?;
    let (value, rest) = unescape(rest)?;
    let key = IndexKey { tenant, resource_type: resource_type.into(), attribute: attribute.into(), value };
    Some((key, id(rest)?))
}

/// The key of a resource, taken apart.
pub(super) fn parse_resource(key: &[u8]) -> Option<ResourceKey> {
    let (resource_type, rest) = name(key.get(ID + 1..)?)?;
    Some(ResourceKey { tenant: tenant_of(key)?, resource_type: resource_type.into(), id: id(rest)? })
}

/// The type that a count is of.
pub(super) fn parse_count(key: &[u8]) -> Option<TypeName> {
    let (resource_type, rest) = name(key.get(ID + 1..)?)?;
    rest.is_empty().then(|| resource_type.into())
}

/// The two ids of an edge, in the order of the key.
pub(super) fn parse_edge(key: &[u8]) -> Option<(ResourceId, ResourceId)> {
    let (first, second) = key.get(ID + 1..)?.split_at_checked(ID)?;
    Some((id(first)?, id(second)?))
}

/// The sequence of an event.
pub(super) fn parse_event(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(ID + 1..)?.try_into().ok()?))
}

/// A name up to its NUL, and what follows.
fn name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    let (name, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(name).ok()?, rest.get(1..)?))
}

/// An id, when the bytes are one.
fn id(bytes: &[u8]) -> Option<ResourceId> {
    Some(ResourceId(Uuid::from_slice(bytes).ok()?))
}

/// The id at the end of a key.
pub(super) fn last_id(key: &[u8]) -> Option<ResourceId> {
    id(key.get(key.len().checked_sub(ID)?..)?)
}

/// Whose key it is; `None` for the store's own.
pub(super) fn tenant_of(key: &[u8]) -> Option<TenantId> {
    let tenant = key.get(..ID)?;
    if tenant == STORE { None } else { Some(TenantId(Uuid::from_slice(tenant).ok()?)) }
}

/// Whether it is a resource's key.
pub(super) fn is_resource(key: &[u8]) -> bool {
    key.get(ID) == Some(&RESOURCE)
}

/// Everything of a tenant.
pub(super) fn tenant(tenant: TenantId) -> Range {
    Range::of(tenant.0.as_bytes().to_vec())
}

/// Everything of the tenants after this one.
pub(super) fn tenants_after(tenant: Option<TenantId>) -> Range {
    let start = tenant.map_or_else(Vec::new, |tenant| behind(tenant.0.as_bytes()));
    Range { start, end: STORE.to_vec() }
}

pub(super) fn format() -> Vec<u8> {
    own(FORMAT)
}

/// The key of the number of the last batch.
pub(super) fn commit() -> Vec<u8> {
    own(COMMIT)
}

fn own(kind: u8) -> Vec<u8> {
    let mut key = STORE.to_vec();
    key.push(kind);
    key
}

pub(super) fn sweep(tenant: TenantId, group: ResourceId) -> Vec<u8> {
    let mut key = sweeps().start;
    key.extend_from_slice(tenant.0.as_bytes());
    with(key, group)
}

pub(super) fn sweeps() -> Range {
    let mut key = STORE.to_vec();
    key.push(SWEEP);
    Range::of(key)
}

/// Says that a tenant was erased.
pub(super) fn erased(tenant: TenantId) -> Vec<u8> {
    let mut key = own(ERASED);
    key.extend_from_slice(tenant.0.as_bytes());
    key
}

/// Which group is to be swept.
pub(super) fn parse_sweep(key: &[u8]) -> Option<(TenantId, ResourceId)> {
    let (tenant, group) = parse_edge(key)?;
    Some((TenantId(tenant.0), group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position_of(value: &[u8], id: u128) -> Position {
        Position { value: IndexValue(value.to_vec()), id: ResourceId(Uuid::from_u128(id)) }
    }

    fn key_of(position: &Position) -> Vec<u8> {
        let key = IndexKey {
            tenant: TenantId::SYSTEM,
            resource_type: "User".into(),
            attribute: "userName".into(),
            value: position.value.clone(),
        };
        index(&key, position.id)
    }

    fn range(values: Values) -> IndexRange {
        let (tenant, resource_type) = (TenantId::SYSTEM, "User".into());
        IndexRange { tenant, resource_type, attribute: "userName".into(), values, descending: false }
    }

    /// Values whose bytes meet the escape, the terminator and the borders of a byte.
    const VALUES: &[&[u8]] = &[
        b"",
        b"\x00",
        b"\x00\x00",
        b"\x00\x01",
        b"\x00\xFF",
        b"\x01",
        b"a",
        b"a\x00",
        b"a\x00\x00b",
        b"a\x00\xFF",
        b"a\x01",
        b"aa",
        b"\xFF",
        b"\xFF\x00",
        b"\xFF\xFF",
    ];

    #[test]
    fn the_order_of_keys_is_the_order_of_value_and_id() {
        let mut positions: Vec<_> =
            VALUES.iter().flat_map(|value| [0, 1, u128::MAX].map(|id| position_of(value, id))).collect();
        positions.sort();
        let keys: Vec<_> = positions.iter().map(key_of).collect();
        assert!(keys.is_sorted());
        let prefix = index_range(&range(Values::All), None).1;
        let read: Vec<_> = keys.iter().filter_map(|key| position(key, prefix)).collect();
        assert_eq!(read, positions);
    }

    #[track_caller]
    fn check(values: &Values, belongs: impl Fn(&[u8]) -> bool) {
        let keys = index_range(&range(values.clone()), None).0;
        for value in VALUES {
            let key = key_of(&position_of(value, 7));
            assert_eq!(keys.start <= key && key < keys.end, belongs(value), "{value:?} in {values:?}");
        }
    }

    #[test]
    fn ranges_hold_what_they_name() {
        use Bound::{Excluded, Included, Unbounded};
        check(&Values::All, |_| true);
        for bound in VALUES {
            let value = || IndexValue(bound.to_vec());
            check(&Values::Equal(value()), |v| v == *bound);
            check(&Values::Prefix(value()), |v| v.starts_with(bound));
            check(&Values::Between(Included(value()), Unbounded), |v| v >= *bound);
            check(&Values::Between(Excluded(value()), Unbounded), |v| v > *bound);
            check(&Values::Between(Unbounded, Included(value())), |v| v <= *bound);
            check(&Values::Between(Unbounded, Excluded(value())), |v| v < *bound);
        }
    }

    #[test]
    fn keys_can_be_taken_apart() {
        let id = ResourceId(Uuid::from_u128(5));
        let key = ResourceKey { tenant: TenantId(Uuid::from_u128(9)), resource_type: "Group".into(), id };
        assert_eq!(parse_resource(&resource(&key)), Some(key.clone()));
        assert_eq!(parse_count(&count(key.tenant, &key.resource_type)), Some("Group".into()));
        let other = ResourceId(Uuid::from_u128(6));
        assert_eq!(parse_edge(&member(key.tenant, id, other)), Some((id, other)));
        assert_eq!(parse_event(&event(key.tenant, 77)), Some(77));
        assert_eq!(parse_sweep(&sweep(key.tenant, id)), Some((key.tenant, id)));
        assert_eq!(tenant_of(&format()), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bytes in [&b""[..], b"short", &[7; 17], &[7; 40]] {
            assert_eq!(parse_resource(bytes), None);
            assert_eq!(parse_index(bytes), None);
        }
    }
}
