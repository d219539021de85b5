//! How long it takes to change groups of several sizes: figures for people, and never a verdict.
//!
//! A server that reads and writes a whole group for each member takes ten times as long for ten times as many.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::{
    context::{Context, Resource, Server},
    verdict::Stop,
};

/// How many users are made at a time.
const CLIENTS: usize = 8;
/// How many members a request adds while a group grows.
const CHUNK: usize = 500;
/// How often a change is measured. The median counts.
const ROUNDS: usize = 5;

/// Makes a group with so many members, one size after the other, and gives a sentence for each: how long it takes to
/// add a member and to remove it. All of it takes `most` at most: a size that is not measured by then is told as that.
pub async fn measure(server: &Arc<Server>, sizes: &[u32], most: Duration) -> Vec<String> {
    let end = Instant::now() + most;
    let mut sizes: Vec<_> = sizes.iter().filter_map(|size| usize::try_from(*size).ok()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut figures = Vec::new();
    let mut group = Growing { server, group: None, users: Vec::new(), members: 0 };
    for size in sizes {
        let left = end.saturating_duration_since(Instant::now());
        let measured = tokio::time::timeout(left, group.figures(size)).await;
        match measured.unwrap_or_else(|_| Err(group.too_slow(most))) {
            Ok([added, removed]) => figures.push(format!(
                "A group of {size} members: one more is added in {} ms, and removed in {} ms (medians of {ROUNDS}).",
                millis(added),
                millis(removed)
            )),
            Err(Stop::Error(why) | Stop::Skip(why) | Stop::Unmet(why)) => {
                figures.push(format!("A group of {size} members could not be measured. {why}"));
                break;
            }
        }
    }
    figures
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// A group, and the users who are or become its members.
struct Growing<'a> {
    server: &'a Arc<Server>,
    group: Option<Resource>,
    users: Vec<String>,
    members: usize,
}

impl Growing<'_> {
    fn too_slow(&self, most: Duration) -> Stop {
        Stop::Error(format!(
            "After {} s there were {} users and {} members: the server is too slow for that, and smaller groups can be \
             named with --measure-groups.",
            most.as_secs(),
            self.users.len(),
            self.members
        ))
    }

    /// The medians of adding and of removing a member, at that size.
    async fn figures(&mut self, size: usize) -> Result<[Duration; 2], Stop> {
        self.grow(size).await?;
        let Some(one_more) = self.users.get(size) else { return Err(Stop::Error("No user is left.".to_owned())) };
        let add = json!([{"op": "add", "path": "members", "value": [{"value": one_more}]}]);
        let remove = json!([{"op": "remove", "path": format!("members[value eq {}]", json!(one_more))}]);
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (operations, times) in [&add, &remove].into_iter().zip(&mut times) {
                let begun = Instant::now();
                self.change(operations).await?;
                times.push(begun.elapsed());
            }
        }
        Ok(times.map(|mut times| {
            times.sort_unstable();
            times.get(ROUNDS / 2).copied().unwrap_or_default()
        }))
    }

    /// Makes users, one more than `size`, and `size` of them members.
    async fn grow(&mut self, size: usize) -> Result<(), Stop> {
        let missing = (size + 1).saturating_sub(self.users.len());
        let server = self.server;
        let made = stream::iter(0..missing).map(|_| async move {
            let scim = Context::new(Arc::clone(server));
            Ok::<_, Stop>(scim.user().create().await?.id)
        });
        let mut made = made.buffer_unordered(CLIENTS);
        while let Some(id) = made.try_next().await? {
            self.users.push(id);
        }
        if self.group.is_none() {
            self.group = Some(Context::new(Arc::clone(self.server)).group().create().await?);
        }
        while self.members < size {
            let until = size.min(self.members + CHUNK);
            let joining = self.users.get(self.members..until).unwrap_or_default();
            let members: Vec<Value> = joining.iter().map(|id| json!({"value": id})).collect();
            self.change(&json!([{"op": "add", "path": "members", "value": members}])).await?;
            self.members = until;
        }
        Ok(())
    }

    async fn change(&self, operations: &Value) -> Result<(), Stop> {
        let scim = Context::new(Arc::clone(self.server));
        let Some(group) = &self.group else { return Err(Stop::Error("There is no group.".to_owned())) };
        scim.patch(&group.path, operations).await?.success()?;
        Ok(())
    }
}
