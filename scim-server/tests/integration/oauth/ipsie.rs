//! The profiles `ipsie-al1` and `ipsie-al2`: what they ask beyond the RFCs, draft 00.

use serde_json::json;

use super::{
    GRANT, OAuth, access_token,
    assertions::{TYPE, trust},
    issuer::{Issuer, claims},
    refused,
};
use crate::server::{Client, Options, TestServer, USER};

/// A tenant under a profile, its client, and an issuer that it trusts.
struct World {
    server: TestServer,
    client: OAuth,
    issuer: Issuer,
    base: String,
}

impl World {
    fn new(profile: &str) -> Self {
        let server = TestServer::with(Options::args(&["--audit-log", "-"]));
        let made = server.run_json(&["tenant", "create", "ipsie", "--profile", profile, "--json"]);
        let id = made["tenant_id"].as_str().expect("an id");
        let args = ["client", "create", "--tenant", "ipsie", "--name", "idp", "--no-secret", "--json"];
        let mut client = OAuth::of(&server, &server.run_json(&args));
        client.base = format!("{}/{id}/oauth2", server.origin());
        let issuer = Issuer::new();
        trust(&server, ["ipsie", "idp"], &issuer, "api://scim");
        let base = format!("{}/{id}/scim/v2", server.origin());
        Self { server, client, issuer, base }
    }

    async fn scim(&self) -> Client {
        let assertion = self.issuer.sign(&claims());
        let answer = self.client.post("/token", None, &[GRANT, TYPE, ("client_assertion", &assertion)]).await;
        Client::new(&self.base, &access_token(&answer.expect(200)))
    }
}

#[tokio::test]
async fn a_tenant_under_ipsie_takes_assertions_alone() {
    let world = World::new("ipsie-al2");
    let said = |args: &[&str]| {
        let done = world.server.run(args);
        assert!(!done.status.success(), "{args:?}");
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    assert!(said(&["token", "create", "--tenant", "ipsie"]).contains("no static tokens"));
    assert!(said(&["client", "create", "--tenant", "ipsie", "--name", "x"]).contains("--no-secret"));
    assert!(said(&["client", "rotate", "--tenant", "ipsie", "idp"]).contains("--no-secret"));
    let wide = ["client", "create", "--tenant", "ipsie", "--name", "x", "--no-secret", "--scope", "scim.events"];
    assert!(said(&wide).contains("scim alone"));
    assert!(said(&["user", "create", "--tenant", "ipsie", "--user-name", "x", "--force"]).contains("provider alone"));
    let file = world.server.scratch("slow.json");
    std::fs::write(&file, json!({"rate_limit": 24}).to_string()).expect("the settings");
    assert!(said(&["tenant", "set", "ipsie", "--settings", &file.to_string_lossy()]).contains("at least 25"));

    let narrow = [GRANT, TYPE, ("client_assertion", &world.issuer.sign(&claims())), ("scope", "scim.read")];
    refused(world.client.post("/token", None, &narrow).await, 400, "invalid_scope");
    let mut without = claims();
    without.as_object_mut().expect("an object").shift_remove("jti");
    let form = [GRANT, TYPE, ("client_assertion", &world.issuer.sign(&without))];
    refused(world.client.post("/token", None, &form).await, 401, "invalid_client");

    // A tenant that comes under the profile leaves its tokens and secrets behind.
    let secret = OAuth::create(&world.server, "old", &[]);
    let old = secret.scim().await;
    world.server.run_json(&["tenant", "set", "test", "--profile", "ipsie-al1", "--json"]);
    old.get("/Users").await.expect_error(401, None);
    world.server.client().get("/Users").await.expect_error(401, None);
    refused(secret.ask("/token", &[GRANT]).await, 401, "invalid_client");
}

#[tokio::test]
async fn what_the_levels_ask_of_scim_is_there() {
    for (profile, password) in [("ipsie-al1", 201), ("ipsie-al2", 400)] {
        let world = World::new(profile);
        let scim = world.scim().await;
        let config = scim.get("/ServiceProviderConfig").await.expect(200).json;
        assert_eq!(config["interopProfileConformant"], true, "{config}");
        assert_eq!(config["bulk"]["supported"], true);
        assert_eq!(config["filter"]["maxResults"], 1000);
        assert_eq!(config["authenticationSchemes"][0]["type"], "oauth2");
        assert_eq!(config["authenticationSchemes"].as_array().map(Vec::len), Some(1));
        let url = world.client.base.replace(world.server.origin(), "").replace("/oauth2", "");
        let url = format!("{}/.well-known/oauth-authorization-server{url}/oauth2", world.server.origin());
        let metadata = scim.send("GET", &url, &[], None).await.expect(200).json;
        assert_eq!(metadata["token_endpoint_auth_methods_supported"], json!(["private_key_jwt"]));
        assert_eq!(metadata["scopes_supported"], json!(["scim"]));

        let user = |further: serde_json::Value| {
            let mut user = json!({"schemas": [USER], "userName": "anna", "displayName": "Anna", "active": true});
            user.as_object_mut().expect("an object").extend(further.as_object().expect("an object").clone());
            user
        };
        scim.post("/Users", &user(json!({"shoeSize": 40}))).await.expect(400);
        let id = scim.post("/Users", &user(json!({}))).await.expect(201).id();
        let path = format!("/Users/{id}");
        let with = user(json!({"userName": "bert", "password": "correct horse"}));
        scim.post("/Users", &with).await.expect(password);
        let change = json!([{"op": "replace", "path": "password", "value": "correct horse"}]);
        scim.patch(&path, &change).await.expect(if password == 201 { 200 } else { 400 });
        scim.patch(&path, &json!([{"op": "replace", "value": {"active": false}}]))
            .await
            .expect_error(400, Some("noTarget"));
        let both = json!([{"op": "replace", "path": "active", "value": false},
            {"op": "replace", "path": "displayName", "value": "A."}]);
        assert_eq!(scim.patch(&path, &both).await.expect(200).json["active"], false);
        assert_eq!(scim.find("/Users", "userName eq \"anna\"").await.expect(200).json["totalResults"], 1);
    }
}

#[tokio::test]
async fn status_does_not_advise_a_token_where_there_are_none() {
    let server = TestServer::start();
    server.run_json(&["tenant", "create", "ipsie", "--profile", "ipsie-al1", "--json"]);
    let outcome = server.run(&["status", "--tenant", "ipsie"]);
    let told = String::from_utf8_lossy(&outcome.stdout);
    assert!(told.contains("client create --tenant ipsie") && !told.contains("token create"), "{told}");
}
