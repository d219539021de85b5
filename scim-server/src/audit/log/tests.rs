//! What is written, what waits, and what is lost.

use std::{collections::HashSet, fs, net::IpAddr, path::PathBuf};

use scim_protocol::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::{
    audit::{Document, EventName, Form, Vocabulary},
    rotated::Rotation,
};

fn record(number: u128) -> AuditRecord<'static> {
    AuditRecord {
        at: Timestamp::from_millis(0),
        event: EventName::BulkRequest,
        tenant: Some("t"),
        token: None,
        source_address: Some(IpAddr::from([192, 0, 2, 1])),
        user_agent: Some("a \"quoted\"\nagent"),
        host: None,
        id: None,
        query: None,
        body: Document::None,
        response: Document::None,
        error: None,
        mapping: &[],
        headers: &[],
        explanation: None,
        request: Uuid::from_u128(number),
        event_id: Uuid::nil(),
        form: Form::Own,
        words: Vocabulary::core(),
    }
}

fn file(path: impl Into<PathBuf>) -> Destination {
    Destination::File { path: path.into(), rotation: None }
}

fn numbers(text: &str) -> Vec<u128> {
    let number = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["requestID"].as_str().unwrap().parse::<Uuid>().unwrap().as_u128()
    };
    text.lines().map(number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_lines_of_eight_tasks_are_all_there_and_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let metrics = Arc::new(AuditMetrics::default());
    let log = Arc::new(AuditLog::open(file(&path), Arc::clone(&metrics)).unwrap());
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for number in 0..1250 {
                    log.record(AuditLog::line(&record(task * 1250 + number))).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    log.flush().await;
    let found = numbers(&fs::read_to_string(&path).unwrap());
    assert_eq!(found.len(), 10_000);
    assert_eq!(found.into_iter().collect::<HashSet<_>>(), (0..10_000).collect());
    assert_eq!((metrics.records.get(), metrics.queued.get()), (10_000, 0));
}

#[tokio::test]
async fn dropping_the_log_writes_what_is_left_for_its_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let log = AuditLog::open(file(&path), Arc::default()).unwrap();
    log.record(AuditLog::line(&record(1))).await;
    drop(log);
    assert_eq!(numbers(&fs::read_to_string(&path).unwrap()), [1]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn reopening_follows_the_name_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (path, moved) = (directory.path().join("audit.jsonl"), directory.path().join("moved"));
    let log = AuditLog::open(file(&path), Arc::default()).unwrap();
    log.record(AuditLog::line(&record(1))).await;
    log.flush().await;
    fs::rename(&path, &moved).unwrap();
    log.record(AuditLog::line(&record(2))).await;
    log.flush().await;
    log.reopen().unwrap();
    log.record(AuditLog::line(&record(3))).await;
    log.flush().await;
    assert_eq!(numbers(&fs::read_to_string(&moved).unwrap()), [1, 2]);
    assert_eq!(numbers(&fs::read_to_string(&path).unwrap()), [3]);
}

#[tokio::test]
async fn a_full_file_is_rotated_and_the_oldest_go() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let target = Destination::File { path: path.clone(), rotation: Some(Rotation { bytes: 1, keep: 2 }) };
    let log = AuditLog::open(target, Arc::default()).unwrap();
    for number in 1..=5 {
        log.record(AuditLog::line(&record(number))).await;
        log.flush().await;
    }
    let read = |name: &str| numbers(&fs::read_to_string(directory.path().join(name)).unwrap());
    assert_eq!((read("audit.jsonl"), read("audit.jsonl.1"), read("audit.jsonl.2")), (vec![5], vec![4], vec![3]));
    assert!(!directory.path().join("audit.jsonl.3").exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_counted_and_nothing_is_dropped_in_silence() {
    let metrics = Arc::new(AuditMetrics::default());
    let log = AuditLog::open(file("/dev/full"), Arc::clone(&metrics)).unwrap();
    log.record(AuditLog::line(&record(1))).await;
    drop(log);
    assert!(metrics.write_errors.get() > 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_queue_makes_requests_wait() {
    let metrics = Arc::new(AuditMetrics::default());
    let log = AuditLog::open(file("/dev/full"), Arc::clone(&metrics)).unwrap();
    let body =
        (0..100).map(|number| ("a".repeat(200) + &number.to_string(), Value::Null)).collect::<Value>().to_string();
    let large = AuditRecord { body: Document::Bytes(body.as_bytes()), ..record(1) };
    let all = async {
        for _ in 0..10_000 {
            log.record(AuditLog::line(&large)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(1), all).await.is_err());
    assert_eq!(metrics.waits.get(), 1);
    assert!(usize::try_from(metrics.queued.get()).unwrap() <= 2 * MAX_QUEUED);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_is_given_up_is_counted_and_holds_nobody_up() {
    let log = AuditLog::open(file("/dev/full"), Arc::default()).unwrap();
    for number in 0..3 {
        log.record(AuditLog::line(&record(number))).await;
    }
    assert_eq!(log.give_up(), 3);
    drop(log);
    let written = AuditLog::open(file("/dev/null"), Arc::default()).unwrap();
    written.record(AuditLog::line(&record(1))).await;
    written.flush().await;
    assert_eq!(written.give_up(), 0);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let error = AuditLog::open(file("/nowhere/audit.jsonl"), Arc::default()).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("/nowhere/audit.jsonl") && said.contains("its directory must be there"), "{said}");
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_not_joined_with_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    fs::write(&path, "{\"requestID\": \"cut o").unwrap();
    let log = AuditLog::open(file(&path), Arc::default()).unwrap();
    log.record(AuditLog::line(&record(1))).await;
    log.flush().await;
    log.reopen().unwrap();
    log.record(AuditLog::line(&record(2))).await;
    drop(log);
    let text = fs::read_to_string(&path).unwrap();
    let (cut, whole) = text.split_once('\n').unwrap();
    assert_eq!((cut, numbers(whole)), ("{\"requestID\": \"cut o", vec![1, 2]));
}

#[test]
fn a_broken_line_starts_again_in_a_fresh_file() {
    let lines = b"one\ntwo\nthree\n";
    for (written, expect) in [(0, "one\ntwo\nthree\n"), (2, "one\ntwo\nthree\n"), (4, "two\nthree\n"), (9, "three\n")] {
        assert_eq!(from_line_start(lines, &lines[written..]), expect.as_bytes(), "{written}");
    }
}
