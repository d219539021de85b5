//! The agents that report, in the console: how they stand, and what an operator decides about what they hold back. The
//! reports are as `sync-agent` sends them; its own tests start both programs.

use serde_json::{Value, json};

use super::{Visitor, complains, encode, pages::PAYLOAD, signed_in, with_console};
use crate::server::{Client, TestServer};

/// An agent that has a token of that name.
pub struct Agent(Client);

impl Agent {
    pub fn new(server: &TestServer, name: &str, more: &[&str]) -> Self {
        let words = [&["admin-token", "create", "--name", name, "--role", "agent", "--json"], more].concat();
        let made = server.run_json(&words);
        Self(Client::new(&format!("{}/admin/v1", server.admin()), made["token"].as_str().expect("a token")))
    }

    /// Reports, and gives what was decided.
    pub async fn report(&self, report: &Value) -> Value {
        self.send(report).await.expect(200).json["decision"].clone()
    }

    async fn send(&self, report: &Value) -> crate::server::Response {
        let headers = [("content-type", "application/json")];
        self.0.request("POST", "/agent-report", &headers, Some(&json!({ "report": report }))).await
    }
}

/// A report of an agent that holds something back; `text` stands wherever a text may.
pub fn holding(text: &str) -> Value {
    let at = "2026-11-01T10:00:00Z";
    json!({
        "version": "0.1.0", "name": text, "interval_seconds": 3600, "takes_decisions": true, "running_since": null,
        "next_run": "2026-11-01T11:00:00Z", "last_full": at, "pause": null,
        "cycles": [
            {"started": at, "millis": 1200, "full": true, "entries": 50, "changed": 2, "writes": 2, "problems": 1,
             "held_back": 1, "drift": 0, "failure": null},
        ],
        "held": {"plan": "7f00", "since": at, "decision": "open", "limits": [
            {"because": format!("{text} would be deactivated"), "actions": [format!("- deactivate {text}")], "more": 3},
        ]},
        "troubles": [
            {"code": "ConflictError", "message": text, "blocks": true, "attempts": 2, "since": at, "next": at},
        ],
        "troubled": 101,
    })
}

const HERE: &str = "/console/sync/ad";

#[tokio::test]
async fn what_an_agent_holds_back_is_shown_and_an_operator_decides() {
    let server = with_console();
    let root = Visitor::root(&server).await;
    let empty = root.get("/console/sync").await.expect(200).text;
    assert!(empty.contains("No agent reports") && empty.contains("--role agent"), "{empty}");
    let agent = Agent::new(&server, "ad", &[]);
    assert_eq!(agent.report(&holding("anna")).await, Value::Null);

    let list = root.get("/console/sync").await.expect(200).text;
    assert!(list.contains(HERE) && list.contains("4 changes wait for a decision"), "{list}");
    let overview = root.get("/console").await.expect(200).text;
    assert!(overview.contains("The agent ad: 4 changes wait"), "{overview}");
    let token = server.run_json(&["admin-token", "create", "--name", "v", "--role", "viewer", "--json"]);
    let viewer = Visitor::by_token(&server, token["token"].as_str().expect("a token")).await;
    let page = viewer.get(HERE).await.expect(200).text;
    for told in [
        "- deactivate anna",
        "Anna would be deactivated",
        "And 3 more",
        "ConflictError",
        "And 100 more",
        "scim-server agent approve ad --plan 7f00",
        "sync-agent held",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("/approve\""), "a viewer is offered nothing: {page}");
    let refused = viewer.done(&format!("{HERE}/approve"), &[("plan", "7f00")]).await;
    assert!(refused.text.contains("notice bad") && refused.text.contains("role operator"), "{}", refused.text);

    let stale = root.done(&format!("{HERE}/approve"), &[("plan", "6e00")]).await;
    assert!(stale.text.contains("has changed; nothing was decided"), "{}", stale.text);
    let token = server.run_json(&["admin-token", "create", "--name", "olga", "--role", "operator", "--json"]);
    let olga = Visitor::by_token(&server, token["token"].as_str().expect("a token")).await;
    let done = olga.done(&format!("{HERE}/approve"), &[("plan", "7f00")]).await.text;
    assert!(done.contains("Decided by admin:olga"), "{done}");
    let told = agent.report(&holding("anna")).await;
    assert_eq!((&told["plan"], &told["decision"]), (&json!("7f00"), &json!("approve")));
    assert_eq!(told["by"], "admin:olga");
    let log = root.get("/console/server").await.expect(200).text;
    assert!(log.contains("agent.approved") && log.contains("admin:olga"), "{log}");

    let mut taken = holding("anna");
    taken["held"]["decision"] = json!("approved");
    assert_eq!(agent.report(&taken).await, Value::Null);
    let page = root.get(HERE).await.expect(200).text;
    assert!(page.contains("Its next run reads everything anew") && page.contains("by admin:olga"), "{page}");
    let again = root.done(&format!("{HERE}/reject"), &[("plan", "7f00")]).await;
    assert!(again.text.contains("has decided about these changes already"), "{}", again.text);
}

/// Whoever has decided on what is not held back any more gets to know it: the agent goes on without it.
#[tokio::test]
async fn a_decision_that_the_agent_did_not_take_is_said_to_have_come_too_late() {
    let server = with_console();
    let (root, agent) = (Visitor::root(&server).await, Agent::new(&server, "ad", &[]));
    let with = |plan: &str| {
        let mut report = holding("anna");
        report["held"]["plan"] = json!(plan);
        report
    };
    let none = |mut report: Value| {
        report["held"] = Value::Null;
        report
    };
    for (word, plan, next, what_to_do) in [
        ("approve", "7f00", with("8000"), "Look at what it holds back now, and decide on that."),
        ("reject", "8000", none(with("")), "Nothing of it waits for a decision now"),
    ] {
        agent.report(&with(plan)).await;
        let done = root.done(&format!("{HERE}/{word}"), &[("plan", plan)]).await.text;
        assert!(!done.contains("came too late"), "{done}");
        agent.report(&next).await;
        let page = root.get(HERE).await.expect(200).text;
        let (_, notice) = page.split_once("A decision came too late").unwrap_or_else(|| panic!("{word}: {page}"));
        let notice = notice.split("</p>").next().unwrap_or_default();
        for told in ["<time", "admin", word, plan, "not applied", what_to_do] {
            assert!(notice.contains(told), "{told}: {notice}");
        }
        let list = root.get("/console/sync").await.expect(200).text;
        assert!(list.contains("A decision came too late."), "{list}");
        let shown = server.run_json(&["agent", "show", "ad", "--json"]);
        assert_eq!((&shown["late"]["plan"], &shown["late"]["taken"]), (&json!(plan), &json!(false)), "{shown}");
    }
    // What it has taken and done at once is not late.
    agent.report(&with("9000")).await;
    root.done(&format!("{HERE}/approve"), &[("plan", "9000")]).await;
    let mut done = none(with(""));
    done["taken"] = json!("9000");
    agent.report(&done).await;
    let page = root.get(HERE).await.expect(200).text;
    assert!(!page.contains("came too late"), "{page}");
}

/// A pause is told of whatever else is the matter.
#[tokio::test]
async fn an_agent_that_fails_while_it_is_paused_says_both() {
    let server = with_console();
    let mut report = holding("anna");
    report["pause"] = json!({"since": "2026-11-01T09:00:00Z", "reason": "we move the directory"});
    report["cycles"][0]["failure"] = json!("no bind");
    Agent::new(&server, "ad", &[]).report(&report).await;
    let page = Visitor::root(&server).await.get(HERE).await.expect(200).text;
    assert!(
        page.contains("The last cycle ended early: no bind; paused since ") && page.contains(": we move"),
        "{page}"
    );
    let shown = server.run_json(&["agent", "show", "ad", "--json"]);
    let shown = shown["detail"].as_str().or(shown[0]["detail"].as_str()).expect("a sentence");
    assert!(shown.ends_with("no bind; paused since 2026-11-01T09:00:00.000Z: we move the directory"), "{shown}");
}

#[tokio::test]
async fn an_agent_that_decides_alone_is_shown_with_its_own_commands() {
    let server = with_console();
    let long = "w".repeat(1000);
    let mut report = holding(&format!("anna-{long}"));
    report["takes_decisions"] = json!(false);
    Agent::new(&server, "ad", &[]).report(&report).await;
    let root = Visitor::root(&server).await;
    let page = root.get(HERE).await.expect(200).text;
    assert!(page.contains("- deactivate anna-ww") && page.matches(&long).count() == 1, "whole as a fact alone: {page}");
    assert!(page.contains("sync-agent approve") && !page.contains("agent approve ad"), "{page}");
    let refused = root.done(&format!("{HERE}/approve"), &[("plan", "7f00")]).await.text;
    assert!(refused.contains("takes decisions at its own command line alone"), "{refused}");
    let words = ["agent", "reject", "ad", "--plan", "7f00"];
    assert!(complains(&server.run(&words), "`sync-agent reject`"), "the command line says the same");
}

#[tokio::test]
async fn an_agent_reports_and_does_nothing_else() {
    let server = with_console();
    let agent = Agent::new(&server, "ad", &["--tenant", "test"]);
    agent.report(&holding("anna")).await;
    for path in ["/tenants", "/agents", "/agents/ad", "/base", "/tenants/test/resources/User"] {
        let refused = agent.0.request("GET", path, &[], None).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text);
    }
    let made = server.run_json(&["admin-token", "create", "--name", "other", "--role", "agent", "--json"]);
    Visitor::stranger(&server).sign_in(made["token"].as_str().expect("a token")).await.expect(403);
    // A person is no agent, whatever they may do.
    let api = Client::new(&format!("{}/admin/v1", server.admin()), &super::root_token(&server));
    let headers = [("content-type", "application/json")];
    let body = json!({"report": holding("anna")});
    let refused = api.request("POST", "/agent-report", &headers, Some(&body)).await.expect(403);
    assert!(refused.text.contains("agents alone report"), "{}", refused.text);
    let mut large = holding("anna");
    large["name"] = json!("x".repeat(1 << 20));
    let refused = agent.send(&large).await.expect(400);
    assert!(refused.text.contains("at most"), "{}", refused.text);
}

/// Whoever administrates one tenant sees the agents whose token is for that tenant, and no others.
#[tokio::test]
async fn agents_of_other_tenants_are_not_there() {
    let server = with_console();
    server.run_json(&["tenant", "create", "acme", "--json"]);
    Agent::new(&server, "ad", &["--tenant", "test"]).report(&holding("anna")).await;
    Agent::new(&server, "ldap", &["--tenant", "acme"]).report(&holding("bert")).await;
    let words = ["admin-token", "create", "--name", "acme", "--role", "operator", "--tenant", "acme", "--json"];
    let made = server.run_json(&words);
    let acme = Visitor::by_token(&server, made["token"].as_str().expect("a token")).await;
    let list = acme.get("/console/sync").await.expect(200).text;
    assert!(list.contains("/console/sync/ldap") && !list.contains(HERE), "{list}");
    let overview = acme.get("/console").await.expect(200).text;
    assert!(!overview.contains("The agent ad") && overview.contains("scim-server status --tenant acme"), "{overview}");
    // Whoever administrates one tenant makes no token of an agent: they are not told to.
    let words = ["admin-token", "create", "--name", "boss", "--role", "administrator", "--tenant", "acme", "--json"];
    let made = server.run_json(&words);
    let boss = Visitor::by_token(&server, made["token"].as_str().expect("a token")).await;
    let list = boss.get("/console/sync").await.expect(200).text;
    assert!(!list.contains("--role agent") && list.contains("scim-server agent list --tenant "), "{list}");
    acme.get(HERE).await.expect(403);
    acme.get("/console/sync/nobody").await.expect(403);
    let refused = acme.done("/console/sync/ldap/approve", &[("plan", "7f00")]).await.text;
    assert!(refused.contains("Approved."), "{refused}");
    let refused = acme.post(&format!("{HERE}/approve"), &[("plan", "7f00")]).await.expect(403);
    assert!(!refused.text.contains("anna"), "{}", refused.text);
    let shown = server.run_json(&["agent", "show", "ad", "--json"]);
    assert_eq!(shown["decision"], Value::Null, "{shown}");
    let gone = server.run_json(&["tenant", "delete", "test", "--force", "--yes", "--json"]);
    assert_eq!(gone["deleted"], true);
    let left = server.run_json(&["agent", "list", "--json"]);
    assert_eq!(left.as_array().map(Vec::len), Some(1), "its names went with the tenant: {left}");
}

/// What an agent sends is text, and a button does what it says.
#[tokio::test]
async fn an_agent_is_looked_at_and_decided_about_in_a_browser() {
    let server = with_console();
    let agent = Agent::new(&server, "ad", &[]);
    agent.report(&holding(PAYLOAD)).await;
    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.wait_for("document.title.startsWith('ad')");
    browser.tab_to("Reject: leave it undone");
    browser.press("Enter");
    browser.wait_for("document.querySelector('.notice.good') && document.readyState === 'complete'");
    assert_eq!(browser.faults(), Vec::<String>::new());
    assert_eq!(agent.report(&holding(PAYLOAD)).await["decision"], "reject");
    browser.open(&format!("{}/console/sync", server.admin()));
    assert_ne!(browser.run("document.title"), "taken");
    assert_eq!(browser.faults(), Vec::<String>::new());
    let name = encode(PAYLOAD);
    browser.open(&format!("{}/console/sync/{name}", server.admin()));
    assert_ne!(browser.run("document.title"), "taken");
}
