//! The HTML report, in a real browser: what a person sees, with and without filters.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use conformance::{About, Exchange, Finding, Format, Level, Received, Report, Sent, Verdict};

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
        // Until what the page has put off is done; and frames may be looked into.
        .args(["--virtual-time-budget=4000", "--allow-file-access-from-files"])
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
            ms: 12,
        }],
    }
}

fn report() -> Report {
    use Verdict::{Fail, Pass, Skip, Warn};
    let hostile = "Expected 201; got <script>document.title = 'taken over'</script>.";
    let findings = vec![
        finding("create-status", "Create", Level::Must, Fail, Some(hostile)),
        finding("create-body", "Create", Level::Should, Warn, Some("Expected a body.")),
        finding("create-id", "Create", Level::Must, Pass, None),
        finding("delete-status", "Delete", Level::Must, Fail, Some("Expected 204; got 200.")),
        finding("delete-query", "Delete", Level::Must, Skip, Some("The server has no filters.")),
    ];
    let about = About {
        url: "https://example.com/scim/v2".to_owned(),
        profile: "rfc".to_owned(),
        started: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        took: Duration::from_millis(1234),
    };
    Report::new(&about, findings, vec!["/Users/1: DELETE gave 500".to_owned()])
}

#[test]
fn a_person_sees_what_is_wrong_and_can_narrow_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("report.html");
    std::fs::write(&file, report().render(Format::Html, false).expect("a page")).expect("a file");
    let shows = |page: &str, ids: &[&str]| {
        let shown: Vec<_> = page.split("<details id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(shown, ids);
    };
    let first = dom(&file, "");
    shows(&first, &["create-status", "create-body", "delete-status"]);
    assert!(first.contains("The server does not conform: it fails 2 of 5 cases."));
    assert!(first.contains("3 of 5 cases") && first.contains("Left behind: /Users/1: DELETE gave 500"));
    assert!(first.contains("2027-01-15 08:00:00 UTC, 1.23 s"), "date and duration");
    assert!(first.contains("<title>SCIM conformance</title>"), "an answer took the page over");
    assert!(first.contains("&lt;script&gt;document.title"), "an answer is shown as text");
    shows(&dom(&file, "#verdict=pass,skip"), &["create-id", "delete-query"]);
    shows(&dom(&file, "#verdict=fail&section=Delete"), &["delete-status"]);
    shows(&dom(&file, "#verdict=fail,warn&level=should"), &["create-body"]);
    shows(&dom(&file, "#verdict=fail,warn,skip,pass&text=204"), &["delete-status"]);
    assert!(dom(&file, "#verdict=error").contains("Nothing to show with these filters."));
}

/// A page after this script, which runs behind the page's own.
fn dom_after(directory: &Path, page: &str, script: &str) -> String {
    let file = directory.join("changed.html");
    std::fs::write(&file, page.replace("</body>", &format!("<script>{script}</script></body>"))).expect("a file");
    dom(&file, "#verdict=fail")
}

/// What is behind a case: the section, what to change, the status before the body, and a command that repeats it.
#[test]
fn a_case_has_all_that_is_needed_to_mend_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let page = report().render(Format::Html, false).expect("a page");
    let open = dom_after(directory.path(), &page, "byId('expand').click()");
    // `toggle` comes after the script: the page is written down behind it.
    assert!(
        open.contains("href=\"https://www.rfc-editor.org/rfc/rfc7644.html#section-3.3\""),
        "no link to the section"
    );
    assert!(open.contains("To change: Answer a POST with 201"), "no word of what to change");
    assert!(open.contains("200 ← GET https://example.com/scim/v2/Users · 12 ms"), "no status");
    assert!(open.contains("curl -i -X GET 'https://example.com/scim/v2/Users'"), "no command");
    assert!(open.contains("-H \"authorization: Bearer $TOKEN\""), "the token comes from the shell");
    assert!(!open.contains("Bearer ***'"), "no command holds what is hidden");
    let closed = dom_after(directory.path(), &page, "byId('expand').click(); byId('collapse').click()");
    assert!(!closed.contains("open=\"\""), "everything is collapsed again");
}

/// Nothing is cut off or runs over the edge, on a desk and on a telephone; on a desk the filters are one row.
#[test]
fn nothing_runs_over_the_edge() {
    let directory = tempfile::tempdir().expect("a directory");
    let page = report().render(Format::Html, false).expect("a page");
    let measure = "byId('expand').click(); setTimeout(() => { \
        const wide = [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1); \
        const [first, ...others] = [...byId('filters').children].map(one => one.getBoundingClientRect()); \
        const below = others.filter(one => one.top >= first.bottom).length; \
        parent.postMessage(`wide ${wide.length} ${wide[0]?.className ?? ''} scroll ${Math.max(0, document.documentElement.scrollWidth - innerWidth)} below ${below}`, '*'); }, 50)";
    for (width, below) in [(1280, "below 0"), (390, "")] {
        let file = directory.path().join("framed.html");
        let inner = directory.path().join("inner.html");
        std::fs::write(&inner, page.replace("</body>", &format!("<script>{measure}</script></body>"))).expect("a file");
        // A window of Chromium has a least width, and a frame has none. It tells what it has measured when it has.
        let frame = format!(
            "<!doctype html><main><iframe id=\"f\" src=\"inner.html\" style=\"width: {width}px; height: 900px\"></iframe></main>\
             <script>addEventListener('message', told => document.querySelector('main').append(told.data))</script>"
        );
        std::fs::write(&file, frame).expect("a file");
        let seen = dom(&file, "");
        assert!(seen.contains("wide 0 ") && seen.contains("scroll 0") && seen.contains(below), "{width}: {seen}");
    }
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
