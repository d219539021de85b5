//! Names that steer a terminal, or turn the direction of writing: people see what they are, programs get them unchanged.

use serde_json::Value;

use super::{stderr, stdout};
use crate::server::TestServer;

const NAME: &str = "user\u{202e}nimda\u{1b}[2J\u{200f}";
const SHOWN: &str = "user\\u{202e}nimda\\u{1b}[2J\\u{200f}";

/// A control character, other than the end of a line, or a sign that says in which direction others are shown.
fn steers(c: char) -> bool {
    c.is_control() && c != '\n' || matches!(c, '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One name makes neither a table nor a line of events as wide as itself.
#[tokio::test]
async fn a_name_of_any_length_leaves_a_table_readable() {
    let server = TestServer::start();
    let client = server.client();
    let name = "L".repeat(10_000);
    client.user("anna").await;
    let user = client.user(&name).await;
    let widest = |arguments: &[&str]| {
        let shown = stdout(&server.run(&[arguments, &["--tenant", "test"]].concat()));
        assert!(shown.contains("LLL…"), "{arguments:?}");
        shown.lines().map(|line| line.chars().count()).max().unwrap_or_default()
    };
    assert!(widest(&["user", "list"]) < 300);
    assert!(widest(&["events"]) < 400);
    client.delete(&format!("/Users/{user}")).await.expect(204);
    assert!(widest(&["user", "deleted"]) < 400);
    assert!(stdout(&server.run(&["user", "deleted", "--tenant", "test", "--json"])).contains(&name));
}

#[tokio::test]
async fn a_name_is_shown_as_what_it_is() {
    let server = TestServer::start();
    let client = server.client();
    let other = client.user("other").await;
    let users = [client.user(NAME).await, client.user(&format!("{NAME}2")).await];
    let group = client.group(NAME, &users).await;
    let before = stdout(&server.run(&["events", "--tenant", "test", "--json"]));
    let since = before.lines().count().to_string();
    for user in &users {
        client.delete(&format!("/Users/{user}")).await.expect(204);
    }
    let shown = |arguments: &[&str]| {
        let output = server.run(&[arguments, &["--tenant", "test"]].concat());
        let said = stdout(&output) + &stderr(&output);
        assert!(!said.contains(steers), "{arguments:?}: {said:?}");
        said
    };
    for arguments in [
        &["user", "deleted"][..],
        &["group", "list"],
        &["events"],
        &["undo", "--since", "0", "--dry-run"],
        &["undo", "--since", &since],
        &["user", "list"],
    ] {
        let said = shown(arguments);
        assert!(said.contains(SHOWN), "{arguments:?}: {said}");
    }
    shown(&["brake", "show"]);
    shown(&["status"]);
    // An error names who has the name, and what was asked for.
    let said = shown(&["user", "rename", &other, NAME]);
    assert!(said.contains("scim-server: "), "{said}");
    // One JSON document is the same document also for people.
    let said = shown(&["group", "show", &group]);
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["displayName"], NAME);
    // Programs get it as it is.
    let output = server.run(&["user", "list", "--tenant", "test", "--json"]);
    assert!(stdout(&output).contains("user\u{202e}nimda\\u001b[2J\u{200f}"), "{output:?}");
}
