//! Security event tokens: what a transmitter publishes (SSF 1.0 §7), and polling (RFC 8936).

mod management;
mod subjects;

use std::{collections::BTreeMap, time::Duration};

use hyper::{Response, http::request::Parts};
use scim_protocol::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[cfg(test)]
pub(super) use self::{
    management::{STATUS, STREAM, VERIFY},
    subjects::SUBJECT,
};
use super::{
    Arrival, Call, Service,
    shape::{Kind, Shape, may, must},
};
use crate::{
    http::{
        body::ResponseBody,
        request, response,
        route::{Published, Signals},
    },
    operation::{
        Answer, Context,
        feed::{LIMIT, MOST, plain},
    },
    ssf::{Poll, SigningKeys, Transmitter},
    stream::Stream,
};

/// That tokens are polled,
const POLL: &str = "urn:ietf:rfc:8936";
/// and that they are sent.
const PUSH: &str = "urn:ietf:rfc:8935";
/// How long a receiver that does not say otherwise waits for a token.
const PATIENCE: Duration = Duration::from_secs(30);

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

pub(super) const POLLED: Shape = Shape {
    members: &[
        may("maxEvents", Kind::Count),
        may("returnImmediately", Kind::Flag),
        may("ack", Kind::Texts),
        may("setErrs", Kind::EachOf(&[must("err", Kind::Text), may("description", Kind::Text)])),
    ],
    closed: false,
};

/// Where the endpoints of a tenant's transmitter are.
pub(super) struct Place {
    pub(super) issuer: String,
}

impl Place {
    /// From the base URL of the tenant.
    pub(super) fn of(base: &str) -> Self {
        Self { issuer: base.strip_suffix("/scim/v2").unwrap_or(base).to_owned() }
    }

    pub(super) fn at(&self, endpoint: &str) -> String {
        format!("{}/ssf/v1/{endpoint}", self.issuer)
    }

    /// Where a stream is polled.
    fn poll(&self, stream: &Stream) -> String {
        self.at(&format!("poll/{}", stream.id))
    }
}

impl Service {
    /// What describes a transmitter, for whoever asks (SSF 1.0 §7.1), and its public keys.
    pub(super) async fn published(
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
            Published::Keys => SigningKeys::of(&*self.operations.store, self.clock.now()).await?.jwks(),
            Published::Transmitter => json!({
                "spec_version": "1_0",
                "issuer": place.issuer,
                "jwks_uri": place.at("jwks"),
                "delivery_methods_supported": [PUSH, POLL],
                "configuration_endpoint": place.at("streams"),
                "status_endpoint": place.at("status"),
                "add_subject_endpoint": place.at("subjects/add"),
                "remove_subject_endpoint": place.at("subjects/remove"),
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
            Signals::Completion(request) => self.completion(context, request).await,
            Signals::Poll(stream) => self.poll(context, stream, call).await,
            Signals::Status => self.status(context, call).await,
            Signals::Streams => self.streams(context, call).await,
            Signals::Subject { is_added } => self.subject(context, *is_added, call).await,
            Signals::Verify => self.verify(context, call).await,
        }
    }

    async fn poll(&self, context: &Context, stream: &str, call: Call<'_, '_>) -> Result<Answer, Error> {
        let body: PollBody = self.parsed(context, call, &POLLED).await?;
        let place = Place::of(&context.base);
        context.pace.rest();
        let turn = if body.immediately { None } else { self.operations.turn_to_wait(context.caller.tenant().id) };
        let wait = if turn.is_some() { PATIENCE } else { Duration::ZERO };
        let most = body.most.unwrap_or(LIMIT).min(MOST);
        let refused = body.errors.len() as u64;
        let asked = Poll { most, wait, ack: body.ack, errors: body.errors };
        let (operations, tenant) = (&self.operations, &**context.caller.tenant());
        let transmitter = Transmitter { operations, tenant, issuer: &place.issuer };
        let polled = transmitter.poll(stream, asked).await?;
        self.metrics.events.tokens.refused.inc_by(refused);
        let sets: Map<String, Value> = polled.sets.into_iter().map(|(jti, token)| (jti, token.into())).collect();
        plain(&json!({"sets": sets, "moreAvailable": polled.more}))
    }
}
