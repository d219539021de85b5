//! The discovery resources: ServiceProviderConfig, ResourceType, Schema (RFC 7643 §5–7, RFC 7644 §4).
//!
//! Clients configure themselves by these, and some refuse a `null`, so absent values are left out. Each function
//! takes the base URL, without a slash at its end, for `meta.location`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::schema::{
    ResourceType, Schema,
    core::{RESOURCE_TYPE, SCHEMA, SERVICE_PROVIDER_CONFIG},
};

/// What a service provider supports, as ServiceProviderConfig says it (RFC 7643 §5).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// Where people find the documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation_uri: Option<String>,
    /// Whether resources can be changed by PATCH (RFC 7644 §3.5.2).
    pub patch: Supported,
    /// Whether many operations may come in one request (§3.7), and how many.
    pub bulk: Bulk,
    /// Whether lists can be filtered (§3.4.2.2), and how much a page holds.
    pub filter: FilterSupport,
    /// Whether a client may change a password.
    pub change_password: Supported,
    /// Whether lists can be sorted (§3.4.2.3).
    pub sort: Supported,
    /// Whether resources have versions, as `ETag` and `meta.version` (§3.14).
    pub etag: Supported,
    /// The ways in which a client can authenticate, the preferred one first.
    pub authentication_schemes: Vec<AuthenticationScheme>,
    /// How lists are paged (RFC 9865 §4); optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// Which security event tokens there are (RFC 9967 §4); optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_events: Option<SecurityEvents>,
}

/// A feature that is there or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Supported {
    /// Whether the server has this feature.
    pub supported: bool,
}

impl From<bool> for Supported {
    fn from(supported: bool) -> Self {
        Self { supported }
    }
}

/// Bulk requests and their bounds (RFC 7643 §5, `bulk`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bulk {
    /// Whether the server takes such requests.
    pub supported: bool,
    /// The most operations in one request.
    pub max_operations: u64,
    /// The largest body, in bytes.
    pub max_payload_size: u64,
}

/// Filters and the size of a page (RFC 7643 §5, `filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterSupport {
    /// Whether the server takes such requests.
    pub supported: bool,
    /// The most resources in one answer.
    pub max_results: u64,
}

/// A way to authenticate (RFC 7643 §5, `authenticationSchemes`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationScheme {
    /// `oauth`, `oauth2`, `oauthbearertoken`, `httpbasic` or `httpdigest`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name for administrators, such as `OAuth Bearer Token`.
    pub name: String,
    /// A sentence about it for an administrator.
    pub description: String,
    /// Where the scheme is specified, as a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_uri: Option<String>,
    /// Where the scheme is documented for its users, as a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation_uri: Option<String>,
    /// Whether it is the preferred one.
    pub primary: bool,
}

impl AuthenticationScheme {
    /// Bearer tokens (RFC 6750), as the preferred scheme.
    pub fn bearer_token() -> Self {
        Self {
            kind: "oauthbearertoken".to_owned(),
            name: "OAuth Bearer Token".to_owned(),
            description: "A token in the Authorization header: Bearer, a space, and the token.".to_owned(),
            spec_uri: Some("https://www.rfc-editor.org/info/rfc6750".to_owned()),
            documentation_uri: None,
            primary: true,
        }
    }

    /// Client credentials of OAuth 2.0 (RFC 6749 §4.4), by which a client gets such tokens.
    pub fn client_credentials() -> Self {
        Self {
            kind: "oauth2".to_owned(),
            name: "OAuth 2.0 Client Credentials".to_owned(),
            description:
                "An access token of the tenant's token endpoint, got with a client secret or a signed assertion."
                    .to_owned(),
            spec_uri: Some("https://www.rfc-editor.org/info/rfc6749".to_owned()),
            documentation_uri: None,
            primary: false,
        }
    }
}

/// The ways of paging and their bounds (RFC 9865 §4, `pagination`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// Whether pages can be asked for by `cursor`.
    pub cursor: bool,
    /// Whether pages can be asked for by `startIndex`.
    pub index: bool,
    /// What is used when a request names neither.
    pub default_pagination_method: PaginationMethod,
    /// How many resources a page has when `count` is not given.
    pub default_page_size: u32,
    /// The most resources on a page.
    pub max_page_size: u32,
    /// How long a cursor stays good, in seconds; `None` when it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor_timeout: Option<u32>,
}

/// Security event tokens (RFC 9967 §4, `securityEvents`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityEvents {
    /// Whether requests are completed asynchronously.
    pub async_request: AsyncRequest,
    /// The events that can be told over a stream.
    pub event_uris: Vec<String>,
}

/// When requests are completed asynchronously (RFC 9967 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AsyncRequest {
    /// Never.
    None,
    /// When the server finds that they take long.
    Long,
    /// When the client asks for it.
    Request,
}

/// A way to page (RFC 9865 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PaginationMethod {
    /// By `cursor` and `nextCursor` (RFC 9865).
    Cursor,
    /// By `startIndex` (RFC 7644 §3.4.2.4).
    Index,
}

/// The ServiceProviderConfig resource. It has no `id` (RFC 7643 §5).
pub fn service_provider_config(features: &Features, base_url: &str) -> Value {
    let body = serde_json::to_value(features).unwrap_or_default();
    resource(SERVICE_PROVIDER_CONFIG, body, "ServiceProviderConfig", &format!("{base_url}/ServiceProviderConfig"))
}

/// A ResourceType resource (RFC 7643 §6).
pub fn resource_type(rt: &ResourceType, base_url: &str) -> Value {
    let mut body = json!({
        "id": rt.name,
        "name": rt.name,
        "description": rt.description,
        "endpoint": rt.endpoint,
        "schema": rt.schema.id,
    });
    if !rt.extensions.is_empty() {
        let extensions = rt.extensions.iter();
        body["schemaExtensions"] = extensions
            .map(|extension| json!({"schema": extension.schema.id, "required": extension.required}))
            .collect();
    }
    resource(RESOURCE_TYPE, body, "ResourceType", &format!("{base_url}/ResourceTypes/{}", rt.name))
}

/// A Schema resource (RFC 7643 §7).
pub fn schema(schema: &Schema, base_url: &str) -> Value {
    let body = serde_json::to_value(schema).unwrap_or_default();
    resource(SCHEMA, body, "Schema", &format!("{base_url}/Schemas/{}", schema.id))
}

/// The body between `schemas` and `meta`.
fn resource(schema: &str, body: Value, resource_type: &str, location: &str) -> Value {
    let mut whole = json!({"schemas": [schema]});
    if let (Value::Object(whole), Value::Object(body)) = (&mut whole, body) {
        whole.extend(body);
    }
    whole["meta"] = json!({"resourceType": resource_type, "location": location});
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::SchemaRegistry;

    const BASE: &str = "https://example.com/v2";

    fn features() -> Features {
        Features {
            documentation_uri: None,
            patch: true.into(),
            bulk: Bulk { supported: true, max_operations: 1000, max_payload_size: 1_048_576 },
            filter: FilterSupport { supported: true, max_results: 200 },
            change_password: false.into(),
            sort: true.into(),
            etag: true.into(),
            authentication_schemes: vec![AuthenticationScheme::bearer_token()],
            pagination: Some(Pagination {
                cursor: true,
                index: true,
                default_pagination_method: PaginationMethod::Index,
                default_page_size: 100,
                max_page_size: 200,
                cursor_timeout: Some(3600),
            }),
            security_events: None,
        }
    }

    #[test]
    fn service_provider_config_says_what_is_supported() {
        let config = service_provider_config(&features(), BASE);
        let expect = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": true},
            "bulk": {"supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576},
            "filter": {"supported": true, "maxResults": 200},
            "changePassword": {"supported": false},
            "sort": {"supported": true},
            "etag": {"supported": true},
            "authenticationSchemes": [{
                "type": "oauthbearertoken",
                "name": "OAuth Bearer Token",
                "description": "A token in the Authorization header: Bearer, a space, and the token.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": true
            }],
            "pagination": {
                "cursor": true,
                "index": true,
                "defaultPaginationMethod": "index",
                "defaultPageSize": 100,
                "maxPageSize": 200,
                "cursorTimeout": 3600
            },
            "meta": {"resourceType": "ServiceProviderConfig", "location": "https://example.com/v2/ServiceProviderConfig"}
        });
        assert_eq!(config, expect);
    }

    #[test]
    fn service_provider_config_follows_its_own_schema() {
        let registry = SchemaRegistry::core();
        let schema = registry.schema(SERVICE_PROVIDER_CONFIG).unwrap();
        let config = service_provider_config(&features(), BASE);
        for name in config.as_object().unwrap().keys().filter(|name| *name != "schemas" && *name != "meta") {
            let attribute = schema.attribute(name).unwrap_or_else(|| panic!("{name} is not in the schema"));
            let value = config[name].as_array().map_or(&config[name], |list| &list[0]);
            for sub in value.as_object().unwrap().keys() {
                assert!(attribute.sub_attribute(sub).is_some(), "{name}.{sub} is not in the schema");
            }
        }
    }

    #[test]
    fn resource_type_lists_its_extensions() {
        let registry = SchemaRegistry::core();
        let expect = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": "User",
            "name": "User",
            "description": "User Account",
            "endpoint": "/Users",
            "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
            "schemaExtensions": [
                {"schema": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "required": false}
            ],
            "meta": {"resourceType": "ResourceType", "location": "https://example.com/v2/ResourceTypes/User"}
        });
        assert_eq!(resource_type(registry.resource_type("User").unwrap(), BASE), expect);
        let group = resource_type(registry.resource_type("Group").unwrap(), BASE);
        assert!(group.get("schemaExtensions").is_none());
    }

    #[test]
    fn schema_has_no_nulls_and_camel_case_values() {
        for known in SchemaRegistry::core().schemas() {
            let schema = schema(known, BASE);
            assert_eq!(schema["id"], known.id);
            assert_eq!(schema["schemas"], json!([SCHEMA]));
            assert_eq!(schema["meta"]["location"], format!("{BASE}/Schemas/{}", known.id));
            assert!(!schema.to_string().contains("null"), "{}", known.id);
        }
        let registry = SchemaRegistry::core();
        let user = schema(registry.schema(crate::schema::core::USER).unwrap(), BASE);
        let attributes = user["attributes"].as_array().unwrap();
        let password = attributes.iter().find(|attribute| attribute["name"] == "password").unwrap();
        let expect = json!({
            "name": "password",
            "type": "string",
            "multiValued": false,
            "description": "The User's cleartext password. This attribute is intended to be used as a means to specify an initial password when creating a new User or to reset an existing User's password.",
            "required": false,
            "caseExact": false,
            "mutability": "writeOnly",
            "returned": "never",
            "uniqueness": "none"
        });
        assert_eq!(*password, expect);
    }
}
