//! Discovery (RFC 7644 §4, RFC 7643 §5–7): the features, schemas and resource types of the tenant.

use std::sync::Arc;

use scim_protocol::{
    Error, ErrorKind,
    discovery::{
        self, AsyncRequest, Bulk, Features, FilterSupport, Pagination, PaginationMethod, SecurityEvents, Supported,
    },
    message::LIST_RESPONSE_SCHEMA,
    schema::{Schema, core::SERVICE_PROVIDER_CONFIG},
};
use serde_json::{Value, json};

use super::Operations;
use crate::{
    profile,
    stream::supported,
    tenant::{RoleResources, Tenant},
};

fn announces_security_events(tenant: &Tenant) -> bool {
    tenant.settings.announce_security_events && profile::has_security_events(tenant.profile())
}

impl Operations {
    /// The ServiceProviderConfig. `bulk_body` is the largest body of a bulk request, in bytes.
    pub fn service_provider_config(&self, tenant: &Tenant, base: &str, bulk_body: usize) -> Value {
        let page = profile::max_page_size(tenant.profile()).unwrap_or(self.limits.max_page_size);
        let bulk = profile::has_bulk(tenant.profile()) && self.limits.bulk_operations > 0;
        let features = Features {
            documentation_uri: None,
            patch: Supported { supported: true },
            bulk: Bulk {
                supported: bulk,
                max_operations: if bulk { self.limits.bulk_operations as u64 } else { 0 },
                max_payload_size: if bulk { bulk_body as u64 } else { 0 },
            },
            filter: FilterSupport { supported: true, max_results: u64::from(page) },
            change_password: Supported { supported: profile::has_passwords(tenant.profile()) },
            sort: Supported { supported: true },
            etag: Supported { supported: true },
            authentication_schemes: profile::authentication_schemes(tenant.profile()),
            security_events: announces_security_events(tenant).then(|| SecurityEvents {
                async_request: AsyncRequest::Request,
                event_uris: supported(tenant.settings.tells_values()).map(str::to_owned).collect(),
            }),
            pagination: Some(Pagination {
                cursor: true,
                index: true,
                default_pagination_method: PaginationMethod::Index,
                default_page_size: self.limits.page_size.min(page),
                max_page_size: page,
                cursor_timeout: Some(self.limits.cursor_seconds),
            }),
        };
        let mut config = discovery::service_provider_config(&features, base);
        if let Value::Object(config) = &mut config {
            if profile::is_interoperable(tenant.profile()) {
                config.insert("interopProfileConformant".to_owned(), true.into());
            }
            if tenant.settings.role_resources.is_some() {
                let several = !profile::has_lists_of_one(tenant.profile());
                config.insert("RolesAndEntitlements".to_owned(), RoleResources::declared(several));
            }
        }
        config
    }

    /// All resource types, or the one of that name.
    pub fn resource_types(tenant: &Tenant, base: &str, name: Option<&str>) -> Result<Value, Error> {
        let Some(name) = name else {
            let all: Vec<_> =
                tenant.registry.resource_types().iter().map(|rt| discovery::resource_type(rt, base)).collect();
            return Ok(list(&all));
        };
        let found = tenant.registry.resource_type(name);
        found.map(|rt| discovery::resource_type(rt, base)).ok_or_else(|| missing("resource type", name))
    }

    /// All schemas, or the one with that URN.
    pub fn schemas(tenant: &Tenant, base: &str, urn: Option<&str>) -> Result<Value, Error> {
        let show = |schema| schema_of(tenant, schema, base);
        let Some(urn) = urn else {
            return Ok(list(&tenant.registry.schemas().iter().map(show).collect::<Result<Vec<_>, _>>()?));
        };
        tenant.registry.schema(urn).map(show).ok_or_else(|| missing("schema", urn))?
    }
}

/// A schema as the tenant has it.
fn schema_of(tenant: &Tenant, schema: &Arc<Schema>, base: &str) -> Result<Value, Error> {
    let mut shown = discovery::schema(schema, base);
    if schema.id == SERVICE_PROVIDER_CONFIG
        && tenant.settings.role_resources.is_some()
        && let Some(Value::Array(attributes)) = shown.get_mut("attributes")
    {
        attributes.push(RoleResources::declaration()?);
    }
    Ok(shown)
}

fn list(resources: &[Value]) -> Value {
    json!({
        "schemas": [LIST_RESPONSE_SCHEMA],
        "totalResults": resources.len(),
        "itemsPerPage": resources.len(),
        "startIndex": 1,
        "Resources": resources,
    })
}

fn missing(what: &str, name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("There is no {what} \"{name}\" here."))
}
