//! The program of the guide: what a backend does when it has a new customer.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

use super::token;
use crate::server::{Client, TestServer};

fn run(server: &TestServer, token: &str, args: &[&str]) -> Output {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/examples/manage_tenants.py");
    Command::new(std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()))
        .arg(script)
        .args(args)
        .envs([("SCIM_ADMIN", server.admin().as_str()), ("SCIM_ADMIN_TOKEN", token)])
        .output()
        .expect("this test needs Python 3 (apt-get install python3)")
}

#[tokio::test]
async fn the_program_of_the_guide_makes_a_tenant_and_rotates_its_token() {
    let server = TestServer::start();
    let made = token(&server, &["--name", "backend", "--role", "administrator"]);
    let token = made["token"].as_str().expect("a token");
    let printed = |args: &[&str]| -> Value {
        let output = run(&server, token, args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let created = printed(&["create", "acme"]);
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
    let client = Client::new(&text(&created, "endpoint"), &text(&created, "token"));
    client.user("anna").await;
    let rotated = printed(&["rotate", "acme"]);
    client.get("/Users").await.expect(200);
    client.with_token(&text(&rotated, "token")).get("/Users").await.expect(200);
    let refused = run(&server, token, &["create", "acme"]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && why.contains("already a tenant"), "{why}");
}
