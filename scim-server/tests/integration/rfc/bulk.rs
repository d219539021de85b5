//! Many operations in one request (RFC 7644 §3.7).

use serde_json::{Value, json};

use super::{Shared, Tenant};
use crate::{
    matching::mismatch,
    server::{ENTERPRISE, GROUP, USER, patch_body},
};

static SERVER: Shared = Shared::new(&["--bulk-max-operations", "20", "--bulk-max-body", "16KiB"]);

const NOBODY: &str = "0190d7a5-0000-7000-8000-000000000001";

fn message(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
}

/// Sends the operations and compares the results, in their order.
async fn check(tenant: &Tenant, body: &Value, expect: &Value) -> Value {
    let answer = tenant.post("/Bulk", body).await.expect(200);
    assert_eq!(answer.json["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    if let Some(why) = mismatch(expect, Some(&answer.json["Operations"])) {
        panic!("{body}\n{why}\n{}", answer.text);
    }
    answer.json["Operations"].clone()
}

fn create(bulk_id: &str, name: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": {"schemas": [USER], "userName": name}})
}

fn group(bulk_id: &str, name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({"type": "User", "value": format!("bulkId:{id}")})).collect();
    json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": {"schemas": [GROUP], "displayName": name, "members": members}})
}

fn id_of(result: &Value) -> String {
    result["location"].as_str().and_then(|location| location.rsplit('/').next()).expect("a location").to_owned()
}

/// §3.7.3: the example with each method.
#[tokio::test]
async fn each_method() {
    let tenant = SERVER.tenant();
    let made: Vec<_> = tenant.users(["bob", "dave", "gone"].map(str::to_owned)).await;
    let [bob, dave, gone] = [0, 1, 2].map(|i: usize| format!("/Users/{}", made[i]));
    tenant.patch(&dave, &json!([{"op": "add", "path": "nickName", "value": "d"}])).await.expect(200);
    let base = tenant.base();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "failOnErrors": 1,
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "qwerty", "data": {"schemas": [USER], "userName": "Alice"}},
            {"method": "PUT", "path": bob, "version": "W/\"1\"", "data": {"schemas": [USER], "userName": "Bob"}},
            {"method": "PATCH", "path": dave, "version": "W/\"2\"", "data": [
                {"op": "remove", "path": "nickName"}, {"op": "add", "path": "userName", "value": "Dave"}
            ]},
            {"method": "DELETE", "path": gone, "version": "W/\"1\""}
        ]
    });
    let expect = json!([
        {"method": "POST", "bulkId": "qwerty", "version": "W/\"1\"", "status": "201", "location": {"$contains": format!("{base}/Users/")}, "response": "*absent*"},
        {"method": "PUT", "version": "W/\"2\"", "status": "200", "location": format!("{base}{bob}"), "bulkId": "*absent*"},
        {"method": "PATCH", "version": "W/\"3\"", "status": "200", "location": format!("{base}{dave}")},
        {"method": "DELETE", "status": "204", "location": format!("{base}{gone}")}
    ]);
    let results = check(&tenant, &body, &expect).await;
    let alice = tenant.get(&format!("/Users/{}", id_of(&results[0]))).await.expect(200);
    assert_eq!(alice.json["userName"], "Alice");
    tenant.ok("GET", &dave, &Value::Null, 200, &json!({"userName": "Dave", "nickName": "*absent*"})).await;
    tenant.refused("GET", &gone, &Value::Null, 404, "", "").await;
}

/// What each operation may look like.
#[tokio::test]
async fn forms() {
    let tenant = SERVER.tenant();
    let user = tenant.user("a").await;
    let path = format!("/Users/{user}");
    let operations = json!([{"op": "replace", "path": "title", "value": "x"}]);
    for (operation, status) in [
        (json!({"method": "PATCH", "path": path, "data": operations}), "200"),
        (json!({"method": "PATCH", "path": path, "data": patch_body(&operations)}), "200"),
        (json!({"method": "PATCH", "path": path, "data": {"Operations": operations}}), "200"),
        (json!({"method": "patch", "path": path, "bulkId": "p", "data": operations}), "200"),
        (json!({"Method": "PATCH", "PATH": format!("Users/{user}"), "Data": operations}), "200"),
        (json!({"method": "PUT", "path": path, "data": {"userName": "a"}}), "200"),
        (json!({"method": "PATCH", "path": path, "data": operations, "version": "*"}), "200"),
        (json!({"method": "DELETE", "path": path, "data": {}}), "204"),
    ] {
        check(&tenant, &message(&json!([operation])), &json!([{"status": status}])).await;
    }
    // Without `schemas`, and with nothing in it.
    check(&tenant, &json!({"Operations": [create("1", "b")]}), &json!([{"status": "201"}])).await;
    check(&tenant, &message(&json!([])), &json!([])).await;
}

/// §3.7.2: a `bulkId` stands for the id of what a POST of the same request makes, in any order.
#[tokio::test]
async fn references() {
    let tenant = SERVER.tenant();
    let results = check(
        &tenant,
        &message(&json!([create("qwerty", "Alice"), group("ytrewq", "Tour Guides", &["qwerty"])])),
        &json!([{"bulkId": "qwerty", "status": "201"}, {"bulkId": "ytrewq", "status": "201"}]),
    )
    .await;
    assert_eq!(tenant.members(&id_of(&results[1])).await, [id_of(&results[0])]);

    // The group first; in a path; in a PATCH; and as a manager (§3.7.2 and erratum-less practice).
    let operations = json!([
        group("g", "Second", &["u", "v"]),
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data": [{"op": "add", "path": "members", "value": [{"value": "bulkId:w"}]}]},
        create("u", "u"),
        create("v", "v"),
        create("w", "w"),
        {"method": "POST", "path": "/Users", "bulkId": "x", "data": {"userName": "x", ENTERPRISE: {"manager": {"value": "bulkId:u"}}}},
        {"method": "DELETE", "path": "/Users/bulkId:v"}
    ]);
    let created = json!({"status": "201"});
    let expect =
        json!([created, {"status": "200", "method": "PATCH"}, created, created, created, created, {"status": "204"}]);
    let results = check(&tenant, &message(&operations), &expect).await;
    let mut members = tenant.members(&id_of(&results[0])).await;
    members.sort_unstable();
    assert_eq!(members, [id_of(&results[2]), id_of(&results[4])]);
    let x = tenant.get(&format!("/Users/{}", id_of(&results[5]))).await.expect(200);
    assert_eq!(x.json[ENTERPRISE]["manager"]["value"], id_of(&results[2]));
    tenant.refused("GET", &format!("/Users/{}", id_of(&results[3])), &Value::Null, 404, "", "").await;
}

/// §3.7.1: groups that hold each other.
#[tokio::test]
async fn circles() {
    let tenant = SERVER.tenant();
    let names = |count: usize| (0..count).map(|i| format!("c{count}.{i}")).collect::<Vec<_>>();
    for count in [1, 2, 3, 5] {
        let names = names(count);
        let operations: Vec<_> = (0..count).map(|i| group(&names[i], &names[i], &[&names[(i + 1) % count]])).collect();
        let expect: Vec<_> = (0..count).map(|_| json!({"status": "201"})).collect();
        let results = check(&tenant, &message(&json!(operations)), &json!(expect)).await;
        for i in 0..count {
            let group = tenant.get(&format!("/Groups/{}", id_of(&results[i]))).await.expect(200);
            let next = id_of(&results[(i + 1) % count]);
            assert_eq!(group.json["members"][0]["value"], next, "{count}: {}", group.text);
            assert_eq!(group.json["meta"]["version"], results[i]["version"], "the version told is the last one");
        }
    }
}

/// One operation that fails, with its status, `scimType` and a word of the detail; the others are done
/// all the same.
#[tokio::test]
async fn errors_of_single_operations() {
    let tenant = SERVER.tenant();
    let user = tenant.user("taken").await;
    let path = format!("/Users/{user}");
    let change = |value: Value| json!({"method": "PATCH", "path": path, "data": [value]});
    for (i, (operation, status, scim_type, words)) in [
        (create("x", "TAKEN"), 409, "uniqueness", "userName"),
        (json!({"method": "POST", "path": "/Users", "bulkId": "x", "data": {}}), 400, "invalidValue", "userName"),
        (json!({"method": "POST", "path": "/Users", "data": {"userName": "n"}}), 400, "invalidSyntax", "bulkId"),
        (json!({"method": "POST", "path": "/Users", "bulkId": "x"}), 400, "invalidSyntax", "data"),
        (
            json!({"method": "POST", "path": path, "bulkId": "x", "data": {"userName": "n"}}),
            400,
            "invalidSyntax",
            "path",
        ),
        (json!({"method": "POST", "path": "/Things", "bulkId": "x", "data": {}}), 404, "", "/Things"),
        (json!({"method": "POST", "path": "/Bulk", "bulkId": "x", "data": {}}), 404, "", "/Bulk"),
        (json!({"method": "POST", "bulkId": "x", "data": {}}), 400, "invalidSyntax", "path"),
        (json!({"method": "GET", "path": path}), 400, "invalidSyntax", "method"),
        (json!({"path": path}), 400, "invalidSyntax", "method"),
        (json!({"method": 7, "path": path}), 400, "invalidSyntax", "method"),
        (json!("POST"), 400, "invalidSyntax", "object"),
        (json!({"method": "PUT", "path": "/Users", "data": {"userName": "n"}}), 400, "invalidSyntax", "path"),
        (json!({"method": "PUT", "path": format!("/Users/{NOBODY}"), "data": {"userName": "n"}}), 404, "", NOBODY),
        (json!({"method": "DELETE", "path": format!("/Users/{NOBODY}")}), 404, "", NOBODY),
        (json!({"method": "DELETE", "path": format!("/Groups/{user}")}), 404, "", &user),
        (json!({"method": "DELETE", "path": path, "version": "W/\"99\""}), 412, "", "If-Match"),
        (json!({"method": "PUT", "path": path, "version": "W/\"99\"", "data": {"userName": "n"}}), 412, "", "If-Match"),
        (change(json!({"op": "remove"})), 400, "noTarget", "path"),
        (change(json!({"op": "replace", "path": "nothing", "value": 1})), 400, "invalidPath", "nothing"),
        (change(json!({"op": "replace", "path": "id", "value": "x"})), 400, "mutability", "id"),
        (change(json!({"op": "replace", "path": "emails[type eq \"x\"]", "value": {}})), 400, "noTarget", "emails"),
        (group("x", "unresolved", &["nowhere"]), 400, "invalidValue", "nowhere"),
        (json!({"method": "DELETE", "path": "/Users/bulkId:nowhere"}), 400, "invalidValue", "nowhere"),
    ]
    .into_iter()
    .enumerate()
    {
        let good = create("good", &format!("good{i}"));
        let expect = json!([
            {
                "status": status.to_string(), "version": "*absent*",
                "response": {
                    "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(),
                    "scimType": if scim_type.is_empty() { "*absent*" } else { scim_type }, "detail": {"$contains": words}
                }
            },
            {"status": "201", "bulkId": "good"}
        ]);
        let results = check(&tenant, &message(&json!([operation, good])), &expect).await;
        // §3.7.3: the location is there but where a POST failed.
        let method = operation["method"].as_str().unwrap_or("POST");
        let names_one =
            operation["path"].as_str().is_some_and(|path| path.matches('/').count() == 2 && !path.contains("bulkId"));
        if matches!(method, "PUT" | "PATCH" | "DELETE") && names_one {
            assert_eq!(
                results[0]["location"],
                format!("{}{}", tenant.base(), operation["path"].as_str().unwrap_or_default())
            );
        } else {
            assert_eq!(results[0].get("location"), None, "{operation}");
        }
        assert_eq!(results[0].get("bulkId"), operation.get("bulkId"), "{operation}");
    }
    let read = tenant.get(&path).await.expect(200);
    assert_eq!((&read.json["userName"], &read.json["meta"]["version"]), (&json!("taken"), &json!("W/\"1\"")));
}

/// What depends on what failed fails with it.
#[tokio::test]
async fn failures_spread_to_what_refers_to_them() {
    let tenant = SERVER.tenant();
    tenant.user("taken").await;
    let operations = json!([create("a", "taken"), group("g", "g", &["a"]), {"method": "DELETE", "path": "/Groups/bulkId:g"}, create("b", "b")]);
    let expect = json!([
        {"status": "409"},
        {"status": "400", "response": {"detail": {"$contains": "\"a\""}}},
        {"status": "400", "response": {"detail": {"$contains": "\"g\""}}},
        {"status": "201"}
    ]);
    check(&tenant, &message(&operations), &expect).await;
    tenant.ok("GET", "/Groups", &Value::Null, 200, &json!({"totalResults": 0})).await;
    // The same `bulkId` twice: the second operation is refused.
    let twice = json!([create("c", "c"), create("c", "d"), group("h", "h", &["c"])]);
    let results =
        check(&tenant, &message(&twice), &json!([{"status": "201"}, {"status": "400"}, {"status": "201"}])).await;
    assert_eq!(tenant.members(&id_of(&results[2])).await, [id_of(&results[0])]);
}

/// §3.7: `failOnErrors` says after how many errors the rest is left undone.
#[tokio::test]
async fn fail_on_errors() {
    let tenant = SERVER.tenant();
    tenant.user("taken").await;
    for (limit, expect) in [
        (json!(0), "201 409"),
        (json!(1), "201 409"),
        (json!(2), "201 409 201 409"),
        (json!(3), "201 409 201 409 201"),
        (Value::Null, "201 409 201 409 201"),
    ] {
        let run = limit.to_string();
        let mut body = message(&json!([
            create("1", &format!("a{run}")),
            create("2", "taken"),
            create("3", &format!("b{run}")),
            create("4", "taken"),
            create("5", &format!("c{run}"))
        ]));
        body["failOnErrors"] = limit;
        let answer = tenant.post("/Bulk", &body).await.expect(200);
        let statuses: Vec<_> = answer.json["Operations"]
            .as_array()
            .expect("results")
            .iter()
            .map(|one| one["status"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(statuses.join(" "), expect, "{run}");
        let left = tenant.names(&super::filtered("/Users", &format!("userName eq \"c{run}\""))).await;
        assert_eq!(left.len(), usize::from(statuses.len() == 5), "what was left undone was not done");
    }
}

#[tokio::test]
async fn requests_that_are_refused() {
    let tenant = SERVER.tenant();
    for (body, words) in [
        (json!([]), "object"),
        (json!({}), "Operations"),
        (json!({"schemas": [USER], "Operations": []}), "BulkRequest"),
        (json!({"Operations": {}}), "Operations"),
        (json!({"Operations": [], "failOnErrors": "1"}), "failOnErrors"),
        (json!({"Operations": [], "failOnErrors": -1}), "failOnErrors"),
    ] {
        tenant.refused("POST", "/Bulk", &body, 400, "invalidSyntax", words).await;
    }
    // §3.7.4: the limits, which the service provider configuration names.
    let operations: Vec<_> = (0..21).map(|i| create(&i.to_string(), &format!("u{i}"))).collect();
    tenant.refused("POST", "/Bulk", &message(&json!(operations)), 413, "", "20").await;
    let results = tenant.post("/Bulk", &message(&json!(operations[..20]))).await.expect(200);
    assert_eq!(results.json["Operations"].as_array().map(Vec::len), Some(20));
    // Made at once, listed in the order of the request.
    let expect: Vec<_> = (0..20).map(|i| format!("u{i}")).collect();
    assert_eq!(tenant.names("/Users").await, expect);
    let long = json!([create("1", &"x".repeat(17 * 1024))]);
    tenant.refused("POST", "/Bulk", &message(&long), 413, "", "16384").await;
    let config = json!({"bulk": {"supported": true, "maxOperations": 20, "maxPayloadSize": 16384}});
    tenant.ok("GET", "/ServiceProviderConfig", &Value::Null, 200, &config).await;
    tenant.refused("GET", "/Bulk", &Value::Null, 405, "", "POST").await;
}

/// A server may be run without bulk; it then says so everywhere.
#[tokio::test]
async fn bulk_turned_off() {
    static WITHOUT: Shared = Shared::new(&["--bulk-max-operations", "0"]);
    let tenant = WITHOUT.tenant();
    tenant.ok("GET", "/ServiceProviderConfig", &Value::Null, 200, &json!({"bulk": {"supported": false}})).await;
    tenant.refused("POST", "/Bulk", &message(&json!([create("1", "a")])), 501, "", "Bulk").await;
    tenant.ok("GET", "/Users", &Value::Null, 200, &json!({"totalResults": 0})).await;
}
