//! What the profile declares, where its texts appear, and that other tenants have none of it.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn no_more_than_a_thousand_groups_of_a_user() {
    let server = server(&json!({}));
    let client = server.client();
    let user = made(&client, "b", &json!({})).await;
    let groups: Vec<_> = (0..1001).map(|number| format!("group{number}")).collect();
    for some in groups.chunks(50) {
        let members = [user.clone()];
        let made = some.iter().map(|name| client.group(name, &members));
        futures_util::future::join_all(made).await;
    }
    let shown = |answer: Response| answer.expect(200).json;
    let one = shown(client.get(&format!("/Users/{user}")).await);
    assert_eq!(one["groups"].as_array().map(Vec::len), Some(1000));
    let list = shown(client.get("/Users?attributes=groups.value").await);
    assert_eq!(list["Resources"][0]["groups"].as_array().map(Vec::len), Some(1000));
}

#[tokio::test]
async fn what_is_not_offered_and_what_is_declared() {
    let server = server(&json!({}));
    let client = server.client();
    let group = client.group("Guides", &[]).await;
    for (method, path) in [
        ("POST", "/Bulk".to_owned()),
        ("POST", "/.search".to_owned()),
        ("POST", "/Users/.search".to_owned()),
        ("GET", "/Me".to_owned()),
        ("GET", String::new()),
        ("PUT", format!("/Groups/{group}")),
    ] {
        let answer = client.request(method, &path, &[], Some(&json!({"displayName": "x"}))).await;
        answer.expect_error(501, None);
    }
    let config = client.get("/ServiceProviderConfig").await.expect(200).json;
    assert_eq!(config["bulk"], json!({"supported": false, "maxOperations": 0, "maxPayloadSize": 0}));
    assert_eq!(config["changePassword"], json!({"supported": false}));
    assert_eq!(config["filter"], json!({"supported": true, "maxResults": 100}));
    assert_eq!(config["pagination"]["maxPageSize"], 100);

    let schema = client.get(&format!("/Schemas/{USER}")).await.expect(200).json;
    let attribute = |name: &str| {
        schema["attributes"].as_array().and_then(|all| all.iter().find(|attribute| attribute["name"] == name))
    };
    for name in ["password", "ims", "photos", "x509Certificates", "entitlements"] {
        assert_eq!(attribute(name), None);
    }
    for name in ["userName", "name", "displayName"] {
        assert_eq!(attribute(name).map(|attribute| &attribute["required"]), Some(&json!(true)), "{name}");
    }
    let emails = attribute("emails").map(|emails| emails["subAttributes"].to_string()).unwrap_or_default();
    assert!(!emails.contains("display"), "{emails}");
}

/// The texts are also what people search the audit log for; and its records have that system's form.
#[tokio::test]
async fn the_audit_log_has_the_same_texts() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("audit.log");
    let file_name = file.to_string_lossy().into_owned();
    let mut server = TestServer::with(Options {
        profile: Some("identity-center".to_owned()),
        args: vec!["--audit-log".to_owned(), file_name, "--audit-region".to_owned(), "eu-west-1".to_owned()],
        ..Options::default()
    });
    let client = server.client();
    client.post("/Users", &user("b", &json!({"name": {"familyName": ""}}))).await.expect(400);
    made(&client, "b", &json!({})).await;
    client.post("/Users", &user("b", &json!({}))).await.expect(409);
    client.with_token("scim_wrong").get("/Users").await.expect(401);
    client.with_token("scim_wrong").get("/Users").await.expect(401);
    assert!(server.stop().success());
    let log = std::fs::read_to_string(&file).expect("the audit log");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines.len(), 4, "{log}");
    for line in &lines {
        for (field, expect) in [
            ("eventVersion", "1.10"),
            ("eventSource", "identitystore-scim.amazonaws.com"),
            ("eventType", "AwsApiCall"),
            ("awsRegion", "eu-west-1"),
            ("eventCategory", "Management"),
        ] {
            assert_eq!(line[field], expect, "{field} of {line}");
        }
    }
    let length = "Member must have length greater than or equal to 1";
    assert_eq!(lines[0]["errorCode"], "ValidationException");
    assert_eq!(lines[0]["errorMessage"], violations(&[("name.familyName", length), ("name.familyName", PATTERN)]));
    assert_eq!(lines[0]["userIdentity"]["type"], "WebIdentityUser");
    assert_eq!((&lines[1]["eventName"], lines[1].get("errorCode")), (&json!("CreateUser"), None));
    assert_eq!(lines[2]["errorCode"], "ConflictException");
    assert_eq!(lines[2]["errorMessage"], "Refused to create a new, duplicate resource");
    // What the text leaves out is told where that system has what is no part of a request.
    let explanation = lines[2]["additionalEventData"]["explanation"].as_str().unwrap_or_default();
    assert!(explanation.starts_with("Another User has this userName. "), "{explanation}");
    assert_eq!(lines[3]["userIdentity"]["type"], "Unknown");
    assert_eq!(
        (&lines[3]["errorCode"], &lines[3]["additionalEventData"]["count"]),
        (&json!("UnauthorizedException"), &json!(2))
    );
}

/// What the profile refuses, an `rfc` tenant takes.
#[tokio::test]
async fn an_rfc_tenant_has_none_of_it() {
    let server = TestServer::start();
    let client = server.client();
    let body = json!({
        "schemas": [USER], "userName": "b jensen", "displayName": "a\u{200b}b", "externalId": "1", "password": "t1meMa$heen",
        "photos": [{"value": "https://example.com/b.png"}], "ims": [{"value": "b"}], "entitlements": [{"value": "b"}],
        "emails": [{"value": "b@example.com", "display": "B"}, {"value": "c@example.com"}],
        "phoneNumbers": [{"value": "1"}, {"value": "2"}]
    });
    let user = client.post("/Users", &body).await.expect(201);
    assert_eq!(user.json["emails"][0]["display"], "B");
    let same = json!({"schemas": [USER], "userName": "c", "externalId": "1", "emails": [{"value": "b@example.com"}]});
    client.post("/Users", &same).await.expect(201);

    let inner = client.group("Inner", &[user.id()]).await;
    let group = client.group("Outer", &[inner.clone(), user.id()]).await;
    assert_eq!(client.members(&group).await.len(), 2);
    let path = format!("/Groups/{group}");
    let everyone = json!([{"op": "replace", "path": "members", "value": [{"value": inner}]}]);
    client.patch(&path, &everyone).await.expect(200);
    client.patch(&path, &json!([{"op": "remove", "path": "members"}])).await.expect(200);
    client.put(&path, &json!({"schemas": [GROUP], "displayName": "Outermost"})).await.expect(200);
    client.patch(&format!("/Users/{}", user.id()), &json!([{"op": "remove", "path": "externalId"}])).await.expect(200);

    let found = client.get("/Users?filter=userName%20sw%20%22b%22%20and%20not%20(title%20pr)").await.expect(200);
    assert_eq!(found.json["totalResults"], 1);
    assert!(client.get("/Users?cursor&count=1").await.expect(200).json.get("totalResults").is_some());
    client.post("/.search", &json!({"filter": "displayName pr"})).await.expect(200);
    client.post("/Bulk", &json!({"Operations": []})).await.expect(200);
    let refused = client.request("PATCH", &path, &[], Some(&patch_body(&json!([{"op": "remove"}])))).await;
    refused.expect_error(400, Some("noTarget"));
}

/// The documentation contains each error text of that system, so that a search finds it.
#[test]
fn the_guide_has_every_text() {
    let guide = include_str!("../../../../docs/guide/tenants-and-profiles.md");
    let blank = |at: &str| violations(&[(at, "Member must have length greater than or equal to 1"), (at, PATTERN)]);
    for text in [
        "List attribute emails exceeds allowed limit of 1",
        "Currently list attributes only allow single item",
        "Missing path in PATCH request",
        "Duplicate GroupDisplayName",
        "Invalid JSON from RequestBody",
        "Invalid Filter format",
        "Refused to create a new, duplicate resource",
        UNPARSABLE,
        &violations(&[("name.familyName", PATTERN)]),
        &blank("name.familyName"),
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager.value",
    ] {
        assert!(guide.contains(text), "{text}");
    }
}
