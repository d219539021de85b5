//! Candidates, matches and pages: the walk through the resources of a query.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use scim_protocol::{Error, ErrorKind, filter::BoundFilter, projection::Projection, schema::ResourceType};
use serde_json::{Map, Value};

use super::{
    Context, Operations,
    member_filter::{MemberFilter, needs_members},
    pace::Pace,
};
use crate::{
    budget::Share,
    index,
    membership::has_members,
    plan::{Plan, Source},
    render::{META_BYTES, Renderer, View},
    store::{
        IndexRange, IndexValue, Page, Position, Record, Reference, ResourceId, ResourceKey, Start, TenantId, TypeName,
        Values,
    },
    tenant::IndexSpec,
};

/// How many candidates are read from the store at a time, at most; the store bounds their bytes.
const BATCH: usize = 256;
/// How many candidates that need not be tested are one step.
const EXACT_OF_A_STEP: usize = 8;
/// How many tested terms of a filter are as much work as reading the candidate.
const TERMS_OF_A_READING: usize = 64;

/// The room that a page still has: a number of resources and of bytes, but always one resource. The memory of its
/// resources counts in the budget of all requests.
pub(super) struct Room {
    count: usize,
    bytes: usize,
    share: Share,
}

impl Room {
    pub fn new(count: usize, bytes: usize, share: Share) -> Self {
        Self { count, bytes, share }
    }

    /// How many resources it takes at most.
    pub fn count(&self) -> usize {
        if self.bytes == 0 { 0 } else { self.count }
    }

    pub fn is_full(&self) -> bool {
        self.count() == 0
    }

    /// How many of its resources to read at a time.
    pub fn batch(&self) -> usize {
        self.count.clamp(1, BATCH)
    }

    /// Adds one resource; the one that exceeds the bytes is the last. Fails if there is no memory left.
    pub fn take(&mut self, record: &Record) -> Result<(), Error> {
        let size = size(record);
        self.share.grow(size)?;
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size);
        Ok(())
    }

    /// The memory of the resources, counted until it is released.
    pub fn into_share(self) -> Share {
        self.share
    }
}

/// Bytes of a resource.
pub(super) fn size(record: &Record) -> usize {
    record.body.visible.len() + record.body.hidden.len() + META_BYTES
}

/// One resource type of a query, with everything that is known before the store is read.
pub(super) struct Selection {
    pub rt: Arc<ResourceType>,
    pub name: TypeName,
    pub view: View,
    pub filter: Option<BoundFilter>,
    pub plan: Plan,
}

/// A resource that matches, with its position in the walk.
pub(super) struct Match {
    pub position: Position,
    pub record: Record,
    /// Its groups, where they were read with it.
    pub groups: Option<Vec<Reference>>,
}

/// Some candidates in the order of the walk; one without a record was deleted meanwhile. `done` if no candidates
/// follow.
struct Candidates {
    found: Vec<(Position, Option<Record>)>,
    done: bool,
}

/// A walk over the matches of one selection, from a position on. It reads in batches, counts what it has read, and
/// can stop and continue anywhere: its position is its only state.
pub(super) struct Scan<'a> {
    operations: &'a Operations,
    renderer: Renderer<'a>,
    /// Whose memory it takes.
    tenant: TenantId,
    selection: &'a Selection,
    /// What each candidate is held against, and what of it that looks at; nothing where the plan says all
    /// that the filter says: the store has looked whether the record has the value by which it was found.
    filter: Option<(&'a BoundFilter, View)>,
    pace: &'a Pace,
    /// How much work it is to look at a kilobyte of a candidate, in steps.
    cost: usize,
    /// How many candidates are read at a time.
    batch: usize,
    /// The memory of the candidates that were read last.
    read: Option<Share>,
    /// The groups of the candidates that were read last, where they were read with them.
    groups: HashMap<ResourceId, Vec<Reference>>,
    /// The ids that narrow sources have found, once they were asked.
    ids: Option<VecDeque<ResourceId>>,
    /// The resources that a walk over a prefix has met.
    met: HashSet<ResourceId>,
    /// The single members that the filter asks for.
    members: Option<MemberFilter>,
    /// The prefix that is walked over, and the index: one resource may have several such values.
    prefix: Option<(IndexSpec, IndexValue)>,
    after: Option<Position>,
    done: bool,
    /// Documents that this query looked at so far.
    pub examined: u64,
}

impl<'a> Scan<'a> {
    pub fn new(
        operations: &'a Operations,
        context: &'a Context,
        selection: &'a Selection,
        after: Option<Position>,
        examined: u64,
    ) -> Self {
        Self {
            operations,
            renderer: operations.renderer(context),
            tenant: context.caller.tenant().id,
            filter: selection
                .filter
                .as_ref()
                .filter(|_| !selection.plan.exact)
                .map(|filter| (filter, filter_view(selection))),
            members: selection.filter.as_ref().map(MemberFilter::of).filter(|members| !members.is_empty()),
            prefix: prefix(context, selection),
            pace: &context.pace,
            cost: 1 + selection.filter.as_ref().map_or(0, BoundFilter::terms) / TERMS_OF_A_READING,
            selection,
            batch: BATCH,
            read: None,
            groups: HashMap::new(),
            ids: None,
            met: HashSet::new(),
            after,
            done: false,
            examined,
        }
    }

    /// Where every candidate matches, reads no more of them at a time than are wanted.
    pub fn wanting(mut self, matches: usize) -> Self {
        if self.selection.plan.exact {
            self.batch = matches.clamp(1, BATCH);
        }
        self
    }

    /// The next matches; `None` at the end. A batch may be empty while the walk goes on.
    pub async fn next(&mut self) -> Result<Option<Vec<Match>>, Error> {
        if self.done {
            return Ok(None);
        }
        // Where the budget ends within a batch, one more is asked for: whether there is one decides
        // between the end of the walk and the end of the budget.
        let left = self.budget_left();
        let most = if left < self.batch { left + 1 } else { self.batch };
        let Candidates { mut found, done } = self.candidates(most).await?;
        if !done {
            found.truncate(left);
        }
        self.done = done;
        if let Some((last, _)) = found.last() {
            self.after = Some(last.clone());
        }
        let mut matches = Vec::with_capacity(found.len());
        let bytes = found.iter().filter_map(|(_, record)| record.as_ref()).map(size).sum();
        // What was read before is with whoever takes the matches by now.
        self.read = None;
        self.read.insert(self.operations.budget.share(self.tenant)).grow(bytes)?;
        if self.filter.is_none() {
            self.pace.step(found.len().div_ceil(EXACT_OF_A_STEP)).await?;
        }
        for (position, record) in found {
            self.examined += 1;
            let Some(record) = record else { continue };
            if let Some((_, view)) = &self.filter {
                // A filter that must see the members looks at each of them.
                let members = view.members(&record);
                self.examined += members;
                let members = usize::try_from(members).unwrap_or(usize::MAX);
                self.pace.step(self.cost * (1 + size(&record) / 1024 + members)).await?;
            }
            if self.holds(&position, &record).await? {
                let groups = self.groups.remove(&position.id);
                matches.push(Match { position, record, groups });
            }
        }
        Ok(Some(matches))
    }

    /// How many documents may still be looked at: at least one, so that a walk always moves on.
    fn budget_left(&self) -> usize {
        let left = self.operations.limits.candidates.saturating_sub(self.examined).max(1);
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// Refuses to look at more documents than the limit says.
    pub fn require_budget(&self) -> Result<(), Error> {
        if self.spent() { Err(too_many(self.operations.limits.candidates)) } else { Ok(()) }
    }

    /// Whether the query has looked at as many documents as it may.
    pub fn spent(&self) -> bool {
        !self.done && self.examined >= self.operations.limits.candidates
    }

    /// Whether nothing is left behind what was looked at.
    pub fn done(&self) -> bool {
        self.done
    }

    /// The last candidate that was looked at.
    pub fn position(&self) -> Option<&Position> {
        self.after.as_ref()
    }

    /// Whether a candidate matches.
    async fn holds(&mut self, position: &Position, record: &Record) -> Result<bool, Error> {
        // Only where it is met first can it match, so it need not be looked at again.
        if self.prefix.is_some() && !self.met.insert(position.id) {
            return Ok(false);
        }
        let Some((filter, view)) = &self.filter else { return Ok(true) };
        let key = self.key(position.id);
        let groups = self.operations.groups(&key, view).await?;
        self.pace.step(groups.len()).await?;
        let document = self.renderer.document(view, position.id, record, &groups).await?;
        let matches = match &self.members {
            None => filter.matches(&document),
            Some(members) => members.settle(filter, &*self.operations.store, &key).await?.matches(&document),
        };
        Ok(matches && self.is_first(position, &document))
    }

    /// Whether a walk over a prefix meets the resource here for the first time: at the smallest of
    /// its values with that prefix. The walk remembers nothing, so that it can be resumed.
    fn is_first(&self, position: &Position, document: &Map<String, Value>) -> bool {
        let Some((spec, prefix)) = &self.prefix else { return true };
        let mut first: Option<IndexValue> = None;
        index::each_value(document, &spec.path, &mut |value| {
            let value = value.as_str().map(|text| index::text_value(text, spec.case_exact));
            if let Some(value) = value.filter(|value| value.0.starts_with(&prefix.0))
                && first.as_ref().is_none_or(|first| value < *first)
            {
                first = Some(value);
            }
        });
        first.is_none_or(|first| first == position.value)
    }

    /// The next candidates, `most` of them where there are so many.
    async fn candidates(&mut self, most: usize) -> Result<Candidates, Error> {
        let operations = self.operations;
        let (store, selection) = (&operations.store, self.selection);
        let tenant = self.renderer.tenant;
        let after_id = self.after.as_ref().map(|position| position.id);
        match &selection.plan.source {
            Source::Nothing => Ok(Candidates { found: Vec::new(), done: true }),
            Source::All => {
                let start = after_id.map_or(Start::Offset(0), Start::After);
                let page = store.resources(tenant, &selection.name, start, most).await?;
                let done = page.done;
                let found = page.into_iter().map(|(id, record)| (by_id(id), Some(record))).collect();
                Ok(Candidates { found, done })
            }
            Source::Index(range) => {
                let after = self.after.as_ref();
                if !selection.view.groups() {
                    let Page { items, done } = store.indexed(range, after, most).await?;
                    return Ok(Candidates { found: items, done });
                }
                let (Page { items, done }, groups) = store.indexed_in_groups(range, after, most).await?;
                self.groups = items.iter().map(|(position, _)| position.id).zip(groups.into_iter().flatten()).collect();
                Ok(Candidates { found: items, done })
            }
            Source::MembersOf(group) => self.members_of(*group, after_id, most).await,
            source @ (Source::Ids(_) | Source::GroupsOf(_) | Source::Union(_)) => {
                if self.ids.is_none() {
                    let mut ids = self.ids(source).await?;
                    ids.sort_unstable();
                    ids.dedup();
                    ids.retain(|id| after_id.is_none_or(|after| *id > after));
                    self.ids = Some(ids.into());
                }
                let mut ids = self.ids.take().unwrap_or_default();
                let next: Vec<_> = ids.drain(..most.min(ids.len())).collect();
                let done = ids.is_empty();
                self.ids = Some(ids);
                Ok(Candidates { found: self.records(next).await?, done })
            }
        }
    }

    /// The ids that a narrow source finds.
    async fn ids(&self, source: &Source) -> Result<Vec<ResourceId>, Error> {
        let store = &self.operations.store;
        Ok(match source {
            Source::Ids(ids) => ids.clone(),
            Source::GroupsOf(member) => {
                let groups = store.groups_of(self.renderer.tenant, &[*member]).await?.pop().unwrap_or_default();
                groups.into_iter().filter(|g| g.resource_type == self.selection.name).map(|g| g.id).collect()
            }
            Source::Index(range) => self.index_ids(range).await?,
            Source::Union(sources) => {
                let mut all = Vec::new();
                for source in sources {
                    // Sources in a union are narrow ones: they hold no union themselves.
                    all.extend(Box::pin(self.ids(source)).await?);
                    self.pace.step(1 + all.len() / BATCH).await?;
                    if all.len() as u64 > self.operations.limits.candidates {
                        return Err(too_many(self.operations.limits.candidates));
                    }
                }
                all
            }
            Source::Nothing | Source::All | Source::MembersOf(_) => Vec::new(),
        })
    }

    async fn index_ids(&self, range: &IndexRange) -> Result<Vec<ResourceId>, Error> {
        let most = self.operations.limits.candidates;
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        let found = self.operations.store.index(range, None, limit).await?;
        if found.len() == limit { Err(too_many(most)) } else { Ok(found.into_iter().map(|p| p.id).collect()) }
    }

    async fn members_of(&self, group: ResourceId, after: Option<ResourceId>, most: usize) -> Result<Candidates, Error> {
        for (name, _) in self.renderer.endpoints {
            let key = ResourceKey { tenant: self.renderer.tenant, resource_type: name.clone(), id: group };
            let page = self.operations.store.members(&key, after, most, false).await?;
            if page.is_empty() {
                continue;
            }
            let done = page.done;
            // Members of another type take part as positions, so that the walk gets past them.
            let found = self.records(page.into_iter().map(|member| member.id).collect()).await?;
            return Ok(Candidates { found, done });
        }
        Ok(Candidates { found: Vec::new(), done: true })
    }

    async fn records(&self, ids: Vec<ResourceId>) -> Result<Vec<(Position, Option<Record>)>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.push((by_id(id), self.operations.store.get(&self.key(id)).await?));
        }
        Ok(found)
    }

    fn key(&self, id: ResourceId) -> ResourceKey {
        ResourceKey { tenant: self.renderer.tenant, resource_type: self.selection.name.clone(), id }
    }
}

/// The prefix that the selection's plan walks over.
fn prefix(context: &Context, selection: &Selection) -> Option<(IndexSpec, IndexValue)> {
    let Source::Index(IndexRange { attribute, values: Values::Prefix(prefix), .. }) = &selection.plan.source else {
        return None;
    };
    let spec = context.caller.tenant().index_specs(&selection.rt.name).iter().find(|spec| spec.path == *attribute)?;
    Some((spec.clone(), prefix.clone()))
}

/// A view that holds whatever the filter looks at, and no edge that it does not.
fn filter_view(selection: &Selection) -> View {
    let mentions = |name: &str| selection.filter.as_ref().is_some_and(|filter| filter.mentions(name));
    let mut excluded = Vec::new();
    if !mentions("groups") {
        excluded.push("groups");
    }
    if has_members(&selection.rt) && !selection.filter.as_ref().is_some_and(needs_members) {
        excluded.push("members");
    }
    let projection = Projection::new(&[], &excluded, &selection.rt).unwrap_or_default();
    View::new(selection.rt.clone(), projection, false)
}

/// The position of a resource in the order of ids.
pub(super) fn by_id(id: ResourceId) -> Position {
    Position { value: IndexValue(Vec::new()), id }
}

/// 400 `tooMany`, with the two ways out.
pub(super) fn too_many(limit: u64) -> Error {
    Error::new(
        ErrorKind::TooMany,
        format!(
            "The query would have to look at more than {limit} resources. Filter by an indexed attribute \
             (such as userName, externalId or emails.value), or walk with a cursor."
        ),
    )
}
