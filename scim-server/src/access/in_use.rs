//! What an administrator changes while it is used: the server writes down each use, and refuses nobody for it.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    time::Duration,
};

use super::*;
use crate::{
    administrator::{AdminTokens, Role},
    clock::SystemClock,
    oauth::{Clients, Scope},
    store::sled::SledStore,
    tenant::Settings,
    token::{Ledger, ledger::LIFETIME},
};

const ROUNDS: usize = 25;
const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

/// Does the one over and over until the other is done.
async fn meanwhile<T: Send + 'static>(
    mut over_and_over: impl AsyncFnMut(i64),
    done: impl Future<Output = T> + Send + 'static,
) -> T {
    let (ended, moment) = (Arc::new(AtomicBool::new(false)), AtomicI64::new(1));
    let end = Arc::clone(&ended);
    let done = tokio::spawn(async move {
        let done = done.await;
        end.store(true, Relaxed);
        done
    });
    while !ended.load(Relaxed) && !done.is_finished() {
        over_and_over(moment.fetch_add(1, Relaxed)).await;
    }
    done.await.unwrap()
}

async fn world() -> (tempfile::TempDir, Arc<dyn Store>, Arc<dyn Clock>, Directory, TenantRecord) {
    let directory = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::clone(&clock)).unwrap());
    let tenants = Directory::new(Arc::clone(&store), Arc::clone(&clock));
    let (tenant, _) = tenants.create("acme", Settings::default(), None).await.unwrap();
    (directory, store, clock, tenants, tenant)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_rotated_while_it_is_used() {
    let (_directory, store, clock, _, tenant) = world().await;
    let ledger = Ledger::new(store, clock);
    for round in 0..ROUNDS {
        let name = format!("okta-{round}");
        let first = ledger.issue(&tenant, Some(name.clone()), Scopes::ALL, LIFETIME).await.unwrap().token.id;
        let (uses, rotates, tenant) = (ledger.clone(), ledger.clone(), tenant.clone());
        let of = tenant.id;
        let rotated = meanwhile(async |at| uses.note_uses(&[(first, at)]).await.unwrap(), async move {
            rotates.rotate(&tenant, Some(&name), None, HOUR).await
        });
        let (old, next) = rotated.await.unwrap();
        assert_eq!(old.id, first);
        let used = ledger.find(of, &first.to_string()).await.unwrap();
        assert_eq!((used.expires, used.meant), (old.expires, old.meant));
        for id in [first, next.token.id] {
            ledger.revoke(of, id).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_changed_while_it_is_used() {
    let (_directory, store, clock, _, tenant) = world().await;
    let clients = Clients::new(store, clock);
    for round in 0..ROUNDS {
        let created = clients.create(&tenant, &format!("entra-{round}"), Scope::SCIM, Some(LIFETIME)).await;
        let (client, first) = created.unwrap();
        let first = first.unwrap().record.id;
        let (id, changes) = (client.id, clients.clone());
        let changed = meanwhile(async |at| clients.note_use(id, first, at).await.unwrap(), async move {
            // Each is given what was read at the beginning, as two administrators at once would.
            changes.rotate(client.clone(), None, HOUR).await?;
            changes.set_disabled(client.clone(), true).await?;
            changes.remove_secret(client.clone(), &first.to_string()).await
        });
        let changed = changed.await.unwrap();
        assert!(changed.disabled && changed.secrets.len() == 1 && changed.secrets[0].id != first);
        assert_eq!(clients.find(tenant.id, &id.to_string()).await.unwrap().secrets.len(), 1);
        clients.remove(&changed).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrators_token_is_rotated_while_it_is_used() {
    let (_directory, store, _, _, _) = world().await;
    let clock = crate::clock::ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    let tokens = AdminTokens::new(store, Arc::new(clock.clone()));
    for round in 0..ROUNDS {
        let name = format!("terraform-{round}");
        let first = tokens.issue(&name, Role::Operator, None, LIFETIME, "admin").await.unwrap();
        let (rotates, text) = (tokens.clone(), first.secret.reveal().to_owned());
        let rotated = meanwhile(
            async |_| {
                // A use is written down once a minute.
                clock.advance(61_000);
                assert!(tokens.authenticate(&text).await.unwrap().is_some());
            },
            async move { rotates.rotate(&name, None, Some(Duration::from_secs(365 * 24 * 3600)), "admin").await },
        );
        let (old, next) = rotated.await.unwrap();
        assert_eq!(old.id, first.token.id);
        for id in [old.id, next.token.id] {
            tokens.delete(&id.to_string(), "admin").await.unwrap();
        }
    }
}
