//! Issuing, rotating and revoking tokens.

use std::{sync::Arc, time::Duration};

use scim_protocol::{Timestamp, value::fold};

pub use super::succession::LIFETIME;
use super::{
    Scopes, Secret, Step,
    record::{self, KIND, Token},
    reminder, succession,
};
use crate::{
    author::Author,
    clock::Clock,
    event::{Action, Event},
    profile,
    store::{Commit, Expect, Position, Record, ResourceId, Start, Store, StoreError, TenantId, TypeName, Write, again},
    tenant::{MOST_TOKENS, TenantRecord},
};

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
    /// Several tokens are live, and none was named.
    #[error(
        "the tenant has several live tokens; name the one that is meant: `token rotate TOKEN` (`token list` shows them)"
    )]
    Ambiguous,
    /// As many tokens live as may.
    #[error("the tenant has {} live tokens, which is the most; delete one with `token delete TOKEN`, then try again", Self::number(*.0))]
    Full(usize),
    /// The name of a token cannot be that.
    #[error("{0}")]
    Name(String),
    /// A live token has the name.
    #[error(
        "the tenant has a live token {0:?} already; choose another name, or issue its successor with `token rotate {0}`"
    )]
    NameTaken(String),
    /// Nobody has a token of that name.
    #[error("the tenant has no token {0:?}; `token list` shows its tokens")]
    NoSuchName(String),
    /// The tenant's profile has none.
    #[error(
        "a tenant under an ipsie profile takes no static tokens: make it with `tenant create NAME`, and a client with `client create --name NAME --no-secret`"
    )]
    NoTokens,
    /// There is no token to rotate: none lives, and not exactly one has ended.
    #[error("the tenant has no live token to rotate; issue one with `token create`")]
    NothingToRotate,
    /// Others changed the tokens at the same moment, again and again.
    #[error("the tenant's tokens were changed again and again meanwhile; check `token list` and try again")]
    Raced,
    /// A token that has been replaced by a live one.
    #[error("the token {0} has been replaced by {1} already: rotate that one, or delete it and try again")]
    Replaced(ResourceId, ResourceId),
    /// Two live tokens have the name, because one of them replaces the other, and no third may.
    #[error(
        "two tokens named {name:?} are live, and there may be no third: delete the older one when the newer one is in use (`token delete {older}`), or wait until one has ended, at {until}"
    )]
    Replacing {
        name: String,
        older: ResourceId,
        /// When the first of them ends.
        until: Timestamp,
    },
    /// Several tokens have the name, because one of them replaces another.
    #[error("several tokens are named {0:?}: {1}. Delete the one that is not in use, by its id")]
    Several(String, String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such token in this tenant.
    #[error("the tenant has no token {0}; `token list` shows its tokens")]
    Unknown(ResourceId),
}

impl LedgerError {
    /// A number as it is written in a sentence.
    fn number(number: usize) -> String {
        match number {
            2 => "two".to_owned(),
            other => other.to_string(),
        }
    }
}

/// The tokens of all tenants, as an administrator handles them.
#[derive(Clone)]
pub struct Ledger {
    store: Arc<dyn Store>,
    author: Author,
    clock: Arc<dyn Clock>,
    random: fn() -> [u8; 32],
}

impl Ledger {
    /// Tokens in that store, made of random bytes of the system's generator.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, author: Author::default(), clock, random: rand::random }
    }

    /// The same, as somebody else changes them.
    #[must_use]
    pub fn by(&self, author: &Author) -> Self {
        Self { author: author.clone(), ..self.clone() }
    }

    /// A tenant's tokens, oldest first, expired ones included.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<Token>, StoreError> {
        let mut tokens = Vec::new();
        let taken = self.store.index(&record::slots(tenant), None, usize::from(MOST_TOKENS)).await?;
        for Position { id, .. } in taken {
            if let Some(stored) = self.store.get(&record::key(id)).await? {
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
            for (id, stored) in page.iter() {
                tokens.push(Token::from_record(*id, stored)?);
            }
        }
    }

    /// The live tokens of a tenant, oldest first.
    pub async fn live(&self, tenant: TenantId) -> Result<Vec<Token>, StoreError> {
        let now = self.clock.now();
        let mut tokens = self.list(tenant).await?;
        tokens.retain(|token| token.is_live(now));
        Ok(tokens)
    }

    /// Issues a token. Fails if the tenant already has its most live tokens ([`LedgerError::Full`]), or a live one of
    /// the same name. Expired ones do not count.
    pub async fn issue(
        &self,
        tenant: &TenantRecord,
        name: Option<String>,
        scopes: Scopes,
        lifetime: Duration,
    ) -> Result<Issued, LedgerError> {
        if let Some(name) = &name {
            record::check_name("a token's name", name).map_err(LedgerError::Name)?;
        }
        let issue = async || {
            if let Some(name) = &name
                && self.live(tenant.id).await?.iter().any(|token| is_named(token, name))
            {
                return Err(LedgerError::NameTaken(name.clone()));
            }
            let (issued, commit) = self.prepare(tenant, name.clone(), None, scopes, lifetime).await?;
            self.commit(commit).await.map(|()| issued)
        };
        again(issue, is_raced).await
    }

    /// Issues a token with the name and the scopes of another, and without a `lifetime` also with [that of the
    /// other](succession::lifetime). The other stays valid until it is deleted or, with an `overlap`, until that time has
    /// passed. Both changes are one commit. `which` is the other's name or id; without it the tenant must have exactly one
    /// live token, or none and exactly one that has ended.
    ///
    /// The server writes down each use of a token: what is used in that moment is rotated as it is then.
    pub async fn rotate(
        &self,
        tenant: &TenantRecord,
        which: Option<&str>,
        lifetime: Option<Duration>,
        overlap: Option<Duration>,
    ) -> Result<(Token, Issued), LedgerError> {
        again(|| self.try_rotate(tenant, which, lifetime, overlap), is_raced).await
    }

    async fn try_rotate(
        &self,
        tenant: &TenantRecord,
        which: Option<&str>,
        lifetime: Option<Duration>,
        overlap: Option<Duration>,
    ) -> Result<(Token, Issued), LedgerError> {
        let known = self.list(tenant.id).await?;
        let mut old = self.replaced(tenant, &known, which)?;
        let lives = known.iter().filter(|token| token.is_alike(&old)).map(Token::life);
        let lifetime = lifetime.unwrap_or_else(|| succession::lifetime(lives));
        let (name, line) = (old.name.clone(), Some(old.line()));
        let (issued, mut commit) = self.prepare(tenant, name, line, old.scopes, lifetime).await?;
        if let Some(overlap) = overlap {
            let stored = self.store.get(&old.key()).await?.ok_or(LedgerError::Raced)?;
            old = Token::from_record(old.id, &stored)?;
            let end = after(self.clock.now(), overlap);
            if succession::shorten(&mut old.expires, &mut old.meant, end) {
                commit.expect.push(Expect::Version(old.key(), stored.header.version));
                commit.writes.push(Write::Put(old.key(), old.body()?));
            }
        }
        self.commit(commit).await?;
        Ok((old, issued))
    }

    /// The token that a rotation replaces: a live one, or else one that has ended.
    fn replaced(&self, tenant: &TenantRecord, known: &[Token], which: Option<&str>) -> Result<Token, LedgerError> {
        let now = self.clock.now();
        let (live, ended): (Vec<_>, Vec<_>) = known.iter().cloned().partition(|token| token.is_live(now));
        let old = match which {
            Some(which) => match newest(&live, which).or_else(|| newest(&ended, which)) {
                Some(old) => old,
                None => one(&[], which)?,
            },
            None => match (&live[..], &ended[..]) {
                ([only], _) | ([], [only]) => only.clone(),
                ([], _) => return Err(LedgerError::NothingToRotate),
                (some, _) if some.len() >= tenant.settings.live_tokens() => {
                    return Err(LedgerError::Full(some.len()));
                }
                _ => return Err(LedgerError::Ambiguous),
            },
        };
        let Some(other) = in_the_way(&old, &live) else { return Ok(old) };
        match &old.name {
            Some(name) if old.is_live(now) => Err(LedgerError::Replacing {
                name: name.clone(),
                older: if is_later(other, &old) { old.id } else { other.id },
                until: Timestamp::from_millis(old.expires.min(other.expires)),
            }),
            _ => Err(LedgerError::Replaced(old.id, other.id)),
        }
    }

    /// Until when a live token gets no successor, as the tenant's `live` tokens stand: until one of two of its name has
    /// ended, or one of as many as may live. `None` when it gets one now.
    pub fn waits_until(tenant: &TenantRecord, token: &Token, live: &[Token]) -> Option<Timestamp> {
        let of_two = in_the_way(token, live).map(|other| other.expires.min(token.expires));
        let is_full = live.len() >= tenant.settings.live_tokens();
        let of_all = || live.iter().map(|token| token.expires).min().filter(|_| is_full);
        of_two.or_else(of_all).map(Timestamp::from_millis)
    }

    /// The token of a tenant with that name or id, even if it has expired.
    pub async fn find(&self, tenant: TenantId, which: &str) -> Result<Token, LedgerError> {
        one(&self.list(tenant).await?, which)
    }

    /// All tokens of a tenant with that name, oldest first: a token that replaces another has the name of that one.
    pub async fn named(&self, tenant: TenantId, name: &str) -> Result<Vec<Token>, StoreError> {
        let mut tokens = self.list(tenant).await?;
        tokens.retain(|token| is_named(token, name));
        Ok(tokens)
    }

    /// Revokes a token. It is invalid as soon as this has returned and [`crate::access::Access::reload`] has run.
    pub async fn revoke(&self, tenant: TenantId, id: ResourceId) -> Result<Token, LedgerError> {
        let stored = self.store.get(&record::key(id)).await?.ok_or(LedgerError::Unknown(id))?;
        let token = Token::from_record(id, &stored)?;
        if token.tenant != tenant {
            return Err(LedgerError::Unknown(id));
        }
        let mut commit = Commit::new(token.key(), event(Action::Administer, id, &["deleted"]));
        commit.expect.push(Expect::Present(token.key()));
        commit.writes = removal(&token);
        match self.store.commit(self.author.sign(commit)).await {
            Ok(_) => Ok(token),
            Err(StoreError::Missing(_)) => Err(LedgerError::Unknown(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores when tokens were last used: `(token, milliseconds since the epoch)`. Skips deleted tokens, and uses
    /// that are already stored.
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

    /// The tokens for which a reminder is due, with what they ask of somebody. Of what asks nothing nobody is reminded.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<(Token, Step)>, StoreError> {
        let tokens = self.all().await?;
        let due = tokens.iter().filter(|token| reminder::is_due(token.expires, token.reminded, now));
        let steps = due.map(|token| (token.clone(), token.step(&tokens, now)));
        Ok(steps.filter(|(_, step)| *step != Step::Nothing).collect())
    }

    /// Records that people are reminded of a token. `None` when no reminder is due any more, or the token is gone.
    pub async fn remind(&self, token: ResourceId, now: Timestamp) -> Result<Option<Token>, StoreError> {
        let event = event(Action::Remind, token, &["expires"]);
        self.change(token, Some(event), |token| {
            let due = reminder::is_due(token.expires, token.reminded, now);
            token.reminded = if due { Some(now.as_millis()) } else { token.reminded };
            due
        })
        .await
    }

    /// The writes that remove every token of a tenant, for the commit that deletes the tenant.
    pub async fn removal(&self, tenant: TenantId) -> Result<Vec<Write>, StoreError> {
        Ok(self.list(tenant).await?.iter().flat_map(removal).collect())
    }

    /// A token that is ready to be issued, and the commit that issues it.
    pub(crate) async fn prepare(
        &self,
        tenant: &TenantRecord,
        name: Option<String>,
        line: Option<ResourceId>,
        scopes: Scopes,
        lifetime: Duration,
    ) -> Result<(Issued, Commit), LedgerError> {
        let now = self.clock.now();
        let known = self.list(tenant.id).await?;
        let (live, ended): (Vec<_>, Vec<_>) = known.into_iter().partition(|token| token.is_live(now));
        if profile::wants_assertions(tenant.settings.profile) {
            return Err(LedgerError::NoTokens);
        }
        if live.len() >= tenant.settings.live_tokens() {
            return Err(LedgerError::Full(live.len()));
        }
        // The lowest free place: if two issue a token at once, both take it, and one of them begins again.
        let free = |slot: &u8| live.iter().all(|token| token.slot != *slot);
        let slot = (0..MOST_TOKENS).find(free).ok_or(LedgerError::Full(live.len()))?;

        let secret = Secret::new((self.random)());
        let id = record::new_id(now, (self.random)());
        let expires = after(now, lifetime);
        let digest = secret.digest();
        let token = Token {
            id,
            tenant: tenant.id,
            digest,
            name,
            line,
            slot,
            scopes,
            expires,
            meant: None,
            last_used: None,
            reminded: None,
            created: now,
        };

        let mut commit = Commit::new(token.key(), event(Action::Administer, id, &["created"]));
        commit.writes = ended.iter().filter(|token| token.slot == slot).flat_map(removal).collect();
        commit.writes.push(Write::Put(token.key(), token.body()?));
        commit.writes.extend(token.entries().into_iter().map(Write::Index));
        Ok((Issued { token, secret }, commit))
    }

    async fn commit(&self, commit: Commit) -> Result<(), LedgerError> {
        match self.store.commit(self.author.sign(commit)).await {
            Ok(_) => Ok(()),
            Err(StoreError::Taken(_) | StoreError::Conflict(_) | StoreError::Missing(_)) => Err(LedgerError::Raced),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a token, lets `edit` change it, and writes it if `edit` returns true; starts again if another writer
    /// changed it meanwhile.
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
            match self.store.commit(self.author.sign(commit)).await {
                Ok(_) => return Ok(Some(token)),
                Err(StoreError::Conflict(_)) => {}
                Err(StoreError::Missing(_)) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether others were faster.
fn is_raced(error: &LedgerError) -> bool {
    matches!(error, LedgerError::Raced)
}

/// Whether people call it so, in any case.
fn is_named(token: &Token, name: &str) -> bool {
    token.name.as_ref().is_some_and(|known| fold(known) == fold(name))
}

/// The one of these tokens with that name or id.
fn one(tokens: &[Token], which: &str) -> Result<Token, LedgerError> {
    if let Some(id) = ResourceId::parse(which) {
        return tokens.iter().find(|token| token.id == id).cloned().ok_or(LedgerError::Unknown(id));
    }
    let named: Vec<_> = tokens.iter().filter(|token| is_named(token, which)).collect();
    match &named[..] {
        [only] => Ok((*only).clone()),
        [] => Err(LedgerError::NoSuchName(which.to_owned())),
        some => {
            let ids: Vec<_> = some.iter().map(|token| token.id.to_string()).collect();
            Err(LedgerError::Several(which.to_owned(), ids.join(", ")))
        }
    }
}

/// The live token because of which another gets no successor: of a name two live at most, and what has no name is replaced
/// once. So whoever sends a rotation twice gets one token, also if the token is named by its id.
fn in_the_way<'t>(old: &Token, live: &'t [Token]) -> Option<&'t Token> {
    let is_one = |other: &&Token| other.id != old.id && (old.name.is_some() || is_later(other, old));
    live.iter().filter(|other| other.is_alike(old)).find(is_one)
}

fn is_later(token: &Token, than: &Token) -> bool {
    (token.created, token.id) > (than.created, than.id)
}

/// The newest of these tokens with that name or id.
fn newest(tokens: &[Token], which: &str) -> Option<Token> {
    let id = ResourceId::parse(which);
    let is_meant = |token: &&Token| id.map_or_else(|| is_named(token, which), |id| token.id == id);
    tokens.iter().rfind(is_meant).cloned()
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
