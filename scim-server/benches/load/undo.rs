//! How long it takes to put a burst back.

use std::time::Instant;

use super::{
    client::{Answer, Until},
    events::Feed,
    people::Tenant,
    scenario::{Bench, measure},
    stage::Stage,
};

/// Users who are deactivated.
const BURST: usize = 10_000;

impl Bench<'_> {
    /// Deactivates many users, and puts them back in one command.
    pub async fn undo(&mut self, tenant: &Tenant, stage: &Stage) {
        if !self.wants("undo") || tenant.size < BURST {
            return;
        }
        let feed = Feed::of(tenant, stage);
        let since = feed.newest(self.server.first()).await;
        let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}"#;
        let request = |n: usize, out: &mut Vec<u8>| {
            tenant.send("PATCH", &format!("/Users/{}", tenant.id(n)), body, out);
        };
        let done = |_: usize, answer: &Answer<'_>| match answer.status {
            200 => Ok(()),
            status => Err(format!("PATCH gave {status}: {}", String::from_utf8_lossy(answer.body))),
        };
        measure(&self.server, 0, Until::Requests(BURST), &request, &done).await;
        let started = Instant::now();
        let undone = stage.command(&["undo", "--tenant", &feed.tenant, "--since", &since.to_string(), "--json"]);
        let seconds = started.elapsed().as_secs_f64();
        assert_eq!(undone["undone"].as_array().map(Vec::len), Some(BURST), "users who were put back");
        self.figure("undo of 10,000 deactivations", seconds, "s");
    }
}
