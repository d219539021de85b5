//! The HTML report, in a real browser: what a person sees, with and without filters.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use conformance::{Exchange, Finding, Format, Level, Received, Report, Sent, Verdict};

/// Headless Chromium; `make test` installs it.
fn chromium() -> PathBuf {
    let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let found = known.iter().map(Path::new).find(|program| program.exists());
    found.expect("Chromium, to look at the report: apt-get install chromium").to_owned()
}

/// The page's elements after its script has run.
fn dom(file: &Path, fragment: &str) -> String {
    let profile = tempfile::tempdir().expect("a directory");
    let output = Command::new(chromium())
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}{fragment}", file.display()))
        .output()
        .expect("Chromium runs");
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    // What a script element holds is not seen.
    let seen = page.split("<script").next().unwrap_or_default().to_owned();
    assert!(seen.contains("<main"), "no page: {}", String::from_utf8_lossy(&output.stderr));
    seen
}

fn finding(id: &str, area: &str, level: Level, verdict: Verdict, reason: Option<&str>) -> Finding {
    let answer = "<script>document.title = 'taken over'</script></script><img src=x onerror=alert(1)>";
    Finding {
        id: id.to_owned(),
        area: area.to_owned(),
        section: "RFC 7644 §3.3".to_owned(),
        level,
        requirement: format!("What {id} demands."),
        verdict,
        reason: reason.map(str::to_owned),
        evidence: vec![Exchange {
            request: Sent {
                method: "GET".to_owned(),
                url: "https://example.com/scim/v2/Users".to_owned(),
                headers: [("authorization".to_owned(), "Bearer ***".to_owned())].into(),
                body: None,
            },
            answer: Received::Answer { status: 200, headers: [].into(), body: answer.to_owned() },
        }],
    }
}

fn report() -> Report {
    use Verdict::{Fail, Pass, Skip, Warn};
    let hostile = "Expected 201; got <script>document.title = 'taken over'</script>.";
    Report {
        tool: "scim-conformance 0.1.0".to_owned(),
        url: "https://example.com/scim/v2".to_owned(),
        profile: "rfc".to_owned(),
        findings: vec![
            finding("create-status", "Create", Level::Must, Fail, Some(hostile)),
            finding("create-body", "Create", Level::Should, Warn, Some("Expected a body.")),
            finding("create-id", "Create", Level::Must, Pass, None),
            finding("delete-status", "Delete", Level::Must, Fail, Some("Expected 204; got 200.")),
            finding("delete-query", "Delete", Level::Must, Skip, Some("The server has no filters.")),
        ],
        left_behind: vec!["/Users/1: DELETE gave 500".to_owned()],
    }
}

#[test]
fn a_person_sees_what_is_wrong_and_can_narrow_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("report.html");
    std::fs::write(&file, report().render(Format::Html).expect("a page")).expect("a file");
    let shows = |page: &str, ids: &[&str]| {
        let shown: Vec<_> = page.split("<details id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(shown, ids);
    };
    let first = dom(&file, "");
    shows(&first, &["create-status", "create-body", "delete-status"]);
    assert!(first.contains("The server does not conform: it fails 2 of 5 cases."));
    assert!(first.contains("3 of 5 cases") && first.contains("Left behind: /Users/1: DELETE gave 500"));
    assert!(first.contains("<title>SCIM conformance</title>"), "an answer took the page over");
    assert!(first.contains("&lt;script&gt;document.title"), "an answer is shown as text");
    shows(&dom(&file, "#verdict=pass,skip"), &["create-id", "delete-query"]);
    shows(&dom(&file, "#verdict=fail&section=Delete"), &["delete-status"]);
    shows(&dom(&file, "#verdict=fail,warn&level=should"), &["create-body"]);
    shows(&dom(&file, "#verdict=fail,warn,skip,pass&text=204"), &["delete-status"]);
    assert!(dom(&file, "#verdict=error").contains("Nothing to show with these filters."));
}

/// The real thing: a whole run, in the page that people get.
#[test]
fn a_whole_run_is_shown() {
    let server = crate::scim_server::ScimServer::start("rfc");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("report.html");
    let path = file.to_str().expect("a path");
    let output = server.conformance(&["run", "--tag", "delete,version", "--report", "html", "--out", path]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let page = dom(&file, "");
    assert!(page.contains("Everything that was examined and has to be kept is kept."));
    assert!(page.contains("<h2>Delete (RFC 7644 §3.6)</h2>") && page.contains("<details id=\"delete-status\">"));
}
