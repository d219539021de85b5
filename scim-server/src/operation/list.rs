//! A ListResponse (RFC 7644 §3.4.2), written from what was found.

use std::sync::Arc;

use scim_protocol::{Error, message::ListEnvelope};

use super::{
    Answer, Content, Context, Operations, Outcome,
    found::Found,
    scan::{Match, Selection, size},
    shown::{Known, KnownPage, Shown},
};
use crate::{
    budget::Share,
    cursor::{Cursor, Fingerprint},
    render::{META_BYTES, Out, PIECE_BYTES, PIECES_HELD, Renderer, STREAM_MEMBERS, View},
    store::{Moment, Reference, ResourceId, StoreError},
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
                out.document(&known.document);
            } else if let Some(view) = views.get(ordinal) {
                let at = groups.binary_search_by_key(&id, |(id, _)| *id).ok();
                let of_this = at.and_then(|at| groups.get(at)).map_or(&[][..], |(_, groups)| groups);
                let begin = out.buffer.len();
                renderer.resource(out, view, id, &found.record, of_this).await?;
                // Nothing, when a piece with its members was sent.
                kept.keep(view, &found, of_this, out.buffer.get(begin..).unwrap_or_default());
            }
            out.relieve().await?;
            if out.is_stream() {
                share.shrink(size(&found.record));
            }
        }
        out.text(ListEnvelope::CLOSING);
        Ok(share)
    }
}

impl Operations {
    /// Writes the ListResponse of a page that was found before.
    pub(super) fn list_again(
        &self,
        context: &Context,
        page: KnownPage,
        fingerprint: impl Fn() -> Fingerprint,
        count: Option<u32>,
    ) -> Result<Answer, Error> {
        let KnownPage { found, resources, bytes } = page;
        let mut share = self.budget.share(context.caller.tenant().id);
        share.grow(bytes)?;
        let mut out = Out::default();
        out.buffer.reserve(bytes + resources.len() + META_BYTES);
        out.text(&self.envelope(&found, resources.len(), fingerprint, count)?.opening());
        for (i, known) in resources.iter().enumerate() {
            if i > 0 {
                out.text(",");
            }
            out.buffer.extend_from_slice(&known.document);
        }
        out.text(ListEnvelope::CLOSING);
        Ok(Answer { share: Some(share), ..Answer::plain(Outcome::Ok, Content::Whole(out.buffer.into())) })
    }

    fn envelope(
        &self,
        found: &Found,
        items_per_page: usize,
        fingerprint: impl Fn() -> Fingerprint,
        count: Option<u32>,
    ) -> Result<ListEnvelope, Error> {
        let seal = |cursor: &Option<Cursor>| {
            let cursor = cursor.clone().map(|cursor| Cursor { count, ..cursor });
            cursor.map(|cursor| self.sealer.seal(&cursor, fingerprint(), self.clock.now())).transpose()
        };
        Ok(ListEnvelope {
            total_results: found.total,
            items_per_page,
            start_index: found.start,
            next_cursor: seal(&found.next)?,
            previous_cursor: seal(&found.previous)?,
        })
    }

    /// Writes the ListResponse.
    pub(super) async fn list(
        &self,
        context: &Context,
        selections: &[Selection],
        found: Found,
        fingerprint: impl Fn() -> Fingerprint,
        count: Option<u32>,
    ) -> Result<Answer, Error> {
        let envelope = self.envelope(&found, found.matches.len(), fingerprint, count)?;
        let views = selections.iter().map(|selection| selection.view.clone()).collect();
        let kept = Keeping { shown: &self.shown, context, since: found.since };
        let listing = Listing::new(&self.renderer(context), views, found.matches, &kept).await?;
        let (documents, largest) = listing.bytes();
        let share = found.share.unwrap_or_else(|| self.budget.share(context.caller.tenant().id));
        if documents > PIECE_BYTES || listing.members() > STREAM_MEMBERS {
            let mut share = share;
            let on_its_way = share.split(PIECES_HELD * largest.max(PIECE_BYTES));
            return Ok(self.stream(context, listing, &envelope.opening(), (share, on_its_way), found.since));
        }
        let mut out = Out::default();
        out.buffer.reserve(documents + META_BYTES);
        out.text(&envelope.opening());
        let share = listing.write(self.renderer(context), &mut out, share, &kept).await?;
        Ok(Answer { share: Some(share), ..Answer::plain(Outcome::Ok, Content::Whole(out.buffer.into())) })
    }

    /// A page that is written while it is sent. One share is counted until the last piece is sent, because pieces are
    /// in flight; the other is released as documents are written.
    fn stream(
        &self,
        context: &Context,
        listing: Listing,
        opening: &str,
        (share, on_its_way): (Share, Share),
        since: Option<Moment>,
    ) -> Answer {
        // A slow reader must not delay scans.
        context.pace.rest();
        let (mut out, pieces) = Out::stream();
        out.text(opening);
        let (store, context, shown) = (self.store.clone(), context.clone(), Arc::clone(&self.shown));
        tokio::spawn(crate::log::within_same(traces::within_same(async move {
            let renderer = context.renderer(&*store);
            let kept = Keeping { shown: &shown, context: &context, since };
            let result = listing.write(renderer, &mut out, share, &kept).await;
            out.finish(result.map(drop)).await;
        })));
        Answer { share: Some(on_its_way), ..Answer::plain(Outcome::Ok, Content::Pieces(pieces)) }
    }
}
