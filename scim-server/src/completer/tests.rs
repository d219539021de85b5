//! What a dead process has left, what one that was only held up may still do (nothing), and what is not done any more.

use std::{sync::Arc, time::Duration};

use scim_protocol::{ErrorKind, Timestamp, message::BulkRequest};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::Completer;
use crate::{
    access::Access,
    clock::{Clock, ManualClock},
    deferred::{Deferrals, Deferred, MOST_WAITING},
    event::{Action, Deed, Event, Json},
    operation::{
        Operations,
        deferred::{Claim, Executed, REQUEST, as_bulk},
    },
    ssf,
    store::{ResourceId, Store, TenantId, sled::SledStore},
    tenant::{Settings, Tenant, TenantRecord},
    token::Scopes,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A tenant with a token, and what completes its requests.
struct Place {
    _directory: TempDir,
    time: Arc<ManualClock>,
    store: Arc<dyn Store>,
    access: Arc<Access>,
    record: TenantRecord,
    tenant: Arc<Tenant>,
    token: String,
    operations: Arc<Operations>,
    completer: Arc<Completer>,
}

impl Place {
    async fn with(settings: Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let time = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&time);
        let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::clone(&clock)).unwrap());
        let access = Arc::new(Access::load(Arc::clone(&store), Arc::clone(&clock)).await.unwrap());
        access.directory().create("t", settings, None).await.unwrap();
        let record = access.directory().find("t").await.unwrap();
        let issued = access.directory().ledger().issue(&record, None, Scopes::ALL, DAY).await.unwrap();
        access.reload().await.unwrap();
        let tenant = access.tenants().pop().unwrap();
        let operations = Arc::new(Operations::on(Arc::clone(&store), clock));
        let completer = Arc::new(Completer::new(Arc::clone(&operations), Arc::clone(&access)));
        let token = issued.token.id.to_string();
        Self { _directory: directory, time, store, access, record, tenant, token, operations, completer }
    }

    /// A request that another process has accepted.
    async fn request(&self, name: &str) -> Deferred {
        let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name});
        let deferred = Deferred {
            id: ResourceId(Uuid::new_v4()),
            tenant: self.tenant.id,
            log: self.tenant.home,
            actor: self.token.clone(),
            name: None,
            writer: None,
            scopes: Scopes::ALL,
            is_client: false,
            base: "https://x/t/scim/v2".to_owned(),
            is_bulk: false,
            at: self.operations.clock.now().as_millis(),
            after: self.store.log(self.tenant.home).await.unwrap().newest,
            is_replaced: false,
            process: Uuid::new_v4(),
            completions: None,
            completed: None,
            operations: Json::of(&as_bulk("POST", "/Users", None, Some(user))),
            version: 1,
        };
        Deferrals::new(Arc::clone(&self.store)).accept(&deferred).await.unwrap();
        deferred
    }

    /// Takes over what was left, and gives the events that tell of the completion.
    async fn completed(&self, deferred: &Deferred) -> Vec<Event> {
        self.completer.look().await.unwrap();
        while self.completer.is_running(deferred.id) {
            tokio::task::yield_now().await;
        }
        let kept = self.completer.deferrals().get(deferred.id).await.unwrap().unwrap();
        let mut told = Vec::new();
        for number in kept.completions.unwrap() {
            told.extend(self.store.events(kept.log, number - 1, 1).await.unwrap());
        }
        assert!(told.iter().all(|event| event.deed == Some(Deed::RequestCompleted)));
        told
    }

    async fn log(&self, after: u64) -> Vec<Event> {
        self.store.events(self.tenant.home, after, 100).await.unwrap()
    }
}

/// The one operation of a request.
fn operation(deferred: &Deferred) -> scim_protocol::message::BulkOperation {
    let request = serde_json::from_str(deferred.operations.as_ref().unwrap().text()).unwrap();
    BulkRequest::parse(request).unwrap().operations.remove(0).unwrap()
}

/// What an event of a completion says of its operation.
fn result(event: &Event) -> Value {
    serde_json::from_str::<Value>(event.values.as_ref().unwrap().document.text()).unwrap()["operation"].clone()
}

#[tokio::test]
async fn what_was_done_before_is_not_done_again_and_whoever_did_it_can_do_no_more() {
    let place = Place::with(Settings::default()).await;
    let deferred = place.request("anna").await;

    // A process does it, and is held up before it has told of it.
    let version = place.completer.deferrals().claim(&deferred).await.unwrap();
    let claim = Claim::new(&deferred, version, Executed::default(), None);
    let context = place.completer.context(&deferred, &place.tenant, claim);
    let (first, _) = place.operations.one(&context, operation(&deferred)).await;
    assert_eq!(first.status, 201);

    // Another takes it over.
    let completed = place.completed(&deferred).await;
    let log = place.log(deferred.after).await;
    let created: Vec<_> = log.iter().filter(|event| event.action == Action::Create && event.deed.is_none()).collect();
    let told = log.iter().filter(|event| event.deed == Some(Deed::RequestCompleted)).count();
    assert_eq!((created.len(), completed.len(), told), (1, 1, 1));
    assert_eq!(completed[0].target, created[0].target);
    let done = result(&completed[0]);
    assert_eq!((&done["location"], &done["status"]), (&json!(first.location), &json!("201")));

    // What the first still tries is refused: also what it would tell.
    let (again, _) = place.operations.one(&context, operation(&deferred)).await;
    assert!(again.status >= 400, "{}", again.status);
    assert!(place.operations.tell_completion(&context, &deferred, &[(0, first)]).await.is_err());
    assert_eq!(place.log(deferred.after).await.len(), log.len());
}

/// An adoption is told in the log as a PUT, and the request was a POST.
#[tokio::test]
async fn who_was_taken_over_before_a_kill_is_known_after_it() {
    let adopt = serde_json::from_value(json!({"adopt": "userName"})).unwrap();
    let place = Place::with(adopt).await;
    // Somebody else has made her.
    let by_another = Deferred { actor: Uuid::new_v4().to_string(), ..place.request("anna").await };
    let version = place.completer.deferrals().claim(&by_another).await.unwrap();
    let claim = Claim::new(&by_another, version, Executed::default(), None);
    let context = place.completer.context(&by_another, &place.tenant, claim);
    let (made, _) = place.operations.one(&context, operation(&by_another)).await;
    place.completer.deferrals().remove(&by_another).await.unwrap();

    let deferred = place.request("anna").await;
    let version = place.completer.deferrals().claim(&deferred).await.unwrap();
    let claim = Claim::new(&deferred, version, Executed::default(), None);
    let context = place.completer.context(&deferred, &place.tenant, claim);
    let (first, _) = place.operations.one(&context, operation(&deferred)).await;
    assert_eq!((first.status, &first.location), (201, &made.location));

    let completed = place.completed(&deferred).await;
    let done = result(&completed[0]);
    assert_eq!((&done["location"], &done["status"]), (&json!(made.location), &json!("201")));
    let log = place.log(deferred.after).await;
    assert_eq!(log.iter().filter(|event| event.action == Action::Replace).count(), 1);
    assert!(log.iter().all(|event| event.action != Action::Create || event.deed.is_some()));
}

/// The request is told to be refused with that status, and has changed nothing.
async fn check_refused(place: &Place, deferred: &Deferred, status: &str) {
    let completed = place.completed(deferred).await;
    let done = result(&completed[0]);
    assert_eq!((&done["status"], &done["response"]["status"]), (&json!(status), &json!(status)), "{done}");
    // Nobody was made, so the event is about the request.
    assert_eq!((completed[0].resource_type.as_str(), completed[0].target), (REQUEST, deferred.id));
    let token = ssf::completion(&completed[0], "https://x", "https://x", "1").unwrap();
    assert_eq!(token["sub_id"], json!({"format": "scim", "uri": "/Users"}));
    let log = place.log(deferred.after).await;
    assert!(log.iter().all(|event| event.action != Action::Create || event.deed.is_some()), "{log:?}");
}

#[tokio::test]
async fn what_lets_nobody_in_ends_what_waits() {
    let place = Place::with(Settings::default()).await;
    let deferred = place.request("anna").await;
    place.time.advance(2 * i64::try_from(DAY.as_millis()).unwrap());
    check_refused(&place, &deferred, "401").await;

    let place = Place::with(Settings::default()).await;
    let deferred = place.request("anna").await;
    let token = ResourceId::parse(&place.token).unwrap();
    place.access.directory().ledger().revoke(place.record.id, token).await.unwrap();
    place.access.reload().await.unwrap();
    check_refused(&place, &deferred, "401").await;

    let place = Place::with(Settings::default()).await;
    let deferred = place.request("anna").await;
    place.access.directory().set_disabled(place.record.clone(), true).await.unwrap();
    place.access.reload().await.unwrap();
    check_refused(&place, &deferred, "403").await;

    // It is a client that is not there.
    let place = Place::with(Settings::default()).await;
    let deferred = place.request("anna").await;
    let of_client = Deferred { is_client: true, ..deferred.clone() };
    place.completer.deferrals().keep(&deferred, &of_client).await.unwrap();
    check_refused(&place, &deferred, "401").await;
}

#[tokio::test]
async fn what_was_done_before_its_token_was_deleted_is_told_as_done() {
    let place = Place::with(Settings::default()).await;
    let deferred = place.request("anna").await;
    let version = place.completer.deferrals().claim(&deferred).await.unwrap();
    let claim = Claim::new(&deferred, version, Executed::default(), None);
    let context = place.completer.context(&deferred, &place.tenant, claim);
    assert_eq!(place.operations.one(&context, operation(&deferred)).await.0.status, 201);
    let token = ResourceId::parse(&place.token).unwrap();
    place.access.directory().ledger().revoke(place.record.id, token).await.unwrap();
    let completed = place.completed(&deferred).await;
    assert_eq!(result(&completed[0])["status"], "201");
}

/// A completion can be fetched for a day from when it is there, however long the request has waited for a process.
#[tokio::test]
async fn what_was_completed_late_is_kept_as_long() {
    let place = Place::with(Settings::default()).await;
    let deferred = place.request("anna").await;
    place.time.advance(2 * i64::try_from(DAY.as_millis()).unwrap());
    place.completed(&deferred).await;
    place.time.advance(i64::try_from(DAY.as_millis()).unwrap() - 1);
    place.completer.look().await.unwrap();
    assert!(place.completer.deferrals().get(deferred.id).await.unwrap().is_some());
    place.time.advance(2);
    place.completer.look().await.unwrap();
    assert!(place.completer.deferrals().get(deferred.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_request_of_a_tenant_that_was_replaced_is_told_in_the_new_log() {
    let place = Place::with(Settings::default()).await;
    let deferred = place.request("anna").await;
    let before = Deferred { log: TenantId(Uuid::new_v4()), after: 1000, ..deferred.clone() };
    place.completer.deferrals().keep(&deferred, &before).await.unwrap();
    check_refused(&place, &deferred, "410").await;
}

#[tokio::test]
async fn a_request_more_than_may_wait_is_refused() {
    let place = Place::with(Settings::default()).await;
    let mut waiting = Vec::new();
    for number in 0..MOST_WAITING {
        place.completer.require_room(place.tenant.id).await.unwrap();
        waiting.push(place.request(&format!("user{number}")).await);
    }
    let refused = place.completer.require_room(place.tenant.id).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable(5));
    // Another tenant has room of its own.
    place.completer.require_room(TenantId(Uuid::new_v4())).await.unwrap();
    place.completed(&waiting[0]).await;
    place.completer.require_room(place.tenant.id).await.unwrap();
}
