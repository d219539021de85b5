//! Lists at their edges: values that match twice, orders, pages of nothing, long keys.

use serde_json::{Value, json};

use crate::server::{Client, Options, Response, TestServer, USER};

fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace(' ', "%20").replace('"', "%22")
}

fn names(list: &Response) -> Vec<&str> {
    list.json["Resources"].as_array().into_iter().flatten().filter_map(|user| user["userName"].as_str()).collect()
}

async fn make(client: &Client, name: &str, more: Value) {
    let mut body = json!({"schemas": [USER], "userName": name});
    body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    client.post("/Users", &body).await.expect(201);
}

/// Everything, page by page.
async fn walk(client: &Client, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/Users?{query}&cursor={cursor}")).await.expect(200);
        all.extend(names(&page).into_iter().map(str::to_owned));
        match page.json["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return all,
        }
    }
}

#[tokio::test]
async fn a_user_with_two_addresses_that_match_is_found_once() {
    let server = TestServer::start();
    let client = server.client();
    let emails =
        |values: &[&str]| json!({"emails": values.iter().map(|value| json!({"value": value})).collect::<Value>()});
    make(&client, "a", emails(&["b1@example.com", "B2@example.com", "c@example.com"])).await;
    make(&client, "b", emails(&["b1@example.com"])).await;
    make(&client, "c", emails(&["a@example.com", "b2@example.com"])).await;
    let filter = format!("filter={}", encoded("emails.value sw \"b\""));
    let list = client.get(&format!("/Users?{filter}")).await.expect(200);
    let mut found = names(&list);
    found.sort_unstable();
    assert_eq!((found, &list.json["totalResults"]), (vec!["a", "b", "c"], &json!(3)));
    let mut found = walk(&client, &format!("{filter}&count=1")).await;
    found.sort_unstable();
    assert_eq!(found, ["a", "b", "c"]);
}

#[tokio::test]
async fn numbers_are_sorted_as_numbers_also_where_they_are_indexed() {
    let desk = "urn:example:params:scim:schemas:extension:desk:2.0:User";
    let settings = json!({"schemas": [{"extends": "User", "schema": {"id": desk, "name": "Desk", "attributes": [
        {"name": "floor", "type": "integer", "required": true, "uniqueness": "server"}
    ]}}]});
    let server = TestServer::with(Options::settings(settings));
    let client = server.client();
    for floor in [10, 9, -1, 100] {
        make(&client, &floor.to_string(), json!({desk: {"floor": floor}})).await;
    }
    let sorted = client.get(&format!("/Users?sortBy={desk}:floor")).await.expect(200);
    assert_eq!(names(&sorted), ["-1", "9", "10", "100"]);
    assert_eq!(walk(&client, "sortBy=floor&sortOrder=descending&count=1").await, ["100", "10", "9", "-1"]);
}

#[tokio::test]
async fn a_walk_goes_on_behind_a_very_long_value() {
    let server = TestServer::start();
    let client = server.client();
    for (name, end) in [("a", "1"), ("b", "2"), ("c", "3")] {
        make(&client, name, json!({"title": format!("{}{end}", "x".repeat(3000))})).await;
    }
    make(&client, "d", json!({})).await;
    let mut found = walk(&client, "sortBy=title&count=1").await;
    assert_eq!(found.pop().as_deref(), Some("d"), "who has no value comes last");
    found.sort_unstable();
    assert_eq!(found, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_page_of_nothing_still_counts() {
    let server = TestServer::start();
    let client = server.client();
    for name in ["a", "b", "c"] {
        make(&client, name, json!({"title": "Guide"})).await;
    }
    let by_title = format!("filter={}", encoded("title eq \"guide\""));
    for query in ["", "cursor", "sortBy=title", "cursor&sortBy=title", &by_title, &format!("cursor&{by_title}")] {
        let page = client.get(&format!("/Users?count=0&{query}")).await.expect(200).json;
        assert_eq!(page["totalResults"], 3, "{query}");
        assert_eq!((&page["itemsPerPage"], &page["Resources"], page.get("nextCursor")), (&json!(0), &json!([]), None));
    }
}

#[tokio::test]
async fn what_is_never_returned_orders_nothing() {
    let server = TestServer::start();
    let client = server.client();
    make(&client, "a", json!({"password": "t1meMa$heen"})).await;
    client.get("/Users?sortBy=password").await.expect_error(400, Some("invalidValue"));
    client.get("/?sortBy=password").await.expect_error(400, Some("invalidValue"));
}

/// `--candidates` is what it says, whatever the batches in which resources are read.
#[tokio::test]
async fn as_many_resources_are_looked_at_as_was_said() {
    let server = TestServer::with(Options::args(&["--candidates", "10"]));
    let client = server.client();
    for number in 0..10 {
        make(&client, &format!("u{number}"), json!({})).await;
    }
    let all = format!("/Users?filter={}", encoded("userName co \"u\""));
    assert_eq!(client.get(&all).await.expect(200).json["totalResults"], 10);
    assert_eq!(client.get("/Users?sortBy=nickName").await.expect(200).json["totalResults"], 10);
    make(&client, "u10", json!({})).await;
    client.get(&all).await.expect_error(400, Some("tooMany"));
    client.get("/Users?sortBy=nickName").await.expect_error(400, Some("tooMany"));
    // A walk goes on behind the tenth.
    let page = client.get(&format!("{all}&cursor=")).await.expect(200);
    assert_eq!(names(&page).len(), 10);
    assert_eq!(walk(&client, &format!("filter={}", encoded("userName co \"u\""))).await.len(), 11);
    // Groups come behind the users, and the budget ends between them.
    client.group("g", &[]).await;
    let root = format!("/?filter={}", encoded("id pr and meta.version pr"));
    client.get(&root).await.expect_error(400, Some("tooMany"));
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = client.get(&format!("{root}&cursor={cursor}")).await.expect(200);
        seen += page.ids().len();
        match page.json["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, 12);
}
