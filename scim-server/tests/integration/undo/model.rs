//! A plain model of deletions, restores, brakes and undos, beside the server: after each history both are alike.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IteratorRandom as _};
use serde_json::{Value, json};

use super::{attempt, newest};
use crate::server::{Client, GROUP, Options, TestServer, USER};

/// More users than this, or members of one group, trip the brake.
const LIMIT: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub name: String,
    pub title: Option<String>,
    pub active: bool,
}

/// What everybody sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    pub users: BTreeMap<String, User>,
    /// The members of each group.
    pub groups: BTreeMap<String, BTreeSet<String>>,
}

/// What was counted.
#[derive(Debug, Clone, Default)]
struct Tally {
    who: BTreeSet<String>,
    leaves: usize,
}

/// The server as it should be.
pub(super) struct Model {
    pub now: State,
    /// Deleted users with the groups that held them, and deleted groups with their members.
    pub users: BTreeMap<String, (User, BTreeSet<String>)>,
    pub groups: BTreeMap<String, BTreeSet<String>>,
    lost: Tally,
    deleted: Tally,
    left: BTreeMap<String, Tally>,
    /// How it was before the first that was counted, of whatever kind.
    begun: Option<State>,
    /// How it was before the burst, while the brake holds or refuses.
    pub tripped: Option<State>,
    /// More users than this, or members of one group, trip the brake.
    pub limit: usize,
    /// Whether it refuses, and does not hold.
    pub refuses: bool,
    /// Whether it is taken out of the settings. What has tripped stays so.
    pub is_out: bool,
    /// Who was deactivated or deleted meanwhile, and is not counted.
    uncounted: BTreeSet<String>,
    made: usize,
}

impl Model {
    /// Nobody is there. `refuses` is how the brake stops.
    pub fn new(refuses: bool) -> Self {
        let (now, users, groups, lost, deleted, left) = Default::default();
        let (begun, tripped, is_out, uncounted, made) = Default::default();
        Self { now, users, groups, lost, deleted, left, begun, tripped, limit: LIMIT, refuses, is_out, uncounted, made }
    }
}

impl State {
    fn of_groups(&self, user: &str) -> BTreeSet<String> {
        self.groups.iter().filter(|(_, members)| members.contains(user)).map(|(id, _)| id.clone()).collect()
    }

    pub async fn read(client: &Client) -> Self {
        let mut state = Self::default();
        for endpoint in ["/Users", "/Groups"] {
            let page = client.get(&format!("{endpoint}?count=1000")).await.expect(200).json;
            for one in page["Resources"].as_array().into_iter().flatten() {
                let text = |name: &str| one[name].as_str().map(str::to_owned);
                let id = text("id").expect("an id");
                if endpoint == "/Users" {
                    let (name, active) = (text("userName").expect("a name"), one["active"] != false);
                    state.users.insert(id, User { name, title: text("title"), active });
                } else {
                    let members = one["members"].as_array().into_iter().flatten();
                    let members = members.map(|member| member["value"].as_str().expect("an id").to_owned());
                    state.groups.insert(id, members.collect());
                }
            }
        }
        state
    }
}

impl Model {
    /// Counts what one write takes away. False if it is refused.
    pub fn count(&mut self, user: Option<(&str, bool, bool)>, group: Option<(&str, usize)>) -> bool {
        let is_loss = user.is_some_and(|(_, deactivates, deletes)| deactivates || deletes)
            || group.is_some_and(|(_, leaves)| leaves > 0);
        if self.tripped.is_some() {
            return !(self.refuses && is_loss);
        }
        if self.is_out {
            self.uncounted.extend(user.map(|(id, ..)| id.to_owned()));
            return true;
        }
        let limit = self.limit;
        let before = self.begun.clone().unwrap_or_else(|| self.now.clone());
        if is_loss {
            self.begun = Some(before.clone());
        }
        let over = |tally: &mut Tally, who: Option<&str>, leaves: usize| {
            let mut counted = tally.clone();
            counted.who.extend(who.map(str::to_owned));
            counted.leaves += leaves;
            if counted.who.len() > limit || counted.leaves > limit {
                return Some(before.clone());
            }
            *tally = counted;
            None
        };
        let mut trip = None;
        if let Some((id, deactivates, deletes)) = user {
            if deactivates {
                trip = over(&mut self.lost, Some(id), 0);
            }
            if deletes && trip.is_none() {
                trip = over(&mut self.deleted, Some(id), 0);
            }
        }
        if let Some((id, leaves)) = group.filter(|(_, leaves)| *leaves > 0) {
            trip = trip.or_else(|| over(self.left.entry(id.to_owned()).or_default(), None, leaves));
        }
        self.tripped = trip;
        !(self.refuses && self.tripped.is_some())
    }

    /// The users of whom something is counted.
    pub fn counted(&self) -> BTreeSet<String> {
        let before = self.tripped.iter().flat_map(|before| before.users.keys());
        let counted = self.lost.who.iter().chain(&self.deleted.who).chain(&self.uncounted);
        before.chain(counted).cloned().collect()
    }

    /// Lets everything go on, and counts anew by another limit.
    pub fn approve(&mut self) {
        (self.lost, self.deleted, self.left, self.begun, self.uncounted) = Default::default();
        self.tripped = None;
        self.limit = if self.limit == LIMIT { LIMIT + 1 } else { LIMIT };
    }

    pub fn delete_user(&mut self, id: &str) {
        let groups = self.now.of_groups(id);
        let Some(user) = self.now.users.remove(id) else { return };
        for group in &groups {
            self.now.groups.get_mut(group).expect("a group").remove(id);
        }
        self.users.insert(id.to_owned(), (user, groups));
    }

    pub fn restore_user(&mut self, id: &str) {
        let Some((user, groups)) = self.users.remove(id) else { return };
        self.now.users.insert(id.to_owned(), user);
        for group in groups {
            if let Some(members) = self.now.groups.get_mut(&group).or_else(|| self.groups.get_mut(&group)) {
                members.insert(id.to_owned());
            }
        }
    }

    pub fn restore_group(&mut self, id: &str) {
        let Some(mut members) = self.groups.remove(id) else { return };
        members.retain(|member| {
            if let Some((_, groups)) = self.users.get_mut(member) {
                groups.insert(id.to_owned());
            }
            self.now.users.contains_key(member)
        });
        self.now.groups.insert(id.to_owned(), members);
    }

    /// All that has happened since was put back: what was counted of it began there.
    fn undo_all(&mut self, before: State) {
        [&mut self.begun, &mut self.tripped].into_iter().flatten().for_each(|begun| begun.clone_from(&before));
        self.now = before;
    }

    /// Who has come since the burst began, too, is put back if the burst takes them away.
    pub fn come(&mut self) {
        for before in [&mut self.begun, &mut self.tripped].into_iter().flatten() {
            for (id, user) in &self.now.users {
                before.users.entry(id.clone()).or_insert_with(|| user.clone()).active |= user.active;
            }
            for (id, members) in &self.now.groups {
                before.groups.entry(id.clone()).or_default().extend(members.iter().cloned());
            }
        }
    }

    /// What went since the burst began is there again, and nothing is counted.
    pub fn undo_losses(&mut self) {
        let Some(before) = self.tripped.take() else { return };
        for id in before.users.keys().filter(|id| !self.now.users.contains_key(*id)).cloned().collect::<Vec<_>>() {
            self.restore_user(&id);
        }
        for id in before.groups.keys().filter(|id| !self.now.groups.contains_key(*id)).cloned().collect::<Vec<_>>() {
            self.restore_group(&id);
        }
        for (id, user) in &mut self.now.users {
            user.active |= before.users.get(id).is_none_or(|before| before.active);
        }
        for (group, members) in before.groups {
            let there = members.into_iter().filter(|member| self.now.users.contains_key(member)).collect::<Vec<_>>();
            self.now.groups.entry(group).or_default().extend(there);
        }
        (self.lost, self.deleted, self.left, self.begun, self.uncounted) = Default::default();
    }
}

struct World<'a> {
    server: &'a TestServer,
    client: Client,
    model: Model,
    random: StdRng,
    /// Who may return: those who were deleted since the last undo.
    recent: BTreeSet<String>,
    /// While all is to be put back: how it was before. An administrator restores, too, and a loss is of what was there:
    /// what the burst took away that came in between is put back, although the undo has taken it away before.
    begun: Option<State>,
}

impl World<'_> {
    fn any(&mut self, among: impl Iterator<Item = String>) -> Option<String> {
        among.choose(&mut self.random)
    }

    async fn step(&mut self) {
        self.model.come();
        let user = self.any(self.model.now.users.keys().cloned().collect::<Vec<_>>().into_iter());
        let group = self.any(self.model.now.groups.keys().cloned().collect::<Vec<_>>().into_iter());
        let recent = self.any(self.recent.clone().into_iter());
        match (self.random.random_range(0..12), user, group, recent) {
            (0..=2, ..) | (_, None, ..) => self.make_user().await,
            (3, ..) | (_, _, None, _) => self.make_group().await,
            (4, .., Some(id)) if self.begun.is_some() => self.restore(&id),
            (5 | 6, Some(user), ..)
                if !self.model.now.users[&user].active
                    || self.was(|begun, _| begun.users.get(&user).is_some_and(|user| user.active)) =>
            {
                self.set_active(&user).await;
            }
            (7, Some(user), ..) => self.set_title(&user).await,
            (8, Some(user), ..)
                if self.was(|begun, now| {
                    begun.of_groups(&user) == now.of_groups(&user) && begun.users.contains_key(&user)
                }) =>
            {
                self.client.delete(&format!("/Users/{user}")).await.expect(204);
                let is_active = self.model.now.users[&user].active;
                self.model.count(Some((&user, is_active, true)), None);
                self.model.delete_user(&user);
                self.recent.insert(user);
            }
            (9, _, Some(group), _) if self.was(|begun, now| begun.groups.get(&group) == now.groups.get(&group)) => {
                self.client.delete(&format!("/Groups/{group}")).await.expect(204);
                let members = self.model.now.groups[&group].clone();
                self.model.count(None, Some((&group, members.len())));
                self.model.now.groups.remove(&group);
                self.model.groups.insert(group.clone(), members);
                self.recent.insert(group);
            }
            (10, Some(user), Some(group), _)
                if self.was(|begun, _| begun.groups.get(&group).is_some_and(|members| members.contains(&user))) =>
            {
                let leave = json!([{"op": "remove", "path": format!("members[value eq \"{user}\"]")}]);
                let was_in = self.model.now.groups[&group].contains(&user);
                self.client.patch(&format!("/Groups/{group}"), &leave).await;
                self.model.count(None, Some((&group, usize::from(was_in))));
                self.model.now.groups.get_mut(&group).expect("a group").remove(&user);
            }
            (_, Some(user), Some(group), _) => {
                let join = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
                self.client.patch(&format!("/Groups/{group}"), &join).await.expect(200);
                self.model.now.groups.get_mut(&group).expect("a group").insert(user);
            }
        }
    }

    /// Whether it was so when that began which is to be put back.
    fn was(&self, so: impl Fn(&State, &State) -> bool) -> bool {
        self.begun.as_ref().is_none_or(|begun| so(begun, &self.model.now))
    }

    /// A new one; or one of the recently deleted, by its `externalId`, which is made of its first name.
    async fn make_user(&mut self) {
        self.model.made += 1;
        let back = self.any(self.recent.clone().into_iter()).filter(|_| self.random.random_bool(0.4));
        let back = back.filter(|id| self.model.users.contains_key(id));
        let name = match &back {
            Some(id) => self.model.users[id].0.name.clone(),
            None => format!("user{}", self.model.made),
        };
        let body = json!({"schemas": [USER], "userName": name, "externalId": format!("e-{name}"), "active": true});
        let id = self.client.post("/Users", &body).await.expect(201).id();
        if let Some(back) = back {
            assert_eq!(id, back);
            self.recent.remove(&id);
            self.model.restore_user(&id);
        }
        self.model.now.users.insert(id, User { name, title: None, active: true });
    }

    async fn make_group(&mut self) {
        self.model.made += 1;
        let body = json!({"schemas": [GROUP], "displayName": format!("group{}", self.model.made)});
        let id = self.client.post("/Groups", &body).await.expect(201).id();
        self.model.now.groups.insert(id, BTreeSet::new());
    }

    fn restore(&mut self, id: &str) {
        let kind = if self.model.users.contains_key(id) { "user" } else { "group" };
        self.server.run_json(&[kind, "restore", "--tenant", "test", id, "--json"]);
        self.recent.remove(id);
        if kind == "user" { self.model.restore_user(id) } else { self.model.restore_group(id) }
    }

    async fn set_active(&mut self, id: &str) {
        let is_active = self.model.now.users[id].active;
        let operations = json!([{"op": "replace", "path": "active", "value": !is_active}]);
        self.client.patch(&format!("/Users/{id}"), &operations).await.expect(200);
        if is_active {
            self.model.count(Some((id, true, false)), None);
        }
        self.model.now.users.get_mut(id).expect("a user").active = !is_active;
    }

    async fn set_title(&mut self, id: &str) {
        let title = format!("t{}", self.random.random_range(0..9));
        let operations = json!([{"op": "add", "path": "title", "value": title}]);
        self.client.patch(&format!("/Users/{id}"), &operations).await.expect(200);
        self.model.now.users.get_mut(id).expect("a user").title = Some(title);
    }

    /// Deactivates users until the brake has tripped.
    async fn trip(&mut self) {
        while self.model.tripped.is_none() {
            self.model.come();
            let active = self.model.now.users.iter().filter(|(_, user)| user.active).map(|(id, _)| id.clone());
            match active.collect::<Vec<_>>().first() {
                Some(id) => self.set_active(id).await,
                None => self.make_user().await,
            }
        }
    }

    fn brake(&self, what: &str) -> Value {
        self.server.run_json(&["brake", what, "--tenant", "test", "--json"])
    }

    async fn agrees(&self, seed: u64) {
        let stands = self.brake("show");
        assert_eq!(stands["state"] == "tripped", self.model.tripped.is_some(), "seed {seed}: {stands}");
        assert_eq!(State::read(&self.client).await, self.model.now, "seed {seed}");
    }
}

#[tokio::test]
async fn any_history_ends_in_the_state_that_the_model_says() {
    for seed in 0..8 {
        let server = TestServer::with(Options::settings(json!({"brake": {"users": LIMIT, "window": "30d"}})));
        let mut world = World {
            client: server.client(),
            server: &server,
            model: Model::new(false),
            random: StdRng::seed_from_u64(seed),
            recent: BTreeSet::new(),
            begun: None,
        };
        for _ in 0..3 {
            // Everything is put back, whoever did it.
            world.begun = Some(world.model.now.clone());
            let (before, since) = (world.model.now.clone(), newest(&server));
            let kept = (world.model.users.clone(), world.model.groups.clone());
            for _ in 0..8 {
                world.step().await;
            }
            world.agrees(seed).await;
            let done = attempt(&server, &["--since", &since]);
            assert_eq!(done["refused"], json!([]), "seed {seed}");
            world.model.undo_all(before);
            (world.model.users, world.model.groups) = kept;
            world.recent.clear();
            world.agrees(seed).await;
            // Only what went is put back.
            world.begun = None;
            for _ in 0..16 {
                world.step().await;
            }
            world.trip().await;
            world.model.come();
            world.agrees(seed).await;
            let done = world.brake("undo");
            assert_eq!(done["refused"], json!([]), "seed {seed}");
            world.model.undo_losses();
            world.recent.clear();
            world.agrees(seed).await;
        }
        assert_eq!(server.run_json(&["check", "--json"]), json!([]), "seed {seed}");
    }
}
