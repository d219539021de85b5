//! Deleting resources (RFC 7644 §3.6).

use serde_json::{Value, json};

use super::{Shared, filtered};
use crate::server::patch_body;

static SERVER: Shared = Shared::new(&[]);

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let tenant = SERVER.tenant();
    let body = json!({"userName": "a", "externalId": "e", "emails": [{"value": "a@example.com"}]});
    let id = tenant.post("/Users", &body).await.expect(201).id();
    tenant.user("b").await;
    let path = format!("/Users/{id}");
    let answer = tenant.delete(&path).await.expect(204);
    assert_eq!((answer.text.as_str(), answer.header("content-type")), ("", ""));
    for (method, body) in [
        ("GET", Value::Null),
        ("DELETE", Value::Null),
        ("PUT", body.clone()),
        ("PATCH", patch_body(&json!([{"op": "add", "path": "title", "value": "x"}]))),
    ] {
        tenant.refused(method, &path, &body, 404, "", &id).await;
    }
    for filter in
        ["userName eq \"a\"", "externalId eq \"e\"", "emails.value eq \"a@example.com\"", &format!("id eq \"{id}\"")]
    {
        tenant.ok("GET", &filtered("/Users", filter), &Value::Null, 200, &json!({"totalResults": 0})).await;
    }
    assert_eq!(tenant.names("/Users").await, ["b"]);
    // Its names are free, and its id is not used for anybody else: who has another externalId is somebody else.
    let other = json!({"userName": "a", "externalId": "f", "emails": [{"value": "a@example.com"}]});
    let again = tenant.post("/Users", &other).await.expect(201);
    assert_ne!(again.id(), id);
    tenant.refused("GET", &path, &Value::Null, 404, "", &id).await;
}

#[tokio::test]
async fn a_deleted_user_leaves_its_groups() {
    let tenant = SERVER.tenant();
    let ids = tenant.users(["a", "b"].map(str::to_owned)).await;
    let both = tenant.group("both", &ids).await;
    let only = tenant.group("only", &ids[..1]).await;
    let other = tenant.group("other", &ids[1..]).await;
    let version =
        async |group: &str| tenant.get(&format!("/Groups/{group}")).await.expect(200).header("etag").to_owned();
    let before = [version(&both).await, version(&only).await, version(&other).await];
    tenant.delete(&format!("/Users/{}", ids[0])).await.expect(204);
    assert_eq!(tenant.members(&both).await, ids[1..]);
    assert_eq!(tenant.members(&only).await, [""; 0]);
    let after = [version(&both).await, version(&only).await, version(&other).await];
    let changed: Vec<_> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
    assert_eq!(changed, [true, true, false], "members are part of a group's version: {before:?} {after:?}");
    let filter = format!("members.value eq \"{}\"", ids[0]);
    tenant.ok("GET", &filtered("/Groups", &filter), &Value::Null, 200, &json!({"totalResults": 0})).await;
    tenant.ok("GET", &filtered("/Groups", "not (members pr)"), &Value::Null, 200, &json!({"totalResults": 1})).await;
}

#[tokio::test]
async fn a_deleted_group_leaves_its_members_and_its_groups() {
    let tenant = SERVER.tenant();
    let user = tenant.user("a").await;
    let inner = tenant.group("inner", std::slice::from_ref(&user)).await;
    let outer = tenant.group("outer", &[user.clone(), inner.clone()]).await;
    let names = async || {
        let user = tenant.get(&format!("/Users/{user}")).await.expect(200).json;
        let groups = user["groups"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<_> =
            groups.iter().map(|group| group["display"].as_str().unwrap_or_default().to_owned()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names().await, ["inner", "outer"]);
    let before = tenant.get(&format!("/Groups/{outer}")).await.expect(200);
    tenant.delete(&format!("/Groups/{inner}")).await.expect(204);
    assert_eq!(names().await, ["outer"]);
    assert_eq!(tenant.members(&outer).await, [user.as_str()]);
    let after = tenant.get(&format!("/Groups/{outer}")).await.expect(200);
    assert_ne!(before.header("etag"), after.header("etag"));
    tenant.refused("GET", &format!("/Groups/{inner}"), &Value::Null, 404, "", &inner).await;
    tenant.group("inner", std::slice::from_ref(&user)).await;
    tenant.delete(&format!("/Groups/{outer}")).await.expect(204);
    assert_eq!(names().await, ["inner"]);
    // Groups may hold each other; deleting one of them ends it.
    let a = tenant.group("ring a", &[]).await;
    let b = tenant.group("ring b", std::slice::from_ref(&a)).await;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": b}]}]);
    tenant.patch(&format!("/Groups/{a}"), &add).await.expect(200);
    tenant.delete(&format!("/Groups/{a}")).await.expect(204);
    assert_eq!(tenant.members(&b).await, [""; 0]);
}
