//! GET of one resource (RFC 7644 §3.4.1).

use scim_protocol::Error;

use super::{Answer, Asked, Operations, Outcome, view};
use crate::store::ResourceId;

impl Operations {
    /// Shows a resource, unless the client has this version already (`If-None-Match`), or wants another
    /// (`If-Match`).
    pub async fn retrieve(&self, asked: Asked<'_>) -> Result<Answer, Error> {
        let Asked { context, rt, id, query, preconditions } = asked;
        let is_plain = query.attributes.is_empty() && query.excluded_attributes.is_empty();
        if is_plain
            && preconditions.is_none()
            && let Some(id) = ResourceId::parse(id)
            && let Some(known) = self.shown.find(context, rt, id)
        {
            return self.show_again(context, rt, id, &known);
        }
        let since = if is_plain { self.shown.moment() } else { None };
        let view = view(context, rt, query)?;
        let (key, record) = self.find(context, rt, id).await?;
        preconditions.require_match(record.header.version)?;
        if preconditions.if_none_match.names(record.header.version) == Some(true) {
            return Ok(Answer::about(context, Outcome::NotModified, &key, record.header.version));
        }
        // Whoever reads much and takes it slowly is told so before anything is made of it.
        self.budget.share(context.caller.tenant().id).grow(record.bytes())?;
        self.show(context, Outcome::Ok, &key, record, &view, since).await
    }
}
