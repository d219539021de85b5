//! Who may do what: the scopes of the token, and where the tenant's users come from.

use hyper::Method;
use scim_protocol::{Error, ErrorKind};

use crate::{
    caller::Caller,
    http::{
        response::InsufficientScope,
        route::{Endpoint, Signals},
    },
    tenant::{RoleResources, Source},
};

/// 403: the users and groups of the tenant come from elsewhere.
fn foreign(caller: &Caller, source: &Source, endpoint: &Endpoint<'_>) -> Error {
    let has_roles = caller.tenant().settings.role_resources.is_some();
    let bulk = if has_roles && matches!(endpoint, Endpoint::Bulk) {
        " That is for all of Bulk: send roles and entitlements one by one."
    } else {
        ""
    };
    Error::new(
        ErrorKind::Forbidden,
        format!(
            "Only {source} may change users and groups of this tenant. Make the change there, or ask the administrator of this server to change it with `scim-server tenant source TENANT --to SOURCE`.{bulk}"
        ),
    )
}

/// Whether an endpoint is one of what the application says of itself: its roles and entitlements come from no source of users.
fn is_of_application(caller: &Caller, endpoint: &Endpoint<'_>) -> bool {
    let (Endpoint::Resources(name) | Endpoint::Resource(name, _)) = endpoint else { return false };
    let rt = caller.tenant().registry.endpoint(name);
    rt.is_some_and(|rt| RoleResources::TYPES.contains(&rt.name.as_str()))
}

/// 403 unless the token's scopes cover the method, and the token is of whom the tenant's users come from. A search only
/// reads, whatever its method.
pub(super) fn authorise(caller: &Caller, method: &Method, endpoint: &Endpoint<'_>) -> Result<(), Error> {
    let scopes = caller.scopes();
    let reads =
        matches!(*method, Method::GET | Method::HEAD) || matches!(endpoint, Endpoint::Access(_) | Endpoint::Search(_));
    let is_told = matches!(endpoint, Endpoint::Signals(Signals::Completion(_)));
    let (allowed, of_tokens, of_clients) = if is_told {
        // Whoever has asked, and whoever is told of everything.
        (scopes.events || scopes.write, "write", "scim.write")
    } else if matches!(endpoint, Endpoint::Feed(_) | Endpoint::Signals(_)) {
        (scopes.events, "events", "scim.events")
    } else if reads {
        (scopes.read, "read", "scim.read")
    } else {
        (scopes.write, "write", "scim.write")
    };
    let scope = if caller.is_client() { of_clients } else { of_tokens };
    if allowed {
        let changes = of_tokens == "write" && !is_told && !is_of_application(caller, endpoint);
        let source = caller.tenant().settings.source.as_ref().filter(|_| changes);
        return source
            .filter(|source| !source.lets(caller.name()))
            .map_or(Ok(()), |source| Err(foreign(caller, source, endpoint)));
    }
    let detail = format!("The token does not have the {scope} scope. Use one that has it.");
    Err(Error::new(ErrorKind::Forbidden, detail).with_source(InsufficientScope(scope)))
}
