//! Intents: what is about to be sent.
//!
//! A request and the memory of it are two things, and a process can be killed between them. So the objects of a
//! group of writes are noted, durably, before the first of them is sent, and the note is removed when what was done
//! is durable too. An intent that the next run finds means: the memory proves nothing of this object, the target is
//! asked. Without it a membership whose memory was lost would stay for ever once the directory no longer has it,
//! and an account that was just made would belong to nobody.
//!
//! One note for each object and one flush for each group of writes cost nothing that can be measured; a flush for
//! each request would cost a write to the disk each.

use sled::Batch;

use super::{AT_A_TIME, State, StateError};
use crate::{identity::SourceId, problem::Subject};

impl State {
    /// Notes that these are about to be written. Durable when it returns.
    pub async fn note_intents(&self, subjects: impl Iterator<Item = &Subject>) -> Result<(), StateError> {
        let mut batch = Batch::default();
        for (n, subject) in subjects.enumerate() {
            let note = serde_json::to_vec(subject).map_err(|error| StateError::Record(error.to_string()))?;
            batch.insert(subject.id.as_bytes(), note);
            if n % AT_A_TIME == AT_A_TIME - 1 {
                self.intents.apply_batch(std::mem::take(&mut batch))?;
            }
        }
        self.intents.apply_batch(batch)?;
        self.flush().await
    }

    /// Removes intents, after everything that was done is durable.
    pub async fn settle_intents(&self, ids: impl Iterator<Item = SourceId>) -> Result<(), StateError> {
        self.flush().await?;
        self.forget_intents(ids)
    }

    /// Removes intents.
    pub fn forget_intents(&self, ids: impl Iterator<Item = SourceId>) -> Result<(), StateError> {
        let mut batch = Batch::default();
        for (n, id) in ids.enumerate() {
            batch.remove(id.as_bytes());
            if n % AT_A_TIME == AT_A_TIME - 1 {
                self.intents.apply_batch(std::mem::take(&mut batch))?;
            }
        }
        self.intents.apply_batch(batch)?;
        Ok(())
    }

    /// What a run that was killed was about to send.
    pub fn intents(&self) -> Result<Vec<Subject>, StateError> {
        let note = |value: sled::IVec| serde_json::from_slice(&value).map_err(|e| StateError::Record(e.to_string()));
        self.intents.iter().values().map(|value| note(value?)).collect()
    }
}
