//! What a commit on the system's records tells in the log of a tenant of another database.

use scim_protocol::Timestamp;

use super::Spread;
use crate::store::{
    Commit, ResourceId, Start, Store as _, StoreError, TenantId, TypeName,
    untold::{self, Untold},
};

/// For so many milliseconds the process that has made a commit tells of it itself.
pub(super) const ITS_OWN: i64 = 60 * 1000;
/// How many records are read at a time.
const PAGE: usize = 100;

impl Spread {
    /// Has a commit keep what it cannot tell itself; gives under which ids. `Erased` if it would tell something of a tenant
    /// that is gone.
    pub(super) async fn keep_untold(&self, commit: &mut Commit) -> Result<Vec<ResourceId>, StoreError> {
        let place = self.place(commit.target.tenant);
        let told = std::mem::take(&mut commit.told);
        let is_here = |(log, _): &(TenantId, _)| self.known(*log) == Some(place);
        let (here, elsewhere): (Vec<_>, Vec<_>) = told.into_iter().partition(is_here);
        commit.told = here;
        let mut ids = Vec::new();
        for (log, event) in elsewhere {
            if self.is_erased(log).await? {
                return Err(StoreError::Erased(log));
            }
            let (id, write) = Untold::kept(log, event)?;
            commit.writes.push(write);
            ids.push(id);
        }
        Ok(ids)
    }

    /// Tells what was kept. What cannot be told now is told later.
    pub(super) async fn tell(&self, ids: Vec<ResourceId>) {
        for id in ids {
            if let Err(error) = self.tell_one(id).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the log of a tenant in another database does not take an event; trying again");
            }
        }
    }

    /// Tells what processes that were killed have not told, and what databases did not take that were away. To be called
    /// now and then by one process.
    pub async fn tell_left(&self) -> Result<(), StoreError> {
        let old = self.clock.now().as_millis().saturating_sub(ITS_OWN);
        let mut from = Start::Offset(0);
        loop {
            let page = self.resources(TenantId::SYSTEM, &TypeName::from(untold::KIND), from, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            from = Start::After(*last);
            let is_left = |at: Timestamp| at.as_millis() <= old;
            let left = page.iter().filter(|(_, record)| is_left(record.header.created));
            self.tell(left.map(|(id, _)| *id).collect()).await;
        }
    }

    async fn tell_one(&self, id: ResourceId) -> Result<(), StoreError> {
        let first = self.at(0)?;
        let Some(record) = first.get(&untold::key(id)).await? else { return Ok(()) };
        let Untold { log, event } = Untold::from_record(id, &record)?;
        // A tenant that is gone has no log any more.
        if self.known(log).is_some() {
            match self.of(log)?.commit(Commit::note(log, event)).await {
                Ok(_) | Err(StoreError::Erased(_)) => {}
                Err(error) => return Err(error),
            }
        }
        match first.commit(Commit::removal(untold::key(id), Vec::new())).await {
            Ok(_) | Err(StoreError::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
