//! Many clients at once: nothing that was acknowledged is lost, and nothing happens twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::server::{Client, GROUP, Options, TestServer, USER};

/// Connections at a time. Each client has connections of its own.
const CONNECTIONS: usize = 32;

fn clients(server: &TestServer) -> Vec<Client> {
    (0..CONNECTIONS).map(|_| server.client()).collect()
}

async fn users(client: &Client, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(client.user(&format!("user-{n}")).await);
    }
    ids
}

/// Entra ID adds members in parallel. Servers that read a group, change it and write it back were
/// measured to lose 289 to 319 of 320 acknowledged additions.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_320_acknowledged_additions_320_are_there() {
    let server = TestServer::start();
    let clients = clients(&server);
    let users = users(&clients[0], 320).await;
    let group = clients[0].group("everybody", &[]).await;

    let work = users.chunks(10).zip(&clients).map(|(users, client)| {
        let path = format!("/Groups/{group}?attributes=id");
        async move {
            for (n, user) in users.iter().enumerate() {
                let member = json!([{"value": user}]);
                // Both ways in which providers write it.
                let op = if n % 2 == 0 { "add" } else { "Add" };
                client.patch(&path, &json!([{"op": op, "path": "members", "value": member}])).await.expect(200);
            }
        }
    });
    join_all(work).await;

    let members: BTreeSet<_> = clients[0].members(&group).await.into_iter().collect();
    assert_eq!(members, users.iter().cloned().collect());
    for user in users.iter().step_by(50) {
        let user = clients[0].get(&format!("/Users/{user}")).await.expect(200);
        assert_eq!(user.json["groups"][0]["value"], group.as_str(), "{}", user.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn additions_and_removals_do_not_disturb_each_other() {
    let server = TestServer::start();
    let clients = clients(&server);
    let users = users(&clients[0], 64).await;
    let (leaving, coming) = users.split_at(32);
    let group = clients[0].group("changing", leaving).await;

    let work = clients.iter().enumerate().map(|(n, client)| {
        let path = format!("/Groups/{group}?attributes=id");
        let operations = json!([
            {"op": "remove", "path": format!("members[value eq \"{}\"]", leaving[n])},
            {"op": "add", "path": "members", "value": [{"value": coming[n]}]},
        ]);
        async move { client.patch(&path, &operations).await.expect(200) }
    });
    join_all(work).await;

    let members: BTreeSet<_> = clients[0].members(&group).await.into_iter().collect();
    assert_eq!(members, coming.iter().cloned().collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_creates_of_one_name_one_succeeds() {
    let server = TestServer::start();
    let clients = clients(&server);
    for (endpoint, schema, attribute) in [("/Users", USER, "userName"), ("/Groups", GROUP, "displayName")] {
        let work = clients.iter().enumerate().map(|(n, client)| {
            // Uniqueness does not look at case.
            let name = if n % 2 == 0 { "The-Same@Example.com" } else { "the-same@example.com" };
            let body = json!({"schemas": [schema], attribute: name});
            async move { client.post(endpoint, &body).await }
        });
        let mut statuses = BTreeMap::<u16, usize>::new();
        for answer in join_all(work).await {
            *statuses.entry(answer.status).or_default() += 1;
            if answer.status != 201 {
                answer.expect_error(409, Some("uniqueness"));
            }
        }
        assert_eq!(statuses, BTreeMap::from([(201, 1), (409, CONNECTIONS - 1)]), "{endpoint}");
        let list = clients[0].get(endpoint).await.expect(200);
        assert_eq!(list.json["totalResults"], 1);
    }
}

/// The check of `If-Match` and the write are one step.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writes_with_one_version_one_succeeds() {
    let server = TestServer::start();
    let clients = clients(&server);
    let user = clients[0].user("versioned").await;
    let path = format!("/Users/{user}");
    for round in 0..10 {
        let version = clients[0].get(&path).await.expect(200).header("etag").to_owned();
        let work = clients.iter().enumerate().map(|(n, client)| {
            let (path, version) = (&path, &version);
            async move {
                let title = format!("round {round}, client {n}");
                let headers = [("if-match", version.as_str())];
                let answer = if n % 2 == 0 {
                    let body = crate::server::patch_body(&json!([{"op": "replace", "path": "title", "value": title}]));
                    client.request("PATCH", path, &headers, Some(&body)).await
                } else {
                    let body = json!({"schemas": [USER], "userName": "versioned", "title": title});
                    client.request("PUT", path, &headers, Some(&body)).await
                };
                (title, answer)
            }
        });
        let mut written = Vec::new();
        for (title, answer) in join_all(work).await {
            match answer.status {
                200 => written.push(title),
                _ => drop(answer.expect_error(412, None)),
            }
        }
        assert_eq!(written.len(), 1, "{written:?}");
        assert_eq!(clients[0].get(&path).await.json["title"], written[0].as_str());
    }
}

/// Without `If-Match` every PATCH is carried out on what is there then.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_patches_of_one_user_are_all_carried_out() {
    let server = TestServer::start();
    let clients = clients(&server);
    let user = clients[0].user("busy").await;
    let path = format!("/Users/{user}");
    let work = clients.iter().enumerate().map(|(n, client)| {
        let path = &path;
        let email = json!([{"value": format!("{n}@example.com"), "type": "work"}]);
        async move { client.patch(path, &json!([{"op": "add", "path": "emails", "value": email}])).await.expect(200) }
    });
    join_all(work).await;
    let user = clients[0].get(&path).await.expect(200);
    assert_eq!(user.json["emails"].as_array().map(Vec::len), Some(CONNECTIONS), "{}", user.text);
}

/// A user is deleted while others add it to groups: no group shows a member that is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deleted_user_is_in_no_group() {
    let server = TestServer::start();
    let clients = clients(&server);
    let user = clients[0].user("leaving").await;
    let mut groups = Vec::new();
    for n in 0..CONNECTIONS {
        groups.push(clients[0].group(&format!("group-{n}"), &[]).await);
    }
    let work = clients.iter().zip(&groups).enumerate().map(|(n, (client, group))| {
        let (user, path) = (&user, format!("/Groups/{group}"));
        async move {
            if n == CONNECTIONS / 2 {
                client.delete(&format!("/Users/{user}")).await.expect(204);
            } else {
                let answer =
                    client.patch(&path, &json!([{"op": "add", "path": "members", "value": [{"value": user}]}])).await;
                assert!([200, 204, 400, 404].contains(&answer.status), "{} {}", answer.status, answer.text);
            }
        }
    });
    join_all(work).await;
    for group in &groups {
        assert!(clients[0].members(group).await.is_empty());
    }
    let held = clients[0].get(&format!("/Groups?filter=members.value%20eq%20%22{user}%22")).await.expect(200);
    assert_eq!(held.json["totalResults"], 0, "{}", held.text);
}

/// Of many creations at the same time, as many succeed as there is room for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_quota_is_never_passed() {
    let server = TestServer::with(Options::settings(json!({"quotas": {"User": 5}})));
    let clients = clients(&server);
    let bodies: Vec<_> =
        (0..clients.len()).map(|n| json!({"schemas": [USER], "userName": format!("user-{n}")})).collect();
    let answers = join_all(clients.iter().zip(&bodies).map(|(client, body)| client.post("/Users", body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 5);
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        let refused = refused.expect_error(403, None);
        assert!(refused.text.contains("quota allows: 5."), "{}", refused.text);
    }
    let found = clients[0].get("/Users?count=0").await.expect(200);
    assert_eq!(found.json["totalResults"], 5);
}

/// Something that one writer counts up: how far it has asked to, and how far it was answered.
#[derive(Default)]
struct Counted {
    begun: AtomicU64,
    answered: AtomicU64,
}

impl Counted {
    /// Counts up by a request, which is told the new number.
    async fn up(&self, request: impl AsyncFnOnce(u64)) {
        let next = self.begun.fetch_add(1, SeqCst) + 1;
        request(next).await;
        self.answered.store(next, SeqCst);
    }

    /// Asserts that what was shown is no older than what was answered before the question, and no newer than what
    /// was begun before the answer.
    #[track_caller]
    fn agrees(&self, answered: u64, shown: impl Fn(u64) -> bool, what: &Value) {
        let begun = self.begun.load(SeqCst);
        assert!((answered..=begun).any(shown), "{answered} to {begun} were to be shown: {what}");
    }

    fn answered(&self) -> u64 {
        self.answered.load(SeqCst)
    }
}

const SHOWN_USERS: usize = 3;
const SHOWN_GROUPS: usize = 2;
const SHOWN_WRITES: usize = 60;

/// Users and groups that many write to and many look at.
struct Scene {
    users: Vec<String>,
    groups: Vec<String>,
    titles: [Counted; SHOWN_USERS],
    names: [Counted; SHOWN_GROUPS],
    /// A member at odd numbers.
    edges: [[Counted; SHOWN_GROUPS]; SHOWN_USERS],
    ended: AtomicBool,
}

/// The name of a group that was renamed so often.
fn name_of(group: usize, count: u64) -> String {
    format!("{} {count}", ["a", "b"][group])
}

async fn change(client: &Client, path: String, operation: Value) {
    let status = client.patch(&path, &json!([operation])).await.status;
    assert!(matches!(status, 200 | 204), "{status}");
}

impl Scene {
    async fn retitle(&self, client: &Client) {
        for _ in 0..SHOWN_WRITES {
            let n = rand::random_range(0..SHOWN_USERS);
            let to = |next: u64| json!({"op": "replace", "path": "title", "value": next.to_string()});
            self.titles[n].up(async |next| change(client, format!("/Users/{}", self.users[n]), to(next)).await).await;
        }
    }

    async fn rename(&self, client: &Client) {
        for _ in 0..SHOWN_WRITES {
            let n = rand::random_range(0..SHOWN_GROUPS);
            let to = |next| json!({"op": "replace", "path": "displayName", "value": name_of(n, next)});
            self.names[n].up(async |next| change(client, format!("/Groups/{}", self.groups[n]), to(next)).await).await;
        }
    }

    async fn regroup(&self, client: &Client) {
        for _ in 0..SHOWN_WRITES {
            let (user, group) = (rand::random_range(0..SHOWN_USERS), rand::random_range(0..SHOWN_GROUPS));
            let id = &self.users[user];
            let to = |next: u64| match next % 2 {
                1 => json!({"op": "add", "path": "members", "value": [{"value": id}]}),
                _ => json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")}),
            };
            let path = || format!("/Groups/{}", self.groups[group]);
            self.edges[user][group].up(async |next| change(client, path(), to(next)).await).await;
        }
    }

    /// Looks at users, each time in one of the ways, until all is written.
    async fn look(&self, client: Client) {
        while !self.ended.load(SeqCst) {
            let n = rand::random_range(0..SHOWN_USERS);
            let title = self.titles[n].answered();
            let (names, edges) = (self.names.each_ref().map(Counted::answered), &self.edges[n]);
            let members = edges.each_ref().map(Counted::answered);
            let shown = match rand::random_range(0..3) {
                0 => client.get(&format!("/Users/{}", self.users[n])).await.expect(200).json,
                1 => {
                    let filter = format!("userName eq \"user-{n}\"");
                    client.find("/Users", &filter).await.expect(200).json["Resources"][0].take()
                }
                _ => client.get("/Users").await.expect(200).json["Resources"][n].take(),
            };
            let its_title = shown["title"].as_str().map_or(0, |text| text.parse().expect("a number"));
            self.titles[n].agrees(title, |count| count == its_title, &shown);
            for group in 0..SHOWN_GROUPS {
                let mut listed = shown["groups"].as_array().into_iter().flatten();
                let found = listed.find(|one| one["value"] == *self.groups[group]);
                edges[group].agrees(members[group], |count| (count % 2 == 1) == found.is_some(), &shown);
                if let Some(found) = found {
                    self.names[group].agrees(names[group], |count| found["display"] == name_of(group, count), &shown);
                }
            }
        }
    }
}

/// Readers that see the same users again and again, beside writers of the users, of the names of their groups and of
/// who is a member: whatever the server keeps of what it has shown, nobody sees it when it is old.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_shown_is_never_old() {
    let server = TestServer::start();
    let client = server.client();
    let scene = Scene {
        users: users(&client, SHOWN_USERS).await,
        groups: join_all((0..SHOWN_GROUPS).map(async |n| client.group(&name_of(n, 0), &[]).await)).await,
        titles: Default::default(),
        names: Default::default(),
        edges: Default::default(),
        ended: AtomicBool::new(false),
    };
    let write = async {
        futures_util::future::join3(scene.retitle(&client), scene.rename(&client), scene.regroup(&client)).await;
        scene.ended.store(true, SeqCst);
    };
    futures_util::future::join(write, join_all((0..4).map(|_| scene.look(server.client())))).await;
}

/// Readers of the same pages beside somebody who comes and goes: the server keeps which resources are on a page, and
/// nobody sees a page when it is old.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_page_is_never_old() {
    const STAYING: usize = 3;
    let server = TestServer::start();
    let client = server.client();
    let staying = users(&client, STAYING).await;
    let (guest, titles) = (Counted::default(), Counted::default());
    let ended = AtomicBool::new(false);
    let come_and_go = async {
        let mut here = String::new();
        for _ in 0..SHOWN_WRITES {
            let come_or_go = async |next: u64| {
                if next % 2 == 1 {
                    here = client.user("guest").await;
                } else {
                    client.delete(&format!("/Users/{here}")).await.expect(204);
                }
            };
            guest.up(come_or_go).await;
            let title = |next: u64| json!({"op": "replace", "path": "title", "value": next.to_string()});
            titles.up(async |next| change(&client, format!("/Users/{}", staying[0]), title(next)).await).await;
        }
        ended.store(true, SeqCst);
    };
    let look = async |client: Client, path: &str| {
        while !ended.load(SeqCst) {
            let (guests, titled) = (guest.answered(), titles.answered());
            let page = client.get(path).await.expect(200).json;
            let listed = page["Resources"].as_array().expect("resources");
            let is_here = listed.iter().any(|user| user["userName"] == "guest");
            guest.agrees(guests, |count| (count % 2 == 1) == is_here, &page);
            guest.agrees(guests, |count| page["totalResults"] == STAYING as u64 + count % 2, &page);
            if let Some(first) = listed.iter().find(|user| user["id"] == *staying[0]) {
                let title: u64 = first["title"].as_str().map_or(0, |title| title.parse().expect("a number"));
                titles.agrees(titled, |count| count == title, &page);
            }
        }
    };
    let paths = ["/Users", "/Users?cursor", "/Users?startIndex=1&count=50", "/Users?startIndex=3&count=50"];
    futures_util::future::join(come_and_go, join_all(paths.map(|path| look(server.client(), path)))).await;
    assert_eq!(client.get("/Users").await.expect(200).json["totalResults"], STAYING);
}
