//! The server is killed in the middle of what puts many back. The same command, given again, completes it: everything
//! is then as before the burst.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::{BULK, deactivate_all, model::State, newest, people};
use crate::server::{Client, Options, TestServer, program};

/// How many users the burst takes.
const USERS: usize = 400;

/// In how many moments the server is killed.
const ROUNDS: usize = 4;

/// A server with many users in two groups.
async fn populated(settings: Value) -> (TestServer, Client, Vec<String>) {
    let server = TestServer::with(Options::settings(settings));
    let client = server.client();
    let users = people(&client, USERS).await;
    client.group("All", &users).await;
    client.group("Some", &users[..USERS / 2]).await;
    (server, client, users)
}

async fn delete_all(client: &Client, users: &[String]) -> String {
    let one = |id: &String| json!({"method": "DELETE", "path": format!("/Users/{id}")});
    let operations: Vec<_> = users.iter().map(one).collect();
    let answer = client.post("/Bulk", &json!({"schemas": [BULK], "Operations": operations})).await.expect(200);
    answer.header("x-request-id").to_owned()
}

/// How many are there and active.
async fn active(client: &Client) -> usize {
    let found = client.get("/Users?count=1&filter=active%20eq%20true").await.expect(200).json;
    found["totalResults"].as_u64().and_then(|number| usize::try_from(number).ok()).expect("a number")
}

fn started(server: &TestServer, args: &[&str]) -> std::process::Child {
    let mut command: Command = program(server.data());
    command.args(args).args(["--tenant", "test", "--json", "--data"]).arg(server.data());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts")
}

/// Kills the server in the middle of a command that brings users back, and gives the command again. Gives what that
/// says, and whether some had come back before the kill, and not all.
async fn killed(server: &mut TestServer, args: &[&str], part: usize) -> (Output, bool) {
    let client = server.client();
    let before = active(&client).await;
    let mut command = started(server, args);
    while active(&client).await <= before + part && command.try_wait().expect("its state").is_none() {}
    server.kill();
    command.wait_with_output().expect("the command ends");
    server.launch();
    let came_back = active(&server.client()).await;
    let again = server.run(&[args, &["--tenant", "test", "--json"]].concat());
    (again, came_back > before && came_back < USERS)
}

#[tokio::test]
async fn an_undo_is_completed_by_the_same_command() {
    let (mut server, client, users) = populated(json!({})).await;
    let before = State::read(&client).await;
    for round in 0..ROUNDS {
        let client = server.client();
        let since = newest(&server);
        deactivate_all(&client, &users[..USERS / 2]).await;
        delete_all(&client, &users[USERS / 2..]).await;
        let (done, _) = killed(&mut server, &["undo", "--since", &since], round * USERS / 8).await;
        assert!(done.status.success(), "{done:?}");
        assert_eq!(State::read(&server.client()).await, before, "round {round}");
    }
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[tokio::test]
async fn an_undo_of_the_brake_is_completed_by_the_same_command() {
    let (mut server, client, users) = populated(json!({"brake": {"users": 10, "window": "30d"}})).await;
    let before = State::read(&client).await;
    for round in 0..ROUNDS {
        let client = server.client();
        deactivate_all(&client, &users[..USERS / 2]).await;
        delete_all(&client, &users[USERS / 2..]).await;
        let (done, middle) = killed(&mut server, &["brake", "undo"], round * USERS / 8).await;
        // It may have been done when the kill came.
        assert!(done.status.success() || !middle, "{done:?}");
        assert_eq!(State::read(&server.client()).await, before, "round {round}");
        let stands = server.run_json(&["brake", "show", "--tenant", "test", "--json"]);
        assert_ne!(stands["state"], "tripped", "{stands}");
    }
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[tokio::test]
async fn a_restore_of_many_is_completed_by_the_same_command() {
    let (mut server, client, users) = populated(json!({})).await;
    let before = State::read(&client).await;
    for round in 0..ROUNDS {
        let request = delete_all(&server.client(), &users).await;
        let (done, middle) = killed(&mut server, &["user", "restore", "--request", &request], round * USERS / 4).await;
        assert!(done.status.success() || !middle, "{done:?}");
        assert_eq!(State::read(&server.client()).await, before, "round {round}");
    }
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}
