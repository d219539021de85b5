//! Secrets of a store, made once and kept in it, so that all processes on it share them.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::store::{
    Body, Commit, IndexEntry, IndexKey, IndexValue, ResourceId, ResourceKey, Store, StoreError, TenantId, Write,
};

/// The kind of record that secrets are.
pub const KIND: &str = "Secret";
/// Which of them seals cursors.
const CURSORS: ResourceId = ResourceId(Uuid::from_u128(1));

/// The key that seals cursors.
pub async fn cursors(store: &dyn Store) -> Result<[u8; 32], StoreError> {
    let key = ResourceKey { tenant: TenantId::SYSTEM, resource_type: KIND.into(), id: CURSORS };
    // Two processes may start at once on one store: the unique entry decides whose secret counts.
    for _ in 0..2 {
        if let Some(record) = store.get(&key).await? {
            return read(&record.body.hidden);
        }
        match store.commit(making(key.clone(), rand::random())).await {
            Ok(_) | Err(StoreError::Taken(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Corrupt("the key of cursors was written and is not there".into()))
}

/// The index entries of a secret's record: its name, unique.
pub fn entries(id: ResourceId) -> Vec<IndexEntry> {
    let key = IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: KIND.into(),
        attribute: "name".into(),
        value: IndexValue(b"cursors".to_vec()),
    };
    vec![IndexEntry { key, id, unique: true }]
}

fn making(key: ResourceKey, secret: [u8; 32]) -> Commit {
    let hidden = json!({"key": BASE64.encode(secret)}).to_string();
    let body = Body { display: Bytes::new(), visible: Bytes::from_static(b"{}"), hidden: hidden.into() };
    let mut commit = Commit::bookkeeping(KIND.into(), CURSORS);
    commit.writes.extend(entries(CURSORS).into_iter().map(Write::Index));
    commit.writes.push(Write::Put(key, body));
    commit
}

fn read(hidden: &[u8]) -> Result<[u8; 32], StoreError> {
    let document: Value = serde_json::from_slice(hidden).unwrap_or_default();
    let bytes = document["key"].as_str().and_then(|text| BASE64.decode(text).ok());
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| StoreError::Corrupt("the key of cursors cannot be read".into()))
}
