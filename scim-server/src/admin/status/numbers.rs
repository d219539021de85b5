//! What is counted of a tenant: the calls that were refused, the days that tokens have left, and the quotas.

use std::collections::BTreeMap;

use scim_protocol::{Timestamp, schema::ResourceType};
use serde::Serialize;

use super::{Problem, State};
use crate::{
    admin::{AdminContext, RequestsView},
    command_line::line,
    metrics::Refused,
    oauth::Client,
    request_log::{Counted, Refusals},
    tenant::{Tenant, TenantRecord},
    token::Token,
};

/// From how many refused calls of a day on they are a problem, if they are also more than one in [`ONE_IN`].
const MANY: u64 = 10;
const ONE_IN: u64 = 10;
/// In milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;
/// From how many calls of a day over the rate on that is a problem: below that providers wait and go on.
const MANY_OVER_RATE: u64 = 100;

/// What lets a provider in, and for how long.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TenantCredential"))]
pub(super) struct Credential {
    /// The name of the token, or of the OAuth client; `null` for a token without one.
    name: Option<String>,
    /// The id of the token, or of the client's secret.
    id: String,
    kind: Kind,
    expires: String,
    /// Days until then, rounded up; 0 when it has ended.
    days_left: i64,
}

/// What it is.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TenantCredentialKind"))]
#[serde(rename_all = "lowercase")]
enum Kind {
    Token,
    Secret,
}

/// How much of a quota is used.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TenantQuota"))]
pub(super) struct Quota {
    pub used: u64,
    /// `null` for no limit.
    pub limit: Option<u64>,
}

impl Quota {
    /// What is wrong with the quota of a resource type.
    pub fn problem(&self, rt: &ResourceType) -> Option<Problem> {
        let (name, used, limit) = (&rt.name, self.used, self.limit?);
        if used >= limit {
            let detail = format!(
                "All {limit} of the quota for {name} are used: creations are refused with 403. Raise quotas.{name} in the settings of the tenant."
            );
            return Some(Problem::new(State::Failing, "QuotaUsedUp", detail));
        }
        (used >= limit - limit / 10).then(|| {
            let detail = format!("{used} of {limit} of the quota for {name} are used. Raise quotas.{name} in time.");
            Problem::new(State::Warning, "QuotaNearlyUsedUp", detail)
        })
    }

    /// Of a resource type of which there are so many.
    pub fn of(tenant: &Tenant, rt: &ResourceType, used: u64) -> Self {
        Self { used, limit: tenant.quota(rt) }
    }
}

/// Each token and secret, with the days that it has left.
pub(super) fn credentials(tokens: &[Token], clients: &[Client], now: Timestamp) -> Vec<Credential> {
    let tokens = tokens.iter().map(|token| Credential {
        name: token.name.clone(),
        id: token.id.to_string(),
        kind: Kind::Token,
        expires: token.expires().to_string(),
        days_left: token.days_left(now),
    });
    let secrets = clients.iter().flat_map(|client| {
        client.secrets.iter().map(|secret| Credential {
            name: Some(client.name.clone()),
            id: secret.id.to_string(),
            kind: Kind::Secret,
            expires: Timestamp::from_millis(secret.expires).to_string(),
            days_left: secret.days_left(now),
        })
    });
    tokens.chain(secrets).collect()
}

/// What the log of requests of this server has counted in the last 24 hours.
pub(super) struct Day {
    calls: Counted,
    refusals: Refusals,
}

impl Day {
    /// Of a tenant; `None` where this process keeps no log of requests.
    pub async fn of(context: &AdminContext, record: &TenantRecord, now: Timestamp) -> Option<Self> {
        let Some(RequestsView::Written(log)) = &context.requests else { return None };
        log.flush().await;
        let (calls, refusals) = log.counts().of_a_day(record.id, now);
        Some(Self { calls, refusals })
    }

    fn number(&self, why: Refused) -> u64 {
        self.refusals.get(why as usize).copied().unwrap_or_default()
    }

    /// How many were refused for their rate.
    pub fn rate_limited(&self) -> u64 {
        self.number(Refused::RateLimited)
    }

    /// How many were refused, by kind; those that there were.
    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        let all = Refused::ALL.into_iter().map(|why| (why.as_str(), self.number(why)));
        all.filter(|(_, number)| *number > 0).collect()
    }

    /// What is wrong with so many refusals. Who looks for somebody who is not there, or is slowed down, is not meant.
    pub fn problems(&self, tenant: &str, last_attempt: Option<Timestamp>, now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        let is_let_in = last_attempt.is_some_and(|at| now.as_millis() - at.as_millis() <= DAY);
        let strangers = self.number(Refused::Unauthenticated);
        if strangers >= MANY && !is_let_in {
            let detail = format!(
                "{strangers} calls of the last 24 hours had no valid token, and nobody was let in. `{}` says why; give the provider a token that is valid.",
                line(&["requests", "list", "--tenant", tenant, "--status", "401"])
            );
            problems.push(Problem::new(State::Warning, "NobodyLetIn", detail));
        }
        let meant = |why: &Refused| !matches!(why, Refused::NotFound | Refused::RateLimited | Refused::Unauthenticated);
        let kinds: Vec<_> = Refused::ALL.into_iter().filter(meant).filter(|why| self.number(*why) > 0).collect();
        let number: u64 = kinds.iter().map(|why| self.number(*why)).sum();
        if number >= MANY && number > self.calls.calls / ONE_IN {
            let kinds: Vec<_> = kinds.iter().map(|why| format!("{} {}", self.number(*why), why.as_str())).collect();
            let detail = format!(
                "{number} of the {} calls of the last 24 hours were refused or failed ({}), besides those that found nobody, had no valid token or came too fast. `{}` says why, and what to do.",
                self.calls.calls,
                kinds.join(", "),
                line(&["requests", "list", "--tenant", tenant, "--status", "4xx,5xx"])
            );
            problems.push(Problem::new(State::Warning, "CallsRefused", detail));
        }
        let limited = self.rate_limited();
        if limited >= MANY_OVER_RATE {
            let detail = format!(
                "{limited} calls of the last 24 hours were refused for their rate (429). Have the provider send fewer at a time, or raise rate_limit: `{}`.",
                line(&["tenant", "set", tenant, "--settings", "FILE"])
            );
            problems.push(Problem::new(State::Warning, "RateLimited", detail));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(calls: u64, refusals: &[(Refused, u64)], codes: &[&str]) {
        let mut day = Day { calls: Counted { calls, ..Counted::default() }, refusals: Refusals::default() };
        for (why, number) in refusals {
            day.refusals[*why as usize] = *number;
        }
        let now = Timestamp::from_millis(DAY);
        let problems = day.problems("acme", Some(Timestamp::from_millis(1)), now);
        assert_eq!(problems.iter().map(|one| one.code).collect::<Vec<_>>(), codes, "{calls} {refusals:?}");
    }

    #[test]
    fn many_refusals_are_a_problem_and_few_are_none() {
        check(0, &[], &[]);
        check(9, &[(Refused::Forbidden, 9)], &[]);
        check(10, &[(Refused::Forbidden, 6), (Refused::Failed, 4)], &["CallsRefused"]);
        check(100, &[(Refused::Invalid, 10)], &[]);
        check(1000, &[(Refused::NotFound, 900), (Refused::RateLimited, 99)], &[]);
        check(1000, &[(Refused::RateLimited, 100)], &["RateLimited"]);
        // Strangers knock, and the provider gets in all the same.
        check(1000, &[(Refused::Unauthenticated, 900)], &[]);
    }

    #[test]
    fn where_nobody_gets_in_that_is_told() {
        let mut day = Day { calls: Counted::default(), refusals: Refusals::default() };
        day.refusals[Refused::Unauthenticated as usize] = 10;
        let now = Timestamp::from_millis(3 * DAY);
        for last in [None, Some(Timestamp::from_millis(DAY))] {
            let problems = day.problems("acme", last, now);
            assert_eq!(problems.iter().map(|one| one.code).collect::<Vec<_>>(), ["NobodyLetIn"]);
        }
    }
}
