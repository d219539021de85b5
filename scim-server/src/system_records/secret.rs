//! Secrets of a store, made once and kept in it, so that all processes on it share them.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::store::{
    Body, Commit, Expect, IndexEntry, IndexKey, IndexValue, ResourceId, ResourceKey, Store, StoreError, TenantId, Write,
};

/// The kind of record that the key of cursors is.
pub const KIND: &str = "Secret";
/// The kind of record that the key of access tokens is.
pub const OF_ACCESS_TOKENS: &str = "AccessTokenKey";
/// The kind of record that the keys of security event tokens are. It is in no export: whoever has it can make them.
pub const OF_SIGNATURES: &str = "SignatureKey";
/// The kind of record that the key of answers is, which are given again when a request is repeated.
pub const OF_ANSWERS: &str = "AnswerKey";
/// There is one of each kind.
const ID: ResourceId = ResourceId(Uuid::from_u128(1));

/// The key that seals cursors.
pub async fn cursors(store: &dyn Store) -> Result<[u8; 32], StoreError> {
    once(store, KIND, entries(ID)).await
}

/// The key that seals access tokens. It is in no export: whoever has it can make them.
pub async fn access_tokens(store: &dyn Store) -> Result<[u8; 32], StoreError> {
    once(store, OF_ACCESS_TOKENS, Vec::new()).await
}

/// The key that seals answers. It is in no export, as those are not.
pub async fn answers(store: &dyn Store) -> Result<[u8; 32], StoreError> {
    once(store, OF_ANSWERS, Vec::new()).await
}

/// The index entries of the record of the key of cursors: its name, unique.
pub fn entries(id: ResourceId) -> Vec<IndexEntry> {
    let key = IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: KIND.into(),
        attribute: "name".into(),
        value: IndexValue(b"cursors".to_vec()),
    };
    vec![IndexEntry { key, id, unique: true }]
}

/// The secret of that kind, made if it is not there. Two processes may start at once on one store: the one that
/// is first makes it, and the other is told that there is one.
async fn once(store: &dyn Store, kind: &str, entries: Vec<IndexEntry>) -> Result<[u8; 32], StoreError> {
    let key = ResourceKey { tenant: TenantId::SYSTEM, resource_type: kind.into(), id: ID };
    for _ in 0..2 {
        if let Some(record) = store.get(&key).await? {
            return read(&record.body.hidden);
        }
        let hidden = json!({"key": BASE64.encode(rand::random::<[u8; 32]>())}).to_string();
        let body = Body { display: Bytes::new(), visible: Bytes::from_static(b"{}"), hidden: hidden.into() };
        let mut commit = Commit::bookkeeping(kind.into(), ID);
        commit.expect.push(Expect::Fewer(TenantId::SYSTEM, kind.into(), 1));
        commit.writes.extend(entries.iter().cloned().map(Write::Index));
        commit.writes.push(Write::Put(key.clone(), body));
        match store.commit(commit).await {
            Ok(_) | Err(StoreError::Full { .. } | StoreError::Taken(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Corrupt(format!("the {kind} of the store was written and is not there")))
}

fn read(hidden: &[u8]) -> Result<[u8; 32], StoreError> {
    let document: Value = serde_json::from_slice(hidden).unwrap_or_default();
    let bytes = document["key"].as_str().and_then(|text| BASE64.decode(text).ok());
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| StoreError::Corrupt("a key of the store cannot be read".into()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{clock::SystemClock, store::sled::SledStore};

    #[tokio::test]
    async fn whoever_comes_second_at_the_same_moment_has_the_key_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::new(SystemClock)).unwrap());
        let (one, other, third) = tokio::join!(access_tokens(&*store), access_tokens(&*store), access_tokens(&*store));
        assert_eq!(one.as_ref().unwrap(), other.as_ref().unwrap());
        assert_eq!(one.unwrap(), third.unwrap());
        let (one, other) = tokio::join!(cursors(&*store), cursors(&*store));
        assert_eq!(one.as_ref().unwrap(), other.as_ref().unwrap());
        assert_eq!(one.unwrap(), cursors(&*store).await.unwrap());
    }
}
