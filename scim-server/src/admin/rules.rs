//! What a tenant makes of its users, by rules: what applications are told, and what is rewritten of what comes in.

use serde::{Deserialize, Serialize};

use super::{
    AdminContext, AdminError, Output,
    access::{self, AccessRequest},
    mapping::{self, MappingRequest},
    roles::{self, RoleRequest},
};

/// What is to be done with the rules of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RulesRequest {
    /// About access attributes.
    Access(AccessRequest),
    /// About rewrites of what a provider sends.
    Mapping(MappingRequest),
    /// About rules that give roles.
    Role {
        request: RoleRequest,
        /// Only tell whose roles would change.
        #[serde(default)]
        dry_run: bool,
    },
}

impl RulesRequest {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Access(request) => request.name(),
            Self::Mapping(request) => request.name(),
            Self::Role { request, .. } => request.name(),
        }
    }
}

/// Does what a request says.
pub(super) async fn execute(
    context: &AdminContext,
    tenant: &str,
    request: RulesRequest,
    output: &Output,
) -> Result<(), AdminError> {
    match request {
        RulesRequest::Access(request) => access::execute(context, tenant, request, output).await,
        RulesRequest::Mapping(request) => mapping::execute(context, tenant, request, output).await,
        RulesRequest::Role { request, dry_run } => roles::execute(context, tenant, request, dry_run, output).await,
    }
}
