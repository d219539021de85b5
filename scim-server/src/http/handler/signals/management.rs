//! What receivers do with streams of security event tokens (SSF 1.0 §8.1).

use std::sync::Arc;

use hyper::{Method, http::request::Parts};
use scim_protocol::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Call, POLL, Place, Service};
use crate::{
    http::request,
    operation::{Answer, Content, Context, Outcome, feed::plain},
    stream::{EVENTS, MOST_STREAMS, Status, Stream, Streams},
};

/// Verifications of a stream that may wait to be acknowledged.
const MOST_VERIFICATIONS: usize = 8;
/// The longest text of a receiver that is kept, in bytes.
const MOST_TEXT: usize = 1024;
/// The most events that a receiver may ask for.
const MOST_REQUESTED: usize = 100;
/// What only the transmitter says of a stream.
const OURS: [&str; 5] = ["/iss", "/aud", "/events_supported", "/events_delivered", "/delivery/endpoint_url"];

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

impl Service {
    fn shelf(&self) -> Streams {
        Streams::new(Arc::clone(&self.operations.store))
    }

    /// Makes, shows, changes and removes streams (SSF 1.0 §8.1.1).
    pub(super) async fn streams(&self, context: &Context, call: Call<'_, '_>) -> Result<Answer, Error> {
        let (parts, place, tenant) = (call.parts, Place::of(&context.base), context.caller.tenant());
        match parts.method {
            Method::GET | Method::HEAD => {
                if let Some(id) = stream_id(parts)? {
                    return plain(&shown(&self.shelf().known(tenant.id, &id).await?, &place));
                }
                let all = self.shelf().list(tenant.id).await?;
                plain(&all.iter().map(|stream| shown(stream, &place)).collect::<Vec<_>>())
            }
            Method::DELETE => {
                let stream = self.shelf().known(tenant.id, &named(parts)?).await?;
                self.shelf().delete(&stream).await?;
                Ok(Answer::plain(Outcome::NoContent, Content::Nothing))
            }
            Method::POST => {
                let body = self.parsed(context, call).await?;
                self.create_stream(context, &place, body).await
            }
            _ => {
                let whole = parts.method == Method::PUT;
                let body: Value = self.parsed(context, call).await?;
                let read: StreamBody = read(&body)?;
                let missing = || Error::value("stream_id is missing. Name the stream.");
                let change = |stream: &mut Stream| {
                    require_ours(&body, &shown(stream, &place))?;
                    apply(stream, &read, whole)
                };
                let id = read.stream_id.as_deref().ok_or_else(missing)?;
                plain(&shown(&self.shelf().change(tenant.id, id, change).await?, &place))
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
        apply(&mut stream, &body, true)?;
        self.shelf().create(&stream).await?;
        Ok(Answer { outcome: Outcome::Created, ..plain(&shown(&stream, place))? })
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
        let StatusBody { stream_id, status, reason } = self.parsed(context, call).await?;
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
        let VerifyBody { stream_id, state } = self.parsed(context, call).await?;
        let (id, state) = (Uuid::new_v4(), bounded(state.as_deref())?);
        let change = |stream: &mut Stream| {
            if stream.status == Status::Disabled {
                return Err(Error::value("Nothing is sent over this stream: its status is disabled. Enable it first."));
            }
            if stream.verifications.len() >= MOST_VERIFICATIONS {
                let detail = "Verifications that were asked for are not acknowledged yet. Poll the stream.";
                return Err(Error::new(ErrorKind::TooManyRequests(1), detail));
            }
            stream.verifications.push((id, state.clone()));
            Ok(())
        };
        self.shelf().change(context.caller.tenant().id, &stream_id, change).await?;
        self.operations.store.changes().notify_waiters();
        Ok(Answer::plain(Outcome::NoContent, Content::Nothing))
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
fn apply(stream: &mut Stream, body: &StreamBody, whole: bool) -> Result<(), Error> {
    if let Some(Delivery { method }) = body.delivery.as_ref().filter(|delivery| delivery.method != POLL) {
        let detail = format!("Tokens are delivered by polling. The delivery method is {POLL}, not \"{method}\".");
        return Err(Error::value(detail));
    }
    if whole || body.events_requested.is_some() {
        let requested = body.events_requested.as_deref().unwrap_or_default();
        if requested.len() > MOST_REQUESTED || requested.iter().any(|uri| uri.len() > MOST_TEXT) {
            return Err(Error::value("events_requested is too long. Name the events that you need."));
        }
        stream.requested = requested.to_vec();
    }
    if whole || body.description.is_some() {
        stream.description = bounded(body.description.as_deref())?;
    }
    Ok(())
}

/// 400 if a receiver says of a stream what only the transmitter says, and it is not so.
fn require_ours(body: &Value, shown: &Value) -> Result<(), Error> {
    let wrong = OURS.iter().find(|name| body.pointer(name).is_some_and(|said| shown.pointer(name) != Some(said)));
    wrong.map_or(Ok(()), |name| {
        let detail = format!("{} is not as the stream has it, and cannot be changed. Leave it out.", &name[1..]);
        Err(Error::value(detail))
    })
}

fn read(body: &Value) -> Result<StreamBody, Error> {
    StreamBody::deserialize(body).map_err(|error| Error::value(format!("The body cannot be used: {error}.")))
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
    Ok(pairs.into_iter().find(|(name, _)| name == "stream_id").map(|(_, id)| id))
}

/// The same, where one has to be named.
fn named(parts: &Parts) -> Result<String, Error> {
    stream_id(parts)?.ok_or_else(|| Error::value("Name the stream: ?stream_id=…"))
}
