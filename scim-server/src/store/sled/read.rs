//! Reading: each function is one method of the store, without the waiting.

use std::collections::HashMap;

use super::{
    key::{self, Range},
    rank, record,
    tree::Tree,
    value::{number, read_last_event, read_membership, type_name},
};
use crate::{
    event::Event,
    store::{
        EventsAbout, IndexKey, IndexRange, Log, Memberships, Page, Position, Record, Reference, ResourceId,
        ResourceKey, Start, StoreError, TenantId, TypeName,
    },
};

/// How many memberships of resources that were not asked for are stepped over before it is cheaper
/// to look for the next one that was.
const STRIDE: usize = 16;

/// So many entries are counted one by one before the counts of their index are asked.
const FEW: u64 = if cfg!(test) { 4 } else { 1024 };

pub(super) fn get(tree: &Tree, key: &ResourceKey) -> Result<Option<Record>, StoreError> {
    tree.get(&key::resource(key))?.map(|bytes| record::decode(&bytes)).transpose()
}

pub(super) fn lookup(tree: &Tree, key: &IndexKey) -> Result<Option<ResourceId>, StoreError> {
    for item in tree.scan(key::index_equal(key)) {
        let (entry, mark) = item?;
        if key::is_unique(&mark) {
            return key::last_id(&entry).map(Some).ok_or_else(|| damaged("an index entry"));
        }
    }
    Ok(None)
}

pub(super) fn resources(
    tree: &Tree,
    tenant: TenantId,
    resource_type: &TypeName,
    from: Start,
    limit: usize,
) -> Result<Page<(ResourceId, Record)>, StoreError> {
    let all = key::resources(tenant, resource_type);
    let at = |id| key::resource(&ResourceKey { tenant, resource_type: resource_type.clone(), id });
    let read = |item: Result<(sled::IVec, sled::IVec), StoreError>| {
        let (key, bytes) = item?;
        let id = key::last_id(&key).ok_or_else(|| damaged("a resource's key"))?;
        Ok((id, record::decode(&bytes)?))
    };
    let bytes = |(_, record): &(ResourceId, Record)| record.bytes();
    match from {
        Start::After(id) => Page::take(tree.scan(all.after(at(id))).map(read), limit, bytes),
        Start::Before(id) => {
            let mut page = Page::take(tree.scan(all.before(at(id))).rev().map(read), limit, bytes)?;
            page.items.reverse();
            Ok(page)
        }
        Start::Offset(0) => Page::take(tree.scan(all).map(read), limit, bytes),
        Start::Offset(offset) => {
            // An empty run where there are not so many.
            let start = tree.ranks.select(tree, &all, offset)?.unwrap_or_else(|| all.end.clone());
            Page::take(tree.scan(Range { start, ..all }).map(read), limit, bytes)
        }
    }
}

pub(super) fn count(tree: &Tree, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError> {
    tree.get(&key::count(tenant, resource_type))?.map_or(Ok(0), |bytes| number(&bytes))
}

pub(super) fn index(
    tree: &Tree,
    range: &IndexRange,
    after: Option<&Position>,
    limit: usize,
) -> Result<Vec<Position>, StoreError> {
    positions(tree, range, after).take(limit).collect()
}

fn positions(
    tree: &Tree,
    range: &IndexRange,
    after: Option<&Position>,
) -> impl Iterator<Item = Result<Position, StoreError>> + use<> {
    let (keys, prefix) = key::index_range(range, after);
    let descending = range.descending;
    let mut entries = tree.scan(keys);
    let next = move || if descending { entries.next_back() } else { entries.next() };
    std::iter::from_fn(next).map(move |entry| key::position(&entry?.0, prefix).ok_or_else(|| damaged("an index entry")))
}

pub(super) fn indexed(
    tree: &Tree,
    range: &IndexRange,
    after: Option<&Position>,
    limit: usize,
) -> Result<Page<(Position, Option<Record>)>, StoreError> {
    let mut key = ResourceKey {
        tenant: range.tenant,
        resource_type: range.resource_type.clone(),
        id: ResourceId(uuid::Uuid::nil()),
    };
    let mut with_record = |position: Position| {
        key.id = position.id;
        let bytes = tree.get(&key::resource(&key))?;
        let record = match &bytes {
            Some(bytes) if record::holds(bytes, &range.attribute, &position.value)? => Some(record::decode(bytes)?),
            _ => None,
        };
        Ok((position, record))
    };
    let found = positions(tree, range, after).map(|position| position.and_then(&mut with_record));
    Page::take(found, limit, |(_, record)| record.as_ref().map_or(0, Record::bytes))
}

pub(super) fn index_count(tree: &Tree, range: &IndexRange, limit: u64) -> Result<u64, StoreError> {
    let keys = key::index_range(range, None).0;
    let mut count = 0;
    for item in tree.scan(keys.clone()) {
        if count >= limit {
            return Ok(count);
        }
        if count >= FEW {
            let whole = key::whole_index(range);
            let before = |key: &[u8]| tree.ranks.rank(tree, &whole, key);
            return Ok(before(&keys.end)?.saturating_sub(before(&keys.start)?).min(limit));
        }
        item?;
        count += 1;
    }
    Ok(count)
}

pub(super) fn index_at(tree: &Tree, range: &IndexRange, offset: u64) -> Result<Option<Position>, StoreError> {
    let (keys, prefix) = key::index_range(range, None);
    let key = rank::nth(&tree.ranks, tree, (&key::whole_index(range), &keys), range.descending, offset)?;
    key.map(|key| key::position(&key, prefix).ok_or_else(|| damaged("an index entry"))).transpose()
}

pub(super) fn members(
    tree: &Tree,
    group: &ResourceKey,
    after: Option<ResourceId>,
    limit: usize,
    names: bool,
) -> Result<Page<Reference>, StoreError> {
    // The edges of a deleted group outlive it for a while.
    if !tree.contains(&key::resource(group))? {
        return Ok(Page { items: Vec::new(), done: true });
    }
    let all = key::members(group.tenant, group.id);
    let edges = match after {
        Some(id) => all.after(key::member(group.tenant, group.id, id)),
        None => all,
    };
    let member = |item: Result<(sled::IVec, sled::IVec), StoreError>| {
        let (key, name) = item?;
        let id = key::last_id(&key).ok_or_else(|| damaged("an edge's key"))?;
        let member = ResourceKey { tenant: group.tenant, resource_type: type_name(&name)?, id };
        if !names {
            return Ok(Some(reference(member, bytes::Bytes::new())));
        }
        let record = tree.get(&key::resource(&member))?;
        record.map(|bytes| Ok(reference(member, record::display(&bytes)?))).transpose()
    };
    let members = tree.scan(edges).map(member).filter_map(Result::transpose);
    Page::take(members, limit, |member| member.display.len())
}

pub(super) fn is_member(tree: &Tree, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError> {
    Ok(tree.contains(&key::member(group.tenant, group.id, member))? && tree.contains(&key::resource(group))?)
}

fn reference(key: ResourceKey, display: bytes::Bytes) -> Reference {
    Reference { resource_type: key.resource_type, id: key.id, display }
}

/// See [`crate::store::Store::groups_of`]. `None` when that takes more than `budget` steps.
///
/// One pass over the memberships from the first resource to the last. Those of resources between
/// them that were not asked for are stepped over, and after a few of them leapt over: however sparse
/// the ids are, there are never more probes than ids.
pub(super) fn groups_of(
    tree: &Tree,
    tenant: TenantId,
    members: &[ResourceId],
    budget: usize,
) -> Result<Option<Vec<Vec<Reference>>>, StoreError> {
    if let [member] = members {
        return groups_of_one(tree, tenant, *member, budget).map(|groups| groups.map(|groups| vec![groups]));
    }
    let mut found = vec![Vec::new(); members.len()];
    let mut names = Names { tree, tenant, known: HashMap::new() };
    let mut steps = 0;
    let mut offset = 0;
    for ascending in members.chunk_by(|a, b| a < b) {
        let mut at = 0;
        'probe: while let (Some(&first), Some(&last)) = (ascending.get(at), ascending.last()) {
            let mut idle = 0;
            for item in tree.scan(key::groups_between(tenant, first, last)) {
                steps += 1;
                if steps > budget {
                    return Ok(None);
                }
                let (key, name) = item?;
                let (member, group) = key::parse_edge(&key).ok_or_else(|| damaged("an edge's key"))?;
                while ascending.get(at).is_some_and(|wanted| *wanted < member) {
                    at += 1;
                }
                if ascending.get(at) == Some(&member) {
                    idle = 0;
                    let reference = names.reference(group, &name)?;
                    if let Some(groups) = found.get_mut(offset + at) {
                        groups.extend(reference);
                    }
                } else {
                    idle += 1;
                    if idle > STRIDE {
                        continue 'probe;
                    }
                }
            }
            break;
        }
        offset += ascending.len();
    }
    Ok(Some(found))
}

fn groups_of_one(
    tree: &Tree,
    tenant: TenantId,
    member: ResourceId,
    budget: usize,
) -> Result<Option<Vec<Reference>>, StoreError> {
    let mut groups = Vec::new();
    for (steps, item) in tree.scan(key::groups(tenant, member)).enumerate() {
        if steps == budget {
            return Ok(None);
        }
        let (key, name) = item?;
        let (_, group) = key::parse_edge(&key).ok_or_else(|| damaged("an edge's key"))?;
        groups.extend(group_named(tree, tenant, group, &name)?);
    }
    Ok(Some(groups))
}

/// See [`crate::store::Store::memberships`].
pub(super) fn memberships(
    tree: &Tree,
    tenant: TenantId,
    members: &[ResourceId],
) -> Result<Vec<Memberships>, StoreError> {
    let of_one = |member: &ResourceId| {
        let mut groups = Memberships::new();
        for item in tree.scan(key::groups(tenant, *member)) {
            let (key, membership) = item?;
            let (_, id) = key::parse_edge(&key).ok_or_else(|| damaged("an edge's key"))?;
            let (resource_type, joined) = read_membership(&membership)?;
            // The edges of a deleted group outlive it for a while.
            if tree.contains(&key::resource(&ResourceKey { tenant, resource_type, id }))? {
                groups.push((id, joined));
            }
        }
        Ok(groups)
    };
    members.iter().map(of_one).collect()
}

/// The group with its display name, unless it is gone.
fn group_named(
    tree: &Tree,
    tenant: TenantId,
    group: ResourceId,
    membership: &[u8],
) -> Result<Option<Reference>, StoreError> {
    let (resource_type, _) = read_membership(membership)?;
    let key = ResourceKey { tenant, resource_type, id: group };
    match tree.get(&key::resource(&key))? {
        Some(bytes) => Ok(Some(reference(key, record::display(&bytes)?))),
        None => Ok(None),
    }
}

/// The display names of groups, each read once.
struct Names<'a> {
    tree: &'a Tree,
    tenant: TenantId,
    known: HashMap<ResourceId, Option<Reference>>,
}

impl Names<'_> {
    /// The group, unless it is gone.
    fn reference(&mut self, group: ResourceId, name: &[u8]) -> Result<Option<Reference>, StoreError> {
        if let Some(known) = self.known.get(&group) {
            return Ok(known.clone());
        }
        let found = group_named(self.tree, self.tenant, group, name)?;
        self.known.insert(group, found.clone());
        Ok(found)
    }
}

/// Every tenant that has anything, in order, with one probe each.
pub(super) fn tenants(tree: &Tree) -> Result<Vec<TenantId>, StoreError> {
    let mut tenants = Vec::new();
    while let Some(item) = tree.scan(key::tenants_after(tenants.last().copied())).next() {
        tenants.extend(key::tenant_of(&item?.0));
    }
    Ok(tenants)
}

/// The types of which a tenant has, or had, resources.
pub(super) fn types(tree: &Tree, tenant: TenantId) -> Result<Vec<TypeName>, StoreError> {
    tree.scan(key::counts(tenant)).map(|item| key::parse_count(&item?.0).ok_or_else(|| damaged("a count"))).collect()
}

/// The resource with that id, of whichever type. What is kept beside resources under their ids is none.
pub(super) fn find(
    tree: &Tree,
    tenant: TenantId,
    types: &[TypeName],
    id: ResourceId,
) -> Result<Option<ResourceKey>, StoreError> {
    for resource_type in types.iter().filter(|name| !name.is_aside()) {
        let key = ResourceKey { tenant, resource_type: resource_type.clone(), id };
        if tree.contains(&key::resource(&key))? {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

pub(super) fn events(tree: &Tree, tenant: TenantId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
    let items = tree.scan(key::events(tenant).after(key::event(tenant, after)));
    let found = Page::take(items, limit, |(_, bytes)| bytes.len())?;
    found.into_iter().map(|(_, bytes)| event(&bytes)).collect()
}

pub(super) fn events_about(
    tree: &Tree,
    tenant: TenantId,
    resource: ResourceId,
    after: u64,
    until: u64,
) -> Result<EventsAbout, StoreError> {
    let limit = usize::try_from(until.saturating_sub(after)).unwrap_or(usize::MAX);
    let items = tree.scan(key::events(tenant).after(key::event(tenant, after)));
    let is_within = |key: &[u8]| key::parse_event(key).is_some_and(|sequence| sequence <= until);
    let items = items.take_while(|item| item.as_ref().map_or(true, |(key, _)| is_within(key)));
    let looked = Page::take(items, limit, |(_, bytes)| bytes.len())?;
    let last = looked.last().and_then(|(key, _)| key::parse_event(key));
    let id = resource.to_string();
    let names = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| text.contains(&id));
    let events = looked.iter().filter(|(_, bytes)| names(bytes)).map(|(_, bytes)| event(bytes));
    Ok(EventsAbout { events: events.collect::<Result<_, _>>()?, until: last.filter(|_| !looked.done).unwrap_or(until) })
}

pub(super) fn log(tree: &Tree, tenant: TenantId) -> Result<Log, StoreError> {
    let newest = match tree.get(&key::sequence(tenant))? {
        Some(bytes) => read_last_event(&bytes)?.0,
        None => 0,
    };
    let oldest = match tree.scan(key::events(tenant)).next() {
        Some(item) => key::parse_event(&item?.0).ok_or_else(|| damaged("an event's key"))?,
        None => newest + 1,
    };
    Ok(Log { oldest, newest })
}

pub(super) fn event(bytes: &[u8]) -> Result<Event, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| damaged("an event"))
}

pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} cannot be decoded"))
}
