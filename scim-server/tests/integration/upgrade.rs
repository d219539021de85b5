//! What earlier versions have written is opened, checked and served by this one. The stores are in `tests/stores`, with
//! the script that makes them of each version that is released.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::{
    database::shared,
    server::{TestServer, run},
};

/// The versions whose stores are kept.
const VERSIONS: [&str; 1] = ["0.1.0"];

fn kept(version: &str, form: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/stores/{version}.{form}"))
}

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An export is what the old version has exported of the same store, so the old version can import it: a program refuses
/// members that it does not know. What is new may only be written where it is used.
#[track_caller]
fn same(old: &str, new: &str) {
    let items = |text: &str| -> Vec<Value> {
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
        lines.filter(|item: &Value| item.get("end").is_none()).collect()
    };
    let (old, new) = (items(old), items(new));
    assert_eq!(old.len(), new.len());
    for (old, new) in old.iter().zip(&new) {
        assert_eq!(old, new, "the version before cannot import it");
    }
}

/// A server with the store goes on with what is in it.
async fn serves(mut server: TestServer) {
    let client = server.client();
    let users = client.get("/Users?sortBy=userName").await.expect(200).json;
    let names: Vec<_> = users["Resources"].as_array().expect("users").iter().map(|user| &user["userName"]).collect();
    assert_eq!(names, ["anna@example.com", "ben@example.com", "claire@example.com"]);
    assert_eq!(users["Resources"][1]["active"], false);
    let groups = client.find("/Groups", "displayName eq \"Everybody\"").await.expect(200).json;
    assert_eq!(groups["Resources"][0]["members"].as_array().map(Vec::len), Some(2));

    client.user("erik@example.com").await;
    // For how long a deleted user can be restored goes by the clock: the command only has to know the store.
    server.run_json(&["user", "deleted", "--tenant", "acme", "--json"]);
    printed(&server.run(&["role", "list", "--tenant", "acme"]));
    printed(&server.run(&["check"]));
    assert!(server.stop().success());
}

/// The path and a new token of the tenant that was made first.
fn credentials(data: &Path, store: &[&str]) -> (String, String) {
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&printed(&run(data, &[arguments, &["--json"], store].concat()))).expect("JSON")
    };
    let tenant = json(&["tenant", "show", "acme"]);
    let issued = json(&["token", "create", "--tenant", "acme"]);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&tenant["path"]), text(&issued["token"]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_a_directory_is_taken_over() {
    for version in VERSIONS {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut tar = Command::new("tar");
        tar.args(["--strip-components=1", "--no-same-owner", "-xzf"]).arg(kept(version, "tar.gz"));
        printed(&tar.arg("-C").arg(directory.path()).output().expect("tar"));
        let exported = printed(&run(directory.path(), &["export", "--all"]));
        same(&fs::read_to_string(kept(version, "jsonl")).expect("the export"), &exported);
        printed(&run(directory.path(), &["check"]));
        let (path, token) = credentials(directory.path(), &[]);
        serves(TestServer::adopt_directory(&path, &token, directory)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_taken_over() {
    for version in VERSIONS {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = kept(version, "jsonl");
        printed(&run(directory.path(), &["init", "--tenant", "first"]));
        printed(&run(directory.path(), &["import", &file.to_string_lossy()]));
        printed(&run(directory.path(), &["check"]));
        let (path, token) = credentials(directory.path(), &[]);
        serves(TestServer::adopt_directory(&path, &token, directory)).await;
    }
}

/// As the guide says of the way back to a version before: an export of all tenants makes a store where there is none.
#[test]
fn an_export_makes_a_store() {
    for version in VERSIONS {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = kept(version, "jsonl");
        printed(&run(directory.path(), &["restore", &file.to_string_lossy()]));
        printed(&run(directory.path(), &["check"]));
        same(&fs::read_to_string(&file).expect("the export"), &printed(&run(directory.path(), &["export", "--all"])));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_taken_over() {
    for version in VERSIONS {
        let dump = Command::new("gzip").arg("-dc").arg(kept(version, "sql.gz")).output().expect("gzip");
        let schema = format!("of_{}", version.replace('.', "_"));
        shared().sql(&printed(&dump).replace("old_store", &schema));
        let (url, directory) = (shared().url(&schema), tempfile::tempdir().expect("a temporary directory"));
        let store = ["--store", url.as_str()];
        printed(&run(directory.path(), &["migrate", "--store", &url]));
        printed(&run(directory.path(), &["check", "--store", &url]));
        let (path, token) = credentials(directory.path(), &store);
        serves(TestServer::adopt(&path, &token, Some(url))).await;
    }
}
