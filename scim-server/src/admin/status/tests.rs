//! What is told of who waits, with a clock that is moved.

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::{
    access::Access,
    clock::{Clock, ManualClock},
    deferred::{Deferrals, Deferred},
    event::{Action, Deed, Event},
    oauth::Scope,
    operation::Operations,
    setup_link::{Allows, NewLink},
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
    let (directory, name) = (context.directory(), "okta");
    directory.ledger().issue(record, Some(name.to_owned()), Scopes::ALL, days(10)).await.unwrap();
    time.advance(1000);
    let (_, next) = directory.ledger().rotate(record, Some(name), Some(days(365)), None).await.unwrap();
    context.access.reload().await.unwrap();
    let codes = async || of(context, record).await.unwrap().problems.iter().map(|one| one.code).collect::<Vec<_>>();
    assert_eq!(codes().await, ["TokenExpires"]);
    let bearer = format!("Bearer {}", next.secret.reveal());
    context.access.authenticate(&record.id.to_string(), Some(&bearer), context.clock.now()).unwrap();
    assert_eq!(codes().await, [""; 0]);
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

/// What `status` says of tokens and secrets that live for a month at most, from the day on which they are made.
#[tokio::test]
async fn what_was_just_replaced_is_told_of_once() {
    let Place { time, context, record, .. } = &Place::new(Some(&[])).await;
    let directory = context.directory();
    let (ledger, clients) = (directory.ledger(), directory.clients());
    let details = async || {
        let problems = of(context, record).await.unwrap().problems;
        problems.into_iter().map(|one| one.detail).collect::<Vec<_>>()
    };
    let old = ledger.issue(record, Some("okta".to_owned()), Scopes::ALL, days(25)).await.unwrap().token;
    let (client, secret) = clients.create(record, "entra", Scope::SCIM, Some(days(25))).await.unwrap();
    let secret = secret.unwrap().record;
    assert_eq!(details().await, [""; 0], "nobody has to act on the first day");
    time.advance(17 * 86_400_000);
    let told = details().await;
    let rotations =
        [format!("token rotate --tenant t {}`", old.id), format!("client rotate --tenant t {}`", client.id)];
    assert!(told.len() == 2 && told.iter().zip(&rotations).all(|(one, rotate)| one.contains(rotate)), "{told:?}");

    let (_, next) = ledger.rotate(record, Some("okta"), None, Some(days(7))).await.unwrap();
    let (client, other, _) = clients.rotate(client, None, Some(days(7))).await.unwrap();
    assert_eq!([next.token.days_left(time.now()), other.record.days_left(time.now())], [25, 25]);
    let told = details().await;
    let given = [next.token.id, other.record.id].map(|id| format!("ends in 7 days: the next one, {id}, was not used"));
    assert!(told.len() == 2 && told.iter().zip(&given).all(|(one, next)| one.contains(next)), "{told:?}");
    // A third is refused, with what can be done.
    for which in ["okta", &old.id.to_string(), &next.token.id.to_string()] {
        let why = ledger.rotate(record, Some(which), None, None).await.unwrap_err().to_string();
        let until = Timestamp::from_millis(time.now().as_millis() + 7 * 86_400_000).to_string();
        assert!(why.contains(&format!("token delete {}", old.id)) && why.contains(&until), "{why}");
    }
    let why = clients.rotate(client, None, None).await.unwrap_err().to_string();
    assert!(why.contains(&format!("client secret delete entra {}", secret.id)), "{why}");
    // What is in use is given to nobody any more; what has ended goes.
    ledger.note_uses(&[(next.token.id, time.now().as_millis())]).await.unwrap();
    assert!(details().await.iter().all(|one| !one.contains("okta")));
    time.advance(8 * 86_400_000);
    let told = details().await;
    assert!(told.iter().any(|one| one.contains(&format!("token delete --tenant t {}`", old.id))), "{told:?}");
}

/// A tenant that nobody was ever let in to misses nobody: it waits for whoever has a link, or nobody can begin.
#[tokio::test]
async fn a_tenant_that_never_had_a_token_does_not_fail() {
    let Place { time, context, .. } = &Place::new(Some(&[])).await;
    context.access.directory().create("new", Settings::default(), None).await.unwrap();
    let record = context.directory().find("new").await.unwrap();
    context.access.reload().await.unwrap();
    let stands = async || {
        let status = of(context, &record).await.unwrap();
        (status.state, status.problems.into_iter().map(|one| (one.code, one.detail)).collect::<Vec<_>>())
    };
    let (state, problems) = stands().await;
    assert_eq!((state, problems[0].0, problems.len()), (State::Warning, "NotConnected", 1));
    for way in ["token create --tenant new`", "setup-link create --tenant new`"] {
        assert!(problems[0].1.contains(way), "{problems:?}");
    }
    let link = NewLink { name: Some("acme-it"), allows: Allows::default(), lifetime: days(7) };
    let (link, _) = context.setup_links().create(record.id, link).await.unwrap();
    let (state, problems) = stands().await;
    assert_eq!((state, problems[0].0, problems.len()), (State::New, "SetupLinkWaits", 1));
    let until = Timestamp::from_millis(link.expires).to_string();
    assert!(problems[0].1.contains("acme-it") && problems[0].1.contains(&until), "{problems:?}");
    time.advance(8 * 86_400_000);
    assert_eq!(stands().await.0, State::Warning, "the link has ended");
    // One that has ended was there.
    context.directory().ledger().issue(&record, None, Scopes::ALL, days(1)).await.unwrap();
    assert_eq!(stands().await, (State::New, vec![]));
    time.advance(2 * 86_400_000);
    let (state, problems) = stands().await;
    assert_eq!((state, problems[0].0), (State::Failing, "NoToken"), "{problems:?}");
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
