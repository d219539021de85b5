//! Whether a request that was accepted before may still be done: what lets nobody in any more ends what waits, too.

use scim_protocol::Timestamp;

use super::Access;
use crate::{
    profile,
    store::{ResourceId, StoreError},
    tenant::Tenant,
    token::LedgerError,
};

/// Why somebody who came in before would not be let in now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// The OAuth client is gone, disabled, or may not write any more.
    Client,
    /// The tenant is disabled.
    Tenant,
    /// The token was deleted, or has expired.
    Token,
}

impl Access {
    /// Why that token or client of the tenant would not be let in now; `None` if it would be. Access tokens that a
    /// client got end with their client: they last minutes, and are not kept.
    pub async fn barred(
        &self,
        tenant: &Tenant,
        actor: &str,
        is_client: bool,
        now: Timestamp,
    ) -> Result<Option<Barred>, StoreError> {
        if tenant.disabled {
            return Ok(Some(Barred::Tenant));
        }
        if is_client {
            let snapshot = self.snapshot.load();
            let client = ResourceId::parse(actor).and_then(|id| snapshot.clients.get(id));
            let may = client.is_some_and(|client| {
                let record = &client.record;
                record.tenant == tenant.id && !record.disabled && record.scope.scopes.write
            });
            return Ok((!may).then_some(Barred::Client));
        }
        // The table of another process may be older than the store.
        let may = match self.directory.ledger().find(tenant.id, actor).await {
            Ok(token) => token.is_live(now) && !profile::wants_assertions(tenant.profile()),
            Err(LedgerError::Store(error)) => return Err(error),
            Err(_) => false,
        };
        Ok((!may).then_some(Barred::Token))
    }
}
