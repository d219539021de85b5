//! The result of an operation: the outcome, the location of the resource, and its bytes.

use std::sync::Arc;

use bytes::Bytes;
use scim_protocol::{Error, schema::ResourceType};

use super::{Context, Operations, shown::Known};
use crate::{
    budget::Share,
    log,
    render::{META_BYTES, Out, Pieces, STREAM_MEMBERS, View, location},
    store::{Moment, Record, Reference, ResourceId, ResourceKey},
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The request is durable, and is completed later.
    Accepted,
    /// A resource was made.
    Created,
    /// Done, without content.
    NoContent,
    /// The client has the present version already.
    NotModified,
    /// Done.
    Ok,
}

/// The bytes of an answer.
pub enum Content {
    /// None.
    Nothing,
    /// A long answer, written while it is sent.
    Pieces(Pieces),
    /// A short answer.
    Whole(Bytes),
}

/// An operation's answer.
pub struct Answer {
    /// What happened.
    pub outcome: Outcome,
    /// The resource that it is about.
    pub id: Option<ResourceId>,
    /// The absolute URL of the resource.
    pub location: Option<String>,
    /// The version of the resource.
    pub version: Option<u64>,
    /// The representation.
    pub content: Content,
    /// What the content is, where it is not what the endpoint gives otherwise.
    pub media_type: Option<&'static str>,
    /// The request that is completed later.
    pub accepted: Option<ResourceId>,
    /// The memory that the content takes until it is sent.
    pub share: Option<Share>,
}

impl Answer {
    /// An answer about nothing that has a version: a list, a bulk response, a deletion.
    pub fn plain(outcome: Outcome, content: Content) -> Self {
        let (media_type, accepted, share) = (None, None, None);
        Self { outcome, id: None, location: None, version: None, content, media_type, accepted, share }
    }

    /// The answer that names a resource without showing it.
    pub(super) fn about(context: &Context, outcome: Outcome, key: &ResourceKey, version: u64) -> Self {
        let rt = context.caller.tenant().registry.resource_type(key.resource_type.as_str());
        Self::naming(context, outcome, rt, key.id, version)
    }

    fn naming(
        context: &Context,
        outcome: Outcome,
        rt: Option<&Arc<ResourceType>>,
        id: ResourceId,
        version: u64,
    ) -> Self {
        let endpoint = rt.map_or("", |rt| rt.endpoint.as_str());
        Self {
            id: Some(id),
            location: Some(location(&context.base, endpoint, id)),
            version: Some(version),
            ..Self::plain(outcome, Content::Nothing)
        }
    }
}

/// A resource that was read to be shown.
pub(super) struct Read {
    pub record: Record,
    /// Its groups, where they were read with it.
    pub groups: Option<Vec<Reference>>,
    /// Since when it was read, where the answer may be kept.
    pub since: Option<Moment>,
}

impl From<Record> for Read {
    fn from(record: Record) -> Self {
        Self { record, groups: None, since: None }
    }
}

impl Operations {
    /// The answer that shows a resource as it was shown before.
    pub(super) fn show_again(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        known: &Known,
    ) -> Result<Answer, Error> {
        // The bytes may be let go of while they are sent, and stay in memory until they are.
        let mut share = self.budget.share(context.caller.tenant().id);
        share.grow(known.document.len())?;
        let content = Content::Whole(known.document.clone());
        Ok(Answer { content, share: Some(share), ..Answer::naming(context, Outcome::Ok, Some(rt), id, known.version) })
    }

    /// The answer that shows a resource. What was read since a moment is kept, where one is named.
    pub(super) async fn show(
        &self,
        context: &Context,
        outcome: Outcome,
        key: &ResourceKey,
        read: impl Into<Read>,
        view: &View,
    ) -> Result<Answer, Error> {
        let Read { record, groups, since } = read.into();
        let mut answer = Answer::about(context, outcome, key, record.header.version);
        // A new resource is in no group, because nobody knows its id yet. Only a bulk request may have added it to a
        // group before, and its response shows no resource. A restored resource has a later version.
        let is_new = outcome == Outcome::Created && record.header.version == 1;
        let groups = match groups {
            Some(groups) => groups,
            None if is_new => Vec::new(),
            None => self.groups(key, view).await?,
        };
        answer.content = if view.members(&record) > STREAM_MEMBERS {
            let (mut out, pieces) = Out::stream();
            let (view, id, store, context) = (view.clone(), key.id, self.store.clone(), context.clone());
            tokio::spawn(log::within_same(traces::within_same(async move {
                let renderer = context.renderer(&*store);
                let result = renderer.resource(&mut out, &view, id, &record, &groups).await;
                out.finish(result).await;
            })));
            Content::Pieces(pieces)
        } else {
            let mut share = self.budget.share(context.caller.tenant().id);
            share.count(record.bytes());
            answer.share = Some(share);
            let mut out = Out::default();
            out.buffer.reserve(record.body.visible.len() + META_BYTES);
            self.renderer(context).resource(&mut out, view, key.id, &record, &groups).await?;
            if view.members(&record) == 0 {
                let read = (key.id, record.header.version, groups.as_slice());
                self.shown.keep(context, view.resource_type(), since, read, &out.buffer);
            }
            Content::Whole(out.buffer.into())
        };
        Ok(answer)
    }

    pub(super) async fn groups(&self, key: &ResourceKey, view: &View) -> Result<Vec<Reference>, Error> {
        if !view.groups() {
            return Ok(Vec::new());
        }
        let mut of_each = self.store.groups_of(key.tenant, &[key.id]).await?;
        Ok(of_each.pop().unwrap_or_default())
    }
}
