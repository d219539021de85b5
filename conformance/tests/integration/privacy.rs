//! Nobody who was on the server before a run is in its reports.

use std::sync::Arc;

use conformance::{About, Context, Format, Report, Server, Settings, cases, connect, examine, remove_all};
use serde_json::json;

use crate::{
    broken::{BrokenServer, fault::on},
    cases::reach,
    scim_server::ScimServer,
};

/// What must not be shown: parts of the values of [`fill`].
const STRANGERS: [&str; 6] =
    ["vanderbilt", "Vanderbilt", "Wilhelmina", "Abernathy", "+44 20 7946", "Accounting of Corp"];

/// People and a group who are no concern of the run.
async fn fill(server: &Arc<Server>) -> Vec<String> {
    let scim = Context::new(Arc::clone(server));
    let mut ids = Vec::new();
    for n in 0..34 {
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("w.vanderbilt{n}@corp.example"),
            "name": {"givenName": "Wilhelmina", "familyName": "Abernathy"}, "displayName": format!("Wilhelmina Vanderbilt {n}"),
            "active": true, "emails": [{"value": format!("w.vanderbilt{n}@corp.example"), "type": "work"}],
            "phoneNumbers": [{"value": format!("+44 20 7946 0{n:03}"), "type": "work"}],
        });
        let made = scim.post("/Users", &user).await.expect("an answer");
        ids.push(made.json()["id"].as_str().expect("an id").to_owned());
    }
    let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
    let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "Accounting of Corp", "members": members});
    let made = scim.post("/Groups", &group).await.expect("an answer");
    assert_eq!(made.status, 201, "{}", made.body);
    ids
}

#[track_caller]
fn none_is_in(text: &str, ids: &[String], what: &str) {
    let shown = STRANGERS.iter().copied().chain(ids.iter().map(String::as_str)).find(|word| text.contains(word));
    if let Some(word) = shown {
        let (before, after) = text.split_once(word).unwrap_or_default();
        let before: Vec<_> = before.chars().rev().take(300).collect();
        let (before, after): (String, String) = (before.iter().rev().collect(), after.chars().take(200).collect());
        panic!("{what} shows {word}: …{before}{word}{after}…");
    }
}

/// A server that does not understand a filter gives everybody, again and again.
#[tokio::test]
async fn a_server_that_gives_everybody_shows_nobody() {
    let broken = BrokenServer::start().await;
    let ids = fill(&reach(&broken).await).await;
    broken.break_with(on("GET **").ignores("filter"));
    let server = reach(&broken).await;
    let cases: Vec<_> = cases().collect();
    let findings = examine(&server, &cases, 4, |_| {}).await;
    assert_eq!(remove_all(&server).await, Vec::<String>::new());
    let about = About {
        url: server.base().to_owned(),
        profile: "rfc".to_owned(),
        started: std::time::SystemTime::now(),
        took: std::time::Duration::ZERO,
    };
    let report = Report::new(&about, findings, Vec::new());
    assert_ne!(report.exit_code(), 0, "the server is broken");
    for format in [Format::Json, Format::Html, Format::Junit, Format::Markdown, Format::Text] {
        none_is_in(&report.render(format, false).expect("a report"), &ids, &format!("{format:?}"));
    }
    // The structure stays, as evidence.
    assert!(report.render(Format::Json, false).expect("a report").contains("\\\"userName\\\":\\\"***\\\""));
}

/// The program, on the real server, by the RFCs and as a provider that looks at the first user of the list.
#[test]
fn the_programs_reports_show_nobody() {
    let server = ScimServer::start("rfc");
    let token = std::fs::read_to_string(server.token_file()).expect("the token").trim().to_owned();
    let settings = Settings { token: Some(token), ..Settings::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ids = runtime.block_on(async {
        let scim = connect(&server.url, &settings, "others").await.expect("a SCIM server");
        fill(&scim).await
    });
    let directory = tempfile::tempdir().expect("a directory");
    for profile in ["rfc", "okta", "entra"] {
        let folder = directory.path().join(profile);
        let transcript = folder.to_str().expect("a path");
        let output = server.conformance(&["run", "--profile", profile, "--report", "json", "--transcript", transcript]);
        none_is_in(&String::from_utf8_lossy(&output.stdout), &ids, profile);
        none_is_in(&String::from_utf8_lossy(&output.stderr), &ids, profile);
        for file in std::fs::read_dir(&folder).expect("the folder").flatten() {
            let text = std::fs::read_to_string(file.path()).expect("a transcript");
            none_is_in(&text, &ids, &file.path().display().to_string());
        }
    }
}
