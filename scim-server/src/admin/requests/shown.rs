//! A call as administrators see it.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use scim_protocol::Timestamp;
use serde_json::{Map, Value, json};

use super::{curl, meaning, reason};
use crate::{
    admin::{AdminContext, AdminError},
    ids::{ResourceId, TenantId},
    render::stored_document,
    request_log::Row,
    store::{ResourceKey, TypeName},
    tenant::Tenant,
};

/// What is known of the tokens and clients of a tenant.
struct Names {
    tenant: Option<Arc<Tenant>>,
    tokens: HashMap<ResourceId, (String, Option<Timestamp>)>,
}

/// Shows calls, and remembers what it has looked up.
pub(super) struct Shower<'c> {
    context: &'c AdminContext,
    /// Whether whom a call was about is looked up.
    names: bool,
    tenants: HashMap<TenantId, Names>,
}

impl<'c> Shower<'c> {
    pub fn new(context: &'c AdminContext, names: bool) -> Self {
        Self { context, names, tenants: HashMap::new() }
    }

    /// A row of a list.
    pub async fn row(&mut self, row: &Row) -> Result<Value, AdminError> {
        let line: Value = serde_json::from_str(&row.line).unwrap_or_default();
        self.told(row, &line).await.map(Value::Object)
    }

    /// The call as a whole, with what to do about it.
    pub async fn whole(&mut self, row: &Row) -> Result<Value, AdminError> {
        let line: Value = serde_json::from_str(&row.line).unwrap_or_default();
        let mut shown = self.told(row, &line).await?;
        let mut add = |name: &str, value: Value| {
            if !value.is_null() {
                shown.insert(name.to_owned(), value);
            }
        };
        let explanation = reason::explanation(row);
        add("explanation", explanation.map(|it| it.when).into());
        let tokens = row.tenant.and_then(|tenant| self.tenants.get(&tenant)).map(|names| &names.tokens);
        let token = tokens.zip(row.token).and_then(|(tokens, token)| tokens.get(&token));
        let known = token.map_or_else(reason::Known::default, |(name, expires)| reason::Known {
            name: Some(name.as_str()).filter(|name| !name.is_empty()),
            expires: *expires,
        });
        let fix = reason::about_token(row, known).or_else(|| explanation.map(|it| it.remedy.to_owned()));
        add("fix", fix.filter(|_| row.status >= 400).into());
        let part = |at: &str| line.pointer(at).cloned().filter(|value| !value.is_null());
        let request = [("query", part("/requestParameters/query")), ("body", part("/requestParameters/httpBody"))];
        add("request", members(request));
        add("response", members([("body", part("/responseElements"))]));
        add("curl", curl::command(row, &line, self.context.base.trim_end_matches('/')).into());
        add("values", Some(true).filter(|_| !row.values.is_empty()).into());
        add("record", line);
        Ok(Value::Object(shown))
    }

    async fn told(&mut self, row: &Row, line: &Value) -> Result<Map<String, Value>, AdminError> {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let resource_name = self.resource_name(row, text("eventName").unwrap_or_default()).await?;
        let names = match row.tenant {
            Some(tenant) => Some(self.names(tenant).await?),
            None => None,
        };
        let tenant = names.and_then(|names| names.tenant.as_ref());
        let token = names.zip(row.token).and_then(|(names, token)| names.tokens.get(&token));
        let id = row.resource.map(|id| id.to_string());
        let members = json!({
            "place": row.place.to_string(),
            "id": text("requestID"),
            "time": row.at,
            "tenant": row.tenant,
            "tenant_name": tenant.map(|tenant| &tenant.name),
            "method": row.method.name(),
            "path": short(row),
            "operation": text("eventName"),
            "status": row.status,
            "took_ms": took(row),
            "token": row.token,
            "token_name": token.map(|(name, _)| name).filter(|name| !name.is_empty()),
            "address": text("sourceIPAddress"),
            "user_agent": text("userAgent"),
            "resource": row.resource,
            "resource_name": resource_name,
            "meaning": meaning::meaning(line, row.status, resource_name.as_ref().or(id.as_ref()).map(String::as_str)),
            "refusal": Some(&row.refusal).filter(|word| !word.is_empty()),
            "reason": reason::reason(row, line),
            "scim_type": Some(&row.scim_type).filter(|word| !word.is_empty()),
            "count": (row.count > 1 || line.get("count").is_some()).then_some(row.count),
            "last": text("lastEventTime"),
        });
        let Value::Object(mut members) = members else { return Ok(Map::new()) };
        members.retain(|_, value| !value.is_null());
        Ok(members)
    }

    /// What is known of a tenant, looked up once.
    async fn names(&mut self, tenant: TenantId) -> Result<&Names, AdminError> {
        let entry = match self.tenants.entry(tenant) {
            Entry::Occupied(known) => return Ok(known.into_mut()),
            Entry::Vacant(entry) => entry,
        };
        let directory = self.context.access.directory();
        let mut tokens = HashMap::new();
        for token in directory.ledger().list(tenant).await? {
            let expires = token.expires();
            tokens.insert(token.id, (token.name.unwrap_or_default(), Some(expires)));
        }
        for client in directory.clients().list(tenant).await? {
            tokens.insert(client.id, (client.name, None));
        }
        Ok(entry.insert(Names { tenant: self.context.access.tenant_of(tenant), tokens }))
    }

    /// What people call the resource of a call, as it is now.
    async fn resource_name(&mut self, row: &Row, event: &str) -> Result<Option<String>, AdminError> {
        let (true, Some(id), Some(tenant)) = (self.names, row.resource, row.tenant) else { return Ok(None) };
        let Some(tenant) = self.context.access.tenant_of(tenant) else { return Ok(None) };
        let types = tenant.registry.resource_types().iter();
        let Some(rt) = types.map(|rt| &rt.name).find(|name| event.ends_with(name.as_str())) else { return Ok(None) };
        let key = ResourceKey { tenant: tenant.home, resource_type: TypeName::from(rt.as_str()), id };
        let Some(record) = self.context.operations.store.get(&key).await? else { return Ok(None) };
        let document = stored_document(&record)?;
        let name = ["userName", "displayName"].iter().find_map(|name| document.get(*name)?.as_str());
        Ok(name.map(str::to_owned))
    }
}

/// The members that have a value; null without any.
fn members<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present: Map<String, Value> =
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    if present.is_empty() { Value::Null } else { Value::Object(present) }
}

/// The path from the tenant's base URL on.
fn short(row: &Row) -> &str {
    let rest = row.tenant.and_then(|tenant| row.path.strip_prefix(&format!("/{tenant}")));
    match rest.map(|rest| rest.strip_prefix("/scim/v2").unwrap_or(rest)) {
        Some("") => "/",
        Some(rest) => rest,
        None => &row.path,
    }
}

/// Milliseconds, to the microsecond.
fn took(row: &Row) -> f64 {
    f64::from(u32::try_from(row.took.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}
