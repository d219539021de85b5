//! Versions (RFC 7644 §3.14, RFC 9110 §13).

use serde_json::{Value, json};

use super::Shared;
use crate::server::patch_body;

static SERVER: Shared = Shared::new(&[]);

#[tokio::test]
async fn every_answer_about_a_resource_has_its_version() {
    let tenant = SERVER.tenant();
    let created = tenant.post("/Users", &json!({"userName": "a"})).await.expect(201);
    let path = format!("/Users/{}", created.id());
    let mut versions = vec![created.header("etag").to_owned()];
    for (method, body) in [
        ("PUT", json!({"userName": "a", "title": "1"})),
        ("PATCH", patch_body(&json!([{"op": "replace", "path": "title", "value": "2"}]))),
        ("PUT", json!({"userName": "a", "title": "3"})),
    ] {
        let answer = tenant.request(method, &path, &[], Some(&body)).await.expect(200);
        assert_eq!(answer.json["meta"]["version"], answer.header("etag"));
        let read = tenant.get(&path).await.expect(200);
        assert_eq!(read.header("etag"), answer.header("etag"));
        assert!(!versions.contains(&read.header("etag").to_owned()), "a new version: {versions:?}");
        versions.push(read.header("etag").to_owned());
    }
    assert!(versions.iter().all(|version| version.starts_with("W/\"") && version.ends_with('"')), "{versions:?}");
    let list = tenant.get("/Users").await.expect(200);
    assert_eq!(
        (list.json["Resources"][0]["meta"]["version"].as_str(), list.header("etag")),
        (versions.last().map(String::as_str), "")
    );
}

/// The present version is 2: for each `If-Match` whether a write goes through.
#[tokio::test]
async fn if_match() {
    let tenant = SERVER.tenant();
    let rows = [
        ("W/\"2\"", true),
        ("\"2\"", true),
        ("w/\"2\"", true),
        ("2", true),
        ("*", true),
        (" * ", true),
        ("W/\"1\", W/\"2\"", true),
        ("\"x\",W/\"2\",\"y\"", true),
        ("W/\"1\"", false),
        ("\"3\"", false),
        ("W/\"1\", W/\"3\"", false),
        ("\"\"", false),
        ("W/\"02\"", false),
        ("nonsense", false),
    ];
    for (i, (condition, passes)) in rows.into_iter().enumerate() {
        for method in ["PUT", "PATCH", "DELETE"] {
            let name = format!("{method}{i}");
            let path = format!("/Users/{}", tenant.user(&name).await);
            tenant.put(&path, &json!({"userName": name, "title": "old"})).await.expect(200);
            let body = match method {
                "PUT" => Some(json!({"userName": name, "title": "new"})),
                "PATCH" => Some(patch_body(&json!([{"op": "replace", "path": "title", "value": "new"}]))),
                _ => None,
            };
            let answer = tenant.request(method, &path, &[("if-match", condition)], body.as_ref()).await;
            if passes {
                assert_eq!(
                    answer.status,
                    if method == "DELETE" { 204 } else { 200 },
                    "{method} {condition}: {}",
                    answer.text
                );
            } else {
                answer.expect_error(412, None);
                let read = tenant.get(&path).await.expect(200);
                assert_eq!(
                    (&read.json["title"], read.header("etag")),
                    (&json!("old"), "W/\"2\""),
                    "{method} {condition}"
                );
            }
        }
    }
    // Two header lines are one list (RFC 9110 §5.3).
    let path = format!("/Users/{}", tenant.user("two").await);
    let two = [("if-match", "\"7\""), ("if-match", "\"1\"")];
    tenant.request("PUT", &path, &two, Some(&json!({"userName": "two", "title": "x"}))).await.expect(200);
    // A condition holds for what is there: nothing is not there.
    let gone = "/Users/0190d7a5-0000-7000-8000-000000000001";
    tenant.request("DELETE", gone, &[("if-match", "*")], None).await.expect_error(404, None);
    // Also where nothing would change.
    let body = json!({"userName": "two", "title": "x"});
    tenant.request("PUT", &path, &[("if-match", "\"1\"")], Some(&body)).await.expect_error(412, None);
}

/// The present version is 1: for each `If-None-Match` whether the client has it already.
#[tokio::test]
async fn if_none_match() {
    let tenant = SERVER.tenant();
    let path = format!("/Users/{}", tenant.user("a").await);
    for (condition, has_it) in [
        ("W/\"1\"", true),
        ("\"1\"", true),
        ("*", true),
        ("W/\"7\", W/\"1\"", true),
        ("W/\"2\"", false),
        ("\"\"", false),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = tenant.request(method, &path, &[("if-none-match", condition)], None).await;
            assert_eq!(answer.status, if has_it { 304 } else { 200 }, "{method} {condition}");
            assert_eq!(answer.header("etag"), "W/\"1\"");
            assert_eq!(answer.text.is_empty(), has_it || method == "HEAD");
            assert_eq!(answer.header("content-type").is_empty(), has_it);
        }
        // A write is refused where a read would not be answered whole (RFC 9110 §13.1.2).
        let (body, status) = (json!({"userName": "a"}), if has_it { 412 } else { 200 });
        tenant.request("PUT", &path, &[("if-none-match", condition)], Some(&body)).await.expect(status);
    }
    let two = [("if-none-match", "\"7\""), ("if-none-match", "\"1\"")];
    assert_eq!(tenant.request("GET", &path, &two, None).await.status, 304);
    let other = [("if-none-match", "*")];
    tenant.request("GET", "/Users/0190d7a5-0000-7000-8000-000000000001", &other, None).await.expect_error(404, None);
    tenant.put(&path, &json!({"userName": "a", "title": "x"})).await.expect(200);
    let answer = tenant.request("GET", &path, &[("if-none-match", "W/\"1\"")], None).await.expect(200);
    assert_eq!(answer.header("etag"), "W/\"2\"");
}

/// A group's version covers its members; a user's does not cover the groups that it is in.
#[tokio::test]
async fn versions_and_membership() {
    let tenant = SERVER.tenant();
    let user = tenant.user("a").await;
    let group = tenant.group("g", &[]).await;
    let (user_path, group_path) = (format!("/Users/{user}"), format!("/Groups/{group}"));
    let version = async |path: &str| tenant.get(path).await.expect(200).header("etag").to_owned();
    let (of_user, of_group) = (version(&user_path).await, version(&group_path).await);
    let add = patch_body(&json!([{"op": "add", "path": "members", "value": [{"value": user}]}]));
    tenant.request("PATCH", &group_path, &[("if-match", "\"99\"")], Some(&add)).await.expect_error(412, None);
    assert_eq!(version(&group_path).await, of_group);
    tenant.request("PATCH", &group_path, &[("if-match", &of_group)], Some(&add)).await.expect(200);
    assert_eq!(version(&user_path).await, of_user);
    let joined = version(&group_path).await;
    assert_ne!(joined, of_group);
    // A rename shows in the group; its version stays, for a display name is the member's own.
    tenant.ok("PUT", &user_path, &json!({"userName": "b", "displayName": "b"}), 200, &Value::Null).await;
    assert_eq!(version(&group_path).await, joined);
    tenant.ok("GET", &group_path, &Value::Null, 200, &json!({"members": [{"display": "b"}]})).await;
}
