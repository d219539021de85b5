//! The commands that read everything: check and export. What takes it in again is [`super::import`].

use std::sync::{Arc, Mutex};

use super::{AdminContext, AdminError, Line, Output, archive, import, tenants};
use crate::{
    store::{Finding, Item},
    tenant::TenantRecord,
    token,
};

/// Gives each finding as a row; how many were left is for the reader to count. Notes follow.
pub(super) async fn check(context: &AdminContext, repair: bool, output: &Output) -> Result<(), AdminError> {
    let sink = {
        let output = output.clone();
        move |finding: Finding| serde_json::to_string(&finding).is_ok_and(|json| output.row_blocking(json))
    };
    context.store.check(context.entries_of(), repair, Box::new(sink)).await?;
    for note in context.store.notes().await? {
        output.line(Line::Row(serde_json::json!({ "note": note }).to_string())).await?;
    }
    Ok(())
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
        if tenant.importing {
            return Err(import::unfinished());
        }
        for item in records_of(context, tenant).await? {
            let line = write(&item)?;
            lock(&written).sum.add(&line);
            output.line(Line::Row(line)).await?;
        }
    }
    let sink = {
        let (written, output) = (Arc::clone(&written), output.clone());
        move |item: Item| match if import::is_mark(&item) { Err(import::unfinished()) } else { write(&item) } {
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

/// The lock of what two threads write in turn; a panic of the other is no reason to stop.
fn lock(written: &Mutex<Written>) -> std::sync::MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
