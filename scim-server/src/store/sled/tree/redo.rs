//! Applies large commits in pieces, which together are still one commit.
//!
//! sled blocks all readers and writers while it applies a batch, and keeps everything that the batch makes obsolete
//! in memory until then: some kilobytes for each key. So a batch of many keys is first written durably to a file, and
//! then applied in pieces; the last piece has its number. If the process ends in between, the next opening applies
//! all pieces again, which is idempotent. Readers may see some pieces and others not, as during a long scan.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use sled::IVec;

use super::{
    files,
    journal::{Damage, Fault},
};
use crate::durable;

const FILE: &str = "redo";

/// Keys with their new values.
pub(super) type KeyValues = [(IVec, Option<IVec>)];

/// A batch with its number.
type Numbered = (u64, Vec<(IVec, Option<IVec>)>);

/// Writes a batch down. It is durable afterwards.
pub(super) fn write(directory: &Path, number: u64, changes: &KeyValues) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    bytes.extend_from_slice(&number.to_le_bytes());
    for (key, value) in changes {
        field(&mut bytes, key)?;
        bytes.push(u8::from(value.is_some()));
        field(&mut bytes, value.as_deref().unwrap_or_default())?;
    }
    let checksum = crc32fast::hash(&bytes[4..]);
    bytes[..4].copy_from_slice(&checksum.to_le_bytes());
    let fresh = directory.join("redo.new");
    let mut file = files::create(&fresh)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    durable::rename(&fresh, &place(directory))
}

/// The batch in the file, with its number.
pub(super) fn read(directory: &Path) -> Result<Option<Numbered>, Fault> {
    files::remove(&directory.join("redo.new"))?;
    let bytes = match fs::read(place(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    decode(&bytes).map(Some).ok_or_else(|| Damage::Redo.into())
}

/// Whether there is one.
pub(super) fn is_there(directory: &Path) -> bool {
    place(directory).exists()
}

/// Forgets it, when it is in the tree and durable there.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    files::remove(&place(directory))
}

fn field(bytes: &mut Vec<u8>, field: &[u8]) -> io::Result<()> {
    bytes.extend_from_slice(&u32::try_from(field.len()).map_err(io::Error::other)?.to_le_bytes());
    bytes.extend_from_slice(field);
    Ok(())
}

fn decode(bytes: &[u8]) -> Option<Numbered> {
    let (checksum, body) = bytes.split_at_checked(4)?;
    if crc32fast::hash(body).to_le_bytes() != checksum {
        return None;
    }
    let (number, mut rest) = body.split_at_checked(8)?;
    let number = u64::from_le_bytes(number.try_into().ok()?);
    let mut changes = Vec::new();
    while !rest.is_empty() {
        let key = read_field(&mut rest)?;
        let (there, behind) = rest.split_first()?;
        rest = behind;
        let value = read_field(&mut rest)?;
        changes.push((key.into(), (*there == 1).then(|| value.into())));
    }
    Some((number, changes))
}

fn read_field<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_at_checked(4)?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let (field, rest) = rest.split_at_checked(length as usize)?;
    *bytes = rest;
    Some(field)
}

fn place(directory: &Path) -> PathBuf {
    directory.join(FILE)
}
