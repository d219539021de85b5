//! From a method and a path to the endpoint (RFC 7644 §3.2, tables 1 and 2). Pure.

mod template;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use scim_protocol::{Error, ErrorKind};

/// What a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'a> {
    /// OAuth (RFC 6749). It needs what each of them says.
    Authorization(Authorization),
    /// What a transmitter of security event tokens publishes. It needs no token.
    Published(Published),
    /// `/openapi.json`: what describes all of this. It needs no token.
    Description,
    /// Discovery (§4). It may be read without a token.
    Discovery(Discovery<'a>),
    /// A page of the setup of a provider, `/setup` and below: the path behind it. It needs a session of its own.
    Setup(&'a str),
    /// Anything else. It needs a token.
    Endpoint(Endpoint<'a>),
}

/// The authorization server of a tenant, beside SCIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// `/{tenant}/oauth2/introspect` (RFC 7662)
    Introspect,
    /// `/.well-known/oauth-authorization-server/{tenant}/oauth2` (RFC 8414)
    Metadata,
    /// `/{tenant}/oauth2/revoke` (RFC 7009)
    Revoke,
    /// `/{tenant}/oauth2/token` (RFC 6749 §3.2)
    Token,
}

/// What a transmitter of security event tokens publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// `/{tenant}/ssf/v1/jwks`: the keys that verify tokens
    Keys,
    /// `/.well-known/ssf-configuration/{tenant}` (SSF 1.0 §7)
    Transmitter,
}

/// Streams of security event tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signals<'a> {
    /// `/completions/{request}`: what has come of a request that was accepted (RFC 9967 §2.5.1.1)
    Completion(Cow<'a, str>),
    /// `/poll/{stream}` (RFC 8936)
    Poll(Cow<'a, str>),
    /// `/status` (SSF 1.0 §8.1.2)
    Status,
    /// `/streams` (SSF 1.0 §8.1.1)
    Streams,
    /// `/subjects/add` and `/subjects/remove` (SSF 1.0 §8.1.3)
    Subject {
        /// Whether it is the first.
        is_added: bool,
    },
    /// `/verify` (SSF 1.0 §8.1.4)
    Verify,
}

/// What describes the server itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discovery<'a> {
    /// `/ResourceTypes`, or one of them
    ResourceTypes(Option<Cow<'a, str>>),
    /// `/Schemas`, or one of them
    Schemas(Option<Cow<'a, str>>),
    /// `/ServiceProviderConfig`
    ServiceProviderConfig,
}

/// Where events are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed<'a> {
    /// `/consumers/{name}/ack`
    Acknowledge(Cow<'a, str>),
    /// `/consumers/{name}`
    Consumer(Cow<'a, str>),
    /// `/consumers`
    Consumers,
    /// the feed itself
    Events,
    /// `/consumers/{name}/receive`
    Receive(Cow<'a, str>),
}

/// Where resources are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// `/{tenant}/access/v1/users`, or one of them by its id, beside SCIM
    Access(Option<Cow<'a, str>>),
    /// `/Bulk` (§3.7)
    Bulk,
    /// `/{tenant}/events/v1` and below, beside SCIM
    Feed(Feed<'a>),
    /// `/Me` (§3.11)
    Me,
    /// `/Users/{id}`: the endpoint with its slash, and the id
    Resource(Cow<'a, str>, Cow<'a, str>),
    /// `/Users`: the endpoint with its slash
    Resources(Cow<'a, str>),
    /// `/{tenant}/ssf/v1` and below, beside SCIM
    Signals(Signals<'a>),
    /// the base URL itself: a query over everything (§3.4.2.1)
    Root,
    /// `/.search` of an endpoint, or of the root (§3.4.3)
    Search(Option<Cow<'a, str>>),
}

impl Target<'_> {
    /// The methods that it supports, as an `Allow` header lists them. `/Me` supports none; every method gets 501.
    pub const fn methods(&self) -> &'static str {
        match self {
            Self::Authorization(authorization) => authorization.methods(),
            Self::Published(_) => Published::METHODS,
            Self::Description | Self::Discovery(_) => Discovery::METHODS,
            Self::Setup(_) => SETUP_METHODS,
            Self::Endpoint(endpoint) => endpoint.methods(),
        }
    }
}

impl Authorization {
    const fn methods(self) -> &'static str {
        match self {
            Self::Metadata => "GET, HEAD",
            Self::Introspect | Self::Revoke | Self::Token => "POST",
        }
    }

    /// 405 unless it takes the method.
    pub fn require(self, method: &str) -> Result<(), Error> {
        require(self.methods(), method)
    }
}

/// What pages of the setup take.
const SETUP_METHODS: &str = "GET, HEAD, POST";

impl Target<'_> {
    /// 405 unless it takes the method.
    pub fn require(&self, method: &str) -> Result<(), Error> {
        require(self.methods(), method)
    }
}

impl Published {
    const METHODS: &'static str = "GET, HEAD";

    /// 405 unless it takes the method.
    pub fn require(self, method: &str) -> Result<(), Error> {
        require(Self::METHODS, method)
    }
}

impl Discovery<'_> {
    const METHODS: &'static str = "GET, HEAD";

    /// 405 unless it takes the method.
    pub fn require(&self, method: &str) -> Result<(), Error> {
        require(Self::METHODS, method)
    }
}

impl Endpoint<'_> {
    const fn methods(&self) -> &'static str {
        match self {
            Self::Bulk
            | Self::Feed(Feed::Acknowledge(_) | Feed::Receive(_))
            | Self::Search(_)
            | Self::Signals(Signals::Poll(_) | Signals::Subject { .. } | Signals::Verify) => "POST",
            Self::Signals(Signals::Streams) => "GET, HEAD, POST, PUT, PATCH, DELETE",
            Self::Me => "",
            Self::Resource(..) => "GET, HEAD, PUT, PATCH, DELETE",
            Self::Feed(Feed::Consumer(_)) => "GET, HEAD, DELETE",
            Self::Access(_) | Self::Feed(Feed::Events) | Self::Root | Self::Signals(Signals::Completion(_)) => {
                "GET, HEAD"
            }
            Self::Feed(Feed::Consumers) | Self::Resources(_) | Self::Signals(Signals::Status) => "GET, HEAD, POST",
        }
    }

    /// 405 unless it takes the method.
    pub fn require(&self, method: &str) -> Result<(), Error> {
        require(self.methods(), method)
    }
}

fn require(methods: &'static str, method: &str) -> Result<(), Error> {
    if methods.split(", ").any(|one| one == method) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::MethodNotAllowed(methods),
        format!("This endpoint does not take \"{method}\". It takes {methods}."),
    ))
}

/// A URL of this server: its tenant, and its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route<'a> {
    /// The first segment, as it was written.
    pub tenant: &'a str,
    /// The target; an error if only the tenant's part of the URL is valid.
    pub target: Result<Target<'a>, NoTarget>,
}

/// Why the rest of a URL has no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTarget {
    /// 404
    Unknown,
    /// Another protocol version (§3.13).
    Version,
}

impl From<NoTarget> for Error {
    fn from(error: NoTarget) -> Self {
        match error {
            NoTarget::Unknown => not_found(),
            NoTarget::Version => Self::new(
                ErrorKind::InvalidVers,
                "This server speaks SCIM 2.0 only. Use the base URL that ends in /scim/v2.",
            ),
        }
    }
}

/// Where metadata are (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

/// Reads a path `/{tenant}/scim/v2/…`. Ignores an extra slash at the end or after the base URL: people paste the base
/// URL with a slash, and providers add another.
pub fn route(path: &str) -> Result<Route<'_>, Error> {
    if let Some(rest) = setup(path) {
        return Ok(Route { tenant: SETUP, target: Ok(Target::Setup(rest)) });
    }
    if path.strip_prefix('/') == Some(DESCRIPTION) {
        return Ok(Route { tenant: DESCRIPTION, target: Ok(Target::Description) });
    }
    let mut segments = path.strip_prefix('/').unwrap_or(path).splitn(3, '/');
    let (Some(tenant), Some(service), Some(rest)) = (segments.next(), segments.next(), segments.next()) else {
        return Err(not_found());
    };
    if service == "events" {
        let feed = feed(rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(not_found)?;
        return Ok(Route { tenant, target: Ok(Target::Endpoint(Endpoint::Feed(feed))) });
    }
    if service == "access" {
        let endpoint = access(rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(not_found)?;
        return Ok(Route { tenant, target: Ok(Target::Endpoint(endpoint)) });
    }
    if let Some(target) = signals(tenant, service, rest) {
        let tenant = if tenant == WELL_KNOWN { rest.strip_suffix('/').unwrap_or(rest) } else { tenant };
        return Ok(Route { tenant, target: Ok(target) });
    }
    if let Some(route) = authorization(tenant, service, rest) {
        return Ok(route);
    }
    if service != "scim" {
        return Err(not_found());
    }
    let (version, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let target = match version {
        "v2" => target(with_one_slash(rest)).ok_or(NoTarget::Unknown),
        other if other.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) => {
            Err(NoTarget::Version)
        }
        _ => Err(NoTarget::Unknown),
    };
    Ok(Route { tenant, target })
}

/// Where the API is described; no tenant has such an id.
const DESCRIPTION: &str = "openapi.json";

/// The first part of the paths of the setup; no tenant has such an id.
const SETUP: &str = "setup";

/// What stands behind `/setup`, if that is how a path begins.
pub fn setup(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?.strip_prefix(SETUP)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// What stands behind `/{tenant}/events/`.
fn feed(rest: &str) -> Option<Feed<'_>> {
    let mut segments = rest.split('/');
    let name = |name| decode(name).filter(|name| !name.is_empty());
    match [segments.next()?, segments.next().unwrap_or_default()] {
        ["v1", ""] if rest == "v1" => Some(Feed::Events),
        ["v1", "consumers"] => match (segments.next(), segments.next(), segments.next()) {
            (None, ..) => Some(Feed::Consumers),
            (Some(consumer), None, _) => name(consumer).map(Feed::Consumer),
            (Some(consumer), Some("ack"), None) => name(consumer).map(Feed::Acknowledge),
            (Some(consumer), Some("receive"), None) => name(consumer).map(Feed::Receive),
            _ => None,
        },
        _ => None,
    }
}

/// What stands behind `/{tenant}/access/`.
fn access(rest: &str) -> Option<Endpoint<'_>> {
    let mut segments = rest.split('/');
    match [segments.next()?, segments.next()?] {
        ["v1", "users"] => match (segments.next(), segments.next()) {
            (None, _) => Some(Endpoint::Access(None)),
            (Some(id), None) => decode(id).map(|id| Endpoint::Access(Some(id))),
            _ => None,
        },
        _ => None,
    }
}

/// What is beside SCIM for security event tokens.
fn signals<'a>(tenant: &str, service: &str, rest: &'a str) -> Option<Target<'a>> {
    if (tenant, service) == (WELL_KNOWN, "ssf-configuration") {
        let tenant = rest.strip_suffix('/').unwrap_or(rest);
        return (!tenant.is_empty() && !tenant.contains('/')).then_some(Target::Published(Published::Transmitter));
    }
    let rest = rest.strip_prefix("v1/").filter(|_| service == "ssf" && tenant != WELL_KNOWN)?;
    Some(Target::Endpoint(Endpoint::Signals(match rest {
        "jwks" => return Some(Target::Published(Published::Keys)),
        "status" => Signals::Status,
        "streams" => Signals::Streams,
        "subjects/add" => Signals::Subject { is_added: true },
        "subjects/remove" => Signals::Subject { is_added: false },
        "verify" => Signals::Verify,
        other => {
            let (kind, id) = other.split_once('/')?;
            let id = decode(id).filter(|id| !id.is_empty() && !id.contains('/'))?;
            match kind {
                "completions" => Signals::Completion(id),
                "poll" => Signals::Poll(id),
                _ => return None,
            }
        }
    })))
}

/// What is beside SCIM for OAuth.
fn authorization<'a>(tenant: &'a str, service: &str, rest: &'a str) -> Option<Route<'a>> {
    let (tenant, endpoint) = match (tenant, service) {
        (WELL_KNOWN, "oauth-authorization-server") => {
            (rest.strip_suffix('/').unwrap_or(rest).strip_suffix("/oauth2")?, Authorization::Metadata)
        }
        (tenant, "oauth2") => match rest {
            "introspect" => (tenant, Authorization::Introspect),
            "revoke" => (tenant, Authorization::Revoke),
            "token" => (tenant, Authorization::Token),
            _ => return None,
        },
        _ => return None,
    };
    (!tenant.contains('/')).then_some(Route { tenant, target: Ok(Target::Authorization(endpoint)) })
}

/// Whether a path is OAuth's, whose errors have a form of their own (RFC 6749 §5.2).
pub fn is_authorization(path: &str) -> bool {
    let mut segments = path.strip_prefix('/').unwrap_or(path).splitn(3, '/');
    match (segments.next(), segments.next()) {
        (Some(WELL_KNOWN), name) => name == Some("oauth-authorization-server"),
        (_, name) => name == Some("oauth2"),
    }
}

/// The same path with at most one slash at its beginning, and none at its end.
fn with_one_slash(rest: &str) -> &str {
    let slashes = rest.len() - rest.trim_start_matches('/').len();
    let rest = rest.get(slashes.saturating_sub(1)..).unwrap_or_default();
    rest.strip_suffix('/').unwrap_or(rest)
}

/// The part after the base URL: nothing, or an endpoint with its slash and what follows.
fn target(rest: &str) -> Option<Target<'_>> {
    let Some(unslashed) = rest.strip_prefix('/') else { return Some(Target::Endpoint(Endpoint::Root)) };
    let (endpoint, second) = match unslashed.find('/') {
        Some(at) => (rest.get(..=at)?, Some(decode(rest.get(at + 2..)?)?)),
        None => (rest, None),
    };
    let endpoint = decode(endpoint)?;
    Some(Target::Endpoint(match (&*endpoint, second) {
        ("/ServiceProviderConfig" | "/ServiceProviderConfigs", None) => {
            return Some(Target::Discovery(Discovery::ServiceProviderConfig));
        }
        ("/Schemas", id) => return Some(Target::Discovery(Discovery::Schemas(id))),
        ("/ResourceTypes", name) => return Some(Target::Discovery(Discovery::ResourceTypes(name))),
        ("/Bulk", None) => Endpoint::Bulk,
        ("/Me", _) => Endpoint::Me,
        ("/.search", None) => Endpoint::Search(None),
        (_, Some(second)) if second == ".search" => Endpoint::Search(Some(endpoint)),
        (_, Some(id)) if !id.contains('/') => Endpoint::Resource(endpoint, id),
        (_, Some(_)) => return None,
        (_, None) => Endpoint::Resources(endpoint),
    }))
}

fn decode(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        return Some(segment.into());
    }
    percent_decode_str(segment).decode_utf8().ok()
}

fn not_found() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "There is no such endpoint. The base URL is https://HOST/{tenant_id}/scim/v2, followed by /Users, /Groups or another endpoint of /ResourceTypes.",
    )
}

#[cfg(test)]
mod tests;
