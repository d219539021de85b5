//! Who waits for a name of whom. They are tried again in that order, so that each finds the name free; and where names
//! were exchanged in a ring, one steps aside to a name of its own, and the others go back one after the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::future::join_all;
use scim_protocol::{Error, Resource, schema::ResourceType};
use serde_json::Value;

use super::{
    History, Outcome, Phase, Subject, TOGETHER, Todo, Undo,
    values::{PutBack, set_aside},
};
use crate::{
    index,
    operation::{disable::Switch, modify::stored_resource},
    store::{IndexEntry, ResourceId},
};

/// Who waits for a name of somebody else.
pub(super) type Waiting = BTreeMap<ResourceId, Wait>;

/// What a resource waits for.
pub(super) struct Wait {
    pub subject: Subject,
    /// The name that another has.
    pub entry: IndexEntry,
}

/// Those who wait, in order.
pub(super) struct Row {
    /// How many stand before each.
    pub places: BTreeMap<ResourceId, usize>,
    /// Whether rings were broken.
    pub is_broken: bool,
    /// Those who wait for a name of somebody who keeps it.
    pub in_vain: BTreeSet<ResourceId>,
}

/// For each of those who wait, who has its name, if that one waits as well.
type Owners = BTreeMap<ResourceId, ResourceId>;

impl Undo<'_> {
    /// In what order those who wait can have their names. Breaks rings: one of each has a name of its own then. `left` are
    /// all that wait, also for something else.
    pub(super) async fn row(&self, left: &[Todo<'_>], waiting: &Waiting) -> Result<Row, Error> {
        let left: BTreeSet<_> = left.iter().map(|(.., ((_, id), _))| *id).collect();
        let (mut owners, mut in_vain) = (Owners::new(), BTreeSet::new());
        for (id, wait) in waiting {
            let owner = self.rehearsal.owner(&*self.operations.store, &wait.entry.key).await?;
            if !owner.is_some_and(|owner| left.contains(&owner)) {
                in_vain.insert(*id);
            }
            owners.extend(owner.filter(|owner| waiting.contains_key(owner)).map(|owner| (*id, owner)));
        }
        let mut is_broken = false;
        for some in rings(&owners).chunks(TOGETHER) {
            let aside = some.iter().filter_map(|(waits, owner)| {
                let (Wait { subject: (rt, id), .. }, Wait { entry, .. }) = (waiting.get(owner)?, waiting.get(waits)?);
                Some(self.step_aside(rt, *id, entry))
            });
            for broken in join_all(aside).await {
                is_broken |= broken?;
            }
            for (waits, _) in some {
                owners.remove(waits);
            }
        }
        Ok(Row { places: places(&owners), is_broken, in_vain })
    }

    /// Has those step aside who will give a name up for which another waits, and cannot yet because they wait for a member:
    /// it may be that other one, which is to return. Whether anybody did.
    pub(super) async fn make_room(&self, left: &[Todo<'_>], waiting: &Waiting) -> Result<bool, Error> {
        let store = &*self.operations.store;
        let mut has_made = false;
        for Wait { entry, .. } in waiting.values() {
            let Some(owner) = self.rehearsal.owner(store, &entry.key).await? else { continue };
            let is_owner = |(phase, _, ((_, id), _)): &&Todo<'_>| *phase == Phase::PutBack && *id == owner;
            let Some((.., ((rt, id), history))) = left.iter().find(is_owner) else { continue };
            if !waiting.contains_key(id) && self.gives_away(rt, *id, history, entry).await? {
                has_made |= self.step_aside(rt, *id, entry).await?;
            }
        }
        Ok(has_made)
    }

    /// Whether somebody has another name afterwards, which nobody has now.
    async fn gives_away(
        &self,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        history: &History,
        entry: &IndexEntry,
    ) -> Result<bool, Error> {
        let context = self.fresh_context();
        let Some((key, record)) = self.find(&context, rt, id, history).await? else { return Ok(false) };
        let steps = self.steps(id, history, &mut Outcome::default());
        let now = stored_resource(&record)?;
        let then = PutBack::new(now.document(), &steps, rt, id).document;
        let specs = context.caller.tenant().index_specs(&rt.name);
        let [now, then] = [now.document(), &then].map(|document| index::entries(&key, document, specs));
        for comes in then.difference(&now).filter(|entry| entry.unique) {
            if self.rehearsal.owner(&*self.operations.store, &comes.key).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(then.iter().all(|kept| kept.key != entry.key))
    }

    /// Gives up the name that another has and keeps, so that the rest can be put back. False if that is not in the way.
    pub(super) async fn gives_up_name(
        &mut self,
        id: ResourceId,
        history: &History,
        result: &Outcome,
    ) -> Result<bool, Error> {
        let Some(entry) = &result.taken else { return Ok(false) };
        let attribute = entry.key.attribute.as_ref();
        let is_it = |path: &&String| {
            attribute.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let Some(path) = history.values.keys().find(is_it) else { return Ok(false) };
        let kind = entry.key.resource_type.as_str();
        let other = match self.rehearsal.owner(&*self.operations.store, &entry.key).await? {
            Some(owner) => format!("the {kind} {owner}"),
            None => format!("another {kind}"),
        };
        let reason = format!(
            "its {attribute} is now that of {other}: give that one another, or delete it, and run the same command again"
        );
        Ok(self.given_up.entry(id).or_default().insert(path.clone(), reason).is_none())
    }

    /// Gives a resource a value of its own instead of that one. False if it does not have it.
    async fn step_aside(&self, rt: &Arc<ResourceType>, id: ResourceId, entry: &IndexEntry) -> Result<bool, Error> {
        let context = self.fresh_context();
        let (key, record) = self.operations.find(&context, rt, &id.to_string()).await?;
        let now = stored_resource(&record)?;
        let attribute = &entry.key.attribute;
        let specs = context.caller.tenant().index_specs(&rt.name);
        let case_exact = specs.iter().any(|spec| spec.path == *attribute && spec.case_exact);
        let is_it = |value: &Value| index::held(value, case_exact).as_ref() == Some(&entry.key.value);
        let aside = |now: &Resource| {
            let mut document = now.document().clone();
            set_aside(&mut document, (rt, id), attribute, &is_it).then(|| Resource::from_stored(document))
        };
        let Some(then) = aside(&now) else { return Ok(false) };
        if self.dry_run {
            let [before, after] = [&now, &then].map(|one| index::entries(&key, one.document(), specs));
            self.rehearsal.change(&*self.operations.store, id, &before, &after).await?;
        } else {
            let decide = |now: &Resource| Ok(aside(now).unwrap_or_else(|| now.clone()));
            self.commit(&context, rt, id, Switch::Stay, &decide, &[]).await?;
        }
        Ok(true)
    }
}

/// Of each ring one who waits, and who has its name.
fn rings(owners: &Owners) -> Vec<(ResourceId, ResourceId)> {
    let (mut seen, mut rings) = (BTreeSet::new(), Vec::new());
    for start in owners.keys() {
        let (mut at, mut way) = (*start, BTreeSet::new());
        while seen.insert(at) {
            way.insert(at);
            match owners.get(&at) {
                Some(owner) if way.contains(owner) => rings.push((at, *owner)),
                Some(owner) => at = *owner,
                None => {}
            }
        }
    }
    rings
}

/// How many stand before each, where there are no rings.
fn places(owners: &Owners) -> BTreeMap<ResourceId, usize> {
    let mut places = BTreeMap::new();
    for start in owners.keys() {
        let (mut at, mut way) = (*start, Vec::new());
        while !places.contains_key(&at) {
            way.push(at);
            match owners.get(&at) {
                Some(owner) => at = *owner,
                None => break,
            }
        }
        let first = places.get(&at).map_or(0, |place| place + 1);
        places.extend(way.into_iter().rev().zip(first..));
    }
    places
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn owners(pairs: &[(u128, u128)]) -> Owners {
        let id = |number| ResourceId(Uuid::from_u128(number));
        pairs.iter().map(|(waits, owner)| (id(*waits), id(*owner))).collect()
    }

    /// Who waits at which place, once the rings are broken.
    #[track_caller]
    fn check(pairs: &[(u128, u128)], rings_expected: usize, expect: &[(u128, usize)]) {
        let mut owners = owners(pairs);
        let rings = rings(&owners);
        assert_eq!(rings.len(), rings_expected, "{rings:?}");
        for (waits, owner) in rings {
            assert_eq!(owners.remove(&waits), Some(owner));
        }
        let places = places(&owners);
        let places: Vec<_> = places.iter().map(|(id, place)| (id.0.as_u128(), *place)).collect();
        assert_eq!(places, expect);
    }

    #[test]
    fn each_ring_is_found_once_and_rows_are_counted() {
        check(&[], 0, &[]);
        check(&[(1, 2), (2, 3)], 0, &[(1, 2), (2, 1), (3, 0)]);
        check(&[(1, 2), (2, 1), (3, 4), (4, 3)], 2, &[(1, 1), (2, 0), (3, 1), (4, 0)]);
        // Two wait at a ring of three.
        check(&[(1, 3), (2, 3), (3, 4), (4, 5), (5, 3)], 1, &[(1, 3), (2, 3), (3, 2), (4, 1), (5, 0)]);
    }
}
