//! The law of roles: whatever happens to users, groups, members and rules, everybody has the roles that a plain
//! model of them says.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use super::{application, member, role};
use crate::server::{Client, GROUP, TestServer};

const PEOPLE: usize = 5;
const GROUPS: usize = 3;

/// What is known to have happened.
#[derive(Default)]
struct Model {
    users: Vec<String>,
    inactive: BTreeSet<usize>,
    /// The id of each group, while it is there.
    groups: BTreeMap<usize, String>,
    members: BTreeSet<(usize, usize)>,
    /// Name, role, and the group that the rule is about: by its `externalId`.
    rules: Vec<(String, String, usize)>,
    fallback: Option<String>,
}

impl Model {
    fn roles(&self, user: usize) -> Vec<&str> {
        if self.inactive.contains(&user) {
            return Vec::new();
        }
        let mut roles: Vec<&str> = Vec::new();
        for (_, role, group) in &self.rules {
            if self.members.contains(&(*group, user)) && !roles.contains(&role.as_str()) {
                roles.push(role);
            }
        }
        if roles.is_empty() {
            roles.extend(self.fallback.as_deref());
        }
        roles
    }

    async fn make_group(&mut self, client: &Client, group: usize) {
        let body = json!({"schemas": [GROUP], "displayName": format!("g{group}"), "externalId": format!("x{group}")});
        // Made anew, it is another group that the rule holds for; restored, it has its members again.
        let made = client.post("/Groups", &body).await.expect(201).id();
        let back = client.members(&made).await;
        self.members
            .extend(self.users.iter().enumerate().filter(|(_, id)| back.contains(id)).map(|(at, _)| (group, at)));
        self.groups.insert(group, made);
    }

    async fn step(&mut self, server: &TestServer, client: &Client, random: &mut StdRng) {
        let (user, group) = (random.random_range(0..PEOPLE), random.random_range(0..GROUPS));
        let Some(id) = self.groups.get(&group).cloned() else { return self.make_group(client, group).await };
        match random.random_range(0..10) {
            0..=3 => {
                member(client, &id, "add", &self.users[user]).await;
                self.members.insert((group, user));
            }
            4 => {
                member(client, &id, "remove", &self.users[user]).await;
                self.members.remove(&(group, user));
            }
            5 => {
                let active = self.inactive.remove(&user);
                if !active {
                    self.inactive.insert(user);
                }
                let change = json!([{"op": "replace", "path": "active", "value": active}]);
                client.patch(&format!("/Users/{}", self.users[user]), &change).await.expect(200);
            }
            6 => {
                client.delete(&format!("/Groups/{id}")).await.expect(204);
                self.groups.remove(&group);
                self.members.retain(|(of, _)| *of != group);
            }
            7 => {
                let name = json!([{"op": "replace", "path": "displayName", "value": format!("name{}", random.random::<u32>())}]);
                client.patch(&format!("/Groups/{id}"), &name).await;
            }
            8 => self.change_rule(server, group, random),
            _ => {
                let now = random.random_range(0..3);
                self.fallback = (now > 0).then(|| format!("default{now}"));
                match &self.fallback {
                    Some(name) => role(server, &["default", name]),
                    None => role(server, &["default", "--none"]),
                };
            }
        }
    }

    fn change_rule(&mut self, server: &TestServer, group: usize, random: &mut StdRng) {
        let name = format!("rule{}", random.random_range(0..4));
        let known = self.rules.iter().position(|rule| rule.0 == name);
        if let Some(known) = known.filter(|_| random.random_bool(0.3)) {
            self.rules.remove(known);
            role(server, &["remove", &name]);
            return;
        }
        let given = format!("role{}", random.random_range(0..3));
        if let Some(known) = known {
            self.rules.remove(known);
        }
        role(server, &["set", &name, "--role", &given, "--external-id", &format!("x{group}"), "--position", "1"]);
        self.rules.insert(0, (name, given, group));
    }
}

#[tokio::test]
async fn everybody_has_the_roles_that_a_plain_model_says() {
    let server = TestServer::start();
    let client = server.client();
    let mut random = StdRng::seed_from_u64(18);
    let mut model = Model::default();
    for number in 0..PEOPLE {
        model.users.push(client.user(&format!("user{number}")).await);
    }
    for round in 0..12 {
        for _ in 0..5 {
            model.step(&server, &client, &mut random).await;
        }
        let all = application(&server).get("/users?limit=1000").await.expect(200).json;
        let found: Vec<Value> =
            all["users"].as_array().expect("users").iter().map(|user| user["roles"].clone()).collect();
        let expect: Vec<Value> = (0..PEOPLE).map(|user| json!(model.roles(user))).collect();
        assert_eq!(found, expect, "round {round}");
    }
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}
