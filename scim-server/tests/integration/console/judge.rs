//! The judge in the console: the real scim-conformance, run against a tenant that is made for it and gone afterwards.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Visitor, with_console};
use crate::{
    chromium::Browser,
    server::{Options, PATIENCE, TestServer},
};

const HERE: &str = "/console/judge";

/// The program beside the server's own, built by cargo the first time.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_scim-server")).with_file_name("scim-conformance");
        if !program.exists() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let status = Command::new(cargo).args(["build", "-p", "conformance", "--bin", "scim-conformance"]).status();
            assert!(status.is_ok_and(|status| status.success()), "scim-conformance could not be built");
        }
        program
    })
}

/// A server with a judge.
fn with_judge() -> TestServer {
    program();
    with_console()
}

fn tenants(server: &TestServer) -> Vec<String> {
    let list = server.run_json(&["tenant", "list", "--json"]);
    let name = |tenant: &Value| tenant["tenant"].as_str().expect("a name").to_owned();
    list.as_array().expect("a list").iter().map(name).collect()
}

/// Waits until something is so of the tenants.
async fn until(server: &TestServer, what: &str, is: impl Fn(&[String]) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is(&tenants(server)) {
        assert!(Instant::now() < end, "it never came: {what}: {:?}", tenants(server));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_run_is_begun_in_a_browser_and_its_report_is_read_there() {
    let server = with_judge();
    let mut browser = Browser::start(&server.admin());
    super::follow(&mut browser, &server);
    browser.wait_for("document.title.startsWith('Overview')");
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.run("document.querySelector('select[name=profile]').value = 'okta'; 1");
    browser.tab_to("Begin");
    browser.press("Enter");
    browser.wait_for("document.querySelector('#judge')?.textContent.includes('The last run')");
    let shown = browser.run("document.querySelector('#judge').textContent");
    let shown = shown.as_str().unwrap_or_default();
    assert!(shown.contains("Nothing is wrong.") && shown.contains("okta"), "{shown}");
    assert_eq!(browser.faults(), Vec::<String>::new());
    assert_eq!(tenants(&server), ["test"], "its tenant is gone");

    browser.open(&format!("{}{HERE}/report", server.admin()));
    browser.wait_for("document.querySelector('#outcome')?.textContent !== ''");
    assert_eq!(browser.run("self.origin"), "null", "it has an origin of its own");
    // Its filters are in its address, and a view of it can be sent to somebody.
    browser.run("document.querySelector('input[name=pass]').click(); 1");
    browser.wait_for("location.hash.includes('verdict=')");
    assert_eq!(browser.faults(), Vec::<String>::new());
    let root = Visitor::root(&server).await;
    let report = root.get(&format!("{HERE}/report")).await.expect(200);
    let policy = report.header("content-security-policy");
    assert!(policy.starts_with("sandbox allow-scripts; default-src 'none'"), "{policy}");
    assert!(!policy.contains("allow-same-origin") && !policy.contains("'self'"), "{policy}");
}

#[tokio::test]
async fn a_run_is_stopped_and_leaves_nothing() {
    let server = with_judge();
    let root = Visitor::root(&server).await;
    let begun = root.done(&format!("{HERE}/start"), &[("profile", "rfc")]).await.text;
    assert!(begun.contains("A run is under way"), "{begun}");
    let second = root.post(&format!("{HERE}/start"), &[("profile", "rfc")]).await.expect(409).text;
    assert!(second.contains("under way already"), "{second}");
    until(&server, "the tenant", |tenants| tenants.len() == 2).await;
    let overview = root.get("/console").await.expect(200).text;
    assert!(!overview.contains("scim-conformance-"), "its tenant is nobody's, and ends by itself: {overview}");
    root.done(&format!("{HERE}/stop"), &[]).await;
    until(&server, "its deletion", |tenants| tenants == ["test"]).await;
    let end = Instant::now() + PATIENCE;
    loop {
        let page = root.get(HERE).await.expect(200).text;
        if page.contains("There is no report: it was stopped") {
            break;
        }
        assert!(Instant::now() < end, "{page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    root.get(&format!("{HERE}/report")).await.expect(404);
    let unknown = root.done(&format!("{HERE}/start"), &[("profile", "--help")]).await.text;
    assert!(unknown.contains("there is no profile") || unknown.contains("There is no profile"), "{unknown}");
}

/// A server that is killed in the middle of a run deletes the tenant when it starts again.
#[tokio::test]
async fn what_a_crash_has_left_is_deleted() {
    let mut server = with_judge();
    let root = Visitor::root(&server).await;
    root.done(&format!("{HERE}/start"), &[("profile", "rfc")]).await;
    until(&server, "the tenant", |tenants| tenants.len() == 2).await;
    server.kill();
    assert_eq!(tenants(&server).len(), 2, "it is left");
    // Another tenant whose name begins so is somebody's own.
    server.run_json(&["tenant", "create", "scim-conformance-mine", "--json"]);
    server.launch();
    if crate::server::on_postgres() {
        // On a shared store another process may be at it: it is left for half an hour.
        return;
    }
    until(&server, "its deletion", |tenants| tenants == ["scim-conformance-mine", "test"]).await;
}

#[tokio::test]
async fn who_may_have_the_server_judged() {
    let server = with_judge();
    server.run_json(&["tenant", "create", "acme", "--json"]);
    let visitor = async |words: &[&str]| {
        let words = [&["admin-token", "create", "--json"], words].concat();
        let made = server.run_json(&words);
        Visitor::by_token(&server, made["token"].as_str().expect("a token")).await
    };
    let operator = visitor(&["--name", "o", "--role", "operator"]).await;
    let page = operator.get(HERE).await.expect(200).text;
    assert!(page.contains("Administrators begin a run") && !page.contains("judge/start"), "{page}");
    let refused = operator.done(&format!("{HERE}/start"), &[("profile", "rfc")]).await.text;
    assert!(refused.contains("needs the role administrator"), "{refused}");
    for words in [
        ["--name", "v", "--role", "viewer"].as_slice(),
        &["--name", "t", "--role", "administrator", "--tenant", "acme"],
    ] {
        let nobody = visitor(words).await;
        assert!(!nobody.get("/console").await.expect(200).text.contains(HERE), "{words:?}");
        nobody.get(HERE).await.expect(403);
        nobody.get(&format!("{HERE}/report")).await.expect(404);
        nobody.post(&format!("{HERE}/start"), &[("profile", "rfc")]).await.expect(403);
    }
    assert_eq!(tenants(&server), ["acme", "test"]);
}

#[tokio::test]
async fn a_server_without_a_judge_says_how_to_get_one() {
    let server = TestServer::with(Options::args(&["--console", "--console-judge", "/nowhere/scim-conformance"]));
    let root = Visitor::root(&server).await;
    let page = root.get(HERE).await.expect(200).text;
    assert!(page.contains("Install the package") && page.contains("console_judge"), "{page}");
    let refused = root.done(&format!("{HERE}/start"), &[("profile", "rfc")]).await.text;
    assert!(refused.contains("not installed"), "{refused}");
}
