//! The same answer whatever way the server finds it (RFC 7644 §3.4.2.2): by an index, by membership, by
//! several of them, or by looking at everything. `not (not (…))` means the same and has no index.

use serde_json::{Value, json};

use super::{Shared, Tenant, names, query};

static SERVER: Shared = Shared::new(&[]);

/// Names that are near each other in an index: beginnings of one another, with characters that end
/// or escape things, of the longest kind, and alike but for their case.
fn peculiar() -> Vec<String> {
    let long = "l".repeat(3000);
    [
        "a",
        "a\u{0}",
        "a\u{0}b",
        "a\u{1}",
        "aa",
        "ab",
        "B",
        "a b",
        "a%",
        "a_",
        "a*",
        "a\"",
        "a\\",
        "ä",
        "a\u{ff}",
        "\u{ffff}",
        "\u{10ffff}",
        "straße",
        "ΣΊΣΥΦΟΣ",
        "ﬁ",
        "I",
        "ı",
        "zz",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([long.clone(), format!("{long}a"), format!("{long}b"), format!("{}x", "é".repeat(700))])
    .collect()
}

async fn peculiar_people() -> Tenant {
    let tenant = SERVER.tenant();
    for (i, name) in peculiar().into_iter().enumerate() {
        let body = json!({
            "userName": name, "externalId": name, "title": (i % 3).to_string(),
            "emails": [{"value": name}, {"value": format!("{name}2"), "type": "x"}, {"value": "same@example.com"}, {"value": "SAME@example.com"}]
        });
        tenant.post("/Users", &body).await.expect(201);
    }
    tenant
}

/// The names that a filter finds, in order of the ids, by each way to ask; they must be the same.
async fn ask(tenant: &Tenant, path: &str, filter: &str) -> Vec<String> {
    let get = async |parameters: &[(&str, &str)]| {
        tenant.ok("GET", &query(path, parameters), &Value::Null, 200, &Value::Null).await.json
    };
    let sorted = |mut names: Vec<String>| {
        names.sort_unstable();
        names
    };
    let scanned = get(&[("filter", &format!("not (not ({filter}))")), ("count", "1000")]).await;
    let expect = sorted(names(&scanned));
    let whole = get(&[("filter", filter), ("count", "1000")]).await;
    assert_eq!(sorted(names(&whole)), expect, "{filter:.200}");
    assert_eq!(whole["totalResults"], expect.len(), "{filter:.200}");
    assert_eq!(get(&[("filter", filter), ("count", "0")]).await["totalResults"], expect.len(), "{filter:.200}");
    let (mut by_index, mut by_cursor, mut cursor) = (Vec::new(), Vec::new(), String::new());
    // In several pages, of a large answer as of a small one.
    let size = (expect.len() / 12).max(7);
    let count = size.to_string();
    for start in (1..=expect.len() + 1).step_by(size) {
        let page = get(&[("filter", filter), ("startIndex", &start.to_string()), ("count", &count)]).await;
        assert_eq!(page["totalResults"], expect.len(), "{filter:.200}");
        by_index.extend(names(&page));
    }
    assert_eq!(sorted(by_index), expect, "{filter:.200} by index");
    loop {
        let page = get(&[("filter", filter), ("count", &count), ("cursor", &cursor)]).await;
        by_cursor.extend(names(&page));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(sorted(by_cursor), expect, "{filter:.200} by cursor");
    let descending = [("filter", filter), ("sortBy", "id"), ("sortOrder", "descending"), ("count", "1000")];
    assert_eq!(sorted(names(&get(&descending).await)), expect, "{filter:.200} sorted");
    expect
}

#[tokio::test]
async fn an_index_finds_what_a_scan_finds() {
    let tenant = peculiar_people().await;
    for name in peculiar() {
        let quoted = json!(name).to_string();
        let found = ask(&tenant, "/Users", &format!("userName eq {quoted}")).await;
        assert_eq!(found, std::slice::from_ref(&name), "a name finds its owner");
        for filter in [
            format!("externalId eq {quoted}"),
            format!("emails.value eq {quoted}"),
            format!("userName sw {quoted}"),
            format!("emails[value sw {quoted}]"),
            format!("externalId sw {quoted}"),
        ] {
            let found = ask(&tenant, "/Users", &filter).await;
            assert!(found.contains(&name), "{filter:.200}: {found:?}");
        }
    }
    for filter in [
        "emails.value sw \"a\"",
        "emails.value sw \"s\"",
        "emails eq \"same@example.com\"",
        "emails.value eq \"Same@Example.com\" and userName sw \"a\"",
        "userName eq \"a\" or userName eq \"A\" or emails.value eq \"a\"",
        "userName eq \"a\" or externalId eq \"aa\" or id eq \"x\"",
        "userName eq \"a\" or title eq \"1\"",
        "userName eq \"STRASSE\"",
        "userName eq \"σίσυφος\"",
        "userName sw \"\"",
        "userName sw \"\u{ffff}\"",
        "externalId eq \"A\"",
        "externalId sw \"l\"",
        "userName ge \"a\" and userName lt \"b\"",
        "meta.lastModified gt \"2020-01-01T00:00:00Z\"",
        "meta.lastModified gt \"2020-01-01T00:00:00Z\" and title eq \"1\"",
        "meta.lastModified lt \"2100-01-01T00:00:00Z\" and meta.lastModified ge \"2020-01-01T00:00:00Z\"",
        "meta.lastModified le \"2020-01-01T00:00:00Z\" or userName eq \"a\"",
        "meta.resourceType eq \"User\" and userName eq \"a\"",
        "meta.resourceType eq \"Group\" or userName eq \"a\"",
        "not (userName eq \"a\")",
        "userName ne \"a\"",
    ] {
        ask(&tenant, "/Users", filter).await;
        ask(&tenant, "/", filter).await;
    }
}

/// More members than are read at a time, in several groups at once.
#[tokio::test]
async fn membership_finds_what_a_scan_finds() {
    let tenant = SERVER.tenant();
    let create = |i| json!({"method": "POST", "path": "/Users", "bulkId": format!("{i}"), "data": {"userName": format!("u{i:03}")}});
    let operations: Vec<_> = (0..600).map(create).collect();
    let made = tenant.post("/Bulk", &json!({"Operations": operations})).await.expect(200).json;
    let ids: Vec<String> = made["Operations"]
        .as_array()
        .expect("results")
        .iter()
        .filter_map(|one| one["location"].as_str()?.rsplit('/').next().map(str::to_owned))
        .collect();
    assert_eq!(ids.len(), 600);
    let large = tenant.group("large", &ids[..520]).await;
    let mut mixed: Vec<_> = ids[500..510].to_vec();
    mixed.push(large.clone());
    let mixed = tenant.group("mixed", &mixed).await;
    for (path, filter, count) in [
        ("/Users", format!("groups.value eq \"{large}\""), 520),
        ("/Users", format!("groups.value eq \"{mixed}\""), 10),
        ("/Users", format!("groups.value eq \"{large}\" and groups.value eq \"{mixed}\""), 10),
        ("/Users", format!("groups.value eq \"{large}\" and userName ge \"u515\""), 5),
        ("/Users", format!("groups.value eq \"{large}\" or userName eq \"u599\""), 521),
        ("/Groups", format!("groups.value eq \"{mixed}\" or displayName eq \"mixed\""), 0),
        ("/Groups", format!("members.value eq \"{}\"", ids[505]), 2),
        ("/Groups", format!("members.value eq \"{large}\" or members.value eq \"{}\"", ids[0]), 2),
        ("/Groups", format!("members[value eq \"{}\"] and displayName sw \"l\"", ids[0]), 1),
        ("/", format!("members.value eq \"{}\" or userName eq \"u000\"", ids[0]), 2),
        ("/", format!("groups.value eq \"{mixed}\""), 10),
    ] {
        if path == "/Groups" && filter.contains("groups.value") {
            // Groups have no `groups`: an unknown attribute.
            tenant
                .refused("GET", &query(path, &[("filter", &filter)]), &Value::Null, 400, "invalidFilter", "groups")
                .await;
            continue;
        }
        assert_eq!(ask(&tenant, path, &filter).await.len(), count, "{filter}");
    }
}

/// The order in which resources come is the same on every page, however many there are: no walk by
/// `startIndex` sees one twice while nothing changes.
#[tokio::test]
async fn pages_by_index_fit_together() {
    let tenant = peculiar_people().await;
    for (filter, sort_by) in [
        ("", ""),
        ("", "userName"),
        ("", "title"),
        ("", "meta.lastModified"),
        ("userName pr", ""),
        ("emails.value sw \"a\"", ""),
        ("userName sw \"a\" or userName sw \"l\"", "title"),
        ("meta.lastModified gt \"2020-01-01T00:00:00Z\"", ""),
    ] {
        for order in ["ascending", "descending"] {
            let base: Vec<_> = [("filter", filter), ("sortBy", sort_by), ("sortOrder", order)]
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .collect();
            let mut whole = base.clone();
            whole.push(("count", "1000"));
            let expect = tenant.names(&query("/Users", &whole)).await;
            let mut found = Vec::new();
            for start in (1..=expect.len()).step_by(4) {
                let start = start.to_string();
                let mut page = base.clone();
                page.extend([("count", "4"), ("startIndex", start.as_str())]);
                found.extend(tenant.names(&query("/Users", &page)).await);
            }
            assert_eq!(found, expect, "{filter} {sort_by} {order}");
        }
    }
}
