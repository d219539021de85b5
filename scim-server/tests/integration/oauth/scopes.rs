//! What a token may do: every operation, by its scope.

use serde_json::json;

use super::{GRANT, OAuth, access_token};
use crate::server::{Client, Response, TestServer, USER};

/// The statuses of a read, a search, a write of each kind, a bulk request and a look into the feed.
async fn statuses(client: &Client, user: &str, feed: &str) -> Vec<u16> {
    let path = format!("/Users/{user}");
    let body = json!({"schemas": [USER], "userName": "anna"});
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]});
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "DELETE", "path": "/Users/8f14e45f-ceea-467f-9a3a-1d2b3c4d5e6f"}]});
    let change = json!([{"op": "replace", "path": "title", "value": "x"}]);
    vec![
        client.get("/Users").await.status,
        client.get(&path).await.status,
        client.post("/Users/.search", &search).await.status,
        client.post("/.search", &search).await.status,
        client.put(&path, &body).await.status,
        client.patch(&path, &change).await.status,
        client.post("/Bulk", &bulk).await.status,
        client.post("/Users", &body).await.status,
        client.delete("/Users/8f14e45f-ceea-467f-9a3a-1d2b3c4d5e6f").await.status,
        client.request("GET", feed, &[], None).await.status,
    ]
}

#[tokio::test]
async fn every_operation_asks_for_its_scope() {
    let server = TestServer::start();
    let user = server.client().user("anna").await;
    let feed = format!("{}/{}/events/v1", server.origin(), server.tenant());
    let client = OAuth::create(&server, "all", &["--scope", "scim", "--scope", "scim.events"]);
    let good = [200, 200, 200, 200, 200, 200, 200, 409, 404];
    for (scope, reads, writes, events) in [
        ("scim", true, true, false),
        ("scim.read", true, false, false),
        ("scim.write", false, true, false),
        ("scim.events", false, false, true),
        ("scim scim.events", true, true, true),
    ] {
        let answer = client.ask("/token", &[GRANT, ("scope", scope)]).await.expect(200);
        assert_eq!(answer.json["scope"], scope);
        let scim = server.client().with_token(&access_token(&answer));
        let mut expect: Vec<u16> = good
            .iter()
            .enumerate()
            .map(|(at, status)| if at < 4 && reads || at >= 4 && writes { *status } else { 403 })
            .collect();
        expect.push(if events { 200 } else { 403 });
        assert_eq!(statuses(&scim, &user, &feed).await, expect, "{scope}");
    }
    let scim = server
        .client()
        .with_token(&access_token(&client.ask("/token", &[GRANT, ("scope", "scim.read")]).await.expect(200)));
    let answer = scim.delete(&format!("/Users/{user}")).await.expect_error(403, None);
    assert_eq!(challenge(&answer), "scim.write");
    assert!(answer.json["detail"].as_str().is_some_and(|detail| detail.contains("scim.write")), "{}", answer.text);
    // What a client lacks is named as it asks for it (RFC 6749 §3.3), and so it gets it.
    let narrow =
        server.client().with_token(&access_token(&client.ask("/token", &[GRANT, ("scope", "scim.events")]).await));
    let read = narrow.get("/Users").await.expect_error(403, None);
    let answer = client.ask("/token", &[GRANT, ("scope", &challenge(&read))]).await.expect(200);
    let reader = server.client().with_token(&access_token(&answer));
    reader.get("/Users").await.expect(200);
    let events = reader.request("GET", &feed, &[], None).await.expect_error(403, None);
    assert_eq!(challenge(&events), "scim.events");
}

/// The log tells a client from a token.
#[tokio::test]
async fn what_a_client_does_is_told_as_its_doing() {
    let server = TestServer::start();
    let client = OAuth::create(&server, "idp", &["--scope", "scim"]);
    let token = access_token(&client.ask("/token", &[GRANT, ("scope", "scim")]).await.expect(200));
    let (by_client, by_token) = (server.client().with_token(&token), server.client());
    let bert = by_token.user("bert").await;
    let anna = by_client.user("anna").await;
    by_client.group("Staff", &[anna.clone(), bert.clone()]).await;
    // The group changes, too, because a member goes.
    by_client.delete(&format!("/Users/{anna}")).await.expect(204);
    let lines = server.run(&["events", "--tenant", "test", "--types", "user.*,group.*", "--json"]).stdout;
    let told: Vec<_> = String::from_utf8(lines)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|event| (event["type"].clone(), event["actor_type"].clone(), event["actor"] == client.id.as_str()))
        .collect();
    let of = |name: &str, kind: &str| (json!(name), json!(kind), kind == "client");
    let expect = [
        of("scim.user.created", "token"),
        of("scim.user.created", "client"),
        of("scim.group.created", "client"),
        of("scim.group.membership.changed", "client"),
        of("scim.user.deleted", "client"),
    ];
    assert_eq!(told, expect);
}

/// The scope that an answer says is needed (RFC 6750 §3).
fn challenge(answer: &Response) -> String {
    let header = answer.header("www-authenticate");
    let scope = header.strip_prefix("Bearer realm=\"scim\", error=\"insufficient_scope\", scope=\"");
    scope.and_then(|scope| scope.strip_suffix('"')).unwrap_or_else(|| panic!("{header}")).to_owned()
}
