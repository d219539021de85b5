//! The authenticated client: every operation takes a [`Caller`], and every caller has exactly one tenant.

use std::sync::Arc;

use crate::{
    event::{self, Action, Event},
    ids::ResourceId,
    tenant::Tenant,
    token::Scopes,
};

/// A client whose token was verified, or an administrator. Every operation needs one, so the types guarantee that one
/// tenant cannot see another.
#[derive(Debug, Clone)]
pub struct Caller {
    tenant: Arc<Tenant>,
    actor: Arc<str>,
    scopes: Scopes,
    is_client: bool,
    /// What people call the token or the client.
    name: Option<Arc<str>>,
    /// As whom it writes, where that is not its id.
    writer: Option<Arc<str>>,
}

impl Caller {
    /// The bearer of a token. Only [`crate::access`] calls this, having verified the token.
    pub(crate) fn bearer(tenant: Arc<Tenant>, token: Arc<str>, scopes: Scopes) -> Self {
        Self { tenant, actor: token, scopes, is_client: false, name: None, writer: None }
    }

    /// An OAuth client. Only [`crate::access`] calls this, having verified its access token or how it authenticated.
    pub(crate) fn client(tenant: Arc<Tenant>, client: Arc<str>, scopes: Scopes) -> Self {
        Self { tenant, actor: client, scopes, is_client: true, name: None, writer: None }
    }

    /// An administrator, who may do everything in that tenant. `actor` is what events call them.
    pub fn administrator(tenant: Arc<Tenant>, actor: Arc<str>) -> Self {
        Self { tenant, actor, scopes: Scopes::ALL, is_client: false, name: None, writer: None }
    }

    /// Whether it is an administrator.
    pub fn is_administrator(&self) -> bool {
        event::is_administrator(&self.actor)
    }

    /// The same with what people call the token or the client, and as whom it writes.
    #[must_use]
    pub(crate) fn named(self, name: Option<Arc<str>>, writer: Option<Arc<str>>) -> Self {
        Self { name, writer, ..self }
    }

    /// As whom it writes, which a rotation of its token does not change: its name in one case, or for tokens without one
    /// the id of the first of those that replaced each other.
    pub fn writer(&self) -> &str {
        self.writer.as_deref().unwrap_or(&self.actor)
    }

    /// What people call the token or the client.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The tenant that the token belongs to.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// Whether it is an OAuth client, which knows its scopes by the words of [`crate::oauth`].
    pub fn is_client(&self) -> bool {
        self.is_client
    }

    /// The id of the token or of the OAuth client (or what events call an administrator).
    pub fn actor(&self) -> &Arc<str> {
        &self.actor
    }

    /// What it does to a resource, as the log tells it. Nothing more is known of it yet.
    pub fn event(&self, action: Action, resource_type: &str, target: ResourceId) -> Event {
        Event { by_client: self.is_client, ..Event::new(action, &self.actor, resource_type, target) }
    }

    /// What the token may do.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }
}
