//! Requests that are repeated and done once (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! A client gives a request a key. Before the request is done, the store keeps that it is begun; when it is done, the
//! answer. Both are durable before anybody is answered. So a repetition gets the same answer within [`KEPT`], also from
//! another process, and after the one that has begun was killed. An answer may hold a secret: it is sealed under a key
//! of the store.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    passing,
    store::{
        Body, Commit, Expect, IndexEntry, IndexKey, IndexValue, Record, ResourceId, ResourceKey, Store, StoreError,
        TenantId, TypeName, Write,
    },
    token::secret::Digest,
};

/// The kind of record.
pub const KIND: &str = "RepeatableRequest";

/// How long an answer is given again, in milliseconds: a day.
pub const KEPT: i64 = 24 * 60 * 60 * 1000;

/// The longest key, in characters.
pub const LONGEST_KEY: usize = 255;

const NONCE: usize = 24;

/// A request with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Whose key it is, and which.
    key: Digest,
    /// What is asked.
    request: Digest,
}

/// An answer: a status of HTTP, and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What is known of a request when it comes.
#[derive(Debug)]
pub enum Begun {
    /// It is new: do it, and then [`finish`](Calls::finish) or [`give_up`](Calls::give_up).
    New(Claim),
    /// It was done, with that answer.
    Done(Reply),
    /// It was begun then, and has no answer: it is being done, or its process has ended meanwhile.
    Running(Timestamp),
    /// Another request had that key.
    Other,
}

/// That a request is being done.
#[derive(Debug)]
pub struct Claim {
    id: ResourceId,
    kept: Kept,
}

/// What is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    #[serde(with = "hex::serde")]
    key: Digest,
    #[serde(with = "hex::serde")]
    request: Digest,
    /// In milliseconds since the epoch.
    begun: i64,
    /// The answer, sealed; absent until it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

impl Call {
    /// The request of somebody (`actor`) with a key, made of all that a repetition must say again.
    pub fn new<'a>(actor: &str, key: &str, request: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { key: digest([actor.as_bytes(), key.as_bytes()]), request: digest(request) }
    }
}

/// The requests with keys of a store.
pub struct Calls {
    store: Arc<dyn Store>,
    cipher: XChaCha20Poly1305,
}

impl Calls {
    /// Those of that store, whose answers are sealed with `secret`.
    pub fn new(store: Arc<dyn Store>, secret: &[u8; 32]) -> Self {
        Self { store, cipher: XChaCha20Poly1305::new(secret.into()) }
    }

    /// Says what is known of a request. If it is new, it is from now on begun.
    pub async fn begin(&self, call: Call, now: Timestamp) -> Result<Begun, StoreError> {
        loop {
            if let Some(known) = self.known(call, now).await? {
                return Ok(known);
            }
            let id = passing::id(now.as_millis().saturating_add(KEPT), rand::random());
            let kept = Kept { key: call.key, request: call.request, begun: now.as_millis(), answer: None };
            let mut commit = Commit::bookkeeping(KIND.into(), id);
            commit.writes.push(Write::Put(key(id), kept.body()?));
            commit.writes.push(Write::Index(kept.entry(id)));
            match self.store.commit(commit).await {
                Ok(_) => return Ok(Begun::New(Claim { id, kept })),
                // Another process was first: now it is known.
                Err(StoreError::Taken(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Keeps the answer of a request that was begun. When this returns, it is durable.
    pub async fn finish(&self, claim: &Claim, reply: &Reply) -> Result<(), StoreError> {
        let kept = Kept { answer: Some(self.seal(&claim.kept.key, reply)?), ..claim.kept.clone() };
        let mut commit = Commit::bookkeeping(KIND.into(), claim.id);
        commit.expect.push(Expect::Present(key(claim.id)));
        commit.writes.push(Write::Put(key(claim.id), kept.body()?));
        self.store.commit(commit).await.map(drop)
    }

    /// Forgets that a request was begun: nothing was done, and it may be tried again with its key.
    pub async fn give_up(&self, claim: &Claim) -> Result<(), StoreError> {
        self.remove(claim.id, &claim.kept).await
    }

    /// What is known of a request; `None` if nothing is.
    async fn known(&self, call: Call, now: Timestamp) -> Result<Option<Begun>, StoreError> {
        let Some(id) = self.store.lookup(&index_key(&call.key)).await? else { return Ok(None) };
        let Some(record) = self.store.get(&key(id)).await? else { return Ok(None) };
        let kept = Kept::read(id, &record)?;
        if kept.begun.saturating_add(KEPT) <= now.as_millis() {
            self.remove(id, &kept).await?;
            return Ok(None);
        }
        if kept.request != call.request {
            return Ok(Some(Begun::Other));
        }
        Ok(Some(match &kept.answer {
            None => Begun::Running(Timestamp::from_millis(kept.begun)),
            Some(answer) => {
                let damaged = || StoreError::Corrupt(format!("the answer of the repeated request {id}"));
                Begun::Done(self.open(&kept.key, answer).ok_or_else(damaged)?)
            }
        }))
    }

    async fn remove(&self, id: ResourceId, kept: &Kept) -> Result<(), StoreError> {
        let commit = Commit::removal(key(id), vec![kept.entry(id)]);
        match self.store.commit(commit).await {
            Ok(_) | Err(StoreError::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn seal(&self, key: &Digest, reply: &Reply) -> Result<String, StoreError> {
        let plain = [&reply.status.to_be_bytes(), reply.body.as_slice()].concat();
        let nonce: [u8; NONCE] = rand::random();
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: key });
        let sealed = sealed.map_err(|_| StoreError::Corrupt("an answer could not be sealed".to_owned()))?;
        Ok(BASE64.encode([nonce.as_slice(), &sealed].concat()))
    }

    fn open(&self, key: &Digest, answer: &str) -> Option<Reply> {
        let bytes = BASE64.decode(answer).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: key }).ok()?;
        let (status, body) = plain.split_first_chunk::<2>()?;
        Some(Reply { status: u16::from_be_bytes(*status), body: body.to_vec() })
    }
}

impl Kept {
    fn read(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        serde_json::from_slice(&record.body.visible)
            .map_err(|error| StoreError::Corrupt(format!("the repeated request {id}: {error}")))
    }

    fn body(&self) -> Result<Body, StoreError> {
        let visible = serde_json::to_vec(self).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(Body { visible: visible.into(), ..Body::default() })
    }

    fn entry(&self, id: ResourceId) -> IndexEntry {
        IndexEntry { key: index_key(&self.key), id, unique: true }
    }
}

/// The index entries of such a record: whose key it is, unique.
pub fn entries(id: ResourceId, record: &Record) -> Result<Vec<IndexEntry>, StoreError> {
    Ok(vec![Kept::read(id, record)?.entry(id)])
}

fn key(id: ResourceId) -> ResourceKey {
    passing::key(KIND, id)
}

fn index_key(key: &Digest) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from("key"),
        value: IndexValue(key.to_vec()),
    }
}

/// The digest of several parts: no two lists of parts have one by chance.
fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::SystemClock, store::sled::SledStore};

    fn calls(directory: &tempfile::TempDir) -> Calls {
        Calls::new(Arc::new(SledStore::open(directory.path(), Arc::new(SystemClock)).unwrap()), &[7; 32])
    }

    fn call(actor: &str, key: &str, body: &[u8]) -> Call {
        Call::new(actor, key, [b"POST".as_slice(), body])
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    #[tokio::test]
    async fn a_request_is_done_once() {
        let directory = tempfile::tempdir().unwrap();
        let calls = calls(&directory);
        let one = call("admin", "a", b"x");
        let Begun::New(claim) = calls.begin(one, at(0)).await.unwrap() else { panic!("it is new") };
        assert!(matches!(calls.begin(one, at(5)).await.unwrap(), Begun::Running(since) if since == at(0)));
        let reply = Reply { status: 201, body: b"{\"token\":\"secret\"}".to_vec() };
        calls.finish(&claim, &reply).await.unwrap();
        assert!(matches!(calls.begin(one, at(9)).await.unwrap(), Begun::Done(same) if same == reply));
        assert!(matches!(calls.begin(call("admin", "a", b"y"), at(9)).await.unwrap(), Begun::Other));
        // The keys of others are others.
        assert!(matches!(calls.begin(call("admin:b", "a", b"y"), at(9)).await.unwrap(), Begun::New(_)));
        let stored = calls.store.get(&key(claim.id)).await.unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&stored.body.visible).contains("secret"));
        // A day later it is a new one.
        assert!(matches!(calls.begin(one, at(KEPT - 1)).await.unwrap(), Begun::Done(_)));
        assert!(matches!(calls.begin(one, at(KEPT)).await.unwrap(), Begun::New(_)));
    }

    #[tokio::test]
    async fn one_of_two_at_the_same_moment_begins() {
        let directory = tempfile::tempdir().unwrap();
        let calls = calls(&directory);
        let one = call("admin", "a", b"x");
        let (first, second) = tokio::join!(calls.begin(one, at(0)), calls.begin(one, at(0)));
        let begun = [first.unwrap(), second.unwrap()];
        assert_eq!(begun.iter().filter(|begun| matches!(begun, Begun::New(_))).count(), 1, "{begun:?}");
        assert_eq!(begun.iter().filter(|begun| matches!(begun, Begun::Running(_))).count(), 1, "{begun:?}");
        for begun in begun {
            if let Begun::New(claim) = begun {
                calls.give_up(&claim).await.unwrap();
            }
        }
        assert!(matches!(calls.begin(one, at(1)).await.unwrap(), Begun::New(_)));
    }
}
