//! Silence: a tenant whose provider has not called for longer than the tenant's `silence_after`.
//!
//! Nobody sees that nothing comes. So the log tells it: one event when a tenant falls silent, one when calls return. A
//! record of the system's own says which tenants were told to be silent, so that another process, or the same one after
//! a restart, does not tell it again.

mod cycle;

use std::collections::{HashMap, HashSet};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::cycle::Cycles;
use crate::{
    access::{Access, Served},
    event::{Action, Deed, Event, SERVER},
    oauth::Client,
    own,
    store::{Body, Commit, Header, ResourceId, ResourceKey, Start, Store, StoreError, TenantId, TypeName, Write},
    tenant::{self, Settings, SilenceAfter, Tenant},
    token::Token,
};

/// The kind of record.
const KIND: &str = "Silence";
/// How many records are read at a time.
const PAGE: usize = 500;

/// That a tenant was told to be silent.
#[derive(Serialize, Deserialize)]
struct Silence {
    /// The last call before it, in milliseconds since the epoch.
    last_call: i64,
}

impl Silence {
    fn body(&self) -> Result<Body, StoreError> {
        own::body("", self)
    }
}

/// The last call of a provider with one of these tokens, or as one of these clients, of those that may write: an
/// application that reads events with a token of its own is no provider. Also what was served before, when the token of it
/// is gone.
pub fn last_call(access: &Access, tokens: &[Token], clients: &[Client], served: Served) -> Option<Timestamp> {
    let served = served.last_call.map(Timestamp::from_millis);
    let tokens = tokens.iter().filter(|token| token.scopes.write).filter_map(|token| access.last_used(token));
    let clients = clients.iter().filter(|client| client.scope.scopes.write);
    tokens.chain(clients.filter_map(|client| last_call_of(access, client))).chain(served).max()
}

/// After how many milliseconds without a call a tenant with these settings is silent; `None` for never, or while too little
/// is learnt of its provider.
pub async fn limit(
    store: &dyn Store,
    tenant: TenantId,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    match settings.silence_after {
        None => Ok(None),
        Some(SilenceAfter::Learnt) => cycle::limit(store, tenant, now).await,
        Some(SilenceAfter::Set(window)) => {
            let millis = i64::try_from(window.length().as_millis()).unwrap_or(i64::MAX);
            Ok(Some(millis).filter(|millis| *millis > 0))
        }
    }
}

/// Whether so many milliseconds and more have gone by since the last call.
pub fn is_longer(limit: Option<i64>, last_call: Timestamp, now: Timestamp) -> bool {
    limit.is_some_and(|limit| now.as_millis().saturating_sub(last_call.as_millis()) > limit)
}

/// Looks at every tenant, and tells what has changed since the last look.
pub async fn look(access: &Access, store: &dyn Store, cycles: &mut Cycles, now: Timestamp) -> Result<(), StoreError> {
    let mut told = told(store).await?;
    for tenant in access.tenants() {
        let silence = told.remove(&tenant.id);
        if tenant.settings.silence_after != Some(SilenceAfter::Learnt) {
            cycles.forget(store, tenant.id).await?;
        }
        if tenant.settings.silence_after.is_none() && silence.is_none()
            || tenant.disabled
            || tenant.importing
            || store.is_away(tenant.home)
        {
            continue;
        }
        look_at(access, store, cycles, &tenant, silence, now).await?;
    }
    // Of tenants that are gone.
    for tenant in told.into_keys() {
        forget(store, tenant).await?;
    }
    Ok(())
}

async fn look_at(
    access: &Access,
    store: &dyn Store,
    cycles: &mut Cycles,
    tenant: &Tenant,
    silence: Option<Silence>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tokens = access.directory().ledger().list(tenant.id).await?;
    let clients = access.directory().clients().list(tenant.id).await?;
    let last = last_call(access, &tokens, &clients, access.served(tenant.id).await?);
    if let (Some(SilenceAfter::Learnt), Some(last)) = (tenant.settings.silence_after, last) {
        cycles.learn(store, tenant.id, last, silence.is_some(), now).await?;
    }
    let limit = limit(store, tenant.id, &tenant.settings, now).await?;
    match (silence, last) {
        (None, Some(last)) if is_longer(limit, last, now) => {
            tracing::warn!(tenant = tenant.name, last_call = %last, "nobody provisions the tenant any more: look at the provider's own log");
            let silence = Silence { last_call: last.as_millis() };
            // Refused if another process has told it meanwhile.
            let write = Write::Return(key(tenant.id), silence.body()?, Header::default());
            tell(store, tenant, Deed::ProvisioningSilent, write).await
        }
        (Some(before), Some(last)) if last.as_millis() > before.last_call => {
            tracing::info!(tenant = tenant.name, last_call = %last, "the tenant is provisioned again");
            tell(store, tenant, Deed::ProvisioningResumed, Write::Delete(key(tenant.id))).await
        }
        (Some(_), _) if tenant.settings.silence_after.is_none() => forget(store, tenant.id).await,
        _ => Ok(()),
    }
}

/// When a client was last let in with any of its secrets and trusts.
fn last_call_of(access: &Access, client: &Client) -> Option<Timestamp> {
    let of_secrets = client.secrets.iter().map(|secret| (secret.id, secret.last_used));
    let of_trusts = client.trusts.iter().map(|trust| (trust.id, trust.last_used));
    let known = |(id, stored): (ResourceId, Option<i64>)| access.last_used_by(client.id, id).max(stored);
    of_secrets.chain(of_trusts).filter_map(known).max().map(Timestamp::from_millis)
}

/// Tells it in the tenant's log, and notes in the same commit that it is told.
async fn tell(store: &dyn Store, tenant: &Tenant, deed: Deed, note: Write) -> Result<(), StoreError> {
    let event = Event::new(Action::Remind, SERVER, tenant::record::KIND, ResourceId(tenant.id.0));
    let mut commit = Commit::bookkeeping(TypeName::from(KIND), ResourceId(tenant.id.0));
    commit.writes.push(note);
    commit.told.push((tenant.home, Event { deed: Some(deed), ..event }));
    match store.commit(commit).await {
        Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Ok(()),
        done => done.map(drop),
    }
}

/// The tenants whose providers have fallen silent and have not called since.
pub async fn silent(store: &dyn Store) -> Result<HashSet<TenantId>, StoreError> {
    Ok(told(store).await?.into_keys().collect())
}

/// The tenants that were told to be silent.
async fn told(store: &dyn Store) -> Result<HashMap<TenantId, Silence>, StoreError> {
    let (mut told, mut from) = (HashMap::new(), Start::Offset(0));
    loop {
        let page = store.resources(TenantId::SYSTEM, &TypeName::from(KIND), from, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(told) };
        from = Start::After(*last);
        for (id, record) in page.iter() {
            let silence = own::read(record, format_args!("the silence of tenant {id}"))?;
            told.insert(TenantId(id.0), silence);
        }
    }
}

async fn forget(store: &dyn Store, tenant: TenantId) -> Result<(), StoreError> {
    let mut commit = Commit::bookkeeping(TypeName::from(KIND), ResourceId(tenant.0));
    commit.writes.push(Write::Delete(key(tenant)));
    match store.commit(commit).await {
        Err(StoreError::Missing(_)) => Ok(()),
        done => done.map(drop),
    }
}

fn key(tenant: TenantId) -> ResourceKey {
    own::key(KIND, ResourceId(tenant.0))
}
