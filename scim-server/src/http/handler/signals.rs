//! Streams of security event tokens (SSF 1.0), and polling (RFC 8936).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hyper::{Method, Response, http::request::Parts};
use scim_protocol::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Arrival, Call, Service};
use crate::{
    http::{
        body::ResponseBody,
        request, response,
        route::{Published, Signals},
    },
    operation::{
        Answer, Content, Context, Outcome,
        feed::{LIMIT, MOST, plain},
    },
    ssf::{EVENTS, MOST_STREAMS, Poll, Status, Stream, Streams, Transmitter},
    store::StoreError,
};

/// The only way in which tokens are delivered.
const POLL: &str = "urn:ietf:rfc:8936";
/// How long a receiver that does not say otherwise waits for a token.
const PATIENCE: Duration = Duration::from_secs(30);
/// Verifications of a stream that may wait to be acknowledged.
const MOST_VERIFICATIONS: usize = 8;
/// The longest text of a receiver that is kept, in bytes.
const MOST_TEXT: usize = 1024;

/// The body of a request that makes or changes a stream. What only the transmitter says may be repeated in it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct StreamBody {
    stream_id: Option<String>,
    events_requested: Option<Vec<String>>,
    description: Option<String>,
    delivery: Option<Delivery>,
}

#[derive(Deserialize)]
struct Delivery {
    method: String,
}

#[derive(Deserialize)]
struct StatusBody {
    stream_id: String,
    status: Status,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct VerifyBody {
    stream_id: String,
    #[serde(default)]
    state: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PollBody {
    #[serde(rename = "maxEvents")]
    most: Option<usize>,
    #[serde(rename = "returnImmediately")]
    immediately: bool,
    ack: Vec<String>,
    #[serde(rename = "setErrs")]
    errors: BTreeMap<String, Value>,
}

/// Where the endpoints of a tenant's transmitter are.
struct Place {
    issuer: String,
}

impl Place {
    /// From the base URL of the tenant.
    fn of(base: &str) -> Self {
        Self { issuer: base.strip_suffix("/scim/v2").unwrap_or(base).to_owned() }
    }

    fn at(&self, endpoint: &str) -> String {
        format!("{}/ssf/v1/{endpoint}", self.issuer)
    }

    /// Where a stream is polled. It is its audience too (RFC 9967 §2.3).
    fn poll(&self, stream: &Stream) -> String {
        self.at(&format!("poll/{}", stream.id))
    }
}

impl Service {
    /// What describes a transmitter, for whoever asks (SSF 1.0 §7.1), and its public keys.
    pub(super) fn published(
        &self,
        published: Published,
        segment: &str,
        parts: &Parts,
        arrival: &Arrival,
    ) -> Result<Response<ResponseBody>, Error> {
        published.require(parts.method.as_str())?;
        self.anonymous.check(arrival.address).map_err(|retry| self.slow_down(retry))?;
        self.anonymous.count(arrival.address);
        let tenant = self.access.tenant(segment).filter(|tenant| !tenant.disabled);
        if tenant.is_none() {
            return Err(Error::new(ErrorKind::NotFound, "There is no such transmitter."));
        }
        let place = Place::of(&self.base(parts, &arrival.peer, segment)?);
        let document = match published {
            Published::Keys => json!({"keys": [self.signing.jwk()]}),
            Published::Transmitter => json!({
                "spec_version": "1_0",
                "issuer": place.issuer,
                "jwks_uri": place.at("jwks"),
                "delivery_methods_supported": [POLL],
                "configuration_endpoint": place.at("streams"),
                "status_endpoint": place.at("status"),
                "verification_endpoint": place.at("verify"),
                "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6750"}],
                "default_subjects": "ALL",
            }),
        };
        Ok(response::document(&document, request::JSON))
    }

    /// Streams, and what is polled over them.
    pub(super) async fn signals(
        &self,
        context: &Context,
        signals: &Signals<'_>,
        call: Call<'_, '_>,
    ) -> Result<Answer, Error> {
        match signals {
            Signals::Poll(stream) => self.poll(context, stream, call).await,
            Signals::Status => self.status(context, call).await,
            Signals::Streams => self.streams(context, call).await,
            Signals::Verify => self.verify(context, call).await,
        }
    }

    fn transmitter<'a>(&'a self, context: &'a Context, place: &'a Place, audience: &'a str) -> Transmitter<'a> {
        let (operations, key, tenant) = (&self.operations, &*self.signing, &**context.caller.tenant());
        Transmitter { operations, key, tenant, issuer: &place.issuer, audience }
    }

    async fn stream(&self, context: &Context, id: &str) -> Result<Stream, Error> {
        let place = Place::of(&context.base);
        self.transmitter(context, &place, "").stream(id).await
    }

    /// Makes, shows, changes and removes streams (SSF 1.0 §8.1.1).
    async fn streams(&self, context: &Context, call: Call<'_, '_>) -> Result<Answer, Error> {
        let (parts, place, tenant) = (call.parts, Place::of(&context.base), context.caller.tenant());
        let streams = Streams::new(Arc::clone(&self.operations.store));
        match parts.method {
            Method::GET | Method::HEAD => {
                if let Some(id) = stream_id(parts)? {
                    return plain(&shown(&self.stream(context, &id).await?, &place));
                }
                let all = streams.list(tenant.id).await?;
                plain(&all.iter().map(|stream| shown(stream, &place)).collect::<Vec<_>>())
            }
            Method::DELETE => {
                let id = stream_id(parts)?.ok_or_else(|| Error::value("Name the stream: ?stream_id=…"))?;
                streams.delete(&self.stream(context, &id).await?).await?;
                Ok(Answer::plain(Outcome::NoContent, Content::Nothing))
            }
            Method::POST => {
                let body: StreamBody = self.parsed(context, call).await?;
                if streams.list(tenant.id).await?.len() >= MOST_STREAMS {
                    let detail = format!("The tenant has {MOST_STREAMS} streams, which is the most. Delete one first.");
                    return Err(Error::new(ErrorKind::Forbidden, detail));
                }
                let place_in_log = self.operations.store.log(tenant.home).await?.newest;
                let mut stream = Stream::new(self.operations.fresh_id(), tenant.id, tenant.home, place_in_log);
                apply(&mut stream, body, true)?;
                streams.create(&stream).await?;
                let answer = plain(&shown(&stream, &place))?;
                Ok(Answer { outcome: Outcome::Created, ..answer })
            }
            _ => {
                let whole = parts.method == Method::PUT;
                let body: StreamBody = self.parsed(context, call).await?;
                let id =
                    body.stream_id.clone().ok_or_else(|| Error::value("stream_id is missing: name the stream."))?;
                let mut stream = self.stream(context, &id).await?;
                apply(&mut stream, body, whole)?;
                kept(streams.keep(&stream).await)?;
                plain(&shown(&stream, &place))
            }
        }
    }

    /// Shows and changes what is sent over a stream (SSF 1.0 §8.1.2).
    async fn status(&self, context: &Context, call: Call<'_, '_>) -> Result<Answer, Error> {
        let parts = call.parts;
        let show = |stream: &Stream| {
            let mut view = json!({"stream_id": stream.id.to_string(), "status": stream.status});
            if let Some(reason) = &stream.reason {
                view["reason"] = json!(reason);
            }
            plain(&view)
        };
        if parts.method != Method::POST {
            let id = stream_id(parts)?.ok_or_else(|| Error::value("Name the stream: ?stream_id=…"))?;
            return show(&self.stream(context, &id).await?);
        }
        let StatusBody { stream_id, status, reason } = self.parsed(context, call).await?;
        let mut stream = self.stream(context, &stream_id).await?;
        if stream.status == Status::Disabled && status != Status::Disabled {
            // What happened while it was disabled is not sent.
            stream.place = self.operations.store.log(context.caller.tenant().home).await?.newest.max(stream.place);
            stream.acknowledged.clear();
        }
        (stream.status, stream.reason) = (status, bounded(reason)?);
        kept(Streams::new(Arc::clone(&self.operations.store)).keep(&stream).await)?;
        show(&stream)
    }

    /// Has a verification sent (SSF 1.0 §8.1.4.2).
    async fn verify(&self, context: &Context, call: Call<'_, '_>) -> Result<Answer, Error> {
        let VerifyBody { stream_id, state } = self.parsed(context, call).await?;
        let mut stream = self.stream(context, &stream_id).await?;
        if stream.verifications.len() >= MOST_VERIFICATIONS {
            let detail = "Verifications that were asked for are not acknowledged yet. Poll the stream.";
            return Err(Error::new(ErrorKind::TooManyRequests(1), detail));
        }
        stream.verifications.push((Uuid::new_v4(), bounded(state)?));
        kept(Streams::new(Arc::clone(&self.operations.store)).keep(&stream).await)?;
        self.operations.store.changes().notify_waiters();
        Ok(Answer::plain(Outcome::NoContent, Content::Nothing))
    }

    async fn poll(&self, context: &Context, stream: &str, call: Call<'_, '_>) -> Result<Answer, Error> {
        let body: PollBody = self.parsed(context, call).await?;
        let place = Place::of(&context.base);
        let audience = place.at(&format!("poll/{stream}"));
        context.pace.rest();
        let turn = if body.immediately { None } else { self.operations.turn_to_wait(context.caller.tenant().id) };
        let wait = if turn.is_some() { PATIENCE } else { Duration::ZERO };
        let most = body.most.unwrap_or(LIMIT).min(MOST);
        let asked = Poll { most, wait, ack: body.ack, errors: body.errors };
        let polled = self.transmitter(context, &place, &audience).poll(stream, asked).await?;
        plain(&json!({"sets": polled.sets, "moreAvailable": polled.more}))
    }
}

/// A stream as its receiver sees it (SSF 1.0 §8.1.1).
fn shown(stream: &Stream, place: &Place) -> Value {
    let mut view = json!({
        "stream_id": stream.id.to_string(),
        "iss": place.issuer,
        "aud": place.poll(stream),
        "delivery": {"method": POLL, "endpoint_url": place.poll(stream)},
        "events_supported": EVENTS,
        "events_delivered": stream.delivered(),
    });
    if !stream.requested.is_empty() {
        view["events_requested"] = json!(stream.requested);
    }
    if let Some(description) = &stream.description {
        view["description"] = json!(description);
    }
    view
}

/// Takes what a receiver says of a stream; what it does not say stays, unless the whole is replaced.
fn apply(stream: &mut Stream, body: StreamBody, whole: bool) -> Result<(), Error> {
    if let Some(Delivery { method }) = body.delivery.filter(|delivery| delivery.method != POLL) {
        return Err(Error::value(format!(
            "Tokens are delivered by polling. The delivery method is {POLL}, not \"{method}\"."
        )));
    }
    let requested = body.events_requested.unwrap_or_default();
    if whole || !requested.is_empty() {
        if requested.len() > 100 || requested.iter().any(|uri| uri.len() > MOST_TEXT) {
            return Err(Error::value("events_requested is too long. Name the events that you need."));
        }
        stream.requested = requested;
    }
    if whole || body.description.is_some() {
        stream.description = bounded(body.description)?;
    }
    Ok(())
}

fn bounded(text: Option<String>) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.len() > MOST_TEXT => Err(Error::value(format!("A text has at most {MOST_TEXT} bytes."))),
        text => Ok(text),
    }
}

/// The stream that a URL names.
fn stream_id(parts: &Parts) -> Result<Option<String>, Error> {
    let pairs = request::pairs(parts.uri.query().unwrap_or_default())?;
    Ok(pairs.into_iter().find(|(name, _)| name == "stream_id").map(|(_, id)| id))
}

fn kept(done: Result<(), StoreError>) -> Result<(), Error> {
    match done {
        Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Err(Error::new(
            ErrorKind::Unavailable(1),
            "The stream was changed by another request at the same moment. Repeat the request.",
        )),
        done => Ok(done?),
    }
}
