//! Export and load, check, erase and forget.

use super::{START, Stage, TENANT, body, commit, entries_of, entry, event, group, id, join, put, user};
use crate::store::{Item, Log, ResourceKey, Start, StoreError, TenantId, Write};

/// Some users with entries, some groups with members, in two tenants; something deleted, too.
async fn populate(stage: &Stage) {
    for number in 1..=5 {
        let body = body(&format!("User {number}"), &format!("userName=user{number} title~clerk"));
        let entries = entries_of(&user(number), &body).into_iter().map(Write::Index);
        stage.write(&user(number), [Write::Put(user(number), body)].into_iter().chain(entries)).await.unwrap();
        stage.clock.advance(1);
    }
    for number in 1..=3 {
        stage.put(&group(number)).await;
        let members = (1..=5).filter(|member| member % number == 0).map(|member| join(&group(number), &user(member)));
        stage.write(&group(number), members).await.unwrap();
    }
    stage.join(&group(2), &group(1)).await;
    stage.write(&group(3), [Write::Delete(group(3))]).await.unwrap();
    let system = ResourceKey { tenant: TenantId::SYSTEM, ..user(77) };
    stage.put(&system).await;
}

fn found(findings: &[String]) -> Vec<&str> {
    findings.iter().filter_map(|finding| finding.split(' ').next()).collect()
}

pub(crate) async fn what_is_exported_can_be_loaded(stage: Stage) {
    populate(&stage).await;
    let items = stage.export(None).await;
    let rank = |item: &Item| match item {
        Item::Resource(key, ..) => (key.tenant, 0),
        Item::Members(group, _) => (group.tenant, 1),
        Item::Event(tenant, _) => (*tenant, 2),
    };
    assert!(items.is_sorted_by_key(rank));
    let mine = stage.export(Some(TENANT)).await;
    assert_eq!(mine.len(), items.len() - 2);

    let other = stage.another().await;
    other.store.load(items.clone()).await.unwrap();
    assert_eq!(other.export(None).await, items);
    assert_eq!(other.check(false).await, Vec::<String>::new());
    assert_eq!(other.store.count(TENANT, &"User".into()).await.unwrap(), 5);
    assert_eq!(other.store.lookup(&entry(&user(2), "userName", "user2", true).key).await.unwrap(), Some(id(2)));
    // The log goes on where it was, and so does time.
    let (sequence, at) = stage.store.events(TENANT, 0, 99).await.unwrap().last().map(|e| (e.sequence, e.at)).unwrap();
    let next = other.write(&user(1), [put(&user(1))]).await.unwrap();
    assert_eq!(next.sequence, sequence + 1);
    assert_eq!(next.header.unwrap().last_modified.as_millis(), at);
}

pub(crate) async fn an_export_ends_when_it_is_told(stage: Stage) {
    populate(&stage).await;
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut left = 3;
    let sink = Box::new(move |item| {
        sender.send(item).unwrap();
        left -= 1;
        left > 0
    });
    stage.store.export(None, sink).await.unwrap();
    assert_eq!(receiver.into_iter().count(), 3);
}

pub(crate) async fn loading_replaces(stage: Stage) {
    populate(&stage).await;
    let before = stage.export(Some(TENANT)).await;
    stage.store.load(before.clone()).await.unwrap();
    assert_eq!(stage.export(Some(TENANT)).await, before, "what is there already stays as it is");
    // Later changes are undone, except that nobody leaves a group.
    stage.write(&user(1), [Write::Unindex(entry(&user(1), "title", "clerk", false)), put(&user(1))]).await.unwrap();
    stage.write(&group(2), [Write::Delete(group(2))]).await.unwrap();
    stage.store.load(before.clone()).await.unwrap();
    let resources =
        |items: &[Item]| items.iter().filter(|i| !matches!(i, Item::Event(..))).cloned().collect::<Vec<_>>();
    assert_eq!(resources(&stage.export(Some(TENANT)).await), resources(&before));
    assert_eq!(stage.check(false).await, Vec::<String>::new());
}

pub(crate) async fn loading_respects_uniqueness(stage: Stage) {
    populate(&stage).await;
    let mut items = stage.export(Some(TENANT)).await;
    items.retain_mut(|item| match item {
        Item::Resource(key, _, entries) if *key == user(1) => {
            key.id = id(50);
            for entry in entries {
                entry.id = id(50);
            }
            true
        }
        _ => false,
    });
    assert!(matches!(stage.store.load(items).await, Err(StoreError::Taken(_))));
    let nobody = Item::Members(group(1), vec![user(51).into()]);
    assert!(matches!(stage.store.load(vec![nobody]).await, Err(StoreError::Missing(_))));
    assert_eq!(stage.check(false).await, Vec::<String>::new());
}

pub(crate) async fn erasing_leaves_nothing(stage: Stage) {
    populate(&stage).await;
    for number in 100..900 {
        stage.put(&user(number)).await;
    }
    assert_eq!(stage.store.erase(TENANT).await.unwrap(), 5 + 2 + 800);
    assert_eq!(stage.export(Some(TENANT)).await, []);
    assert_eq!(stage.export(None).await.len(), 2, "the other tenant");
    assert_eq!(stage.store.count(TENANT, &"User".into()).await.unwrap(), 0);
    assert_eq!(stage.store.lookup(&entry(&user(2), "userName", "user2", true).key).await.unwrap(), None);
    assert_eq!(stage.members(&group(1)).await, []);
    assert_eq!(stage.store.erase(TENANT).await.unwrap(), 0);
    assert_eq!(stage.check(false).await, Vec::<String>::new());
}

/// Whatever was under way when a tenant was erased comes too late, after a restart as well.
pub(crate) async fn nothing_is_written_for_who_was_erased(stage: Stage) {
    stage.put(&user(1)).await;
    assert!(!stage.store.is_erased(TENANT).await.unwrap());
    // One of which there is nothing yet.
    let nobody = TenantId(uuid::Uuid::from_u128(0x80));
    for tenant in [TENANT, nobody] {
        stage.store.erase(tenant).await.unwrap();
    }
    let mut stage = stage;
    for _ in 0..2 {
        for tenant in [TENANT, nobody] {
            let is_erased =
                |outcome: Result<(), StoreError>| matches!(outcome, Err(StoreError::Erased(of)) if of == tenant);
            assert!(stage.store.is_erased(tenant).await.unwrap());
            let late = ResourceKey { tenant, ..user(2) };
            assert!(is_erased(stage.write(&late, [put(&late)]).await.map(drop)));
            // What is told of something else goes with what it is told of.
            let system = ResourceKey { tenant: TenantId::SYSTEM, ..user(78) };
            let mut telling = commit(&system, [put(&system)]);
            telling.told.push((tenant, event(&late)));
            assert!(is_erased(stage.store.commit(telling).await.map(drop)));
            assert_eq!(stage.store.get(&system).await.unwrap(), None);
            assert!(is_erased(stage.store.load(vec![Item::Event(tenant, event(&late))]).await));
        }
        assert_eq!(stage.export(None).await, []);
        assert_eq!(stage.check(false).await, Vec::<String>::new());
        stage = stage.reopen().await;
    }
    stage.put(&ResourceKey { tenant: TenantId::SYSTEM, ..user(77) }).await;
}

pub(crate) async fn events_are_forgotten(stage: Stage) {
    for number in 1..=600 {
        stage.clock.advance(1);
        stage.put(&user(number)).await;
    }
    assert_eq!(stage.store.log(TENANT).await.unwrap(), Log { oldest: 1, newest: 600 });
    let before = scim_protocol::Timestamp::from_millis(START.as_millis() + 590);
    assert_eq!(stage.store.forget_events(before).await.unwrap(), 589);
    assert_eq!(stage.store.forget_events(before).await.unwrap(), 0);
    assert_eq!(stage.store.events(TENANT, 0, 1).await.unwrap()[0].sequence, 590);
    assert_eq!(stage.store.log(TENANT).await.unwrap(), Log { oldest: 590, newest: 600 });
    let later = scim_protocol::Timestamp::from_millis(i64::MAX);
    assert_eq!(stage.store.forget_events(later).await.unwrap(), 11);
    assert_eq!(stage.check(false).await, Vec::<String>::new());
    assert_eq!(stage.store.log(TENANT).await.unwrap(), Log { oldest: 601, newest: 600 });
    assert_eq!(stage.store.log(crate::store::TenantId::random([9; 16])).await.unwrap(), Log { oldest: 1, newest: 0 });
    // A number is never given twice.
    assert_eq!(stage.write(&user(1), [put(&user(1))]).await.unwrap().sequence, 601);
    assert_eq!(stage.store.resources(TENANT, &"User".into(), Start::Offset(0), 700).await.unwrap().len(), 600);
}

pub(crate) async fn nothing_is_found_in_a_sound_store(stage: Stage) {
    assert_eq!(stage.check(false).await, Vec::<String>::new());
    populate(&stage).await;
    let before = stage.export(None).await;
    assert_eq!(stage.check(true).await, Vec::<String>::new());
    assert_eq!(stage.export(None).await, before);
}

pub(crate) async fn entries_that_are_wanted_are_added(stage: Stage) {
    populate(&stage).await;
    // A document that wants one entry more and one less than it has, and another that wants one
    // that is not its to have.
    stage.write(&user(1), [Write::Put(user(1), body("", "userName=user1 nickName~al"))]).await.unwrap();
    stage.write(&user(2), [Write::Put(user(2), body("", "userName=user3 title~clerk"))]).await.unwrap();
    let findings = stage.check(false).await;
    let mut kinds = found(&findings);
    kinds.sort_unstable();
    assert_eq!(kinds, ["index-missing", "index-missing", "index-stale", "index-stale", "unique-twice"], "{findings:?}");
    assert_eq!(stage.check(false).await, findings, "looking changes nothing");
    stage.check(true).await;
    let left = stage.check(true).await;
    assert!(found(&left).iter().all(|kind| *kind == "unique-twice"), "{left:?}");
    assert_eq!(stage.store.lookup(&entry(&user(2), "userName", "user2", true).key).await.unwrap(), None);
    assert_eq!(stage.store.lookup(&entry(&user(2), "userName", "user3", true).key).await.unwrap(), Some(id(3)));
}
