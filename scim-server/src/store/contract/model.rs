//! The store as a sorted map: what each method means, without any thought of speed.
//!
//! Random histories are played to an engine and to this, and both must answer alike: after each
//! commit, again when the store was dropped and opened anew, and again in a store that was loaded
//! with what it exports.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use proptest::{prelude::*, test_runner::TestRunner};
use scim_protocol::Timestamp;

use super::{Place, Stage, TENANT, body, commit, entry, group, join, leave, place, user};
use crate::{
    clock::Clock,
    event::{Event, Membership},
    store::{
        Commit, Committed, Expect, Header, IndexEntry, IndexKey, IndexRange, IndexValue, LAST_MODIFIED, Position,
        Record, Reference, ResourceId, ResourceKey, Start, StoreError, Values, Write,
    },
};

/// Everything that a store keeps, of one tenant.
#[derive(Clone, Default)]
struct Model {
    resources: BTreeMap<ResourceKey, Record>,
    entries: BTreeMap<(IndexKey, ResourceId), bool>,
    edges: BTreeSet<(ResourceKey, ResourceKey)>,
    events: Vec<Event>,
    /// Deleted groups whose edges may still be there. Until they are swept their ids are refused.
    dissolved: BTreeSet<ResourceKey>,
}

impl Model {
    /// `swept` says whether all that was deleted before is swept.
    fn commit(&mut self, commit: &Commit, now: Timestamp, swept: bool) -> Result<Committed, StoreError> {
        let mut after = self.clone();
        if swept {
            after.dissolved.clear();
        }
        for expect in &commit.expect {
            after.expect(expect)?;
        }
        let (mut newer, mut moved, mut returned) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        for write in &commit.writes {
            if let Write::Return(key, body, last) = write {
                if after.resources.contains_key(key) {
                    return Err(StoreError::Conflict(key.clone()));
                }
                after.write(&Write::Put(key.clone(), body.clone()), &mut newer, &mut moved)?;
                returned.insert(key.clone(), *last);
            } else {
                after.write(write, &mut newer, &mut moved)?;
            }
        }
        if let Some(((place, id), _)) = after.entries.iter().find(|((place, id), _)| {
            let owner = ResourceKey { tenant: TENANT, resource_type: place.resource_type.clone(), id: *id };
            !after.resources.contains_key(&owner)
        }) {
            let resource_type = place.resource_type.clone();
            return Err(StoreError::Missing(ResourceKey { tenant: TENANT, resource_type, id: *id }));
        }
        let changed = !newer.is_empty() || after.entries != self.entries;
        for key in newer {
            if let Some(record) = after.resources.get_mut(&key) {
                let before = self.resources.get(&key).map(|before| before.header);
                let before = before.or_else(|| returned.get(&key).copied());
                record.header = Header {
                    version: before.map_or(0, |before| before.version) + 1,
                    created: before.map_or(now, |before| before.created),
                    last_modified: now,
                    members: after.edges.iter().filter(|(group, _)| *group == key).count() as u64,
                };
            }
        }
        let header = after.resources.get(&commit.target).map(|record| record.header);
        let mut sequence = 0;
        if changed || commit.writes.is_empty() {
            let event = commit.event.as_ref().unwrap();
            moved.retain(|group| *group != commit.target && after.resources.contains_key(group));
            let joins = |group: &&ResourceKey| self.moves(&after, group).is_some_and(|moves| !moves.joined.is_empty());
            let (last, first): (Vec<_>, Vec<_>) = moved.iter().partition(joins);
            let consequence =
                |group: &'_ ResourceKey| event.consequence(group.resource_type.as_str(), group.id, "members");
            let mut told: Vec<_> = first.into_iter().map(|group| (group, consequence(group))).collect();
            told.push((&commit.target, event.clone()));
            told.extend(last.into_iter().map(|group| (group, consequence(group))));
            for (key, event) in told {
                sequence = after.events.len() as u64 + 1;
                let version = |model: &Self| model.resources.get(key).map_or(0, |record| record.header.version);
                let (version, previous_version) = (version(&after), Some(version(self)));
                let members = after.resources.contains_key(key).then(|| self.moves(&after, key)).flatten();
                let members = members.or(event.members);
                let at = now.as_millis();
                after.events.push(Event { sequence, at, version, previous_version, members, ..event });
            }
        }
        after.dissolved.extend(std::mem::take(&mut self.dissolved));
        after.dissolved.retain(|key| !after.resources.contains_key(key));
        *self = after;
        Ok(Committed { changed, header, sequence })
    }

    fn expect(&self, expect: &Expect) -> Result<(), StoreError> {
        let key = match expect {
            Expect::Fewer(_, name, limit) => {
                let count = self.resources.keys().filter(|key| key.resource_type == *name).count() as u64;
                return if count < *limit {
                    Ok(())
                } else {
                    Err(StoreError::Full { resource_type: name.clone(), limit: *limit })
                };
            }
            Expect::Groups(member, known) => {
                let there: BTreeSet<_> =
                    self.edges.iter().filter(|(_, of)| of == member).map(|(group, _)| group.clone()).collect();
                let known = known.iter().cloned().collect();
                let other = there.symmetric_difference(&known).next().cloned();
                return other.map_or(Ok(()), |group| Err(StoreError::Conflict(group)));
            }
            Expect::Owners(key, known) => {
                let mut owners = self.entries.keys().filter(|(place, _)| place == key).map(|(_, id)| *id);
                let (tenant, resource_type) = (key.tenant, key.resource_type.clone());
                return owners
                    .find(|id| !known.contains(id))
                    .map_or(Ok(()), |id| Err(StoreError::Conflict(ResourceKey { tenant, resource_type, id })));
            }
            Expect::Present(key) | Expect::Version(key, _) => key,
        };
        let Some(record) = self.resources.get(key) else { return Err(StoreError::Missing(key.clone())) };
        match expect {
            Expect::Version(_, version) if *version != record.header.version => Err(StoreError::Conflict(key.clone())),
            _ => Ok(()),
        }
    }

    /// Who has joined a group between this state and a later one, and who has left it.
    fn moves(&self, after: &Self, group: &ResourceKey) -> Option<Box<Membership>> {
        let of = |one: &Self, other: &Self| {
            let edges = one.edges.difference(&other.edges).filter(|(of, _)| of == group);
            edges.map(|(_, member)| member.id).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        let moves = Membership { joined: of(after, self), left: of(self, after) };
        (moves != Membership::default()).then(|| Box::new(moves))
    }

    fn write(
        &mut self,
        write: &Write,
        newer: &mut BTreeSet<ResourceKey>,
        moved: &mut BTreeSet<ResourceKey>,
    ) -> Result<(), StoreError> {
        match write {
            Write::Put(key, body) => {
                if !self.resources.contains_key(key) && self.dissolved.contains(key) {
                    return Err(StoreError::Conflict(key.clone()));
                }
                self.resources.entry(key.clone()).or_default().body = body.clone();
                newer.insert(key.clone());
            }
            Write::Return(..) => unreachable!("it is a Put of its own kind"),
            Write::Delete(key) => {
                if self.resources.remove(key).is_none() {
                    return Err(StoreError::Missing(key.clone()));
                }
                newer.insert(key.clone());
                let groups = self.edges.iter().filter(|(_, member)| member == key).map(|(group, _)| group.clone());
                moved.extend(groups);
                newer.extend(moved.iter().cloned());
                if self.edges.iter().any(|(group, _)| group == key) {
                    self.dissolved.insert(key.clone());
                }
                self.edges.retain(|(group, member)| group != key && member != key);
                self.entries.retain(|(_, id), _| *id != key.id);
            }
            Write::Index(entry) => {
                let other = self.entries.keys().any(|(place, id)| *place == entry.key && *id != entry.id);
                if entry.unique && other {
                    return Err(StoreError::Taken(entry.clone()));
                }
                self.entries.insert((entry.key.clone(), entry.id), entry.unique);
            }
            Write::Unindex(entry) => {
                self.entries.remove(&(entry.key.clone(), entry.id));
            }
            Write::Join(edge) => {
                for end in [&edge.group, &edge.member] {
                    if !self.resources.contains_key(end) {
                        return Err(StoreError::Missing(end.clone()));
                    }
                }
                if self.edges.insert((edge.group.clone(), edge.member.clone())) {
                    newer.insert(edge.group.clone());
                    moved.insert(edge.group.clone());
                }
            }
            Write::Leave(edge) => {
                if self.edges.remove(&(edge.group.clone(), edge.member.clone())) {
                    newer.insert(edge.group.clone());
                    moved.insert(edge.group.clone());
                }
            }
        }
        Ok(())
    }

    fn reference(&self, key: &ResourceKey) -> Reference {
        let display = self.resources[key].body.display.clone();
        Reference { resource_type: key.resource_type.clone(), id: key.id, display }
    }

    fn positions(&self, range: &IndexRange) -> Vec<Position> {
        let modified = self.resources.iter().map(|(key, record)| {
            let mut place = place(key, LAST_MODIFIED, "");
            place.value = IndexValue::instant(record.header.last_modified);
            (place, key.id)
        });
        let mut positions: Vec<_> = (self.entries.keys().cloned().chain(modified))
            .filter(|(place, _)| (&place.resource_type, &place.attribute) == (&range.resource_type, &range.attribute))
            .map(|(place, id)| Position { value: place.value, id })
            .filter(|position| belongs(&range.values, &position.value))
            .collect();
        positions.sort();
        if range.descending {
            positions.reverse();
        }
        positions
    }
}

fn belongs(values: &Values, value: &IndexValue) -> bool {
    match values {
        Values::All => true,
        Values::Equal(only) => value == only,
        Values::Prefix(prefix) => value.0.starts_with(&prefix.0),
        Values::Between(low, high) => {
            (match low {
                Bound::Included(low) => value >= low,
                Bound::Excluded(low) => value > low,
                Bound::Unbounded => true,
            }) && (match high {
                Bound::Included(high) => value <= high,
                Bound::Excluded(high) => value < high,
                Bound::Unbounded => true,
            })
        }
    }
}

/// Asks the store everything, and compares.
async fn agree(stage: &Stage, model: &Model) {
    let keys: Vec<_> = (1..=USERS).map(user).chain((1..=GROUPS).map(group)).collect();
    for key in &keys {
        assert_eq!(stage.store.get(key).await.unwrap(), model.resources.get(key).cloned(), "{key:?}");
        agree_on_members(stage, model, key).await;
    }
    let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
    let expect: Vec<Vec<_>> = (keys.iter())
        .map(|key| {
            let edges = model.edges.iter().filter(|(_, member)| member == key);
            edges.map(|(group, _)| model.reference(group)).collect()
        })
        .collect();
    assert_eq!(stage.store.groups_of(TENANT, &ids).await.unwrap(), expect);
    for resource_type in ["User", "Group"] {
        agree_on_lists(stage, model, resource_type).await;
        for attribute in ["a", "b", LAST_MODIFIED] {
            agree_on_index(stage, model, resource_type, attribute).await;
        }
    }
    assert_eq!(stage.store.events(TENANT, 0, usize::MAX).await.unwrap(), model.events);
    let (known, entries) = (model.entries.clone(), model.resources.clone());
    let entries_of = move |key: &ResourceKey, _: &Record| {
        assert!(entries.contains_key(key));
        let own = known.iter().filter(|((place, id), _)| *id == key.id && place.resource_type == key.resource_type);
        Ok(own.map(|((place, id), unique)| IndexEntry { key: place.clone(), id: *id, unique: *unique }).collect())
    };
    assert_eq!(stage.check_with(std::sync::Arc::new(entries_of), false).await, Vec::<String>::new());
}

async fn agree_on_members(stage: &Stage, model: &Model, key: &ResourceKey) {
    let members: Vec<_> = model.edges.iter().filter(|(group, _)| group == key).map(|(_, member)| member).collect();
    let mut expect: Vec<_> = members.iter().map(|member| model.reference(member)).collect();
    expect.sort_by_key(|member| member.id);
    assert_eq!(stage.store.members(key, None, 99, true).await.unwrap().items, expect);
    if let [first, rest @ ..] = expect.as_slice() {
        assert_eq!(stage.store.members(key, Some(first.id), 1, true).await.unwrap().items, rest[..rest.len().min(1)]);
        assert!(stage.store.is_member(key, first.id).await.unwrap());
    } else {
        assert!(!stage.store.is_member(key, user(1).id).await.unwrap());
    }
}

async fn agree_on_lists(stage: &Stage, model: &Model, name: &str) {
    let of_type = model.resources.iter().filter(|(key, _)| key.resource_type.as_str() == name);
    let all: Vec<_> = of_type.map(|(key, record)| (key.id, record.clone())).collect();
    let resources = async |from, limit| stage.store.resources(TENANT, &name.into(), from, limit).await.unwrap().items;
    assert_eq!(stage.store.count(TENANT, &name.into()).await.unwrap(), all.len() as u64);
    assert_eq!(resources(Start::Offset(0), 99).await, all);
    for place in 0..=all.len() {
        assert_eq!(resources(Start::Offset(place as u64), 2).await, all[place..all.len().min(place + 2)]);
    }
    for (place, (id, _)) in all.iter().enumerate() {
        assert_eq!(resources(Start::After(*id), 99).await, all[place + 1..]);
        assert_eq!(resources(Start::Before(*id), 2).await, all[place.saturating_sub(2)..place]);
    }
}

async fn agree_on_index(stage: &Stage, model: &Model, name: &str, attribute: &str) {
    let value = |text: &str| IndexValue(text.into());
    for values in [
        Values::All,
        Values::Equal(value("x")),
        Values::Prefix(value("x")),
        Values::Between(Bound::Excluded(value("x")), Bound::Included(value("y"))),
    ] {
        for descending in [false, true] {
            let range = IndexRange {
                tenant: TENANT,
                resource_type: name.into(),
                attribute: attribute.into(),
                values: values.clone(),
                descending,
            };
            let expect = model.positions(&range);
            assert_eq!(stage.store.index(&range, None, 99).await.unwrap(), expect, "{range:?}");
            assert_eq!(stage.store.index_count(&range, 99).await.unwrap(), expect.len() as u64);
            let indexed = stage.store.indexed(&range, None, 99).await.unwrap();
            for (position, (at, record)) in expect.iter().zip(indexed.iter()) {
                let key = ResourceKey { tenant: TENANT, resource_type: name.into(), id: at.id };
                assert_eq!((position, record), (at, &stage.store.get(&key).await.unwrap()));
            }
            assert_eq!(indexed.len(), expect.len());
            assert_eq!(stage.store.index_at(&range, expect.len() as u64).await.unwrap(), None, "{range:?}");
            for (place, position) in expect.iter().enumerate() {
                assert_eq!(stage.store.index_at(&range, place as u64).await.unwrap().as_ref(), Some(position));
                assert_eq!(stage.store.index(&range, Some(position), 99).await.unwrap(), expect[place + 1..]);
            }
        }
    }
    for text in TEXTS {
        let mut at = place(&user(1), attribute, text);
        at.resource_type = name.into();
        let owner = model.entries.iter().find(|((place, _), unique)| *place == at && **unique);
        assert_eq!(stage.store.lookup(&at).await.unwrap(), owner.map(|((_, id), _)| *id), "{at:?}");
    }
}

const USERS: u128 = 5;
const GROUPS: u128 = 3;
const TEXTS: [&str; 4] = ["", "x", "x\0", "y"];

fn any_user() -> impl Strategy<Value = ResourceKey> {
    (1..=USERS).prop_map(user)
}

fn any_group() -> impl Strategy<Value = ResourceKey> {
    (1..=GROUPS).prop_map(group)
}

fn any_key() -> impl Strategy<Value = ResourceKey> {
    prop_oneof![any_user(), any_group()]
}

fn any_entry() -> impl Strategy<Value = IndexEntry> {
    let text = prop::sample::select(&TEXTS[..]);
    (any_key(), prop::sample::select(&["a", "b"][..]), text, any::<bool>())
        .prop_map(|(key, attribute, text, unique)| entry(&key, attribute, text, unique))
}

fn any_write() -> impl Strategy<Value = Write> {
    prop_oneof![
        5 => (any_key(), "[a-c]{0,2}").prop_map(|(key, text)| Write::Put(key, body(&text, &text))),
        4 => any_entry().prop_map(Write::Index),
        3 => any_entry().prop_map(Write::Unindex),
        6 => (any_group(), any_key()).prop_map(|(group, member)| join(&group, &member)),
        2 => (any_group(), any_key()).prop_map(|(group, member)| leave(&group, &member)),
        1 => any_key().prop_map(Write::Delete),
        1 => (any_key(), 1..9_u64).prop_map(|(key, version)| {
            let last = Header { version, created: Timestamp::from_millis(5), ..Header::default() };
            Write::Return(key, body("back", ""), last)
        }),
    ]
}

fn any_commit() -> impl Strategy<Value = Commit> {
    let expect = prop_oneof![
        any_key().prop_map(Expect::Present),
        (any_key(), 1..4_u64).prop_map(|(key, version)| Expect::Version(key, version)),
        (any_key(), 1..5_u64).prop_map(|(key, limit)| Expect::Fewer(TENANT, key.resource_type, limit)),
        (any_key(), any_group()).prop_map(|(member, group)| Expect::Groups(member, vec![group])),
    ];
    let expect = prop::collection::vec(expect, 0..2);
    (any_key(), prop::collection::vec(any_write(), 0..4), expect).prop_map(|(target, writes, expect)| {
        let mut commit = commit(&target, writes);
        commit.expect = expect;
        commit
    })
}

/// A history begins with something in it, so that more than refusals happens.
fn any_history() -> impl Strategy<Value = Vec<Commit>> {
    prop::collection::vec(any_commit(), 1..30).prop_map(|commits| {
        let keys = [user(1), user(2), group(1), group(2)];
        let made = keys.map(|key| commit(&key, [Write::Put(key.clone(), body("made", ""))]));
        made.into_iter().chain(commits).collect()
    })
}

/// Of several faults, which one is named is the engine's choice.
fn are_alike(one: &Result<Committed, StoreError>, other: &Result<Committed, StoreError>) -> bool {
    match (one, other) {
        (Err(StoreError::Missing(_)), Err(StoreError::Missing(_))) => true,
        _ => format!("{one:?}") == format!("{other:?}"),
    }
}

async fn play(place: Place, history: Vec<Commit>) {
    let stage = Stage::new(place).await;
    let mut model = Model::default();
    for commit in history {
        stage.clock.advance(1);
        let got = stage.store.commit(commit.clone()).await;
        // When an engine sweeps is its own affair.
        let mut swept = model.clone();
        if are_alike(&got, &swept.commit(&commit, stage.clock.now(), true)) {
            model = swept;
        } else {
            let expect = model.commit(&commit, stage.clock.now(), false);
            assert!(are_alike(&got, &expect), "{got:?}, not {expect:?}: {commit:?}");
        }
        agree(&stage, &model).await;
    }
    let stage = stage.reopen().await;
    agree(&stage, &model).await;
    let copy = stage.another().await;
    copy.store.load(stage.export(None).await).await.unwrap();
    agree(&copy, &model).await;
}

/// Plays random histories to stores made at that place.
pub(crate) fn any_history_agrees(place: Place) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&any_history(), |history| {
        runtime.block_on(play(place, history));
        Ok(())
    });
    outcome.unwrap();
}
