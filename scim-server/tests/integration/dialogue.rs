//! What identity providers say, played in order against the real server.
//!
//! The dialogues are data, `conformance/profiles`, and so is what is expected. `scim-conformance` judges any server
//! by what each provider needs; here the same player holds this server to all that is written down. A file is
//! played against one fresh tenant: later steps use what earlier ones made.

mod identity_center;

use std::{collections::BTreeSet, fs, path::PathBuf};

use conformance::{Finding, Profile, Settings, Verdict, connect, hold};
use serde_json::json;

use crate::server::{Options, PATIENCE, TestServer};

/// One test for each file.
macro_rules! dialogues {
    ($($test:ident => $file:literal,)*) => {
        const FILES: &[&str] = &[$($file),*];
        $(#[tokio::test] async fn $test() { replay($file).await; })*
    };
}

dialogues! {
    cyberark => "cyberark",
    entra => "entra",
    entra_gallery => "entra-gallery",
    fastfed => "fastfed",
    google => "google",
    identity_center_itself => "identity-center",
    jumpcloud => "jumpcloud",
    okta => "okta",
    okta_crud => "okta-crud",
    okta_spec => "okta-spec",
    onelogin => "onelogin",
    ping => "ping",
    further_authentik => "further/authentik",
    further_databricks => "further/databricks",
    further_di_wu => "further/di-wu",
    further_entra_patch_shapes => "further/entra-patch-shapes",
    further_entra_validator => "further/entra-validator",
    further_idp_scim_sync => "further/idp-scim-sync",
    further_janssen => "further/janssen",
    further_okta_entitlements => "further/okta-entitlements",
    further_oxide => "further/oxide",
    further_pocket_id => "further/pocket-id",
    further_rauthy => "further/rauthy",
    further_rippling => "further/rippling",
    further_scim_sdk => "further/scim-sdk",
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../conformance/profiles")
}

fn read(file: &str) -> Profile {
    let path = directory().join(format!("{file}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Profile::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What comes of each step for a tenant under that profile.
async fn play(dialogues: &Profile, tenant: &str) -> Vec<Finding> {
    let server = TestServer::with(Options {
        profile: Some(tenant.to_owned()),
        // How often identity-center lets somebody ask is not what these are about.
        settings: dialogues.settings.clone().or_else(|| (tenant != "rfc").then(|| json!({"rate_limit": 0}))),
        ..Options::default()
    });
    let settings = Settings { token: Some(server.token().to_owned()), timeout: PATIENCE, ..Settings::default() };
    let target = connect(&server.base(), &settings, "dialogue").await.unwrap_or_else(|error| panic!("{error}"));
    hold(&target, dialogues).await
}

async fn replay(file: &str) {
    let tenant = if file == "identity-center" { "identity-center" } else { "rfc" };
    let findings = play(&read(file), tenant).await;
    let wrong: Vec<_> = findings
        .iter()
        .filter(|one| one.verdict != Verdict::Pass)
        .map(|one| format!("{}: {}\n{:?}", one.id, one.reason.as_deref().unwrap_or_default(), one.evidence.last()))
        .collect();
    assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
}

fn files_in(folder: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory().join(folder)).expect("the dialogues").map(|entry| entry.expect("an entry"));
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    entries.filter_map(move |entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.strip_suffix(".json").map(|name| format!("{prefix}{name}"))
    })
}

#[test]
fn each_file_is_replayed() {
    let found: BTreeSet<_> = files_in("").chain(files_in("further")).collect();
    let replayed: BTreeSet<_> = FILES.iter().map(|file| (*file).to_owned()).collect();
    assert_eq!(found, replayed);
}

#[test]
fn each_known_behaviour_has_a_step() {
    let list = fs::read_to_string(directory().join("behaviours.txt")).expect("the list");
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let known: BTreeSet<_> = lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
    let profiles: Vec<_> = FILES.iter().map(|file| read(file)).collect();
    let steps = profiles.iter().flat_map(Profile::all_steps);
    let covered: BTreeSet<_> = steps.flat_map(|(_, step)| step.covers.iter().cloned()).collect();
    let missing: Vec<_> = known.difference(&covered).collect();
    let unknown: Vec<_> = covered.difference(&known).collect();
    assert!(missing.is_empty(), "no step covers {missing:#?}");
    assert!(unknown.is_empty(), "behaviours.txt does not list {unknown:#?}");
}
