//! What `check` finds only of a store in several databases: a log that is open where its tenant is not kept. Nobody reads
//! it, and the tenant cannot be moved there.

use std::collections::HashMap;

use super::{AdminContext, AdminError, Output};
use crate::{
    store::{Finding, TenantId, postgres::Spread},
    tenant::TenantRecord,
};

/// Gives each as a finding; with `repair`, closes it and removes what it has. Where users and groups of a tenant are that
/// is in no record, nothing is removed: the record may be what is lost.
pub(super) async fn look(context: &AdminContext, repair: bool, output: &Output) -> Result<(), AdminError> {
    let Some(spread) = context.store.spread() else { return Ok(()) };
    // Whoever is open now has a record by now.
    let open = spread.open_logs().await?;
    let tenants = context.access.directory().list().await?;
    let by_home: HashMap<TenantId, &TenantRecord> =
        tenants.iter().flat_map(|tenant| tenant.places().map(move |(home, ..)| (home, tenant))).collect();
    let is_kept = |(place, home): &(usize, TenantId)| {
        *home == TenantId::SYSTEM
            || by_home.get(home).is_some_and(|tenant| tenant.database == *place || tenant.moving.is_some())
    };
    let stray: Vec<_> = open.into_iter().filter(|one| !is_kept(one)).collect();
    if stray.is_empty() {
        return Ok(());
    }
    // Whoever has moved meanwhile is closed by now where the tenant was.
    let still = spread.open_logs().await?;
    for (place, home) in stray.into_iter().filter(|one| still.contains(one)) {
        let found = match by_home.get(&home) {
            Some(tenant) => of_tenant(context, tenant, place, repair).await?,
            None => Some(of_nobody(context, spread, (place, home), repair).await?),
        };
        if let Some((detail, repaired)) = found {
            output.row(&Finding { kind: "log-stray".into(), detail, repaired }).await?;
        }
    }
    Ok(())
}

async fn of_tenant(
    context: &AdminContext,
    tenant: &TenantRecord,
    place: usize,
    repair: bool,
) -> Result<Option<(String, bool)>, AdminError> {
    // It may just have come here.
    if repair && !context.access.directory().close_stray(tenant, place).await? {
        return Ok(None);
    }
    let (name, here, there) = (&tenant.name, place + 1, tenant.database + 1);
    Ok(Some((format!("tenant {name:?} has a log in database {here}, and is kept in database {there}"), repair)))
}

async fn of_nobody(
    context: &AdminContext,
    spread: &Spread,
    (place, home): (usize, TenantId),
    repair: bool,
) -> Result<(String, bool), AdminError> {
    let resources = spread.resources_in(place, home).await?;
    let detail = format!("there is a log of {home}, which is no tenant, in database {}", place + 1);
    if resources > 0 {
        return Ok((format!("{detail}, with {resources} resources; an export leaves them out"), false));
    }
    if repair {
        context.store.erase(home).await?;
    }
    Ok((detail, repair))
}
