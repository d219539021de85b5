//! The server is killed in the middle of a burst, of what puts it back, and of what ends it. The same command, given
//! again, completes it: everything is then as before the burst.

use std::{
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{BULK, deactivate_all, model::State, newest, people};
use crate::server::{Client, Options, PATIENCE, TestServer, program};

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

/// The burst itself is cut off: what is gone is gone whole, and comes back.
#[tokio::test]
async fn a_burst_of_deletions_that_is_cut_off_is_put_back() {
    let (mut server, client, users) = populated(json!({"brake": {"users": 100, "window": "30d"}})).await;
    let before = State::read(&client).await;
    for round in 0..ROUNDS {
        let (client, since) = (server.client(), newest(&server));
        let one = |id: &String| json!({"method": "DELETE", "path": format!("/Users/{id}")});
        let operations: Vec<_> = users.iter().map(one).collect();
        let body = json!({"schemas": [BULK], "Operations": operations}).to_string();
        let bulk = server.client();
        let burst = tokio::spawn(async move {
            let authorization = bulk.authorization();
            let headers = [("authorization", authorization.as_str()), ("content-type", "application/scim+json")];
            // Nobody answers.
            drop(bulk.try_send("POST", "/Bulk", &headers, Some(body)).await);
        });
        let left = USERS - 1 - round * USERS / 8;
        while active(&client).await > left && !burst.is_finished() {}
        server.kill();
        burst.await.expect("the burst ends");
        server.launch();
        assert_eq!(server.run_json(&["check", "--json"]), json!([]));
        let is_tripped = server.run_json(&["brake", "show", "--tenant", "test", "--json"])["state"] == "tripped";
        let undo = if is_tripped { vec!["brake", "undo"] } else { vec!["undo", "--since", &since] };
        let done = server.run(&[&undo[..], &["--tenant", "test", "--json"]].concat());
        assert!(done.status.success(), "{done:?}");
        assert_eq!(State::read(&server.client()).await, before, "round {round}");
    }
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// Once it is approved everything goes out, and nothing twice.
#[tokio::test]
async fn an_approval_is_whole_or_was_not() {
    let mut server = TestServer::start();
    let users = people(&server.client(), 3 * ROUNDS).await;
    let file = server.scratch("brake.json");
    for (round, gone) in users.chunks(3).enumerate() {
        // A brake that was changed counts anew.
        std::fs::write(&file, json!({"brake": {"users": 1, "window": format!("{}d", round + 1)}}).to_string())
            .expect("the settings");
        server.run_json(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"]);
        delete_all(&server.client(), gone).await;
        let show = |server: &TestServer| server.run_json(&["brake", "show", "--tenant", "test", "--json"]);
        assert_eq!(show(&server)["state"], "tripped", "round {round}");
        let mut command = started(&server, &["brake", "approve"]);
        std::thread::sleep(Duration::from_millis(20 * round as u64));
        server.kill();
        drop(command.wait());
        server.launch();
        let stands = show(&server);
        let again = server.run(&["brake", "approve", "--tenant", "test", "--json"]);
        assert_eq!(again.status.success(), stands["state"] == "tripped", "{stands} {again:?}");
        let stands = show(&server);
        assert_eq!((&stands["state"], &stands["held_events"]), (&json!("approved"), &json!(0)), "{stands}");
    }
    let told = told(&server, "brake.approved");
    assert_eq!(told.len(), ROUNDS, "{told:?}");
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// The targets of the events of a type.
fn told(server: &TestServer, name: &str) -> Vec<String> {
    let told = server.run(&["events", "--tenant", "test", "--types", name, "--json"]).stdout;
    let told = String::from_utf8(told).expect("text");
    told.lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("an event")["resource"]["id"].to_string())
        .collect()
}

/// Whoever is purged is purged once and whole, however often the purge begins anew.
#[tokio::test]
async fn a_purge_that_is_killed_goes_on() {
    let (mut server, client, users) = populated(json!({})).await;
    delete_all(&client, &users).await;
    let file = server.scratch("window.json");
    std::fs::write(&file, json!({"restore_window": "1ms"}).to_string()).expect("the settings");
    server.run_json(&["tenant", "set", "test", "--settings", &file.to_string_lossy(), "--json"]);
    // It begins with the start of a server.
    for most in [USERS / 3, USERS] {
        server.kill();
        server.launch();
        let end = Instant::now() + PATIENCE;
        while told(&server, "user.purged").len() < most {
            assert!(Instant::now() < end, "nothing is purged: {}", server.log());
        }
    }
    let mut purged = told(&server, "user.purged");
    purged.sort();
    purged.dedup();
    assert_eq!((purged.len(), told(&server, "user.purged").len()), (USERS, USERS));
    let gone = server.run(&["user", "restore", "--tenant", "test", &users[USERS - 1]]);
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}
