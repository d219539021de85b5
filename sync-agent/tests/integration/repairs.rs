//! What others did at the target, and what a run that was killed no longer knows, is put right.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{everything, same_groups, same_users, writes},
    proxy::{Fault, Proxy},
    server::TestServer,
};

/// A resource of which an attribute has this value.
#[track_caller]
pub fn find(server: &TestServer, endpoint: &str, attribute: &str, value: &str) -> Value {
    let mut all = server.all(endpoint).into_iter();
    all.find(|one| one[attribute] == value).unwrap_or_else(|| panic!("nobody's {attribute} is {value}"))
}

/// Changes a resource by hand.
pub fn patch(server: &TestServer, endpoint: &str, resource: &Value, operation: &Value) {
    let path = format!("/{endpoint}/{}", resource["id"].as_str().expect("an id"));
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
    server.send("PATCH", &path, &json!({"schemas": schemas, "Operations": [operation]}));
}

#[test]
fn a_full_reconciliation_undoes_what_was_changed_by_hand() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(20, 5);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(Software::OpenLdap));
    agent.run(&["apply"]);
    let group = |name: &str| find(&server, "Groups", "externalId", seed["groups"][name]["id"].as_str().expect("an id"));
    let user = |name: &str| find(&server, "Users", "userName", name);
    let members = |name: &str| group(name)["members"].as_array().map_or(0, Vec::len);

    // One group has lost all, one has somebody too many, one is gone; a user is renamed, another gone.
    let names = ["diamond-top", "empty", "nested-1"];
    assert!(members(names[0]) > 0 && members(names[1]) == 0 && members(names[2]) > 0, "the groups are fit for this");
    patch(&server, "Groups", &group(names[0]), &json!({"op": "remove", "path": "members"}));
    let added = json!({"op": "add", "path": "members", "value": [{"value": user("u000001")["id"]}]});
    patch(&server, "Groups", &group(names[1]), &added);
    let gone = group(names[2]);
    server.send("DELETE", &format!("/Groups/{}", gone["id"].as_str().expect("an id")), &Value::Null);
    patch(&server, "Users", &user("u000002"), &json!({"op": "replace", "path": "name.familyName", "value": "Other"}));
    let gone = user("u000003");
    server.send("DELETE", &format!("/Users/{}", gone["id"].as_str().expect("an id")), &Value::Null);

    assert_eq!(writes(&agent), 0, "what the directory says has not changed");
    let planned = agent.run(&["plan", "--full"]);
    assert!(planned.stdout.contains("\"Other\""), "{planned:?}");
    let ran = agent.run(&["apply", "--full"]);
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    same_users(Software::OpenLdap, &seed, &server);
    same_groups(&seed, &server);
    for run in [&["apply", "--full"][..], &["apply"]] {
        let ran = agent.run(run);
        assert!(ran.stdout.starts_with("0 writes"), "{run:?} {ran:?}");
    }
}

#[test]
fn a_membership_and_an_account_that_a_killed_run_made_do_not_stay_for_ever() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(5, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(Software::OpenLdap));
    agent.run(&["apply"]);
    let kill_at = |number| {
        let hang = move |_, write| if write == Some(number) { Fault::Hang } else { Fault::None };
        let proxy = Proxy::start(&server, Box::new(hang));
        agent.set(server.base(), &proxy.base());
        let mut process = agent.spawn(&["apply"]);
        assert!(proxy.hangs_within(Duration::from_secs(60)), "it writes");
        process.kill().expect("SIGKILL");
        process.wait().expect("the process");
        agent.set(&proxy.base(), server.base());
    };
    let members = || {
        let id = seed["groups"]["empty"]["id"].as_str().expect("an id");
        let group = find(&server, "Groups", "externalId", id);
        group["members"].as_array().map_or(0, Vec::len)
    };
    let before = members();
    directory.change(&["add", "empty", "u000001"]);
    kill_at(1);
    assert_eq!(members(), before + 1, "the server has done it");
    directory.change(&["remove", "empty", "u000001"]);
    agent.run(&["apply"]);
    assert_eq!(members(), before, "what was begun is looked at");

    // The name is released, and the new account made.
    let of = |name: &str| server.all("Users").iter().filter(|user| user["userName"] == name).count();
    directory.change(&["delete", "u000002"]);
    directory.change(&["recreate", "u000002"]);
    kill_at(2);
    assert_eq!(of("u000002"), 1, "the server has done it");
    directory.change(&["delete", "u000002"]);
    agent.run(&["apply"]);
    assert_eq!(of("u000002"), 0, "{:?}", agent.run(&["status"]));
    assert_eq!(writes(&agent), 0);
}
