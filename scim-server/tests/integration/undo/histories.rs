//! The law of undo: whatever happens after an event, an undo of all that gives the state of that event, of what is there and
//! of what is kept of the deleted, and of who is locked out.
//!
//! `UNDO_HISTORIES` is how many histories are played.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

use super::{newest, preview::as_rehearsed, undo};
use crate::server::{Client, ENTERPRISE, GROUP, TestServer, USER};

/// How many histories are played.
const HISTORIES: u64 = 12;

/// What readers see, by id.
async fn state(client: &Client) -> BTreeMap<String, Value> {
    let mut state = BTreeMap::new();
    for endpoint in ["/Users", "/Groups"] {
        let page = client.get(&format!("{endpoint}?count=1000")).await.expect(200).json;
        for mut one in page["Resources"].as_array().cloned().unwrap_or_default() {
            one["meta"] = Value::Null;
            // Who has no `active` is active, and passed over where it says so now.
            if one["schemas"][0] == USER && one.get("active").is_none() {
                one["active"] = true.into();
            }
            for list in ["members", "groups"] {
                if let Some(Value::Array(elements)) = one.get_mut(list) {
                    elements.sort_by_key(Value::to_string);
                }
            }
            state.insert(one["id"].as_str().expect("an id").to_owned(), one);
        }
    }
    state
}

/// What nobody reads: what is kept of the deleted users, and who is locked out, or would be on return.
#[derive(Debug, PartialEq)]
struct Hidden {
    /// By id: the document as the provider knows it, whether it is kept, and whether it is locked out.
    users: BTreeMap<String, (Value, bool, bool)>,
    /// The names that are locked.
    names: BTreeSet<String>,
}

impl Hidden {
    fn read(server: &TestServer) -> Self {
        let export = String::from_utf8(server.run(&["export", "--tenant", "test"]).stdout).expect("text");
        let lines = export.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let (mut users, mut last) = (BTreeMap::new(), BTreeMap::new());
        for line in lines.filter_map(|line| line.get("resource").cloned()) {
            let (of, mut document) = match line["type"].as_str() {
                Some("~User") => (&line["visible"], line["visible"]["document"].clone()),
                Some("User") => (&line, line["visible"].clone()),
                _ => continue,
            };
            let says = of["hidden"].get("~active");
            // Who has no `active` is active.
            let active = says.unwrap_or(&document["active"]) != false;
            document["active"] = active.into();
            if let Some(at) = of["at"].as_i64() {
                let name = document["userName"].as_str().expect("a name").to_owned();
                let of_name = last.entry(name).or_insert((at, says.is_some()));
                *of_name = (*of_name).max((at, says.is_some()));
            }
            let user = (document, of["at"].is_i64(), says.is_some());
            users.insert(line["id"].as_str().expect("an id").to_owned(), user);
        }
        let names = last.into_iter().filter(|(_, (_, is_locked))| *is_locked).map(|(name, _)| name).collect();
        Self { users, names }
    }

    /// Whose name is locked returns locked.
    fn known(mut self) -> Self {
        for (document, is_kept, is_locked) in self.users.values_mut() {
            *is_locked |= *is_kept && document["userName"].as_str().is_some_and(|name| self.names.contains(name));
        }
        self
    }

    /// What concerns those who are known, because whoever came and went since is kept, too; and only locks that were there:
    /// one too many is no harm beside one too few.
    fn of_those(self, known: &Self) -> Self {
        let mut all = self.known();
        all.users.retain(|id, _| known.users.contains_key(id));
        for (id, (.., is_locked)) in &mut all.users {
            *is_locked &= known.users[id].2;
        }
        all.names.retain(|name| known.names.contains(name));
        all
    }
}

/// Ids of users, or of groups.
fn ids(state: &BTreeMap<String, Value>, schema: &str) -> Vec<String> {
    let is_one = |one: &Value| one["schemas"][0] == schema;
    state.iter().filter(|(_, one)| is_one(one)).map(|(id, _)| id.clone()).collect()
}

fn user(random: &mut StdRng) -> Value {
    let number = random.random_range(0..8);
    let mut user = json!({"schemas": [USER], "userName": format!("user{number}"), "externalId": format!("e-{number}")});
    if random.random_bool(0.7) {
        user["active"] = random.random_bool(0.6).into();
    }
    if random.random_bool(0.5) {
        user["title"] = format!("t{}", random.random_range(0..3)).into();
    }
    user
}

fn team(random: &mut StdRng, members: &[String]) -> Value {
    let number = random.random_range(0..4);
    let members: Vec<_> = members.iter().filter(|_| random.random_bool(0.3)).map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP], "displayName": format!("group{number}"), "externalId": format!("g-{number}"),
        "members": members})
}

/// A name that another may have, or may have had.
fn name(random: &mut StdRng) -> String {
    if random.random_bool(0.8) {
        format!("user{}", random.random_range(0..8))
    } else {
        format!("renamed{}", random.random::<u32>())
    }
}

/// One write; what it answers is not of interest, a name may be taken. `by_hand` is what an administrator does.
async fn step(server: &TestServer, client: &Client, random: &mut StdRng, by_hand: &str) {
    let now = state(client).await;
    let (users, groups) = (ids(&now, USER), ids(&now, GROUP));
    let (Some(person), Some(group)) = (users.choose(random), groups.choose(random)) else {
        client.post("/Users", &user(random)).await;
        client.post("/Groups", &team(random, &users)).await;
        return;
    };
    let (person_path, group_path) = (format!("/Users/{person}"), format!("/Groups/{group}"));
    let number = random.random_range(0..8);
    let operations = match random.random_range(0..19) {
        18 => {
            server.run(&["user", by_hand, "--tenant", "test", person]);
            return;
        }
        0 => json!([{"op": "replace", "path": "active", "value": number % 2 == 0}]),
        1 => json!([{"op": "add", "path": "title", "value": format!("t{number}")}]),
        2 => json!([{"op": "remove", "path": "title"}]),
        3 => json!([{"op": "add", "path": "name.givenName", "value": format!("n{number}")}]),
        4 | 12 | 13 => json!([{"op": "replace", "path": "userName", "value": name(random)}]),
        5 => json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": format!("d{number}")}]),
        6 => {
            client.put(&person_path, &user(random)).await;
            return;
        }
        7 => {
            client.delete(&person_path).await;
            return;
        }
        8 => {
            client.post("/Users", &user(random)).await;
            return;
        }
        9 => {
            client.delete(&group_path).await;
            return;
        }
        14 | 15 => {
            client.post("/Groups", &team(random, &users)).await;
            return;
        }
        16 => {
            let name = format!("group{}", random.random_range(0..4));
            client.patch(&group_path, &json!([{"op": "replace", "path": "displayName", "value": name}])).await;
            return;
        }
        10 => {
            client.patch(&group_path, &json!([{"op": "add", "path": "members", "value": [{"value": person}]}])).await;
            return;
        }
        _ => {
            let path = format!("members[value eq \"{person}\"]");
            client.patch(&group_path, &json!([{"op": "remove", "path": path}])).await;
            return;
        }
    };
    client.patch(&person_path, &operations).await;
}

#[tokio::test]
async fn whatever_happened_an_undo_gives_the_state_from_before() {
    let server = TestServer::start();
    let client = server.client();
    let histories = std::env::var("UNDO_HISTORIES").map_or(HISTORIES, |text| text.parse().expect("a number"));
    for seed in 0..histories {
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..12 {
            step(&server, &client, &mut random, "disable").await;
        }
        let (before, since) = (state(&client).await, newest(&server));
        let before_hidden = Hidden::read(&server).known();
        for _ in 0..24 {
            step(&server, &client, &mut random, "enable").await;
        }
        assert_eq!(as_rehearsed(&server, &["--since", &since])["refused"], json!([]), "seed {seed}");
        assert_eq!(state(&client).await, before, "seed {seed}");
        let after = Hidden::read(&server);
        assert_eq!(after.of_those(&before_hidden), before_hidden, "seed {seed}");
        assert_eq!(undo(&server, &["--since", &since]), json!({"undone": [], "refused": []}), "seed {seed}");
    }
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

/// Whoever reads what an undo did need not look up which group that is.
#[tokio::test]
async fn a_group_of_which_only_the_members_changed_is_called_by_its_name() {
    let server = TestServer::start();
    let client = server.client();
    let anna = client.user("anna").await;
    let staff = client.group("Staff", std::slice::from_ref(&anna)).await;
    let since = newest(&server);
    client.patch(&format!("/Groups/{staff}"), &json!([{"op": "remove", "path": "members"}])).await.expect(200);
    let done = as_rehearsed(&server, &["--since", &since]);
    assert_eq!(done["undone"][0]["name"], "Staff", "{done}");
}
