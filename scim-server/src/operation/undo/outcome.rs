//! What becomes of each resource in an undo.

use std::{collections::BTreeSet, error::Error as _};

use scim_protocol::{Error, ErrorKind, schema::ResourceType};
use serde::Serialize;

use super::{
    history::{ACTIVE, History},
    step::{Other, Step},
    values::since,
};
use crate::{
    membership::MEMBERS,
    store::{IndexEntry, ResourceId, StoreError},
};

/// A resource of which something was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Undone {
    #[serde(rename = "type")]
    pub resource_type: String,
    pub id: ResourceId,
    /// Its name, as the last of the events has it; where these hold no values, as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `restored`, `deleted`, `members`, or the paths of attributes.
    pub changes: Vec<String>,
}

/// A change that was not put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "NotUndone"))]
pub struct Refused {
    /// The type of the resource.
    #[serde(rename = "type")]
    pub resource_type: String,
    pub id: ResourceId,
    /// As in [`Undone::name`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What: as in [`Undone::changes`].
    pub change: String,
    /// Why.
    pub reason: String,
}

/// What becomes of an undo, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Something was put back; in a dry run: would be.
    Undone(Undone),
    /// Something was not.
    Refused(Refused),
}

/// What becomes of one resource.
#[derive(Default)]
pub(super) struct Outcome {
    pub changes: Vec<String>,
    pub refused: Vec<(String, String)>,
    /// Whether another resource is in the way: it has a name that this one is to have, or is to be its member.
    pub waits: bool,
    /// The name that another has.
    pub taken: Option<IndexEntry>,
    /// The groups that held it, where it was deleted.
    pub left: Option<BTreeSet<ResourceId>>,
    /// Its name, where no event has it.
    pub name: Option<String>,
}

impl Outcome {
    pub fn done(change: &str) -> Self {
        Self { changes: vec![change.to_owned()], ..Self::default() }
    }

    pub fn refused(change: &str, reason: String) -> Self {
        Self { refused: vec![(change.to_owned(), reason)], ..Self::default() }
    }

    /// Whether this, as in [`Undone::changes`], was not possible.
    pub fn is_refused(&self, change: &str) -> bool {
        self.refused.iter().any(|(refused, _)| refused == change)
    }

    /// What became of the same resource before, and this.
    #[must_use]
    pub fn behind(self, mut before: Self) -> Self {
        let more: Vec<_> = self.changes.into_iter().filter(|change| !before.changes.contains(change)).collect();
        before.changes.extend(more);
        before.refused.extend(self.refused);
        Self { changes: before.changes, refused: before.refused, name: self.name.or(before.name), ..self }
    }

    /// What is told of it.
    pub fn pieces(self, rt: &ResourceType, id: ResourceId, history: &History) -> Vec<Piece> {
        let name = history.name().or(self.name);
        let told = || (rt.name.clone(), name.clone());
        let mut pieces = Vec::new();
        if !self.changes.is_empty() {
            let (resource_type, name) = told();
            pieces.push(Piece::Undone(Undone { resource_type, id, name, changes: self.changes }));
        }
        for (change, reason) in self.refused {
            let (resource_type, name) = told();
            pieces.push(Piece::Refused(Refused { resource_type, id, name, change, reason }));
        }
        pieces
    }

    /// What is wrong with one resource does not stop the others.
    pub fn or_failure(change: &str, error: Error) -> Result<Self, Error> {
        if error.kind().status() >= 500 {
            return Err(error);
        }
        let waits = error.kind() == ErrorKind::Uniqueness;
        let cause = error.source().and_then(|cause| cause.downcast_ref::<StoreError>());
        let taken = match cause {
            Some(StoreError::Taken(entry)) => Some(entry.clone()),
            _ => None,
        };
        Ok(Self { waits, taken, ..Self::refused(change, error.detail().to_owned()) })
    }

    /// What cannot be put back in a resource that is not there.
    pub fn of_who_is_not_there(mut self, history: &History) -> Self {
        // That it was not restored is told already.
        if history.is_gone() || history.only_losses {
            self.refused.clear();
            return self;
        }
        let is_something = |step: &Option<Step<bool>>| step.as_ref().is_some_and(|step| !step.is_nothing());
        let values = history.values.iter().filter_map(|(path, step)| Some((path, step.as_ref()?)));
        let mut lost: Vec<_> = values.filter(|(_, step)| !step.is_nothing()).map(|(path, _)| path.clone()).collect();
        lost.extend(history.members.values().any(is_something).then(|| MEMBERS.to_owned()));
        let is_unlocked = is_something(&history.lock) && !lost.iter().any(|path| path == ACTIVE);
        lost.extend(is_unlocked.then(|| ACTIVE.to_owned()));
        let reason = |other: &Option<Other>| match other {
            Some(other) => format!("it is not there any more; {}", since(other)),
            None => "it is not there any more".to_owned(),
        };
        self.refused.extend(lost.into_iter().map(|change| (change, reason(&history.other))));
        self
    }
}
