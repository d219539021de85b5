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
    // The page also says what a brake cannot put back.
    let settings = json!({"brake": {"users": 2}, "restore_window": "0"});
    let server = TestServer::with(Options { args, ..Options::settings(settings) });
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
    let page = browser.sees("It has tripped");
    assert!(page.contains("whom a burst deletes the server does not keep"), "{page}");
    // What takes nobody away waits, too, and is no reason to look again.
    client.user("erik").await;
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
    let carl = client.user("carl").await;
    let team = client.group("Team", &[]).await;

    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.fill("since", &since.to_string());
    browser.click("button", "Look at what would be put back");
    let preview = browser.sees("What would be put back");
    assert!(preview.contains(&anna) && preview.contains(&bert), "{preview}");
    assert!(preview.contains("To be put back: 4 users and groups, 2 of them by deletion."), "{preview}");
    let rows = browser.run("[...document.querySelectorAll('main tr')].map(row => row.innerHTML)");
    let row = |id: &str| rows.as_array()?.iter().filter_map(Value::as_str).find(|row| row.contains(id));
    for (id, is_made) in [(&anna, false), (&bert, false), (&carl, true), (&team, true)] {
        let row = row(id).unwrap_or_else(|| panic!("{id}: {rows}"));
        let says =
            [row.contains("badge bad\">would be deleted (came in the range)"), row.contains("would be put back")];
        assert_eq!(says, [is_made, !is_made], "{row}");
    }
    assert_eq!(client.get(&path).await.expect(200).json["title"], "Nobody", "it was only looked at");
    browser.click("button", "Put it back");
    browser.sees("Put back: 4 users and groups, 2 of them by deletion.");
    assert_eq!(client.get(&path).await.expect(200).json["title"], "Engineer");
    client.get(&format!("/Users/{bert}")).await.expect(200);
    client.get(&format!("/Users/{carl}")).await.expect(404);
    assert_eq!(browser.faults(), Vec::<String>::new());

    let visitor = Visitor::root(&server).await;
    for (since, why) in [("", "Say after which event"), ("soon", "is not the number of an event")] {
        let refused = visitor.done(&format!("{HERE}/undo-preview"), &[("since", since)]).await.text;
        assert!(refused.contains("notice bad") && refused.contains(why), "{refused}");
    }
    let none = visitor.post(&format!("{HERE}/undo-preview"), &[("since", &newest(&server).to_string())]).await;
    assert!(none.text.contains("nothing to put back") || none.text.contains("notice bad"), "{}", none.text);
}

/// Nobody has looked at what happens after the preview: it is not put back. What that makes impossible is told, with why.
#[tokio::test]
async fn what_happened_after_the_preview_is_not_put_back() {
    let server = with_console();
    let client = server.client();
    let [anna, bert, carl] = [client.user("anna").await, client.user("bert").await, client.user("carl").await];
    let since = newest(&server).to_string();
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let entitle = async |title: &str| {
        let title = json!([{"op": "replace", "path": "title", "value": title}]);
        client.patch(&format!("/Users/{carl}"), &title).await.expect(200);
    };
    entitle("Nobody").await;
    let (visitor, undo) = (Visitor::root(&server).await, format!("{HERE}/undo"));
    let preview = visitor.post(&format!("{undo}-preview"), &[("since", &since)]).await.expect(200).text;
    assert!(preview.contains(">anna</a>") && preview.contains(&anna) && !preview.contains(&bert), "{preview}");
    client.delete(&format!("/Users/{bert}")).await.expect(204);
    entitle("Somebody").await;

    let refused = visitor.done(&undo, &[("since", &since)]).await.text;
    assert!(refused.contains("notice bad") && refused.contains("Look first"), "{refused}");
    let [since, until] = ["since", "until"].map(|name| hidden(&preview, &undo, name));
    let done = visitor.post(&undo, &[("since", &since), ("until", &until)]).await.expect(200).text;
    for told in ["Put back: 1 user or group. Not possible: 1 change.", ">carl</a>", ">title<", "has changed it since"] {
        assert!(done.contains(told), "{told}: {done}");
    }
    assert!(!done.contains(">anna</a>"), "only what was not possible: {done}");
    client.get(&format!("/Users/{anna}")).await.expect(200);
    client.get(&format!("/Users/{bert}")).await.expect(404);
}

/// The brake puts back all that was lost, or lets all of it go on: if that is more than was shown, it is shown first.
#[tokio::test]
async fn a_brake_is_decided_on_by_what_was_shown_or_it_is_shown_anew() {
    let args = vec!["--console".to_owned()];
    let server = TestServer::with(Options { args, ..Options::settings(json!({"brake": {"users": 2}})) });
    let client = server.client();
    let mut users = Vec::new();
    for name in ["anna", "bert", "carl", "dora", "erik"] {
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

    let (approve, seen) = (format!("{HERE}/approve"), visitor.get(HERE).await.expect(200).text);
    off(&users[3].1).await;
    // Somebody new has the name of somebody who is gone, who cannot come back.
    client.delete(&format!("/Users/{}", users[4].1)).await.expect(204);
    client.user("erik").await;
    for was in [hidden(&seen, &approve, "was"), String::new()] {
        let anew = visitor.post(&approve, &[("was", &was)]).await.expect(409).text;
        assert!(anew.contains("nothing was approved") && anew.contains("badge bad\">tripped"), "{anew}");
    }
    let anew = visitor.post(&undo, &[("was", &hidden(&preview, &undo, "was"))]).await.expect(409).text;
    assert!(anew.contains("nothing was put back") && anew.contains(">dora</a>"), "{anew}");
    assert_eq!(client.get(&format!("/Users/{}", users[0].1)).await.json["active"], false);

    let done = visitor.post(&undo, &[("was", &hidden(&anew, &undo, "was"))]).await.expect(200).text;
    for told in ["Put back: 4 users and groups. Not possible: 1 change.", ">erik</a>", "The brake stays tripped."] {
        assert!(done.contains(told), "{told}: {done}");
    }
    assert_ne!(client.get(&format!("/Users/{}", users[0].1)).await.json["active"], false);
    let was = hidden(&visitor.get(HERE).await.expect(200).text, &approve, "was");
    let done = visitor.done(&approve, &[("was", &was)]).await.text;
    assert!(done.contains("Everything goes on"), "{done}");
    // There is nothing to decide on any more: the page of the brake says why.
    let late = visitor.post(&undo, &[("was", &was)]).await.expect(409).text;
    assert!(late.contains("has not tripped") && late.contains("badge warn\">approved"), "{late}");
}
