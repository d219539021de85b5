//! The commands that touch everything: check, export, import.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use serde_json::json;

use super::{AdminContext, AdminError, Input, Line, Output, archive, tenants};
use crate::{
    store::{EntriesOf, Finding, Item, StoreError, TenantId},
    tenant::{self, TenantRecord},
    token,
};

/// How many items are loaded at once.
const BATCH: usize = 1000;

/// Gives each finding as a row; how many were left is for the reader to count.
pub(super) async fn check(context: &AdminContext, repair: bool, output: &Output) -> Result<(), AdminError> {
    let sink = {
        let output = output.clone();
        move |finding: Finding| serde_json::to_string(&finding).is_ok_and(|json| output.row_blocking(json))
    };
    Ok(context.store.check(context.entries_of(), repair, Box::new(sink)).await?)
}

/// What an export has written so far; shared with the store's thread.
#[derive(Default)]
struct Written {
    sum: archive::Sum,
    failed: Option<AdminError>,
}

/// Gives every item of a tenant (its own record and tokens first), or of everything, as a row, and
/// at the end the line that checks them.
pub(super) async fn export(context: &AdminContext, tenant: Option<&str>, output: &Output) -> Result<(), AdminError> {
    let written = Arc::new(Mutex::new(Written::default()));
    let tenant = match tenant {
        Some(name) => Some(tenants::find(context, name).await?),
        None => None,
    };
    if let Some(tenant) = &tenant {
        for item in records_of(context, tenant).await? {
            let line = write(&item)?;
            lock(&written).sum.add(&line);
            output.line(Line::Row(line)).await?;
        }
    }
    let sink = {
        let (written, output) = (Arc::clone(&written), output.clone());
        move |item: Item| match write(&item) {
            Ok(line) => {
                lock(&written).sum.add(&line);
                output.row_blocking(line)
            }
            Err(error) => {
                lock(&written).failed = Some(error);
                false
            }
        }
    };
    context.store.export(tenant.map(|tenant| tenant.id), Box::new(sink)).await?;
    let Written { sum, failed } = std::mem::take(&mut *lock(&written));
    if let Some(error) = failed {
        return Err(error);
    }
    let end = archive::write_end(&sum).map_err(|error| AdminError::Refused(error.to_string()))?;
    output.line(Line::Row(end)).await
}

/// The system's records of a tenant: the tenant itself and its tokens.
async fn records_of(context: &AdminContext, tenant: &TenantRecord) -> Result<Vec<Item>, AdminError> {
    let tokens = context.access.directory().ledger().list(tenant.id).await?;
    let mut items = Vec::new();
    for key in [tenant.key()].into_iter().chain(tokens.iter().map(token::Token::key)) {
        if let Some(record) = context.store.get(&key).await? {
            items.push(Item::Resource(key, record, Vec::new()));
        }
    }
    Ok(items)
}

fn write(item: &Item) -> Result<String, AdminError> {
    archive::write(item).map_err(|error| {
        let what = match item {
            Item::Resource(key, ..) => format!("{} {}", key.resource_type.as_str(), key.id),
            Item::Members(group, _) => format!("the members of group {}", group.id),
            Item::Event(tenant, event) => format!("event {} of tenant {tenant}", event.sequence),
        };
        AdminError::Refused(format!("{what} is damaged and cannot be exported ({error}); run `check --repair` first"))
    })
}

/// Takes in what an export gave out.
pub(super) async fn import(
    context: &AdminContext,
    replace: bool,
    input: &mut Input,
    output: &Output,
) -> Result<(), AdminError> {
    let fresh = context.access.directory().list().await?.is_empty();
    let mut import = Import {
        context,
        entries: context.entries_of(),
        replace,
        fresh,
        tenants: HashSet::new(),
        reload: false,
        batch: Vec::new(),
        loaded: 0,
        resources: 0,
    };
    match import.run(input, output).await {
        Ok(items) => {
            context.access.reload().await?;
            output.row(&json!({"tenants": import.tenants.len(), "resources": import.resources, "items": items})).await
        }
        Err(error) if import.loaded > 0 => {
            context.access.reload().await?;
            Err(AdminError::Refused(format!(
                "{error}. What came before was imported; import a whole file with --replace, or delete the tenant"
            )))
        }
        Err(error) => Err(error),
    }
}

/// An import on its way.
struct Import<'a> {
    context: &'a AdminContext,
    entries: EntriesOf,
    replace: bool,
    /// Whether the store had no tenant: then the system's own log comes along too.
    fresh: bool,
    /// The tenants that this import has brought.
    tenants: HashSet<TenantId>,
    /// Whether a tenant came whose settings must be known before its resources are indexed.
    reload: bool,
    batch: Vec<Item>,
    /// How many items are in the store already.
    loaded: usize,
    resources: u64,
}

impl Import<'_> {
    /// Takes all lines; returns how many items there were.
    async fn run(&mut self, input: &mut Input, output: &Output) -> Result<u64, AdminError> {
        let mut sum = archive::Sum::default();
        let mut end = None;
        while let Some(line) = input.recv().await {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            if end.is_some() {
                return Err(AdminError::Refused("there are lines behind the last one of the export".to_owned()));
            }
            let number = sum.items() + 1;
            let entry = archive::read(&line)
                .map_err(|reason| AdminError::Refused(format!("line {number} is not a line of an export: {reason}")))?;
            match entry {
                archive::Entry::End(said) => end = Some(said),
                archive::Entry::Item(item) => {
                    sum.add(&line);
                    self.take(item).await?;
                }
            }
            if number.is_multiple_of(BATCH as u64) {
                output.line(Line::Progress(number)).await?;
            }
        }
        archive::agree(&sum, end.as_ref())?;
        self.flush().await?;
        Ok(sum.items())
    }

    async fn take(&mut self, item: Item) -> Result<(), AdminError> {
        match &item {
            Item::Event(TenantId::SYSTEM, _) if self.fresh => {}
            Item::Event(TenantId::SYSTEM, _) => return Ok(()),
            Item::Resource(key, record, _) if key.tenant == TenantId::SYSTEM => match key.resource_type.as_str() {
                tenant::record::KIND => {
                    self.admit(&TenantRecord::from_record(key.id, record)?).await?;
                    self.reload = true;
                }
                token::record::KIND => self.require(token::Token::from_record(key.id, record)?.tenant)?,
                // What else the system keeps belongs to a whole store, not to its tenants.
                _ if self.fresh => {}
                _ => return Ok(()),
            },
            Item::Resource(key, ..) | Item::Members(key, _) => {
                self.require(key.tenant)?;
                self.settle().await?;
            }
            Item::Event(tenant, _) => self.require(*tenant)?,
        }
        self.resources += u64::from(matches!(&item, Item::Resource(key, ..) if key.tenant != TenantId::SYSTEM));
        self.batch.push(self.indexed(item)?);
        if self.batch.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    /// Makes way for a tenant, or refuses it because it is there.
    async fn admit(&mut self, tenant: &TenantRecord) -> Result<(), AdminError> {
        let directory = self.context.access.directory();
        if let Ok(there) = directory.find(&tenant.id.to_string()).await {
            if !self.replace {
                return Err(AdminError::Refused(format!(
                    "tenant {:?} ({}) is already there; use --replace to delete it first with everything in it",
                    there.name, there.id
                )));
            }
            let closed = directory.close(there, true).await?;
            self.context.access.reload().await?;
            directory.remove(&closed).await?;
        }
        if let Ok(other) = directory.find(&tenant.name).await {
            return Err(AdminError::Refused(format!(
                "another tenant ({}) has the name {:?}; delete it first, or import into another store",
                other.id, other.name
            )));
        }
        self.tenants.insert(tenant.id);
        Ok(())
    }

    fn require(&self, tenant: TenantId) -> Result<(), AdminError> {
        if self.tenants.contains(&tenant) {
            return Ok(());
        }
        Err(AdminError::Refused(format!(
            "the file has something of tenant {tenant} before the tenant itself; it was not written by `export`"
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

    async fn flush(&mut self) -> Result<(), AdminError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.loaded += batch.len();
        Ok(self.context.store.load(batch).await?)
    }
}

/// The lock of what two threads write in turn; a panic of the other is no reason to stop.
fn lock(written: &Mutex<Written>) -> std::sync::MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
