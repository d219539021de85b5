//! Groups and their members.

use super::{Stage, TENANT, commit, expecting, group, id, join, key, leave, put, user};
use crate::store::{Expect, Item, Reference, ResourceId, ResourceKey, StoreError, Write};

async fn staff(stage: &Stage, users: u128) -> ResourceKey {
    stage.put(&group(1)).await;
    let mut writes = Vec::new();
    for number in 1..=users {
        writes.push(put(&user(number)));
        writes.push(join(&group(1), &user(number)));
    }
    stage.write(&group(1), writes).await.unwrap();
    group(1)
}

fn reference(key: &ResourceKey) -> Reference {
    let display = format!("{} {}", key.resource_type.as_str(), key.id).into();
    Reference { resource_type: key.resource_type.clone(), id: key.id, display }
}

pub(crate) async fn edges_are_seen_from_both_sides(stage: Stage) {
    let staff = staff(&stage, 2).await;
    stage.put(&group(2)).await;
    stage.join(&group(2), &staff).await;
    stage.join(&group(2), &user(1)).await;
    let members = stage.store.members(&group(2), None, 9, true).await.unwrap();
    assert_eq!(members.items, [reference(&user(1)), reference(&staff)]);
    let groups = stage.store.groups_of(TENANT, &[user(1).id, user(2).id, staff.id]).await.unwrap();
    assert_eq!(
        groups,
        [vec![reference(&staff), reference(&group(2))], vec![reference(&staff)], vec![reference(&group(2))]]
    );
    for (group, member, expect) in [
        (&staff, user(1), true),
        (&staff, user(3), false),
        (&group(2), staff.clone(), true),
        (&group(2), user(2), false),
        (&key("User", 1), user(1), false),
        (&group(9), user(1), false),
    ] {
        assert_eq!(stage.store.is_member(group, member.id).await.unwrap(), expect, "{group:?} {member:?}");
    }
    stage.write(&staff, [leave(&staff, &user(1))]).await.unwrap();
    assert!(!stage.store.is_member(&staff, user(1).id).await.unwrap());
    assert_eq!(stage.groups(&user(1)).await, [group(2).id]);
    assert_eq!(stage.members(&staff).await, [user(2).id]);
}

pub(crate) async fn a_membership_says_since_when_it_is_one(stage: Stage) {
    let staff = staff(&stage, 1).await;
    let first = stage.header(&staff).await.unwrap().last_modified;
    stage.put(&group(2)).await;
    stage.clock.advance(5000);
    stage.join(&group(2), &user(1)).await;
    let second = stage.header(&group(2)).await.unwrap().last_modified;
    let memberships = async |ids: &[ResourceId]| stage.store.memberships(TENANT, ids).await.unwrap();
    let both = vec![(staff.id, Some(first)), (group(2).id, Some(second))];
    assert_eq!(memberships(&[user(1).id, user(9).id]).await, [both, vec![]]);
    // Who is in it already stays so; who left and returns begins anew.
    stage.clock.advance(5000);
    stage.join(&staff, &user(1)).await;
    stage.write(&group(2), [leave(&group(2), &user(1))]).await.unwrap();
    assert_eq!(memberships(&[user(1).id]).await, [vec![(staff.id, Some(first))]]);
    stage.join(&group(2), &user(1)).await;
    let third = stage.header(&group(2)).await.unwrap().last_modified;
    assert!(third > second);
    assert_eq!(memberships(&[user(1).id]).await, [vec![(staff.id, Some(first)), (group(2).id, Some(third))]]);
    stage.write(&staff, [Write::Delete(staff.clone())]).await.unwrap();
    assert_eq!(memberships(&[user(1).id]).await, [vec![(group(2).id, Some(third))]]);
}

pub(crate) async fn each_change_is_a_version_of_the_group(stage: Stage) {
    let staff = staff(&stage, 3).await;
    let before = stage.header(&staff).await.unwrap();
    assert_eq!((before.version, before.members), (2, 3));
    stage.clock.advance(7);
    stage.write(&staff, [leave(&staff, &user(1)), leave(&staff, &user(2))]).await.unwrap();
    let after = stage.header(&staff).await.unwrap();
    assert_eq!((after.version, after.members, after.created), (3, 1, before.created));
    assert_eq!(after.last_modified.as_millis(), before.last_modified.as_millis() + 7);
    // Its members are as they were, and a new body does not touch them.
    assert_eq!(stage.header(&user(1)).await.unwrap().version, 1);
    assert_eq!(stage.put(&staff).await.members, 1);
    let late = expecting(commit(&staff, [join(&staff, &user(1))]), Expect::Version(staff.clone(), 3));
    assert!(matches!(stage.store.commit(late).await, Err(StoreError::Conflict(_))));
    // Coming and going in one commit.
    let writes = [join(&staff, &user(1)), leave(&staff, &user(1)), join(&staff, &user(2))];
    assert_eq!(stage.write(&staff, writes).await.unwrap().header.unwrap().members, 2);
}

pub(crate) async fn strangers_cannot_join(stage: Stage) {
    stage.put(&group(1)).await;
    stage.put(&user(1)).await;
    let table =
        [(group(1), user(2), user(2)), (group(2), user(1), group(2)), (group(1), key("Group", 1), key("Group", 1))];
    for (group, member, missing) in table {
        let outcome = stage.write(&group, [join(&group, &member)]).await;
        assert!(matches!(outcome, Err(StoreError::Missing(key)) if key == missing), "{member:?} in {group:?}");
    }
    // Who is gone, or never came, can leave.
    assert!(!stage.write(&group(1), [leave(&group(1), &user(2))]).await.unwrap().changed);
    assert!(!stage.write(&group(2), [leave(&group(2), &user(1))]).await.unwrap().changed);
    // Who is deleted in the same commit cannot join any more.
    let writes = [Write::Delete(user(1)), join(&group(1), &user(1))];
    assert!(matches!(stage.write(&group(1), writes).await, Err(StoreError::Missing(_))));
}

pub(crate) async fn a_deleted_member_leaves_its_groups(stage: Stage) {
    let staff = staff(&stage, 2).await;
    stage.put(&group(2)).await;
    stage.join(&group(2), &user(1)).await;
    stage.clock.advance(3);
    stage.write(&user(1), [Write::Delete(user(1))]).await.unwrap();
    for (group, version, members) in [(&staff, 3, 1), (&group(2), 3, 0)] {
        let header = stage.header(group).await.unwrap();
        assert_eq!((header.version, header.members), (version, members));
        assert!(!stage.store.is_member(group, user(1).id).await.unwrap());
    }
    assert_eq!(stage.members(&staff).await, [user(2).id]);
    assert_eq!(stage.groups(&user(1)).await, []);
    assert_eq!(stage.check(false).await, Vec::<String>::new());
}

pub(crate) async fn a_deleted_group_vanishes_at_once(mut stage: Stage) {
    let staff = staff(&stage, 700).await;
    stage.put(&group(2)).await;
    stage.join(&group(2), &staff).await;
    stage.join(&group(2), &user(5)).await;
    stage.join(&staff, &staff).await;
    stage.write(&staff, [Write::Delete(staff.clone())]).await.unwrap();
    for number in [10, 11] {
        assert_eq!(stage.members(&staff).await, []);
        assert_eq!(stage.groups(&user(1)).await, []);
        assert_eq!(stage.groups(&user(5)).await, [group(2).id]);
        assert!(!stage.store.is_member(&staff, user(1).id).await.unwrap());
        assert_eq!(stage.members(&group(2)).await, [user(5).id]);
        let header = stage.header(&group(2)).await.unwrap();
        assert_eq!((header.version, header.members), (4, 1));
        assert_eq!(stage.check(false).await, Vec::<String>::new());
        // Deleting a member of what is gone changes no group, swept or not.
        stage.write(&user(number), [Write::Delete(user(number))]).await.unwrap();
        stage = stage.reopen().await;
    }
}

/// The edges of a deleted group are removed later, and its id is refused until then.
pub(crate) async fn an_id_returns_without_the_members_that_it_had(stage: Stage) {
    let staff = staff(&stage, 2000).await;
    let again = stage.write(&staff, [Write::Delete(staff.clone()), put(&staff)]).await;
    assert!(matches!(again, Err(StoreError::Conflict(key)) if key == staff));
    assert_eq!(stage.header(&staff).await.unwrap().members, 2000, "what is refused changes nothing");
    stage.write(&staff, [Write::Delete(staff.clone())]).await.unwrap();
    loop {
        match stage.write(&staff, [put(&staff)]).await {
            Ok(done) => {
                assert_eq!(done.header.unwrap().members, 0);
                break;
            }
            Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error}"),
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.members(&staff).await, []);
    assert_eq!(stage.groups(&user(1)).await, []);
    stage.join(&staff, &user(1)).await;
    assert_eq!(stage.members(&staff).await, [user(1).id]);
    assert_eq!(stage.check(false).await, Vec::<String>::new());
}

pub(crate) async fn the_groups_of_a_member_are_expected(stage: Stage) {
    for key in [user(1), group(1), group(2)] {
        stage.put(&key).await;
    }
    stage.join(&group(1), &user(1)).await;
    let expect = |groups: &[ResourceKey]| Expect::Groups(user(1), groups.to_vec());
    let ask = async |groups: &[ResourceKey]| {
        stage.store.commit(expecting(commit(&user(1), [put(&user(1))]), expect(groups))).await
    };
    ask(&[group(1)]).await.unwrap();
    assert!(matches!(ask(&[]).await, Err(StoreError::Conflict(key)) if key == group(1)));
    // It joins in the same group of commits.
    let joins = stage.store.commit(commit(&group(2), [join(&group(2), &user(1))]));
    let delete = commit(&user(1), [Write::Delete(user(1))]);
    let goes = stage.store.commit(expecting(delete, expect(&[group(1)])));
    let (joined, gone) = tokio::join!(joins, goes);
    joined.unwrap();
    assert!(matches!(gone, Err(StoreError::Conflict(key)) if key == group(2)));
    ask(&[group(2), group(1)]).await.unwrap();
    stage.write(&group(2), [Write::Delete(group(2))]).await.unwrap();
    ask(&[group(1)]).await.unwrap();
}

/// What is kept aside of a deleted group has its id, and is not the group that its edges belong to.
pub(crate) async fn a_group_kept_aside_has_no_members(stage: Stage) {
    let staff = staff(&stage, 2000).await;
    let kept = key("~Group", 1 + (1 << 64));
    assert_eq!(kept.id, staff.id);
    stage.write(&staff, [put(&kept), Write::Delete(staff.clone())]).await.unwrap();
    // Most of its edges are still to be swept.
    assert_eq!(stage.check(true).await, Vec::<String>::new());
    let exported = stage.export(Some(TENANT)).await;
    assert!(!exported.iter().any(|item| matches!(item, Item::Members(..))));
    assert_eq!(stage.check(false).await, Vec::<String>::new());
}

/// What is swept away changes nothing that events tell of, and must not keep anybody from reading them.
pub(crate) async fn events_are_read_while_nothing_but_a_sweep_is_written(stage: Stage) {
    for number in 1..=3 {
        stage.put(&user(number)).await;
    }
    stage.put(&group(1)).await;
    let joins = (1..=3).map(|number| join(&group(1), &user(number)));
    stage.write(&group(1), joins).await.unwrap();
    stage.write(&group(1), [Write::Delete(group(1))]).await.unwrap();
    for _ in 0..50 {
        assert_eq!(stage.store.events(TENANT, 0, 9).await.unwrap().len(), 6);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

pub(crate) async fn members_come_in_pages(stage: Stage) {
    let staff = staff(&stage, 600).await;
    let mut read: Vec<Reference> = Vec::new();
    loop {
        let page = stage.store.members(&staff, read.last().map(|member| member.id), 256, true).await.unwrap();
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    assert_eq!(read, (1..=600).map(|number| reference(&user(number))).collect::<Vec<_>>());
    let nameless = stage.store.members(&staff, Some(id(598)), 9, false).await.unwrap();
    assert_eq!(nameless.iter().map(|member| member.id).collect::<Vec<_>>(), [id(599), id(600)]);
    assert!(nameless.iter().all(|member| member.display.is_empty()));
    assert!(stage.store.members(&staff, None, 0, true).await.unwrap().is_empty());
    assert!(stage.store.members(&user(1), None, 9, true).await.unwrap().is_empty());
}

pub(crate) async fn groups_of_a_page_of_resources(stage: Stage) {
    let staff = staff(&stage, 400).await;
    for number in [2, 3] {
        stage.put(&group(number)).await;
        let odd = (1..=400).filter(|member| member % number == 1).map(|member| join(&group(number), &user(member)));
        stage.write(&group(number), odd).await.unwrap();
    }
    let expect = |member: u128| {
        let mut groups = vec![staff.id];
        groups.extend([2, 3].iter().filter(|number| member % *number == 1).map(|number| group(*number).id));
        if (1..=400).contains(&member) { groups } else { Vec::new() }
    };
    // Neighbours, a few far apart, strangers between them, more than one call may do at once.
    let pages: [Vec<u128>; 6] =
        [(1..=100).collect(), vec![1, 200, 399], vec![0, 5, 401, 5000], (1..=400).collect(), vec![], vec![900, 901]];
    for page in pages {
        let ids: Vec<_> = page.iter().map(|number| id(*number)).collect();
        let groups = stage.store.groups_of(TENANT, &ids).await.unwrap();
        let found: Vec<Vec<_>> = groups.iter().map(|groups| groups.iter().map(|group| group.id).collect()).collect();
        assert_eq!(found, page.iter().map(|number| expect(*number)).collect::<Vec<_>>(), "{page:?}");
    }
}
