//! What the server says of itself (RFC 7644 §4, RFC 7643 §5 to §7), and which methods its endpoints take
//! (RFC 7644 §3.2).

use serde_json::{Value, json};

use super::{Shared, query};
use crate::server::{Client, ENTERPRISE, GROUP, USER};

static SERVER: Shared = Shared::new(&["--max-body", "64KiB"]);

const META: [&str; 3] = [
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
    "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
    "urn:ietf:params:scim:schemas:core:2.0:Schema",
];

#[tokio::test]
async fn the_service_provider_config() {
    let tenant = SERVER.tenant();
    let answer = tenant.get("/ServiceProviderConfig").await.expect(200);
    let expect = json!({
        "schemas": [META[0]],
        "patch": {"supported": true},
        "bulk": {"supported": true, "maxOperations": 1000, "maxPayloadSize": 10 * 1024 * 1024},
        "filter": {"supported": true, "maxResults": 1000},
        "changePassword": {"supported": true},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "OAuth Bearer Token",
            "description": answer.json["authenticationSchemes"][0]["description"],
            "specUri": "https://www.rfc-editor.org/info/rfc6750", "primary": true
        }, {
            "type": "oauth2", "name": "OAuth 2.0 Client Credentials",
            "description": answer.json["authenticationSchemes"][1]["description"],
            "specUri": "https://www.rfc-editor.org/info/rfc6749", "primary": false
        }],
        "pagination": {
            "cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 100, "maxPageSize": 1000,
            "cursorTimeout": 3600
        },
        "meta": {"resourceType": "ServiceProviderConfig", "location": format!("{}/ServiceProviderConfig", tenant.base())}
    });
    assert_eq!(answer.json, expect);
    assert_eq!(answer.media_type(), "application/scim+json");
}

#[tokio::test]
async fn resource_types() {
    let tenant = SERVER.tenant();
    let list = tenant.get("/ResourceTypes").await.expect(200).json;
    let envelope = (&list["totalResults"], &list["itemsPerPage"], &list["startIndex"]);
    assert_eq!(envelope, (&json!(2), &json!(2), &json!(1)));
    let user = json!({
        "schemas": [META[1]], "id": "User", "name": "User", "endpoint": "/Users", "schema": USER,
        "schemaExtensions": [{"schema": ENTERPRISE, "required": false}],
        "meta": {"resourceType": "ResourceType", "location": format!("{}/ResourceTypes/User", tenant.base())}
    });
    let group = json!({
        "schemas": [META[1]], "id": "Group", "name": "Group", "endpoint": "/Groups", "schema": GROUP,
        "schemaExtensions": "*absent*",
        "meta": {"resourceType": "ResourceType", "location": format!("{}/ResourceTypes/Group", tenant.base())}
    });
    for (i, (name, expect)) in [("User", user), ("Group", group)].into_iter().enumerate() {
        let one = tenant.ok("GET", &format!("/ResourceTypes/{name}"), &Value::Null, 200, &expect).await;
        assert_eq!(one.json, list["Resources"][i]);
    }
    for name in ["Nothing", "Users", "User/x", "%00"] {
        tenant.refused("GET", &format!("/ResourceTypes/{name}"), &Value::Null, 404, "", "").await;
    }
}

#[tokio::test]
async fn schemas() {
    let tenant = SERVER.tenant();
    let list = tenant.get("/Schemas").await.expect(200).json;
    let schemas = list["Resources"].as_array().expect("schemas");
    let ids: Vec<_> = schemas.iter().map(|schema| schema["id"].as_str().unwrap_or_default()).collect();
    assert_eq!(ids, [USER, ENTERPRISE, GROUP, META[0], META[1], META[2]]);
    for schema in schemas {
        let id = schema["id"].as_str().expect("an id");
        assert_eq!(
            schema["meta"],
            json!({"resourceType": "Schema", "location": format!("{}/Schemas/{id}", tenant.base())})
        );
        for path in [
            format!("/Schemas/{id}"),
            format!("/Schemas/{}", id.to_uppercase()),
            format!("/Schemas/{}", id.replace(':', "%3A")),
        ] {
            assert_eq!(&tenant.get(&path).await.expect(200).json, schema, "{path}");
        }
        let location = schema["meta"]["location"].as_str().expect("a location");
        assert_eq!(&tenant.get(location).await.expect(200).json, schema, "the location leads to it");
        check_attributes(schema["attributes"].as_array().expect("attributes"), true);
    }
    for id in ["urn:example:nothing", "User", "%00"] {
        tenant.refused("GET", &format!("/Schemas/{id}"), &Value::Null, 404, "", "").await;
    }
}

/// RFC 7643 §7: each characteristic is there, with a value that the RFC knows.
fn check_attributes(attributes: &[Value], outer: bool) {
    let text = |attribute: &Value, name: &str| attribute[name].as_str().unwrap_or_default().to_owned();
    for attribute in attributes {
        let kind = text(attribute, "type");
        let known = ["string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"];
        assert!(
            known.contains(&kind.as_str()) && (outer || kind != "complex" || attribute["name"] == "subAttributes"),
            "{attribute}"
        );
        for name in ["multiValued", "required"] {
            assert!(attribute[name].is_boolean(), "{name} of {attribute}");
        }
        assert!(
            ["readOnly", "readWrite", "immutable", "writeOnly"].contains(&text(attribute, "mutability").as_str()),
            "{attribute}"
        );
        assert!(
            ["always", "never", "default", "request"].contains(&text(attribute, "returned").as_str()),
            "{attribute}"
        );
        assert!(!text(attribute, "name").is_empty() && !text(attribute, "description").is_empty(), "{attribute}");
        assert_eq!(
            attribute["caseExact"].is_boolean(),
            ["string", "reference", "binary"].contains(&kind.as_str()),
            "{attribute}"
        );
        assert_eq!(attribute["uniqueness"].is_string(), kind != "complex", "{attribute}");
        assert_eq!(attribute["referenceTypes"].is_array(), kind == "reference", "{attribute}");
        assert_eq!(attribute["subAttributes"].is_array(), kind == "complex", "{attribute}");
        assert!(!attribute.to_string().contains("null"), "{attribute}");
        if let Some(subs) = attribute["subAttributes"].as_array() {
            check_attributes(subs, false);
        }
    }
}

#[tokio::test]
async fn discovery_needs_no_token_unless_the_tenant_says_so() {
    let tenant = SERVER.tenant();
    let closed = SERVER.tenant_with(&json!({"discovery_needs_token": true}));
    let nobody = "00000000-0000-4000-8000-000000000000";
    let origin = tenant.server.origin().to_owned();
    let send =
        async |client: &Client, path: &str, headers: &[(&str, &str)]| client.send("GET", path, headers, None).await;
    for path in [
        "/ServiceProviderConfig",
        "/ServiceProviderConfigs",
        "/Schemas",
        "/ResourceTypes",
        "/ResourceTypes/User",
        "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
    ] {
        let with = tenant.get(path).await.expect(200);
        assert_eq!(send(&tenant, path, &[]).await.expect(200).json, with.json, "{path}");
        // A wrong token is wrong, also where none is needed.
        send(&tenant, path, &[("authorization", "Bearer scim_wrong")]).await.expect_error(401, None);
        send(&closed, path, &[]).await.expect_error(401, None);
        closed.get(path).await.expect(200);
        send(&tenant, &format!("{origin}/{nobody}/scim/v2{path}"), &[]).await.expect_error(401, None);
        send(&tenant, &format!("{origin}/nonsense/scim/v2{path}"), &[]).await.expect_error(401, None);
    }
    for path in ["/Users", "/Groups", "/", "/Me", "/Nothing"] {
        send(&tenant, path, &[]).await.expect_error(401, None);
    }
    let off = SERVER.tenant();
    assert!(off.server.run(&["tenant", "disable", &off.name]).status.success());
    off.refused("GET", "/ServiceProviderConfig", &Value::Null, 403, "", "disabled").await;
    off.refused("GET", "/Users", &Value::Null, 403, "", "disabled").await;
    send(&off, "/ServiceProviderConfig", &[]).await.expect_error(401, None);
    assert!(off.server.run(&["tenant", "enable", &off.name]).status.success());
    off.get("/Users").await.expect(200);
}

/// §4: "If a filter is provided, the service provider SHOULD respond with HTTP status code 403".
#[tokio::test]
async fn discovery_cannot_be_filtered() {
    let tenant = SERVER.tenant();
    for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/ResourceTypes/User"] {
        tenant.refused("GET", &query(path, &[("filter", "name eq \"User\"")]), &Value::Null, 403, "", "filter").await;
        // Paging, sorting and choosing attributes is ignored.
        let whole = tenant.get(path).await.expect(200).json;
        let parameters = [("count", "1"), ("startIndex", "2"), ("sortBy", "name"), ("attributes", "name")];
        assert_eq!(tenant.get(&query(path, &parameters)).await.expect(200).json, whole);
    }
}

/// Every endpoint, and the methods that it takes.
#[tokio::test]
async fn methods() {
    let tenant = SERVER.tenant();
    let user = format!("/Users/{}", tenant.user("a").await);
    let discovery = "GET, HEAD";
    for (path, allow) in [
        ("/Users", "GET, HEAD, POST"),
        ("/Groups/", "GET, HEAD, POST"),
        (user.as_str(), "GET, HEAD, PUT, PATCH, DELETE"),
        ("/Users/0190d7a5-0000-7000-8000-000000000001", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/.search", "POST"),
        ("/Users/.search", "POST"),
        ("/Bulk", "POST"),
        ("/", discovery),
        ("/ServiceProviderConfig", discovery),
        ("/Schemas", discovery),
        ("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", discovery),
        ("/ResourceTypes", discovery),
        ("/ResourceTypes/User", discovery),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"] {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let answer = tenant.request(method, path, &[], None).await;
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
            assert_eq!(answer.header("allow"), allow, "{method} {path}");
            answer.expect_error(405, None);
        }
    }
    tenant.get(&user).await.expect(200);
}

/// What the configuration promises is what is done.
#[tokio::test]
async fn the_configuration_is_true() {
    let tenant = SERVER.tenant();
    let config = tenant.get("/ServiceProviderConfig").await.expect(200).json;
    let most = config["filter"]["maxResults"].as_u64().expect("a number");
    assert_eq!(config["pagination"]["maxPageSize"], most);
    let user = tenant.post("/Users", &json!({"userName": "a", "password": "one-one-one"})).await.expect(201);
    let path = format!("/Users/{}", user.id());
    // changePassword, patch, etag, sort, filter, bulk.
    let changed =
        tenant.patch(&path, &json!([{"op": "replace", "path": "password", "value": "two-two-two"}])).await.expect(200);
    assert_ne!(changed.header("etag"), user.header("etag"));
    tenant
        .ok(
            "GET",
            &query("/Users", &[("sortBy", "userName"), ("filter", "userName pr")]),
            &Value::Null,
            200,
            &json!({"totalResults": 1}),
        )
        .await;
    let bulk = json!({"Operations": [{"method": "DELETE", "path": path}]});
    tenant.ok("POST", "/Bulk", &bulk, 200, &json!({"Operations": [{"status": "204"}]})).await;
}
