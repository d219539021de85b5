//! Imports a file of `export`: in portions, each durable before the next, and restartable.
//!
//! A million users take long, and long work may be interrupted. So the store remembers how far the import has come
//! ([`mark`]), and the same file continues from there: the lines that the store already has are skipped, and their
//! checksum is compared, so that another file cannot continue the import. Tenants stay closed until everything is
//! loaded, so that nobody writes to an incomplete one, and a portion that is loaded twice only replaces itself.
//!
//! A tenant that is to be replaced stays in use meanwhile: the new one is loaded beside it, and replaces it in one
//! commit at the end ([`replacement`]).

mod mark;
mod replacement;

use std::collections::BTreeMap;

use serde_json::json;

pub(super) use self::mark::is_mark;
use self::{mark::Mark, replacement::Replacement};
use super::{AdminContext, AdminError, Input, Line, Output, archive};
use crate::{
    directory::{DirectoryError, fewest},
    event::{Action, Deed, Event},
    oauth::{Client, client},
    store::{Commit, EntriesOf, Item, Record, ResourceId, ResourceKey, Store, StoreError, TenantId},
    tenant::{self, TenantRecord},
    token,
};

/// The command that continues an import, as errors name it.
pub const AGAIN: &str = "`scim-server import FILE`";

/// How many items are loaded at once.
const BATCH: usize = 1000;

/// Whether this store has an interrupted import that can be continued.
pub async fn is_unfinished(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(Mark::read(store).await?.is_some())
}

/// Why what is there cannot be exported.
pub(super) fn unfinished() -> AdminError {
    AdminError::Refused(
        "an import is not complete, and this would miss the rest: wait for it, or import the same file again to continue it".to_owned(),
    )
}

/// Imports a file of `export`, from where an earlier import of the same file has stopped.
pub(super) async fn import(
    context: &AdminContext,
    replace: bool,
    discard: bool,
    input: &mut Input,
    output: &Output,
) -> Result<(), AdminError> {
    if discard || is_being_given_up(context).await? {
        forget(context).await?;
    }
    let mut import = RunningImport::begin(context, replace).await?;
    match import.run(input, output).await {
        Ok(()) => {
            let mut said = json!({
                "tenants": import.mark.tenants.len(),
                "resources": import.resources,
                "items": import.sum.items(),
            });
            if import.behind.items > 0 {
                said["resumed_after"] = import.behind.items.into();
            }
            output.row(&said).await
        }
        Err(error) if import.mark.is_kept() => {
            let (why, items) = (error.said(), import.mark.done.items);
            let next = if import.is_wrong {
                format!("correct the file behind these, and import it again ({AGAIN}) to continue;")
            } else {
                format!("import the same file again ({AGAIN}) to continue,")
            };
            Err(AdminError::Refused(format!(
                "{why}. The store holds the first {items} items of an import, whose tenants stay closed: {next} or discard them with --discard"
            )))
        }
        Err(error) => Err(error),
    }
}

/// Whether discarding an import was interrupted: then the mark may name lines that the store no longer has.
async fn is_being_given_up(context: &AdminContext) -> Result<bool, StoreError> {
    let tenants = context.access.directory().list().await?;
    Ok(tenants.iter().any(|tenant| tenant.importing && tenant.deleting))
}

/// Discards an interrupted import: deletes what it has written.
async fn forget(context: &AdminContext) -> Result<(), AdminError> {
    let Some(mut mark) = Mark::read(&*context.store).await? else { return Ok(()) };
    let directory = context.access.directory();
    for tenant in directory.list().await?.into_iter().filter(|tenant| tenant.importing) {
        remove(context, tenant).await?;
    }
    mark.remove(&*context.store).await
}

/// Removes what an import has brought of a tenant.
async fn remove(context: &AdminContext, tenant: TenantRecord) -> Result<(), AdminError> {
    let directory = context.directory();
    let closed = directory.close(tenant, true).await?;
    context.access.reload().await?;
    directory.remove(&closed).await?;
    Ok(())
}

/// The state of an import while it runs.
struct RunningImport<'a> {
    context: &'a AdminContext,
    entries: EntriesOf,
    mark: Mark,
    /// The lines that the store held when this run began.
    behind: archive::End,
    /// The lines that were read.
    sum: archive::Sum,
    sequences: archive::Sequences,
    /// Whether a tenant came whose settings must be known before its resources are indexed.
    reload: bool,
    batch: Vec<Item>,
    /// The final records of the tenants, which open them at the end.
    tenants: Vec<Item>,
    /// The tenants that replace others, by the id that both have.
    replacements: BTreeMap<TenantId, Replacement>,
    resources: u64,
    /// Whether the last line was refused: then the same file is refused again.
    is_wrong: bool,
    /// How many tenants each database has, with those that came.
    tenants_in: Vec<usize>,
}

impl<'a> RunningImport<'a> {
    /// From the mark that is in the store, or from nothing.
    async fn begin(context: &'a AdminContext, replace: bool) -> Result<Self, AdminError> {
        let there = context.access.directory().list().await?;
        let begun = Mark::read(&*context.store).await?;
        let nothing = archive::Sum::default().end();
        let mut mark = begun.unwrap_or_else(|| Mark::new(nothing.clone(), there.is_empty(), replace));
        let left = |tenant: &TenantRecord| tenant.importing || mark.tenants.contains(&tenant.id);
        if !there.iter().any(left) {
            // Nothing of it is left: its tenants were deleted, or it was cut off before the first.
            mark.remove(&*context.store).await?;
            mark = Mark::new(nothing, there.is_empty(), replace);
        } else if let Some(gone) = mark.tenants.iter().find(|id| there.iter().all(|tenant| tenant.id != **id)) {
            return Err(AdminError::Refused(format!(
                "an import was interrupted, and its tenant {gone} was deleted since then: use --discard, which also deletes the other tenants of that import"
            )));
        } else if mark.is_kept() {
            mark.replace |= replace;
            mark.write(&*context.store).await?;
            tracing::info!(items = mark.done.items, "continuing an interrupted import");
        }
        let staged = there.iter().filter_map(Replacement::staged).collect();
        Ok(Self {
            context,
            entries: context.entries_of(),
            replacements: staged,
            behind: mark.done.clone(),
            mark,
            sum: archive::Sum::default(),
            sequences: archive::Sequences::default(),
            reload: false,
            batch: Vec::new(),
            tenants: Vec::new(),
            resources: 0,
            is_wrong: false,
            tenants_in: context.access.directory().tenants_in(&there),
        })
    }

    /// Takes all lines, and opens the tenants.
    async fn run(&mut self, input: &mut Input, output: &Output) -> Result<(), AdminError> {
        let mut end = None;
        while let Some(line) = input.recv().await {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            if end.is_some() {
                return Err(AdminError::Invalid("there are lines after the last one of the export".to_owned()));
            }
            let number = self.sum.items() + 1;
            let entry = self.entry(&line, number);
            self.is_wrong = entry.is_err();
            match entry? {
                archive::Entry::End(said) => end = Some(said),
                archive::Entry::Item(item) if number <= self.behind.items => self.pass(&line, *item).await?,
                archive::Entry::Item(item) => {
                    self.take(*item).await?;
                    self.sum.add(&line);
                }
            }
            if number.is_multiple_of(BATCH as u64) {
                output.line(Line::Progress(number)).await?;
            }
        }
        if self.sum.items() < self.behind.items {
            return Err(another());
        }
        archive::agree(&self.sum, end.as_ref())?;
        self.flush().await?;
        self.open().await
    }

    /// What a line says, if it is right.
    fn entry(&mut self, line: &str, number: u64) -> Result<archive::Entry, AdminError> {
        let wrong = |reason| AdminError::Invalid(format!("line {number} is not a line of an export: {reason}"));
        let entry = archive::read(line).map_err(wrong)?;
        if let archive::Entry::Item(item) = &entry {
            self.sequences.follow(item)?;
            archive::require_past(item, self.context.clock.now()).map_err(wrong)?;
        }
        Ok(entry)
    }

    /// Skips a line that the store already has.
    async fn pass(&mut self, line: &str, item: Item) -> Result<(), AdminError> {
        self.sum.add(line);
        if self.sum.items() == self.behind.items && self.sum.end() != self.behind {
            return Err(another());
        }
        self.count(&item);
        match &item {
            Item::Resource(key, record, _) if is_tenant(key) => {
                let mut tenant = TenantRecord::from_record(key.id, record)?;
                tenant.database = self.placed(tenant.id).await?;
                match self.replacements.get_mut(&tenant.id) {
                    Some(replacement) => replacement.tenant = Some(tenant),
                    None => self.tenants.push(as_it_will_be(key, record, &tenant)?),
                }
                self.reload = true;
            }
            Item::Resource(key, record, _) if is_token(key) => {
                let token = token::Token::from_record(key.id, record)?;
                if let Some(replacement) = self.replacements.get_mut(&token.tenant) {
                    replacement.tokens.push(token);
                }
            }
            Item::Resource(key, record, _) if is_client(key) => {
                let client = Client::from_record(key.id, record)?;
                if let Some(replacement) = self.replacements.get_mut(&client.tenant) {
                    replacement.clients.push(client);
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn take(&mut self, item: Item) -> Result<(), AdminError> {
        if self.batch.len() >= BATCH {
            self.flush().await?;
        }
        let mut item = item;
        match &item {
            Item::Event(TenantId::SYSTEM, _) if self.mark.fresh => {}
            Item::Event(TenantId::SYSTEM, _) => return Ok(()),
            Item::Resource(key, record, _) if key.tenant == TenantId::SYSTEM => match key.resource_type.as_str() {
                tenant::record::KIND => {
                    let mut tenant = TenantRecord::from_record(key.id, record)?;
                    if tenant.importing {
                        return Err(unfinished());
                    }
                    if tenant.home.is_some() || tenant.replaces.is_some() {
                        return Err(AdminError::Invalid(format!(
                            "tenant {:?} in the file is said to be kept elsewhere; it was not written by `export`",
                            tenant.name
                        )));
                    }
                    self.admit(&tenant).await?;
                    self.reload = true;
                    tenant.database = self.placed(tenant.id).await?;
                    if let Some(replacement) = self.replacements.get_mut(&tenant.id) {
                        item = replacement.stage(record, tenant)?;
                    } else {
                        let closed = closed(key, record, tenant.clone())?;
                        self.tenants.push(as_it_will_be(key, record, &tenant)?);
                        item = closed;
                    }
                }
                token::record::KIND => {
                    let token = token::Token::from_record(key.id, record)?;
                    self.require(token.tenant)?;
                    if let Some(replacement) = self.replacements.get_mut(&token.tenant) {
                        replacement.tokens.push(token);
                        return Ok(());
                    }
                }
                client::KIND => {
                    let client = Client::from_record(key.id, record)?;
                    self.require(client.tenant)?;
                    if let Some(replacement) = self.replacements.get_mut(&client.tenant) {
                        replacement.clients.push(client);
                        return Ok(());
                    }
                }
                _ if is_mark(&item) => return Err(unfinished()),
                // What else the system keeps belongs to a whole store, not to its tenants.
                _ if self.mark.fresh => {}
                _ => return Ok(()),
            },
            Item::Resource(key, ..) | Item::Members(key, _) => {
                self.require(key.tenant)?;
                self.settle().await?;
            }
            Item::Event(tenant, _) => {
                self.require(*tenant)?;
                self.settle().await?;
            }
        }
        self.count(&item);
        let item = item.moved(|tenant| self.home(tenant));
        self.batch.push(self.indexed(item)?);
        Ok(())
    }

    /// The number of the database for a tenant of the file: that of what is there of it, or the one with the fewest
    /// tenants.
    async fn placed(&mut self, tenant: TenantId) -> Result<usize, AdminError> {
        let directory = self.context.access.directory();
        for id in [self.home(tenant), tenant] {
            match directory.find(&id.to_string()).await {
                Ok(there) => return Ok(there.database),
                Err(DirectoryError::Unknown(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let database = fewest(&self.tenants_in);
        if let Some(here) = self.tenants_in.get_mut(database) {
            *here += 1;
        }
        Ok(database)
    }

    /// Where what the file has of a tenant is loaded.
    fn home(&self, tenant: TenantId) -> TenantId {
        self.replacements.get(&tenant).map_or(tenant, |replacement| replacement.home)
    }

    fn count(&mut self, item: &Item) {
        self.resources += u64::from(matches!(item, Item::Resource(key, ..) if key.tenant != TenantId::SYSTEM));
    }

    /// Makes way for a tenant, or refuses it because it is there.
    async fn admit(&mut self, tenant: &TenantRecord) -> Result<(), AdminError> {
        let directory = self.context.access.directory();
        match directory.find(&tenant.id.to_string()).await {
            // The portion in which it came is behind the mark.
            Ok(there) if there.importing => {}
            Ok(there) if there.deleting => {
                remove(self.context, there).await?;
                self.keep_elsewhere(tenant.id);
            }
            Ok(there) if self.mark.replace => self.keep_elsewhere(there.id),
            Ok(there) => {
                return Err(AdminError::Refused(format!(
                    "tenant {:?} ({}) exists already; use --replace to replace it with the one in the file, with everything in it",
                    there.name, there.id
                )));
            }
            Err(DirectoryError::Unknown(_)) => {
                // Nothing is written any more where it was.
                if self.context.store.is_erased(tenant.id).await? {
                    self.keep_elsewhere(tenant.id);
                }
            }
            Err(error) => return Err(error.into()),
        }
        if let Ok(other) = directory.find(&tenant.name).await
            && other.id != tenant.id
        {
            return Err(AdminError::Refused(format!(
                "another tenant ({}) has the name {:?}; delete it first, or import into another store",
                other.id, other.name
            )));
        }
        self.mark.tenants.insert(self.home(tenant.id));
        Ok(())
    }

    /// Has a tenant of the file kept under another id than its own.
    fn keep_elsewhere(&mut self, tenant: TenantId) {
        let random = || Replacement::at(TenantId::random(rand::random()));
        self.replacements.entry(tenant).or_insert_with(random);
    }

    fn require(&self, tenant: TenantId) -> Result<(), AdminError> {
        if self.mark.tenants.contains(&self.home(tenant)) {
            return Ok(());
        }
        Err(AdminError::Invalid(format!(
            "the file has data of tenant {tenant} before the tenant itself; it was not written by `export`"
        )))
    }

    /// Makes the tenants that came known to those who compute index entries.
    async fn settle(&mut self) -> Result<(), AdminError> {
        if self.reload {
            self.flush().await?;
            self.context.access.reload().await?;
            self.reload = false;
        }
        Ok(())
    }

    fn indexed(&self, item: Item) -> Result<Item, StoreError> {
        Ok(match item {
            Item::Resource(key, record, _) => {
                let entries = (self.entries)(&key, &record)?;
                Item::Resource(key, record, entries)
            }
            other => other,
        })
    }

    /// Loads what was taken since the last time, and says in the store that it is there.
    async fn flush(&mut self) -> Result<(), AdminError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let store = &*self.context.store;
        if !self.mark.is_kept() {
            // The first portion must not be there without a mark, and is named when all of it is there.
            let tenants = std::mem::take(&mut self.mark.tenants);
            self.mark.write(store).await?;
            self.mark.tenants = tenants;
        }
        self.mark.hold(store).await?;
        store.load(batch).await?;
        self.mark.done = self.sum.end();
        self.mark.write(store).await
    }

    /// Opens the tenants: from now on this is a store like any other.
    async fn open(&mut self) -> Result<(), AdminError> {
        let store = &*self.context.store;
        self.mark.hold(store).await?;
        // First, so that it is told again rather than never when the process ends here.
        self.context.tell_of_store(Deed::StoreImported, None).await;
        store.load(std::mem::take(&mut self.tenants)).await?;
        if !self.mark.fresh {
            // A whole store brings its own log. Here the log goes on, and tells the other processes.
            let kept = |tenant: &&TenantId| self.replacements.values().all(|replacement| replacement.home != **tenant);
            for tenant in self.mark.tenants.iter().filter(kept) {
                let id = ResourceId(tenant.0);
                let event = Event::administration(Action::Administer, tenant::record::KIND, id, &["imported"]);
                let commit = Commit::new(tenant::record::key(*tenant), event);
                store.commit(self.context.author().sign(commit)).await?;
            }
        }
        if self.replacements.is_empty() {
            self.mark.remove(store).await?;
            return Ok(self.context.access.reload().await?);
        }
        let replacements = std::mem::take(&mut self.replacements);
        replacement::swap(self.context, replacements, &mut self.mark).await
    }
}

fn is_tenant(key: &ResourceKey) -> bool {
    key.tenant == TenantId::SYSTEM && key.resource_type.as_str() == tenant::record::KIND
}

fn is_token(key: &ResourceKey) -> bool {
    key.tenant == TenantId::SYSTEM && key.resource_type.as_str() == token::record::KIND
}

fn is_client(key: &ResourceKey) -> bool {
    key.tenant == TenantId::SYSTEM && key.resource_type.as_str() == client::KIND
}

/// A tenant's record as it is until everything of the tenant is there.
fn closed(key: &ResourceKey, record: &Record, tenant: TenantRecord) -> Result<Item, StoreError> {
    let tenant = TenantRecord { importing: true, ..tenant };
    let record = Record { header: record.header, body: tenant.body()? };
    Ok(Item::Resource(key.clone(), record, tenant.entries()))
}

/// A tenant's record as it is at the end.
fn as_it_will_be(key: &ResourceKey, record: &Record, tenant: &TenantRecord) -> Result<Item, StoreError> {
    let record = Record { header: record.header, body: tenant.body()? };
    Ok(Item::Resource(key.clone(), record, tenant.entries()))
}

/// The lines that the store holds are not those of the file.
fn another() -> AdminError {
    AdminError::Refused(
        "an import of another file was interrupted, and this file does not begin like that one".to_owned(),
    )
}
