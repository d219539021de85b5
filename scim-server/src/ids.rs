//! The names of tenants, resource types and resources, which all modules share.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A tenant's identifier: the first segment of its base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct TenantId(#[cfg_attr(test, schemars(with = "String"))] pub Uuid);

impl TenantId {
    /// The reserved tenant whose resources are the tenants and tokens themselves. No caller can be
    /// authenticated for it.
    pub const SYSTEM: Self = Self(Uuid::nil());
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A resource's identifier: a UUIDv7, unique in the whole store and never used twice, so that the
/// order of ids is the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ResourceId(#[cfg_attr(test, schemars(with = "String"))] pub Uuid);

impl ResourceId {
    /// From what a client wrote: only the canonical form (lower case, hyphens) names a resource.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        let mut buffer = Uuid::encode_buffer();
        (id.hyphenated().encode_lower(&mut buffer) == text).then_some(Self(id))
    }

    /// One that follows from these bytes: a UUIDv8 of their SHA-256.
    pub fn derived(parts: &[&[u8]]) -> Self {
        let digest = Sha256::digest(parts.concat());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a resource type (`User`), or of a kind of the system's own records (`Token`).
/// Never empty, no NUL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TypeName(pub Arc<str>);

impl TypeName {
    /// Whether the server keeps records of this type beside resources, under their ids: no resource type of a tenant is
    /// called so. They have no members.
    pub fn is_aside(&self) -> bool {
        self.0.starts_with('~')
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TypeName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceKey {
    pub tenant: TenantId,
    pub resource_type: TypeName,
    pub id: ResourceId,
}
