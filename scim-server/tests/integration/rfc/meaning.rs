//! What clients mean: quotes, names that look alike, dates at the ends of time, and courtesies, as far
//! as a tenant is not strict.

use serde_json::{Value, json};

use super::{
    Shared, filtered,
    losses::{bulk, statuses},
    query,
};
use crate::server::{ENTERPRISE, USER, patch_body};

static SERVER: Shared = Shared::new(&[]);

/// One rule for every place in which a filter stands, under both profiles.
#[tokio::test]
async fn other_quotes_are_no_part_of_a_value() {
    for (profile, place) in [("rfc", "character"), ("identity-center", "")] {
        let tenant = SERVER.tenant_with(&json!({"profile": profile, "rate_limit": 0}));
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
        assert_eq!(found.ids(), std::slice::from_ref(&bob), "{twin:?}");
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
        assert_eq!(answer.ids(), std::slice::from_ref(&id), "{time}");
        let later = "urn:example:2.0:Stay:until gt \"2026-01-01T00:00:00Z\"";
        assert_eq!(tenant.find("/Users", later).await.ids(), std::slice::from_ref(&id), "{time}");
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
    assert_eq!(tenant.find("/Users", "active eq true").await.ids(), std::slice::from_ref(&silent));
    assert_eq!(tenant.find("/Users", "active eq \"True\"").await.ids(), [silent]);
    assert_eq!(tenant.find("/Users", "active eq false").await.ids(), [made.id()]);
    for body in [
        json!({"userName": "off"}),
        json!({"userName": "off", "active": null}),
        json!({"userName": "off", "active": ""}),
    ] {
        assert_eq!(tenant.put(&off, &body).await.expect(200).json["active"], false, "{body}");
    }
    let emptied = tenant.patch(&off, &json!([{"op": "replace", "path": "active", "value": ""}])).await.expect(200);
    assert_eq!(emptied.json["active"], false);
    let removed = tenant.patch(&off, &json!([{"op": "remove", "path": "active"}])).await.expect(200);
    assert_eq!(removed.json.get("active"), None);
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
        assert_eq!(tenant.find("/Users", filter).await.ids(), std::slice::from_ref(&id), "{filter}");
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
        json!({"userName": "n", "phoneNumbers": [{"value": 5_551_234}]}),
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
