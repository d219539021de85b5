//! What users ask for, in the order of how much it hurts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::server::{Client, ENTERPRISE, GROUP, Options, TestServer, USER, patch_body};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

async fn users(client: &Client, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(client.user(&format!("user-{n:04}")).await);
    }
    ids
}

#[tokio::test]
async fn n01_a_member_of_a_big_group_costs_no_big_answer() {
    let server = TestServer::start();
    let client = server.client();
    let users = users(&client, 150).await;
    let group = client.group("big", &users[..149]).await;
    let path = format!("/Groups/{group}");
    let add = json!([{"op": "add", "path": "members", "value": [{"value": users[149]}]}]);
    let answer = client.patch(&path, &add).await.expect(204);
    assert!(answer.text.is_empty() && answer.header("etag").starts_with("W/"), "{answer:?}");
    assert_eq!(client.members(&group).await.len(), 150);
}

#[tokio::test]
async fn n02_if_match_is_checked_with_the_write() {
    let server = TestServer::start();
    let client = server.client();
    let user = client.user("versioned").await;
    let path = format!("/Users/{user}");
    let old = client.get(&path).await.expect(200).header("etag").to_owned();
    client.patch(&path, &json!([{"op": "add", "path": "title", "value": "a"}])).await.expect(200);
    let body = patch_body(&json!([{"op": "add", "path": "title", "value": "b"}]));
    for method in ["PATCH", "DELETE"] {
        let body = (method == "PATCH").then_some(&body);
        let answer = client.request(method, &path, &[("if-match", &old)], body).await;
        answer.expect_error(412, None);
    }
    let now = client.get(&path).await.expect(200);
    assert_eq!(now.json["title"], "a");
    client.request("PATCH", &path, &[("if-match", "*")], Some(&body)).await.expect(200);
    let fresh = client.get(&path).await.header("etag").to_owned();
    client.request("GET", &path, &[("if-none-match", &fresh)], None).await.expect(304);
}

#[tokio::test]
async fn n03_the_dialect_of_entra_is_understood() {
    let server = TestServer::start();
    let client = server.client();
    let path = format!("/Users/{}", client.user("entra").await);
    for (op, value, active) in
        [("Replace", json!("False"), false), ("Add", json!("True"), true), ("REPLACE", json!("false"), false)]
    {
        let answer = client.patch(&path, &json!([{"op": op, "path": "active", "value": value}])).await.expect(200);
        assert_eq!(answer.json["active"], active, "{op} {value}");
    }
}

#[tokio::test]
async fn n04_pages_tell_the_truth() {
    let server = TestServer::start();
    let client = server.client();
    let all: BTreeSet<_> = users(&client, 25).await.into_iter().collect();
    let mut seen = Vec::new();
    for start in [1, 11, 21] {
        let page = client.get(&format!("/Users?startIndex={start}&count=10")).await.expect(200);
        assert_eq!(page.json["totalResults"], 25);
        assert_eq!(page.json["startIndex"], start);
        assert_eq!(page.json["itemsPerPage"], page.ids().len());
        seen.extend(page.ids());
    }
    assert_eq!(seen.len(), 25, "no window overlaps another");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
    for (query, total, items, start) in [
        ("count=0", 25, 0, 1),
        ("count=-3", 25, 0, 1),
        ("startIndex=0&count=5", 25, 5, 1),
        ("startIndex=-7&count=5", 25, 5, 1),
        ("startIndex=26", 25, 0, 26),
    ] {
        let page = client.get(&format!("/Users?{query}")).await.expect(200);
        assert_eq!(page.json["totalResults"], total, "{query}");
        assert_eq!(page.ids().len(), items, "{query}");
        assert_eq!(page.json["startIndex"], start, "{query}");
    }
    for query in ["count=ten", "startIndex=one", "count=1.5"] {
        client.get(&format!("/Users?{query}")).await.expect_error(400, Some("invalidValue"));
    }
}

#[tokio::test]
async fn n05_add_creates_the_element_that_its_filter_describes() {
    let server = TestServer::start();
    let client = server.client();
    let path = format!("/Users/{}", client.user("bare").await);
    let add = json!([{"op": "add", "path": "emails[type eq \"work\"].value", "value": "b@example.com"}]);
    let user = client.patch(&path, &add).await.expect(200);
    assert_eq!(user.json["emails"], json!([{"value": "b@example.com", "type": "work"}]));
}

#[tokio::test]
async fn n06_members_go_in_both_encodings() {
    let server = TestServer::start();
    let client = server.client();
    let users = users(&client, 4).await;
    let group = client.group("leaving", &users).await;
    let path = format!("/Groups/{group}");
    let by_filter = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", users[0])}]);
    let by_value = json!([{"op": "remove", "path": "members", "value": [{"value": users[1]}]}]);
    let strangers = json!([{"op": "remove", "path": "members", "value": [{"value": users[0]}, {"value": "nobody"}]}]);
    let empty = json!([{"op": "remove", "path": "members", "value": []}]);
    for (operations, left) in [(by_filter, 3), (by_value, 2), (strangers, 2), (empty, 2)] {
        let answer = client.patch(&path, &operations).await;
        assert!([200, 204].contains(&answer.status), "{operations}: {}", answer.text);
        assert_eq!(client.members(&group).await.len(), left, "{operations}");
    }
}

#[tokio::test]
async fn n07_case_counts_where_the_schema_says_so_and_nowhere_else() {
    let server = TestServer::start();
    let client = server.client();
    let body = json!({"SCHEMAS": [USER.to_uppercase()], "USERNAME": "Case@Example.com", "externalID": "Ext-1",
        "Name": {"FAMILYNAME": "Jensen"}, "emails": [{"Value": "Case@Example.com", "TYPE": "Work"}]});
    let user = client.post("/Users", &body).await.expect(201);
    assert_eq!(user.json["schemas"], json!([USER]));
    assert_eq!(user.json["name"], json!({"familyName": "Jensen"}));
    for (filter, found) in [
        ("USERNAME EQ \"case@example.com\"", 1),
        ("username eq \"CASE@EXAMPLE.COM\" AND Name.FamilyName Sw \"jen\"", 1),
        ("emails[TYPE eq \"work\" And VALUE co \"EXAMPLE\"]", 1),
        ("not (userName EQ \"other\") aNd externalId eq \"Ext-1\"", 1),
        ("externalId eq \"ext-1\"", 0),
        ("URN:IETF:PARAMS:SCIM:SCHEMAS:CORE:2.0:USER:userName eq \"case@example.com\"", 1),
    ] {
        let list = client.find("/Users", filter).await.expect(200);
        assert_eq!(list.json["totalResults"], found, "{filter}");
    }
    let patch = json!([{"op": "replace", "path": "Emails[Type eq \"WORK\"].DISPLAY", "value": "d"}]);
    let user = client.patch(&format!("/Users/{}", user.id()), &patch).await.expect(200);
    assert_eq!(user.json["emails"][0]["display"], "d");
    client.post("/Users", &json!({"userName": "CASE@example.com"})).await.expect_error(409, Some("uniqueness"));
}

#[tokio::test]
async fn n08_a_list_of_groups_can_do_without_members() {
    let server = TestServer::start();
    let client = server.client();
    let users = users(&client, 20).await;
    client.group("listed", &users).await;
    for query in ["excludedAttributes=members", "attributes=displayName", "excludedAttributes=MEMBERS"] {
        let list = client.get(&format!("/Groups?{query}")).await.expect(200);
        let group = &list.json["Resources"][0];
        assert_eq!((&group["displayName"], group.get("members")), (&json!("listed"), None), "{query}");
    }
    let list = client.get("/Groups").await.expect(200);
    assert_eq!(list.json["Resources"][0]["members"].as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn n09_a_path_may_begin_with_its_urn() {
    let server = TestServer::start();
    let client = server.client();
    let path = format!("/Users/{}", client.user("urn").await);
    let operations = json!([
        {"op": "add", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7"},
        {"op": "add", "path": format!("{USER}:name.givenName"), "value": "Barbara"},
        {"op": "add", "path": format!("{USER}:emails[type eq \"work\"].value"), "value": "b@example.com"},
        {"op": "add", "value": {ENTERPRISE: {"costCenter": "4130"}}},
    ]);
    let user = client.patch(&path, &operations).await.expect(200);
    assert_eq!(user.json[ENTERPRISE], json!({"employeeNumber": "7", "costCenter": "4130"}));
    assert_eq!(user.json["name"]["givenName"], "Barbara");
    for filter in [
        format!("{ENTERPRISE}:employeeNumber eq \"7\""),
        format!("{USER}:name.givenName sw \"barb\" and {USER}:emails[type eq \"work\"]"),
    ] {
        assert_eq!(client.find("/Users", &filter).await.expect(200).json["totalResults"], 1, "{filter}");
    }
    let one = client.get(&format!("{path}?attributes={ENTERPRISE}:costCenter")).await.expect(200);
    assert_eq!(one.json[ENTERPRISE], json!({"costCenter": "4130"}));
    let gone = client.patch(&path, &json!([{"op": "remove", "path": ENTERPRISE}])).await.expect(200);
    assert_eq!(gone.json.get(ENTERPRISE), None);
}

#[tokio::test]
async fn n10_a_manager_may_be_a_bare_string() {
    let server = TestServer::start();
    let client = server.client();
    let boss = client.user("boss").await;
    let body = json!({"schemas": [USER], "userName": "managed", ENTERPRISE: {"manager": boss}});
    let user = client.post("/Users", &body).await.expect(201);
    assert_eq!(user.json[ENTERPRISE]["manager"]["value"], boss.as_str());
}

#[tokio::test]
async fn n11_tokens_rotate_without_downtime() {
    let two = Some(json!({"max_tokens": 2}));
    let server = TestServer::with(Options { settings: two, ..Options::default() });
    let first = server.client();
    first.get("/Users").await.expect(200);
    let tokens = server.run_json(&["token", "list", "--tenant", "test", "--json"]);
    let old = tokens[0]["token_id"].as_str().expect("an id").to_owned();
    assert_eq!(tokens[0]["status"], "valid", "{tokens}");

    let issued = server.run_json(&["token", "create", "--tenant", "test", "--json"]);
    let second = first.with_token(issued["token"].as_str().expect("a token"));
    for client in [&first, &second] {
        client.get("/Users").await.expect(200);
    }
    let third = server.run(&["token", "create", "--tenant", "test", "--json"]);
    assert_eq!(third.status.code(), Some(1), "two live tokens are the most");

    let deleted = server.run(&["token", "delete", &old, "--tenant", "test"]);
    assert!(deleted.status.success(), "{}", String::from_utf8_lossy(&deleted.stderr));
    first.get("/Users").await.expect_error(401, None);
    second.get("/Users").await.expect(200);
    assert!(!server.log().contains(server.token()), "a token is never logged");
}

#[tokio::test]
async fn n12_429_says_in_whole_seconds_when_to_come_back() {
    let server = TestServer::with(Options::args(&["--rate-limit", "2"]));
    let client = server.client();
    let mut limited = None;
    for _ in 0..20 {
        let answer = client.get("/Users?count=0").await;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let answer = limited.expect("twenty requests at once are more than two a second").expect_error(429, None);
    let seconds: u32 = answer.header("retry-after").parse().expect("whole seconds");
    assert!((1..=5).contains(&seconds), "{seconds}");
    tokio::time::sleep(std::time::Duration::from_secs(seconds.into())).await;
    client.get("/Users?count=0").await.expect(200);
}

#[tokio::test]
async fn n13_each_call_is_in_the_audit_log_and_nobody_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("audit.log");
    let mut server = TestServer::with(Options::args(&["--audit-log", &file.to_string_lossy()]));
    let client = server.client();
    let body = json!({"schemas": [USER], "userName": "secret.person@example.com", "active": true, "password": "hunter2",
        "name": {"familyName": "Geheim"}, "emails": [{"value": "secret.person@example.com"}]});
    let user = client.post("/Users", &body).await.expect(201).id();
    client.get(&format!("/Users/{user}")).await.expect(200);
    client.find("/Users", "userName eq \"secret.person@example.com\"").await.expect(200);
    client.post("/Users", &body).await.expect(409);
    client.delete(&format!("/Users/{user}")).await.expect(204);
    client.with_token("scim_wrong").get("/Users").await.expect(401);
    let nowhere = format!("{}/2819c223-7f76-453a-919d-413861904646/scim/v2/Users", server.origin());
    client.get(&nowhere).await.expect(401);
    assert!(server.stop().success());

    let log = std::fs::read_to_string(&file).expect("the audit log");
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
    let names: Vec<_> = lines.iter().filter_map(|line| line["eventName"].as_str()).collect();
    // What was asked for has its name also where nobody was let in; of a tenant that does not exist,
    // the resource types are not known.
    assert_eq!(
        names,
        ["CreateUser", "GetUser", "ListUsers", "CreateUser", "DeleteUser", "ListUsers", "UnknownRequest"]
    );
    assert_eq!(lines[3]["errorCode"], "ConflictException", "{}", lines[3]);
    for line in &lines[5..] {
        assert_eq!(line["errorCode"], "UnauthorizedException", "{line}");
        assert_eq!(line["userIdentity"]["type"], "Anonymous", "{line}");
    }
    assert_eq!(lines[0]["requestParameters"]["httpBody"]["active"], true, "{}", lines[0]);
    for personal in ["secret.person", "Geheim", "hunter2", server.token()] {
        assert!(!log.contains(personal), "the audit log holds {personal}");
    }
}

#[tokio::test]
async fn n14_who_was_deleted_or_deactivated_can_come_back() {
    let server = TestServer::start();
    let client = server.client();
    let body = json!({"schemas": [USER], "userName": "back@example.com", "externalId": "b-1", "active": true});
    let first = client.post("/Users", &body).await.expect(201).id();
    client.delete(&format!("/Users/{first}")).await.expect(204);
    client.delete(&format!("/Users/{first}")).await.expect_error(404, None);
    let second = client.post("/Users", &body).await.expect(201).id();
    assert_eq!(first, second, "who comes back with the same externalId is the one who was deleted");
    let other = json!({"schemas": [USER], "userName": "other@example.com", "externalId": "b-2"});
    assert_ne!(client.post("/Users", &other).await.expect(201).id(), first, "and nobody else ever has that id");

    let path = format!("/Users/{second}");
    client.patch(&path, &json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
    client.post("/Users", &body).await.expect_error(409, Some("uniqueness"));
    let found = client.find("/Users", "userName eq \"back@example.com\"").await.expect(200);
    assert_eq!((found.ids(), &found.json["Resources"][0]["active"]), (vec![second], &json!(false)));
    client.put(&path, &body).await.expect(200);
    assert_eq!(client.get(&path).await.json["active"], true);
}

#[tokio::test]
async fn n15_errors_are_such_that_a_provider_can_act_on_them() {
    let server = TestServer::start();
    let client = server.client();
    client.user("taken").await;
    let taken = client.post("/Users", &json!({"userName": "taken"})).await.expect_error(409, Some("uniqueness"));
    assert!(taken.json["detail"].as_str().is_some_and(|detail| detail.contains("userName")), "{}", taken.text);
    client.post("/Users", &json!({"displayName": "x"})).await.expect_error(400, Some("invalidValue"));
    client.post("/Users", &json!({"userName": ["x", "y"]})).await.expect_error(400, Some("invalidValue"));
    client.find("/Users", "userName eq").await.expect_error(400, Some("invalidFilter"));
    client.find("/Users", "userName zz \"x\"").await.expect_error(400, Some("invalidFilter"));
    client.get("/Users/unknown").await.expect_error(404, None);
    client.get("/Nothing").await.expect_error(404, None);
}

#[tokio::test]
async fn n16_bulk_takes_many_requests_in_one() {
    let server = TestServer::start();
    let client = server.client();
    let mut operations: Vec<_> = (0..50)
        .map(|n| json!({"method": "POST", "path": "/Users", "bulkId": format!("u{n}"), "data": {"schemas": [USER], "userName": format!("bulk-{n}")}}))
        .collect();
    let members: Vec<_> = (0..50).map(|n| json!({"value": format!("bulkId:u{n}")})).collect();
    operations.insert(0, json!({"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"schemas": [GROUP], "displayName": "bulk", "members": members}}));
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let answer = client.post("/Bulk", &body).await.expect(200);
    let operations = answer.json["Operations"].as_array().expect("operations");
    assert_eq!(operations.len(), 51);
    assert!(operations.iter().all(|operation| operation["status"] == "201"), "{}", answer.text);
    let group = client.find("/Groups", "displayName eq \"bulk\"").await.expect(200);
    assert_eq!(client.members(&group.ids()[0]).await.len(), 50);
}

#[tokio::test]
async fn n17_a_group_in_a_group_is_the_same_in_list_and_get() {
    let server = TestServer::start();
    let client = server.client();
    let user = client.user("leaf").await;
    let inner = client.group("inner", std::slice::from_ref(&user)).await;
    let outer = client.group("outer", std::slice::from_ref(&inner)).await;
    let get = client.get(&format!("/Groups/{outer}")).await.expect(200);
    assert_eq!(get.json["members"][0]["type"], "Group", "{}", get.text);
    assert_eq!(get.json["members"][0]["display"], "inner");
    let list = client.find("/Groups", "displayName eq \"outer\"").await.expect(200);
    assert_eq!(list.json["Resources"][0], get.json);
    let user = client.get(&format!("/Users/{user}")).await.expect(200);
    assert_eq!(user.json["groups"].as_array().map(Vec::len), Some(1), "direct groups only: {}", user.text);
}

#[tokio::test]
async fn n18_a_token_sees_one_tenant() {
    let server = TestServer::start();
    let other = server.run_json(&["tenant", "create", "other", "--json"]);
    let issued = server.run_json(&["token", "create", "--tenant", "other", "--json"]);
    let token = issued["token"].as_str().expect("a token");
    let theirs = Client::new(&format!("{}{}", server.origin(), other["path"].as_str().expect("a path")), token);
    let ours = server.client();
    let user = ours.user("the.same.name").await;
    theirs.user("the.same.name").await;
    theirs.get(&format!("/Users/{user}")).await.expect_error(404, None);

    let wrong = ours.with_token(token).get("/Users").await.expect_error(401, None);
    let nowhere = format!("{}/00000000-0000-4000-8000-000000000000/scim/v2", server.origin());
    let unknown = Client::new(&nowhere, token).get("/Users").await.expect_error(401, None);
    assert_eq!(wrong.json, unknown.json, "whether a tenant exists is nobody's business");
}

#[tokio::test]
async fn n19_what_changed_since_can_be_read() {
    let server = TestServer::start();
    let client = server.client();
    let users = users(&client, 5).await;
    let last = client.get(&format!("/Users/{}", users[4])).await.expect(200);
    let since = last.json["meta"]["lastModified"].as_str().expect("an instant").to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let path = format!("/Users/{}", users[1]);
    client.patch(&path, &json!([{"op": "add", "path": "title", "value": "changed"}])).await.expect(200);
    let changed = client.find("/Users", &format!("meta.lastModified gt \"{since}\"")).await.expect(200);
    assert_eq!(changed.ids(), [users[1].clone()]);
}

#[tokio::test]
async fn n20_members_can_be_replaced_by_nothing() {
    let server = TestServer::start();
    let client = server.client();
    let users = users(&client, 3).await;
    let group = client.group("emptied", &users).await;
    let answer =
        client.patch(&format!("/Groups/{group}"), &json!([{"op": "replace", "path": "members", "value": []}])).await;
    assert!([200, 204].contains(&answer.status), "{}", answer.text);
    assert!(client.members(&group).await.is_empty());
}

#[tokio::test]
async fn n21_what_was_sent_comes_back_and_repeating_it_changes_nothing() {
    let server = TestServer::start();
    let client = server.client();
    let sent = json!({"schemas": [USER, ENTERPRISE], "userName": "MixedCase@Example.COM", "externalId": "X-1",
        "name": {"formatted": "Ms. Barbara  J Jensen", "familyName": "Jensen"}, "displayName": " padded ",
        "emails": [{"value": "B@Example.com", "type": "Work", "primary": true}, {"value": "a@example.com", "type": "home"}],
        "phoneNumbers": [{"value": "10-040-1308", "type": "odd type"}], "profileUrl": "not a url", "locale": "x",
        "active": true, ENTERPRISE: {"employeeNumber": "007", "manager": {"value": "nobody"}}});
    let created = client.post("/Users", &sent).await.expect(201);
    for (name, value) in sent.as_object().expect("an object") {
        if name != "schemas" && name != ENTERPRISE {
            assert_eq!(created.json[name], *value, "{name}");
        }
    }
    let path = format!("/Users/{}", created.id());
    let again = client.put(&path, &sent).await.expect(200);
    assert_eq!(again.json["meta"], created.json["meta"], "the same PUT is no change");
    let operations = json!([{"op": "Replace", "path": "active", "value": "True"},
        {"op": "replace", "path": "emails[type eq \"Work\"].value", "value": "B@Example.com"},
        {"op": "replace", "value": {"name.familyName": "Jensen"}}]);
    let again = client.patch(&path, &operations).await.expect(200);
    assert_eq!(again.json, created.json, "a PATCH of what is there is no change");
}

#[tokio::test]
async fn n25_one_request_cannot_exhaust_the_server() {
    let server = TestServer::with(Options::args(&[
        "--candidates",
        "50",
        "--page-size",
        "20",
        "--max-page-size",
        "30",
        "--max-body",
        "64KiB",
    ]));
    let client = server.client();
    let create = |n: usize| json!({"method": "POST", "path": "/Users", "bulkId": format!("{n}"), "data": {"userName": format!("user-{n:04}")}});
    let operations: Vec<_> = (0..300).map(create).collect();
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    client.post("/Bulk", &bulk).await.expect(200);
    let page = client.get("/Users?count=1000000").await.expect(200);
    assert_eq!((page.ids().len(), &page.json["totalResults"]), (30, &json!(300)));
    client.find("/Users", "title co \"x\"").await.expect_error(400, Some("tooMany"));
    client.find("/Users", "userName eq \"user-0001\"").await.expect(200);
    let long = format!("userName eq \"{}\"", "x".repeat(10_000));
    client.find("/Users", &long).await.expect_error(400, Some("invalidFilter"));
    let deep = format!("{}userName pr{}", "(".repeat(500), ")".repeat(500));
    client.find("/Users", &deep).await.expect_error(400, Some("invalidFilter"));
    let large = json!({"userName": "large", "title": "x".repeat(100_000)});
    client.post("/Users", &large).await.expect_error(413, None);
    let nested = format!("{{\"userName\":\"n\",\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let bearer = client.authorization();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
    client.send("POST", "/Users", &headers, Some(nested)).await.expect_error(400, Some("invalidSyntax"));
    let many: Vec<_> = (0..1500).map(|_| json!({"op": "remove", "path": "title"})).collect();
    let user = client.user("patched").await;
    let answer = client.patch(&format!("/Users/{user}"), &json!(many)).await;
    assert!([400, 413].contains(&answer.status), "{}", answer.text);
    assert_eq!(client.get("/Users?count=0").await.expect(200).json["schemas"], json!([LIST]));
}
