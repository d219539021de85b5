//! Streams of security event tokens: what receivers have asked for, and how far each has come.
//!
//! A stream is a record of the system's own. Its place in the tenant's log moves on when what stands behind it was
//! acknowledged.

mod record;

use std::sync::Arc;

use scim_protocol::{Error, ErrorKind};

pub use self::record::{Credential, Notice, Part, Push, Status, Stream, Tells};
use self::record::{key, push_key, tenant_key};
use crate::{
    author::Author,
    store::{
        ATTEMPTS, Commit, Expect, IndexKey, IndexRange, Position, ResourceId, Store, StoreError, TenantId, Values,
        Write,
    },
};

/// The kind of record.
pub const KIND: &str = "Stream";
/// The most streams of a tenant.
pub const MOST_STREAMS: usize = 16;
/// The most resources that one stream leaves out.
pub const MOST_REMOVED: usize = 1000;
/// How many streams whose tokens are sent are read at a time.
const PAGE: usize = 500;

/// What a token is about whose event tells that sessions have ended (CAEP 1.0).
pub const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// What a token is about that tells of the completion of a request (RFC 9967 §2.5.1.3).
pub const COMPLETED: &str = "urn:ietf:params:scim:event:misc:asyncresp";

/// Every event that a stream may ask for (RFC 9967 §2, CAEP 1.0).
const EVENTS: [&str; 13] = [
    "urn:ietf:params:scim:event:feed:add",
    "urn:ietf:params:scim:event:feed:remove",
    "urn:ietf:params:scim:event:prov:create:full",
    "urn:ietf:params:scim:event:prov:create:notice",
    "urn:ietf:params:scim:event:prov:put:full",
    "urn:ietf:params:scim:event:prov:put:notice",
    "urn:ietf:params:scim:event:prov:patch:full",
    "urn:ietf:params:scim:event:prov:patch:notice",
    "urn:ietf:params:scim:event:prov:delete",
    "urn:ietf:params:scim:event:prov:activate",
    "urn:ietf:params:scim:event:prov:deactivate",
    COMPLETED,
    SESSION_REVOKED,
];

/// The events that there are in a tenant: those in full only if it has values told (`event_values`).
pub fn supported(tells_values: bool) -> impl Iterator<Item = &'static str> {
    EVENTS.into_iter().filter(move |uri| tells_values || !uri.ends_with(":full"))
}

/// The streams of all tenants.
#[derive(Clone)]
pub struct Streams {
    store: Arc<dyn Store>,
    author: Author,
}

impl Streams {
    /// Those in that store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, author: Author::default() }
    }

    /// The same, as somebody else changes them.
    #[must_use]
    pub fn by(self, author: Author) -> Self {
        Self { author, ..self }
    }

    /// A tenant's streams, in the order in which they were made.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<Stream>, StoreError> {
        let mut streams = Vec::new();
        for id in self.ids(tenant_key(tenant), None).await? {
            streams.extend(self.get(id.id).await?);
        }
        Ok(streams)
    }

    /// The ids of the streams of all tenants whose tokens are sent.
    pub async fn pushed(&self) -> Result<Vec<ResourceId>, StoreError> {
        let (mut all, mut last): (Vec<ResourceId>, Option<Position>) = (Vec::new(), None);
        loop {
            let page = self.ids(push_key(), last.as_ref()).await?;
            all.extend(page.iter().map(|position| position.id));
            match page.last() {
                Some(position) if page.len() == PAGE => last = Some(position.clone()),
                _ => return Ok(all),
            }
        }
    }

    async fn ids(&self, of: IndexKey, after: Option<&Position>) -> Result<Vec<Position>, StoreError> {
        let IndexKey { tenant, resource_type, attribute, value } = of;
        let range = IndexRange { tenant, resource_type, attribute, values: Values::Equal(value), descending: false };
        self.store.index(&range, after, PAGE).await
    }

    /// The stream of a tenant with that id; 404 when there is none.
    pub async fn known(&self, tenant: TenantId, id: &str) -> Result<Stream, Error> {
        let found = match ResourceId::parse(id) {
            Some(id) => self.get(id).await?.filter(|stream| stream.tenant == tenant),
            None => None,
        };
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("The tenant has no stream {id:?}.")))
    }

    /// The stream with that id.
    pub async fn get(&self, id: ResourceId) -> Result<Option<Stream>, StoreError> {
        self.store.get(&key(id)).await?.map(|record| Stream::from_record(id, &record)).transpose()
    }

    /// Keeps a new one.
    pub async fn create(&self, stream: &Stream) -> Result<(), StoreError> {
        let mut commit = Commit::bookkeeping(KIND.into(), stream.id);
        commit.writes.push(Write::Put(stream.key(), stream.body()?));
        commit.writes.extend(stream.entries().into_iter().map(Write::Index));
        self.store.commit(self.author.sign(commit)).await.map(drop)
    }

    /// Changes one, as it is then, and gives what it has become; 404 when the tenant has none with that id. What the
    /// change refuses is refused.
    pub async fn change(
        &self,
        tenant: TenantId,
        id: &str,
        mut change: impl FnMut(&mut Stream) -> Result<(), Error>,
    ) -> Result<Stream, Error> {
        for _ in 0..ATTEMPTS {
            let before = self.known(tenant, id).await?;
            let mut stream = before.clone();
            change(&mut stream)?;
            match self.keep(&before, &stream).await {
                Ok(()) => return Ok(stream),
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    /// Keeps one that has changed since it was read, unless somebody else has changed it (`Conflict`) or removed it
    /// (`Missing`).
    pub async fn keep(&self, before: &Stream, stream: &Stream) -> Result<(), StoreError> {
        let mut commit = Commit::bookkeeping(KIND.into(), stream.id);
        commit.expect.push(Expect::Version(stream.key(), before.version));
        if before.push.is_some() != stream.push.is_some() {
            commit.writes.extend(before.entries().into_iter().map(Write::Unindex));
            commit.writes.extend(stream.entries().into_iter().map(Write::Index));
        }
        commit.writes.push(Write::Put(stream.key(), stream.body()?));
        self.store.commit(self.author.sign(commit)).await.map(drop)
    }

    /// Removes one.
    pub async fn delete(&self, stream: &Stream) -> Result<(), StoreError> {
        match self.store.commit(self.author.sign(Commit::removal(stream.key(), stream.entries()))).await {
            Err(StoreError::Missing(_)) => Ok(()),
            done => done.map(drop),
        }
    }

    /// Removes those of a tenant that is deleted.
    pub async fn forget(&self, tenant: TenantId) -> Result<(), StoreError> {
        for stream in self.list(tenant).await? {
            self.delete(&stream).await?;
        }
        Ok(())
    }
}

/// 503: others change the stream again and again.
pub fn busy() -> Error {
    Error::new(ErrorKind::Unavailable(1), "Too many requests use this stream. Repeat the request.")
}
