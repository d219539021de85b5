//! Lists: resources by id, events by sequence.

use super::{START, Stage, TENANT, event, id, key, put, user};
use crate::{
    event::Event,
    store::{Start, Write},
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
        ..event(&user(number.into()))
    });
    assert_eq!(events, expect);
    assert_eq!(stage.store.events(TENANT, 0, usize::MAX).await.unwrap().len(), 4);
    assert!(stage.store.events(TENANT, 4, 9).await.unwrap().is_empty());
    assert!(stage.store.events(TENANT, u64::MAX, 9).await.unwrap().is_empty());
}
