//! Filters (RFC 7644 §3.4.2.2), queries over several types (§3.4.2.1) and searches (§3.4.3).

use std::time::Duration;

use serde_json::{Value, json};

use super::{Shared, Tenant, filtered, names, query};
use crate::server::{ENTERPRISE, GROUP, USER};

static SERVER: Shared = Shared::new(&[]);

const GAUGE: &str = "urn:example:scim:2.0:Gauge";

/// Three users between whom every filter can tell, and a group.
async fn directory() -> Tenant {
    let tenant = SERVER.tenant_with(&json!({"schemas": [{
        "schema": {"id": GAUGE, "name": "Gauge", "attributes": [
            {"name": "whole", "type": "integer"}, {"name": "part", "type": "decimal"},
            {"name": "day", "type": "dateTime"}, {"name": "code", "caseExact": true},
            {"name": "flag", "type": "boolean"}, {"name": "blob", "type": "binary"},
            {"name": "link", "type": "reference", "caseExact": true},
            {"name": "tags", "multiValued": true}, {"name": "steps", "type": "integer", "multiValued": true}
        ]},
        "extends": "User"
    }]}));
    for body in [
        json!({
            "userName": "bjensen", "externalId": "bJ", "title": "Vice President", "userType": "Employee", "active": true,
            "name": {"familyName": "O'Malley", "givenName": "Bärbel"},
            "emails": [
                {"type": "work", "value": "bjensen@example.com", "primary": true},
                {"type": "home", "value": "babs@jensen.org"}
            ],
            ENTERPRISE: {"department": "Tours", "employeeNumber": "701984", "manager": {"value": "26118915"}},
            GAUGE: {
                "whole": 10, "part": 1.5, "day": "2011-05-13T04:42:34Z", "code": "aB", "flag": true, "blob": "aGk=",
                "link": "https://example.com/A", "tags": ["red", "Green"], "steps": [1, 20]
            }
        }),
        json!({
            "userName": "Jsmith", "title": "", "userType": "Intern", "active": false,
            "emails": [{"type": "work", "value": "jsmith@example.org"}, {"type": "other", "value": "j\"s@example.com"}],
            "ims": [{"type": "xmpp", "value": "jsmith@foo.com"}],
            ENTERPRISE: {"department": "tours"},
            GAUGE: {
                "whole": 9, "part": -2, "day": "2011-05-13T06:42:35+02:00", "code": "ab", "flag": false, "blob": "aGo=",
                "link": "https://example.com/a", "tags": ["blue"], "steps": [3]
            }
        }),
        json!({"userName": "back\\slash"}),
    ] {
        tenant.post("/Users", &body).await.expect(201);
    }
    tenant.group("Tour Guides", &[]).await;
    tenant
}

/// Filters over `/Users`, and the users that they find: b(jensen), J(smith), \ (the one of few words).
#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table, one row for each case")]
async fn each_operator_with_each_type() {
    let tenant = directory().await;
    let rows = [
        // Text without case.
        (r#"userName eq "BJENSEN""#, "b"),
        (r#"USERNAME EQ "bjensen""#, "b"),
        (r#"userName ne "bjensen""#, "J\\"),
        (r#"userName co "SMI""#, "J"),
        (r#"userName sw "j""#, "J"),
        (r#"userName ew "N""#, "b"),
        (r#"userName gt "bjensen""#, "J"),
        (r#"userName ge "bjensen""#, "bJ"),
        (r#"userName lt "bjensen""#, "\\"),
        (r#"userName le "bjensen""#, "b\\"),
        ("userName pr", "bJ\\"),
        (r#"userName eq "back\\slash""#, "\\"),
        (r#"userName eq "b\u006aensen""#, "b"),
        (r#"name.givenName eq "BÄRBEL""#, "b"),
        (r#"emails.value eq "j\"s@example.com""#, "J"),
        // Text with case.
        (r#"externalId eq "bJ""#, "b"),
        (r#"externalId eq "bj""#, ""),
        (r#"urn:example:scim:2.0:Gauge:code eq "ab""#, "J"),
        (r#"urn:example:scim:2.0:Gauge:code co "B""#, "b"),
        (r#"urn:example:scim:2.0:Gauge:code lt "ab""#, "b"),
        (r#"urn:example:scim:2.0:Gauge:code ne "ab""#, "b\\"),
        (r#"urn:example:scim:2.0:Gauge:link eq "https://example.com/a""#, "J"),
        (r#"urn:example:scim:2.0:Gauge:link sw "https://""#, "bJ"),
        (r#"urn:example:scim:2.0:Gauge:blob eq "aGk=""#, "b"),
        (r#"urn:example:scim:2.0:Gauge:blob ne "aGk=""#, "J\\"),
        // Booleans.
        ("active eq true", "b\\"),
        ("active eq false", "J"),
        ("active ne true", "J"),
        ("active ne false", "b\\"),
        ("active eq \"True\"", "b\\"),
        ("active pr", "bJ"),
        ("urn:example:scim:2.0:Gauge:flag eq true", "b"),
        ("urn:example:scim:2.0:Gauge:flag ne false", "b\\"),
        // Numbers, by value.
        ("urn:example:scim:2.0:Gauge:whole eq 10", "b"),
        ("urn:example:scim:2.0:Gauge:whole eq 10.0", "b"),
        ("urn:example:scim:2.0:Gauge:whole ne 10", "J\\"),
        ("urn:example:scim:2.0:Gauge:whole gt 9", "b"),
        ("urn:example:scim:2.0:Gauge:whole ge 9", "bJ"),
        ("urn:example:scim:2.0:Gauge:whole lt 10", "J"),
        ("urn:example:scim:2.0:Gauge:whole le 1e1", "bJ"),
        ("urn:example:scim:2.0:Gauge:part lt 0", "J"),
        ("urn:example:scim:2.0:Gauge:part eq 1.50", "b"),
        ("urn:example:scim:2.0:Gauge:part ge -2", "bJ"),
        // Instants, whatever the offset.
        (r#"urn:example:scim:2.0:Gauge:day eq "2011-05-13T06:42:34+02:00""#, "b"),
        (r#"urn:example:scim:2.0:Gauge:day ne "2011-05-13T04:42:34Z""#, "J\\"),
        (r#"urn:example:scim:2.0:Gauge:day gt "2011-05-13T04:42:34Z""#, "J"),
        (r#"urn:example:scim:2.0:Gauge:day ge "2011-05-13T04:42:34Z""#, "bJ"),
        (r#"urn:example:scim:2.0:Gauge:day lt "2011-05-13T04:42:35Z""#, "b"),
        (r#"urn:example:scim:2.0:Gauge:day le "2011-05-13T04:42:34.999Z""#, "b"),
        // Lists of simple values: any of them.
        (r#"urn:example:scim:2.0:Gauge:tags eq "RED""#, "b"),
        (r#"urn:example:scim:2.0:Gauge:tags co "ee""#, "b"),
        ("urn:example:scim:2.0:Gauge:tags pr", "bJ"),
        ("urn:example:scim:2.0:Gauge:steps gt 10", "b"),
        ("urn:example:scim:2.0:Gauge:steps lt 4", "bJ"),
        // Complex ones: any element; without a sub-attribute the value is meant.
        (r#"emails eq "BABS@jensen.org""#, "b"),
        (r#"emails.value ew ".org""#, "bJ"),
        (r#"emails.type eq "other""#, "J"),
        (r#"emails.type ne "work""#, "bJ\\"),
        ("emails.primary eq true", "b"),
        ("emails pr", "bJ"),
        ("emails.display pr", ""),
        ("name pr", "b"),
        ("name.familyName pr", "b"),
        // Nothing, empty and null.
        ("title pr", "b"),
        ("nickName pr", ""),
        ("title eq null", "J\\"),
        ("title ne null", "b"),
        (r#"nickName eq """#, ""),
        (r#"nickName ne "x""#, "bJ\\"),
        (r#"not (nickName eq "x")"#, "bJ\\"),
        // The extension.
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "TOURS""#, "bJ"),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "26118915""#, "b"),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "26118915""#, "b"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value pr", "b"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr", "bJ"),
        ("manager pr", "b"),
        (r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#, "bJ"),
        (r#"schemas co "gauge""#, "bJ"),
        // Meta.
        (r#"meta.resourceType eq "User""#, "bJ\\"),
        (r#"meta.resourceType eq "Group""#, ""),
        (r#"meta.resourceType ne "Group""#, "bJ\\"),
        (r#"meta.created gt "2020-01-01T00:00:00Z""#, "bJ\\"),
        (r#"meta.lastModified ge "2020-01-01T00:00:00Z""#, "bJ\\"),
        (r#"meta.lastModified lt "2020-01-01T00:00:00Z""#, ""),
        (r#"meta.location co "/scim/v2/Users/""#, "bJ\\"),
        ("meta.version pr", "bJ\\"),
        ("id pr", "bJ\\"),
        (r#"id eq "nonsense""#, ""),
    ];
    for (filter, expect) in rows {
        check(&tenant, filter, expect).await;
    }
}

/// RFC 7644 figure 2, where it asks for users that are here.
#[tokio::test]
async fn the_filters_of_the_rfc() {
    let tenant = directory().await;
    for (filter, expect) in [
        (r#"userName eq "bjensen""#, "b"),
        (r#"name.familyName co "O'Malley""#, "b"),
        (r#"userName sw "J""#, "J"),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#, "J"),
        ("title pr", "b"),
        (r#"meta.lastModified gt "2011-05-13T04:42:34Z""#, "bJ\\"),
        (r#"meta.lastModified ge "2011-05-13T04:42:34Z""#, "bJ\\"),
        (r#"meta.lastModified lt "2011-05-13T04:42:34Z""#, ""),
        (r#"meta.lastModified le "2011-05-13T04:42:34Z""#, ""),
        (r#"title pr and userType eq "Employee""#, "b"),
        (r#"title pr or userType eq "Intern""#, "bJ"),
        (r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#, "bJ"),
        (r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#, "b"),
        (r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#, "\\"),
        (r#"userType eq "Employee" and (emails.type eq "work")"#, "b"),
        (r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#, "b"),
        (r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#, "bJ"),
    ] {
        check(&tenant, filter, expect).await;
    }
}

#[tokio::test]
async fn precedence_and_brackets() {
    let tenant = directory().await;
    for (filter, expect) in [
        // `not` before `and` before `or` (§3.4.2.2 table 5).
        ("userName eq \"bjensen\" or active eq false and title pr", "b"),
        ("(userName eq \"bjensen\" or active eq false) and title pr", "b"),
        ("active eq false or userName eq \"bjensen\" and title pr", "bJ"),
        ("title pr and nickName pr or active eq false", "J"),
        ("title pr and (nickName pr or active eq false)", ""),
        ("not (title pr) and active pr", "J"),
        ("not (title pr or active eq false)", "\\"),
        ("not (not (title pr))", "b"),
        ("((((title pr))))", "b"),
        ("NOT (title PR) AND active PR OR title pr", "bJ"),
        // In brackets one element must satisfy everything; outside, any does for each part.
        (r#"emails[type eq "work" and value ew ".org"]"#, "J"),
        (r#"emails.type eq "work" and emails.value ew ".org""#, "bJ"),
        (r#"emails[type eq "work" and value eq "babs@jensen.org"]"#, ""),
        (r#"emails[type eq "home" or value co "example.org"]"#, "bJ"),
        (r#"emails[not (type eq "work")]"#, "bJ"),
        (r#"not (emails[type eq "work"])"#, "\\"),
        (r#"emails[type eq "work"] and not (emails[primary eq true])"#, "J"),
        (r#"emails[type eq "work" and (primary eq true or value sw "jsmith")]"#, "bJ"),
        ("emails[primary pr]", "b"),
        (r#"name[familyName co "malley" and givenName pr]"#, "b"),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "home"]"#, "b"),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager[value eq "26118915"]"#, "b"),
        (r#"emails[type eq "work"].value eq "jsmith@example.org""#, "J"),
        // An index finds the candidates, the rest is looked at.
        (r#"userName eq "bjensen" and active eq false"#, ""),
        (r#"userName eq "bjensen" and active eq true"#, "b"),
        (r#"userName eq "bjensen" or userName eq "jsmith""#, "bJ"),
        (r#"userName eq "bjensen" or userName eq "BJENSEN""#, "b"),
        (r#"userName sw "b" and userName ew "h""#, "\\"),
        (r#"emails.value eq "bjensen@example.com" and emails.value eq "babs@jensen.org""#, "b"),
    ] {
        check(&tenant, filter, expect).await;
    }
}

async fn check(tenant: &Tenant, filter: &str, expect: &str) {
    let known = [("b", "bjensen"), ("J", "Jsmith"), ("\\", "back\\slash")];
    let mut expect: Vec<_> = known.iter().filter(|(short, _)| expect.contains(short)).map(|(_, name)| *name).collect();
    let mut found = tenant.names(&filtered("/Users", filter)).await;
    let search = tenant.post("/Users/.search", &json!({"filter": filter})).await.expect(200).json;
    assert_eq!(search["totalResults"], expect.len(), "{filter}");
    assert_eq!(names(&search), found, "{filter}: GET and .search agree");
    expect.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expect, "{filter}");
}

#[tokio::test]
async fn filters_that_are_refused() {
    let tenant = directory().await;
    let deep = |levels: usize| format!("{}title pr{}", "(".repeat(levels), ")".repeat(levels));
    let long = format!("title eq \"{}\"", "x".repeat(9000));
    for (filter, words) in [
        ("", "character 1"),
        (" ", "expected an attribute name"),
        ("userName", "character 9"),
        ("userName eq", "character 12"),
        ("userName is \"x\"", "character 10"),
        ("userName eq \"x", "closing quote"),
        ("userName eq \"\\x\"", "character 13"),
        ("userName eq \"x\" and", "expected"),
        ("userName eq \"x\" xor title pr", "character 17"),
        ("and title pr", "expected"),
        ("(title pr", "expected"),
        ("title pr)", "character 9"),
        ("emails[type eq \"work\"", "expected"),
        ("emails[]", "expected"),
        ("emails[emails[type pr]]", "brackets"),
        ("ünicode eq \"x\"", "character 1"),
        ("username2 eq \"x\"", "username2"),
        ("usrName eq \"x\"", "did you mean \"userName\""),
        ("emails.nothing pr", "nothing"),
        ("emails[nothing pr]", "nothing"),
        ("userName[value eq \"x\"]", "userName"),
        ("urn:example:unknown:userName eq \"x\"", "urn:example:unknown"),
        ("active gt true", "active"),
        ("active co \"t\"", "active"),
        ("active eq 1", "active"),
        ("urn:example:scim:2.0:Gauge:blob gt \"aGk=\"", "blob"),
        ("urn:example:scim:2.0:Gauge:whole eq \"ten\"", "whole"),
        ("urn:example:scim:2.0:Gauge:whole co 1", "whole"),
        ("urn:example:scim:2.0:Gauge:day eq \"yesterday\"", "day"),
        ("meta.lastModified gt 7", "lastModified"),
        ("userName gt null", "null"),
        ("name eq \"x\"", "name"),
        ("password pr", "password"),
        (&deep(40), "nesting"),
        (&long, "longer"),
    ] {
        tenant.refused("GET", &filtered("/Users", filter), &Value::Null, 400, "invalidFilter", words).await;
        tenant.refused("POST", "/Users/.search", &json!({"filter": filter}), 400, "invalidFilter", words).await;
    }
    tenant.ok("GET", &filtered("/Users", &deep(20)), &Value::Null, 200, &json!({"totalResults": 1})).await;
    let many = vec!["title pr"; 500].join(" or ");
    tenant.ok("GET", &filtered("/Users", &many), &Value::Null, 200, &json!({"totalResults": 1})).await;
}

/// RFC 7644 §3.4.2.1: from the root, over all types.
#[tokio::test]
async fn queries_over_all_types() {
    let tenant = directory().await;
    for (filter, expect) in [
        ("", vec!["bjensen", "Jsmith", "back\\slash", "Tour Guides"]),
        (
            "(meta.resourceType eq User) or (meta.resourceType eq Group)",
            vec!["bjensen", "Jsmith", "back\\slash", "Tour Guides"],
        ),
        (r#"meta.resourceType eq "Group""#, vec!["Tour Guides"]),
        (r#"userName eq "bjensen""#, vec!["bjensen"]),
        (r#"displayName eq "tour guides""#, vec!["Tour Guides"]),
        (r#"displayName pr or userName sw "j""#, vec!["Jsmith", "Tour Guides"]),
        (r#"userName ne "bjensen""#, vec!["Jsmith", "back\\slash", "Tour Guides"]),
        ("not (userName pr)", vec!["Tour Guides"]),
        ("active eq null", vec!["back\\slash", "Tour Guides"]),
        ("members pr", vec![]),
        ("id pr", vec!["bjensen", "Jsmith", "back\\slash", "Tour Guides"]),
    ] {
        let path = if filter.is_empty() { "/".to_owned() } else { filtered("/", filter) };
        assert_eq!(tenant.names(&path).await, expect, "{filter}");
        let body = if filter.is_empty() { json!({}) } else { json!({"filter": filter}) };
        let search = tenant.post("/.search", &body).await.expect(200).json;
        assert_eq!(names(&search), expect, "{filter}");
        assert_eq!(search["totalResults"], expect.len());
    }
    let list = tenant.get("/").await.expect(200).json;
    assert_eq!(list["Resources"][0]["schemas"], json!([USER, ENTERPRISE, GAUGE]));
    assert_eq!(list["Resources"][3]["schemas"], json!([GROUP]));
    assert_eq!(list["Resources"][3]["meta"]["resourceType"], "Group");
    tenant.refused("GET", &filtered("/", "password pr"), &Value::Null, 400, "invalidFilter", "password").await;
    tenant.refused("GET", &filtered("/", "userName eq"), &Value::Null, 400, "invalidFilter", "character 12").await;
}

#[tokio::test]
async fn members_and_groups_in_filters() {
    let tenant = SERVER.tenant();
    let ids = tenant.users(["a", "b", "c"].map(str::to_owned)).await;
    let inner = tenant.group("inner", &ids[..1]).await;
    let outer = tenant.group("outer", &[ids[0].clone(), ids[1].clone(), inner.clone()]).await;
    tenant.group("empty", &[]).await;
    for (path, filter, expect) in [
        ("/Groups", format!("members.value eq \"{}\"", ids[0]), "inner outer"),
        ("/Groups", format!("members[value eq \"{}\"]", ids[1]), "outer"),
        ("/Groups", format!("members eq \"{}\"", ids[1]), "outer"),
        ("/Groups", format!("members.value eq \"{inner}\""), "outer"),
        ("/Groups", format!("members.value eq \"{}\" and members.value eq \"{}\"", ids[0], ids[1]), "outer"),
        ("/Groups", format!("displayName sw \"o\" and members.value eq \"{}\"", ids[0]), "outer"),
        ("/Groups", "members pr".to_owned(), "inner outer"),
        ("/Groups", "not (members pr)".to_owned(), "empty"),
        ("/Groups", "members.type eq \"Group\"".to_owned(), "outer"),
        ("/Groups", "members.display eq \"B\"".to_owned(), "outer"),
        ("/Groups", "members.value eq \"nonsense\"".to_owned(), ""),
        ("/Users", format!("groups.value eq \"{outer}\""), "a b"),
        ("/Users", format!("groups eq \"{inner}\""), "a"),
        ("/Users", "groups.display eq \"OUTER\"".to_owned(), "a b"),
        ("/Users", "groups pr".to_owned(), "a b"),
        ("/Users", "not (groups pr)".to_owned(), "c"),
        ("/Users", format!("groups.value eq \"{outer}\" and userName ne \"a\""), "b"),
        ("/Groups", format!("id eq \"{outer}\" or id eq \"{inner}\""), "inner outer"),
        ("/Users", format!("id eq \"{}\"", ids[2]), "c"),
        ("/Users", format!("id eq \"{inner}\""), ""),
    ] {
        let mut found = tenant.names(&filtered(path, &filter)).await;
        found.sort_unstable();
        assert_eq!(found.join(" "), expect, "{filter}");
    }
}

/// Filter, sort, page and projection together, in a GET and in a search.
#[tokio::test]
async fn everything_together() {
    let tenant = SERVER.tenant();
    for (i, name) in ["e", "c", "a", "d", "b", "x"].into_iter().enumerate() {
        let body =
            json!({"userName": name, "title": if name == "x" { "other" } else { "same" }, "nickName": i.to_string()});
        tenant.post("/Users", &body).await.expect(201);
    }
    let path = query(
        "/Users",
        &[
            ("filter", "title eq \"same\""),
            ("sortBy", "userName"),
            ("sortOrder", "descending"),
            ("startIndex", "2"),
            ("count", "2"),
            ("attributes", "userName"),
        ],
    );
    let expect = json!({"totalResults": 5, "itemsPerPage": 2, "startIndex": 2, "Resources": [{"userName": "d", "title": "*absent*"}, {"userName": "c"}]});
    tenant.ok("GET", &path, &Value::Null, 200, &expect).await;
    let search = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": "title eq \"same\"", "sortBy": "userName", "sortOrder": "descending", "startIndex": 2, "count": 2,
        "attributes": ["userName"]
    });
    let found = tenant.ok("POST", "/Users/.search", &search, 200, &expect).await;
    assert_eq!(found.json["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    tenant.ok("POST", "/.search", &search, 200, &expect).await;
    tenant
        .ok("POST", "/Groups/.search", &json!({}), 200, &json!({"totalResults": 0, "Resources": {"$exact": []}}))
        .await;
    for (body, scim_type, words) in [
        (json!([]), "invalidSyntax", "object"),
        (json!({"schemas": ["urn:x"]}), "invalidSyntax", "SearchRequest"),
        (json!({"count": "two"}), "invalidValue", "count"),
        (json!({"count": true}), "invalidSyntax", "count"),
        (json!({"filter": 7}), "invalidSyntax", "filter"),
        (json!({"attributes": ["a"], "excludedAttributes": ["b"]}), "invalidValue", "excludedAttributes"),
        (json!({"sortOrder": "up"}), "invalidValue", "sortOrder"),
    ] {
        tenant.refused("POST", "/Users/.search", &body, 400, scim_type, words).await;
    }
}

/// What changed since: the way in which clients of a directory keep up.
#[tokio::test]
async fn what_changed_since() {
    let tenant = SERVER.tenant();
    let id = tenant.user("a").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let b = tenant.post("/Users", &json!({"userName": "b"})).await.expect(201);
    let at = b.json["meta"]["lastModified"].as_str().expect("a time").to_owned();
    for (filter, expect) in [
        (format!("meta.lastModified gt \"{at}\""), vec![]),
        (format!("meta.lastModified ge \"{at}\""), vec!["b"]),
        (format!("meta.lastModified lt \"{at}\""), vec!["a"]),
        (format!("meta.lastModified le \"{at}\""), vec!["a", "b"]),
        (format!("meta.lastModified eq \"{at}\""), vec!["b"]),
        (format!("meta.lastModified ne \"{at}\""), vec!["a"]),
        (format!("meta.created ge \"{at}\""), vec!["b"]),
    ] {
        assert_eq!(tenant.names(&filtered("/Users", &filter)).await, expect, "{filter}");
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    tenant.patch(&format!("/Users/{id}"), &json!([{"op": "add", "path": "title", "value": "x"}])).await.expect(200);
    assert_eq!(tenant.names(&filtered("/Users", &format!("meta.lastModified gt \"{at}\""))).await, ["a"]);
    assert_eq!(tenant.names(&filtered("/Users", &format!("meta.created ge \"{at}\""))).await, ["b"]);
}

/// A question that would look at more than the server is willing to: `tooMany`, unless there is an
/// index, or the client walks.
#[tokio::test]
async fn a_question_that_costs_too_much() {
    static SMALL: Shared = Shared::new(&["--candidates", "300"]);
    let tenant = SMALL.tenant();
    let create = |i| json!({"method": "POST", "path": "/Users", "bulkId": format!("{i}"), "data": {"userName": format!("u{i:03}")}});
    let operations: Vec<_> = (0..600).map(create).collect();
    tenant.post("/Bulk", &json!({"Operations": operations})).await.expect(200);
    for path in [
        filtered("/Users", "nickName pr"),
        filtered("/Users", "not (userName eq \"u007\")"),
        filtered("/Users", "userName eq \"u007\" or nickName pr"),
        query("/Users", &[("sortBy", "nickName")]),
        query("/Users", &[("sortBy", "nickName"), ("cursor", "")]),
    ] {
        tenant.refused("GET", &path, &Value::Null, 400, "tooMany", "300").await;
    }
    for filter in ["userName eq \"u007\"", "userName eq \"u007\" and nickName eq null", "userName sw \"u007\""] {
        assert_eq!(tenant.names(&filtered("/Users", filter)).await, ["u007"]);
    }
    tenant
        .ok("GET", &query("/Users", &[("sortBy", "userName")]), &Value::Null, 200, &json!({"totalResults": 600}))
        .await;
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for _ in 0..20 {
        let page = query("/Users", &[("filter", "userName ew \"77\""), ("cursor", &cursor)]);
        let list = tenant.get(&page).await.expect(200).json;
        found.extend(names(&list));
        match list["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let expect: Vec<_> = (0..6).map(|hundred| format!("u{hundred}77")).collect();
    assert_eq!(found, expect, "a walk goes on where a page ended early");
}
