//! The feed of events: everything that was committed, once, in order, and nothing else.

mod administration;
mod consumers;
mod copy;
mod silence;
mod values;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use crate::server::{Client, Options, TestServer, USER};

/// A client of the feed, with a token of its own.
struct Feed {
    client: Client,
    url: String,
    /// The newest number when the test began: what administration had done by then.
    start: u64,
}

impl Feed {
    fn of(server: &TestServer) -> Self {
        let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
        assert_eq!(made["scopes"], json!(["events"]));
        let token = made["token"].as_str().expect("a token");
        let url = format!("{}/{}/events/v1", server.origin(), server.tenant());
        assert_eq!(made["endpoint"], url, "an application is told where the feed is");
        let log = String::from_utf8(server.run(&["events", "--tenant", "test", "--json"]).stdout).expect("UTF-8");
        Self { client: server.client().with_token(token), url, start: log.lines().count() as u64 }
    }

    /// The answer to a query, such as `after=3&limit=2`.
    async fn ask(&self, query: &str) -> Value {
        self.client.get(&format!("{}?{query}", self.url)).await.expect(200).json
    }

    /// Every event from the beginning.
    async fn all(&self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let page = self.ask(&format!("after={}&limit=7", self.start + events.len() as u64)).await;
            match page["events"].as_array().expect("events") {
                none if none.is_empty() => return events,
                some => events.extend(some.iter().cloned()),
            }
        }
    }
}

fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["sequence"].as_u64().expect("a number")).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

#[tokio::test]
async fn each_change_is_told_once_and_in_order() {
    let server = TestServer::start();
    let (client, feed) = (server.client(), Feed::of(&server));
    let start = feed.start;
    let none = feed.ask(&format!("after={start}")).await;
    let log = none["log"].as_str().expect("the log's name");
    assert_eq!(none, json!({"events": [], "next": start, "oldest": 1, "newest": start, "log": log}));

    let anna = client.user("anna").await;
    let group = client.group("Staff", std::slice::from_ref(&anna)).await;
    let path = format!("/Users/{anna}");
    client.patch(&path, &json!([{"op": "replace", "path": "title", "value": "Engineer"}])).await.expect(200);
    client.patch(&path, &json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
    // Nothing changes, so nothing is told.
    client.patch(&path, &json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
    client.patch(&path, &json!([{"op": "replace", "path": "active", "value": true}])).await.expect(200);
    let leave = json!([{"op": "remove", "path": format!("members[value eq \"{anna}\"]")}]);
    client.patch(&format!("/Groups/{group}"), &leave).await.expect(200);
    client.put(&path, &json!({"schemas": [USER], "userName": "anna.b"})).await.expect(200);
    client.delete(&path).await.expect(204);

    let events = feed.all().await;
    assert_eq!(numbers(&events), (start + 1..=start + 8).collect::<Vec<_>>());
    assert_eq!(
        types(&events),
        [
            "scim.user.created",
            "scim.group.created",
            "scim.user.updated",
            "scim.user.deactivated",
            "scim.user.reactivated",
            "scim.group.membership.changed",
            "scim.user.updated",
            "scim.user.deleted",
        ]
    );
    assert_eq!(events[2]["attributes"], json!(["title"]));
    assert_eq!(events[2]["resource"]["type"], "User");
    assert_eq!(events[2]["resource"]["id"], anna.as_str());
    assert!(events[2]["resource"]["version"].as_str().is_some_and(|version| version.starts_with("W/\"")), "{events:?}");
    assert!(events[7]["resource"].get("version").is_none());
    assert!(events[0]["time"].as_str().is_some_and(|time| time.ends_with('Z')));

    let page = feed.ask(&format!("after={}&limit=3", start + 2)).await;
    let expect = (vec![start + 3, start + 4, start + 5], &json!(start + 5));
    assert_eq!((numbers(page["events"].as_array().unwrap()), &page["next"]), expect);
    let page = feed.ask(&format!("after={}&types=group.*,scim.user.deleted", start + 1)).await;
    assert_eq!(numbers(page["events"].as_array().unwrap()), [start + 2, start + 6, start + 8]);
    assert_eq!((&page["next"], &page["newest"]), (&json!(start + 8), &json!(start + 8)));
    // What does not fit is passed over, so that the next question does not begin with it again.
    let page = feed.ask(&format!("after={}&types=user.created", start + 2)).await;
    assert_eq!((&page["events"], &page["next"]), (&json!([]), &json!(start + 8)));
    assert_eq!(feed.ask("limit=0").await["newest"], start + 8);
    assert_eq!(feed.ask(&format!("after={}&log={log}", start + 7)).await["next"], start + 8);
    // The numbers of another log are others.
    let other = feed.client.get(&format!("{}?after={start}&log=other", feed.url)).await;
    assert_eq!(other.status, 410, "{}", other.json);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_waits_holds_up_the_end() {
    let mut server = TestServer::start();
    let feed = Feed::of(&server);
    let (client, url) = (feed.client.clone(), format!("{}?after={}&wait=30", feed.url, feed.start));
    let waiting = tokio::spawn(async move { client.get(&url).await });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    // The server waits for requests in flight: this one ends at once, with an answer.
    let stopped = tokio::task::spawn_blocking(move || server.stop()).await.expect("the stop");
    assert!(stopped.success());
    let answer = waiting.await.expect("the waiter").expect(200).json;
    assert_eq!((&answer["events"], &answer["next"]), (&json!([]), &json!(feed.start)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_with_a_revoked_token_hears_nothing_more() {
    let server = TestServer::start();
    let made =
        server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--name", "crm", "--json"]);
    let client = server.client().with_token(made["token"].as_str().expect("a token"));
    let url = format!("{}/{}/events/v1?types=user.*&wait=30", server.origin(), server.tenant());
    let waiting = tokio::spawn(async move { client.get(&url).await });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    server.run_json(&["token", "delete", "--tenant", "test", "crm", "--json"]);
    assert_eq!(waiting.await.expect("the waiter").status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_of_a_tenant_wait() {
    let server = TestServer::start();
    let feed = std::sync::Arc::new(Feed::of(&server));
    let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..70 {
        let (feed, sender) = (std::sync::Arc::clone(&feed), sender.clone());
        tokio::spawn(async move { sender.send(feed.ask(&format!("after={}&wait=30", feed.start)).await) });
    }
    for _ in 0..6 {
        assert_eq!(answers.recv().await.expect("an answer")["events"], json!([]), "there is no turn for it");
    }
    server.client().user("anna").await;
    for _ in 0..64 {
        assert_eq!(answers.recv().await.expect("an answer")["next"], feed.start + 1);
    }
}

#[tokio::test]
async fn who_waits_is_told_when_it_happens() {
    let server = TestServer::start();
    let (client, feed) = (server.client(), Feed::of(&server));
    let query = format!("after={}&wait=30", feed.start);
    let waiting = feed.ask(&query);
    let (page, id) = tokio::join!(waiting, client.user("anna"));
    assert_eq!(page["events"][0]["resource"]["id"], id.as_str());
    // Nothing that fits comes, and the wait ends.
    let page = feed.ask("after=0&wait=2&types=group.*").await;
    assert_eq!((&page["events"], &page["next"]), (&json!([]), &json!(feed.start + 1)));
    // Waiting is no work: no request took as long as the one that waited.
    let metrics = server.client().send("GET", &format!("{}/metrics", server.admin()), &[], None).await.expect(200);
    let sum = metrics
        .text
        .lines()
        .find_map(|line| line.strip_prefix("scim_request_duration_seconds_sum{operation=\"feed\"} "));
    let seconds: f64 = sum.expect("the sum").parse().expect("a number");
    assert!(seconds < 2.0, "{seconds} s");
}

#[tokio::test]
async fn a_token_reads_the_feed_of_its_tenant_and_nothing_else() {
    let server = TestServer::start();
    let feed = Feed::of(&server);
    let detail = |answer: &crate::server::Response| answer.json["detail"].as_str().unwrap_or_default().to_owned();
    let refused = server.client().get(&feed.url).await;
    assert_eq!(refused.status, 403);
    assert!(detail(&refused).contains("events scope"), "{}", refused.json);
    assert_eq!(feed.client.get("/Users").await.status, 403);
    assert_eq!(feed.client.post("/Users", &json!({"schemas": [USER], "userName": "x"})).await.status, 403);
    assert_eq!(feed.client.post(&feed.url, &json!({})).await.status, 405);
    let other = server.run_json(&["tenant", "create", "other", "--json"]);
    let other = format!("{}/{}/events/v1", server.origin(), other["tenant_id"].as_str().unwrap());
    assert_eq!(feed.client.get(&other).await.status, 401);
    for (query, words) in [
        ("after=-1", "after is a whole number"),
        ("after=99", "the log of this tenant ends at"),
        ("limit=1001", "limit is a whole number from 0 to 1000"),
        ("wait=31", "wait is a whole number from 0 to 30"),
        ("types=user*", "is no type of event"),
        ("since=1", "has no parameter"),
        ("after=1&after=2", "after is given twice"),
        ("types=user", "is no type of event"),
        ("types=user.create", "is no type of event"),
        ("types=nobody.*", "is no type of event"),
    ] {
        let answer = feed.client.get(&format!("{}?{query}", feed.url)).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(detail(&answer).contains(words), "{query}: {}", answer.json);
    }
}

#[tokio::test]
async fn an_administrator_reads_the_same() {
    let mut server = TestServer::start();
    let feed = Feed::of(&server);
    for name in ["anna", "bert", "carl"] {
        server.client().user(name).await;
    }
    let (events, start) = (feed.all().await, feed.start);
    let command = |server: &TestServer, more: &[&str]| -> Vec<Value> {
        let args = [&["events", "--tenant", "test", "--json"], more].concat();
        let output = server.run(&args);
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let mut events: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("an event on each line")).collect();
        // Beside it stand the names, for people.
        for event in events.iter_mut().filter(|event| event["type"] == "scim.user.created") {
            let name = event.as_object_mut().expect("an object").remove("resource_name").expect("a name");
            assert_eq!(name, event["document"]["userName"]);
        }
        events
    };
    let behind = |number: u64| (start + number).to_string();
    assert_eq!(command(&server, &["--types", "scim.user.*"]), events);
    assert_eq!(command(&server, &["--since", &behind(2)]), events[2..]);
    assert_eq!(command(&server, &["--since", "2020-01-01T00:00:00Z", "--types", "user.*"]), events);
    assert!(command(&server, &["--since", "9000-01-01T00:00:00Z"]).is_empty());
    assert!(command(&server, &["--types", "group.*"]).is_empty());
    let table = server.run(&["events", "--tenant", "test", "--types", "scim.user.*"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.lines().count() == 3 && table.contains("scim.user.created"), "{table}");
    server.stop();
    assert_eq!(command(&server, &["--since", &behind(1)]), events[1..]);
    let late = server.run(&["events", "--tenant", "test", "--since", "99"]);
    let said = String::from_utf8_lossy(&late.stderr).into_owned();
    assert!(said.contains("there is no event number 99 yet") && !said.contains("GET"), "{said}");
    // Only this command can change a data directory that it has open. Others can change a database.
    if server.store().is_none() {
        let follow = server.run(&["events", "--tenant", "test", "--follow"]);
        assert!(String::from_utf8_lossy(&follow.stderr).contains("no server runs on this store"), "{follow:?}");
    }
}

/// Writers, a reader, and SIGKILL in the middle: the reader goes on where it was, and has in the end what is stored,
/// number by number. What it saw before a kill was durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_has_what_was_committed_whatever_is_killed() {
    let mut server = TestServer::with(Options::args(&["--renew-after", "2KiB"]));
    let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
    let token = made["token"].as_str().expect("a token").to_owned();
    let feed = |server: &TestServer| Feed {
        client: server.client().with_token(&token),
        url: format!("{}/{}/events/v1", server.origin(), server.tenant()),
        start: 0,
    };
    let mut seen: BTreeMap<u64, Value> = BTreeMap::new();
    let mut acknowledged = Vec::new();
    for cycle in 0..20 {
        let dead = AtomicBool::new(false);
        let (client, reader) = (server.client(), feed(&server));
        let writers = futures_util::future::join_all((0..4).map(|writer| {
            let (client, dead) = (&client, &dead);
            async move {
                let mut made = Vec::new();
                for number in 0.. {
                    let body = json!({"schemas": [USER], "userName": format!("u-{cycle}-{writer}-{number}")});
                    let bearer = client.authorization();
                    let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
                    match client.try_send("POST", "/Users", &headers, Some(body.to_string())).await {
                        Ok(answer) if answer.status == 201 => made.push(answer.id()),
                        _ if dead.load(Ordering::Relaxed) => break,
                        Ok(answer) => panic!("{}", answer.json),
                        Err(_) => break,
                    }
                }
                made
            }
        }));
        let reading = async {
            let bearer = reader.client.authorization();
            loop {
                let after = seen.keys().last().copied().unwrap_or_default();
                let url = format!("{}?after={after}&wait=5&limit=50", reader.url);
                let Ok(answer) = reader.client.try_send("GET", &url, &[("authorization", &bearer)], None).await else {
                    break;
                };
                assert_eq!(answer.status, 200, "{}", answer.json);
                for event in answer.json["events"].as_array().expect("events") {
                    let number = event["sequence"].as_u64().expect("a number");
                    assert_eq!(number, seen.keys().last().copied().unwrap_or_default() + 1, "a gap, or twice");
                    seen.insert(number, event.clone());
                }
            }
        };
        let killing = async {
            tokio::time::sleep(std::time::Duration::from_millis(150 + cycle * 31 % 150)).await;
            server.kill();
            dead.store(true, Ordering::Relaxed);
        };
        let (made, (), ()) = tokio::join!(writers, reading, killing);
        acknowledged.extend(made.into_iter().flatten());
        server.launch();
    }
    let stored = feed(&server).all().await;
    assert_eq!(numbers(&stored), (1..=stored.len() as u64).collect::<Vec<_>>());
    for (number, event) in &seen {
        assert_eq!(stored.get(usize::try_from(number - 1).unwrap()), Some(event), "{number} stands for two things");
    }
    let told: std::collections::BTreeSet<_> = stored.iter().map(|event| event["resource"]["id"].to_string()).collect();
    for id in &acknowledged {
        assert!(told.contains(&json!(id).to_string()), "{id} was acknowledged, and nobody was told");
    }
    assert!(seen.len() > 20 && acknowledged.len() > 20, "the load was no load");
}
