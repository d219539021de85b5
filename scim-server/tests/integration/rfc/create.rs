//! Creating resources (RFC 7644 §3.3), and what a document may hold (RFC 7643 §2 and §4).

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{Shared, Tenant, filtered, query, values};
use crate::server::{ENTERPRISE, GROUP, USER, patch_body};

static SERVER: Shared = Shared::new(&["--audit-log", "audit.jsonl"]);

/// What the server adds to a resource.
const ADDED: [&str; 3] = ["id", "meta", "groups"];

fn without(document: &Value, names: &[&str]) -> Value {
    let mut document = document.clone();
    document.as_object_mut().expect("an object").retain(|name, _| !names.contains(&name.as_str()));
    document
}

/// Every attribute of User and of its enterprise extension, but the password and what is read-only.
fn whole_user() -> Value {
    let list = |value: &str| {
        json!([
            {"value": value, "display": format!("{value} at work"), "type": "work", "primary": true},
            {"value": format!("{value}2"), "type": "other"}
        ])
    };
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": "bJensen-701984",
        "userName": "bjensen@example.com",
        "name": {
            "formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "givenName": "Barbara",
            "middleName": "Jane", "honorificPrefix": "Ms.", "honorificSuffix": "III"
        },
        "displayName": "Babs Jensen",
        "nickName": "Babs",
        "profileUrl": "https://login.example.com/bjensen",
        "title": "Vice President",
        "userType": "Employee",
        "preferredLanguage": "en-US, en; q=0.9",
        "locale": "en-US",
        "timezone": "America/Los_Angeles",
        "active": true,
        "emails": list("bjensen@example.com"),
        "phoneNumbers": list("tel:+1-201-555-0123"),
        "ims": list("someaimhandle"),
        "photos": list("https://photos.example.com/profilephoto/72930000000Ccne/F"),
        "addresses": [{
            "formatted": "100 Universal City Plaza\nHollywood, CA 91608 USA",
            "streetAddress": "100 Universal City Plaza", "locality": "Hollywood", "region": "CA",
            "postalCode": "91608", "country": "USA", "type": "work", "primary": true
        }],
        "entitlements": list("printing"),
        "roles": list("admin"),
        "x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVMx"}],
        ENTERPRISE: {
            "employeeNumber": "701984", "costCenter": "4130", "organization": "Universal Studios",
            "division": "Theme Park", "department": "Tour Operations",
            "manager": {"value": "26118915-6090-4610-87e4-49d8ca9f808d", "$ref": "../Users/26118915-6090-4610-87e4-49d8ca9f808d"}
        }
    })
}

#[tokio::test]
async fn a_new_resource_has_an_id_a_place_and_a_version() {
    let tenant = SERVER.tenant();
    for (endpoint, kind, body) in [
        ("/Users", "User", json!({"schemas": [USER], "userName": "bjensen"})),
        ("/Groups", "Group", json!({"schemas": [GROUP], "displayName": "Tour Guides"})),
    ] {
        let created = tenant.post(endpoint, &body).await.expect(201);
        let location = format!("{}{endpoint}/{}", tenant.base(), created.id());
        assert_eq!(created.header("location"), location);
        let meta = &created.json["meta"];
        assert_eq!(meta["location"], location);
        assert_eq!(meta["resourceType"], kind);
        assert_eq!(meta["created"], meta["lastModified"]);
        assert_eq!(created.header("etag"), meta["version"].as_str().expect("a version"));
        assert_eq!(created.media_type(), "application/scim+json");
        assert_eq!(without(&created.json, &ADDED), body);
        let read = tenant.get(&location).await.expect(200);
        assert_eq!(read.json, created.json, "what is created is what is read");
        assert_eq!(read.header("content-location"), location);
    }
}

#[tokio::test]
async fn every_attribute_comes_back_as_it_was_sent() {
    let tenant = SERVER.tenant();
    let sent = whole_user();
    let created = tenant.post("/Users", &sent).await.expect(201);
    let read = tenant.get(&format!("/Users/{}", created.id())).await.expect(200);
    assert_eq!(without(&read.json, &ADDED), sent);
    let listed = tenant.get(&filtered("/Users", "userName eq \"bjensen@example.com\"")).await.expect(200);
    assert_eq!(listed.json["Resources"], json!([read.json]));

    let nested = tenant.group("Inner", &[]).await;
    let members = vec![created.id(), nested];
    let sent =
        json!({"schemas": [GROUP], "externalId": "g-1", "displayName": "Tour Guides", "members": values(&members)});
    let group = tenant.post("/Groups", &sent).await.expect(201);
    let read = tenant.get(&format!("/Groups/{}", group.id())).await.expect(200);
    assert_eq!(without(&read.json, &["id", "meta", "members"]), without(&sent, &["members"]));
    let expect = [("User", "Users", "Babs Jensen"), ("Group", "Groups", "Inner")];
    let mut found = read.json["members"].as_array().expect("members").clone();
    found.sort_by_key(|member| member["type"] == "Group");
    for ((member, id), (kind, endpoint, display)) in found.iter().zip(&members).zip(expect) {
        let reference = format!("{}/{endpoint}/{id}", tenant.base());
        assert_eq!(*member, json!({"value": id, "$ref": reference, "type": kind, "display": display}));
    }
    let user = tenant.get(&format!("/Users/{}", created.id())).await.expect(200);
    let reference = format!("{}/Groups/{}", tenant.base(), group.id());
    let expect = json!([{"value": group.id(), "$ref": reference, "type": "direct", "display": "Tour Guides"}]);
    assert_eq!(user.json["groups"], expect);
}

/// Text is kept to the byte, whatever is in it.
#[tokio::test]
async fn text_of_every_kind_survives() {
    let tenant = SERVER.tenant();
    for (i, text) in [
        "Zoë Müller-Ångström",
        "山田 太郎",
        "👩🏽‍💻 \u{202e}rtl",
        "\"quotes\" and \\backslashes\\ and /slashes/",
        "line\nbreak\ttab",
        "nul \u{0} inside",
        " blanks around ",
        &"long ".repeat(10_000),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"userName": format!("{i}{}", if text.len() < 100 { text } else { "" }), "nickName": text});
        let created = tenant.post("/Users", &body).await.expect(201);
        let read = tenant.get(&format!("/Users/{}", created.id())).await.expect(200);
        assert_eq!((&read.json["userName"], &read.json["nickName"]), (&body["userName"], &body["nickName"]));
    }
}

/// What is sent (beside a `userName`), and what of it is kept.
#[tokio::test]
async fn what_a_body_may_say_in_other_ways() {
    let tenant = SERVER.tenant();
    let rows = [
        // Names in any case (RFC 7643 §2.1), at each level.
        (
            json!({"NICKNAME": "Babs", "name": {"FamilyName": "J"}}),
            json!({"nickName": "Babs", "name": {"familyName": "J"}}),
        ),
        (
            json!({"Emails": [{"VALUE": "a@b.c", "Type": "work"}]}),
            json!({"emails": [{"value": "a@b.c", "type": "work"}]}),
        ),
        (json!({ENTERPRISE.to_uppercase(): {"DEPARTMENT": "d"}}), json!({ENTERPRISE: {"department": "d"}})),
        // `schemas` follows from the content.
        (json!({"schemas": []}), json!({"schemas": [USER]})),
        (json!({"schemas": null}), json!({"schemas": [USER]})),
        (json!({"schemas": [USER.to_uppercase()]}), json!({"schemas": [USER]})),
        (json!({"schemas": [USER, ENTERPRISE]}), json!({"schemas": [USER]})),
        (json!({"schemas": [USER, "urn:example:unknown"]}), json!({"schemas": [USER]})),
        (json!({"schemas": [USER], ENTERPRISE: {"costCenter": "1"}}), json!({"schemas": [USER, ENTERPRISE]})),
        // What no schema has is ignored.
        (
            json!({"favouriteColour": "red", "name": {"clan": "x", "givenName": "B"}}),
            json!({"favouriteColour": "*absent*", "name": {"$exact": {"givenName": "B"}}}),
        ),
        (json!({"urn:example:unknown": {"a": 1}}), json!({"urn:example:unknown": "*absent*"})),
        // What the server sets is ignored.
        (
            json!({"id": "mine", "meta": {"location": "x", "created": "x"}}),
            json!({"id": {"$not": "mine"}, "meta": {"location": {"$not": "x"}}}),
        ),
        (json!({"groups": [{"value": "x"}]}), json!({"groups": "*absent*"})),
        (
            json!({ENTERPRISE: {"manager": {"value": "m", "displayName": "Boss"}}}),
            json!({ENTERPRISE: {"manager": {"$exact": {"value": "m"}}}}),
        ),
        // Null, an empty list and an empty object are no value (RFC 7643 §2.5).
        (
            json!({"nickName": null, "emails": [], "name": {}}),
            json!({"nickName": "*absent*", "emails": "*absent*", "name": "*absent*"}),
        ),
        (
            json!({"emails": [null, {}, {"value": "a@b.c", "type": null}]}),
            json!({"emails": {"$exact": [{"value": "a@b.c"}]}}),
        ),
        (json!({"name": {"givenName": null}}), json!({"name": "*absent*"})),
        (json!({ENTERPRISE: {}}), json!({"schemas": [USER], ENTERPRISE: "*absent*"})),
        (json!({ENTERPRISE: null}), json!({ENTERPRISE: "*absent*"})),
        (json!({"active": false}), json!({"active": false})),
        // The same element twice is one.
        (json!({"emails": [{"value": "a@b.c"}, {"value": "a@b.c"}]}), json!({"emails": {"$length": 1}})),
        // Canonical values are suggestions.
        (json!({"emails": [{"value": "a@b.c", "type": "boat"}]}), json!({"emails": [{"type": "boat"}]})),
    ];
    for (i, (mut body, expect)) in rows.into_iter().enumerate() {
        body["userName"] = format!("user{i}").into();
        tenant.ok("POST", "/Users", &body, 201, &expect).await;
    }
}

#[tokio::test]
async fn bodies_that_are_refused() {
    let tenant = SERVER.tenant();
    let named = |mut body: Value| {
        body["userName"] = "never".into();
        body
    };
    for (body, scim_type, words) in [
        (json!({"schemas": [USER]}), "invalidValue", "userName"),
        (json!({"userName": null}), "invalidValue", "userName"),
        (json!({"userName": ""}), "invalidValue", "userName"),
        (json!({"userName": "  "}), "invalidValue", "userName"),
        (json!({"userName": 7}), "invalidValue", "userName"),
        (json!({"userName": ["a", "b"]}), "invalidValue", "userName"),
        (json!({"userName": "a", "USERNAME": "b"}), "invalidSyntax", "\"USERNAME\" twice"),
        (named(json!({"active": "yes please"})), "invalidValue", "active"),
        (named(json!({"active": 1})), "invalidValue", "active"),
        (named(json!({"name": "Babs"})), "invalidValue", "name"),
        (named(json!({"name": {"givenName": {}}})), "invalidValue", "name.givenName"),
        (named(json!({"name": {"givenName": "a", "GIVENNAME": "b"}})), "invalidSyntax", "\"GIVENNAME\" twice"),
        (named(json!({"emails": [{"value": 1}]})), "invalidValue", "emails[0].value"),
        (
            named(json!({"emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]})),
            "invalidValue",
            "emails[1].primary",
        ),
        (named(json!({"x509Certificates": [{"value": "not base64!"}]})), "invalidValue", "x509Certificates[0].value"),
        (named(json!({ENTERPRISE: "x"})), "invalidSyntax", ENTERPRISE),
        (named(json!({ENTERPRISE: {"department": 7}})), "invalidValue", "department"),
        (named(json!({"schemas": [1]})), "invalidSyntax", "schemas"),
        (json!([]), "invalidSyntax", "object"),
        (json!("userName"), "invalidSyntax", "object"),
    ] {
        tenant.refused("POST", "/Users", &body, 400, scim_type, words).await;
    }
    let nobody = "0190d7a5-0000-7000-8000-000000000001";
    for (body, words) in [
        (json!({"schemas": [GROUP]}), "displayName"),
        (json!({"displayName": "never", "members": [{"value": nobody}]}), nobody),
        (json!({"displayName": "never", "members": [{"value": "nonsense"}]}), "nonsense"),
        (json!({"displayName": "never", "members": [{"type": "User"}]}), "value"),
        (json!({"displayName": "never", "members": [7]}), "members"),
    ] {
        tenant.refused("POST", "/Groups", &body, 400, "invalidValue", words).await;
    }
    tenant.ok("GET", "/", &Value::Null, 200, &json!({"totalResults": 0})).await;
}

/// RFC 7644 §3.3.1 and RFC 7643 §2.2: `userName` is unique whatever its case.
#[tokio::test]
async fn names_are_unique() {
    let tenant = SERVER.tenant();
    tenant.user("Bärbel").await;
    for taken in ["Bärbel", "bärbel", "BÄRBEL", "BA\u{308}RBEL"] {
        tenant.refused("POST", "/Users", &json!({"userName": taken}), 409, "uniqueness", "userName").await;
    }
    tenant.ok("GET", "/Users", &Value::Null, 200, &json!({"totalResults": 1})).await;
    tenant.group("Guides", &[]).await;
    tenant.refused("POST", "/Groups", &json!({"displayName": "GUIDES"}), 409, "uniqueness", "displayName").await;
    // A user and a group may share a name, two users an address, and two tenants everything.
    tenant.group("Bärbel", &[]).await;
    for name in ["a", "b"] {
        let body = json!({"userName": name, "externalId": "same", "emails": [{"value": "same@example.com"}]});
        tenant.post("/Users", &body).await.expect(201);
    }
    let other = SERVER.tenant();
    other.user("Bärbel").await;
    other.group("Guides", &[]).await;
}

#[tokio::test]
async fn members_are_a_set_of_users_and_groups() {
    let tenant = SERVER.tenant();
    let user = tenant.users(["a".to_owned()]).await.remove(0);
    let body =
        json!({"displayName": "g", "members": [{"value": user}, {"VALUE": user, "display": "other", "type": "Group"}]});
    let group = tenant.post("/Groups", &body).await.expect(201);
    assert_eq!(group.json["members"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&group.json["members"][0]["type"], &group.json["members"][0]["display"]),
        (&json!("User"), &json!("a"))
    );
    let empty = tenant.post("/Groups", &json!({"displayName": "e", "members": []})).await.expect(201);
    assert_eq!(empty.json.get("members"), None);
}

#[tokio::test]
async fn a_strict_tenant_refuses_what_it_does_not_know() {
    let tenant = SERVER.tenant_with(&json!({"strict": true}));
    for (body, words) in [
        (json!({"userName": "a", "favouriteColour": "red"}), "favouriteColour"),
        (json!({"userName": "a", "name": {"clan": "x"}}), "name.clan"),
        (json!({"userName": "a", "schemas": [USER, "urn:example:unknown"]}), "urn:example:unknown"),
    ] {
        tenant.refused("POST", "/Users", &body, 400, "invalidSyntax", words).await;
    }
    tenant.ok("POST", "/Users", &whole_user(), 201, &Value::Null).await;
}

#[tokio::test]
async fn an_answer_may_be_reduced() {
    let tenant = SERVER.tenant();
    let body = json!({"userName": "a", "nickName": "n", "title": "t"});
    let answer = tenant.post("/Users?attributes=nickName", &body).await.expect(201);
    assert_eq!(without(&answer.json, &["id", "schemas"]), json!({"nickName": "n"}));
    assert!(answer.header("location").ends_with(&answer.id()));
    let body = json!({"userName": "b", "nickName": "n", "title": "t"});
    let answer = tenant.post("/Users?excludedAttributes=nickName,meta", &body).await.expect(201);
    assert_eq!(without(&answer.json, &["id", "schemas"]), json!({"userName": "b", "title": "t"}));
}

const SECRET: &str = "tr0ub4dor-and-3-correct-horses";

/// RFC 7643 §4.1.1 and §9.2: nobody gets to see a password, in any way, wherever it was put.
#[tokio::test]
async fn a_password_is_never_seen_again() {
    let tenant = SERVER.tenant();
    let hidden = |response: crate::server::Response| {
        assert!(!response.text.contains(SECRET) && !response.text.contains("argon2"), "{}", response.text);
        assert!(response.json.get("password").is_none(), "{}", response.text);
        response
    };
    let created = hidden(tenant.post("/Users", &json!({"userName": "a", "password": SECRET})).await.expect(201));
    let path = format!("/Users/{}", created.id());
    hidden(tenant.get(&path).await.expect(200));
    hidden(tenant.get(&format!("{path}?attributes=password")).await.expect(200));
    hidden(tenant.get(&format!("{path}?attributes=password,userName")).await.expect(200));
    hidden(tenant.get("/Users?attributes=password").await.expect(200));
    hidden(tenant.get("/Users").await.expect(200));
    let again = hidden(tenant.put(&path, &json!({"userName": "a", "password": SECRET})).await.expect(200));
    assert_eq!(again.header("etag"), created.header("etag"), "the same password again changes nothing");
    let kept = hidden(tenant.put(&path, &json!({"userName": "a"})).await.expect(200));
    assert_eq!(kept.header("etag"), created.header("etag"), "a client cannot send back what it cannot read");
    for operation in [
        json!({"op": "replace", "path": "password", "value": format!("{SECRET}2")}),
        json!({"op": "add", "value": {"password": format!("{SECRET}3")}}),
    ] {
        let changed = hidden(tenant.patch(&path, &json!([operation])).await.expect(200));
        assert_ne!(changed.header("etag"), created.header("etag"));
    }
    hidden(
        tenant
            .request("PATCH", &path, &[], Some(&patch_body(&json!([{"op": "remove", "path": "password"}]))))
            .await
            .expect(200),
    );

    // In filters and sorts, of a GET and of a search.
    for filter in [
        format!("password eq \"{SECRET}\""),
        "password pr".to_owned(),
        format!("not (password sw \"{SECRET}\")"),
        format!("userName eq \"a\" or password co \"{SECRET}\""),
        format!("{USER}:password eq \"{SECRET}\""),
    ] {
        let answer =
            tenant.refused("GET", &filtered("/Users", &filter), &Value::Null, 400, "invalidFilter", "password").await;
        hidden(answer);
        hidden(
            tenant
                .refused("POST", "/Users/.search", &json!({"filter": filter}), 400, "invalidFilter", "password")
                .await,
        );
    }
    hidden(tenant.get(&query("/Users", &[("sortBy", "password")])).await.expect_error(400, Some("invalidValue")));
    let bulk = json!({"Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "b", "password": SECRET}},
        {"method": "POST", "path": "/Users", "bulkId": "2", "data": {"userName": "c", "password": [SECRET, 7]}}
    ]});
    assert!(!tenant.post("/Bulk", &bulk).await.expect(200).text.contains(SECRET));
    // Wrong bodies do not come back in the detail.
    for body in
        [json!({"userName": "c", "password": [SECRET, SECRET]}), json!({"userName": "c", "password": {"x": SECRET}})]
    {
        hidden(tenant.post("/Users", &body).await.expect_error(400, Some("invalidValue")));
    }
    nowhere(&tenant, SECRET);
}

/// Neither in the audit log nor in the log nor in the store.
fn nowhere(tenant: &Tenant, secret: &str) {
    let found = |path: &Path| fs::read(path).is_ok_and(|bytes| contains(&bytes, secret.as_bytes()));
    assert!(!tenant.server.log().contains(secret), "the password is in the log");
    let mut files = 0;
    let mut directories = vec![tenant.server.data().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("the data directory").flatten() {
            if entry.path().is_dir() {
                directories.push(entry.path());
            } else {
                files += 1;
                assert!(!found(&entry.path()), "the password is in {}", entry.path().display());
            }
        }
    }
    assert!(files > 2, "the store and the audit log were looked at");
    let audit = fs::read_to_string(tenant.server.data().join("audit.jsonl")).expect("the audit log");
    assert!(audit.contains(&tenant.id), "the calls of this tenant are in the audit log");
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
