//! What events say of roles, for applications that ask again only where they say so.

use serde_json::{Value, json};

use super::{events, role};
use crate::server::{GROUP, Options, TestServer, USER};

#[tokio::test]
async fn a_group_whose_member_goes_and_returns_says_what_it_gives() {
    let server = TestServer::start();
    let client = server.client();
    let user = json!({"schemas": [USER], "userName": "anna", "externalId": "e-1"});
    let anna = client.post("/Users", &user).await.expect(201).id();
    let body = json!({"schemas": [GROUP], "displayName": "Staff", "externalId": "hx", "members": [{"value": anna}]});
    let staff = client.post("/Groups", &body).await.expect(201).id();
    let admins = client.group("Admins", std::slice::from_ref(&anna)).await;
    let others = client.group("Others", std::slice::from_ref(&anna)).await;
    role(&server, &["set", "staff", "--role", "employee", "--external-id", "hx"]);
    role(&server, &["set", "admins", "--role", "admin", "--group", "Admins"]);

    let path = format!("/Users/{anna}");
    client.delete(&path).await.expect(204);
    server.run_json(&["user", "restore", "--tenant", "test", &anna, "--json"]);
    client.delete(&path).await.expect(204);
    assert_eq!(client.post("/Users", &user).await.expect(201).id(), anna);

    let told = events(&server, "group.membership.changed").await;
    for (group, gives, external_id) in [
        (&staff, json!({"roles": ["employee"]}), json!("hx")),
        (&admins, json!({"roles": ["admin"]}), Value::Null),
        (&others, Value::Null, Value::Null),
    ] {
        let of_group: Vec<_> = told.iter().filter(|event| event["resource"]["id"] == json!(group)).collect();
        let left: Vec<_> = of_group.iter().map(|event| event["members"]["left"] == json!([anna])).collect();
        assert_eq!(left, [true, false, true, false], "{told:?}");
        for event in of_group {
            assert_eq!((&event["access"], &event["resource"]["externalId"]), (&gives, &external_id), "{event}");
        }
    }
}

/// Whether values are told or not.
#[tokio::test]
async fn a_group_that_changes_its_external_id_says_what_it_gave() {
    for values in [true, false] {
        let rules = json!([{"name": "staff", "role": "employee", "externalId": "hx"}]);
        let server = TestServer::with(Options::settings(json!({"roles": {"rules": rules}, "event_values": values})));
        let client = server.client();
        let body = |id: &str| json!({"schemas": [GROUP], "displayName": "Staff", "externalId": id});
        let path = format!("/Groups/{}", client.post("/Groups", &body("hx")).await.expect(201).id());
        for operation in [
            json!({"op": "remove", "path": "externalId"}),
            json!({"op": "add", "path": "externalId", "value": "hx"}),
            json!({"op": "replace", "path": "externalId", "value": "hy"}),
            json!({"op": "replace", "path": "displayName", "value": "Others"}),
        ] {
            let answer = client.patch(&path, &json!([operation])).await;
            assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
        }
        client.put(&path, &body("hx")).await.expect(200);
        client.put(&path, &body("hz")).await.expect(200);

        let told = events(&server, "group.updated").await;
        let access: Vec<_> = told.iter().map(|event| event["access"].clone()).collect();
        let gives = || json!({"roles": ["employee"]});
        assert_eq!(access, [gives(), gives(), gives(), Value::Null, gives(), gives()], "values: {values}");
        assert!(told.iter().all(|event| event.get("changes").is_some() == values), "{told:?}");
    }
}
