//! What people call those whom events and records name by ids.

use std::collections::HashMap;

use super::AdminContext;
use crate::store::{StoreError, TenantId};

/// The names of a tenant's tokens and clients.
pub(super) struct Actors(HashMap<String, String>);

impl Actors {
    /// Those that there are now. Who is gone has no name any more.
    pub async fn of(context: &AdminContext, tenant: TenantId) -> Result<Self, StoreError> {
        let tokens = context.directory().ledger().list(tenant).await?;
        let clients = context.directory().clients().list(tenant).await?;
        let tokens = tokens.into_iter().filter_map(|token| Some((token.id.to_string(), token.name?)));
        let clients = clients.into_iter().map(|client| (client.id.to_string(), client.name));
        Ok(Self(tokens.chain(clients).collect()))
    }

    /// The name of one; `None` for one that has none, and for `admin` and `server`.
    pub fn name(&self, actor: &str) -> Option<&str> {
        self.0.get(actor).map(String::as_str)
    }

    /// The name, or what is there instead.
    pub fn called<'a>(&'a self, actor: &'a str) -> &'a str {
        self.name(actor).unwrap_or(actor)
    }
}
