//! Retrieving a known resource (RFC 7644 §3.4.1) and choosing what of it is returned (§3.9, RFC 7643
//! §7 `returned`).

use serde_json::{Value, json};

use super::{Shared, Tenant, query};
use crate::server::{ENTERPRISE, GROUP, USER};

static SERVER: Shared = Shared::new(&[]);

const BADGE: &str = "urn:example:scim:2.0:Badge";

/// An extension of User with an attribute of each kind of `returned`.
fn badge() -> Value {
    json!({"schemas": [{
        "schema": {"id": BADGE, "name": "Badge", "attributes": [
            {"name": "number", "returned": "always"},
            {"name": "colour"},
            {"name": "history", "returned": "request"},
            {"name": "pin", "returned": "never"},
            {"name": "door", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value"}, {"name": "secret", "returned": "request"}
            ]}
        ]},
        "extends": "User"
    }]})
}

async fn babs(tenant: &Tenant) -> String {
    let body = json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "bjensen",
        "name": {"familyName": "Jensen", "givenName": "Barbara"},
        "nickName": "Babs",
        "emails": [{"value": "b@example.com", "type": "work", "primary": true}, {"value": "b@example.org", "type": "home"}],
        ENTERPRISE: {"department": "Tours", "employeeNumber": "701984"},
        BADGE: {"number": "7", "colour": "red", "history": "lost twice", "pin": "0000", "door": [{"value": "north", "secret": "s"}]}
    });
    tenant.post("/Users", &body).await.expect(201).id()
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let tenant = SERVER.tenant();
    let user = tenant.user("a").await;
    let group = tenant.group("g", &[]).await;
    let other = SERVER.tenant();
    let long = "a".repeat(2000);
    for id in [
        "0190d7a5-0000-7000-8000-000000000001",
        "00000000-0000-0000-0000-000000000000",
        "2819c223-7f76-453a-919d-413861904646",
        "1",
        "nonsense",
        "%00",
        "%F0%9F%92%A9",
        "..",
        "%2e%2e",
        "a%2Fb",
        "*",
        "%22",
        &long,
        &user.to_uppercase(),
        &user.replace('-', ""),
        &format!("%7B{user}%7D"),
        &format!("urn:uuid:{user}"),
        &format!("{user}%20"),
        &group,
    ] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let body = match method {
                "PUT" => json!({"userName": "b"}),
                "PATCH" => crate::server::patch_body(&json!([{"op": "add", "path": "nickName", "value": "b"}])),
                _ => Value::Null,
            };
            tenant.refused(method, &format!("/Users/{id}"), &body, 404, "", "").await;
        }
    }
    for path in [
        "/Groups/nonsense",
        &format!("/Groups/{user}"),
        "/Nothing",
        "/Nothing/1",
        "/users",
        &format!("/Users/{user}/emails"),
    ] {
        tenant.refused("GET", path, &Value::Null, 404, "", "").await;
    }
    other.refused("GET", &format!("/Users/{user}"), &Value::Null, 404, "", "").await;
    tenant.get(&format!("/Users/{user}")).await.expect(200);
}

/// What is named in `attributes`, and what comes back beside `id` and `schemas`.
#[tokio::test]
async fn attributes_by_name() {
    let tenant = SERVER.tenant();
    let path = format!("/Users/{}", babs(&tenant).await);
    for (attributes, expect) in [
        ("userName", json!({"userName": "bjensen"})),
        ("USERNAME", json!({"userName": "bjensen"})),
        ("userName,nickName", json!({"userName": "bjensen", "nickName": "Babs"})),
        (" userName , nickName ,", json!({"userName": "bjensen", "nickName": "Babs"})),
        ("id", json!({})),
        ("schemas", json!({})),
        ("id,userName", json!({"userName": "bjensen"})),
        ("nothing", json!({})),
        ("nothing,userName", json!({"userName": "bjensen"})),
        ("name", json!({"name": {"familyName": "Jensen", "givenName": "Barbara"}})),
        ("name.familyName", json!({"name": {"familyName": "Jensen"}})),
        ("Name.FAMILYNAME", json!({"name": {"familyName": "Jensen"}})),
        ("name.familyName,name.givenName", json!({"name": {"familyName": "Jensen", "givenName": "Barbara"}})),
        ("name.middleName", json!({})),
        ("name,name.familyName", json!({"name": {"familyName": "Jensen", "givenName": "Barbara"}})),
        ("emails.value", json!({"emails": [{"value": "b@example.com"}, {"value": "b@example.org"}]})),
        ("emails.primary", json!({"emails": [{"primary": true}]})),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName", json!({"userName": "bjensen"})),
        ("urn:ietf:params:scim:schemas:core:2.0:User:name.familyName", json!({"name": {"familyName": "Jensen"}})),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            json!({ENTERPRISE: {"department": "Tours"}}),
        ),
        (
            "URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:ENTERPRISE:2.0:USER:DEPARTMENT",
            json!({ENTERPRISE: {"department": "Tours"}}),
        ),
        (ENTERPRISE, json!({ENTERPRISE: {"department": "Tours", "employeeNumber": "701984"}})),
        ("meta.resourceType", json!({"meta": {"resourceType": "User"}})),
        ("groups", json!({})),
        ("password", json!({})),
        ("members", json!({})),
    ] {
        let read = tenant.get(&query(&path, &[("attributes", attributes)])).await.expect(200);
        check(&read.json, attributes, &expect);
        let list = tenant.get(&query("/Users", &[("attributes", attributes)])).await.expect(200);
        check(&list.json["Resources"][0], attributes, &expect);
        let search = json!({"attributes": attributes.split(',').collect::<Vec<_>>()});
        let found = tenant.post("/Users/.search", &search).await.expect(200);
        check(&found.json["Resources"][0], attributes, &expect);
    }
}

#[track_caller]
fn check(document: &Value, asked: &str, expect: &Value) {
    let mut rest = document.as_object().expect("an object").clone();
    assert!(rest.shift_remove("id").is_some_and(|id| id.is_string()), "{asked}: {document}");
    let schemas = rest.shift_remove("schemas");
    assert!(
        schemas.is_some_and(|urns| urns.as_array().is_some_and(|urns| urns.contains(&json!(USER)))),
        "{asked}: {document}"
    );
    assert_eq!(&Value::Object(rest), expect, "{asked}");
}

/// What is named in `excludedAttributes`, and the top-level names that are left.
#[tokio::test]
async fn attributes_excluded_by_name() {
    let tenant = SERVER.tenant();
    let path = format!("/Users/{}", babs(&tenant).await);
    let all = ["schemas", "id", "userName", "name", "nickName", "emails", ENTERPRISE, "meta"];
    for (excluded, gone) in [
        ("nickName", vec!["nickName"]),
        ("NICKNAME,name", vec!["nickName", "name"]),
        ("id", vec![]),
        ("schemas", vec![]),
        ("id,schemas,meta", vec!["meta"]),
        ("userName", vec!["userName"]),
        ("nothing", vec![]),
        (ENTERPRISE, vec![ENTERPRISE]),
        ("urn:ietf:params:scim:schemas:core:2.0:User:nickName", vec!["nickName"]),
        ("name.familyName,name.givenName", vec!["name"]),
        ("emails.value", vec![]),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
            vec![ENTERPRISE],
        ),
        ("groups,members", vec![]),
    ] {
        let read = tenant.get(&query(&path, &[("excludedAttributes", excluded)])).await.expect(200);
        let left: Vec<_> = read.json.as_object().expect("an object").keys().map(String::as_str).collect();
        let expect: Vec<_> = all.into_iter().filter(|name| !gone.contains(name)).collect();
        assert_eq!(left, expect, "{excluded}");
    }
    let read = tenant.get(&query(&path, &[("excludedAttributes", "emails.value,name.givenName")])).await.expect(200);
    assert_eq!(read.json["emails"], json!([{"type": "work", "primary": true}, {"type": "home"}]));
    assert_eq!(read.json["name"], json!({"familyName": "Jensen"}));
    let both = query(&path, &[("attributes", "userName"), ("excludedAttributes", "name")]);
    tenant.refused("GET", &both, &Value::Null, 400, "invalidValue", "excludedAttributes").await;
}

#[tokio::test]
async fn returned_always_by_default_on_request_never() {
    let tenant = SERVER.tenant_with(&badge());
    let path = format!("/Users/{}", babs(&tenant).await);
    let door = json!([{"value": "north"}]);
    for (parameters, expect) in [
        (vec![], json!({"number": "7", "colour": "red", "door": door})),
        (vec![("attributes", "userName")], json!({"number": "7"})),
        (vec![("attributes", "urn:example:scim:2.0:Badge:colour")], json!({"number": "7", "colour": "red"})),
        (vec![("attributes", "urn:example:scim:2.0:Badge:history")], json!({"number": "7", "history": "lost twice"})),
        (vec![("attributes", "urn:example:scim:2.0:Badge:pin")], json!({"number": "7"})),
        (
            vec![("attributes", BADGE)],
            json!({"number": "7", "colour": "red", "history": "lost twice", "door": [{"value": "north", "secret": "s"}]}),
        ),
        (
            vec![("attributes", "urn:example:scim:2.0:Badge:door.secret")],
            json!({"number": "7", "door": [{"secret": "s"}]}),
        ),
        (
            vec![("excludedAttributes", "urn:example:scim:2.0:Badge:number")],
            json!({"number": "7", "colour": "red", "door": door}),
        ),
        (
            vec![("excludedAttributes", "urn:example:scim:2.0:Badge:colour,urn:example:scim:2.0:Badge:door")],
            json!({"number": "7"}),
        ),
        (vec![("excludedAttributes", BADGE)], json!({"number": "7"})),
        (vec![("excludedAttributes", "userName")], json!({"number": "7", "colour": "red", "door": door})),
    ] {
        let read = tenant.get(&query(&path, &parameters)).await.expect(200);
        assert_eq!(read.json[BADGE], expect, "{parameters:?}");
        let list = tenant.get(&query("/Users", &parameters)).await.expect(200);
        assert_eq!(list.json["Resources"][0][BADGE], expect, "{parameters:?} in a list");
    }
}

#[tokio::test]
async fn members_of_a_group_by_name() {
    let tenant = SERVER.tenant();
    let user = tenant.users(["a".to_owned()]).await.remove(0);
    let path = format!("/Groups/{}", tenant.group("g", std::slice::from_ref(&user)).await);
    for (parameters, expect) in [
        (vec![("excludedAttributes", "members")], json!({"displayName": "g", "members": "*absent*", "meta": "*any*"})),
        (vec![("attributes", "displayName")], json!({"displayName": "g", "members": "*absent*", "meta": "*absent*"})),
        (
            vec![("attributes", "members.value")],
            json!({"displayName": "*absent*", "members": {"$exact": [{"value": user}]}}),
        ),
        (vec![("attributes", "members")], json!({"members": [{"value": user, "display": "a", "type": "User"}]})),
        (
            vec![("excludedAttributes", "members.display,members.$ref")],
            json!({"members": {"$exact": [{"value": user, "type": "User"}]}}),
        ),
    ] {
        let read = tenant.ok("GET", &query(&path, &parameters), &Value::Null, 200, &expect).await;
        assert_eq!(read.json["schemas"], json!([GROUP]));
    }
    let read = tenant.get(&query(&format!("/Users/{user}"), &[("attributes", "groups.display")])).await.expect(200);
    assert_eq!(read.json["groups"], json!([{"display": "g"}]));
    let read = tenant.get(&query(&format!("/Users/{user}"), &[("excludedAttributes", "groups")])).await.expect(200);
    assert_eq!(read.json.get("groups"), None);
}

/// RFC 7644 §3.11: the alias of the caller is not offered, and says so.
#[tokio::test]
async fn there_is_no_me() {
    let tenant = SERVER.tenant();
    for method in ["GET", "PATCH", "DELETE"] {
        tenant.refused(method, "/Me", &Value::Null, 501, "", "/Users").await;
    }
}
