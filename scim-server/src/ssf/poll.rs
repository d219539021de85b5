//! Polling (RFC 8936): what was not acknowledged is given, again and again, until it is.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use scim_protocol::{Error, ErrorKind};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{
    key::SigningKey,
    stream::{Status, Stream, Streams},
    token::Issuer,
};
use crate::{
    operation::{
        Operations,
        feed::{FeedQuery, MOST},
    },
    store::{ResourceId, StoreError, TenantId},
    tenant::Tenant,
};

/// How often somebody who waits looks by itself.
const LOOK: Duration = Duration::from_millis(200);
/// How often a change of the stream by somebody else is waited for.
const ATTEMPTS: usize = 64;
/// How far may be looked without finding what the stream wants before that is written down.
const LOOKED: u64 = 500;

/// What a receiver asks for.
#[derive(Debug, Clone)]
pub struct Poll {
    /// How many tokens at most.
    pub most: usize,
    /// How long to wait until there is one.
    pub wait: Duration,
    /// What it has, by `jti`.
    pub ack: Vec<String>,
    /// What it cannot use, and will not get again.
    pub errors: BTreeMap<String, Value>,
}

/// What it gets.
#[derive(Debug, Default)]
pub struct Polled {
    /// Tokens by their `jti`.
    pub sets: serde_json::Map<String, Value>,
    /// Whether there are more.
    pub more: bool,
}

/// Gives the events of a tenant as tokens.
pub struct Transmitter<'a> {
    /// The events.
    pub operations: &'a Arc<Operations>,
    /// What signs them.
    pub key: &'a SigningKey,
    /// The tenant.
    pub tenant: &'a Tenant,
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`: where the stream is.
    pub audience: &'a str,
}

impl Transmitter<'_> {
    fn streams(&self) -> Streams {
        Streams::new(Arc::clone(&self.operations.store))
    }

    /// The stream with that id, of the log that the tenant has now.
    pub async fn stream(&self, id: &str) -> Result<Stream, Error> {
        let found = match ResourceId::parse(id) {
            Some(id) => self.streams().find(self.tenant.id, id).await?,
            None => None,
        };
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("The tenant has no stream {id:?}.")))
    }

    /// Takes notice of what is acknowledged, and gives what is not; waits as long as the receiver says.
    pub async fn poll(&self, id: &str, mut asked: Poll) -> Result<Polled, Error> {
        let changes = self.operations.store.changes();
        let until = Instant::now() + asked.wait;
        loop {
            let mut changed = pin!(changes.notified());
            changed.as_mut().enable();
            let polled = self.once(id, &asked).await?;
            if asked.most == 0 || !polled.sets.is_empty() || Instant::now() >= until || self.operations.ends_waits() {
                return Ok(polled);
            }
            asked.ack.clear();
            asked.errors.clear();
            let _ = timeout_at(until.min(Instant::now() + LOOK), changed).await;
        }
    }

    async fn once(&self, id: &str, asked: &Poll) -> Result<Polled, Error> {
        for _ in 0..ATTEMPTS {
            let before = self.stream(id).await?;
            if before.log != self.tenant.home {
                return Err(Error::new(
                    ErrorKind::Gone,
                    "The log that this stream reads was replaced by an import. Delete the stream, read the state anew, and make another stream.",
                ));
            }
            let mut stream = before.clone();
            for jti in asked.ack.iter().chain(asked.errors.keys()) {
                acknowledge(&mut stream, jti);
            }
            // The place may move over what is acknowledged here, and then nothing else of it is left.
            let is_heard = stream != before;
            let polled = self.next(&mut stream, asked.most).await?;
            if !is_heard && stream.place - before.place < LOOKED {
                return Ok(polled);
            }
            match self.streams().keep(&stream).await {
                Ok(()) => {
                    for (jti, error) in &asked.errors {
                        tracing::warn!(stream = %stream.id, jti, err = error["err"].as_str(), "a receiver cannot use a security event token, and does not get it again");
                    }
                    return Ok(polled);
                }
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::new(ErrorKind::Unavailable(1), "Too many requests poll this stream. Repeat the request."))
    }

    /// What stands behind the stream's place and is not acknowledged. The place moves over what needs no answer.
    async fn next(&self, stream: &mut Stream, most: usize) -> Result<Polled, Error> {
        let mut polled = Polled::default();
        let issuer = Issuer { issuer: self.issuer, audience: self.audience };
        for (id, state) in stream.verifications.iter().take(most) {
            let jti = format!("v-{id}");
            let claims =
                issuer.verification(&jti, &stream.id.to_string(), state.as_deref(), self.operations.clock.now());
            polled.sets.insert(jti, self.key.sign(&claims).into());
        }
        if stream.status != Status::Enabled {
            return Ok(polled);
        }
        let query = FeedQuery { after: Some(stream.place), limit: MOST, ..FeedQuery::default() };
        let page = self.operations.next_events(self.tenant.home, &query).await?;
        let wanted = stream.delivered();
        let mut is_behind = true;
        for event in &page.events {
            let jti = format!("{}-{}", stream.log.0.simple(), event.sequence);
            let claims = issuer.claims(&jti, event, self.tenant, &wanted);
            let is_done = stream.acknowledged.contains(&event.sequence);
            let Some(claims) = claims.filter(|_| !is_done) else {
                if is_behind {
                    stream.acknowledged.remove(&event.sequence);
                    stream.place = event.sequence;
                }
                continue;
            };
            is_behind = false;
            if polled.sets.len() >= most {
                polled.more = true;
                break;
            }
            polled.sets.insert(jti, self.key.sign(&claims).into());
        }
        polled.more |= page.next < page.newest;
        Ok(polled)
    }
}

/// Takes notice that a receiver has a token. What it can never have had is passed over: RFC 8936 knows no error for it.
fn acknowledge(stream: &mut Stream, jti: &str) {
    if let Some(id) = jti.strip_prefix("v-").and_then(|id| Uuid::try_parse(id).ok()) {
        stream.verifications.retain(|(one, _)| *one != id);
        return;
    }
    let Some((log, number)) = jti.split_once('-') else { return };
    let log = Uuid::try_parse(log).ok().map(TenantId);
    // What is given at a time stands within a page behind the place.
    if let (Some(number), true) = (number.parse::<u64>().ok(), log == Some(stream.log))
        && number > stream.place
        && number - stream.place <= MOST as u64
    {
        stream.acknowledged.insert(number);
    }
}
