//! The records that the system keeps of its own: tenants, tokens, consumers and secrets, in a tenant of their own.

pub mod secret;

use crate::{
    consumer::{self, Consumer},
    store::{IndexEntry, Record, ResourceKey, StoreError},
    tenant::{self, TenantRecord},
    token::{self, Token},
};

/// The index entries of one of these records. None for a record of another kind.
pub fn entries(key: &ResourceKey, record: &Record) -> Result<Vec<IndexEntry>, StoreError> {
    match key.resource_type.as_str() {
        tenant::record::KIND => Ok(TenantRecord::from_record(key.id, record)?.entries()),
        token::record::KIND => Ok(Token::from_record(key.id, record)?.entries()),
        consumer::KIND => Ok(Consumer::from_record(key.id, record)?.entries()),
        secret::KIND => Ok(secret::entries(key.id)),
        _ => Ok(Vec::new()),
    }
}
