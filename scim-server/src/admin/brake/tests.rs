//! Nothing is purged while the brake holds, whatever the clock says.

use std::sync::Arc;

use scim_protocol::message::Query;

use super::*;
use crate::{
    access::Access,
    admin::{Administrator, provision},
    clock::{Clock, ManualClock},
    operation::{Context, Operations, Preconditions, Rewritten, pace::Pace},
    store::{Store, sled::SledStore},
    tenant::{Settings, Tenant},
    token::Scopes,
    webhook::Sender,
};

const HOUR: i64 = 60 * 60 * 1000;

/// A tenant whose brake trips at the second user that goes.
struct Place {
    _directory: tempfile::TempDir,
    time: Arc<ManualClock>,
    context: AdminContext,
    tenant: Arc<Tenant>,
}

impl Place {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let time = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&time);
        let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::clone(&clock)).unwrap());
        let access = Arc::new(Access::load(Arc::clone(&store), Arc::clone(&clock)).await.unwrap());
        let settings = json!({"brake": {"users": 1, "window": "30d"}, "restore_window": "1h"});
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let (record, _) = access.directory().create("t", settings, None).await.unwrap();
        access.reload().await.unwrap();
        let tenant = access.tenant_of(record.id).unwrap();
        let operations = Arc::new(Operations::on(Arc::clone(&store), Arc::clone(&clock)));
        let (base, sender, by) = (String::new(), Arc::new(Sender::new(Vec::new())), Administrator::root());
        let (sinks, console, requests) = (None, None, None);
        let context = AdminContext { store, access, clock, operations, base, sender, by, console, requests, sinks };
        Self { _directory: directory, time, context, tenant }
    }

    /// What a token makes and deletes.
    async fn made_and_deleted(&self, names: &[&str]) {
        let operations = &self.context.operations;
        let caller = Caller::bearer(Arc::clone(&self.tenant), Arc::from("token"), Scopes::ALL);
        let pace = Pace::new(&operations.lanes, self.tenant.id);
        let context =
            Context { caller, base: String::new(), request: None, pace, claim: None, rewritten: Rewritten::default() };
        let rt = self.tenant.registry.resource_type(USER).unwrap();
        let mut ids = Vec::new();
        for name in names {
            let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name});
            let id = operations.fresh_id();
            operations.create(&context, rt, id, user, &Query::default()).await.unwrap();
            ids.push(id.to_string());
        }
        for id in ids {
            operations.delete(&context, rt, &id, &Preconditions::default()).await.unwrap();
        }
    }

    async fn purged(&self) -> u64 {
        provision::purge_old(&self.context.operations, Arc::clone(&self.tenant)).await.unwrap()
    }
}

#[tokio::test]
async fn nothing_is_purged_while_the_brake_holds() {
    let place = Place::new().await;
    place.made_and_deleted(&["anna"]).await;
    place.time.advance(2 * HOUR);
    assert_eq!(place.purged().await, 1);
    place.made_and_deleted(&["bert", "carl"]).await;
    place.time.advance(2 * HOUR);
    assert_eq!(place.purged().await, 0, "the brake has tripped");
    let caller = administrator(&place.context, "t").await.unwrap();
    approve(&place.context, &caller).await.unwrap();
    assert_eq!(place.purged().await, 2);
}
