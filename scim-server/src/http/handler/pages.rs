//! Pages for people: from a request to what writes them, and back.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Method, Response, body::Incoming, http::request::Parts};
use scim_protocol::{Error, ErrorKind};

use super::{Arrival, CallName, Notes};
use crate::{
    audit::EventName,
    http::{
        Service,
        body::ResponseBody,
        oauth::{self, Form},
        pages::{Asked, Served},
        request,
    },
    store::TenantId,
    web::WebResponse,
};

impl Service {
    /// A page of the setup of a tenant's provider. Who shows no session or code that is good counts as who shows no
    /// good token.
    pub(super) async fn page(
        &self,
        path: &str,
        parts: &Parts,
        incoming: &mut Incoming,
        arrival: &Arrival,
        notes: &mut Notes<'_>,
    ) -> Result<Response<ResponseBody>, Error> {
        let settings = self.settings.load();
        let (base, is_set) = (settings.public.origin(parts, &arrival.peer)?, settings.public.url.is_some());
        let form = if parts.method == Method::POST {
            Form::require_type(&parts.headers)?;
            let within = settings.body_timeout;
            // Whose it is is not known yet, so it takes nobody's part of the memory.
            let mut share = self.operations.budget.share(TenantId::SYSTEM);
            request::body(incoming, oauth::MOST, within, &mut share).await?
        } else {
            Bytes::new()
        };
        let query = parts.uri.query().unwrap_or_default();
        let (method, headers, at) = (&parts.method, &parts.headers, arrival.at);
        let asked = Asked { method, headers, path, query, form, base, is_set, at };
        let Served { mut response, call, visitor } = self.pages.serve(asked).await;
        notes.event = CallName::Other(EventName::Setup(call));
        if let Some((actor, tenant)) = visitor {
            arrival.peer.introduce();
            notes.segment = Some(tenant.id.to_string().into());
            notes.caller = Some((actor, tenant));
        } else {
            response = response.map_err(|error| match error.kind() {
                ErrorKind::NotFound => self.stranger(error, arrival.address),
                _ => error,
            });
        }
        Ok(whole(response?).await)
    }

    /// The page that says what is wrong.
    pub(super) async fn page_of(&self, error: &Error) -> Response<ResponseBody> {
        let root = self.settings.load().public.root().to_owned();
        let mut response = whole(self.pages.refusal(error, &root)).await;
        if let ErrorKind::TooManyRequests(seconds) | ErrorKind::Unavailable(seconds) = error.kind() {
            response.headers_mut().insert(hyper::header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

async fn whole(response: WebResponse) -> Response<ResponseBody> {
    let (parts, body) = response.into_parts();
    let Ok(body) = body.collect().await;
    Response::from_parts(parts, body.to_bytes().into())
}
