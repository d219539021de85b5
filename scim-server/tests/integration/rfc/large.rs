//! Groups so large that answers about them are made while they are sent.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Shared, Tenant, filtered, names, raw, values};

static SERVER: Shared = Shared::new(&[]);

/// More than are written in one piece, and not a multiple of what is read at a time.
const MEMBERS: usize = 2345;

async fn crowd() -> (Tenant, Vec<String>) {
    let tenant = SERVER.tenant();
    let mut ids = Vec::new();
    let numbers: Vec<_> = (0..MEMBERS).collect();
    for some in numbers.chunks(1000) {
        let create = |i: &usize| {
            let data = json!({"userName": format!("u{i:04}"), "displayName": format!("User \"{i}\" é")});
            json!({"method": "POST", "path": "/Users", "bulkId": i.to_string(), "data": data})
        };
        let operations: Vec<_> = some.iter().map(create).collect();
        let made = tenant.post("/Bulk", &json!({"Operations": operations})).await.expect(200).json;
        let made = made["Operations"].as_array().expect("results").iter();
        ids.extend(made.filter_map(|one| one["location"].as_str()?.rsplit('/').next().map(str::to_owned)));
    }
    assert_eq!(ids.len(), MEMBERS);
    (tenant, ids)
}

/// The ids in a list of members; each once.
fn ids_of(members: &Value) -> BTreeSet<&str> {
    let members = members.as_array().expect("members");
    let ids: BTreeSet<_> = members.iter().map(|member| member["value"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), members.len());
    ids
}

#[tokio::test]
async fn a_large_group_from_its_making_to_its_end() {
    let (tenant, ids) = crowd().await;
    let all: BTreeSet<_> = ids.iter().map(String::as_str).collect();
    let body = json!({"displayName": "crowd", "externalId": "c", "members": values(&ids)});
    let created = tenant.post("/Groups", &body).await.expect(201);
    assert_eq!(ids_of(&created.json["members"]), all);
    let path = format!("/Groups/{}", created.id());
    let read = tenant.get(&path).await.expect(200);
    assert_eq!(read.json, created.json);
    assert_eq!(read.json["members"][7]["display"].as_str().map(|text| text.starts_with("User \"")), Some(true));
    assert_eq!(read.json["meta"]["version"], read.header("etag"), "what stands behind the members is there");
    let head = tenant.request("HEAD", &path, &[], None).await;
    assert_eq!((head.status, head.text.as_str(), head.header("etag")), (200, "", read.header("etag")));
    let unchanged = tenant.request("GET", &path, &[("if-none-match", read.header("etag"))], None).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
    // In every form in which a group is shown.
    for (form, members) in [
        (format!("{path}?attributes=members.value"), MEMBERS),
        (format!("{path}?excludedAttributes=displayName"), MEMBERS),
        (format!("{path}?attributes=displayName"), 0),
        (format!("{path}?excludedAttributes=members"), 0),
    ] {
        let read = tenant.get(&form).await.expect(200);
        assert_eq!(read.json["members"].as_array().map_or(0, Vec::len), members, "{form}");
    }
    tenant.group("small", &ids[..2]).await;
    for list in [
        "/Groups".to_owned(),
        "/Groups?count=1".to_owned(),
        filtered("/Groups", "externalId eq \"c\""),
        "/Groups?cursor&count=1".to_owned(),
    ] {
        let list = tenant.get(&list).await.expect(200).json;
        assert_eq!(ids_of(&list["Resources"][0]["members"]), all);
        assert_eq!(names(&list)[0], "crowd");
    }
    let found = tenant.names(&filtered("/Groups", &format!("members.value eq \"{}\"", ids[MEMBERS - 1]))).await;
    assert_eq!(found, ["crowd"]);
    // A client of HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
    let target = format!("/{}/scim/v2{path}", tenant.id);
    let request = format!("GET {target} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", tenant.token);
    let server = tenant.server.clone();
    let (status, text) =
        tokio::task::spawn_blocking(move || raw(&server, request.as_bytes())).await.expect("an answer");
    let whole: Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap_or_default()).expect("JSON");
    assert_eq!((status, ids_of(&whole["members"])), (200, all.clone()));

    // Members go and come without an answer that lists them.
    let gone = format!("members[value eq \"{}\"]", ids[0]);
    let change =
        json!([{"op": "remove", "path": gone}, {"op": "remove", "path": "members", "value": values(&ids[1..100])}]);
    assert_eq!(tenant.patch(&path, &change).await.expect(204).text, "");
    assert_eq!(tenant.members(&created.id()).await.len(), MEMBERS - 100);
    let change = json!([{"op": "replace", "path": "members", "value": values(&ids[..MEMBERS - 5])}]);
    tenant.patch(&path, &change).await.expect(204);
    assert_eq!(tenant.members(&created.id()).await.len(), MEMBERS - 5);
    let put = tenant.put(&path, &body).await.expect(200);
    assert_eq!(ids_of(&put.json["members"]), all);

    // A group that goes is gone at once, for its members as well.
    tenant.delete(&path).await.expect(204);
    tenant.refused("GET", &path, &Value::Null, 404, "", "").await;
    for id in [&ids[0], &ids[MEMBERS / 2], &ids[MEMBERS - 1]] {
        let user = tenant.get(&format!("/Users/{id}")).await.expect(200).json;
        let groups = user["groups"].as_array().map_or(0, Vec::len);
        assert_eq!(groups, usize::from(*id == ids[0]), "{user}");
    }
    tenant.ok("GET", &filtered("/Users", "groups pr"), &Value::Null, 200, &json!({"totalResults": 2})).await;
    let again = tenant.post("/Groups", &json!({"displayName": "crowd"})).await.expect(201);
    assert_eq!(again.json.get("members"), None);
}
