//! Writes at their edges: conditions that cannot be read, bulk results, groups in themselves.

use serde_json::{Value, json};

use crate::server::{Client, TestServer, USER};

#[tokio::test]
async fn a_condition_that_cannot_be_read_is_not_met() {
    let server = TestServer::start();
    let client = server.client();
    let path = format!("/Users/{}", client.user("b").await);
    let rename = json!({"schemas": [USER], "userName": "c"});
    let put = async |headers: &[(&str, &str)]| client.request("PUT", &path, headers, Some(&rename)).await;
    put(&[("if-match", "W/\"\u{e4}\"")]).await.expect_error(412, None);
    put(&[("if-match", "")]).await.expect_error(412, None);
    put(&[("if-match", "W/\"7\""), ("if-match", "W/\"8\"")]).await.expect_error(412, None);
    assert_eq!(put(&[("if-match", "W/\"7\""), ("if-match", "W/\"1\"")]).await.expect(200).header("etag"), "W/\"2\"");
    client.request("GET", &path, &[("if-none-match", "W/\"1\""), ("if-none-match", "W/\"2\"")], None).await.expect(304);
}

async fn bulk(client: &Client, request: Value) -> Vec<Value> {
    let answer = client.post("/Bulk", &request).await.expect(200);
    answer.json["Operations"].as_array().cloned().unwrap_or_default()
}

/// RFC 7644 §3.7: `location` is there unless a POST failed, and operations stop at the error that is
/// one too many, not before it.
#[tokio::test]
async fn bulk_results_name_what_they_are_about() {
    let server = TestServer::start();
    let client = server.client();
    let missing = "/Users/01a2019e-db26-7db7-ab20-ad141f392b6a";
    let user = |name: &str| json!({"schemas": [USER], "userName": name});
    let results = bulk(
        &client,
        json!({"Operations": [
            {"method": "POST", "path": "/Users/", "bulkId": "a", "data": user("a")},
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": user("a")},
            {"method": "PUT", "path": missing, "data": user("c")},
            {"method": "PATCH", "path": missing, "data": {"Operations": [{"op": "remove", "path": "title"}]}},
            {"method": "DELETE", "path": missing}
        ]}),
    )
    .await;
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_str().unwrap_or_default()).collect();
    assert_eq!(statuses, ["201", "409", "404", "404", "404"]);
    assert_eq!(results[1].get("location"), None);
    for result in &results[2..] {
        assert_eq!(result["location"], format!("{}{missing}", server.base()), "{result}");
    }
}

#[tokio::test]
async fn bulk_stops_at_an_error_and_not_before_it() {
    let server = TestServer::start();
    let client = server.client();
    let user = |name: &str| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": {"schemas": [USER], "userName": name}});
    let operations = json!([user("a"), {"method": "FETCH", "path": "/Users"}, user("b")]);
    let results = bulk(&client, json!({"failOnErrors": 1, "Operations": operations})).await;
    assert_eq!((&results[0]["status"], &results[1]["status"], results.len()), (&json!("201"), &json!("400"), 2));
    assert_eq!(client.get("/Users").await.expect(200).json["totalResults"], 1);
}

#[tokio::test]
async fn a_group_that_is_its_own_member_can_be_deleted() {
    let server = TestServer::start();
    let client = server.client();
    let group = client.group("Ouroboros", &[]).await;
    let path = format!("/Groups/{group}");
    client.patch(&path, &json!([{"op": "add", "path": "members", "value": [{"value": group}]}])).await.expect(200);
    assert_eq!(client.members(&group).await, std::slice::from_ref(&group));
    client.delete(&path).await.expect(204);
    client.get(&path).await.expect_error(404, None);
    assert_eq!(client.get("/Groups").await.expect(200).json["totalResults"], 0);
    client.group("Ouroboros", &[]).await;
}
