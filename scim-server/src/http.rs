//! HTTP: the only part of the server that knows hyper, and the only one that turns an error into a
//! response. The life of a request is in [`handler`], every step in order.

pub mod body;
pub mod forwarded;
pub mod handler;
pub mod limit;
mod linger;
pub mod listen;
mod oauth;
pub mod pages;
pub mod peer;
pub mod refusals;
pub mod request;
pub mod response;
pub mod route;
pub mod tls;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use scim_protocol::Timestamp;
use tokio::sync::watch;
use traces::Traces;
use uuid::Uuid;

use self::limit::RetryAfter;
use crate::{
    access::Access,
    audit::AuditLog,
    caller::Caller,
    clock::Clock,
    completer::Completer,
    event::{Action, Deed, Event, SERVER},
    log,
    metrics::Metrics,
    operation::Operations,
    profile::{self, Profile},
    request_log::RequestLog,
    store::{ResourceId, TenantId},
    token,
    webhook::Sender,
};

/// The settings that may change while the server runs.
#[derive(Debug, Clone)]
pub struct Reloadable {
    /// Where clients reach the server.
    pub public: request::Public,
    /// Requests a second for each token of `rfc` tenants without a rate of their own; 0 is no limit.
    pub rate_limit: u32,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// The largest body of a bulk request, in bytes.
    pub bulk_max_body: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long a query may be worked on.
    pub request_timeout: Duration,
    /// Of how many tenants the metrics show how they stand.
    pub metrics_tenants: usize,
    /// What `awsRegion` says in the audit records of `identity-center` tenants.
    pub audit_region: Arc<str>,
}

/// Requests a second of a tenant under the `identity-center` profile.
pub const IDENTITY_CENTER_RATE: u32 = 20;

/// Answers requests. Shared by all connections.
pub struct Service {
    /// What requests ask for.
    pub operations: Arc<Operations>,
    /// Who may ask.
    pub access: Arc<Access>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where each call is recorded.
    pub audit: Option<Arc<AuditLog>>,
    /// Where calls can be searched.
    pub requests: Option<Arc<RequestLog>>,
    /// Calls without a valid token, which are not recorded one by one.
    pub refusals: refusals::Refusals,
    /// Guesses at tokens, per address.
    pub addresses: limit::AddressLimit,
    /// Requests without a token, per address: apart, so that whoever reads discovery documents does
    /// not use up what keeps good tokens of the same address going.
    pub anonymous: limit::AddressLimit,
    /// Requests per token.
    pub tokens: limit::TokenLimit,
    /// Tokens whose requests were refused for their rate, and when that was told.
    pub limited: limit::Told,
    /// What may change.
    pub settings: ArcSwap<Reloadable>,
    /// What writes pages for people.
    pub pages: Arc<dyn pages::Pages>,
    /// What completes requests later.
    pub completer: Arc<Completer>,
    /// The way out for webhooks.
    pub sender: Arc<Sender>,
    /// The names of the sinks of this server.
    pub sinks: Arc<[&'static str]>,
    /// Whoever goes on with a write when its client has gone holds a receiver until the write has its line in the audit
    /// log.
    pub writing: watch::Sender<()>,
    /// Where spans are recorded, if they are sent at all.
    pub traces: Option<Arc<Traces>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Service {
    /// Counts one request against the caller's rate. Under `identity-center` all tokens of a tenant share one rate,
    /// as in AWS IAM Identity Center; otherwise each token has its own.
    async fn take_turn(&self, caller: &Caller) -> Result<(), RetryAfter> {
        let tenant = caller.tenant();
        let set = tenant.settings.rate_limit;
        match tenant.settings.profile {
            Profile::IdentityCenter => {
                let (together, rate) = (Arc::from(tenant.id.to_string()), set.unwrap_or(IDENTITY_CENTER_RATE));
                self.tokens.check(&together, rate)?;
                self.share_turns(tenant.id, rate).await
            }
            Profile::IpsieAl1 | Profile::IpsieAl2 => {
                let least = profile::least_rate(tenant.settings.profile).unwrap_or_default();
                self.tokens.check(caller.actor(), set.unwrap_or(least * 4))
            }
            Profile::Rfc => self.tokens.check(caller.actor(), set.unwrap_or_else(|| self.settings.load().rate_limit)),
        }
    }

    /// Counts a request among those of all processes on the store. If the store does not answer, the request goes on,
    /// and says so itself.
    async fn share_turns(&self, tenant: TenantId, rate: u32) -> Result<(), RetryAfter> {
        if rate == 0 || !self.operations.store.is_shared() {
            return Ok(());
        }
        match self.operations.store.take_turn(tenant, rate).await {
            Ok(false) => Err(RetryAfter::after(Duration::from_secs(1))),
            Ok(true) | Err(_) => Ok(()),
        }
    }
}

impl Service {
    /// Tells in the tenant's log that requests of a token were refused for their rate, once in a while.
    fn tell_limited(&self, caller: &Caller, now: Timestamp) {
        let Some(token) = ResourceId::parse(caller.actor()) else { return };
        if !self.limited.is_news(token, now) {
            return;
        }
        let (access, home) = (Arc::clone(&self.access), caller.tenant().home);
        let event = Event::new(Action::Administer, SERVER, token::record::KIND, token);
        let event = Event { deed: Some(Deed::TokenLimited), ..event };
        tokio::spawn(log::within_same(async move {
            if let Err(error) = access.directory().tell(home, event).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, %token, "cannot tell that the requests of a token were refused for their rate");
            }
        }));
    }
}

/// An id for a request, in the order of time.
fn request_id(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.as_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}
