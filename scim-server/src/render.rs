//! Renders stored records as the bytes of a response.
//!
//! Stored bytes are served bytes: the visible part of a record is copied as it is, and what the
//! document does not hold (`groups`, `members`, `meta`) is written behind it. Only an answer for
//! which the client chose attributes is parsed, reduced and written again.
//!
//! A group may have any number of members, so a response may be long. A short one is one buffer. A long one is a
//! stream of pieces that are written while it is sent, and is never in memory as a whole.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use scim_protocol::{
    path::BoundPath,
    projection::Projection,
    schema::{Attribute, ResourceType, Returned},
};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::store::{Record, Reference, ResourceId, ResourceKey, Store, StoreError, TenantId, TypeName};

/// How many members are read from the store at a time.
const MEMBERS_PAGE: usize = 1000;
/// When a piece of a stream is long enough to send.
pub const PIECE_BYTES: usize = 64 * 1024;
/// Pieces of a stream that wait for the connection.
const PIECES_WAITING: usize = 4;
/// Pieces of a stream that are in memory at a time, at most: those that wait, the one that is written, and the one
/// that is sent.
pub const PIECES_HELD: usize = PIECES_WAITING + 2;
/// About the length of `meta` and the rest after a document, so that a buffer need not grow.
pub const META_BYTES: usize = 512;
/// Answers with more members than this are streamed.
pub const STREAM_MEMBERS: u64 = 2000;

/// The rest of a stream cannot be written. The log has the cause. The client sees the connection close (HTTP/1.1) or
/// the stream reset (HTTP/2), so that it does not mistake half a document for a whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the response could not be completed")]
pub struct Aborted;

/// The pieces of a long answer.
pub type Pieces = mpsc::Receiver<Result<Bytes, Aborted>>;

/// Where an answer is written: a buffer, and for a long answer where full buffers go.
#[derive(Default)]
pub struct Out {
    /// What is not yet sent.
    pub buffer: Vec<u8>,
    channel: Option<mpsc::Sender<Result<Bytes, Aborted>>>,
}

impl Out {
    /// A stream, and its other end.
    pub fn stream() -> (Self, Pieces) {
        let (sender, receiver) = mpsc::channel(PIECES_WAITING);
        (Self { buffer: Vec::with_capacity(PIECE_BYTES), channel: Some(sender) }, receiver)
    }

    /// Whether what is written goes out before all of it is.
    pub fn is_stream(&self) -> bool {
        self.channel.is_some()
    }

    /// Sends what is written, when it is enough. `Unavailable` when nobody reads any more.
    pub async fn relieve(&mut self) -> Result<(), StoreError> {
        if self.buffer.len() >= PIECE_BYTES { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        if let Some(channel) = &self.channel {
            let piece = Bytes::from(std::mem::take(&mut self.buffer));
            channel.send(Ok(piece)).await.map_err(|gone| StoreError::Unavailable(Box::new(gone)))?;
            // Lets other tasks run now and then, even if the connection accepts everything at once.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Ends a stream: the last piece, or the sign that it is not whole.
    pub async fn finish(mut self, result: Result<(), StoreError>) {
        match result {
            Ok(()) => drop(self.send().await),
            // The client has gone, or asked with HEAD.
            Err(_) if self.channel.as_ref().is_some_and(mpsc::Sender::is_closed) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a streamed response was interrupted");
                if let Some(channel) = &self.channel {
                    drop(channel.send(Err(Aborted)).await);
                }
            }
        }
    }

    /// Writes a document as it was written before.
    pub fn document(&mut self, document: &[u8]) {
        self.buffer.extend_from_slice(document);
    }

    /// Writes text as it is.
    pub fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    /// Writes a JSON string.
    pub fn string(&mut self, text: &str) {
        // Writing to memory does not fail.
        drop(serde_json::to_writer(&mut self.buffer, text));
    }

    /// Writes what displays itself as something that JSON does not escape: a number, a time.
    pub fn display(&mut self, value: impl fmt::Display) {
        use std::io::Write;
        drop(write!(self.buffer, "{value}"));
    }
}

/// What a client gets to see of resources of one type.
#[derive(Debug, Clone)]
pub struct View {
    resource_type: Arc<ResourceType>,
    projection: Projection,
    /// The stored bytes serve as they are.
    verbatim: bool,
    groups: bool,
    max_groups: usize,
    members: Members,
}

/// Whether `members` are part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Members {
    /// The resource type has none, or they were not asked for.
    Absent,
    /// Written as an empty list, whoever is in it (Identity Center's group reads).
    Empty,
    Listed,
}

impl View {
    /// What `attributes` and `excludedAttributes` leave of that type. `hide_members`: groups show
    /// an empty list of members.
    pub fn new(resource_type: Arc<ResourceType>, projection: Projection, hide_members: bool) -> Self {
        let derived = |name: &str| resource_type.attribute(name).is_some() && projection.wants(name, &resource_type);
        let groups = derived("groups");
        let members = match (derived("members"), hide_members) {
            (false, _) => Members::Absent,
            (true, true) => Members::Empty,
            (true, false) => Members::Listed,
        };
        let verbatim = match &projection {
            Projection::Default => is_stored_as_served(&resource_type),
            Projection::Attributes(_) | Projection::Written(_) => false,
            Projection::Excluded(paths) => {
                let outside = |path: &BoundPath| path.is_core("members") || path.is_core("groups");
                paths.iter().all(|path| path.sub_attribute.is_none() && outside(path))
                    && is_stored_as_served(&resource_type)
            }
        };
        Self { resource_type, projection, verbatim, groups, max_groups: usize::MAX, members }
    }

    /// The same view, which shows no more than so many groups of a resource.
    #[must_use]
    pub fn with_max_groups(self, max_groups: usize) -> Self {
        Self { max_groups, ..self }
    }

    /// Of which type it is a view.
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        &self.resource_type
    }

    /// Whether the answer lists the groups of a resource.
    pub fn groups(&self) -> bool {
        self.groups
    }

    /// How many members an answer with this record lists.
    pub fn members(&self, record: &Record) -> u64 {
        if self.members == Members::Listed { record.header.members } else { 0 }
    }
}

/// Writes resources of one tenant under one base URL.
#[derive(Clone, Copy)]
pub struct Renderer<'a> {
    /// Where members and their names are read.
    pub store: &'a dyn Store,
    pub tenant: TenantId,
    /// The base URL without a slash at its end: `https://host/{tenant}/scim/v2`.
    pub base: &'a str,
    /// The endpoint of each resource type, for `$ref`.
    pub endpoints: &'a [(TypeName, String)],
}

impl Renderer<'_> {
    /// The absolute URL of a resource.
    pub fn location(&self, resource_type: &str, id: ResourceId) -> String {
        location(self.base, self.endpoint(resource_type), id)
    }

    fn endpoint(&self, resource_type: &str) -> &str {
        self.endpoints.iter().find(|(name, _)| name.as_str() == resource_type).map_or("", |(_, endpoint)| endpoint)
    }

    /// Writes one resource. `groups` are those that hold it, read before for a whole page. The end of it stays in the
    /// buffer: who calls may keep it, and sends it then.
    pub async fn resource(
        &self,
        out: &mut Out,
        view: &View,
        id: ResourceId,
        record: &Record,
        groups: &[Reference],
    ) -> Result<(), StoreError> {
        if view.verbatim {
            self.verbatim(out, view, id, record, groups).await
        } else {
            let document = self.document(view, id, record, groups).await?;
            let projected = view.projection.apply(document, &view.resource_type);
            serde_json::to_writer(&mut out.buffer, &projected).map_err(|error| StoreError::Corrupt(error.to_string()))
        }
    }

    async fn verbatim(
        &self,
        out: &mut Out,
        view: &View,
        id: ResourceId,
        record: &Record,
        groups: &[Reference],
    ) -> Result<(), StoreError> {
        let Some((b'}', open)) = record.body.visible.split_last() else {
            return Err(StoreError::Corrupt(format!("the document of {id} is no object")));
        };
        out.buffer.extend_from_slice(open);
        if view.groups && !groups.is_empty() {
            out.text(",\"groups\":[");
            for (i, group) in groups.iter().take(view.max_groups).enumerate() {
                self.reference(out, i, group, "direct");
            }
            out.text("]");
        }
        match view.members {
            Members::Listed if record.header.members > 0 => self.members(out, view, id).await?,
            Members::Empty => out.text(",\"members\":[]"),
            Members::Listed | Members::Absent => {}
        }
        self.meta(out, view, id, record);
        out.text("}");
        Ok(())
    }

    async fn members(&self, out: &mut Out, view: &View, id: ResourceId) -> Result<(), StoreError> {
        out.text(",\"members\":[");
        let group = self.key(view, id);
        let (mut after, mut written) = (None, 0);
        loop {
            let page = self.store.members(&group, after, MEMBERS_PAGE, true).await?;
            for member in page.iter() {
                self.reference(out, written, member, member.resource_type.as_str());
                written += 1;
            }
            out.relieve().await?;
            match page.last() {
                Some(last) if !page.done => after = Some(last.id),
                _ => break,
            }
        }
        out.text("]");
        Ok(())
    }

    /// One element of `groups` or `members` (RFC 7643 §4.1.2 and §4.2).
    fn reference(&self, out: &mut Out, ordinal: usize, to: &Reference, kind: &str) {
        out.text(if ordinal == 0 { "{\"value\":\"" } else { ",{\"value\":\"" });
        let mut buffer = Uuid::encode_buffer();
        let id: &str = to.id.0.hyphenated().encode_lower(&mut buffer);
        out.text(id);
        out.text("\",\"$ref\":\"");
        out.text(self.base);
        out.text(self.endpoint(to.resource_type.as_str()));
        out.text("/");
        out.text(id);
        out.text("\",\"type\":");
        out.string(kind);
        if let Ok(display) = std::str::from_utf8(&to.display)
            && !display.is_empty()
        {
            out.text(",\"display\":");
            out.string(display);
        }
        out.text("}");
    }

    /// `meta` (RFC 7643 §3.1), always last.
    fn meta(&self, out: &mut Out, view: &View, id: ResourceId, record: &Record) {
        let header = &record.header;
        out.text(",\"meta\":{\"resourceType\":");
        out.string(&view.resource_type.name);
        out.text(",\"created\":\"");
        out.display(header.created);
        out.text("\",\"lastModified\":\"");
        out.display(header.last_modified);
        // The base URL has no character that JSON escapes.
        for text in ["\",\"location\":\"", self.base, &view.resource_type.endpoint, "/"] {
            out.text(text);
        }
        out.text(id.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        out.text("\",\"version\":\"W/\\\"");
        out.display(header.version);
        out.text("\\\"\"}");
    }

    /// The whole resource as a value, with everything that a filter or a projection may name.
    pub async fn document(
        &self,
        view: &View,
        id: ResourceId,
        record: &Record,
        groups: &[Reference],
    ) -> Result<Map<String, Value>, StoreError> {
        let mut document = stored_document(record)?;
        if view.groups && !groups.is_empty() {
            let shown = groups.iter().take(view.max_groups);
            document.insert("groups".into(), shown.map(|g| self.reference_value(g, "direct")).collect());
        }
        match view.members {
            Members::Listed if record.header.members > 0 => {
                let members = self.members_value(&self.key(view, id)).await?;
                document.insert("members".into(), members);
            }
            Members::Empty => {
                document.insert("members".into(), json!([]));
            }
            Members::Listed | Members::Absent => {}
        }
        document.insert("meta".into(), self.meta_value(&view.resource_type, id, record));
        Ok(document)
    }

    /// All members of a group as a value, for a projection of their sub-attributes.
    async fn members_value(&self, group: &ResourceKey) -> Result<Value, StoreError> {
        let (mut after, mut all) = (None, Vec::new());
        loop {
            let page = self.store.members(group, after, MEMBERS_PAGE, true).await?;
            all.extend(page.iter().map(|m| self.reference_value(m, m.resource_type.as_str())));
            match page.last() {
                Some(last) if !page.done => after = Some(last.id),
                _ => return Ok(Value::Array(all)),
            }
        }
    }

    /// `meta` as a value.
    pub fn meta_value(&self, resource_type: &ResourceType, id: ResourceId, record: &Record) -> Value {
        json!({
            "resourceType": resource_type.name,
            "created": record.header.created.to_string(),
            "lastModified": record.header.last_modified.to_string(),
            "location": self.location(&resource_type.name, id),
            "version": etag(record.header.version),
        })
    }

    fn reference_value(&self, to: &Reference, kind: &str) -> Value {
        let mut value = json!({
            "value": to.id.to_string(),
            "$ref": self.location(to.resource_type.as_str(), to.id),
            "type": kind,
        });
        match std::str::from_utf8(&to.display) {
            Ok(display) if !display.is_empty() => value["display"] = display.into(),
            _ => {}
        }
        value
    }

    fn key(&self, view: &View, id: ResourceId) -> ResourceKey {
        ResourceKey { tenant: self.tenant, resource_type: view.resource_type.name.as_str().into(), id }
    }
}

/// The absolute URL of a resource, from the base URL and the endpoint with its slash.
pub fn location(base: &str, endpoint: &str, id: ResourceId) -> String {
    let mut buffer = Uuid::encode_buffer();
    [base, endpoint, "/", id.0.hyphenated().encode_lower(&mut buffer)].concat()
}

/// The entity-tag of a version (RFC 7644 §3.14): weak, because `groups` is not covered by it.
pub fn etag(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// Where the hidden part of a user whom an administrator has disabled keeps what the provider says of `active`. No
/// attribute has a name like that, and nobody is shown it.
pub const PROVIDER_ACTIVE: &str = "~active";

/// Where it keeps under which name an administrator has set that lock, where the user has another name.
pub const LOCKED_AS: &str = "~locked-as";
/// Who keeps the name of somebody locked out, by the word of an administrator.
pub const SPARES: &str = "~spares";

/// Where the hidden part of a document keeps from whom it is. No attribute has a name like that either.
pub const SOURCE: &str = "~source";

/// The stored document, hidden attributes included.
pub fn stored_document(record: &Record) -> Result<Map<String, Value>, StoreError> {
    let parse = |bytes: &[u8]| -> Result<Map<String, Value>, StoreError> {
        serde_json::from_slice(bytes).map_err(|error| StoreError::Corrupt(error.to_string()))
    };
    let mut document = parse(&record.body.visible)?;
    if !record.body.hidden.is_empty() {
        let is_own = |name: &str| [PROVIDER_ACTIVE, LOCKED_AS, SPARES, SOURCE].contains(&name);
        for (name, value) in parse(&record.body.hidden)?.into_iter().filter(|(name, _)| !is_own(name)) {
            // An extension may have both kinds of attributes: then they are put together again.
            match (document.get_mut(&name), value) {
                (Some(Value::Object(visible)), Value::Object(hidden)) => visible.extend(hidden),
                (_, value) => {
                    document.insert(name, value);
                }
            }
        }
    }
    Ok(document)
}

/// Whether the visible part of a record has nothing in it that is not served by default. Documents
/// are parted by whole attributes, so a schema with a sub-attribute that is returned on request only,
/// or never, needs the slower way.
fn is_stored_as_served(rt: &ResourceType) -> bool {
    let extensions = rt.extensions.iter().flat_map(|extension| &extension.schema.attributes);
    rt.schema.attributes.iter().chain(extensions).all(|attribute| {
        !is_served_by_default(attribute) || attribute.sub_attributes.iter().all(|sub| is_served_by_default(sub))
    })
}

/// Whether an attribute is part of what is served when nothing is said of attributes.
pub fn is_served_by_default(attribute: &Attribute) -> bool {
    matches!(attribute.returned, Returned::Always | Returned::Default)
}
