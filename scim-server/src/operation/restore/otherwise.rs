//! What is kept of a deleted resource is made another.

use std::collections::BTreeSet;

use scim_protocol::{Error, ErrorKind, schema::ResourceType};

use super::{Context, Kept, Operations};
use crate::{
    deleted, index,
    operation::recast::Keep,
    store::{ATTEMPTS, Commit, Expect, Record, StoreError, Write},
};

impl Operations {
    /// Keeps a deleted resource otherwise than it was kept. Nobody is told: to readers it is gone before and afterwards. Does
    /// nothing when nothing is kept of it any longer.
    pub(in super::super) async fn keep_otherwise(
        &self,
        context: &Context,
        rt: &ResourceType,
        kept: Kept,
        keep: &Keep,
    ) -> Result<(), Error> {
        let mut found = Some(kept);
        for _ in 0..ATTEMPTS {
            let Some(kept) = found else { return Ok(()) };
            let record = kept.deleted.record();
            let (body, _) = self.recast_to_keep(context, rt, (&kept.key, &record), keep)?;
            if body == record.body {
                return Ok(());
            }
            let key = deleted::key(&kept.key);
            let mut commit = Commit::unnoticed(key.clone());
            commit.expect.push(Expect::Version(key.clone(), kept.record.header.version));
            let body = kept.deleted.clone().with(&body)?.body()?;
            let entries =
                |record: &Record| Ok::<BTreeSet<_>, StoreError>(deleted::entries(&key, record)?.into_iter().collect());
            let before = entries(&kept.record)?;
            let after = entries(&Record { body: body.clone(), ..Record::default() })?;
            commit.writes.extend(index::difference(&before, &after));
            commit.writes.push(Write::Put(key.clone(), body));
            match self.store.commit(commit).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
            found = self.kept_of(kept.key).await?;
        }
        Err(Error::new(ErrorKind::Unavailable(1), "Others are changing what is kept of the resource. Try again."))
    }
}
