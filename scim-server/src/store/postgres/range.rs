//! Ranges of an index as bounds that a statement compares with.
//!
//! Every range, with or without a position to go on from, is one run of places `(value, id)`: from
//! the first, up to but without the second. So there is one statement for each direction.

use std::ops::Bound;

use uuid::Uuid;

use crate::store::{IndexRange, IndexValue, Position, ResourceId, Values};

/// Longer than any value that an index of PostgreSQL can hold (a third of a page), and so behind all
/// of them.
const BEHIND_ALL: usize = 2800;

/// A run of places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// The first place that belongs.
    pub first: (Vec<u8>, Uuid),
    /// The first that does not.
    pub end: (Vec<u8>, Uuid),
}

impl Places {
    /// The places of a range, behind a position in its direction.
    pub fn of(range: &IndexRange, after: Option<&Position>) -> Self {
        let mut places = Self {
            first: (low(&range.values), Uuid::nil()),
            end: (high(&range.values).unwrap_or_else(|| vec![u8::MAX; BEHIND_ALL]), Uuid::nil()),
        };
        if let Some(Position { value, id }) = after {
            if range.descending {
                places.end = places.end.min((value.0.clone(), id.0));
            } else {
                let next = behind(&Position { value: value.clone(), id: *id });
                places.first = places.first.max(next);
            }
        }
        places
    }
}

/// The place behind a position.
pub(super) fn behind(Position { value, id }: &Position) -> (Vec<u8>, Uuid) {
    match next(*id) {
        Some(id) => (value.0.clone(), id),
        None => (longer(value), Uuid::nil()),
    }
}

/// The smallest value that belongs.
fn low(values: &Values) -> Vec<u8> {
    match values {
        Values::All | Values::Between(Bound::Unbounded, _) => Vec::new(),
        Values::Equal(value) | Values::Prefix(value) | Values::Between(Bound::Included(value), _) => value.0.clone(),
        Values::Between(Bound::Excluded(value), _) => longer(value),
    }
}

/// The smallest value behind those that belong; `None` when there is none behind them.
fn high(values: &Values) -> Option<Vec<u8>> {
    match values {
        Values::All | Values::Between(_, Bound::Unbounded) => None,
        Values::Equal(value) | Values::Between(_, Bound::Included(value)) => Some(longer(value)),
        Values::Between(_, Bound::Excluded(value)) => Some(value.0.clone()),
        Values::Prefix(prefix) => behind_all(&prefix.0),
    }
}

/// The next value in the order of bytes.
fn longer(value: &IndexValue) -> Vec<u8> {
    let mut longer = value.0.clone();
    longer.push(0);
    longer
}

/// The first value behind all those that begin so.
fn behind_all(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// The id behind this one.
pub(super) fn next(id: ResourceId) -> Option<Uuid> {
    id.0.as_u128().checked_add(1).map(Uuid::from_u128)
}

/// A run of instants, which the store keeps as numbers: both ends belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instants {
    pub first: (i64, Uuid),
    pub last: (i64, Uuid),
}

impl Instants {
    /// The places of a range over `meta.lastModified`; `None` when nothing can belong.
    pub fn of(range: &IndexRange, after: Option<&Position>) -> Option<Self> {
        let Places { first, end } = Places::of(range, after);
        let first = Self::at_least(first)?;
        let last = Self::before(end)?;
        (first <= last).then_some(Self { first, last })
    }

    /// The first instant at or behind a place.
    pub fn at_least((value, id): (Vec<u8>, Uuid)) -> Option<(i64, Uuid)> {
        match <[u8; 8]>::try_from(value.as_slice()) {
            Ok(exact) => Some((instant(exact), id)),
            // What is shorter comes before everything that it begins, what is longer behind it.
            Err(_) if value.len() < 8 => Some((instant(padded(&value)), Uuid::nil())),
            Err(_) => Some((instant(padded(&value)).checked_add(1)?, Uuid::nil())),
        }
    }

    /// The last instant before a place.
    pub fn before((value, id): (Vec<u8>, Uuid)) -> Option<(i64, Uuid)> {
        let at = instant(padded(&value));
        let exact = value.len() == 8;
        if value.len() > 8 {
            Some((at, Uuid::max()))
        } else if exact && !id.is_nil() {
            Some((at, Uuid::from_u128(id.as_u128() - 1)))
        } else {
            Some((at.checked_sub(1)?, Uuid::max()))
        }
    }
}

/// The first eight bytes, or as many as there are and zeros.
fn padded(value: &[u8]) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (byte, given) in bytes.iter_mut().zip(value) {
        *byte = *given;
    }
    bytes
}

/// What [`IndexValue::instant`] has made these bytes of.
fn instant(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()
}

#[cfg(test)]
mod tests {
    use scim_protocol::Timestamp;

    use super::*;
    use crate::store::TenantId;

    fn range(values: Values, descending: bool) -> IndexRange {
        let (tenant, resource_type) = (TenantId::SYSTEM, "User".into());
        IndexRange { tenant, resource_type, attribute: "a".into(), values, descending }
    }

    /// Whether an instant's place lies in the run of places exactly when it lies in that of instants.
    #[track_caller]
    fn check(values: &Values, after: Option<&Position>) {
        for descending in [false, true] {
            let range = range(values.clone(), descending);
            let places = Places::of(&range, after);
            let instants = Instants::of(&range, after);
            for at in [i64::MIN, -1, 0, 1, 255, 256, 257, i64::MAX] {
                for id in [Uuid::nil(), Uuid::from_u128(7), Uuid::max()] {
                    let place = (IndexValue::instant(Timestamp::from_millis(at)).0, id);
                    let among_places = places.first <= place && place < places.end;
                    let among_instants = instants.as_ref().is_some_and(|i| i.first <= (at, id) && (at, id) <= i.last);
                    assert_eq!(among_instants, among_places, "{at} {id} in {values:?} after {after:?} {descending}");
                }
            }
        }
    }

    #[test]
    fn instants_are_found_like_values() {
        use Bound::{Excluded, Included, Unbounded};
        let value = |at| IndexValue::instant(Timestamp::from_millis(at));
        let mut bounds: Vec<_> = [i64::MIN, 0, 1, 256, i64::MAX].map(value).into();
        bounds.extend(
            [&b""[..], b"\x80", b"\x80\0\0\0\0\0\0", b"\x80\0\0\0\0\0\0\0\0", b"\xFF"].map(|b| IndexValue(b.into())),
        );
        check(&Values::All, None);
        for bound in &bounds {
            for values in [
                Values::Equal(bound.clone()),
                Values::Prefix(bound.clone()),
                Values::Between(Included(bound.clone()), Unbounded),
                Values::Between(Excluded(bound.clone()), Unbounded),
                Values::Between(Unbounded, Included(bound.clone())),
                Values::Between(Unbounded, Excluded(bound.clone())),
            ] {
                check(&values, None);
                for id in [Uuid::nil(), Uuid::from_u128(7), Uuid::max()] {
                    check(&values, Some(&Position { value: value(256), id: ResourceId(id) }));
                }
            }
        }
    }
}
