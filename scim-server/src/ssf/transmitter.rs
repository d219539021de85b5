//! What stands next on a stream, as signed tokens: for who polls, and for who is sent to.

use std::sync::Arc;

use scim_protocol::Error;

use super::{key::SigningKeys, token::Issuer};
use crate::{
    operation::{
        Operations,
        feed::{FeedQuery, MOST},
    },
    stream::{Status, Stream, Streams},
    tenant::Tenant,
};

/// How far may be looked without finding what the stream wants before that is written down,
const LOOKED: u64 = 500;
/// and for how long, in milliseconds.
pub(super) const NOTED: i64 = 60_000;

/// What stands next.
#[derive(Debug, Default)]
pub struct Next {
    /// Tokens by their `jti`, in the order in which they are told.
    pub sets: Vec<(String, String)>,
    /// Whether there are more.
    pub more: bool,
}

/// Gives the events of a tenant as tokens.
pub struct Transmitter<'a> {
    /// The events.
    pub operations: &'a Arc<Operations>,
    /// The tenant.
    pub tenant: &'a Tenant,
    /// `iss`.
    pub issuer: &'a str,
}

impl Transmitter<'_> {
    pub(super) fn streams(&self) -> Streams {
        Streams::new(Arc::clone(&self.operations.store))
    }

    /// Takes notice of what a receiver has. Gives of how many tokens that was not known yet.
    pub(super) fn acknowledge<'j>(stream: &mut Stream, jtis: impl Iterator<Item = &'j String>) -> u64 {
        // What is given at a time stands within a page behind the place.
        jtis.map(|jti| u64::from(stream.acknowledge(jti, MOST as u64))).sum()
    }

    /// What is not acknowledged: of the stream itself, and of what stands behind its place. The place moves over what
    /// needs no answer.
    pub async fn next(&self, stream: &mut Stream, most: usize) -> Result<Next, Error> {
        let mut next = Next::default();
        if stream.status != Status::Enabled {
            return Ok(next);
        }
        let keys = SigningKeys::of(&*self.operations.store, self.operations.clock.now()).await?;
        let wanted = stream.delivered(self.tenant.settings.tells_values());
        let told = stream.clone();
        let issuer = Issuer { url: self.issuer, tenant: self.tenant, stream: &told };
        stream.notices.retain(|notice| issuer.of_notice(notice, &wanted).is_some());
        for (id, claims) in stream.notices.iter().filter_map(|notice| issuer.of_notice(notice, &wanted)).take(most) {
            next.sets.push((id, keys.newest()?.sign(&claims)?));
        }
        let query = FeedQuery { after: Some(stream.place), limit: MOST, ..FeedQuery::default() };
        let page = self.operations.next_events(self.tenant.home, &query).await?;
        // Nobody can have what is not there yet.
        stream.acknowledged.retain(|part| part.0 <= page.newest);
        let mut is_behind = true;
        'log: for event in &page.events {
            let mut tokens = issuer.of_event(event, &wanted);
            tokens.retain(|token| !stream.acknowledged.contains(&token.part));
            if tokens.is_empty() && is_behind {
                stream.acknowledged.retain(|part| part.0 > event.sequence);
                stream.place = event.sequence;
            }
            is_behind &= tokens.is_empty();
            for token in tokens {
                if next.sets.len() >= most {
                    next.more = true;
                    break 'log;
                }
                next.sets.push((token.id, keys.newest()?.sign(&token.json)?));
            }
        }
        next.more |= page.next < page.newest;
        Ok(next)
    }

    /// The number up to which everything is acknowledged, or needs no answer, now: what is kept may be a minute old.
    pub async fn place(&self, stream: &Stream) -> Result<u64, Error> {
        let mut looked = stream.clone();
        loop {
            let before = looked.place;
            self.next(&mut looked, 0).await?;
            if looked.place == before {
                return Ok(before);
            }
        }
    }

    /// Whether a stream that has changed only by looking is written down: now and then, so that one on which little is
    /// sent does not fall behind what is kept.
    pub(super) fn is_to_be_noted(&self, before: &Stream, place: u64) -> bool {
        let age = self.operations.clock.now().as_millis() - before.kept.as_millis();
        place > before.place && (place - before.place >= LOOKED || age >= NOTED)
    }
}
