//! Indexes: which resources have which value.

use std::sync::Arc;

use scim_protocol::Timestamp;

use super::{ResourceId, TenantId, TypeName};

/// A value as an index holds it: order-preserving bytes, made by [`crate::index`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexValue(pub Vec<u8>);

/// One value of one indexed attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexKey {
    pub tenant: TenantId,
    pub resource_type: TypeName,
    /// The attribute's canonical path: `userName`, `emails.value`.
    pub attribute: Arc<str>,
    pub value: IndexValue,
}

/// That a resource has a value. For a `unique` entry the store refuses a second resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexEntry {
    /// The value.
    pub key: IndexKey,
    /// Who has it.
    pub id: ResourceId,
    /// Whether only one may.
    pub unique: bool,
}

/// A run of index values: unique entries and others alike are found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRange {
    pub tenant: TenantId,
    pub resource_type: TypeName,
    /// The attribute; `meta.lastModified` is kept by the store itself, its values being
    /// [`IndexValue::instant`].
    pub attribute: Arc<str>,
    pub values: Values,
    /// From the largest value down.
    pub descending: bool,
}

/// Which values of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    All,
    Equal(IndexValue),
    /// Those whose bytes begin so.
    Prefix(IndexValue),
    /// From the first (included or not) to the second (included or not).
    Between(std::ops::Bound<IndexValue>, std::ops::Bound<IndexValue>),
}

/// The attribute under which the store keeps each resource's `meta.lastModified`.
pub const LAST_MODIFIED: &str = "meta.lastModified";

impl IndexValue {
    /// How an instant is ordered in an index: eight bytes, big-endian, sign bit flipped.
    pub fn instant(at: Timestamp) -> Self {
        let ordered = at.as_millis().cast_unsigned() ^ (1 << 63);
        Self(ordered.to_be_bytes().to_vec())
    }
}

/// A place in an index: value, then id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub value: IndexValue,
    pub id: ResourceId,
}
