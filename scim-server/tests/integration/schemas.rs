//! Schemas and resource types that a tenant adds, and its other settings, over HTTP.

use serde_json::{Value, json};

use crate::server::{Client, GROUP, Options, TestServer, USER};

const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";
const DEVICE: &str = "urn:ietf:params:scim:schemas:core:2.0:Device";

/// An extension of User in which each characteristic occurs.
fn badge() -> Value {
    json!({"extends": "User", "schema": {"id": BADGE, "name": "Badge", "attributes": [
        {"name": "number", "type": "integer"},
        {"name": "serial", "caseExact": true, "uniqueness": "server"},
        {"name": "colour", "returned": "always"},
        {"name": "note", "returned": "request"},
        {"name": "pin", "mutability": "writeOnly", "returned": "never"},
        {"name": "maker", "mutability": "immutable"},
        {"name": "printed", "type": "dateTime", "mutability": "readOnly"},
        {"name": "doors", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value"}, {"name": "type"}, {"name": "primary", "type": "boolean"}
        ]}
    ]}})
}

/// RFC 9944 §3, shortened.
fn device() -> Value {
    json!({
        "resourceType": {"name": "Device", "endpoint": "/Devices", "description": "Things"},
        "schema": {"id": DEVICE, "name": "Device", "attributes": [
            {"name": "displayName"},
            {"name": "active", "type": "boolean", "required": true},
            {"name": "mudUrl", "type": "reference", "referenceTypes": ["external"], "caseExact": true},
            {"name": "groups", "type": "complex", "multiValued": true, "mutability": "readOnly", "subAttributes": [
                {"name": "value"}, {"name": "$ref", "type": "reference"}, {"name": "display"}
            ]}
        ]}
    })
}

fn server(settings: Value) -> TestServer {
    TestServer::with(Options::settings(settings))
}

/// Percent-encodes what a URL's query cannot hold as it is.
fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace(' ', "%20").replace('"', "%22").replace('#', "%23")
}

/// The ids that a filter finds.
async fn found(client: &Client, endpoint: &str, filter: &str) -> Vec<String> {
    let list = client.get(&format!("{endpoint}?filter={}", encoded(filter))).await.expect(200).json;
    let resources = list["Resources"].as_array().cloned().unwrap_or_default();
    assert_eq!(list["totalResults"], resources.len(), "{filter}");
    resources.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
}

fn carrier(name: &str, badge: &Value) -> Value {
    json!({"schemas": [USER, BADGE], "userName": name, BADGE: badge})
}

#[tokio::test]
async fn an_extension_is_kept_shown_and_projected() {
    let server = server(json!({"schemas": [badge()]}));
    let client = server.client();
    let sent = json!({
        "number": 7, "serial": "A1", "colour": "red", "note": "n", "pin": "1234", "printed": "2011-05-13T04:42:34Z",
        "DOORS": [{"value": "north", "type": "in"}, {"value": "south"}]
    });
    let user = client.post("/Users", &carrier("b", &sent)).await.expect(201);
    let shown = json!({
        "number": 7, "serial": "A1", "colour": "red", "doors": [{"value": "north", "type": "in"}, {"value": "south"}]
    });
    // What is returned on request is in the answer to the write that specifies it (RFC 7643 §7).
    let mut specified = shown.clone();
    specified["note"] = json!("n");
    assert_eq!((&user.json["schemas"], &user.json[BADGE]), (&json!([USER, BADGE]), &specified));
    let path = format!("/Users/{}", user.id());
    assert_eq!(client.get(&path).await.expect(200).json[BADGE], shown);
    for (parameter, value, expect) in [
        ("attributes", format!("{BADGE}:number"), json!({"number": 7, "colour": "red"})),
        ("attributes", "number".to_owned(), json!({"number": 7, "colour": "red"})),
        ("attributes", format!("{BADGE}:note,{BADGE}:pin"), json!({"note": "n", "colour": "red"})),
        (
            "attributes",
            format!("{BADGE}:doors.value"),
            json!({"colour": "red", "doors": [{"value": "north"}, {"value": "south"}]}),
        ),
        ("attributes", "userName".to_owned(), json!({"colour": "red"})),
        ("excludedAttributes", format!("{BADGE}:doors,{BADGE}:number"), json!({"serial": "A1", "colour": "red"})),
        ("excludedAttributes", BADGE.to_owned(), json!({"colour": "red"})),
    ] {
        let answer = client.get(&format!("{path}?{parameter}={value}")).await.expect(200);
        assert_eq!(answer.json[BADGE], expect, "{parameter}={value}");
        let list = client.get(&format!("/Users?{parameter}={value}")).await.expect(200);
        assert_eq!(list.json["Resources"][0][BADGE], expect, "{parameter}={value}");
    }
    // PUT: what is left out goes, what a client cannot know stays, and a schema without content goes.
    let replaced = client.put(&path, &carrier("b", &json!({"maker": "M", "number": 8}))).await.expect(200);
    assert_eq!(replaced.json[BADGE], json!({"number": 8, "maker": "M"}));
    client.put(&path, &carrier("b", &json!({"maker": "N"}))).await.expect_error(400, Some("mutability"));
    client.put(&path, &carrier("b", &json!({"number": "8 or 9"}))).await.expect_error(400, Some("invalidValue"));
    let bare =
        client.post("/Users", &json!({"schemas": [USER], "userName": "c", BADGE: {"doors": []}})).await.expect(201);
    assert_eq!((&bare.json["schemas"], bare.json.get(BADGE)), (&json!([USER]), None));
}

#[tokio::test]
async fn an_extension_is_filtered_sorted_and_unique() {
    let server = server(json!({"schemas": [badge()], "indexes": {"User": [format!("{BADGE}:colour")]}}));
    let client = server.client();
    let make = async |name: &str, badge: Value| client.post("/Users", &carrier(name, &badge)).await.expect(201).id();
    let a = make("a", json!({"number": 10, "serial": "A1", "colour": "Red", "doors": [{"value": "n", "type": "in"}]}))
        .await;
    let b = make("b", json!({"number": 9, "serial": "a1", "colour": "blue", "doors": [{"value": "s", "type": "in"}]}))
        .await;
    for (filter, expect) in [
        (format!("{BADGE}:serial eq \"A1\""), vec![&a]),
        (format!("{BADGE}:colour eq \"RED\""), vec![&a]),
        (format!("{BADGE}:colour sw \"b\""), vec![&b]),
        ("colour eq \"red\"".to_owned(), vec![&a]),
        ("number gt 9".to_owned(), vec![&a]),
        ("number ge 9 and number lt 10".to_owned(), vec![&b]),
        (format!("{BADGE}:doors[value eq \"s\" and type eq \"in\"]"), vec![&b]),
        ("doors.type eq \"in\"".to_owned(), vec![&a, &b]),
        ("note pr".to_owned(), vec![]),
    ] {
        assert_eq!(found(&client, "/Users", &filter).await.iter().collect::<Vec<_>>(), expect, "{filter}");
    }
    client.get(&format!("/Users?filter={}", encoded("pin eq \"1\""))).await.expect_error(400, Some("invalidFilter"));
    let order = async |query: &str| {
        let list = client.get(&format!("/Users?{query}")).await.expect(200).json;
        list["Resources"].as_array().map(|all| all.iter().map(|one| one["userName"].clone()).collect::<Vec<_>>())
    };
    assert_eq!(order(&format!("sortBy={BADGE}:number")).await, Some(vec![json!("b"), json!("a")]));
    assert_eq!(order("sortBy=number&sortOrder=descending").await, Some(vec![json!("a"), json!("b")]));

    let taken =
        client.post("/Users", &carrier("c", &json!({"serial": "A1"}))).await.expect_error(409, Some("uniqueness"));
    assert!(taken.text.contains(&format!("{BADGE}:serial")), "{}", taken.text);
    let own = json!([{"op": "replace", "path": format!("{BADGE}:serial"), "value": "A1"}]);
    client.patch(&format!("/Users/{a}"), &own).await.expect(200);
    client.patch(&format!("/Users/{b}"), &own).await.expect_error(409, Some("uniqueness"));
}

#[tokio::test]
async fn an_extension_is_patched_in_each_notation() {
    let server = server(json!({"schemas": [badge()]}));
    let client = server.client();
    let id = client.post("/Users", &json!({"schemas": [USER], "userName": "b"})).await.expect(201).id();
    let path = format!("/Users/{id}");
    for (operation, expect) in [
        (json!({"op": "add", "path": format!("{BADGE}:number"), "value": 1}), json!({"number": 1})),
        (
            json!({"op": "replace", "path": format!("{}:NUMBER", BADGE.to_uppercase()), "value": 2}),
            json!({"number": 2}),
        ),
        (json!({"op": "add", "value": {BADGE: {"colour": "red"}}}), json!({"number": 2, "colour": "red"})),
        (json!({"op": "replace", "value": {format!("{BADGE}:number"): 3}}), json!({"number": 3, "colour": "red"})),
        (json!({"op": "replace", "path": BADGE, "value": {"colour": "blue"}}), json!({"number": 3, "colour": "blue"})),
        (
            json!({"op": "add", "path": format!("{BADGE}:doors"), "value": [{"value": "n"}, {"value": "s", "type": "in"}]}),
            json!({"number": 3, "colour": "blue", "doors": [{"value": "n"}, {"value": "s", "type": "in"}]}),
        ),
        (
            json!({"op": "replace", "path": format!("{BADGE}:doors[value eq \"s\"].type"), "value": "out"}),
            json!({"number": 3, "colour": "blue", "doors": [{"value": "n"}, {"value": "s", "type": "out"}]}),
        ),
        (
            json!({"op": "remove", "path": format!("{BADGE}:doors[value eq \"n\"]")}),
            json!({"number": 3, "colour": "blue", "doors": [{"value": "s", "type": "out"}]}),
        ),
        (json!({"op": "remove", "path": format!("{BADGE}:doors")}), json!({"number": 3, "colour": "blue"})),
        (
            json!({"op": "add", "path": format!("{BADGE}:maker"), "value": "M"}),
            json!({"number": 3, "colour": "blue", "maker": "M"}),
        ),
        (json!({"op": "remove", "path": "number"}), json!({"colour": "blue", "maker": "M"})),
    ] {
        let answer = client.patch(&path, &json!([operation])).await.expect(200);
        assert_eq!(answer.json[BADGE], expect, "{operation}");
        assert_eq!(answer.json["schemas"], json!([USER, BADGE]));
    }
    for (operation, scim_type) in [
        (json!({"op": "replace", "path": format!("{BADGE}:maker"), "value": "N"}), "mutability"),
        (json!({"op": "replace", "path": format!("{BADGE}:printed"), "value": "2011-05-13T04:42:34Z"}), "mutability"),
        (json!({"op": "replace", "path": format!("{BADGE}:number"), "value": "x"}), "invalidValue"),
        (json!({"op": "replace", "path": format!("{BADGE}:weight"), "value": 1}), "invalidPath"),
        (
            json!({"op": "replace", "path": format!("{BADGE}:doors[value eq \"w\"]"), "value": {"type": "in"}}),
            "noTarget",
        ),
    ] {
        client.patch(&path, &json!([operation])).await.expect_error(400, Some(scim_type));
    }
}

#[tokio::test]
async fn an_extension_that_is_required() {
    let mut required = badge();
    required["required"] = true.into();
    required["schema"]["attributes"][0]["required"] = true.into();
    let server = server(json!({"schemas": [required]}));
    let client = server.client();
    for body in [json!({"schemas": [USER], "userName": "b"}), carrier("b", &json!({"colour": "red"}))] {
        let refused = client.post("/Users", &body).await.expect_error(400, Some("invalidValue"));
        assert!(refused.text.contains(BADGE), "{}", refused.text);
    }
    let user = client.post("/Users", &carrier("b", &json!({"number": 1}))).await.expect(201);
    let away = json!([{"op": "remove", "path": BADGE}]);
    client.patch(&format!("/Users/{}", user.id()), &away).await.expect_error(400, Some("mutability"));

    let types = client.get("/ResourceTypes/User").await.expect(200).json;
    assert_eq!(types["schemaExtensions"][1], json!({"schema": BADGE, "required": true}));
    let schema = client.get(&format!("/Schemas/{BADGE}")).await.expect(200).json;
    assert_eq!((&schema["id"], &schema["attributes"][0]["type"]), (&json!(BADGE), &json!("integer")));
}

/// `returned` counts in sub-attributes too, also where a stored document is served as it is.
#[tokio::test]
async fn a_sub_attribute_that_is_not_returned() {
    let lock = "urn:example:params:scim:schemas:extension:lock:2.0:User";
    let server = server(json!({"schemas": [{"extends": "User", "schema": {"id": lock, "name": "Lock", "attributes": [
        {"name": "lock", "type": "complex", "subAttributes": [
            {"name": "code", "mutability": "writeOnly", "returned": "never"},
            {"name": "note", "returned": "request"}, {"name": "state"}
        ]}
    ]}}]}));
    let client = server.client();
    let body =
        json!({"schemas": [USER], "userName": "b", lock: {"lock": {"code": "1234", "note": "n", "state": "shut"}}});
    let made = client.post("/Users", &body).await.expect(201);
    let path = format!("/Users/{}", made.id());
    let shown = json!({"lock": {"state": "shut"}});
    assert_eq!(made.json[lock], json!({"lock": {"note": "n", "state": "shut"}}));
    let retitled = json!([{"op": "replace", "path": "title", "value": "t"}]);
    assert_eq!(client.patch(&path, &retitled).await.expect(200).json[lock], shown);
    let noted = json!([{"op": "replace", "path": format!("{lock}:lock.note"), "value": "m"}]);
    let noted = client.patch(&path, &noted).await.expect(200);
    assert_eq!(noted.json[lock], json!({"lock": {"note": "m", "state": "shut"}}));
    assert_eq!(client.get(&path).await.expect(200).json[lock], shown);
    assert_eq!(client.get("/Users").await.expect(200).json["Resources"][0][lock], shown);
    assert_eq!(client.get(&format!("{path}?excludedAttributes=groups")).await.expect(200).json[lock], shown);
    let named = client.get(&format!("{path}?attributes={lock}:lock.note")).await.expect(200);
    assert_eq!(named.json[lock], json!({"lock": {"note": "m"}}));
}

#[tokio::test]
async fn a_resource_type_of_its_own_has_events_of_its_name() {
    let server = server(json!({"schemas": [device()]}));
    let client = server.client();
    let body = json!({"schemas": [DEVICE], "displayName": "BLE heart monitor", "active": true});
    let path = format!("/Devices/{}", client.post("/Devices", &body).await.expect(201).id());
    let rename = json!([{"op": "replace", "path": "displayName", "value": "Monitor"}]);
    client.patch(&path, &rename).await.expect(200);
    client.delete(&path).await.expect(204);
    let told = server.run(&["events", "--tenant", "test", "--types", "device.*", "--json"]);
    let lines = String::from_utf8(told.stdout).expect("UTF-8");
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    assert_eq!(types, ["scim.device.created", "scim.device.updated", "scim.device.deleted"]);
    assert!(events.iter().all(|event| event["resource"]["type"] == "Device"), "{lines}");
    assert_eq!(
        (&events[1]["attributes"], &events[2]["document"]["displayName"]),
        (&json!(["displayName"]), &json!("Monitor"))
    );
    let unknown = server.run(&["events", "--tenant", "test", "--types", "gadget.*"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("is no type of event"), "{unknown:?}");
}

#[tokio::test]
async fn a_resource_type_of_its_own() {
    let server = server(json!({"schemas": [device()]}));
    let client = server.client();
    let types = client.get("/ResourceTypes").await.expect(200).json;
    assert_eq!(types["totalResults"], 3);
    let declared = client.get("/ResourceTypes/Device").await.expect(200).json;
    assert_eq!((&declared["endpoint"], &declared["schema"]), (&json!("/Devices"), &json!(DEVICE)));

    client.post("/Devices", &json!({"schemas": [DEVICE]})).await.expect_error(400, Some("invalidValue"));
    let body = json!({"schemas": [DEVICE], "externalId": "d-1", "displayName": "BLE heart monitor", "active": false});
    let made = client.post("/Devices", &body).await.expect(201);
    let (id, path) = (made.id(), format!("/Devices/{}", made.id()));
    assert_eq!(made.header("location"), format!("{}{path}", server.base()));
    assert_eq!((&made.json["schemas"], &made.json["meta"]["resourceType"]), (&json!([DEVICE]), &json!("Device")));
    assert_eq!(client.get(&path).await.expect(200).json, made.json);
    client.get(&format!("/Users/{id}")).await.expect_error(404, None);

    let activated = client.patch(&path, &json!([{"op": "replace", "path": "active", "value": "True"}])).await;
    assert_eq!(activated.expect(200).json["active"], true);
    let replaced =
        json!({"schemas": [DEVICE], "displayName": "Monitor", "active": true, "mudUrl": "https://example.com/m"});
    let replaced = client.put(&path, &replaced).await.expect(200).json;
    assert_eq!((&replaced["displayName"], replaced.get("externalId")), (&json!("Monitor"), None));
    assert_eq!(found(&client, "/Devices", "displayName eq \"monitor\"").await, std::slice::from_ref(&id));
    assert_eq!(found(&client, "/Devices", "mudUrl pr and active eq true").await, std::slice::from_ref(&id));
    client
        .get(&format!("/Devices?filter={}", encoded("userName eq \"x\"")))
        .await
        .expect_error(400, Some("invalidFilter"));

    // Its place in groups.
    let user = client.user("b").await;
    let group = client.group("Ward", &[id.clone(), user.clone()]).await;
    let members = client.get(&format!("/Groups/{group}")).await.expect(200).json["members"].clone();
    let member = json!({
        "value": id, "$ref": format!("{}{path}", server.base()), "type": "Device", "display": "Monitor"
    });
    assert_eq!(members[0], member);
    let shown = client.get(&path).await.expect(200).json["groups"].clone();
    assert_eq!((&shown[0]["value"], &shown[0]["display"]), (&json!(group), &json!("Ward")));
    assert_eq!(found(&client, "/Devices", &format!("groups.value eq \"{group}\"")).await, std::slice::from_ref(&id));
    assert_eq!(found(&client, "/Users", &format!("groups.value eq \"{group}\"")).await, [user]);
    assert_eq!(found(&client, "/Groups", &format!("members.value eq \"{id}\"")).await, std::slice::from_ref(&group));
    let devices = json!([{"op": "remove", "path": "members[type eq \"Device\"]"}]);
    client.patch(&format!("/Groups/{group}"), &devices).await.expect(200);
    assert_eq!(client.members(&group).await.len(), 1);

    // Among all resources, in searches and in bulk requests.
    let all = client.get(&format!("?filter={}", encoded("displayName pr"))).await.expect(200).json;
    assert_eq!(all["totalResults"], 2);
    let searched = client.post("/Devices/.search", &json!({"filter": "active eq true"})).await.expect(200).json;
    assert_eq!(searched["totalResults"], 1);
    let bulk = json!({"Operations": [
        {"method": "POST", "path": "/Devices", "bulkId": "d", "data": {"schemas": [DEVICE], "active": true}},
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"schemas": [GROUP], "displayName": "New",
            "members": [{"value": "bulkId:d"}]}},
        {"method": "DELETE", "path": path}
    ]});
    let done = client.post("/Bulk", &bulk).await.expect(200).json;
    let statuses: Vec<_> =
        done["Operations"].as_array().into_iter().flatten().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [json!("201"), json!("201"), json!("204")], "{done}");
    client.get(&path).await.expect_error(404, None);
    TestServer::start().client().get("/Devices").await.expect_error(404, None);
}

#[tokio::test]
async fn a_strict_tenant_refuses_what_no_schema_knows() {
    let strict = server(json!({"strict": true}));
    let strict = strict.client();
    let lenient = TestServer::start();
    let lenient = lenient.client();
    let (mut ids, plain) = (Vec::new(), json!({"schemas": [USER], "userName": "b"}));
    for client in [&strict, &lenient] {
        ids.push(format!("/Users/{}", client.post("/Users", &plain).await.expect(201).id()));
    }
    for body in [
        json!({"schemas": [USER], "userName": "c", "shoeSize": 43}),
        json!({"schemas": [USER], "userName": "d", "name": {"nick": "x"}}),
        json!({"schemas": [USER], "userName": "e", "emails": [{"value": "x@example.com", "verified": true}]}),
        json!({"schemas": [USER, "urn:example:unknown"], "userName": "f"}),
        json!({"schemas": [USER], "userName": "g", "urn:example:unknown": {"a": 1}}),
    ] {
        strict.post("/Users", &body).await.expect_error(400, Some("invalidSyntax"));
        strict.put(&ids[0], &body).await.expect_error(400, Some("invalidSyntax"));
        let made = lenient.post("/Users", &body).await.expect(201);
        assert!(!made.text.contains("shoeSize") && !made.text.contains("urn:example"), "{}", made.text);
    }
    let unknown = json!([{"op": "add", "value": {"shoeSize": 43, "title": "Guide"}}]);
    strict.patch(&ids[0], &unknown).await.expect_error(400, Some("invalidSyntax"));
    assert_eq!(lenient.patch(&ids[1], &unknown).await.expect(200).json["title"], "Guide");
    // A path that names nothing is wrong everywhere (RFC 7644 §3.5.2).
    for (client, path) in [(&strict, &ids[0]), (&lenient, &ids[1])] {
        let unknown = json!([{"op": "add", "path": "shoeSize", "value": 43}]);
        client.patch(path, &unknown).await.expect_error(400, Some("invalidPath"));
    }
}

#[tokio::test]
async fn groups_may_share_a_name_where_the_tenant_says_so() {
    let shared = server(json!({"duplicate_group_names": true}));
    let shared = shared.client();
    let (first, second) = (shared.group("Guides", &[]).await, shared.group("guides", &[]).await);
    assert_eq!(found(&shared, "/Groups", "displayName eq \"GUIDES\"").await, [first, second]);

    let unique = TestServer::start();
    let unique = unique.client();
    unique.group("Guides", &[]).await;
    unique.post("/Groups", &json!({"displayName": "guides"})).await.expect_error(409, Some("uniqueness"));
    for (client, expect) in [(&shared, "none"), (&unique, "server")] {
        let schema = client.get(&format!("/Schemas/{GROUP}")).await.expect(200).json;
        assert_eq!(schema["attributes"][0]["uniqueness"], expect);
    }
}

#[tokio::test]
async fn discovery_needs_a_token_where_the_tenant_says_so() {
    let (open, closed) = (TestServer::start(), server(json!({"discovery_needs_token": true})));
    for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/ResourceTypes/User"] {
        open.client().send("GET", path, &[], None).await.expect(200);
        closed.client().send("GET", path, &[], None).await.expect_error(401, None);
        closed.client().get(path).await.expect(200);
        open.client().with_token("scim_wrong").get(path).await.expect_error(401, None);
    }
}

#[tokio::test]
async fn an_index_also_finds_what_was_there_before_it() {
    let mut server = TestServer::with(Options::args(&["--candidates", "100"]));
    let client = server.client();
    let one = |number: usize| {
        let user =
            json!({"schemas": [USER], "userName": format!("u{number}"), "title": format!("Title {}", number % 150)});
        json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": user})
    };
    let everyone: Vec<_> = (0..300).map(one).collect();
    client.post("/Bulk", &json!({"Operations": everyone})).await.expect(200);
    let by_title = format!("/Users?filter={}", encoded("title eq \"title 3\""));
    client.get(&by_title).await.expect_error(400, Some("tooMany"));

    let file = server.scratch("indexes.json");
    std::fs::write(&file, json!({"indexes": {"User": ["title"]}}).to_string()).expect("the settings");
    server.run_json(&["tenant", "set", "test", "--json", "--settings", &file.to_string_lossy()]);
    assert_eq!(client.get(&by_title).await.expect(200).json["totalResults"], 2);
    assert!(server.stop().success());
    server.launch();
    assert_eq!(found(&server.client(), "/Users", "title eq \"TITLE 3\"").await.len(), 2);
}

/// While an index is filled, queries go on without it: nobody is missing from any answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_missed_while_an_index_is_filled() {
    let server = TestServer::start();
    let client = server.client();
    for hundred in 0..10 {
        let one = |number: usize| {
            let user = json!({"schemas": [USER], "userName": format!("u{hundred}-{number}"), "title": "Guide"});
            json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": user})
        };
        let some: Vec<_> = (0..100).map(one).collect();
        client.post("/Bulk", &json!({"Operations": some})).await.expect(200);
    }
    let file = server.scratch("indexes.json");
    std::fs::write(&file, json!({"indexes": {"User": ["title"]}}).to_string()).expect("the settings");
    let by_title = format!("/Users?count=0&filter={}", encoded("title eq \"guide\""));
    let server = std::sync::Arc::new(server);
    let setting = {
        let (server, file) = (std::sync::Arc::clone(&server), file.to_string_lossy().into_owned());
        tokio::task::spawn_blocking(move || {
            server.run_json(&["tenant", "set", "test", "--json", "--settings", &file]);
        })
    };
    while !setting.is_finished() {
        assert_eq!(client.get(&by_title).await.expect(200).json["totalResults"], 1000);
    }
    setting.await.expect("the settings are set");
    assert_eq!(client.get(&by_title).await.expect(200).json["totalResults"], 1000);
}
