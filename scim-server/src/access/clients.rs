//! OAuth clients as requests see them: whether a client is who it says, and whether an access token is
//! still good.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use scim_protocol::{Error, Timestamp};
use subtle::ConstantTimeEq as _;

use super::{
    Access,
    last_use::{Use, Used},
};
use crate::{
    caller::Caller,
    command_line::line,
    oauth::{
        Check, Client, ClientSecret, Refused,
        client::{Keys, MOST_SECRETS, Trust},
        jwt::KeySet,
        trace::{self, Traced},
    },
    profile,
    store::{ResourceId, StoreError, TenantId},
    tenant::Tenant,
    token::secret::{self, Digest},
};

/// What a client shows of itself.
#[derive(Clone, Copy)]
pub enum Credentials<'a> {
    /// Its secret (RFC 6749 §2.3.1).
    Secret {
        /// The `client_id` in the request.
        client: &'a str,
        /// The secret.
        secret: &'a str,
    },
    /// An assertion of somebody whom the client trusts (RFC 7523 §2.2).
    Assertion {
        /// The `client_id` in the request, if there is one beside the assertion.
        client: Option<&'a str>,
        /// The assertion: a JWT.
        assertion: &'a str,
    },
}

/// A client that has shown who it is.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub(super) client: Arc<LiveClient>,
    /// By which of its secrets or trusts.
    pub(super) credential: ResourceId,
    /// Until when what it gets may be good, in milliseconds since the epoch.
    pub(super) until: i64,
}

impl Authenticated {
    /// Its `client_id`.
    pub fn id(&self) -> &Arc<str> {
        &self.client.name
    }

    /// The caller, for rate limits.
    pub fn caller(&self) -> Caller {
        let scopes = self.client.record.scope.scopes;
        Caller::client(Arc::clone(&self.client.tenant), Arc::clone(&self.client.name), scopes)
    }

    /// Whose it is.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.client.tenant
    }

    /// Whether it may ask what tokens are good for.
    pub fn introspects(&self) -> bool {
        self.client.record.scope.introspect
    }
}

/// A client of a tenant that is there.
#[derive(Debug)]
pub(super) struct LiveClient {
    pub record: Client,
    /// Its id as text, which callers carry as their name.
    pub name: Arc<str>,
    pub tenant: Arc<Tenant>,
    /// The last use of each secret and trust.
    pub uses: HashMap<ResourceId, Used>,
    /// The pasted keys of each trust that has them.
    pub keys: HashMap<ResourceId, Arc<KeySet>>,
}

/// All clients.
#[derive(Debug, Default)]
pub(super) struct LiveClients {
    clients: HashMap<ResourceId, Arc<LiveClient>>,
    /// Each trust by [its digest](crate::oauth::client::Trust::digest): whose it is, and which of them.
    trusts: HashMap<Digest, (ResourceId, usize)>,
}

impl LiveClients {
    /// These clients, of these tenants; what was noted of the `old` ones stays.
    pub fn new(clients: Vec<Client>, tenants: &HashMap<TenantId, Arc<Tenant>>, old: &Self) -> Self {
        let live = clients.into_iter().filter_map(|record| {
            let tenant = Arc::clone(tenants.get(&record.tenant)?);
            let before = old.clients.get(&record.id);
            let of_secrets = record.secrets.iter().map(|secret| (secret.id, secret.last_used));
            let of_trusts = record.trusts.iter().map(|trust| (trust.id, trust.last_used));
            let used = |(id, last)| {
                let known = before.and_then(|client| client.uses.get(&id)).cloned();
                (id, known.unwrap_or_else(|| Arc::new(Use::known(last))))
            };
            let uses = of_secrets.chain(of_trusts).map(used).collect();
            let keys = record.trusts.iter().filter_map(|trust| {
                let Keys::Jwks(set) = &trust.keys else { return None };
                Some((trust.id, Arc::new(KeySet::parse(set.to_string().as_bytes()).unwrap_or_default())))
            });
            let keys = keys.collect();
            let (id, name) = (record.id, record.id.to_string().into());
            Some((id, Arc::new(LiveClient { record, name, tenant, uses, keys })))
        });
        let clients: HashMap<_, Arc<LiveClient>> = live.collect();
        let trusts = clients.values().flat_map(|client| {
            let Client { id, tenant, trusts, .. } = &client.record;
            trusts.iter().enumerate().map(|(at, trust)| (trust.digest(*tenant), (*id, at)))
        });
        let trusts = trusts.collect();
        Self { clients, trusts }
    }

    /// The client with that id.
    pub fn get(&self, id: ResourceId) -> Option<&Arc<LiveClient>> {
        self.clients.get(&id)
    }

    /// The client with a trust in exactly this issuer, subject and audience.
    pub fn trusting(&self, digest: &Digest) -> Option<(&Arc<LiveClient>, &Trust)> {
        let (id, at) = self.trusts.get(digest)?;
        let client = self.clients.get(id)?;
        Some((client, client.record.trusts.get(*at)?))
    }

    /// All of all tenants.
    pub fn all(&self) -> impl Iterator<Item = &Arc<LiveClient>> {
        self.clients.values()
    }

    /// All of a tenant.
    pub fn of_tenant(&self, tenant: TenantId) -> impl Iterator<Item = &Arc<LiveClient>> {
        self.clients.values().filter(move |client| client.record.tenant == tenant)
    }

    /// Each secret and trust, with its client and its last use.
    pub fn uses(&self) -> impl Iterator<Item = (ResourceId, ResourceId, &Used)> {
        self.clients.values().flat_map(|client| client.uses.iter().map(|(id, used)| (client.record.id, *id, used)))
    }
}

impl LiveClient {
    pub fn require_enabled(&self) -> Result<(), Check> {
        let disabled = || Check::new("client", "one that is enabled", "a disabled one");
        if self.record.disabled { Err(disabled()) } else { Ok(()) }
    }

    fn require_no_assertion(&self) -> Result<(), Check> {
        let wanted = profile::wants_assertions(self.tenant.profile());
        if wanted {
            Err(Check::new("credentials", "an assertion, by the tenant's profile", "a secret"))
        } else {
            Ok(())
        }
    }
}

/// Which of these secrets a text is, and when that one ends. An unknown client has none of them, and takes the same
/// steps as a known one: the time of a refusal must not tell which clients there are.
fn by_secret(secrets: &[ClientSecret], text: &str, now: Timestamp) -> Result<(ResourceId, i64), Check> {
    let form = || {
        let came = format!("{} characters of another form", text.chars().count());
        Check::new(
            "secret",
            "scimcs_ with 49 letters and digits behind it, the last 6 of which check the others",
            &came,
        )
    };
    let digest = secret::parse_client(text).ok_or_else(form)?;
    let number = secrets.len();
    let found = matching(secrets, |known| known.ct_eq(&digest).into())
        .ok_or_else(|| Check::new("secret", format!("one of the {number} that the client has"), "another one"))?;
    if !found.is_live(now) {
        let came = format!("{}, which ended {}", found.id, Timestamp::from_millis(found.expires));
        return Err(Check::new("secret", "one that has not ended", &came));
    }
    Ok((found.id, found.expires))
}

/// The secret whose digest is the same. It compares as often as a client has secrets at most, however many there are
/// and whichever it is.
fn matching(secrets: &[ClientSecret], mut same: impl FnMut(&Digest) -> bool) -> Option<&ClientSecret> {
    let mut found = None;
    for at in 0..MOST_SECRETS {
        let secret = secrets.get(at);
        if same(secret.map_or(&[0; 32], |secret| &secret.digest)) {
            found = found.or(secret);
        }
    }
    found
}

impl Access {
    /// Verifies what a client of that tenant shows of itself. Whatever is wrong is `invalid_client`.
    pub async fn authenticate_client(
        &self,
        segment: &str,
        credentials: Credentials<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, Error> {
        match credentials {
            Credentials::Secret { client, secret } => Ok(self.by_secret(segment, client, secret, now)?),
            Credentials::Assertion { client, assertion } => self.by_assertion(segment, client, assertion, now).await,
        }
    }

    /// Notes why a client was refused, for its trace.
    pub(super) fn trace(&self, client: ResourceId, refused: Refused, now: Timestamp) -> Refused {
        if let Some(grants) = &self.grants {
            grants.traces.note(client, &refused.checks, now);
        }
        refused
    }

    /// The last refusals of a client, the newest last.
    pub async fn traced(&self, client: ResourceId) -> Result<VecDeque<Traced>, StoreError> {
        self.flush_traces().await?;
        trace::read(&**self.directory.store(), client).await
    }

    /// Writes down what was noted for traces. For a task that runs every few seconds, and for the end.
    pub async fn flush_traces(&self) -> Result<(), StoreError> {
        match &self.grants {
            Some(grants) => grants.traces.flush(&**self.directory.store()).await,
            None => Ok(()),
        }
    }

    /// Reminds of the secrets of clients that near their end: an event and a log record for each for which one is
    /// due. Meant to be called at least once an hour.
    pub async fn remind_of_secrets(&self, now: Timestamp) -> Result<(), StoreError> {
        for (client, secret) in self.directory.clients().remind(now).await? {
            let tenant = self.tenant_of(client.tenant);
            let tenant = tenant.as_ref().map_or("", |tenant| tenant.name.as_str());
            let (name, expires) = (&client.name, Timestamp::from_millis(secret.expires));
            let rotate = line(&["client", "rotate", name, "--tenant", tenant]);
            let delete =
                |id: ResourceId| line(&["client", "secret", "delete", name, &id.to_string(), "--tenant", tenant]);
            let advice = client.step(&secret, now).advice(secret.id, &rotate, delete);
            if secret.is_live(now) {
                let days_left = secret.days_left(now);
                tracing::warn!(tenant, client = name, secret = %secret.id, %expires, days_left,
                    "a secret of an OAuth client nears its end: {advice}");
            } else {
                tracing::warn!(tenant, client = name, secret = %secret.id, %expires,
                    "a secret of an OAuth client has ended: {advice}");
            }
        }
        Ok(())
    }

    fn by_secret(&self, segment: &str, id: &str, secret: &str, now: Timestamp) -> Result<Authenticated, Refused> {
        let snapshot = self.snapshot.load();
        let known = ResourceId::parse(id).and_then(|id| snapshot.clients.get(id));
        let known = known.filter(|client| TenantId::parse(segment) == Some(client.record.tenant));
        // First, and whatever else is wrong.
        let verified = by_secret(known.map_or(&[], |client| &client.record.secrets), secret, now);
        let Some(client) = known else { return Err(Refused::client(vec![unknown(id)])) };
        let enabled = client.require_enabled().and_then(|()| client.require_no_assertion());
        let verified = enabled.and(verified);
        let refuse = |check| self.trace(client.record.id, Refused::client(vec![check]), now);
        let (credential, until) = verified.map_err(refuse)?;
        Ok(Authenticated { client: Arc::clone(client), credential, until })
    }
}

/// The check that an unknown client fails. A name that is no id may be a secret in the wrong place, so it is not shown.
pub(super) fn unknown(id: &str) -> Check {
    let came = match ResourceId::parse(id) {
        Some(id) => id.to_string(),
        None => format!("{} characters that are no id", id.chars().count()),
    };
    Check::new("client_id", "a client of this tenant", &came)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(digest: Digest) -> ClientSecret {
        let id = ResourceId(uuid::Uuid::from_u128(u128::from(digest[0])));
        ClientSecret { id, digest, created: 0, expires: 10, meant: None, last_used: None, reminded: None }
    }

    #[test]
    fn unknown_clients_and_wrong_secrets_take_the_same_steps() {
        let (one, other) = (secret([1; 32]), secret([2; 32]));
        for (secrets, shown, expect) in [
            (&[][..], [1; 32], None),
            (&[], [0; 32], None),
            (std::slice::from_ref(&one), [3; 32], None),
            (std::slice::from_ref(&one), [0; 32], None),
            (std::slice::from_ref(&one), [1; 32], Some(one.id)),
            (&[one.clone(), other.clone()], [1; 32], Some(one.id)),
            (&[one.clone(), other.clone()], [2; 32], Some(other.id)),
            (&[one.clone(), other.clone()], [3; 32], None),
        ] {
            let mut compared = 0;
            let found = matching(secrets, |digest| {
                compared += 1;
                *digest == shown
            });
            assert_eq!((found.map(|secret| secret.id), compared), (expect, MOST_SECRETS), "{secrets:?}");
        }
    }
}
