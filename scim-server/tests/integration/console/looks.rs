//! What a page says without being seen or moved, and names that no page expects.

use serde_json::{Value, json};

use super::{Visitor, screens::look_at_all, signed_in, with_console};
use crate::server::{TestServer, USER};

/// The page of a tenant with a few calls, one of them refused.
async fn with_calls() -> TestServer {
    let server = with_console();
    let client = server.client();
    for _ in 0..3 {
        client.get("/Users").await.expect(200);
    }
    client.get("/Users/00000000-0000-7000-8000-000000000000").await.expect(404);
    server
}

#[tokio::test]
async fn a_chart_says_its_numbers_without_a_script() {
    let server = with_calls().await;
    let page = Visitor::root(&server).await.get("/console/t/test/requests").await.expect(200).text;
    let (_, figure) = page.split_once("<figure class=\"chart\">").expect("a chart");
    let (figure, _) = figure.split_once("</figure>").expect("its end");
    for said in
        ["Last</th>", "Least</th>", "Most</th>", "Total</th>", "<time datetime=", "aria-label=\"Calls, an hour\""]
    {
        assert!(figure.contains(said), "{said}: {figure}");
    }
    let line = |name: &str| figure.split(&format!("{name}</th>")).nth(1).and_then(|rest| rest.split("</tr>").next());
    assert_eq!(line("done"), Some("<td>3</td><td>0</td><td>3</td><td>3</td>"), "{figure}");
    assert_eq!(line("refused (4xx)"), Some("<td>1</td><td>0</td><td>1</td><td>1</td>"), "{figure}");
}

/// The numbers below a chart are those of the last moment, and of the one that the pointer is on.
#[tokio::test]
async fn a_chart_follows_the_pointer() {
    let server = with_calls().await;
    let mut browser = signed_in(&server);
    browser.open(&format!("{}/console/t/test/requests", server.admin()));
    browser.wait_for("document.querySelector('.plot canvas') !== null");
    let at = |side: &str| format!("document.querySelector('.plot .u-over').getBoundingClientRect().{side}");
    browser.run("document.querySelector('.plot').scrollIntoView()");
    let (x, y) =
        (browser.run(&at("left")).as_f64().expect("a place"), browser.run(&at("top")).as_f64().expect("a place"));
    let done = "document.querySelector('.numbers tbody td').textContent";
    assert_eq!(browser.run(done), "3");
    let mut point = |x: f64, y: f64| {
        browser.call("Input.dispatchMouseEvent", &json!({"type": "mouseMoved", "x": x, "y": y}));
        (browser.run("document.querySelector('.numbers thead th:nth-child(2)').textContent"), browser.run(done))
    };
    let (when, before) = point(x + 3.0, y + 30.0);
    assert!(when != "Last" && before == "0", "{when} {before}");
    let (when, after) = point(x - 30.0, y - 30.0);
    assert_eq!((when, after), (Value::from("Last"), Value::from("3")));
    assert_eq!(browser.faults(), Vec::<String>::new());
}

/// On a phone what chooses the columns keeps its place.
#[tokio::test]
async fn the_choice_of_columns_fits_on_a_phone() {
    let server = with_console();
    server.client().user("anna").await;
    let mut browser = signed_in(&server);
    browser.open(&format!("{}/console/t/test/users", server.admin()));
    browser.click("summary", "Columns");
    browser.resize(390, 900, false);
    let juts_out = "(() => { const form = document.querySelector('.filters'); const most = form.getBoundingClientRect().right + 0.5; return [...form.children].filter(one => one.getBoundingClientRect().right > most).map(one => one.textContent); })()";
    assert_eq!(browser.run(juts_out), json!([]));
}

/// The command below a list finds what the list shows, also while one types.
#[tokio::test]
async fn the_command_follows_the_search() {
    let server = with_console();
    let client = server.client();
    for name in ["anna", "bert"] {
        client.user(name).await;
    }
    let mut browser = signed_in(&server);
    browser.open(&format!("{}/console/t/test/users", server.admin()));
    browser.press("/");
    browser.write("be");
    browser.wait_for("document.querySelectorAll('#results tbody tr').length === 1");
    let shown = browser.run("[...document.querySelectorAll('.command code')].map(one => one.textContent)");
    assert_eq!(shown, json!(["scim-server user list --tenant test --filter 'userName sw \"be\"'"]));
    let listed = server.run_json(&["user", "list", "--tenant", "test", "--filter", "userName sw \"be\"", "--json"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    // Whoever then chooses columns keeps what was typed.
    browser.click("summary", "Columns");
    browser.click("#results label", "title");
    browser.click("#results button", "Show these columns");
    browser.wait_for("location.search.includes('columns=title') && location.search.includes('q=be')");
}

/// Names as long as they may be, without a space, from right to left, and such as look like others.
#[tokio::test]
async fn names_of_any_kind_keep_their_place() {
    let server = with_console();
    let client = server.client();
    let names = ["o".repeat(300), "مريم عبد العزيز".to_owned(), "\u{202e}gnp.ann".to_owned(), "\u{430}nna".to_owned()];
    let mut ids = Vec::new();
    for name in &names {
        ids.push(client.user(name).await);
    }
    let group = client.group(&"x".repeat(300), &ids).await;
    let gone = client.user(&"y".repeat(300)).await;
    client.delete(&format!("/Users/{gone}")).await.expect(204);
    let endless = json!({"schemas": [USER], "userName": "endless", "displayName": "w".repeat(10_000)});
    let endless = client.post("/Users", &endless).await.expect(201).id();
    let mut browser = signed_in(&server);
    let of = |part: &str| format!("/console/t/test/{part}");
    let mut paths = ["users", "groups", "deleted", "history", "requests", "users?filter=", "users?columns=displayName"]
        .map(of)
        .to_vec();
    paths.extend([&ids[0], &ids[1], &gone, &endless].map(|id| of(&format!("users/{id}"))));
    paths.push(of(&format!("groups/{group}")));
    look_at_all(&mut browser, &server.admin(), &paths, "names");
    // Its underline does not hide the _ of a name.
    browser.open(&format!("{}{}", server.admin(), of("users")));
    let low =
        browser.run("parseFloat(getComputedStyle(document.querySelector('#results tbody a')).textUnderlineOffset)");
    assert!(low.as_f64() > Some(3.5), "{low}");
    // What one name does to the direction of its text ends with it.
    let cells = browser.run("[...document.querySelectorAll('#results tbody td')].every(one => getComputedStyle(one).unicodeBidi === 'plaintext' && getComputedStyle(one).textAlign === 'left')");
    assert_eq!(cells, true);
}
