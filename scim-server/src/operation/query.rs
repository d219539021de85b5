//! Lists and searches (RFC 7644 §3.4.2–3, RFC 9865).
//!
//! Without a sort, resources are in the order of their ids, or of the index that finds them. In this order a walk
//! sees every resource that existed throughout. `startIndex` counts matches from the first one on: the store finds the
//! place in a list or an index, and a scan without an index passes over matches one by one. A cursor continues where the
//! last page ended.

use std::sync::Arc;

use scim_protocol::{
    Error,
    message::{Page, Query},
    schema::ResourceType,
};

use super::{
    Answer, Context, Operations,
    found::{Found, forward},
    scan::{Match, Room, Scan, Selection, by_id, too_many},
    shown::Place,
    view,
};
use crate::{
    cursor::{Cursor, Fingerprint},
    plan::{Plan, Scope, Source, plan},
    profile,
    store::Start,
};

/// Counting matches of an exact plan reads keys only, so it may go on for longer.
const COUNT_FACTOR: u64 = 10;

impl Operations {
    /// Answers a query over one resource type, or (from the root) over several.
    pub async fn query(
        &self,
        context: &Context,
        types: &[Arc<ResourceType>],
        endpoint: &str,
        query: &Query,
    ) -> Result<Answer, Error> {
        let tenant = context.caller.tenant();
        profile::check_query(tenant.profile(), types, query)?;
        let selections = selections(context, types, query)?;
        let is_plain = query.attributes.is_empty() && query.excluded_attributes.is_empty();
        let since = if is_plain { self.shown.moment() } else { None };
        let count = self.page_size(context, query.count);
        let fingerprint = || fingerprint(&tenant.id.to_string(), endpoint, query);
        let (cursor, start) = match &query.page {
            Page::Cursor(None) => (None, None),
            Page::Cursor(Some(text)) if text.is_empty() => (None, None),
            Page::Cursor(Some(text)) => {
                (Some(self.sealer.open(text, fingerprint(), query.count, self.clock.now())?), None)
            }
            Page::Default => (None, Some(1)),
            Page::Index { start } => (None, Some(*start)),
        };
        let listed = listed(&selections, query).filter(|_| since.is_some());
        let place = listed.map(|list| (list, place(cursor.as_ref(), start)));
        if let Some((list, place)) = &place
            && let Some(page) = self.shown.page(context, list, place, count)
        {
            context.pace.rest();
            return self.list_again(context, page, fingerprint, query.count);
        }
        let mut found = match start {
            None => {
                let mut found = if query.sort_by.is_some() && !walks_sorted(&selections) {
                    self.sorted_cursor(context, &selections, query, count, cursor).await?
                } else if count == 0 {
                    // Only the total is asked for, so there is no scan and no next page.
                    Found { start: None, ..self.index_page(context, &selections, 1, 0).await? }
                } else {
                    self.cursor_page(context, &selections, count, cursor).await?
                };
                if profile::hides_totals(tenant.profile()) {
                    found.total = None;
                }
                found
            }
            Some(start) => {
                if query.sort_by.is_some() && !walks_sorted(&selections) {
                    self.sorted_index(context, &selections, query, start, count).await?
                } else {
                    self.index_page(context, &selections, start, count).await?
                }
            }
        };
        // The rest is written to the client, however slowly it reads.
        context.pace.rest();
        found.since = since;
        if let Some((list, place)) = place {
            self.shown.keep_page(context, list, (place, count), &found);
        }
        self.list(context, &selections, found, fingerprint, query.count).await
    }

    pub(super) fn room(&self, context: &Context, count: usize) -> Room {
        Room::new(count, self.limits.page_bytes, self.budget.share(context.caller.tenant().id))
    }

    fn page_size(&self, context: &Context, asked: Option<u32>) -> usize {
        let most = profile::max_page_size(context.caller.tenant().profile()).unwrap_or(self.limits.max_page_size);
        asked.unwrap_or(self.limits.page_size).min(most) as usize
    }

    async fn index_page(
        &self,
        context: &Context,
        selections: &[Selection],
        start: u64,
        count: usize,
    ) -> Result<Found, Error> {
        let mut found = Found { total: Some(0), start: Some(start), ..Found::default() };
        let mut skip = start.saturating_sub(1);
        let mut examined = 0;
        let mut room = self.room(context, count);
        for (ordinal, selection) in selections.iter().enumerate() {
            let (total, matches) = if selection.filter.is_none() && selection.plan.source == Source::All {
                self.unfiltered(selection, context, skip, &mut room).await?
            } else {
                self.filtered(selection, context, skip, &mut room, &mut examined).await?
            };
            skip = skip.saturating_sub(total);
            found.total = found.total.map(|sum| sum + total);
            found.matches.extend(matches.into_iter().map(|m| (ordinal, m)));
        }
        found.share = Some(room.into_share());
        Ok(found)
    }

    /// Everything of a type: the total is a stored number, and the page is one run of documents.
    async fn unfiltered(
        &self,
        selection: &Selection,
        context: &Context,
        skip: u64,
        room: &mut Room,
    ) -> Result<(u64, Vec<Match>), Error> {
        let total = self.store.count(context.caller.tenant().home, &selection.name).await?;
        let mut matches = Vec::new();
        let mut start = Start::Offset(skip);
        while skip < total && !room.is_full() {
            let page = self.store.resources(context.caller.tenant().home, &selection.name, start, room.batch()).await?;
            let (read, done) = (page.len(), page.done);
            let Some((last, _)) = page.last() else { break };
            start = Start::After(*last);
            for (id, record) in page {
                if room.is_full() {
                    break;
                }
                room.take(&record)?;
                matches.push(Match { position: by_id(id), record, groups: None });
            }
            context.pace.step(read / 8).await?;
            if done {
                break;
            }
        }
        Ok((total, matches))
    }

    /// The matches of a filter, counted from the first one on.
    async fn filtered(
        &self,
        selection: &Selection,
        context: &Context,
        skip: u64,
        room: &mut Room,
        examined: &mut u64,
    ) -> Result<(u64, Vec<Match>), Error> {
        let (mut total, mut matches) = (0, Vec::new());
        let enough = usize::try_from(skip).unwrap_or(usize::MAX).saturating_add(room.count()).saturating_add(1);
        let mut after = None;
        let mut enough = enough;
        if let (Plan { source: Source::Index(range), exact: true }, Some(last)) = (&selection.plan, skip.checked_sub(1))
        {
            // Each entry is a match, so the resources before the page need not be read.
            after = self.store.index_at(range, last).await?;
            if after.is_none() {
                let total = self.counted(context, selection).await?;
                return Ok((total.unwrap_or_default(), matches));
            }
            total = skip;
            enough = room.count().saturating_add(1);
        }
        let mut scan = Scan::new(self, context, selection, after, *examined).wanting(enough);
        while let Some(batch) = scan.next().await? {
            for found in batch {
                if total >= skip && !room.is_full() {
                    room.take(&found.record)?;
                    matches.push(found);
                }
                total += 1;
            }
            if room.is_full()
                && !scan.done()
                && let Some(counted) = self.counted(context, selection).await?
            {
                total = counted;
                break;
            }
            scan.require_budget()?;
        }
        *examined = scan.examined;
        Ok((total, matches))
    }

    /// The number of matches, if keys alone show it.
    async fn counted(&self, context: &Context, selection: &Selection) -> Result<Option<u64>, Error> {
        match &selection.plan {
            // An index in whose order everything is listed has each resource once.
            Plan { source: Source::Index(_), exact: true } if selection.filter.is_none() => {
                Ok(Some(self.store.count(context.caller.tenant().home, &selection.name).await?))
            }
            Plan { source: Source::Index(range), exact: true } => {
                let limit = self.limits.candidates.saturating_mul(COUNT_FACTOR);
                let count = self.store.index_count(range, limit).await?;
                if count >= limit { Err(too_many(limit)) } else { Ok(Some(count)) }
            }
            _ => Ok(None),
        }
    }

    async fn cursor_page(
        &self,
        context: &Context,
        selections: &[Selection],
        count: usize,
        cursor: Option<Cursor>,
    ) -> Result<Found, Error> {
        if let Some(cursor) = &cursor
            && cursor.backward
        {
            return self.page_before(context, selections, count, cursor).await;
        }
        if count == 0 {
            // Only the total is asked for (RFC 9865 §2).
            let counted = self.index_page(context, selections, 1, 0).await?;
            return Ok(Found { total: counted.total, ..Found::default() });
        }
        let first = cursor.is_none();
        let mut found = Found::default();
        let mut ordinal = cursor.as_ref().map_or(0, |cursor| usize::from(cursor.type_ordinal));
        let mut after = cursor.map(|cursor| cursor.position);
        let mut examined = 0;
        let mut room = self.room(context, count);
        'types: while let Some(selection) = selections.get(ordinal) {
            let mut scan =
                Scan::new(self, context, selection, after.take(), examined).wanting(room.count().saturating_add(1));
            while let Some(batch) = scan.next().await? {
                for one in batch {
                    if room.is_full() {
                        found.next = found.matches.last().map(|(ordinal, last)| forward(*ordinal, &last.position));
                        break 'types;
                    }
                    room.take(&one.record)?;
                    found.matches.push((ordinal, one));
                }
                if scan.spent() {
                    found.next = scan.position().map(|position| forward(ordinal, position));
                    break 'types;
                }
            }
            examined = scan.examined;
            ordinal += 1;
        }
        found.share = Some(room.into_share());
        found.total = self.cursor_total(context, selections, &found, first).await?;
        if let ([selection], Some((_, item)), false) = (selections, found.matches.first(), first)
            && natural(selection)
        {
            found.previous = Some(Cursor { backward: true, ..forward(0, &item.position) });
        }
        Ok(found)
    }

    /// The page that ends before a position, in the order of ids.
    async fn page_before(
        &self,
        context: &Context,
        selections: &[Selection],
        count: usize,
        cursor: &Cursor,
    ) -> Result<Found, Error> {
        let ([selection], tenant) = (selections, context.caller.tenant().home) else { return Ok(Found::default()) };
        let mut found = Found { total: Some(self.store.count(tenant, &selection.name).await?), ..Found::default() };
        // From the last on, as each batch is nearer to the beginning than the one before.
        let (mut backward, mut room, mut before) = (Vec::new(), self.room(context, count), cursor.position.id);
        while !room.is_full() {
            let page = self.store.resources(tenant, &selection.name, Start::Before(before), room.batch()).await?;
            let Some((first, _)) = page.first() else { break };
            let done = page.done;
            before = *first;
            for (id, record) in page.into_iter().rev() {
                if room.is_full() {
                    break;
                }
                room.take(&record)?;
                backward.push(Match { position: by_id(id), record, groups: None });
            }
            if done {
                break;
            }
        }
        if let (Some(last), Some(first)) = (backward.first(), backward.last()) {
            found.next = Some(forward(0, &last.position));
            if !self.store.resources(tenant, &selection.name, Start::Before(first.position.id), 1).await?.is_empty() {
                found.previous = Some(Cursor { backward: true, ..forward(0, &first.position) });
            }
        }
        found.matches = backward.into_iter().rev().map(|one| (0, one)).collect();
        found.share = Some(room.into_share());
        Ok(found)
    }

    /// The total of a cursor walk, where it is known without a scan (RFC 9865 §2 lets it be left out).
    async fn cursor_total(
        &self,
        context: &Context,
        selections: &[Selection],
        found: &Found,
        first: bool,
    ) -> Result<Option<u64>, Error> {
        if first && found.next.is_none() {
            return Ok(Some(found.matches.len() as u64));
        }
        if selections.iter().any(|selection| selection.filter.is_some()) {
            return Ok(None);
        }
        let mut total = 0;
        for selection in selections {
            total += self.store.count(context.caller.tenant().home, &selection.name).await?;
        }
        Ok(Some(total))
    }
}

/// The query for each of the types.
fn selections(context: &Context, types: &[Arc<ResourceType>], query: &Query) -> Result<Vec<Selection>, Error> {
    let tenant = context.caller.tenant();
    let mut selections = Vec::with_capacity(types.len());
    for rt in types {
        let filter = match (&query.filter, types.len()) {
            (None, _) => None,
            (Some(filter), 1) => Some(filter.bind(rt)?),
            (Some(filter), _) => Some(filter.bind_lenient(rt)?),
        };
        let name = rt.name.as_str().into();
        let scope = Scope { tenant: tenant.home, resource_type: &name, specs: tenant.index_specs(&rt.name) };
        let mut plan = plan(filter.as_ref(), scope);
        if filter.is_none()
            && types.len() == 1
            && let Some(source) = super::sort::source(query, rt, scope)?
        {
            plan = Plan { source, exact: true };
        }
        selections.push(Selection { view: view(context, rt, query)?, rt: rt.clone(), name, filter, plan });
    }
    Ok(selections)
}

/// The type whose resources are all listed in the order of their ids.
fn listed<'s>(selections: &'s [Selection], query: &Query) -> Option<&'s Arc<ResourceType>> {
    match selections {
        [selection] if natural(selection) && query.sort_by.is_none() => Some(&selection.rt),
        _ => None,
    }
}

/// Where a page is: by a cursor, or by `startIndex`.
fn place(cursor: Option<&Cursor>, start: Option<u64>) -> Place {
    match (cursor, start) {
        (_, Some(start)) => Place::Index(start),
        (None, None) => Place::First,
        (Some(Cursor { backward: true, position, .. }), None) => Place::Before(position.clone()),
        (Some(Cursor { position, .. }), None) => Place::After(position.clone()),
    }
}

/// Whether the plan itself yields the requested order.
fn walks_sorted(selections: &[Selection]) -> bool {
    matches!(selections, [selection] if selection.filter.is_none() && selection.plan.exact && selection.plan.source != Source::All)
}

/// Whether the walk is over everything in the order of ids.
fn natural(selection: &Selection) -> bool {
    selection.filter.is_none() && selection.plan.source == Source::All
}

fn fingerprint(tenant: &str, endpoint: &str, query: &Query) -> Fingerprint {
    let sort = query.sort_by.as_ref().map_or("", |path| path.as_str());
    let order = if query.descending { "descending" } else { "ascending" };
    let filter = query.filter_text.as_deref().unwrap_or_default();
    let attributes = query.attributes.join(",");
    let excluded = query.excluded_attributes.join(",");
    Fingerprint::of([tenant, endpoint, filter, sort, order, attributes.as_str(), excluded.as_str()])
}
