//! The life of a request, every step in order.

mod authorization;
mod deciding;
mod deferred;
mod discovery;
mod feed;
mod health;
mod notes;
mod openapi;
mod pages;
mod permission;
mod shape;
mod signals;
mod traced;
mod values;

use std::{
    net::IpAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::FutureExt as _;
use hyper::{
    Method, Request, Response, StatusCode, Version,
    body::{Body as _, Incoming},
    header::{AUTHORIZATION, CONNECTION, DATE, HeaderName, HeaderValue},
    http::request::Parts,
};
use scim_protocol::{
    Error, ErrorKind, Timestamp,
    message::{BulkRequest, Query},
    schema::ResourceType,
};
use serde_json::Value;
use uuid::Uuid;

use authorization::Ask;
use notes::{CallName, Notes};
use permission::authorise;

use super::{
    Service,
    body::ResponseBody,
    limit::RetryAfter,
    linger,
    listen::Answers,
    oauth,
    peer::Peer,
    request, request_id, response,
    route::{Endpoint, Route, Target, is_authorization, route, setup},
};
use crate::{
    access, audit,
    caller::Caller,
    log,
    metrics::Operation,
    operation::{Answer, Asked, Context, access::AccessQuery, pace::Pace},
    profile,
};

/// The header with the request's id, which a client can report to an administrator.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header by which a server knows its own probes.
const PROBE: HeaderName = HeaderName::from_static(access::PROBE);

/// A request as it came in.
struct Arrival {
    id: Uuid,
    at: Timestamp,
    /// Whose failures are counted.
    address: IpAddr,
    peer: Peer,
}

/// The parts of a request that an operation needs, and the notes about it.
struct Call<'c, 'p> {
    parts: &'p Parts,
    incoming: &'c mut Incoming,
    notes: &'c mut Notes<'p>,
}

/// The service as connections know it.
#[derive(Clone)]
pub struct Handler(pub Arc<Service>);

impl Answers for Handler {
    /// If the client disconnects, a read is dropped. A write whose commit is queued continues to its end; one that is
    /// still being prepared is abandoned. Both have an audit record.
    fn answer(
        self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<ResponseBody>> + Send + 'static {
        handle(self.0, request, peer)
    }

    fn refuse(&self, error: Error, peer: &Peer) -> Response<ResponseBody> {
        refuse(&self.0, &error, peer)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.0.settings.load().public.trust.covers(address)
    }
}

async fn handle(service: Arc<Service>, request: Request<Incoming>, peer: Peer) -> Response<ResponseBody> {
    let at = service.clock.now();
    let address = service.settings.load().public.trust.client(request.headers(), peer.address.ip());
    let arrival = Arrival { id: request_id(at), at, address, peer };
    let id = arrival.id;
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return log::within(id, service.handle(request, arrival, None)).await;
    }
    // This future is dropped when the client goes, and `client` with it; the task is not.
    let client = Arc::new(());
    let here = Some(Arc::downgrade(&client));
    let until_recorded = service.writing.subscribe();
    let working = tokio::spawn(log::within(id, async move {
        let response = service.handle(request, arrival, here).await;
        drop(until_recorded);
        response
    }));
    working.await.unwrap_or_else(|failed| response::error(&Error::internal(failed), request::SCIM_JSON, false))
}

/// The response to bytes that are not a request; log and audit count it with the other refusals. No header was read,
/// so its address is the connection's.
fn refuse(service: &Service, error: &Error, peer: &Peer) -> Response<ResponseBody> {
    let at = service.clock.now();
    let arrival = Arrival { id: request_id(at), at, address: peer.address.ip().to_canonical(), peer: peer.clone() };
    let mut response = response::error(error, request::SCIM_JSON, false);
    name(&mut response, arrival.id);
    date(&mut response, at);
    let status = response.status().as_u16();
    service.metrics.requests.observe(Operation::Unknown, status, Duration::ZERO);
    let (parts, ()) = Request::new(()).into_parts();
    let notes = Notes::new(None);
    let noting = log::within(arrival.id, service.record(&parts, &arrival, &notes, &response, Some(error)));
    // What shows no token is counted in memory: that waits for nothing.
    let _at_once = noting.now_or_never();
    response
}

/// Adds the `Date` header (RFC 9110 §6.6.1) where hyper does not.
fn date(response: &mut Response<ResponseBody>, at: Timestamp) {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok();
    let text = at.and_then(|at| jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok());
    if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(DATE, value);
    }
}

/// Whether the request came by a version whose connections a header closes.
fn is_http1(parts: &Parts) -> bool {
    matches!(parts.version, Version::HTTP_10 | Version::HTTP_11)
}

/// Gives the answer the request's id.
fn name(response: &mut Response<ResponseBody>, id: Uuid) {
    let mut text = Uuid::encode_buffer();
    if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

impl Service {
    async fn handle(
        &self,
        request: Request<Incoming>,
        arrival: Arrival,
        client: Option<Weak<()>>,
    ) -> Response<ResponseBody> {
        let _in_flight = self.metrics.in_flight.enter();
        let (parts, mut incoming) = request.into_parts();
        let mut notes = Notes::new(client);
        notes.is_probe = self.access.is_probe(request::text(&parts.headers, &PROBE), arrival.at);
        let span = self.span(&parts);
        let outcome = match &span {
            None => self.perform(&parts, &mut incoming, &arrival, &mut notes).await,
            Some(span) => Box::pin(span.within(self.perform(&parts, &mut incoming, &arrival, &mut notes))).await,
        };
        if parts.version == Version::HTTP_2 && !incoming.is_end_stream() {
            tokio::spawn(linger::discard(incoming));
        }
        let (mut response, error) = match outcome {
            Ok(response) => (response, None),
            Err(error) => {
                let presented = parts.headers.contains_key(AUTHORIZATION);
                tell(&error);
                let response = if is_authorization(parts.uri.path()) {
                    oauth::error(&error)
                } else if setup(parts.uri.path()).is_some() {
                    self.page_of(&error).await
                } else {
                    response::error(&error, request::answer_type(&parts.headers), presented)
                };
                (response, Some(error))
            }
        };
        name(&mut response, arrival.id);
        if response.status() == StatusCode::TOO_MANY_REQUESTS && arrival.peer.is_stranger() && is_http1(&parts) {
            // An address whose requests are refused does not fill the connections that others behind it need.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.record(&parts, &arrival, &notes, &response, error.as_ref()).await;
        if let Some(span) = span {
            self.end(span, &parts, &arrival, &notes, &response);
        }
        tracing::debug!(operation = ?notes.operation, status = response.status().as_u16(), "answered");
        self.count_for_tenant(&notes, arrival.at, response.status().as_u16());
        self.metrics.requests.observe(notes.operation, response.status().as_u16(), notes.took());
        response
    }

    /// From the address to the answer: route, authenticate (or limit the address), authorise, limit, perform.
    async fn perform<'a>(
        &self,
        parts: &'a Parts,
        incoming: &mut Incoming,
        arrival: &Arrival,
        notes: &mut Notes<'a>,
    ) -> Result<Response<ResponseBody>, Error> {
        let Arrival { id, at, address, ref peer } = *arrival;
        request::require_unambiguous(parts)?;
        let Route { tenant, target } = route(parts.uri.path())?;
        notes.segment = Some(tenant.into());
        if let Ok(Target::Authorization(endpoint)) = target {
            notes.aim(&target, &parts.method, None);
            let ask = Ask { endpoint, segment: tenant, parts, arrival, notes };
            return Box::pin(self.authorization(ask, incoming)).await;
        }
        if let Ok(Target::Published(published)) = target {
            notes.aim(&target, &parts.method, None);
            return Box::pin(self.published(published, tenant, parts, arrival)).await;
        }
        if let Ok(Target::Description) = target {
            notes.aim(&target, &parts.method, None);
            return self.description(parts, address);
        }
        if let Ok(Target::Setup(path)) = target {
            notes.aim(&target, &parts.method, None);
            Target::Setup(path).require(parts.method.as_str())?;
            return Box::pin(self.page(path, parts, incoming, arrival, notes)).await;
        }
        if let (Ok(Target::Discovery(discovery)), Some(known)) = (&target, self.discoverable(parts, tenant)) {
            notes.aim(&target, &parts.method, Some(&known));
            self.anonymous.check(address).map_err(|retry| self.slow_down(retry))?;
            self.anonymous.count(address);
            return self.discover(parts, discovery, &known, &self.base(parts, peer, tenant)?);
        }
        let authorization = request::text(&parts.headers, &AUTHORIZATION);
        let mark = request::text(&parts.headers, &PROBE);
        let entered = self.access.enter(tenant, authorization, mark, at).inspect_err(|_| {
            notes.aim(&target, &parts.method, self.access.tenant(tenant).as_deref());
        });
        let (caller, is_used) = entered.map_err(|error| self.stranger(error, address))?;
        peer.introduce();
        notes.aim(&target, &parts.method, Some(caller.tenant()));
        notes.caller = Some((caller.actor().clone(), Arc::clone(caller.tenant())));
        notes.may_write = is_used && caller.scopes().write;
        self.turn(&caller, at).await?;
        let target = target?;
        let base = self.base(parts, peer, tenant)?;
        let endpoint = match target {
            Target::Discovery(discovery) => return self.discover(parts, &discovery, caller.tenant(), &base),
            Target::Endpoint(endpoint) => endpoint,
            Target::Authorization(_) | Target::Description | Target::Published(_) | Target::Setup(_) => {
                return Err(Error::internal("a request that needs no token has come here"));
            }
        };
        authorise(&caller, &parts.method, &endpoint)?;
        let within = self.settings.load().request_timeout;
        let pace = Pace::of_client(&self.operations.lanes, caller.tenant().id, notes.client.clone(), within);
        notes.pace = Some(Arc::clone(&pace));
        let rewritten = notes.rewritten.clone();
        let context = Context { caller, base, request: Some(id), pace, claim: None, rewritten };
        let answer = self.now_or_later(&context, &endpoint, Call { parts, incoming, notes }).await;
        let answer = answer.map_err(|error| profile::phrase(context.caller.tenant().profile(), error))?;
        if notes.id.is_none() {
            notes.id = answer.id.map(|id| id.to_string().into());
        }
        let is_beside = matches!(endpoint, Endpoint::Access(_) | Endpoint::Feed(_) | Endpoint::Signals(_));
        let usual = if is_beside { request::JSON } else { request::answer_type(&parts.headers) };
        let kind = answer.media_type.unwrap_or(usual);
        Ok(response::answer(answer, kind))
    }

    /// 429 when the caller has used up its requests.
    async fn turn(&self, caller: &Caller, at: Timestamp) -> Result<(), Error> {
        self.take_turn(caller).await.map_err(|retry| {
            self.metrics.rate_limited.inc();
            self.tell_limited(caller, at);
            Error::new(
                ErrorKind::TooManyRequests(retry.seconds()),
                format!("There were more requests than the limit allows. Try again in {} s.", retry.seconds()),
            )
        })
    }

    /// The base URL of a tenant, as the client reaches it.
    fn base(&self, parts: &Parts, peer: &Peer, tenant: &str) -> Result<String, Error> {
        self.settings.load().public.base(parts, peer, tenant)
    }

    /// What a request without a valid token gets: its own error, which counts, or 429 if its address had too many. This is
    /// asked only when the token was looked at: that costs a digest, and others behind the same address have good ones.
    fn stranger(&self, error: Error, address: IpAddr) -> Error {
        let is_guess = matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::NotFound);
        if is_guess && let Err(retry) = self.addresses.check(address) {
            return self.slow_down(retry);
        }
        self.metrics.authentication_failures.inc();
        if is_guess {
            self.addresses.count(address);
        }
        error
    }

    /// 429 for an address with too many requests without a valid token.
    fn slow_down(&self, retry: RetryAfter) -> Error {
        self.metrics.address_limited.inc();
        Error::new(
            ErrorKind::TooManyRequests(retry.seconds()),
            "Too many requests without a valid token came from this address. Wait, and check the token.",
        )
    }

    /// The larger operations are boxed: otherwise every request, even a GET, would move a future with the size of the
    /// largest one.
    async fn operate(&self, context: &Context, endpoint: &Endpoint<'_>, call: Call<'_, '_>) -> Result<Answer, Error> {
        let (parts, profile) = (call.parts, context.caller.tenant().profile());
        let registry = &context.caller.tenant().registry;
        let allowed = || endpoint.require(parts.method.as_str());
        match endpoint {
            Endpoint::Resources(name) => {
                let rt = known(registry.endpoint(name), name)?;
                allowed()?;
                if parts.method == Method::POST {
                    let query = request::query(parts)?;
                    let body = self.body(context, call).await?;
                    let id = self.operations.fresh_id();
                    return Box::pin(self.operations.create(context, rt, id, body, &query)).await;
                }
                self.query(context, std::slice::from_ref(rt), name, &request::query(parts)?).await
            }
            Endpoint::Resource(name, id) => {
                let rt = known(registry.endpoint(name), name)?;
                allowed()?;
                match self.resource(context, rt, id, call).await {
                    Err(error) => Err(self.operations.missing_or(context, rt, id, error).await),
                    answer => answer,
                }
            }
            Endpoint::Search(name) => {
                allowed()?;
                profile::require_search(profile)?;
                let types = match name {
                    Some(name) => std::slice::from_ref(known(registry.endpoint(name), name)?),
                    None => registry.resource_types(),
                };
                let query = Query::from_search_request(self.body(context, call).await?)?;
                self.query(context, types, name.as_deref().unwrap_or_default(), &query).await
            }
            Endpoint::Root => {
                allowed()?;
                profile::require_search(profile)?;
                self.query(context, registry.resource_types(), "", &request::query(parts)?).await
            }
            Endpoint::Bulk => {
                allowed()?;
                profile::require_bulk(profile)?;
                self.operations.require_bulk()?;
                let bulk = BulkRequest::parse(self.body(context, call).await?)?;
                self.metrics.bulk_operations.inc_by(bulk.operations.len() as u64);
                Box::pin(self.operations.bulk(context, bulk)).await
            }
            Endpoint::Access(id) => {
                allowed()?;
                let pairs = request::pairs(parts.uri.query().unwrap_or_default())?;
                match id {
                    Some(id) => self.operations.access(context, id).await,
                    None => self.operations.list_access(context, &AccessQuery::from_pairs(&pairs)?).await,
                }
            }
            Endpoint::Feed(feed) => {
                allowed()?;
                Box::pin(self.feed(context, feed, call)).await
            }
            Endpoint::Signals(signals) => {
                allowed()?;
                Box::pin(self.signals(context, signals, call)).await
            }
            Endpoint::Me => Err(Error::new(
                ErrorKind::NotImplemented,
                "This server has no /Me: a bearer token belongs to a tenant, not to a user. Use /Users.",
            )),
        }
    }

    /// The client decides how much work a query is, so it has a deadline, unlike other reads.
    async fn query(
        &self,
        context: &Context,
        types: &[Arc<ResourceType>],
        endpoint: &str,
        query: &Query,
    ) -> Result<Answer, Error> {
        let within = self.settings.load().request_timeout;
        let query = Box::pin(self.operations.query(context, types, endpoint, query));
        let answer = tokio::time::timeout(within, query).await;
        answer.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::TooMany,
                format!(
                    "The query took longer than {} s. Filter by an indexed attribute, or walk with a cursor.",
                    within.as_secs()
                ),
            ))
        })
    }

    async fn resource(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: &str,
        call: Call<'_, '_>,
    ) -> Result<Answer, Error> {
        let (operations, parts) = (&self.operations, call.parts);
        let preconditions = request::preconditions(&parts.headers);
        if parts.method == Method::DELETE {
            return operations.delete(context, rt, id, &preconditions).await;
        }
        if parts.method == Method::PUT {
            profile::require_replace(context.caller.tenant().profile(), rt)?;
        }
        let query = request::query(parts)?;
        let asked = Asked { context, rt, id, query: &query, preconditions: &preconditions };
        match parts.method {
            Method::PUT => {
                let body = self.body(context, call).await?;
                Box::pin(operations.replace(asked, body)).await
            }
            Method::PATCH => {
                let body = self.body(context, call).await?;
                Box::pin(operations.modify(asked, body)).await
            }
            _ => operations.retrieve(asked).await,
        }
    }

    async fn body(&self, context: &Context, call: Call<'_, '_>) -> Result<Value, Error> {
        let Call { parts, incoming, notes } = call;
        let settings = self.settings.load();
        let bulk = matches!(notes.operation, Operation::Bulk);
        let most = if bulk { settings.bulk_max_body } else { settings.max_body };
        let share = notes.share.insert(self.operations.budget.share(context.caller.tenant().id));
        notes.body = request::body(incoming, most, settings.body_timeout, share).await?;
        let operations = bulk.then_some(self.operations.limits.bulk_operations);
        context.pace.carries(notes.body.len());
        context.pace.whole(|| request::json(&parts.headers, &notes.body, operations)).await?
    }
}

/// Logs what the response leaves out: the cause of a fault of the server, and what the text of a profile does not
/// say. [`super::refusals`] logs failed authentications.
fn tell(error: &Error) {
    let cause = std::error::Error::source(error);
    match error.kind() {
        // What passes by itself is nobody's fault: a move to another database, many who change the same.
        ErrorKind::Unavailable(_) if cause.is_none() => {
            tracing::debug!(status = error.kind().status(), "{}", error.detail());
        }
        ErrorKind::Internal | ErrorKind::Unavailable(_) => {
            tracing::error!(status = error.kind().status(), cause, "{}", error.detail());
        }
        _ => {
            if let Some(explanation) = profile::explanation(error) {
                tracing::info!(status = error.kind().status(), "refused: {}", audit::Message(explanation));
            }
        }
    }
}

fn known<'a>(rt: Option<&'a Arc<ResourceType>>, endpoint: &str) -> Result<&'a Arc<ResourceType>, Error> {
    rt.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!("There is no endpoint \"{endpoint}\" here. GET /ResourceTypes lists those that exist."),
        )
    })
}
