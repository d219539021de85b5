//! Authentication: the table of tenants and live tokens that every request is checked against.
//!
//! The table is in memory and replaced as a whole when an administrator changes something. So a request takes no lock
//! and does not read the store: one digest, two look-ups. A revoked token is out of the table before the command that
//! revokes it returns.

mod assertion;
mod barred;
mod clients;
mod health;
mod last_use;
mod noted;
mod probe;
mod tokens;

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use scim_protocol::{Error, ErrorKind, Timestamp};
use subtle::ConstantTimeEq as _;

pub use self::{
    barred::Barred,
    clients::{Authenticated, Credentials},
    health::Served,
    probe::HEADER as PROBE,
    tokens::{Granted, Grants, Known},
};
use self::{
    clients::LiveClients,
    last_use::{Use, Used},
};
use crate::{
    author::Author,
    caller::Caller,
    clock::Clock,
    command_line::line,
    directory::Directory,
    event::{Action, Deed, Event, SERVER},
    metrics::Health,
    oauth::{Scope, grant},
    profile,
    store::{ResourceId, Store, StoreError, TenantId},
    tenant::{Tenant, TenantRecord},
    token::{
        self, Scopes, Token,
        secret::{self, Digest, Malformed},
    },
};

/// When to try again while a tenant is imported.
const IMPORT_SECONDS: u32 = 10;
/// The most revoked tokens that are remembered.
const MAX_REVOKED: usize = 1000;

/// A token as requests see it.
#[derive(Debug)]
struct LiveToken {
    id: ResourceId,
    /// The id as text, which callers carry as their name.
    name: Arc<str>,
    /// What people call it.
    label: Option<Arc<str>>,
    /// As whom it writes.
    writer: Arc<str>,
    digest: Digest,
    tenant: Arc<Tenant>,
    scopes: Scopes,
    expires: Timestamp,
    used: Used,
}

#[derive(Debug, Default)]
struct Snapshot {
    tenants: HashMap<TenantId, Arc<Tenant>>,
    /// The same tenants by the id under which the store keeps their data.
    homes: HashMap<TenantId, Arc<Tenant>>,
    tokens: HashMap<Digest, LiveToken>,
    clients: LiveClients,
    /// What this process has answered to each tenant's calls.
    health: HashMap<TenantId, Arc<Health>>,
    /// Tokens that were revoked while this process ran, so that the log can say so; the newest of them.
    revoked: HashMap<Digest, ResourceId>,
}

/// Why authentication failed. For the log: the response never says which of these it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is an access token of a client that is gone or disabled, or whose secret or trust is, or it was revoked.
    #[error("the access token of client {0} is no longer good: {1}")]
    Ended(ResourceId, &'static str),
    /// The token has ended.
    #[error("the token {0} has expired")]
    Expired(ResourceId),
    /// What was sent is not a token.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// There is no `Authorization` header, or one of another scheme than `Bearer`.
    #[error("there is no bearer token in the request")]
    Missing,
    /// A static token, or one that a secret got, of a tenant whose profile wants assertions.
    #[error("the tenant of {0} takes only tokens that were got by an assertion")]
    NoAssertion(ResourceId),
    /// It is a token of another tenant than the one in the URL (which may not exist).
    #[error("the token {0} belongs to another tenant")]
    OtherTenant(ResourceId),
    #[error("the token {0} was revoked")]
    Revoked(ResourceId),
    /// The token is unknown: it was revoked before this server was started, or belongs to another server.
    #[error("the token is not known here")]
    Unknown,
}

impl Refusal {
    /// Which of them it is, in a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ended(..) => "ended",
            Self::Expired(_) => "expired",
            Self::Malformed(Malformed::Prefix) => "prefix",
            Self::Malformed(Malformed::Length(length)) if *length < secret::LENGTH => "short",
            Self::Malformed(Malformed::Length(_)) => "long",
            Self::Malformed(Malformed::Characters) => "characters",
            Self::Malformed(Malformed::Checksum) => "checksum",
            Self::Missing => "missing",
            Self::NoAssertion(_) => "no assertion",
            Self::OtherTenant(_) => "other tenant",
            Self::Revoked(_) => "revoked",
            Self::Unknown => "unknown",
        }
    }

    /// The token that it is, or the client of an access token, where that is known.
    pub const fn token(&self) -> Option<ResourceId> {
        match self {
            Self::Ended(token, _)
            | Self::NoAssertion(token)
            | Self::Expired(token)
            | Self::OtherTenant(token)
            | Self::Revoked(token) => Some(*token),
            _ => None,
        }
    }
}

/// The table, with what is needed to update it.
pub struct Access {
    directory: Directory,
    snapshot: ArcSwap<Snapshot>,
    /// What issues access tokens, in a server.
    grants: Option<Grants>,
    reloading: tokio::sync::Mutex<()>,
    /// Whether something is to be stored soon.
    due: tokio::sync::Notify,
}

/// What somebody has shown who may come in.
struct Entry<'a> {
    tenant: &'a Arc<Tenant>,
    actor: &'a Arc<str>,
    scope: Scope,
    expires: Timestamp,
    /// What was granted, if it was an access token.
    grant: Option<grant::Grant>,
    used: &'a Use,
    /// What people call the token or the client.
    label: Option<Arc<str>>,
    /// As whom it writes.
    writer: Arc<str>,
}

impl Entry<'_> {
    /// Who calls with it.
    fn caller(self) -> Caller {
        let of = if self.grant.is_some() { Caller::client } else { Caller::bearer };
        of(Arc::clone(self.tenant), Arc::clone(self.actor), self.scope.scopes).named(self.label, Some(self.writer))
    }
}

impl Access {
    /// Reads all tenants and tokens.
    pub async fn load(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let access = Self {
            // What nobody else has asked for the server does by itself.
            directory: Directory::new(store, clock).by(&Author::server()),
            snapshot: ArcSwap::default(),
            grants: None,
            reloading: tokio::sync::Mutex::default(),
            due: tokio::sync::Notify::new(),
        };
        access.reload().await?;
        Ok(access)
    }

    /// The same, issuing access tokens and taking them.
    pub async fn granting(self, grants: Grants) -> Result<Self, StoreError> {
        let access = Self { grants: Some(grants), ..self };
        access.reload().await?;
        Ok(access)
    }

    /// Reads all tenants, tokens and clients again. When it returns, every later request sees the change.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.reloading.lock().await;
        let old = self.snapshot.load_full();
        let mut next = Snapshot::default();
        for record in self.directory.list_all().await? {
            if !record.deleting
                && let Some(tenant) = build(&record, &old)
            {
                next.homes.insert(record.home(), Arc::clone(&tenant));
                next.health.insert(record.id, old.health.get(&record.id).cloned().unwrap_or_default());
                next.tenants.insert(record.id, tenant);
            }
        }
        for token in self.directory.ledger().all().await? {
            if let Some(tenant) = next.tenants.get(&token.tenant) {
                let used = old.tokens.get(&token.digest).map(|known| Arc::clone(&known.used));
                next.tokens.insert(token.digest, LiveToken::new(&token, Arc::clone(tenant), used));
            }
        }
        let clients = self.directory.clients().all().await?;
        next.clients = LiveClients::new(clients, &next.tenants, &old.clients);
        if let Some(grants) = &self.grants {
            let revocations = grant::Revocation::all(&**self.directory.store()).await?;
            grants.set_revoked(revocations, self.directory.now());
        }
        let gone = old.tokens.values().map(|token| (token.digest, token.id));
        let known = old.revoked.iter().map(|(digest, id)| (*digest, *id));
        let revoked = gone.chain(known).filter(|(digest, _)| !next.tokens.contains_key(digest)).take(MAX_REVOKED);
        next.revoked = revoked.collect();
        self.snapshot.store(Arc::new(next));
        Ok(())
    }

    /// The tenants and tokens that this table is made of.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The tenant with that id, as it stands in a URL. For what needs no token.
    pub fn tenant(&self, segment: &str) -> Option<Arc<Tenant>> {
        self.tenant_of(TenantId::parse(segment)?)
    }

    /// The tenant with that id.
    pub fn tenant_of(&self, id: TenantId) -> Option<Arc<Tenant>> {
        self.snapshot.load().tenants.get(&id).cloned()
    }

    /// The tenant whose users, groups and events the store keeps under that id.
    pub fn tenant_at(&self, home: TenantId) -> Option<Arc<Tenant>> {
        self.snapshot.load().homes.get(&home).cloned()
    }

    pub fn tenants(&self) -> Vec<Arc<Tenant>> {
        self.snapshot.load().tenants.values().cloned().collect()
    }

    /// Whether a tenant is still being imported.
    pub fn awaits_import(&self) -> bool {
        self.snapshot.load().tenants.values().any(|tenant| tenant.importing)
    }

    /// Verifies the `Authorization` header of a request to that tenant.
    ///
    /// `ErrorKind::Unauthorized`, always with the same body, for any fault of the token or the tenant ([`Refusal`] is
    /// the error's source, for the log); `ErrorKind::Forbidden` for a valid token of a disabled tenant,
    /// `ErrorKind::Unavailable` for one of a tenant whose import is not complete. Does not check scopes.
    pub fn authenticate(&self, segment: &str, authorization: Option<&str>, now: Timestamp) -> Result<Caller, Error> {
        let snapshot = self.snapshot.load();
        let entry = self.verify(&snapshot, segment, authorization, now).map_err(unauthorized)?;
        admit(entry.tenant)?;
        if entry.used.note(now) {
            self.note_soon();
        }
        Ok(entry.caller())
    }

    fn verify<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        segment: &str,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<Entry<'a>, Refusal> {
        let text = authorization.and_then(bearer).ok_or(Refusal::Missing)?;
        if text.starts_with(grant::PREFIX) {
            let grants = self.grants.as_ref().ok_or(Refusal::Unknown)?;
            return grants.enter(&snapshot.clients, segment, text, now);
        }
        snapshot.enter(segment, text, now)
    }

    /// When the token was last used, even if that is not stored yet.
    pub fn last_used(&self, token: &Token) -> Option<Timestamp> {
        let used = self.snapshot.load().tokens.get(&token.digest).and_then(|token| token.used.last());
        token.last_used.max(used).map(Timestamp::from_millis)
    }

    /// When a secret or trust of a client was last used, also when that is not written down yet. Milliseconds since
    /// the epoch.
    pub fn last_used_by(&self, client: ResourceId, credential: ResourceId) -> Option<i64> {
        let snapshot = self.snapshot.load();
        snapshot.clients.get(client).and_then(|client| client.uses.get(&credential)?.last())
    }

    /// Reminds of tokens that expire soon: writes an event and a log record for each for which one is due. Returns
    /// those tokens. Call it at least once an hour.
    pub async fn reminders(&self, now: Timestamp) -> Result<Vec<Token>, StoreError> {
        let mut told = Vec::new();
        for (token, step) in self.directory.ledger().due(now).await? {
            let tenant = self.tenant_of(token.tenant);
            if let Some(tenant) = &tenant {
                // It is told when the database is back.
                if self.directory.store().is_away(tenant.home) {
                    continue;
                }
                let deed = if token.is_live(now) { Deed::TokenExpiring } else { Deed::TokenExpired };
                let event = Event::new(Action::Remind, SERVER, token::record::KIND, token.id);
                // First, so that it is told again rather than never when the process ends here.
                self.directory.tell(tenant.home, Event { deed: Some(deed), ..event }).await?;
            }
            told.extend(self.directory.ledger().remind(token.id, now).await?);
            let tenant = tenant.as_ref().map_or("", |tenant| tenant.name.as_str());
            let (name, id) = (token.name.as_deref().unwrap_or_default(), token.id.to_string());
            let command = |what: &str, id: &str| line(&["token", what, id, "--tenant", tenant]);
            let advice = step.advice(token.id, &command("rotate", &id), |id| command("delete", &id.to_string()));
            if !token.is_live(now) {
                tracing::warn!(
                    tenant,
                    token = %token.id,
                    name,
                    expired = %token.expires(),
                    "a token has expired: {advice}"
                );
                continue;
            }
            tracing::warn!(
                tenant,
                token = %token.id,
                name,
                expires = %token.expires(),
                days_left = token.days_left(now),
                "a token expires soon: {advice}"
            );
        }
        Ok(told)
    }
}

impl LiveToken {
    fn new(token: &Token, tenant: Arc<Tenant>, used: Option<Used>) -> Self {
        let used = used.unwrap_or_else(|| Arc::new(Use::known(token.last_used)));
        Self {
            id: token.id,
            name: token.id.to_string().into(),
            label: token.name.as_deref().map(Arc::from),
            writer: token.writer().into(),
            digest: token.digest,
            tenant,
            scopes: token.scopes,
            expires: token.expires(),
            used,
        }
    }
}

/// Builds a tenant. One that cannot be built keeps its previous form, or is left out: it must not affect the others.
fn build(record: &TenantRecord, old: &Snapshot) -> Option<Arc<Tenant>> {
    Tenant::build(record).map_or_else(
        |error| {
            let set = line(&["tenant", "set", &record.name, "--settings", "FILE"]);
            tracing::error!(tenant = record.name, %error, "the tenant's settings cannot be used; correct them with `{set}`");
            old.tenants.get(&record.id).cloned()
        },
        Some,
    )
}

/// Whether a tenant answers: 403 for one that is disabled, 503 for one whose import is not at its end.
fn admit(tenant: &Tenant) -> Result<(), Error> {
    if tenant.disabled {
        return Err(Error::new(
            ErrorKind::Forbidden,
            "This tenant is disabled. Ask the administrator of this server to enable it.",
        ));
    }
    if tenant.importing {
        return Err(Error::new(
            ErrorKind::Unavailable(IMPORT_SECONDS),
            "This tenant is being imported. Try again when the import is done.",
        ));
    }
    Ok(())
}

impl Snapshot {
    /// Lets the bearer of a static token in.
    fn enter(&self, segment: &str, text: &str, now: Timestamp) -> Result<Entry<'_>, Refusal> {
        let digest = secret::parse(text)?;
        let revoked = || self.revoked.get(&digest).map_or(Refusal::Unknown, |id| Refusal::Revoked(*id));
        let token = self.tokens.get(&digest).ok_or_else(revoked)?;
        // The look-up compared digests, whose bytes tell nothing of the token; this settles it in
        // constant time all the same.
        if !bool::from(token.digest.ct_eq(&digest)) {
            return Err(Refusal::Unknown);
        }
        if TenantId::parse(segment) != Some(token.tenant.id) {
            return Err(Refusal::OtherTenant(token.id));
        }
        if now >= token.expires {
            return Err(Refusal::Expired(token.id));
        }
        if profile::wants_assertions(token.tenant.profile()) {
            return Err(Refusal::NoAssertion(token.id));
        }
        let LiveToken { tenant, name, label, writer, scopes, expires, used, .. } = token;
        let (scope, label, writer) = ((*scopes).into(), label.clone(), Arc::clone(writer));
        Ok(Entry { tenant, actor: name, scope, expires: *expires, grant: None, used, label, writer })
    }
}

/// The credentials of the `Bearer` scheme (RFC 6750 §2.1), whose name is read in any case (RFC 9110
/// §11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, credentials) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| credentials.trim_start())
}

fn unauthorized(refusal: Refusal) -> Error {
    Error::new(
        ErrorKind::Unauthorized,
        "The request needs a bearer token of this tenant, unexpired, in the Authorization header: Bearer scim_….",
    )
    .with_source(refusal)
}

#[cfg(test)]
mod in_use;
#[cfg(test)]
mod tests;
