//! Polling (RFC 8936): what was not acknowledged is given, again and again, until it is.

use std::{collections::BTreeMap, pin::pin, time::Duration};

use scim_protocol::{Error, ErrorKind};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::transmitter::{Next, Transmitter};
use crate::{
    store::{ATTEMPTS, StoreError},
    stream::busy,
};

/// How often somebody who waits looks by itself.
const LOOK: Duration = Duration::from_millis(200);

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

impl Transmitter<'_> {
    /// Takes notice of what is acknowledged, and gives what is not; waits as long as the receiver says.
    pub async fn poll(&self, id: &str, mut asked: Poll) -> Result<Next, Error> {
        let changes = self.operations.store.changes();
        let until = Instant::now() + asked.wait;
        loop {
            let mut changed = pin!(changes.notified());
            changed.as_mut().enable();
            let next = self.once(id, &asked).await?;
            if asked.most == 0 || !next.sets.is_empty() || Instant::now() >= until || self.operations.ends_waits() {
                return Ok(next);
            }
            asked.ack.clear();
            asked.errors.clear();
            if !next.more {
                let _ = timeout_at(until.min(Instant::now() + LOOK), changed).await;
            }
        }
    }

    async fn once(&self, id: &str, asked: &Poll) -> Result<Next, Error> {
        for _ in 0..ATTEMPTS {
            let before = self.streams().known(self.tenant.id, id).await?;
            if before.push.is_some() {
                return Err(Error::value(
                    "Tokens of this stream are sent, not polled. Change its delivery method to urn:ietf:rfc:8936 first.",
                ));
            }
            if before.log != self.tenant.home {
                return Err(Error::new(
                    ErrorKind::Gone,
                    "The log that this stream reads was replaced by an import. Delete the stream, read the state anew, and make another stream.",
                ));
            }
            let mut stream = before.clone();
            Self::acknowledge(&mut stream, asked.ack.iter());
            stream.refused += Self::acknowledge(&mut stream, asked.errors.keys());
            // The place may move over what is acknowledged here, and then nothing else of it is left.
            let is_heard = stream != before;
            let next = self.next(&mut stream, asked.most).await?;
            if !is_heard && !self.is_to_be_noted(&before, stream.place) {
                return Ok(next);
            }
            match self.streams().keep(&before, &stream).await {
                Ok(()) => {
                    for (jti, error) in &asked.errors {
                        tracing::warn!(stream = %stream.id, jti, err = error["err"].as_str(), "a receiver cannot use a security event token, and does not get it again");
                    }
                    return Ok(next);
                }
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scim_protocol::Timestamp;
    use uuid::Uuid;

    use super::{super::transmitter::NOTED, *};
    use crate::{
        access::Access,
        clock::{Clock, ManualClock},
        event::{Action, Event},
        operation::Operations,
        store::{Commit, ResourceId, Store, sled::SledStore},
        stream::{Stream, Streams},
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
        let id = stream.id.to_string();
        let transmitter = Transmitter { operations: &operations, tenant: &tenant, issuer: "https://x" };
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
