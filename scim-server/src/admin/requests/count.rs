//! How many calls came in each hour or day.

use serde_json::json;

use super::{RequestsView, blocking};
use crate::{
    admin::{AdminContext, AdminError, Output},
    request_log::{Counts, Step},
    tenant::TenantRecord,
};

/// A row for each hour of the last seven days, or for each day of the last thirty; the oldest first.
pub(super) async fn count(
    context: &AdminContext,
    view: &RequestsView,
    tenant: Option<&TenantRecord>,
    days: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let step = if days { Step::Day } else { Step::Hour };
    let (tenant, now) = (tenant.map(|tenant| tenant.id), context.clock.now());
    let counted = match view {
        RequestsView::Written(log) => {
            log.flush().await;
            log.counts().of(tenant, step, now)
        }
        RequestsView::Files(reader) => {
            let reader = reader.clone();
            let counts = blocking(move || {
                let counts = Counts::default();
                reader.count(None, &counts)?;
                Ok(counts)
            });
            counts.await?.of(tenant, step, now)
        }
    };
    for (from, counted) in counted {
        let row = json!({
            "from": from, "calls": counted.calls, "refused": counted.refused, "failed": counted.failed,
        });
        output.row(&row).await?;
    }
    Ok(())
}
