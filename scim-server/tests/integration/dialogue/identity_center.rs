//! The dialogues of the eight providers against a tenant under the profile identity-center: what is
//! answered otherwise than under rfc stands in a page of the reference, and nothing else is.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use serde_json::json;

use super::{Mismatch, data::Dialogue, data::Variables, directory, play};
use crate::server::{Options, TestServer};

const PROVIDERS: [&str; 8] =
    ["cyberark", "entra", "google-workspace", "jumpcloud", "okta", "onelogin", "ping-federate", "ping-one"];

/// The steps of one dialogue that do not go as under rfc, as lines of a table.
async fn deviations(file: &str) -> (String, String) {
    let dialogue = Dialogue::read(&directory().join(format!("{file}.json")));
    let server = TestServer::with(Options {
        profile: Some("identity-center".to_owned()),
        settings: Some(json!({"rate_limit": 0})),
        ..Options::default()
    });
    let mut variables = Variables::new(&server.base());
    let mut rows = String::new();
    for step in &dialogue.steps {
        let Err(mismatch) = play(&dialogue, step, &server.client(), &mut variables).await else { continue };
        let _ = writeln!(rows, "| {} | {} |", step.name, told(&mismatch));
    }
    (dialogue.provider, rows)
}

fn told(mismatch: &Mismatch) -> String {
    match &mismatch.answer {
        None => "cannot be asked: a step before it made nothing".to_owned(),
        Some((status, answer)) if *status >= 400 => {
            let detail = answer["detail"].as_str().unwrap_or_default();
            let ids = |word: &str| word.len() >= 36 && word.matches('-').count() >= 4;
            let words: Vec<_> = detail.split(' ').map(|word| if ids(word) { "…" } else { word }).collect();
            format!("{status} `{}`", words.join(" "))
        }
        Some((status, _)) => format!("{status}, and another body"),
    }
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "a switch of this test, not a setting of the program")]
async fn the_providers_meet_the_refusals_that_the_page_lists() {
    let mut page = String::from(
        "# The providers under identity-center\n\n\
         <!-- Made by a test of scim-server, which replays the dialogues; run it with UPDATE_DOCS=1. -->\n\n\
         What each identity provider [sends](../guide/README.md), replayed against a tenant under the profile\n\
         `identity-center`. Each step that is not listed here is answered as under `rfc`. A refusal is what AWS\n\
         IAM Identity Center's [constraints](../guide/tenants-and-profiles.md#profiles) ask for; a step that\n\
         builds on what was refused cannot be asked, or finds nothing.\n",
    );
    for file in PROVIDERS {
        let (provider, rows) = deviations(file).await;
        let _ = write!(page, "\n## {provider}\n\n");
        page.push_str(if rows.is_empty() {
            "Every step is answered as under `rfc`.\n"
        } else {
            "| step | answer |\n| --- | --- |\n"
        });
        page.push_str(&rows);
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/identity-center-dialogues.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).expect("the page");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        found, page,
        "docs/reference/identity-center-dialogues.md is out of date: run the tests with UPDATE_DOCS=1"
    );
}
