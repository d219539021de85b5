//! Which cases a run has.

use std::fmt;

use crate::{
    case::{Area, Case, Level},
    cases,
};

/// What `--only`, `--skip`, `--level` and `--tag` say. Empty lists choose everything.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// These ids, and ids that begin with one that ends in `*`.
    pub only: Vec<String>,
    /// All but these.
    pub skip: Vec<String>,
    /// Down to this level: MUST alone, MUST and SHOULD, or all.
    pub level: Option<Level>,
    /// Areas and tags, each case with any of them.
    pub tags: Vec<String>,
}

/// An id or tag that no case has.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "No case has the id or tag \"{}\". `scim-conformance list` shows all.", self.0)
    }
}

impl std::error::Error for Unknown {}

impl Selection {
    /// The cases, in the table's order. A word that chooses nothing is an error: a CI job that runs
    /// nothing because of a misspelt id would pass for ever.
    pub fn cases(&self) -> Result<Vec<(&'static Area, &'static Case)>, Unknown> {
        for id in self.only.iter().chain(&self.skip) {
            if !cases::all().any(|(_, case)| fits(id, case.id)) {
                return Err(Unknown(id.clone()));
            }
        }
        for tag in &self.tags {
            if !cases::all().any(|(area, case)| has_tag(area, case, tag)) {
                return Err(Unknown(tag.clone()));
            }
        }
        let chosen = cases::all().filter(|(area, case)| {
            (self.only.is_empty() || self.only.iter().any(|id| fits(id, case.id)))
                && !self.skip.iter().any(|id| fits(id, case.id))
                && self.level.is_none_or(|level| case.level <= level)
                && (self.tags.is_empty() || self.tags.iter().any(|tag| has_tag(area, case, tag)))
        });
        Ok(chosen.collect())
    }
}

fn fits(pattern: &str, id: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == id, |start| id.starts_with(start))
}

fn has_tag(area: &Area, case: &Case, tag: &str) -> bool {
    // `modify` takes the areas modify-add, modify-remove and modify-replace with it.
    let is_within = area.tag.strip_prefix(tag).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    is_within || case.tags.contains(&tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_id_is_no_empty_run() {
        let only = |id: &str| Selection { only: vec![id.to_owned()], ..Selection::default() };
        assert_eq!(only("modify-nothing").cases().err(), Some(Unknown("modify-nothing".to_owned())));
        assert!(only("modify-*").cases().unwrap().iter().all(|(area, _)| area.tag.starts_with("modify")));
    }

    #[test]
    fn level_goes_down_to() {
        let must = Selection { level: Some(Level::Must), ..Selection::default() };
        assert!(must.cases().unwrap().iter().all(|(_, case)| case.level == Level::Must));
    }
}
