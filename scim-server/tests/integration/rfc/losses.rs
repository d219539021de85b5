//! What a change may not lose: values that an operation does not name, operations beside one that has
//! nothing to do; and what is heard of requests about what is gone.

use serde_json::{Value, json};

use super::{Shared, Tenant};
use crate::server::{ENTERPRISE, patch_body};

static SERVER: Shared = Shared::new(&[]);
const NOBODY: &str = "0190d7a5-0000-7000-8000-000000000001";

/// A bulk request.
pub fn bulk(operations: &[Value]) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
}

/// The statuses of a bulk request's operations.
pub async fn statuses(tenant: &Tenant, operations: &[Value]) -> Vec<String> {
    let answer = tenant.post("/Bulk", &bulk(operations)).await.expect(200);
    let results = answer.json["Operations"].as_array().expect("results").clone();
    results.iter().map(|one| one["status"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn what_is_not_understood_empties_nothing() {
    let tenant = SERVER.tenant();
    let member = tenant.user("member").await;
    let body = json!({
        "userName": "b", "name": {"givenName": "B"}, "emails": [{"value": "a@b.c", "type": "work"}],
        ENTERPRISE: {"department": "d"}
    });
    let made = tenant.post("/Users", &body).await.expect(201);
    let path = format!("/Users/{}", made.id());
    let address = json!({"value": "x@y.z"});
    let wrapped = json!({"emails": [address]});
    for (name, value) in [
        ("emails", wrapped.clone()),
        ("emails", json!({"emails": [{"value": null}]})),
        ("emails", json!([{"value": null}])),
        ("emails", json!([null])),
        ("emails", json!([address, {"nothing": "known"}])),
        ("name", json!({"name": {"givenName": "C"}})),
        (ENTERPRISE, json!({ENTERPRISE: {"department": "e"}})),
    ] {
        for op in ["add", "replace"] {
            for operation in
                [json!({"op": op, "path": name, "value": value}), json!({"op": op, "value": {name: value}})]
            {
                tenant.refused("PATCH", &path, &patch_body(&json!([operation])), 400, "invalidValue", "").await;
                let data = patch_body(&json!([operation]));
                let in_bulk = json!({"method": "PATCH", "path": path, "data": data});
                assert_eq!(statuses(&tenant, &[in_bulk]).await, ["400"], "{operation}");
            }
        }
        let mut put = json!({"userName": "b"});
        put[name] = value;
        tenant.refused("PUT", &path, &put, 400, "invalidValue", "").await;
        put["userName"] = "never".into();
        tenant.refused("POST", "/Users", &put, 400, "invalidValue", "").await;
    }
    let by_filter = json!([{"op": "replace", "path": "emails[type eq \"work\"]", "value": wrapped}]);
    tenant.refused("PATCH", &path, &patch_body(&by_filter), 400, "invalidValue", "emails").await;
    assert_eq!(tenant.get(&path).await.json["emails"], body["emails"]);
    assert_eq!(tenant.get(&path).await.json["meta"], made.json["meta"], "nothing was changed");

    let group = tenant.group("g", std::slice::from_ref(&member)).await;
    let path = format!("/Groups/{group}");
    for value in [
        json!({"members": [{"value": member}]}),
        json!([{"value": ""}]),
        json!([""]),
        json!([null]),
        json!([{}]),
        json!([{"display": "B"}]),
    ] {
        let words = if value[0].is_null() && value.is_array() { "members[0] is empty" } else { "members" };
        for op in ["add", "replace"] {
            let operation = json!([{"op": op, "path": "members", "value": value}]);
            tenant.refused("PATCH", &path, &patch_body(&operation), 400, "invalidValue", words).await;
        }
        let put = json!({"displayName": "g", "members": value});
        tenant.refused("PUT", &path, &put, 400, "invalidValue", words).await;
        tenant.refused("POST", "/Groups", &put, 400, "invalidValue", words).await;
    }
    assert_eq!(tenant.members(&group).await, [member]);
}

/// A person who has left is switched off, whatever else is not there any more.
#[tokio::test]
async fn a_deactivation_does_not_fail_for_what_is_absent() {
    let tenant = SERVER.tenant();
    for (i, path) in [
        "phoneNumbers[type eq \"mobile\"].value",
        "phoneNumbers[type eq \"mobile\"]",
        "emails[type eq \"work\"].value",
        "addresses[type eq \"work\"].streetAddress",
        "roles[primary eq \"True\"].value",
        "roles[primary eq \"True\"]",
        "title",
        "name.middleName",
        "manager",
        ENTERPRISE,
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("/Users/{}", tenant.user(&format!("user{i}")).await);
        let both = json!([{"op": "Remove", "path": path}, {"op": "Replace", "path": "active", "value": "False"}]);
        let answer = tenant.patch(&user, &both).await.expect(200);
        assert_eq!(answer.json["active"], false, "{path}");
        let data = patch_body(&json!([{"op": "remove", "path": path}]));
        assert_eq!(statuses(&tenant, &[json!({"method": "PATCH", "path": user, "data": data})]).await, ["200"]);
    }
    let user = format!("/Users/{}", tenant.user("whole").await);
    let whole =
        patch_body(&json!([{"op": "replace", "path": "phoneNumbers[type eq \"mobile\"]", "value": {"value": "1"}}]));
    tenant.refused("PATCH", &user, &whole, 400, "noTarget", "phoneNumbers").await;
}

/// RFC 7644 §3.6: 404 for all operations, whatever else is wrong with them.
#[tokio::test]
async fn what_is_gone_is_404_before_anything_else() {
    let tenant = SERVER.tenant();
    let gone = tenant.user("gone").await;
    tenant.delete(&format!("/Users/{gone}")).await.expect(204);
    let bodies = [
        json!({"userName": 7}).to_string(),
        json!([]).to_string(),
        "{".to_owned(),
        String::new(),
        patch_body(&json!([{"op": "move"}])).to_string(),
        patch_body(&json!([])).to_string(),
        patch_body(&json!([{"op": "replace", "path": "id", "value": "x"}])).to_string(),
    ];
    for id in [gone.as_str(), NOBODY, "no-id"] {
        for path in
            [format!("/Users/{id}"), format!("/Groups/{id}"), format!("/Users/{id}?attributes=a&excludedAttributes=b")]
        {
            for method in ["PUT", "PATCH"] {
                for body in &bodies {
                    for headers in [
                        &[("content-type", "application/scim+json")][..],
                        &[("content-type", "text/plain")],
                        &[("content-type", "application/json"), ("if-match", "W/\"99\"")],
                        &[("content-type", "application/json"), ("content-encoding", "gzip")],
                    ] {
                        let bearer = tenant.authorization();
                        let headers = [headers, &[("authorization", &bearer)]].concat();
                        let answer = tenant.send(method, &path, &headers, Some(body.clone())).await;
                        assert_eq!(answer.status, 404, "{method} {path} {body}: {}", answer.text);
                    }
                }
            }
            for (method, headers) in
                [("GET", &[("if-none-match", "*")][..]), ("DELETE", &[("if-match", "W/\"99\"")]), ("DELETE", &[])]
            {
                let answer = tenant.request(method, &path, headers, None).await;
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
            }
        }
        let path = format!("/Users/{id}");
        let results = statuses(
            &tenant,
            &[
                json!({"method": "PUT", "path": path, "data": {"userName": 7}}),
                json!({"method": "PUT", "path": path}),
                json!({"method": "PATCH", "path": path, "data": {"Operations": []}}),
                json!({"method": "PATCH", "path": path, "data": 7}),
                json!({"method": "DELETE", "path": path, "version": "W/\"99\""}),
            ],
        )
        .await;
        assert_eq!(results, ["404"; 5], "{id}");
    }
    // The token is checked before the path.
    let answer = tenant.with_token("none").put(&format!("/Users/{gone}"), &json!({"userName": 7})).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn members_are_removed_as_they_are_named() {
    let tenant = SERVER.tenant();
    let users = tenant.users(["a", "b"].map(str::to_owned)).await;
    for (value, left) in [
        (json!(""), 0),
        (json!(null), 0),
        (json!([]), 2),
        (json!([{"value": users[0]}]), 1),
        (json!({"value": users[0]}), 1),
        (json!(users[0]), 1),
        (json!([{"value": NOBODY}]), 2),
    ] {
        let group = tenant.group(&format!("g {value}"), &users).await;
        let path = format!("/Groups/{group}");
        tenant.patch(&path, &json!([{"op": "remove", "path": "members", "value": value}])).await.expect(200);
        assert_eq!(tenant.members(&group).await.len(), left, "{value}");
    }
    let group = tenant.group("refused", &users).await;
    let path = format!("/Groups/{group}");
    for value in [json!([""]), json!([null]), json!([{"value": ""}]), json!({}), json!([{}]), json!(7)] {
        let remove = patch_body(&json!([{"op": "remove", "path": "members", "value": value}]));
        tenant.refused("PATCH", &path, &remove, 400, "invalidValue", "members").await;
    }
    // A member that is replaced by itself stays as it is; by another one it cannot be.
    let version = tenant.get(&path).await.header("etag").to_owned();
    let select = |id: &str| format!("members[value eq \"{id}\"].value");
    let same = json!([{"op": "replace", "path": select(&users[0]), "value": users[0]}]);
    assert_eq!(tenant.patch(&path, &same).await.expect(200).header("etag"), version);
    let other = patch_body(&json!([{"op": "replace", "path": select(&users[0]), "value": users[1]}]));
    tenant.refused("PATCH", &path, &other, 400, "mutability", "immutable").await;
    let stranger = patch_body(&json!([{"op": "replace", "path": select(NOBODY), "value": NOBODY}]));
    tenant.refused("PATCH", &path, &stranger, 400, "noTarget", NOBODY).await;
    let gone = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", users[0])}, same[0]]);
    tenant.refused("PATCH", &path, &patch_body(&gone), 400, "noTarget", &users[0]).await;
    assert_eq!(tenant.members(&group).await.len(), 2);
}

#[tokio::test]
async fn an_operation_on_each_element_loses_none() {
    let tenant = SERVER.tenant();
    let one = tenant.post("/Users", &json!({"userName": "one", "roles": [{"value": "a"}]})).await.expect(201);
    let two =
        tenant.post("/Users", &json!({"userName": "two", "roles": [{"value": "a"}, {"value": "b"}]})).await.expect(201);
    for (user, op) in [(&one, "add"), (&two, "add"), (&two, "replace")] {
        let operation = patch_body(&json!([{"op": op, "path": "roles.value", "value": "Owner"}]));
        tenant
            .refused(
                "PATCH",
                &format!("/Users/{}", user.json["id"].as_str().expect("an id")),
                &operation,
                400,
                "invalidValue",
                "roles",
            )
            .await;
    }
    assert_eq!(tenant.find("/Users", "roles eq \"a\"").await.ids().len(), 2);
}
