//! The resources of a ListResponse.

use std::sync::Arc;

use scim_protocol::message::ListEnvelope;

use crate::{
    budget::Share,
    render::{Out, Renderer, View},
    store::{Moment, Reference, ResourceId, StoreError},
};

use super::{
    Context,
    scan::{Match, size},
    shown::{Known, Shown},
};

/// Where what is shown is kept, and for whom.
pub(super) struct Keeping<'a> {
    pub shown: &'a Shown,
    pub context: &'a Context,
    /// Since when it was read; nothing is kept, and nothing that was is shown, without it.
    pub since: Option<Moment>,
}

impl Keeping<'_> {
    fn find(&self, view: &View, found: &Match) -> Option<Arc<Known>> {
        self.since?;
        let known = self.shown.find(self.context, view.resource_type(), found.position.id)?;
        (known.version == found.record.header.version).then_some(known)
    }

    fn keep(&self, view: &View, found: &Match, groups: &[Reference], document: &[u8]) {
        if !document.is_empty() && view.members(&found.record) == 0 {
            let read = (found.position.id, found.record.header.version, groups);
            self.shown.keep(self.context, view.resource_type(), self.since, read, document);
        }
    }
}

/// A page that is ready to be written.
pub(super) struct Listing {
    /// The view of each type, by ordinal.
    views: Vec<View>,
    matches: Vec<(usize, Match)>,
    /// Of each, how it was shown before, if nothing has changed.
    known: Vec<Option<Arc<Known>>>,
    /// The groups of all resources whose view shows them, sorted by id.
    groups: Vec<(ResourceId, Vec<Reference>)>,
}

impl Listing {
    /// Reads the groups of all resources on the page, in one pass.
    pub async fn new(
        renderer: &Renderer<'_>,
        views: Vec<View>,
        mut matches: Vec<(usize, Match)>,
        kept: &Keeping<'_>,
    ) -> Result<Self, StoreError> {
        let known: Vec<_> = matches.iter().map(|(ordinal, found)| kept.find(views.get(*ordinal)?, found)).collect();
        let (mut ids, mut groups) = (Vec::new(), Vec::new());
        for ((ordinal, found), _) in matches.iter_mut().zip(&known).filter(|(_, known)| known.is_none()) {
            if views.get(*ordinal).is_some_and(View::groups) {
                match found.groups.take() {
                    Some(read) => groups.push((found.position.id, read)),
                    None => ids.push(found.position.id),
                }
            }
        }
        ids.sort_unstable();
        if !ids.is_empty() {
            let read = renderer.store.groups_of(renderer.tenant, &ids).await?;
            groups.extend(ids.into_iter().zip(read));
        }
        groups.sort_unstable_by_key(|(id, _)| *id);
        Ok(Self { views, matches, known, groups })
    }

    /// The bytes of all its documents, and of the largest one.
    pub fn bytes(&self) -> (usize, usize) {
        let sizes = self.matches.iter().map(|(_, found)| size(&found.record));
        sizes.fold((0, 0), |(all, largest), size| (all + size, largest.max(size)))
    }

    /// How many members it lists.
    pub fn members(&self) -> u64 {
        let members = |(ordinal, found): &(usize, Match)| Some(self.views.get(*ordinal)?.members(&found.record));
        self.matches.iter().filter_map(members).sum()
    }

    /// Writes the elements of `Resources` and closes the message. Frees each document as soon as it is written, and
    /// its memory in `share`.
    pub async fn write(
        self,
        renderer: Renderer<'_>,
        out: &mut Out,
        mut share: Share,
        kept: &Keeping<'_>,
    ) -> Result<Share, StoreError> {
        let Self { views, matches, known, groups } = self;
        for (i, ((ordinal, found), known)) in matches.into_iter().zip(known).enumerate() {
            if i > 0 {
                out.text(",");
            }
            let id = found.position.id;
            if let Some(known) = known {
                out.document(&known.document).await?;
                if out.is_stream() {
                    share.shrink(size(&found.record));
                }
                continue;
            }
            let at = groups.binary_search_by_key(&id, |(id, _)| *id).ok();
            let of_this = at.and_then(|at| groups.get(at)).map_or(&[][..], |(_, groups)| groups);
            let Some(view) = views.get(ordinal) else { continue };
            let begin = out.buffer.len();
            renderer.resource(out, view, id, &found.record, of_this).await?;
            // Nothing, when the piece that ends with it is sent.
            kept.keep(view, &found, of_this, out.buffer.get(begin..).unwrap_or_default());
            if out.is_stream() {
                share.shrink(size(&found.record));
            }
        }
        out.text(ListEnvelope::CLOSING);
        Ok(share)
    }
}
