use super::*;
use crate::{clock::SystemClock, store::sled::SledStore};

fn store(directory: &tempfile::TempDir) -> Arc<dyn Store> {
    Arc::new(SledStore::open(directory.path(), Arc::new(SystemClock)).unwrap())
}

/// What a process of its own knows.
fn process(store: &Arc<dyn Store>) -> Calls {
    Calls::new(Arc::clone(store), &[7; 32], Arc::default())
}

fn call(actor: &str, key: &str, body: &[u8]) -> Call {
    Call::new(actor, key, [b"POST".as_slice(), body], Some(HOME))
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

const HOME: TenantId = TenantId(uuid::Uuid::from_u128(7));

#[track_caller]
fn claimed(begun: Begun) -> Claim {
    let Begun::New(claim) = begun else { panic!("it is not new: {begun:?}") };
    claim
}

/// A commit of the work of a claim, in that tenant.
async fn commit(store: &dyn Store, claim: &Claim, tenant: TenantId, number: u128) -> Result<(), StoreError> {
    let target = ResourceKey { tenant, resource_type: "Thing".into(), id: ResourceId(uuid::Uuid::from_u128(number)) };
    let writes = vec![Write::Put(target.clone(), Body::default())];
    let commit = Commit { writes, ..Commit::unnoticed(target) };
    mark::within(claim.work, store.commit(commit)).await.map(drop)
}

#[tokio::test]
async fn a_request_is_done_once() {
    let directory = tempfile::tempdir().unwrap();
    let calls = process(&store(&directory));
    let one = call("admin", "a", b"x");
    let claim = claimed(calls.begin(one, at(0)).await.unwrap());
    assert!(matches!(calls.begin(one, at(5)).await.unwrap(), Begun::Running(since) if since == at(0)));
    let reply = Reply { status: 201, body: b"{\"token\":\"secret\"}".to_vec() };
    calls.finish(&claim, &reply).await.unwrap();
    assert!(matches!(calls.begin(one, at(9)).await.unwrap(), Begun::Done(same) if same == reply));
    assert!(matches!(calls.begin(call("admin", "a", b"y"), at(9)).await.unwrap(), Begun::Other));
    // The keys of others are others.
    assert!(matches!(calls.begin(call("admin:b", "a", b"y"), at(9)).await.unwrap(), Begun::New(_)));
    let stored = calls.store.get(&key(claim.id)).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&stored.body.visible).contains("secret"));
    // A day later it is a new one.
    assert!(matches!(calls.begin(one, at(KEPT - 1)).await.unwrap(), Begun::Done(_)));
    assert!(matches!(calls.begin(one, at(KEPT)).await.unwrap(), Begun::New(_)));
}

#[tokio::test]
async fn one_of_two_at_the_same_moment_begins() {
    let directory = tempfile::tempdir().unwrap();
    let calls = process(&store(&directory));
    let one = call("admin", "a", b"x");
    let (first, second) = tokio::join!(calls.begin(one, at(0)), calls.begin(one, at(0)));
    let begun = [first.unwrap(), second.unwrap()];
    assert_eq!(begun.iter().filter(|begun| matches!(begun, Begun::New(_))).count(), 1, "{begun:?}");
    assert_eq!(begun.iter().filter(|begun| matches!(begun, Begun::Running(_))).count(), 1, "{begun:?}");
    for begun in begun {
        if let Begun::New(claim) = begun {
            calls.give_up(&claim).await.unwrap();
        }
    }
    assert!(matches!(calls.begin(one, at(1)).await.unwrap(), Begun::New(_)));
}

#[tokio::test]
async fn of_what_was_cut_off_nothing_is_done_twice() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let (dead, next) = (process(&store), process(&store));
    for (number, tenant) in [(1, None), (2, Some(TenantId::SYSTEM)), (3, Some(HOME))] {
        let one = call("admin", &number.to_string(), b"x");
        let claim = claimed(dead.begin(one, at(0)).await.unwrap());
        if let Some(tenant) = tenant {
            commit(&*store, &claim, tenant, number).await.unwrap();
            commit(&*store, &claim, tenant, number + 10).await.unwrap();
        }
        let begun = next.begin(one, at(1)).await.unwrap();
        match (tenant, begun) {
            // Nothing was done: the other process begins, and the first one can do nothing any more.
            (None, Begun::New(second)) => {
                for tenant in [TenantId::SYSTEM, HOME] {
                    let late = commit(&*store, &claim, tenant, number).await;
                    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
                    commit(&*store, &second, tenant, number).await.unwrap();
                }
                assert!(dead.finish(&claim, &Reply { status: 201, body: Vec::new() }).await.is_err());
                assert!(matches!(dead.begin(one, at(2)).await.unwrap(), Begun::Done(reply) if reply.status == GONE));
            }
            // Something was: that is the answer from now on.
            (Some(_), Begun::Done(reply)) => {
                let told = String::from_utf8_lossy(&reply.body).into_owned();
                let first = uuid::Uuid::from_u128(number).to_string();
                assert!(reply.status == GONE && told.contains("Thing") && told.contains(&first), "{told}");
                assert!(matches!(next.begin(one, at(2)).await.unwrap(), Begun::Done(same) if same == reply));
            }
            (_, begun) => panic!("{number}: {begun:?}"),
        }
    }
}

#[tokio::test]
async fn what_failed_may_be_tried_again_unless_something_was_done() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let calls = process(&store);
    let one = call("admin", "a", b"x");
    let claim = claimed(calls.begin(one, at(0)).await.unwrap());
    calls.give_up(&claim).await.unwrap();
    let claim = claimed(calls.begin(one, at(1)).await.unwrap());
    commit(&*store, &claim, HOME, 1).await.unwrap();
    calls.give_up(&claim).await.unwrap();
    assert!(matches!(calls.begin(one, at(2)).await.unwrap(), Begun::Done(reply) if reply.status == GONE));
    // A task that has panicked has ended, too.
    let two = call("admin", "b", b"x");
    drop(claimed(calls.begin(two, at(0)).await.unwrap()));
    claimed(calls.begin(two, at(1)).await.unwrap());
}

#[tokio::test]
async fn nothing_is_left_when_its_time_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let calls = process(&store);
    let claim = claimed(calls.begin(call("admin", "a", b"x"), at(0)).await.unwrap());
    commit(&*store, &claim, HOME, 1).await.unwrap();
    calls.give_up(&claim).await.unwrap();
    let left = async || {
        let mut left = 0;
        for (tenant, kind) in
            [(TenantId::SYSTEM, KIND), (TenantId::SYSTEM, "~fence"), (HOME, "~fence"), (HOME, "~work")]
        {
            left += store.count(tenant, &kind.into()).await.unwrap();
        }
        left
    };
    assert_eq!(left().await, 4);
    forget(&*store, at(KEPT - 1)).await.unwrap();
    assert_eq!(left().await, 4);
    forget(&*store, at(KEPT)).await.unwrap();
    assert_eq!(left().await, 0);
}
