//! Tenants with their users, and clients that ask for them and change them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::server::{Client, ENTERPRISE, Response, USER, patch_body};

/// A tenant, and how many users it is filled with.
pub struct Account {
    pub id: String,
    pub name: String,
    pub token: String,
    pub users: usize,
}

impl Account {
    pub fn base(&self, origin: &str) -> String {
        format!("{origin}/{}/scim/v2", self.id)
    }
}

/// What was called, and how long that took.
#[derive(Default)]
pub struct Calls {
    pub times: BTreeMap<&'static str, Vec<Duration>>,
    pub refused: usize,
}

impl Calls {
    pub fn all(&self) -> usize {
        self.times.values().map(Vec::len).sum()
    }

    /// Those of all workers, who begin anew.
    pub fn taken(workers: &mut [Worker]) -> Self {
        let mut all = Self::default();
        for worker in workers {
            let calls = std::mem::take(&mut worker.calls);
            all.refused += calls.refused;
            for (kind, times) in calls.times {
                all.times.entry(kind).or_default().extend(times);
            }
        }
        all
    }
}

/// A client of all tenants, with users of its own in each: so it knows what they must be.
pub struct Worker {
    place: usize,
    clients: Vec<Client>,
    /// How many users it makes in each tenant when it fills them.
    shares: Vec<usize>,
    /// Its users: the tenant's number, the id, the name's number, and the `title` that was last acknowledged.
    users: Vec<(usize, String, usize, String)>,
    made: usize,
    random: u64,
    calls: Calls,
}

impl Worker {
    pub fn new(place: usize, origin: &str, accounts: &[Account]) -> Self {
        Self {
            place,
            clients: accounts.iter().map(|one| Client::new(&one.base(origin), &one.token)).collect(),
            shares: accounts.iter().map(|one| one.users.div_ceil(super::WORKERS)).collect(),
            users: Vec::new(),
            made: 0,
            random: place as u64 * 0x9e37_79b9 + 1,
            calls: Calls::default(),
        }
    }

    /// Its users of a tenant, with what they must have as `title`.
    pub fn users_of(&self, account: usize) -> impl Iterator<Item = (&String, &String)> {
        self.users.iter().filter(move |(of, ..)| *of == account).map(|(_, id, _, title)| (id, title))
    }

    /// Makes its users, a few in each tenant in turn.
    pub async fn fill(&mut self) {
        let most = self.shares.iter().copied().max().unwrap_or(0);
        for round in 0..most {
            for account in 0..self.shares.len() {
                if round < self.shares[account] {
                    self.create(account).await;
                }
            }
        }
    }

    /// Of ten calls six read a user, two look for one by name, one changes one, and one makes one.
    pub async fn work(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let which = self.below(self.users.len());
            let (account, id, name, title) = self.users[which].clone();
            match self.below(10) {
                0..6 => {
                    let user = self.call("get", account, "GET", &format!("/Users/{id}"), None).await.expect(200);
                    assert_eq!(user.json["title"].as_str(), Some(title.as_str()));
                }
                6..8 => {
                    let path = format!("/Users?filter=userName%20eq%20%22{}%22", self.name(name));
                    let found = self.call("search", account, "GET", &path, None).await.expect(200);
                    assert_eq!(found.ids(), [id]);
                }
                8 => {
                    let title = format!("title {}", self.below(1 << 30));
                    let patch = patch_body(&json!([{"op": "replace", "path": "title", "value": title}])).to_string();
                    self.call("patch", account, "PATCH", &format!("/Users/{id}"), Some(patch)).await.expect(200);
                    self.users[which].3 = title;
                }
                _ => self.create(account).await,
            }
        }
    }

    async fn create(&mut self, account: usize) {
        let (number, name) = (self.made, self.name(self.made));
        self.made += 1;
        let body = json!({
            "schemas": [USER, ENTERPRISE],
            "userName": name,
            "externalId": format!("00u{name}"),
            "name": {"givenName": "Barbara", "familyName": format!("Jensen {number}")},
            "displayName": format!("Barbara Jensen {name}"),
            "title": "Tour Guide",
            "emails": [{"value": name, "type": "work", "primary": true}],
            "phoneNumbers": [{"value": "+1 555 555 5555", "type": "work"}],
            "active": true,
            ENTERPRISE: {"employeeNumber": number.to_string(), "department": "Tours", "costCenter": "4130"},
        });
        let made = self.call("post", account, "POST", "/Users", Some(body.to_string())).await.expect(201);
        self.users.push((account, made.id(), number, "Tour Guide".to_owned()));
    }

    fn name(&self, number: usize) -> String {
        format!("bjensen-{}-{number}@example.com", self.place)
    }

    /// One call; while it is answered 503, it is sent again as soon as the answer says.
    async fn call(
        &mut self,
        kind: &'static str,
        account: usize,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Response {
        let client = &self.clients[account];
        let bearer = client.authorization();
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
        let begun = Instant::now();
        loop {
            let answer = client.send(method, path, &headers, body.clone()).await;
            if answer.status != 503 {
                self.calls.times.entry(kind).or_default().push(begun.elapsed());
                return answer;
            }
            self.calls.refused += 1;
            let seconds = answer.header("retry-after").parse().expect("Retry-After");
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }

    /// A number below that one (xorshift, so that a run can be repeated).
    fn below(&mut self, end: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % end.max(1) as u64).unwrap_or(0)
    }
}
