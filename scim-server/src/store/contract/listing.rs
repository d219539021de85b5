//! Lists: resources by id, events by sequence.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{START, Stage, TENANT, body, commit, entry, event, group, id, join, key, put, user};
use crate::{
    event::Event,
    store::{
        Body, Commit, IndexRange, LAST_MODIFIED, PAGE_BYTES, Page, Position, Record, ResourceId, Start, Store, Values,
        Write,
    },
};

pub(crate) async fn pages_go_both_ways(stage: Stage) {
    for number in [7, 1, 3, 9, 5] {
        stage.put(&user(number)).await;
    }
    stage.put(&key("UserX", 4)).await;
    stage.put(&key("Use", 6)).await;
    stage.write(&user(7), [Write::Delete(user(7))]).await.unwrap();
    let table: [(Start, usize, &[u128]); 12] = [
        (Start::Offset(0), 9, &[1, 3, 5, 9]),
        (Start::Offset(1), 2, &[3, 5]),
        (Start::Offset(4), 2, &[]),
        (Start::Offset(u64::MAX), 2, &[]),
        (Start::After(id(1)), 2, &[3, 5]),
        (Start::After(id(7)), 2, &[9]),
        (Start::After(id(9)), 2, &[]),
        (Start::After(id(0)), usize::MAX, &[1, 3, 5, 9]),
        (Start::Before(id(9)), 2, &[3, 5]),
        (Start::Before(id(4)), 9, &[1, 3]),
        (Start::Before(id(1)), 9, &[]),
        (Start::Offset(0), 0, &[]),
    ];
    for (from, limit, expect) in table {
        let page = stage.store.resources(TENANT, &"User".into(), from, limit).await.unwrap();
        let ids: Vec<_> = page.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, expect.iter().map(|number| id(*number)).collect::<Vec<_>>(), "{from:?} {limit}");
        for (id, record) in page {
            assert_eq!(record.body.display(), format!("User {id}"));
        }
    }
    assert_eq!(stage.store.count(TENANT, &"User".into()).await.unwrap(), 4);
    assert_eq!(stage.store.count(TENANT, &"Printer".into()).await.unwrap(), 0);
}

/// However large resources and names are, a read gives a bounded number of bytes, and a walk sees all of them.
pub(crate) async fn a_page_ends_by_its_bytes(stage: Stage) {
    const MANY: u128 = 7;
    let large = || "x".repeat(PAGE_BYTES / 2 - 10);
    stage.put(&group(1)).await;
    for number in 1..=MANY {
        stage.clock.advance(1);
        let key = user(number);
        let hidden = large().into();
        let writes = [
            Write::Put(key.clone(), Body { hidden, ..body(&large(), "") }),
            Write::Index(entry(&key, "title", "clerk", false)),
            join(&group(1), &key),
        ];
        stage.write(&key, writes).await.unwrap();
    }
    let all: Vec<_> = (1..=MANY).map(id).collect();
    let backward: Vec<_> = all.iter().rev().copied().collect();
    let store = &stage.store;
    // Two of them have more than a page together, and one has less.
    let resources = async |last: Option<&(ResourceId, Record)>| {
        let from = last.map_or(Start::Offset(0), |(id, _)| Start::After(*id));
        store.resources(TENANT, &"User".into(), from, 99).await.unwrap()
    };
    assert_eq!(walked(resources, |(id, _)| *id, 2).await, all);
    let offset = store.resources(TENANT, &"User".into(), Start::Offset(3), 99).await.unwrap();
    assert_eq!(offset.iter().map(|(id, _)| *id).collect::<Vec<_>>(), all[3..5]);
    let before = store.resources(TENANT, &"User".into(), Start::Before(id(6)), 99).await.unwrap();
    assert_eq!(before.iter().map(|(id, _)| *id).collect::<Vec<_>>(), all[3..5]);
    for (attribute, descending) in [("title", false), ("title", true), (LAST_MODIFIED, false), (LAST_MODIFIED, true)] {
        let attribute = attribute.into();
        let range =
            IndexRange { tenant: TENANT, resource_type: "User".into(), attribute, values: Values::All, descending };
        let indexed = async |last: Option<&(Position, Option<Record>)>| {
            store.indexed(&range, last.map(|(position, _)| position), 99).await.unwrap()
        };
        let expect = if descending { &backward } else { &all };
        assert_eq!(walked(indexed, |(position, _)| position.id, 2).await, *expect, "{range:?}");
    }
    let members = async |last: Option<&crate::store::Reference>| {
        store.members(&group(1), last.map(|member| member.id), 99, true).await.unwrap()
    };
    // Names alone have half as many bytes.
    assert_eq!(walked(members, |member| member.id, 3).await, all);
    assert_eq!(stage.members(&group(1)).await, all);
}

/// All that a walk finds, each of whose pages but the last has so many items.
async fn walked<T>(
    page: impl AsyncFn(Option<&T>) -> Page<T>,
    id_of: impl Fn(&T) -> ResourceId,
    of_a_page: usize,
) -> Vec<ResourceId> {
    let mut found: Vec<T> = Vec::new();
    loop {
        let Page { items, done } = page(found.last()).await;
        assert!(items.len() == of_a_page || done, "{} of {of_a_page}", items.len());
        found.extend(items);
        if done {
            return found.iter().map(id_of).collect();
        }
    }
}

pub(crate) async fn events_follow_each_other(stage: Stage) {
    for number in 1..=4 {
        stage.clock.advance(1);
        stage.write(&user(number), [put(&user(number))]).await.unwrap();
    }
    let events = stage.store.events(TENANT, 1, 2).await.unwrap();
    let expect = [2, 3].map(|number: u32| Event {
        sequence: number.into(),
        at: START.as_millis() + i64::from(number),
        version: 1,
        previous_version: Some(0),
        ..event(&user(number.into()))
    });
    assert_eq!(events, expect);
    assert_eq!(stage.store.events(TENANT, 0, usize::MAX).await.unwrap().len(), 4);
    assert!(stage.store.events(TENANT, 4, 9).await.unwrap().is_empty());
    assert!(stage.store.events(TENANT, u64::MAX, 9).await.unwrap().is_empty());
}

pub(crate) async fn events_about_a_resource_are_found(stage: Stage) {
    for number in 1..=6 {
        stage.write(&user(number % 3 + 1), [put(&user(number % 3 + 1))]).await.unwrap();
    }
    let look = async |id, after, until| {
        let look = stage.store.events_about(TENANT, id, after, until).await.unwrap();
        (look.events.iter().map(|event| event.sequence).collect::<Vec<_>>(), look.until)
    };
    let id = user(2).id;
    assert_eq!(look(id, 0, 6).await, (vec![1, 4], 6));
    assert_eq!(look(id, 1, 6).await, (vec![4], 6));
    assert_eq!(look(id, 0, 3).await, (vec![1], 3));
    assert_eq!(look(id, 4, 6).await, (vec![], 6));
    assert_eq!(look(id, 0, 100).await, (vec![1, 4], 100));
    assert_eq!(look(user(9).id, 0, 6).await, (vec![], 6));
    // Where a look ends by its bytes, it says how far it came, and the next goes on there.
    let long = |event: Event| Event { attributes: vec!["x".repeat(PAGE_BYTES / 2 + 1)], ..event };
    for _ in 0..4 {
        let told = commit(&user(2), [put(&user(2))]);
        stage.store.commit(Commit { event: told.event.clone().map(long), ..told }).await.unwrap();
    }
    let (mut found, mut after) = (Vec::new(), 0);
    while after < 10 {
        let (some, until) = look(id, after, 10).await;
        assert!(until > after && some.len() < 6, "{some:?} {until}");
        found.extend(some);
        after = until;
    }
    assert_eq!(found, [1, 4, 7, 8, 9, 10]);
}

pub(crate) async fn places_are_kept_while_others_write(stage: Stage) {
    places_are_those_of_one_state(&stage.store, &stage.store).await;
}

/// While one writes, another asks what stands at a place. Each commit puts three users before all others, so what
/// is found tells how many commits were counted: no fewer than were answered before the question, no more than
/// were begun before the answer, and each of them whole.
pub(crate) async fn places_are_those_of_one_state(writer: &Arc<dyn Store>, reader: &Arc<dyn Store>) {
    const LASTING: u64 = 40;
    const COMMITS: u64 = 60;
    let name = |number: u128| entry(&user(number), "name", &format!("{number:06}"), false);
    let with_name = move |number: u128| [put(&user(number)), Write::Index(name(number))];
    // What an earlier round has left stands behind.
    let before = writer.count(TENANT, &"User".into()).await.unwrap();
    let lowest = 500_000 - 1000 * u128::from(before);
    for number in 0..u128::from(LASTING) {
        writer.commit(commit(&user(lowest + number), with_name(lowest + number))).await.unwrap();
    }
    let (begun, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let writing = {
        let (writer, begun, answered) = (Arc::clone(writer), Arc::clone(&begun), Arc::clone(&answered));
        async move {
            for round in 1..=u128::from(COMMITS) {
                let first = lowest - 3 * round;
                begun.store(u64::try_from(round).unwrap(), Ordering::SeqCst);
                let writes = (first..first + 3).flat_map(with_name);
                writer.commit(commit(&user(first), writes)).await.unwrap();
                answered.store(u64::try_from(round).unwrap(), Ordering::SeqCst);
            }
        }
    };
    let range = IndexRange {
        tenant: TENANT,
        resource_type: "User".into(),
        attribute: "name".into(),
        values: Values::All,
        descending: false,
    };
    let asking = async {
        let mut last = false;
        while !last {
            last = answered.load(Ordering::SeqCst) == COMMITS;
            for question in 0..3 {
                let least = answered.load(Ordering::SeqCst);
                let place = 3 * least + LASTING / 2;
                let counted = match question {
                    0 => {
                        let page = reader.resources(TENANT, &"User".into(), Start::Offset(place), 2).await.unwrap();
                        assert_eq!(page[1].0.0.as_u128(), page[0].0.0.as_u128() + 1);
                        u128::from(place) + lowest - page[0].0.0.as_u128()
                    }
                    1 => {
                        let found = reader.index_at(&range, place).await.unwrap().unwrap();
                        u128::from(place) + lowest - found.id.0.as_u128()
                    }
                    _ => {
                        let all = reader.index_count(&range, u64::MAX).await.unwrap();
                        u128::from(all - before - LASTING)
                    }
                };
                let most = begun.load(Ordering::SeqCst);
                assert!(
                    counted % 3 == 0 && (u128::from(least)..=u128::from(most)).contains(&(counted / 3)),
                    "question {question}: {counted} users of {least} to {most} commits"
                );
            }
        }
    };
    futures_util::future::join(tokio::spawn(writing), asking).await.0.unwrap();
}
