//! The dialogues of the eight providers against a tenant under the profile identity-center: what is
//! answered otherwise than under rfc stands in a page of the reference, and nothing else is.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use conformance::{Exchange, Finding, Profile, Received, Verdict};
use serde_json::Value;

use super::{play, read};

const PROVIDERS: [&str; 7] = ["cyberark", "entra", "google", "jumpcloud", "okta", "onelogin", "ping"];

/// The steps of one dialogue that do not go as under rfc, as lines of a table.
async fn deviations(profile: &Profile) -> String {
    let mut rows = String::new();
    for finding in play(profile, "identity-center").await.iter().filter(|one| one.verdict != Verdict::Pass) {
        let step = finding.requirement.trim_end_matches('.');
        let _ = writeln!(rows, "| {step} | {} |", told(finding).replace('|', "\\|"));
    }
    rows
}

fn told(finding: &Finding) -> String {
    if finding.verdict == Verdict::Skip {
        return "cannot be asked: a step before it made nothing".to_owned();
    }
    let Some(Exchange { answer: Received::Answer { status, body, .. }, .. }) = finding.evidence.last() else {
        panic!("{finding:?}");
    };
    if *status >= 400 {
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        return format!("{status} `{}`", without_ids(answer["detail"].as_str().unwrap_or_default()));
    }
    let reason = finding.reason.as_deref().unwrap_or_default();
    let needed = reason.split("; it is").next().unwrap_or_default().trim_start_matches("Needed ");
    format!("{status}, without {}", without_ids(needed))
}

/// Ids differ in each run.
fn without_ids(text: &str) -> String {
    let is_id = |word: &&str| word.len() >= 36 && word.matches('-').count() >= 4;
    let parts = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    parts
        .map(|part| {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            Some(word).filter(is_id).map_or_else(|| part.to_owned(), |id| part.replace(id, "…"))
        })
        .collect()
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
         builds on what was refused cannot be asked, or finds nothing. Where the answer is a success and something\n\
         is missing from it, that is a constraint too: groups are read with an empty list of members, there are\n\
         no bulk requests, and totals do not count whom the profile refused.\n",
    );
    for file in PROVIDERS {
        let profile = read(file);
        let rows = deviations(&profile).await;
        let _ = write!(page, "\n## {}\n\n", profile.provider);
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
