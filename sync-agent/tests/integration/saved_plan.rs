//! A plan that was saved is applied exactly, or not at all.

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
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
    assert!(agent.run(&["plan"]).stdout.starts_with("Nothing to write."));
}
