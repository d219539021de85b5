//! Indexes: unique values, ranges, and the order of positions.

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::{START, Stage, TENANT, entry, key, place, put, user};
use crate::store::{IndexEntry, IndexRange, IndexValue, LAST_MODIFIED, Position, StoreError, Values, Write};

fn range(attribute: &str, values: Values, descending: bool) -> IndexRange {
    IndexRange { tenant: TENANT, resource_type: "User".into(), attribute: attribute.into(), values, descending }
}

pub(crate) async fn a_unique_value_has_one_owner(stage: Stage) {
    let name = |number| entry(&user(number), "userName", "anna", true);
    stage.write(&user(1), [put(&user(1)), Write::Index(name(1))]).await.unwrap();
    let outcome = stage.write(&user(2), [put(&user(2)), Write::Index(name(2))]).await;
    assert!(matches!(outcome, Err(StoreError::Taken(taken)) if taken == name(2)));
    stage.write(&user(1), [Write::Index(name(1)), put(&user(1))]).await.unwrap();
    assert_eq!(stage.store.lookup(&name(1).key).await.unwrap(), Some(user(1).id));
    assert_eq!(stage.store.lookup(&place(&user(1), "userName", "ann")).await.unwrap(), None);
    assert_eq!(stage.store.lookup(&place(&key("Group", 1), "userName", "anna")).await.unwrap(), None);
    // Two resources of one commit are two resources.
    let both = [put(&user(3)), put(&user(4))]
        .into_iter()
        .chain([3, 4].map(|number| Write::Index(entry(&user(number), "userName", "bert", true))));
    assert!(matches!(stage.write(&user(3), both).await, Err(StoreError::Taken(_))));
}

pub(crate) async fn a_value_changes_hands_in_one_commit(stage: Stage) {
    let name = |number| entry(&user(number), "userName", "anna", true);
    stage.write(&user(1), [put(&user(1)), Write::Index(name(1))]).await.unwrap();
    let writes = [put(&user(2)), Write::Unindex(name(1)), Write::Index(name(2))];
    stage.write(&user(2), writes).await.unwrap();
    assert_eq!(stage.store.lookup(&name(1).key).await.unwrap(), Some(user(2).id));
    // Who does not have it cannot take it away.
    assert!(!stage.write(&user(1), [Write::Unindex(name(1))]).await.unwrap().changed);
    assert_eq!(stage.store.lookup(&name(1).key).await.unwrap(), Some(user(2).id));
}

pub(crate) async fn an_entry_can_change_its_sort(stage: Stage) {
    let name = |number, unique| entry(&user(number), "displayName", "staff", unique);
    for number in [1, 2] {
        stage.write(&user(number), [put(&user(number)), Write::Index(name(number, false))]).await.unwrap();
    }
    assert_eq!(stage.store.lookup(&name(1, false).key).await.unwrap(), None);
    // While another has the value, however it has it, it cannot become unique.
    let outcome = stage.write(&user(1), [Write::Index(name(1, true))]).await;
    assert!(matches!(outcome, Err(StoreError::Taken(_))));
    stage.write(&user(2), [Write::Unindex(name(2, false))]).await.unwrap();
    let version = stage.header(&user(1)).await.unwrap().version;
    assert!(stage.write(&user(1), [Write::Index(name(1, true))]).await.unwrap().changed);
    assert_eq!(stage.store.lookup(&name(1, true).key).await.unwrap(), Some(user(1).id));
    // An entry alone is no new version.
    assert_eq!(stage.header(&user(1)).await.unwrap().version, version);
    stage.write(&user(1), [Write::Index(name(1, false))]).await.unwrap();
    assert_eq!(stage.store.lookup(&name(1, true).key).await.unwrap(), None);
    let positions = stage.store.index(&range("displayName", Values::All, false), None, 9).await.unwrap();
    assert_eq!(positions.len(), 1);
    stage.write(&user(1), [Write::Unindex(name(1, true))]).await.unwrap();
    assert_eq!(stage.store.index_count(&range("displayName", Values::All, false), 9).await.unwrap(), 0);
}

/// Values of two users each, in order; some are the beginning of others, and some hold zeros.
const VALUES: &[&[u8]] = &[b"", b"\x00", b"\x00\xFF", b"a", b"a\x00", b"a\x00\x00", b"ab", b"b", b"\xFF", b"\xFF\xFF"];

async fn index_values(stage: &Stage) -> Vec<Position> {
    let mut positions = Vec::new();
    for (number, value) in (1..).zip(VALUES.iter().chain(VALUES)) {
        let owner = user(number);
        let value = IndexValue(value.to_vec());
        let mut at = place(&owner, "title", "");
        at.value = value.clone();
        let entry = IndexEntry { key: at, id: owner.id, unique: false };
        stage.write(&owner, [put(&owner), Write::Index(entry)]).await.unwrap();
        positions.push(Position { value, id: owner.id });
    }
    // A neighbour whose name begins the same way.
    stage.write(&user(1), [Write::Index(entry(&user(1), "titles", "a", false))]).await.unwrap();
    positions.sort();
    positions
}

pub(crate) async fn ranges_give_what_they_name(stage: Stage) {
    let all = index_values(&stage).await;
    let mut table = vec![(Values::All, all.clone())];
    for bound in VALUES {
        let value = || IndexValue(bound.to_vec());
        let mut add = |values, belongs: &dyn Fn(&[u8]) -> bool| {
            table.push((values, all.iter().filter(|position| belongs(&position.value.0)).cloned().collect()));
        };
        add(Values::Equal(value()), &|v| v == *bound);
        add(Values::Prefix(value()), &|v| v.starts_with(bound));
        add(Values::Between(Included(value()), Unbounded), &|v| v >= *bound);
        add(Values::Between(Excluded(value()), Unbounded), &|v| v > *bound);
        add(Values::Between(Unbounded, Included(value())), &|v| v <= *bound);
        add(Values::Between(Unbounded, Excluded(value())), &|v| v < *bound);
        add(Values::Between(Excluded(IndexValue(b"ab".into())), Excluded(value())), &|v| {
            b"ab".as_slice() < v && v < *bound
        });
    }
    for (values, mut expect) in table {
        let ascending = range("title", values.clone(), false);
        assert_eq!(stage.store.index(&ascending, None, 99).await.unwrap(), expect, "{values:?}");
        for place in 0..=expect.len() {
            let at = stage.store.index_at(&ascending, place as u64).await.unwrap();
            assert_eq!(at.as_ref(), expect.get(place), "{values:?} {place}");
        }
        assert_eq!(stage.store.index_count(&ascending, 99).await.unwrap(), expect.len() as u64, "{values:?}");
        expect.reverse();
        let descending = range("title", values.clone(), true);
        assert_eq!(stage.store.index(&descending, None, 99).await.unwrap(), expect, "{values:?} descending");
        for place in 0..=expect.len() {
            let at = stage.store.index_at(&descending, place as u64).await.unwrap();
            assert_eq!(at.as_ref(), expect.get(place), "{values:?} {place} descending");
        }
    }
    assert_eq!(stage.store.index_count(&range("title", Values::All, false), 3).await.unwrap(), 3);
    assert_eq!(stage.store.index_count(&range("title", Values::All, false), 0).await.unwrap(), 0);
}

pub(crate) async fn pages_follow_each_other(stage: Stage) {
    let all = index_values(&stage).await;
    for descending in [false, true] {
        let range = range("title", Values::Prefix(IndexValue(b"a".into())), descending);
        let mut expect: Vec<_> = all.iter().filter(|position| position.value.0.starts_with(b"a")).cloned().collect();
        if descending {
            expect.reverse();
        }
        let mut read: Vec<Position> = Vec::new();
        loop {
            let page = stage.store.index(&range, read.last(), 3).await.unwrap();
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, expect);
    }
    // A position that is gone, or never was, is a place all the same.
    let nowhere = Position { value: IndexValue(b"a\x00".into()), id: user(999).id };
    let page = stage.store.index(&range("title", Values::All, false), Some(&nowhere), 1).await.unwrap();
    assert_eq!(page[0].value, IndexValue(b"a\x00\x00".into()));
}

pub(crate) async fn last_modified_is_kept_by_the_store(stage: Stage) {
    for number in [1, 2, 3] {
        stage.put(&user(number)).await;
        stage.clock.advance(10);
    }
    stage.put(&user(1)).await;
    stage.write(&user(2), [Write::Delete(user(2))]).await.unwrap();
    let newest = range(LAST_MODIFIED, Values::All, true);
    let read = stage.store.index(&newest, None, 9).await.unwrap();
    let expect = [(30, 1), (20, 3)].map(|(after, number)| Position {
        value: IndexValue::instant(scim_protocol::Timestamp::from_millis(START.as_millis() + after)),
        id: user(number).id,
    });
    assert_eq!(read, expect);
}

pub(crate) async fn an_entry_needs_its_resource(stage: Stage) {
    let title = Write::Index(entry(&user(1), "title", "x", false));
    assert!(matches!(stage.write(&user(1), [title.clone()]).await, Err(StoreError::Missing(_))));
    // The order in which a resource and its entries come does not matter.
    stage.write(&user(1), [title, put(&user(1))]).await.unwrap();
    assert_eq!(stage.store.index_count(&range("title", Values::All, false), 9).await.unwrap(), 1);
}

pub(crate) async fn entries_that_come_and_go_are_no_change(stage: Stage) {
    let name = |unique| entry(&user(1), "userName", "anna", unique);
    let (come, go) = (|unique| Write::Index(name(unique)), |unique| Write::Unindex(name(unique)));
    let header = stage.put(&user(1)).await;
    let change = async |writes: Vec<Write>| {
        let before = stage.export(None).await;
        let done = stage.write(&user(1), writes.clone()).await.unwrap();
        assert_eq!(done.header, Some(header));
        assert_eq!(stage.export(None).await != before, done.changed, "{writes:?}");
        assert_eq!(done.sequence > 0, done.changed, "{writes:?}");
        done.changed
    };
    assert!(!change(vec![come(true), go(true)]).await);
    assert!(!change(vec![come(true), come(false), go(true)]).await);
    assert_eq!(stage.store.lookup(&name(true).key).await.unwrap(), None);
    assert!(change(vec![come(true)]).await);
    assert!(!change(vec![come(true)]).await);
    assert!(!change(vec![go(true), come(true)]).await);
    assert!(!change(vec![come(false), come(true)]).await);
    assert_eq!(stage.store.lookup(&name(true).key).await.unwrap(), Some(user(1).id));
    assert!(change(vec![go(true), come(false)]).await);
    // Of a resource that does not exist, too.
    let stranger = || entry(&user(2), "userName", "bert", true);
    assert!(!change(vec![Write::Index(stranger()), Write::Unindex(stranger())]).await);
}
