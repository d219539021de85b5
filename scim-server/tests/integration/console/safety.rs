//! Safety in a real browser: a brake is approved, and changes are looked at and put back.

use serde_json::{Value, json};

use super::{Visitor, hidden, signed_in, with_console};
use crate::server::{Options, TestServer, USER};

const HERE: &str = "/console/t/test/safety";

/// The newest number of the tenant's log.
pub(super) fn newest(server: &TestServer) -> u64 {
    let log = server.run(&["events", "--tenant", "test", "--json"]).stdout;
    let log = String::from_utf8(log).expect("UTF-8");
    let last: Value = serde_json::from_str(log.lines().last().expect("an event")).expect("JSON");
    last["sequence"].as_u64().or_else(|| last["sequence"].as_str()?.parse().ok()).expect("a number")
}

#[tokio::test]
async fn a_brake_is_approved() {
    let args = vec!["--console".to_owned()];
    let server = TestServer::with(Options { args, ..Options::settings(json!({"brake": {"users": 2}})) });
    let client = server.client();
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    for name in ["anna", "bert", "carl", "dora"] {
        let id = client.user(name).await;
        client.patch(&format!("/Users/{id}"), &off).await.expect(200);
    }
    let state = || server.run_json(&["brake", "show", "--tenant", "test", "--json"])["state"].clone();
    assert_eq!(state(), "tripped");
    let mut browser = signed_in(&server);
    browser.sees("brake on mass deprovisioning has tripped");
    browser.click("main a", "test");
    browser.sees("Connect");
    browser.click("nav a", "Safety");
    browser.sees("It has tripped");
    browser.click("button", "Approve: let it go on");
    browser.sees("Everything goes on: the events that waited go out.");
    assert_eq!(state(), "approved");
    browser.sees("An administrator has let it go on");
    browser.open(&format!("{}/console/t/test/history", server.admin()));
    browser.sees("brake.approved");
    assert_eq!(browser.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn what_happened_after_an_event_is_looked_at_and_put_back() {
    let server = with_console();
    let client = server.client();
    let body = json!({"schemas": [USER], "userName": "anna", "title": "Engineer"});
    let anna = client.post("/Users", &body).await.expect(201).id();
    let bert = client.user("bert").await;
    let since = newest(&server);
    let path = format!("/Users/{anna}");
    client.patch(&path, &json!([{"op": "replace", "path": "title", "value": "Nobody"}])).await.expect(200);
    client.delete(&format!("/Users/{bert}")).await.expect(204);

    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.fill("since", &since.to_string());
    browser.click("button", "Look at what would be put back");
    let preview = browser.sees("What would be put back");
    assert!(preview.contains(&anna) && preview.contains(&bert), "{preview}");
    assert!(preview.contains("2 users and groups") && !preview.contains("Put back: 2"), "{preview}");
    assert_eq!(client.get(&path).await.expect(200).json["title"], "Nobody", "it was only looked at");
    browser.click("button", "Put it back");
    browser.sees("Put back: 2 users and groups.");
    assert_eq!(client.get(&path).await.expect(200).json["title"], "Engineer");
    client.get(&format!("/Users/{bert}")).await.expect(200);
    assert_eq!(browser.faults(), Vec::<String>::new());

    let visitor = Visitor::root(&server).await;
    for (since, why) in [("", "Say after which event"), ("soon", "is not the number of an event")] {
        let refused = visitor.done(&format!("{HERE}/undo-preview"), &[("since", since)]).await.text;
        assert!(refused.contains("notice bad") && refused.contains(why), "{refused}");
    }
    let none = visitor.post(&format!("{HERE}/undo-preview"), &[("since", &newest(&server).to_string())]).await;
    assert!(none.text.contains("nothing to put back") || none.text.contains("notice bad"), "{}", none.text);
}

/// Nobody has looked at what happens after the preview: it is not put back.
#[tokio::test]
async fn what_happened_after_the_preview_is_not_put_back() {
    let server = with_console();
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let since = newest(&server).to_string();
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let (visitor, undo) = (Visitor::root(&server).await, format!("{HERE}/undo"));
    let preview = visitor.post(&format!("{undo}-preview"), &[("since", &since)]).await.expect(200).text;
    assert!(preview.contains(">anna</a>") && preview.contains(&anna) && !preview.contains(&bert), "{preview}");
    client.delete(&format!("/Users/{bert}")).await.expect(204);

    let refused = visitor.done(&undo, &[("since", &since)]).await.text;
    assert!(refused.contains("notice bad") && refused.contains("Look first"), "{refused}");
    let [since, until] = ["since", "until"].map(|name| hidden(&preview, &undo, name));
    let done = visitor.done(&undo, &[("since", &since), ("until", &until)]).await.text;
    assert!(done.contains("Put back: 1 user or group."), "{done}");
    client.get(&format!("/Users/{anna}")).await.expect(200);
    client.get(&format!("/Users/{bert}")).await.expect(404);
}

/// The brake puts back all that was lost: if that is more than was shown, it is shown first.
#[tokio::test]
async fn a_brake_puts_back_what_was_shown_or_shows_it_anew() {
    let args = vec!["--console".to_owned()];
    let server = TestServer::with(Options { args, ..Options::settings(json!({"brake": {"users": 2}})) });
    let client = server.client();
    let mut users = Vec::new();
    for name in ["anna", "bert", "carl", "dora"] {
        users.push((name, client.user(name).await));
    }
    let off = async |id: &str| {
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        client.patch(&format!("/Users/{id}"), &off).await.expect(200);
    };
    for (_, id) in &users[..3] {
        off(id).await;
    }
    let (visitor, undo) = (Visitor::root(&server).await, format!("{HERE}/brake-undo"));
    let preview = visitor.post(&format!("{HERE}/brake-preview"), &[]).await.expect(200).text;
    for (name, id) in &users[..3] {
        assert!(preview.contains(&format!(">{name}</a>")) && preview.contains(&**id), "{name}: {preview}");
    }
    assert!(!preview.contains("/users/\""), "how the brake stands is nobody: {preview}");

    off(&users[3].1).await;
    let anew = visitor.post(&undo, &[("was", &hidden(&preview, &undo, "was"))]).await.expect(200).text;
    assert!(anew.contains("nothing was put back") && anew.contains(">dora</a>"), "{anew}");
    assert_eq!(client.get(&format!("/Users/{}", users[0].1)).await.json["active"], false);
    let done = visitor.done(&undo, &[("was", &hidden(&anew, &undo, "was"))]).await.text;
    assert!(done.contains("Put back: 4 users and groups."), "{done}");
}
