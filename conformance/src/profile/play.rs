//! Playing a profile's dialogues against a server, in order.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::Value;

use super::{Dialogue, Expectation, Profile, Step, Turn, expect, variables::Variables};
use crate::{
    context::{Call, Context, Server},
    exchange::{Answer, SCIM_JSON},
    finding::Finding,
    verdict::{Outcome, Stop, judge},
};

/// Plays the dialogues up to the last step that is to be reported, and gives the findings of those.
/// `choices` has the steps' ids in the profile's order, see [`crate::run::Selection::steps`]. A dialogue goes on
/// after a step that failed, since people want to know of all steps; one that uses what a failed step should have
/// given is skipped with that reason.
pub async fn play(
    server: &Arc<Server>,
    profile: &Profile,
    choices: &[(&str, Choice)],
    done: impl Fn(&Finding),
) -> Vec<Finding> {
    let last = choices.iter().rposition(|(_, choice)| *choice == Choice::Report);
    let steps = profile.steps().zip(choices).map(|((dialogue, step), (_, choice))| (dialogue, step, *choice));
    take_all(server, profile, Demand::Need, steps.take(last.map_or(0, |last| last + 1)), done).await
}

/// Plays every step, also those that other servers are not judged by, and holds the answers to all that is
/// written down of scim-server's ([`Turn::exact`]). For its tests.
pub async fn hold(server: &Arc<Server>, profile: &Profile) -> Vec<Finding> {
    let steps = profile.all_steps().map(|(dialogue, step)| (dialogue, step, Choice::Report));
    take_all(server, profile, Demand::Exact, steps, |_| {}).await
}

/// What an answer is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// What the provider needs.
    Need,
    /// All that scim-server answers.
    Exact,
}

async fn take_all(
    server: &Arc<Server>,
    profile: &Profile,
    demand: Demand,
    steps: impl Iterator<Item = (&Dialogue, &Step, Choice)>,
    done: impl Fn(&Finding),
) -> Vec<Finding> {
    let mut variables = Variables::new(&Context::new(Arc::clone(server)));
    let mut findings = Vec::new();
    for (dialogue, step, choice) in steps.filter(|(.., choice)| *choice != Choice::Omit) {
        let scim = Context::new(Arc::clone(server));
        let player = Player { scim: &scim, dialogue, demand };
        let outcome = player.take(step, &mut variables).await;
        if choice == Choice::Report {
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
    let level = step.level();
    let is_unmet = matches!(outcome, Err(Stop::Unmet(_)));
    let (verdict, reason) = judge(level, outcome);
    let reason = reason.map(|reason| match (&step.why, &step.message) {
        (Some(why), Some(message)) if is_unmet => format!("{reason} {why} The administrator sees: \"{message}\"."),
        (Some(why), None) if is_unmet => format!("{reason} {why}"),
        _ => reason,
    });
    let reason = reason.map(|reason| scim.discreet(&reason));
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

/// Takes the steps of one dialogue.
struct Player<'a> {
    scim: &'a Context,
    dialogue: &'a Dialogue,
    demand: Demand,
}

impl Player<'_> {
    async fn take(&self, step: &Step, variables: &mut Variables) -> Outcome {
        let discovery = self.scim.discovery();
        if let Some(path) = step.needs.iter().find(|path| discovery.attribute("User", path).is_none()) {
            return Err(Stop::Skip(format!(
                "The server's schemas have no User attribute {path}, so nothing is mapped to it."
            )));
        }
        if let Some(wanted) = &step.declares
            && let Some(why) = expect::difference(Some(discovery.config()), wanted)
        {
            return Err(Stop::Skip(format!("The server does not declare it in /ServiceProviderConfig. {why}")));
        }
        let mut outcome = self.rounds(step, variables).await;
        for check in &step.then {
            // What later steps use is asked for in any case: they may pass where this one fails.
            if outcome.is_ok() || !check.save.is_empty() {
                outcome = outcome.and(self.exchange(check, variables).await);
            }
        }
        outcome
    }

    /// The request of a step, as often as it is sent. Its first fault is told.
    async fn rounds(&self, step: &Step, variables: &mut Variables) -> Outcome {
        if step.at_once {
            let rounds = (1..=step.times).map(|n| {
                let mut own = variables.clone();
                async move {
                    own.set("n", &n.into());
                    self.exchange(&step.turn, &mut own).await
                }
            });
            return join_all(rounds).await.into_iter().collect();
        }
        for n in 1..=step.times {
            variables.set("n", &n.into());
            self.exchange(&step.turn, variables).await?;
        }
        Ok(())
    }

    /// Sends one request and looks at its answer.
    async fn exchange(&self, turn: &Turn, variables: &mut Variables) -> Outcome {
        let answer = self.call(turn, variables).map_err(|name| missing(&name))?.await?;
        // What was made is saved even when something else is wrong, so that later steps can be taken.
        for (name, pointer) in &turn.save {
            if let Some(value) = answer.json().pointer(pointer) {
                let name = variables.fill(name).map_err(|name| missing(&name))?;
                variables.set(&name, value);
            }
        }
        self.suits(&turn.needs, &answer, variables)?;
        if let (Demand::Exact, Some(exact)) = (self.demand, &turn.exact) {
            self.suits(exact, &answer, variables)?;
        }
        for (name, pointer) in &turn.save {
            if answer.json().pointer(pointer).is_none_or(Value::is_null) {
                return Err(Stop::Unmet(format!(
                    "Needed {name} at {pointer} in the answer to {}; it is absent.",
                    answer.asked()
                )));
            }
        }
        Ok(())
    }

    /// The request, or the first variable that has no value.
    fn call(&self, turn: &Turn, variables: &Variables) -> Result<Call<'_>, String> {
        let target = variables.fill(&turn.send)?;
        let (method, path) = target.split_once(' ').unwrap_or(("GET", &target));
        let mut call = self.scim.call(method, path);
        if let Some(filter) = &turn.filter {
            call = call.filter(variables.fill(filter)?);
        }
        if let Some(body) = &turn.body {
            call = call.json(&variables.fill_all(body)?);
        }
        if let Some(text) = &turn.text {
            call = call.text(SCIM_JSON, &variables.fill(text)?);
        }
        if turn.anonymous {
            call = call.anonymous();
        }
        let has_body = turn.body.is_some() || turn.text.is_some();
        for (name, value) in self.dialogue.headers.iter().chain(&turn.headers) {
            if has_body || !name.eq_ignore_ascii_case("content-type") {
                call = match value {
                    Some(value) => call.verbatim(name, &variables.fill(value)?),
                    None => call.without(name),
                };
            }
        }
        Ok(call)
    }

    fn suits(&self, expected: &Expectation, answer: &Answer, variables: &Variables) -> Outcome {
        if !expected.status.0.contains(&501) {
            // Whoever needs it is not served by a server that may leave it out.
            answer.offered()?;
        }
        answer.status_in(&expected.status.0)?;
        let unmet = |why: String| Err(Stop::Unmet(format!("{why} ({})", answer.asked())));
        for (name, wanted) in &expected.answers {
            let wanted = variables.fill_all(wanted).map_err(|name| missing(&name))?;
            if let Some(why) = expect::header(answer.header(name), &wanted) {
                return unmet(format!("Of the header {name}: {why}"));
            }
        }
        // 204 has nothing to look at; where the provider needs a body, the step's statuses leave it out.
        let is_read = answer.status != 204 || self.demand == Demand::Exact;
        let Some(wanted) = expected.holds.as_ref().filter(|_| is_read) else { return Ok(()) };
        let wanted = variables.fill_all(wanted).map_err(|name| missing(&name))?;
        let got = (!answer.body.trim().is_empty()).then(|| answer.json());
        if got.is_some() {
            answer.object()?;
        }
        expect::difference(got, &wanted).map_or(Ok(()), unmet)
    }
}

fn missing(name: &str) -> Stop {
    Stop::Skip(format!("It uses ${{{name}}}, which an earlier step did not get."))
}
