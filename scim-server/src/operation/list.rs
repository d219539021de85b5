//! The resources of a ListResponse.

use scim_protocol::message::ListEnvelope;

use crate::{
    render::{Out, Renderer, View},
    store::{ResourceId, StoreError},
};

use super::page::Match;

/// A page that is ready to be written.
pub(super) struct Listing<'a> {
    pub renderer: Renderer<'a>,
    /// What is shown of each type, by ordinal.
    pub views: Vec<View>,
    pub matches: Vec<(usize, Match)>,
}

impl Listing<'_> {
    /// Writes the elements of `Resources` and closes the message. Each resource goes when it is written, so that
    /// the page is not in memory twice.
    pub async fn write(self, out: &mut Out) -> Result<(), StoreError> {
        let groups = self.groups().await?;
        for (i, (ordinal, found)) in self.matches.into_iter().enumerate() {
            if i > 0 {
                out.text(",");
            }
            let id = found.position.id;
            let at = groups.binary_search_by_key(&id, |(id, _)| *id).ok();
            let of_this = at.and_then(|at| groups.get(at)).map_or(&[][..], |(_, groups)| groups);
            let Some(view) = self.views.get(ordinal) else { continue };
            self.renderer.resource(out, view, id, &found.record, of_this).await?;
        }
        out.text(ListEnvelope::CLOSING);
        Ok(())
    }

    /// The groups of all resources on the page whose view shows them, in one pass, sorted by id.
    async fn groups(&self) -> Result<Vec<(ResourceId, Vec<crate::store::Reference>)>, StoreError> {
        let shows = |ordinal: &usize| self.views.get(*ordinal).is_some_and(View::groups);
        let mut ids: Vec<_> =
            self.matches.iter().filter(|(ordinal, _)| shows(ordinal)).map(|(_, found)| found.position.id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        ids.sort_unstable();
        let groups = self.renderer.store.groups_of(self.renderer.tenant, &ids).await?;
        Ok(ids.into_iter().zip(groups).collect())
    }
}
