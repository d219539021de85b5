//! What a store is like that is read and written for long: the slowest requests, the memory, the disk.

use super::{
    client::{Answer, Until},
    people::{Tenant, retitle},
    report::Row,
    scenario::{Bench, measure, same},
    stage::Stage,
};

/// One request in five writes.
const WRITES: usize = 5;

impl Bench<'_> {
    /// Reads and writes of users at random, together.
    pub async fn mixed(&mut self, tenant: &Tenant) {
        if !self.wants("mixed") {
            return;
        }
        let request = |n: usize, out: &mut Vec<u8>| {
            let user = tenant.pick(n);
            let path = format!("/Users/{}", tenant.id(user));
            match n % WRITES {
                0 => tenant.send("PATCH", &path, &retitle(n), out),
                1 => tenant.find("/Users", &format!("userName eq \"user{user}@example.com\""), "", out),
                _ => tenant.get(&path, out),
            }
        };
        let check = |n: usize, answer: &Answer<'_>| same(tenant.id(tenant.pick(n)), answer);
        let until = Until::Seconds(self.options.mixed);
        let run = measure(&self.server, 0, until, &request, &check).await;
        let longest = run.latencies.iter().max().copied().unwrap_or_default() as f64 / 1e6;
        self.row(Row::new("mixed load, one in five a PATCH", tenant.size, &[run], &[]));
        self.figure("longest wait under mixed load", longest, "ms");
        self.figure("memory after mixed load", self.server.memory("VmRSS") as f64 / f64::from(1 << 20), "MiB");
    }

    /// As many changes as there are users: what they leave on the disk.
    pub async fn grown(&mut self, tenant: &Tenant, stage: &Stage) {
        if !self.wants("disk") {
            return;
        }
        let users = tenant.ids.borrow().len().max(1) as f64;
        self.figure("disk for each user", stage.size() as f64 / users, "bytes");
        let patch = |n: usize, out: &mut Vec<u8>| {
            tenant.send("PATCH", &format!("/Users/{}", tenant.id(tenant.pick(n))), &retitle(n), out);
        };
        let check = |n: usize, answer: &Answer<'_>| same(tenant.id(tenant.pick(n)), answer);
        let run = measure(&self.server, 0, Until::Requests(self.options.patches), &patch, &check).await;
        self.row(Row::new("PATCH user, for the disk", self.options.patches, &[run], &[]));
        self.figure("disk for each user, after these", stage.size() as f64 / users, "bytes");
    }
}
