//! Each case passes on a server that conforms, and fails on the one with its fault.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use conformance::{
    Area, Assumed, Case, Finding, Level, Manner, Server, Settings, Tokens, Verdict, cases, connect_as, examine,
    measure, remove_all,
};
use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::{
    broken::{Answer, BrokenServer, Fault, READ_ONLY_TOKEN, SECOND_TOKEN, Service, TOKEN, fault::on},
    faults,
};

/// A server that is reached, with everything that the run knows of it.
pub async fn reach(server: &BrokenServer) -> Arc<Server> {
    let settings = Settings { token: Some(TOKEN.to_owned()), ..Settings::default() };
    let tokens = Tokens { second: Some(SECOND_TOKEN.to_owned()), read_only: Some(READ_ONLY_TOKEN.to_owned()) };
    let manner = Manner { tokens, ..Manner::default() };
    connect_as(&server.url, &settings, "0a1b2c", manner).await.expect("a SCIM server")
}

/// The findings that are not these verdicts, as text.
fn others(findings: &[Finding], fine: &[Verdict]) -> Vec<String> {
    let others = findings.iter().filter(|finding| !fine.contains(&finding.verdict));
    others
        .map(|one| format!("{} {}: {}", one.verdict.word(), one.id, one.reason.as_deref().unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn a_server_that_conforms_passes_every_case() {
    let broken = BrokenServer::start().await;
    let server = reach(&broken).await;
    let cases: Vec<_> = cases().collect();
    let findings = examine(&server, &cases, 4, |_| {}).await;
    // Not even a skip: the server offers everything, so a case that is skipped here is never shown to work.
    let others = others(&findings, &[Verdict::Pass]);
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(remove_all(&server).await, Vec::<String>::new());
    assert!(broken.service.is_empty(), "something stays on the server");
}

/// A server that demands of each user what no RFC knows is no worse a server.
#[tokio::test]
async fn required_attributes_that_nobody_knows_get_values() {
    let badge = json!({"extends": "User", "required": true, "schema": {
        "id": "urn:example:params:scim:schemas:2.0:Badge", "name": "Badge", "attributes": [
            {"name": "colour", "type": "string", "required": true, "canonicalValues": ["red"]},
            {"name": "number", "type": "integer", "required": true},
            {"name": "doors", "type": "complex", "multiValued": true, "required": true,
             "subAttributes": [{"name": "value", "type": "string", "required": true}]}]}});
    let broken = BrokenServer::with(|base| Service::new(base).with_definition(&badge)).await;
    let server = reach(&broken).await;
    let cases: Vec<_> = cases().collect();
    let findings = examine(&server, &cases, 4, |_| {}).await;
    let others = others(&findings, &[Verdict::Pass]);
    assert!(others.is_empty(), "{others:#?}");
}

/// What a server does not declare is skipped, with a reason, and nothing else is found wrong.
#[tokio::test]
async fn a_server_that_declares_little_is_not_accused() {
    let broken = BrokenServer::start().await;
    broken.break_with(on("GET **").gives(|asked, answer| {
        let Some(body) = &mut answer.body else { return };
        match asked.path.as_str() {
            "/ServiceProviderConfig" => {
                for feature in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
                    body[feature]["supported"] = json!(false);
                }
                body["pagination"] = json!({"cursor": false, "index": false});
            }
            "/ResourceTypes" => {
                let Some(types) = body["Resources"].as_array_mut() else { return };
                types.truncate(1);
                types[0]["schemaExtensions"] = json!([]);
                body["totalResults"] = json!(1);
            }
            "/Schemas" => {
                let Some(schemas) = body["Resources"].as_array_mut() else { return };
                schemas.truncate(1);
                schemas[0]["attributes"] = json!([schemas[0]["attributes"][0]]);
                body["totalResults"] = json!(1);
            }
            _ => {}
        }
    }));
    let server = reach(&broken).await;
    let cases: Vec<_> = cases().collect();
    let findings = examine(&server, &cases, 4, |_| {}).await;
    let others = others(&findings, &[Verdict::Pass, Verdict::Skip]);
    assert!(others.is_empty(), "{others:#?}");
    let skipped = findings.iter().filter(|one| one.verdict == Verdict::Skip);
    assert!(skipped.clone().all(|one| one.reason.as_ref().is_some_and(|why| why.len() > 20)));
    assert!(skipped.count() > 200, "most cases need what this server does not declare");
}

/// Where discovery is missing, its administrator says what there is, and no more is accused than discovery.
#[tokio::test]
async fn a_server_without_discovery_is_examined_by_what_is_said_of_it() {
    let broken = BrokenServer::start().await;
    broken.break_with(on("GET **").gives(|asked, answer| {
        let segment = asked.path.split('/').nth(1).unwrap_or_default();
        if ["ServiceProviderConfig", "ResourceTypes", "Schemas"].contains(&segment) {
            *answer = Answer::empty(404);
        }
    }));
    let settings = Settings { token: Some(TOKEN.to_owned()), ..Settings::default() };
    let manner = Manner { assumed: vec![Assumed::All], ..Manner::default() };
    let server = connect_as(&broken.url, &settings, "0a1b2c", manner).await.expect("a SCIM server");
    let cases: Vec<_> = cases().collect();
    let findings = examine(&server, &cases, 4, |_| {}).await;
    let others = others(&findings, &[Verdict::Pass, Verdict::Skip]);
    let accused: Vec<_> = others.iter().filter(|one| !one.contains(" discovery-")).collect();
    assert!(accused.is_empty(), "{accused:#?}");
    let skipped = findings.iter().filter(|one| one.verdict == Verdict::Skip).count();
    assert!(skipped < 100, "{skipped} of {} are skipped", findings.len());
}

/// What is wrong once and not again is no failure, and is told.
#[tokio::test]
async fn a_bad_moment_is_told_as_one() {
    let broken = BrokenServer::start().await;
    let server = reach(&broken).await;
    let first = AtomicBool::new(true);
    broken.break_with(on("POST /Users").gives(move |_, answer| {
        if first.swap(false, Ordering::Relaxed) {
            answer.status = 500;
        }
    }));
    let case: Vec<_> = cases().filter(|(_, case)| case.id == "create-status").collect();
    let finding = examine(&server, &case, 1, |_| {}).await.pop().expect("a finding");
    assert_eq!(finding.verdict, Verdict::Warn);
    assert!(finding.reason.is_some_and(|why| why.starts_with("Flaky: ")));
}

/// A date in `Retry-After` is waited for as seconds are: one that is too far away is not, and no case is run before it.
#[tokio::test]
async fn a_date_to_come_again_is_believed() {
    let broken = BrokenServer::start().await;
    let server = reach(&broken).await;
    let first = AtomicBool::new(true);
    broken.break_with(on("POST /Users").gives(move |_, answer| {
        if first.swap(false, Ordering::Relaxed) {
            *answer = Answer::empty(429)
                .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
                .header("retry-after", "Sun, 06 Nov 1994 09:49:37 GMT");
        }
    }));
    let case: Vec<_> = cases().filter(|(_, case)| case.id == "create-status").collect();
    let finding = examine(&server, &case, 1, |_| {}).await.pop().expect("a finding");
    assert_eq!(finding.verdict, Verdict::Error);
    assert!(finding.reason.is_some_and(|why| why.contains("answers 429")));
}

/// Longer than any of these takes.
const LONG: Duration = Duration::from_secs(600);

/// Figures are figures: where they cannot be had, that is said, and nothing fails.
#[tokio::test]
async fn groups_are_measured() {
    let broken = BrokenServer::start().await;
    let server = reach(&broken).await;
    let figures = measure(&server, &[12, 3], LONG).await;
    assert_eq!(figures.len(), 2, "{figures:?}");
    assert!(figures[0].starts_with("A group of 3 members: one more is added in "), "{figures:?}");
    assert!(figures[1].starts_with("A group of 12 members: one more is added in "), "{figures:?}");
    broken.break_with(on("PATCH /Groups/*").refuses(413));
    let figures = measure(&server, &[3, 12], LONG).await;
    assert_eq!(figures.len(), 1, "{figures:?}");
    assert!(figures[0].starts_with("A group of 3 members could not be measured. Expected PATCH"), "{figures:?}");
    assert_eq!(remove_all(&server).await, Vec::<String>::new());
    assert!(broken.service.is_empty(), "something stays on the server");
}

/// A server that takes seconds for each member does not hold a run for hours.
#[tokio::test]
async fn slow_groups_are_given_up() {
    let broken = BrokenServer::start().await;
    let server = reach(&broken).await;
    broken.break_with(on("PATCH /Groups/*").gives(|_, _| std::thread::sleep(Duration::from_millis(300))));
    let figures = measure(&server, &[3, 12], Duration::from_millis(500)).await;
    assert!(figures[0].starts_with("A group of 3 members could not be measured. After 0 s there were "), "{figures:?}");
    assert_eq!(figures.len(), 1);
    assert_eq!(remove_all(&server).await, Vec::<String>::new());
    assert!(broken.service.is_empty(), "something stays on the server");
}

/// A server that takes one email of a user breaks one requirement, and not a hundred.
#[tokio::test]
async fn a_server_that_takes_one_email_is_accused_once() {
    let broken = BrokenServer::start().await;
    broken.break_with(on("* **").takes(|asked| {
        if asked.json()["emails"].as_array().is_some_and(|emails| emails.len() > 1) {
            asked.body = asked.body.replace("\"emails\":[", "\"emails\":[\"one too many\",");
        }
    }));
    let server = reach(&broken).await;
    let cases: Vec<_> = cases().collect();
    let findings = examine(&server, &cases, 4, |_| {}).await;
    let others = others(&findings, &[Verdict::Pass, Verdict::Skip]);
    assert!(matches!(&others[..], [one] if one.starts_with("fail create-multi-valued: ")), "{others:#?}");
    let skipped = findings.iter().filter(|one| one.verdict == Verdict::Skip);
    assert!(skipped.clone().count() < 25, "{:#?}", skipped.map(|one| &one.id).collect::<Vec<_>>());
}

#[tokio::test]
async fn each_case_fails_by_its_fault() {
    let mut faults: HashMap<_, _> = HashMap::new();
    for (id, fault, why) in faults::all() {
        assert!(cases().any(|(_, case)| case.id == id), "there is a fault for \"{id}\", which is no case");
        assert!(faults.insert(id, (fault, why)).is_none(), "there are two faults for {id}");
    }
    let pairs: Vec<_> = cases().map(|(area, case)| (area, case, faults.remove(case.id))).collect();
    let problems = stream::iter(pairs).map(|(area, case, fault)| async move {
        match fault {
            None => Some(format!("{}: there is no fault that makes it fail", case.id)),
            Some((fault, why)) => survives(area, case, fault, why).await,
        }
    });
    let problems: Vec<_> = problems.buffered(4).filter_map(|problem| async { problem }).collect().await;
    assert!(problems.is_empty(), "{} of {} cases: {problems:#?}", problems.len(), cases().count());
}

/// What is wrong when a case does not fail on a server with its fault, or for another reason.
async fn survives(area: &'static Area, case: &'static Case, fault: Fault, why: &str) -> Option<String> {
    let broken = BrokenServer::start().await;
    let server = reach(&broken).await;
    broken.break_with(fault);
    let findings = examine(&server, &[(area, case)], 1, |_| {}).await;
    let expect = match case.level {
        Level::Must => Verdict::Fail,
        Level::Should => Verdict::Warn,
        Level::May => Verdict::Skip,
    };
    // A generated case has a finding for each attribute: one of them is what is broken.
    let said = |finding: &Finding| without_own_words(finding.reason.as_deref().unwrap_or_default());
    let found = findings.iter().any(|one| {
        let reason = one.reason.as_deref().unwrap_or_default();
        one.verdict == expect && (reason.contains(why) || said(one).contains(why))
    });
    let got: Vec<_> = findings.iter().map(|one| format!("{} {}: {}", one.verdict.word(), one.id, said(one))).collect();
    (!found).then(|| format!("{}: expected {} with \"{why}\", got: {got:#?}", case.id, expect.word()))
}

/// A reason without the words that set the values of cases apart: `scim-conformance-0a1b2c-17-`.
fn without_own_words(reason: &str) -> String {
    let mut parts = reason.split("scim-conformance-0a1b2c-");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
        match rest.strip_prefix('-').filter(|_| rest.len() < part.len()) {
            Some(rest) => out.push_str(rest),
            None => out.extend(["scim-conformance-0a1b2c-", part]),
        }
    }
    out
}

#[test]
fn the_table_is_in_order() {
    let mut seen = HashSet::new();
    for (area, case) in cases() {
        assert!(case.id.starts_with(&format!("{}-", area.tag)), "{} must begin with {}-", case.id, area.tag);
        assert!(seen.insert(case.id), "two cases are called {}", case.id);
        assert!(case.section.starts_with("RFC ") && case.section.contains('§'), "{}: {}", case.id, case.section);
        assert!(case.requirement.ends_with('.') && case.requirement.len() > 20, "{}: one whole sentence", case.id);
    }
}
