//! Collects facts about a request, and writes its line in the audit log.

use std::{
    borrow::Cow,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use hyper::{Method, Response, header::USER_AGENT, http::request::Parts};
use scim_protocol::{Error, schema::ResourceType};
use tokio::time::Instant;

use super::{Arrival, deciding::deciding, values};
use crate::{
    access::Refusal,
    audit::{self, AuditLog, AuditRecord, Document, EventName, Form, Verb, Vocabulary},
    budget::Share,
    http::{
        Service,
        body::ResponseBody,
        request, request_id,
        route::{Authorization, Discovery, Endpoint, Feed, NoTarget, Published, Signals, Target},
    },
    metrics::Operation,
    oauth::refusal,
    operation::{Rewritten, pace::Pace},
    profile,
    profile::Profile,
    request_log::{self, Call},
    store::ResourceId,
    tenant::{Tenant, judged::is_of_a_run},
};

/// Facts about a request, for the audit log and the metrics.
pub(super) struct Notes<'a> {
    pub(super) operation: Operation,
    pub(super) event: CallName,
    /// Which part of the path names the tenant; `None` when the path is none of ours.
    pub(super) segment: Option<Cow<'a, str>>,
    /// Whose token it is; `None` without a good one.
    pub(super) caller: Option<(Arc<str>, Arc<Tenant>)>,
    /// Whether that may write, as providers do.
    pub(super) may_write: bool,
    /// Whether a server of this store has sent it, to see whether it is reached: by its mark, which nobody else can make.
    pub(super) is_probe: bool,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) body: Bytes,
    /// Which of the tenant's rewrites changed the body.
    pub(super) rewritten: Rewritten,
    /// How its work shares the processors with other requests, as soon as its tenant is known.
    pub(super) pace: Option<Arc<Pace>>,
    /// The memory that the body takes, for as long as the call lasts.
    pub(super) share: Option<Share>,
    /// Alive as long as the client waits, if the work would continue without it.
    pub(super) client: Option<Weak<()>>,
    /// For how long it was asked to wait for events, and did.
    pub(super) waited: Duration,
    began: Instant,
}

/// The call's name, owned.
pub(super) enum CallName {
    Resource(Verb, Arc<ResourceType>),
    Other(EventName<'static>),
}

impl<'a> Notes<'a> {
    pub(super) fn new(client: Option<Weak<()>>) -> Self {
        let event = CallName::Other(EventName::Unknown);
        let (body, operation) = (Bytes::new(), Operation::Unknown);
        let (waited, began, rewritten) = (Duration::ZERO, Instant::now(), Rewritten::default());
        let (segment, caller, may_write, id, pace, share) = (None, None, false, None, None, None);
        Self {
            operation,
            event,
            segment,
            caller,
            may_write,
            is_probe: false,
            id,
            body,
            rewritten,
            pace,
            share,
            client,
            waited,
            began,
        }
    }

    /// Whether it is a call of a provider: neither a page of the setup for people, nor a probe of this server. What is counted
    /// of a tenant has nothing but calls.
    pub(super) fn is_call(&self) -> bool {
        self.operation != Operation::Setup && !self.is_probe
    }

    /// How long it has taken, without the time that it was asked to wait.
    pub(super) fn took(&self) -> Duration {
        self.began.elapsed().saturating_sub(self.waited)
    }

    /// Notes which operation the call is, even if it is refused later.
    pub(super) fn aim(&mut self, target: &Result<Target<'a>, NoTarget>, method: &Method, tenant: Option<&Tenant>) {
        let Ok(target) = target else { return };
        let listed = |one: EventName<'static>, all, name: bool| CallName::Other(if name { one } else { all });
        let of = |endpoint: &str, verb| {
            let rt = tenant.and_then(|tenant| tenant.registry.endpoint(endpoint));
            rt.map_or(CallName::Other(EventName::Unknown), |rt| CallName::Resource(verb, rt.clone()))
        };
        (self.operation, self.event) = match target {
            Target::Authorization(endpoint) => {
                let event = match endpoint {
                    Authorization::Introspect => EventName::IntrospectToken,
                    Authorization::Metadata => EventName::GetAuthorizationServer,
                    Authorization::Revoke => EventName::RevokeToken,
                    Authorization::Token => EventName::IssueToken,
                };
                (Operation::Authorize, CallName::Other(event))
            }
            Target::Published(published) => {
                let event = match published {
                    Published::Keys => "GetTransmitterKeys",
                    Published::Transmitter => "GetTransmitter",
                };
                (Operation::Discover, CallName::Other(EventName::Feed(event)))
            }
            Target::Description => (Operation::Discover, CallName::Other(EventName::Feed("GetDescription"))),
            Target::Setup(_) => (Operation::Setup, CallName::Other(EventName::Setup("GetSetupPage"))),
            Target::Discovery(Discovery::ResourceTypes(name)) => {
                (Operation::Discover, listed(EventName::GetResourceType, EventName::ListResourceTypes, name.is_some()))
            }
            Target::Discovery(Discovery::Schemas(urn)) => {
                (Operation::Discover, listed(EventName::GetSchema, EventName::ListSchemas, urn.is_some()))
            }
            Target::Discovery(Discovery::ServiceProviderConfig) => {
                (Operation::Discover, CallName::Other(EventName::ServiceProviderConfig))
            }
            Target::Endpoint(endpoint) => match endpoint {
                Endpoint::Resources(name) if method == Method::POST => (Operation::Create, of(name, Verb::Create)),
                Endpoint::Resources(name) => (Operation::Query, of(name, Verb::List)),
                Endpoint::Resource(name, id) => {
                    self.id = Some(id.clone());
                    let (operation, verb) = match *method {
                        Method::PUT => (Operation::Replace, Verb::Put),
                        Method::PATCH => (Operation::Modify, Verb::Patch),
                        Method::DELETE => (Operation::Delete, Verb::Delete),
                        _ => (Operation::Retrieve, Verb::Get),
                    };
                    (operation, of(name, verb))
                }
                Endpoint::Search(_) => (Operation::Search, CallName::Other(EventName::SearchResources)),
                Endpoint::Root => (Operation::Query, CallName::Other(EventName::SearchResources)),
                Endpoint::Bulk => (Operation::Bulk, CallName::Other(EventName::BulkRequest)),
                Endpoint::Access(id) => {
                    self.id.clone_from(id);
                    let name = if id.is_some() { "GetAccess" } else { "ListAccess" };
                    (Operation::Access, CallName::Other(EventName::Access(name)))
                }
                Endpoint::Feed(feed) => (Operation::Feed, CallName::Other(EventName::Feed(feed_call(feed, method)))),
                Endpoint::Signals(signals) => {
                    (Operation::Feed, CallName::Other(EventName::Feed(signals_call(signals, method))))
                }
                Endpoint::Me => (Operation::Unknown, CallName::Other(EventName::Unknown)),
            },
        };
    }

    pub(super) fn event(&self) -> EventName<'_> {
        match &self.event {
            CallName::Resource(verb, rt) => EventName::Resource(*verb, &rt.name),
            CallName::Other(event) => *event,
        }
    }
}

/// What a call about events is named in the audit log.
fn signals_call(signals: &Signals<'_>, method: &Method) -> &'static str {
    match (signals, method) {
        (Signals::Completion(_), _) => "GetCompletion",
        (Signals::Poll(_), _) => "PollSecurityEvents",
        (Signals::Status, &Method::POST) => "UpdateStreamStatus",
        (Signals::Status, _) => "GetStreamStatus",
        (Signals::Streams, &Method::POST) => "CreateStream",
        (Signals::Streams, &Method::PUT | &Method::PATCH) => "UpdateStream",
        (Signals::Streams, &Method::DELETE) => "DeleteStream",
        (Signals::Streams, _) => "GetStream",
        (Signals::Subject { is_added: true }, _) => "AddStreamSubject",
        (Signals::Subject { is_added: false }, _) => "RemoveStreamSubject",
        (Signals::Verify, _) => "VerifyStream",
    }
}

fn feed_call(feed: &Feed<'_>, method: &Method) -> &'static str {
    match feed {
        Feed::Acknowledge(_) => "AcknowledgeEvents",
        Feed::Consumer(_) if method == Method::DELETE => "DeleteConsumer",
        Feed::Consumer(_) => "GetConsumer",
        Feed::Consumers if method == Method::POST => "CreateConsumer",
        Feed::Consumers => "ListConsumers",
        Feed::Events => "ReadEvents",
        Feed::Receive(_) => "ReceiveEvents",
    }
}

impl Service {
    /// The call's line in the audit log, and its row in the request log; a call without a valid token is counted with
    /// others of its kind. What is no [call](Notes::is_call), and what the judge asks a tenant of its own, is in the audit log
    /// alone, so that the request log, and what is counted from it, has nothing but calls of providers.
    pub(super) async fn record(
        &self,
        parts: &Parts,
        arrival: &Arrival,
        notes: &Notes<'_>,
        response: &Response<ResponseBody>,
        error: Option<&Error>,
    ) {
        let event = notes.event();
        let segment =
            notes.segment.as_deref().unwrap_or_else(|| parts.uri.path().split('/').nth(1).unwrap_or_default());
        let asked = if notes.caller.is_none() { self.access.tenant(segment) } else { None };
        let (token, tenant) = match &notes.caller {
            Some((token, tenant)) => (Some(&**token), Some(tenant)),
            None => (None, asked.as_ref()),
        };
        let is_judged = tenant.is_some_and(|tenant| is_of_a_run(&tenant.name));
        let requests = self.requests.as_ref().filter(|_| notes.is_call() && !is_judged);
        if token.is_some() && self.audit.is_none() && requests.is_none() {
            return;
        }
        let settings = self.settings.load();
        let refused = error.and_then(refusal::of).map(ToString::to_string);
        let mapping = notes.rewritten.names();
        let headers = if token.is_some() { deciding(&parts.headers) } else { Vec::new() };
        let record = AuditRecord {
            at: arrival.at,
            event,
            tenant: tenant.map(|_| segment),
            token,
            source_address: Some(arrival.address),
            user_agent: request::text(&parts.headers, &USER_AGENT).map(audit::software),
            host: request::host(parts).map(|host| audit::host(host, settings.public.url.as_deref())),
            id: notes.id.as_deref().filter(|_| token.is_some()),
            query: parts.uri.query().filter(|_| token.is_some()),
            body: if notes.body.is_empty() { Document::None } else { Document::Bytes(&notes.body) },
            response: made(notes, response, error),
            error,
            mapping: &mapping,
            headers: &headers,
            explanation: error.and_then(profile::explanation).or(refused.as_deref()),
            request: arrival.id,
            event_id: request_id(arrival.at),
            form: match tenant.map(|tenant| tenant.settings.profile) {
                Some(Profile::IdentityCenter) => Form::IdentityCenter { region: &settings.audit_region },
                _ => Form::Own,
            },
            words: words(tenant),
        };
        let call = || call(parts, arrival, notes, response.status().as_u16(), (tenant, error));
        if token.is_none() {
            let called = requests.map(|requests| (requests, call()));
            let noted = called.as_ref().map(|(_, call)| call.clone());
            let first = self.refusals.note(&record, tenant.map(|tenant| tenant.id), noted);
            if let (Some((requests, call)), Some(line)) = (called, first) {
                requests.note(&call, &line);
            }
            return;
        }
        let length = response.body().length().and_then(|length| usize::try_from(length).ok());
        let bytes = notes.body.len().max(length.unwrap_or_default());
        let line = match &notes.pace {
            Some(pace) => pace.always(bytes, || AuditLog::line(&record)).await,
            None => AuditLog::line(&record),
        };
        if let Some(requests) = requests {
            let sent = (parts.uri.query(), &notes.body[..]);
            let kept = tenant.and_then(|tenant| values::kept(tenant, event, arrival.at, sent, response.body()));
            requests.note(&call(), &values::behind(line.trim_ascii_end(), kept));
        }
        match &self.audit {
            Some(audit) => audit.record(line).await,
            None => AuditLog::give_back(line),
        }
    }
}

/// The words that are known to be impersonal.
fn words(tenant: Option<&Arc<Tenant>>) -> &Vocabulary {
    match tenant {
        Some(tenant) => tenant.words(),
        None => Vocabulary::core(),
    }
}

/// What was made, as it was answered.
fn made<'a>(notes: &Notes<'_>, response: &'a Response<ResponseBody>, error: Option<&Error>) -> Document<'a> {
    match response.body() {
        // What OAuth answers is a secret, and so may a page be.
        ResponseBody::Full(bytes)
            if !notes.event().is_read_only()
                && error.is_none()
                && !matches!(notes.operation, Operation::Authorize | Operation::Setup) =>
        {
            Document::Bytes(bytes)
        }
        _ => Document::None,
    }
}

/// What the request log notes of a call, beside its line in the audit log.
fn call<'a>(
    parts: &'a Parts,
    arrival: &Arrival,
    notes: &'a Notes<'_>,
    status: u16,
    (tenant, error): (Option<&Arc<Tenant>>, Option<&'a Error>),
) -> Call<'a> {
    let words = words(tenant);
    let refusal: Option<&Refusal> = error.and_then(|error| std::error::Error::source(error)?.downcast_ref());
    let refused = error.and_then(refusal::of);
    let (why, reason) = match (refusal, refused) {
        (Some(refusal), _) => (refusal.kind().into(), refusal.to_string().into()),
        (None, Some(refused)) => (refused.kind().into(), audit::Message(&refused.to_string()).to_string().into()),
        (None, None) => ("".into(), "".into()),
    };
    let caller = notes.caller.as_ref().and_then(|(caller, _)| ResourceId::parse(caller));
    Call {
        at: arrival.at,
        took: notes.took(),
        method: request_log::Method::of(parts.method.as_str()),
        status,
        tenant: tenant.map(|tenant| tenant.id),
        token: caller.or_else(|| refusal.and_then(Refusal::token)),
        resource: notes.id.as_deref().filter(|_| caller.is_some()).and_then(ResourceId::parse),
        count: 1,
        path: audit::RequestPath(parts.uri.path(), words).to_string().into(),
        scim_type: error.and_then(|error| error.kind().scim_type()).unwrap_or_default(),
        refusal: why,
        reason,
    }
}
