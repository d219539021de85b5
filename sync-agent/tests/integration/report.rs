//! The agent and a server that is told how it stands: the report arrives, and what an operator decides there is done.

use serde_json::Value;

use crate::{
    agent::TestAgent,
    daemon::{Daemon, until},
    directory::{Software, TestDirectory},
    full::everything,
    server::TestServer,
};

/// Nobody is made inactive before somebody has approved; a cycle comes each second, and a report with it.
const MORE: &str = "
[safety]
users_deactivated = { number = 0 }

[schedule]
interval_seconds = 1
jitter_seconds = 0
";

fn reporting(server: &TestServer, agent: &TestAgent, decisions: bool) {
    let made = server.command(&["admin-token", "create", "--name", "corp", "--role", "agent"]);
    let token = made["token"].as_str().expect("a token");
    std::fs::write(agent.file("report.token"), token).expect("the token");
    let url = server.admin();
    let section = format!(
        "[report]\nurl = \"{url}\"\ntoken_file = \"report.token\"\nevery_seconds = 1\ndecisions = {decisions}\n\n[safety]"
    );
    agent.set("[safety]", &section);
}

fn shown(server: &TestServer) -> Value {
    server.command(&["agent", "show", "corp"])
}

#[test]
fn an_operator_approves_at_the_server_what_the_agent_holds_back() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(10, 2);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &format!("{}{MORE}", everything(Software::OpenLdap)));
    reporting(&server, &agent, true);
    let _daemon = Daemon::start(&agent);
    until("a report", || server.command(&["agent", "list"]).as_array().is_some_and(|all| !all.is_empty()));
    until("a cycle", || shown(&server)["report"]["cycles"][0]["writes"].is_u64());
    assert_eq!(shown(&server)["state"], "ok", "{}", shown(&server));

    directory.change(&["disable", "u000003"]);
    until("a decision to be made", || shown(&server)["state"] == "waiting");
    let told = shown(&server);
    let action = told["report"]["held"]["limits"][0]["actions"][0].as_str().unwrap_or_default();
    assert!(action.contains("u000003") && action.contains("(active)"), "{told}");
    assert!(!told.to_string().contains(directory.get("SYNC_PASSWORD")), "{told}");
    let user = seed["users"]["u000003"]["id"].as_str().expect("an id").to_owned();
    let is_active = || {
        let all = server.all("Users");
        all.into_iter().find(|found| found["externalId"] == *user).map(|found| found["active"] == true)
    };
    assert_eq!(is_active(), Some(true));
    let plan = told["report"]["held"]["plan"].as_str().expect("a plan");
    server.command(&["agent", "approve", "corp", "--plan", plan]);
    until("what was approved", || is_active() == Some(false));
    until("the end of it", || shown(&server)["report"]["held"].is_null());
    let done = shown(&server);
    assert!(done["late"].is_null(), "it did not come too late: {done}");

    // At the agent's own command line it is known, too, and a second one is rejected from afar.
    directory.change(&["disable", "u000004"]);
    until("another decision to be made", || shown(&server)["state"] == "waiting");
    let plan = shown(&server)["report"]["held"]["plan"].as_str().expect("a plan").to_owned();
    server.command(&["agent", "reject", "corp", "--plan", &plan]);
    until("the rejection", || agent.run(&["held"]).stdout.contains("Rejected."));
    until("that the server knows", || shown(&server)["report"]["held"]["decision"] == "rejected");
}

#[test]
fn an_agent_that_allows_no_decisions_takes_none() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(5, 1);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &format!("{}{MORE}", everything(Software::OpenLdap)));
    reporting(&server, &agent, false);
    let daemon = Daemon::start(&agent);
    until("a report", || server.command(&["agent", "list"]).as_array().is_some_and(|all| !all.is_empty()));
    until("a cycle", || shown(&server)["report"]["cycles"][0]["writes"].is_u64());
    directory.change(&["disable", "u000003"]);
    until("something to decide", || shown(&server)["report"]["held"]["plan"].is_string());
    let plan = shown(&server)["report"]["held"]["plan"].as_str().expect("a plan").to_owned();
    let refused = server.fails(&["agent", "approve", "corp", "--plan", &plan]);
    assert!(refused.contains("`sync-agent approve`"), "{refused}");
    // What is set anew counts from the next report.
    agent.set("decisions = false", "decisions = true");
    daemon.signal("HUP");
    until("that decisions are taken", || shown(&server)["takes_decisions"] == true);
    server.command(&["agent", "approve", "corp", "--plan", &plan]);
    until("the end of it", || shown(&server)["report"]["held"].is_null());
    // Without the server the agent goes on.
    let made = server.command(&["admin-token", "delete", "corp"]);
    assert_eq!(made["deleted"], true);
    directory.change(&["enable", "u000003"]);
    let user = seed["users"]["u000003"]["id"].as_str().expect("an id");
    let is_active = || server.all("Users").iter().any(|found| found["externalId"] == user && found["active"] == true);
    until("the change", is_active);
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
}
