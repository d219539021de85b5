//! The commands that read everything: check and export. [`super::import`] reads an export.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::{AdminContext, AdminError, Line, Output, archive, import, indexing, stray};
use crate::{
    event::Deed,
    oauth::Client,
    store::{Finding, Item, Record, TenantId, mark},
    system_records,
    tenant::{self, TenantRecord},
    token,
};

/// Gives each finding as a row; how many were left is for the reader to count. Notes follow.
pub(super) async fn check(context: &AdminContext, repair: bool, output: &Output) -> Result<(), AdminError> {
    let failed = Arc::<Mutex<Option<AdminError>>>::default();
    let sink = {
        let (failed, output) = (Arc::clone(&failed), output.clone());
        move |finding: Finding| {
            let told = serde_json::to_string(&finding)
                .map_err(|error| AdminError::Refused(format!("what was found cannot be shown: {error}")))
                .and_then(|json| output.row_blocking(json));
            told.map_err(|error| *lock(&failed) = Some(error)).is_ok()
        }
    };
    if repair {
        context.tell_of_store(Deed::StoreRepaired, None).await;
    }
    // Data that will be erased belong to no tenant, and `check` would report them.
    context.access.directory().finish_removals().await?;
    // Nor is an index whose filling was cut off a fault, unless it cannot be filled: then it is found.
    match indexing::finish_filling(context).await {
        Err(AdminError::Refused(_)) | Ok(_) => {}
        Err(error) => return Err(error),
    }
    stray::look(context, repair, output).await?;
    context.store.check(context.entries_of(), repair, Box::new(sink)).await?;
    if let Some(error) = lock(&failed).take() {
        return Err(error);
    }
    for note in context.store.notes().await? {
        output.line(Line::Row(serde_json::json!({ "note": note }).to_string())).await?;
    }
    Ok(())
}

/// What an export has written so far; shared with the store's thread.
#[derive(Default)]
struct Written {
    sum: archive::Sum,
    /// The tenants that have come, by where the store keeps what is theirs.
    homes: HashMap<TenantId, TenantId>,
    /// How many events of the server's own log were left out: those behind them move up, so that the copy has no gap.
    left_out: u64,
    failed: Option<AdminError>,
}

/// Gives every item of a tenant (its own record and tokens first), or of everything, as a row, and
/// at the end the line that checks them.
pub(super) async fn export(context: &AdminContext, tenant: Option<&str>, output: &Output) -> Result<(), AdminError> {
    let written = Arc::new(Mutex::new(Written::default()));
    let tenant = match tenant {
        Some(name) => Some(context.directory().find(name).await?),
        None => None,
    };
    if tenant.as_ref().is_some_and(|tenant| tenant.importing) {
        return Err(import::unfinished());
    }
    context.tell_of_store(Deed::StoreExported, tenant.as_ref()).await;
    if let Some(tenant) = &tenant {
        for item in records_of(context, tenant).await? {
            let line = lock(&written).line(item)?;
            if let Some(line) = line {
                output.line(Line::Row(line)).await?;
            }
        }
    }
    let sink = {
        let (written, output) = (Arc::clone(&written), output.clone());
        move |item: Item| {
            let line = lock(&written).line(item);
            let told = line.and_then(|line| line.map_or(Ok(()), |line| output.row_blocking(line)));
            told.map_err(|error| lock(&written).failed = Some(error)).is_ok()
        }
    };
    context.store.export(tenant.as_ref().map(TenantRecord::home), Box::new(sink)).await?;
    let Written { sum, failed, .. } = std::mem::take(&mut *lock(&written));
    if let Some(error) = failed {
        return Err(error);
    }
    if let Some(tenant) = tenant
        && context.directory().find(&tenant.id.to_string()).await?.home() != tenant.home()
    {
        let name = tenant.name;
        return Err(AdminError::Refused(format!(
            "tenant {name:?} was replaced by an import meanwhile; export it again"
        )));
    }
    let end = archive::write_end(&sum).map_err(|error| AdminError::Refused(error.to_string()))?;
    output.line(Line::Row(end)).await
}

impl Written {
    /// The next line, counted; `None` for what is nobody's any more.
    fn line(&mut self, item: Item) -> Result<Option<String>, AdminError> {
        if import::is_mark(&item) {
            return Err(import::unfinished());
        }
        let Some(item) = self.outward(item)? else { return Ok(None) };
        let line = write(&item)?;
        self.sum.add(&line);
        Ok(Some(line))
    }

    /// An item as others see it: with its tenant's own id, wherever the store keeps it. Tenants come
    /// first. What a replaced tenant was before, and nobody has erased yet, is left out.
    fn outward(&mut self, item: Item) -> Result<Option<Item>, AdminError> {
        Ok(match item {
            Item::Resource(key, ..) if mark::is_of_work(&key.resource_type) => None,
            Item::Resource(key, ..)
                if key.tenant == TenantId::SYSTEM && system_records::stays(key.resource_type.as_str()) =>
            {
                None
            }
            Item::Resource(key, record, entries) if key.tenant == TenantId::SYSTEM => {
                if key.resource_type.as_str() != tenant::record::KIND {
                    return Ok(Some(Item::Resource(key, record, entries)));
                }
                let mut tenant = TenantRecord::from_record(key.id, &record)?;
                self.homes.insert(tenant.home(), tenant.id);
                // In which database it is counts for this store only.
                let placed = std::mem::take(&mut tenant.database) > 0
                    || tenant.moving.take().is_some()
                    || !std::mem::take(&mut tenant.copies).is_empty();
                if tenant.home.take().is_none() && tenant.left.is_empty() && !placed {
                    return Ok(Some(Item::Resource(key, record, entries)));
                }
                tenant.left.clear();
                tenant.begun = 0;
                Some(Item::Resource(key, Record { header: record.header, body: tenant.body()? }, entries))
            }
            Item::Event(TenantId::SYSTEM, event) if event.deed.is_some_and(Deed::is_of_store) => {
                self.left_out += 1;
                None
            }
            Item::Event(TenantId::SYSTEM, mut event) => {
                event.sequence = event.sequence.saturating_sub(self.left_out);
                Some(Item::Event(TenantId::SYSTEM, event))
            }
            Item::Resource(key, ..) | Item::Members(key, _) if !self.homes.contains_key(&key.tenant) => None,
            Item::Event(tenant, _) if !self.homes.contains_key(&tenant) => None,
            item => Some(item.moved(|home| self.homes.get(&home).copied().unwrap_or(home))),
        })
    }
}

/// The system's records of a tenant: the tenant itself, its tokens and its clients.
async fn records_of(context: &AdminContext, tenant: &TenantRecord) -> Result<Vec<Item>, AdminError> {
    let tokens = context.access.directory().ledger().list(tenant.id).await?;
    let clients = context.access.directory().clients().list(tenant.id).await?;
    let keys = tokens.iter().map(token::Token::key).chain(clients.iter().map(Client::key));
    let mut items = Vec::new();
    for key in [tenant.key()].into_iter().chain(keys) {
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

/// The lock of what two threads write in turn; a panic of the other is no reason to stop.
fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
