//! What was seen to go wrong in other servers.

use serde_json::{Value, json};

use crate::server::{Client, ENTERPRISE, GROUP, Options, TestServer, USER};

const ENDPOINTS: [&str; 3] = ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"];

/// A body that is not made of JSON values.
async fn post_text(client: &Client, path: &str, media_type: &str, body: &str) -> crate::server::Response {
    let bearer = client.authorization();
    let headers = [("authorization", bearer.as_str()), ("content-type", media_type)];
    client.send("POST", path, &headers, Some(body.to_owned())).await
}

#[tokio::test]
async fn every_refusal_is_a_scim_error() {
    let server = TestServer::start();
    let client = server.client();
    let user = client.user("there").await;
    let anonymous = client.send("GET", "/Users", &[], None).await.expect_error(401, None);
    assert!(anonymous.header("www-authenticate").starts_with("Bearer"), "{anonymous:?}");
    client.get("/Schemas?filter=id%20pr").await.expect_error(403, None);
    client.get("/Users/nobody").await.expect_error(404, None);
    client.request("POST", &format!("/Users/{user}"), &[], Some(&json!({}))).await.expect_error(405, None);
    let moved = client.request("PATCH", "/Users", &[], Some(&json!({}))).await.expect_error(405, None);
    assert!(moved.header("allow").contains("POST"), "{moved:?}");
    client.post("/Users", &json!({"userName": "THERE"})).await.expect_error(409, Some("uniqueness"));
    client
        .request("DELETE", &format!("/Users/{user}"), &[("if-match", "W/\"99\"")], None)
        .await
        .expect_error(412, None);
    post_text(&client, "/Users", "text/xml", "<user/>").await.expect_error(415, None);
    client.get("/Me").await.expect_error(501, None);
}

#[tokio::test]
async fn malformed_input_is_the_fault_of_who_sent_it() {
    let server = TestServer::start();
    let client = server.client();
    for body in ["", "{", "[]", "null", "7", "\"x\"", "{\"userName\":}", "\u{0}", "{\"userName\":\"\\ud800\"}"] {
        post_text(&client, "/Users", "application/scim+json", body).await.expect_error(400, Some("invalidSyntax"));
    }
    let path = format!("/Users/{}", client.user("patched").await);
    for (operations, scim_type) in [
        (json!("x"), "invalidSyntax"),
        (json!([7]), "invalidSyntax"),
        (json!([{"op": "move", "path": "title", "value": 1}]), "invalidSyntax"),
        (json!([{"op": "remove"}]), "noTarget"),
        (json!([{"op": "add", "path": "title..x", "value": "x"}]), "invalidPath"),
        (json!([{"op": "add", "path": "emails[type eq", "value": "x"}]), "invalidFilter"),
        (json!([{"op": "add", "path": "noSuchAttribute", "value": "x"}]), "invalidPath"),
        (json!([{"op": "add", "path": "active", "value": "perhaps"}]), "invalidValue"),
        (json!([{"op": "replace", "path": "id", "value": "x"}]), "mutability"),
        (json!([{"op": "remove", "path": "userName"}]), "mutability"),
    ] {
        let answer = client.patch(&path, &operations).await;
        assert_eq!(
            (answer.status, answer.json["scimType"].as_str()),
            (400, Some(scim_type)),
            "{operations}: {}",
            answer.text
        );
    }
    for query in
        ["filter=", "filter=%FF", "sortBy=%5B", "cursor=x", "attributes=a&excludedAttributes=b", "sortOrder=up"]
    {
        let answer = client.get(&format!("/Users?{query}")).await;
        assert!([200, 400].contains(&answer.status), "{query}: {} {}", answer.status, answer.text);
    }
    for path in ["/Users/%00", "/Users/%FF", "/Users/a%2Fb", "/%2e%2e/Users", "/Groups/x/members"] {
        client.get(path).await.expect_error(404, None);
    }
    // A base URL pasted with a slash at its end gives a URL with two.
    client.get("//Users").await.expect(200);
    client.get("/Users").await.expect(200);
}

#[tokio::test]
async fn one_failing_operation_undoes_the_whole_patch() {
    let server = TestServer::start();
    let client = server.client();
    let path = format!("/Users/{}", client.user("whole").await);
    let before = client.get(&path).await.expect(200);
    let operations = json!([{"op": "add", "path": "title", "value": "half"}, {"op": "replace", "path": "noSuchAttribute", "value": "x"}]);
    client.patch(&path, &operations).await.expect_error(400, Some("invalidPath"));
    let after = client.get(&path).await.expect(200);
    assert_eq!(after.json, before.json);
}

#[tokio::test]
async fn discovery_describes_the_server() {
    let server = TestServer::start();
    let client = server.client();
    for path in ENDPOINTS {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let answer = client.request(method, path, &[], Some(&json!({}))).await.expect_error(405, None);
            assert!(answer.header("allow").contains("GET"), "{method} {path}");
        }
        client.send("GET", path, &[], None).await.expect(200);
    }
    let config = client.get("/ServiceProviderConfig").await.expect(200).json;
    assert_eq!(config["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]));
    assert_eq!(config["meta"]["resourceType"], "ServiceProviderConfig");
    for feature in ["patch", "bulk", "filter", "sort", "etag"] {
        assert_eq!(config[feature]["supported"], true, "{feature}");
    }
    assert_eq!(config["pagination"]["cursor"], true, "RFC 9865");

    let schemas = client.get("/Schemas").await.expect(200).json;
    assert!(!schemas.to_string().contains("null"), "no nulls in /Schemas");
    for schema in schemas["Resources"].as_array().expect("schemas") {
        let one = client.get(&format!("/Schemas/{}", schema["id"].as_str().expect("an id"))).await.expect(200);
        assert_eq!(one.json["attributes"], schema["attributes"]);
        for attribute in schema["attributes"].as_array().expect("attributes") {
            let uniqueness = attribute.get("uniqueness").and_then(Value::as_str).unwrap_or("none");
            assert!(attribute["type"] != "complex" || uniqueness == "none", "{attribute}");
        }
    }
    let group = client.get(&format!("/Schemas/{GROUP}")).await.expect(200).json;
    let display = group["attributes"].as_array().and_then(|all| all.iter().find(|one| one["name"] == "displayName"));
    assert_eq!(display.map(|one| &one["required"]), Some(&json!(true)), "RFC 7643 erratum 5368");
    client.get("/Schemas/urn:none").await.expect_error(404, None);
    client.get("/ResourceTypes/None").await.expect_error(404, None);
}

#[tokio::test]
async fn a_value_filter_holds_for_one_element() {
    let server = TestServer::start();
    let client = server.client();
    let body = json!({"userName": "two", "emails": [{"value": "a@work.com", "type": "home"}, {"value": "b@home.com", "type": "work"}]});
    client.post("/Users", &body).await.expect(201);
    for (filter, found) in [
        ("emails[type eq \"work\" and value co \"work.com\"]", 0),
        ("emails[type eq \"home\" and value co \"work.com\"]", 1),
        ("emails.type eq \"work\" and emails.value co \"work.com\"", 1),
        ("emails[type eq \"work\" or value co \"nothing\"]", 1),
        ("emails[not (type eq \"home\")]", 1),
        ("not (emails pr)", 0),
        ("userName eq \"x\" or userName eq \"two\" and emails.type eq \"none\"", 0),
        ("(userName eq \"x\" or userName eq \"two\") and emails.type eq \"work\"", 1),
    ] {
        assert_eq!(client.find("/Users", filter).await.expect(200).json["totalResults"], found, "{filter}");
    }
}

#[tokio::test]
async fn canonical_values_are_suggestions() {
    let server = TestServer::start();
    let client = server.client();
    let body =
        json!({"userName": "odd", "emails": [{"value": "a@example.com", "type": "WindowsAzureActiveDirectoryRole"}]});
    let user = client.post("/Users", &body).await.expect(201);
    assert_eq!(user.json["emails"][0]["type"], "WindowsAzureActiveDirectoryRole");
}

#[tokio::test]
async fn bulk_patch_takes_the_message_and_the_bare_list() {
    let server = TestServer::start();
    let client = server.client();
    let user = client.user("bulk").await;
    let operation = json!([{"op": "replace", "path": "title", "value": "a"}]);
    for data in [operation.clone(), crate::server::patch_body(&operation)] {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{"method": "PATCH", "path": format!("/Users/{user}"), "data": data}]});
        let answer = client.post("/Bulk", &body).await.expect(200);
        assert_eq!(answer.json["Operations"][0]["status"], "200", "{}", answer.text);
    }
}

#[tokio::test]
async fn bulk_stops_at_its_limits_and_at_errors() {
    let server = TestServer::with(Options::args(&["--bulk-max-operations", "5"]));
    let client = server.client();
    let bulk = |operations: Value| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "failOnErrors": 1, "Operations": operations});
    let post = |n: usize| json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": {"userName": format!("bulk-{n}")}});
    client.post("/Bulk", &bulk((0..6).map(post).collect())).await.expect_error(413, None);
    let answer = client.post("/Bulk", &bulk(json!([post(1), post(1), post(2)]))).await;
    assert!([200, 400].contains(&answer.status), "{}", answer.text);
    let mut bad = post(3);
    bad["data"] = json!({"userName": ""});
    let answer = client.post("/Bulk", &bulk(json!([bad, post(4)]))).await.expect(200);
    let operations = answer.json["Operations"].as_array().expect("operations");
    assert_eq!(operations.len(), 1, "{}", answer.text);
    assert_eq!(operations[0]["status"], "400");
    assert_eq!(operations[0]["response"]["status"], "400");
    assert_eq!(client.find("/Users", "userName eq \"bulk-4\"").await.expect(200).json["totalResults"], 0);
}

#[tokio::test]
async fn a_walk_by_cursor_sees_everything_that_stood_throughout() {
    let server = TestServer::start();
    let client = server.client();
    let mut stood = Vec::new();
    for n in 0..30 {
        stood.push(client.user(&format!("walk-{n:02}")).await);
    }
    let mut page = client.get("/Users?cursor=&count=7").await.expect(200);
    let mut seen = page.ids();
    let mut round = 0;
    while let Some(cursor) = page.json["nextCursor"].as_str().map(str::to_owned) {
        assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{cursor}");
        // Somebody new, and somebody gone who was shown already.
        client.user(&format!("between-{round}")).await;
        client.delete(&format!("/Users/{}", seen[round])).await.expect(204);
        round += 1;
        page = client.get(&format!("/Users?cursor={cursor}&count=7")).await.expect(200);
        seen.extend(page.ids());
        let changed = client.get(&format!("/Users?cursor={cursor}&count=8")).await;
        assert_eq!(changed.json["scimType"].as_str().unwrap_or("invalidCount"), "invalidCount", "{}", changed.text);
    }
    for user in &stood {
        assert_eq!(seen.iter().filter(|id| *id == user).count(), 1, "{user}");
    }
    client.get("/Users?cursor=forged&count=7").await.expect_error(400, Some("invalidCursor"));
    let first = client.get("/Users?cursor=&count=7").await.json["nextCursor"].as_str().expect("a cursor").to_owned();
    let other = client.get(&format!("/Groups?cursor={first}&count=7")).await;
    other.expect_error(400, Some("invalidCursor"));
}

#[tokio::test]
async fn a_sorted_list_is_sorted_and_stays_so_across_pages() {
    let server = TestServer::start();
    let client = server.client();
    for (name, title) in [("c", "3"), ("A", "1"), ("b", "2"), ("d", "1")] {
        client.post("/Users", &json!({"userName": name, "title": title})).await.expect(201);
    }
    let names = |list: &crate::server::Response| -> Vec<String> {
        let resources = list.json["Resources"].as_array().cloned().unwrap_or_default();
        resources.iter().filter_map(|user| user["userName"].as_str().map(str::to_owned)).collect()
    };
    let ascending = client.get("/Users?sortBy=userName").await.expect(200);
    assert_eq!(names(&ascending), ["A", "b", "c", "d"]);
    let descending = client.get("/Users?sortBy=userName&sortOrder=descending&startIndex=2&count=2").await.expect(200);
    assert_eq!(names(&descending), ["c", "b"]);
    let by_title = client.get("/Users?sortBy=title&sortOrder=descending").await.expect(200);
    assert_eq!(names(&by_title)[..2], ["c", "b"]);
}

#[tokio::test]
async fn attributes_never_drop_what_is_always_returned() {
    let server = TestServer::start();
    let client = server.client();
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "p", "title": "t", "password": "secret", ENTERPRISE: {"department": "d"}});
    let user = client.post("/Users?attributes=title", &body).await.expect(201);
    assert_eq!((user.json.get("userName"), &user.json["title"]), (None, &json!("t")));
    let path = format!("/Users/{}", user.id());
    let excluded = client.get(&format!("{path}?excludedAttributes=id,schemas,title,meta")).await.expect(200);
    assert_eq!(excluded.id(), user.id());
    assert_eq!(excluded.json.get("title"), None);
    let all = client.get(&format!("{path}?attributes=password,userName")).await.expect(200);
    assert_eq!((all.json.get("password"), &all.json["userName"]), (None, &json!("p")));
    client.find("/Users", "password eq \"secret\"").await.expect_error(400, Some("invalidFilter"));
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "attributes": ["displayName", "userName"], "filter": "userName pr", "startIndex": 1, "count": 5});
    for path in ["/.search", "/Users/.search"] {
        let found = client.post(path, &search).await.expect(200);
        assert_eq!((&found.json["totalResults"], found.json["Resources"][0].get("title")), (&json!(1), None), "{path}");
    }
}

#[tokio::test]
async fn a_strict_tenant_refuses_what_no_schema_knows() {
    let server = TestServer::with(Options::settings(json!({"strict": true})));
    let client = server.client();
    let known = json!({"schemas": [USER], "userName": "a"});
    client.post("/Users", &known).await.expect(201);
    let unknown = json!({"schemas": [USER], "userName": "b", "shoeSize": 43});
    let refused = client.post("/Users", &unknown).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("shoeSize"), "{}", refused.text);
    let relaxed = TestServer::start();
    let user = relaxed.client().post("/Users", &unknown).await.expect(201);
    assert_eq!(user.json.get("shoeSize"), None);
}

#[tokio::test]
async fn primary_moves_and_is_never_two() {
    let server = TestServer::start();
    let client = server.client();
    let body = json!({"userName": "p", "emails": [{"value": "a@example.com", "primary": true}]});
    let path = format!("/Users/{}", client.post("/Users", &body).await.expect(201).id());
    let add = json!([{"op": "add", "path": "emails", "value": [{"value": "b@example.com", "primary": true}]}]);
    let user = client.patch(&path, &add).await.expect(200);
    let primaries = user.json["emails"].as_array().expect("emails").iter().filter(|email| email["primary"] == true);
    assert_eq!(primaries.map(|email| &email["value"]).collect::<Vec<_>>(), ["b@example.com"]);
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let mut server = TestServer::start();
    let client = server.client();
    let user = client.user("durable").await;
    let group = client.group("durable", &[user.clone()]).await;
    let before = client.get(&format!("/Users/{user}")).await.expect(200);
    assert!(server.stop().success(), "SIGTERM ends the server with 0");
    server.launch();
    let client = server.client();
    let after = client.get(&format!("/Users/{user}")).await.expect(200);
    assert_eq!(
        (&after.json["meta"]["version"], &after.json["groups"][0]["value"]),
        (&before.json["meta"]["version"], &json!(group))
    );
    client.post("/Users", &json!({"userName": "durable"})).await.expect_error(409, Some("uniqueness"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_finishes_what_is_under_way() {
    let mut server = TestServer::start();
    let client = server.client();
    let work: Vec<_> = (0..40)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move {
                let bearer = client.authorization();
                let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
                let body = json!({"userName": format!("drained-{n}")}).to_string();
                client.try_send("POST", "/Users", &headers, Some(body)).await.is_ok_and(|answer| answer.status == 201)
            })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert!(tokio::task::block_in_place(|| server.stop()).success());
    let mut acknowledged = 0;
    for one in work {
        acknowledged += usize::from(one.await.expect("a task"));
    }
    server.launch();
    let found = server.client().find("/Users", "userName sw \"drained-\"").await.expect(200);
    assert!(found.json["totalResults"].as_u64().is_some_and(|total| total >= acknowledged as u64), "{}", found.text);
}

#[tokio::test]
async fn guessing_tokens_is_slowed_down() {
    let server = TestServer::with(Options::args(&["--address-rate-limit", "5"]));
    let client = server.client();
    let wrong = client.with_token("scim_guess");
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(wrong.get("/Users").await.status);
    }
    assert_eq!(statuses[0], 401);
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
}

#[tokio::test]
async fn base_url_and_ids_are_as_okta_wants_them() {
    let server = TestServer::start();
    let client = server.client();
    let user = client.user("plain").await;
    assert!(!server.base().contains('_') && !user.contains("bulkId"));
    let answer = client.get(&format!("/Users/{user}")).await.expect(200);
    assert_eq!(answer.json["meta"]["location"], format!("{}/Users/{user}", server.base()));
    assert_eq!(answer.header("content-location"), answer.json["meta"]["location"].as_str().unwrap_or_default());
    assert!(!answer.header("x-request-id").is_empty());
}
