//! A plan that was saved is applied exactly, or not at all; one that loses much waits for approval.

use serde_json::{Value, json};

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    repairs::{find, patch},
    server::TestServer,
};

#[test]
fn a_saved_plan_is_refused_when_something_has_moved_and_done_when_nothing_has() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, "[scope]\nusers = [\"*\"]\n");
    let file = directory.path().join("plan.json");
    let file = file.to_str().expect("a path of text");

    let planned = agent.run(&["plan", "--out", file]);
    assert_eq!(planned.code, Some(0), "{planned:?}");
    assert!(planned.stdout.contains("--verbose shows all"), "{planned:?}");
    let saved = std::fs::read_to_string(file).expect("the plan");
    assert!(!saved.contains(directory.get("SYNC_PASSWORD")), "no secret is in a plan");

    directory.change(&["disable", "u000001"]);
    let refused = agent.run(&["apply", file]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("the directory, the scope or the mapping has changed"), "{refused:?}");
    assert!(server.all("Users").is_empty());

    agent.run(&["plan", "--out", file]);
    let applied = agent.run(&["apply", file]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert!(!server.all("Users").is_empty());
    let again = agent.run(&["apply", file]);
    assert!(again.stderr.contains("another run has written"), "{again:?}");

    directory.change(&["mail", "u000002", "new@example.test"]);
    agent.run(&["plan", "--out", file]);
    let user = find(&server, "Users", "userName", "u000002");
    patch(&server, "Users", &user, &json!({"op": "replace", "path": "title", "value": "by hand"}));
    let refused = agent.run(&["apply", file]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("the target has changed"), "{refused:?}");
    agent.run(&["apply"]);
    assert!(agent.run(&["plan"]).stdout.starts_with("Nothing to write."));

    let explained = agent.run(&["explain", "u000001"]);
    assert!(explained.stdout.contains("In scope: yes") && explained.stdout.contains("active: false"), "{explained:?}");
    let nobody = agent.run(&["explain", "nobody"]);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
}

#[test]
fn a_mass_deletion_waits_for_approval() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(60, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, "[scope]\nusers = [\"*\"]\n");
    agent.run(&["apply"]);
    let before = server.all("Users").len();
    directory.change(&["mass-delete", "60"]);

    let held = agent.run(&["apply"]);
    assert_eq!(held.code, Some(1), "{held:?}");
    assert!(held.stderr.contains("36 users to delete"), "{held:?}");
    assert_eq!(server.all("Users").len(), before);
    let rejected = agent.run(&["reject"]);
    assert!(rejected.stdout.contains("Rejected"), "{rejected:?}");
    let status: Value = serde_json::from_str(&agent.run(&["status", "--json"]).stdout).expect("JSON");
    assert_eq!((&status["held_back"], &status["quarantine"]), (&json!([]), &json!([])), "nothing waits any more");
    assert!(status["rejected"][0].as_str().is_some_and(|text| text.contains("36 users to delete")), "{status}");
    let again = agent.run(&["apply"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(!again.stdout.contains("waiting"), "{again:?}");
    assert_eq!(server.all("Users").len(), before);
    let approved = agent.run(&["approve"]);
    assert!(approved.stdout.contains("36 users to delete"), "{approved:?}");
    assert_eq!(approved.stdout.matches("- delete user").count(), 36, "all of it is shown: {approved:?}");
    agent.run(&["apply"]);
    assert_eq!(server.all("Users").len(), before - 36);
    assert!(agent.run(&["plan"]).stdout.starts_with("Nothing to write."));
    assert!(agent.run(&["approve"]).stdout.contains("Nothing is held back."));
}
