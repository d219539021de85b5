//! What is told of who waits, with a clock that is moved.

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::{
    access::Access,
    clock::{Clock, ManualClock},
    deferred::{Deferrals, Deferred},
    event::{Action, Deed, Event},
    operation::Operations,
    store::{ResourceId, Store, sled::SledStore},
    stream::{Stream, Streams},
    tenant::Settings,
    token::Scopes,
    webhook::Sender,
};

struct Place {
    _directory: TempDir,
    time: Arc<ManualClock>,
    context: AdminContext,
    record: TenantRecord,
}

impl Place {
    /// A tenant whose source is its administrator, so that nobody misses a token.
    async fn new(sinks: Option<&[&'static str]>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let time = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&time);
        let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::clone(&clock)).unwrap());
        let access = Arc::new(Access::load(Arc::clone(&store), Arc::clone(&clock)).await.unwrap());
        let settings: Settings = serde_json::from_value(serde_json::json!({"source": {"kind": "manual"}})).unwrap();
        access.directory().create("t", settings, None).await.unwrap();
        let record = access.directory().find("t").await.unwrap();
        access.reload().await.unwrap();
        let operations = Arc::new(Operations::on(Arc::clone(&store), Arc::clone(&clock)));
        let (base, sender) = ("http://localhost".to_owned(), Arc::new(Sender::new(Vec::new())));
        let (by, sinks) = (crate::admin::Administrator::root(), sinks.map(Arc::from));
        let context =
            AdminContext { store, access, clock, operations, base, sender, sinks, by, console: None, requests: None };
        Self { _directory: directory, time, context, record }
    }

    async fn codes(&self) -> Vec<&'static str> {
        of(&self.context, &self.record).await.unwrap().problems.iter().map(|problem| problem.code).collect()
    }
}

#[tokio::test]
async fn without_a_server_nothing_is_in_order() {
    assert_eq!(Place::new(None).await.codes().await, ["NoServer"]);
    assert_eq!(Place::new(Some(&[])).await.codes().await, [""; 0]);
}

#[tokio::test]
async fn a_store_that_refuses_writes_is_told() {
    let place = Place::new(Some(&[])).await;
    place.context.store.metrics().refusing.set(1);
    assert_eq!(place.codes().await, ["WritesRefused"]);
}

/// What is stored is up to a minute old, and who has just given the provider its next token looks at once.
#[tokio::test]
async fn a_successor_in_use_is_known_before_that_is_stored() {
    let Place { time, context, record, .. } = &Place::new(Some(&[])).await;
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    let (directory, name) = (context.directory(), "okta");
    directory.ledger().issue(record, Some(name.to_owned()), Scopes::ALL, days(10)).await.unwrap();
    time.advance(1000);
    let (_, next) = directory.ledger().rotate(record, Some(name), days(365), None).await.unwrap();
    context.access.reload().await.unwrap();
    let codes = async || of(context, record).await.unwrap().problems.iter().map(|one| one.code).collect::<Vec<_>>();
    assert_eq!(codes().await, ["TokenExpires"]);
    let bearer = format!("Bearer {}", next.secret.reveal());
    context.access.authenticate(&record.id.to_string(), Some(&bearer), context.clock.now()).unwrap();
    assert_eq!(codes().await, [""; 0]);
}

#[tokio::test]
async fn a_sink_that_does_not_take_what_is_old_fails() {
    let place = Place::new(Some(&["file"])).await;
    let event = Event::new(Action::Administer, "admin", "Tenant", ResourceId(place.record.id.0));
    let event = Event { deed: Some(Deed::TenantChanged), ..event };
    place.context.directory().tell(place.record.home(), event).await.unwrap();
    assert_eq!(place.codes().await, [""; 0]);
    place.time.advance(2 * 60 * 1000);
    assert_eq!(place.codes().await, ["SinkFailing"]);
    // A server that has no such sink has nothing to take.
    let context = AdminContext { sinks: Some(Arc::default()), ..place.context.clone() };
    assert!(of(&context, &place.record).await.unwrap().problems.is_empty());
}

#[tokio::test]
async fn a_stream_that_nobody_polls_is_told() {
    let place = Place::new(Some(&[])).await;
    let newest = place.context.store.log(place.record.home()).await.unwrap().newest;
    let stream = Stream::new(place.context.operations.fresh_id(), place.record.id, place.record.home(), newest);
    Streams::new(Arc::clone(&place.context.store)).create(&stream).await.unwrap();
    let event = Event::new(Action::Administer, "admin", "Tenant", ResourceId(place.record.id.0));
    let event = Event { deed: Some(Deed::TenantChanged), ..event };
    place.time.advance(40 * 3_600_000);
    assert_eq!(place.codes().await, [""; 0]);
    place.context.directory().tell(place.record.home(), event).await.unwrap();
    place.time.advance(24 * 3_600_000);
    assert_eq!(place.codes().await, [""; 0]);
    place.time.advance(24 * 3_600_000);
    assert_eq!(place.codes().await, ["StreamBehind"]);
}

#[tokio::test]
async fn requests_that_wait_for_long_are_told() {
    let place = Place::new(Some(&[])).await;
    let deferred = Deferred {
        id: ResourceId(uuid::Uuid::new_v4()),
        tenant: place.record.id,
        log: place.record.home(),
        actor: "t".to_owned(),
        name: None,
        writer: None,
        scopes: Scopes::ALL,
        is_client: false,
        base: "https://x/t/scim/v2".to_owned(),
        is_bulk: false,
        at: place.context.clock.now().as_millis(),
        after: 0,
        is_replaced: false,
        process: uuid::Uuid::new_v4(),
        completions: None,
        completed: None,
        operations: None,
        version: 0,
    };
    Deferrals::new(Arc::clone(&place.context.store)).accept(&deferred).await.unwrap();
    assert_eq!(of(&place.context, &place.record).await.unwrap().waiting_requests, 1);
    assert_eq!(place.codes().await, [""; 0]);
    place.time.advance(2 * 60 * 1000);
    assert_eq!(place.codes().await, ["RequestsWaiting"]);
}
