//! Everything that can be examined, in one list: what `list` and `explain` show.

use serde::Serialize;

use super::arguments::RFC;
use crate::{
    cases, profile,
    run::{Selection, Unknown},
    verdict::Level,
};

/// A case, or a step of a profile.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub id: &'static str,
    pub profile: &'static str,
    pub area: &'static str,
    #[serde(skip)]
    pub heading: &'static str,
    pub section: String,
    pub level: Level,
    pub requirement: &'static str,
    pub needs: Vec<String>,
    pub tags: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
}

/// The cases, then each provider's steps.
pub(super) fn all() -> impl Iterator<Item = Entry> {
    let cases = cases::all().map(|(area, case)| Entry {
        id: case.id,
        profile: RFC,
        area: area.tag,
        heading: area.title,
        section: case.section.to_owned(),
        level: case.level,
        requirement: case.requirement,
        needs: case.needs.iter().map(ToString::to_string).collect(),
        tags: case.tags,
        why: None,
        message: None,
    });
    let steps = profile::all().iter().flat_map(|profile| {
        profile.steps().map(move |(dialogue, step)| Entry {
            id: &step.id,
            profile: &profile.name,
            area: &dialogue.tag,
            heading: &dialogue.title,
            section: format!("{}, {}", profile.provider, profile.evidence(step)),
            level: step.level(),
            requirement: &step.does,
            needs: step.conditions(),
            tags: &[],
            why: step.why.as_deref(),
            message: step.message.as_deref(),
        })
    });
    cases.chain(steps)
}

/// Those that a selection takes. Words are looked for in the profile that was named, else everywhere.
pub(super) fn chosen(
    entries: impl Iterator<Item = Entry>,
    only: Option<&str>,
    selection: &Selection,
) -> Result<Vec<Entry>, Unknown> {
    let profiles = profile::all().iter().filter(|profile| only.is_none_or(|only| only == profile.name));
    let mut takes: Vec<&str> = Vec::new();
    let mut unknown = None;
    if only.is_none_or(|only| only == RFC) {
        match selection.cases() {
            Ok(cases) => takes.extend(cases.iter().map(|(_, case)| case.id)),
            Err(error) => unknown = Some(error),
        }
    }
    for profile in profiles {
        match selection.steps(profile) {
            Ok(steps) => {
                let reported = steps.iter().filter(|(_, choice)| *choice == profile::Choice::Report);
                takes.extend(reported.map(|(id, _)| *id));
            }
            Err(error) => unknown = unknown.filter(Unknown::is_near).or(Some(error)),
        }
    }
    match unknown {
        Some(error) if takes.is_empty() => Err(error),
        _ => Ok(entries.filter(|entry| takes.contains(&entry.id)).collect()),
    }
}
