//! What a dead process has left, and what one that was only held up may still do: nothing.

use std::sync::Arc;

use scim_protocol::{Timestamp, message::BulkRequest};
use serde_json::json;
use uuid::Uuid;

use super::Completer;
use crate::{
    access::Access,
    clock::{Clock, ManualClock},
    deferred::{Deferrals, Deferred},
    event::{Action, Deed, Json},
    operation::{
        Operations,
        deferred::{Claim, Executed, as_bulk},
    },
    store::{ResourceId, Store, sled::SledStore},
    tenant::{Settings, Tenant},
    token::Scopes,
};

fn request(operations: &Operations, tenant: &Tenant, after: u64) -> Deferred {
    let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "anna"});
    Deferred {
        id: ResourceId(Uuid::new_v4()),
        tenant: tenant.id,
        log: tenant.home,
        actor: "t".to_owned(),
        name: None,
        scopes: Scopes::ALL,
        is_client: false,
        base: "https://x/t/scim/v2".to_owned(),
        is_bulk: false,
        at: operations.clock.now().as_millis(),
        after,
        process: Uuid::new_v4(),
        completions: None,
        operations: Json::of(&as_bulk("POST", "/Users", None, Some(user))),
        version: 1,
    }
}

#[tokio::test]
async fn what_was_done_before_is_not_done_again_and_whoever_did_it_can_do_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let time: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
    let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::clone(&time)).unwrap());
    let access = Arc::new(Access::load(Arc::clone(&store), Arc::clone(&time)).await.unwrap());
    access.directory().create("t", Settings::default(), None).await.unwrap();
    access.reload().await.unwrap();
    let tenant = access.tenants().pop().unwrap();
    let operations = Arc::new(Operations::on(Arc::clone(&store), time));
    let completer = Arc::new(Completer::new(Arc::clone(&operations), access));
    let after = store.log(tenant.home).await.unwrap().newest;
    let deferred = request(&operations, &tenant, after);
    Deferrals::new(Arc::clone(&store)).accept(&deferred).await.unwrap();

    // A process does it, and is held up before it has told of it.
    let version = completer.deferrals().claim(&deferred).await.unwrap();
    let context = completer.context(&deferred, &tenant, Claim::new(&deferred, version, Executed::default()));
    let operation = || {
        let request = serde_json::from_str(deferred.operations.as_ref().unwrap().text()).unwrap();
        BulkRequest::parse(request).unwrap().operations.remove(0).unwrap()
    };
    let (first, _) = operations.one(&context, operation()).await;
    assert_eq!(first.status, 201);

    // Another takes it over.
    completer.look().await.unwrap();
    while completer.is_running(deferred.id) {
        tokio::task::yield_now().await;
    }
    let told = completer.deferrals().get(deferred.id).await.unwrap().unwrap().completions.unwrap();
    let log = store.events(tenant.home, after, 100).await.unwrap();
    let created: Vec<_> = log.iter().filter(|event| event.action == Action::Create && event.deed.is_none()).collect();
    let completed: Vec<_> = log.iter().filter(|event| event.deed == Some(Deed::RequestCompleted)).collect();
    assert_eq!((created.len(), completed.len(), told), (1, 1, vec![completed[0].sequence]));
    assert_eq!(completed[0].target, created[0].target);
    let document = completed[0].values.as_ref().unwrap().document.text();
    assert!(document.contains(&first.location.clone().unwrap()) && document.contains("\"201\""), "{document}");

    // What the first still tries is refused: also what it would tell.
    let (again, _) = operations.one(&context, operation()).await;
    assert!(again.status >= 400, "{}", again.status);
    assert!(operations.tell_completion(&context, &deferred, &[(0, first)]).await.is_err());
    assert_eq!(store.events(tenant.home, after, 100).await.unwrap().len(), log.len());
}
