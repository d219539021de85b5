//! Playing a profile's dialogues against a server, in order.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{Dialogue, Profile, Step, Turn, expect, variables::Variables};
use crate::{
    context::{Context, Server},
    exchange::Answer,
    finding::Finding,
    verdict::{Outcome, Stop, judge},
};

/// Plays the dialogues up to the last step that is to be reported, and gives the findings of those.
/// `choices` has the steps' ids in the profile's order, see [`crate::run::Selection::steps`]. A dialogue goes on after a step that failed, since people want to know of all steps; one
/// that uses what a failed step should have given is skipped with that reason.
pub async fn play(
    server: &Arc<Server>,
    profile: &Profile,
    choices: &[(&str, Choice)],
    done: impl Fn(&Finding),
) -> Vec<Finding> {
    let mut variables = Variables::new(&Context::new(Arc::clone(server)));
    let last = choices.iter().rposition(|(_, choice)| *choice == Choice::Report);
    let mut findings = Vec::new();
    for ((dialogue, step), (_, choice)) in profile.steps().zip(choices).take(last.map_or(0, |last| last + 1)) {
        if *choice == Choice::Omit {
            continue;
        }
        let scim = Context::new(Arc::clone(server));
        let outcome = take(&scim, dialogue, step, &mut variables).await;
        if *choice == Choice::Report {
            let finding = finding(profile, dialogue, step, outcome, &scim);
            done(&finding);
            findings.push(finding);
        }
    }
    findings
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Omit,
    /// It is sent, since later steps build on it.
    Send,
    /// It is sent and reported.
    Report,
}

fn finding(profile: &Profile, dialogue: &Dialogue, step: &Step, outcome: Outcome, scim: &Context) -> Finding {
    let level = step.source.grade.level();
    let is_unmet = matches!(outcome, Err(Stop::Unmet(_)));
    let (verdict, reason) = judge(level, outcome);
    let reason = reason.map(|reason| match &step.message {
        _ if !is_unmet => reason,
        Some(message) => format!("{reason} {} The administrator sees: \"{message}\".", step.why),
        None => format!("{reason} {}", step.why),
    });
    Finding {
        id: step.id.clone(),
        area: dialogue.title.clone(),
        section: format!("{}, {}", profile.provider, step.source.grade),
        level,
        requirement: step.does.clone(),
        verdict,
        reason,
        evidence: scim.take_exchanges(),
    }
}

async fn take(scim: &Context, dialogue: &Dialogue, step: &Step, variables: &mut Variables) -> Outcome {
    if let Some(path) = step.needs.iter().find(|path| scim.discovery().attribute("User", path).is_none()) {
        return Err(Stop::Skip(format!(
            "The server's schemas have no User attribute {path}, so nothing is mapped to it."
        )));
    }
    if step.at_once {
        let rounds = (1..=step.times).map(|n| {
            let mut own = variables.clone();
            async move {
                own.set("n", &n.into());
                exchange(scim, dialogue, &step.exchange, &mut own).await
            }
        });
        join_all(rounds).await.into_iter().collect::<Outcome>()?;
    } else {
        for n in 1..=step.times {
            variables.set("n", &n.into());
            exchange(scim, dialogue, &step.exchange, variables).await?;
        }
    }
    for check in &step.then {
        exchange(scim, dialogue, check, variables).await?;
    }
    Ok(())
}

/// Sends one request and looks at its answer.
async fn exchange(scim: &Context, dialogue: &Dialogue, one: &Turn, variables: &mut Variables) -> Outcome {
    let missing = |name: String| Stop::Skip(format!("It uses ${{{name}}}, which an earlier step did not get."));
    let target = variables.fill(&one.send).map_err(missing)?;
    let (method, path) = target.split_once(' ').unwrap_or(("GET", &target));
    let mut call = scim.call(method, path);
    if let Some(filter) = &one.filter {
        call = call.filter(variables.fill(filter).map_err(missing)?);
    }
    if let Some(body) = &one.body {
        call = call.json(&variables.fill_all(body).map_err(missing)?);
    }
    for (name, value) in dialogue.headers.iter().chain(&one.headers) {
        let is_about_body = name.eq_ignore_ascii_case("content-type");
        if !is_about_body || one.body.is_some() {
            call = call.header(name, value.as_deref().unwrap_or_default());
        }
    }
    let wanted = one.holds.as_ref().map(|wanted| variables.fill_all(wanted)).transpose().map_err(missing)?;
    let answer = call.await?;
    // What was made is saved even when something else is wrong, so that later steps can be taken.
    for (name, pointer) in &one.save {
        if let Some(value) = answer.json().pointer(pointer) {
            let name = variables.fill(name).map_err(missing)?;
            variables.set(&name, value);
        }
    }
    suits(one, &answer, wanted.as_ref())
}

fn suits(one: &Turn, answer: &Answer, wanted: Option<&serde_json::Value>) -> Outcome {
    answer.status_in(&one.status.0)?;
    for (name, part) in &one.answers {
        let value = answer.header(name).unwrap_or_default();
        if !value.to_ascii_lowercase().contains(part) {
            return Err(Stop::Unmet(format!(
                "Needed the header {name} of {} to say {part}; it is \"{value}\".",
                answer.asked()
            )));
        }
    }
    // 204 has nothing to look at; where the provider needs a body, the step's statuses leave it out.
    if let Some(wanted) = wanted.filter(|_| answer.status != 204) {
        let got = (!answer.body.trim().is_empty()).then(|| answer.json());
        if got.is_some() {
            answer.object()?;
        }
        if let Some(why) = expect::difference(got, wanted) {
            return Err(Stop::Unmet(format!("{why} ({})", answer.asked())));
        }
    }
    for (name, pointer) in &one.save {
        if answer.json().pointer(pointer).is_none_or(serde_json::Value::is_null) {
            return Err(Stop::Unmet(format!(
                "Needed {name} at {pointer} in the answer to {}; it is absent.",
                answer.asked()
            )));
        }
    }
    Ok(())
}
