//! What the agent remembers, in sled: which resource each object has, and what was written to it.
//!
//! It is a cache. Losing it costs one full run in which every resource is adopted again, by
//! `externalId` and then by name; never a duplicate, and never a deletion, since only what is known
//! here can be deleted. No secret is in it.
//!
//! One tree for each subject: `written` (by source id), `members` ([`members`]: who is in each group),
//! `begun` ([`intents`]: what is about to be sent), `quarantine` ([`quarantine`]), `losses`
//! ([`losses`]), and `agent` ([`record`]: past cycles, the pause; [`held`]: what waits for approval).
//! What was read of the directory is in [`source`].
//! One process at a time has it open: sled's lock keeps a second agent out.

pub mod held;
pub mod intents;
pub mod losses;
pub mod members;
mod private;
pub mod quarantine;
pub mod record;
mod recovery;
pub mod source;

use std::{io, path::Path};

use crate::{
    identity::SourceId,
    plan::{Synced, SyncedObjects},
};

pub use quarantine::{Quarantine, Quarantined};
pub use record::{CycleRecord, Pause, Quiet};

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process has it.
    #[error(
        "the state in {path} is in use by another sync-agent: a daemon (ask it with `sync-agent status`), or an apply that has not ended"
    )]
    InUse {
        /// The folder.
        path: String,
    },
    /// The folder cannot be opened.
    #[error("the state in {path} cannot be opened: {}", in_words(.cause))]
    Open {
        /// The folder.
        path: String,
        /// Why.
        cause: sled::Error,
    },
    /// It cannot be read or written.
    #[error("the state cannot be read or written: {}", in_words(.0))]
    Store(sled::Error),
    /// A record that this version does not understand.
    #[error(
        "the state has a record that cannot be read ({0}); delete the state: the next run then compares everything"
    )]
    Record(String),
}

impl From<sled::Error> for StateError {
    fn from(cause: sled::Error) -> Self {
        Self::Store(cause)
    }
}

/// What is wrong with the files, and what to do. Only what may be damaged is ever to be deleted.
fn in_words(cause: &sled::Error) -> String {
    let sled::Error::Io(error) = cause else {
        return format!("{cause}. If it is damaged it may be deleted: the next run then compares everything");
    };
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "its disk is full. Make room there, and start again; keep the state, which needs no repair".to_owned()
        }
        io::ErrorKind::FileTooLarge => {
            "the size of files is limited. Raise the limit (`ulimit -f`, LimitFSIZE= of systemd), and start again; keep the state, which needs no repair".to_owned()
        }
        _ => format!("{error}. Look at the disk, and at who may read and write there"),
    }
}

/// The state, open.
#[derive(Debug, Clone)]
pub struct State {
    db: sled::Db,
    written: sled::Tree,
    members: sled::Tree,
    intents: sled::Tree,
    losses: sled::Tree,
    quarantine: sled::Tree,
    agent: sled::Tree,
}

/// How many records a batch has: sled keeps every version of every page that a batch changes until the
/// batch is done.
const AT_A_TIME: usize = 1_000;

/// What sled keeps in memory of its pages, as it counts them; it takes about three times that. The state is
/// read from one end to the other, and written in order: more would not make it faster.
const CACHE: u64 = 16 << 20;

impl State {
    /// Opens the folder, and makes it where it is missing.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let at = || path.display().to_string();
        private::folder(path)
            .and_then(|()| recovery::remove(path))
            .map_err(|error| StateError::Open { path: at(), cause: error.into() })?;
        let db = sled::Config::new().path(path).cache_capacity(CACHE).open().map_err(|cause| match &cause {
            sled::Error::Io(error) if error.to_string().contains("acquire lock") => StateError::InUse { path: at() },
            _ => StateError::Open { path: at(), cause },
        })?;
        private::files(path).map_err(|error| StateError::Open { path: at(), cause: error.into() })?;
        let state = Self {
            written: db.open_tree("written")?,
            members: db.open_tree("members")?,
            // The tree keeps the name that it had in the first version.
            intents: db.open_tree("begun")?,
            losses: db.open_tree("losses")?,
            quarantine: db.open_tree("quarantine")?,
            agent: db.open_tree("agent")?,
            db,
        };
        state.convert_members()?;
        Ok(state)
    }

    /// Everything that was written.
    pub fn known(&self) -> Result<SyncedObjects, StateError> {
        let damaged = |reason: &str| StateError::Record(reason.to_owned());
        let mut known = SyncedObjects::new();
        for record in &self.written {
            let (key, value) = record?;
            let id = SourceId::from_bytes(&key).ok_or_else(|| damaged("a key is no id"))?;
            let written: Synced = serde_json::from_slice(&value).map_err(|error| damaged(&error.to_string()))?;
            known.insert(id, written);
        }
        self.add_members(&mut known)?;
        Ok(known)
    }

    /// What was written for one object, without its members.
    pub fn written(&self, id: SourceId) -> Result<Option<Synced>, StateError> {
        let record = self.written.get(id.as_bytes())?;
        let written = record.map(|record| serde_json::from_slice(&record)).transpose();
        written.map_err(|error| StateError::Record(error.to_string()))
    }

    /// Remembers all that was written for an object, with its members.
    pub fn write(&self, id: SourceId, written: &Synced) -> Result<(), StateError> {
        self.set_members(id, &written.members)?;
        self.write_record(id, written)
    }

    /// Remembers what was written for an object; its members stay as they are.
    pub fn write_record(&self, id: SourceId, written: &Synced) -> Result<(), StateError> {
        let record = serde_json::to_vec(written).map_err(|error| StateError::Record(error.to_string()))?;
        self.written.insert(id.as_bytes(), record)?;
        Ok(())
    }

    /// Forgets an object whose resource is deleted.
    pub fn forget(&self, id: SourceId) -> Result<(), StateError> {
        self.set_members(id, &[])?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identity::Kind, plan::ResourceId};

    fn id(last: u8) -> SourceId {
        SourceId::from_bytes(&[last; 16]).unwrap()
    }

    #[test]
    fn a_state_is_to_be_deleted_only_where_it_may_be_damaged() {
        let says = |cause: sled::Error| {
            let open = StateError::Open { path: "st".to_owned(), cause: cause.clone() };
            [open, cause.into()].map(|error| error.to_string())
        };
        for (kind, step) in [
            (io::ErrorKind::StorageFull, "its disk is full. Make room there"),
            (io::ErrorKind::QuotaExceeded, "its disk is full. Make room there"),
            (io::ErrorKind::FileTooLarge, "ulimit -f"),
            (io::ErrorKind::PermissionDenied, "who may read and write there"),
        ] {
            for said in says(io::Error::from(kind).into()) {
                assert!(said.contains(step) && !said.contains("delete") && !said.contains("kind:"), "{said}");
            }
        }
        for said in says(sled::Error::Corruption { at: None, bt: () }) {
            assert!(said.contains("If it is damaged it may be deleted"), "{said}");
        }
    }

    #[test]
    fn what_is_written_is_known_and_a_second_agent_is_kept_out() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let written = |members: &[u8]| Synced {
            resource: ResourceId("r".into()),
            kind: Kind::Group,
            name: "g".to_owned(),
            digest: None,
            left: None,
            members: members.iter().map(|last| id(*last)).collect(),
        };
        state.write(id(1), &written(&[3, 4])).unwrap();
        state.write(id(2), &written(&[3])).unwrap();
        state.join(id(1), &[id(5)]).unwrap();
        state.leave(id(1), &[id(4)]).unwrap();
        let members = |of| state.known().unwrap()[&id(of)].members.clone();
        assert_eq!((members(1), members(2)), (vec![id(3), id(5)], vec![id(3)]));
        assert!(matches!(State::open(folder.path()), Err(StateError::InUse { .. })));
        state.forget(id(1)).unwrap();
        assert_eq!(state.known().unwrap().into_keys().collect::<Vec<_>>(), [id(2)]);
    }
}
