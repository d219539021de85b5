//! GET of one resource (RFC 7644 §3.4.1).

use std::sync::Arc;

use scim_protocol::{Error, message::Query, schema::ResourceType};

use super::{Answer, Condition, Context, Operations, Outcome, view};

impl Operations {
    /// Shows a resource, unless the client has this version already (`If-None-Match`).
    pub async fn retrieve(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: &str,
        query: &Query,
        unless: &Condition,
    ) -> Result<Answer, Error> {
        let view = view(context, rt, query)?;
        let (key, record) = self.find(context, rt, id).await?;
        if unless.names(record.header.version) == Some(true) {
            return Ok(Answer::about(context, Outcome::NotModified, &key, record.header.version));
        }
        self.show(context, Outcome::Ok, &key, record, &view).await
    }
}
