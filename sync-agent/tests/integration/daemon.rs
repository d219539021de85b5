//! The daemon as it is run: cycles that come by themselves, commands that ask it, signals.

use std::{
    io::{Read as _, Write as _},
    process::{Child, Command},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    forest::and,
    full::{EVERYTHING, everything, same_groups, same_users},
    proxy::{Fault, Proxy},
    repairs::find,
    server::TestServer,
};

const EVERY_SECOND: &str = "
[schedule]
interval_seconds = 1
jitter_seconds = 0
";

/// A daemon that is killed when a test fails.
pub struct Daemon(Child);

impl Daemon {
    pub fn start(agent: &TestAgent) -> Self {
        Self(agent.spawn(&["run"]))
    }

    pub fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().expect("kill").success());
    }

    pub fn ends(mut self) -> Option<i32> {
        self.0.wait().expect("the daemon").code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is so; a minute is long for everything that is waited for here.
#[track_caller]
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never came: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What is answered, head and body.
fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn status(agent: &TestAgent) -> Value {
    serde_json::from_str(&agent.run(&["status", "--json"]).stdout).unwrap_or_default()
}

fn cycles(agent: &TestAgent) -> usize {
    status(agent)["cycles"].as_array().map_or(0, Vec::len)
}

#[test]
fn it_runs_answers_and_stops() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(10, 2);
    let server = TestServer::start();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let listen = format!("[service]\nlisten = \"{free}\"\n");
    let agent =
        TestAgent::new(&directory, &server, &format!("{}{EVERY_SECOND}{listen}", everything(Software::OpenLdap)));
    let daemon = Daemon::start(&agent);
    until("a cycle", || status(&agent)["daemon"] == true && cycles(&agent) > 0);
    same_users(Software::OpenLdap, &seed, &server);
    same_groups(&seed, &server);

    let metrics = get(free, "/metrics");
    for line in ["sync_agent_cycles_total{result=\"ok\"}", "sync_agent_paused 0", "sync_agent_quarantined_objects 0"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert!(get(free, "/healthz").ends_with("ok\n"));

    let second = agent.run(&["apply"]);
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(second.stderr.contains("in use by another sync-agent"), "{second:?}");

    directory.change(&["disable", "u000003"]);
    let user = seed["users"]["u000003"]["id"].as_str().expect("an id").to_owned();
    let is_active = || {
        let all = server.all("Users");
        all.into_iter().find(|found| found["externalId"] == *user).map(|found| found["active"] == true)
    };
    until("the change", || is_active() == Some(false));

    let paused = agent.run(&["pause", "--reason", "migration"]);
    assert!(paused.stdout.starts_with("Paused."), "{paused:?}");
    assert_eq!(status(&agent)["pause"]["reason"], "migration");
    let refused = agent.run(&["run-now"]);
    assert!(refused.stderr.contains("paused"), "{refused:?}");
    assert!(agent.run(&["resume"]).stdout.starts_with("Resumed."));

    directory.change(&["enable", "u000003"]);
    let one = agent.run(&["sync-one", "u000003"]);
    assert_eq!(one.code, Some(0), "{one:?}");
    assert_eq!(is_active(), Some(true), "{one:?}");
    let now = agent.run(&["run-now", "--full"]);
    assert!(now.stdout.contains("full"), "{now:?}");

    agent.set("interval_seconds = 1", "interval_seconds = 86400");
    daemon.signal("HUP");
    until("the new schedule", || {
        let status = status(&agent);
        status["next_run"].as_str().map(|next| next[..10].to_owned())
            > status["now"].as_str().map(|now| now[..10].to_owned())
    });
    let shown = agent.run(&["status"]);
    assert!(shown.stdout.contains("a daemon runs") && shown.stdout.contains("last cycles:"), "{shown:?}");
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
    assert!(agent.run(&["status"]).stdout.contains("no daemon runs"));
}

#[test]
fn it_stops_in_the_middle_of_a_cycle_and_goes_on_later() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(10, 2);
    let server = TestServer::start();
    // The tenth write is held up for as long as the daemon is asked to stop.
    let proxy =
        Proxy::start(&server, Box::new(|_, write| if write == Some(10) { Fault::HangThenDrop } else { Fault::None }));
    let more = format!("{}{EVERY_SECOND}", everything(Software::OpenLdap));
    let agent = TestAgent::with_target(&directory, &server, &proxy.base(), &more);
    agent.set("[target]", "[target]\nconcurrency = 1");
    let daemon = Daemon::start(&agent);
    assert!(proxy.hangs_within(Duration::from_secs(60)), "the tenth write");
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
    let there = server.all("Users").len();
    assert!((9..seed["users"].as_object().expect("users").len()).contains(&there), "{there} users");
    let shown = agent.run(&["status"]);
    assert!(shown.stdout.contains("told to stop"), "{shown:?}");
    agent.run(&["apply"]);
    same_users(Software::OpenLdap, &seed, &server);
    same_groups(&seed, &server);
}

#[test]
fn check_errors_and_conflicts_are_told_in_words() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let server = TestServer::start();
    // Two groups of the population have one name.
    let agent = TestAgent::new(&directory, &server, EVERYTHING);
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for words in ["connected and bound", "the canary", "users and", "PATCH", "the token is accepted"] {
        assert!(checked.stdout.contains(words), "{words}: {checked:?}");
    }
    let ran = agent.run(&["apply", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let done: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let problems = done["problems"].as_array().expect("problems");
    let conflict = problems.iter().find(|problem| problem["code"] == "ConflictError").expect("a conflict");
    let message = conflict["message"].as_str().expect("a message");
    assert!(message.contains("is taken: resource") && message.contains("belongs to"), "{message}");
    let log = std::fs::read_to_string(agent.file("sync-errors.jsonl")).expect("the log");
    let records: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let is_conflict = |record: &&Value| record["error"]["error_code"] == "ConflictError";
    let record = records.iter().find(is_conflict).expect("a record");
    assert_eq!(record["source_entity_type"], "GROUP");
    assert_eq!(record["source_entity_id"], conflict["subject"]["id"]);
    assert!(!log.contains(directory.get("SYNC_PASSWORD")));
    let shown = agent.run(&["errors"]);
    assert!(shown.stdout.contains("ConflictError") && shown.stdout.contains("Rename one of them"), "{shown:?}");
    let status = agent.run(&["status"]);
    assert!(status.stdout.contains("quarantine, "), "{status:?}");

    agent.set("/ca.pem", "/other-ca.pem");
    let checked = agent.run(&["check"]);
    assert!(checked.stdout.contains("source.tls.ca_file"), "{checked:?}");
    agent.set("/other-ca.pem", "/ca.pem");
    std::fs::write(agent.file("password"), "wrong").expect("the password");
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stdout.contains("refused the bind"), "{checked:?}");
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(agent.run(&["errors"]).stdout.contains("InvalidDirectoryCredentials"));
}

#[test]
fn what_a_run_would_do_and_what_is_held_back_is_shown_while_it_runs() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(60, 1);
    let server = TestServer::start();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let listen = format!("[service]\nlisten = \"{free}\"\n");
    let seldom = "[schedule]\ninterval_seconds = 86400\nfollow_seconds = 0\n";
    let agent = TestAgent::new(&directory, &server, &format!("[scope]\nusers = [\"*\"]\n{seldom}{listen}"));
    agent.run(&["apply"]);
    let before = server.all("Users").len();
    directory.change(&["mass-delete", "60"]);
    let daemon = Daemon::start(&agent);
    until("the daemon", || status(&agent)["daemon"] == true);

    let file = agent.file("plan.json");
    let planned = agent.run(&["plan", "--out", file.to_str().expect("a path")]);
    assert_eq!(planned.code, Some(0), "{planned:?}");
    assert!(planned.stdout.contains("Held back") && file.exists(), "{planned:?}");
    agent.run(&["run-now", "--full"]);
    assert_eq!(status(&agent)["held_back"].as_array().map(Vec::len), Some(1));
    let held = agent.run(&["held"]);
    assert_eq!(held.stdout.matches("- delete user").count(), 36, "{held:?}");
    assert!(agent.run(&["errors"]).stdout.contains("sync-agent held"));
    assert!(get(free, "/metrics").contains("sync_agent_held_back_actions 36"));

    assert!(agent.run(&["reject"]).stdout.contains("Rejected."));
    let metrics = get(free, "/metrics");
    for line in ["sync_agent_held_back_actions 0", "sync_agent_problems{code=\"LimitExceeded\"} 0"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let now = status(&agent);
    assert_eq!((&now["held_back"], &now["quarantine"]), (&serde_json::json!([]), &serde_json::json!([])));
    agent.run(&["run-now", "--full"]);
    assert!(get(free, "/metrics").contains("sync_agent_held_back_actions 0"));
    assert_eq!(server.all("Users").len(), before);

    std::fs::write(agent.file("password"), "wrong").expect("the password");
    let next = status(&agent)["next_run"].clone();
    agent.set("interval_seconds = 86400", "interval_seconds = 172800");
    daemon.signal("HUP");
    until("the new schedule, and with it the new password", || status(&agent)["next_run"] != next);
    let failed = agent.run(&["run-now"]);
    assert_eq!(failed.code, Some(2), "a cycle that ended early: {failed:?}");
    assert!(failed.stderr.contains("ended early"), "{failed:?}");
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
}

/// A group that failed is left alone until its time, unless something else is to be done for it: whoever leaves it
/// leaves. What is shown says so, and a person has it tried at once.
#[test]
fn a_group_that_failed_is_tried_again_when_it_changes() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(20, 5);
    let server = TestServer::start();
    let often = "[schedule]\ninterval_seconds = 86400\nfollow_seconds = 1\n";
    let agent = TestAgent::new(&directory, &server, &format!("{}{often}", everything(Software::OpenLdap)));
    directory.change(&["add", "empty", "u000001"]);
    agent.run(&["apply"]);
    let id = seed["groups"]["empty"]["id"].as_str().expect("an id");
    let members = || find(&server, "Groups", "externalId", id)["members"].as_array().map_or(0, Vec::len);
    let before = members();
    // Somebody deleted this one at the target, and the agent does not know.
    let ghost = find(&server, "Users", "userName", "u000002");
    server.send("DELETE", &format!("/Users/{}", ghost["id"].as_str().expect("an id")), &Value::Null);

    let daemon = Daemon::start(&agent);
    until("the daemon", || status(&agent)["daemon"] == true);
    let quarantined = || {
        status(&agent)["quarantine"].as_array().is_some_and(|all| {
            let blocks =
                |one: &Value| one["problem"]["subject"]["id"] == id && one["problem"]["code"] != "UnresolvedMember";
            all.iter().any(blocks)
        })
    };
    directory.change(&["add", "empty", "u000002"]);
    until("the failure", quarantined);
    for words in [agent.run(&["plan"]), agent.run(&["explain", id])] {
        assert!(words.stdout.contains("sync-agent sync-one"), "{words:?}");
    }
    directory.change(&["remove", "empty", "u000001"]);
    until("the one who leaves", || members() == before - 1);
    assert!(quarantined(), "{:?}", agent.run(&["status"]));
    agent.run(&["run-now", "--full"]);
    assert_eq!(members(), before, "{:?}", agent.run(&["status"]));
    assert!(!quarantined(), "{:?}", agent.run(&["status"]));
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
}

/// Without a grace period, and with all users allowed to be deactivated.
const NO_GRACE: &str = "
[safety]
out_of_scope_days = 28
users_deactivated = { percent = 100 }
";

#[test]
fn a_pause_longer_than_the_grace_deactivates_and_its_end_brings_back() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(10, 2);
    let server = TestServer::start();
    let more = format!("{}{EVERY_SECOND}{NO_GRACE}", everything(Software::OpenLdap));
    let agent = TestAgent::new(&directory, &server, &more);
    let daemon = Daemon::start(&agent);
    until("a cycle", || status(&agent)["daemon"] == true && cycles(&agent) > 0);
    let active = || server.all("Users").iter().filter(|user| user["active"] == true).count();
    let before = active();
    assert!(before > 10, "{before}");
    agent.run(&["pause"]);
    let shown = agent.run(&["status"]);
    assert!(shown.stdout.contains("makes the users inactive"), "it is said before: {shown:?}");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(active(), before, "28 days are not over");
    agent.set("out_of_scope_days = 28", "out_of_scope_days = 0");
    daemon.signal("HUP");
    until("the end of the grace", || active() == 0);
    until("its record", || agent.run(&["status"]).stdout.contains("paused since"));
    agent.set("out_of_scope_days = 0", "out_of_scope_days = 28");
    daemon.signal("HUP");
    agent.run(&["resume"]);
    until("everybody again", || active() == before);
    same_users(Software::OpenLdap, &seed, &server);
    same_groups(&seed, &server);
}

#[test]
fn a_scope_that_is_changed_by_a_command_reaches_the_daemon() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(10, 2);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &format!("[scope]\nusers = [\"u000001\"]\n{EVERY_SECOND}"));
    let alone = agent.run(&["scope", "add", "user", "u000002"]);
    assert!(alone.stdout.contains("No daemon runs"), "{alone:?}");
    let daemon = Daemon::start(&agent);
    until("two users", || server.all("Users").len() == 2);
    let added = agent.run(&["scope", "add", "user", "u000003"]);
    assert!(added.stdout.contains("The running daemon knows"), "{added:?}");
    until("the third", || server.all("Users").len() == 3);
    let nothing = agent.run(&["scope", "remove", "u000004"]);
    assert!(nothing.stdout.contains("is in no list") && !nothing.stdout.contains("daemon"), "{nothing:?}");
    let removed = agent.run(&["scope", "remove", "u000003"]);
    assert!(removed.stdout.contains("The running daemon knows"), "{removed:?}");
    until("its leaving", || agent.run(&["explain", "u000003"]).stdout.contains("In scope: no"));
    assert_eq!(server.all("Users").len(), 3, "nobody is deleted for that");
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
}

/// No cycle comes by itself within the test: only the first, and those that the directory asks for.
const FOLLOWS: &str = "
[schedule]
interval_seconds = 86400
follow_seconds = 1
";

#[test]
fn a_change_in_openldap_arrives_by_itself() {
    follows(Software::OpenLdap);
}

#[test]
fn a_change_in_active_directory_arrives_by_itself() {
    follows(Software::Samba);
}

/// A change of somebody's address comes to the target although no cycle is due.
#[track_caller]
fn arrives(directory: &TestDirectory, server: &TestServer, login: &str, id: &str) {
    let mail = || {
        let all = server.all("Users");
        all.into_iter().find(|found| found["externalId"] == id).map(|found| found["emails"][0]["value"].clone())
    };
    // The first may come while the daemon does not listen yet: a ring that is lost is no change lost.
    let mut n = 0;
    until("the change", || {
        n += 1;
        let address = format!("new{n}@corp.example.test");
        directory.change(&["mail", login, &address]);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if mail() == Some(address.clone().into()) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    });
}

#[track_caller]
fn follows(software: Software) {
    let directory = TestDirectory::start(software);
    let seed = directory.fill(10, 2);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &format!("{}{FOLLOWS}", everything(software)));
    let daemon = Daemon::start(&agent);
    until("a cycle", || status(&agent)["daemon"] == true && cycles(&agent) > 0);
    let user = seed["users"]["u000003"]["id"].as_str().expect("an id").to_owned();
    arrives(&directory, &server, "u000003", &user);
    let explained = agent.run(&["explain", "u000003"]);
    assert!(explained.stdout.contains("In scope: yes"), "{explained:?}");
    let nobody = agent.run(&["explain", "nobody"]);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    assert!(agent.run(&["approve"]).stdout.contains("Nothing is held back."));
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
}

/// Two directories, one daemon: each of them wakes it.
#[test]
fn a_change_in_either_of_two_sources_arrives_by_itself() {
    let (ldap, corp) = (TestDirectory::start(Software::OpenLdap), TestDirectory::start(Software::Samba));
    let seeds = [ldap.fill(6, 1), corp.fill(6, 1)];
    let server = TestServer::start();
    // The people of both have the same names.
    let named = "[mapping.user]\nuserName = \"${dn}\"\n\n[mapping.group]\ndisplayName = \"${dn}\"\n";
    let agent = TestAgent::new(&ldap, &server, &format!("{}{FOLLOWS}{named}", everything(Software::Samba)));
    and(&agent, &corp, "[scope]");
    let daemon = Daemon::start(&agent);
    until("a cycle", || status(&agent)["daemon"] == true && cycles(&agent) > 0);
    for (directory, seed, user) in
        [(&ldap, &seeds[0], "u000003"), (&corp, &seeds[1], "u000004"), (&ldap, &seeds[0], "u000005")]
    {
        let id = seed["users"][user]["id"].as_str().expect("an id").to_owned();
        arrives(directory, &server, user, &id);
    }
    assert!(status(&agent)["cycles"].as_array().expect("cycles").iter().skip(1).any(|cycle| cycle["full"] == false));
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
}
