//! What the embedded store costs: `cargo bench -p scim-server --bench store`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may fail loudly")]

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use divan::Bencher;
use scim_server::internals::{
    clock::SystemClock,
    event::{Action, Event},
    store::{
        Body, Commit, Edge, IndexEntry, IndexKey, IndexRange, IndexValue, LAST_MODIFIED, ResourceId, ResourceKey,
        Start, Store, TenantId, Values, Write, sled::SledStore,
    },
};
use tokio::runtime::Runtime;
use uuid::Uuid;

const TENANT: TenantId = TenantId(Uuid::from_u128(0x7e));
const USERS: u64 = 100_000;
/// Groups and how many members they have at first.
const GROUPS: [(u64, u64); 2] = [(1, 10), (2, USERS)];

fn main() {
    divan::main();
}

/// A store with users of about 1 kB, five entries each, and two groups.
struct Stage {
    runtime: Runtime,
    store: Arc<SledStore>,
    _directory: tempfile::TempDir,
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::open(directory.path(), Arc::new(SystemClock)).unwrap());
    let stage = Stage { runtime: Runtime::new().unwrap(), store, _directory: directory };
    let users: Vec<_> = (0..USERS).collect();
    for some in users.chunks(1000) {
        stage.commit(&user(0), some.iter().flat_map(|number| new_user(*number)));
    }
    for (number, members) in GROUPS {
        stage.commit(&group(number), [Write::Put(group(number), Body::default())]);
        for some in users[..usize::try_from(members).unwrap()].chunks(1000) {
            stage.commit(&group(number), some.iter().map(|member| Write::Join(edge(number, *member))));
        }
    }
    stage
});

impl Stage {
    fn commit(&self, target: &ResourceKey, writes: impl IntoIterator<Item = Write>) {
        let mut commit = Commit::new(target.clone(), event(target));
        commit.writes.extend(writes);
        self.runtime.block_on(self.store.commit(commit)).unwrap();
    }
}

fn key(resource_type: &str, number: u64) -> ResourceKey {
    let id = ResourceId(Uuid::from_u64_pair(number, resource_type.len() as u64));
    ResourceKey { tenant: TENANT, resource_type: resource_type.into(), id }
}

fn user(number: u64) -> ResourceKey {
    key("User", number)
}

fn group(number: u64) -> ResourceKey {
    key("Group", number)
}

fn edge(number: u64, member: u64) -> Edge {
    Edge { group: group(number), member: user(member) }
}

fn entry(key: &ResourceKey, attribute: &str, value: &str, unique: bool) -> IndexEntry {
    let place = IndexKey {
        tenant: key.tenant,
        resource_type: key.resource_type.clone(),
        attribute: attribute.into(),
        value: IndexValue(value.into()),
    };
    IndexEntry { key: place, id: key.id, unique }
}

fn body(number: u64) -> Body {
    let visible = format!(r#"{{"userName":"user{number}@example.com","about":"{}"}}"#, "lorem ipsum ".repeat(75));
    Body { display: format!("User {number}").into(), visible: visible.into(), ..Body::default() }
}

fn new_user(number: u64) -> Vec<Write> {
    let key = user(number);
    let name = format!("user{number}@example.com");
    let entries = [
        entry(&key, "userName", &name, true),
        entry(&key, "emails.value", &name, false),
        entry(&key, "displayName", &format!("user {number}"), false),
        entry(&key, "externalId", &format!("{number:032x}"), false),
        entry(&key, "active", "1", false),
    ];
    std::iter::once(Write::Put(key, body(number))).chain(entries.map(Write::Index)).collect()
}

fn event(target: &ResourceKey) -> Event {
    let event = Event::new(Action::Modify, "admin", target.resource_type.as_str(), target.id);
    Event { attributes: vec!["userName".into()], request: "request".into(), ..event }
}

/// Numbers without an order that a cache could guess.
fn next() -> u64 {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    COUNTER.fetch_add(1, Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}

#[divan::bench]
fn get(bencher: Bencher<'_, '_>) {
    let Stage { runtime, store, .. } = &*STAGE;
    let inputs = bencher.with_inputs(|| user(next() % USERS));
    inputs.bench_values(|key| runtime.block_on(store.get(&key)).unwrap().unwrap());
}

#[divan::bench]
fn lookup(bencher: Bencher<'_, '_>) {
    let Stage { runtime, store, .. } = &*STAGE;
    let inputs = bencher.with_inputs(|| {
        let number = next() % USERS;
        entry(&user(number), "userName", &format!("user{number}@example.com"), true).key
    });
    inputs.bench_values(|key| runtime.block_on(store.lookup(&key)).unwrap().unwrap());
}

#[divan::bench]
fn page_of_100_with_groups(bencher: Bencher<'_, '_>) {
    let Stage { runtime, store, .. } = &*STAGE;
    let inputs = bencher.with_inputs(|| Start::After(user(next() % (USERS - 100)).id));
    inputs.bench_values(|from| {
        runtime.block_on(async {
            let page = store.resources(TENANT, &"User".into(), from, 100).await.unwrap();
            let ids: Vec<_> = page.iter().map(|(id, _)| *id).collect();
            (store.groups_of(TENANT, &ids).await.unwrap(), page)
        })
    });
}

#[divan::bench]
fn index_page_of_100(bencher: Bencher<'_, '_>) {
    let Stage { runtime, store, .. } = &*STAGE;
    let range = IndexRange {
        tenant: TENANT,
        resource_type: "User".into(),
        attribute: LAST_MODIFIED.into(),
        values: Values::All,
        descending: true,
    };
    bencher.bench(|| runtime.block_on(store.index(&range, None, 100)).unwrap());
}

#[divan::bench]
fn members_page_of_1000(bencher: Bencher<'_, '_>) {
    let Stage { runtime, store, .. } = &*STAGE;
    let after = bencher.with_inputs(|| user(next() % (USERS - 1000)).id);
    after.bench_values(|after| runtime.block_on(store.members(&group(2), Some(after), 1000, true)).unwrap());
}

/// One member comes and goes: two commits.
#[divan::bench(args = GROUPS)]
fn join_and_leave(bencher: Bencher<'_, '_>, (number, members): (u64, u64)) {
    let stage = &*STAGE;
    bencher.with_inputs(|| edge(number, next() % members)).bench_values(|edge| {
        stage.commit(&edge.group, [Write::Leave(edge.clone())]);
        stage.commit(&edge.group, [Write::Join(edge.clone())]);
    });
}

#[divan::bench]
fn replace(bencher: Bencher<'_, '_>) {
    let stage = &*STAGE;
    bencher.with_inputs(|| next() % USERS).bench_values(|number| {
        stage.commit(&user(number), [Write::Put(user(number), body(number))]);
    });
}

/// 64 callers at once: one flush serves many of them.
#[divan::bench]
fn replace_64_at_once(bencher: Bencher<'_, '_>) {
    let Stage { runtime, store, .. } = &*STAGE;
    bencher.counter(64_u64).bench(|| {
        runtime.block_on(futures_util::future::join_all((0..64).map(|_| {
            let key = user(next() % USERS);
            let mut commit = Commit::new(key.clone(), event(&key));
            commit.writes.push(Write::Put(key, body(7)));
            store.commit(commit)
        })))
    });
}
