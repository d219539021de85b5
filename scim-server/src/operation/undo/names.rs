//! Who gets which name: of those who are to have one and the same, and of those who took one in a burst from who was lost.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use scim_protocol::{schema::ResourceType, value::fold};
use serde_json::{Map, Value};

use super::{
    Phase, Todo, Undo,
    history::{ACTIVE, Histories, History, Turn},
    values::value,
};
use crate::{
    event::Json,
    index,
    operation::disable::Switch,
    store::{IndexKey, ResourceKey, TypeName},
    tenant::{IndexSpec, Tenant},
};

/// A unique value: of which type and attribute, and folded as it is compared.
type Name = (String, String, String);

/// A history, by its place, and one of its unique attributes.
type Rename = (usize, String);

/// Who has which names.
#[derive(Default)]
struct Holders {
    /// Who has taken a name within the burst.
    by_name: BTreeMap<Name, Vec<Rename>>,
    /// What each was called before.
    before: BTreeMap<Rename, Name>,
    /// Who gives the name back.
    back: BTreeSet<Rename>,
    /// Names that somebody is to have again.
    claimed: BTreeSet<Name>,
}

impl Holders {
    /// Somebody is to have these names: whoever has taken one of them within the burst is called as before. Who came with
    /// it (`is_new`) keeps the name if the one that it came with is another's.
    fn claim(&mut self, mut wanted: Vec<Name>, is_new: impl Fn(usize) -> bool) {
        self.claimed.extend(wanted.iter().cloned());
        while let Some(name) = wanted.pop() {
            for rename in self.by_name.remove(&name).unwrap_or_default() {
                let before = self.before.get(&rename).cloned();
                if is_new(rename.0) && before.as_ref().is_some_and(|before| self.claimed.contains(before)) {
                    continue;
                }
                self.claimed.extend(before.clone());
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
        for (place, ((rt, _), history)) in self.all.iter().enumerate() {
            for spec in unique(tenant, rt).filter(|_| history.was_there()) {
                let name = |json: Option<&Json>| named(rt, spec, json.and_then(value).as_ref());
                let step = history.values.get(&*spec.path).and_then(Option::as_ref);
                let taken = step.map(|step| (name(step.before.as_ref()), name(step.after.as_ref())));
                match taken {
                    Some((before, Some(after))) if before.as_ref() != Some(&after) => {
                        let rename = (place, spec.path.to_string());
                        holders.by_name.entry(after.clone()).or_default().push(rename.clone());
                        holders.before.extend(before.map(|before| (rename.clone(), before)));
                        renames.push((after, rename));
                    }
                    _ => wanted.extend(history.last_value(&spec.path).and_then(|last| named(rt, spec, Some(&last)))),
                }
            }
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
        for (place, ((rt, _), history)) in self.all.iter_mut().enumerate() {
            let is_back = |path: &String| holders.back.contains(&(place, path.clone()));
            let is_renamed = unique(tenant, rt).any(|spec| {
                let is_changed = history.values.get(&*spec.path).is_some_and(Option::is_some);
                is_changed && !is_back(&spec.path.to_string())
            });
            if is_renamed {
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
    async fn names_of(&self, (phase, _, ((rt, id), history)): &Todo<'_>) -> Vec<IndexKey> {
        let context = self.fresh_context();
        let (key, tenant) = (context.key(rt, *id), context.caller.tenant());
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
        let given = |spec: &IndexSpec| {
            let before = history.values.get(&*spec.path)?.as_ref()?.before.as_ref().and_then(value)?;
            Some(key_of(&key, spec, before.as_str()?))
        };
        unique(tenant, rt).filter_map(given).collect()
    }
}

fn unique<'t>(tenant: &'t Tenant, rt: &ResourceType) -> impl Iterator<Item = &'t IndexSpec> {
    tenant.index_specs(&rt.name).iter().filter(|spec| spec.unique)
}

fn named(rt: &ResourceType, spec: &IndexSpec, value: Option<&Value>) -> Option<Name> {
    let text = value?.as_str().filter(|text| !text.is_empty())?;
    let text = if spec.case_exact { text.to_owned() } else { fold(text) };
    Some((rt.name.clone(), spec.path.to_string(), text))
}

fn key_of(key: &ResourceKey, spec: &IndexSpec, text: &str) -> IndexKey {
    IndexKey {
        tenant: key.tenant,
        resource_type: TypeName::from(key.resource_type.as_str()),
        attribute: spec.path.clone(),
        value: index::text_value(text, spec.case_exact),
    }
}

impl History {
    /// A value of the document after the last chosen event.
    fn last_value(&self, path: &str) -> Option<Value> {
        let mut document: Map<String, Value> = serde_json::from_str(self.last_document()?.text()).ok()?;
        document.remove(path)
    }
}
