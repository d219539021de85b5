//! Issuing, rotating and deleting the tokens of administrators, and knowing them when they are shown.

use std::{sync::Arc, time::Duration};

use scim_protocol::Timestamp;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::{
    Administrator, Role,
    record::{self, AdminToken, KIND, PLACES},
};
use crate::{
    clock::Clock,
    command_line::line,
    event::{Action, Deed, Event},
    store::{Commit, Expect, ResourceId, Start, Store, StoreError, TenantId, TypeName, Write, again},
    token::{Secret, Step, record::new_id, reminder, secret, succession},
};

/// The most tokens that there may be, expired ones among them.
pub const MOST: usize = 1000;

/// How often it is stored that a token was used, in milliseconds.
const USE: i64 = 60 * 1000;

/// A token that was just issued: the only moment at which its text is known.
#[derive(Debug, Clone)]
pub struct Issued {
    pub token: AdminToken,
    /// Its text.
    pub secret: Secret,
}

/// Why a token was not issued, rotated or deleted.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// As many tokens are there as may.
    #[error(
        "there are {MOST} tokens of administrators, which is the most; delete one with `admin-token delete TOKEN`, then try again"
    )]
    Full,
    /// The name cannot be that.
    #[error("{0}")]
    Name(String),
    /// A live token has the name.
    #[error(
        "there is an administrator's token {0:?} already; choose another name, or issue its successor with `admin-token rotate {0}`"
    )]
    NameTaken(String),
    /// Others changed the tokens at the same moment, again and again.
    #[error("these tokens were changed again and again meanwhile; check `admin-token list` and try again")]
    Raced,
    /// Two live tokens have the name, because one of them replaces the other, and no third may.
    #[error(
        "two tokens named {name:?} are live, and there may be no third: delete the older one when the newer one is in use (`admin-token delete {older}`), or wait until one has ended, at {until}"
    )]
    Replacing {
        name: String,
        older: ResourceId,
        /// When the first of them ends.
        until: Timestamp,
    },
    /// Two tokens have the name, because one of them replaces the other.
    #[error("two tokens are named {0:?}: {1}. Delete the one that is not in use, by its id")]
    Several(String, String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such token.
    #[error("there is no administrator's token {0:?}; `admin-token list` shows those that there are")]
    Unknown(String),
}

/// The tokens of administrators in a store.
#[derive(Clone)]
pub struct AdminTokens {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: fn() -> [u8; 32],
}

impl AdminTokens {
    /// Tokens in that store, made of random bytes of the system's generator.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, random: rand::random }
    }

    /// Whom a token lets in; `None` if it lets nobody in: it is unknown, deleted, expired, or no token. Reads the
    /// store, so that what another process has issued or deleted counts at once.
    pub async fn authenticate(&self, text: &str) -> Result<Option<Administrator>, StoreError> {
        let Some(digest) = secret::parse_administrator(text) else { return Ok(None) };
        let Some(id) = self.store.lookup(&record::digest_key(&digest)).await? else { return Ok(None) };
        let Some(stored) = self.store.get(&record::key(id)).await? else { return Ok(None) };
        let (token, now) = (AdminToken::from_record(id, &stored)?, self.clock.now());
        if !bool::from(token.digest.ct_eq(&digest)) || !token.is_live(now) {
            return Ok(None);
        }
        self.note_use(&token, stored.header.version, now).await?;
        Ok(Some(Administrator::bearer(&token)))
    }

    /// All of them, oldest first, expired ones included.
    pub async fn list(&self) -> Result<Vec<AdminToken>, StoreError> {
        let page = self.store.resources(TenantId::SYSTEM, &TypeName::from(KIND), Start::Offset(0), MOST).await?;
        page.iter().map(|(id, stored)| AdminToken::from_record(*id, stored)).collect()
    }

    /// The one with that name or id, even if it has expired.
    pub async fn find(&self, which: &str) -> Result<AdminToken, TokenError> {
        one(&self.list().await?, which)
    }

    /// Issues a token. `actor` is who does it, as events name them.
    pub async fn issue(
        &self,
        name: &str,
        role: Role,
        tenant: Option<TenantId>,
        lifetime: Duration,
        actor: &str,
    ) -> Result<Issued, TokenError> {
        record::check_name(name).map_err(TokenError::Name)?;
        let issue = async || {
            let now = self.clock.now();
            let named: Vec<_> = self.list().await?.into_iter().filter(|token| token.is_named(name)).collect();
            if named.iter().any(|token| token.is_live(now)) {
                return Err(TokenError::NameTaken(name.to_owned()));
            }
            let event = event(Deed::AdminTokenCreated, actor);
            let (issued, commit) = self.prepare(name, (role, tenant), &named, lifetime, event)?;
            self.commit(commit).await.map(|()| issued)
        };
        again(issue, is_raced).await
    }

    /// Issues a token with the name, role and tenant of another, and without a `lifetime` also with [that of the
    /// other](succession::lifetime). The other is valid until it is deleted or, with an `overlap`, until that time has
    /// passed. Both changes are one commit. What is used in that moment, which is written down, is rotated as it is then.
    pub async fn rotate(
        &self,
        which: &str,
        lifetime: Option<Duration>,
        overlap: Option<Duration>,
        actor: &str,
    ) -> Result<(AdminToken, Issued), TokenError> {
        again(|| self.try_rotate(which, lifetime, overlap, actor), is_raced).await
    }

    async fn try_rotate(
        &self,
        which: &str,
        lifetime: Option<Duration>,
        overlap: Option<Duration>,
        actor: &str,
    ) -> Result<(AdminToken, Issued), TokenError> {
        let now = self.clock.now();
        let tokens = self.list().await?;
        let live: Vec<_> = tokens.iter().filter(|token| token.is_live(now)).cloned().collect();
        let mut old = newest(&live, which).ok_or_else(|| TokenError::Unknown(which.to_owned()))?;
        // A name has only one successor at a time, also if the token is named by its id.
        if let Some(other) = live.iter().find(|token| token.id != old.id && token.is_named(&old.name)) {
            let older = if (other.created, other.id) > (old.created, old.id) { old.id } else { other.id };
            let until = Timestamp::from_millis(old.expires.min(other.expires));
            return Err(TokenError::Replacing { name: old.name, older, until });
        }
        let named: Vec<_> = tokens.into_iter().filter(|token| token.is_named(&old.name)).collect();
        let lifetime = lifetime.unwrap_or_else(|| succession::lifetime(named.iter().map(AdminToken::life)));
        let event = event(Deed::AdminTokenRotated, actor);
        let (issued, mut commit) = self.prepare(&old.name, (old.role, old.tenant), &named, lifetime, event)?;
        if let Some(overlap) = overlap {
            let stored = self.store.get(&old.key()).await?.ok_or(TokenError::Raced)?;
            old = AdminToken::from_record(old.id, &stored)?;
            succession::shorten(&mut old.expires, &mut old.meant, after(now, overlap));
            commit.expect.push(Expect::Version(old.key(), stored.header.version));
            commit.writes.push(Write::Put(old.key(), old.body()?));
        }
        self.commit(commit).await?;
        Ok((old, issued))
    }

    /// Deletes the one with that name or id: it lets nobody in from now on.
    pub async fn delete(&self, which: &str, actor: &str) -> Result<AdminToken, TokenError> {
        let token = self.find(which).await?;
        let event = event(Deed::AdminTokenDeleted, actor);
        let mut commit = Commit::new(token.key(), Event { target: token.id, ..event });
        commit.expect.push(Expect::Present(token.key()));
        commit.writes = token.removal();
        match self.store.commit(commit).await {
            Ok(_) => Ok(token),
            Err(StoreError::Missing(_)) => Err(TokenError::Unknown(which.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// A token that is ready to be issued, and the commit that issues it in the place of what has expired, and tells so by
    /// that event.
    fn prepare(
        &self,
        name: &str,
        (role, tenant): (Role, Option<TenantId>),
        named: &[AdminToken],
        lifetime: Duration,
        event: Event,
    ) -> Result<(Issued, Commit), TokenError> {
        let now = self.clock.now();
        let (live, ended): (Vec<_>, Vec<_>) = named.iter().partition(|token| token.is_live(now));
        // The lowest free place: if two issue a token at once, both take it, and one of them begins again.
        let free = |place: &u8| live.iter().all(|token| token.place != *place);
        let place = (0..PLACES).find(free).ok_or(TokenError::Raced)?;
        let secret = Secret::of_administrator((self.random)());
        let token = AdminToken {
            id: new_id(now, (self.random)()),
            digest: secret.digest(),
            name: name.to_owned(),
            place,
            role,
            tenant,
            expires: after(now, lifetime),
            meant: None,
            last_used: None,
            reminded: None,
            created: now,
        };
        let mut commit = Commit::new(token.key(), Event { target: token.id, ..event });
        commit.expect.push(Expect::Fewer(TenantId::SYSTEM, TypeName::from(KIND), MOST as u64));
        commit.writes = ended.iter().filter(|token| token.place == place).flat_map(|token| token.removal()).collect();
        commit.writes.push(Write::Put(token.key(), token.body()?));
        commit.writes.extend(token.entries().into_iter().map(Write::Index));
        Ok((Issued { token, secret }, commit))
    }

    async fn commit(&self, commit: Commit) -> Result<(), TokenError> {
        match self.store.commit(commit).await {
            Ok(_) => Ok(()),
            Err(StoreError::Full { .. }) => Err(TokenError::Full),
            Err(StoreError::Taken(_) | StoreError::Conflict(_) | StoreError::Missing(_)) => Err(TokenError::Raced),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores once a minute that a token was used. Whoever else changes it at the same moment goes first.
    async fn note_use(&self, token: &AdminToken, version: u64, now: Timestamp) -> Result<(), StoreError> {
        if token.last_used.is_some_and(|last| now.as_millis() - last < USE) {
            return Ok(());
        }
        let used = AdminToken { last_used: Some(now.as_millis()), ..token.clone() };
        self.note(&used, version).await.map(drop)
    }

    /// Tells in the log which of them end soon, or have ended, where that is due ([`reminder`]). Call it at least once an
    /// hour.
    pub async fn remind(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let tokens = self.list().await?;
        for token in &tokens {
            let named: Vec<_> =
                tokens.iter().filter(|other| other.is_named(&token.name)).map(AdminToken::life).collect();
            let step = Step::of(&token.life(), &named, now);
            if step == Step::Nothing || !reminder::is_due(token.expires, token.reminded, now) {
                continue;
            }
            let Some(stored) = self.store.get(&token.key()).await? else { continue };
            let reminded =
                AdminToken { reminded: Some(now.as_millis()), ..AdminToken::from_record(token.id, &stored)? };
            if self.note(&reminded, stored.header.version).await? {
                let advice = advice(&reminded, step, now);
                let (token, name, expires) = (reminded.id, &reminded.name, reminded.expires());
                let days_left = reminded.days_left(now);
                tracing::warn!(
                    %token, name, %expires, days_left,
                    "an administrator's token expires soon, or has expired: {advice}"
                );
            }
        }
        Ok(())
    }

    /// Stores what is of no consequence. Whether nobody else has changed the token meanwhile.
    async fn note(&self, token: &AdminToken, version: u64) -> Result<bool, StoreError> {
        let mut commit = Commit::bookkeeping(TypeName::from(KIND), token.id);
        commit.expect.push(Expect::Version(token.key(), version));
        commit.writes.push(Write::Put(token.key(), token.body()?));
        match self.store.commit(commit).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether others were faster.
fn is_raced(error: &TokenError) -> bool {
    matches!(error, TokenError::Raced)
}

/// What to do about a token that ends, or has ended: then another is made.
fn advice(token: &AdminToken, step: Step, now: Timestamp) -> String {
    let next = if token.is_live(now) {
        line(&["admin-token", "rotate", &token.id.to_string()])
    } else {
        let tenant = token.tenant.map(|tenant| tenant.to_string());
        let of_one = tenant.as_deref().into_iter().flat_map(|tenant| ["--tenant", tenant]);
        let words = ["admin-token", "create", "--name", token.name.as_str(), "--role", token.role.as_str()];
        line(&words.into_iter().chain(of_one).collect::<Vec<_>>())
    };
    step.advice(token.id, &next, |id| line(&["admin-token", "delete", &id.to_string()]))
}

/// The newest of these tokens with that name or id.
fn newest(tokens: &[AdminToken], which: &str) -> Option<AdminToken> {
    let id = ResourceId::parse(which);
    tokens.iter().rfind(|token| id.map_or_else(|| token.is_named(which), |id| token.id == id)).cloned()
}

/// The one of these tokens with that name or id.
fn one(tokens: &[AdminToken], which: &str) -> Result<AdminToken, TokenError> {
    let unknown = || TokenError::Unknown(which.to_owned());
    if let Some(id) = ResourceId::parse(which) {
        return tokens.iter().find(|token| token.id == id).cloned().ok_or_else(unknown);
    }
    let named: Vec<_> = tokens.iter().filter(|token| token.is_named(which)).collect();
    match &named[..] {
        [] => Err(unknown()),
        [only] => Ok((*only).clone()),
        some => {
            let ids: Vec<_> = some.iter().map(|token| token.id.to_string()).collect();
            Err(TokenError::Several(which.to_owned(), ids.join(", ")))
        }
    }
}

fn after(now: Timestamp, time: Duration) -> i64 {
    now.as_millis().saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

/// What is done to a token that is not named yet.
fn event(deed: Deed, actor: &str) -> Event {
    Event { deed: Some(deed), ..Event::new(Action::Administer, actor, KIND, ResourceId(Uuid::nil())) }
}
