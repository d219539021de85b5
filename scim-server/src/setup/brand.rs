//! How pages look: whose name, logo and colour they have.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};

use super::{Setup, begin};
use crate::{
    store::TenantId,
    tenant::{Operator, Tenant},
    web::{Side, WebResponse},
};

/// What stands at the top of pages when nothing is set.
const NAME: &str = "User provisioning";
/// What stands in a path for the server where a tenant could.
const SERVER: &str = "server";

/// To whom a page belongs, and where it is.
#[derive(Debug, Clone)]
pub(super) struct View {
    root: String,
    /// The tenant whose brand it is, or the server.
    owner: String,
    operator: Operator,
}

impl View {
    /// Below that path; as the tenant says, or else the server.
    pub(super) fn new(root: &str, tenant: Option<&Tenant>, server: &Operator) -> Self {
        let own = tenant.and_then(|tenant| tenant.settings.operator.as_ref());
        Self {
            root: root.to_owned(),
            owner: tenant.map_or_else(|| SERVER.to_owned(), |tenant| tenant.id.to_string()),
            operator: own.map_or_else(|| server.clone(), |own| own.or(server)),
        }
    }

    /// The path of the first page.
    pub(super) fn base(&self) -> String {
        begin(&self.root)
    }

    /// Who invites, in a sentence.
    pub(super) fn operator_name(&self) -> &str {
        self.operator.name.as_ref().map_or("The operator of your application", |name| name.as_str())
    }

    /// Whom to ask, within a sentence.
    pub(super) fn whom_to_ask(&self) -> &str {
        self.operator.name.as_ref().map_or("whoever sent you the link", |name| name.as_str())
    }

    /// The frame of each page.
    pub(super) fn side(&self) -> Side {
        let file = |name: &str| format!("{}/brand/{}/{name}", self.base(), self.owner);
        Side {
            base: self.base(),
            name: self.operator.name.as_ref().map_or_else(|| NAME.to_owned(), |name| name.as_str().to_owned()),
            home: String::new(),
            logo: self.operator.logo.as_ref().map(|_| file("logo")).unwrap_or_default(),
            style: self.operator.colour.map(|_| file("colour.css")).unwrap_or_default(),
        }
    }
}

/// The path in front of the server's own in a base of URLs: empty, or with a slash at its beginning.
pub(super) fn root(base: &str) -> &str {
    let behind = base.split_once("://").map_or(base, |(_, behind)| behind);
    behind.find('/').and_then(|at| behind.get(at..)).unwrap_or_default()
}

impl Setup {
    /// The logo or the colour of a tenant, or of the server. It says nothing else of a tenant, and its id is known to
    /// whoever can ask.
    pub(super) fn brand(&self, owner: &str, file: &str) -> Option<WebResponse> {
        let tenant = match owner {
            SERVER => None,
            id => Some(self.context.access.tenant_of(TenantId::parse(id)?)?),
        };
        let operator = View::new("", tenant.as_deref(), &self.operator).operator;
        match file {
            "logo" => {
                let logo = operator.logo?;
                Some(file_response(logo.media_type(), logo.bytes().clone()))
            }
            "colour.css" => {
                let colour = operator.colour?;
                let (light, dark) = (colour.on_light(), colour.on_dark());
                let style = format!(
                    ":root {{ --accent: light-dark({light}, {dark}); --on-accent: light-dark({}, {}); }}\n",
                    light.text(),
                    dark.text()
                );
                Some(file_response("text/css; charset=utf-8", style.into()))
            }
            _ => None,
        }
    }
}

/// A file that may change; nothing in it is run, even if somebody opens it by itself.
fn file_response(media_type: &'static str, bytes: Bytes) -> WebResponse {
    let mut response = Response::new(Full::new(bytes));
    for (name, value) in [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "private, max-age=60"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_what_stands_behind_the_authority() {
        for (base, expect) in [
            ("https://scim.example", ""),
            ("https://scim.example/a/b", "/a/b"),
            ("http://127.0.0.1:8080", ""),
            ("", ""),
        ] {
            assert_eq!(root(base), expect, "{base}");
        }
    }
}
