//! Assertions that were used: each is good once, at all processes on the store together.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::client::trust_digest;
use crate::{
    own, passing,
    store::{
        Commit, IndexEntry, IndexKey, IndexValue, Record, ResourceId, Store, StoreError, TenantId, TypeName, Write,
    },
    token::secret::Digest,
};

/// The kind of record.
pub const KIND: &str = "Assertion";

/// What is stored: that an issuer's `jti` was used in a tenant.
#[derive(Debug, Serialize, Deserialize)]
struct Spent {
    #[serde(with = "hex::serde")]
    digest: Digest,
}

/// Spends an assertion; whether it was not spent before. It is remembered until that instant, in milliseconds
/// since the epoch. When this returns, it is durable.
pub async fn spend(
    store: &dyn Store,
    tenant: TenantId,
    issuer: &str,
    jti: &str,
    until: i64,
) -> Result<bool, StoreError> {
    let id = passing::id(until, rand::random());
    let spent = Spent { digest: trust_digest(tenant, issuer, jti, "") };
    let mut commit = Commit::bookkeeping(KIND.into(), id);
    commit.writes.push(Write::Put(passing::key(KIND, id), own::body("", &spent)?));
    commit.writes.push(Write::Index(spent.entry(id)));
    match store.commit(commit).await {
        Ok(_) => Ok(true),
        Err(StoreError::Taken(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The index entries of such a record: what was spent, unique.
pub fn entries(id: ResourceId, record: &Record) -> Result<Vec<IndexEntry>, StoreError> {
    let spent: Spent = own::read(record, format_args!("the spent assertion {id}"))?;
    Ok(vec![spent.entry(id)])
}

impl Spent {
    fn entry(&self, id: ResourceId) -> IndexEntry {
        let key = IndexKey {
            tenant: TenantId::SYSTEM,
            resource_type: TypeName::from(KIND),
            attribute: Arc::from("jti"),
            value: IndexValue(self.digest.to_vec()),
        };
        IndexEntry { key, id, unique: true }
    }
}
