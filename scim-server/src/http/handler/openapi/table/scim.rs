//! Users, groups, and what describes them (RFC 7644 §3.2).

use super::{Operation, of_scim as scim};

const LIST: &[&str] =
    &["filter", "startIndex", "count", "cursor", "sortBy", "sortOrder", "attributes", "excludedAttributes"];
const SHOWN: &[&str] = &["attributes", "excludedAttributes", "IfNoneMatch"];
const MADE: &[&str] = &["attributes", "excludedAttributes", "Prefer"];
const CHANGED: &[&str] = &["attributes", "excludedAttributes", "IfMatch", "Prefer"];
const GONE: &[&str] = &["IfMatch", "Prefer"];

pub const USERS: &[Operation] = &[
    scim("GET", "/{tenant_id}/scim/v2/Users", "listUsers", "Lists or searches users (RFC 7644 §3.4.2).")
        .asks(LIST)
        .gives(&[(200, "UserList")]),
    scim("POST", "/{tenant_id}/scim/v2/Users", "createUser", "Creates a user (RFC 7644 §3.3).")
        .asks(MADE)
        .takes("UserRequest")
        .gives(&[(201, "User"), (202, "")]),
    scim("GET", "/{tenant_id}/scim/v2/Users/{id}", "getUser", "Retrieves a user (RFC 7644 §3.4.1).")
        .asks(SHOWN)
        .gives(&[(200, "User"), (304, "")]),
    scim("PUT", "/{tenant_id}/scim/v2/Users/{id}", "replaceUser", "Replaces a user (RFC 7644 §3.5.1).")
        .asks(CHANGED)
        .takes("UserRequest")
        .gives(&[(200, "User"), (202, "")]),
    scim("PATCH", "/{tenant_id}/scim/v2/Users/{id}", "modifyUser", "Changes a user (RFC 7644 §3.5.2).")
        .asks(CHANGED)
        .takes("PatchOp")
        .gives(&[(200, "User"), (202, ""), (204, "")]),
    scim("DELETE", "/{tenant_id}/scim/v2/Users/{id}", "deleteUser", "Deletes a user (RFC 7644 §3.6).")
        .asks(GONE)
        .gives(&[(202, ""), (204, "")]),
    scim("POST", "/{tenant_id}/scim/v2/Users/.search", "searchUsers", "Searches users, with the query in the body.")
        .scoped(Some("read"))
        .takes("SearchRequest")
        .gives(&[(200, "UserList")]),
];

pub const GROUPS: &[Operation] = &[
    scim("GET", "/{tenant_id}/scim/v2/Groups", "listGroups", "Lists or searches groups (RFC 7644 §3.4.2).")
        .asks(LIST)
        .gives(&[(200, "GroupList")]),
    scim("POST", "/{tenant_id}/scim/v2/Groups", "createGroup", "Creates a group (RFC 7644 §3.3).")
        .asks(MADE)
        .takes("GroupRequest")
        .gives(&[(201, "Group"), (202, "")]),
    scim("GET", "/{tenant_id}/scim/v2/Groups/{id}", "getGroup", "Retrieves a group (RFC 7644 §3.4.1).")
        .asks(SHOWN)
        .gives(&[(200, "Group"), (304, "")]),
    scim(
        "PUT",
        "/{tenant_id}/scim/v2/Groups/{id}",
        "replaceGroup",
        "Replaces a group and its members (RFC 7644 §3.5.1).",
    )
    .asks(CHANGED)
    .takes("GroupRequest")
    .gives(&[(200, "Group"), (202, "")]),
    scim(
        "PATCH",
        "/{tenant_id}/scim/v2/Groups/{id}",
        "modifyGroup",
        "Changes a group or its members (RFC 7644 §3.5.2).",
    )
    .asks(CHANGED)
    .takes("PatchOp")
    .gives(&[(200, "Group"), (202, ""), (204, "")]),
    scim("DELETE", "/{tenant_id}/scim/v2/Groups/{id}", "deleteGroup", "Deletes a group (RFC 7644 §3.6).")
        .asks(GONE)
        .gives(&[(202, ""), (204, "")]),
    scim("POST", "/{tenant_id}/scim/v2/Groups/.search", "searchGroups", "Searches groups, with the query in the body.")
        .scoped(Some("read"))
        .takes("SearchRequest")
        .gives(&[(200, "GroupList")]),
];

pub const OF_ALL_TYPES: &[Operation] = &[
    scim("GET", "/{tenant_id}/scim/v2", "listAll", "Searches resources of all types (RFC 7644 §3.4.2.1).")
        .asks(LIST)
        .gives(&[(200, "ResourceList")]),
    scim(
        "POST",
        "/{tenant_id}/scim/v2/.search",
        "searchAll",
        "Searches resources of all types, with the query in the body.",
    )
    .scoped(Some("read"))
    .takes("SearchRequest")
    .gives(&[(200, "ResourceList")]),
    scim("POST", "/{tenant_id}/scim/v2/Bulk", "bulk", "Does many operations in one request (RFC 7644 §3.7).")
        .asks(&["Prefer"])
        .takes("BulkRequest")
        .gives(&[(200, "BulkResponse"), (202, "")]),
    scim(
        "GET",
        "/{tenant_id}/scim/v2/ServiceProviderConfig",
        "getServiceProviderConfig",
        "Tells what the server supports (RFC 7643 §5).",
    )
    .scoped(None)
    .gives(&[(200, "ServiceProviderConfig")]),
    scim(
        "GET",
        "/{tenant_id}/scim/v2/ResourceTypes",
        "listResourceTypes",
        "Lists the tenant's resource types (RFC 7643 §6).",
    )
    .scoped(None)
    .gives(&[(200, "ResourceTypeList")]),
    scim("GET", "/{tenant_id}/scim/v2/ResourceTypes/{name}", "getResourceType", "Retrieves a resource type.")
        .scoped(None)
        .gives(&[(200, "ResourceType")]),
    scim("GET", "/{tenant_id}/scim/v2/Schemas", "listSchemas", "Lists the tenant's schemas (RFC 7643 §7).")
        .scoped(None)
        .gives(&[(200, "SchemaList")]),
    scim("GET", "/{tenant_id}/scim/v2/Schemas/{urn}", "getSchema", "Retrieves a schema.")
        .scoped(None)
        .gives(&[(200, "Schema")]),
];
