//! The life of a request, every step in order.

mod notes;

use std::{
    net::IpAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use hyper::{
    Method, Request, Response, Version,
    body::{Body as _, Incoming},
    header::{AUTHORIZATION, DATE, HeaderName, HeaderValue},
    http::request::Parts,
};
use scim_protocol::{
    Error, ErrorKind, Timestamp,
    message::{BulkRequest, Query},
    schema::ResourceType,
};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use notes::Notes;

use super::{
    Service,
    body::Body,
    limit::RetryAfter,
    listen::{Answers, Peer},
    request, request_id,
    response::{self, InsufficientScope},
    route::{Route, Target, route},
};
use crate::{
    audit, log,
    metrics::Operation,
    operation::{Answer, Context, pace::Pace},
    profile,
    tenant::Tenant,
    token::Caller,
};

/// The header by which a client can name a request to an administrator.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request as it came in.
struct Arrival {
    id: Uuid,
    at: Timestamp,
    /// Whose failures are counted.
    address: IpAddr,
    peer: Peer,
}

/// The service as connections know it.
#[derive(Clone)]
pub struct Exchange(pub Arc<Service>);

impl Answers for Exchange {
    /// When the client disconnects, a read is dropped; a write whose commit is on its way goes on to its end,
    /// and one that is still prepared is given up. Both have their audit record.
    fn answer(self, request: Request<Incoming>, peer: Peer) -> impl Future<Output = Response<Body>> + Send + 'static {
        handle(self.0, request, peer)
    }

    fn refuse(&self, error: Error, peer: &Peer) -> Response<Body> {
        refuse(&self.0, error, peer)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.0.settings.load().public.trust.covers(address)
    }
}

async fn handle(service: Arc<Service>, request: Request<Incoming>, peer: Peer) -> Response<Body> {
    let at = service.clock.now();
    let address = service.settings.load().public.trust.client(request.headers(), peer.address.ip());
    let arrival = Arrival { id: request_id(at), at, address, peer };
    let id = arrival.id;
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return log::within(id, service.exchange(request, arrival, None)).await;
    }
    // This future is dropped when the client goes, and `client` with it; the task is not.
    let client = Arc::new(());
    let here = Some(Arc::downgrade(&client));
    let working = tokio::spawn(log::within(id, async move { service.exchange(request, arrival, here).await }));
    working.await.unwrap_or_else(|failed| response::error(&Error::internal(failed), request::SCIM_JSON, false))
}

/// The answer to what is no request; log and audit count it with the other refusals. Nothing in it was understood, so
/// its address is the connection's.
fn refuse(service: &Arc<Service>, error: Error, peer: &Peer) -> Response<Body> {
    let at = service.clock.now();
    let arrival = Arrival { id: request_id(at), at, address: peer.address.ip().to_canonical(), peer: peer.clone() };
    let mut response = response::error(&error, request::SCIM_JSON, false);
    name(&mut response, arrival.id);
    date(&mut response, at);
    let status = response.status().as_u16();
    service.metrics.requests.observe(Operation::Unknown, status, Duration::ZERO);
    let (service, id) = (Arc::clone(service), arrival.id);
    tokio::spawn(log::within(id, async move {
        let (parts, ()) = Request::new(()).into_parts();
        service.record(&parts, &arrival, &Notes::new(None), &Response::default(), Some(&error)).await;
    }));
    response
}

/// Says when the answer was made (RFC 9110 §6.6.1), where hyper does not do it.
fn date(response: &mut Response<Body>, at: Timestamp) {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok();
    let text = at.and_then(|at| jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok());
    if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(DATE, value);
    }
}

/// Gives the answer the request's id.
fn name(response: &mut Response<Body>, id: Uuid) {
    let mut text = Uuid::encode_buffer();
    if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

impl Service {
    async fn exchange(&self, request: Request<Incoming>, arrival: Arrival, client: Option<Weak<()>>) -> Response<Body> {
        let started = Instant::now();
        let _in_flight = self.metrics.in_flight.enter();
        let (parts, mut incoming) = request.into_parts();
        let mut notes = Notes::new(client);
        let outcome = self.perform(&parts, &mut incoming, &arrival, &mut notes).await;
        if parts.version == Version::HTTP_2 && !incoming.is_end_stream() {
            tokio::spawn(request::discard(incoming));
        }
        let (mut response, error) = match outcome {
            Ok(response) => (response, None),
            Err(error) => {
                let presented = parts.headers.contains_key(AUTHORIZATION);
                tell(&error);
                (response::error(&error, request::answer_type(&parts.headers), presented), Some(error))
            }
        };
        name(&mut response, arrival.id);
        self.record(&parts, &arrival, &notes, &response, error.as_ref()).await;
        tracing::debug!(operation = ?notes.operation, status = response.status().as_u16(), "answered");
        self.metrics.requests.observe(notes.operation, response.status().as_u16(), started.elapsed());
        response
    }

    /// From the address to the answer: limit, route, authenticate, authorise, limit, perform.
    async fn perform<'a>(
        &self,
        parts: &'a Parts,
        incoming: &mut Incoming,
        arrival: &Arrival,
        notes: &mut Notes<'a>,
    ) -> Result<Response<Body>, Error> {
        let Arrival { id, at, address, ref peer } = *arrival;
        self.addresses.check(address).map_err(|retry| self.slow_down(retry))?;
        request::require_unambiguous(parts)?;
        let Route { tenant, target } = route(parts.uri.path())?;
        let discovery = target.as_ref().is_ok_and(Target::is_discovery);
        if discovery
            && !parts.headers.contains_key(AUTHORIZATION)
            && let Some(known) = self.access.tenant(tenant)
            && !known.settings.discovery_needs_token
            && !known.disabled
        {
            notes.aim(&target, &parts.method, Some(&known));
            self.anonymous.check(address).map_err(|retry| self.slow_down(retry))?;
            self.anonymous.count(address);
            let target = target?;
            target.require(parts.method.as_str())?;
            let base = self.settings.load().public.base(parts, peer, tenant)?;
            return self.discover(parts, &target, &known, &base);
        }
        let authorization = request::text(&parts.headers, &AUTHORIZATION);
        let caller = self.access.authenticate(tenant, authorization, at).inspect_err(|error| {
            notes.aim(&target, &parts.method, self.access.tenant(tenant).as_deref());
            self.metrics.authentication_failures.inc();
            if error.kind() == ErrorKind::Unauthorized {
                self.addresses.count(address);
            }
        })?;
        peer.introduce();
        notes.aim(&target, &parts.method, Some(caller.tenant()));
        notes.caller = Some((caller.actor().clone(), Arc::clone(caller.tenant())));
        self.take_turn(&caller).map_err(|retry| {
            self.metrics.rate_limited.inc();
            Error::new(
                ErrorKind::TooManyRequests(retry.seconds()),
                format!("The token has used up its requests. Try again in {} s.", retry.seconds()),
            )
        })?;
        let target = target?;
        let base = self.settings.load().public.base(parts, peer, tenant)?;
        if discovery {
            target.require(parts.method.as_str())?;
            return self.discover(parts, &target, caller.tenant(), &base);
        }
        authorise(&caller, &parts.method, &target)?;
        let within = self.settings.load().request_timeout;
        let pace = Pace::of_client(&self.operations.lanes, caller.tenant().id, notes.client.clone(), within);
        notes.pace = Some(Arc::clone(&pace));
        let context = Context { caller, base, request: Some(id), pace };
        let answer = self.operate(&context, &target, parts, incoming, notes).await;
        let answer = answer.map_err(|error| profile::phrase(context.caller.tenant(), error))?;
        if notes.id.is_none() {
            notes.id = answer.id.map(|id| id.to_string().into());
        }
        Ok(response::answer(answer, request::answer_type(&parts.headers)))
    }

    /// 429 for an address that asks too often without a good token.
    fn slow_down(&self, retry: RetryAfter) -> Error {
        self.metrics.address_limited.inc();
        Error::new(
            ErrorKind::TooManyRequests(retry.seconds()),
            "Too many requests without a valid token came from this address. Wait, and check the token.",
        )
    }

    /// RFC 7644 §4. Query parameters are ignored but `filter`, which must not look as if it worked.
    fn discover(
        &self,
        parts: &Parts,
        target: &Target<'_>,
        tenant: &Tenant,
        base: &str,
    ) -> Result<Response<Body>, Error> {
        let pairs = request::pairs(parts.uri.query().unwrap_or_default())?;
        if pairs.iter().any(|(name, _)| name.eq_ignore_ascii_case("filter")) {
            return Err(Error::new(
                ErrorKind::Forbidden,
                "Discovery endpoints cannot be filtered. Leave the filter out.",
            ));
        }
        let document = match target {
            Target::ResourceTypes(name) => self.operations.resource_types(tenant, base, name.as_deref()),
            Target::Schemas(urn) => self.operations.schemas(tenant, base, urn.as_deref()),
            _ => {
                let bulk_body = self.settings.load().bulk_max_body;
                Ok(self.operations.service_provider_config(tenant, base, bulk_body))
            }
        };
        Ok(response::document(&document?, request::answer_type(&parts.headers)))
    }

    /// The larger operations have a place of their own in memory: otherwise every request, also a GET,
    /// would move a future about that has room for the largest of them.
    async fn operate(
        &self,
        context: &Context,
        target: &Target<'_>,
        parts: &Parts,
        incoming: &mut Incoming,
        notes: &mut Notes<'_>,
    ) -> Result<Answer, Error> {
        let registry = &context.caller.tenant().registry;
        match target {
            Target::Resources(endpoint) => {
                let rt = known(registry.endpoint(endpoint), endpoint)?;
                target.require(parts.method.as_str())?;
                self.collection(context, rt, endpoint, parts, incoming, notes).await
            }
            Target::Resource(endpoint, id) => {
                let rt = known(registry.endpoint(endpoint), endpoint)?;
                target.require(parts.method.as_str())?;
                match self.resource(context, rt, id, parts, incoming, notes).await {
                    Err(error) => Err(self.operations.missing_or(context, rt, id, error).await),
                    answer => answer,
                }
            }
            Target::Search(endpoint) => {
                target.require(parts.method.as_str())?;
                profile::require_search(context.caller.tenant())?;
                let types = match endpoint {
                    Some(endpoint) => std::slice::from_ref(known(registry.endpoint(endpoint), endpoint)?),
                    None => registry.resource_types(),
                };
                let query = Query::from_search_request(self.body(context, parts, incoming, notes).await?)?;
                self.query(context, types, endpoint.as_deref().unwrap_or_default(), &query).await
            }
            Target::Root => {
                target.require(parts.method.as_str())?;
                profile::require_search(context.caller.tenant())?;
                self.query(context, registry.resource_types(), "", &request::query(parts)?).await
            }
            Target::Bulk => {
                target.require(parts.method.as_str())?;
                profile::require_bulk(context.caller.tenant())?;
                self.operations.require_bulk()?;
                let body = self.body(context, parts, incoming, notes).await?;
                let bulk = context.pace.whole(|| BulkRequest::parse(body)).await??;
                self.metrics.bulk_operations.inc_by(bulk.operations.len() as u64);
                Box::pin(self.operations.bulk(context, bulk)).await
            }
            Target::Me => Err(Error::new(
                ErrorKind::NotImplemented,
                "This server has no /Me: a bearer token belongs to a tenant, not to a user. Use /Users.",
            )),
            Target::ResourceTypes(_) | Target::Schemas(_) | Target::ServiceProviderConfig => {
                Err(Error::internal("a discovery endpoint came to the operations"))
            }
        }
    }

    async fn collection(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        endpoint: &str,
        parts: &Parts,
        incoming: &mut Incoming,
        notes: &mut Notes<'_>,
    ) -> Result<Answer, Error> {
        if parts.method == Method::POST {
            let query = request::query(parts)?;
            let body = self.body(context, parts, incoming, notes).await?;
            return Box::pin(self.operations.create(context, rt, self.operations.fresh_id(), body, &query)).await;
        }
        self.query(context, std::slice::from_ref(rt), endpoint, &request::query(parts)?).await
    }

    /// A query is the one read whose work the client decides, so it has a deadline.
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
        parts: &Parts,
        incoming: &mut Incoming,
        notes: &mut Notes<'_>,
    ) -> Result<Answer, Error> {
        let operations = &self.operations;
        let preconditions = request::preconditions(&parts.headers);
        match parts.method {
            Method::PUT => {
                profile::require_replace(context.caller.tenant(), rt)?;
                let query = request::query(parts)?;
                let body = self.body(context, parts, incoming, notes).await?;
                Box::pin(operations.replace(context, rt, id, body, &query, &preconditions)).await
            }
            Method::PATCH => {
                let query = request::query(parts)?;
                let body = self.body(context, parts, incoming, notes).await?;
                Box::pin(operations.modify(context, rt, id, body, &query, &preconditions)).await
            }
            Method::DELETE => operations.delete(context, rt, id, &preconditions).await,
            _ => operations.retrieve(context, rt, id, &request::query(parts)?, &preconditions).await,
        }
    }

    async fn body(
        &self,
        context: &Context,
        parts: &Parts,
        incoming: &mut Incoming,
        notes: &mut Notes<'_>,
    ) -> Result<Value, Error> {
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

/// Tells the operator what the answer does not: the cause of a fault of ours, and what a profile's
/// text leaves out. Of who was not let in, [`super::refusals`] tells.
fn tell(error: &Error) {
    let cause = std::error::Error::source(error);
    match error.kind() {
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

/// 403 unless the token's scopes cover the method. A search only reads, whatever its method.
fn authorise(caller: &Caller, method: &Method, target: &Target<'_>) -> Result<(), Error> {
    let scopes = caller.scopes();
    let reads = matches!(*method, Method::GET | Method::HEAD) || matches!(target, Target::Search(_));
    let (allowed, scope) = if reads { (scopes.read, "read") } else { (scopes.write, "write") };
    if allowed {
        return Ok(());
    }
    let detail = format!("The token does not have the {scope} scope. Use one that has it.");
    Err(Error::new(ErrorKind::Forbidden, detail).with_source(InsufficientScope(scope)))
}

fn known<'a>(rt: Option<&'a Arc<ResourceType>>, endpoint: &str) -> Result<&'a Arc<ResourceType>, Error> {
    rt.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!("There is no endpoint \"{endpoint}\" here. GET /ResourceTypes lists those that exist."),
        )
    })
}
