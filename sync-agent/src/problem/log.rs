//! The error log: JSON Lines, one record for each error, in the form that the reference profile has.
//!
//! There is no secret in it: records are made of [`Problem`]s, which know none. The file is for the
//! owner alone, since it names people. At ten megabytes it becomes `FILE.1`, in place of the one
//! before, so that it never fills a disk.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::identity::{Kind, SourceId};

/// At so many bytes a new file is begun.
const LARGEST: u64 = 10 << 20;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// `name` of the configuration.
    pub sync_profile_name: String,
    /// What happened.
    pub error: RecordError,
    /// The directory.
    pub sync_source: RecordSource,
    /// The SCIM server.
    pub sync_target: RecordTarget,
    /// SID or `entryUUID`, where it is about one object.
    pub source_entity_id: Option<String>,
    /// `USER` or `GROUP`.
    pub source_entity_type: Option<String>,
    /// Milliseconds since 1970.
    #[serde(rename = "eventTimestamp")]
    pub event_timestamp: String,
}

/// `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordError {
    /// One of [`super::CODES`].
    pub error_code: String,
    /// In words.
    pub error_message: String,
}

/// `sync_source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSource {
    /// Its URL: it has no other name of this kind.
    pub arn: String,
    pub domain: String,
}

/// `sync_target`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTarget {
    /// Its URL.
    pub arn: String,
}

/// Between which two places records are about.
#[derive(Debug, Clone)]
pub struct Route {
    /// `name` of the configuration.
    pub profile: String,
    /// URL of the directory.
    pub source: String,
    /// Domain of the directory.
    pub domain: String,
    /// URL of the target.
    pub target: String,
}

impl Route {
    /// The record of a problem. `sid` knows the SIDs of objects that have one.
    pub fn record(&self, problem: &Problem, now: Timestamp, sid: impl Fn(SourceId) -> Option<String>) -> Record {
        let subject = problem.subject.as_ref();
        let message = match subject {
            Some(subject) => format!("{subject}: {}", problem.message),
            None => problem.message.clone(),
        };
        Record {
            sync_profile_name: self.profile.clone(),
            error: RecordError { error_code: problem.code.to_string(), error_message: message },
            sync_source: RecordSource { arn: self.source.clone(), domain: self.domain.clone() },
            sync_target: RecordTarget { arn: self.target.clone() },
            source_entity_id: subject.map(|subject| sid(subject.id).unwrap_or_else(|| subject.id.to_string())),
            source_entity_type: subject.map(|subject| {
                let kind = match subject.kind {
                    Kind::User => "USER",
                    Kind::Group => "GROUP",
                };
                kind.to_owned()
            }),
            event_timestamp: now.as_millis().to_string(),
        }
    }
}

/// Appends records to the log.
pub fn append(path: &Path, records: &[Record]) -> io::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    if std::fs::metadata(path).is_ok_and(|file| file.len() >= LARGEST) {
        std::fs::rename(path, older(path))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    let mut file = options.open(path)?;
    // A full disk has cut off the line before; ours would be lost behind it. A pipe has no end to look at.
    let mut last = *b"\n";
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        lines.insert(0, b'\n');
    }
    // One write, so that two programs that append do not cut each other's lines.
    file.write_all(&lines)
}

/// The last records, the oldest first. Lines that are none are passed over.
pub fn last(path: &Path, number: usize) -> io::Result<Vec<Record>> {
    let mut records = std::collections::VecDeque::new();
    for path in [older(path), path.to_owned()] {
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        for line in BufReader::new(file).lines() {
            if let Ok(record) = serde_json::from_str(&line?) {
                records.push_back(record);
                if records.len() > number {
                    records.pop_front();
                }
            }
        }
    }
    Ok(records.into())
}

fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::problem::{Code, Subject};

    #[test]
    fn a_record_has_the_eight_fields_and_is_found_again() {
        let id = SourceId::parse("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        let subject = Subject { id, kind: Kind::User, name: "ann".to_owned() };
        let problem = Problem { code: Code::ConflictError, subject: Some(subject), message: "taken".to_owned() };
        let route = Route {
            profile: "staff".to_owned(),
            source: "ldaps://dc1".to_owned(),
            domain: "corp.test".to_owned(),
            target: "https://scim.test".to_owned(),
        };
        let record = route.record(&problem, Timestamp::from_millis(1500), |_| Some("S-1-5-21-1".to_owned()));
        assert_eq!(
            serde_json::to_value(&record).unwrap(),
            json!({
                "sync_profile_name": "staff",
                "error": {
                    "error_code": "ConflictError",
                    "error_message": "user \"ann\" (00112233-4455-6677-8899-aabbccddeeff): taken",
                },
                "sync_source": {"arn": "ldaps://dc1", "domain": "corp.test"},
                "sync_target": {"arn": "https://scim.test"},
                "source_entity_id": "S-1-5-21-1",
                "source_entity_type": "USER",
                "eventTimestamp": "1500",
            })
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("errors.jsonl");
        append(&path, &[record.clone(), record.clone()]).unwrap();
        append(&path, std::slice::from_ref(&record)).unwrap();
        assert_eq!(last(&path, 2).unwrap(), [record.clone(), record.clone()]);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        append(&path, std::slice::from_ref(&record)).unwrap();
        assert_eq!(last(&path, 9).unwrap().len(), 3, "a line that was cut off takes no other with it");
    }
}
