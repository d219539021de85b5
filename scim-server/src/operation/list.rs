//! The resources of a ListResponse.

use scim_protocol::message::ListEnvelope;

use crate::{
    budget::Share,
    render::{Out, Renderer, View},
    store::{Reference, ResourceId, StoreError},
};

use super::scan::{Match, size};

/// A page that is ready to be written.
pub(super) struct Listing {
    /// The view of each type, by ordinal.
    views: Vec<View>,
    matches: Vec<(usize, Match)>,
    /// The groups of all resources whose view shows them, sorted by id.
    groups: Vec<(ResourceId, Vec<Reference>)>,
}

impl Listing {
    /// Reads the groups of all resources on the page, in one pass.
    pub async fn new(
        renderer: &Renderer<'_>,
        views: Vec<View>,
        matches: Vec<(usize, Match)>,
    ) -> Result<Self, StoreError> {
        let shows = |ordinal: &usize| views.get(*ordinal).is_some_and(View::groups);
        let shown = matches.iter().filter(|(ordinal, _)| shows(ordinal));
        let mut ids: Vec<_> = shown.map(|(_, found)| found.position.id).collect();
        ids.sort_unstable();
        let groups = if ids.is_empty() { Vec::new() } else { renderer.store.groups_of(renderer.tenant, &ids).await? };
        let groups = ids.into_iter().zip(groups).collect();
        Ok(Self { views, matches, groups })
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
    pub async fn write(self, renderer: Renderer<'_>, out: &mut Out, mut share: Share) -> Result<Share, StoreError> {
        let Self { views, matches, groups } = self;
        for (i, (ordinal, found)) in matches.into_iter().enumerate() {
            if i > 0 {
                out.text(",");
            }
            let id = found.position.id;
            let at = groups.binary_search_by_key(&id, |(id, _)| *id).ok();
            let of_this = at.and_then(|at| groups.get(at)).map_or(&[][..], |(_, groups)| groups);
            let Some(view) = views.get(ordinal) else { continue };
            renderer.resource(out, view, id, &found.record, of_this).await?;
            if out.is_stream() {
                share.shrink(size(&found.record));
            }
        }
        out.text(ListEnvelope::CLOSING);
        Ok(share)
    }
}
