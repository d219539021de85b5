//! Pages by index (RFC 7644 §3.4.2.4) and by cursor (RFC 9865).

use std::time::Duration;

use serde_json::{Value, json};

use super::{Shared, Tenant, filtered, names, query};
use crate::server::Response;

static SERVER: Shared = Shared::new(&["--page-size", "4", "--max-page-size", "6"]);
static HASTY: Shared = Shared::new(&["--cursor-ttl", "3s"]);

async fn filled(names: &str) -> Tenant {
    let tenant = SERVER.tenant();
    tenant.users(names.split(' ').map(str::to_owned)).await;
    tenant
}

const TEN: &str = "u0 u1 u2 u3 u4 u5 u6 u7 u8 u9";

/// Parameters; `startIndex` of the answer; the page.
#[tokio::test]
async fn index_pages() {
    let tenant = filled(TEN).await;
    for (start, count, echoed, expect) in [
        ("", "", 1, "0123"),
        ("1", "3", 1, "012"),
        ("2", "3", 2, "123"),
        ("4", "3", 4, "345"),
        ("10", "3", 10, "9"),
        ("11", "3", 11, ""),
        ("1000000", "3", 1_000_000, ""),
        ("0", "3", 1, "012"),
        ("-5", "3", 1, "012"),
        ("1", "0", 1, ""),
        ("1", "-1", 1, ""),
        ("5", "0", 5, ""),
        ("1", "6", 1, "012345"),
        ("1", "7", 1, "012345"),
        ("1", "99999999999999999999", 1, "012345"),
        ("99999999999999999999", "1", 9_223_372_036_854_775_807_i64, ""),
        ("9", "", 9, "89"),
    ] {
        let mut parameters = Vec::new();
        if !start.is_empty() {
            parameters.push(("startIndex", start));
        }
        if !count.is_empty() {
            parameters.push(("count", count));
        }
        // The same from every plan: all, a scan, an index, and sorted.
        for (filter, sort_by) in
            [("", ""), ("userName co \"u\"", ""), ("userName sw \"u\"", ""), ("", "userName"), ("", "nickName")]
        {
            let mut all = parameters.clone();
            all.extend([("filter", filter), ("sortBy", sort_by)].into_iter().filter(|(_, value)| !value.is_empty()));
            let list = tenant.get(&query("/Users", &all)).await.expect(200).json;
            let expect: Vec<_> = expect.chars().map(|digit| format!("u{digit}")).collect();
            assert_eq!(names(&list), expect, "{all:?}");
            let told = json!({"totalResults": 10, "itemsPerPage": expect.len(), "startIndex": echoed});
            for (name, value) in told.as_object().expect("an object") {
                assert_eq!(&list[name], value, "{name} of {all:?}");
            }
            assert_eq!((list.get("nextCursor"), list.get("previousCursor")), (None, None));
        }
    }
}

#[tokio::test]
async fn totals_are_exact() {
    let tenant = filled(TEN).await;
    tenant.group("u", &[]).await;
    for (path, total) in [
        ("/Users".to_owned(), 10),
        ("/Groups".to_owned(), 1),
        ("/".to_owned(), 11),
        (filtered("/Users", "userName gt \"u6\""), 3),
        (filtered("/Users", "userName eq \"u6\""), 1),
        (filtered("/Users", "userName eq \"u6\" or userName eq \"u7\""), 2),
        (filtered("/Users", "title pr"), 0),
        (filtered("/", "meta.resourceType eq \"User\""), 10),
    ] {
        for count in ["0", "1", "6"] {
            let separator = if path.contains('?') { '&' } else { '?' };
            let list = tenant.get(&format!("{path}{separator}count={count}")).await.expect(200).json;
            assert_eq!(list["totalResults"], total, "{path} count={count}");
            assert!(list["Resources"].is_array(), "{path}");
        }
    }
    let id =
        tenant.get("/Users?count=1").await.expect(200).json["Resources"][0]["id"].as_str().expect("an id").to_owned();
    tenant.delete(&format!("/Users/{id}")).await.expect(204);
    tenant.ok("GET", "/Users?count=0", &Value::Null, 200, &json!({"totalResults": 9})).await;
    tenant
        .ok("GET", "/?startIndex=9&count=5", &Value::Null, 200, &json!({"totalResults": 10, "itemsPerPage": 2}))
        .await;
}

#[tokio::test]
async fn parameters_that_are_no_numbers() {
    let tenant = SERVER.tenant();
    for (parameter, words) in [
        ("count=ten", "count"),
        ("count=", "count"),
        ("count=1.5", "count"),
        ("count=1&count=2", "twice"),
        ("startIndex=first", "startIndex"),
        ("startIndex=1&cursor=", "not both"),
    ] {
        tenant.refused("GET", &format!("/Users?{parameter}"), &Value::Null, 400, "invalidValue", words).await;
    }
}

/// Follows cursors from the first page on; gives what was seen on each page.
async fn walk(tenant: &Tenant, path: &str, parameters: &[(&str, &str)]) -> Vec<Vec<String>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut all = parameters.to_vec();
        all.push(("cursor", &cursor));
        let list = tenant.get(&query(path, &all)).await.expect(200).json;
        assert_eq!(list.get("startIndex"), None, "a page by cursor has no index");
        assert_eq!(list["itemsPerPage"], names(&list).len());
        assert_eq!(list.get("previousCursor").is_some(), list.get("previousCursor").is_some() && !pages.is_empty());
        pages.push(names(&list));
        let Some(next) = list["nextCursor"].as_str() else { return pages };
        let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        assert!(next.chars().all(unreserved), "RFC 9865 §2: {next}");
        next.clone_into(&mut cursor);
        assert!(pages.len() < 50, "the walk does not end");
    }
}

/// Every resource once, in order, whatever the page size, filter and order.
#[tokio::test]
async fn cursor_walks() {
    let tenant = filled(TEN).await;
    tenant.group("g0", &[]).await;
    tenant.group("g1", &[]).await;
    for (path, parameters, expect) in [
        ("/Users", vec![], "u0 u1 u2 u3|u4 u5 u6 u7|u8 u9"),
        ("/Users", vec![("count", "5")], "u0 u1 u2 u3 u4|u5 u6 u7 u8 u9"),
        ("/Users", vec![("count", "6")], "u0 u1 u2 u3 u4 u5|u6 u7 u8 u9"),
        ("/Users", vec![("count", "60")], "u0 u1 u2 u3 u4 u5|u6 u7 u8 u9"),
        ("/Users", vec![("count", "3")], "u0 u1 u2|u3 u4 u5|u6 u7 u8|u9"),
        ("/Users", vec![("count", "4"), ("filter", "userName ge \"u3\"")], "u3 u4 u5 u6|u7 u8 u9"),
        (
            "/Users",
            vec![("count", "4"), ("filter", "userName sw \"u\" and userName ne \"u1\"")],
            "u0 u2 u3 u4|u5 u6 u7 u8|u9",
        ),
        ("/Users", vec![("count", "6"), ("filter", "userName eq \"u3\"")], "u3"),
        ("/Users", vec![("filter", "title pr")], ""),
        (
            "/Users",
            vec![("count", "4"), ("sortBy", "userName"), ("sortOrder", "descending")],
            "u9 u8 u7 u6|u5 u4 u3 u2|u1 u0",
        ),
        ("/Users", vec![("count", "5"), ("sortBy", "title")], "u0 u1 u2 u3 u4|u5 u6 u7 u8 u9"),
        ("/Users", vec![("count", "5"), ("sortBy", "meta.lastModified")], "u0 u1 u2 u3 u4|u5 u6 u7 u8 u9"),
        ("/Users", vec![("count", "2"), ("sortBy", "userName"), ("filter", "userName lt \"u3\"")], "u0 u1|u2"),
        ("/", vec![("count", "6")], "u0 u1 u2 u3 u4 u5|u6 u7 u8 u9 g0 g1"),
        ("/", vec![("count", "5")], "u0 u1 u2 u3 u4|u5 u6 u7 u8 u9|g0 g1"),
        ("/", vec![("count", "5"), ("sortBy", "meta.resourceType")], "g0 g1 u0 u1 u2|u3 u4 u5 u6 u7|u8 u9"),
        ("/Groups", vec![], "g0 g1"),
    ] {
        let found: Vec<_> = walk(&tenant, path, &parameters).await.into_iter().map(|page| page.join(" ")).collect();
        assert_eq!(found.join("|"), expect, "{path} {parameters:?}");
    }
}

#[tokio::test]
async fn the_first_page_by_cursor() {
    let tenant = filled(TEN).await;
    for path in ["/Users?cursor", "/Users?cursor=", "/Users?cursor&count=4", "/Users?CURSOR="] {
        let list = tenant.get(path).await.expect(200).json;
        assert_eq!(names(&list), ["u0", "u1", "u2", "u3"], "{path}");
        assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(10), &json!(4)));
        assert!(list["nextCursor"].is_string() && list.get("previousCursor").is_none(), "{list}");
        assert_eq!(list.get("startIndex"), None);
    }
    // No resources, and the total (§2: "0 indicates that no resource results are to be returned").
    for count in ["0", "-3"] {
        for filter in ["", "&filter=userName%20eq%20%22u1%22"] {
            let list = tenant.get(&format!("/Users?cursor&count={count}{filter}")).await.expect(200).json;
            assert_eq!(names(&list).len(), 0);
            assert_eq!(list.get("nextCursor"), None, "{list}");
            if let Some(total) = list.get("totalResults") {
                assert_eq!(total, if filter.is_empty() { 10 } else { 1 }, "an estimate may be left out, not wrong");
            }
        }
    }
    let all = tenant.post("/Users/.search", &json!({"cursor": "", "count": 4})).await.expect(200).json;
    assert_eq!(names(&all), ["u0", "u1", "u2", "u3"]);
    let next = tenant.post("/Users/.search", &json!({"cursor": all["nextCursor"], "count": 4})).await.expect(200).json;
    assert_eq!(names(&next), ["u4", "u5", "u6", "u7"]);
    // A search and a GET are the same query.
    let cursor = next["nextCursor"].as_str().expect("a cursor");
    assert_eq!(tenant.names(&query("/Users", &[("cursor", cursor), ("count", "4")])).await, ["u8", "u9"]);
}

#[tokio::test]
async fn back_and_forth() {
    let tenant = filled(TEN).await;
    let page = |cursor: &str| query("/Users", &[("cursor", cursor), ("count", "4")]);
    let get = async |cursor: &Value| tenant.get(&page(cursor.as_str().unwrap_or_default())).await.expect(200).json;
    let first = get(&Value::Null).await;
    let second = get(&first["nextCursor"]).await;
    let third = get(&second["nextCursor"]).await;
    assert_eq!((names(&third).join(" "), third.get("nextCursor")), ("u8 u9".to_owned(), None));
    let back = get(&third["previousCursor"]).await;
    assert_eq!(names(&back), names(&second));
    assert_eq!(names(&get(&back["nextCursor"]).await), names(&third));
    let start = get(&back["previousCursor"]).await;
    assert_eq!(names(&start), names(&first));
    assert_eq!(start.get("previousCursor"), None, "the first page has none, also when it is reached from behind");
    assert_eq!(names(&get(&start["nextCursor"]).await), names(&second));
    // Cursors can be used again.
    assert_eq!(names(&get(&first["nextCursor"]).await), names(&second));
}

/// What stood throughout is seen exactly once, whatever comes and goes between the pages.
#[tokio::test]
async fn a_walk_while_others_write() {
    for (sort_by, filter) in [("", ""), ("userName", ""), ("", "userName sw \"u\""), ("title", "")] {
        let tenant = SERVER.tenant();
        let ids = tenant.users((0..12).map(|i| format!("u{i:02}"))).await;
        let mut parameters = vec![("count", "3"), ("sortBy", sort_by), ("filter", filter)];
        parameters.retain(|(_, value)| !value.is_empty());
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        for round in 0..20 {
            let mut all = parameters.clone();
            all.push(("cursor", &cursor));
            let list = tenant.get(&query("/Users", &all)).await.expect(200).json;
            seen.extend(names(&list));
            match round {
                // The last one seen (on which the cursor stands), one behind, and one ahead.
                0 => {
                    for gone in [2, 0, 7] {
                        tenant.delete(&format!("/Users/{}", ids[gone])).await.expect(204);
                    }
                    for name in ["u00a", "u055"] {
                        tenant.user(name).await;
                    }
                }
                1 => drop(tenant.user("zz").await),
                _ => {}
            }
            match list["nextCursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        for stood in [1, 3, 4, 5, 6, 8, 9, 10, 11] {
            let name = format!("u{stood:02}");
            assert_eq!(seen.iter().filter(|one| **one == name).count(), 1, "{name} with {sort_by} {filter}: {seen:?}");
        }
        let mut once = seen.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "nobody is seen twice: {seen:?}");
    }
}

#[tokio::test]
async fn cursors_that_are_refused() {
    let tenant = filled(TEN).await;
    let other = filled(TEN).await;
    let first = tenant.get("/Users?cursor&count=4").await.expect(200).json;
    let cursor = first["nextCursor"].as_str().expect("a cursor").to_owned();
    let flipped = |at: usize| {
        let mut text = cursor.clone();
        text.replace_range(at..=at, if &cursor[at..=at] == "A" { "B" } else { "A" });
        text
    };
    let forged = [
        "x".to_owned(),
        "AAAA".repeat(30),
        "a".repeat(5000),
        format!("{cursor}A"),
        format!("{cursor}="),
        cursor[1..].to_owned(),
        flipped(0),
        flipped(40),
        flipped(cursor.len() - 2),
        "' or 1=1".to_owned(),
        "../..".to_owned(),
        "10".to_owned(),
    ];
    let mut details = Vec::new();
    let mut refused = |response: Response| {
        let response = response.expect_error(400, Some("invalidCursor"));
        details.push(response.json["detail"].clone());
    };
    for text in &forged {
        refused(tenant.get(&query("/Users", &[("cursor", text), ("count", "4")])).await);
    }
    // Another query, endpoint or tenant.
    let own = ("cursor", cursor.as_str());
    for (path, parameters) in [
        ("/Users", vec![own, ("count", "4"), ("filter", "userName pr")]),
        ("/Users", vec![own, ("count", "4"), ("sortBy", "userName")]),
        ("/Users", vec![own, ("count", "4"), ("attributes", "userName")]),
        ("/Users", vec![own, ("count", "4"), ("excludedAttributes", "name")]),
        ("/Groups", vec![own, ("count", "4")]),
        ("/", vec![own, ("count", "4")]),
    ] {
        refused(tenant.get(&query(path, &parameters)).await);
    }
    refused(other.get(&query("/Users", &[own, ("count", "4")])).await);
    details.dedup();
    assert_eq!(details.len(), 1, "the detail tells nothing (RFC 9865 §5): {details:?}");
    for count in ["3", "5", "0"] {
        let path = query("/Users", &[own, ("count", count)]);
        tenant.refused("GET", &path, &Value::Null, 400, "invalidCount", "count").await;
    }
    tenant.refused("GET", &query("/Users", &[own]), &Value::Null, 400, "invalidCount", "count").await;
    assert_eq!(tenant.names(&query("/Users", &[own, ("count", "4")])).await, ["u4", "u5", "u6", "u7"]);
    // What is unknown is ignored, also here.
    assert_eq!(tenant.names(&query("/Users", &[own, ("count", "4"), ("flag", "x")])).await.len(), 4);
}

#[tokio::test]
async fn cursors_expire() {
    let tenant = HASTY.tenant();
    tenant.users(["a", "b", "c"].map(str::to_owned)).await;
    let list = tenant.get("/Users?cursor&count=1").await.expect(200).json;
    let next = query("/Users", &[("cursor", list["nextCursor"].as_str().expect("a cursor")), ("count", "1")]);
    assert_eq!(tenant.names(&next).await, ["b"]);
    tokio::time::sleep(Duration::from_millis(3200)).await;
    tenant.refused("GET", &next, &Value::Null, 400, "expiredCursor", "expired").await;
    tenant.ok("GET", "/ServiceProviderConfig", &Value::Null, 200, &json!({"pagination": {"cursorTimeout": 3}})).await;
}
