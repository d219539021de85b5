//! A full run against each real directory: everybody arrives, groups hold whom they should, and the
//! second run writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    incremental::status,
    server::TestServer,
};

pub const EVERYTHING: &str = r#"
[scope]
users = ["*"]
groups = ["*"]
"#;

/// The names of groups in the population repeat; their descriptions do not.
const BY_DESCRIPTION: &str = r#"
[mapping.group]
displayName = ["${description}", "${cn}"]
"#;

/// The whole population in scope, its groups under names that differ.
pub fn everything(software: Software) -> String {
    match software {
        Software::OpenLdap | Software::Ds389 => format!("{EVERYTHING}{BY_DESCRIPTION}"),
        Software::Samba => EVERYTHING.to_owned(),
    }
}

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

    let planned = agent.run(&["plan"]);
    assert_eq!(planned.code, Some(0), "{planned:?}");
    assert!(planned.stdout.contains("+ create user"), "{planned:?}");
    assert!(server.all("Users").is_empty(), "a plan writes nothing");

    let first = agent.run(&["apply"]);
    assert!(matches!(first.code, Some(0 | 1)), "{first:?}");
    assert!(!first.stderr.contains("TargetRefused"), "{first:?}");
    same_users(software, &seed, &server);
    same_groups(&seed, &server);

    let after_first = status(&agent);
    assert!(after_first["last_full"].is_string(), "a first run compares everything: {after_first}");
    assert_eq!(after_first["cycles"][0]["full"], true, "{after_first}");

    assert_eq!(writes(&agent), 0, "nothing has changed");
    let after_second = status(&agent);
    assert_eq!(after_second["last_full"], after_first["last_full"], "the second reads changes");
    assert_eq!(after_second["cycles"][0]["full"], false, "{after_second}");
    agent.lose_state();
    assert_eq!(writes(&agent), 0, "everything is adopted");
    same_groups(&seed, &server);
}

/// How many writes another run sends.
#[track_caller]
pub fn writes(agent: &TestAgent) -> usize {
    let ran = agent.run(&["apply"]);
    let number = ran.stdout.split_once(" write").and_then(|(number, _)| number.trim().parse().ok());
    number.unwrap_or_else(|| panic!("no number of writes: {ran:?}"))
}

#[track_caller]
pub fn same_users(software: Software, seed: &Value, server: &TestServer) {
    let users = server.all("Users");
    let by_id: BTreeMap<&str, &Value> = users.iter().map(|user| (text(user, "externalId"), user)).collect();
    for (login, expect) in seed["users"].as_object().expect("users") {
        let user = by_id.get(text(expect, "id")).unwrap_or_else(|| panic!("{login} did not arrive"));
        // The population's `active` knows the disabled; OpenLDAP has no word for the expired.
        let expired = software == Software::Samba && login == "expired";
        let active = expect["active"] == true && !expired;
        assert_eq!(user["active"], active, "{login}");
        assert_eq!(user["name"]["givenName"], expect["givenName"], "{login}");
        assert_eq!(user["name"]["familyName"], expect["familyName"], "{login}");
        assert_eq!(user["emails"][0]["value"], expect["mail"], "{login}");
        if let Some(name) = expect["userName"].as_str() {
            assert_eq!(user["userName"], name, "{login}");
        }
    }
}

#[track_caller]
pub fn same_groups(seed: &Value, server: &TestServer) {
    let (users, groups) = (server.all("Users"), server.all("Groups"));
    let source: BTreeMap<&str, &str> = users.iter().map(|user| (text(user, "id"), text(user, "externalId"))).collect();
    let by_id: BTreeMap<&str, &Value> = groups.iter().map(|group| (text(group, "externalId"), group)).collect();
    for (name, expect) in seed["groups"].as_object().expect("groups") {
        let group = by_id.get(text(expect, "id")).unwrap_or_else(|| panic!("the group {name} did not arrive"));
        let members = group["members"].as_array().into_iter().flatten();
        let members: BTreeSet<&str> = members.map(|member| source[text(member, "value")]).collect();
        let effective = expect["effective"].as_array().expect("effective").iter();
        let effective: BTreeSet<&str> =
            effective.map(|login| text(&seed["users"][login.as_str().expect("a login")], "id")).collect();
        assert_eq!(members, effective, "members of {name}");
    }
}

#[track_caller]
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[test]
fn a_dry_run_moves_nothing() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(Software::OpenLdap));
    writes(&agent);
    directory.change(&["mail", "u000001", "new@example.test"]);
    for _ in 0..2 {
        let planned = agent.run(&["plan"]);
        assert!(planned.stdout.contains("new@example.test"), "{planned:?}");
    }
    assert_eq!(writes(&agent), 1);
    assert_eq!(writes(&agent), 0);
}

#[test]
fn nothing_is_written_during_a_pause() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(Software::OpenLdap));
    agent.run(&["pause"]);
    for command in [&["apply"][..], &["sync-one", "u000001"]] {
        let refused = agent.run(command);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("`sync-agent resume` ends the pause"), "{refused:?}");
    }
    assert_eq!(agent.run(&["plan"]).code, Some(0), "a plan writes nothing");
    assert!(server.all("Users").is_empty());
    agent.run(&["resume"]);
    let nobody = agent.run(&["sync-one", "nobody"]);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    assert_eq!(agent.run(&["sync-one", "u000001"]).code, Some(0));
    assert_eq!(server.all("Users").len(), 1);
    assert!(writes(&agent) > 1);
}

#[test]
fn no_secret_is_in_anything_that_is_written() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    let plan = agent.file("plan.json");
    let said = [&["plan", "--out", plan.to_str().expect("a path of text")][..], &["apply"], &["apply", "--full"]]
        .map(|command| agent.run(command))
        .map(|ran| format!("{} {}", ran.stdout, ran.stderr).into_bytes());
    let state = std::fs::read_dir(agent.file("state")).expect("the state").map(|file| file.expect("a file").path());
    let files = state.filter(|path| path.is_file()).chain([plan, agent.file("sync-errors.jsonl")]);
    let written: Vec<Vec<u8>> = files.map(|path| std::fs::read(path).expect("a file")).chain(said).collect();
    let token = std::fs::read_to_string(server.token_file()).expect("the token");
    for secret in [directory.get("SYNC_PASSWORD"), token.trim()] {
        let has = |text: &Vec<u8>| text.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(secret.len() > 8 && !written.iter().any(has), "a secret was written");
    }
    assert!(written.len() > 5 && written.iter().any(|text| text.windows(7).any(|part| part == b"u000001")));
}
