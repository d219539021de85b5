//! What roles cost: those of everybody after a change of the rules, and a change of members beside many rules.

use std::{cell::Cell, time::Instant};

use serde_json::json;
use uuid::Uuid;

use super::{
    client::{self, Answer, Connection, Run, Until},
    people::Tenant,
    report::Row,
    scenario::{Bench, same},
    stage::{Endpoint, Stage},
};

/// Rules that name the group whose members change.
const RULES: usize = 50;
/// Changes of members in one round, one after the other.
const CHANGES: usize = 1_000;
/// Users in one answer.
const PAGE: usize = 1_000;

impl Bench<'_> {
    /// All of it, on the users of one tenant, who are in one group.
    pub async fn roles(&mut self, tenant: &Tenant, stage: &Stage) {
        if !self.wants("roles") {
            return;
        }
        let id = tenant.endpoint.path.trim_start_matches('/').split('/').next().expect("an id").to_owned();
        let group = self.group(tenant, "roles", tenant.size).await;
        let (mut plain, mut ruled) = (Vec::new(), Vec::new());
        for _ in 0..self.options.rounds {
            give(&id, stage, group, 0);
            plain.push(self.moves(tenant, group).await);
            give(&id, stage, group, RULES);
            ruled.push(self.moves(tenant, group).await);
        }
        let plain = Row::new("change of a member, no roles", tenant.size, &plain, &[]);
        let ruled = Row::new("change of a member, 50 rules for roles", tenant.size, &ruled, &[]);
        let more = (ruled.median - plain.median) * 1e3;
        self.row(plain);
        self.row(ruled);
        self.figure("a change of a member, more with 50 rules, p50", more, "ms");

        let started = Instant::now();
        stage.command(&["role", "set", "--tenant", &id, "rule-0", "--role", "another", "--json"]);
        let done = Cell::new(false);
        let all = async {
            let seen = self.resolved(tenant, &id, "another").await;
            done.set(true);
            seen
        };
        let (seen, mut meanwhile) = tokio::join!(all, self.served(tenant, &done));
        assert_eq!(seen, tenant.size, "users who have the new role");
        self.figure("roles of all users after a change of rules", started.elapsed().as_secs_f64(), "s");
        meanwhile.sort_by(f64::total_cmp);
        let slowest = meanwhile.get(meanwhile.len() * 99 / 100).copied().unwrap_or_default();
        self.figure("GET by id while roles are read, p99", slowest, "ms");
    }

    /// Members go and come again, one after the other.
    async fn moves(&self, tenant: &Tenant, group: Uuid) -> Run {
        let request = |n: usize, out: &mut Vec<u8>| {
            let operation = if n.is_multiple_of(2) { "remove" } else { "add" };
            tenant.change_members(operation, group, &[n / 2 % tenant.size], out);
        };
        let done = |_: usize, answer: &Answer<'_>| match answer.status {
            200 | 204 => Ok(()),
            status => Err(format!("PATCH gave {status}: {}", String::from_utf8_lossy(answer.body))),
        };
        let until = Until::Requests(CHANGES);
        client::run(&self.server.addresses[..1], 1, 0, until, &request, &done).await.expect("changes")
    }

    /// Asks for the access of everybody, page after page. Says how many have that role first.
    async fn resolved(&self, tenant: &Tenant, id: &str, role: &str) -> usize {
        let endpoint =
            Endpoint { path: format!("/{id}/access/v1"), ..tenant.endpoint.reached_by(&tenant.endpoint.token) };
        let reader = Tenant::new(endpoint, 1);
        let mut connection = Connection::open(self.server.first()).await.expect("a connection");
        let (mut seen, mut after) = (0, String::new());
        loop {
            let mut bytes = Vec::new();
            reader.get(&format!("/users?limit={PAGE}{after}"), &mut bytes);
            let answer = connection.exchange(&bytes).await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(answer.body));
            let page = answer.json();
            seen += page["users"].as_array().into_iter().flatten().filter(|user| user["role"] == role).count();
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return seen,
            }
        }
    }

    /// Reads users until it is told that it is enough. Gives the milliseconds that each took.
    async fn served(&self, tenant: &Tenant, done: &Cell<bool>) -> Vec<f64> {
        let mut connection = Connection::open(self.server.first()).await.expect("a connection");
        let mut times = Vec::new();
        while !done.get() {
            let (mut bytes, id) = (Vec::new(), tenant.id(tenant.pick(times.len())));
            tenant.get(&format!("/Users/{id}"), &mut bytes);
            let asked = Instant::now();
            same(id, &connection.exchange(&bytes).await.expect("an answer")).expect("the user");
            times.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        times
    }
}

/// Gives the tenant so many rules, each of which names the group.
fn give(tenant: &str, stage: &Stage, group: Uuid, rules: usize) {
    let rule = |n: usize| json!({"name": format!("rule-{n}"), "role": format!("role-{n}"), "group": group.to_string()});
    let rules: Vec<_> = (0..rules).map(rule).collect();
    let file = stage.directory.path().join("roles.json");
    std::fs::write(&file, json!({"roles": {"rules": rules}}).to_string()).expect("the settings");
    stage.command(&["tenant", "set", tenant, "--settings", &file.to_string_lossy(), "--json"]);
}
