//! `Prefer: respond-async` (RFC 7240 §4.1, RFC 9967 §2.5.1.1): a write is accepted, and completed later.

use std::time::Duration;

use hyper::{
    HeaderMap, Method,
    header::{HeaderName, IF_MATCH, IF_NONE_MATCH},
    http::request::Parts,
};
use scim_protocol::{Error, ErrorKind, message::BulkRequest};
use serde_json::{Map, Value, json};
use tokio::{sync::oneshot, time::timeout};

use super::{Call, Service, signals::Place};
use crate::{
    deferred::Deferred,
    event::Json,
    http::route::Endpoint,
    operation::{Answer, Content, Context, Outcome, deferred::as_bulk, feed::plain},
    profile,
    ssf::{self, SigningKeys},
    store::ResourceId,
};

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// The longest time for which a client is let wait for the answer itself.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Service {
    /// Does what is asked, or accepts it.
    pub(super) async fn now_or_later(
        &self,
        context: &Context,
        endpoint: &Endpoint<'_>,
        call: Call<'_, '_>,
    ) -> Result<Answer, Error> {
        match self.defers(context, endpoint, call.parts).await? {
            Some(wait) => Box::pin(self.defer(context, endpoint, call, wait)).await,
            None => self.operate(context, endpoint, call).await,
        }
    }

    /// For how long the client would wait before it is told that the request is completed later; `None` when it is
    /// answered at once: it does not ask, or asks for what only an answer has.
    async fn defers(
        &self,
        context: &Context,
        endpoint: &Endpoint<'_>,
        parts: &Parts,
    ) -> Result<Option<Duration>, Error> {
        let Some(wait) = preference(&parts.headers) else { return Ok(None) };
        let tenant = context.caller.tenant();
        let is_write = match endpoint {
            Endpoint::Bulk => parts.method == Method::POST,
            Endpoint::Resources(name) => parts.method == Method::POST && tenant.registry.endpoint(name).is_some(),
            Endpoint::Resource(name, _) => tenant.registry.endpoint(name).is_some_and(|rt| match parts.method {
                Method::PUT => profile::require_replace(tenant.profile(), rt).is_ok(),
                _ => matches!(parts.method, Method::PATCH | Method::DELETE),
            }),
            _ => false,
        };
        let is_plain = parts.uri.query().unwrap_or_default().is_empty() && !parts.headers.contains_key(IF_NONE_MATCH);
        if !is_write || !is_plain || !profile::has_security_events(tenant.profile()) {
            return Ok(None);
        }
        self.completer.require_room(tenant.id).await?;
        Ok(Some(wait))
    }

    /// Accepts a request, and answers it if it is completed while the client waits.
    async fn defer(
        &self,
        context: &Context,
        endpoint: &Endpoint<'_>,
        call: Call<'_, '_>,
        wait: Duration,
    ) -> Result<Answer, Error> {
        let Call { parts, incoming, notes } = call;
        let tenant = context.caller.tenant();
        let body = match parts.method {
            Method::DELETE => None,
            _ => Some(self.body(context, Call { parts, incoming, notes: &mut *notes }).await?),
        };
        let operations = operations(endpoint, parts, body)?;
        let json = Json::of(&operations).ok_or_else(|| Error::internal("a body cannot be written"))?;
        let bulk = BulkRequest::parse(operations)?;
        if matches!(endpoint, Endpoint::Bulk) {
            profile::require_bulk(tenant.profile())?;
            self.operations.require_bulk()?;
            self.operations.require_few(&bulk)?;
            self.metrics.bulk_operations.inc_by(bulk.operations.len() as u64);
            if bulk.operations.is_empty() {
                return self.operations.bulk(context, bulk).await;
            }
        } else if let Some(Err(refused)) = bulk.operations.into_iter().next() {
            return Err(refused.error);
        }
        // It takes the memory of the body with it, which is counted once.
        let share = notes.share.take().unwrap_or_else(|| self.operations.budget.share(tenant.id));
        let deferred = Deferred {
            id: ResourceId(context.request.ok_or_else(|| Error::internal("a request has no id"))?),
            tenant: tenant.id,
            log: tenant.home,
            actor: context.caller.actor().to_string(),
            name: context.caller.name().map(str::to_owned),
            writer: Some(context.caller.writer().to_owned()),
            scopes: context.caller.scopes(),
            is_client: context.caller.is_client(),
            base: context.base.clone(),
            is_bulk: matches!(endpoint, Endpoint::Bulk),
            at: self.clock.now().as_millis(),
            after: self.operations.store.log(tenant.home).await?.newest,
            is_replaced: false,
            process: self.completer.process,
            completions: None,
            completed: None,
            operations: Some(json),
            version: 0,
        };
        let id = deferred.id;
        let (teller, mut told) = oneshot::channel();
        let teller = (!wait.is_zero()).then_some(teller);
        self.completer.accept(deferred, share, teller).await?;
        if !wait.is_zero() {
            if let Ok(Ok(answer)) = timeout(wait.min(LONGEST_WAIT), &mut told).await {
                return answer;
            }
            // Between the end of the time and here it may have come.
            told.close();
            if let Ok(answer) = told.try_recv() {
                return answer;
            }
        }
        Ok(accepted(context, id))
    }
}

impl Service {
    /// What has come of a request that was accepted (RFC 9967 §2.5.1.1): for who has asked for it, and for who may read
    /// events. The token; of a bulk request those of all operations, as a poll gives them.
    pub(super) async fn completion(&self, context: &Context, id: &str) -> Result<Answer, Error> {
        let missing = || {
            let detail = format!("There is no accepted request {id:?}. What has come of one can be read for a day.");
            Error::new(ErrorKind::NotFound, detail)
        };
        let (tenant, caller) = (context.caller.tenant(), &context.caller);
        let is_theirs =
            |one: &Deferred| one.tenant == tenant.id && (caller.scopes().events || *one.actor == **caller.actor());
        let id = ResourceId::parse(id).ok_or_else(missing)?;
        let deferred = self.completer.deferrals().get(id).await?.filter(is_theirs).ok_or_else(missing)?;
        let Some(numbers) = &deferred.completions else { return Ok(accepted(context, id)) };
        if deferred.log != tenant.home {
            let detail =
                "The tenant was replaced by an import since. What has come of the request went with the log of before.";
            return Err(Error::new(ErrorKind::Gone, detail));
        }
        let (place, store) = (Place::of(&context.base), &self.operations.store);
        let keys = SigningKeys::of(&**store, self.clock.now()).await?;
        let (mut sets, audience) = (Map::new(), place.at(&format!("completions/{id}")));
        for number in numbers {
            let event = store.events(deferred.log, number - 1, 1).await?.into_iter().next();
            let event = event.filter(|event| event.sequence == *number).ok_or_else(missing)?;
            let jti = format!("c-{}", event.request);
            let claims = ssf::completion(&event, &place.issuer, &audience, &jti).ok_or_else(missing)?;
            sets.insert(jti, keys.newest()?.sign(&claims)?.into());
        }
        match sets.values().next() {
            Some(Value::String(token)) if !deferred.is_bulk => {
                let answer = Answer::plain(Outcome::Ok, Content::Whole(token.clone().into()));
                Ok(Answer { media_type: Some("application/secevent+jwt"), ..answer })
            }
            _ => plain(&json!({"sets": sets})),
        }
    }
}

/// The answer to a request that is not completed yet.
fn accepted(context: &Context, id: ResourceId) -> Answer {
    let location = Some(Place::of(&context.base).at(&format!("completions/{id}")));
    Answer { location, accepted: Some(id), ..Answer::plain(Outcome::Accepted, Content::Nothing) }
}

/// What a request asks for, as the body of a bulk request.
fn operations(endpoint: &Endpoint<'_>, parts: &Parts, body: Option<Value>) -> Result<Value, Error> {
    let lines: Vec<_> = parts.headers.get_all(IF_MATCH).iter().filter_map(|line| line.to_str().ok()).collect();
    let version = (!lines.is_empty()).then(|| lines.join(","));
    let path = match endpoint {
        Endpoint::Bulk => return Ok(body.unwrap_or_default()),
        Endpoint::Resources(name) => name.to_string(),
        Endpoint::Resource(name, id) => format!("{name}/{id}"),
        _ => return Err(Error::internal("a request that is not completed later has come here")),
    };
    if body.as_ref().is_some_and(|body| !body.is_object()) {
        return Err(Error::syntax("The body must be a JSON object."));
    }
    Ok(as_bulk(parts.method.as_str(), &path, version.as_deref(), body))
}

/// Whether the client prefers that the request is completed later, and how long it would wait for the answer itself
/// (RFC 7240 §4.3). What cannot be read is no preference (§2).
fn preference(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(PREFER).iter().filter_map(|line| line.to_str().ok());
    let (mut is_async, mut wait) = (false, None);
    for one in lines.flat_map(|line| line.split(',')) {
        let one = one.split(';').next().unwrap_or_default();
        let (name, value) = one.split_once('=').map_or((one.trim(), ""), |(name, value)| (name.trim(), value.trim()));
        if name.eq_ignore_ascii_case("respond-async") {
            is_async = true;
        } else if name.eq_ignore_ascii_case("wait") && wait.is_none() {
            wait = value.trim_matches('"').parse().ok().map(Duration::from_secs);
        }
    }
    is_async.then(|| wait.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expect: Option<u64>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(PREFER, line.parse().unwrap());
        }
        assert_eq!(preference(&headers), expect.map(Duration::from_secs), "{lines:?}");
    }

    #[test]
    fn preferences_are_read_as_rfc_7240_has_them() {
        check(&[], None);
        check(&["wait=5"], None);
        check(&["return=minimal"], None);
        check(&["respond-async"], Some(0));
        check(&["Respond-Async, wait=10"], Some(10));
        check(&["handling=lenient, wait=\"7\"", "respond-async; foo=bar"], Some(7));
        check(&["respond-async, wait=soon"], Some(0));
        check(&["respond-async", "wait=1, wait=2"], Some(1));
    }
}
