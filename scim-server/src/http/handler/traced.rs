//! The span of a request (the semantic conventions of OpenTelemetry for HTTP servers).
//!
//! It is told where requests go, by the template of their path, and never what is in them: a path, a query or a header
//! may name somebody.

use std::{borrow::Cow, sync::Arc};

use hyper::{Method, Response, Version, http::request::Parts};
use traces::{Kind, Span};

use super::{Arrival, Notes};
use crate::{
    http::{Service, body::ResponseBody, request::Public, route::route},
    tenant::Tenant,
};

/// Who serves, where nothing says by which name.
const HERE: &str = "localhost";

impl Service {
    /// The span of a request that has come in; `None` unless it is recorded.
    pub(super) fn span(&self, parts: &Parts) -> Option<Box<Span>> {
        let span = self.traces.as_ref()?.begin(method(&parts.method), Kind::Server, Some(&parts.headers))?;
        Some(Box::new(span))
    }

    /// Notes in its span how a request was answered, and ends it.
    pub(super) fn end(
        &self,
        mut span: Box<Span>,
        parts: &Parts,
        arrival: &Arrival,
        notes: &Notes<'_>,
        response: &Response<ResponseBody>,
    ) {
        let method = method(&parts.method);
        let caller = notes.caller.as_ref().map(|(_, tenant)| Arc::clone(tenant));
        let tenant = caller.or_else(|| self.access.tenant(notes.segment.as_deref()?));
        if let Some(tenant) = &tenant {
            span.note("scim.tenant.id", tenant.id.to_string());
        }
        if let Some(template) = template(parts, tenant.as_deref()) {
            span.rename(format!("{method} {template}"));
            span.note("http.route", template);
        }
        let settings = self.settings.load();
        let (scheme, host) = origin(&settings.public);
        span.note("http.request.method", method);
        span.note("url.scheme", scheme.unwrap_or(if arrival.peer.tls { "https" } else { "http" }));
        span.note("server.address", host.unwrap_or(HERE).to_owned());
        span.note("network.protocol.version", if parts.version == Version::HTTP_2 { "2" } else { "1.1" });
        span.note("scim.request.id", arrival.id.to_string());
        let status = i64::from(response.status().as_u16());
        span.note("http.response.status_code", status);
        if status >= 500 {
            span.fail(status.to_string());
        }
    }
}

/// The methods that this server knows; another may be any text.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// The template of the path, if it leads anywhere.
fn template(parts: &Parts, tenant: Option<&Tenant>) -> Option<Cow<'static, str>> {
    let target = route(parts.uri.path()).ok()?.target.ok()?;
    target.template(|name| Some(tenant?.registry.endpoint(name)?.endpoint.clone()))
}

/// Scheme and host of the URL that the server is set to have: those of a request are whatever a client says.
fn origin(public: &Public) -> (Option<&'static str>, Option<&str>) {
    let Some((scheme, behind)) = public.url.as_deref().and_then(|url| url.split_once("://")) else {
        return (None, None);
    };
    let authority = behind.split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    (Some(if scheme == "https" { "https" } else { "http" }), Some(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::forwarded::Trust;

    #[test]
    fn the_server_is_called_as_it_is_set() {
        for (url, expect) in [
            (Some("https://scim.example.com"), (Some("https"), Some("scim.example.com"))),
            (Some("http://scim.example.com:8080/base"), (Some("http"), Some("scim.example.com"))),
            (Some("https://[2001:db8::5]"), (Some("https"), Some("[2001:db8::5]"))),
            (None, (None, None)),
        ] {
            let public = Public { url: url.map(Into::into), trust: Trust::Nobody };
            assert_eq!(origin(&public), expect, "{url:?}");
        }
    }
}
