//! Who gets which name, that is, which value of a unique attribute: of those who are to have one and the same, and of those
//! who took one in a burst from who was lost.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::{Map, Value};

use super::{
    Phase, Subject, Todo, Undo,
    history::{ACTIVE, Histories, History, Turn},
    values::{Place, value},
};
use crate::{
    event::Json,
    index,
    operation::disable::Switch,
    store::{IndexKey, ResourceKey, TypeName},
    tenant::Tenant,
};

/// Unique values that somebody has.
type Names = BTreeSet<IndexKey>;

/// A history, by its place, and the path of what was changed in it.
type Rename = (usize, String);

/// Who has which names.
#[derive(Default)]
struct Holders {
    /// Who has taken a name within the burst.
    by_name: BTreeMap<IndexKey, Vec<Rename>>,
    /// What each was called before.
    before: BTreeMap<Rename, Names>,
    /// Who gives the name back.
    back: BTreeSet<Rename>,
    /// Names that somebody is to have again.
    claimed: Names,
}

impl Holders {
    /// Somebody is to have these names: whoever has taken one of them within the burst is called as before. Who came with
    /// it (`is_new`) keeps the name if the one that it came with is another's.
    fn claim(&mut self, mut wanted: Vec<IndexKey>, is_new: impl Fn(usize) -> bool) {
        self.claimed.extend(wanted.iter().cloned());
        while let Some(name) = wanted.pop() {
            for rename in self.by_name.remove(&name).unwrap_or_default() {
                let before = self.before.get(&rename).cloned().unwrap_or_default();
                if is_new(rename.0) && !before.is_disjoint(&self.claimed) {
                    continue;
                }
                self.claimed.extend(before.iter().cloned());
                wanted.extend(before);
                self.back.insert(rename);
            }
        }
    }
}

impl Histories {
    /// Of losses only `active` and members are put back; and names that were taken within the burst from who is to return:
    /// who had a name before has it again, and whoever has taken it is called as before. Other renames stay.
    pub fn keep_values(&mut self, tenant: &Tenant) {
        let (mut holders, mut wanted, mut renames) = (Holders::default(), Vec::new(), Vec::new());
        for (place, (subject, history)) in self.all.iter().enumerate().filter(|(_, (_, history))| history.was_there()) {
            let mut kept = history.last_names(tenant, subject);
            for (path, [before, after]) in history.names(tenant, subject) {
                let rename = (place, path.to_owned());
                for name in after.difference(&before) {
                    kept.remove(name);
                    holders.by_name.entry(name.clone()).or_default().push(rename.clone());
                    renames.push((name.clone(), rename.clone()));
                }
                holders.before.insert(rename, before.difference(&after).cloned().collect());
            }
            wanted.extend(kept);
        }
        let is_new = |place: usize| self.all.get(place).is_some_and(|(_, history)| history.turn == Turn::Came);
        holders.claim(wanted, is_new);
        // Of several who have taken the same one the first keeps it.
        for (name, rename) in renames {
            if !holders.back.contains(&rename) {
                if let Some(all) = holders.by_name.get_mut(&name) {
                    all.retain(|other| *other != rename);
                }
                holders.claim(vec![name.clone()], is_new);
                holders.by_name.insert(name, vec![rename]);
            }
        }
        for (place, (_, history)) in self.all.iter_mut().enumerate() {
            let is_back = |path: &String| holders.back.contains(&(place, path.clone()));
            let of_it = (place, String::new())..(place + 1, String::new());
            if holders.before.range(of_it).any(|(rename, _)| !holders.back.contains(rename)) {
                history.turn = history.turn.max(Turn::Renamed);
            }
            history.values.retain(|path, _| path == ACTIVE || is_back(path));
        }
    }
}

impl Undo<'_> {
    /// In parts, of which one begins when that before it has ended: two who are to have the same name are not in one, and
    /// who comes first gets it, whatever runs at the same time.
    pub(super) async fn apart<'h>(&self, some: &[Todo<'h>]) -> Vec<Vec<Todo<'h>>> {
        if some.len() < 2 {
            return vec![some.to_vec()];
        }
        let (mut parts, mut taken) = (Vec::<Vec<Todo<'h>>>::new(), BTreeMap::<IndexKey, usize>::new());
        for (todo, names) in some.iter().zip(join_all(some.iter().map(|todo| self.names_of(todo))).await) {
            let part = names.iter().filter_map(|name| taken.get(name)).copied().max().unwrap_or_default();
            taken.extend(names.into_iter().map(|name| (name, part + 1)));
            if parts.len() <= part {
                parts.resize(part + 1, Vec::new());
            }
            parts.get_mut(part).into_iter().for_each(|all| all.push(*todo));
        }
        parts
    }

    /// The unique values that a resource is to have, and does not have now.
    async fn names_of(&self, (phase, _, (subject, history)): &Todo<'_>) -> Vec<IndexKey> {
        let (rt, id) = subject;
        let context = self.fresh_context();
        let tenant = context.caller.tenant();
        if phase.restores() {
            // Whether it can return is seen when it is to.
            let Ok(kept) = self.operations.kept(&context, rt, &id.to_string()).await else { return Vec::new() };
            let decide = |was: &_| self.as_before(&context, (rt, *id), history, was).0;
            let Ok((returning, _)) = self.operations.returning(&context, rt, &kept, Switch::Stay, &decide).await else {
                return Vec::new();
            };
            return returning.entries.into_iter().filter(|entry| entry.unique).map(|entry| entry.key).collect();
        }
        if *phase != Phase::PutBack {
            return Vec::new();
        }
        let all = history.names(tenant, subject);
        all.into_iter()
            .flat_map(|(_, [before, after])| before.difference(&after).cloned().collect::<Vec<_>>())
            .collect()
    }
}

impl History {
    /// The paths of what was changed of names, with the names before and after.
    fn names(&self, tenant: &Tenant, subject: &Subject) -> Vec<(&str, [Names; 2])> {
        let steps = self.values.iter().filter_map(|(path, step)| Some((path, step.as_ref()?)));
        let names = steps.map(|(path, step)| {
            let names = [&step.before, &step.after].map(|json| of_value(tenant, subject, path, json.as_ref()));
            (path.as_str(), names)
        });
        names.filter(|(_, [before, after])| before != after).collect()
    }

    /// The names in the document after the last chosen event.
    fn last_names(&self, tenant: &Tenant, subject: &Subject) -> Names {
        let document = self.last_document().and_then(|last| serde_json::from_str(last.text()).ok());
        document.map(|document| of_document(tenant, subject, &document)).unwrap_or_default()
    }
}

/// The names in a value of an attribute.
fn of_value(tenant: &Tenant, subject: &Subject, path: &str, json: Option<&Json>) -> Names {
    let (Some(place), Some(value)) = (Place::of(path, &subject.0), json.and_then(value)) else { return Names::new() };
    let mut document = Map::new();
    place.set(&mut document, Some(value));
    of_document(tenant, subject, &document)
}

fn of_document(tenant: &Tenant, (rt, id): &Subject, document: &Map<String, Value>) -> Names {
    let key = ResourceKey { tenant: tenant.home, resource_type: TypeName::from(rt.name.as_str()), id: *id };
    let entries = index::entries(&key, document, tenant.index_specs(&rt.name));
    entries.into_iter().filter(|entry| entry.unique).map(|entry| entry.key).collect()
}
