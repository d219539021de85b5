//! Errors (RFC 7644 §3.12) and HTTP around them: media types (§3.1, §8.1), limits, and requests that no
//! well-behaved client sends.

use serde_json::{Value, json};

use super::{Shared, filtered, raw};
use crate::server::{USER, patch_body};

static SERVER: Shared =
    Shared::new(&["--max-body", "8KiB", "--bulk-max-body", "16KiB", "--body-timeout", "1s", "--header-timeout", "2s"]);

/// Every status and `scimType` that a client can bring about, each with the body of §3.12.
#[tokio::test]
async fn each_status() {
    let tenant = SERVER.tenant();
    let user = format!("/Users/{}", tenant.user("a").await);
    let patch = |operation: Value| patch_body(&json!([operation]));
    for (method, path, body, status, scim_type) in [
        ("GET", filtered("/Users", "nothing pr"), Value::Null, 400, "invalidFilter"),
        ("POST", "/Users".to_owned(), json!({"userName": "A"}), 409, "uniqueness"),
        ("PATCH", user.clone(), patch(json!({"op": "replace", "path": "id", "value": "x"})), 400, "mutability"),
        ("PATCH", user.clone(), json!({"x": 1}), 400, "invalidSyntax"),
        ("PATCH", user.clone(), patch(json!({"op": "add", "path": "nothing", "value": 1})), 400, "invalidPath"),
        (
            "PATCH",
            user.clone(),
            patch(json!({"op": "replace", "path": "emails[value eq \"x\"]", "value": {}})),
            400,
            "noTarget",
        ),
        ("POST", "/Users".to_owned(), json!({}), 400, "invalidValue"),
        ("GET", format!("{}/{}/scim/v1/Users", tenant.server.origin(), tenant.id), Value::Null, 400, "invalidVers"),
        ("GET", "/Users?cursor=x".to_owned(), Value::Null, 400, "invalidCursor"),
        ("GET", "/Users/x".to_owned(), Value::Null, 404, ""),
        ("GET", "/Nothing".to_owned(), Value::Null, 404, ""),
        ("PUT", "/Users".to_owned(), Value::Null, 405, ""),
        ("POST", "/Users".to_owned(), json!({"userName": "x".repeat(9000)}), 413, ""),
        ("GET", "/Me".to_owned(), Value::Null, 501, ""),
        ("GET", "/Schemas?filter=x".to_owned(), Value::Null, 403, ""),
    ] {
        tenant.refused(method, &path, &body, status, scim_type, "").await;
    }
    // Only whose base URL it is gets to know that a version is wrong.
    let old = format!("{}/{}/scim/v1/Users", tenant.server.origin(), tenant.id);
    tenant.send("GET", &old, &[], None).await.expect_error(401, None);
    for path in ["/", "/favicon.ico", "/scim/v2/Users", "/x/y/z", "//", "/.well-known/x"] {
        tenant.get(&format!("{}{path}", tenant.server.origin())).await.expect_error(404, None);
    }
}

/// What a request may call its body.
#[tokio::test]
async fn media_types_of_requests() {
    let tenant = SERVER.tenant();
    let rows = [
        ("application/scim+json", 201),
        ("application/json", 201),
        ("application/scim+json; charset=utf-8", 201),
        ("application/json;charset=UTF-8", 201),
        ("APPLICATION/JSON", 201),
        (" application/scim+json ", 201),
        ("application/scim+json; q=1; x=\"y\"", 201),
        ("text/plain", 415),
        ("text/json", 415),
        ("application/xml", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/scim", 415),
        ("multipart/form-data; boundary=x", 415),
        ("json", 415),
    ];
    for (i, (media_type, status)) in rows.into_iter().enumerate() {
        let body = json!({"userName": format!("u{i}")});
        let answer = tenant.request("POST", "/Users", &[("content-type", media_type)], Some(&body)).await;
        assert_eq!(answer.status, status, "{media_type}: {}", answer.text);
        if status == 415 {
            answer.expect_error(415, None);
        }
    }
    // One that says nothing is taken at its word.
    let authorization = tenant.authorization();
    let body = Some(json!({"userName": "plain"}).to_string());
    tenant.send("POST", "/Users", &[("authorization", &authorization)], body).await.expect(201);
    let path = format!("/Users/{}", tenant.user("b").await);
    for method in ["PUT", "PATCH"] {
        let answer = tenant.request(method, &path, &[("content-type", "text/plain")], Some(&json!({}))).await;
        answer.expect_error(415, None);
    }
}

/// What a client accepts, and what it gets. SCIM is all there is, whatever is asked for.
#[tokio::test]
async fn media_types_of_answers() {
    let tenant = SERVER.tenant();
    for (accept, expect) in [
        ("application/scim+json", "application/scim+json"),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/json;q=0.9, application/scim+json", "application/scim+json"),
        ("*/*", "application/scim+json"),
        ("text/html", "application/scim+json"),
        ("", "application/scim+json"),
    ] {
        let headers = [("accept", accept)];
        assert_eq!(tenant.request("GET", "/Users", &headers, None).await.expect(200).media_type(), expect, "{accept}");
        assert_eq!(
            tenant.request("GET", "/Schemas", &headers, None).await.expect(200).media_type(),
            expect,
            "{accept}"
        );
        let missing = tenant.request("GET", "/Users/x", &headers, None).await.expect(404);
        assert_eq!(missing.media_type(), expect, "{accept}");
        let name = json!({"userName": format!("u{accept}")});
        assert_eq!(
            tenant.request("POST", "/Users", &headers, Some(&name)).await.expect(201).media_type(),
            expect,
            "{accept}"
        );
    }
}

/// Bodies that are no message, as text.
#[tokio::test]
async fn bodies_that_are_not_json() {
    let tenant = SERVER.tenant();
    let authorization = tenant.authorization();
    let deep = |open: &str, close: &str| {
        format!("{{\"userName\":\"deep\",\"x\":{}1{}}}", open.repeat(1000), close.repeat(1000))
    };
    for (body, words) in [
        (String::new(), "body"),
        (" ".to_owned(), "line 1"),
        ("{".to_owned(), "line 1"),
        ("{\"userName\": \"a\"".to_owned(), "line 1"),
        ("{'userName': 'a'}".to_owned(), "line 1, column 2"),
        ("{\"userName\": \"a\",}".to_owned(), "line 1"),
        ("{\n\"userName\": nul}".to_owned(), "line 2"),
        ("{\"userName\": \"a\"} x".to_owned(), "line 1"),
        ("{\"userName\": \"a\"}{}".to_owned(), "line 1"),
        ("{\"userName\": \"\\ud800\"}".to_owned(), "line 1"),
        ("{\"userName\": \"a\nb\"}".to_owned(), "line"),
        ("{\"userName\": 01}".to_owned(), "line 1"),
        ("{\"userName\": NaN}".to_owned(), "line 1"),
        ("\u{feff}\u{feff}{\"userName\": \"a\"}".to_owned(), "line 1"),
        ("userName=a".to_owned(), "line 1"),
        ("<user/>".to_owned(), "line 1"),
        ("{\"userName\": \"a\", \"userName\": \"b\"}".to_owned(), "the name \"userName\" twice"),
        ("{\"userName\": \"a\", \"username\": \"b\"}".to_owned(), "the name \"username\" twice"),
        ("{\"x\": [{\"value\": 1, \"value\": 1}]}".to_owned(), "the name \"value\" twice"),
        (format!("{{\"{0}\": 1, \"{0}\": 2}}", "x".repeat(4050)), "bytes are left out"),
        (deep("[", "]"), "nested too deeply"),
        (deep("{\"a\":", "}"), "nested too deeply"),
    ] {
        for path in ["/Users", "/Users/.search", "/Bulk"] {
            let headers = [("authorization", authorization.as_str()), ("content-type", "application/scim+json")];
            let answer = tenant.send("POST", path, &headers, Some(body.clone())).await;
            let detail = answer.json["detail"].as_str().unwrap_or_default();
            assert!(detail.contains(words), "{path} {body:.80}: {}", answer.text);
            answer.expect_error(400, Some("invalidSyntax"));
        }
    }
    tenant.ok("GET", "/Users", &Value::Null, 200, &json!({"totalResults": 0})).await;
}

/// A request as bytes, with the tenant's token in it.
fn bytes(tenant: &super::Tenant, line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let path = format!("/{}/scim/v2", tenant.id);
    let mut request = format!(
        "{}\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n{headers}\r\n",
        line.replace("BASE", &path),
        tenant.token
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// Requests that no client library sends, and the statuses that will do.
#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table, one row for each case")]
async fn requests_as_bytes() {
    let tenant = SERVER.tenant();
    let post = |headers: &str, body: &[u8]| bytes(&tenant, "POST BASE/Users HTTP/1.1", headers, body);
    let get = |line: &str, headers: &str| bytes(&tenant, line, headers, b"");
    let long = "x".repeat(20 * 1024);
    let rows: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("plain", get("GET BASE/Users HTTP/1.1", ""), &[200]),
        ("old version", get("GET BASE/Users HTTP/1.0", ""), &[200]),
        ("body that is not UTF-8", post("Content-Length: 16\r\n", b"{\"userName\":\"\xff\"}"), &[400]),
        ("overlong UTF-8", post("Content-Length: 17\r\n", b"{\"userName\":\"\xc0\xaf\"}"), &[400]),
        (
            "chunks",
            post("Transfer-Encoding: chunked\r\n", b"6\r\n{\"user\r\n9\r\nName\":\"c\"\r\n1\r\n}\r\n0\r\n\r\n"),
            &[201],
        ),
        ("both lengths", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"), &[400]),
        ("two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", b"{    }"), &[400]),
        ("no number", post("Content-Length: many\r\n", b"{}"), &[400]),
        ("negative", post("Content-Length: -1\r\n", b"{}"), &[400]),
        ("much promised", post("Content-Length: 999999999999\r\n", b"{}"), &[413]),
        (
            "endless chunks",
            post(
                "Transfer-Encoding: chunked\r\n",
                &[b"2000\r\n", "x".repeat(0x2000).as_bytes(), b"\r\n2000\r\n", "x".repeat(0x2000).as_bytes(), b"\r\n"]
                    .concat(),
            ),
            &[413],
        ),
        ("body that never comes", post("Content-Length: 100\r\n", b"{"), &[400, 408]),
        ("compressed", post("Content-Encoding: gzip\r\nContent-Length: 2\r\n", b"\x1f\x8b"), &[400, 415]),
        ("expectation", post("Expect: 100-continue\r\nContent-Length: 16\r\n", b"{\"userName\":\"e\"}"), &[201, 100]),
        ("long header", get("GET BASE/Users HTTP/1.1", &format!("X-Long: {long}\r\n")), &[431]),
        ("many headers", get("GET BASE/Users HTTP/1.1", &"X-Many: 1\r\n".repeat(200)), &[431]),
        ("long target", get(&format!("GET BASE/Users?x={long} HTTP/1.1"), ""), &[414, 431]),
        ("header that is not text", get("GET BASE/Users HTTP/1.1", "X-Odd: \u{7f}\r\n"), &[200, 400]),
        (
            "user agent that is not text",
            [
                get("GET BASE/Users HTTP/1.1", "User-Agent: ")
                    .split_last_chunk::<2>()
                    .map_or(&[][..], |(head, _)| head),
                b"\xff\xfe\r\n\r\n",
            ]
            .concat(),
            &[200],
        ),
        ("target that is not UTF-8", get("GET BASE/Users?filter=%ff%fe HTTP/1.1", ""), &[400]),
        ("id that is not UTF-8", get("GET BASE/Users/%ff%fe HTTP/1.1", ""), &[404]),
        ("half an escape", get("GET BASE/Users/%4 HTTP/1.1", ""), &[404]),
        ("absolute target", get("GET http://localhost/x HTTP/1.1", ""), &[404]),
        ("asterisk", get("OPTIONS * HTTP/1.1", ""), &[404, 405]),
        ("connect", get("CONNECT localhost:1 HTTP/1.1", ""), &[400, 404, 405]),
        ("fragment", get("GET BASE/Users#x HTTP/1.1", ""), &[200, 400]),
        ("dots", get("GET BASE/../../x/scim/v2/Users HTTP/1.1", ""), &[404]),
        ("no HTTP", b"hello\r\n\r\n".to_vec(), &[400]),
        ("nothing", b"\r\n\r\n\r\n".to_vec(), &[0, 400]),
        ("NUL", b"GET /\0 HTTP/1.1\r\n\r\n".to_vec(), &[400]),
        (
            "no host",
            format!(
                "GET /{}/scim/v2/Users HTTP/1.1\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
                tenant.id, tenant.token
            )
            .into_bytes(),
            &[400],
        ),
    ];
    for (what, request, statuses) in rows {
        let server = tenant.server.clone();
        let (status, text) = tokio::task::spawn_blocking(move || raw(&server, &request)).await.expect("an answer");
        assert!(statuses.contains(&status), "{what}: {status} {text}");
        assert!(!text.contains("panicked"), "{what}");
    }
    tenant.get("/Users").await.expect(200);
}

/// Host and path in answers are the request's; a host that is none is refused and never repeated.
#[tokio::test]
async fn hosts() {
    let tenant = SERVER.tenant();
    let user = tenant.user("a").await;
    let path = format!("/Users/{user}");
    let read = tenant.request("GET", &path, &[("host", "scim.example.com:8443")], None).await.expect(200);
    let location = format!("http://scim.example.com:8443/{}/scim/v2{path}", tenant.id);
    assert_eq!(read.json["meta"]["location"], location);
    for host in ["evil\"host", "a b", "x/y", "<script>"] {
        let answer = tenant.request("GET", &path, &[("host", host)], None).await;
        assert_eq!(answer.status, 400, "{host}");
        assert!(!answer.text.contains(host), "{}", answer.text);
    }
    // Forwarded headers count only where the server is told that a proxy sets them.
    let forwarded = [("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.example.com")];
    let read = tenant.request("GET", &path, &forwarded, None).await.expect(200);
    assert_eq!(read.json["meta"]["location"], format!("{}{path}", tenant.base()));
}

#[tokio::test]
async fn behind_a_proxy() {
    static TRUSTING: Shared = Shared::new(&["--trust-forwarded"]);
    static PUBLIC: Shared = Shared::new(&["--public-url", "https://id.example.com/base/"]);
    let tenant = TRUSTING.tenant();
    let path = format!("/Users/{}", tenant.user("a").await);
    let forwarded = [("x-forwarded-proto", "https"), ("x-forwarded-host", "scim.example.com")];
    let read = tenant.request("GET", &path, &forwarded, None).await.expect(200);
    assert_eq!(read.json["meta"]["location"], format!("https://scim.example.com/{}/scim/v2{path}", tenant.id));
    let tenant = PUBLIC.tenant();
    assert_eq!(tenant.server.origin(), "https://id.example.com/base");
    let log = tenant.server.wait_for_log("listening on ");
    let address = log.split("listening on ").nth(1).and_then(|rest| rest.split(',').next()).expect("where it listens");
    let (path, headers) = (format!("http://{address}/{}/scim/v2/Users", tenant.id), [("host", "other.example.com")]);
    let created = tenant.request("POST", &path, &headers, Some(&json!({"userName": "a"}))).await.expect(201);
    let location = format!("https://id.example.com/base/{}/scim/v2/Users/{}", tenant.id, created.id());
    assert_eq!((created.header("location"), &created.json["meta"]["location"]), (location.as_str(), &json!(location)));
}

/// HEAD is GET without the body (RFC 9110 §9.3.2), and a slash at the end does not count.
#[tokio::test]
async fn head_and_slashes() {
    let tenant = SERVER.tenant();
    let user = format!("/Users/{}", tenant.user("a").await);
    for path in ["/Users", "/", "/Schemas", "/ServiceProviderConfig", &user, "/Users/x"] {
        let get = tenant.get(path).await;
        let head = tenant.request("HEAD", path, &[], None).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "content-length", "etag", "content-location"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
    for path in ["/Users", &user, "/Schemas", "/ServiceProviderConfig"] {
        assert_eq!(tenant.get(&format!("{path}/")).await.expect(200).json, tenant.get(path).await.expect(200).json);
    }
    tenant.ok("POST", "/Users/", &json!({"schemas": [USER], "userName": "b"}), 201, &Value::Null).await;
    tenant.ok("POST", "/Users/.search/", &json!({}), 200, &json!({"totalResults": 2})).await;
    tenant.refused("GET", "/Users//", &Value::Null, 404, "", "").await;
}

/// Limits of sizes: exactly at the limit is allowed.
#[tokio::test]
async fn sizes() {
    let tenant = SERVER.tenant();
    let of = |bytes: usize, name: &str| {
        let empty = json!({"userName": name, "title": ""}).to_string().len();
        json!({"userName": name, "title": "x".repeat(bytes - empty)})
    };
    tenant.ok("POST", "/Users", &of(8192, "a"), 201, &Value::Null).await;
    tenant.refused("POST", "/Users", &of(8193, "b"), 413, "", "8192").await;
    tenant.refused("POST", "/Users/.search", &json!({"filter": "x".repeat(9000)}), 413, "", "8192").await;
    let bulk = json!({"Operations": [{"method": "POST", "path": "/Users", "bulkId": "1", "data": of(12_000, "c")}]});
    tenant.ok("POST", "/Bulk", &bulk, 200, &json!({"Operations": [{"status": "201"}]})).await;
}

/// What one resource may have, in each way in which it can come to have it.
#[tokio::test]
async fn sizes_of_a_resource() {
    static SMALL: Shared = Shared::new(&["--max-values", "3", "--max-index-entries", "6", "--max-member-changes", "2"]);
    let tenant = SMALL.tenant();
    let emails = |count: usize| -> Value {
        (0..count).map(|number| json!({"value": format!("{number}@example.com"), "type": "work"})).collect()
    };
    let user = |count: usize| json!({"userName": "many", "emails": emails(count)});
    let path = format!("/Users/{}", tenant.post("/Users", &user(3)).await.expect(201).id());
    let words = "max_values";
    tenant.refused("POST", "/Users", &json!({"userName": "x", "emails": emails(4)}), 400, "invalidValue", words).await;
    tenant.refused("PUT", &path, &user(4), 400, "invalidValue", words).await;
    for operation in [
        json!({"op": "replace", "path": "emails", "value": emails(4)}),
        json!({"op": "add", "path": "emails", "value": [{"value": "x@example.com"}]}),
        json!({"op": "add", "value": {"emails": [{"value": "x@example.com"}]}}),
        json!({"op": "replace", "value": {"phoneNumbers": [{"value": "1"}, {"value": "2"}, {"value": "3"}, {"value": "4"}]}}),
    ] {
        tenant.refused("PATCH", &path, &patch_body(&json!([operation])), 400, "invalidValue", words).await;
    }
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "PUT", "path": path, "data": user(4)}]
    });
    assert_eq!(tenant.post("/Bulk", &bulk).await.expect(200).json["Operations"][0]["status"], "400");
    tenant.put(&path, &user(2)).await.expect(200);
    // Members are counted by themselves.
    let mut members = Vec::new();
    for name in ["a", "b", "c"] {
        members.push(json!({"value": tenant.user(name).await}));
    }
    let group = json!({"displayName": "staff", "members": members});
    tenant.refused("POST", "/Groups", &group, 413, "", "max_member_changes").await;
}
