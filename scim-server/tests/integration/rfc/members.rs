//! PATCH of a group's members (RFC 7644 §3.5.2), which are no part of its document.

use serde_json::{Value, json};

use super::{Shared, values};
use crate::server::{GROUP, patch_body};

static SERVER: Shared = Shared::new(&["--patch-body-members", "3"]);

const NOBODY: &str = "0190d7a5-0000-7000-8000-000000000001";

/// Operations on a group of a and b, and who is in it afterwards (of a, b, c and d).
#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table, one row for each case")]
async fn operations_and_who_is_in_afterwards() {
    let tenant = SERVER.tenant();
    let ids = tenant.users(["a", "b", "c", "d"].map(str::to_owned)).await;
    let [a, b, c, d] = [0, 1, 2, 3].map(|i: usize| ids[i].as_str());
    let one = |op: &str, path: &str, value: Value| json!([{"op": op, "path": path, "value": value}]);
    let rows = [
        (one("add", "members", values(&ids[2..3])), "abc"),
        (one("add", "members", json!({"value": c})), "abc"),
        (one("add", "MEMBERS", json!([{"VALUE": c, "display": "x"}, {"value": a}])), "abc"),
        (one("add", &format!("{GROUP}:members"), json!([{"value": c}])), "abc"),
        (json!([{"op": "add", "value": {"members": [{"value": c}, {"value": d}]}}]), "abcd"),
        (one("replace", "members", values(&ids[1..3])), "bc"),
        (one("replace", "members", json!([])), ""),
        (json!([{"op": "replace", "value": {"members": [{"value": d}]}}]), "d"),
        (json!([{"op": "remove", "path": format!("members[value eq \"{a}\"]")}]), "b"),
        (json!([{"op": "remove", "path": format!("members[value eq \"{a}\" or value eq \"{b}\"]")}]), ""),
        (json!([{"op": "remove", "path": "members[display eq \"B\"]"}]), "a"),
        (json!([{"op": "remove", "path": "members[type eq \"User\"]"}]), ""),
        (json!([{"op": "remove", "path": "members[not (display eq \"a\")]"}]), "a"),
        (json!([{"op": "remove", "path": "members"}]), ""),
        (one("remove", "members", json!([{"value": a}])), "b"),
        (json!([{"op": "remove", "path": format!("members[value eq \"{c}\"]")}]), "ab"),
        // In order (§3.5.2.2's second example, and RFC 7644 figure 8).
        (
            json!([{"op": "remove", "path": format!("members[value eq \"{a}\"]")}, {"op": "add", "path": "members", "value": [{"value": c}]}]),
            "bc",
        ),
        (json!([{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": [{"value": c}]}]), "c"),
        (json!([{"op": "add", "path": "members", "value": [{"value": c}]}, {"op": "remove", "path": "members"}]), ""),
        (
            json!([{"op": "add", "path": "members", "value": [{"value": c}]}, {"op": "remove", "path": format!("members[value eq \"{c}\"]")}]),
            "ab",
        ),
        (
            json!([{"op": "add", "path": "members", "value": [{"value": c}]}, {"op": "remove", "path": "members[display eq \"c\"]"}]),
            "ab",
        ),
        (
            json!([{"op": "replace", "path": "displayName", "value": "n"}, {"op": "add", "path": "members", "value": [{"value": c}]}]),
            "abc",
        ),
    ];
    for (i, (operations, expect)) in rows.into_iter().enumerate() {
        let group = tenant.group(&format!("g{i}"), &ids[..2]).await;
        let before = tenant.get(&format!("/Groups/{group}")).await.expect(200);
        let answer = tenant.patch(&format!("/Groups/{group}"), &operations).await;
        assert!(matches!(answer.status, 200 | 204), "{operations}: {}", answer.text);
        let members = tenant.members(&group).await;
        let found: String =
            "abcd".chars().zip(&ids).filter(|(_, id)| members.contains(id)).map(|(name, _)| name).collect();
        assert_eq!((found.as_str(), members.len()), (expect, expect.len()), "{operations}");
        let after = tenant.get(&format!("/Groups/{group}")).await.expect(200);
        assert_eq!(before.header("etag") == after.header("etag"), expect == "ab", "{operations}");
    }
    let group = tenant.group("refuses", &ids[..2]).await;
    for (operation, scim_type, words) in [
        (json!({"op": "add", "path": "members", "value": [{"value": c}, {"value": NOBODY}]}), "invalidValue", NOBODY),
        (json!({"op": "add", "path": "members", "value": [{"display": "x"}]}), "invalidValue", "value"),
        (json!({"op": "add", "path": "members", "value": 7}), "invalidValue", "members"),
        (
            json!({"op": "replace", "path": format!("members[value eq \"{a}\"].value"), "value": c}),
            "mutability",
            "immutable",
        ),
        (json!({"op": "remove", "path": "members.display"}), "mutability", "immutable"),
        (json!({"op": "remove", "path": "displayName"}), "mutability", "displayName"),
        (json!({"op": "replace", "path": "displayName", "value": ""}), "invalidValue", "displayName"),
        (json!({"op": "remove", "path": "members[nothing eq \"x\"]"}), "invalidFilter", "nothing"),
    ] {
        let first = json!({"op": "add", "path": "members", "value": [{"value": d}]});
        let body = patch_body(&json!([first, operation]));
        tenant.refused("PATCH", &format!("/Groups/{group}"), &body, 400, scim_type, words).await;
        assert_eq!(tenant.members(&group).await.len(), 2, "{operation}");
    }
}

/// §3.5.2: 200 with the resource, or 204 — which must be 200 where `attributes` are asked for.
#[tokio::test]
async fn the_answer_to_a_change_of_a_large_group() {
    let tenant = SERVER.tenant();
    let ids = tenant.users(["a", "b", "c", "d"].map(str::to_owned)).await;
    let group = format!("/Groups/{}", tenant.group("g", &ids[..2]).await);
    let add = |i: usize| patch_body(&json!([{"op": "add", "path": "members", "value": [{"value": ids[i]}]}]));
    tenant.ok("PATCH", &group, &add(2), 200, &json!({"members": {"$length": 3}})).await;
    let answer = tenant.ok("PATCH", &group, &add(3), 204, &Value::Null).await;
    assert_eq!((answer.text.as_str(), answer.header("content-type")), ("", ""));
    assert_eq!(answer.header("etag"), tenant.get(&group).await.expect(200).header("etag"));
    assert!(answer.header("location").ends_with(&group));
    let rename = |name: &str| patch_body(&json!([{"op": "replace", "path": "displayName", "value": name}]));
    for (i, (parameters, status, expect)) in [
        ("", 204, Value::Null),
        ("?attributes=members.value", 200, json!({"members": {"$length": 4}, "displayName": "*absent*"})),
        ("?attributes=displayName", 200, json!({"displayName": "*any*", "members": "*absent*"})),
        ("?excludedAttributes=members", 200, json!({"displayName": "*any*", "members": "*absent*"})),
        ("?excludedAttributes=externalId", 204, Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        tenant.ok("PATCH", &format!("{group}{parameters}"), &rename(&format!("g{i}")), status, &expect).await;
    }
    // A user is always shown.
    let user = format!("/Users/{}?attributes=title", ids[0]);
    let body = patch_body(&json!([{"op": "add", "path": "title", "value": "x"}]));
    tenant.ok("PATCH", &user, &body, 200, &json!({"title": "x", "userName": "*absent*"})).await;
}

/// A member is named by its id: whatever the verb, one without it is refused, and not left out.
#[tokio::test]
async fn a_member_without_a_value_is_refused_by_every_verb() {
    let tenant = SERVER.tenant();
    let ids = tenant.users(["a".to_owned()]).await;
    let group = format!("/Groups/{}", tenant.group("g", &ids).await);
    for member in [json!({"display": "b"}), json!({"value": "", "display": "b"}), json!({"value": null}), json!({})] {
        let members = json!([{"value": ids[0]}, member]);
        let body = json!({"schemas": [GROUP], "displayName": "h", "members": members});
        let add = patch_body(&json!([{"op": "add", "path": "members", "value": members}]));
        let replace = patch_body(&json!([{"op": "replace", "value": {"members": members}}]));
        let bulk = json!({"Operations": [{"method": "POST", "path": "/Groups", "bulkId": "1", "data": body}]});
        for (method, path, body) in [
            ("POST", "/Groups", &body),
            ("PUT", &*group, &body),
            ("PATCH", &*group, &add),
            ("PATCH", &*group, &replace),
        ] {
            tenant.refused(method, path, body, 400, "invalidValue", "value").await;
        }
        let answer = tenant.post("/Bulk", &bulk).await.expect(200);
        assert_eq!(answer.json["Operations"][0]["status"], "400", "{}", answer.text);
    }
    let found = tenant.get(&group).await.expect(200);
    assert_eq!((&found.json["displayName"], &found.json["members"].as_array().map(Vec::len)), (&json!("g"), &Some(1)));
}
