//! How each tenant stands, for the metrics.

use std::collections::HashSet;

use crate::{
    access::Served,
    http::Service,
    metrics::{Ends, Refused, TenantHealth},
    silence,
    store::{StoreError, TenantId, TypeName},
    tenant::{Tenant, judged::is_of_a_run},
};

/// How near its end a token or secret wants attention, in milliseconds.
const SOON: i64 = 30 * 24 * 60 * 60 * 1000;

/// Shows how tenants stand but those of the judge: all of them, or of more than `metrics_tenants` those that want attention
/// first, then those that were made first.
pub(super) async fn show(service: &Service) -> Result<(), StoreError> {
    let store = &service.operations.store;
    let most = service.settings.load().metrics_tenants;
    let mut tenants = service.access.tenants();
    tenants.retain(|tenant| !is_of_a_run(&tenant.name));
    let number = tenants.len();
    if most == 0 {
        service.metrics.tenants.show(Vec::new(), number);
        return Ok(());
    }
    let (served, silent, ends) =
        (service.access.all_served().await?, silence::silent(&**store).await?, service.access.ends());
    let now = service.clock.now().as_millis();
    let look = |tenant: &Tenant| {
        let ends = ends.get(&tenant.id).cloned().unwrap_or_default();
        let refused = service.access.health(tenant.id).map(|health| health.refused()).unwrap_or_default();
        of(tenant, served.get(&tenant.id).copied().unwrap_or_default(), ends, refused, &silent)
    };
    tenants.sort_by_key(|tenant| (tenant.created, tenant.id));
    let mut looked: Vec<_> = tenants.into_iter().map(|tenant| (look(&tenant), tenant)).collect();
    if number > most {
        looked.sort_by_key(|(health, _)| !wants_attention(health, now));
        looked.truncate(most);
    }
    let mut shown = Vec::with_capacity(looked.len());
    for (health, tenant) in looked {
        let quotas = if store.is_away(tenant.home) { Vec::new() } else { quotas(service, &tenant).await? };
        shown.push(TenantHealth { quotas, ..health });
    }
    service.metrics.tenants.show(shown, number);
    Ok(())
}

fn of(
    tenant: &Tenant,
    served: Served,
    ends: Vec<Ends>,
    refused: Vec<(Refused, u64)>,
    silent: &HashSet<TenantId>,
) -> TenantHealth {
    TenantHealth {
        tenant: tenant.name.clone(),
        last_call: served.last_call,
        last_write: served.last_write,
        refused,
        silent: tenant.settings.silence_after.map(|_| silent.contains(&tenant.id)),
        ends,
        quotas: Vec::new(),
    }
}

/// Whether somebody should look: nobody calls, a token ends soon or has ended, or calls were refused.
fn wants_attention(health: &TenantHealth, now: i64) -> bool {
    let ends_soon = health.ends.iter().any(|ends| ends.at - now <= SOON);
    health.silent == Some(true) || ends_soon || !health.refused.is_empty()
}

/// The part of each quota that is used.
async fn quotas(service: &Service, tenant: &Tenant) -> Result<Vec<(String, f64)>, StoreError> {
    let mut quotas = Vec::new();
    for rt in tenant.registry.resource_types() {
        let Some(quota) = tenant.quota(rt) else { continue };
        let count = service.operations.store.count(tenant.home, &TypeName::from(rt.name.as_str())).await?;
        #[allow(clippy::cast_precision_loss, reason = "a ratio that is shown")]
        quotas.push((rt.name.clone(), if quota == 0 { 1.0 } else { count as f64 / quota as f64 }));
    }
    Ok(quotas)
}
