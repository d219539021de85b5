//! Microsoft Entra ID: both forms of its PATCH, and what its validator sends.

use serde_json::json;

use super::*;

#[test]
fn entra_creates() {
    check_post(
        json!({"schemas": [U, ENT], "externalId": "0a21f0f2", "userName": "Test_User", "active": true,
            "emails": [{"primary": true, "type": "work", "value": "t@testuser.com"}], "meta": {"resourceType": "User"},
            "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"}, "roles": []}),
        json!({"schemas": [U], "externalId": "0a21f0f2", "userName": "Test_User",
            "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"},
            "active": true, "emails": [{"value": "t@testuser.com", "type": "work", "primary": true}]}),
    );
    // Nulls, attributes at the wrong level, and a URN with a misprint, all from the documentation.
    check_post(
        json!({"schemas": [U, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"], "externalId": "jyoung",
            "userName": "jyoung@testuser.com", "active": true, "addresses": null, "displayName": "Joy Young",
            "emails": [{"type": "work", "value": "jyoung@Contoso.com", "primary": true}], "meta": {"resourceType": "User"},
            "name": {"familyName": "Young", "givenName": "Joy"}, "phoneNumbers": null, "preferredLanguage": null,
            "title": null, "department": null, "manager": null}),
        json!({"schemas": [U], "externalId": "jyoung", "userName": "jyoung@testuser.com",
            "name": {"familyName": "Young", "givenName": "Joy"}, "displayName": "Joy Young", "active": true,
            "emails": [{"value": "jyoung@Contoso.com", "type": "work", "primary": true}]}),
    );
    check_post(
        json!({"schemas": [G, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "8aa1a0c0", "displayName": "displayName", "meta": {"resourceType": "Group"}}),
        json!({"schemas": [G], "externalId": "8aa1a0c0", "displayName": "displayName"}),
    );
    check_post(
        user(json!({ENT: {"manager": "myuser"}})),
        user(json!({"schemas": [U, ENT], ENT: {"manager": {"value": "myuser"}}})),
    );
}

/// Every value that the validator posts must come back as it was sent.
#[test]
fn entra_validator_creates() {
    let body = json!({"userName": "julien.vonrueden@ondricka.us", "active": true, "displayName": "NDSQQTECVAAC", "title": "CJSGUNOAAMMQ",
        "emails": [{"type": "work", "value": "thaddeus@hammes.info", "primary": true}], "preferredLanguage": "hi",
        "name": {"givenName": "Elfrieda", "familyName": "Urban", "formatted": "Myah", "middleName": "Cindy",
            "honorificPrefix": "Minerva", "honorificSuffix": "Micaela"},
        "addresses": [{"type": "work", "formatted": "ZQEHBLETAAQE", "streetAddress": "25928 Katlyn Row",
            "locality": "YRAKBQCGOHZF", "region": "XCCVLAIDMQYR", "postalCode": "cx47 4mz", "primary": true, "country": "Sierra Leone"}],
        "phoneNumbers": [{"type": "work", "value": "10-040-1308", "primary": true}, {"type": "mobile", "value": "10-040-1308"},
            {"type": "fax", "value": "10-040-1308"}],
        ENT: {"employeeNumber": "OXYYEGWVLTGW", "department": "ZYWTBPDFHIIP", "costCenter": "ASHTVSKANCGL",
            "organization": "DPQRRHJMBXZE", "division": "WXNFEJQDRAVI", "manager": {"value": "XYMKVVRYDIOO"}},
        "roles": [{"primary": "True", "display": "MRONYWGFFHXQ", "value": "WDEIISGWWQBE", "type": "XVTUOHMYUFRL"}],
        "userType": "GZILLRZCFPNC", "nickName": "FOGSIQTKHIPG", "locale": "RJWNTUNNOHNZ", "timezone": "America/Guayaquil",
        "profileUrl": "BAPNQLJSRQGD", "schemas": [U, ENT]});
    let mut expect = body.clone();
    expect["roles"][0]["primary"] = json!(true);
    check_post(body, expect);
}

#[test]
fn entra_with_and_without_its_flag() {
    let active = |active: bool| user(json!({"active": active}));
    for value in [json!("False"), json!(false)] {
        for op in ["Replace", "replace", "REPLACE", "Add"] {
            check(active(true), json!({"op": op, "path": "active", "value": value}), active(false));
        }
    }
    let babs = user(json!({"nickName": "Babs"}));
    for op in ["Add", "add"] {
        check(user(json!({})), json!({"op": op, "path": "nickName", "value": "Babs"}), babs.clone());
    }
    let after =
        user(json!({"displayName": "Bjfe", "name": {"givenName": "Kkom", "familyName": "Unua"}, "externalId": "e",
        "emails": [{"value": "TestMhvaes@test.microsoft.com", "type": "work"}], ENT: {"employeeNumber": "Aklq"}}));
    let number = format!("{ENT}:employeeNumber");
    check(
        user(json!({"externalId": "old"})),
        json!([
            {"op": "Replace", "path": "displayName", "value": "Bjfe"},
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "TestMhvaes@test.microsoft.com"},
            {"op": "Replace", "path": "name.givenName", "value": "Kkom"},
            {"op": "Replace", "path": "name.familyName", "value": "Unua"},
            {"op": "Replace", "path": "externalId", "value": "e"},
            {"op": "Replace", "path": number, "value": "Aklq"}
        ]),
        after.clone(),
    );
    check(
        user(json!({"externalId": "e"})),
        json!([
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "TestMhvaes@test.microsoft.com"},
            {"op": "replace", "value": {"displayName": "Bjfe", "name.givenName": "Kkom", "name.familyName": "Unua", number: "Aklq"}}
        ]),
        after,
    );
    let member = "f648f8d5ea4e4cd38e9c";
    for op in ["Remove", "remove"] {
        check(group(&[member, "1"]), json!({"op": op, "path": "members", "value": [{"value": member}]}), group(&["1"]));
        let value = json!([{"$ref": null, "value": member}]);
        check(group(&[member, "1"]), json!({"op": op, "path": "members", "value": value}), group(&["1"]));
        let path = format!("members[value eq \"{member}\"]");
        check(group(&[member, "1"]), json!({"op": op, "path": path}), group(&["1"]));
        check(group(&["1"]), json!({"op": op, "path": path}), group(&["1"]));
    }
    for op in ["Add", "add"] {
        let value = json!([{"$ref": null, "value": member}]);
        check(group(&["1"]), json!({"op": op, "path": "members", "value": value}), group(&["1", member]));
        check(group(&["1", member]), json!({"op": op, "path": "members", "value": value}), group(&["1", member]));
    }
}

#[test]
fn entra_changes_one_value() {
    check(
        user(json!({})),
        json!({"op": "replace", "value": {"userName": "emilio@hermann.uk"}}),
        json!({"userName": "emilio@hermann.uk"}),
    );
    for op in ["add", "Replace"] {
        for (attribute, path, element) in [
            ("emails", "emails[type eq \"work\"].value", json!({"value": "x", "type": "work"})),
            ("emails", "emails[type eq \"other\"].Value", json!({"value": "x", "type": "other"})),
            ("addresses", "addresses[type eq \"work\"].formatted", json!({"formatted": "x", "type": "work"})),
            ("phoneNumbers", "phoneNumbers[type eq \"mobile\"].value", json!({"value": "x", "type": "mobile"})),
            ("phoneNumbers", "phoneNumbers[type eq \"untyped\"].value", json!({"value": "x", "type": "untyped"})),
        ] {
            check(
                user(json!({})),
                json!({"op": op, "path": path, "value": "x"}),
                user(json!({ attribute: [element] })),
            );
        }
    }
    check(
        user(json!({"emails": [{"value": "a", "type": "work"}]})),
        json!({"op": "add", "path": "emails[type eq \"work\"].primary", "value": true}),
        user(json!({"emails": [{"value": "a", "type": "work", "primary": true}]})),
    );
    check(
        user(json!({})),
        json!([
            {"op": "add", "path": "roles[primary eq \"True\"].value", "value": "v"},
            {"op": "add", "path": "roles[primary eq \"True\"].display", "value": "d"},
            {"op": "add", "path": "roles[primary eq \"True\"].type", "value": "t"}
        ]),
        user(json!({"roles": [{"value": "v", "display": "d", "type": "t", "primary": true}]})),
    );
    check(
        user(json!({"emails": [{"value": "old@e.com", "type": "work"}]})),
        json!({"op": "Remove", "path": "emails[type eq \"work\"].value", "value": "old@e.com"}),
        user(json!({"emails": [{"type": "work"}]})),
    );
    check(
        user(json!({})),
        json!({"op": "Add", "path": "roles", "value": [{"value": "{\"id\":\"1\",\"value\":\"Admin\",\"displayName\":\"Admin\"}"}]}),
        user(json!({"roles": [{"value": "{\"id\":\"1\",\"value\":\"Admin\",\"displayName\":\"Admin\"}"}]})),
    );
    check(
        user(json!({"roles": [{"value": "1"}]})),
        json!({"op": "replace", "path": "roles", "value": [
            {"display": "25", "primary": false, "type": "WindowsAzureActiveDirectoryRole", "value": "25"}]}),
        user(
            json!({"roles": [{"value": "25", "display": "25", "type": "WindowsAzureActiveDirectoryRole", "primary": false}]}),
        ),
    );
    check(
        user(json!({})),
        json!({"op": "add", "path": "phoneNumbers", "value": [{"value": "1", "primary": "1-648-081-5815 x2534"}]}),
        user(json!({"phoneNumbers": [{"value": "1"}]})),
    );
}

#[test]
fn entra_manager() {
    let path = format!("{ENT}:manager");
    let managed = |id: &str| user(json!({ENT: {"manager": {"value": id}}}));
    for op in ["add", "Replace"] {
        for value in [json!({"value": "AXTKDLNRKMKT"}), json!("AXTKDLNRKMKT")] {
            for before in [user(json!({})), managed("old")] {
                check(before, json!({"op": op, "path": path, "value": value}), managed("AXTKDLNRKMKT"));
            }
        }
        check(
            user(json!({})),
            json!({"op": op, "path": "manager", "value": [{"$ref": "http://x/Users/x", "value": "x"}]}),
            user(json!({ENT: {"manager": {"value": "x", "$ref": "http://x/Users/x"}}})),
        );
    }
    for value in [json!({"value": ""}), json!(""), json!(null), json!([]), json!({"value": null})] {
        check(managed("old"), json!({"op": "replace", "path": path, "value": value}), user(json!({})));
        check(managed("old"), json!({"op": "replace", "value": {ENT: {"manager": value}}}), user(json!({})));
    }
    check(managed("old"), json!({"op": "remove", "path": path}), user(json!({})));
    check(user(json!({})), json!({"op": "remove", "path": path}), user(json!({})));
}

#[test]
fn entra_unassigns_with_empty_and_null() {
    let before = user(json!({"title": "Boss", "name": {"givenName": "B", "familyName": "J"}}));
    let without_title = user(json!({"name": {"givenName": "B", "familyName": "J"}}));
    let without_name = user(json!({"title": "Boss", "name": {"familyName": "J"}}));
    for nothing in [json!(""), json!(null)] {
        check(before.clone(), json!({"op": "replace", "path": "title", "value": nothing}), without_title.clone());
        check(before.clone(), json!({"op": "replace", "value": {"title": nothing}}), without_title.clone());
        check(before.clone(), json!({"op": "replace", "value": {"name.givenName": nothing}}), without_name.clone());
        check(
            before.clone(),
            json!({"op": "replace", "path": "name", "value": {"givenName": nothing}}),
            without_name.clone(),
        );
        let path = "emails[type eq \"work\"].value";
        check(before.clone(), json!({"op": "replace", "path": path, "value": nothing}), before.clone());
    }
}

#[test]
fn entra_several_operations() {
    check(
        user(json!({"preferredLanguage": "hi", "displayName": "old"})),
        json!([
            {"op": "remove", "path": "preferredLanguage"},
            {"op": "add", "path": "externalId", "value": "e"},
            {"op": "replace", "path": "displayName", "value": "new"}
        ]),
        user(json!({"externalId": "e", "displayName": "new"})),
    );
    check(
        user(json!({"externalId": "1"})),
        json!([
            {"op": "remove", "path": "externalId"},
            {"op": "add", "path": "externalId", "value": "2"},
            {"op": "replace", "path": "externalId", "value": "3"}
        ]),
        user(json!({"externalId": "3"})),
    );
    // Changes of a group's own attributes leave the members alone.
    let with = |more: Value| {
        let mut group = group(&["1", "2"]);
        group.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        group
    };
    check(
        group(&["1", "2"]),
        json!({"op": "replace", "value": {"externalId": "663fa3a8"}}),
        with(json!({"externalId": "663fa3a8"})),
    );
    check(
        group(&["1", "2"]),
        json!({"op": "replace", "value": {"displayName": "n"}}),
        with(json!({"displayName": "n"})),
    );
    check(
        group(&["1"]),
        json!({"op": "replace", "path": "members", "value": [{"value": "805d32c6"}]}),
        group(&["805d32c6"]),
    );
    check(
        group(&["1"]),
        json!([
            {"op": "add", "path": "members", "value": [{"value": "x"}]},
            {"op": "remove", "path": "members[value eq \"x\"]"}
        ]),
        group(&["1"]),
    );
}

/// "Add Attributes Verbose" of the validator: one `add` for each attribute, then all are compared.
#[test]
fn entra_adds_every_attribute() {
    let ent = |name: &str| format!("{ENT}:{name}");
    let paths = [
        "active",
        "displayName",
        "title",
        "emails[type eq \"work\"].value",
        "emails[type eq \"work\"].primary",
        "preferredLanguage",
        "name.givenName",
        "name.familyName",
        "name.formatted",
        "name.middleName",
        "name.honorificPrefix",
        "name.honorificSuffix",
        "addresses[type eq \"work\"].formatted",
        "addresses[type eq \"work\"].streetAddress",
        "addresses[type eq \"work\"].locality",
        "addresses[type eq \"work\"].region",
        "addresses[type eq \"work\"].postalCode",
        "addresses[type eq \"work\"].primary",
        "addresses[type eq \"work\"].country",
        "phoneNumbers[type eq \"work\"].value",
        "phoneNumbers[type eq \"work\"].primary",
        "phoneNumbers[type eq \"mobile\"].value",
        "phoneNumbers[type eq \"fax\"].value",
        &ent("employeeNumber"),
        &ent("department"),
        &ent("costCenter"),
        &ent("organization"),
        &ent("division"),
        "roles[primary eq \"True\"].display",
        "roles[primary eq \"True\"].value",
        "roles[primary eq \"True\"].type",
        "userType",
        "nickName",
        "locale",
        "timezone",
        "profileUrl",
    ];
    let is_boolean = |path: &str| path == "active" || path.ends_with("].primary");
    let operations: Vec<Value> = paths
        .iter()
        .map(
            |path| json!({"op": "add", "path": path, "value": if is_boolean(path) { json!(true) } else { json!("x") }}),
        )
        .collect();
    check(
        user(json!({})),
        operations.into(),
        user(json!({
            "active": true, "displayName": "x", "title": "x", "emails": [{"value": "x", "type": "work", "primary": true}],
            "preferredLanguage": "x", "name": {"formatted": "x", "familyName": "x", "givenName": "x", "middleName": "x",
                "honorificPrefix": "x", "honorificSuffix": "x"},
            "addresses": [{"formatted": "x", "streetAddress": "x", "locality": "x", "region": "x", "postalCode": "x",
                "country": "x", "type": "work", "primary": true}],
            "phoneNumbers": [{"value": "x", "type": "work", "primary": true}, {"value": "x", "type": "mobile"},
                {"value": "x", "type": "fax"}],
            ENT: {"employeeNumber": "x", "department": "x", "costCenter": "x", "organization": "x", "division": "x"},
            "roles": [{"value": "x", "display": "x", "type": "x", "primary": true}],
            "userType": "x", "nickName": "x", "locale": "x", "timezone": "x", "profileUrl": "x"
        })),
    );
}
