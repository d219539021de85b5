//! Pushing (RFC 8935): tokens are sent to the receiver one after the other, each until it is taken.
//!
//! The way out, its rules and the pauses are those of webhooks. One task serves each stream, so that none delays
//! another; of several processes one has the lease of a stream. What was taken is written down behind a handful of
//! tokens: when the process ends before, these are sent again, with the same `jti`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use scim_protocol::Error;
use serde_json::Value;
use uuid::Uuid;

use super::transmitter::Transmitter;
use crate::{
    access::Access,
    metrics::EventMetrics,
    operation::Operations,
    store::{ResourceId, StoreError},
    stream::{Notice, Push, Status, Stream, Streams, Tells},
    tenant::Tenant,
    webhook::{
        Answered, DISABLE, Sender,
        leased::{Leased, Pass},
        pause,
    },
};

/// How many tokens are sent before it is written down what was taken,
const BATCH: usize = 50;
/// and for how long.
const LONG: Duration = Duration::from_secs(1);
/// The media type of a security event token (RFC 8417 §7.2).
const MEDIA_TYPE: &str = "application/secevent+jwt";

/// Sends tokens to the receivers that want them sent.
pub struct Pusher {
    /// The events.
    pub operations: Arc<Operations>,
    /// The tenants.
    pub access: Arc<Access>,
    /// The way out.
    pub sender: Arc<Sender>,
    /// Where it counts.
    pub metrics: Arc<EventMetrics>,
    /// Whose lease it is.
    pub process: Uuid,
}

/// What has come of a token.
enum Outcome {
    Taken,
    /// The receiver cannot use it, and says why (RFC 8935 §2.3). It is not sent again.
    Refused(String),
    /// It was not taken: why, and after how many seconds it may be tried again.
    Failed(String, Option<u64>),
}

impl Leased for Pusher {
    type Error = Error;
    const RECEIVER: &'static str = "stream";

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn process(&self) -> Uuid {
        self.process
    }

    async fn receivers(&self) -> Result<Vec<ResourceId>, Error> {
        Ok(self.streams().pushed().await?)
    }

    async fn pass(&self, id: ResourceId) -> Result<Option<Pass>, Error> {
        let idle = |due| Ok(Some(Pass::idle(due)));
        let Some(before) = self.streams().get(id).await? else { return Ok(None) };
        let Some(push) = before.push.clone() else { return Ok(None) };
        let tenant = self.access.tenants().into_iter().find(|tenant| tenant.id == before.tenant);
        let Some(tenant) = tenant.filter(|tenant| !tenant.importing && !tenant.disabled) else { return idle(None) };
        if before.log != tenant.home {
            return self.begin_anew(&before, &tenant).await;
        }
        let now = self.operations.clock.now().as_millis();
        if before.status != Status::Enabled || push.due > now {
            return idle(Some(push.due).filter(|due| *due > now));
        }
        let mut stream = before.clone();
        let transmitter = Transmitter { operations: &self.operations, tenant: &tenant, issuer: &push.issuer };
        let next = transmitter.next(&mut stream, BATCH).await?;
        let (mut failed, began) = (None, Instant::now());
        for (jti, token) in &next.sets {
            match self.send(&before, &push, token).await {
                Outcome::Taken => {
                    self.metrics.tokens.taken.inc();
                }
                Outcome::Refused(err) => {
                    self.metrics.tokens.refused.inc();
                    stream.refused += 1;
                    tracing::warn!(stream = %id, jti, err, "a receiver cannot use a security event token, and does not get it again");
                }
                Outcome::Failed(why, retry_after) => {
                    self.metrics.tokens.failed.inc();
                    failed = Some((why, retry_after));
                    break;
                }
            }
            Transmitter::acknowledge(&mut stream, std::iter::once(jti));
            stream.try_again();
            if began.elapsed() >= LONG {
                break;
            }
        }
        if let Some((why, retry_after)) = failed {
            self.fail(&mut stream, &why, retry_after);
        }
        if stream.push == before.push && next.sets.is_empty() && !transmitter.is_to_be_noted(&before, stream.place) {
            return idle(None);
        }
        match self.streams().keep(&before, &stream).await {
            Ok(()) => {}
            // Somebody has changed the stream meanwhile, and what was taken is sent again.
            Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {
                return Ok(Some(Pass::again()));
            }
            Err(error) => return Err(error.into()),
        }
        let due = stream.push.as_ref().map(|push| push.due).filter(|due| *due > now);
        Ok(Some(Pass { moved: due.is_none(), is_full: true, ..Pass::idle(due) }))
    }
}

impl Pusher {
    fn streams(&self) -> Streams {
        Streams::new(Arc::clone(&self.operations.store))
    }

    /// The tenant was replaced by an import: the stream goes on with the log that it has now, and tells so first.
    async fn begin_anew(&self, before: &Stream, tenant: &Tenant) -> Result<Option<Pass>, Error> {
        let reason = "The tenant was replaced by an import. Read all resources anew.".to_owned();
        let (mut stream, at) = (before.clone(), self.operations.clock.now().as_millis());
        stream.notices.insert(0, Notice { id: Uuid::new_v4(), at, tells: Tells::Updated(before.status, reason) });
        stream.acknowledged.clear();
        (stream.log, stream.place) = (tenant.home, tenant.begun);
        match self.streams().keep(before, &stream).await {
            Ok(()) | Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Ok(Some(Pass::again())),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a token once.
    async fn send(&self, stream: &Stream, push: &Push, token: &str) -> Outcome {
        let mut headers = vec![("accept", "application/json".to_owned())];
        headers.extend(stream.authorization.iter().map(|credential| ("authorization", credential.0.clone())));
        let (by, url, body) = (Arc::clone(&self.sender), push.url.clone(), Bytes::copy_from_slice(token.as_bytes()));
        let sending = async move { by.send(by.span("stream.push"), &url, MEDIA_TYPE, &headers, body).await };
        match self.sender.aside(sending).await.unwrap_or_else(|failed| Err(failed.to_string())) {
            Ok(Answered { status: 200..300, .. }) => Outcome::Taken,
            Ok(Answered { status: 400, body, .. }) if let Some(err) = err(&body) => Outcome::Refused(err),
            Ok(Answered { status, retry_after, .. }) => {
                let retry_after = retry_after.map(|asked| asked.seconds(self.operations.clock.now()));
                Outcome::Failed(format!("the status {status}"), retry_after)
            }
            Err(why) => Outcome::Failed(why, None),
        }
    }

    /// Notes that a token was not taken. A receiver that takes nothing for days is sent nothing more until it asks for it.
    fn fail(&self, stream: &mut Stream, why: &str, retry_after: Option<u64>) {
        let now = self.operations.clock.now().as_millis();
        let Some(push) = &mut stream.push else { return };
        let since = *push.failing_since.get_or_insert(now);
        push.tries += 1;
        push.last_error = Some(why.to_owned());
        // After the last pause of the schedule it goes on with that one.
        let pause = (1..=push.tries).rev().find_map(|tries| pause(tries, retry_after, rand::random()));
        push.due = now.saturating_add(pause.unwrap_or_default());
        tracing::debug!(stream = %stream.id, why, "a security event token was not taken");
        if now - since >= DISABLE {
            let reason = format!("The receiver has taken nothing for five days; last: {why}.");
            tracing::warn!(stream = %stream.id, why, "a stream is paused, because its receiver takes nothing: it may enable it again");
            let tells = Tells::Updated(Status::Paused, reason.clone());
            stream.notices.insert(0, Notice { id: Uuid::new_v4(), at: now, tells });
            (stream.status, stream.reason) = (Status::Paused, Some(reason));
        }
    }
}

/// Why a receiver cannot use a token, if it is the token's fault. Other errors are about what the receiver knows of the
/// server, and may be over when it is tried again.
fn err(body: &[u8]) -> Option<String> {
    let said: Value = serde_json::from_slice(body).ok()?;
    let err = said["err"].as_str()?;
    ["invalid_request", "invalid_state"].contains(&err).then(|| err.to_owned())
}
