//! Each provider's dialogue passes against this project's server, and fails at the step whose need
//! is not met.

use conformance::{Finding, Profile, Selection, Server, Verdict, profile, profiles};
use serde_json::json;

use crate::{
    broken::{BrokenServer, Fault, fault::on},
    cases::reach,
    scim_server::ScimServer,
};

#[test]
fn every_profile_passes_against_our_server() {
    let server = ScimServer::start("rfc");
    for profile in profiles().iter().filter(|profile| profile.name != "identity-center") {
        passes(&server, profile);
    }
    let cleaned = server.conformance(&["clean"]);
    assert_eq!(String::from_utf8_lossy(&cleaned.stdout), "0 removed, 0 left.\n");
}

/// What takes the place of IAM Identity Center is our profile of that name.
#[test]
fn identity_center_passes_against_its_profile() {
    passes(&ScimServer::start("identity-center"), profile("identity-center").expect("a profile"));
}

#[track_caller]
fn passes(server: &ScimServer, profile: &Profile) {
    let report = server.report(&["--profile", &profile.name]);
    let others: Vec<_> = report.findings.iter().filter(|one| one.verdict != Verdict::Pass).map(words).collect();
    assert!(others.is_empty(), "{}: {others:#?}", profile.name);
    assert_eq!(report.findings.len(), profile.steps().count(), "{}", profile.name);
    assert_eq!(report.exit_code(), 0);
    assert_eq!(report.left_behind, Vec::<String>::new());
}

fn words(finding: &Finding) -> String {
    format!("{} {}: {}", finding.verdict.word(), finding.id, finding.reason.as_deref().unwrap_or_default())
}

/// Steps, and what a server does that makes a connector fail there.
fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("okta-users-probe", on("GET /Users").having("count=2").says("/totalResults", json!("0"))),
        ("okta-users-create", on("POST /Users").empty()),
        (
            "okta-users-duplicate",
            on("POST /Users").gives(|_, answer| {
                if answer.status == 409 {
                    answer.status = 400;
                }
            }),
        ),
        ("okta-users-put", on("PUT /Users/*").refuses(405)),
        ("okta-users-deactivate-patch", on("PATCH /Users/*").refuses(501)),
        ("okta-users-lookup-inactive", on("GET /Users").gives(|_, answer| hide_inactive(answer))),
        ("okta-groups-rename", on("PATCH /Groups/*").having("\"id\"").refuses(400)),
        ("okta-groups-push-empty", on("PATCH /Groups/*").having("\"value\":[]").pretends()),
        ("entra-connect-user", on("GET /Users").gives(|_, answer| nobody_is_404(answer))),
        ("entra-users-create", on("POST /Users").omits("/externalId")),
        ("entra-users-match-case", on("GET /Users").asks("filter", "CONTOSO", "FABRIKAM")),
        ("entra-users-replace-flag", on("PATCH /Users/*").having("name.givenName").pretends()),
        ("google-users-create", on("POST /Users").having("content-type: application/json").refuses(415)),
        ("onelogin-users-connect", on("GET /Users").having("none").refuses(400)),
        ("onelogin-users-create-draft-urns", on("POST /Users").having("urn:scim:schemas").refuses(400)),
        ("jumpcloud-test-again", on("DELETE /Users/*").pretends()),
        ("jumpcloud-groups-add-again", on("GET /Groups/*").gives(|_, answer| double_members(answer))),
        ("ping-federate-match-emails", on("GET /Users").having("emails eq").refuses(400)),
        ("ping-one-overwrite", on("PUT /Groups/*").pretends()),
        ("cyberark-requirements-types", on("GET /ResourceTypes/*").refuses(404)),
        ("identity-center-users-duplicate", on("POST /Users").having("third").status(201)),
        ("identity-center-groups-remove", on("PATCH /Groups/*").having("\"remove\"").refuses(400)),
        ("fastfed-users-by-external-id", on("GET /Users").asks("filter", "externalId", "userName")),
    ]
}

fn hide_inactive(answer: &mut crate::broken::Answer) {
    if let Some(resources) = answer.body.as_mut().and_then(|body| body["Resources"].as_array_mut()) {
        resources.retain(|one| one["active"] != false);
    }
}

fn nobody_is_404(answer: &mut crate::broken::Answer) {
    if answer.body.as_ref().is_some_and(|body| body["totalResults"] == 0) {
        answer.status = 404;
    }
}

fn double_members(answer: &mut crate::broken::Answer) {
    if let Some(members) = answer.body.as_mut().and_then(|body| body["members"].as_array_mut()) {
        members.extend(members.clone());
    }
}

#[tokio::test]
async fn each_profile_fails_by_its_faults() {
    for profile in profiles() {
        let here: Vec<_> = faults().into_iter().filter(|(id, _)| has(profile, id)).collect();
        assert!(!here.is_empty(), "{} has no fault", profile.name);
        for (id, fault) in here {
            let broken = BrokenServer::start().await;
            let server = reach(&broken).await;
            broken.break_with(fault);
            let finding = play(&server, profile, id).await;
            let finding = finding.unwrap_or_else(|| panic!("{id} was not played"));
            assert_eq!(finding.verdict, Verdict::Fail, "{}", words(&finding));
            let step = profile.steps().find(|(_, step)| step.id == id).expect("a step").1;
            let why = step.why.as_deref().expect("a need");
            assert!(finding.reason.as_deref().unwrap_or_default().contains(why), "{}", words(&finding));
        }
    }
}

/// Without a fault the same steps pass on the same server, so that it is the fault that counts.
#[tokio::test]
async fn the_steps_with_faults_pass_without_them() {
    let broken = BrokenServer::start().await;
    let server = reach(&broken).await;
    let mut wrong = Vec::new();
    for profile in profiles() {
        let choices = Selection::default().steps(profile).expect("steps");
        let findings = conformance::play(&server, profile, &choices, |_| {}).await;
        let wanted = |finding: &&Finding| faults().iter().any(|(id, _)| finding.id == *id);
        wrong.extend(findings.iter().filter(wanted).filter(|one| one.verdict != Verdict::Pass).map(words));
    }
    // The broken server takes any address twice, as the RFC lets it; Identity Center does not.
    wrong.retain(|one| !one.contains("identity-center-users-duplicate"));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn has(profile: &Profile, id: &str) -> bool {
    profile.steps().any(|(_, step)| step.id == id)
}

async fn play(server: &std::sync::Arc<Server>, profile: &'static Profile, id: &str) -> Option<Finding> {
    let only = Selection { only: vec![id.to_owned()], ..Selection::default() };
    let choices = only.steps(profile).expect("steps");
    conformance::play(server, profile, &choices, |_| {}).await.pop()
}

/// A server that speaks the RFC's PATCH and nothing else: Entra ID is said to stumble where it
/// writes `op` in capitals, and where it selects what is not there yet.
#[tokio::test]
async fn a_server_without_dialects_fails_where_entra_would() {
    let broken = BrokenServer::start().await;
    let server = reach(&broken).await;
    let entra = profile("entra").expect("a profile");
    let findings = conformance::play(&server, entra, &Selection::default().steps(entra).expect("steps"), |_| {}).await;
    let failed = |part: &str| findings.iter().any(|one| one.id.contains(part) && one.verdict == Verdict::Fail);
    for id in ["replace-old", "add-email", "disable-old", "groups-add-old", "remove-old", "parallel"] {
        assert!(failed(id), "{id} does not fail");
    }
    for id in ["users-create", "users-match", "disable-flag", "replace-flag", "remove-flag", "groups-match"] {
        assert!(!failed(id), "{id} fails");
    }
}

/// The report says what a connector would do, and what its administrator would read.
#[tokio::test]
async fn a_step_that_fails_says_what_the_administrator_sees() {
    let broken = BrokenServer::start().await;
    let server = reach(&broken).await;
    broken.break_with(on("POST /Users").empty());
    let okta = profile("okta").expect("a profile");
    let finding = play(&server, okta, "okta-users-create").await.expect("a finding");
    let reason = finding.reason.expect("a reason");
    assert!(reason.ends_with("The administrator sees: \"Create new user returned empty user\"."), "{reason}");
    let later = play(&server, okta, "okta-users-put").await.expect("a finding");
    assert_eq!(later.verdict, Verdict::Skip, "{}", words(&later));
}
