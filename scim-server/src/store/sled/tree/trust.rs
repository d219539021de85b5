//! Applies batches to the tree, and verifies a tree when it is opened.

use std::path::Path;

use sled::Db;

use super::{
    batch::for_sled,
    guarded,
    journal::{self, Fault},
    redo,
};
use crate::store::{
    StoreError,
    sled::{OpenError, key, value},
};

/// How many keys of a large batch are applied at a time.
const PIECE: usize = 512;

/// How many pieces of garbage are collected at a time, roughly: what [`crossbeam_epoch`] does in one go.
const COLLECTED: usize = 64;

/// Completes an interrupted large commit, and compares the tree with what was acknowledged. Returns the number of the
/// last batch in the tree. An error if something is lost, unless the loss was accepted with that number.
pub(super) fn examine(db: &Db, directory: &Path, accepted: Option<u64>) -> Result<u64, OpenError> {
    let fault = match complete(db, directory)
        .and_then(|()| journal::verify(directory, stands(db)?, |key| guarded(|| db.get(key))))
    {
        Ok(()) => None,
        Err(Fault::Damage(damage)) => Some(damage),
        Err(Fault::Store(error)) => return Err(error.into()),
    };
    let stands = stands(db)?.unwrap_or(0);
    match fault {
        Some(damage) if accepted != Some(stands) => Err(OpenError::Damaged { damage, stands }),
        Some(damage) => {
            tracing::warn!(%damage, stands, "the loss was accepted: the store continues with the remaining data");
            Ok(stands)
        }
        None => {
            if accepted.is_some() {
                tracing::warn!("nothing is lost in this store, so there was no loss to accept; nothing was changed");
            }
            Ok(stands)
        }
    }
}

/// Whether the tree stands at the batch at which this process has closed it, and nothing else waits to be completed
/// or compared. Then the values may be compared while the tree is used ([`super::later`]).
pub(super) fn is_as_closed(db: &Db, directory: &Path, closed_at: u64) -> Result<bool, StoreError> {
    Ok(stands(db)? == Some(closed_at) && !redo::is_there(directory) && journal::may_follow(directory))
}

/// The number of the last batch that is in the tree.
fn stands(db: &Db) -> Result<Option<u64>, StoreError> {
    guarded(|| db.get(key::commit()))?.map(|bytes| value::number(&bytes)).transpose()
}

/// Applies a large batch that is not in the tree as a whole. One that is too new for the tree is left: the
/// journal says what is missing before it.
fn complete(db: &Db, directory: &Path) -> Result<(), Fault> {
    let Some((number, changes)) = redo::read(directory)? else { return Ok(()) };
    if stands(db)?.unwrap_or(0) + 1 != number {
        return Ok(());
    }
    apply_in_pieces(db, number, &changes)?;
    guarded(|| db.flush())?;
    Ok(())
}

/// Applies a batch in pieces, of which only the last one has the number.
pub(super) fn apply_in_pieces(db: &Db, number: u64, changes: &redo::KeyValues) -> Result<(), StoreError> {
    let mut pieces = changes.chunks(PIECE).peekable();
    while let Some(piece) = pieces.next() {
        let last = pieces.peek().is_none();
        apply_piece(db, last.then_some(number), piece)?;
    }
    Ok(())
}

/// Applies a batch, and frees what it has made obsolete.
pub(super) fn apply_piece(db: &Db, number: Option<u64>, changes: &redo::KeyValues) -> Result<(), StoreError> {
    let mut batch = for_sled(changes);
    if let Some(number) = number {
        batch.insert(key::commit(), number.to_be_bytes().as_slice());
    }
    guarded(|| db.apply_batch(batch))?;
    // sled collects the pages that it has replaced now and then, on any thread that uses it; a thread that
    // writes does so once for hundreds of pages: without reads they would pile up.
    for _ in 0..changes.len() / COLLECTED + 3 {
        crossbeam_epoch::pin().flush();
    }
    Ok(())
}
