//! The constraints of the `identity-center` profile, one by one: a request, the status, and the text
//! that people search for. The same requests to an `rfc` tenant meet none of them.

mod declared;
mod texts;

use serde_json::{Value, json};

use crate::server::{Client, ENTERPRISE, GROUP, Options, Response, TestServer, USER, patch_body};

const UNPARSABLE: &str = "Request is unparsable, syntactically incorrect, or violates schema.";
const PATTERN: &str = r"Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+";

/// A server with a tenant under the profile, not throttled, with a few more settings.
fn server(more: &Value) -> TestServer {
    let mut settings = json!({"profile": "identity-center", "rate_limit": 0});
    settings.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    TestServer::with(Options::settings(settings))
}

/// All that is required of a user, changed by a merge.
fn user(name: &str, changes: &Value) -> Value {
    let mut body = json!({
        "schemas": [USER], "userName": name, "displayName": "B J", "name": {"givenName": "B", "familyName": "J"}
    });
    merge(&mut body, changes);
    body
}

fn merge(into: &mut Value, changes: &Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (name, value) in changes {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, changes) => *into = changes.clone(),
    }
}

async fn made(client: &Client, name: &str, changes: &Value) -> String {
    client.post("/Users", &user(name, changes)).await.expect(201).id()
}

/// The answer is this error, with exactly this detail: programs compare it. One of our own sentences,
/// where that system has no text, begins so when `detail` ends in a space.
#[track_caller]
fn check(response: Response, status: u16, detail: &str) {
    let response = response.expect(status);
    let found = response.json["detail"].as_str().unwrap_or_default();
    let holds = if detail.ends_with(' ') { found.starts_with(detail) } else { found == detail };
    assert!(holds, "expected {detail}, got {found}");
}

fn violations(each: &[(&str, &str)]) -> String {
    let texts: Vec<_> =
        each.iter().map(|(at, why)| format!("Value at '{at}' failed to satisfy constraint: {why}")).collect();
    format!("{} validation errors detected: {}", each.len(), texts.join("; "))
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table, one row for each case")]
async fn what_a_user_must_have() {
    let (server, null, length) =
        (server(&json!({})), "Member must not be null", "Member must have length greater than or equal to 1");
    let client = server.client();
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager.value";
    let user_name = r"Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+";
    let rows: &[(Value, &[(&str, &str)])] = &[
        (json!({"userName": null}), &[("userName", null)]),
        (json!({"userName": ""}), &[("userName", length), ("userName", user_name)]),
        (json!({"userName": "b jensen"}), &[("userName", user_name)]),
        (json!({"userName": "b".repeat(101)}), &[("userName", "Member must have length less than or equal to 100")]),
        (json!({"emails": [{"value": "b j@example.com", "primary": true}]}), &[("emails.value", user_name)]),
        (json!({ENTERPRISE: {"manager": {"value": ""}}}), &[(manager, length), (manager, PATTERN)]),
        (json!({ENTERPRISE: {"manager": {"value": "  "}}}), &[(manager, length), (manager, PATTERN)]),
        (json!({ENTERPRISE: {"manager": {"value": "\u{200b}"}}}), &[(manager, length), (manager, PATTERN)]),
        (json!({ENTERPRISE: {"manager": ""}}), &[(manager, length), (manager, PATTERN)]),
        (json!({"displayName": null}), &[("displayName", null)]),
        (json!({"displayName": ""}), &[("displayName", length), ("displayName", PATTERN)]),
        (json!({"displayName": "a\u{7}"}), &[("displayName", PATTERN)]),
        (json!({"displayName": "a\u{200b}b"}), &[("displayName", PATTERN)]),
        (json!({"name": {"familyName": null}}), &[("name.familyName", null)]),
        (json!({"name": {"familyName": ""}}), &[("name.familyName", length), ("name.familyName", PATTERN)]),
        (json!({"name": {"givenName": null}}), &[("name.givenName", null)]),
        (json!({"name": {"givenName": "\u{0}"}}), &[("name.givenName", PATTERN)]),
        (json!({"name": {"middleName": "\u{1b}"}}), &[("name.middleName", PATTERN)]),
        (json!({"name": null}), &[("name.familyName", null), ("name.givenName", null)]),
        (
            json!({"name": {"givenName": ""}, "displayName": null}),
            &[("name.givenName", length), ("name.givenName", PATTERN), ("displayName", null)],
        ),
    ];
    for (changes, expect) in rows {
        check(client.post("/Users", &user("bjensen", changes)).await, 400, &violations(expect));
    }
    made(&client, &"b".repeat(100), &json!({})).await;
    let id =
        made(&client, "bjensen", &json!({"name": {"familyName": "Ó Briain-σ 3rd\u{a0}€", "middleName": ""}})).await;
    for (operation, expect) in [
        (
            json!({"op": "replace", "path": "name.familyName", "value": ""}),
            violations(&[("name.familyName", length), ("name.familyName", PATTERN)]),
        ),
        (json!({"op": "remove", "path": "displayName"}), UNPARSABLE.to_owned()),
        (
            json!({"op": "replace", "path": "name.givenName", "value": "\n\u{2}"}),
            violations(&[("name.givenName", PATTERN)]),
        ),
        (
            json!({"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": ""}),
            violations(&[(manager, length), (manager, PATTERN)]),
        ),
        (
            json!({"op": "add", "path": format!("{ENTERPRISE}:manager.value"), "value": ""}),
            violations(&[(manager, length), (manager, PATTERN)]),
        ),
        (
            json!({"op": "add", "value": {ENTERPRISE: {"manager": {"value": ""}}}}),
            violations(&[(manager, length), (manager, PATTERN)]),
        ),
    ] {
        check(client.patch(&format!("/Users/{id}"), &json!([operation])).await, 400, &expect);
    }
    check(
        client.put(&format!("/Users/{id}"), &user("bjensen", &json!({"displayName": null}))).await,
        400,
        &violations(&[("displayName", null)]),
    );
    check(client.post("/Groups", &json!({"schemas": [GROUP]})).await, 400, &violations(&[("displayName", null)]));
    check(
        client.post("/Groups", &json!({"schemas": [GROUP], "displayName": "\u{3}"})).await,
        400,
        &violations(&[("displayName", PATTERN)]),
    );
    for (description, expect) in [
        (String::new(), &[("description", length), ("description", PATTERN)][..]),
        ("   ".to_owned(), &[("description", length), ("description", PATTERN)]),
        ("\t\n\u{a0}".to_owned(), &[("description", length), ("description", PATTERN)]),
        ("\u{200b}".to_owned(), &[("description", length), ("description", PATTERN)]),
        ("\u{3}".to_owned(), &[("description", PATTERN)]),
        ("d".repeat(1025), &[("description", "Member must have length less than or equal to 1024")]),
    ] {
        let body = json!({"schemas": [GROUP], "displayName": "d", "description": description});
        check(client.post("/Groups", &body).await, 400, &violations(expect));
    }
    // It is dropped, like what no schema has: of that nobody knows the type.
    for (name, description) in [("d", json!("said")), ("e", json!(" said\t")), ("f", json!(5)), ("g", Value::Null)] {
        let described = json!({"schemas": [GROUP], "displayName": name, "description": description});
        let described = client.post("/Groups", &described).await.expect(201);
        assert_eq!(described.json.get("description"), None);
    }
}

#[tokio::test]
async fn lists_of_one_and_what_is_not_supported() {
    let server = server(&json!({}));
    let client = server.client();
    let two = |name: &str| json!({ name: [{"type": "work", "locality": "A", "value": "a", "primary": true}, {"type": "home", "locality": "B", "value": "b"}] });
    for name in ["emails", "addresses", "phoneNumbers", "roles"] {
        let expect = format!("List attribute {name} exceeds allowed limit of 1");
        check(client.post("/Users", &user("b", &two(name))).await, 400, &expect);
    }
    let mut several = two("emails");
    merge(&mut several, &two("phoneNumbers"));
    let text = "Currently list attributes only allow single item";
    check(client.post("/Users", &user("b", &several)).await, 400, text);
    for email in [json!({"value": "b@example.com"}), json!({"value": "b@example.com", "primary": false})] {
        check(client.post("/Users", &user("b", &json!({"emails": [email]}))).await, 400, UNPARSABLE);
    }
    for (name, value) in [
        ("password", json!("t1meMa$heen")),
        ("ims", json!([{"value": "b"}])),
        ("photos", json!([{"value": "https://example.com/b.png"}])),
        ("x509Certificates", json!([{"value": "MIID"}])),
        ("entitlements", json!([{"value": "b"}])),
        ("PASSWORD", json!("x")),
    ] {
        check(client.post("/Users", &user("b", &json!({ name: value }))).await, 400, UNPARSABLE);
    }
    // What says nothing is no reason to refuse, and display is dropped: it is decoration.
    let id = made(
        &client,
        "b",
        &json!({
            "password": null, "photos": [], "entitlements": [null],
            "emails": [{"value": "b@example.com", "display": "B", "primary": true}],
            "phoneNumbers": [{"value": "1", "display": "one"}]
        }),
    )
    .await;
    let shown = client.get(&format!("/Users/{id}")).await.expect(200).json;
    assert_eq!(shown["emails"], json!([{"value": "b@example.com", "primary": true}]));
    assert_eq!(shown["phoneNumbers"], json!([{"value": "1"}]));

    let path = format!("/Users/{id}");
    check(client.patch(&path, &json!([{"op": "add", "value": {"photos": [{"value": "x"}]}}])).await, 400, UNPARSABLE);
    check(
        client.patch(&path, &json!([{"op": "add", "path": "emails", "value": [{"value": "c@example.com"}]}])).await,
        400,
        "List attribute emails exceeds allowed limit of 1",
    );
    let changed = [{ json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": "c@example.com"}) }];
    check(client.patch(&path, &json!(changed)).await, 400, "List attribute emails exceeds allowed limit of 1");
    let replaced = json!([{"op": "replace", "path": "emails[primary eq true].value", "value": "c@example.com"}]);
    assert_eq!(client.patch(&path, &replaced).await.expect(200).json["emails"][0]["value"], "c@example.com");
}

#[tokio::test]
async fn values_that_are_taken() {
    const DUPLICATE: &str = "Refused to create a new, duplicate resource";

    let server = server(&json!({}));
    let client = server.client();
    let email = json!([{"value": "b@example.com", "primary": true}]);
    let first = made(&client, "b", &json!({"externalId": "1", "emails": email})).await;
    let other = made(&client, "c", &json!({"externalId": "2"})).await;
    for changes in [
        json!({"userName": "B"}),
        json!({"externalId": "1"}),
        json!({"emails": [{"value": "B@example.com", "primary": true}]}),
    ] {
        check(client.post("/Users", &user("d", &changes)).await, 409, DUPLICATE);
        check(client.put(&format!("/Users/{other}"), &user("c", &changes)).await, 409, DUPLICATE);
        check(
            client.patch(&format!("/Users/{other}"), &json!([{"op": "replace", "value": changes}])).await,
            409,
            DUPLICATE,
        );
    }
    // A value that is given up can be taken.
    client.delete(&format!("/Users/{first}")).await.expect(204);
    client.get(&format!("/Users/{first}")).await.expect(404);
    made(&client, "b", &json!({"externalId": "1", "emails": email})).await;

    client.post("/Groups", &json!({"displayName": "Guides", "externalId": "g"})).await.expect(201);
    let name = "Duplicate GroupDisplayName";
    check(client.post("/Groups", &json!({"displayName": "GUIDES"})).await, 409, name);
    check(client.post("/Groups", &json!({"displayName": "Other", "externalId": "g"})).await, 409, DUPLICATE);
    let group = client.group("Other", &[]).await;
    let rename = json!([{"op": "replace", "path": "displayName", "value": "Guides"}]);
    check(client.patch(&format!("/Groups/{group}"), &rename).await, 409, name);
}

#[tokio::test]
async fn requests_that_cannot_be_read() {
    let server = server(&json!({}));
    let client = server.client();
    let bearer = client.authorization();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
    for body in ["{\"userName\": ", "", "userName=b"] {
        let answer = client.send("POST", "/Users", &headers, Some(body.to_owned())).await;
        check(answer, 400, "Invalid JSON from RequestBody");
    }
    for body in [json!([]), user("b", &json!({"active": "perhaps"})), user("b", &json!({"emails": 1}))] {
        check(client.post("/Users", &body).await, 400, UNPARSABLE);
    }
    let id = made(&client, "b", &json!({})).await;
    let path = format!("/Users/{id}");
    check(client.patch(&path, &json!([{"op": "remove"}])).await, 400, "Missing path in PATCH request");
    check(client.patch(&path, &json!([{"op": "Remove", "value": "x"}])).await, 400, "Missing path in PATCH request");
    for operation in [
        json!({"op": "remove", "path": "userName"}),
        json!({"op": "remove", "path": "active"}),
        json!({"op": "remove", "path": "urn:ietf:params:scim:schemas:core:2.0:User:ACTIVE"}),
    ] {
        check(client.patch(&path, &json!([operation])).await, 400, UNPARSABLE);
    }
    for operation in [
        json!({"op": "add", "path": "title"}),
        json!({"op": "replace", "path": "shoeSize", "value": 1}),
        json!({"op": "increase", "path": "title", "value": 1}),
    ] {
        check(client.patch(&path, &json!([operation])).await, 400, UNPARSABLE);
    }
    check(client.get("/Users?count=ten").await, 400, UNPARSABLE);
}

#[tokio::test]
async fn changes_of_groups() {
    let server = server(&json!({}));
    let client = server.client();
    let user = made(&client, "b", &json!({})).await;
    let group = client.post("/Groups", &json!({"displayName": "Guides", "members": [{"value": user}]})).await;
    let group = group.expect(201);
    assert_eq!(group.json["members"], json!([]));
    let (id, path) = (group.id(), format!("/Groups/{}", group.id()));

    for operation in [
        json!({"op": "replace", "path": "members", "value": [{"value": user}]}),
        json!({"op": "replace", "path": "members", "value": []}),
        json!({"op": "replace", "value": {"members": [{"value": user}]}}),
        json!({"op": "remove", "path": "members"}),
        json!({"op": "remove", "path": "members[type eq \"User\"]"}),
    ] {
        check(client.patch(&path, &json!([operation])).await, 400, UNPARSABLE);
    }
    for operation in [
        json!({"op": "add", "path": "meta.version", "value": "x"}),
        json!({"op": "add", "value": {"displayName": "x", "description": "y"}}),
    ] {
        check(client.patch(&path, &json!([operation])).await, 400, UNPARSABLE);
    }
    check(
        client.patch(&path, &json!([{"op": "add", "path": "members", "value": [{"value": id}]}])).await,
        400,
        UNPARSABLE,
    );
    let nested = json!({"displayName": "Outer", "members": [{"value": id}]});
    check(client.post("/Groups", &nested).await, 400, UNPARSABLE);

    let ids = |count: usize| json!(vec![json!({"value": user}); count]);
    check(client.patch(&path, &json!([{"op": "add", "path": "members", "value": ids(101)}])).await, 400, UNPARSABLE);
    let both = json!([
        {"op": "add", "path": "members", "value": ids(50)}, {"op": "remove", "path": "members", "value": ids(51)}
    ]);
    check(client.patch(&path, &both).await, 400, UNPARSABLE);
    let outsiders: Vec<_> = (0..101).map(|n| json!({"value": n.to_string()})).collect();
    check(client.post("/Groups", &json!({"displayName": "Many", "members": outsiders})).await, 400, UNPARSABLE);
    let allowed = json!([{"op": "add", "path": "members", "value": ids(100)}]);
    assert_eq!(client.patch(&path, &allowed).await.expect(200).json["members"], json!([]));

    // What Okta, Entra ID and others send.
    for operations in [
        json!([{"op": "replace", "value": {"id": id, "displayName": "Tour Guides"}}]),
        json!([{"op": "replace", "path": "externalId", "value": "g-1"}]),
        json!([{"op": "remove", "path": format!("members[value eq \"{user}\"]")}]),
        json!([{"op": "add", "path": "members", "value": [{"value": user, "display": "b"}]}]),
        json!([{"op": "remove", "path": "members", "value": [{"value": user}]}]),
    ] {
        client.patch(&path, &operations).await.expect(200);
    }
    let shown = client.get(&path).await.expect(200).json;
    assert_eq!((&shown["displayName"], &shown["externalId"]), (&json!("Tour Guides"), &json!("g-1")));
}

#[tokio::test]
async fn filters_and_pages() {
    let server = server(&json!({}));
    let client = server.client();
    let boss = made(&client, "boss", &json!({})).await;
    let id = made(&client, "b", &json!({"externalId": "1", ENTERPRISE: {"manager": {"value": boss}}})).await;
    let guides = json!({"displayName": "Guides", "externalId": "g", "members": [{"value": id}]});
    let group = client.post("/Groups", &guides).await.expect(201).id();
    let found = async |endpoint: &str, filter: &str| {
        let filter: String = filter.replace(' ', "%20").replace('"', "%22");
        client.get(&format!("{endpoint}?filter={filter}")).await
    };
    for (endpoint, filter, expect) in [
        ("/Users", "userName eq \"B\"".to_owned(), &id),
        ("/Users", "externalId eq \"1\"".to_owned(), &id),
        ("/Users", format!("groups.value eq \"{group}\""), &id),
        ("/Users", format!("id eq \"{id}\" and manager eq \"{boss}\""), &id),
        ("/Users", format!("manager eq \"{boss}\" and id eq \"{id}\""), &id),
        ("/Groups", "displayName eq \"guides\"".to_owned(), &group),
        ("/Groups", "externalId eq \"g\"".to_owned(), &group),
        ("/Groups", format!("id eq \"{group}\" and members eq \"{id}\""), &group),
        ("/Groups", format!("members eq \"{id}\" and id eq \"{group}\""), &group),
    ] {
        let list = found(endpoint, &filter).await.expect(200).json;
        assert_eq!((&list["totalResults"], &list["Resources"][0]["id"]), (&json!(1), &json!(expect)), "{filter}");
    }
    for (endpoint, filter) in [
        ("/Users", "userName sw \"b\""),
        ("/Users", "userName eq \"b\" or externalId eq \"1\""),
        ("/Users", "displayName eq \"B J\""),
        ("/Users", "emails.value eq \"b@example.com\""),
        ("/Users", "photos pr"),
        ("/Users", "userName eq"),
        ("/Users", ""),
        ("/Groups", "displayName co \"u\""),
        ("/Groups", "id eq \"1\""),
    ] {
        check(found(endpoint, filter).await, 400, "Invalid Filter format");
    }
    for number in 0..100 {
        made(&client, &format!("user{number}"), &json!({})).await;
    }
    let page = client.get("/Users?count=500").await.expect(200).json;
    assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(102), &json!(100)));
    let page = client.get("/Users?cursor&count=100").await.expect(200).json;
    assert_eq!((&page["itemsPerPage"], page.get("totalResults"), page.get("startIndex")), (&json!(100), None, None));
    let next = page["nextCursor"].as_str().expect("a cursor").to_owned();
    let page = client.get(&format!("/Users?cursor={next}&count=100")).await.expect(200).json;
    let seen = (&page["itemsPerPage"], page.get("totalResults"), page.get("nextCursor"));
    assert_eq!(seen, (&json!(2), None, None));
}

#[tokio::test]
async fn quotas() {
    let server = server(&json!({"quotas": {"User": 2, "Group": 1}}));
    let client = server.client();
    let first = made(&client, "a", &json!({})).await;
    made(&client, "b", &json!({})).await;
    let full = "The tenant has as many User resources as its quota allows: 2. ";
    check(client.post("/Users", &user("c", &json!({}))).await, 403, full);
    client.group("Guides", &[]).await;
    check(client.post("/Groups", &json!({"displayName": "More"})).await, 403, "The tenant has as many Group ");
    client.delete(&format!("/Users/{first}")).await.expect(204);
    made(&client, "c", &json!({})).await;
}
