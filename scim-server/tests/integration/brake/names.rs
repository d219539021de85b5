//! Who gets which name when a burst is put back in which somebody was renamed.

use serde_json::{Value, json};

use super::people;
use crate::server::{Client, Options, TestServer};

/// What the command does, which its dry run has said before.
#[track_caller]
fn undone(server: &TestServer) -> Value {
    let run = |last: &[&str]| -> Value {
        let outcome = server.run(&[&["brake", "undo", "--tenant", "test", "--json"], last].concat());
        serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
    };
    let (dry, done) = (run(&["--dry-run"]), run(&[]));
    assert_eq!((&dry["undone"], &dry["refused"]), (&done["undone"], &done["refused"]));
    done
}

async fn delete(client: &Client, kind: &str, id: &str) {
    client.delete(&format!("/{kind}/{id}")).await.expect(204);
}

async fn rename(client: &Client, id: &str, name: &str) {
    let rename = json!([{"op": "replace", "path": "userName", "value": name}]);
    client.patch(&format!("/Users/{id}"), &rename).await.expect(200);
}

async fn name(client: &Client, id: &str) -> Value {
    client.get(&format!("/Users/{id}")).await.json["userName"].clone()
}

fn with(values: bool) -> TestServer {
    let settings = json!({"brake": {"users": 1, "window": "1h"}, "restore_by": "none", "event_values": values});
    TestServer::with(Options::settings(settings))
}

#[tokio::test]
async fn who_took_the_name_of_somebody_deleted_returns_under_the_own_one() {
    let server = with(true);
    let client = server.client();
    let users = people(&client, 2).await;
    delete(&client, "Users", &users[0]).await;
    rename(&client, &users[1], "user0").await;
    delete(&client, "Users", &users[1]).await;
    assert_eq!(undone(&server)["refused"], json!([]));
    assert_eq!((name(&client, &users[0]).await, name(&client, &users[1]).await), (json!("user0"), json!("user1")));
}

#[tokio::test]
async fn who_has_the_name_of_somebody_deleted_gives_it_back() {
    let server = with(true);
    let client = server.client();
    let users = people(&client, 4).await;
    super::deactivate(&client, &users[1]).await.expect(200);
    delete(&client, "Users", &users[0]).await;
    rename(&client, &users[1], "user0").await;
    // In a row, and one whose new name nobody else is to have.
    rename(&client, &users[2], "user1").await;
    rename(&client, &users[3], "other").await;
    let done = undone(&server);
    assert_eq!(done["refused"], json!([]), "{done}");
    for (id, expect) in users.iter().zip(["user0", "user1", "user2", "other"]) {
        assert_eq!(name(&client, id).await, expect);
    }
}

/// Two are to return under one name: who was there before under it does, at each run. Where events hold values, the other
/// returns under the name of before.
#[tokio::test]
async fn of_two_deleted_who_had_the_name_before_gets_it() {
    for (values, times) in [(false, 4), (true, 2)] {
        for _ in 0..times {
            let server = with(values);
            let client = server.client();
            let users = people(&client, 5).await;
            let of = |some: &[usize]| some.iter().map(|one| users[*one].clone()).collect::<Vec<_>>();
            let groups = [("g0", of(&[0, 2, 4])), ("g1", of(&[0, 1, 3])), ("g2", of(&[2, 3, 4]))];
            let mut ids = Vec::new();
            for (name, members) in &groups {
                ids.push(client.group(name, members).await);
            }
            delete(&client, "Groups", &ids[0]).await;
            delete(&client, "Users", &users[4]).await;
            let title = json!([{"op": "add", "path": "title", "value": "x"}]);
            client.patch(&format!("/Users/{}", users[2]), &title).await.expect(200);
            delete(&client, "Users", &users[0]).await;
            rename(&client, &users[2], "user0").await;
            super::deactivate(&client, &users[2]).await.expect(200);
            delete(&client, "Users", &users[2]).await;
            delete(&client, "Groups", &ids[1]).await;
            delete(&client, "Groups", &ids[2]).await;
            let done = undone(&server);
            assert_eq!(name(&client, &users[0]).await, "user0", "{done}");
            let refused = done["refused"].as_array().expect("a list").iter().filter(|one| one["type"] == "User");
            let refused: Vec<_> = refused.map(|one| &one["id"]).collect();
            if values {
                assert_eq!((refused, name(&client, &users[2]).await), (Vec::new(), json!("user2")), "{done}");
            } else {
                assert!(!refused.is_empty() && refused.iter().all(|id| **id == users[2]), "{done}");
            }
        }
    }
}

/// Somebody new has come under the name of somebody deleted, and exchanged it for another's: the new one has no name of
/// before, and the dry run says so as well.
#[tokio::test]
async fn who_came_under_the_name_of_somebody_deleted_keeps_the_new_one() {
    let server = with(true);
    let client = server.client();
    let users = people(&client, 3).await;
    delete(&client, "Users", &users[0]).await;
    let new = client.user("user0").await;
    rename(&client, &new, "other").await;
    rename(&client, &users[1], "user0").await;
    rename(&client, &new, "user1").await;
    super::deactivate(&client, &users[2]).await.expect(200);
    let done = undone(&server);
    let refused = done["refused"].as_array().expect("a list");
    let reason = |id: &str| refused.iter().find(|one| one["id"] == id).map(|one| one["reason"].to_string());
    assert_eq!((refused.len(), &done["brake"]), (2, &json!("tripped")), "{done}");
    assert!(reason(&users[0]).is_some_and(|reason| reason.contains(&users[1])), "{done}");
    assert!(reason(&users[1]).is_some_and(|reason| reason.contains(&new)), "{done}");
    assert_eq!((name(&client, &users[1]).await, name(&client, &new).await), (json!("user0"), json!("user1")));
    // Once that one is renamed, everybody has the name of before.
    rename(&client, &new, "new").await;
    assert_eq!(undone(&server)["refused"], json!([]));
    assert_eq!((name(&client, &users[0]).await, name(&client, &users[1]).await), (json!("user0"), json!("user1")));
}

/// Whichever token has given the name away.
#[tokio::test]
async fn a_name_that_another_token_gave_away_goes_back() {
    let server = with(true);
    let client = server.client();
    let users = people(&client, 3).await;
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", "second", "--json"]);
    let other = client.with_token(made["token"].as_str().expect("a token"));
    delete(&client, "Users", &users[0]).await;
    delete(&client, "Users", &users[1]).await;
    rename(&other, &users[2], "user0").await;
    assert_eq!(undone(&server)["refused"], json!([]));
    for (id, expect) in users.iter().zip(["user0", "user1", "user2"]) {
        assert_eq!(name(&client, id).await, expect);
    }
}
