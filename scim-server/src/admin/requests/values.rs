//! The values of a call, for who may see them; that somebody has looked is told in the tenant's log.

use serde_json::{Map, Value, json};

use super::{RequestsView, curl, find};
use crate::{
    admin::{AdminContext, AdminError, Output},
    audit::HIDDEN,
    event::{Action, Deed, Event},
    store::ResourceId,
    tenant::{self, TenantRecord},
};

/// Tells that somebody looks, and shows the values. Without an event nothing is shown.
pub(super) async fn show(
    context: &AdminContext,
    view: &RequestsView,
    tenant: Option<&TenantRecord>,
    id: &str,
    output: &Output,
) -> Result<(), AdminError> {
    let row = find(context, view, tenant, id).await?;
    let kept: Option<Map<String, Value>> = serde_json::from_str(&row.values).ok();
    let (Some(kept), Some(tenant)) = (kept, row.tenant) else {
        return Err(AdminError::Refused(
            "the values of this call are not kept. With the tenant's setting call_values_until, such as \"2026-12-01T09:00:00Z\", those of calls until then are".to_owned(),
        ));
    };
    let directory = context.directory();
    let home = directory.find(&tenant.to_string()).await?.home();
    let event = Event::new(Action::Administer, &context.by.actor(), tenant::record::KIND, ResourceId(tenant.0));
    let event = Event { deed: Some(Deed::CallValuesShown), attributes: vec![id.to_owned()], ..event };
    directory.tell(home, event).await?;
    let line: Value = serde_json::from_str(&row.line).unwrap_or_default();
    let is_left_out = kept.get("left_out").and_then(Value::as_array).is_some_and(|all| all.contains(&json!("request")));
    let body = if is_left_out { Some(json!(HIDDEN)) } else { kept.get("request").cloned() };
    let sent = json!({
        "requestParameters": {"query": kept.get("query"), "httpBody": body},
        "additionalEventData": line.get("additionalEventData"),
    });
    let curl = curl::command(&row, &sent, context.base.trim_end_matches('/'));
    let mut shown = Map::from_iter([("id".to_owned(), json!(id))]);
    shown.extend(kept);
    shown.insert("curl".to_owned(), curl.into());
    output.row(&shown).await
}
