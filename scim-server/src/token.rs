//! Bearer tokens (RFC 6750): how they look, how they are stored, who they let in.

use std::sync::Arc;

use crate::tenant::Tenant;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes {
    /// Retrieve and query.
    pub read: bool,
    /// Create, replace, modify, delete.
    pub write: bool,
}

/// Someone whose token was verified. Only [`crate::token`] can make one, and every operation needs
/// one: that one tenant cannot see another is a matter of types.
#[derive(Debug, Clone)]
pub struct Caller {
    tenant: Arc<Tenant>,
    actor: Arc<str>,
    scopes: Scopes,
}

impl Caller {
    /// The tenant that the token belongs to.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The token's id (or `admin`, for an administrator at the command line).
    pub fn actor(&self) -> &Arc<str> {
        &self.actor
    }

    /// What the token may do.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }
}
