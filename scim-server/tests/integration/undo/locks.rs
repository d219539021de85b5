//! An administrator's lock on a user, and what is put back around it.

use serde_json::{Value, json};

use super::{
    deactivate, newest, people,
    preview::{as_rehearsed, changes},
    shown,
};
use crate::server::{Client, Options, TestServer, USER};

fn by_hand(server: &TestServer, args: &[&str]) -> Value {
    server.run_json(&[args, &["--tenant", "test", "--json"]].concat())
}

fn locked(server: &TestServer) -> Vec<String> {
    let listed = by_hand(server, &["user", "list", "--disabled"]);
    let ids = listed.as_array().expect("a list").iter().map(|one| one["id"].as_str().expect("an id").to_owned());
    ids.collect()
}

fn set_tenant(server: &TestServer, settings: &Value) {
    let file = server.scratch("set.json");
    std::fs::write(&file, settings.to_string()).expect("the settings");
    server.run_json(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"]);
}

/// The id of the provider's token.
fn token(server: &TestServer) -> String {
    by_hand(server, &["token", "list"])[0]["token_id"].as_str().expect("an id").to_owned()
}

async fn set(client: &Client, id: &str, path: &str, value: Value) {
    let operations = json!([{"op": "replace", "path": path, "value": value}]);
    client.patch(&format!("/Users/{id}"), &operations).await.expect(200);
}

/// The provider lets nobody in whom the undo of an `enable` keeps out.
#[tokio::test]
async fn a_lock_that_was_ended_is_set_again() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    by_hand(&server, &["user", "disable", "anna"]);
    let since = newest(&server);
    by_hand(&server, &["user", "enable", "anna"]);
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!((changes(&done, &anna), &done["refused"]), (json!(["active"]), &json!([])));
    assert_eq!(locked(&server), std::slice::from_ref(&anna));
    set(&client, &anna, "active", json!(true)).await;
    assert_eq!(shown(&client, "Users", &anna).await["active"], false);
    assert_eq!(as_rehearsed(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
}

/// Names were exchanged with one who is locked out and was then deleted.
#[tokio::test]
async fn who_gets_the_own_name_back_is_not_locked() {
    for by_token in [false, true] {
        let server = TestServer::start();
        let client = server.client();
        let users = people(&client, 2).await;
        by_hand(&server, &["user", "disable", "user0"]);
        let since = newest(&server);
        for (id, name) in [(&users[1], "x"), (&users[0], "user1"), (&users[1], "user0")] {
            set(&client, id, "userName", json!(name)).await;
        }
        client.delete(&format!("/Users/{}", users[0])).await.expect(204);
        let token = token(&server);
        let actor = ["--since", &since, "--actor", &token];
        let done = as_rehearsed(&server, if by_token { &actor } else { &actor[..2] });
        assert_eq!(done["refused"], json!([]), "{done}");
        let (one, other) = (shown(&client, "Users", &users[0]).await, shown(&client, "Users", &users[1]).await);
        assert_eq!((&one["userName"], &other["userName"]), (&json!("user0"), &json!("user1")));
        assert_ne!(other["active"], false);
        assert_eq!(locked(&server), [users[0].clone()]);
    }
}

/// The name brought the lock, and takes it along.
#[tokio::test]
async fn a_lock_that_came_with_a_name_goes_with_it() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 2).await;
    by_hand(&server, &["user", "disable", "user0"]);
    let since = newest(&server);
    client.delete(&format!("/Users/{}", users[0])).await.expect(204);
    set(&client, &users[1], "userName", json!("user0")).await;
    assert_eq!(locked(&server), [users[1].clone()]);
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!((&done["refused"], changes(&done, &users[0])), (&json!([]), json!(["restored"])), "{done}");
    assert_ne!(shown(&client, "Users", &users[1]).await["active"], false);
    assert_eq!(locked(&server), [users[0].clone()]);
}

/// The provider's word of before a lock is put back, and nobody is told that it was refused.
#[tokio::test]
async fn what_the_provider_said_before_a_lock_is_put_back() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    let since = newest(&server);
    deactivate(&client, &anna).await;
    let until = newest(&server);
    by_hand(&server, &["user", "disable", "anna"]);
    let done = as_rehearsed(&server, &["--since", &since, "--until", &until]);
    assert_eq!((changes(&done, &anna), &done["refused"]), (json!(["active"]), &json!([])));
    assert_eq!(shown(&client, "Users", &anna).await["active"], false);
    by_hand(&server, &["user", "enable", "anna"]);
    assert_ne!(shown(&client, "Users", &anna).await["active"], false);
}

/// Whichever way the name has gone, before the undo or with it.
#[tokio::test]
async fn a_lock_by_name_goes_whoever_has_taken_the_name_back() {
    for way in ["deleted", "sent again", "renamed back"] {
        let server = TestServer::start();
        let client = server.client();
        let body = |name: &str| json!({"schemas": [USER], "userName": name, "externalId": "e-1", "active": true});
        let locked_out = client.user("user0").await;
        let anna = client.post("/Users", &body("user1")).await.expect(201).id();
        by_hand(&server, &["user", "disable", "user0"]);
        client.delete(&format!("/Users/{locked_out}")).await.expect(204);
        let since = newest(&server);
        set(&client, &anna, "userName", json!("user0")).await;
        assert_eq!(locked(&server), std::slice::from_ref(&anna));
        if way == "renamed back" {
            set(&client, &anna, "userName", json!("user1")).await;
        } else {
            client.delete(&format!("/Users/{anna}")).await.expect(204);
        }
        if way == "sent again" {
            assert_eq!(client.post("/Users", &body("user1")).await.expect(201).id(), anna);
        }
        let done = as_rehearsed(&server, &["--since", &since]);
        assert_eq!(done["refused"], json!([]), "{way}: {done}");
        let now = shown(&client, "Users", &anna).await;
        assert_eq!((&now["userName"], &now["active"]), (&json!("user1"), &json!(true)), "{way}");
        assert_eq!(locked(&server), [""; 0], "{way}");
    }
}

/// An administrator's word is more than that of a name, also where it says the same.
#[tokio::test]
async fn a_lock_by_hand_stays_where_a_name_brought_one_before() {
    let server = TestServer::start();
    let client = server.client();
    let users = people(&client, 2).await;
    by_hand(&server, &["user", "disable", "user0"]);
    client.delete(&format!("/Users/{}", users[0])).await.expect(204);
    let since = newest(&server);
    set(&client, &users[1], "userName", json!("user0")).await;
    by_hand(&server, &["user", "disable", &users[1]]);
    let token = token(&server);
    for actor in [&[][..], &["--actor", &token]] {
        let done = as_rehearsed(&server, &[&["--since", &since], actor].concat());
        assert_eq!(
            (done["refused"].as_array().map(Vec::len), &done["refused"][0]["change"]),
            (Some(1), &json!("active"))
        );
        assert_eq!(shown(&client, "Users", &users[1]).await["userName"], "user1");
        assert_eq!(locked(&server), [users[1].clone()]);
    }
}

/// Nothing is said to be as before while somebody who was locked out returns without the lock.
#[tokio::test]
async fn a_lock_that_cannot_be_set_again_is_refused() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    by_hand(&server, &["user", "disable", "anna"]);
    let since = newest(&server);
    by_hand(&server, &["user", "enable", "anna"]);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    let done = as_rehearsed(&server, &["--since", &since, "--actor", "admin"]);
    let refused = &done["refused"][0];
    assert_eq!((&done["undone"], &refused["id"], &refused["change"]), (&json!([]), &json!(anna), &json!("active")));
    assert!(refused["reason"].as_str().is_some_and(|reason| reason.contains("not there any more")), "{done}");
}

/// A POST that says nothing of `active` says that somebody is active.
#[tokio::test]
async fn what_a_post_leaves_out_is_put_back() {
    for (tells, locks) in [(true, true), (true, false), (false, true), (false, false)] {
        let server = TestServer::with(Options::settings(json!({"event_values": tells})));
        let client = server.client();
        let body = json!({"schemas": [USER], "userName": "anna", "externalId": "e-1"});
        let anna = client.post("/Users", &body).await.expect(201).id();
        deactivate(&client, &anna).await;
        if locks {
            by_hand(&server, &["user", "disable", "anna"]);
        }
        let since = newest(&server);
        client.delete(&format!("/Users/{anna}")).await.expect(204);
        assert_eq!(client.post("/Users", &body).await.expect(201).id(), anna);
        let done = as_rehearsed(&server, &["--since", &since]);
        assert_eq!(changes(&done, &anna), json!(["active"]), "{tells} {locks}: {done}");
        if locks {
            by_hand(&server, &["user", "enable", "anna"]);
        }
        assert_eq!(shown(&client, "Users", &anna).await["active"], false, "{tells} {locks}");
    }
}

/// Somebody who was deleted and locked out has returned, and is deleted again by the undo, or was before it.
#[tokio::test]
async fn who_goes_again_takes_the_lock_along() {
    let server = TestServer::start();
    let client = server.client();
    for (name, is_gone) in [("anna", false), ("bert", true)] {
        let body = |title: &str| json!({"schemas": [USER], "userName": name, "externalId": name, "active": true, "title": title});
        let id = client.post("/Users", &body("Engineer")).await.expect(201).id();
        by_hand(&server, &["user", "disable", name]);
        client.delete(&format!("/Users/{id}")).await.expect(204);
        let since = newest(&server);
        assert_eq!(client.post("/Users", &body("Lead")).await.expect(201).id(), id);
        by_hand(&server, &["user", "enable", name]);
        let mut expect = json!(["deleted", "title", "active"]);
        if is_gone {
            client.delete(&format!("/Users/{id}")).await.expect(204);
            expect = json!(["title", "active"]);
        }
        let done = as_rehearsed(&server, &["--since", &since]);
        assert_eq!((changes(&done, &id), &done["refused"]), (expect, &json!([])));
        assert_eq!(as_rehearsed(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
        assert_eq!(by_hand(&server, &["user", "restore", &id])["title"], "Engineer");
        assert!(locked(&server).contains(&id));
    }
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// Somebody new was locked out, and goes: what becomes of the lock is told.
#[tokio::test]
async fn a_lock_on_who_goes_is_told() {
    let server = TestServer::start();
    let client = server.client();
    client.user("before").await;
    for (window, refused, changed) in [("1d", 1, json!(["deleted"])), ("0", 0, json!(["deleted", "active"]))] {
        set_tenant(&server, &json!({"restore_window": window}));
        let since = newest(&server);
        let new = client.user("new").await;
        by_hand(&server, &["user", "disable", "new"]);
        let done = as_rehearsed(&server, &["--since", &since]);
        assert_eq!(
            (changes(&done, &new), done["refused"].as_array().map(Vec::len)),
            (changed, Some(refused)),
            "{done}"
        );
        let again = client.user("new").await;
        assert_eq!(locked(&server).contains(&again), refused == 1, "{done}");
        if refused == 1 {
            let one = &done["refused"][0];
            assert_eq!((&one["id"], &one["change"]), (&json!(new), &json!("active")));
            assert!(one["reason"].as_str().is_some_and(|reason| reason.contains("`user enable`")), "{done}");
            by_hand(&server, &["user", "enable", "new"]);
            by_hand(&server, &["user", "purge", &new]);
            client.delete(&format!("/Users/{again}")).await.expect(204);
        }
    }
}

/// A newcomer under a locked name is let in, and goes with the undo: the name stays locked.
#[tokio::test]
async fn a_name_stays_locked_when_somebody_new_goes_again() {
    for renamed in [false, true] {
        let server = TestServer::start();
        let client = server.client();
        let users = people(&client, 2).await;
        by_hand(&server, &["user", "disable", "user0"]);
        client.delete(&format!("/Users/{}", users[0])).await.expect(204);
        let since = newest(&server);
        let new = client.user("user0").await;
        if renamed {
            // The lock does not follow to a name that was another's.
            for (id, name) in [(&new, "x"), (&users[1], "user0"), (&new, "user1")] {
                set(&client, id, "userName", json!(name)).await;
            }
        } else {
            by_hand(&server, &["user", "enable", "user0"]);
        }
        let done = as_rehearsed(&server, &["--since", &since]);
        assert_eq!((changes(&done, &new), &done["refused"]), (json!(["deleted"]), &json!([])), "{done}");
        assert_eq!(shown(&client, "Users", &users[1]).await["userName"], "user1");
        assert_eq!(locked(&server), [""; 0]);
        let again = client.user("user0").await;
        assert_eq!(locked(&server), [again]);
    }
}

/// Who was enabled under the name of somebody locked out keeps it, also when an undo brings both to and fro.
#[tokio::test]
async fn who_was_enabled_is_so_after_an_undo_of_an_undo() {
    let server = TestServer::start();
    let client = server.client();
    let first = client.user("anna").await;
    by_hand(&server, &["user", "disable", "anna"]);
    let since = newest(&server);
    client.delete(&format!("/Users/{first}")).await.expect(204);
    let second = client.user("anna").await;
    by_hand(&server, &["user", "enable", "anna"]);
    let begin = newest(&server);
    assert_eq!(as_rehearsed(&server, &["--since", &since])["refused"], json!([]));
    assert_eq!(locked(&server), [first]);
    let done = as_rehearsed(&server, &["--since", &begin]);
    assert_eq!(done["refused"], json!([]), "{done}");
    assert!(shown(&client, "Users", &second).await["active"] != false);
    assert_eq!(locked(&server), [""; 0]);
}
