//! One action: its requests, and what is remembered of each.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError, RwLock},
};

use serde_json::json;

use crate::{
    document::Digest,
    identity::SourceId,
    plan::{Action, AttributeChange, Reference, ResourceId, Step, Synced, SyncedObjects},
    state::{State, StateError},
    target::{TargetError, TargetWriter},
};

/// What actions work with.
pub(super) struct Work<'a> {
    pub writer: &'a TargetWriter,
    pub state: &'a State,
    pub known: RwLock<&'a mut SyncedObjects>,
    pub owners: Mutex<HashMap<ResourceId, SourceId>>,
    pub members_per_request: usize,
}

/// What came of one action.
#[derive(Default)]
pub(super) struct Performed {
    /// Requests that changed something.
    pub writes: usize,
    /// Members that could not join because they have no resource yet.
    pub missing: Vec<SourceId>,
    /// Why it went no further.
    pub failure: Option<TargetError>,
}

/// Which way members go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl Work<'_> {
    /// Does an action. A failure of the target is part of what came of it; one of the state is not.
    pub async fn perform(&self, action: &Action) -> Result<Performed, StateError> {
        let mut performed = Performed::default();
        let (subject, kind) = (&action.subject, action.subject.kind);
        let fresh = |resource, digest, members| Synced {
            resource,
            kind,
            name: subject.name.clone(),
            digest,
            left: None,
            members,
        };
        match &action.step {
            Step::Create { document, digest } => match self.writer.create(kind, document).await {
                Ok(made) if !self.claims(subject.id, &made.resource) => {
                    let reason = format!("the id {:?} that it gave is another resource's", made.resource.0);
                    let request = format!("POST /{}", kind.endpoint());
                    performed.failure = Some(TargetError::Strange { request, reason });
                }
                Ok(made) => {
                    performed.writes += 1;
                    let digest = Some(digest.clone()).filter(|_| made.whole);
                    self.remember(subject.id, fresh(made.resource, digest, Vec::new()))?;
                }
                Err(error) => performed.failure = Some(error),
            },
            Step::Adopt { resource, members, .. } => {
                self.remember(subject.id, fresh(resource.clone(), None, members.clone()))?;
            }
            Step::Confirm { digest } => self.change(subject.id, |written| {
                written.digest = Some(digest.clone());
                written.name.clone_from(&subject.name);
            })?,
            Step::Recall { members } => self.recall(subject.id, members)?,
            Step::Remember { left } => self.change(subject.id, |written| written.left.clone_from(left))?,
            Step::GiveUp { .. } => {}
            _ => self.perform_on_known(action, &mut performed).await?,
        }
        Ok(performed)
    }

    /// What needs a resource that is there. Where it is not, its creation failed, and that was told.
    async fn perform_on_known(&self, action: &Action, performed: &mut Performed) -> Result<(), StateError> {
        let (id, kind) = (action.subject.id, action.subject.kind);
        let Some(resource) = self.resource(id) else { return Ok(()) };
        let result = match &action.step {
            Step::Modify { changes, .. } => self.writer.modify(kind, &resource, changes).await,
            Step::Deactivate => {
                let change = AttributeChange { path: "active".to_owned(), old: None, new: Some(json!(false)) };
                self.writer.modify(kind, &resource, &[change]).await
            }
            Step::Release { old, new } => {
                let path = kind.naming_attribute().to_owned();
                let change = AttributeChange { path, old: Some(json!(old)), new: Some(json!(new)) };
                self.writer.modify(kind, &resource, &[change]).await
            }
            Step::Refer { references, digest } => {
                return self.refer(action, &resource, references, digest, performed).await;
            }
            Step::Delete { .. } => self.writer.delete(kind, &resource).await,
            Step::Join { members } => return self.members(id, &resource, members, Way::In, performed).await,
            Step::Leave { members } => return self.members(id, &resource, members, Way::Out, performed).await,
            Step::Create { .. }
            | Step::Adopt { .. }
            | Step::Confirm { .. }
            | Step::Recall { .. }
            | Step::Remember { .. }
            | Step::GiveUp { .. } => return Ok(()),
        };
        if let Err(error) = result {
            return self.failed(id, error, performed);
        }
        performed.writes += 1;
        match &action.step {
            Step::Modify { digest, .. } => self.change(id, |written| {
                written.digest = Some(digest.clone());
                written.name.clone_from(&action.subject.name);
            }),
            // The document is no longer what the digest says.
            Step::Deactivate => self.change(id, |written| {
                written.digest = None;
                written.left.iter_mut().for_each(|left| left.deactivated = true);
            }),
            Step::Release { new, .. } => self.change(id, |written| {
                written.digest = None;
                written.name.clone_from(new);
            }),
            Step::Delete { .. } => self.forget(id),
            _ => Ok(()),
        }
    }

    /// References to other resources. One that is not there, since making it failed, is left out, and
    /// the digest with it: the next run looks again.
    async fn refer(
        &self,
        action: &Action,
        resource: &ResourceId,
        references: &[Reference],
        digest: &Digest,
        performed: &mut Performed,
    ) -> Result<(), StateError> {
        let id = action.subject.id;
        let there = references.iter().filter_map(|reference| Some((reference, self.resource(reference.to)?)));
        let changes: Vec<AttributeChange> = there
            .map(|(reference, to)| AttributeChange {
                path: reference.path.clone(),
                old: reference.old.clone(),
                new: Some(json!({"value": to})),
            })
            .collect();
        if !changes.is_empty() {
            if let Err(error) = self.writer.modify(action.subject.kind, resource, &changes).await {
                return self.failed(id, error, performed);
            }
            performed.writes += 1;
        }
        if changes.len() == references.len() {
            self.change(id, |written| written.digest = Some(digest.clone()))?;
        }
        Ok(())
    }

    /// Members join or leave, so many in a request as the target takes. A request that is refused is
    /// halved until the member is found that it is refused for: one does not keep the others out.
    async fn members(
        &self,
        group: SourceId,
        resource: &ResourceId,
        members: &[SourceId],
        way: Way,
        performed: &mut Performed,
    ) -> Result<(), StateError> {
        let mut there = Vec::with_capacity(members.len());
        for id in members {
            match self.resource(*id) {
                Some(resource) => there.push((*id, resource)),
                None => performed.missing.push(*id),
            }
        }
        if way == Way::Out {
            // An object without a resource is no member of a group.
            self.moved(group, &std::mem::take(&mut performed.missing), way)?;
        }
        let mut parts: Vec<_> = there.chunks(self.members_per_request).rev().collect();
        while let Some(part) = parts.pop() {
            let (ids, resources): (Vec<_>, Vec<_>) = part.iter().cloned().unzip();
            let result = match way {
                Way::In => self.writer.join(resource, &resources).await,
                Way::Out => self.writer.leave(resource, &resources).await,
            };
            match result {
                Ok(()) => {
                    performed.writes += 1;
                    self.moved(group, &ids, way)?;
                }
                Err(error) if matches!(error.status(), Some(400 | 404 | 409)) && part.len() > 1 => {
                    let (one, other) = part.split_at(part.len() / 2);
                    parts.extend([other, one]);
                }
                // It had left before.
                Err(error) if way == Way::Out && is_without_target(&error) => self.moved(group, &ids, way)?,
                Err(error) if error.is_general() => return self.failed(group, error, performed),
                Err(error) => self.failed(group, error, performed)?,
            }
        }
        Ok(())
    }

    /// Notes a failure; the first counts. A resource that is gone is looked for by the next run.
    fn failed(&self, id: SourceId, error: TargetError, performed: &mut Performed) -> Result<(), StateError> {
        if error.status() == Some(404) {
            self.change(id, |written| written.digest = None)?;
        }
        performed.failure.get_or_insert(error);
        Ok(())
    }

    /// The resource of an object.
    fn resource(&self, id: SourceId) -> Option<ResourceId> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).map(|written| written.resource.clone())
    }

    /// Takes a resource for an object, unless it is another one's: a target that gives one id to several
    /// people would let one have what is another's.
    fn claims(&self, id: SourceId, resource: &ResourceId) -> bool {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        *owners.entry(resource.clone()).or_insert(id) == id
    }

    /// The object of a resource, with its name.
    pub fn owner(&self, resource: &ResourceId) -> Option<(SourceId, String)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (id, written) = known.iter().find(|(_, written)| written.resource == *resource)?;
        Some((*id, written.name.clone()))
    }

    fn remember(&self, id: SourceId, written: Synced) -> Result<(), StateError> {
        self.state.write(id, &written)?;
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(id, written);
        Ok(())
    }

    /// The target has taken it out of its groups; were it remembered as a member, it would not join
    /// again if it came back.
    fn forget(&self, id: SourceId) -> Result<(), StateError> {
        self.state.forget(id)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(written) = known.remove(&id) {
            self.owners.lock().unwrap_or_else(PoisonError::into_inner).remove(&written.resource);
        }
        for (group, written) in known.iter_mut() {
            if let Ok(at) = written.members.binary_search(&id) {
                written.members.remove(at);
                self.state.leave(*group, &[id])?;
            }
        }
        Ok(())
    }

    fn change(&self, id: SourceId, change: impl FnOnce(&mut Synced)) -> Result<(), StateError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Some(written) = known.get_mut(&id) else { return Ok(()) };
        change(written);
        self.state.write_record(id, written)
    }

    /// Other members than were remembered.
    fn recall(&self, group: SourceId, members: &[SourceId]) -> Result<(), StateError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Some(written) = known.get_mut(&group) else { return Ok(()) };
        written.members = members.to_vec();
        self.state.write(group, written)
    }

    fn moved(&self, group: SourceId, members: &[SourceId], way: Way) -> Result<(), StateError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Some(written) = known.get_mut(&group) else { return Ok(()) };
        match way {
            Way::In => {
                written.members.extend(members);
                // Two sorted runs: the stable sort merges them, whatever the size of the group.
                written.members.sort();
                written.members.dedup();
                self.state.join(group, members)
            }
            Way::Out => {
                let gone: std::collections::BTreeSet<_> = members.iter().collect();
                written.members.retain(|member| !gone.contains(member));
                self.state.leave(group, members)
            }
        }
    }
}

/// Whether the target says that there is nothing to remove (RFC 7644 §3.12, `noTarget`).
fn is_without_target(error: &TargetError) -> bool {
    match error {
        TargetError::Refused { status: 400, scim_type: Some(kind), .. } => kind.eq_ignore_ascii_case("noTarget"),
        _ => false,
    }
}
