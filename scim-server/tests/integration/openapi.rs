//! The descriptions of what the server answers (OpenAPI 3.1), in the hands of programs that others wrote. That each
//! answer is as it is described, the client of these tests sees to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use serde_json::Value;

use crate::{
    scim2_tester::{python, run},
    server::TestServer,
};

fn reference(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(file)
}

fn sources(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder)
}

fn description() -> Value {
    serde_json::from_str(&fs::read_to_string(reference("openapi.json")).expect("the description")).expect("JSON")
}

#[tokio::test]
async fn the_description_is_given_to_whoever_asks() {
    let server = TestServer::start();
    let url = format!("{}/openapi.json", server.origin());
    let client = server.client();
    let answer = client.send("GET", &url, &[], None).await.expect(200);
    assert_eq!((answer.media_type(), &answer.json), ("application/json", &description()));
    let head = client.send("HEAD", &url, &[], None).await.expect(200);
    assert_eq!((head.text.as_str(), head.header("content-length")), ("", answer.text.len().to_string().as_str()));
    client.send("POST", &url, &[], None).await.expect_error(405, None);
    client.send("GET", &format!("{url}/x"), &[], None).await.expect_error(404, None);
}

/// The table of the reference is compared with the routes by another test.
#[test]
fn the_description_has_the_paths_of_the_reference() {
    let page = fs::read_to_string(reference("endpoints.md")).expect("the page");
    let table = page.split("\n## ").find(|part| part.starts_with("Paths")).expect("the table of endpoints");
    let mut listed = BTreeMap::new();
    for line in table.lines().filter(|line| line.starts_with("| `/")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, path, methods, ..] = cells.as_slice() else { panic!("not a row: {line}") };
        let path = path.trim_matches('`');
        let is_beside_scim =
            ["/{tenant_id}/", "/.well-known/", "/openapi.json"].iter().any(|begin| path.starts_with(begin));
        // The one is no endpoint, the other has pages for people.
        if path == "/Me" || path == "/setup" {
            continue;
        }
        let path = if is_beside_scim { path.to_owned() } else { format!("/{{tenant_id}}/scim/v2{path}") };
        let methods: BTreeSet<_> =
            methods.split(", ").filter(|method| *method != "HEAD").map(str::to_lowercase).collect();
        listed.insert(path.trim_end_matches('/').to_owned(), methods);
    }
    let description = description();
    let paths = description["paths"].as_object().expect("paths").iter();
    let described: BTreeMap<_, BTreeSet<_>> = paths
        .map(|(path, methods)| (path.clone(), methods.as_object().expect("methods").keys().cloned().collect()))
        .collect();
    assert_eq!(described, listed);
}

#[test]
fn a_validator_finds_the_description_sound() {
    let mut command = Command::new(python(&sources("admin_api"), "admin-api"));
    run(command.args(["-m", "openapi_spec_validator", "--schema", "3.1"]).arg(reference("openapi.json")));
}

#[test]
fn clients_that_are_generated_work() {
    let server = TestServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let token = fs::read_to_string(server.data().join("admin.token")).expect("admin.token");
    let mut command = Command::new(python(&sources("openapi"), "openapi"));
    command.arg(sources("openapi").join("run.py")).arg(folder.path());
    run(command.args([server.origin(), &format!("{}/admin/v1", server.admin()), token.trim()]));
}
