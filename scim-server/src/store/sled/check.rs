//! Checks that everything in the store agrees.
//!
//! The store has the same fact in several places: a document and its index entries, an edge and its reverse, a group
//! and the number of its members. A batch writes them together, so they should never differ; this checks it.
//! Documents and the edges from group to member are authoritative; everything else is derived from them.
//!
//! Nothing is collected: each side is walked and the other side asked about each item, so a store
//! of any size is checked in constant memory. Edges come first, since repairing them changes the
//! numbers of members that documents are compared with; then documents; then what may have nothing
//! that belongs to it.
//!
//! | Finding | What is wrong |
//! | --- | --- |
//! | `edge-dangling` | a group or a member that does not exist |
//! | `edge-one-way` | only one of the two ends knows of it |
//! | `members-wrong` | a group has another number of members than it says |
//! | `count-wrong` | there are not as many resources of a type as are counted |
//! | `index-missing` | a resource is not found by a value that it has |
//! | `index-stale` | a resource is entered with a value that its document does not have |
//! | `index-stray` | an entry of a resource that does not know of it, or does not exist |
//! | `unique-twice` * | two resources have a unique value |
//! | `sequence-wrong` | the next event would be numbered like one that there is |
//! | `event-missing` *, `event-unreadable` * | the log of events has a gap |
//! | `acknowledged-lost` * | what was acknowledged since the store was opened is not what it holds |
//! | `record-unreadable` *, `document-unreadable` * | a resource cannot be decoded |
//!
//! What is marked * cannot be put right from what is stored.

mod edges;
mod index;
mod resources;

use super::{
    key, read,
    tree::{Batch, Tree},
    value::{last_event, read_last_event},
    writer::Writer,
};
use crate::store::{EntriesOf, Finding, Sink, StoreError, TenantId};

/// How many repairs make one batch.
const REPAIRS: usize = 256;

/// Checks each tenant in turn.
pub(super) fn run(
    writer: &mut Writer,
    entries: EntriesOf,
    repair: bool,
    sink: Sink<Finding>,
) -> Result<(), StoreError> {
    let mut check = Check { writer, entries, repair, sink, repairs: Batch::default(), ended: false };
    if let Some(damage) = check.tree().verify()? {
        check.report("acknowledged-lost", damage.to_string());
    }
    for tenant in read::tenants(check.tree())? {
        check.tenant(tenant)?;
        if check.ended {
            break;
        }
    }
    check.writer.flush()
}

struct Check<'a> {
    writer: &'a mut Writer,
    entries: EntriesOf,
    repair: bool,
    sink: Sink<Finding>,
    /// Repairs that are still to be applied.
    repairs: Batch,
    /// Set when the sink wants no more.
    ended: bool,
}

impl Check<'_> {
    fn tree(&self) -> &Tree {
        self.writer.tree()
    }

    /// Each part sees the repairs of the one before it.
    fn tenant(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        let parts = [Self::edges_to_members, Self::edges_to_groups, Self::resources, Self::index, Self::events];
        for part in parts {
            part(self, tenant)?;
            self.apply()?;
            if self.ended {
                break;
            }
        }
        Ok(())
    }

    /// Reports a fault that cannot be repaired.
    fn report(&mut self, kind: &str, detail: String) {
        self.tell(kind, detail, false);
    }

    /// Reports a fault, and repairs it if that is wanted.
    fn fault(&mut self, kind: &str, detail: String, repair: impl FnOnce(&mut Batch)) -> Result<(), StoreError> {
        if self.repair && !self.ended {
            repair(&mut self.repairs);
        }
        self.tell(kind, detail, self.repair);
        if self.repairs.len() >= REPAIRS { self.apply() } else { Ok(()) }
    }

    fn tell(&mut self, kind: &str, detail: String, repaired: bool) {
        if !self.ended {
            self.ended = !(self.sink)(Finding { kind: kind.into(), detail, repaired });
        }
    }

    fn apply(&mut self) -> Result<(), StoreError> {
        if self.repairs.len() == 0 {
            return Ok(());
        }
        self.writer.apply(std::mem::take(&mut self.repairs))
    }

    /// Events: each can be read, each stands where it says, none is missing between the first that
    /// is kept and the last that was given.
    fn events(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        let mut last: Option<(u64, scim_protocol::Timestamp)> = None;
        for item in self.tree().scan(key::events(tenant)) {
            let (key, bytes) = item?;
            let Some(sequence) = key::parse_event(&key) else {
                self.fault("event-unreadable", format!("{tenant}: an event's key"), |repairs| repairs.remove(key))?;
                continue;
            };
            let at = match read::event(&bytes) {
                Ok(event) if event.sequence == sequence => event.at(),
                _ => {
                    self.report("event-unreadable", format!("{tenant}: event {sequence}"));
                    last.map_or_else(Default::default, |(_, at)| at)
                }
            };
            if let Some((before, _)) = last.filter(|(before, _)| before + 1 != sequence) {
                self.report("event-missing", format!("{tenant}: events {} to {}", before + 1, sequence - 1));
            }
            last = Some((sequence, at));
            if self.ended {
                return Ok(());
            }
        }
        let Some((sequence, at)) = last else { return Ok(()) };
        let stored = self.tree().get(&key::sequence(tenant))?;
        let given = stored.and_then(|bytes| read_last_event(&bytes).ok());
        if given.is_none_or(|(given, _)| given < sequence) {
            let detail = format!("{tenant}: the last event is {sequence}, but the next would not be behind it");
            self.fault("sequence-wrong", detail, |repairs| {
                repairs.put(key::sequence(tenant), last_event(sequence, at));
            })?;
        } else if let Some((given, _)) = given.filter(|(given, _)| *given > sequence) {
            self.report("event-missing", format!("{tenant}: events {} to {given}", sequence + 1));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scim_protocol::Timestamp;

    use super::*;
    use crate::{
        clock::ManualClock,
        store::{
            Commit, Finding, Item, Record, ResourceKey, Store, Write,
            contract::{TENANT, body, commit, entries_of, entry, group, id, join, user},
            decide::Entries,
            sled::{Options, SledStore, key::modified, record},
        },
    };

    /// Two users with entries, in a group that is in another group.
    fn commits() -> Vec<Commit> {
        let mut commits = Vec::new();
        for number in [1, 2] {
            let body = body("User", &format!("userName=user{number} title~clerk"));
            let entries = entries_of(&user(number), &body).into_iter().map(Write::Index);
            commits.push(commit(&user(number), entries.chain([Write::Put(user(number), body)])));
        }
        for number in [1, 2] {
            commits.push(commit(&group(number), [Write::Put(group(number), body("Group", ""))]));
        }
        let edges = [join(&group(1), &user(1)), join(&group(1), &user(2)), join(&group(2), &group(1))];
        commits.push(commit(&group(1), edges));
        commits
    }

    async fn check_store(store: &SledStore, repair: bool) -> Vec<Finding> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let entries: EntriesOf = Arc::new(|key: &ResourceKey, record: &Record| Ok(entries_of(key, &record.body)));
        store.check(entries, repair, Box::new(move |finding| sender.send(finding).is_ok())).await.unwrap();
        receiver.into_iter().collect()
    }

    async fn export(store: &SledStore) -> Vec<Item> {
        let (sender, receiver) = std::sync::mpsc::channel();
        store.export(None, Box::new(move |item| sender.send(item).is_ok())).await.unwrap();
        receiver.into_iter().collect()
    }

    /// Since when somebody is a member is lost with what said so.
    fn timeless(mut items: Vec<Item>) -> Vec<Item> {
        for item in &mut items {
            if let Item::Members(_, members) = item {
                for joined in members {
                    joined.since = None;
                }
            }
        }
        items
    }

    /// Damages a sound store, expects these findings, and that repairing makes it what it was.
    #[track_caller]
    fn check(damage: impl Fn(&mut Batch), expect: &[&str]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let open = || SledStore::open(directory.path(), Arc::new(ManualClock::default())).unwrap();
            let store = open();
            for commit in commits() {
                store.commit(commit).await.unwrap();
            }
            let sound = export(&store).await;
            drop(store);
            let tree = Tree::open(directory.path(), Options::default().cache).unwrap();
            let mut batch = Batch::default();
            damage(&mut batch);
            tree.apply(batch).unwrap();
            tree.flush().unwrap();
            drop(tree);

            let store = open();
            let found = check_store(&store, false).await;
            let kinds: Vec<_> = found.iter().map(|finding| finding.kind.as_str()).collect();
            assert_eq!(kinds, expect, "{found:?}");
            let repaired = check_store(&store, true).await;
            if repaired.iter().all(|finding| finding.repaired) {
                assert_eq!(check_store(&store, false).await, []);
                assert_eq!(timeless(export(&store).await), timeless(sound));
            }
        });
    }

    #[test]
    fn damage_is_found_and_repaired() {
        let name = || entry(&user(1), "userName", "user1", true);
        let title = || entry(&user(1), "title", "clerk", false);
        check(|_| (), &[]);
        check(|batch| batch.remove(key::index(&title().key, id(1))), &["index-missing"]);
        check(|batch| batch.put(key::index(&title().key, id(1)), key::mark(true)), &["index-missing", "index-stray"]);
        check(|batch| batch.put(key::index(&title().key, id(9)), key::mark(false)), &["index-stray"]);
        check(|batch| batch.remove(key::index(&name().key, id(1))), &["index-missing"]);
        check(|batch| batch.put(key::index(&name().key, id(9)), key::mark(true)), &["index-stray"]);
        check(|batch| batch.remove(modified(&user(1), Timestamp::default())), &["index-missing"]);
    }

    #[test]
    fn damaged_edges_are_found_and_repaired() {
        let (staff, member) = (group(1).id, user(1).id);
        check(|batch| batch.remove(key::group(TENANT, member, staff)), &["edge-one-way"]);
        check(|batch| batch.put(key::group(TENANT, id(2), group(2).id), "Group"), &["edge-one-way"]);
        check(
            |batch| {
                batch.put(key::member(TENANT, staff, id(9)), "User");
                batch.put(key::group(TENANT, id(9), staff), "Group");
            },
            &["edge-dangling", "members-wrong"],
        );
        check(|batch| batch.put(key::member(TENANT, id(8), member), "User"), &["edge-dangling"]);
    }

    #[test]
    fn damaged_numbers_are_found_and_repaired() {
        let users = || key::count(TENANT, &"User".into());
        check(|batch| batch.put(users(), 7_u64.to_be_bytes().to_vec()), &["count-wrong"]);
        check(|batch| batch.remove(users()), &["count-wrong"]);
        check(|batch| batch.put(key::sequence(TENANT), last_event(2, Timestamp::default())), &["sequence-wrong"]);
    }

    #[test]
    fn what_cannot_be_repaired_is_told() {
        check(|batch| batch.remove(key::event(TENANT, 2)), &["event-missing"]);
        check(|batch| batch.put(key::event(TENANT, 2), b"{".to_vec()), &["event-unreadable"]);
        check(|batch| batch.put(key::resource(&user(1)), b"?".to_vec()), &["record-unreadable"]);
        let twin = Record { body: body("User", "userName=user2 title~clerk"), ..Record::default() };
        check(
            |batch| batch.put(key::resource(&user(1)), record::encode(&twin, &Entries::new())),
            &["index-missing", "unique-twice", "index-stray", "index-stray"],
        );
    }
}
