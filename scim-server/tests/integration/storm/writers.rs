//! Writers: an endless mix of what providers do. Each notes what was acknowledged.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::{road::Road, text};
use crate::server::{GROUP, Response, USER, patch_body};

/// What all writers were told.
#[derive(Default)]
pub struct Written {
    /// How many writes were acknowledged.
    pub number: AtomicU64,
    /// Whether nobody is to write any more.
    pub ends: AtomicBool,
    subjects: Mutex<BTreeSet<String>>,
}

impl Written {
    /// The resource and the version of each acknowledged write, as its event must tell them.
    pub fn acknowledged(&self) -> BTreeSet<String> {
        self.subjects.lock().expect("what is written").clone()
    }

    fn note(&self, id: &str, version: &str) {
        self.subjects.lock().expect("what is written").insert(format!("{id} {version}"));
        self.number.fetch_add(1, Ordering::AcqRel);
    }
}

/// Users and groups that one writer has made.
#[derive(Default)]
struct Mine {
    users: Vec<String>,
    groups: Vec<String>,
    next: u64,
}

/// Writes until it is told to end.
pub async fn run(road: Road, writer: u32, written: Arc<Written>) {
    let mut mine = Mine::default();
    while !written.ends.load(Ordering::Acquire) {
        if mine.step(&road, writer, &written).await.is_none() {
            // The server is gone. What became of the request, nobody knows.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Mine {
    /// One write. `None` when no answer came.
    async fn step(&mut self, road: &Road, writer: u32, written: &Written) -> Option<()> {
        self.next += 1;
        let name = format!("w{writer}-{}-{}", self.next, rand::random::<u32>());
        let (user, group) = (pick(&self.users), pick(&self.groups));
        match (rand::random_range(0..10), user, group) {
            (0..3, ..) | (_, None, _) => {
                let made =
                    road.provision("POST", "/Users", Some(&json!({"schemas": [USER], "userName": name}))).await?;
                self.users.extend(noted(&made, 201, written));
            }
            (3, ..) | (_, _, None) => {
                let made =
                    road.provision("POST", "/Groups", Some(&json!({"schemas": [GROUP], "displayName": name}))).await?;
                self.groups.extend(noted(&made, 201, written));
            }
            (4..6, Some(user), _) => {
                let title = json!([{"op": "add", "path": "title", "value": name}]);
                patch(road, &format!("/Users/{user}"), &title, written).await?;
            }
            (6, Some(user), _) => {
                let active = json!([{"op": "add", "path": "active", "value": rand::random::<bool>()}, {"op": "add", "path": "title", "value": name}]);
                patch(road, &format!("/Users/{user}"), &active, written).await?;
            }
            (7..9, Some(user), Some(group)) => {
                let join = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
                patch(road, &format!("/Groups/{group}"), &join, written).await?;
            }
            (_, Some(user), _) => {
                self.users.retain(|other| *other != user);
                let gone = road.provision("DELETE", &format!("/Users/{user}"), None).await?;
                if gone.status == 204 {
                    written.note(&user, "");
                }
            }
        }
        Some(())
    }
}

async fn patch(road: &Road, path: &str, operations: &Value, written: &Written) -> Option<()> {
    let patched = road.provision("PATCH", path, Some(&patch_body(operations))).await?;
    noted(&patched, 200, written);
    Some(())
}

/// Notes a write that was acknowledged, and gives the id.
fn noted(response: &Response, status: u16, written: &Written) -> Option<String> {
    // Another status comes of a server that stops, or of a resource that a lost answer has removed.
    (response.status == status).then(|| {
        let id = text(&response.json, "/id");
        written.note(&id, &text(&response.json, "/meta/version"));
        id
    })
}

fn pick(ids: &[String]) -> Option<String> {
    (!ids.is_empty()).then(|| ids[rand::random_range(0..ids.len())].clone())
}
