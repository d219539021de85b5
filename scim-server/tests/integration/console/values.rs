//! The values of calls: kept where a tenant asks for it, shown to operators, and told.

use std::fs;

use serde_json::{Value, json};

use super::{Visitor, complains, screens::look_at, signed_in, with_console};
use crate::server::{Response, TestServer, USER};

const HERE: &str = "/console/t/test/requests";

/// What is in no file and on no page.
const SECRET: &str = "correct-horse-battery";

fn anna() -> Value {
    json!({"schemas": [USER], "userName": "anna", "title": "Engineer", "password": SECRET})
}

fn call(response: &Response) -> String {
    response.header("x-request-id").to_owned()
}

/// The visitor with a token of that role.
async fn by_role(server: &TestServer, role: &str) -> Visitor {
    let made = server.run_json(&["admin-token", "create", "--name", role, "--role", role, "--json"]);
    Visitor::by_token(server, made["token"].as_str().expect("a token")).await
}

/// The events that say that somebody has looked: who, and at what.
fn looks(server: &TestServer) -> Vec<Value> {
    let events = server.run(&["events", "--tenant", "test", "--json"]).stdout;
    let events = String::from_utf8(events).expect("UTF-8");
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    let of_type = events.filter(|event| event["type"] == "call-values.shown");
    of_type.map(|event| json!([event["actor"], event["attributes"]])).collect()
}

#[tokio::test]
async fn values_are_kept_while_a_tenant_asks_and_shown_to_operators() {
    let server = with_console();
    let (client, root) = (server.client(), Visitor::root(&server).await);
    let before = call(&client.find("/Users", "userName eq \"anna\"").await.expect(200));
    assert!(root.get(HERE).await.expect(200).text.contains("not kept"), "nothing is kept unless somebody asks for it");
    let page = root.done(&format!("{HERE}/keep"), &[]).await.text;
    assert!(page.contains("kept for 24 hours") && page.contains("kept until"), "{page}");
    client.post("/Users", &anna()).await.expect(201);
    let refused = call(&client.post("/Users", &anna()).await.expect(409));
    let found = call(&client.find("/Users", "userName eq \"anna\"").await.expect(200));

    let of = |id: &str| format!("{HERE}/{id}");
    let viewer = by_role(&server, "viewer").await;
    let page = viewer.get(&of(&refused)).await.expect(200).text;
    assert!(page.contains("an operator may see them") && !page.contains("Engineer"), "{page}");
    let page = viewer.done(&format!("{}/values", of(&refused)), &[]).await.text;
    assert!(page.contains("needs the role operator") && !page.contains("Engineer"), "{page}");
    assert_eq!(looks(&server), Vec::<Value>::new(), "who sees nothing has not looked");

    let operator = by_role(&server, "operator").await;
    let page = operator.get(&of(&refused)).await.expect(200).text;
    assert!(page.contains("Show the values") && !page.contains("Engineer"), "{page}");
    let shown = operator.post(&format!("{}/values", of(&refused)), &[]).await.expect(200).text;
    for told in ["Engineer", "anna", "uniqueness", "The same call with curl", "HIDDEN_DUE_TO_SECURITY_REASONS"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(!shown.contains(SECRET), "{shown}");
    assert_eq!(looks(&server), [json!(["admin:operator", [refused]])]);
    let shown = server.run_json(&["requests", "values", &found, "--tenant", "test", "--json"]);
    assert_eq!(shown["query"]["filter"], "userName eq \"anna\"", "{shown}");
    assert!(shown["response"]["Resources"][0]["title"] == "Engineer" || shown["left_out"] == json!(["response"]));
    assert_eq!(looks(&server).last(), Some(&json!(["admin", [found]])));

    // What may not be seen may not be found out, and the details have none of it.
    assert_eq!(server.run_json(&["requests", "list", "--tenant", "test", "--text", "engineer", "--json"]), json!([]));
    let details = server.run_json(&["requests", "show", &refused, "--json"]);
    assert!(details["values"] == true && !details.to_string().contains("Engineer"), "{details}");
    let page = root.get(&of(&before)).await.expect(200).text;
    assert!(page.contains("Those of this call are not kept"), "{page}");
    assert!(complains(&server.run(&["requests", "values", &before]), "call_values_until"), "they are not there");

    let page = root.done(&format!("{HERE}/forget"), &[]).await.text;
    assert!(page.contains("not kept"), "{page}");
    let after = call(&client.find("/Users", "userName eq \"anna\"").await.expect(200));
    assert!(complains(&server.run(&["requests", "values", &after]), "call_values_until"), "it has ended");
    let files = fs::read_dir(server.data().join("requests")).expect("the log of requests");
    let bytes: Vec<u8> = files.flat_map(|file| fs::read(file.expect("a file").path()).expect("its bytes")).collect();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("Engineer") && !text.contains(SECRET), "values are in the files, and no secret is");
}

#[tokio::test]
async fn values_are_looked_at_in_a_browser() {
    let server = with_console();
    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.click("button", "Keep those of the next 24 hours");
    browser.sees("The values of calls are kept for 24 hours.");
    look_at(&mut browser, "values-kept");
    server.client().post("/Users", &anna()).await.expect(201);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.click("main a", "POST /Users");
    browser.sees("That you look is told");
    look_at(&mut browser, "values-call");
    browser.click("button", "Show the values");
    let page = browser.sees("Values of a call");
    assert!(page.contains("Engineer") && !page.contains(SECRET), "{page}");
    look_at(&mut browser, "values-shown");
    browser.open(&format!("{}/console/t/test/history", server.admin()));
    browser.sees("call-values.shown");
    assert_eq!(browser.faults(), Vec::<String>::new());
}
