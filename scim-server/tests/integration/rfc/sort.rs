//! Sorting (RFC 7644 §3.4.2.3).

use serde_json::{Value, json};

use super::{Shared, Tenant, names, query};
use crate::server::{ENTERPRISE, USER};

static SERVER: Shared = Shared::new(&[]);

const SCALE: &str = "urn:example:scim:2.0:Scale";

async fn people() -> Tenant {
    let tenant = SERVER.tenant_with(&json!({"schemas": [{
        "schema": {"id": SCALE, "name": "Scale", "attributes": [
            {"name": "whole", "type": "integer"}, {"name": "part", "type": "decimal"},
            {"name": "day", "type": "dateTime"}, {"name": "exact", "caseExact": true}
        ]},
        "extends": "User"
    }]}));
    for body in [
        json!({
            "userName": "Carl", "title": "b", "active": true, "name": {"familyName": "Zorn"},
            "emails": [{"value": "z@example.com"}, {"value": "b@example.com", "primary": true}],
            SCALE: {"whole": 10, "part": -0.5, "day": "2020-01-01T00:00:00Z", "exact": "a"},
            ENTERPRISE: {"department": "2", "manager": {"value": "m1"}}
        }),
        json!({
            "userName": "anna", "title": "B", "active": false, "name": {"familyName": "ärger"},
            "emails": [{"value": "c@example.com"}, {"value": "a@example.com"}],
            SCALE: {"whole": 9, "part": 1e3, "day": "2020-01-01T01:00:00+02:00", "exact": "B"},
            ENTERPRISE: {"department": "10", "manager": {"value": "m2"}}
        }),
        json!({"userName": "Bert", "title": "a", "emails": [{"value": "A@example.com"}], SCALE: {"whole": -1, "part": 0, "exact": "A"}}),
        json!({"userName": "dora"}),
    ] {
        tenant.post("/Users", &body).await.expect(201);
    }
    tenant
}

/// Ascending; descending is the same backwards, with ties backwards too. What has no value comes last,
/// and first when descending.
#[tokio::test]
async fn every_type_has_its_order() {
    let tenant = people().await;
    for (sort_by, expect) in [
        // Indexed and required: the index itself is walked.
        ("userName", "anna Bert Carl dora"),
        ("USERNAME", "anna Bert Carl dora"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName", "anna Bert Carl dora"),
        ("id", "Carl anna Bert dora"),
        ("meta.created", "Carl anna Bert dora"),
        ("meta.lastModified", "Carl anna Bert dora"),
        ("meta.resourceType", "Carl anna Bert dora"),
        // Text without case; ties in the order of creation.
        ("title", "Bert Carl anna dora"),
        ("name.familyName", "Carl anna Bert dora"),
        ("active", "anna Carl Bert dora"),
        // The primary value, else the first.
        ("emails.value", "Bert Carl anna dora"),
        ("emails", "Bert Carl anna dora"),
        // Numbers by value, instants by time, text with case by code points.
        ("urn:example:scim:2.0:Scale:whole", "Bert anna Carl dora"),
        ("urn:example:scim:2.0:Scale:part", "Carl Bert anna dora"),
        ("urn:example:scim:2.0:Scale:day", "anna Carl Bert dora"),
        ("urn:example:scim:2.0:Scale:exact", "Bert anna Carl dora"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "anna Carl Bert dora"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "Carl anna Bert dora"),
        ("nickName", "Carl anna Bert dora"),
        ("externalId", "Carl anna Bert dora"),
    ] {
        let mut expect: Vec<_> = expect.split(' ').collect();
        for order in ["ascending", "descending", "Ascending", "DESCENDING"] {
            let descends = order.eq_ignore_ascii_case("descending");
            if descends != (expect.first() == Some(&"dora")) {
                expect.reverse();
            }
            let parameters = [("sortBy", sort_by), ("sortOrder", order)];
            assert_eq!(tenant.names(&query("/Users", &parameters)).await, expect, "{sort_by} {order}");
            assert_eq!(by_cursor(&tenant, &parameters).await, expect, "{sort_by} {order} by cursor");
            assert_eq!(by_index(&tenant, &parameters).await, expect, "{sort_by} {order} by index");
        }
    }
}

async fn by_cursor(tenant: &Tenant, parameters: &[(&str, &str)]) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut page = parameters.to_vec();
        page.extend([("count", "1"), ("cursor", &cursor)]);
        let list = tenant.get(&query("/Users", &page)).await.expect(200).json;
        found.extend(names(&list));
        match list["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return found,
        }
    }
}

async fn by_index(tenant: &Tenant, parameters: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["1", "2", "3", "4", "5"] {
        let mut page = parameters.to_vec();
        page.extend([("count", "1"), ("startIndex", start)]);
        let list = tenant.get(&query("/Users", &page)).await.expect(200).json;
        assert_eq!(list["totalResults"], 4);
        found.extend(names(&list));
    }
    found
}

#[tokio::test]
async fn sorting_goes_with_filters_pages_and_searches() {
    let tenant = people().await;
    for (filter, sort_by, expect) in [
        ("emails pr", "userName", "anna Bert Carl"),
        ("userName sw \"c\" or userName sw \"d\"", "userName", "Carl dora"),
        ("userName eq \"anna\"", "title", "anna"),
        ("userName eq \"nobody\"", "title", ""),
        ("active pr", "name.familyName", "Carl anna"),
    ] {
        let expect: Vec<_> = expect.split(' ').filter(|name| !name.is_empty()).collect();
        let path = query("/Users", &[("filter", filter), ("sortBy", sort_by)]);
        assert_eq!(tenant.names(&path).await, expect, "{filter}");
        let search = json!({"filter": filter, "sortBy": sort_by, "sortOrder": "ascending"});
        assert_eq!(names(&tenant.post("/Users/.search", &search).await.expect(200).json), expect, "{filter}");
    }
    // Over both types: a name that only one of them has leaves the other last.
    tenant.group("Alpha", &[]).await;
    let sorted = tenant.names(&query("/", &[("sortBy", "userName")])).await;
    assert_eq!(sorted, ["anna", "Bert", "Carl", "dora", "Alpha"]);
    let sorted = tenant.names(&query("/", &[("sortBy", "displayName"), ("count", "1")])).await;
    assert_eq!(sorted, ["Alpha"]);
    // `sortOrder` alone has no effect.
    assert_eq!(tenant.names(&query("/Users", &[("sortOrder", "descending")])).await, ["Carl", "anna", "Bert", "dora"]);
}

#[tokio::test]
async fn what_cannot_be_sorted_by_is_refused() {
    let tenant = people().await;
    for (parameters, words) in [
        (vec![("sortBy", "nothing")], "nothing"),
        (vec![("sortBy", "name")], "name"),
        (vec![("sortBy", "addresses")], "addresses"),
        (vec![("sortBy", ENTERPRISE)], "extension"),
        (vec![("sortBy", "1st")], "sortBy"),
        (vec![("sortBy", "emails[type eq \"work\"].value")], "sortBy"),
        (vec![("sortBy", "password")], "password"),
        (vec![("sortBy", "userName"), ("sortOrder", "up")], "sortOrder"),
    ] {
        tenant.refused("GET", &query("/Users", &parameters), &Value::Null, 400, "invalidValue", words).await;
        tenant.refused("GET", &query("/", &parameters), &Value::Null, 400, "invalidValue", words).await;
    }
    assert_eq!(tenant.names(&query("/Users", &[("sortBy", "")])).await.len(), 4);
    let body = json!({"schemas": [USER], "userName": "e"});
    tenant.post("/Users", &body).await.expect(201);
}
