//! Where this server is reached for tests of connections, and how often that is tried.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use crate::{
    http::{limit::RetryAfter, pages::Asked},
    store::TenantId,
};

/// How often a tenant's connection is tested: five times at once, and as often in a minute.
pub(super) const OFTEN: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// What the tests of all tenants share.
pub(super) struct Reach {
    /// Where this server is when no setting says so; nothing where its certificate is for a name that is not known.
    own: Option<String>,
    often: DefaultKeyedRateLimiter<TenantId>,
}

impl Reach {
    pub(super) fn new(own: Option<String>) -> Self {
        Self { own, often: RateLimiter::keyed(Quota::per_minute(OFTEN)) }
    }

    /// What the server's URLs begin with: as set, or as it listens. Never as a browser says, which would have the
    /// server call whatever that likes.
    pub(super) fn base(&self, asked: &Asked<'_>) -> Option<String> {
        if asked.is_set { Some(asked.base.clone()) } else { self.own.clone() }
    }

    /// Takes one test off what this tenant has of them; when the next makes sense, if it has none left.
    pub(super) fn take_turn(&self, tenant: TenantId) -> Result<(), RetryAfter> {
        let turn = self.often.check_key(&tenant);
        turn.map_err(|not_until| RetryAfter::after(not_until.wait_time_from(self.often.clock().now())))
    }
}
