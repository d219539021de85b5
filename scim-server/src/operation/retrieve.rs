//! GET of one resource (RFC 7644 §3.4.1).

use scim_protocol::Error;

use super::{Answer, Asked, Operations, Outcome, answer::Read, view};
use crate::store::ResourceId;

impl Operations {
    /// Returns a resource, unless the client already has this version (`If-None-Match`) or requires another
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
        let (key, record, groups) = self.find_in_groups(context, rt, id, &view).await?;
        preconditions.require_match(record.header.version)?;
        if preconditions.if_none_match.names(record.header.version) == Some(true) {
            return Ok(Answer::about(context, Outcome::NotModified, &key, record.header.version));
        }
        // A client that already holds much memory is refused before the response is built.
        self.budget.share(context.caller.tenant().id).grow(record.bytes())?;
        self.show(context, Outcome::Ok, &key, Read { record, groups, since }, &view).await
    }
}
