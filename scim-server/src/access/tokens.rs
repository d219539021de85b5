//! Access tokens: issued, revoked, and what is said of them to whoever may ask.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use scim_protocol::{Error, Timestamp};

use super::{Access, Authenticated, Entry, Refusal, admit, clients::LiveClients, probe::Marks};
use crate::{
    author::Author,
    idempotency,
    oauth::{
        Code, Refused, Scope,
        grant::{self, Grant, GrantId, GrantSealer, Revocation},
        jwks::Jwks,
        spent,
        trace::Traces,
    },
    passing, profile,
    store::{StoreError, TenantId},
    token::secret,
};

/// What a server needs to issue access tokens and to know them again.
pub struct Grants {
    sealer: GrantSealer,
    lifetime: Duration,
    pub(super) jwks: Jwks,
    pub(super) traces: Traces,
    pub(super) marks: Marks,
    /// The revoked tokens that have not ended, and when they do.
    revoked: ArcSwap<HashMap<GrantId, i64>>,
}

/// An access token that was just issued.
#[derive(Debug)]
pub struct Granted {
    pub text: String,
    pub scope: Scope,
    /// For how many seconds from now.
    pub seconds: i64,
}

/// What an access token, or a static one, is good for (RFC 7662 §2.2).
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// The owner: the id of a client, or of a static token.
    pub subject: Arc<str>,
    /// Whether it is an access token.
    pub is_grant: bool,
    pub scope: Scope,
    /// When it was issued, where that is part of it.
    pub issued: Option<Timestamp>,
    /// When it ends.
    pub expires: Timestamp,
}

impl Grants {
    /// With the store's secret; tokens live so long unless what got them ends before. The keys of issuers come from
    /// `jwks`.
    pub fn new(secret: &[u8; 32], lifetime: Duration, jwks: Jwks) -> Self {
        let (traces, revoked) = (Traces::default(), ArcSwap::default());
        Self { sealer: GrantSealer::new(secret), lifetime, jwks, traces, marks: Marks::new(secret), revoked }
    }

    /// Lets the bearer of an access token in.
    pub(super) fn enter<'a>(
        &self,
        clients: &'a LiveClients,
        segment: &str,
        text: &str,
        now: Timestamp,
    ) -> Result<Entry<'a>, Refusal> {
        let (id, grant) = self.sealer.open(text).ok_or(Refusal::Unknown)?;
        let ended = |why| Refusal::Ended(grant.client, why);
        let client = clients.get(grant.client).ok_or(ended("the client was deleted"))?;
        if TenantId::parse(segment) != Some(client.record.tenant) {
            return Err(Refusal::OtherTenant(grant.client));
        }
        if now.as_millis() >= grant.expires {
            return Err(Refusal::Expired(grant.client));
        }
        if client.record.disabled {
            return Err(ended("the client is disabled"));
        }
        let used = client.uses.get(&grant.credential).filter(|_| client.record.admits(grant.credential, now));
        let used = used.ok_or(ended("the secret or trust that got it has ended or was removed"))?;
        let by_trust = client.record.trusts.iter().any(|trust| trust.id == grant.credential);
        if !by_trust && profile::wants_assertions(client.tenant.profile()) {
            return Err(Refusal::NoAssertion(grant.client));
        }
        if self.is_revoked(&id) {
            return Err(ended("it was revoked"));
        }
        // What the client may no longer do, its tokens may not either.
        let scope = grant.scope.within(client.record.scope);
        let expires = Timestamp::from_millis(grant.expires);
        let (tenant, actor) = (&client.tenant, &client.name);
        let (label, writer) = (Some(Arc::from(client.record.name.as_str())), Arc::from(client.record.writer()));
        Ok(Entry { tenant, actor, scope, expires, grant: Some(grant), used, label, writer })
    }

    fn is_revoked(&self, id: &GrantId) -> bool {
        self.revoked.load().contains_key(id)
    }

    /// These are revoked, and no others.
    pub(super) fn set_revoked(&self, revocations: Vec<Revocation>, now: Timestamp) {
        let lasting = revocations.into_iter().filter(|one| one.expires > now.as_millis());
        self.revoked.store(Arc::new(lasting.map(|one| (one.token, one.expires)).collect()));
    }
}

impl Access {
    /// Grants a client what it asks for; all that it may do, when it does not say (RFC 6749 §3.3). With the mark of a
    /// probe that is no use of what it has shown.
    pub fn grant(
        &self,
        client: &Authenticated,
        asked: Option<&str>,
        mark: Option<&str>,
        now: Timestamp,
    ) -> Result<Granted, Error> {
        let grants = self.grants.as_ref().ok_or_else(|| Error::internal("no tokens are issued here"))?;
        admit(client.tenant())?;
        let may = client.client.record.scope;
        let scope =
            asked.map_or(Ok(may), Scope::parse).map_err(|why| Refused::new(Code::InvalidScope, sentence(&why)))?;
        let alone = profile::wants_assertions(client.tenant().profile());
        if alone && scope != Scope::SCIM {
            return Err(
                Refused::new(Code::InvalidScope, "Under the profile of this tenant the scope is scim alone.").into()
            );
        }
        if !may.covers(scope) {
            let description = format!("The client may not have all of the scope. It may have: {may}.");
            return Err(Refused::new(Code::InvalidScope, description).into());
        }
        let lifetime = i64::try_from(grants.lifetime.as_millis()).unwrap_or(i64::MAX);
        let issued = now.as_millis();
        let expires = issued.saturating_add(lifetime).min(client.until);
        let grant = Grant { client: client.client.record.id, credential: client.credential, scope, issued, expires };
        let used = client.client.uses.get(&client.credential).filter(|_| !self.is_probe(mark, now));
        if used.is_some_and(|used| used.note(now)) {
            self.note_soon();
        }
        Ok(Granted { text: grants.sealer.seal(&grant)?, scope, seconds: (expires - issued) / 1000 })
    }

    /// Revokes an access token of this client (RFC 7009); one that is good for nothing already stays so. When it
    /// returns, the token lets nobody in.
    pub async fn revoke(&self, client: &Authenticated, text: &str, now: Timestamp) -> Result<(), Error> {
        let Some(grants) = &self.grants else { return Ok(()) };
        if text.starts_with(secret::PREFIX) {
            let description = "This is a static token, which an administrator revokes: `scim-server token delete TOKEN --tenant TENANT`.";
            return Err(Refused::new(Code::UnsupportedTokenType, description).into());
        }
        let Some((id, grant)) = grants.sealer.open(text) else { return Ok(()) };
        if grant.client != client.client.record.id {
            let description = "The token was issued to another client, which alone may revoke it.";
            return Err(Refused::new(Code::UnauthorizedClient, description).into());
        }
        if grant.expires <= now.as_millis() || grants.is_revoked(&id) {
            return Ok(());
        }
        let revocation = Revocation { token: id, expires: grant.expires };
        let author = Author::new(client.client.record.id.to_string().into()).who_is_client(true);
        self.directory.store().commit(author.sign(revocation.commit()?)).await?;
        // The table may be read anew at this moment, by one who has not seen the commit.
        let _no_reload = self.reloading.lock().await;
        grants.revoked.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(id, revocation.expires);
            known
        });
        Ok(())
    }

    /// What a token of that tenant is good for; `None` when it is good for nothing.
    pub fn introspect(&self, segment: &str, text: &str, now: Timestamp) -> Option<Known> {
        let snapshot = self.snapshot.load();
        let bearer = format!("Bearer {text}");
        let entry = self.verify(&snapshot, segment, Some(&bearer), now).ok()?;
        admit(entry.tenant).ok()?;
        Some(Known {
            subject: Arc::clone(entry.actor),
            is_grant: entry.grant.is_some(),
            scope: entry.scope,
            issued: entry.grant.map(|grant| Timestamp::from_millis(grant.issued)),
            expires: entry.expires,
        })
    }

    /// Whether the bearer of that token may ask what others are good for.
    pub fn may_introspect(&self, segment: &str, authorization: Option<&str>, now: Timestamp) -> bool {
        let snapshot = self.snapshot.load();
        self.verify(&snapshot, segment, authorization, now)
            .is_ok_and(|entry| entry.scope.introspect && admit(entry.tenant).is_ok())
    }

    /// Removes what has ended of what is kept for hours only. To be called now and then, by one process.
    pub async fn forget_ended(&self, now: Timestamp) -> Result<(), StoreError> {
        let store = &**self.directory.store();
        passing::forget(store, grant::REVOCATION, now, |_, _| Ok(Vec::new())).await?;
        passing::forget(store, spent::KIND, now, spent::entries).await?;
        idempotency::forget(store, now).await
    }
}

fn sentence(why: &str) -> String {
    let mut characters = why.chars();
    characters.next().map(|first| format!("{}{}.", first.to_uppercase(), characters.as_str())).unwrap_or_default()
}
