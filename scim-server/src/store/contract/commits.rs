//! Commits: all or nothing, in order, with versions and times.

use futures_util::{FutureExt, future::join_all};
use scim_protocol::Timestamp;

use super::{START, Stage, TENANT, body, commit, entry, event, expecting, group, id, join, key, leave, put, user};
use crate::store::{Body, Commit, Committed, Expect, Header, ResourceId, ResourceKey, StoreError, TenantId, Write};

pub(crate) async fn versions_count_from_one(stage: Stage) {
    let header = stage.put(&user(1)).await;
    assert_eq!(header, Header { version: 1, created: START, last_modified: START, members: 0 });
    stage.clock.advance(5);
    let later = Timestamp::from_millis(START.as_millis() + 5);
    let done = stage.write(&user(1), [Write::Put(user(1), body("Anna", "a=1"))]).await.unwrap();
    let header = Header { version: 2, created: START, last_modified: later, members: 0 };
    assert_eq!(done, Committed { changed: true, header: Some(header), sequence: 2 });
    let record = stage.store.get(&user(1)).await.unwrap().unwrap();
    assert_eq!((record.header, record.body), (header, body("Anna", "a=1")));
    assert_eq!(stage.store.get(&key("Group", 1)).await.unwrap(), None);
}

pub(crate) async fn what_is_told_elsewhere_is_of_the_same_commit(stage: Stage) {
    let other = TenantId(uuid::Uuid::from_u128(0x7f));
    stage.put(&user(1)).await;
    stage.put(&group(1)).await;
    let mut told = commit(&user(1), [put(&user(1))]);
    told.told = vec![(other, event(&user(1))), (TENANT, event(&user(2))), (other, event(&user(3)))];
    assert_eq!(stage.store.commit(told.clone()).await.unwrap().sequence, 3);
    let log = async |tenant| -> Vec<_> {
        let events = stage.store.events(tenant, 0, 9).await.unwrap();
        events.iter().map(|event| (event.sequence, event.target, event.version)).collect()
    };
    let expect = [(1, user(1).id, 1), (2, group(1).id, 1), (3, user(1).id, 2), (4, user(2).id, 0)];
    assert_eq!(log(TENANT).await, expect);
    assert_eq!(log(other).await, [(1, user(1).id, 0), (2, user(3).id, 0)]);
    // What is refused, or changes nothing, tells nothing.
    stage.store.commit(expecting(told.clone(), Expect::Version(user(1), 9))).await.unwrap_err();
    let nothing = Commit { writes: vec![leave(&group(1), &user(1))], ..told.clone() };
    assert!(!stage.store.commit(nothing).await.unwrap().changed);
    assert_eq!((log(TENANT).await.len(), log(other).await.len()), (4, 2));
    // Those who tell at the same time are numbered one after the other.
    let many = (0..8).map(|_| stage.store.commit(told.clone()).boxed());
    join_all(many).await.into_iter().for_each(|done| assert!(done.unwrap().changed));
    assert_eq!(stage.store.log(other).await.unwrap().newest, 18);
    stage.store.commit(told).await.unwrap();
    let numbers: Vec<_> = stage.store.events(other, 0, 99).await.unwrap().iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
}

pub(crate) async fn what_returns_goes_on_where_it_ended(stage: Stage) {
    stage.put(&user(1)).await;
    let last = stage.put(&user(1)).await;
    stage.write(&user(1), [Write::Delete(user(1))]).await.unwrap();
    stage.clock.advance(5);
    let back = [Write::Return(user(1), body("Anna", ""), last)];
    let header = stage.write(&user(1), back.clone()).await.unwrap().header.unwrap();
    assert_eq!((header.version, header.created), (3, START));
    assert!(header.last_modified > last.last_modified);
    // It is there: nobody returns twice.
    let twice = stage.store.commit(commit(&user(1), back)).await;
    assert!(matches!(twice, Err(StoreError::Conflict(key)) if key == user(1)));
}

pub(crate) async fn time_never_goes_back(stage: Stage) {
    stage.clock.advance(1000);
    let first = stage.put(&user(1)).await;
    stage.clock.advance(-900);
    assert_eq!(stage.put(&user(2)).await.created, first.created);
    let at: Vec<_> = stage.store.events(TENANT, 0, 9).await.unwrap().iter().map(|event| event.at).collect();
    assert_eq!(at, [START.as_millis() + 1000; 2]);
}

pub(crate) async fn expectations_are_checked(stage: Stage) {
    stage.put(&user(1)).await;
    stage.put(&user(1)).await;
    let table = [
        (Expect::Present(user(1)), "ok"),
        (Expect::Present(user(2)), "missing"),
        (Expect::Present(key("Group", 1)), "missing"),
        (Expect::Version(user(2), 1), "missing"),
        (Expect::Version(user(1), 2), "conflict"),
        (Expect::Version(user(1), 3), "ok"),
        (Expect::Version(user(1), 3), "conflict"),
    ];
    for (expect, wanted) in table {
        let outcome = stage.store.commit(expecting(commit(&user(1), [put(&user(1))]), expect.clone())).await;
        let got = match outcome {
            Ok(_) => "ok",
            Err(StoreError::Missing(_)) => "missing",
            Err(StoreError::Conflict(_)) => "conflict",
            Err(error) => panic!("{error}"),
        };
        assert_eq!(got, wanted, "{expect:?}");
    }
}

pub(crate) async fn owners_of_a_value_are_expected(stage: Stage) {
    let [first, second] = [1, 2].map(|number| entry(&user(number), "title", "x", false));
    let expect = |known: &[ResourceId]| Expect::Owners(first.key.clone(), known.to_vec());
    let ask = async |known: &[ResourceId]| {
        stage.store.commit(expecting(commit(&user(9), [put(&user(9))]), expect(known))).await
    };
    ask(&[]).await.unwrap();
    stage.write(&user(1), [put(&user(1)), Write::Index(first.clone())]).await.unwrap();
    assert!(matches!(ask(&[]).await, Err(StoreError::Conflict(key)) if key == user(1)));
    ask(&[user(1).id]).await.unwrap();
    // The owner comes in the same group of commits.
    let comes = stage.store.commit(commit(&user(2), [put(&user(2)), Write::Index(second)]));
    let meets = stage.store.commit(expecting(commit(&user(9), [put(&user(9))]), expect(&[user(1).id])));
    let outcomes = join_all([comes.boxed(), meets.boxed()]).await;
    outcomes[0].as_ref().unwrap();
    assert!(matches!(&outcomes[1], Err(StoreError::Conflict(key)) if *key == user(2)), "{:?}", outcomes[1]);
    ask(&[user(1).id, user(2).id, user(3).id]).await.unwrap();
}

pub(crate) async fn what_is_refused_leaves_no_trace(stage: Stage) {
    let taken = entry(&user(1), "userName", "anna", true);
    stage.write(&user(1), [put(&user(1)), Write::Index(taken)]).await.unwrap();
    stage.put(&group(1)).await;
    let before = stage.export(None).await;
    let refusals = [
        vec![put(&user(2)), Write::Index(entry(&user(2), "userName", "anna", true))],
        vec![put(&user(2)), join(&group(1), &user(2)), join(&group(1), &user(3))],
        vec![Write::Delete(user(1)), Write::Delete(user(9))],
        vec![put(&user(1)), Write::Index(entry(&user(4), "title", "x", false))],
    ];
    for writes in refusals {
        stage.write(&user(2), writes.clone()).await.unwrap_err();
        assert_eq!(stage.export(None).await, before, "{writes:?}");
    }
    assert_eq!(stage.check(false).await.len(), 1, "the entry that its body does not ask for");
}

pub(crate) async fn one_commit_is_one_version(stage: Stage) {
    for number in 1..=3 {
        stage.put(&user(number)).await;
    }
    stage.put(&group(1)).await;
    stage.join(&group(1), &user(1)).await;
    let writes = [
        put(&group(1)),
        join(&group(1), &user(2)),
        join(&group(1), &user(3)),
        leave(&group(1), &user(1)),
        put(&group(1)),
    ];
    let done = stage.write(&group(1), writes).await.unwrap();
    assert_eq!(done.header.map(|header| (header.version, header.members)), Some((3, 2)));
}

pub(crate) async fn without_a_change_there_is_no_event(stage: Stage) {
    stage.put(&user(1)).await;
    stage.put(&user(2)).await;
    stage.put(&group(1)).await;
    let header = stage.join(&group(1), &user(1)).await.header;
    stage.clock.advance(1);
    let done = stage.write(&group(1), [join(&group(1), &user(1)), leave(&group(1), &user(2))]).await.unwrap();
    assert_eq!(done, Committed { changed: false, header, sequence: 0 });
    assert_eq!(stage.header(&group(1)).await, header);
    assert_eq!(stage.store.events(TENANT, 0, 99).await.unwrap().len(), 4);
}

pub(crate) async fn a_note_is_an_event_alone(stage: Stage) {
    let header = stage.put(&user(1)).await;
    let done = stage.write(&user(1), []).await.unwrap();
    assert_eq!(done, Committed { changed: false, header: Some(header), sequence: 2 });
    assert_eq!(stage.store.events(TENANT, 1, 9).await.unwrap()[0].version, 1);
}

pub(crate) async fn bookkeeping_has_no_event(stage: Stage) {
    let token = ResourceKey { tenant: TenantId::SYSTEM, resource_type: "Token".into(), id: id(1) };
    let mut commit = Commit::bookkeeping(token.resource_type.clone(), token.id);
    commit.writes.push(put(&token));
    let done = stage.store.commit(commit).await.unwrap();
    assert_eq!((done.changed, done.sequence), (true, 0));
    assert_eq!(stage.header(&token).await, done.header);
    assert!(stage.store.events(TenantId::SYSTEM, 0, 9).await.unwrap().is_empty());
}

pub(crate) async fn a_deleted_resource_is_gone_from_everywhere(stage: Stage) {
    let name = entry(&user(1), "userName", "anna", true);
    stage.write(&user(1), [put(&user(1)), Write::Index(name.clone())]).await.unwrap();
    let done = stage.write(&user(1), [Write::Unindex(name.clone()), Write::Delete(user(1))]).await.unwrap();
    assert_eq!(done, Committed { changed: true, header: None, sequence: 2 });
    assert_eq!(stage.header(&user(1)).await, None);
    assert_eq!(stage.store.lookup(&name.key).await.unwrap(), None);
    assert_eq!(stage.store.count(TENANT, &"User".into()).await.unwrap(), 0);
    assert_eq!(stage.store.events(TENANT, 1, 9).await.unwrap()[0].version, 0);
    assert_eq!(stage.check(false).await, Vec::<String>::new());
    let again = stage.write(&user(1), [Write::Delete(user(1))]).await;
    assert!(matches!(again, Err(StoreError::Missing(missing)) if missing == user(1)));
}

pub(crate) async fn one_of_many_rivals_wins(stage: Stage) {
    stage.put(&user(1)).await;
    let rival = |number: usize| {
        let body = Body { display: number.to_string().into(), ..Body::default() };
        stage.store.commit(expecting(commit(&user(1), [Write::Put(user(1), body)]), Expect::Version(user(1), 1)))
    };
    let outcomes = join_all((0..20).map(rival)).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::Conflict(_)))).count();
    assert_eq!((refused, stage.header(&user(1)).await.unwrap().version), (19, 2));
}

pub(crate) async fn no_more_come_than_there_is_room_for(stage: Stage) {
    let new = |number| {
        let room = Expect::Fewer(TENANT, "User".into(), 5);
        stage.store.commit(expecting(commit(&user(number), [put(&user(number))]), room))
    };
    stage.put(&group(1)).await;
    let outcomes = join_all((1..=20).map(new)).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::Full { limit: 5, .. }))).count(), 15);
    assert_eq!(stage.store.count(TENANT, &"User".into()).await.unwrap(), 5);
    stage.write(&user(1), [Write::Delete(user(1))]).await.unwrap();
    new(21).await.unwrap();
}

pub(crate) async fn a_commit_outlives_its_caller(stage: Stage) {
    let mut caller = Box::pin(stage.store.commit(commit(&user(1), [put(&user(1))])));
    assert!(caller.as_mut().now_or_never().is_none());
    drop(caller);
    stage.put(&user(2)).await;
    assert_eq!(stage.header(&user(1)).await.map(|header| header.version), Some(1));
}

pub(crate) async fn tenants_do_not_meet(stage: Stage) {
    let elsewhere = |key: ResourceKey| ResourceKey { tenant: TenantId(uuid::Uuid::from_u128(0x7f)), ..key };
    let (mine, other) = (user(1), elsewhere(user(2)));
    for key in [&mine, &other] {
        let name = entry(key, "userName", "anna", true);
        stage.write(key, [put(key), Write::Index(name.clone())]).await.unwrap();
        assert_eq!(stage.store.lookup(&name.key).await.unwrap(), Some(key.id));
        assert_eq!(stage.store.count(key.tenant, &key.resource_type).await.unwrap(), 1);
        assert_eq!(stage.store.events(key.tenant, 0, 9).await.unwrap()[0].sequence, 1);
    }
    assert_eq!(stage.header(&elsewhere(mine)).await, None);
    stage.put(&group(1)).await;
    let outcome = stage.write(&group(1), [join(&group(1), &other)]).await;
    assert!(matches!(outcome, Err(StoreError::Missing(missing)) if missing == other));
}

pub(crate) async fn a_closed_store_is_unavailable(stage: Stage) {
    stage.put(&user(1)).await;
    stage.store.close().await.unwrap();
    assert!(matches!(stage.store.get(&user(1)).await, Err(StoreError::Unavailable(_))));
    let outcome = stage.store.commit(Commit::new(user(1), event(&user(1)))).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
}

pub(crate) async fn what_was_acknowledged_is_there_again(stage: Stage) {
    for number in 1..=3 {
        stage.put(&user(number)).await;
    }
    stage.put(&group(1)).await;
    // Several callers at once, and nobody closes the store.
    let new = |number| stage.store.commit(commit(&group(1), [put(&user(number)), join(&group(1), &user(number))]));
    let many = (10..200).map(new);
    assert!(join_all(many).await.iter().all(Result::is_ok));
    let before = stage.export(None).await;
    let stage = stage.reopen().await;
    assert_eq!(stage.export(None).await, before);
    assert_eq!(stage.check(false).await, Vec::<String>::new());
    assert_eq!(stage.header(&group(1)).await.unwrap().members, 190);
    // Time stands where it stood, even when the clock has gone back.
    stage.clock.advance(-1000);
    assert_eq!(stage.put(&user(4)).await.created, START);
    stage.store.close().await.unwrap();
    let stage = stage.reopen().await;
    assert!(stage.header(&user(4)).await.is_some());
}
