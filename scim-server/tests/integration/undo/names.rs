//! Names that users and groups had before an undo return to them wherever nobody else has them.

use serde_json::{Value, json};

use super::{
    ids, newest, people,
    preview::{as_rehearsed, changes},
    second, undo,
};
use crate::server::{Client, Options, TestServer};

/// Two kinds whose names are unique.
const KINDS: [(&str, &str); 2] = [("Users", "userName"), ("Groups", "displayName")];

async fn made(client: &Client, kind: &str, name: &str) -> String {
    if kind == "Users" { client.user(name).await } else { client.group(name, &[]).await }
}

async fn rename(client: &Client, (kind, attribute): (&str, &str), id: &str, name: &str) {
    let operations = json!([{"op": "replace", "path": attribute, "value": name}]);
    client.patch(&format!("/{kind}/{id}"), &operations).await.expect(200);
}

async fn name(client: &Client, (kind, attribute): (&str, &str), id: &str) -> Value {
    client.get(&format!("/{kind}/{id}")).await.expect(200).json[attribute].clone()
}

async fn delete(client: &Client, kind: &str, id: &str) {
    client.delete(&format!("/{kind}/{id}")).await.expect(204);
}

/// Whoever is deleted under another name returns under that of before, and is not in the way of who has the other one.
#[tokio::test]
async fn who_was_renamed_and_deleted_returns_under_the_name_of_before() {
    let server = TestServer::start();
    let client = server.client();
    for of in KINDS {
        let (anna, bert) = (made(&client, of.0, "anna").await, made(&client, of.0, "bert").await);
        let since = newest(&server);
        rename(&client, of, &bert, "meanwhile").await;
        rename(&client, of, &anna, "bert").await;
        delete(&client, of.0, &anna).await;
        rename(&client, of, &bert, "bert").await;
        let done = as_rehearsed(&server, &["--since", &since]);
        assert_eq!((changes(&done, &anna), &done["refused"]), (json!(["restored", of.1]), &json!([])), "{done}");
        assert_eq!((name(&client, of, &anna).await, name(&client, of, &bert).await), (json!("anna"), json!("bert")));
        assert_eq!(undo(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
    }
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// Who has to wait for whom differs from run to run; what is told does not.
#[tokio::test]
async fn a_long_row_of_names_is_told_in_one_order() {
    let server = TestServer::start();
    let client = server.client();
    let all = people(&client, 100).await;
    let since = newest(&server);
    // Each has the name of the one behind, so that nobody can be the first but the last.
    for (place, id) in all.iter().enumerate().rev() {
        rename(&client, KINDS[0], id, &format!("user{}", place + 1)).await;
    }
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!((done["undone"].as_array().map(Vec::len), &done["refused"]), (Some(100), &json!([])), "{done}");
}

/// Names go from one to the next, and one of them is deleted.
#[tokio::test]
async fn a_row_of_names_goes_back_although_one_is_deleted() {
    let server = TestServer::start();
    let client = server.client();
    for of in KINDS {
        let names = ["anna", "bert", "carl", "dora"];
        let mut all = Vec::new();
        for name in names {
            all.push(made(&client, of.0, name).await);
        }
        let since = newest(&server);
        rename(&client, of, &all[3], "meanwhile").await;
        rename(&client, of, &all[2], "dora").await;
        delete(&client, of.0, &all[2]).await;
        rename(&client, of, &all[1], "carl").await;
        rename(&client, of, &all[0], "bert").await;
        rename(&client, of, &all[3], "anna").await;
        let done = as_rehearsed(&server, &["--since", &since]);
        assert_eq!((done["undone"].as_array().map(Vec::len), &done["refused"]), (Some(4), &json!([])), "{done}");
        for (id, expect) in all.iter().zip(names) {
            assert_eq!(name(&client, of, id).await, expect);
        }
    }
}

/// If somebody else has the name of before, the last one is better than none.
#[tokio::test]
async fn who_cannot_have_the_name_of_before_returns_under_the_last_one() {
    let server = TestServer::start();
    let client = server.client();
    for of in KINDS {
        let anna = made(&client, of.0, "anna").await;
        let since = newest(&server);
        rename(&client, of, &anna, "bert").await;
        let external = json!([{"op": "add", "path": "externalId", "value": "e-1"}]);
        client.patch(&format!("/{}/{anna}", of.0), &external).await.expect(200);
        delete(&client, of.0, &anna).await;
        let until = newest(&server);
        let other = made(&client, of.0, "anna").await;
        let done = as_rehearsed(&server, &["--since", &since, "--until", &until]);
        assert_eq!(changes(&done, &anna), json!(["restored", "externalId"]));
        let refused = &done["refused"][0];
        assert_eq!((&refused["change"], done["refused"].as_array().map(Vec::len)), (&json!(of.1), Some(1)), "{done}");
        assert!(refused["reason"].as_str().is_some_and(|reason| reason.contains(&other)), "{done}");
        assert_eq!(name(&client, of, &anna).await, "bert");
    }
}

/// The dry run knows who would have the name, as the run does.
#[tokio::test]
async fn a_dry_run_names_who_has_the_name() {
    let server = TestServer::start();
    let client = server.client();
    let (other, _) = second(&server);
    let first = client.group("Staff", &[]).await;
    let since = newest(&server);
    delete(&other, "Groups", &first).await;
    let next = client.group("Staff", &[]).await;
    delete(&other, "Groups", &next).await;
    let done = as_rehearsed(&server, &["--since", &since, "--actor", "second"]);
    assert_eq!((ids(&done["undone"]), ids(&done["refused"])), (vec![first.clone()], vec![next]));
    let reason = done["refused"][0]["reason"].as_str().expect("a text");
    assert!(reason.contains(&format!("the Group {first}")), "{reason}");
}

/// Who waits for somebody who cannot return gets its turn all the same.
#[tokio::test]
async fn nobody_waits_in_vain() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    let (one, two) = (client.group("One", &[]).await, client.group("Two", std::slice::from_ref(&anna)).await);
    let since = newest(&server);
    client.patch(&format!("/Groups/{two}"), &json!([{"op": "remove", "path": "members"}])).await.expect(200);
    delete(&client, "Users", &anna).await;
    delete(&client, "Groups", &one).await;
    rename(&client, KINDS[1], &two, "One").await;
    let until = newest(&server);
    client.user("anna").await;
    let done = as_rehearsed(&server, &["--since", &since, "--until", &until]);
    assert_eq!((changes(&done, &one), changes(&done, &two)), (json!(["restored"]), json!(["displayName"])), "{done}");
    let refused: Vec<_> = done["refused"].as_array().expect("a list").iter().map(|one| one["change"].clone()).collect();
    assert_eq!((refused.len(), refused.contains(&json!("restored"))), (2, true), "{done}");
    for (id, expect) in [(&one, "One"), (&two, "Two")] {
        assert_eq!(name(&client, KINDS[1], id).await, expect);
    }
}

/// A group that lost its only member, a group, and has got the name of that one, which was deleted. Gives the number before
/// all that, and the ids of the member and of the group.
async fn named_like_its_member(server: &TestServer) -> (String, String, String) {
    let client = server.client();
    let inner = client.group("Inner", &[]).await;
    let outer = client.group("Outer", std::slice::from_ref(&inner)).await;
    let since = newest(server);
    client.patch(&format!("/Groups/{outer}"), &json!([{"op": "remove", "path": "members"}])).await.expect(200);
    delete(&client, "Groups", &inner).await;
    rename(&client, KINDS[1], &outer, "Inner").await;
    (since, inner, outer)
}

/// Who has the name of a deleted group waits for that group, which was a member: neither waits in vain.
#[tokio::test]
async fn a_group_returns_whose_name_has_the_group_that_it_was_in() {
    let server = TestServer::start();
    let client = server.client();
    let (since, inner, outer) = named_like_its_member(&server).await;
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!(done["refused"], json!([]), "{done}");
    assert_eq!(changes(&done, &inner), json!(["restored"]));
    for (id, expect) in [(&inner, "Inner"), (&outer, "Outer")] {
        assert_eq!(name(&client, KINDS[1], id).await, expect);
    }
    assert_eq!(client.members(&outer).await, [inner]);
    assert_eq!(undo(&server, &["--since", &since]), json!({"undone": [], "refused": []}));
}

/// Who gives its name to nobody keeps it, whoever waits.
#[tokio::test]
async fn nobody_steps_aside_for_a_name_of_before_that_is_taken() {
    let server = TestServer::start();
    let client = server.client();
    let (since, _, outer) = named_like_its_member(&server).await;
    let until = newest(&server);
    client.group("Outer", &[]).await;
    let done = as_rehearsed(&server, &["--since", &since, "--until", &until]);
    assert_eq!(done["undone"], json!([]), "{done}");
    assert_eq!(name(&client, KINDS[1], &outer).await, "Inner");
}

/// Who joined a group before the deletion returns to it, and has to leave it, also if the return waits for a name.
#[tokio::test]
async fn who_waits_for_a_name_is_in_the_groups_of_before() {
    let server = TestServer::start();
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let group = client.group("Staff", &[]).await;
    let since = newest(&server);
    let join = json!([{"op": "add", "path": "members", "value": [{"value": anna}]}]);
    client.patch(&format!("/Groups/{group}"), &join).await.expect(200);
    delete(&client, "Users", &anna).await;
    rename(&client, KINDS[0], &bert, "anna").await;
    assert_eq!(as_rehearsed(&server, &["--since", &since])["refused"], json!([]));
    assert!(client.members(&group).await.is_empty());
    for (id, expect) in [(&anna, "anna"), (&bert, "bert")] {
        assert_eq!(name(&client, KINDS[0], id).await, expect);
    }
}

/// The event of the return has the values of before: nobody is told of a state that there never was.
#[tokio::test]
async fn who_returns_is_told_once_with_the_values_of_before() {
    let server = TestServer::with(Options::settings(json!({"brake": {"users": 1}})));
    let client = server.client();
    let users = people(&client, 2).await;
    for id in &users {
        client.patch(&format!("/Users/{id}"), &json!([{"op": "replace", "path": "active", "value": false}])).await;
        delete(&client, "Users", id).await;
    }
    let since = newest(&server);
    let done = server.run_json(&["brake", "undo", "--tenant", "test", "--json"]);
    assert_eq!(changes(&done, &users[0]), json!(["restored", "active"]));
    let all = server.run(&["events", "--tenant", "test", "--since", &since, "--types", "user.*", "--json"]).stdout;
    let all = String::from_utf8(all).expect("text");
    let told: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(told.len(), 2, "{all}");
    for event in told {
        assert_eq!((&event["restored"], &event["document"]["active"]), (&json!(true), &json!(true)), "{event}");
    }
}
