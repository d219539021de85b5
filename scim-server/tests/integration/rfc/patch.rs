//! Changing resources in part (RFC 7644 §3.5.2): each bullet and each example.

use serde_json::{Value, json};

use super::{Shared, Tenant};
use crate::{
    matching::mismatch,
    server::{ENTERPRISE, USER, patch_body},
};

static SERVER: Shared = Shared::new(&[]);

const NOBODY: &str = "0190d7a5-0000-7000-8000-000000000001";

/// What each row begins with, beside a name of its own.
fn babs() -> Value {
    json!({
        "name": {"familyName": "Jensen", "givenName": "Barbara"},
        "nickName": "Babs",
        "active": true,
        "emails": [
            {"value": "work@example.com", "type": "work", "primary": true},
            {"value": "home@example.com", "type": "home"}
        ],
        ENTERPRISE: {"department": "Tours", "manager": {"value": "m1", "$ref": "../Users/m1"}}
    })
}

/// Makes a user like Babs, applies the operations, and compares what is read afterwards.
async fn check(tenant: &Tenant, number: usize, operations: &Value, expect: &Value) {
    let mut body = babs();
    body["userName"] = format!("babs{number}").into();
    let created = tenant.post("/Users", &body).await.expect(201);
    let path = format!("/Users/{}", created.id());
    let answer = tenant.patch(&path, operations).await;
    assert_eq!(answer.status, 200, "{operations}: {}", answer.text);
    let read = tenant.get(&path).await.expect(200);
    assert_eq!(read.json, answer.json, "{operations}: the answer is what is read");
    assert_eq!(read.header("etag"), answer.header("etag"));
    if let Some(why) = mismatch(expect, Some(&read.json)) {
        panic!("{operations}\n{why}\n{}", read.text);
    }
}

/// §3.5.2.1
#[tokio::test]
async fn add() {
    let tenant = SERVER.tenant();
    let rows = [
        // The target does not exist.
        (json!({"path": "title", "value": "VP"}), json!({"title": "VP"})),
        (
            json!({"path": "name.middleName", "value": "J"}),
            json!({"name": {"middleName": "J", "givenName": "Barbara"}}),
        ),
        (json!({"path": "phoneNumbers", "value": [{"value": "1"}]}), json!({"phoneNumbers": [{"value": "1"}]})),
        // A complex attribute: a set of sub-attributes.
        (
            json!({"path": "name", "value": {"middleName": "J"}}),
            json!({"name": {"$exact": {"familyName": "Jensen", "givenName": "Barbara", "middleName": "J"}}}),
        ),
        // No path: a set of attributes.
        (
            json!({"value": {"title": "VP", "emails": [{"value": "babs@jensen.org", "type": "home"}], "name": {"givenName": "B"}}}),
            json!({"title": "VP", "emails": {"$length": 3}, "name": {"$exact": {"familyName": "Jensen", "givenName": "B"}}}),
        ),
        (
            json!({"value": {"name.givenName": "B", format!("{ENTERPRISE}:department"): "D"}}),
            json!({"name": {"givenName": "B"}, ENTERPRISE: {"department": "D"}}),
        ),
        // A multi-valued attribute gets one more; a single element needs no list.
        (json!({"path": "emails", "value": [{"value": "x@y.z", "type": "other"}]}), json!({"emails": {"$length": 3}})),
        (json!({"path": "emails", "value": {"value": "x@y.z", "type": "other"}}), json!({"emails": {"$length": 3}})),
        // One that is there already is no second one.
        (
            json!({"path": "emails", "value": [{"value": "home@example.com", "type": "home"}]}),
            json!({"emails": {"$length": 2}}),
        ),
        // A single value is replaced.
        (json!({"path": "nickName", "value": "Barb"}), json!({"nickName": "Barb"})),
        (json!({"path": "NICKNAME", "value": "Barb"}), json!({"nickName": "Barb"})),
        (json!({"path": "active", "value": false}), json!({"active": false})),
        // A new primary one takes the place of the old one (§3.5.2).
        (
            json!({"path": "emails", "value": [{"value": "x@y.z", "primary": true}]}),
            json!({"emails": [{"value": "work@example.com", "primary": false}, {"value": "home@example.com"}, {"value": "x@y.z", "primary": true}]}),
        ),
        (
            json!({"path": "emails[type eq \"home\"].primary", "value": true}),
            json!({"emails": [{"value": "work@example.com", "primary": false}, {"value": "home@example.com", "primary": true}]}),
        ),
        // The elements that a filter selects.
        (
            json!({"path": "emails[type eq \"home\"]", "value": {"display": "Home"}}),
            json!({"emails": [{"display": "*absent*"}, {"display": "Home", "value": "home@example.com"}]}),
        ),
        (
            json!({"path": "emails[type eq \"home\"].display", "value": "Home"}),
            json!({"emails": [{"display": "*absent*"}, {"display": "Home"}]}),
        ),
        // The extension, by its attributes and as a whole.
        (
            json!({"path": format!("{ENTERPRISE}:costCenter"), "value": "1"}),
            json!({ENTERPRISE: {"costCenter": "1", "department": "Tours"}}),
        ),
        (
            json!({"path": ENTERPRISE, "value": {"costCenter": "1"}}),
            json!({ENTERPRISE: {"costCenter": "1", "department": "Tours"}}),
        ),
        (
            json!({"path": format!("{ENTERPRISE}:manager"), "value": {"value": "m2"}}),
            json!({ENTERPRISE: {"manager": {"$exact": {"value": "m2"}}}}),
        ),
        (json!({"path": format!("{USER}:title"), "value": "VP"}), json!({"title": "VP"})),
        // Nothing is no value.
        (json!({"path": "nickName", "value": null}), json!({"nickName": "*absent*"})),
        (json!({"path": "emails", "value": []}), json!({"emails": {"$length": 2}})),
        // What is unknown or the server's, inside a value.
        (
            json!({"value": {"favouriteColour": "red", "id": "mine", "title": "VP"}}),
            json!({"favouriteColour": "*absent*", "id": {"$not": "mine"}, "title": "VP"}),
        ),
    ];
    for (i, (mut operation, expect)) in rows.into_iter().enumerate() {
        operation["op"] = "add".into();
        check(&tenant, i, &json!([operation]), &expect).await;
    }
}

/// §3.5.2.2
#[tokio::test]
async fn remove() {
    let tenant = SERVER.tenant();
    for (i, (path, expect)) in [
        ("nickName", json!({"nickName": "*absent*"})),
        ("name.givenName", json!({"name": {"$exact": {"familyName": "Jensen"}}})),
        ("name", json!({"name": "*absent*"})),
        ("emails", json!({"emails": "*absent*"})),
        ("emails[type eq \"home\"]", json!({"emails": [{"value": "work@example.com"}]})),
        ("emails[type eq \"home\" and value ew \"example.com\"]", json!({"emails": [{"value": "work@example.com"}]})),
        ("emails[value ew \"@example.com\"]", json!({"emails": "*absent*"})),
        (
            "emails[type eq \"home\"].type",
            json!({"emails": [{"type": "work"}, {"$exact": {"value": "home@example.com"}}]}),
        ),
        ("emails.type", json!({"emails": [{"type": "*absent*"}, {"type": "*absent*"}]})),
        ("title", json!({"title": "*absent*"})),
        ("phoneNumbers", json!({"phoneNumbers": "*absent*"})),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
            json!({ENTERPRISE: {"$exact": {"department": "Tours"}}}),
        ),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            json!({ENTERPRISE: {"department": "*absent*"}}),
        ),
        (ENTERPRISE, json!({ENTERPRISE: "*absent*", "schemas": {"$exact": [USER]}})),
    ]
    .into_iter()
    .enumerate()
    {
        check(&tenant, i, &json!([{"op": "remove", "path": path}]), &expect).await;
    }
}

/// §3.5.2.3
#[tokio::test]
async fn replace() {
    let tenant = SERVER.tenant();
    let rows = [
        (json!({"path": "nickName", "value": "Barb"}), json!({"nickName": "Barb"})),
        // No path: a set of attributes; those not named stay.
        (
            json!({"value": {"nickName": "Barb", "emails": [{"value": "x@y.z"}]}}),
            json!({"nickName": "Barb", "emails": {"$exact": [{"value": "x@y.z"}]}, "name": {"familyName": "Jensen"}}),
        ),
        // What does not exist is added.
        (json!({"path": "title", "value": "VP"}), json!({"title": "VP"})),
        (json!({"path": "name.middleName", "value": "J"}), json!({"name": {"middleName": "J"}})),
        // A complex attribute: only the sub-attributes that are named.
        (
            json!({"path": "name", "value": {"givenName": "B"}}),
            json!({"name": {"$exact": {"familyName": "Jensen", "givenName": "B"}}}),
        ),
        // A multi-valued one: all of it.
        (json!({"path": "emails", "value": [{"value": "x@y.z"}]}), json!({"emails": {"$exact": [{"value": "x@y.z"}]}})),
        (json!({"path": "emails", "value": []}), json!({"emails": "*absent*"})),
        (json!({"path": "emails", "value": null}), json!({"emails": "*absent*"})),
        // Elements that a filter selects, as a whole and in part.
        (
            json!({"path": "emails[type eq \"work\"]", "value": {"value": "new@example.com", "type": "work", "primary": true}}),
            json!({"emails": [{"value": "new@example.com", "type": "work"}, {"value": "home@example.com"}]}),
        ),
        (
            json!({"path": "emails[type eq \"work\"].value", "value": "new@example.com"}),
            json!({"emails": [{"value": "new@example.com", "type": "work", "primary": true}, {"value": "home@example.com"}]}),
        ),
        (
            json!({"path": "emails[primary eq true].type", "value": "boss"}),
            json!({"emails": [{"type": "boss"}, {"type": "home"}]}),
        ),
        (
            json!({"path": "emails[type eq \"home\"].primary", "value": true}),
            json!({"emails": [{"primary": false}, {"primary": true}]}),
        ),
        (json!({"path": "emails.display", "value": "x"}), json!({"emails": [{"display": "x"}, {"display": "x"}]})),
        (
            json!({"path": format!("{ENTERPRISE}:department"), "value": "D"}),
            json!({ENTERPRISE: {"department": "D", "manager": {"value": "m1"}}}),
        ),
        (json!({"path": "active", "value": false}), json!({"active": false})),
        (json!({"path": "userName", "value": "renamed"}), json!({"userName": "renamed"})),
    ];
    for (i, (mut operation, expect)) in rows.into_iter().enumerate() {
        operation["op"] = "replace".into();
        check(&tenant, i, &json!([operation]), &expect).await;
    }
}

/// "Each operation … is applied in order" (§3.5.2), one on what the other left.
#[tokio::test]
async fn operations_follow_one_another() {
    let tenant = SERVER.tenant();
    for (i, (operations, expect)) in [
        (
            json!([{"op": "remove", "path": "emails"}, {"op": "add", "path": "emails", "value": [{"value": "a"}]}, {"op": "replace", "path": "emails[value eq \"a\"].type", "value": "work"}]),
            json!({"emails": {"$exact": [{"value": "a", "type": "work"}]}}),
        ),
        (
            json!([{"op": "replace", "path": "nickName", "value": "a"}, {"op": "replace", "path": "nickName", "value": "b"}]),
            json!({"nickName": "b"}),
        ),
        (json!([{"op": "add", "path": "title", "value": "a"}, {"op": "remove", "path": "title"}]), json!({"title": "*absent*"})),
        (
            json!([{"op": "add", "path": "emails", "value": [{"value": "a", "primary": true}]}, {"op": "add", "path": "emails", "value": [{"value": "b", "primary": true}]}]),
            json!({"emails": [{"primary": false}, {}, {"value": "a", "primary": false}, {"value": "b", "primary": true}]}),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        check(&tenant, i, &operations, &expect).await;
    }
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table, one row for each case")]
async fn operations_that_are_refused() {
    let tenant = SERVER.tenant_with(&json!({"schemas": [{
        "schema": {"id": "urn:example:scim:2.0:Once", "name": "Once", "attributes": [
            {"name": "seal", "mutability": "immutable"}, {"name": "stamp", "mutability": "readOnly"}
        ]},
        "extends": "User"
    }]}));
    let mut body = babs();
    body["userName"] = "babs".into();
    body["urn:example:scim:2.0:Once"] = json!({"seal": "whole", "stamp": "ignored"});
    let created = tenant.post("/Users", &body).await.expect(201);
    assert_eq!(created.json["urn:example:scim:2.0:Once"], json!({"seal": "whole"}));
    tenant.user("taken").await;
    let path = format!("/Users/{}", created.id());
    let first = json!({"op": "replace", "path": "nickName", "value": "changed"});
    for (operation, scim_type, words) in [
        (json!({"op": "remove"}), "noTarget", "Operations[1]"),
        (json!({"op": "remove", "path": "userName"}), "mutability", "userName"),
        (json!({"op": "remove", "path": "id"}), "mutability", "id"),
        (json!({"op": "remove", "path": "groups"}), "mutability", "groups"),
        (json!({"op": "remove", "path": "meta.created"}), "mutability", "meta"),
        (json!({"op": "remove", "path": "schemas"}), "mutability", "schemas"),
        (json!({"op": "remove", "path": USER}), "invalidPath", USER),
        (json!({"op": "replace", "path": "id", "value": "x"}), "mutability", "id"),
        (json!({"op": "replace", "path": "meta.version", "value": "x"}), "mutability", "meta.version"),
        (json!({"op": "add", "path": "groups", "value": [{"value": "x"}]}), "mutability", "groups"),
        (json!({"op": "add", "path": "urn:example:scim:2.0:Once:stamp", "value": "x"}), "mutability", "stamp"),
        (json!({"op": "replace", "path": "urn:example:scim:2.0:Once:seal", "value": "broken"}), "mutability", "seal"),
        (json!({"op": "remove", "path": "urn:example:scim:2.0:Once:seal"}), "mutability", "seal"),
        (json!({"op": "remove", "path": "urn:example:scim:2.0:Once"}), "mutability", "seal"),
        (json!({"op": "replace", "path": "userName", "value": null}), "mutability", "userName"),
        (json!({"op": "replace", "path": "userName", "value": " "}), "invalidValue", "userName"),
        (json!({"op": "replace", "path": "userName", "value": "TAKEN"}), "uniqueness", "userName"),
        (json!({"op": "replace", "path": "emails[type eq \"boat\"]", "value": {"value": "x"}}), "noTarget", "emails"),
        (json!({"op": "replace", "path": "emails[not (type pr)].value", "value": "x"}), "noTarget", "emails"),
        (json!({"op": "add", "path": "nothing", "value": "x"}), "invalidPath", "nothing"),
        (json!({"op": "add", "path": "name.clan", "value": "x"}), "invalidPath", "clan"),
        (json!({"op": "add", "path": "emails[", "value": "x"}), "invalidFilter", "path"),
        (json!({"op": "add", "path": "emails[type eq]", "value": "x"}), "invalidFilter", "path"),
        (json!({"op": "add", "path": "", "value": "x"}), "invalidPath", "path"),
        (json!({"op": "add", "path": "name..x", "value": "x"}), "invalidPath", ""),
        (json!({"op": "add", "path": 7, "value": "x"}), "invalidPath", "path"),
        (json!({"op": "add", "path": "urn:example:unknown:x", "value": "x"}), "invalidPath", "urn:example:unknown"),
        (json!({"op": "add", "path": "nickName"}), "invalidValue", "value"),
        (json!({"op": "add", "value": "x"}), "invalidValue", "path"),
        (json!({"op": "add", "path": "active", "value": "perhaps"}), "invalidValue", "active"),
        (json!({"op": "add", "path": "emails", "value": [{"value": 7}]}), "invalidValue", "emails"),
        (
            json!({"op": "add", "path": "emails", "value": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
            "",
            "",
        ),
        (json!({"op": "move", "path": "title", "value": "x"}), "invalidSyntax", "op"),
        (json!({"path": "title", "value": "x"}), "invalidSyntax", "op"),
        (json!("add"), "invalidSyntax", "object"),
    ] {
        let answer = tenant.patch(&path, &json!([first, operation])).await;
        if scim_type.is_empty() {
            // The RFC says nothing of two primaries in one operation: one of them stays, or it is refused.
            assert!(matches!(answer.status, 200 | 400), "{operation}: {}", answer.text);
            tenant.put(&path, &body).await.expect(200);
            continue;
        }
        let status = if scim_type == "uniqueness" { 409 } else { 400 };
        let detail = answer.json["detail"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == status && detail.contains(words), "{operation}: {}", answer.text);
        answer.expect_error(status, Some(scim_type));
        // All or nothing: the first operation left no trace.
        let read = tenant.get(&path).await.expect(200);
        assert_eq!(read.json["nickName"], "Babs", "{operation}");
    }
    for body in [
        json!({}),
        json!([]),
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}),
        patch_body(&json!([])),
        patch_body(&json!({})),
        json!({"schemas": [USER], "Operations": [first]}),
    ] {
        tenant.refused("PATCH", &path, &body, 400, "invalidSyntax", "").await;
    }
    let many: Vec<_> = (0..1001).map(|_| first.clone()).collect();
    tenant.refused("PATCH", &path, &patch_body(&json!(many)), 413, "", "1000").await;
}

/// "If the value … already exists, no changes SHOULD be made": neither version nor time move.
#[tokio::test]
async fn nothing_changed() {
    let tenant = SERVER.tenant();
    let mut body = babs();
    body["userName"] = "babs".into();
    let created = tenant.post("/Users", &body).await.expect(201);
    let path = format!("/Users/{}", created.id());
    for operation in [
        json!({"op": "add", "path": "nickName", "value": "Babs"}),
        json!({"op": "replace", "path": "nickName", "value": "Babs"}),
        json!({"op": "replace", "path": "emails", "value": babs()["emails"]}),
        json!({"op": "add", "path": "emails", "value": babs()["emails"]}),
        json!({"op": "add", "path": "emails", "value": []}),
        json!({"op": "remove", "path": "title"}),
        json!({"op": "replace", "path": "title", "value": null}),
        json!({"op": "add", "value": babs()}),
        json!({"op": "replace", "value": babs()}),
        json!({"op": "add", "path": "schemas", "value": [ENTERPRISE]}),
        json!({"op": "replace", "path": "name", "value": {"givenName": "Barbara"}}),
    ] {
        let answer = tenant.patch(&path, &json!([operation])).await.expect(200);
        assert_eq!(answer.json, created.json, "{operation}");
    }
    let user = tenant.user("u").await;
    let group = tenant.post("/Groups", &json!({"displayName": "g", "members": [{"value": user}]})).await.expect(201);
    let path = format!("/Groups/{}", group.id());
    for operation in [
        json!({"op": "add", "path": "members", "value": [{"value": user}]}),
        json!({"op": "replace", "path": "members", "value": [{"value": user}]}),
        json!({"op": "remove", "path": format!("members[value eq \"{NOBODY}\"]")}),
        json!({"op": "add", "path": "members", "value": []}),
        json!({"op": "replace", "path": "displayName", "value": "g"}),
    ] {
        let answer = tenant.patch(&path, &json!([operation])).await.expect(200);
        assert_eq!(answer.json, group.json, "{operation}");
    }
}

/// The examples of §3.5.2.1 to §3.5.2.3 that change the members of a group.
#[tokio::test]
async fn the_examples_of_the_rfc_for_groups() {
    let tenant = SERVER.tenant();
    let babs = tenant.user("babs").await;
    let james = tenant.user("james").await;
    let group = tenant.group("Tour Guides", &[]).await;
    let group = format!("/Groups/{group}");
    let member =
        json!([{"display": "Babs Jensen", "$ref": format!("https://example.com/v2/Users/{babs}"), "value": babs}]);
    tenant.patch(&group, &json!([{"op": "add", "path": "members", "value": member}])).await.expect(200);
    let both = json!([
        {"display": "Babs Jensen", "$ref": "https://example.com/v2/Users/1", "value": babs},
        {"display": "James Smith", "$ref": "https://example.com/v2/Users/2", "value": james}
    ]);
    tenant
        .ok(
            "PATCH",
            &group,
            &patch_body(&json!([{"op": "replace", "path": "members", "value": both}])),
            200,
            &json!({"members": {"$length": 2}}),
        )
        .await;
    let one = json!([{"op": "remove", "path": format!("members[value eq \"{babs}\"]")}]);
    tenant.ok("PATCH", &group, &patch_body(&one), 200, &json!({"members": [{"value": james}]})).await;
    let all = json!([{"op": "remove", "path": "members"}]);
    tenant.ok("PATCH", &group, &patch_body(&all), 200, &json!({"members": "*absent*"})).await;
}

/// The examples of §3.5.2.1 to §3.5.2.3 that change a user.
#[tokio::test]
async fn the_examples_of_the_rfc_for_users() {
    let tenant = SERVER.tenant();
    let user = format!("/Users/{}", tenant.user("babs").await);
    let add =
        json!([{"op": "add", "value": {"emails": [{"value": "babs@jensen.org", "type": "home"}], "nickname": "Babs"}}]);
    tenant
        .ok(
            "PATCH",
            &user,
            &patch_body(&add),
            200,
            &json!({"emails": [{"value": "babs@jensen.org"}], "nickName": "Babs"}),
        )
        .await;
    let remove = json!([{"op": "remove", "path": "emails[type eq \"home\" and value ew \"jensen.org\"]"}]);
    tenant.ok("PATCH", &user, &patch_body(&remove), 200, &json!({"emails": "*absent*"})).await;
    let address = json!({"type": "work", "streetAddress": "911 Universal City Plaza", "locality": "Hollywood", "region": "CA", "postalCode": "91608", "country": "US", "formatted": "911 Universal City Plaza\nHollywood, CA 91608 US", "primary": true});
    let body = json!({"userName": "babs", "addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza", "country": "USA"}]});
    tenant.put(&user, &body).await.expect(200);
    let replace = json!([{"op": "replace", "path": "addresses[type eq \"work\"]", "value": address}]);
    tenant.ok("PATCH", &user, &patch_body(&replace), 200, &json!({"addresses": {"$exact": [address]}})).await;
    let street =
        json!([{"op": "replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "1010 Broadway Ave"}]);
    tenant
        .ok(
            "PATCH",
            &user,
            &patch_body(&street),
            200,
            &json!({"addresses": [{"streetAddress": "1010 Broadway Ave", "region": "CA"}]}),
        )
        .await;
    let several = json!([{"op": "replace", "value": {
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"}
        ],
        "nickname": "Babs"
    }}]);
    tenant
        .ok(
            "PATCH",
            &user,
            &patch_body(&several),
            200,
            &json!({"emails": {"$length": 2}, "nickName": "Babs", "addresses": {"$length": 1}}),
        )
        .await;
}
