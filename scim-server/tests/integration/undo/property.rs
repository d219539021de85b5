//! Any history of writes, deletions, returns, locks, adoptions and decisions about the brake ends in the state that the
//! plain model says, in both modes of the brake. A history that fails is made as short as it can be.
//!
//! `UNDO_HISTORIES` is how many are played in each mode.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    prelude::{Just, Strategy, any},
    prop_oneof,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::model::{Model, State, User};
use crate::server::{Client, GROUP, TestServer, USER};

/// How many histories each mode has.
const HISTORIES: u32 = 4;
/// The longest history.
const STEPS: usize = 40;

/// What happens. Numbers choose among those who are there.
#[derive(Debug, Clone, Copy)]
enum Step {
    Make,
    MakeByHand,
    MakeGroup,
    /// A POST of somebody who was deleted, or whom an administrator has made.
    PostAgain(u8),
    Activate(u8, bool),
    Rename(u8),
    Delete(u8),
    DeleteGroup(u8),
    Join(u8, u8),
    Leave(u8, u8),
    Restore(u8),
    RestoreGroup(u8),
    /// A POST of a group that was deleted, with one member or none.
    PostGroupAgain(u8, u8),
    Disable(u8),
    Enable(u8),
    /// And the brake is set anew, so that it counts.
    Approve,
    Undo,
    /// The brake is taken out of the settings, or put in.
    Brake(bool),
    /// Whether it is another token that takes away while the brake holds.
    Other(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let (one, two) = (any::<u8>, || (any::<u8>(), any::<u8>()));
    prop_oneof![
        5 => Just(Step::Make),
        1 => Just(Step::MakeByHand),
        2 => Just(Step::MakeGroup),
        3 => one().prop_map(Step::PostAgain),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(who, on)| Step::Activate(who, on)),
        1 => one().prop_map(Step::Rename),
        5 => one().prop_map(Step::Delete),
        2 => one().prop_map(Step::DeleteGroup),
        5 => two().prop_map(|(who, group)| Step::Join(who, group)),
        3 => two().prop_map(|(who, group)| Step::Leave(who, group)),
        2 => one().prop_map(Step::Restore),
        1 => one().prop_map(Step::RestoreGroup),
        2 => two().prop_map(|(group, who)| Step::PostGroupAgain(group, who)),
        2 => one().prop_map(Step::Disable),
        2 => one().prop_map(Step::Enable),
        1 => Just(Step::Approve),
        1 => Just(Step::Undo),
        1 => any::<bool>().prop_map(Step::Brake),
        1 => any::<bool>().prop_map(Step::Other),
    ]
}

fn chosen<T: Clone>(among: impl IntoIterator<Item = T>, number: u8) -> Option<T> {
    let among: Vec<T> = among.into_iter().collect();
    let place = usize::from(number).checked_rem(among.len())?;
    among.get(place).cloned()
}

/// A tenant of its own for each history.
struct World<'a> {
    server: &'a TestServer,
    client: Client,
    /// With another token.
    other: Client,
    /// Whether that one takes away while the brake holds: then it is one of those who did it.
    is_other: bool,
    tenant: String,
    mode: &'static str,
    model: Model,
    /// Who is locked out by the administrator, and what the provider says of `active`; of the deleted, too.
    locked: BTreeMap<String, bool>,
    /// Whom an administrator has made, and nobody has sent.
    by_hand: BTreeSet<String>,
    /// Who is inactive since a lock has ended, and by nobody's loss.
    quiet: BTreeSet<String>,
    /// The names of groups, of the deleted ones, too.
    names: BTreeMap<String, String>,
    made: usize,
}

impl<'a> World<'a> {
    fn new(server: &'a TestServer, mode: &'static str, number: u32) -> Self {
        let tenant = format!("{mode}{number}");
        let model = Model::new(mode == "refuse");
        let file = server.scratch("tenant.json");
        std::fs::write(&file, settings(mode, model.limit).to_string()).expect("the settings");
        let made = server.run_json(&["tenant", "create", &tenant, "--settings", &file.to_string_lossy(), "--json"]);
        let token = |name: &str| server.run_json(&["token", "create", "--tenant", &tenant, "--name", name, "--json"]);
        let (first, second) = (token("first"), token("second"));
        let text = |value: &Value, name: &str| value[name].as_str().expect("a text").to_owned();
        let base = format!("{}/{}/scim/v2", server.origin(), text(&made, "tenant_id"));
        let [client, other] = [first, second].map(|token| Client::new(&base, &text(&token, "token")));
        let (is_other, locked, by_hand, quiet, names, made) = Default::default();
        Self { server, client, other, is_other, tenant, mode, model, locked, by_hand, quiet, names, made }
    }

    fn command(&self, args: &[&str]) -> Value {
        self.server.run_json(&[args, &["--tenant", &self.tenant, "--json"]].concat())
    }

    /// Who takes something away.
    fn taker(&self) -> &Client {
        let holds = self.model.tripped.is_some() && !self.model.refuses;
        if holds && self.is_other { &self.other } else { &self.client }
    }

    fn set(&self, settings: &Value) {
        let file = self.server.scratch("brake.json");
        std::fs::write(&file, settings.to_string()).expect("the settings");
        self.server.run_json(&["tenant", "set", &self.tenant, "--settings", &file.to_string_lossy(), "--json"]);
    }

    fn user(&self, number: u8) -> Option<String> {
        chosen(self.model.now.users.keys().cloned(), number)
    }

    fn group(&self, number: u8) -> Option<String> {
        chosen(self.model.now.groups.keys().cloned(), number)
    }

    /// A user who is not locked, and was never: what the provider says of the others is kept aside.
    fn free(&self, number: u8) -> Option<String> {
        chosen(self.model.now.users.keys().filter(|id| !self.locked.contains_key(*id)).cloned(), number)
    }

    async fn play(&mut self, step: Step) {
        self.model.come();
        match step {
            Step::Make => self.make().await,
            Step::MakeByHand => self.make_by_hand(),
            Step::MakeGroup => self.make_group().await,
            Step::PostAgain(number) => self.post_again(number).await,
            Step::Activate(number, on) => self.activate(number, on).await,
            Step::Rename(number) => self.rename(number).await,
            Step::Delete(number) => self.delete(number).await,
            Step::DeleteGroup(number) => self.delete_group(number).await,
            Step::Join(who, group) => self.join(who, group).await,
            Step::Leave(who, group) => self.leave(who, group).await,
            Step::Restore(number) => {
                let Some(id) = chosen(self.model.users.keys().cloned(), number) else { return };
                self.command(&["user", "restore", &id]);
                self.model.restore_user(&id);
            }
            Step::RestoreGroup(number) => {
                let Some(id) = chosen(self.model.groups.keys().cloned(), number) else { return };
                self.command(&["group", "restore", &id]);
                self.model.restore_group(&id);
            }
            Step::PostGroupAgain(group, who) => self.post_group_again(group, who).await,
            Step::Disable(number) => self.disable(number),
            Step::Enable(number) => self.enable(number),
            Step::Approve => self.approve(),
            Step::Undo => self.undo(),
            Step::Brake(is_in) => {
                self.set(&if is_in { settings(self.mode, self.model.limit) } else { json!({"brake": null}) });
                self.model.is_out = !is_in;
            }
            Step::Other(is_other) => self.is_other = is_other,
        }
    }

    async fn make(&mut self) {
        self.made += 1;
        let name = format!("user{}", self.made);
        let id = self.client.post("/Users", &body(&name)).await.expect(201).id();
        self.model.now.users.insert(id, User { name, title: None, active: true });
    }

    fn make_by_hand(&mut self) {
        self.made += 1;
        let name = format!("user{}", self.made);
        let mut body = body(&name);
        body["title"] = "Made by hand".into();
        let file = self.server.scratch("user.json");
        std::fs::write(&file, body.to_string()).expect("the user");
        let made = self.command(&["user", "create", "--file", &file.to_string_lossy(), "--force"]);
        let id = made["id"].as_str().expect("an id").to_owned();
        self.by_hand.insert(id.clone());
        self.model.now.users.insert(id, User { name, title: Some("Made by hand".to_owned()), active: true });
    }

    async fn make_group(&mut self) {
        self.made += 1;
        let name = format!("group{}", self.made);
        let id = self.client.post("/Groups", &group(&name, &[])).await.expect(201).id();
        self.model.now.groups.insert(id.clone(), BTreeSet::new());
        self.names.insert(id, name);
    }

    async fn post_group_again(&mut self, number: u8, who: u8) {
        let Some(id) = chosen(self.model.groups.keys().cloned().collect::<Vec<_>>(), number) else { return };
        let members: Vec<_> = self.user(who).filter(|_| who.is_multiple_of(2)).into_iter().collect();
        let answer = self.client.post("/Groups", &group(&self.names[&id], &members)).await.expect(201);
        assert_eq!(answer.id(), id);
        self.model.groups.remove(&id);
        self.model.now.groups.insert(id, members.into_iter().collect());
    }

    async fn post_again(&mut self, number: u8) {
        let by_hand = self.by_hand.iter().filter(|id| self.model.now.users.contains_key(*id));
        let Some(id) = chosen(self.model.users.keys().chain(by_hand).cloned().collect::<Vec<_>>(), number) else {
            return;
        };
        let known = self.model.users.get(&id).map(|(user, _)| user).or_else(|| self.model.now.users.get(&id));
        let name = known.expect("a user").name.clone();
        let answer = self.client.post("/Users", &body(&name)).await.expect(201);
        assert_eq!(answer.id(), id);
        self.by_hand.remove(&id);
        self.model.restore_user(&id);
        if let Some(active) = self.locked.get_mut(&id) {
            *active = true;
        }
        let active = !self.locked.contains_key(&id);
        self.quiet.remove(&id);
        self.model.now.users.insert(id, User { name, title: None, active });
    }

    async fn activate(&mut self, number: u8, on: bool) {
        // Whoever is locked is only asked about by the provider.
        let Some(id) = self.user(number) else { return };
        let operations = json!([{"op": "replace", "path": "active", "value": on}]);
        let is_active = self.model.now.users[&id].active;
        let takes = is_active && !on && !self.locked.contains_key(&id);
        let client = if takes { self.taker() } else { &self.client };
        let answer = client.patch(&format!("/Users/{id}"), &operations).await;
        if let Some(active) = self.locked.get_mut(&id) {
            answer.expect(200);
            let is_new = std::mem::replace(active, on) != on;
            if is_new {
                self.sent(&id);
            }
            return;
        }
        if is_active && !on && !self.model.count(Some((&id, true, false)), None) {
            answer.expect(403);
            return;
        }
        answer.expect(200);
        if is_active != on {
            self.sent(&id);
            self.quiet.remove(&id);
        }
        self.model.now.users.get_mut(&id).expect("a user").active = on;
    }

    /// A provider has sent whom an administrator has made: a POST gets 409 from then on.
    fn sent(&mut self, id: &str) {
        self.by_hand.remove(id);
    }

    async fn rename(&mut self, number: u8) {
        let Some(id) = self.user(number) else { return };
        let title = format!("t{number}");
        let operations = json!([{"op": "add", "path": "title", "value": title}]);
        self.client.patch(&format!("/Users/{id}"), &operations).await.expect(200);
        self.sent(&id);
        self.model.now.users.get_mut(&id).expect("a user").title = Some(title);
    }

    async fn delete(&mut self, number: u8) {
        let Some(id) = self.user(number) else { return };
        let answer = self.taker().delete(&format!("/Users/{id}")).await;
        let is_active = self.model.now.users[&id].active;
        if self.model.count(Some((&id, is_active, true)), None) {
            answer.expect(204);
            self.model.delete_user(&id);
        } else {
            answer.expect(403);
        }
    }

    async fn delete_group(&mut self, number: u8) {
        let Some(id) = self.group(number) else { return };
        let members = self.model.now.groups[&id].clone();
        let client = if members.is_empty() { &self.client } else { self.taker() };
        let answer = client.delete(&format!("/Groups/{id}")).await;
        if self.model.count(None, Some((&id, members.len()))) {
            answer.expect(204);
            self.model.now.groups.remove(&id);
            self.model.groups.insert(id, members);
        } else {
            answer.expect(403);
        }
    }

    async fn join(&mut self, who: u8, group: u8) {
        let (Some(user), Some(group)) = (self.user(who), self.group(group)) else { return };
        let join = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
        self.client.patch(&format!("/Groups/{group}"), &join).await.expect(200);
        self.model.now.groups.get_mut(&group).expect("a group").insert(user);
    }

    async fn leave(&mut self, who: u8, group: u8) {
        let Some(group) = self.group(group) else { return };
        let Some(user) = chosen(self.model.now.groups[&group].clone(), who) else { return };
        let leave = json!([{"op": "remove", "path": format!("members[value eq \"{user}\"]")}]);
        let answer = self.taker().patch(&format!("/Groups/{group}"), &leave).await;
        if self.model.count(None, Some((&group, 1))) {
            answer.expect(200);
            self.model.now.groups.get_mut(&group).expect("a group").remove(&user);
        } else {
            answer.expect(403);
        }
    }

    /// Only of whom the brake has counted nothing: what an administrator has touched since is not put back.
    fn disable(&mut self, number: u8) {
        let counted = self.model.counted();
        let Some(id) = self.free(number).filter(|id| !counted.contains(id)) else { return };
        self.command(&["user", "disable", &id]);
        let user = self.model.now.users.get_mut(&id).expect("a user");
        self.locked.insert(id, user.active);
        user.active = false;
    }

    fn enable(&mut self, number: u8) {
        let counted = self.model.counted();
        let there = self.locked.keys().filter(|id| self.model.now.users.contains_key(*id) && !counted.contains(*id));
        let Some(id) = chosen(there.cloned().collect::<Vec<_>>(), number) else { return };
        self.command(&["user", "enable", &id]);
        let active = self.locked.remove(&id).expect("what the provider says");
        if !active {
            self.quiet.insert(id.clone());
        }
        self.model.now.users.get_mut(&id).expect("a user").active = active;
    }

    fn approve(&mut self) {
        if self.model.tripped.is_none() {
            return;
        }
        let expect = if self.model.is_out { "off" } else { "approved" };
        assert_eq!(self.command(&["brake", "approve"])["state"], expect);
        self.model.approve();
        // One that was changed counts at once.
        self.set(&settings(self.mode, self.model.limit));
        self.model.is_out = false;
    }

    fn undo(&mut self) {
        if self.model.tripped.is_none() {
            return;
        }
        let done = self.command(&["brake", "undo"]);
        assert_eq!(done["refused"], json!([]), "{done}");
        self.model.undo_losses();
        for (id, user) in &mut self.model.now.users {
            user.active &= !self.locked.contains_key(id) && !self.quiet.contains(id);
        }
    }

    async fn agrees(&self) {
        let stands = self.command(&["brake", "show"]);
        assert_eq!(stands["state"] == "tripped", self.model.tripped.is_some(), "{stands}");
        assert!(self.model.tripped.is_none() || stands["mode"] == self.mode, "{stands}");
        assert_eq!(State::read(&self.client).await, self.model.now);
    }
}

fn body(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name, "externalId": format!("e-{name}"), "active": true})
}

fn group(name: &str, members: &[String]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP], "displayName": name, "externalId": format!("g-{name}"), "members": members})
}

fn settings(mode: &str, limit: usize) -> Value {
    json!({"brake": {"users": limit, "window": "30d", "mode": mode}, "adopt": "externalId"})
}

/// Plays histories in a mode of the brake.
fn play(mode: &'static str) {
    let histories = std::env::var("UNDO_HISTORIES").map_or(HISTORIES, |text| text.parse().expect("a number"));
    let config = Config { cases: histories, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (server, runtime) = (TestServer::start(), Runtime::new().expect("a runtime"));
    let number = std::cell::Cell::new(0);
    let steps = proptest::collection::vec(step(), STEPS / 2..=STEPS);
    let played = runner.run(&steps, |steps| {
        number.set(number.get() + 1);
        runtime.block_on(async {
            let mut world = World::new(&server, mode, number.get());
            for step in steps {
                world.play(step).await;
            }
            world.agrees().await;
        });
        Ok(())
    });
    assert!(played.is_ok(), "{}", played.expect_err("a history"));
    assert_eq!(server.run_json(&["check", "--json"]), json!([]));
}

#[test]
fn any_history_under_a_brake_that_holds_is_as_the_model_says() {
    play("hold");
}

#[test]
fn any_history_under_a_brake_that_refuses_is_as_the_model_says() {
    play("refuse");
}
