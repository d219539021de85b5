//! Users and groups that no provider has sent for a while: told, and never changed.

use std::time::Duration;

use scim_protocol::Timestamp;
use serde_json::{Value, json};

use super::{AdminContext, AdminError, Output, names::Actors, resources::administrator};
use crate::render::stored_document;

/// Who has a `userName`, and can be inactive.
const USER: &str = "User";

/// Lists the users or groups that were sent by a provider, and not within that time.
pub(super) async fn list(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    time: Option<Duration>,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    let tenant = caller.tenant();
    let Some(stale_after) = tenant.settings.stale_after else {
        return Err(AdminError::Refused(format!(
            "tenant {:?} does not note when a provider sends somebody without a change; set stale_after with `tenant set TENANT --settings FILE`: {}. Ask again when that time is over",
            tenant.name,
            json!({"stale_after": "28d"})
        )));
    };
    let millis = i64::try_from(time.unwrap_or(stale_after.length()).as_millis()).unwrap_or(i64::MAX);
    let since = Timestamp::from_millis(context.clock.now().as_millis().saturating_sub(millis));
    let (mut after, actors) = (None, Actors::of(context, tenant.id).await?);
    loop {
        let page = context.operations.stale(tenant.home, resource_type, since, after).await?;
        for (id, record, sent) in page.resources {
            let document = stored_document(&record)?;
            let at = sent.as_ref().map_or(record.header.last_modified, |sent| Timestamp::from_millis(sent.at));
            let by = sent.map(|sent| sent.by);
            let name = by.as_deref().map(|by| actors.called(by));
            let mut row = json!({"id": id, "source": by, "source_name": name, "last_sent": at.to_string()});
            if resource_type == USER {
                row["userName"] = document.get("userName").cloned().unwrap_or_default();
                row["active"] = document.get("active").and_then(Value::as_bool).unwrap_or(true).into();
            } else {
                row["displayName"] = document.get("displayName").cloned().unwrap_or_default();
            }
            output.row(&row).await?;
        }
        match page.next {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}
