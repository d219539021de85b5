//! Replacing resources (RFC 7644 §3.5.1).

use serde_json::{Value, json};

use super::{Shared, values};
use crate::server::{ENTERPRISE, GROUP, USER};

static SERVER: Shared = Shared::new(&[]);

fn once() -> Value {
    json!({"schemas": [{
        "schema": {"id": "urn:example:scim:2.0:Once", "name": "Once", "attributes": [
            {"name": "seal", "mutability": "immutable"},
            {"name": "stamp", "mutability": "readOnly"},
            {"name": "secret", "mutability": "writeOnly", "returned": "never"},
            {"name": "colour"}
        ]},
        "extends": "User"
    }]})
}

#[tokio::test]
async fn what_is_left_out_is_cleared() {
    let tenant = SERVER.tenant();
    let full = json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": "e", "userName": "bjensen", "name": {"familyName": "Jensen", "givenName": "Barbara"}, "nickName": "Babs",
        "active": true, "emails": [{"value": "b@example.com", "primary": true}], ENTERPRISE: {"department": "Tours", "costCenter": "1"}
    });
    let created = tenant.post("/Users", &full).await.expect(201);
    let path = format!("/Users/{}", created.id());
    for (body, expect) in [
        (json!({"userName": "bjensen"}), json!({"schemas": [USER], "userName": "bjensen"})),
        (full.clone(), full.clone()),
        (
            json!({"userName": "bjensen", "name": {"givenName": "B"}, ENTERPRISE: {"costCenter": "2"}}),
            json!({"schemas": [USER, ENTERPRISE], "userName": "bjensen", "name": {"givenName": "B"}, ENTERPRISE: {"costCenter": "2"}}),
        ),
        (
            json!({"userName": "bjensen", "name": null, "emails": [], "nickName": "x"}),
            json!({"schemas": [USER], "userName": "bjensen", "nickName": "x"}),
        ),
        (json!({"USERNAME": "BJENSEN"}), json!({"schemas": [USER], "userName": "BJENSEN"})),
        (json!({"userName": "other"}), json!({"schemas": [USER], "userName": "other"})),
    ] {
        let answer = tenant.put(&path, &body).await.expect(200);
        let read = tenant.get(&path).await.expect(200);
        assert_eq!(answer.json, read.json, "{body}");
        assert_eq!(answer.header("etag"), read.header("etag"));
        let mut left = read.json.as_object().expect("an object").clone();
        let meta = left.shift_remove("meta").expect("meta");
        assert_eq!(
            (left.shift_remove("id"), &meta["created"]),
            (Some(created.id().into()), &created.json["meta"]["created"])
        );
        assert_eq!(Value::Object(left), expect, "{body}");
    }
    // The old name is free again, and the index knows the new one.
    tenant.user("bjensen").await;
    assert_eq!(tenant.names(&super::filtered("/Users", "userName eq \"OTHER\"")).await, ["other"]);
}

/// What is read can be sent back: read-only attributes are ignored, and nothing changes.
#[tokio::test]
async fn what_is_read_can_be_put_back() {
    let tenant = SERVER.tenant();
    let body = json!({
        "userName": "a", "password": "secret-secret", "emails": [{"value": "x@y.z"}], ENTERPRISE: {"manager": {"value": "m"}}
    });
    let user = tenant.post("/Users", &body).await.expect(201).id();
    let group = tenant.group("g", std::slice::from_ref(&user)).await;
    for path in [format!("/Users/{user}"), format!("/Groups/{group}")] {
        let read = tenant.get(&path).await.expect(200);
        let put = tenant.put(&path, &read.json).await.expect(200);
        assert_eq!(put.json, read.json, "neither version nor time moved");
        let mut altered = read.json.clone();
        altered["id"] = "0190d7a5-0000-7000-8000-000000000001".into();
        altered["meta"] = json!({"resourceType": "Thing", "created": "1970-01-01T00:00:00Z", "version": "W/\"99\""});
        altered["groups"] = json!([{"value": "x"}]);
        let put = tenant.put(&path, &altered).await.expect(200);
        assert_eq!(put.json, read.json);
    }
}

#[tokio::test]
async fn immutable_read_only_and_write_only() {
    let tenant = SERVER.tenant_with(&once());
    let urn = "urn:example:scim:2.0:Once";
    let with = |once: Value| json!({"userName": "a", urn: once});
    let path = format!("/Users/{}", tenant.post("/Users", &json!({"userName": "a"})).await.expect(201).id());
    for (body, expect) in [
        // An immutable attribute without a value takes one …
        (with(json!({"seal": "whole", "secret": "s", "stamp": "x"})), json!({"seal": "whole"})),
        // … keeps it when it is left out or sent again …
        (with(json!({"colour": "red"})), json!({"seal": "whole", "colour": "red"})),
        (with(json!({"seal": "whole"})), json!({"seal": "whole"})),
        (json!({"userName": "a"}), json!({"seal": "whole"})),
    ] {
        tenant.ok("PUT", &path, &body, 200, &json!({urn: {"$exact": expect}})).await;
    }
    // … and takes no other.
    tenant.refused("PUT", &path, &with(json!({"seal": "broken"})), 400, "mutability", "seal").await;
    tenant.ok("GET", &path, &Value::Null, 200, &json!({urn: {"$exact": {"seal": "whole"}}})).await;
}

#[tokio::test]
async fn bodies_that_are_refused() {
    let tenant = SERVER.tenant();
    let user = tenant.user("a").await;
    tenant.user("taken").await;
    let path = format!("/Users/{user}");
    for (body, status, scim_type, words) in [
        (json!({}), 400, "invalidValue", "userName"),
        (json!({"userName": null}), 400, "invalidValue", "userName"),
        (json!({"userName": "Taken"}), 409, "uniqueness", "userName"),
        (json!({"userName": "a", "active": {}}), 400, "invalidValue", "active"),
        (json!({"userName": "a", "schemas": {}}), 400, "invalidSyntax", "schemas"),
        (json!([]), 400, "invalidSyntax", "object"),
    ] {
        tenant.refused("PUT", &path, &body, status, scim_type, words).await;
    }
    assert_eq!(tenant.get(&path).await.expect(200).json["userName"], "a");
    tenant.ok("GET", "/Users", &Value::Null, 200, &json!({"totalResults": 2})).await;
    // PUT never creates (§3.5.1).
    tenant.refused("PUT", "/Users/0190d7a5-0000-7000-8000-000000000001", &json!({"userName": "b"}), 404, "", "").await;
}

#[tokio::test]
async fn groups_and_their_members() {
    let tenant = SERVER.tenant();
    let ids = tenant.users(["a", "b", "c"].map(str::to_owned)).await;
    let group = tenant.group("g", &ids[..2]).await;
    let path = format!("/Groups/{group}");
    let mut version = tenant.get(&path).await.expect(200).header("etag").to_owned();
    for (body, expect) in [
        (json!({"displayName": "g", "members": values(&ids[1..])}), &ids[1..]),
        (json!({"displayName": "g", "members": values(&ids)}), &ids[..]),
        (json!({"displayName": "g"}), &[]),
        (json!({"schemas": [GROUP], "displayName": "g", "members": [{"value": ids[0], "type": "User"}]}), &ids[..1]),
        (json!({"displayName": "g", "members": null}), &[]),
    ] {
        let answer = tenant.put(&path, &body).await.expect(200);
        assert_ne!(answer.header("etag"), version, "members are part of a group's version");
        answer.header("etag").clone_into(&mut version);
        let mut members = tenant.members(&group).await;
        members.sort_unstable();
        assert_eq!(members, expect, "{body}");
        assert_eq!(answer.json["members"].as_array().map_or(0, Vec::len), expect.len());
    }
    tenant.refused("PUT", &path, &json!({"members": []}), 400, "invalidValue", "displayName").await;
    let body = json!({"displayName": "h", "members": [{"value": "nobody"}]});
    tenant.refused("PUT", &path, &body, 400, "invalidValue", "nobody").await;
    assert_eq!(tenant.get(&path).await.expect(200).json["displayName"], "g");
}

#[tokio::test]
async fn an_answer_may_be_reduced() {
    let tenant = SERVER.tenant();
    let path = format!("/Users/{}", tenant.user("a").await);
    let body = json!({"userName": "a", "nickName": "n"});
    tenant
        .ok(
            "PUT",
            &format!("{path}?attributes=nickName"),
            &body,
            200,
            &json!({"nickName": "n", "userName": "*absent*"}),
        )
        .await;
    tenant
        .ok(
            "PUT",
            &format!("{path}?excludedAttributes=nickName"),
            &body,
            200,
            &json!({"nickName": "*absent*", "userName": "a"}),
        )
        .await;
    tenant.ok("GET", &path, &Value::Null, 200, &json!({"nickName": "n"})).await;
}
