//! The system's own records, as they are stored: one JSON object each, found by kind and id.

use std::fmt;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::store::{Body, Record, ResourceId, ResourceKey, StoreError, TenantId, TypeName};

/// Where the record of that kind with that id is stored.
pub fn key(kind: &str, id: ResourceId) -> ResourceKey {
    ResourceKey { tenant: TenantId::SYSTEM, resource_type: TypeName::from(kind), id }
}

/// A record as it is stored; `display` is what others call it, if they do.
pub fn body(display: impl Into<Bytes>, value: &impl Serialize) -> Result<Body, StoreError> {
    Ok(Body { display: display.into(), visible: json(value)?, hidden: Bytes::new() })
}

/// What a stored record says; `what` is what it is of, for the error.
pub fn read<T: DeserializeOwned>(record: &Record, what: impl fmt::Display) -> Result<T, StoreError> {
    serde_json::from_slice(&record.body.visible).map_err(|error| StoreError::Corrupt(format!("{what}: {error}")))
}

/// The JSON of a value.
pub fn json(value: &impl Serialize) -> Result<Bytes, StoreError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| StoreError::Corrupt(error.to_string()))
}
