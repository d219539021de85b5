//! The forms of a report, of real runs: what a broken server's says, and what CI systems are given.

use std::{process::Command, sync::Arc};

use conformance::{About, Finding, Format, Report, Server, Verdict, cases, examine, remove_all};
use serde_json::Value;

use crate::{
    broken::{BrokenServer, Fault, fault::on},
    cases::reach,
    scim_server::ScimServer,
};

async fn examined(server: &Arc<Server>) -> Vec<Finding> {
    let cases: Vec<_> = cases().collect();
    examine(server, &cases, 4, |_| {}).await
}

async fn report(fault: Fault) -> Report {
    let broken = BrokenServer::start().await;
    let server = reach(&broken).await;
    broken.break_with(fault);
    let findings = examined(&server).await;
    let left_behind = remove_all(&server).await;
    let about = About {
        url: server.base().to_owned(),
        profile: "rfc".to_owned(),
        started: std::time::SystemTime::now(),
        took: std::time::Duration::from_secs(1),
    };
    Report::new(&about, findings, left_behind)
}

/// Most of what is wrong has one cause, and the whole report fits on two screens.
#[track_caller]
fn told_shortly(report: &Report, words: &str, share: usize) {
    let wrong: usize = report.causes.iter().map(|cause| cause.cases.len()).sum();
    let largest = report.causes.iter().max_by_key(|cause| cause.cases.len()).expect("a cause");
    let what: Vec<_> = report.causes.iter().map(|cause| (cause.cases.len(), &cause.what)).collect();
    assert!(largest.what.contains(words), "{what:#?}");
    assert!(largest.cases.len() * 100 >= wrong * share, "{} of {wrong}: {what:#?}", largest.cases.len());
    let text = report.render(Format::Text, false).expect("a text");
    assert!(text.lines().count() <= 100, "{} lines\n{text}", text.lines().count());
    assert!(text.contains(&format!("1 cause, {} cases: ", largest.cases.len())), "{text}");
    assert!(text.contains("To change: "), "{text}");
}

#[tokio::test]
async fn a_server_that_makes_no_users_has_one_cause() {
    told_shortly(&report(on("POST /Users").refuses(500)).await, "POST /Users is answered 500.", 90);
}

#[tokio::test]
async fn a_server_that_changes_nothing_has_one_cause() {
    told_shortly(&report(on("PATCH /Users/*").pretends()).await, "PATCH /Users/{id}", 70);
}

#[tokio::test]
async fn a_server_without_filters_has_one_cause() {
    told_shortly(&report(on("GET **").having("filter=").refuses(400)).await, "GET /Users?filter is answered 400", 70);
}

/// A server that says deleted and keeps it: that is told, and not believed.
#[tokio::test]
async fn what_is_not_deleted_is_left_behind() {
    let report = report(on("DELETE /Users/*").pretends()).await;
    assert!(!report.left_behind.is_empty());
    assert!(report.left_behind.iter().all(|left| left.ends_with("it is still there after its DELETE")), "{report:#?}");
}

#[test]
fn every_form_is_written_and_the_summary_is_printed() {
    let server = ScimServer::start("rfc");
    let directory = tempfile::tempdir().expect("a directory");
    let written = |form: &str| {
        let file = directory.path().join(form);
        let path = file.to_str().expect("a path").to_owned();
        let output = server.conformance(&["run", "--tag", "delete", "--report", form, "--out", &path]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains(" 0 error, 0 fail") && said.contains(&format!("The report is in {path}.")), "{said}");
        assert!(!said.contains('\u{1b}'), "there are colours where no terminal is");
        std::fs::read_to_string(file).expect("the report")
    };
    let json: Value = serde_json::from_str(&written("json")).expect("JSON");
    assert_eq!(json["form"], "scim-conformance-report/1");
    let file = directory.path().join("json").to_str().expect("a path").to_owned();
    let output = Command::new(env!("CARGO_BIN_EXE_scim-conformance")).args(["render", &file]).output();
    let said = output.expect("scim-conformance runs").stdout;
    assert!(String::from_utf8_lossy(&said).ends_with("is kept.\n"), "a report is rendered again");
    assert_eq!(json["totals"]["pass"], json["findings"].as_array().expect("findings").len());
    assert!(json["started"].as_str().is_some_and(|at| at.ends_with('Z')) && json["duration_ms"].is_number());
    assert!(written("junit").contains(" time=\"0."));
    assert!(written("markdown").starts_with("## SCIM conformance: `http"));
    assert!(written("badge").starts_with("<svg xmlns="));
    assert!(written("html").starts_with("<!doctype html>"));
    assert!(written("text").contains("is kept."));
}

/// What failed before is known; what fails for the first time fails the job.
#[test]
fn a_baseline_leaves_what_is_new() {
    let server = ScimServer::start("rfc");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("before.json");
    let path = file.to_str().expect("a path");
    let run =
        |more: &[&str]| server.conformance(&[&["run", "--tag", "modify-replace", "--report", "json"], more].concat());
    run(&["--out", path]);
    let before: Report = serde_json::from_str(&std::fs::read_to_string(&file).expect("a report")).expect("a report");
    let after = run(&["--baseline", path]);
    assert_eq!(after.status.code(), Some(0), "{}", String::from_utf8_lossy(&after.stdout));
    // The same run, beside a baseline in which all of it passed.
    let passed = before.findings.iter().map(|one| Finding { verdict: Verdict::Pass, ..one.clone() });
    let passed = Report { findings: passed.collect(), ..before.clone() };
    std::fs::write(&file, serde_json::to_string(&passed).expect("JSON")).expect("a file");
    let failed = before.findings.iter().any(|one| one.verdict == Verdict::Fail);
    assert_eq!(run(&["--baseline", path]).status.code(), Some(i32::from(failed)));
    assert_eq!(run(&["--baseline", "/nowhere"]).status.code(), Some(2));
}
