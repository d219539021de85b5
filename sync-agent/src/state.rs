//! What the agent remembers, in sled: which resource each object has, and what was written to it.
//!
//! It is a cache. Losing it costs one full run in which every resource is adopted again, by
//! `externalId` and then by name; never a duplicate, and never a deletion, since only what is known
//! here can be deleted. No secret is in it.
//!
//! One tree for each subject: `written` and `members` (by source id). The population as last read
//! with its watermark, the quarantine, the pending approval and the pause have theirs beside them.

pub mod held;

use std::path::Path;

use crate::{
    plan::{Known, Written},
    source::SourceId,
};

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder cannot be opened: in use by another agent, or damaged.
    #[error(
        "the state in {path} cannot be opened: {source}. If it is damaged it may be deleted: the next run then compares everything"
    )]
    Open {
        /// The folder.
        path: String,
        /// Why.
        source: sled::Error,
    },
    /// It cannot be read or written.
    #[error("the state cannot be read or written: {0}")]
    Store(#[from] sled::Error),
    /// A record that this version does not understand.
    #[error(
        "the state has a record that cannot be read ({0}); delete the state: the next run then compares everything"
    )]
    Record(String),
}

/// The state, open.
#[derive(Debug, Clone)]
pub struct State {
    db: sled::Db,
    written: sled::Tree,
    members: sled::Tree,
    held: sled::Tree,
}

impl State {
    /// Opens the folder, and makes it where it is missing.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let db = sled::Config::new()
            .path(path)
            .open()
            .map_err(|source| StateError::Open { path: path.display().to_string(), source })?;
        Ok(Self {
            written: db.open_tree("written")?,
            members: db.open_tree("members")?,
            held: db.open_tree("held")?,
            db,
        })
    }

    /// Everything that was written.
    pub fn known(&self) -> Result<Known, StateError> {
        let damaged = |reason: &str| StateError::Record(reason.to_owned());
        let mut known = Known::new();
        for record in &self.written {
            let (key, value) = record?;
            let id = SourceId::from_bytes(&key).ok_or_else(|| damaged("a key is no id"))?;
            let written: Written = serde_json::from_slice(&value).map_err(|error| damaged(&error.to_string()))?;
            known.insert(id, written);
        }
        for record in &self.members {
            let (key, value) = record?;
            let id = SourceId::from_bytes(&key).ok_or_else(|| damaged("a key is no id"))?;
            if let Some(written) = known.get_mut(&id) {
                written.members = value.chunks(16).filter_map(SourceId::from_bytes).collect();
            }
        }
        Ok(known)
    }

    /// Remembers what was written for an object.
    pub fn write(&self, id: SourceId, written: &Written) -> Result<(), StateError> {
        let record = serde_json::to_vec(written).map_err(|error| StateError::Record(error.to_string()))?;
        let members: Vec<u8> = written.members.iter().flat_map(SourceId::as_bytes).copied().collect();
        if members.is_empty() {
            self.members.remove(id.as_bytes())?;
        } else {
            self.members.insert(id.as_bytes(), members)?;
        }
        self.written.insert(id.as_bytes(), record)?;
        Ok(())
    }

    /// Forgets an object whose resource is deleted.
    pub fn forget(&self, id: SourceId) -> Result<(), StateError> {
        self.members.remove(id.as_bytes())?;
        self.written.remove(id.as_bytes())?;
        Ok(())
    }

    /// Makes all of it durable, for a command that does nothing else.
    pub fn save(&self) -> Result<(), StateError> {
        self.db.flush()?;
        Ok(())
    }

    /// Makes all of it durable.
    pub async fn flush(&self) -> Result<(), StateError> {
        self.db.flush_async().await?;
        Ok(())
    }
}
