//! Issuing, rotating and revoking tokens.

use std::{sync::Arc, time::Duration};

use scim_protocol::Timestamp;

use super::{
    Scopes, Secret,
    record::{self, KIND, SLOTS, Token},
    reminder,
};
use crate::{
    clock::Clock,
    event::{Action, Event},
    store::{Commit, Expect, Record, ResourceId, Start, Store, StoreError, TenantId, TypeName, Write},
};

/// How long a token lives unless its issuer says otherwise: a year.
pub const LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A token that was just issued: the only moment at which its text is known.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Its record.
    pub token: Token,
    /// Its text.
    pub secret: Secret,
}

/// Why a token was not issued, rotated or revoked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Two tokens live already.
    #[error("the tenant has two live tokens, which is the most; delete one with `token delete`, then try again")]
    Full,
    /// There is no token to rotate.
    #[error("the tenant has no live token to rotate; issue one with `token create`")]
    NothingToRotate,
    /// Another administrator did something at the same moment.
    #[error("the tenant's tokens were changed by somebody else at the same moment; look at `token list` and try again")]
    Raced,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such token in this tenant.
    #[error("the tenant has no token {0}; `token list` shows those that it has")]
    Unknown(ResourceId),
}

/// The tokens of all tenants, as an administrator handles them.
#[derive(Clone)]
pub struct Ledger {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: fn() -> [u8; 32],
}

impl Ledger {
    /// Tokens in that store, made of random bytes of the system's generator.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, random: rand::random }
    }

    /// A tenant's tokens, oldest first, expired ones included.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<Token>, StoreError> {
        let mut tokens = Vec::new();
        for slot in 0..SLOTS {
            if let Some(id) = self.store.lookup(&record::slot_key(tenant, slot)).await?
                && let Some(stored) = self.store.get(&record::key(id)).await?
            {
                tokens.push(Token::from_record(id, &stored)?);
            }
        }
        tokens.sort_by_key(|token| token.id);
        Ok(tokens)
    }

    /// Every token of every tenant.
    pub async fn all(&self) -> Result<Vec<Token>, StoreError> {
        const PAGE: usize = 1000;
        let kind = TypeName::from(KIND);
        let mut tokens = Vec::new();
        let mut from = Start::Offset(0);
        loop {
            let page = self.store.resources(TenantId::SYSTEM, &kind, from, PAGE).await?;
            let Some((last, _)) = page.last() else {
                return Ok(tokens);
            };
            from = Start::After(*last);
            for (id, stored) in &page {
                tokens.push(Token::from_record(*id, stored)?);
            }
        }
    }

    /// The tokens of a tenant that let their bearer in now, oldest first.
    pub async fn live(&self, tenant: TenantId) -> Result<Vec<Token>, StoreError> {
        let now = self.clock.now();
        let mut tokens = self.list(tenant).await?;
        tokens.retain(|token| token.is_live(now));
        Ok(tokens)
    }

    /// Issues a token. An expired one makes room; two live ones do not ([`LedgerError::Full`]).
    pub async fn issue(&self, tenant: TenantId, scopes: Scopes, lifetime: Duration) -> Result<Issued, LedgerError> {
        let (issued, commit) = self.prepare(tenant, scopes, lifetime).await?;
        self.commit(commit).await?;
        Ok(issued)
    }

    /// Issues a second token with the scopes of the first, which lives on until it is deleted or,
    /// with an `overlap`, until that much time has passed. Both happen together or not at all.
    pub async fn rotate(
        &self,
        tenant: TenantId,
        lifetime: Duration,
        overlap: Option<Duration>,
    ) -> Result<(Token, Issued), LedgerError> {
        let mut live = self.live(tenant).await?;
        let (Some(mut old), true) = (live.pop(), live.is_empty()) else {
            return Err(if live.is_empty() { LedgerError::NothingToRotate } else { LedgerError::Full });
        };
        let (issued, mut commit) = self.prepare(tenant, old.scopes, lifetime).await?;
        if let Some(overlap) = overlap {
            let version = self.version(&old).await?;
            let end = after(self.clock.now(), overlap);
            if end < old.expires {
                old.expires = end;
                commit.expect.push(Expect::Version(old.key(), version));
                commit.writes.push(Write::Put(old.key(), old.body()?));
            }
        }
        self.commit(commit).await?;
        Ok((old, issued))
    }

    /// Revokes a token: it lets nobody in from the moment at which this returns and
    /// [`crate::access::Access::reload`] has run.
    pub async fn revoke(&self, tenant: TenantId, id: ResourceId) -> Result<Token, LedgerError> {
        let stored = self.store.get(&record::key(id)).await?.ok_or(LedgerError::Unknown(id))?;
        let token = Token::from_record(id, &stored)?;
        if token.tenant != tenant {
            return Err(LedgerError::Unknown(id));
        }
        let mut commit = Commit::new(token.key(), event(Action::Administer, id, &["deleted"]));
        commit.expect.push(Expect::Present(token.key()));
        commit.writes = removal(&token);
        match self.store.commit(commit).await {
            Ok(_) => Ok(token),
            Err(StoreError::Missing(_)) => Err(LedgerError::Unknown(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes down when tokens were last used: `(token, milliseconds since the epoch)`. Tokens that
    /// are gone, and uses that are already known, are passed over.
    pub async fn note_uses(&self, uses: &[(ResourceId, i64)]) -> Result<(), StoreError> {
        for &(id, at) in uses {
            self.change(id, None, |token| {
                let newer = token.last_used.is_none_or(|known| known < at);
                token.last_used = token.last_used.max(Some(at));
                newer
            })
            .await?;
        }
        Ok(())
    }

    /// Records a reminder of each token for which one is due, and returns those tokens.
    pub async fn remind(&self, now: Timestamp) -> Result<Vec<Token>, StoreError> {
        let mut reminded = Vec::new();
        for token in self.all().await? {
            let event = event(Action::Remind, token.id, &["expires"]);
            let changed = self
                .change(token.id, Some(event), |token| {
                    let due = reminder::is_due(token, now);
                    token.reminded = if due { Some(now.as_millis()) } else { token.reminded };
                    due
                })
                .await?;
            reminded.extend(changed);
        }
        Ok(reminded)
    }

    /// The writes that remove every token of a tenant, for the commit that deletes the tenant.
    pub async fn removal(&self, tenant: TenantId) -> Result<Vec<Write>, StoreError> {
        Ok(self.list(tenant).await?.iter().flat_map(removal).collect())
    }

    /// A token that is ready to be issued, and the commit that issues it.
    pub(crate) async fn prepare(
        &self,
        tenant: TenantId,
        scopes: Scopes,
        lifetime: Duration,
    ) -> Result<(Issued, Commit), LedgerError> {
        let now = self.clock.now();
        let known = self.list(tenant).await?;
        let (live, ended): (Vec<_>, Vec<_>) = known.into_iter().partition(|token| token.is_live(now));
        let slot = (0..SLOTS).find(|slot| live.iter().all(|token| token.slot != *slot)).ok_or(LedgerError::Full)?;

        let secret = Secret::new((self.random)());
        let id = record::new_id(now, (self.random)());
        let expires = after(now, lifetime);
        let digest = secret.digest();
        let token = Token { id, tenant, digest, slot, scopes, expires, last_used: None, reminded: None, created: now };

        let mut commit = Commit::new(token.key(), event(Action::Administer, id, &["created"]));
        commit.writes = ended.iter().filter(|token| token.slot == slot).flat_map(removal).collect();
        commit.writes.push(Write::Put(token.key(), token.body()?));
        commit.writes.extend(token.entries().into_iter().map(Write::Index));
        Ok((Issued { token, secret }, commit))
    }

    async fn commit(&self, commit: Commit) -> Result<(), LedgerError> {
        match self.store.commit(commit).await {
            Ok(_) => Ok(()),
            Err(StoreError::Taken(_) | StoreError::Conflict(_) | StoreError::Missing(_)) => Err(LedgerError::Raced),
            Err(error) => Err(error.into()),
        }
    }

    async fn version(&self, token: &Token) -> Result<u64, LedgerError> {
        Ok(self.store.get(&token.key()).await?.ok_or(LedgerError::Raced)?.header.version)
    }

    /// Reads a token, lets `edit` change it, and writes it when `edit` says that it did; again when
    /// somebody else changed it meanwhile.
    async fn change(
        &self,
        id: ResourceId,
        event: Option<Event>,
        edit: impl Fn(&mut Token) -> bool,
    ) -> Result<Option<Token>, StoreError> {
        loop {
            let Some(Record { header, body }) = self.store.get(&record::key(id)).await? else {
                return Ok(None);
            };
            let mut token = Token::from_record(id, &Record { header, body })?;
            if !edit(&mut token) {
                return Ok(None);
            }
            let mut commit = Commit::bookkeeping(TypeName::from(KIND), id);
            commit.event.clone_from(&event);
            commit.expect.push(Expect::Version(token.key(), header.version));
            commit.writes.push(Write::Put(token.key(), token.body()?));
            match self.store.commit(commit).await {
                Ok(_) => return Ok(Some(token)),
                Err(StoreError::Conflict(_)) => {}
                Err(StoreError::Missing(_)) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The writes that remove a token's record and its index entries.
fn removal(token: &Token) -> Vec<Write> {
    let unindex = token.entries().into_iter().map(Write::Unindex);
    unindex.chain([Write::Delete(token.key())]).collect()
}

fn after(now: Timestamp, time: Duration) -> i64 {
    now.as_millis().saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

fn event(action: Action, token: ResourceId, attributes: &[&str]) -> Event {
    Event::administration(action, KIND, token, attributes)
}
