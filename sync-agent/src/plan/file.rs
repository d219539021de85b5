//! A plan in a file: made today, read by a person, applied tomorrow exactly as it was read.
//!
//! That is safe only as long as both sides are as they were when it was made. A [`Basis`] is a digest of them:
//! of everything that the target should hold and of what the agent remembers, and of the resources
//! that the plan touches, as the target held them. [`PlanFile::check`] compares it with the basis of a plan
//! that is made again at the moment of applying.
//!
//! Values in the file are those that go to the target, so it is readable for its owner only. No
//! password is among them: none is ever read.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Plan, ResourceId, Step, SyncedObjects, TargetResource};
use crate::{
    document::Digest,
    identity::{Kind, SourceId},
    mapping::Snapshot,
    plan::deprovisioning::Deprovisionings,
};

/// The form of the file.
const VERSION: u32 = 1;

/// What a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// What the target should hold, by scope, mapping and directory, and what verdicts.
    pub source: Digest,
    /// What the agent remembers to have written.
    pub state: Digest,
    /// The target's address, and what it held of what is touched.
    pub target: Digest,
}

impl Basis {
    /// The basis of a plan that was just made. `held` are the resources that [`touched`] names, in its order;
    /// `None` for one that is not there.
    pub fn new(
        desired: &Snapshot,
        deprovisionings: &Deprovisionings,
        known: &SyncedObjects,
        url: &str,
        plan: &Plan,
        held: &[Option<TargetResource>],
    ) -> Self {
        let mut source = Sha256::new();
        for (id, desired) in &desired.resources {
            source.update(id.as_bytes());
            source.update(desired.digest().0);
            desired.members.iter().for_each(|member| source.update(member.as_bytes()));
        }
        source.update(format!("{deprovisionings:?}"));
        let mut state = Sha256::new();
        for (id, written) in known {
            state.update(id.as_bytes());
            state.update(format!("{written:?}"));
        }
        let mut target = Sha256::new();
        target.update(url);
        for action in &plan.actions {
            // Somebody else may have made it meanwhile: then it is another plan.
            if matches!(action.step, Step::Create { .. }) {
                target.update(action.subject.id.as_bytes());
            }
        }
        for held in held {
            target.update(held.as_ref().map_or_else(|| "none".to_owned(), version));
        }
        Self { source: Digest::of(source), state: Digest::of(state), target: Digest::of(target) }
    }

    /// What has moved since, in words; `None` where nothing has.
    fn moved(&self, now: &Self) -> Option<&'static str> {
        if self.state != now.state {
            return Some("another run has written since");
        }
        if self.source != now.source {
            return Some("the directory, the scope or the mapping has changed since");
        }
        (self.target != now.target).then_some("the target has changed since")
    }
}

/// A resource's version, or all of it where the target gives none (RFC 7643 §3.1).
fn version(held: &TargetResource) -> String {
    let attributes = held.document.attributes();
    let version = attributes.get("meta").and_then(|meta| meta.get("version"));
    let members: Vec<&ResourceId> = held.members.iter().collect();
    match version {
        Some(version) => json!([held.resource, version]).to_string(),
        None => json!([held.resource, attributes, members]).to_string(),
    }
}

/// The resources that a plan touches, each once.
pub fn touched(plan: &Plan, known: &SyncedObjects) -> Vec<(Kind, ResourceId)> {
    let mut touched: BTreeMap<SourceId, (Kind, ResourceId)> = BTreeMap::new();
    for action in &plan.actions {
        let (id, kind) = (action.subject.id, action.subject.kind);
        if let Step::Adopt { resource, .. } = &action.step {
            touched.insert(id, (kind, resource.clone()));
        } else if let Some(written) = known.get(&id).filter(|_| action.step.is_write()) {
            touched.insert(id, (kind, written.resource.clone()));
        }
    }
    touched.into_values().collect()
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFile {
    /// The form of the file.
    version: u32,
    /// When the plan was made.
    pub made: Timestamp,
    /// What it was made from.
    pub basis: Basis,
    pub plan: Plan,
}

/// Why a plan file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// It cannot be written or read.
    #[error("the plan file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no plan, or one of another version.
    #[error("{} is no plan of this version of sync-agent ({reason}); make a new one with `plan --out`", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Something moved.
    #[error("the plan of {made} is not applied: {reason}. Nothing was written; make a new one with `plan --out`")]
    Moved { made: Timestamp, reason: &'static str },
}

impl PlanFile {
    /// For a plan that was just made.
    pub const fn new(plan: Plan, basis: Basis, made: Timestamp) -> Self {
        Self { version: VERSION, made, basis, plan }
    }

    /// Writes it, for its owner only.
    pub fn write(&self, path: &Path) -> Result<(), PlanFileError> {
        let io = |source| PlanFileError::Io { path: path.to_owned(), source };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = io::BufWriter::new(options.open(path).map_err(io)?);
        serde_json::to_writer_pretty(&mut file, self).map_err(|error| io(error.into()))?;
        file.flush().map_err(io)
    }

    pub fn read(path: &Path) -> Result<Self, PlanFileError> {
        let text = std::fs::read(path).map_err(|source| PlanFileError::Io { path: path.to_owned(), source })?;
        let form = |reason| PlanFileError::Form { path: path.to_owned(), reason };
        let file: Self = serde_json::from_slice(&text).map_err(|error| form(error.to_string()))?;
        match file.version {
            VERSION => Ok(file),
            other => Err(form(format!("it has version {other}"))),
        }
    }

    /// The plan, if what it was made from is still so.
    pub fn check(&self, now: &Basis) -> Result<Plan, PlanFileError> {
        match self.basis.moved(now) {
            None => Ok(self.plan.clone()),
            Some(reason) => Err(PlanFileError::Moved { made: self.made, reason }),
        }
    }
}
