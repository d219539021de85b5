//! Consumers: the server keeps how far each has come.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, test_runner::Config};
use serde_json::{Value, json};

use super::{Feed, values::without_meta};
use crate::server::{Client, Response, TestServer};

/// A worker of a consumer.
struct Worker {
    client: Client,
    url: String,
}

impl Worker {
    async fn of(feed: &Feed, new: Value) -> Self {
        let made = feed.client.post(&format!("{}/consumers", feed.url), &new).await.expect(201).json;
        let url = format!("{}/consumers/{}", feed.url, made["name"].as_str().expect("a name"));
        Self { client: feed.client.clone(), url }
    }

    async fn try_receive(&self, asked: Value) -> Response {
        self.client.post(&format!("{}/receive", self.url), &asked).await
    }

    async fn receive(&self, asked: Value) -> Value {
        self.try_receive(asked).await.expect(200).json
    }

    async fn show(&self) -> Value {
        self.client.get(&self.url).await.expect(200).json
    }
}

fn ids(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().expect("events");
    events.iter().map(|event| event["resource"]["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_batch_is_one_workers_until_it_is_done_or_the_lease_is_over() {
    let server = TestServer::start();
    let (client, feed) = (server.client(), Feed::of(&server));
    let worker = Worker::of(&feed, json!({"name": "crm", "types": ["user.*"]})).await;
    let mut users = Vec::new();
    for number in 0..5 {
        users.push(client.user(&format!("u{number}")).await);
    }
    let first = worker.receive(json!({"limit": 2, "lease_seconds": 3600})).await;
    assert_eq!(ids(&first), users[..2]);
    // Another worker gets nothing meanwhile.
    let none = worker.receive(json!({"limit": 2})).await;
    assert_eq!((&none["events"], &none["lease"]), (&json!([]), &Value::Null));
    assert!(worker.show().await["leased_until"].is_string());
    let wrong = worker.try_receive(json!({"ack": uuid(9)})).await;
    assert_eq!(wrong.status, 412, "{}", wrong.text);

    let second = worker.receive(json!({"ack": first["lease"], "limit": 2})).await;
    assert_eq!(ids(&second), users[2..4]);
    // The answer was lost: who asks again with the same ack gets the same batch.
    let again = worker.receive(json!({"ack": first["lease"], "limit": 2, "lease_seconds": 1})).await;
    assert_eq!(ids(&again), users[2..4]);
    assert_ne!(again["lease"], second["lease"]);
    // The lease is over, and nobody has acknowledged: the next who asks gets the batch.
    let taken = worker.receive(json!({"limit": 2, "wait": 5})).await;
    assert_eq!(ids(&taken), users[2..4]);
    let late = worker.try_receive(json!({"ack": again["lease"]})).await;
    assert_eq!(late.status, 412, "{}", late.text);
    let ack = format!("{}/ack", worker.url);
    for _ in 0..2 {
        let shown = worker.client.post(&ack, &json!({"lease": taken["lease"]})).await.expect(200).json;
        assert_eq!((&shown["position"], &shown["lag"]), (&taken["next"], &json!(1)));
    }
    let waiting = worker.receive(json!({"wait": 30}));
    assert_eq!(ids(&waiting.await), users[4..]);
}

#[tokio::test]
async fn what_acknowledges_nothing_is_refused_in_words_of_the_feed() {
    let server = TestServer::start();
    let feed = Feed::of(&server);
    let worker = Worker::of(&feed, json!({"name": "crm"})).await;
    for (url, body) in
        [("receive", json!({"ack": "abc"})), ("receive", json!({"ack": 7})), ("ack", json!({"lease": "abc"}))]
    {
        let refused = worker.client.post(&format!("{}/{url}", worker.url), &body).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(refused.text.contains("is not the lease of an answer"), "{}", refused.text);
    }
    let null = worker.client.post(&format!("{}/ack", worker.url), &json!({"lease": null})).await;
    assert_eq!(null.status, 400, "{}", null.text);
    assert!(null.text.contains("no batch to acknowledge"), "{}", null.text);
}

/// The worker is dead, and its lease is long.
#[tokio::test]
async fn an_administrator_frees_the_batch_of_a_dead_worker() {
    let server = TestServer::start();
    let feed = Feed::of(&server);
    let worker = Worker::of(&feed, json!({"name": "crm", "types": ["user.*"]})).await;
    let anna = server.client().user("anna").await;
    let lost = worker.receive(json!({"lease_seconds": 3600})).await;
    assert_eq!(ids(&worker.receive(json!({})).await), Vec::<&str>::new());
    let released = server.run_json(&["consumer", "release", "crm", "--tenant", "test", "--json"]);
    assert!(released.get("leased_until").is_none(), "{released}");
    let again = worker.receive(json!({"lease_seconds": 3600})).await;
    assert_eq!(ids(&again), [anna]);
    // Whoever was thought to be dead cannot acknowledge what another has now.
    assert_eq!(worker.try_receive(json!({"ack": lost["lease"]})).await.status, 412);
    worker.receive(json!({"ack": again["lease"]})).await;
    let none = server.run(&["consumer", "release", "crm", "--tenant", "test"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no worker of the consumer"), "{none:?}");
    let told = server.run(&["events", "--tenant", "test", "--types", "consumer.released", "--json"]);
    assert_eq!(String::from_utf8_lossy(&told.stdout).lines().count(), 1);
}

fn uuid(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

#[tokio::test]
async fn consumers_are_made_shown_and_removed() {
    let mut server = TestServer::start();
    let feed = Feed::of(&server);
    let run = |server: &TestServer, args: &[&str]| server.run_json(&[args, &["--tenant", "test", "--json"]].concat());
    let made = run(&server, &["consumer", "create", "crm", "--types", "user.*,group.*"]);
    assert!(made["consumer_id"].as_str().is_some_and(|id| id.len() == 36), "{made}");
    let listed = feed.client.get(&format!("{}/consumers", feed.url)).await.expect(200).json;
    assert_eq!(listed["consumers"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["consumers"][0]["consumer_id"], made["consumer_id"]);
    let twice = feed.client.post(&format!("{}/consumers", feed.url), &json!({"name": "CRM"})).await;
    assert_eq!(twice.status, 409, "{}", twice.text);
    for (body, words) in [
        (json!({"name": "a b"}), "cannot be a consumer's name"),
        (json!({"name": "x", "types": ["nobody.*"]}), "is no type of event"),
        (json!({"name": "x", "after": 99}), "A consumer can begin after"),
        (json!({"nam": "x"}), "is no member of it; those are name, types, prefill, after"),
        (json!({"name": "x", "after": 0, "prefill": true}), "Leave one out"),
        (json!({"name": "x", "types": [""]}), "A type of event is empty"),
        (json!({"name": "x", "types": ["user.*,group.*"]}), "is no type of event"),
    ] {
        let refused = feed.client.post(&format!("{}/consumers", feed.url), &body).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(refused.text.contains(words), "{}", refused.text);
    }
    for args in [
        &["consumer", "create", "x", "--tenant", "test", "--types", ""][..],
        &["webhook", "create", "--tenant", "test", "--url", "https://example.com", "--types", ""],
        &["events", "--tenant", "test", "--types", ""],
    ] {
        let refused = server.run(args);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("A type of event is empty"), "{args:?}: {said}");
    }
    let of_none = feed.client.get(&format!("{}?types=", feed.url)).await;
    assert_eq!(of_none.status, 400, "{}", of_none.text);
    // A provider's token is no application's.
    assert_eq!(server.client().get(&format!("{}/consumers", feed.url)).await.status, 403);
    assert_eq!(run(&server, &["consumer", "show", "crm"])["name"], "crm");
    server.stop();
    assert_eq!(run(&server, &["consumer", "list"])[0]["name"], "crm");
    assert_eq!(run(&server, &["consumer", "delete", "crm"])["deleted"], true);
    let gone = server.run(&["consumer", "show", "crm", "--tenant", "test"]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("no consumer"), "{gone:?}");
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// A copy of a tenant, as an application keeps it.
#[derive(Debug, Default, Clone, PartialEq)]
struct Copy {
    resources: BTreeMap<String, Kept>,
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Kept {
    version: String,
    document: Value,
    members: BTreeSet<String>,
}

impl Copy {
    /// Applies an event, if it stands on what is here.
    fn apply(&mut self, event: &Value) {
        let resource = &event["resource"];
        let id = resource["id"].as_str().expect("an id");
        let previous = resource["previous_version"].as_str();
        if !event["type"].as_str().is_some_and(|name| name.starts_with("scim.")) {
            return;
        }
        let have = self.resources.get(id).map(|kept| kept.version.as_str());
        let is_whole = event["type"].as_str().is_some_and(|name| name.ends_with(".present")) && previous.is_none();
        if have != previous && !is_whole {
            return;
        }
        let Some(version) = resource["version"].as_str() else {
            self.resources.remove(id);
            return;
        };
        let mut kept = self.resources.remove(id).filter(|_| !is_whole).unwrap_or_default();
        version.clone_into(&mut kept.version);
        if let Some(document) = event.get("document") {
            kept.document = document.clone();
        }
        let of = |which: &str| -> Vec<String> {
            let listed = event["members"][which].as_array().into_iter().flatten();
            listed.map(|id| id.as_str().expect("an id").to_owned()).collect()
        };
        kept.members.extend(of("joined"));
        for left in of("left") {
            kept.members.remove(&left);
        }
        self.resources.insert(id.to_owned(), kept);
    }

    /// What the server serves.
    async fn of(client: &Client) -> Self {
        let mut copy = Self::default();
        for endpoint in ["/Users", "/Groups"] {
            let list = client.get(&format!("{endpoint}?count=1000")).await.expect(200).json;
            for resource in list["Resources"].as_array().into_iter().flatten() {
                let members = resource["members"].as_array().into_iter().flatten();
                let kept = Kept {
                    version: resource["meta"]["version"].as_str().expect("a version").to_owned(),
                    members: members.map(|member| member["value"].as_str().expect("an id").to_owned()).collect(),
                    document: without_meta(resource.clone()),
                };
                copy.resources.insert(resource["id"].as_str().expect("an id").to_owned(), kept);
            }
        }
        copy
    }
}

/// What happens between two batches.
#[derive(Debug, Clone)]
enum Step {
    Create,
    Rename(u8),
    DeleteUser(u8),
    Group,
    Join(u8, u8),
    Leave(u8, u8),
    DeleteGroup(u8),
    Receive(u8),
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let small = 0..6_u8;
    let step = prop_oneof![
        4 => Just(Step::Create),
        2 => small.clone().prop_map(Step::Rename),
        1 => small.clone().prop_map(Step::DeleteUser),
        2 => Just(Step::Group),
        4 => (small.clone(), small.clone()).prop_map(|(group, user)| Step::Join(group, user)),
        2 => (small.clone(), small.clone()).prop_map(|(group, user)| Step::Leave(group, user)),
        1 => small.prop_map(Step::DeleteGroup),
        6 => (1..4_u8).prop_map(Step::Receive),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 10..60)
}

/// State and events, in pieces of any size, with changes between them and workers that vanish with a batch: the copy
/// is what the server serves, whenever the consumer has caught up.
#[test]
fn a_copy_from_prefill_and_feed_is_what_is_served_at_any_cut() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = TestServer::start();
    let feed = Feed::of(&server);
    let config = Config { cases: 16, ..Config::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let number = std::cell::Cell::new(0);
    runner
        .run(&(steps(), steps()), |(before, after)| {
            number.set(number.get() + 1);
            runtime.block_on(history(&server.client(), &feed, number.get(), before, after));
            Ok(())
        })
        .expect("a copy that is the same");
}

#[derive(Default)]
struct World {
    made: usize,
    users: Vec<String>,
    groups: Vec<String>,
}

impl World {
    async fn step(&mut self, client: &Client, round: u32, step: &Step) {
        let of = |list: &Vec<String>, at: u8| list.get(usize::from(at) % list.len().max(1)).cloned();
        self.made += 1;
        let name = format!("{round}-{}", self.made);
        match step {
            Step::Create => self.users.push(client.user(&name).await),
            Step::Group => self.groups.push(client.group(&name, &[]).await),
            Step::Rename(at) => {
                let Some(id) = of(&self.users, *at) else { return };
                let rename = json!([{"op": "replace", "path": "displayName", "value": name}]);
                client.patch(&format!("/Users/{id}"), &rename).await.expect(200);
            }
            Step::DeleteUser(at) => {
                let Some(id) = of(&self.users, *at) else { return };
                client.delete(&format!("/Users/{id}")).await.expect(204);
                self.users.retain(|other| *other != id);
            }
            Step::DeleteGroup(at) => {
                let Some(id) = of(&self.groups, *at) else { return };
                client.delete(&format!("/Groups/{id}")).await.expect(204);
                self.groups.retain(|other| *other != id);
            }
            Step::Join(group, user) => {
                let (Some(group), Some(user)) = (of(&self.groups, *group), of(&self.users, *user)) else { return };
                let join = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
                client.patch(&format!("/Groups/{group}"), &join).await.expect(200);
            }
            Step::Leave(group, user) => {
                let (Some(group), Some(user)) = (of(&self.groups, *group), of(&self.users, *user)) else { return };
                let leave = json!([{"op": "remove", "path": format!("members[value eq \"{user}\"]")}]);
                client.patch(&format!("/Groups/{group}"), &leave).await.expect(200);
            }
            Step::Receive(_) | Step::Crash => {}
        }
    }
}

/// Takes a batch and works on it. `false` when all is done.
async fn receive(worker: &Worker, ack: &mut Value, copy: &mut Copy, limit: u8) -> bool {
    let mut batch = worker.receive(json!({"ack": ack, "limit": limit, "lease_seconds": 1})).await;
    while !batch["held_until"].is_null() {
        batch = worker.receive(json!({"limit": limit, "lease_seconds": 1, "wait": 5})).await;
    }
    for event in batch["events"].as_array().expect("events") {
        copy.apply(event);
    }
    *ack = batch["lease"].clone();
    !ack.is_null()
}

async fn history(client: &Client, feed: &Feed, round: u32, before: Vec<Step>, after: Vec<Step>) {
    let mut world = World::default();
    for step in &before {
        world.step(client, round, step).await;
    }
    let worker = Worker::of(feed, json!({"name": format!("copy-{round}"), "prefill": true})).await;
    let mut copy = Copy::default();
    let mut ack = Value::Null;
    for step in after {
        match step {
            Step::Receive(limit) => {
                if !receive(&worker, &mut ack, &mut copy, limit).await {
                    assert_eq!(copy, Copy::of(client).await, "round {round}");
                }
            }
            // The worker vanishes with its batch, which comes again once the lease is over.
            Step::Crash => ack = Value::Null,
            step => world.step(client, round, &step).await,
        }
    }
    while receive(&worker, &mut ack, &mut copy, 3).await {}
    assert_eq!(copy, Copy::of(client).await, "round {round}");
    worker.client.delete(&worker.url).await.expect(204);
    for (endpoint, ids) in [("Groups", &world.groups), ("Users", &world.users)] {
        for id in ids {
            client.delete(&format!("/{endpoint}/{id}")).await.expect(204);
        }
    }
}
