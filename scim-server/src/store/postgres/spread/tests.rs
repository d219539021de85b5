use futures_util::FutureExt;
use scim_protocol::Timestamp;
use uuid::Uuid;

use super::{
    super::{Options, database::shared},
    telling::ITS_OWN,
    *,
};
use crate::{
    author::Author,
    clock::{ManualClock, SystemClock},
    directory::{Directory, DirectoryError},
    event::{ADMIN, Action, Deed},
    ids::ResourceId,
    store::{
        Body, Write,
        contract::{Open, TENANT, contract, user},
        untold::{self, Untold},
    },
    tenant::Settings,
};

/// The tenants of the contract are kept in the second database.
fn place() -> Open {
    let options = [shared().schema(), shared().schema()].map(|url| Options { connections: 4, ..Options::new(url) });
    Box::new(move |clock| {
        let options = options.clone();
        async move {
            let store = open(&options, clock).await;
            store.settle(&[0x7e, 0x7f].map(|id| (TenantId(Uuid::from_u128(id)), 1, 1)));
            let store: Arc<dyn Store> = Arc::new(store);
            store
        }
        .boxed()
    })
}

contract!(place);

async fn open(options: &[Options], clock: Arc<dyn Clock>) -> Spread {
    for one in options {
        PostgresStore::migrate(one, &SystemClock).await.unwrap();
    }
    Spread::open(options, clock).await.unwrap()
}

async fn two() -> Spread {
    let options = [shared().schema(), shared().schema()].map(|url| Options { connections: 4, ..Options::new(url) });
    open(&options, Arc::new(SystemClock)).await
}

fn event() -> Event {
    Event::new(Action::Create, ADMIN, "User", ResourceId(Uuid::nil()))
}

async fn write(store: &Spread, number: u128) -> Result<Committed, StoreError> {
    let mut commit = Commit::new(user(number), event());
    commit.writes.push(Write::Put(user(number), Body::default()));
    store.commit(commit).await
}

/// The moves of one tenant, by their numbers.
const FIRST: i64 = TURNS;
const SECOND: i64 = 2 * TURNS;

/// A process was frozen in the midst of a move, and goes on when others have given the move up.
#[tokio::test]
async fn who_was_frozen_in_a_move_that_was_given_up_changes_nothing() {
    let store = two().await;
    write(&store, 1).await.unwrap();
    let (here, there, copied) = (store.at(0).unwrap(), store.at(1).unwrap(), AtomicU64::new(0));
    let mut frozen = Carriage::begin(here, there, TENANT, FIRST, &copied).await.unwrap();
    write(&store, 2).await.unwrap();
    store.give_up(TENANT, (0, 1), FIRST).await.unwrap();
    write(&store, 3).await.unwrap();
    assert!(matches!(frozen.follow().await, Err(StoreError::Closed(TENANT))));
    assert!(matches!(frozen.finish(Timestamp::from_millis(0)).await, Err(StoreError::Closed(TENANT))));
    write(&store, 4).await.unwrap();

    assert!(copied.load(Ordering::Relaxed) > 0, "whoever waits sees how far it is");
    // Another move is on its way: the first one neither writes into it nor ends it.
    let frozen = Carriage::begin(here, there, TENANT, FIRST, &copied).await;
    assert!(matches!(frozen, Err(StoreError::Closed(TENANT))));
    let mut moving = Carriage::begin(here, there, TENANT, SECOND, &copied).await.unwrap();
    store.give_up(TENANT, (0, 1), FIRST).await.unwrap();
    store.forget(TENANT, 1, FIRST).await.unwrap();
    write(&store, 5).await.unwrap();
    moving.follow().await.unwrap();
    write(&store, 6).await.unwrap();
    moving.finish(Timestamp::from_millis(0)).await.unwrap();
    assert!(matches!(write(&store, 7).await, Err(StoreError::Closed(TENANT))));
    store.settle(&[(TENANT, 1, 1)]);
    write(&store, 7).await.unwrap();
    assert_eq!(store.log(TENANT).await.unwrap().newest, 7);
    assert_eq!(store.count(TENANT, &user(1).resource_type).await.unwrap(), 7);
    // What comes too late for that, too.
    store.give_up(TENANT, (0, 1), FIRST).await.unwrap();
    store.forget(TENANT, 1, SECOND).await.unwrap();
    assert_eq!(store.count(TENANT, &user(1).resource_type).await.unwrap(), 7);
    assert!(matches!(here.get(&user(7)).await, Ok(None)), "the old place is a copy of what was");
}

/// A copy is removed fifteen minutes after the move: who has not heard of it by then does not look there.
#[tokio::test]
async fn a_process_that_does_not_hear_of_the_directory_serves_nobody() {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    let options = [shared().schema(), shared().schema()].map(|url| Options { connections: 4, ..Options::new(url) });
    let store = open(&options, Arc::new(clock.clone())).await;
    store.settle(&[(TENANT, 0, 1)]);
    clock.advance(3_600_000);
    store.get(&user(1)).await.unwrap();
    store.noticed();
    clock.advance(TRUSTED);
    store.get(&user(1)).await.unwrap();
    clock.advance(1);
    assert!(matches!(store.get(&user(1)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(write(&store, 1).await, Err(StoreError::Unavailable(_))));
    store.events(TenantId::SYSTEM, 0, 1).await.unwrap();
    store.noticed();
    write(&store, 1).await.unwrap();
}

/// What an older record says of a tenant does not count.
#[tokio::test]
async fn the_newest_record_says_where_a_tenant_is() {
    let store = two().await;
    store.settle(&[(TENANT, 1, 5)]);
    store.settle(&[(TENANT, 0, 4)]);
    assert_eq!(store.place(TENANT), 1);
    store.settle(&[(TENANT, 0, 6)]);
    assert_eq!(store.place(TENANT), 0);
    store.settle(&[(TENANT, 2, 7)]);
    let unknown = store.get(&user(1)).await.unwrap_err();
    let why = std::error::Error::source(&unknown).unwrap().to_string();
    assert_eq!(why, "the tenant is in database 3, and --store names 2");
    assert_eq!(store.recorded(), HashSet::from([TENANT]));
    store.forget_gone(&HashSet::from([TENANT]));
    store.announce(TENANT, 1);
    assert_eq!((store.place(TENANT), store.recorded()), (1, HashSet::new()));
    store.settle(&[(TENANT, 1, 1)]);
    assert_eq!(store.recorded(), HashSet::from([TENANT]));
}

/// No transaction reaches the system's records and the log of a tenant of another database.
#[tokio::test]
async fn what_is_told_in_another_database_is_not_lost() {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    let options = [shared().schema(), shared().schema()].map(|url| Options { connections: 4, ..Options::new(url) });
    let store = open(&options, Arc::new(clock.clone())).await;
    store.settle(&[(TENANT, 1, 1)]);
    let key = ResourceKey { tenant: TenantId::SYSTEM, resource_type: "Thing".into(), id: user(1).id };
    let mut commit = Commit::new(key.clone(), event());
    commit.writes.push(Write::Put(key, Body::default()));
    commit.told.push((TENANT, event()));
    store.commit(commit).await.unwrap();
    let told = async || {
        let left = store.count(TenantId::SYSTEM, &untold::KIND.into()).await.unwrap();
        (store.log(TENANT).await.unwrap().newest, left)
    };
    assert_eq!(told().await, (1, 0));
    // A process is killed behind its commit.
    let (id, kept) = Untold::kept(TENANT, event()).unwrap();
    let mut commit = Commit::bookkeeping(untold::KIND.into(), id);
    commit.writes.push(kept);
    store.commit(commit).await.unwrap();
    store.tell_left().await.unwrap();
    assert_eq!(told().await, (1, 1), "it may be telling it just now");
    clock.advance(ITS_OWN);
    store.tell_left().await.unwrap();
    store.tell_left().await.unwrap();
    assert_eq!(told().await, (2, 0));
}

/// A tenant is made while the directory is read: what is told of it goes where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_made_while_the_directory_is_read_is_known() {
    let store = Arc::new(two().await);
    let shared: Arc<dyn Store> = Arc::clone(&store) as _;
    let directory = Directory::new(shared, Arc::new(SystemClock));
    let (reader, end) = (directory.clone(), Arc::new(Notify::new()));
    let ended = Arc::clone(&end);
    let reading = tokio::spawn(async move {
        let all = async {
            loop {
                reader.list_all().await.unwrap();
            }
        };
        tokio::select! {
            () = all => {}
            () = ended.notified() => {}
        }
    });
    let telling = directory.by(&Author::default().telling(Deed::TenantCreated));
    let mut made = Vec::new();
    for number in 0..50 {
        let created = telling.create_in(Some(1), &format!("made-{number}"), Settings::default(), None).await;
        made.push(created.unwrap().0.home());
    }
    end.notify_one();
    reading.await.unwrap();
    for home in made {
        assert_eq!(store.log(home).await.unwrap().newest, 1);
    }
    assert_eq!(store.at(0).unwrap().tenants().await.unwrap(), [TenantId::SYSTEM]);
    // A name that is taken makes nobody known.
    let known = store.recorded();
    let taken = telling.create_in(Some(1), "made-1", Settings::default(), None).await;
    assert!(matches!(taken, Err(DirectoryError::Exists(_))));
    assert_eq!(store.recorded(), known);
}

/// Where a tenant was that is gone, nobody opens a log for it again; nor in the first database.
#[tokio::test]
async fn nothing_is_written_for_a_tenant_that_is_gone() {
    let store = two().await;
    store.settle(&[(TENANT, 1, 1)]);
    store.noticed();
    write(&store, 1).await.unwrap();
    let (id, kept) = Untold::kept(TENANT, event()).unwrap();
    let mut commit = Commit::bookkeeping(untold::KIND.into(), id);
    commit.writes.push(kept);
    store.commit(commit).await.unwrap();
    store.erase(TENANT).await.unwrap();
    store.forget_gone(&HashSet::from([TENANT]));

    assert!(matches!(write(&store, 2).await, Err(StoreError::Closed(TENANT))));
    let key = ResourceKey { tenant: TenantId::SYSTEM, resource_type: "Thing".into(), id: user(1).id };
    let mut commit = Commit::new(key.clone(), event());
    commit.writes.push(Write::Put(key, Body::default()));
    commit.told.push((TENANT, event()));
    assert!(matches!(store.commit(commit).await, Err(StoreError::Erased(TENANT))));
    store.tell(vec![id]).await;
    for place in [0, 1] {
        assert!(!store.at(place).unwrap().tenants().await.unwrap().contains(&TENANT), "database {}", place + 1);
    }
    assert_eq!(store.count(TenantId::SYSTEM, &untold::KIND.into()).await.unwrap(), 0, "there is nothing left to tell");
}

/// A move came to its end in the new database, and was given up before the directory named that one.
#[tokio::test]
async fn a_move_that_is_given_up_at_its_end_leaves_one_log_open() {
    let store = two().await;
    write(&store, 1).await.unwrap();
    let (here, there, copied) = (store.at(0).unwrap(), store.at(1).unwrap(), AtomicU64::new(0));
    let moving = Carriage::begin(here, there, TENANT, FIRST, &copied).await.unwrap();
    moving.finish(Timestamp::from_millis(0)).await.unwrap();
    store.give_up(TENANT, (0, 1), FIRST).await.unwrap();
    write(&store, 2).await.unwrap();
    assert!(!there.tenants().await.unwrap().contains(&TENANT));
    assert!(matches!(there.get(&user(1)).await, Ok(None)), "the copy is removed");
    // It can move there all the same.
    store.carry(TENANT, (0, 1), SECOND, &copied).await.unwrap();
    store.settle(&[(TENANT, 1, 1)]);
    assert_eq!(store.log(TENANT).await.unwrap().newest, 2);
    assert!(!here.tenants().await.unwrap().contains(&TENANT));
}
