//! The endpoints by themselves: RFC 6749 §2.3, §4.4 and §5, RFC 7009, RFC 7662, RFC 8414.

use serde_json::json;

use super::{GRANT, OAuth, access_token, refused};
use crate::server::{Options, TestServer};

#[tokio::test]
async fn a_client_gets_a_token_in_each_way_and_calls_scim() {
    let server = TestServer::start();
    let made =
        server.run_json(&["client", "create", "--tenant", "test", "--name", "entra", "--scope", "scim", "--json"]);
    let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("no {key}: {made}")).to_owned();
    assert!(text("client_secret").starts_with("scimcs_"), "{made}");
    assert!(text("token_endpoint").ends_with(&format!("/{}/oauth2/token", server.tenant())), "{made}");
    assert_eq!(text("scope"), "scim");
    assert!(text("expires").starts_with("20"), "{made}");
    let client = OAuth::of(&server, &made);
    let secret = [("client_id", client.id.as_str()), ("client_secret", &client.secret)];

    for answer in [
        client.ask("/token", &[GRANT]).await,
        client.ask("/token", &[GRANT, ("client_id", &client.id), ("scope", "")]).await,
        client.post("/token", None, &[&[GRANT], secret.as_slice()].concat()).await,
        client
            .post("/token", None, &[&secret, [GRANT, ("scope", "scim")].as_slice(), &[("resource", "x")]].concat())
            .await,
    ] {
        let answer = answer.expect(200);
        let known = json!({"token_type": "Bearer", "expires_in": 3600, "scope": "scim"});
        for (key, value) in known.as_object().expect("an object") {
            assert_eq!(&answer.json[key], value, "{}", answer.text);
        }
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.media_type(), "application/json");
        let scim = server.client().with_token(&access_token(&answer));
        scim.get("/Users").await.expect(200);
    }
    client.scim().await.user("anna").await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_has_its_code() {
    let server = TestServer::start();
    let client = OAuth::create(&server, "entra", &[]);
    let narrow = OAuth::create(&server, "reader", &["--scope", "scim.read"]);
    let secret = [("client_id", client.id.as_str()), ("client_secret", &client.secret)];
    let also = |pairs: &[(&'static str, &'static str)]| [&[GRANT], pairs].concat();

    refused(client.ask("/token", &[]).await, 400, "invalid_request");
    refused(client.ask("/token", &[("grant_type", "authorization_code")]).await, 400, "unsupported_grant_type");
    refused(client.ask("/token", &also(&[("scope", "scim.everything")])).await, 400, "invalid_scope");
    refused(narrow.ask("/token", &also(&[("scope", "scim")])).await, 400, "invalid_scope");
    refused(client.ask("/token", &also(&[GRANT])).await, 400, "invalid_request");
    refused(client.ask("/token", &[&[GRANT], secret.as_slice()].concat()).await, 400, "invalid_request");
    refused(client.post("/token", Some("Basic ?"), &[GRANT]).await, 400, "invalid_request");

    let nobody = OAuth { id: server.tenant().to_owned(), ..client.clone() };
    let mistyped = OAuth { secret: client.secret.replace("scimcs_", "scimcs_x"), ..client.clone() };
    let anothers = OAuth { secret: narrow.secret.clone(), ..client.clone() };
    for wrong in [&nobody, &mistyped, &anothers] {
        let answer = refused(wrong.ask("/token", &[GRANT]).await, 401, "invalid_client");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"scim\"");
        refused(wrong.ask("/revoke", &[("token", "x")]).await, 401, "invalid_client");
        refused(wrong.ask("/introspect", &[("token", "x")]).await, 401, "invalid_client");
    }
    refused(client.post("/token", None, &[GRANT]).await, 401, "invalid_client");
    refused(client.post("/token", None, &also(&[("client_id", "x")])).await, 401, "invalid_client");
}

#[tokio::test]
async fn methods_media_types_and_queries_are_refused() {
    let server = TestServer::start();
    let client = OAuth::create(&server, "entra", &[]);
    let token = format!("{}/token", client.base);
    let http = server.client();
    let form = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
    let basic = client.basic();
    let basic = ("authorization", basic.as_str());

    let answer = refused(http.send("GET", &token, &[basic], None).await, 405, "invalid_request");
    assert_eq!(answer.header("allow"), "POST");
    let json = ("content-type", "application/json");
    refused(http.send("POST", &token, &[basic, json], Some("{}".into())).await, 415, "invalid_request");
    refused(http.send("POST", &token, &[basic], Some(String::new())).await, 415, "invalid_request");
    let body = Some("grant_type=client_credentials".to_owned());
    let query = format!("{token}?client_id={}&client_secret={}", client.id, client.secret);
    refused(http.send("POST", &query, &[form], body.clone()).await, 400, "invalid_request");
    refused(http.send("POST", &token, &[basic, form], Some("x".repeat(40_000))).await, 413, "invalid_request");
    http.send("POST", &token, &[basic, form], body).await.expect(200);

    for path in ["/oauth2", "/oauth2/authorize", "/oauth2/token/x"] {
        let url = format!("{}/{}{path}", server.origin(), server.tenant());
        assert_eq!(http.send("POST", &url, &[basic, form], Some(String::new())).await.status, 404, "{path}");
    }
    // A client of one tenant is nobody in another.
    let other = server.run_json(&["tenant", "create", "other", "--json"]);
    let url = format!("{}/{}/oauth2/token", server.origin(), other["tenant_id"].as_str().expect("an id"));
    let body = Some("grant_type=client_credentials".to_owned());
    refused(http.send("POST", &url, &[basic, form], body).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_token_that_is_given_back_lets_nobody_in() {
    let server = TestServer::start();
    let (client, other) = (OAuth::create(&server, "entra", &[]), OAuth::create(&server, "okta", &[]));
    let (token, kept) = (client.token().await, client.token().await);
    let scim = server.client().with_token(&token);

    refused(other.ask("/revoke", &[("token", &token)]).await, 400, "unauthorized_client");
    scim.get("/Users").await.expect(200);
    for _ in 0..2 {
        let hint = ("token_type_hint", "refresh_token");
        client.ask("/revoke", &[("token", &token), hint]).await.expect(200);
    }
    scim.get("/Users").await.expect_error(401, None);
    server.client().with_token(&kept).get("/Users").await.expect(200);
    client.ask("/revoke", &[("token", "scimat_nonsense")]).await.expect(200);
    refused(client.ask("/revoke", &[]).await, 400, "invalid_request");
    refused(client.ask("/revoke", &[("token", server.token())]).await, 400, "unsupported_token_type");
    server.client().get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_gateway_asks_what_tokens_are_good_for() {
    let server = TestServer::start();
    let client = OAuth::create(&server, "entra", &["--scope", "scim.read"]);
    let gateway = OAuth::create(&server, "gateway", &["--scope", "scim.introspect"]);
    let token = client.token().await;

    refused(client.ask("/introspect", &[("token", &token)]).await, 400, "unauthorized_client");
    let bearer = format!("Bearer {}", gateway.token().await);
    for answer in [
        gateway.ask("/introspect", &[("token", &token)]).await,
        gateway.post("/introspect", Some(&bearer), &[("token", &token)]).await,
    ] {
        let said = answer.expect(200).json;
        let expect = json!({"active": true, "scope": "scim.read", "client_id": client.id, "token_type": "Bearer",
            "sub": client.id});
        for (key, value) in expect.as_object().expect("an object") {
            assert_eq!(&said[key], value, "{said}");
        }
        assert_eq!(said["exp"].as_i64().zip(said["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(3600), "{said}");
    }
    let said = gateway.ask("/introspect", &[("token", server.token())]).await.expect(200).json;
    assert_eq!((&said["active"], &said["scope"], said.get("client_id")), (&json!(true), &json!("scim"), None));
    client.ask("/revoke", &[("token", &token)]).await.expect(200);
    for dead in [token.as_str(), "scimat_x", "nonsense"] {
        let said = gateway.ask("/introspect", &[("token", dead)]).await.expect(200).json;
        assert_eq!(said, json!({"active": false}), "{dead}");
    }
    // Such a token opens nothing else.
    gateway.scim().await.get("/Users").await.expect_error(403, None);
    let bearer = format!("Bearer {}", client.token().await);
    refused(gateway.post("/introspect", Some(&bearer), &[("token", "x")]).await, 401, "invalid_client");
}

#[tokio::test]
async fn metadata_and_discovery_say_what_there_is() {
    let server = TestServer::start();
    let issuer = format!("{}/{}/oauth2", server.origin(), server.tenant());
    let url = |tenant: &str| format!("{}/.well-known/oauth-authorization-server/{tenant}/oauth2", server.origin());
    let http = server.client();
    let said = http.send("GET", &url(server.tenant()), &[], None).await.expect(200);
    assert_eq!(said.media_type(), "application/json");
    assert_eq!(said.json["issuer"], issuer);
    assert_eq!(said.json["token_endpoint"], format!("{issuer}/token"));
    assert_eq!(said.json["revocation_endpoint"], format!("{issuer}/revoke"));
    assert_eq!(said.json["introspection_endpoint"], format!("{issuer}/introspect"));
    assert_eq!(said.json["grant_types_supported"], json!(["client_credentials"]));
    assert_eq!(said.json["response_types_supported"], json!(["none"]));
    http.send("POST", &url(server.tenant()), &[], None).await.expect(405);
    http.send("GET", &url("8f14e45f-ceea-467f-9a3a-1d2b3c4d5e6f"), &[], None).await.expect(404);

    let schemes = http.get("/ServiceProviderConfig").await.expect(200).json["authenticationSchemes"].clone();
    let types: Vec<_> = schemes.as_array().expect("a list").iter().map(|scheme| scheme["type"].clone()).collect();
    assert_eq!(types, ["oauthbearertoken", "oauth2"]);
    let answer = http.with_token("scimat_nonsense").get("/Users").await.expect_error(401, None);
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"scim\", error=\"invalid_token\"");
}

#[tokio::test]
async fn whoever_guesses_secrets_is_slowed_down_and_the_audit_log_holds_none() {
    let server = TestServer::with(Options::args(&["--address-rate-limit", "20", "--audit-log", "-"]));
    let client = OAuth::create(&server, "entra", &[]);
    let token = client.token().await;
    let wrong = OAuth { secret: "scimcs_guess".to_owned(), ..client.clone() };
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(wrong.ask("/token", &[GRANT]).await.status);
    }
    assert_eq!((statuses.first(), statuses.last()), (Some(&401), Some(&429)), "{statuses:?}");
    let slow = refused(wrong.ask("/token", &[GRANT]).await, 429, "temporarily_unavailable");
    assert!(slow.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    // The client of somebody else behind the same address has the right secret, and what it got is good.
    client.token().await;
    server.client().with_token(&token).get("/Users").await.expect(200);

    let mut server = server;
    server.stop();
    let log = server.log();
    assert!(log.contains("\"eventName\":\"IssueToken\""), "{log}");
    assert!(log.contains("secret: expected scimcs_"), "{log}");
    for secret in [client.secret.as_str(), &token, "scimcs_guess", &token["scimat_".len()..]] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
