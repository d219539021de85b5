//! The operations of RFC 7644 §3, between a typed request and the store.
//!
//! Each writing operation is the same list: validate → read → decide → [`Commit`] → answer. Deciding
//! is optimistic: the commit says which versions it was decided on, and when another writer was
//! faster, it is decided again. Nothing here knows HTTP.
//!
//! [`Commit`]: crate::store::Commit

pub mod access;
mod adopt;
pub mod answer;
mod brake;
pub mod bulk;
pub mod consumer;
pub mod create;
pub mod deferred;
pub mod delete;
mod disable;
pub mod discover;
pub mod feed;
mod found;
mod list;
mod mapped;
mod member_filter;
pub mod members;
pub mod modify;
pub mod pace;
pub mod password;
mod prefill;
mod protect;
pub mod query;
mod recast;
pub mod rehearsal;
pub mod replace;
pub mod restore;
pub mod retrieve;
mod scan;
pub mod shown;
mod size;
mod sort;
pub mod source;
mod stored_form;
mod told;
pub mod undo;

use std::sync::{Arc, Mutex};

use scim_protocol::{Error, ErrorKind, message::Query, path::BoundPath, projection::Projection, schema::ResourceType};
use uuid::{ContextV7, Uuid};

pub use answer::{Answer, Content, Outcome};
pub use mapped::Rewritten;
use pace::{Lanes, Pace};

use crate::{
    budget::Budget,
    caller::Caller,
    clock::Clock,
    cursor::Sealer,
    event::{Action, Event},
    render::{Renderer, View},
    store::{IndexEntry, Record, Reference, ResourceId, ResourceKey, Store, StoreError},
};

/// Bounds on the work that one request may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Resources in a page when the client names no count.
    pub page_size: u32,
    /// The most resources in a page.
    pub max_page_size: u32,
    /// Bytes of resources after which a page ends.
    pub page_bytes: usize,
    /// Documents that a query looks at before it answers `tooMany`.
    pub candidates: u64,
    /// Values of one attribute of a resource.
    pub values: usize,
    /// Index entries of one resource.
    pub index_entries: usize,
    /// Changes of members in one request: each is two keys of its commit.
    pub member_changes: usize,
    /// A PATCH of a group with more members than this is answered without a body.
    pub patch_body_members: u64,
    /// Operations in a bulk request.
    pub bulk_operations: usize,
    /// How long a cursor is valid, in seconds.
    pub cursor_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            page_size: 100,
            max_page_size: 1000,
            page_bytes: 4 << 20,
            candidates: 100_000,
            values: 1000,
            index_entries: 5000,
            member_changes: 50_000,
            patch_body_members: 100,
            bulk_operations: 1000,
            cursor_seconds: 3600,
        }
    }
}

#[cfg(test)]
impl Operations {
    /// Those of a test, on that store.
    pub fn on(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            ids: UuidV7::default(),
            sealer: Sealer::new(&[0; 32], 1),
            limits: Limits::default(),
            lanes: Arc::default(),
            budget: Budget::new(1 << 20),
            passwords: password::Hasher::default(),
            waits: feed::Waits::default(),
            shown: Arc::default(),
        }
    }
}

/// UUIDv7: the order of ids is the order of creation, and nobody can guess one.
///
/// The order also holds for resources of the same millisecond, as in a bulk request, and if the clock goes back:
/// after the milliseconds there is a counter with a random start, then random bits (RFC 9562 §6.2, method 1).
#[derive(Debug, Default)]
pub struct UuidV7(Mutex<ContextV7>);

impl UuidV7 {
    /// A fresh identifier, greater than those before it.
    pub fn next(&self, clock: &dyn Clock) -> ResourceId {
        let millis = u64::try_from(clock.now().as_millis()).unwrap_or_default();
        let nanos = u32::try_from(millis % 1000 * 1_000_000).unwrap_or_default();
        ResourceId(Uuid::new_v7(uuid::Timestamp::from_unix(&self.0, millis / 1000, nanos)))
    }
}

/// What a request's operations need to know of it.
#[derive(Clone)]
pub struct Context {
    /// Who asks.
    pub caller: Caller,
    /// The base URL of the tenant's endpoint, without a slash at its end.
    pub base: String,
    /// The request's id, for the event; `None` when no request came over HTTP.
    pub request: Option<Uuid>,
    /// How far the work on it may go.
    pub pace: Arc<Pace>,
    /// What its commits expect, if it was accepted and is completed later.
    pub claim: Option<deferred::Claim>,
    /// Which rewrites changed what it says.
    pub rewritten: Rewritten,
}

impl Context {
    fn key(&self, rt: &ResourceType, id: ResourceId) -> ResourceKey {
        ResourceKey { tenant: self.caller.tenant().home, resource_type: rt.name.as_str().into(), id }
    }

    /// What writes the answer to the request.
    fn renderer<'a>(&'a self, store: &'a dyn Store) -> Renderer<'a> {
        let tenant = self.caller.tenant();
        Renderer { store, tenant: tenant.home, base: &self.base, endpoints: &tenant.endpoints }
    }

    fn event(&self, action: Action, key: &ResourceKey, attributes: Vec<String>) -> Event {
        let request = self.request_id();
        let event = self.caller.event(action, key.resource_type.as_str(), key.id);
        Event { attributes, request, ..event }
    }
}

/// A request about one resource.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Who asks, and how.
    pub context: &'a Context,
    /// The resource's type.
    pub rt: &'a Arc<ResourceType>,
    /// The resource's id, as the client wrote it.
    pub id: &'a str,
    /// What the answer is to show.
    pub query: &'a Query,
    /// What the client demands of the resource's version.
    pub preconditions: &'a Preconditions,
}

/// What `If-Match` or `If-None-Match` says (RFC 7232 §3, RFC 7644 §3.14). Versions are compared
/// weakly: by their opaque part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Condition {
    /// No such header.
    #[default]
    None,
    /// `*`: any version of an existing resource.
    Any,
    /// One of these opaque tags.
    Tags(Vec<String>),
}

impl Condition {
    /// Whether this version is among those named; `None` when nothing is named.
    pub fn names(&self, version: u64) -> Option<bool> {
        match self {
            Self::None => None,
            Self::Any => Some(true),
            Self::Tags(tags) => Some(tags.iter().any(|tag| *tag == version.to_string())),
        }
    }

    /// From the header's text: `*`, or entity-tags separated by commas, weak or strong.
    pub fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::Any;
        }
        let opaque = |tag: &str| {
            let tag = tag.trim();
            let tag = tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag);
            tag.trim_matches('"').to_owned()
        };
        Self::Tags(text.split(',').map(opaque).collect())
    }
}

/// What a request demands of the resource's version before anything is done (RFC 9110 §13).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preconditions {
    /// The version must be one of these.
    pub if_match: Condition,
    /// The version must be none of these. A read answers 304 where it is one.
    pub if_none_match: Condition,
}

impl Preconditions {
    /// That the version is one of these.
    pub fn of(if_match: Condition) -> Self {
        Self { if_match, if_none_match: Condition::None }
    }

    /// Whether there is any.
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// 412 unless a write may go on.
    fn require(&self, version: u64) -> Result<(), Error> {
        self.require_match(version)?;
        if self.if_none_match.names(version) == Some(true) {
            return Err(Error::new(
                ErrorKind::PreconditionFailed,
                "The resource exists in a version that If-None-Match rules out. Leave the header out, or send If-Match with the version that you saw.",
            ));
        }
        Ok(())
    }

    /// 412 unless the version is one of those in `If-Match`.
    fn require_match(&self, version: u64) -> Result<(), Error> {
        if self.if_match.names(version) == Some(false) {
            return Err(changed());
        }
        Ok(())
    }
}

/// 412: the resource is not the one that the client saw.
fn changed() -> Error {
    Error::new(
        ErrorKind::PreconditionFailed,
        "The resource has changed since the version in If-Match. Retrieve it again and repeat the request with its new version.",
    )
}

/// Does what callers ask for.
pub struct Operations {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Fresh identifiers.
    pub ids: UuidV7,
    /// The bounds.
    pub limits: Limits,
    /// Who works when.
    pub lanes: Arc<Lanes>,
    /// Memory for bodies and pages.
    pub budget: Arc<Budget>,
    /// Cursors.
    pub sealer: Sealer,
    /// Password hashes.
    pub passwords: password::Hasher,
    /// Those who wait for events.
    pub waits: feed::Waits,
    /// What was shown last.
    pub shown: Arc<shown::Shown>,
}

impl Operations {
    /// An id that no resource has had.
    pub fn fresh_id(&self) -> ResourceId {
        self.ids.next(&*self.clock)
    }

    fn renderer<'a>(&'a self, context: &'a Context) -> Renderer<'a> {
        context.renderer(&*self.store)
    }

    /// What a client hears of a request about one resource that went wrong: 404 whenever there is no such
    /// resource (RFC 7644 §3.6: for all operations), whatever else is wrong with the request. It is
    /// looked for only then, so that a request with nothing wrong does not pay for it.
    pub async fn missing_or(&self, context: &Context, rt: &ResourceType, id: &str, error: Error) -> Error {
        let is_about_the_request = matches!(error.kind().status(), 400 | 405..=428 | 501);
        if !is_about_the_request {
            return error;
        }
        match self.find(context, rt, id).await {
            Err(missing) if missing.kind() == ErrorKind::NotFound => missing,
            _ => error,
        }
    }

    /// The resource with that id, or 404.
    async fn find(&self, context: &Context, rt: &ResourceType, id: &str) -> Result<(ResourceKey, Record), Error> {
        let key = key_of(context, rt, id)?;
        let record = self.store.get(&key).await?.ok_or_else(|| missing(rt, id))?;
        Ok((key, record))
    }

    /// The same with its groups, if the view shows them.
    async fn find_in_groups(
        &self,
        context: &Context,
        rt: &ResourceType,
        id: &str,
        view: &View,
    ) -> Result<(ResourceKey, Record, Option<Vec<Reference>>), Error> {
        if !view.groups() {
            let (key, record) = self.find(context, rt, id).await?;
            return Ok((key, record, None));
        }
        let key = key_of(context, rt, id)?;
        let (record, groups) = self.store.get_in_groups(&key).await?.ok_or_else(|| missing(rt, id))?;
        Ok((key, record, Some(groups)))
    }
}

fn key_of(context: &Context, rt: &ResourceType, id: &str) -> Result<ResourceKey, Error> {
    ResourceId::parse(id).map(|id| context.key(rt, id)).ok_or_else(|| missing(rt, id))
}

fn missing(rt: &ResourceType, id: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("There is no {} with the id \"{id}\".", rt.name))
}

/// What a request's `attributes` and `excludedAttributes` let through.
pub fn view(context: &Context, rt: &Arc<ResourceType>, query: &Query) -> Result<View, Error> {
    view_of_write(context, rt, query, Vec::new())
}

/// The same for a write, which also shows what it specified (RFC 7643 §7, `returned`: "request").
pub fn view_of_write(
    context: &Context,
    rt: &Arc<ResourceType>,
    query: &Query,
    specified: Vec<BoundPath>,
) -> Result<View, Error> {
    let tenant = context.caller.tenant();
    if query.attributes.is_empty() && query.excluded_attributes.is_empty() && specified.is_empty() {
        return Ok(tenant.view(rt));
    }
    let attributes: Vec<&str> = query.attributes.iter().map(String::as_str).collect();
    let excluded: Vec<&str> = query.excluded_attributes.iter().map(String::as_str).collect();
    let projection = Projection::new(&attributes, &excluded, rt)?.written(specified);
    Ok(tenant.view_through(rt, projection))
}

/// When to try again while the tenant is closed for the last step of its move.
const MOVE_SECONDS: u32 = 2;

/// The only translation of errors of the store into errors for clients.
impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed(_) => Self::new(
                ErrorKind::Unavailable(MOVE_SECONDS),
                "The tenant is being moved to another database. Repeat the request in a few seconds.",
            ),
            StoreError::Conflict(_) => Self::new(
                ErrorKind::Unavailable(1),
                "The resource is being changed by many requests at once. Repeat the request.",
            ),
            StoreError::Corrupt(cause) => Self::internal(cause),
            StoreError::Erased(_) => Self::new(ErrorKind::NotFound, "The tenant was deleted."),
            StoreError::Full { resource_type, limit } => full(resource_type.as_str(), limit),
            StoreError::Missing(key) => {
                let kind = key.resource_type.as_str();
                Self::new(ErrorKind::NotFound, format!("There is no {kind} with the id \"{}\".", key.id))
            }
            StoreError::Taken(entry) => taken(&entry).with_source(StoreError::Taken(entry)),
            StoreError::Unavailable(source) => Self::new(
                ErrorKind::Unavailable(5),
                "The store cannot answer now. Repeat the request in a few seconds.",
            )
            .with_source(source),
        }
    }
}

/// One more resource than the tenant's quota.
fn full(name: &str, quota: u64) -> Error {
    Error::new(
        ErrorKind::Forbidden,
        format!(
            "The tenant has as many {name} resources as its quota allows: {quota}. Delete some, or ask the administrator to raise quotas.{name}."
        ),
    )
}

fn taken(entry: &IndexEntry) -> Error {
    let kind = entry.key.resource_type.as_str();
    Error::new(
        ErrorKind::Uniqueness,
        format!(
            "Another {kind} has this {}. Use a different value, or change the resource that has it.",
            entry.key.attribute
        ),
    )
}

#[cfg(test)]
mod tests {
    use scim_protocol::Timestamp;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn ids_grow_within_a_millisecond_and_when_the_clock_goes_back() {
        let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
        let ids = UuidV7::default();
        let mut made: Vec<_> = (0..5000).map(|_| ids.next(&clock)).collect();
        clock.advance(-10);
        made.push(ids.next(&clock));
        clock.advance(1000);
        made.push(ids.next(&clock));
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(made.iter().all(|id| id.0.get_version_num() == 7));
    }
}
