//! Fills a new index, so that queries can use it.
//!
//! Writes update a new index as soon as the settings have it. Queries ignore it first, because it does not contain
//! the existing resources yet. Then these are added, and the tenant's record says that the index is filled. So no
//! query misses a resource.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{AdminContext, AdminError};
use crate::{
    author::Author,
    directory::DirectoryError,
    store::{self, Finding, StoreError},
    tenant::{Settings, Tenant, TenantRecord},
};

/// How often all is indexed again when somebody has changed the tenant meanwhile.
const MOST_FILLINGS: usize = 8;

/// Does a command about a tenant again, as long as others change the tenant in the middle of it.
pub(super) async fn again<T, F>(attempt: impl FnMut() -> F) -> Result<T, AdminError>
where
    F: Future<Output = Result<T, AdminError>>,
{
    let is_raced =
        |error: &AdminError| matches!(error, AdminError::Directory(DirectoryError::Store(StoreError::Conflict(_))));
    let told = |error| if is_raced(&error) { changed_again_and_again() } else { error };
    store::again(attempt, is_raced).await.map_err(told)
}

fn changed_again_and_again() -> AdminError {
    AdminError::Refused("the tenant was changed again and again meanwhile; give the command again".to_owned())
}

/// Gives each resource the index entries that it should have now, and lets queries rely on them.
pub(super) async fn fill(context: &AdminContext, mut tenant: TenantRecord) -> Result<TenantRecord, AdminError> {
    let directory = context.access.directory();
    // From then on everybody writes by the new settings.
    context.until_noticed().await;
    for _ in 0..MOST_FILLINGS {
        index_again(context).await?;
        match directory.set_filled(tenant.clone()).await {
            // What somebody else changed may be the indexes.
            Err(DirectoryError::Store(StoreError::Conflict(_))) => {
                tenant = directory.find(&tenant.id.to_string()).await?;
            }
            filled => {
                let filled = filled?;
                context.access.reload().await?;
                return Ok(filled);
            }
        }
    }
    Err(changed_again_and_again())
}

/// Fills the indexes whose filling was cut off, because the process ended in the middle of it, and
/// writes again those whose values an older server folded otherwise. Gives the names of their tenants.
/// To be called when a server starts.
pub async fn finish_filling(context: &AdminContext) -> Result<Vec<String>, AdminError> {
    let mut filled = Vec::new();
    for tenant in context.access.directory().list().await? {
        if tenant.wants_indexing() && !tenant.deleting && !context.store.is_away(tenant.home()) {
            filled.push(fill(context, tenant).await?.name);
        }
    }
    Ok(filled)
}

async fn index_again(context: &AdminContext) -> Result<(), AdminError> {
    let left = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&left);
    let sink = move |finding: Finding| {
        count.fetch_add(usize::from(!finding.repaired), Ordering::Relaxed);
        true
    };
    context.store.check(context.entries_of(), true, Box::new(sink)).await?;
    match left.load(Ordering::Relaxed) {
        0 => Ok(()),
        left => Err(AdminError::Refused(format!(
            "the settings are in force, but {left} value(s) cannot be indexed, most likely because they are no longer unique: `scim-server check` lists them. Until they are changed and the settings are set again, queries find everything, some of them slowly"
        ))),
    }
}

/// Gives a tenant other settings, which the author of the change tells, and fills what they index.
pub(super) async fn apply(
    context: &AdminContext,
    author: &Author,
    tenant: TenantRecord,
    settings: Settings,
) -> Result<TenantRecord, AdminError> {
    let before = Tenant::build(&tenant)?;
    let tenant = context.directory().by(author).set_settings(tenant, settings).await?;
    context.access.reload().await?;
    if Tenant::build(&tenant)?.indexes == before.indexes {
        return Ok(tenant);
    }
    fill(context, tenant).await
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use scim_protocol::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{
        access::Access,
        clock::{Clock, ManualClock},
        cursor::Sealer,
        event::{Action, Event},
        index,
        operation::{Limits, Operations, UuidV7, feed::Waits, password::Hasher},
        store::{
            Body, Commit, IndexEntry, IndexKey, IndexValue, ResourceId, ResourceKey, Store, Write, sled::SledStore,
        },
        tenant::{Settings, Tenant},
    };

    async fn context(store: Arc<dyn Store>) -> AdminContext {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let access = Arc::new(Access::load(Arc::clone(&store), Arc::clone(&clock)).await.unwrap());
        let operations = Arc::new(Operations {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            ids: UuidV7::default(),
            sealer: Sealer::new(&[7; 32], 60),
            limits: Limits::default(),
            lanes: Arc::default(),
            budget: crate::budget::Budget::new(1 << 20),
            passwords: Hasher::default(),
            waits: Waits::default(),
            shown: Arc::default(),
        });
        let sender = Arc::new(crate::webhook::Sender::new(Vec::new()));
        AdminContext {
            store,
            access,
            clock,
            operations,
            base: "http://localhost".to_owned(),
            sender,
            sinks: None,
            by: crate::admin::Administrator::root(),
            console: None,
            requests: None,
        }
    }

    fn event(key: &ResourceKey) -> Event {
        Event::new(Action::Create, "test", key.resource_type.as_str(), key.id)
    }

    /// What an older server took for two names is readable still; the first is found and guarded as
    /// names are compared now, and a twin of it is told of and stays.
    #[tokio::test]
    async fn values_that_were_folded_otherwise_are_indexed_anew() {
        let place = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let store: Arc<dyn Store> = Arc::new(SledStore::open(place.path(), clock).unwrap());
        let context = context(Arc::clone(&store)).await;
        let (tenant, _) = context.access.directory().create("acme", Settings::default(), None).await.unwrap();
        assert_eq!(finish_filling(&context).await.unwrap(), [""; 0], "a new tenant's indexes are right");

        let entry = |id: ResourceId, value: &str| IndexEntry {
            key: IndexKey {
                tenant: tenant.id,
                resource_type: "User".into(),
                attribute: "userName".into(),
                value: IndexValue(value.as_bytes().to_vec()),
            },
            id,
            unique: true,
        };
        let mut ids = Vec::new();
        for (n, name) in (1..).zip(["bob ", "alice", "alice\u{200b}"]) {
            let id = ResourceId(uuid::Uuid::from_u128(n));
            let key = ResourceKey { tenant: tenant.id, resource_type: "User".into(), id };
            let visible = json!({"schemas": [], "id": id.to_string(), "userName": name}).to_string().into();
            let body = Body { display: Bytes::new(), visible, hidden: Bytes::new() };
            let mut commit = Commit::new(key.clone(), event(&key));
            commit.writes = vec![Write::Put(key, body), Write::Index(entry(id, name))];
            store.commit(commit).await.unwrap();
            ids.push(id);
        }
        let old = TenantRecord { folding: 0, ..tenant.clone() };
        let mut commit = Commit::new(old.key(), event(&old.key()));
        commit.writes = vec![Write::Put(old.key(), old.body().unwrap())];
        store.commit(commit).await.unwrap();
        context.access.reload().await.unwrap();

        assert!(finish_filling(&context).await.is_err(), "there are twins");
        let held = |value: &str| entry(ids[0], value).key;
        assert_eq!(store.lookup(&held(&index_text("Bob"))).await.unwrap(), Some(ids[0]));
        assert_eq!(store.lookup(&held("bob ")).await.unwrap(), None);
        assert_eq!(store.lookup(&held("alice")).await.unwrap(), Some(ids[1]));
        let twin = ResourceKey { tenant: tenant.id, resource_type: "User".into(), id: ids[2] };
        assert!(store.get(&twin).await.unwrap().is_some());
    }

    fn index_text(text: &str) -> String {
        String::from_utf8(index::text_value(text, false).0).unwrap()
    }

    #[tokio::test]
    async fn an_index_is_relied_on_when_it_is_filled_and_a_start_fills_what_was_cut_off() {
        let place = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let store: Arc<dyn Store> = Arc::new(SledStore::open(place.path(), clock).unwrap());
        let context = context(store).await;
        let directory = context.access.directory();
        let (tenant, _) = directory.create("acme", Settings::default(), None).await.unwrap();
        let indexes = |settings: serde_json::Value| serde_json::from_value::<Settings>(settings).unwrap();
        let settings = indexes(json!({"indexes": {"User": ["title"]}}));
        let relied_on = |tenant: &TenantRecord| {
            let built = Tenant::build(tenant).unwrap();
            built.index_specs("User").iter().map(|spec| (spec.path.to_string(), spec.filled)).collect::<Vec<_>>()
        };
        let known = ["externalId", "userName", "emails.value", "displayName"].map(|path| (path.to_owned(), true));

        let tenant = directory.set_settings(tenant, settings.clone()).await.unwrap();
        let with = |filled| [&known[..], &[("title".to_owned(), filled)]].concat();
        assert_eq!(relied_on(&tenant), with(false));
        // The process ends here. Settings that are set again do not make it filled.
        let tenant = directory.set_settings(tenant, settings).await.unwrap();
        assert_eq!(relied_on(&tenant), with(false));
        assert_eq!(finish_filling(&context).await.unwrap(), ["acme"]);
        assert_eq!(relied_on(&directory.find("acme").await.unwrap()), with(true));
        assert_eq!(finish_filling(&context).await.unwrap(), [""; 0]);

        // One index more leaves the others as they are.
        let tenant = directory.find("acme").await.unwrap();
        let settings = indexes(json!({"indexes": {"User": ["title", "nickName"]}}));
        let stale = tenant.clone();
        let tenant = directory.set_settings(tenant, settings).await.unwrap();
        assert_eq!(relied_on(&tenant), [&with(true)[..], &[("nickName".to_owned(), false)]].concat());
        // Whoever has not seen the last change begins again.
        let filled = fill(&context, stale).await.unwrap();
        assert_eq!(relied_on(&filled), [&with(true)[..], &[("nickName".to_owned(), true)]].concat());
    }
}
