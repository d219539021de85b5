//! What becomes of links and sessions: restarts, kills, ends, deletions, several servers.

use std::time::Duration;

use super::{Browser, fresh, link, path, shown_token, tokens};
use crate::server::{Options, TestServer, on_postgres};

#[tokio::test]
async fn a_kill_between_the_steps_loses_none_of_them() {
    let mut server = fresh(Options::default());
    let made = link(&server, &["--allow", "tokens"]);
    server.kill();
    server.launch();
    let mut browser = Browser::new(&server);
    browser.open(&made).await.expect(303);
    server.kill();
    server.launch();
    let browser = browser.at(&server);
    Browser::new(&server).get(&path(&made["url"])).await.expect(404);
    let way = browser.get("/setup/to/okta").await.expect(200);
    let form = Browser::make_form(&way, "okta", "token");
    let pairs = form.each_ref().map(|(name, value)| (*name, &**value));
    let token = shown_token(&browser.post("/setup/make", &pairs).await);
    server.kill();
    server.launch();
    // The browser sends the form again when its page is loaded anew: nothing is made a second time.
    let browser = browser.at(&server);
    browser.post("/setup/make", &pairs).await.expect(409);
    assert_eq!(tokens(&server).len(), 1);
    server.client().with_token(&token).get("/Users").await.expect(200);
    server.stop();
    assert!(server.run(&["check"]).status.success());
}

#[tokio::test]
async fn a_session_ends_with_its_link() {
    let server = TestServer::with(Options::args(&["--address-rate-limit", "0"]));
    let browser = Browser::opened(&server, &link(&server, &["--name", "one", "--allow", "tokens"])).await;
    let other = Browser::opened(&server, &link(&server, &["--name", "two"])).await;
    let way = browser.get("/setup/to/okta").await.expect(200);
    assert!(server.run(&["setup-link", "delete", "--tenant", "test", "ONE"]).status.success());
    browser.get("/setup").await.expect(404);
    let form = Browser::make_form(&way, "okta", "token");
    let pairs = form.each_ref().map(|(name, value)| (*name, &**value));
    browser.post("/setup/make", &pairs).await.expect(404);
    other.get("/setup").await.expect(200);
    assert_eq!(tokens(&server).len(), 1, "the first token of the tenant alone");

    let made = link(&server, &["--name", "short", "--expires", "3s"]);
    let mut browser = Browser::new(&server);
    // On a slow machine it has ended before it is opened: then it was dead from the start.
    if browser.open(&made).await.status == 303 {
        while browser.get("/setup").await.status == 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    browser.get("/setup").await.expect(404);
    let listed = server.run_json(&["setup-link", "list", "--tenant", "test", "--json"]);
    let short = listed.as_array().and_then(|all| all.iter().find(|one| one["name"] == "short")).expect("the link");
    assert_eq!(short["state"], "ended");
}

#[tokio::test]
async fn several_servers_know_one_session() {
    if !on_postgres() {
        return;
    }
    let one = TestServer::with(Options::args(&["--address-rate-limit", "0"]));
    let other = one.beside();
    let made = link(&one, &["--name", "shared", "--allow", "tokens"]);
    let browser = Browser::opened(&one, &made).await.at(&other);
    browser.get("/setup").await.expect(200);
    Browser::new(&other).post(&path(&made["url"]), &[("csrf", "")]).await.expect(404);
    let token = shown_token(&browser.make("okta", "token").await);
    // The other process learns of the token a moment later.
    while one.client().with_token(&token).get("/Users").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(one.run(&["setup-link", "delete", "--tenant", "test", "shared"]).status.success());
    browser.get("/setup").await.expect(404);
    // Of two forms at two servers at once, one makes something.
    let made = link(&one, &["--name", "twice", "--allow", "tokens"]);
    let browser = Browser::opened(&one, &made).await;
    let way = browser.get("/setup/to/entra?method=token").await.expect(200);
    let form = Browser::make_form(&way, "entra", "token");
    let pairs = form.each_ref().map(|(name, value)| (*name, &**value));
    let there = browser.at(&other);
    let (first, second) = tokio::join!(browser.post("/setup/make", &pairs), there.post("/setup/make", &pairs));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn links_go_with_their_tenant_and_into_no_export() {
    let server = TestServer::start();
    let made = link(&server, &["--name", "kept"]);
    let file = server.scratch("all.jsonl");
    assert!(server.run(&["backup", file.to_str().expect("a path")]).status.success());
    let backup = std::fs::read_to_string(&file).expect("the backup");
    // Events tell of it; what the link is, is not there.
    assert!(!backup.contains("\"kept\"") && !backup.contains("\"code\""));
    let said = server.run(&["setup-link", "create", "--tenant", "test", "--name", "KEPT"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("has a setup link"), "{said:?}");
    for wrong in [&["--expires", "91d"][..], &["--expires", "0s"], &["--allow", "everything"], &["--name", "a b"]] {
        let args = [&["setup-link", "create", "--tenant", "test"], wrong].concat();
        assert!(!server.run(&args).status.success(), "{wrong:?}");
    }
    assert!(!server.run(&["setup-link", "delete", "--tenant", "test", "nobody"]).status.success());
    assert!(server.run(&["tenant", "delete", "test", "--force", "--yes"]).status.success());
    assert_eq!(server.run_json(&["setup-link", "list", "--json"]), serde_json::json!([]));
    Browser::new(&server).get(&path(&made["url"])).await.expect(404);
    assert!(server.run(&["check"]).status.success());
}

#[tokio::test]
async fn a_link_is_made_without_a_server_and_opened_with_one() {
    let mut server = TestServer::start();
    server.stop();
    let made = link(&server, &[]);
    server.launch();
    Browser::opened(&server, &made).await.get("/setup").await.expect(200);
}
