//! Tokens and clients in the console: a token is replaced while it is used, and a refusal is explained.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use super::{Visitor, hidden, signed_in, with_console};
use crate::{
    oauth::{
        GRANT, OAuth,
        assertions::{TYPE, trust},
        issuer::{Issuer, claims},
    },
    server::{Client, Options, TestServer},
};

const HERE: &str = "/console/t/test/tokens";

/// Somebody who calls without a pause, and what they were answered.
pub struct Caller {
    statuses: Arc<Mutex<Vec<u16>>>,
    ends: Arc<AtomicBool>,
    calls: tokio::task::JoinHandle<()>,
}

impl Caller {
    pub fn with(client: Client) -> Self {
        let (statuses, ends) = (Arc::<Mutex<Vec<u16>>>::default(), Arc::<AtomicBool>::default());
        let (noted, ended) = (Arc::clone(&statuses), Arc::clone(&ends));
        let calls = tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                let answer = client.get("/Users?count=1").await;
                noted.lock().expect("the statuses").push(answer.status);
            }
        });
        Self { statuses, ends, calls }
    }

    fn count(&self) -> usize {
        self.statuses.lock().expect("the statuses").len()
    }

    /// Waits until so many more calls were answered.
    pub async fn goes_on(&self, more: usize) {
        let enough = self.count() + more;
        while self.count() < enough {
            assert!(!self.calls.is_finished(), "a call was not answered");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn end(self) -> Vec<u16> {
        self.ends.store(true, Ordering::Relaxed);
        self.calls.await.expect("no call fails");
        Arc::try_unwrap(self.statuses).expect("the last").into_inner().expect("the statuses")
    }
}

/// While a page replaces a token, whoever shows the old one, and then the new one, is let in each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_while_a_token_is_replaced() {
    let args = vec!["--console".to_owned()];
    let server = TestServer::with(Options { args, ..Options::settings(json!({"rate_limit": 0})) });
    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.sees("Rotate makes the next token");
    let old = Caller::with(server.client());
    old.goes_on(20).await;
    browser.click("main button", "Rotate");
    browser.sees("The one before is good until");
    let token = browser.run("[...document.querySelectorAll('[data-copy^=scim_]')].map(one => one.dataset.copy)[0]");
    let new = Caller::with(server.client().with_token(token.as_str().expect("the new token")));
    old.goes_on(50).await;
    new.goes_on(50).await;
    browser.click("main a", "I have taken it");
    browser.sees("Rotate makes the next token");
    old.goes_on(20).await;
    for statuses in [old.end().await, new.end().await] {
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    }
    assert_eq!(browser.faults(), Vec::<String>::new());
}

/// The status of a token decides the colour of all that is said of it, and its days are those that it was issued for.
#[tokio::test]
async fn the_days_of_a_token_and_its_status_agree() {
    let server = with_console();
    for (name, lifetime) in [("year", "365d"), ("half", "91d"), ("quarter", "90d"), ("short", "1h")] {
        let create = ["token", "create", "--tenant", "test", "--name", name, "--lifetime", lifetime, "--json"];
        server.run_json(&create);
    }
    let page = Visitor::root(&server).await.get(HERE).await.expect(200).text;
    let row =
        |name: &str| page.split("<tr role=\"row\">").find(|row| row.contains(&format!(">{name} <"))).map(str::to_owned);
    for (name, tone, status, days) in [
        ("year", "good", "valid", "365 days"),
        ("half", "good", "valid", "91 days"),
        ("quarter", "warn", "expiring", "90 days"),
        ("short", "warn", "expiring", "within a day"),
    ] {
        let row = row(name).unwrap_or_else(|| panic!("no {name}: {page}"));
        for said in [status, days] {
            assert!(row.contains(&format!("<span class=\"badge {tone}\">{said}</span>")), "{name}, {said}: {row}");
        }
        assert_eq!(row.matches("class=\"badge").count(), 2, "{row}");
    }
}

/// Whoever has chosen 90 days does not get a year by a button.
#[tokio::test]
async fn what_takes_the_place_of_another_lives_as_long() {
    let server = with_console();
    let create = ["token", "create", "--tenant", "test", "--name", "quarter", "--lifetime", "90d", "--json"];
    server.run_json(&create);
    OAuth::create(&server, "entra", &["--lifetime", "90d"]);
    let visitor = Visitor::root(&server).await;
    let page = visitor.get(HERE).await.expect(200).text;
    for (name, action) in
        [("quarter", HERE.to_owned() + "/rotate"), ("entra", "/console/t/test/clients/rotate".to_owned())]
    {
        let row = page.split("<tr role=\"row\">").find(|row| row.contains(&format!(">{name} <"))).expect("a row");
        let [id, overlap] = ["id", "overlap"].map(|field| hidden(row, &action, field));
        visitor.post(&action, &[("id", id.as_str()), ("overlap", overlap.as_str())]).await.expect(200);
    }
    // A third there may not be: no button asks for it, and the page says when there may.
    let page = visitor.get(HERE).await.expect(200).text;
    for (name, form) in [("quarter", "tokens/rotate\""), ("entra", "clients/rotate\"")] {
        let rows = page.split("<tr role=\"row\">").filter(|row| row.contains(&format!(">{name} <")));
        let rows: Vec<_> = rows.collect();
        assert!(rows.iter().all(|row| !row.contains(form)), "{name}: {rows:?}");
        // Not of one that ends then.
        let waiting = rows.iter().filter(|row| row.contains("again from <time"));
        assert_eq!(waiting.count(), 1, "{name}: {rows:?}");
    }
    assert!(page.contains("scim-server token rotate --tenant test --overlap 7d TOKEN"), "{page}");
    let tokens = server.run_json(&["token", "list", "--tenant", "test", "--json"]);
    let tokens = tokens.as_array().expect("tokens").iter().filter(|one| one["name"] == "quarter");
    assert_eq!(tokens.map(|one| one["days_left"].clone()).collect::<Vec<_>>(), [7, 90]);
    let client = server.run_json(&["client", "show", "--tenant", "test", "entra", "--json"]);
    let secrets = client["secrets"].as_array().expect("secrets").iter();
    let mut days: Vec<_> = secrets.map(|one| one["days_left"].as_i64().expect("a number")).collect();
    days.sort_unstable();
    assert_eq!(days, [7, 90]);
}

/// A tenant that fails counts once, and what is only a warning in it stays one.
#[tokio::test]
async fn each_problem_of_a_tenant_has_its_own_state() {
    let server = with_console();
    let create = ["token", "create", "--tenant", "test", "--name", "short", "--lifetime", "20d", "--json"];
    server.run_json(&create);
    server.run_json(&["token", "rotate", "--tenant", "test", "short", "--json"]);
    assert!(server.run(&["tenant", "disable", "test"]).status.success());
    let page = Visitor::root(&server).await.get("/console").await.expect(200).text;
    for (problem, badge) in [("The token short ends in 20 days", "badge warn"), ("The tenant is disabled", "badge bad")]
    {
        let row = page.split("<tr role=\"row\">").find(|row| row.contains(problem)).expect("a row");
        assert!(row.contains(badge), "{badge}: {row}");
    }
    for figure in ["<dt>Failing</dt><dd>1</dd>", "<dt>Needs attention</dt><dd>0</dd>"] {
        assert!(page.contains(figure), "{figure}: {page}");
    }
}

#[tokio::test]
async fn the_page_says_why_a_client_was_refused() {
    let server = with_console();
    let client = OAuth::create(&server, "entra", &["--no-secret"]);
    let issuer = Issuer::new();
    trust(&server, ["test", "entra"], &issuer, "api://scim");
    let mut wrong = claims();
    wrong["aud"] = json!("api://scim/host");
    let assertion = issuer.sign(&wrong);
    client.post("/token", None, &[GRANT, TYPE, ("client_assertion", &assertion)]).await.expect(401);
    let visitor = Visitor::root(&server).await;
    let page = visitor.get(HERE).await.expect(200).text;
    for told in ["Refusals of entra (1)", "audience: expected api://scim, came api://scim/host", "of 1 issuer"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    for (what, done) in [("disable", "gets no more access tokens"), ("enable", "The client is enabled")] {
        let said = visitor.done(&format!("/console/t/test/clients/{what}"), &[("id", &client.id)]).await.text;
        assert!(said.contains(done), "{said}");
    }
}

/// The page that shows a token once sees the first call by itself, and the token stays on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_with_a_new_token_sees_the_first_call() {
    let server = with_console();
    let mut browser = signed_in(&server);
    browser.run("document.querySelector('[name=name]').focus()");
    browser.write("acme");
    browser.click("main button", "Make a tenant");
    browser.sees("Give these to the identity provider");
    browser.sees("Waiting for the first call of the provider");
    let first = "[...document.querySelectorAll('[data-copy^=scim_]')].map(one => one.dataset.copy)[0]";
    let token = browser.run(first).as_str().expect("a token").to_owned();
    let base = browser.run("[...document.querySelectorAll('[data-copy^=http]')].map(one => one.dataset.copy)[0]");
    // A second token of a tenant that nobody has called.
    browser.open(&format!("{}/console/t/acme/tokens", server.admin()));
    browser.click("main button", "Make a token");
    browser.sees("Waiting for the first call of the provider");
    let second = browser.run(first).as_str().expect("a token").to_owned();
    assert_ne!(second, token);
    Client::new(base.as_str().expect("the endpoint"), &second).get("/Users").await.expect(200);
    let page = browser.sees("Seen: the provider has called.");
    assert!(page.contains(&second), "{page}");
    assert_eq!(browser.faults(), Vec::<String>::new());
}

/// What would be refused is not asked about: the refusal is told at once.
#[tokio::test]
async fn nobody_is_asked_about_what_would_be_refused() {
    let server = with_console();
    let token = server.run_json(&["token", "list", "--tenant", "test", "--json"])[0]["token_id"].clone();
    let token = token.as_str().expect("an id");
    let client = OAuth::create(&server, "entra", &[]);
    let hook = ["webhook", "create", "--tenant", "test", "--url", "https://hooks.example/", "--json"];
    let made = server.run_json(&["admin-token", "create", "--name", "look", "--role", "viewer", "--json"]);
    let viewer = Visitor::by_token(&server, made["token"].as_str().expect("a token")).await;
    let root = Visitor::root(&server).await;
    let hook = server.run_json(&hook)["webhook_id"].as_str().expect("an id").to_owned();
    for (path, field, id, missing, question) in [
        ("tokens/ask", "id", token, "no token", "<h2>Delete the token “"),
        ("clients/ask", "id", &*client.id, "no client", "<h2>Delete the client “entra”?</h2>"),
        ("deliveries/ask", "id", &hook, "no webhook", "<h2>Remove the webhook “https://hooks.example/”?</h2>"),
    ] {
        let path = format!("/console/t/test/{path}");
        let asked = root.post(&path, &[(field, id)]).await.expect(200).text;
        assert!(asked.contains("Keep it") && asked.contains(question), "{asked}");
        let told = viewer.done(&path, &[(field, id)]).await.text;
        assert!(told.contains("notice bad") && told.contains("needs the role operator"), "{told}");
        let told = root.done(&path, &[(field, "019a0b70-11ab-7000-8000-9f2b6c3d4e5f")]).await.text;
        assert!(told.to_lowercase().contains(missing), "{path}: {told}");
        let told = root.done(&path, &[(field, "nobody")]).await.text;
        assert!(told.contains("notice bad") && !told.contains("Keep it"), "{path}: {told}");
    }
}

/// A page does not offer to delete whom a deletion would refuse, and says why; where it has to be forced, it says so.
#[tokio::test]
async fn a_deletion_that_would_be_refused_is_not_offered() {
    let server = with_console();
    let client = server.client();
    let (user, root) = (client.user("anna").await, Visitor::root(&server).await);
    let [group, other] =
        [client.group("Break glass", std::slice::from_ref(&user)).await, client.group("Others", &[]).await];
    let set = |settings: serde_json::Value| {
        let file = server.scratch("settings.json");
        std::fs::write(&file, settings.to_string()).expect("a file");
        server.run(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"])
    };
    assert!(set(json!({"protected": {"members_of": group}})).status.success());
    let page = async |path: &str| root.get(&format!("/console/t/test/{path}")).await.expect(200).text;
    let offers = |page: &str| page.contains("name=\"typed\"");
    let theirs = page(&format!("groups/{group}")).await;
    assert!(!offers(&theirs) && theirs.contains("leave &#34;members_of&#34; out"), "{theirs}");
    for path in [format!("groups/{other}"), format!("users/{user}"), "settings".to_owned()] {
        let page = page(&path).await;
        assert!(offers(&page) && page.contains("Only with the switch below"), "{path}: {page}");
    }
    // Who may change nothing by hand is offered nothing.
    let source = ["tenant", "source", "test", "--confirm", "test", "--to", "scim", "--json"];
    assert!(server.run(&source).status.success(), "the provider alone may change users");
    let anna = page(&format!("users/{user}")).await;
    assert!(!offers(&anna) && anna.contains("may change users and groups"), "{anna}");
    for token in server.run_json(&["token", "list", "--tenant", "test", "--json"]).as_array().expect("tokens") {
        let id = token["token_id"].as_str().expect("an id");
        assert!(server.run(&["token", "delete", "--tenant", "test", id]).status.success());
    }
    let settings = page("settings").await;
    assert!(offers(&settings) && !settings.contains("Only with the switch below"), "{settings}");
}
