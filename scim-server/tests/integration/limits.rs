//! What one request may take of memory and of time, and what is told where that is over.

use std::{io::Write as _, net::TcpStream, time::Duration};

use serde_json::{Value, json};

use crate::server::{Client, Options, TestServer, USER, on_postgres};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// So many users, each of some ten kilobytes.
async fn large_users(client: &Client, many: usize) {
    for number in 0..many {
        let body = json!({"schemas": [USER], "userName": format!("user{number:02}"), "title": "x".repeat(10_000)});
        client.post("/Users", &body).await.expect(201);
    }
}

fn names(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().into_iter().flatten();
    resources.filter_map(|user| user["userName"].as_str()).map(str::to_owned).collect()
}

/// All pages of a query, each with as many names as `itemsPerPage` says; the first is full by its bytes.
#[track_caller]
fn check_pages(pages: &[Vec<String>], many: usize, query: &str) {
    assert!(pages.len() > 2 && pages[0].len() < many && !pages[0].is_empty(), "{query}: {pages:?}");
    let mut all = pages.concat();
    all.sort();
    let expect: Vec<_> = (0..many).map(|number| format!("user{number:02}")).collect();
    assert_eq!(all, expect, "{query}");
}

async fn by_index(client: &Client, query: &str, many: usize) {
    let (mut pages, mut start) = (Vec::new(), 1);
    while start <= many {
        let list = client.get(&format!("/{query}&startIndex={start}&count=100")).await.expect(200).json;
        let found = names(&list);
        assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(many), &json!(found.len())), "{query}");
        start += found.len().max(1);
        pages.push(found);
    }
    check_pages(&pages, many, query);
}

async fn by_cursor(client: &Client, query: &str, many: usize) {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let list = client.get(&format!("/{query}&cursor={cursor}&count=100")).await.expect(200).json;
        pages.push(names(&list));
        match list["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    check_pages(&pages, many, query);
}

#[tokio::test]
async fn a_page_ends_by_its_bytes_and_the_next_goes_on_there() {
    let server = TestServer::with(Options::args(&["--max-page-bytes", "64KiB"]));
    let client = server.client();
    large_users(&client, 20).await;
    for query in [
        "Users?",
        "Users?filter=title%20pr",
        "Users?filter=userName%20sw%20%22user%22",
        "Users?sortBy=userName&sortOrder=descending",
        "Users?sortBy=title",
        "?filter=userName%20pr",
        "Users?attributes=userName",
    ] {
        by_index(&client, query, 20).await;
        by_cursor(&client, query, 20).await;
    }
    // Back again: the page before ends where the one after it began.
    let first = client.get("/Users?cursor=&count=100").await.expect(200).json;
    let second = format!("/Users?cursor={}&count=100", first["nextCursor"].as_str().expect("more"));
    let second = client.get(&second).await.expect(200).json;
    let back = format!("/Users?cursor={}&count=100", second["previousCursor"].as_str().expect("a page before"));
    let back = client.get(&back).await.expect(200).json;
    assert_eq!((names(&back), back["previousCursor"].is_null()), (names(&first), true));
}

/// A page of more than one piece has no length beforehand, is whole all the same, and has the resources in order.
#[tokio::test]
async fn a_large_page_is_sent_while_it_is_written() {
    let server = TestServer::start();
    let client = server.client();
    large_users(&client, 40).await;
    let few = client.get("/Users?count=1&attributes=userName").await.expect(200);
    assert!(!few.header("content-length").is_empty() && few.header("transfer-encoding").is_empty());
    for query in [
        "count=40",
        "count=40&cursor=",
        "count=40&sortBy=title",
        "count=40&filter=title%20pr",
        "count=40&attributes=title",
    ] {
        let page = client.get(&format!("/Users?{query}")).await.expect(200);
        assert_eq!((page.header("content-length"), page.header("transfer-encoding")), ("", "chunked"), "{query}");
        assert_eq!(page.json["Resources"].as_array().map(Vec::len), Some(40), "{query}");
        assert_eq!(page.json["itemsPerPage"], 40, "{query}");
        assert!(page.text.len() > 64 * 1024, "{query}");
    }
}

/// What is sent in pieces is kept all the same, each resource of it: else a page that is asked for again and again would
/// be read from the store each time.
#[tokio::test]
async fn a_large_page_is_known_when_it_is_asked_for_again() {
    if on_postgres() {
        // Others write to the store, too, so nothing that was shown is kept.
        return;
    }
    let server = TestServer::start();
    let client = server.client();
    large_users(&client, 20).await;
    for query in ["", "&startIndex=11", "&cursor="] {
        let path = format!("/Users?count=20{query}");
        let first = client.get(&path).await.expect(200);
        // What was read beside another's batch is not kept.
        let mut again = client.get(&path).await.expect(200);
        for _ in 0..100 {
            if !again.header("content-length").is_empty() {
                break;
            }
            again = client.get(&path).await.expect(200);
        }
        assert_eq!(again.header("content-length"), again.text.len().to_string(), "{query} was read again");
        assert_eq!(again.json["Resources"], first.json["Resources"], "{query}");
    }
}

#[tokio::test]
async fn one_resource_larger_than_a_page_is_a_page() {
    let server = TestServer::with(Options::args(&["--max-page-bytes", "1KiB"]));
    let client = server.client();
    large_users(&client, 4).await;
    by_index(&client, "Users?", 4).await;
    by_cursor(&client, "Users?filter=title%20pr", 4).await;
}

#[tokio::test]
async fn a_body_of_many_values_is_refused_while_it_is_read() {
    let server = TestServer::start();
    let client = server.client();
    let zeros = |many: usize| vec![0; many];
    let bulk = json!({"schemas": [BULK], "Operations": zeros(1001)});
    let refused = client.post("/Bulk", &bulk).await.expect_error(413, None);
    assert!(refused.json["detail"].as_str().is_some_and(|detail| detail.contains("maxOperations")), "{refused:?}");
    let bulk = json!({"schemas": [BULK], "Operations": zeros(1000)});
    client.post("/Bulk", &bulk).await.expect(200);
    let refused = json!({"schemas": [USER], "userName": "a", "emails": zeros(300_000)});
    client.post("/Users", &refused).await.expect_error(413, None);
    let id = client.user("b").await;
    client.put(&format!("/Users/{id}"), &refused).await.expect_error(413, None);
    client.post("/Users/.search", &refused).await.expect_error(413, None);
}

#[tokio::test]
async fn bodies_share_one_budget_that_comes_back() {
    let arguments = ["--request-memory", "1MiB", "--max-body", "64KiB", "--bulk-max-body", "64KiB"];
    let server = TestServer::with(Options::args(&arguments));
    let client = server.client();
    let address = server.origin().trim_start_matches("http://").to_owned();
    let path = format!("{}/Users", server.base().trim_start_matches(server.origin()));
    let stalled: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/scim+json\r\nContent-Length: 65000\r\n\r\n",
                server.token()
            );
            // One that is refused may be closed before all of it is written.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&vec![b' '; 64_000]));
            stream
        })
        .collect();
    let user = |name: &str| json!({"schemas": [USER], "userName": name, "title": "x".repeat(30_000)});
    let refused = loop {
        let answer = client.post("/Users", &user("later")).await;
        if answer.status != 201 {
            break answer.expect_error(503, None);
        }
        let id = answer.json["id"].as_str().expect("an id").to_owned();
        client.delete(&format!("/Users/{id}")).await.expect(204);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(refused.header("retry-after"), "1");
    // Requests that read get memory at all times.
    client.get("/Users?count=1").await.expect(200);
    drop(stalled);
    while client.post("/Users", &user("later")).await.status == 503 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(client.get("/Users?filter=userName%20eq%20%22later%22").await.expect(200).json["totalResults"], 1);
}

#[tokio::test]
async fn what_a_bulk_request_has_no_time_for_is_not_done() {
    let server = TestServer::with(Options::args(&["--request-timeout", "1ms"]));
    let client = server.client();
    let operation = |number: usize| json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": {"schemas": [USER], "userName": format!("user{number}")}});
    let bulk = json!({"schemas": [BULK], "Operations": (0..300).map(operation).collect::<Value>()});
    let done = client.post("/Bulk", &bulk).await.expect(200).json;
    let statuses: Vec<_> =
        done["Operations"].as_array().expect("results").iter().map(|one| one["status"].as_str()).collect();
    assert_eq!((statuses.len(), statuses[299]), (300, Some("503")));
    let made = statuses.iter().filter(|status| **status == Some("201")).count();
    // A count may take longer than that, too.
    let there = loop {
        match client.get("/Users?count=0").await {
            there if there.status == 200 => break there,
            late => late.expect_error(400, Some("tooMany")),
        };
    };
    assert_eq!(there.json["totalResults"], json!(made));
}

#[tokio::test]
async fn references_by_the_ten_thousand_are_resolved() {
    let server = TestServer::start();
    let client = server.client();
    let members: Value = (0..60_000).map(|number| json!({"value": format!("bulkId:{number}")})).collect();
    let group = |name: &str| json!({"method": "POST", "path": "/Groups", "bulkId": name, "data": {"displayName": name, "members": members}});
    let user = json!({"method": "POST", "path": "/Users", "bulkId": "7", "data": {"userName": "seven"}});
    let bulk = json!({"schemas": [BULK], "Operations": [group("a"), group("b"), user]});
    let done = client.post("/Bulk", &bulk).await.expect(200).json;
    let statuses: Vec<_> =
        done["Operations"].as_array().expect("results").iter().map(|one| one["status"].as_str()).collect();
    assert_eq!(statuses, [Some("400"), Some("400"), Some("201")]);
}

#[tokio::test]
async fn the_size_of_the_cache_is_told_at_the_start() {
    let told = |args: &[&str]| {
        let mut server = TestServer::with(Options::args(args));
        assert!(server.stop().success());
        server.log()
    };
    let (chosen, set) = (told(&[]), told(&["--cache", "80MiB"]));
    // A database has its own.
    assert_eq!(chosen.contains("the size of the cache is a quarter of the memory"), !on_postgres(), "{chosen}");
    assert_eq!(set.contains("the size of the cache is what the setting says"), !on_postgres(), "{set}");
    assert_eq!(set.contains("mib=80") || set.contains("mib: 80"), !on_postgres(), "{set}");
}
