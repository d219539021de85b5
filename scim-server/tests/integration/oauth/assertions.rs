//! Client assertions (RFC 7523): what lets a client in, each refusal of §3, and the trace that explains it.

use serde_json::{Value, json};

use super::{
    GRANT, OAuth, access_token,
    issuer::{Issuer, claims, now},
    refused,
};
use crate::{
    database::shared,
    server::{Options, Response, TestServer},
};

pub const TYPE: (&str, &str) = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");

/// A client that trusts an issuer whose keys were pasted.
struct World {
    server: TestServer,
    issuer: Issuer,
    client: OAuth,
    trust: String,
}

/// Adds a trust to the client of a tenant, and gives what is shown of the client.
pub fn trust(server: &TestServer, client: [&str; 2], issuer: &Issuer, audience: &str) -> Value {
    let file = server.scratch("jwks.json");
    std::fs::write(&file, issuer.set().to_string()).expect("the keys");
    let file = file.to_string_lossy().into_owned();
    let exact = ["--issuer", "https://idp.example/v2.0", "--subject", "object-id", "--audience", audience];
    let which = ["client", "trust", "add", "--tenant", client[0], client[1]];
    server.run_json(&[which.as_slice(), &exact, &["--jwks-file", &file, "--json"]].concat())
}

impl World {
    fn new() -> Self {
        Self::on(TestServer::start())
    }

    fn on(server: TestServer) -> Self {
        let client = OAuth::create(&server, "entra", &["--no-secret"]);
        assert_eq!(client.secret, "");
        let issuer = Issuer::new();
        let shown = trust(&server, ["test", "entra"], &issuer, "api://scim");
        let trust = shown["trusts"][0]["trust_id"].as_str().unwrap_or_else(|| panic!("no trust: {shown}")).to_owned();
        Self { server, issuer, client, trust }
    }

    async fn ask(&self, assertion: &str) -> Response {
        self.client.post("/token", None, &[GRANT, TYPE, ("client_assertion", assertion)]).await
    }

    fn trace(&self) -> Vec<Value> {
        let traced = self.server.run_json(&["client", "trace", "--tenant", "test", "entra", "--json"]);
        traced.as_array().cloned().unwrap_or_default()
    }
}

#[tokio::test]
async fn an_assertion_gets_a_token_that_does_not_outlive_it() {
    let world = World::new();
    let answer = world.ask(&world.issuer.sign(&claims())).await.expect(200);
    assert!(
        answer.json["expires_in"].as_i64().is_some_and(|seconds| (290..=300).contains(&seconds)),
        "{}",
        answer.text
    );
    let scim = world.server.client().with_token(&access_token(&answer));
    scim.get("/Users").await.expect(200);
    // By EdDSA, with its client_id, and as Entra sends it: without jti, with more claims.
    let ed = world.issuer.sign_with(&json!({"alg": "EdDSA", "kid": "ed"}), &claims());
    let named = [GRANT, TYPE, ("client_id", &world.client.id), ("client_assertion", &ed), ("scope", "scim")];
    world.client.post("/token", None, &named).await.expect(200);
    let mut entra = claims();
    entra.as_object_mut().expect("an object").shift_remove("jti");
    entra["oid"] = json!("object-id");
    entra["exp"] = json!(now() + 65 * 60);
    let answer = world.ask(&world.issuer.sign(&entra)).await.expect(200);
    assert_eq!(answer.json["expires_in"], 3600);
    // The second shape of an audience is a trust of its own.
    trust(&world.server, ["test", "entra"], &world.issuer, "api://scim/host.example");
    let mut second = claims();
    second["aud"] = json!("api://scim/host.example");
    world.ask(&world.issuer.sign(&second)).await.expect(200);
    let taken = world.server.run(&["client", "create", "--tenant", "test", "--name", "other", "--no-secret"]);
    assert!(taken.status.success(), "{taken:?}");

    let removed = ["client", "trust", "remove", "--tenant", "test", "entra", &world.trust, "--json"];
    world.server.run_json(&removed);
    scim.get("/Users").await.expect_error(401, None);
    refused(world.ask(&world.issuer.sign(&claims())).await, 401, "invalid_client");
    world
        .ask(&world.issuer.sign(&{
            second["jti"] = json!("another");
            second
        }))
        .await
        .expect(200);
}

#[tokio::test]
async fn each_thing_that_is_wrong_is_refused_alike_and_traced() {
    let world = World::new();
    let changed = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        world.issuer.sign(&claims)
    };
    let header = |header: Value| world.issuer.sign_with(&header, &claims());
    let cases = [
        ("issuer", changed("iss", json!("https://idp.example/v2.0/"))),
        ("issuer", changed("iss", json!("https://idp.example"))),
        ("subject", changed("sub", json!("OBJECT-ID"))),
        ("audience", changed("aud", json!("api://scim/host"))),
        ("audience", changed("aud", json!(["api://other", "api://scim/"]))),
        ("exp", changed("exp", json!(now() - 61))),
        ("exp", changed("exp", json!(now() + 100_000))),
        ("nbf", changed("nbf", json!(now() + 120))),
        ("iat", changed("iat", json!(now() + 120))),
        ("alg", header(json!({"alg": "RS256", "kid": "ec"}))),
        ("kid", header(json!({"alg": "ES256", "kid": "other"}))),
        ("signature", Issuer::new().sign(&claims())),
    ];
    let mut said = Vec::new();
    for (_, assertion) in &cases {
        said.push(refused(world.ask(assertion).await, 401, "invalid_client").text);
    }
    said.dedup();
    assert_eq!(said.len(), 1, "the answer tells which check failed: {said:?}");
    let trace = world.trace();
    let seen: Vec<_> = trace.iter().map(|one| one["checks"][0]["check"].clone()).collect();
    assert_eq!(seen, cases.iter().map(|(check, _)| json!(check)).collect::<Vec<_>>(), "{trace:#?}");
    assert_eq!(trace[3]["why"], json!(["audience: expected api://scim, came api://scim/host"]));
}

#[tokio::test]
async fn what_cannot_be_read_stands_for_nobody_unless_a_client_is_named() {
    let world = World::new();
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").shift_remove(name);
        world.issuer.sign(&claims)
    };
    let header = |header: Value| world.issuer.sign_with(&header, &claims());
    let named = |assertion: &str| {
        let (id, assertion) = (world.client.id.clone(), assertion.to_owned());
        let client = world.client.clone();
        async move {
            let form = [GRANT, TYPE, ("client_id", &id), ("client_assertion", &assertion)];
            refused(client.post("/token", None, &form).await, 401, "invalid_client");
        }
    };
    let unread = [
        ("claims", without("iss")),
        ("claims", without("sub")),
        ("claims", without("aud")),
        ("claims", without("exp")),
        ("alg", header(json!({"alg": "none"}))),
        ("alg", header(json!({"alg": "HS256", "kid": "ec"}))),
        ("header", header(json!({"alg": "ES256", "crit": ["exp"]}))),
        ("typ", header(json!({"alg": "ES256", "typ": "at+jwt"}))),
        ("assertion", "a.b".to_owned()),
        ("assertion", "x".repeat(20_000)),
    ];
    for (_, assertion) in &unread {
        refused(world.ask(assertion).await, 401, "invalid_client");
        named(assertion).await;
    }
    let seen: Vec<_> =
        world.trace().iter().rev().take(unread.len()).rev().map(|one| one["checks"][0]["check"].clone()).collect();
    assert_eq!(seen, unread.iter().map(|(check, _)| json!(check)).collect::<Vec<_>>());
    // A good one of a client is not good for another.
    let other = OAuth::create(&world.server, "other", &[]);
    let good = world.issuer.sign(&claims());
    let form = [GRANT, TYPE, ("client_id", &other.id), ("client_assertion", &good)];
    refused(world.client.post("/token", None, &form).await, 401, "invalid_client");
    world.ask(&good).await.expect(200);
    // Another kind of assertion, and the grant of §2.1.
    let saml = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer");
    let form = [GRANT, saml, ("client_assertion", "x")];
    refused(world.client.post("/token", None, &form).await, 400, "invalid_request");
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let form = [grant, TYPE, ("client_assertion", &world.issuer.sign(&claims()))];
    refused(world.client.post("/token", None, &form).await, 400, "unsupported_grant_type");
}

#[tokio::test]
async fn an_assertion_is_spent_once_also_after_a_kill() {
    let mut world = World::new();
    let assertion = world.issuer.sign(&claims());
    let all = (0..8).map(|_| world.ask(&assertion));
    let mut statuses: Vec<_> = futures_util::future::join_all(all).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![401; 7]].concat());
    world.server.kill();
    world.server.launch();
    world.client = world.client.at(&world.server);
    refused(world.ask(&assertion).await, 401, "invalid_client");
    let trace = world.trace();
    assert_eq!(trace.last().map(|one| one["checks"][0]["check"].clone()), Some(json!("jti")), "{trace:#?}");
    let sound = world.server.run(&["check"]);
    assert!(sound.status.success(), "{sound:?}");
    // The trace is kept without a server, and goes with its client.
    world.server.stop();
    assert_eq!(world.trace().len(), trace.len());
    world.server.run_json(&["client", "delete", "--tenant", "test", "entra", "--json"]);
    let sound = world.server.run(&["check"]);
    assert!(sound.status.success(), "{sound:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_spent_at_one_process_is_spent_at_the_other() {
    let world = World::on(TestServer::with(Options { store: Some(shared().schema()), ..Options::default() }));
    let other = world.server.beside();
    let there = world.client.at(&other);
    let assertion = world.issuer.sign(&claims());
    world.ask(&assertion).await.expect(200);
    let form = [GRANT, TYPE, ("client_assertion", assertion.as_str())];
    refused(there.post("/token", None, &form).await, 401, "invalid_client");
    let another = world.issuer.sign(&claims());
    let form = [GRANT, TYPE, ("client_assertion", another.as_str())];
    there.post("/token", None, &form).await.expect(200);
    refused(world.ask(&another).await, 401, "invalid_client");
}

#[test]
fn trusts_are_checked_when_they_are_added() {
    let server = TestServer::start();
    OAuth::create(&server, "entra", &[]);
    let add = |issuer: &str, further: &[&str]| {
        let exact = ["--issuer", issuer, "--subject", "s", "--audience", "a"];
        let args = [["client", "trust", "add", "--tenant", "test", "entra"].as_slice(), &exact, further].concat();
        let done = server.run(&args);
        (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let file = server.scratch("keys.json").to_string_lossy().into_owned();
    for (issuer, further, expect) in [
        ("https://idp.example/*", ["--jwks-uri", "https://idp.example/keys"], "nothing is matched in part"),
        ("", ["--jwks-uri", "https://idp.example/keys"], "issuer must have"),
        ("i", ["--jwks-uri", "http://idp.example/keys"], "not an https URL"),
        ("i", ["--jwks-file", &file], "no public key"),
    ] {
        std::fs::write(&file, r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#).expect("the keys");
        let (done, said) = add(issuer, &further);
        assert!(!done && said.contains(expect), "{issuer} {further:?}: {said}");
    }
    assert!(add("i", &["--jwks-uri", "https://idp.example/keys"]).0);
    assert!(add("i", &["--jwks-uri", "https://idp.example/keys"]).1.contains("already"));
    OAuth::create(&server, "other", &[]);
    let exact = ["--issuer", "i", "--subject", "s", "--audience", "a", "--jwks-uri", "https://idp.example/keys"];
    let args = [["client", "trust", "add", "--tenant", "test", "other"].as_slice(), &exact].concat();
    assert!(String::from_utf8_lossy(&server.run(&args).stderr).contains("already"));
}

#[tokio::test]
async fn a_provider_is_told_what_to_paste() {
    let server = TestServer::start();
    let said = server.run_json(&["tenant", "connection", "test", "--json"]);
    assert_eq!((&said["client_id"], said["scim_url"].as_str()), (&Value::Null, Some(server.base().as_str())));
    let client = OAuth::create(&server, "entra", &[]);
    let said = server.run_json(&["tenant", "connection", "test", "--json"]);
    assert_eq!(said["client_id"], client.id);
    assert_eq!(said["token_endpoint"], format!("{}/token", client.base));
    let told = server.run(&["tenant", "connection", "test", "--provider", "entra"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    for word in ["Tenant URL", "Token Endpoint", "Client Identifier", &client.id, &server.base()] {
        assert!(told.contains(word), "{told}");
    }
}
