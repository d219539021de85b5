//! What clients mean: values that are not understood, names that look alike, dates at the ends of time,
//! and requests about what is gone.

use serde_json::{Value, json};

use super::{Shared, Tenant, filtered, query};
use crate::server::{ENTERPRISE, USER, patch_body};

static SERVER: Shared = Shared::new(&[]);
const NOBODY: &str = "0190d7a5-0000-7000-8000-000000000001";

fn bulk(operations: &[Value]) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
}

/// The statuses of a bulk request's operations.
async fn statuses(tenant: &Tenant, operations: &[Value]) -> Vec<String> {
    let answer = tenant.post("/Bulk", &bulk(operations)).await.expect(200);
    let results = answer.json["Operations"].as_array().expect("results").clone();
    results.iter().map(|one| one["status"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn what_is_not_understood_empties_nothing() {
    let tenant = SERVER.tenant();
    let member = tenant.user("member").await;
    let body = json!({
        "userName": "b", "name": {"givenName": "B"}, "emails": [{"value": "a@b.c", "type": "work"}],
        ENTERPRISE: {"department": "d"}
    });
    let made = tenant.post("/Users", &body).await.expect(201);
    let path = format!("/Users/{}", made.id());
    let address = json!({"value": "x@y.z"});
    let wrapped = json!({"emails": [address]});
    for (name, value) in [
        ("emails", wrapped.clone()),
        ("emails", json!({"emails": [{"value": null}]})),
        ("emails", json!([{"value": null}])),
        ("emails", json!([null])),
        ("emails", json!([address, {"nothing": "known"}])),
        ("name", json!({"name": {"givenName": "C"}})),
        (ENTERPRISE, json!({ENTERPRISE: {"department": "e"}})),
    ] {
        for op in ["add", "replace"] {
            for operation in
                [json!({"op": op, "path": name, "value": value}), json!({"op": op, "value": {name: value}})]
            {
                tenant.refused("PATCH", &path, &patch_body(&json!([operation])), 400, "invalidValue", "").await;
                let data = patch_body(&json!([operation]));
                let in_bulk = json!({"method": "PATCH", "path": path, "data": data});
                assert_eq!(statuses(&tenant, &[in_bulk]).await, ["400"], "{operation}");
            }
        }
        let mut put = json!({"userName": "b"});
        put[name] = value;
        tenant.refused("PUT", &path, &put, 400, "invalidValue", "").await;
        put["userName"] = "never".into();
        tenant.refused("POST", "/Users", &put, 400, "invalidValue", "").await;
    }
    let by_filter = json!([{"op": "replace", "path": "emails[type eq \"work\"]", "value": wrapped}]);
    tenant.refused("PATCH", &path, &patch_body(&by_filter), 400, "invalidValue", "emails").await;
    assert_eq!(tenant.get(&path).await.json["emails"], body["emails"]);
    assert_eq!(tenant.get(&path).await.json["meta"], made.json["meta"], "nothing was changed");

    let group = tenant.group("g", std::slice::from_ref(&member)).await;
    let path = format!("/Groups/{group}");
    for value in [
        json!({"members": [{"value": member}]}),
        json!([{"value": ""}]),
        json!([""]),
        json!([null]),
        json!([{}]),
        json!([{"display": "B"}]),
    ] {
        let words = if value[0].is_null() && value.is_array() { "members[0] is empty" } else { "members" };
        for op in ["add", "replace"] {
            let operation = json!([{"op": op, "path": "members", "value": value}]);
            tenant.refused("PATCH", &path, &patch_body(&operation), 400, "invalidValue", words).await;
        }
        let put = json!({"displayName": "g", "members": value});
        tenant.refused("PUT", &path, &put, 400, "invalidValue", words).await;
        tenant.refused("POST", "/Groups", &put, 400, "invalidValue", words).await;
    }
    assert_eq!(tenant.members(&group).await, [member]);
}

/// One rule for every place in which a filter stands, under both profiles.
#[tokio::test]
async fn other_quotes_are_no_part_of_a_value() {
    for (profile, place) in [("rfc", "character"), ("identity-center", "")] {
        let tenant = SERVER.tenant_with(&json!({"profile": profile}));
        let body = json!({"displayName": "ds"});
        let group = format!("/Groups/{}", tenant.post("/Groups", &body).await.expect(201).id());
        for value in ["'ds'", "`ds`", "“ds”", "‘ds’", "„ds“", "«ds»", "\u{ff02}ds\u{ff02}", "ds'", "“Tour Guides”"]
        {
            let filter = format!("displayName eq {value}");
            tenant.refused("GET", &filtered("/Groups", &filter), &Value::Null, 400, "invalidFilter", place).await;
            let path = format!("members[value eq {value}]");
            for operation in [json!({"op": "remove", "path": path}), json!({"op": "add", "path": path, "value": {}})] {
                tenant.refused("PATCH", &group, &patch_body(&json!([operation])), 400, "invalidFilter", place).await;
            }
        }
    }
    let tenant = SERVER.tenant();
    let user = tenant.post("/Users", &json!({"userName": "akadmin", "emails": [{"value": "a", "type": "work"}]})).await;
    let path = format!("/Users/{}", user.expect(201).id());
    for body in [json!({"filter": "userName eq 'akadmin'"}), json!({"filter": "emails[type eq “work”]"})] {
        tenant.refused("POST", "/.search", &body, 400, "invalidFilter", "character").await;
        tenant.refused("POST", "/Users/.search", &body, 400, "invalidFilter", "character").await;
    }
    for op in ["add", "replace", "remove"] {
        let operation = json!([{"op": op, "path": "emails[type eq 'work'].value", "value": "x"}]);
        tenant.refused("PATCH", &path, &patch_body(&operation), 400, "invalidFilter", "character 16").await;
        let quoted = json!([{"op": op, "path": "'title'", "value": "x"}]);
        tenant.refused("PATCH", &path, &patch_body(&quoted), 400, "invalidPath", "character 1").await;
    }
    let as_key = json!([{"op": "replace", "value": {"emails[type eq 'work'].value": "x"}}]);
    tenant.refused("PATCH", &path, &patch_body(&as_key), 400, "invalidFilter", "character 16").await;
    assert_eq!(tenant.get(&path).await.json["emails"], json!([{"value": "a", "type": "work"}]));
    assert_eq!(tenant.names(&filtered("/Users", "userName eq akadmin")).await, ["akadmin"]);
}

/// RFC 7644 §5: a name is one name in whichever way it is written.
#[tokio::test]
async fn names_that_look_alike_are_one_name() {
    let tenant = SERVER.tenant();
    let bob = tenant.user("bob").await;
    tenant.group("Tour Guides", &[]).await;
    let other = format!("/Users/{}", tenant.user("alice").await);
    for twin in [
        " bob",
        "bob ",
        "bob\t",
        "\u{a0}bob",
        "bob\u{3000}",
        "bob\u{2003}",
        "bo\u{200b}b",
        "bob\u{2060}",
        "b\u{ad}ob",
        "\u{feff}bob",
        "BOB\u{200e}",
        "bob\u{200d}",
    ] {
        tenant.refused("POST", "/Users", &json!({"userName": twin}), 409, "uniqueness", "userName").await;
        tenant.refused("PUT", &other, &json!({"userName": twin}), 409, "uniqueness", "userName").await;
        let replace = patch_body(&json!([{"op": "replace", "path": "userName", "value": twin}]));
        tenant.refused("PATCH", &other, &replace, 409, "uniqueness", "userName").await;
        let create = json!({"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": twin}});
        assert_eq!(statuses(&tenant, &[create]).await, ["409"], "{twin:?}");
        let found = tenant.find("/Users", &format!("userName eq {}", Value::from(twin))).await;
        assert_eq!(found.ids(), [bob.clone()], "{twin:?}");
    }
    for twin in ["Tour Guides ", "\u{3000}tour guides", "Tour\u{a0}Guides", "Tour Gui\u{ad}des", "Tour Guides\u{200b}"]
    {
        tenant.refused("POST", "/Groups", &json!({"displayName": twin}), 409, "uniqueness", "displayName").await;
    }
    // One's own name in another form is no other name, and is kept as it was sent.
    let own = patch_body(&json!([{"op": "replace", "path": "userName", "value": "Bob "}]));
    let answer = tenant.request("PATCH", &format!("/Users/{bob}"), &[], Some(&own)).await.expect(200);
    assert_eq!(answer.json["userName"], "Bob ");
    for filter in
        ["userName eq \"bob\"", "userName sw \"bo\"", "userName ew \"ob\"", "userName co \"o\"", "userName ge \"bob\""]
    {
        assert!(tenant.find("/Users", filter).await.ids().contains(&bob), "{filter}");
    }
    // White space at the open end of a part belongs to it.
    assert_eq!(tenant.find("/Groups", "displayName sw \"Tour \"").await.ids().len(), 1);
    assert_eq!(tenant.find("/Groups", "displayName sw \"Tour G \"").await.ids().len(), 0);
    // A name that nobody sees is none.
    for blank in ["\u{200b}", " \u{2060} ", "\u{3000}"] {
        tenant.refused("POST", "/Users", &json!({"userName": blank}), 400, "invalidValue", "userName").await;
    }
    // An externalId is its client's, and compared exactly (RFC 7643 §3.1).
    for (i, id) in ["x", "x ", "X", "x\u{200b}"].into_iter().enumerate() {
        tenant.post("/Users", &json!({"userName": format!("owner{i}"), "externalId": id})).await.expect(201);
        let found = tenant.find("/Users", &format!("externalId eq {}", Value::from(id))).await;
        assert_eq!(found.ids().len(), 1, "{id:?}");
    }
}

/// A person who has left is switched off, whatever else is not there any more.
#[tokio::test]
async fn a_deactivation_does_not_fail_for_what_is_absent() {
    let tenant = SERVER.tenant();
    for (i, path) in [
        "phoneNumbers[type eq \"mobile\"].value",
        "phoneNumbers[type eq \"mobile\"]",
        "emails[type eq \"work\"].value",
        "addresses[type eq \"work\"].streetAddress",
        "roles[primary eq \"True\"].value",
        "roles[primary eq \"True\"]",
        "title",
        "name.middleName",
        "manager",
        ENTERPRISE,
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("/Users/{}", tenant.user(&format!("user{i}")).await);
        let both = json!([{"op": "Remove", "path": path}, {"op": "Replace", "path": "active", "value": "False"}]);
        let answer = tenant.patch(&user, &both).await.expect(200);
        assert_eq!(answer.json["active"], false, "{path}");
        let data = patch_body(&json!([{"op": "remove", "path": path}]));
        assert_eq!(statuses(&tenant, &[json!({"method": "PATCH", "path": user, "data": data})]).await, ["200"]);
    }
    let user = format!("/Users/{}", tenant.user("whole").await);
    let whole =
        patch_body(&json!([{"op": "replace", "path": "phoneNumbers[type eq \"mobile\"]", "value": {"value": "1"}}]));
    tenant.refused("PATCH", &user, &whole, 400, "noTarget", "phoneNumbers").await;
}

/// The greatest instants of .NET and Java stand for "for ever".
#[tokio::test]
async fn times_go_to_the_end_of_the_year_9999() {
    let tenant = SERVER.tenant_with(&json!({"schemas": [{
        "schema": {"id": "urn:example:2.0:Stay", "name": "Stay", "attributes": [{"name": "until", "type": "dateTime"}]},
        "extends": "User"
    }]}));
    let id = tenant.user("a").await;
    for time in [
        "9999-12-31T23:59:59Z",
        "9999-12-31T00:00:00Z",
        "9999-12-31T23:59:59.9999999Z",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T24:00:00Z",
    ] {
        for (operator, found) in [("lt", 1), ("le", 1), ("ne", 1), ("gt", 0), ("ge", 0), ("eq", 0)] {
            let answer = tenant.find("/Users", &format!("meta.lastModified {operator} \"{time}\"")).await;
            assert_eq!(answer.json["totalResults"], found, "{operator} {time}");
        }
        let body = json!([{"op": "replace", "path": "urn:example:2.0:Stay:until", "value": time}]);
        let answer = tenant.patch(&format!("/Users/{id}"), &body).await.expect(200);
        assert_eq!(answer.json["urn:example:2.0:Stay"]["until"], time);
        let answer = tenant.find("/Users", &format!("urn:example:2.0:Stay:until eq \"{time}\"")).await;
        assert_eq!(answer.ids(), [id.clone()], "{time}");
        let later = "urn:example:2.0:Stay:until gt \"2026-01-01T00:00:00Z\"";
        assert_eq!(tenant.find("/Users", later).await.ids(), [id.clone()], "{time}");
    }
    for time in [
        "2011-05-13T04:42:34+02",
        "2011-05-13T04:42:34+0200",
        "2011-05-13T04:42:60Z",
        "2011-05-13T04:42:34+14:01",
        "2011-05-13t04:42:34Z",
        "2011-05-13T04:42:34z",
        "2011-02-29T00:00:00Z",
        "2011-05-13T24:00:01Z",
        "2011-05-13",
    ] {
        let filter = filtered("/Users", &format!("meta.lastModified gt \"{time}\""));
        tenant.refused("GET", &filter, &Value::Null, 400, "invalidFilter", "dateTime").await;
        let body = patch_body(&json!([{"op": "add", "path": "urn:example:2.0:Stay:until", "value": time}]));
        tenant.refused("PATCH", &format!("/Users/{id}"), &body, 400, "invalidValue", "until").await;
        let body = json!({"userName": "b", "urn:example:2.0:Stay": {"until": time}});
        tenant.refused("POST", "/Users", &body, 400, "invalidValue", "until").await;
    }
}

#[tokio::test]
async fn without_active_a_user_is_active() {
    let tenant = SERVER.tenant();
    let silent = tenant.user("silent").await;
    let made = tenant.post("/Users", &json!({"userName": "off", "active": false})).await.expect(201);
    let off = format!("/Users/{}", made.id());
    assert_eq!(tenant.find("/Users", "active eq true").await.ids(), [silent.clone()]);
    assert_eq!(tenant.find("/Users", "active eq \"True\"").await.ids(), [silent]);
    assert_eq!(tenant.find("/Users", "active eq false").await.ids(), [made.id()]);
    for body in [
        json!({"userName": "off"}),
        json!({"userName": "off", "active": null}),
        json!({"userName": "off", "active": ""}),
    ] {
        assert_eq!(tenant.put(&off, &body).await.expect(200).json["active"], false, "{body}");
    }
    for operation in
        [json!({"op": "remove", "path": "active"}), json!({"op": "replace", "path": "active", "value": ""})]
    {
        let answer = tenant.patch(&off, &json!([operation])).await.expect(200);
        assert_eq!(answer.json["active"], false, "{operation}");
    }
    assert_eq!(tenant.put(&off, &json!({"userName": "off", "active": true})).await.expect(200).json["active"], true);
    let schema = tenant.get(&format!("/Schemas/{USER}")).await.expect(200);
    let attributes = schema.json["attributes"].as_array().expect("attributes").clone();
    let active = attributes.iter().find(|one| one["name"] == "active").expect("active");
    assert!(active["description"].as_str().is_some_and(|text| text.contains("without it is active")), "{active}");
    assert!(active.get("absentMeans").is_none());
}

#[tokio::test]
async fn courtesies_of_queries_and_messages() {
    let tenant = SERVER.tenant_with(&json!({"schemas": [{
        "schema": {"id": "urn:example:2.0:Rank", "name": "Rank", "attributes": [
            {"name": "level", "type": "integer"}, {"name": "score", "type": "decimal"}
        ]},
        "extends": "User"
    }]}));
    let body = json!({
        "userName": "a", "emails": [{"value": "a", "type": "work"}, {"value": "b", "type": "home"}],
        "urn:example:2.0:Rank": {"level": "3", "score": 1.5}, ENTERPRISE: {"department": "d"}
    });
    let id = tenant.post("/Users", &body).await.expect(201).id();
    for filter in
        ["level eq \"3\"", "level eq 3", "level gt \"2\"", "score eq \"1.5\"", "urn:example:2.0:Rank:level ne \"4\""]
    {
        assert_eq!(tenant.find("/Users", filter).await.ids(), [id.clone()], "{filter}");
    }
    for filter in ["level eq \"three\"", "level eq \"\"", "level eq \"0x3\""] {
        tenant.refused("GET", &filtered("/Users", filter), &Value::Null, 400, "invalidFilter", "an integer").await;
    }
    let path = format!("/Users/{id}");
    let seen = tenant.get(&query(&path, &[("attributes", USER)])).await.expect(200).json;
    assert!(seen["userName"] == "a" && seen["emails"] == body["emails"], "{seen}");
    assert!(seen.get(ENTERPRISE).is_none() && seen.get("meta").is_none(), "{seen}");
    let seen = tenant.get(&query(&path, &[("attributes", "emails[type eq \"work\"].value")])).await.expect(200).json;
    assert!(seen["emails"] == body["emails"] && seen.get("userName").is_none(), "{seen}");
    let seen = tenant.get(&query(&path, &[("excludedAttributes", USER)])).await.expect(200).json;
    assert!(
        seen.get("emails").is_none() && seen["id"] == id.as_str() && seen[ENTERPRISE]["department"] == "d",
        "{seen}"
    );

    let search = json!({"startIndex": "1", "count": "1", "filter": "userName pr"});
    assert_eq!(tenant.post("/Users/.search", &search).await.expect(200).json["itemsPerPage"], 1);
    tenant.refused("POST", "/Users/.search", &json!({"count": "one"}), 400, "invalidValue", "count").await;
    let operations = json!([{"op": "add", "path": "title", "value": "x"}]);
    for schemas in [
        json!(["urn:ietf:params:scim:schemas:core:2.0:PatchOp"]),
        json!(["urn:scim:schemas:core:2.0:PatchOp"]),
        json!(null),
        json!([]),
    ] {
        let message = json!({"schemas": schemas, "Operations": operations});
        tenant.request("PATCH", &path, &[], Some(&message)).await.expect(200);
    }
    let wrong = json!({"schemas": [USER], "Operations": operations});
    tenant.refused("PATCH", &path, &wrong, 400, "invalidSyntax", "PatchOp").await;
    let mut message = bulk(&[
        json!({"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "a"}}),
        json!({"method": "POST", "path": "/Users", "bulkId": "2", "data": {"userName": "c"}}),
    ]);
    message["failOnErrors"] = 0.into();
    assert_eq!(tenant.post("/Bulk", &message).await.expect(200).json["Operations"].as_array().map(Vec::len), Some(1));

    // What a number has lost, nobody can tell: leading zeros, for one.
    for body in [
        json!({"userName": "n", ENTERPRISE: {"employeeNumber": 12345}}),
        json!({"userName": "n", "externalId": 7}),
        json!({"userName": "n", "phoneNumbers": [{"value": 5551234}]}),
        json!({"userName": "n", "addresses": [{"postalCode": 1234}]}),
    ] {
        tenant.refused("POST", "/Users", &body, 400, "invalidValue", "Send a JSON string").await;
    }
    let huge: Value =
        serde_json::from_str(r#"{"userName": "n", "urn:example:2.0:Rank": {"level": 100000000000000000000}}"#)
            .expect("JSON");
    tenant.refused("POST", "/Users", &huge, 400, "invalidValue", "64 bits").await;
    tenant
        .refused("GET", &filtered("/Users", "not userName eq \"x\""), &Value::Null, 400, "invalidFilter", "behind not")
        .await;
    // Text is kept as it was sent, whatever is in it (RFC 7643 §2.3.1).
    let odd = "a\u{0}b\u{7}c\u{1b}d\u{200e}";
    let kept = tenant.post("/Users", &json!({"userName": "odd", "displayName": odd})).await.expect(201);
    assert_eq!(kept.json["displayName"], odd);
}

/// RFC 7644 §3.6: 404 for all operations, whatever else is wrong with them.
#[tokio::test]
async fn what_is_gone_is_404_before_anything_else() {
    let tenant = SERVER.tenant();
    let gone = tenant.user("gone").await;
    tenant.delete(&format!("/Users/{gone}")).await.expect(204);
    let bodies = [
        json!({"userName": 7}).to_string(),
        json!([]).to_string(),
        "{".to_owned(),
        String::new(),
        patch_body(&json!([{"op": "move"}])).to_string(),
        patch_body(&json!([])).to_string(),
        patch_body(&json!([{"op": "replace", "path": "id", "value": "x"}])).to_string(),
    ];
    for id in [gone.as_str(), NOBODY, "no-id"] {
        for path in
            [format!("/Users/{id}"), format!("/Groups/{id}"), format!("/Users/{id}?attributes=a&excludedAttributes=b")]
        {
            for method in ["PUT", "PATCH"] {
                for body in &bodies {
                    for headers in [
                        &[("content-type", "application/scim+json")][..],
                        &[("content-type", "text/plain")],
                        &[("content-type", "application/json"), ("if-match", "W/\"99\"")],
                        &[("content-type", "application/json"), ("content-encoding", "gzip")],
                    ] {
                        let bearer = tenant.authorization();
                        let headers = [headers, &[("authorization", &bearer)]].concat();
                        let answer = tenant.send(method, &path, &headers, Some(body.clone())).await;
                        assert_eq!(answer.status, 404, "{method} {path} {body}: {}", answer.text);
                    }
                }
            }
            for (method, headers) in
                [("GET", &[("if-none-match", "*")][..]), ("DELETE", &[("if-match", "W/\"99\"")]), ("DELETE", &[])]
            {
                let answer = tenant.request(method, &path, headers, None).await;
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
            }
        }
        let path = format!("/Users/{id}");
        let results = statuses(
            &tenant,
            &[
                json!({"method": "PUT", "path": path, "data": {"userName": 7}}),
                json!({"method": "PUT", "path": path}),
                json!({"method": "PATCH", "path": path, "data": {"Operations": []}}),
                json!({"method": "PATCH", "path": path, "data": 7}),
                json!({"method": "DELETE", "path": path, "version": "W/\"99\""}),
            ],
        )
        .await;
        assert_eq!(results, ["404"; 5], "{id}");
    }
    // Who asks comes before what for.
    let answer = tenant.with_token("none").put(&format!("/Users/{gone}"), &json!({"userName": 7})).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn members_are_removed_as_they_are_named() {
    let tenant = SERVER.tenant();
    let users = tenant.users(["a", "b"].map(str::to_owned)).await;
    for (value, left) in [
        (json!(""), 0),
        (json!(null), 0),
        (json!([]), 2),
        (json!([{"value": users[0]}]), 1),
        (json!({"value": users[0]}), 1),
        (json!(users[0]), 1),
        (json!([{"value": NOBODY}]), 2),
    ] {
        let group = tenant.group(&format!("g {value}"), &users).await;
        let path = format!("/Groups/{group}");
        tenant.patch(&path, &json!([{"op": "remove", "path": "members", "value": value}])).await.expect(200);
        assert_eq!(tenant.members(&group).await.len(), left, "{value}");
    }
    let group = tenant.group("refused", &users).await;
    let path = format!("/Groups/{group}");
    for value in [json!([""]), json!([null]), json!([{"value": ""}]), json!({}), json!([{}]), json!(7)] {
        let remove = patch_body(&json!([{"op": "remove", "path": "members", "value": value}]));
        tenant.refused("PATCH", &path, &remove, 400, "invalidValue", "members").await;
    }
    // A member that is replaced by itself stays as it is; by another one it cannot be.
    let version = tenant.get(&path).await.header("etag").to_owned();
    let select = |id: &str| format!("members[value eq \"{id}\"].value");
    let same = json!([{"op": "replace", "path": select(&users[0]), "value": users[0]}]);
    assert_eq!(tenant.patch(&path, &same).await.expect(200).header("etag"), version);
    let other = patch_body(&json!([{"op": "replace", "path": select(&users[0]), "value": users[1]}]));
    tenant.refused("PATCH", &path, &other, 400, "mutability", "immutable").await;
    let stranger = patch_body(&json!([{"op": "replace", "path": select(NOBODY), "value": NOBODY}]));
    tenant.refused("PATCH", &path, &stranger, 400, "noTarget", NOBODY).await;
    let gone = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", users[0])}, same[0]]);
    tenant.refused("PATCH", &path, &patch_body(&gone), 400, "noTarget", &users[0]).await;
    assert_eq!(tenant.members(&group).await.len(), 2);
}

#[tokio::test]
async fn an_operation_on_each_element_loses_none() {
    let tenant = SERVER.tenant();
    let one = tenant.post("/Users", &json!({"userName": "one", "roles": [{"value": "a"}]})).await.expect(201);
    let two =
        tenant.post("/Users", &json!({"userName": "two", "roles": [{"value": "a"}, {"value": "b"}]})).await.expect(201);
    for (user, op) in [(&one, "add"), (&two, "add"), (&two, "replace")] {
        let operation = patch_body(&json!([{"op": op, "path": "roles.value", "value": "Owner"}]));
        tenant
            .refused(
                "PATCH",
                &format!("/Users/{}", user.json["id"].as_str().expect("an id")),
                &operation,
                400,
                "invalidValue",
                "roles",
            )
            .await;
    }
    assert_eq!(tenant.find("/Users", "roles eq \"a\"").await.ids().len(), 2);
}

/// `strict` turns off what contradicts the RFCs, in each place.
#[tokio::test]
async fn a_strict_tenant_reads_by_the_letter() {
    let tenant = SERVER.tenant_with(&json!({"strict": true, "indexes": {"User": ["employeeNumber"]}}));
    let id = tenant.user("a").await;
    let path = format!("/Users/{id}");
    let patch = |operation: Value| patch_body(&json!([operation]));
    for (operation, scim_type) in [
        (json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x"}), "noTarget"),
        (json!({"op": "remove", "path": "emails[type eq \"work\"].value"}), "noTarget"),
        (json!({"op": "replace", "path": "active", "value": "False"}), "invalidValue"),
        (json!({"op": "replace", "path": "active"}), "invalidValue"),
        (json!({"op": "replace", "path": "active", "value": [false]}), "invalidValue"),
        (json!({"op": "add", "path": "department", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "value": {"department": "x"}}), "invalidSyntax"),
        (json!({"op": "replace", "value": {"emails[type eq \"work\"].value": "x"}}), "invalidSyntax"),
        (json!({"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": "1"}), "invalidValue"),
    ] {
        tenant.refused("PATCH", &path, &patch(operation), 400, scim_type, "").await;
    }
    let without_schemas = json!({"Operations": [{"op": "add", "path": "title", "value": "x"}]});
    tenant.refused("PATCH", &path, &without_schemas, 400, "invalidSyntax", "schemas").await;
    for (body, scim_type) in [
        (json!({"userName": "b", "active": "true"}), "invalidValue"),
        (json!({"userName": "b", "department": "x"}), "invalidSyntax"),
        (json!({"userName": "b", "emails": {"value": "x"}}), "invalidValue"),
        (json!({"userName": "b", "roles": ["x"]}), "invalidValue"),
        (json!({"userName": ""}), "invalidValue"),
    ] {
        tenant.refused("POST", "/Users", &body, 400, scim_type, "").await;
    }
    for filter in ["active eq \"true\"", "department eq \"x\"", "emails[primary eq \"True\"]", "title eq 7"] {
        tenant.refused("GET", &filtered("/Users", filter), &Value::Null, 400, "invalidFilter", "").await;
    }
    let empty = tenant
        .ok("PATCH", &path, &patch(json!({"op": "replace", "path": "title", "value": ""})), 200, &Value::Null)
        .await;
    assert_eq!(empty.json["title"], "");
    tenant
        .patch(&path, &json!([{"op": "Add", "path": "emails[type eq \"work\"].value", "value": "x"}]))
        .await
        .expect(200);
    tenant
        .patch(&path, &json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "x"}]))
        .await
        .expect(200);
    assert_eq!(tenant.find("/Users", "active eq true").await.ids(), [id]);
}
