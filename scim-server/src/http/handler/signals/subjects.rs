//! Subjects of a stream (SSF 1.0 §8.1.3): of which resources its receiver is told. All are, but those it has removed.

use scim_protocol::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::Value;

use super::{Call, Service, management::note};
use crate::{
    http::handler::shape::{Kind, Shape, may, must},
    operation::{Answer, Content, Context, Outcome},
    ssf::subject,
    store::{ResourceId, ResourceKey, TypeName},
    stream::{MOST_REMOVED, Status, Stream, Tells},
};

#[derive(Deserialize)]
struct SubjectBody {
    stream_id: String,
    subject: Value,
}

pub(in crate::http::handler) const SUBJECT: Shape = Shape {
    members: &[must("stream_id", Kind::Text), must("subject", Kind::Object), may("verified", Kind::Flag)],
    closed: true,
};

impl Service {
    /// Adds a subject that was removed, or removes one. Its stream tells so (RFC 9967 §2.3), unless nothing has changed.
    pub(super) async fn subject(&self, context: &Context, is_added: bool, call: Call<'_, '_>) -> Result<Answer, Error> {
        let SubjectBody { stream_id, subject } = self.parsed(context, call, &SUBJECT).await?;
        let (id, subject) = self.known_subject(context, &subject).await?;
        let notice = self.notice(if is_added { Tells::Added(subject) } else { Tells::Removed(subject) });
        let change = |stream: &mut Stream| {
            if stream.removed.contains(&id) != is_added {
                return Ok(());
            }
            if is_added {
                stream.removed.remove(&id);
            } else if stream.removed.len() >= MOST_REMOVED {
                let detail =
                    format!("The stream leaves out {MOST_REMOVED} resources, which is the most. Add one first.");
                return Err(Error::new(ErrorKind::Forbidden, detail));
            } else {
                stream.removed.insert(id);
            }
            if stream.status == Status::Disabled { Ok(()) } else { note(stream, &notice) }
        };
        self.shelf().change(context.caller.tenant().id, &stream_id, change).await?;
        self.operations.store.changes().notify_waiters();
        let outcome = if is_added { Outcome::Ok } else { Outcome::NoContent };
        Ok(Answer::plain(outcome, Content::Nothing))
    }

    /// The resource that a subject identifies, and how tokens name it; 404 when there is none.
    async fn known_subject(&self, context: &Context, given: &Value) -> Result<(ResourceId, Value), Error> {
        let uri = given["uri"].as_str().filter(|_| given["format"] == "scim");
        let uri = uri.ok_or_else(|| {
            Error::value(
                "The subject is to be like sub_id of a token: format is \"scim\", uri is \"/Users/\" and the id.",
            )
        })?;
        let tenant = context.caller.tenant();
        let parted = uri.trim_start_matches('/').split_once('/');
        let found = parted.and_then(|(endpoint, id)| Some((tenant.registry.endpoint(&format!("/{endpoint}"))?, id)));
        let missing = || Error::new(ErrorKind::NotFound, format!("There is no resource {uri:?}."));
        let (rt, id) = found.ok_or_else(missing)?;
        let id = ResourceId::parse(id).ok_or_else(missing)?;
        let key = ResourceKey { tenant: tenant.home, resource_type: TypeName::from(&*rt.name), id };
        let record = self.operations.store.get(&key).await?.ok_or_else(missing)?;
        let document: Value = serde_json::from_slice(&record.body.visible).map_err(Error::internal)?;
        Ok((id, subject(&rt.endpoint, &id.to_string(), document.get("externalId").cloned())))
    }
}
