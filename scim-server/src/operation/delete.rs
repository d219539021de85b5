//! DELETE (RFC 7644 §3.6).

use std::sync::Arc;

use scim_protocol::{Error, schema::ResourceType};

use super::{ATTEMPTS, Answer, Condition, Content, Context, Operations, Outcome, Preconditions, changed};
use crate::{
    event::Action,
    index,
    render::stored_document,
    store::{Commit, Expect, StoreError, Write},
};

impl Operations {
    /// Removes a resource: its document, its index entries, and its place in every group.
    pub async fn delete(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: &str,
        condition: &Preconditions,
    ) -> Result<Answer, Error> {
        let specs = context.caller.tenant().index_specs(&rt.name);
        for _ in 0..ATTEMPTS {
            let (key, record) = self.find(context, rt, id).await?;
            condition.require(record.header.version)?;
            let entries = index::entries(&key, &stored_document(&record)?, specs);
            let mut commit = Commit::new(key.clone(), context.event(Action::Delete, &key, Vec::new()));
            commit.expect.push(Expect::Version(key.clone(), record.header.version));
            commit.writes.extend(entries.into_iter().map(Write::Unindex));
            commit.writes.push(Write::Delete(key));
            match self.store.commit(commit).await {
                Ok(_) => return Ok(Answer::plain(Outcome::NoContent, Content::Nothing)),
                Err(StoreError::Conflict(_)) if condition.if_match == Condition::None => {}
                Err(StoreError::Conflict(_)) => return Err(changed()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict(self.find(context, rt, id).await?.0).into())
    }
}
