//! The console in a real browser: every screen with nobody, three and many users; by keyboard; and for those who
//! cannot see well.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{
    many,
    pages::{PAYLOAD, hostile},
    paths::PAGES,
    signed_in,
    sync::{Agent, holding},
    with_console,
};
use crate::chromium::Browser;

/// Widths of a phone, a laptop and a large screen.
const WIDTHS: &[u32] = &[390, 1280, 1920];

/// The rules of accessibility (axe-core, from npm), as a script.
fn axe() -> String {
    static INSTALLS: Mutex<()> = Mutex::new(());
    let _one = INSTALLS.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console-npm");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("package.json"), "{}").expect("a package of its own");
        let mut command = Command::new("npm");
        command.current_dir(&folder).args(["install", "--silent", "--no-fund", "--no-audit", "axe-core@4.14.1"]);
        let output = command.output().expect("this test needs npm (apt-get install nodejs npm)");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fs::read_to_string(script).expect("axe-core")
}

/// What axe finds that is serious, or that keeps people who hear a page from telling its parts apart.
fn findings(browser: &mut Browser, axe: &str) -> Vec<String> {
    browser.run(&format!("{axe}; 1"));
    let found = browser.run(
        "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact) || ['empty-table-header', 'landmark-unique'].includes(v.id)).map(v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | ')))",
    );
    let found = found.as_array().cloned().unwrap_or_default();
    found.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Where pictures go that somebody wants to look at.
fn pictures() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("CONSOLE_PICTURES")?);
    fs::create_dir_all(&folder).expect("a folder for pictures");
    Some(folder)
}

fn take(browser: &mut Browser, name: &str) {
    let Some(folder) = pictures() else { return };
    for width in WIDTHS {
        for dark in [false, true] {
            browser.resize(*width, if *width < 500 { 844 } else { 900 }, dark);
            let colour = if dark { "dark" } else { "light" };
            fs::write(folder.join(format!("{name}-{width}-{colour}.png")), browser.picture()).expect("a picture");
        }
    }
    browser.resize(1280, 900, false);
}

/// What a phone would have to be moved for, once the page has the size of one: tables that are wider than their place, and
/// the menu's entry of this page.
const OUT_OF_SIGHT: &str = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done([...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel).concat([...document.querySelectorAll('.tabs [aria-current]')].filter(one => { const [part, all] = [one.getBoundingClientRect(), one.parentElement.getBoundingClientRect()]; return part.left < all.left || part.right > all.right; }).map(one => one.textContent))))))";

/// Looks at the page that is open: what a browser complains about, what somebody cannot read, and what is wider than the
/// window. `name` is what pictures are called.
pub fn look_at(browser: &mut Browser, name: &str) {
    let axe = axe();
    assert_eq!(browser.faults(), Vec::<String>::new(), "{name}");
    assert_eq!(findings(browser, &axe), Vec::<String>::new(), "{name}");
    for width in WIDTHS {
        browser.resize(*width, 900, false);
        // What is wider than the window would have to be moved to be read.
        let fits = browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth");
        assert_eq!(fits, true, "{name} at {width}");
    }
    browser.resize(WIDTHS[0], 900, false);
    assert_eq!(browser.run(OUT_OF_SIGHT), json!([]), "{name} on a phone");
    browser.resize(1280, 900, true);
    assert_eq!(findings(browser, &axe), Vec::<String>::new(), "{name}, dark");
    browser.resize(1280, 900, false);
    take(browser, name);
}

/// Opens each page and looks at it.
pub fn look_at_all(browser: &mut Browser, origin: &str, paths: &[String], name: &str) {
    for path in paths {
        browser.open(&format!("{origin}{path}"));
        let file = path.trim_start_matches("/console").replace(['/', '?', '='], "_");
        look_at(browser, &format!("{name}{file}"));
    }
}

fn all(more: &[String]) -> Vec<String> {
    PAGES.iter().map(|page| (*page).to_owned()).chain(more.iter().cloned()).collect()
}

#[tokio::test]
async fn every_screen_is_whole_with_nobody_three_and_many() {
    let server = with_console();
    let client = server.client();
    let mut browser = signed_in(&server);
    look_at_all(&mut browser, &server.admin(), &all(&["/console/sign-in".to_owned()]), "nobody");

    let mut ids = Vec::new();
    for name in ["anna", "bert", "carl"] {
        ids.push(client.user(name).await);
    }
    let staff = client.group("Staff", &ids).await;
    let title = json!([{"op": "replace", "path": "title", "value": "Engineer"}]);
    client.patch(&format!("/Users/{}", ids[0]), &title).await.expect(200);
    client.delete(&format!("/Users/{}", ids[2])).await.expect(204);
    let refused = client.get(&format!("/Users/{}", ids[2])).await.expect(404);
    Agent::new(&server, "ad", &[]).report(&holding("user \"anna\"")).await;
    let more = [
        "/console/sync/ad".to_owned(),
        format!("/console/t/test/users/{}", ids[0]),
        format!("/console/t/test/groups/{staff}"),
        format!("/console/t/test/requests/{}", refused.header("x-request-id")),
    ];
    look_at_all(&mut browser, &server.admin(), &all(&more), "three");

    let users = many::import(&server);
    let of_many: Vec<String> = all(&["/console/t/test/users?q=user-01".to_owned()])
        .iter()
        .map(|path| path.replace("/t/test", "/t/many"))
        .collect();
    look_at_all(&mut browser, &server.admin(), &of_many, "many");
    browser.open(&format!("{}/console/t/many/users", server.admin()));
    let page = browser.sees("Next page");
    let digits: String = page.split(" users").next().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    assert!(digits.ends_with(&users.to_string()), "{page}");
}

/// What is hostile is text: it changes nothing, and nothing of it is loaded.
#[tokio::test]
async fn nothing_runs_that_a_provider_sent() {
    let server = with_console();
    let client = server.client();
    let id = client.post("/Users", &hostile(1)).await.expect(201).id();
    let group = client.group(&format!("g{PAYLOAD}"), std::slice::from_ref(&id)).await;
    let mut browser = signed_in(&server);
    let more = [format!("/console/t/test/users/{id}"), format!("/console/t/test/groups/{group}")];
    for path in all(&more) {
        browser.open(&format!("{}{path}", server.admin()));
        assert_ne!(browser.run("document.title"), "taken", "{path}");
        assert_eq!(browser.faults(), Vec::<String>::new(), "{path}");
    }
}

/// A page that somebody else would lay their own over is not shown: in a frame there is nothing of it.
#[tokio::test]
async fn no_page_is_shown_in_a_frame() {
    let server = with_console();
    let mut browser = signed_in(&server);
    let framed = |path: &str| {
        format!(
            "new Promise(done => {{ const frame = document.createElement('iframe'); frame.src = '{path}'; frame.onload = () => done(frame.contentDocument ? frame.contentDocument.title : null); document.body.append(frame); }})"
        )
    };
    for path in ["/console", "/console/sign-in", "/console/t/test/tokens"] {
        assert_eq!(browser.run(&framed(path)), Value::Null, "{path}");
    }
    assert!(browser.faults().iter().any(|fault| fault.contains("frame-ancestors")), "the browser says why");
}

/// Signing in, finding a user and reading of them without a mouse.
#[tokio::test]
async fn a_keyboard_is_enough() {
    let server = with_console();
    let client = server.client();
    for name in ["anna", "bert"] {
        client.user(name).await;
    }
    let mut browser = Browser::start(&server.admin());
    browser.open(&format!("{}/console/t/test/users", server.admin()));
    browser.wait_for("document.title.startsWith('Sign in')");
    browser.tab_to("token");
    browser.write(&super::root_token(&server));
    browser.press("Enter");
    browser.wait_for("document.title.startsWith('test') && document.readyState === 'complete'");
    browser.press("/");
    browser.wait_for("document.activeElement.name === 'q'");
    browser.write("be");
    browser.wait_for("document.querySelectorAll('#results tbody tr').length === 1");
    assert_eq!(browser.run("document.querySelector('#results tbody a').textContent"), "bert");
    browser.tab_to("bert");
    browser.press("Enter");
    browser.wait_for("document.title.startsWith('bert')");
    assert_eq!(browser.faults(), Vec::<String>::new());
}

/// What there is to press or to fill in on a page, as far as it is seen.
const REACHABLE: &str = "[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')].filter(one => one.checkVisibility() && one.type !== 'hidden' && !one.disabled)";

/// Tab leads to everything on each page, and it is seen where one is.
#[tokio::test]
async fn tab_leads_to_everything_on_each_page() {
    let server = with_console();
    let client = server.client();
    let anna = client.user("anna").await;
    let staff = client.group("Staff", std::slice::from_ref(&anna)).await;
    let mut browser = signed_in(&server);
    let more = [format!("/console/t/test/users/{anna}"), format!("/console/t/test/groups/{staff}")];
    for path in all(&more) {
        browser.open(&format!("{}{path}", server.admin()));
        let number = browser.run(&format!("{REACHABLE}.length")).as_u64().expect("a number");
        assert!(number > 5, "{path}");
        for _ in 0..number + 2 {
            browser.press("Tab");
            let is_seen = "(() => { const one = document.activeElement; one.dataset.reached = ''; return one === document.body || getComputedStyle(one).outlineStyle !== 'none'; })()";
            assert_eq!(browser.run(is_seen), true, "{path}");
        }
        let left =
            browser.run(&format!("{REACHABLE}.filter(one => !('reached' in one.dataset)).map(one => one.outerHTML)"));
        assert_eq!(left, json!([]), "{path}");
    }
}

/// A time is the reader's, and whoever points at it sees UTC.
#[tokio::test]
async fn times_are_in_the_readers_zone_with_utc_beside_them() {
    let server = with_console();
    server.client().user("anna").await;
    let mut browser = signed_in(&server);
    browser.call("Emulation.setTimezoneOverride", &json!({"timezoneId": "Asia/Tokyo"}));
    browser.open(&format!("{}/console/t/test/users", server.admin()));
    let times = browser.run("[...document.querySelectorAll('time')].map(one => [one.dateTime, one.title, one.textContent, new Date(one.dateTime).toLocaleString(undefined, {dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Tokyo'})])");
    let times = times.as_array().expect("times");
    assert!(!times.is_empty());
    for time in times {
        let [at, title, shown, in_tokyo] = [0, 1, 2, 3].map(|place| time[place].as_str().expect("a text"));
        assert_eq!(title, format!("{} UTC", at[..19].replace('T', " ")), "{time}");
        assert_eq!(shown, in_tokyo, "{time}");
    }
}

/// The page of a tenant that nobody has called sees the first call by itself.
#[tokio::test]
async fn the_first_call_is_seen() {
    let server = with_console();
    let mut browser = signed_in(&server);
    browser.open(&format!("{}/console/t/test", server.admin()));
    browser.wait_for("document.querySelector('#calls').textContent.includes('Waiting for the first call')");
    server.client().get("/Users").await.expect(200);
    browser.wait_for("document.querySelector('#calls').textContent.includes('Seen')");
    assert_eq!(browser.faults(), Vec::<String>::new());
}

/// Whoever follows the calls sees each as it comes, until they stop; all by keyboard.
#[tokio::test]
async fn calls_are_followed_as_they_come() {
    let server = with_console();
    let mut browser = signed_in(&server);
    browser.open(&format!("{}/console/t/test/requests", server.admin()));
    browser.press("/");
    browser.wait_for("document.activeElement.name === 'text'");
    browser.tab_to("Follow what comes");
    browser.press("Enter");
    browser.wait_for("location.search === '?follow=on' && document.readyState === 'complete'");
    assert_eq!(browser.run("document.querySelectorAll('#calls tbody tr').length"), 0);
    server.client().get("/Groups").await.expect(200);
    browser.wait_for("document.querySelectorAll('#calls tbody tr').length === 1");
    browser.wait_for("document.querySelector('#calls tbody').textContent.includes('GET /Groups')");
    browser.tab_to("Stop following");
    browser.press("Enter");
    browser.wait_for("location.search === '' && document.readyState === 'complete'");
    assert_eq!(browser.run("document.querySelector('#calls').getAttribute('hx-get')"), Value::Null);
    assert_eq!(browser.faults(), Vec::<String>::new());
}

/// The picture in the README is drawn from a server with a few customers (`make docs`).
#[tokio::test]
async fn the_picture_of_the_readme_is_small() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/console.png");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        draw(&file).await;
    }
    let size = fs::metadata(&file).expect("docs/console.png, which `make docs` draws").len();
    assert!(size < 300 * 1024, "{size} bytes");
}

async fn draw(file: &Path) {
    let server = with_console();
    for tenant in ["acme", "globex", "initech"] {
        server.run_json(&["tenant", "create", tenant, "--json"]);
        let issued = server.run_json(&["token", "create", "--tenant", tenant, "--name", "okta", "--json"]);
        let text = |name: &str| issued[name].as_str().expect("a text").to_owned();
        let client = crate::server::Client::new(&text("endpoint"), &text("token"));
        if tenant == "initech" {
            continue;
        }
        for number in 0..if tenant == "acme" { 240 } else { 36 } {
            client.user(&format!("person-{number:03}@{tenant}.example")).await;
        }
        client.group("Staff", &[]).await;
    }
    // The next token of one of them is not in use yet.
    server.run_json(&["token", "rotate", "--tenant", "globex", "--overlap", "12d", "--json"]);
    server.run_json(&["tenant", "delete", "test", "--force", "--yes", "--json"]);
    let mut browser = signed_in(&server);
    browser.resize(1280, 760, false);
    fs::write(file, browser.picture()).expect("the picture");
}
