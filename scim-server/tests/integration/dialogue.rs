//! What identity providers say, replayed in order against the real server.
//!
//! The dialogues are data, in `tests/dialogues/`; this is the reader. A dialogue is one connection
//! between one provider and one fresh tenant: later steps use what earlier ones made.

mod data;
mod identity_center;
pub mod matching;

use std::{collections::BTreeSet, fmt, fs, path::PathBuf};

use serde_json::{Value, json};

use self::data::{Dialogue, Exchange, Step, Variables};
use crate::server::{Client, Options, Response, TestServer};

/// One test for each file.
macro_rules! dialogues {
    ($($test:ident => $file:literal,)*) => {
        const FILES: &[&str] = &[$($file),*];
        $(#[tokio::test] async fn $test() { replay($file).await; })*
    };
}

dialogues! {
    okta => "okta",
    okta_entitlements => "okta-entitlements",
    entra => "entra",
    entra_patch_shapes => "entra-patch-shapes",
    entra_validator => "entra-validator",
    onelogin => "onelogin",
    jumpcloud => "jumpcloud",
    ping_federate => "ping-federate",
    ping_one => "ping-one",
    cyberark => "cyberark",
    google_workspace => "google-workspace",
    identity_center => "identity-center",
    authentik => "clients/authentik",
    databricks => "clients/databricks",
    di_wu => "clients/di-wu",
    idp_scim_sync => "clients/idp-scim-sync",
    janssen => "clients/janssen",
    oxide => "clients/oxide",
    pocket_id => "clients/pocket-id",
    rauthy => "clients/rauthy",
    rippling => "clients/rippling",
    scim_sdk => "clients/scim-sdk",
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues")
}

async fn replay(file: &str) {
    let dialogue = Dialogue::read(&directory().join(format!("{file}.json")));
    let server = TestServer::with(Options {
        profile: dialogue.profile.clone(),
        settings: dialogue.settings.clone(),
        args: dialogue.args.clone(),
        ..Options::default()
    });
    let mut variables = Variables::new(&server.base());
    for step in &dialogue.steps {
        if let Err(why) = play(&dialogue, step, &server.client(), &mut variables).await {
            panic!("{file}, step \"{}\" (source {})\n{why}", step.name, step.source);
        }
    }
}

/// Why a step did not go as expected, and what was answered, if anything could be asked.
struct Mismatch {
    why: String,
    answer: Option<(u16, Value)>,
}

impl From<String> for Mismatch {
    fn from(why: String) -> Self {
        Self { why, answer: None }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// One step: its exchange (as often as it says), then the checks of what it left behind.
async fn play(dialogue: &Dialogue, step: &Step, client: &Client, variables: &mut Variables) -> Result<(), Mismatch> {
    match &step.repeat {
        None => exchange(dialogue, &step.exchange, client, variables).await?,
        Some(repeat) if repeat.at_once => {
            let rounds = repeat.rounds().map(|n| {
                let mut own = variables.with(&repeat.variable, &json!(n));
                // A client of its own each: as many connections as requests.
                let client = Client::clone(client);
                async move { exchange(dialogue, &step.exchange, &client, &mut own).await }
            });
            futures_util::future::try_join_all(rounds).await?;
        }
        Some(repeat) => {
            for n in repeat.rounds() {
                variables.set(&repeat.variable, json!(n));
                exchange(dialogue, &step.exchange, client, variables).await?;
            }
        }
    }
    for check in &step.then {
        exchange(dialogue, check, client, variables)
            .await
            .map_err(|mismatch| Mismatch { why: format!("and then: {mismatch}"), ..mismatch })?;
    }
    Ok(())
}

async fn exchange(
    dialogue: &Dialogue,
    exchange: &Exchange,
    client: &Client,
    variables: &mut Variables,
) -> Result<(), Mismatch> {
    let request = exchange.request.resolve(dialogue, variables)?;
    let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let bearer = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let response = if bearer || request.anonymous {
        client.send(&request.method, &request.target, &headers, request.body.clone()).await
    } else {
        let bearer = client.authorization();
        let headers: Vec<_> = headers.into_iter().chain([("authorization", bearer.as_str())]).collect();
        client.send(&request.method, &request.target, &headers, request.body.clone()).await
    };
    let complain = |why: String| {
        let body = request.body.as_deref().unwrap_or_default();
        let (method, target, status) = (&request.method, &request.target, response.status);
        let why = format!("{method} {target}\n{body}\n{why}\nanswer: {status} {}", response.text);
        Mismatch { why, answer: Some((status, response.json.clone())) }
    };
    verify(exchange, &response, variables).map_err(complain)?;
    for (name, pointer) in &exchange.save {
        let value = response.json.pointer(pointer).cloned();
        variables.set(name, value.ok_or_else(|| complain(format!("nothing at {pointer} to save")))?);
    }
    Ok(())
}

fn verify(exchange: &Exchange, response: &Response, variables: &Variables) -> Result<(), String> {
    let expect = &exchange.expect;
    if !expect.status.0.contains(&response.status) {
        return Err(format!("expected status {:?}, got {}", expect.status.0, response.status));
    }
    for (name, value) in &expect.headers {
        let got = response.headers.get(name).and_then(|value| value.to_str().ok()).map(Value::from);
        if let Some(why) = matching::mismatch(&variables.substitute(value)?, got.as_ref()) {
            return Err(format!("header {name}: {why}"));
        }
    }
    if let Some(body) = &expect.body {
        let got = (!response.text.is_empty()).then_some(&response.json);
        if let Some(why) = matching::mismatch(&variables.substitute(body)?, got) {
            return Err(why);
        }
    }
    Ok(())
}

fn files_in(directory: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(self::directory().join(directory)).expect("the dialogues").map(|e| e.expect("an entry"));
    let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    entries.filter_map(move |entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.strip_suffix(".json").map(|name| format!("{prefix}{name}"))
    })
}

#[test]
fn each_file_is_replayed() {
    let found: BTreeSet<_> = files_in("").chain(files_in("clients")).collect();
    let replayed: BTreeSet<_> = FILES.iter().map(|file| (*file).to_owned()).collect();
    assert_eq!(found, replayed);
}

#[test]
fn each_known_behaviour_has_a_step() {
    let list = fs::read_to_string(directory().join("behaviours.txt")).expect("the list");
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let known: BTreeSet<_> = lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
    let mut covered = BTreeSet::new();
    for file in FILES {
        for step in Dialogue::read(&directory().join(format!("{file}.json"))).steps {
            covered.extend(step.covers);
        }
    }
    let missing: Vec<_> = known.difference(&covered).collect();
    let unknown: Vec<_> = covered.difference(&known).collect();
    assert!(missing.is_empty(), "no step covers {missing:#?}");
    assert!(unknown.is_empty(), "behaviours.txt does not list {unknown:#?}");
}
