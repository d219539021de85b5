//! The side that writes.
//!
//! Each call is one change that can be asked for again without harm: what is set is set, who joins
//! may be a member already, what is deleted may be gone. Creating looks before it is repeated, so
//! that an answer that was lost makes no second resource.
//!
//! Bulk requests are not used, although they would be up to half again as fast where many resources are
//! made: a bulk answer tells a hundred fates at once and is lost at once. The decision and its price are
//! in `docs/decisions/0021-the-agent-sends-no-bulk-requests.md`.

use serde_json::{Map, Value, json};

use super::{
    Capabilities, TargetError, TargetReader,
    http::{self, Http},
};
use crate::{
    document::Document,
    identity::Kind,
    plan::{AttributeChange, ResourceId, TargetResource},
    target::settings::TargetProfile,
};

/// The side that writes. Clones share their connections.
#[derive(Clone)]
pub struct TargetWriter {
    http: Http,
    reader: TargetReader,
    profile: TargetProfile,
    capabilities: Capabilities,
}

/// A resource that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub resource: ResourceId,
    /// Whether it was seen to be what was sent. It was not if the answer was lost and the resource
    /// found afterwards: the next run then compares it.
    pub whole: bool,
}

impl TargetWriter {
    /// For the target that a reader looks at.
    pub fn new(reader: &TargetReader, capabilities: Capabilities) -> Self {
        Self { http: reader.http.clone(), reader: reader.clone(), profile: reader.profile, capabilities }
    }

    /// Creates a resource, and says which id it got. An answer that was lost, or a conflict, is
    /// looked into: the resource may be there already, by this very request or by a run that was
    /// killed.
    pub async fn create(&self, kind: Kind, document: &Document) -> Result<Made, TargetError> {
        let path = format!("/{}", kind.endpoint());
        let body = Value::Object(document.attributes());
        let mut patience = self.http.patience();
        loop {
            let error = match self.http.send_once("POST", &path, Some(&body)).await {
                Ok(answer) => return Ok(Made { resource: answer.resource(kind)?.resource, whole: true }),
                Err(error) => error,
            };
            if !error.leaves_doubt() && error.status() != Some(409) {
                return Err(error);
            }
            if let Some(id) = document.text("externalId") {
                let found = self.reader.find(kind, "externalId", &id, &self.capabilities).await?;
                if let Some(held) = found.into_iter().next() {
                    return Ok(Made { resource: held.resource, whole: false });
                }
            }
            if !error.may_pass() {
                return Err(error);
            }
            patience.wait(self.http.gate(), error).await?;
        }
    }

    /// The resource that has the name of a conflict, if it can be found.
    pub async fn rival(&self, kind: Kind, name: &str) -> Option<TargetResource> {
        let found = self.reader.find(kind, kind.naming_attribute(), name, &self.capabilities).await;
        found.ok()?.into_iter().next()
    }

    pub async fn modify(&self, kind: Kind, id: &ResourceId, changes: &[AttributeChange]) -> Result<(), TargetError> {
        if !self.capabilities.patch {
            return self
                .replace(kind, id, |document, _| {
                    for change in changes {
                        set(document, &change.path, change.new.clone());
                    }
                })
                .await;
        }
        let operations = changes.iter().map(|change| match &change.new {
            Some(value) => json!({"op": "replace", "path": change.path, "value": value}),
            None => json!({"op": "remove", "path": change.path}),
        });
        self.patch(kind, id, operations.collect()).await
    }

    /// Adds members to a group, at most as many as one request may have.
    pub async fn join(&self, group: &ResourceId, members: &[ResourceId]) -> Result<(), TargetError> {
        if !self.capabilities.patch {
            return self
                .replace(Kind::Group, group, |_, now| {
                    for id in members {
                        if !now.contains(id) {
                            now.push(id.clone());
                        }
                    }
                })
                .await;
        }
        self.patch(Kind::Group, group, vec![json!({"op": "add", "path": "members", "value": values(members)})]).await
    }

    /// Removes members from a group, at most as many as one request may have.
    pub async fn leave(&self, group: &ResourceId, members: &[ResourceId]) -> Result<(), TargetError> {
        if !self.capabilities.patch {
            return self.replace(Kind::Group, group, |_, now| now.retain(|id| !members.contains(id))).await;
        }
        let operations = match self.profile {
            // It counts the members of one operation, and knows no other form.
            TargetProfile::IdentityCenter => {
                vec![json!({"op": "remove", "path": "members", "value": values(members)})]
            }
            TargetProfile::Standard => {
                let path = |id: &ResourceId| format!("members[value eq {}]", json!(id));
                members.iter().map(|id| json!({"op": "remove", "path": path(id)})).collect()
            }
        };
        self.patch(Kind::Group, group, operations).await
    }

    /// Deletes a resource. That it is gone already is no error.
    pub async fn delete(&self, kind: Kind, id: &ResourceId) -> Result<(), TargetError> {
        match self.http.send("DELETE", &path(kind, id), None).await {
            Err(error) if error.status() != Some(404) => Err(error),
            _ => Ok(()),
        }
    }

    async fn patch(&self, kind: Kind, id: &ResourceId, operations: Vec<Value>) -> Result<(), TargetError> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        });
        self.http.send("PATCH", &path(kind, id), Some(&body)).await.map(|_| ())
    }

    /// For targets without PATCH: the resource as it is, changed, put back whole (RFC 7644 §3.5.1).
    async fn replace(
        &self,
        kind: Kind,
        id: &ResourceId,
        change: impl FnOnce(&mut Map<String, Value>, &mut Vec<ResourceId>),
    ) -> Result<(), TargetError> {
        let path = path(kind, id);
        let held = self.http.get(&path).await?.resource(kind)?;
        let (mut document, mut members) = (held.document.attributes(), held.members);
        document.remove("meta");
        change(&mut document, &mut members);
        if kind == Kind::Group {
            document.insert("members".to_owned(), values(&members));
        }
        self.http.send("PUT", &path, Some(&Value::Object(document))).await.map(|_| ())
    }
}

fn path(kind: Kind, id: &ResourceId) -> String {
    format!("/{}/{}", kind.endpoint(), http::segment(&id.0))
}

fn values(members: &[ResourceId]) -> Value {
    members.iter().map(|id| json!({"value": id})).collect()
}

/// Sets what a path of a plan names: `title`, `name.givenName`, `urn:…:User:department`.
fn set(document: &mut Map<String, Value>, path: &str, new: Option<Value>) {
    let whole = document.contains_key(path) || matches!(new, Some(Value::Object(_)));
    let within = match path.starts_with("urn:") {
        true if whole => None,
        true => path.rsplit_once(':'),
        false => path.split_once('.'),
    };
    let (place, name) = match within {
        Some((outer, name)) => {
            let inner = document.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            match inner.as_object_mut() {
                Some(inner) => (inner, name),
                None => return,
            }
        }
        None => (document, path),
    };
    match new {
        Some(value) => place.insert(name.to_owned(), value),
        None => place.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: Value, path: &str, new: Option<Value>, expect: &Value) {
        let Value::Object(mut document) = before else { panic!("an object") };
        set(&mut document, path, new);
        assert_eq!(Value::Object(document), *expect);
    }

    #[test]
    fn a_path_is_set_in_a_document_that_is_put_back() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let below = format!("{urn}:department");
        check(json!({}), "title", Some(json!("t")), &json!({"title": "t"}));
        check(json!({"title": "t"}), "title", None, &json!({}));
        check(
            json!({"name": {"familyName": "F"}}),
            "name.givenName",
            Some(json!("G")),
            &json!({"name": {"familyName": "F", "givenName": "G"}}),
        );
        check(json!({}), "name", Some(json!({"givenName": "G"})), &json!({"name": {"givenName": "G"}}));
        check(
            json!({urn: {"division": "x"}}),
            &below,
            Some(json!("d")),
            &json!({urn: {"division": "x", "department": "d"}}),
        );
        check(json!({urn: {"department": "x"}}), &below, None, &json!({urn: {}}));
        check(json!({}), urn, Some(json!({"department": "d"})), &json!({urn: {"department": "d"}}));
    }
}
