//! Client assertions (RFC 7523 §2.2 and §3): somebody whom a client trusts has signed that it is the one.

use std::sync::Arc;

use scim_protocol::{Error, Timestamp};

use super::{
    Access, Authenticated,
    clients::{LiveClient, LiveClients, unknown},
};
use crate::{
    oauth::{
        Check, Refused,
        client::{Keys, Trust, trust_digest},
        jwt::Claims,
        jwt::{ASSERTION, KeySet, Unverified},
        spent,
    },
    profile,
    store::{ResourceId, TenantId},
};

/// How far clocks may be apart.
const LEEWAY: i64 = 60 * 1000;
/// The longest time that an assertion may have before it.
const LONGEST: i64 = 24 * 60 * 60 * 1000;
/// The longest `jti`.
const MOST_JTI: usize = 512;

/// Times of an assertion, in milliseconds since the epoch.
struct Times {
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
}

impl Access {
    /// Verifies an assertion for a client of that tenant, and spends it. `id` is the client that is named beside
    /// it; it must be the one that the assertion stands for.
    pub(super) async fn by_assertion(
        &self,
        segment: &str,
        id: Option<&str>,
        assertion: &str,
        now: Timestamp,
    ) -> Result<Authenticated, Error> {
        let snapshot = self.snapshot.load_full();
        let clients = &snapshot.clients;
        let tenant = TenantId::parse(segment).filter(|tenant| snapshot.tenants.contains_key(tenant));
        let nobody = || Refused::client(vec![unknown(id.unwrap_or_default())]);
        let tenant = tenant.ok_or_else(nobody)?;
        let named = match id {
            None => None,
            Some(id) => {
                let known = ResourceId::parse(id).and_then(|id| clients.get(id));
                Some(known.filter(|client| client.record.tenant == tenant).ok_or_else(nobody)?)
            }
        };
        let about_named = |checks| {
            let refused = Refused::client(checks);
            named.map_or(refused.clone(), |client| self.trace(client.record.id, refused, now))
        };
        let token = Unverified::parse(assertion, &ASSERTION).map_err(|check| about_named(vec![check]))?;
        let found = trusting(clients, tenant, named, &token.claims);
        let (client, trust) = match found {
            Found::Exactly(client, trust) => (client, trust),
            Found::Nearly(client, checks) => return Err(self.trace(client, Refused::client(checks), now).into()),
            Found::Nobody(check) => return Err(about_named(vec![check]).into()),
        };
        let refuse = |check| Error::from(self.trace(client.record.id, Refused::client(vec![check]), now));
        client.require_enabled().map_err(refuse)?;
        let times = Times::of(&token.claims);
        let checks = times.wrong(now);
        if !checks.is_empty() {
            return Err(self.trace(client.record.id, Refused::client(checks), now).into());
        }
        let keys = self.keys(client, trust, &token, now).await.map_err(refuse)?;
        token.verify(&keys).map_err(refuse)?;
        if token.claims.jti.is_none() && profile::wants_assertions(client.tenant.profile()) {
            return Err(refuse(Check::new("jti", "one, by the tenant's profile", "none")));
        }
        if let Some(jti) = &token.claims.jti {
            self.spend(tenant, &token.claims.iss, jti, times.exp).await?.map_err(refuse)?;
        }
        let until = if times.exp > now.as_millis() { times.exp } else { times.exp + LEEWAY };
        Ok(Authenticated { client: Arc::clone(client), credential: trust.id, until })
    }

    /// The keys that the assertion may be signed by.
    async fn keys(
        &self,
        client: &LiveClient,
        trust: &Trust,
        token: &Unverified<'_>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, Check> {
        let none = || Check::new("keys", "the JWK Set of the issuer", "none");
        match &trust.keys {
            Keys::Jwks(_) => client.keys.get(&trust.id).cloned().ok_or_else(none),
            Keys::JwksUri(address) => {
                let grants = self.grants.as_ref().ok_or_else(none)?;
                grants.jwks.keys(address, token.key.as_deref(), token.algorithm, now).await
            }
        }
    }

    /// Notes that an assertion was used. It must not have been before, at any process.
    async fn spend(&self, tenant: TenantId, issuer: &str, jti: &str, exp: i64) -> Result<Result<(), Check>, Error> {
        if jti.len() > MOST_JTI {
            return Ok(Err(Check::new("jti", format!("at most {MOST_JTI} bytes"), &format!("{} bytes", jti.len()))));
        }
        let store = &**self.directory.store();
        let is_first = spent::spend(store, tenant, issuer, jti, exp + LEEWAY).await?;
        Ok(if is_first { Ok(()) } else { Err(Check::new("jti", "one that was not used before", jti)) })
    }
}

/// For whom an assertion stands.
enum Found<'a> {
    /// A client trusts exactly this issuer, subject and audience.
    Exactly(&'a Arc<LiveClient>, &'a Trust),
    /// None does, and this client comes next; what is different.
    Nearly(ResourceId, Vec<Check>),
    /// None does, and none comes near.
    Nobody(Check),
}

/// The client that trusts the assertion: the one that is `named`, or any of the tenant. Everything must match exactly;
/// the trust that comes nearest is for the trace only.
fn trusting<'a>(
    clients: &'a LiveClients,
    tenant: TenantId,
    named: Option<&'a Arc<LiveClient>>,
    claims: &Claims,
) -> Found<'a> {
    for audience in claims.aud.all() {
        let digest = trust_digest(tenant, &claims.iss, &claims.sub, audience);
        if let Some((client, trust)) = clients.trusting(&digest)
            && named.is_none_or(|named| named.record.id == client.record.id)
        {
            return Found::Exactly(client, trust);
        }
    }
    let of_named = named.into_iter();
    let of_tenant = clients.of_tenant(tenant).filter(|_| named.is_none());
    let all =
        of_named.chain(of_tenant).flat_map(|client| client.record.trusts.iter().map(move |trust| (client, trust)));
    let nearest =
        all.map(|(client, trust)| (client, differences(trust, claims))).min_by_key(|(_, checks)| checks.len());
    match nearest {
        Some((client, checks)) if named.is_some() || checks.len() < 3 => Found::Nearly(client.record.id, checks),
        _ => Found::Nobody(Check::new("issuer", "one that the client trusts", &claims.iss)),
    }
}

fn differences(trust: &Trust, claims: &Claims) -> Vec<Check> {
    let mut checks = Vec::new();
    if claims.iss != trust.issuer {
        checks.push(Check::new("issuer", &trust.issuer, &claims.iss));
    }
    if claims.sub != trust.subject {
        checks.push(Check::new("subject", &trust.subject, &claims.sub));
    }
    if !claims.aud.all().contains(&trust.audience) {
        checks.push(Check::new("audience", &trust.audience, &claims.aud.all().join(" ")));
    }
    checks
}

impl Times {
    fn of(claims: &Claims) -> Self {
        Self { exp: millis(claims.exp), nbf: claims.nbf.map(millis), iat: claims.iat.map(millis) }
    }

    /// What is wrong with them, at that instant.
    fn wrong(&self, now: Timestamp) -> Vec<Check> {
        let at = now.as_millis();
        let time = |millis: i64| Timestamp::from_millis(millis.clamp(0, MOST_TIME)).to_string();
        let mut checks = Vec::new();
        if self.exp <= at - LEEWAY {
            checks.push(Check::new("exp", format!("later than {now}"), &time(self.exp)));
        }
        if self.exp > at + LONGEST + LEEWAY {
            checks.push(Check::new("exp", "within a day", &time(self.exp)));
        }
        for (name, instant) in [("nbf", self.nbf), ("iat", self.iat)] {
            if let Some(instant) = instant.filter(|instant| *instant > at + LEEWAY) {
                checks.push(Check::new(name, format!("not later than {now}"), &time(instant)));
            }
        }
        checks
    }
}

/// The end of the year 9999, after which no time can be shown.
const MOST_TIME: i64 = 253_402_300_799_000;

/// Seconds since the epoch, which may have a fraction (RFC 7519 §2), as milliseconds.
fn millis(seconds: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "the conversion saturates, and the range is checked behind it")]
    let millis = (seconds * 1000.0) as i64;
    millis.clamp(-MOST_TIME, MOST_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(exp: f64, nbf: Option<f64>, iat: Option<f64>, expect: &[&str]) {
        let times = Times { exp: millis(exp), nbf: nbf.map(millis), iat: iat.map(millis) };
        let wrong = times.wrong(Timestamp::from_millis(1_000_000_000));
        let wrong: Vec<_> = wrong.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(wrong, expect, "{exp} {nbf:?} {iat:?}");
    }

    #[test]
    fn times_have_a_minute_of_leeway_and_no_more() {
        let now = 1_000_000.0;
        check(now + 300.0, Some(now), Some(now - 5.0), &[]);
        check(now - 59.9, Some(now + 60.0), Some(now + 60.0), &[]);
        check(now - 60.0, None, None, &["exp"]);
        check(now + 300.0, Some(now + 60.1), None, &["nbf"]);
        check(now + 300.0, None, Some(now + 61.0), &["iat"]);
        check(now + 86_460.0, None, None, &[]);
        check(now + 86_461.0, None, None, &["exp"]);
        for wild in [f64::MAX, f64::MIN, f64::INFINITY, f64::NAN, -1.0, 0.0, 1e300] {
            check(wild, None, None, &["exp"]);
        }
    }
}
