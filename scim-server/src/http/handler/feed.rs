//! Events for applications: the feed, and its consumers.

use std::{sync::Arc, time::Duration};

use hyper::{Method, header::AUTHORIZATION, http::request::Parts};
use scim_protocol::{Error, ErrorKind};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Call, Service,
    shape::{self, Kind, Shape, may, must},
};
use crate::{
    author::Author,
    http::{request, route::Feed},
    operation::{
        Answer, Content, Context, Outcome,
        consumer::{NewConsumer, Receive},
        feed::{FeedQuery, LIMIT, LONGEST, MOST, plain},
    },
};

/// How long a token is good for without another look, while its bearer waits for events.
const TRUST: Duration = Duration::from_secs(1);

/// How long a batch is a worker's unless it says otherwise, and at most, in seconds.
const LEASE: u64 = 60;
const LONGEST_LEASE: u64 = 3600;

/// The body of a request for a batch. All of it may be left out.
#[derive(Deserialize)]
#[serde(default)]
struct ReceiveBody {
    #[serde(deserialize_with = "lease_id")]
    ack: Option<Uuid>,
    limit: usize,
    wait: u64,
    lease_seconds: u64,
}

impl Default for ReceiveBody {
    fn default() -> Self {
        Self { ack: None, limit: LIMIT, wait: 0, lease_seconds: LEASE }
    }
}

pub(super) const RECEIVE: Shape = Shape {
    members: &[
        may("ack", Kind::Anything),
        may("limit", Kind::Count),
        may("wait", Kind::Count),
        may("lease_seconds", Kind::Count),
    ],
    closed: true,
};

/// The body of a request that acknowledges a batch.
#[derive(Deserialize)]
struct AckBody {
    #[serde(default, deserialize_with = "lease_id")]
    lease: Option<Uuid>,
}

pub(super) const ACKNOWLEDGE: Shape = Shape { members: &[may("lease", Kind::Anything)], closed: true };

/// The lease of a batch, as an answer gave it.
fn lease_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    use serde::de::Error as _;
    let Some(text) = Option::<serde_json::Value>::deserialize(deserializer)? else { return Ok(None) };
    let id = text.as_str().and_then(|text| Uuid::parse_str(text).ok());
    id.map(Some).ok_or_else(|| D::Error::custom(format!("{text} is not the lease of an answer")))
}

/// The body of a request that makes a consumer.
#[derive(Deserialize)]
struct ConsumerBody {
    name: String,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    prefill: bool,
    #[serde(default)]
    after: Option<u64>,
}

pub(super) const CONSUMER: Shape = Shape {
    members: &[
        must("name", Kind::Text),
        may("types", Kind::Texts),
        may("prefill", Kind::Flag),
        may("after", Kind::Count),
    ],
    closed: true,
};

impl Service {
    /// The feed and what is below it.
    pub(super) async fn feed(&self, context: &Context, feed: &Feed<'_>, call: Call<'_, '_>) -> Result<Answer, Error> {
        let (operations, parts) = (&self.operations, call.parts);
        let tenant = context.caller.tenant();
        let author = || Author::new(Arc::clone(context.caller.actor())).who_is_client(context.caller.is_client());
        match feed {
            Feed::Events => {
                let pairs = request::pairs(parts.uri.query().unwrap_or_default())?;
                let query = FeedQuery::from_pairs(&pairs, &tenant.registry)?;
                self.read(context, query, call).await
            }
            Feed::Consumers if parts.method == Method::POST => {
                let body: ConsumerBody = self.parsed(context, call, &CONSUMER).await?;
                let ConsumerBody { name, types, prefill, after } = body;
                let new = NewConsumer { name, types, prefill, after };
                let consumer = operations.create_consumer(tenant, new, author()).await?;
                let answer = plain(&operations.view_consumer(tenant, &consumer).await?)?;
                Ok(Answer { outcome: Outcome::Created, ..answer })
            }
            Feed::Consumers => {
                let mut views = Vec::new();
                for consumer in operations.consumers().list(tenant.id).await? {
                    views.push(operations.view_consumer(tenant, &consumer).await?);
                }
                plain(&json!({ "consumers": views }))
            }
            Feed::Consumer(name) if parts.method == Method::DELETE => {
                operations.delete_consumer(tenant, name, author()).await?;
                Ok(Answer::plain(Outcome::NoContent, Content::Nothing))
            }
            Feed::Consumer(name) => {
                let consumer = operations.consumers().find(tenant.id, name).await?;
                plain(&operations.view_consumer(tenant, &consumer).await?)
            }
            Feed::Acknowledge(name) => {
                let AckBody { lease } = self.parsed(context, call, &ACKNOWLEDGE).await?;
                let lease =
                    lease.ok_or_else(|| Error::value("lease is missing or null: there is no batch to acknowledge."))?;
                let consumer = operations.acknowledge(tenant, name, lease).await?;
                plain(&operations.view_consumer(tenant, &consumer).await?)
            }
            Feed::Receive(name) => self.receive(context, name, call).await,
        }
    }

    /// The next events.
    async fn read(&self, context: &Context, mut query: FeedQuery, call: Call<'_, '_>) -> Result<Answer, Error> {
        let mut waiting = Waiting::new(self, context, call.parts, query.wait);
        let mut home = context.caller.tenant().home;
        loop {
            query.wait = waiting.piece();
            let found = self.operations.next_events(home, &query).await;
            call.notes.waited = waiting.so_far();
            let now = self.access.authenticate(waiting.segment, waiting.authorization, self.clock.now())?;
            if std::mem::replace(&mut home, now.tenant().home) != now.tenant().home {
                continue;
            }
            let page = found?;
            if !page.events.is_empty() || query.limit == 0 || waiting.is_over(context) {
                return page.answer(now.tenant());
            }
            query.after = Some(page.next);
        }
    }

    /// The next batch of a consumer.
    async fn receive(&self, context: &Context, name: &str, call: Call<'_, '_>) -> Result<Answer, Error> {
        let Call { parts, incoming, notes } = call;
        let body: ReceiveBody = self.parsed(context, Call { parts, incoming, notes }, &RECEIVE).await?;
        bound("limit", body.limit as u64, 1, MOST as u64)?;
        bound("wait", body.wait, 0, LONGEST)?;
        bound("lease_seconds", body.lease_seconds, 1, LONGEST_LEASE)?;
        let mut waiting = Waiting::new(self, context, parts, Duration::from_secs(body.wait));
        let lease = Duration::from_secs(body.lease_seconds);
        let mut asked = Receive { ack: body.ack, limit: body.limit, lease, wait: Duration::ZERO };
        loop {
            asked.wait = waiting.piece();
            let now = self.access.authenticate(waiting.segment, waiting.authorization, self.clock.now())?;
            let batch = self.operations.receive(now.tenant(), name, asked.clone()).await?;
            notes.waited = waiting.so_far();
            if !batch.is_empty() || waiting.is_over(context) {
                return batch.answer(now.tenant());
            }
            asked.ack = None;
        }
    }

    pub(super) async fn parsed<T: DeserializeOwned>(
        &self,
        context: &Context,
        call: Call<'_, '_>,
        shape: &Shape,
    ) -> Result<T, Error> {
        let body = self.body(context, call).await?;
        let wrong = |why: &str| {
            let guides = "The guides about events and security event tokens say what it may have.";
            Error::value(format!("The body cannot be used: {why}. {guides}"))
        };
        // A list would be read as the members of an object in their order.
        let Value::Object(mut body) = body else { return Err(wrong("it is no JSON object")) };
        shape::check(&mut body, shape.members, shape.closed).map_err(|why| wrong(&why))?;
        serde_json::from_value(Value::Object(body)).map_err(|error| wrong(&error.to_string()))
    }
}

fn bound(name: &str, number: u64, least: u64, most: u64) -> Result<(), Error> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidValue, format!("{name} is a whole number from {least} to {most}, not {number}.")))
}

/// Somebody who waits for events: in short pieces, between which the token is looked at again, and so is where the
/// tenant's log is. Who has no turn to wait is answered at once.
struct Waiting<'a> {
    service: &'a Service,
    since: Instant,
    until: Instant,
    waits: bool,
    segment: &'a str,
    authorization: Option<&'a str>,
    _turn: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl<'a> Waiting<'a> {
    fn new(service: &'a Service, context: &Context, parts: &'a Parts, wait: Duration) -> Self {
        // Whoever waits holds up nobody.
        context.pace.rest();
        let asked = !wait.is_zero();
        let turn = if asked { service.operations.turn_to_wait(context.caller.tenant().id) } else { None };
        let since = Instant::now();
        Self {
            service,
            since,
            until: since + if turn.is_some() { wait } else { Duration::ZERO },
            waits: turn.is_some(),
            segment: parts.uri.path().split('/').nth(1).unwrap_or_default(),
            authorization: request::text(&parts.headers, &AUTHORIZATION),
            _turn: turn,
        }
    }

    fn piece(&mut self) -> Duration {
        self.until.saturating_duration_since(Instant::now()).min(TRUST)
    }

    fn so_far(&self) -> Duration {
        if self.waits { self.since.elapsed() } else { Duration::ZERO }
    }

    fn is_over(&self, context: &Context) -> bool {
        Instant::now() >= self.until || self.service.operations.ends_waits() || context.pace.is_abandoned()
    }
}
