//! Polling (RFC 8936): what was not acknowledged is given, again and again, until it is.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use scim_protocol::{Error, ErrorKind};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{key::SigningKey, token::Issuer};
use crate::{
    operation::{
        Operations,
        feed::{FeedQuery, MOST},
    },
    store::StoreError,
    stream::{Status, Stream, Streams, busy},
    tenant::Tenant,
};

/// How often somebody who waits looks by itself.
const LOOK: Duration = Duration::from_millis(200);
/// How often a change of the stream by somebody else is waited for.
const ATTEMPTS: usize = 64;
/// How far may be looked without finding what the stream wants before that is written down,
const LOOKED: u64 = 500;
/// and for how long, in milliseconds.
const NOTED: i64 = 60_000;

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
            if polled.more {
                continue;
            }
            let _ = timeout_at(until.min(Instant::now() + LOOK), changed).await;
        }
    }

    async fn once(&self, id: &str, asked: &Poll) -> Result<Polled, Error> {
        for _ in 0..ATTEMPTS {
            let before = self.streams().known(self.tenant.id, id).await?;
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
            if !is_heard && !self.is_to_be_noted(&before, stream.place) {
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
        Err(busy())
    }

    /// Whether a place that has moved over what the receiver does not want is written down: now and then, so that a
    /// stream on which little is sent does not fall behind what is kept.
    fn is_to_be_noted(&self, before: &Stream, place: u64) -> bool {
        let age = self.operations.clock.now().as_millis() - before.kept.as_millis();
        place > before.place && (place - before.place >= LOOKED || age >= NOTED)
    }

    /// What stands behind the stream's place and is not acknowledged. The place moves over what needs no answer.
    async fn next(&self, stream: &mut Stream, most: usize) -> Result<Polled, Error> {
        let mut polled = Polled::default();
        if stream.status != Status::Enabled {
            return Ok(polled);
        }
        let issuer = Issuer { issuer: self.issuer, audience: self.audience };
        for (id, state) in stream.verifications.iter().take(most) {
            let jti = format!("v-{id}");
            let claims =
                issuer.verification(&jti, &stream.id.to_string(), state.as_deref(), self.operations.clock.now());
            polled.sets.insert(jti, self.key.sign(&claims).into());
        }
        let query = FeedQuery { after: Some(stream.place), limit: MOST, ..FeedQuery::default() };
        let page = self.operations.next_events(self.tenant.home, &query).await?;
        let wanted = stream.delivered();
        // Nobody can have what is not there yet.
        stream.acknowledged.retain(|number| *number <= page.newest);
        let mut is_behind = true;
        for event in &page.events {
            let jti = stream.jti(event.sequence);
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
    // What is given at a time stands within a page behind the place.
    if let Some(number) = stream.sequence_of(jti)
        && number > stream.place
        && number - stream.place <= MOST as u64
    {
        stream.acknowledged.insert(number);
    }
}

#[cfg(test)]
mod tests {
    use scim_protocol::Timestamp;

    use super::*;
    use crate::{
        access::Access,
        clock::{Clock, ManualClock},
        event::{Action, Event},
        store::{Commit, ResourceId, Store, sled::SledStore},
        tenant::Settings,
    };

    #[tokio::test]
    async fn a_stream_on_which_little_is_sent_does_not_fall_behind_what_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let time: Arc<dyn Clock> = clock.clone();
        let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::clone(&time)).unwrap());
        let access = Access::load(Arc::clone(&store), Arc::clone(&time)).await.unwrap();
        let (tenant, _) = access.directory().create("t", Settings::default(), None).await.unwrap();
        access.reload().await.unwrap();
        let tenant = access.tenants().into_iter().find(|one| one.id == tenant.id).unwrap();
        let operations = Arc::new(Operations::on(Arc::clone(&store), time));
        let newest = store.log(tenant.home).await.unwrap().newest;
        let mut stream = Stream::new(operations.fresh_id(), tenant.id, tenant.home, newest);
        stream.requested = vec!["urn:ietf:params:scim:event:prov:delete".to_owned()];
        Streams::new(Arc::clone(&store)).create(&stream).await.unwrap();
        let (key, id) = (SigningKey::from_seed(&[7; 32]).unwrap(), stream.id.to_string());
        let transmitter =
            Transmitter { operations: &operations, key: &key, tenant: &tenant, issuer: "https://x", audience: "y" };
        let happens = async |action| {
            let event = Event::new(action, "t", "User", ResourceId(Uuid::nil()));
            store.commit(Commit::note(tenant.home, event)).await.unwrap();
        };
        let polled = async || {
            let asked = Poll { most: 9, wait: Duration::ZERO, ack: Vec::new(), errors: BTreeMap::new() };
            transmitter.poll(&id, asked).await.unwrap().sets.len()
        };
        happens(Action::Create).await;
        assert_eq!(polled().await, 0);
        clock.advance(NOTED);
        assert_eq!(polled().await, 0);
        store.forget_events(clock.now()).await.unwrap();
        assert_eq!(polled().await, 0);
        happens(Action::Delete).await;
        assert_eq!(polled().await, 1);
    }
}
