//! What a URL looks like without the names and ids in it: `/{tenant_id}/scim/v2/Users/{id}`.

use std::borrow::Cow;

use super::{Authorization, Discovery, Endpoint, Feed, Published, Signals, Target};

impl Target<'_> {
    /// The template of its paths, as the description of the API writes them. `known` gives the endpoint of a resource
    /// type as the tenant has it; a path with another one has no template.
    pub fn template(&self, known: impl Fn(&str) -> Option<String>) -> Option<Cow<'static, str>> {
        let of = |name: &str, rest: &str| known(name).map(|name| format!("/{{tenant_id}}/scim/v2{name}{rest}").into());
        let fixed = match self {
            Self::Authorization(authorization) => authorization.template(),
            Self::Published(Published::Keys) => "/{tenant_id}/ssf/v1/jwks",
            Self::Published(Published::Transmitter) => "/.well-known/ssf-configuration/{tenant_id}",
            Self::Description => "/openapi.json",
            Self::Discovery(discovery) => discovery.template(),
            Self::Setup(_) => "/setup",
            Self::Endpoint(endpoint) => match endpoint {
                Endpoint::Resources(name) => return of(name, ""),
                Endpoint::Resource(name, _) => return of(name, "/{id}"),
                Endpoint::Search(Some(name)) => return of(name, "/.search"),
                Endpoint::Search(None) => "/{tenant_id}/scim/v2/.search",
                Endpoint::Access(None) => "/{tenant_id}/access/v1/users",
                Endpoint::Access(Some(_)) => "/{tenant_id}/access/v1/users/{id}",
                Endpoint::Bulk => "/{tenant_id}/scim/v2/Bulk",
                Endpoint::Me => "/{tenant_id}/scim/v2/Me",
                Endpoint::Root => "/{tenant_id}/scim/v2",
                Endpoint::Feed(feed) => feed.template(),
                Endpoint::Signals(signals) => signals.template(),
            },
        };
        Some(fixed.into())
    }
}

impl Authorization {
    const fn template(self) -> &'static str {
        match self {
            Self::Introspect => "/{tenant_id}/oauth2/introspect",
            Self::Metadata => "/.well-known/oauth-authorization-server/{tenant_id}/oauth2",
            Self::Revoke => "/{tenant_id}/oauth2/revoke",
            Self::Token => "/{tenant_id}/oauth2/token",
        }
    }
}

impl Discovery<'_> {
    const fn template(&self) -> &'static str {
        match self {
            Self::ResourceTypes(None) => "/{tenant_id}/scim/v2/ResourceTypes",
            Self::ResourceTypes(Some(_)) => "/{tenant_id}/scim/v2/ResourceTypes/{name}",
            Self::Schemas(None) => "/{tenant_id}/scim/v2/Schemas",
            Self::Schemas(Some(_)) => "/{tenant_id}/scim/v2/Schemas/{urn}",
            Self::ServiceProviderConfig => "/{tenant_id}/scim/v2/ServiceProviderConfig",
        }
    }
}

impl Feed<'_> {
    const fn template(&self) -> &'static str {
        match self {
            Self::Acknowledge(_) => "/{tenant_id}/events/v1/consumers/{name}/ack",
            Self::Consumer(_) => "/{tenant_id}/events/v1/consumers/{name}",
            Self::Consumers => "/{tenant_id}/events/v1/consumers",
            Self::Events => "/{tenant_id}/events/v1",
            Self::Receive(_) => "/{tenant_id}/events/v1/consumers/{name}/receive",
        }
    }
}

impl Signals<'_> {
    const fn template(&self) -> &'static str {
        match self {
            Self::Completion(_) => "/{tenant_id}/ssf/v1/completions/{txn}",
            Self::Poll(_) => "/{tenant_id}/ssf/v1/poll/{stream_id}",
            Self::Status => "/{tenant_id}/ssf/v1/status",
            Self::Streams => "/{tenant_id}/ssf/v1/streams",
            Self::Subject { is_added: true } => "/{tenant_id}/ssf/v1/subjects/add",
            Self::Subject { is_added: false } => "/{tenant_id}/ssf/v1/subjects/remove",
            Self::Verify => "/{tenant_id}/ssf/v1/verify",
        }
    }
}
