//! Cycles that read changes only, through the program: after each kind of change the target is what a
//! full run would make of it.

use std::path::Path;

use serde_json::Value;

use crate::{
    agent::{Ran, TestAgent},
    directory::{Proxy, Software, TestDirectory},
    full::{everything, writes},
    server::TestServer,
};

/// LDAP_SERVER_DIRSYNC_OID.
const DIRSYNC: &str = "1.2.840.113556.1.4.841";

const CHANGES: &[&[&str]] = &[
    &["mail", "u000001", "new@corp.example.test"],
    &["mail", "u000002"],
    &["disable", "u000003"],
    &["enable", "u000003"],
    &["login", "u000005", "fifth"],
    &["delete-group", "team-00004"],
    &["add-group", "team-00001", "team-00002"],
    &["remove-group", "team-00001", "team-00002"],
];

#[test]
fn openldap() {
    check(Software::OpenLdap);
}

#[test]
fn samba() {
    check(Software::Samba);
}

#[track_caller]
fn check(software: Software) {
    let directory = TestDirectory::start(software);
    let seed = directory.fill(30, 5);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(software));
    let first = agent.run(&["apply"]);
    if software == Software::Samba {
        assert!(first.stderr.contains("(a computer)") || first.stderr.contains("(a contact)"), "{first:?}");
    }
    unchanged(&agent, "the first run");

    let member = seed["groups"]["team-00001"]["users"][0].as_str().expect("a member");
    for change in [&["remove", "team-00001", member], &["add", "team-00001", member]] {
        arrives(&directory, &agent, change);
    }
    // OpenLDAP shows that a group is gone; to a plain account Active Directory does not.
    let shown = |change: &&&[&str]| software == Software::OpenLdap || change[0] != "delete-group";
    for change in CHANGES.iter().filter(shown) {
        arrives(&directory, &agent, change);
    }
    if software == Software::Samba {
        arrives(&directory, &agent, &["primary", "u000006", "team-00002"]);
    }
    // Neither is anything of the target's; what was read is kept all the same.
    for change in
        [["rename", "u000004", "Another Name"], ["move", "u000007", "Moved"], ["rename-group", "team-00003", "Third"]]
    {
        directory.change(&change);
        agent.run(&["apply"]);
        unchanged(&agent, change[0]);
    }

    for n in 10..18 {
        directory.change(&["mail", &format!("u0000{n}"), &format!("new{n}@corp.example.test")]);
    }
    assert_eq!(number(&agent.run(&["apply"])), 8, "eight changes are eight writes");
    unchanged(&agent, "eight changes");

    directory.change(&["delete", "u000008"]);
    let incremental = agent.run(&["apply"]);
    let full = agent.run(&["apply", "--full"]);
    let (seen, found) = (number(&incremental) > 0, number(&full) > 0);
    assert_eq!(
        (seen, found),
        (software == Software::OpenLdap, software == Software::Samba),
        "{incremental:?} {full:?}"
    );
    assert!(server.all("Users").iter().all(|user| user["externalId"] != seed["users"]["u000008"]["id"]));
    unchanged(&agent, "delete");

    directory.change(&["recreate", "u000008"]);
    agent.run(&["apply"]);
    unchanged(&agent, "recreate");
    no_drift(&agent);
}

/// A full reconciliation finds nothing that the runs of changes before it had missed.
#[track_caller]
fn no_drift(agent: &TestAgent) {
    agent.run(&["apply", "--full"]);
    let status = status(agent);
    assert!(status["watermark"].as_str().is_some_and(|mechanism| !mechanism.is_empty()), "{status}");
    let cycles = status["cycles"].as_array().expect("cycles");
    assert!(cycles.iter().all(|cycle| cycle["failure"].is_null()), "{status}");
    // The first run had nothing to compare with.
    let (compared, first): (Vec<_>, Vec<_>) = cycles.iter().partition(|cycle| cycle["drift"].is_number());
    assert!(compared.len() >= 2, "{status}");
    assert!(compared.iter().all(|cycle| cycle["full"] == true && cycle["drift"] == 0), "{status}");
    assert!(first.len() >= 10, "runs of changes: {status}");
}

/// A change arrives by a run of changes, and by one only.
#[track_caller]
fn arrives(directory: &TestDirectory, agent: &TestAgent, change: &[&str]) {
    directory.change(change);
    let ran = agent.run(&["apply"]);
    assert!(number(&ran) > 0, "{change:?} did not arrive: {ran:?}");
    unchanged(agent, change[0]);
}

/// A full comparison of both sides finds nothing.
#[track_caller]
fn unchanged(agent: &TestAgent, after: &str) {
    assert_eq!(writes(agent), 0, "after {after}");
    let planned = agent.run(&["plan", "--full"]);
    assert!(planned.stdout.starts_with("Nothing to write."), "after {after}: {planned:?}");
}

#[track_caller]
fn number(ran: &Ran) -> usize {
    let number = ran.stdout.split_once(" write").and_then(|(number, _)| number.trim().parse().ok());
    number.unwrap_or_else(|| panic!("no number of writes: {ran:?}"))
}

/// What `status` says, as JSON.
#[track_caller]
pub fn status(agent: &TestAgent) -> Value {
    let ran = agent.run(&["status", "--json"]);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn an_unchanged_cycle_is_one_dirsync_search_and_no_write() {
    let directory = TestDirectory::start(Software::Samba);
    directory.fill(10, 2);
    let log = directory.path().join("requests.jsonl");
    let proxy = Proxy::start(&directory, &["--log", log.to_str().expect("a path of text")]);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(Software::Samba));
    agent.set(directory.get("LDAPS_URL"), &proxy.url());
    agent.run(&["apply"]);
    // The first of these sees that all is well, the second that nothing has changed since.
    for _ in 0..2 {
        one_search(&agent, &log);
    }
    directory.change(&["mail", "u000001", "new@corp.example.test"]);
    assert_eq!(writes(&agent), 1);
}

#[track_caller]
fn one_search(agent: &TestAgent, log: &Path) {
    let before = searches(log).len();
    assert_eq!(writes(agent), 0);
    let after = searches(log).split_off(before);
    let followed: Vec<_> = after.iter().filter(|search| search["controls"].to_string().contains(DIRSYNC)).collect();
    assert_eq!(followed.len(), 1, "{after:?}");
    // What the server says about itself, and nothing else that grows with the directory.
    let rest = after.iter().filter(|search| !search["controls"].to_string().contains(DIRSYNC));
    assert!(rest.clone().all(|search| search["scope"] == "base" || search["scope"] == 0), "{after:?}");
}

#[track_caller]
fn searches(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).expect("the log of the proxy");
    let requests = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    requests.filter(|request| request["op"] == "search").collect()
}

#[test]
fn a_mass_deletion_in_active_directory_waits_for_approval() {
    let directory = TestDirectory::start(Software::Samba);
    directory.fill(60, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(Software::Samba));
    agent.run(&["apply"]);
    let before = server.all("Users").len();
    directory.change(&["mass-delete", "60"]);
    let held = agent.run(&["apply", "--full"]);
    assert!(held.stderr.contains("36 users to delete"), "{held:?}");
    assert_eq!(server.all("Users").len(), before);
    assert_eq!(status(&agent)["held_back"].as_array().map(Vec::len), Some(1), "{held:?}");
    agent.run(&["approve"]);
    agent.run(&["apply"]);
    assert_eq!(server.all("Users").len(), before - 36);
    unchanged(&agent, "the approval");
}
