//! Pages for people, on the listener for clients. Who writes them stands above this module, and is told to it when
//! the server is assembled.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::{HeaderMap, Method};
use scim_protocol::{Error, Timestamp};

use crate::{tenant::Tenant, web::WebResponse};

/// What a browser asks for.
pub struct Asked<'a> {
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    /// The path behind `/setup`: empty, or with a slash at its beginning.
    pub path: &'a str,
    pub query: &'a str,
    /// The form of a POST.
    pub form: Bytes,
    /// The base of the URLs that browsers use: scheme and authority, with any path in front, without a slash at its
    /// end.
    pub base: String,
    /// Whether that is so by the configuration. Else it is what the browser says, which may be anything.
    pub is_set: bool,
    /// When it came in.
    pub at: Timestamp,
}

/// What came of it.
pub struct Served {
    pub response: Result<WebResponse, Error>,
    /// What the call is named in the audit log.
    pub call: &'static str,
    /// Who asked, as events name them, and of which tenant; `None` when nobody was let in.
    pub visitor: Option<(Arc<str>, Arc<Tenant>)>,
}

/// What writes pages.
#[async_trait]
pub trait Pages: Send + Sync {
    /// The page that is asked for.
    async fn serve(&self, asked: Asked<'_>) -> Served;

    /// The page that says why there is none. `root` is the path in front of the server's own.
    fn refusal(&self, error: &Error, root: &str) -> WebResponse;
}
