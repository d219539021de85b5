//! What receivers do with streams of security event tokens (SSF 1.0 §8.1).

use std::sync::Arc;

use hyper::{Method, header::HeaderValue, http::request::Parts};
use scim_protocol::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Call, POLL, PUSH, Place, Service};
use crate::{
    http::{
        handler::shape::{Kind, Member, Shape, may, must},
        request,
    },
    operation::{Answer, Content, Context, Outcome, feed::plain},
    ssf::audience,
    stream::{Credential, MOST_STREAMS, Notice, Push, Status, Stream, Streams, Tells, supported},
    tenant::Tenant,
};

/// Verifications and the like that may wait to be acknowledged.
pub(super) const MOST_NOTICES: usize = 100;
/// The longest text of a receiver that is kept, in bytes.
const MOST_TEXT: usize = 1024;
/// The most events that a receiver may ask for.
const MOST_REQUESTED: usize = 100;
/// What only the transmitter says of a stream.
const OURS: [&str; 4] = ["/iss", "/aud", "/events_supported", "/events_delivered"];

/// The body of a request that makes or changes a stream: what a receiver says of it.
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
    #[serde(default)]
    endpoint_url: Option<String>,
    #[serde(default)]
    authorization_header: Option<String>,
}

pub(in crate::http::handler) const STREAM: Shape = Shape {
    members: &[
        may("stream_id", Kind::Text),
        may("iss", Kind::Text),
        may("aud", Kind::Anything),
        may("events_supported", Kind::Texts),
        may("events_requested", Kind::Texts),
        may("events_delivered", Kind::Texts),
        may("delivery", Kind::Members(DELIVERY)),
        may("min_verification_interval", Kind::Count),
        may("inactivity_timeout", Kind::Count),
        may("description", Kind::Text),
    ],
    closed: true,
};

const DELIVERY: &[Member] =
    &[must("method", Kind::Text), may("endpoint_url", Kind::Text), may("authorization_header", Kind::Text)];

#[derive(Deserialize)]
struct StatusBody {
    stream_id: String,
    status: Status,
    #[serde(default)]
    reason: Option<String>,
}

pub(in crate::http::handler) const STATUS: Shape = Shape {
    members: &[
        must("stream_id", Kind::Text),
        must("status", Kind::OneOf(&["enabled", "paused", "disabled"])),
        may("reason", Kind::Text),
    ],
    closed: true,
};

#[derive(Deserialize)]
struct VerifyBody {
    stream_id: String,
    #[serde(default)]
    state: Option<String>,
}

pub(in crate::http::handler) const VERIFY: Shape =
    Shape { members: &[must("stream_id", Kind::Text), may("state", Kind::Text)], closed: true };

impl Service {
    pub(super) fn shelf(&self) -> Streams {
        Streams::new(Arc::clone(&self.operations.store))
    }

    /// Makes, shows, changes and removes streams (SSF 1.0 §8.1.1).
    pub(super) async fn streams(&self, context: &Context, call: Call<'_, '_>) -> Result<Answer, Error> {
        let (parts, place, tenant) = (call.parts, Place::of(&context.base), context.caller.tenant());
        match parts.method {
            Method::GET | Method::HEAD => {
                if let Some(id) = stream_id(parts)? {
                    return plain(&shown(&self.shelf().known(tenant.id, &id).await?, &place, tenant));
                }
                let all = self.shelf().list(tenant.id).await?;
                plain(&all.iter().map(|stream| shown(stream, &place, tenant)).collect::<Vec<_>>())
            }
            Method::DELETE => {
                let stream = self.shelf().known(tenant.id, &named(parts)?).await?;
                self.shelf().delete(&stream).await?;
                Ok(Answer::plain(Outcome::NoContent, Content::Nothing))
            }
            Method::POST => {
                let body = self.parsed(context, call, &STREAM).await?;
                self.create_stream(context, &place, body).await
            }
            _ => {
                let whole = parts.method == Method::PUT;
                let body: Value = self.parsed(context, call, &STREAM).await?;
                let read = StreamBody::deserialize(&body).map_err(Error::internal)?;
                let missing = || Error::value("stream_id is missing. Name the stream.");
                let change = |stream: &mut Stream| {
                    require_ours(&body, &shown(stream, &place, tenant))?;
                    self.apply(stream, &read, whole, &place)
                };
                let id = read.stream_id.as_deref().ok_or_else(missing)?;
                plain(&shown(&self.shelf().change(tenant.id, id, change).await?, &place, tenant))
            }
        }
    }

    async fn create_stream(&self, context: &Context, place: &Place, body: StreamBody) -> Result<Answer, Error> {
        let tenant = context.caller.tenant();
        if self.shelf().list(tenant.id).await?.len() >= MOST_STREAMS {
            let detail = format!("The tenant has {MOST_STREAMS} streams, which is the most. Delete one first.");
            return Err(Error::new(ErrorKind::Forbidden, detail));
        }
        let newest = self.operations.store.log(tenant.home).await?.newest;
        let mut stream = Stream::new(self.operations.fresh_id(), tenant.id, tenant.home, newest);
        self.apply(&mut stream, &body, true, place)?;
        self.shelf().create(&stream).await?;
        Ok(Answer { outcome: Outcome::Created, ..plain(&shown(&stream, place, tenant))? })
    }

    /// Takes what a receiver says of a stream; what it does not say stays, unless the whole is replaced.
    fn apply(&self, stream: &mut Stream, body: &StreamBody, whole: bool, place: &Place) -> Result<(), Error> {
        match &body.delivery {
            Some(delivery) => self.deliver(stream, delivery, place)?,
            None if whole => (stream.push, stream.authorization) = (None, None),
            None => {}
        }
        if whole || body.events_requested.is_some() {
            let requested = body.events_requested.as_deref().unwrap_or_default();
            if requested.len() > MOST_REQUESTED || requested.iter().any(|uri| uri.len() > MOST_TEXT) {
                return Err(Error::value("events_requested is too long. Name the events that you need."));
            }
            stream.requested = requested.to_vec();
            // What is not understood is to be passed over (SSF 1.0 §8.1.1). If nothing is left, somebody should know.
            if stream.delivered(true).is_empty() {
                tracing::warn!(stream = %stream.id, tenant = %stream.tenant, "a receiver has asked only for events that there are not: its stream stays silent");
            }
        }
        if whole || body.description.is_some() {
            stream.description = bounded(body.description.as_deref())?;
        }
        Ok(())
    }

    /// Takes how tokens are delivered (SSF 1.0 §6.1).
    fn deliver(&self, stream: &mut Stream, delivery: &Delivery, place: &Place) -> Result<(), Error> {
        match delivery.method.as_str() {
            POLL => (stream.push, stream.authorization) = (None, None),
            PUSH => {
                let missing = || Error::value("delivery.endpoint_url is missing. Say where tokens are to be sent.");
                let url = bounded(Some(delivery.endpoint_url.as_deref().ok_or_else(missing)?))?.unwrap_or_default();
                let refused = |why| Error::value(format!("delivery.endpoint_url cannot be used: {why}."));
                self.sender.check(&url).map_err(refused)?;
                let header = bounded(delivery.authorization_header.as_deref())?;
                if header.as_ref().is_some_and(|text| HeaderValue::from_str(text).is_err()) {
                    return Err(Error::value("delivery.authorization_header cannot stand in a header. Correct it."));
                }
                let issuer = place.issuer.clone();
                stream.push = Some(Push { url, issuer, tries: 0, due: 0, failing_since: None, last_error: None });
                stream.authorization = header.map(Credential);
            }
            other => {
                let detail = format!("The delivery method is {POLL} or {PUSH}, not \"{other}\".");
                return Err(Error::value(detail));
            }
        }
        Ok(())
    }

    pub(super) fn notice(&self, tells: Tells) -> Notice {
        Notice { id: Uuid::new_v4(), at: self.operations.clock.now().as_millis(), tells }
    }

    /// Shows and changes what is sent over a stream (SSF 1.0 §8.1.2).
    pub(super) async fn status(&self, context: &Context, call: Call<'_, '_>) -> Result<Answer, Error> {
        let (parts, tenant) = (call.parts, context.caller.tenant());
        let show = |stream: &Stream| {
            let mut view = json!({"stream_id": stream.id.to_string(), "status": stream.status});
            if let Some(reason) = &stream.reason {
                view["reason"] = json!(reason);
            }
            plain(&view)
        };
        if parts.method != Method::POST {
            return show(&self.shelf().known(tenant.id, &named(parts)?).await?);
        }
        let StatusBody { stream_id, status, reason } = self.parsed(context, call, &STATUS).await?;
        let reason = bounded(reason.as_deref())?;
        let newest = self.operations.store.log(tenant.home).await?.newest;
        let change = |stream: &mut Stream| {
            stream.set_status(status, newest);
            stream.reason.clone_from(&reason);
            Ok(())
        };
        let stream = self.shelf().change(tenant.id, &stream_id, change).await?;
        self.operations.store.changes().notify_waiters();
        show(&stream)
    }

    /// Has a verification sent (SSF 1.0 §8.1.4.2).
    pub(super) async fn verify(&self, context: &Context, call: Call<'_, '_>) -> Result<Answer, Error> {
        let VerifyBody { stream_id, state } = self.parsed(context, call, &VERIFY).await?;
        let tells = Tells::Verification(bounded(state.as_deref())?);
        let notice = self.notice(tells);
        let change = |stream: &mut Stream| {
            if stream.status == Status::Disabled {
                return Err(Error::value("Nothing is sent over this stream: its status is disabled. Enable it first."));
            }
            note(stream, &notice)
        };
        self.shelf().change(context.caller.tenant().id, &stream_id, change).await?;
        self.operations.store.changes().notify_waiters();
        Ok(Answer::plain(Outcome::NoContent, Content::Nothing))
    }
}

/// A stream as its receiver sees it (SSF 1.0 §8.1.1).
fn shown(stream: &Stream, place: &Place, tenant: &Tenant) -> Value {
    let tells_values = tenant.settings.tells_values();
    let (issuer, method, url) = match &stream.push {
        Some(push) => (push.issuer.as_str(), PUSH, push.url.clone()),
        None => (place.issuer.as_str(), POLL, place.poll(stream)),
    };
    let mut view = json!({
        "stream_id": stream.id.to_string(),
        "iss": issuer,
        "aud": audience(issuer, stream),
        "delivery": {"method": method, "endpoint_url": url},
        "events_supported": supported(tells_values).collect::<Vec<_>>(),
        "events_delivered": stream.delivered(tells_values),
    });
    if !stream.requested.is_empty() {
        view["events_requested"] = json!(stream.requested);
    }
    if let Some(description) = &stream.description {
        view["description"] = json!(description);
    }
    view
}

/// Has something told of a stream.
pub(super) fn note(stream: &mut Stream, notice: &Notice) -> Result<(), Error> {
    if stream.notices.len() >= MOST_NOTICES {
        let detail = "What was asked for before is not acknowledged yet. Receive and acknowledge it first.";
        return Err(Error::new(ErrorKind::TooManyRequests(1), detail));
    }
    stream.notices.push(notice.clone());
    Ok(())
}

/// 400 if a receiver says of a stream what only the transmitter says, and it is not so.
fn require_ours(body: &Value, shown: &Value) -> Result<(), Error> {
    // Where a stream is polled is for the transmitter to say, where it is sent for the receiver.
    let method = &body["delivery"]["method"];
    let is_polled = *method == POLL && shown["delivery"]["method"] == *method;
    let mut ours = OURS.iter().chain(is_polled.then_some(&"/delivery/endpoint_url"));
    let wrong = ours.find(|name| body.pointer(name).is_some_and(|said| shown.pointer(name) != Some(said)));
    wrong.map_or(Ok(()), |name| {
        let detail = format!("{} is not as the stream has it, and cannot be changed. Leave it out.", &name[1..]);
        Err(Error::value(detail))
    })
}

fn bounded(text: Option<&str>) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.len() > MOST_TEXT => Err(Error::value(format!("A text has at most {MOST_TEXT} bytes."))),
        text => Ok(text.map(str::to_owned)),
    }
}

/// The stream that a URL names.
fn stream_id(parts: &Parts) -> Result<Option<String>, Error> {
    let pairs = request::pairs(parts.uri.query().unwrap_or_default())?;
    let mut named = pairs.into_iter().filter(|(name, _)| name == "stream_id");
    let first = named.next().map(|(_, id)| id);
    if named.next().is_some() {
        return Err(Error::value("stream_id is given twice. Send it once."));
    }
    Ok(first)
}

/// The same, where one has to be named.
fn named(parts: &Parts) -> Result<String, Error> {
    stream_id(parts)?.ok_or_else(|| Error::value("Name the stream: ?stream_id=…"))
}
