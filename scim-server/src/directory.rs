//! How an administrator creates, changes, moves and removes the tenants of a store.

mod moves;

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use scim_protocol::{Timestamp, value::FOLD_EDITION};

use crate::{
    author::Author,
    clock::Clock,
    command_line::shutting_out,
    consumer::Consumers,
    event::{Action, Deed, Event},
    naming,
    oauth::Clients,
    store::{Commit, Expect, ResourceId, Start, Store, StoreError, TenantId, TypeName, Write, postgres::Spread},
    tenant::{
        Settings, Tenant,
        record::{self, KIND, TenantRecord},
    },
    token::{Issued, Ledger, LedgerError, Scopes},
};

/// Why a tenant was not made, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The name has characters that it may not have.
    #[error("{0}")]
    Name(String),
    /// The store has fewer databases.
    #[error(
        "there is no database {}: the store is in {databases}, which are numbered from 1 in the order in which --store names them", wanted + 1
    )]
    Database {
        /// The number, from 0.
        wanted: usize,
        /// How many there are.
        databases: usize,
    },
    /// Another tenant has the name.
    #[error(
        "there is already a tenant {0:?}; choose another name, or use `token create --tenant {0}` for another token of it"
    )]
    Exists(String),
    /// What was set cannot be meant.
    #[error("the tenant's settings cannot be used: {}", .0.detail())]
    Settings(#[source] scim_protocol::Error),
    /// The tenant cannot be moved, or cannot be changed while it is.
    #[error("{0}")]
    Move(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tenant still has tokens that work.
    #[error(
        "tenant {0:?} has live tokens or OAuth clients, so an identity provider may still be writing to it; delete them with {commands} first, or use --force",
        commands = shutting_out(.0)
    )]
    StillProvisioned(String),
    /// A token could not be issued.
    #[error(transparent)]
    Token(#[from] LedgerError),
    /// No tenant of that name or id.
    #[error("there is no tenant {0:?}; `tenant list` shows all tenants")]
    Unknown(String),
}

/// The tenants of a store.
#[derive(Clone)]
pub struct Directory {
    store: Arc<dyn Store>,
    author: Author,
    ledger: Ledger,
    clients: Clients,
    clock: Arc<dyn Clock>,
    random: fn() -> [u8; 16],
}

impl Directory {
    /// Tenants in that store; their ids are random.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let ledger = Ledger::new(Arc::clone(&store), Arc::clone(&clock));
        let clients = Clients::new(Arc::clone(&store), Arc::clone(&clock));
        Self { store, author: Author::default(), ledger, clients, clock, random: rand::random }
    }

    /// The same tenants, tokens and clients, as somebody else changes them.
    #[must_use]
    pub fn by(&self, author: &Author) -> Self {
        let (ledger, clients) = (self.ledger.by(author), self.clients.by(author));
        Self { author: author.clone(), ledger, clients, ..self.clone() }
    }

    /// The store that they are in.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The time by which their tokens end.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The OAuth clients of these tenants.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The tokens of these tenants.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The consumers of their events.
    pub fn consumers(&self) -> Consumers {
        Consumers::new(Arc::clone(&self.store))
    }

    /// Tells in the log of the tenant that is kept there what was done, or has come to pass, elsewhere.
    pub async fn tell(&self, home: TenantId, event: Event) -> Result<(), StoreError> {
        self.store.commit(Commit::note(home, event)).await.map(drop)
    }

    /// Every tenant, by name.
    pub async fn list(&self) -> Result<Vec<TenantRecord>, StoreError> {
        const PAGE: usize = 1000;
        let kind = TypeName::from(KIND);
        let mut tenants = Vec::new();
        let mut from = Start::Offset(0);
        loop {
            let page = self.store.resources(TenantId::SYSTEM, &kind, from, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            from = Start::After(*last);
            for (id, stored) in page.iter() {
                tenants.push(TenantRecord::from_record(*id, stored)?);
            }
        }
        self.settle(&tenants);
        tenants.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tenants)
    }

    /// The same, when nobody else reads them for the table of those who may come in: who is not among them is gone.
    pub async fn list_all(&self) -> Result<Vec<TenantRecord>, StoreError> {
        // One that is made while they are read need not be among them.
        let known = self.store.spread().map(Spread::recorded);
        let tenants = self.list().await?;
        if let (Some(spread), Some(mut gone)) = (self.store.spread(), known) {
            for (home, ..) in tenants.iter().flat_map(TenantRecord::places) {
                gone.remove(&home);
            }
            spread.forget_gone(&gone);
        }
        Ok(tenants)
    }

    /// The visible tenants, by name: without those with which an import will replace another.
    pub async fn named(&self) -> Result<Vec<TenantRecord>, StoreError> {
        let mut tenants = self.list().await?;
        tenants.retain(|tenant| tenant.replaces.is_none());
        Ok(tenants)
    }

    /// A tenant by its name (in any case) or its id.
    pub async fn find(&self, name_or_id: &str) -> Result<TenantRecord, DirectoryError> {
        let unknown = || DirectoryError::Unknown(name_or_id.to_owned());
        let id = match TenantId::parse(name_or_id) {
            Some(tenant) => ResourceId(tenant.0),
            None => self.store.lookup(&record::name_key(name_or_id)).await?.ok_or_else(unknown)?,
        };
        let stored = self.store.get(&record::key(TenantId(id.0))).await?.ok_or_else(unknown)?;
        let tenant = TenantRecord::from_record(id, &stored)?;
        self.settle(std::slice::from_ref(&tenant));
        Ok(tenant)
    }

    /// Tells a store in several databases where these are.
    fn settle(&self, tenants: &[TenantRecord]) {
        if let Some(spread) = self.store.spread() {
            let places: Vec<_> = tenants.iter().flat_map(TenantRecord::places).collect();
            spread.settle(&places);
        }
    }

    /// Makes a tenant; with a `lifetime`, also its first token, in the same commit. Of several databases, it is kept in
    /// the one with the fewest tenants.
    pub async fn create(
        &self,
        name: &str,
        settings: Settings,
        lifetime: Option<Duration>,
    ) -> Result<(TenantRecord, Option<Issued>), DirectoryError> {
        self.create_in(None, name, settings, lifetime).await
    }

    /// The same in the database with that number, from 0.
    pub async fn create_in(
        &self,
        database: Option<usize>,
        name: &str,
        settings: Settings,
        lifetime: Option<Duration>,
    ) -> Result<(TenantRecord, Option<Issued>), DirectoryError> {
        naming::check_word("a tenant's name", name).map_err(DirectoryError::Name)?;
        let id = TenantId::random((self.random)());
        let database = self.placed(database).await?;
        let tenant = TenantRecord { database, ..TenantRecord::new(id, name, settings, self.clock.now()) };
        Tenant::build(&tenant).map_err(DirectoryError::Settings)?;
        tenant.settings.check_names(&Settings::default()).map_err(DirectoryError::Settings)?;

        let mut commit = Commit::new(tenant.key(), event(id, &["name", "settings"]));
        commit.writes.push(Write::Put(tenant.key(), tenant.body()?));
        commit.writes.extend(tenant.entries().into_iter().map(Write::Index));
        let mut first = None;
        if let Some(lifetime) = lifetime {
            let (issued, token) = self.ledger.prepare(&tenant, None, None, Scopes::ALL, lifetime).await?;
            commit.writes.extend(token.writes);
            first = Some(issued);
        }
        // The store must know where the log is in which it is told.
        if let Some(spread) = self.store.spread() {
            spread.announce(tenant.home(), database);
        }
        let author = self.author.clone().in_log(tenant.home());
        match self.store.commit(author.sign(commit)).await {
            Ok(_) => Ok((tenant, first)),
            Err(StoreError::Taken(_)) => {
                if let Some(spread) = self.store.spread() {
                    spread.forget_gone(&HashSet::from([tenant.home()]));
                }
                Err(DirectoryError::Exists(name.to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The number of the database for a new tenant: this one, if it is there, or the one with the fewest tenants of those
    /// that can be reached.
    pub async fn placed(&self, wanted: Option<usize>) -> Result<usize, DirectoryError> {
        let databases = self.store.spread().map_or(1, Spread::databases);
        if let Some(wanted) = wanted {
            return if wanted < databases { Ok(wanted) } else { Err(DirectoryError::Database { wanted, databases }) };
        }
        if databases == 1 {
            return Ok(0);
        }
        let mut tenants = self.tenants_in(&self.list().await?);
        for (place, many) in tenants.iter_mut().enumerate() {
            if self.store.spread().is_some_and(|spread| spread.cannot_reach(place)) {
                *many = usize::MAX;
            }
        }
        Ok(fewest(&tenants))
    }

    /// How many tenants each database has.
    pub fn tenants_in(&self, tenants: &[TenantRecord]) -> Vec<usize> {
        let mut many = vec![0; self.store.spread().map_or(1, Spread::databases)];
        for tenant in tenants {
            if let Some(here) = many.get_mut(tenant.database) {
                *here += 1;
            }
        }
        many
    }

    /// Enables or disables a tenant. A disabled one keeps everything and answers 403.
    pub async fn set_disabled(&self, tenant: TenantRecord, disabled: bool) -> Result<TenantRecord, DirectoryError> {
        self.write(TenantRecord { disabled, ..tenant }, &["disabled"]).await
    }

    /// Gives a tenant other settings. Indexes that it did not have are `unfilled` in the record
    /// that comes back: no query relies on them until they are [filled](Self::set_filled).
    pub async fn set_settings(&self, tenant: TenantRecord, settings: Settings) -> Result<TenantRecord, DirectoryError> {
        let before = Tenant::build(&tenant).map_err(DirectoryError::Settings)?;
        let mut tenant = TenantRecord { settings, ..tenant };
        let after = Tenant::build(&tenant).map_err(DirectoryError::Settings)?;
        after.settings.check_names(&before.settings).map_err(DirectoryError::Settings)?;
        tenant.unfilled = after.indexes_beyond(&before);
        self.write(tenant, &["settings"]).await
    }

    /// Lets queries rely on all of a tenant's indexes. Refused (`Conflict`) when the tenant has
    /// changed since the record was read.
    pub async fn set_filled(&self, tenant: TenantRecord) -> Result<TenantRecord, DirectoryError> {
        let (unfilled, folding) = (BTreeSet::new(), FOLD_EDITION);
        self.write(TenantRecord { unfilled, folding, ..tenant }, &["indexes"]).await
    }

    /// Closes a tenant for good, as the first half of its removal: from the moment at which the table
    /// of those who may come in is read again, nobody comes in. Refused while it has live tokens,
    /// unless `force`.
    pub async fn close(&self, tenant: TenantRecord, force: bool) -> Result<TenantRecord, DirectoryError> {
        self.refuse_closing(&tenant, force).await?;
        self.write(TenantRecord { disabled: true, deleting: true, ..tenant }, &["disabled"]).await
    }

    /// Refuses what [`Self::close`] refuses, and closes nothing.
    pub async fn refuse_closing(&self, tenant: &TenantRecord, force: bool) -> Result<(), DirectoryError> {
        self.refuse_moving(tenant)?;
        if force {
            return Ok(());
        }
        let now = self.clock.now();
        let clients = self.clients.list(tenant.id).await?;
        if clients.iter().any(|client| client.is_live(now)) || !self.ledger.live(tenant.id).await?.is_empty() {
            return Err(DirectoryError::StillProvisioned(tenant.name.clone()));
        }
        Ok(())
    }

    /// Removes a closed tenant with everything in it; returns how many resources went. It is emptied
    /// first and forgotten last, so that deleting it again finishes what was interrupted.
    pub async fn remove(&self, tenant: &TenantRecord) -> Result<u64, DirectoryError> {
        let erased = self.store.erase(tenant.home()).await?;
        for left in &tenant.left {
            self.store.erase(*left).await?;
        }
        // What an import has not completed was never there.
        let deed = (!tenant.importing).then_some(Deed::TenantDeleted);
        let event = Event { deed, ..event(tenant.id, &[]) };
        let mut commit = Commit::new(tenant.key(), event);
        commit.writes = self.ledger.removal(tenant.id).await?;
        commit.writes.extend(self.consumers().removal(tenant.id).await?);
        commit.writes.extend(self.clients.removal(tenant.id).await?);
        commit.writes.extend(tenant.entries().into_iter().map(Write::Unindex));
        commit.writes.push(Write::Delete(tenant.key()));
        match self.store.commit(self.author.sign(commit)).await {
            // Somebody else has finished it.
            Err(StoreError::Missing(key)) if key == tenant.key() => Ok(erased),
            done => Ok(done.map(|_| erased)?),
        }
    }

    /// Finishes removals that were interrupted because the process ended, and erases the old data of replaced
    /// tenants. Returns the names of the removed tenants. Call it when a server starts, and before everything is
    /// read.
    pub async fn finish_removals(&self) -> Result<Vec<String>, DirectoryError> {
        let mut removed = Vec::new();
        for tenant in self.list().await? {
            if self.store.is_away(tenant.home()) {
                continue;
            }
            if tenant.deleting {
                self.remove(&tenant).await?;
                removed.push(tenant.name);
            } else if !tenant.left.is_empty() {
                self.erase_left(tenant).await?;
            }
        }
        Ok(removed)
    }

    /// Erases the old data of a replaced tenant.
    pub async fn erase_left(&self, tenant: TenantRecord) -> Result<(), DirectoryError> {
        for left in &tenant.left {
            self.store.erase(*left).await?;
        }
        match self.write(TenantRecord { left: BTreeSet::new(), ..tenant }, &["left"]).await {
            // Another process has changed the tenant meanwhile, or finished this. If the note remains, the data are
            // erased again later, which does no harm.
            Err(DirectoryError::Store(StoreError::Conflict(_) | StoreError::Missing(_))) => Ok(()),
            done => done.map(drop),
        }
    }

    async fn write(&self, tenant: TenantRecord, attributes: &[&str]) -> Result<TenantRecord, DirectoryError> {
        let event = event(tenant.id, attributes);
        self.write_as(tenant, event).await
    }

    /// The same with the event that the server's own log has of it.
    async fn write_as(&self, tenant: TenantRecord, event: Event) -> Result<TenantRecord, DirectoryError> {
        let mut commit = Commit::new(tenant.key(), event);
        commit.expect.push(Expect::Version(tenant.key(), tenant.version));
        commit.writes.push(Write::Put(tenant.key(), tenant.body()?));
        let committed = self.store.commit(self.author.sign(commit)).await?;
        Ok(TenantRecord { version: committed.header.map_or(tenant.version, |header| header.version), ..tenant })
    }
}

/// The number of the database that has the fewest tenants.
pub fn fewest(tenants: &[usize]) -> usize {
    tenants.iter().enumerate().min_by_key(|(_, many)| **many).map_or(0, |(database, _)| database)
}

fn event(tenant: TenantId, attributes: &[&str]) -> Event {
    Event::administration(Action::Administer, KIND, ResourceId(tenant.0), attributes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        store::{Body, ResourceKey, sled::SledStore},
    };

    #[tokio::test]
    async fn a_removal_that_was_cut_off_is_finished() {
        let place = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let store: Arc<dyn Store> = Arc::new(SledStore::open(place.path(), Arc::clone(&clock)).unwrap());
        let directory = Directory::new(Arc::clone(&store), Arc::clone(&clock));
        let lifetime = Some(Duration::from_secs(60));
        let (doomed, _) = directory.create("doomed", Settings::default(), lifetime).await.unwrap();
        directory.create("kept", Settings::default(), lifetime).await.unwrap();
        let user = ResourceKey { tenant: doomed.id, resource_type: "User".into(), id: ResourceId(doomed.id.0) };
        let mut commit = Commit::new(user.clone(), event(doomed.id, &[]));
        commit.writes.push(Write::Put(user.clone(), Body::default()));
        store.commit(commit).await.unwrap();
        // The process ends between the mark and the end of the work.
        let closed = directory.close(doomed.clone(), true).await.unwrap();
        store.close().await.unwrap();

        let store: Arc<dyn Store> = Arc::new(SledStore::open(place.path(), Arc::clone(&clock)).unwrap());
        let directory = Directory::new(Arc::clone(&store), clock);
        assert_eq!(directory.finish_removals().await.unwrap(), ["doomed"]);
        let left: Vec<_> = directory.list().await.unwrap().into_iter().map(|tenant| tenant.name).collect();
        assert_eq!(left, ["kept"]);
        assert_eq!(store.get(&user).await.unwrap(), None);
        assert!(directory.ledger().all().await.unwrap().iter().all(|token| token.tenant != doomed.id));
        assert_eq!(directory.finish_removals().await.unwrap(), [""; 0]);
        // Two who do it at once are no trouble to each other.
        assert_eq!(directory.remove(&closed).await.unwrap(), 0);
        // A write that was under way all the time comes too late.
        let mut late = Commit::new(user.clone(), event(doomed.id, &[]));
        late.writes.push(Write::Put(user.clone(), Body::default()));
        assert!(matches!(store.commit(late).await, Err(StoreError::Erased(_))));
        assert_eq!(store.get(&user).await.unwrap(), None);
        directory.create("doomed", Settings::default(), None).await.unwrap();
    }
}
