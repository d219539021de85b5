//! What a run examines: cases of the RFCs, or steps of a provider's profile.

use std::fmt;

use crate::{
    case::{Area, Case},
    cases,
    profile::{self, Choice, Profile},
    verdict::Level,
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

/// An id or tag that nothing has.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown {
    word: String,
    nearest: Option<String>,
}

impl Unknown {
    /// Names the nearest of the known words, where one is near.
    pub fn new<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let scored = known.into_iter().map(|one| (strsim::jaro_winkler(word, one), one));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.8);
        Self { word: word.to_owned(), nearest: best.map(|(_, one)| one.to_owned()) }
    }

    /// Whether something like it is known.
    pub fn is_near(&self) -> bool {
        self.nearest.is_some()
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nothing here has the id or tag \"{}\".", self.word)?;
        if let Some(nearest) = &self.nearest {
            write!(f, " Is \"{nearest}\" meant?")?;
        }
        f.write_str(" `scim-conformance list` shows all.")
    }
}

impl std::error::Error for Unknown {}

/// What can be chosen, as far as choosing goes.
struct Candidate<'a> {
    id: &'a str,
    level: Level,
    area: &'a str,
    tags: &'a [&'a str],
}

impl Selection {
    /// The cases, in the table's order. A word that chooses nothing is an error: a CI job that runs
    /// nothing because of a misspelt id would pass for ever.
    pub fn cases(&self) -> Result<Vec<(&'static Area, &'static Case)>, Unknown> {
        let entry = |area: &'static Area, case: &'static Case| Candidate {
            id: case.id,
            level: case.level,
            area: area.tag,
            tags: case.tags,
        };
        self.require_known(&cases::all().map(|(area, case)| entry(area, case)).collect::<Vec<_>>())?;
        Ok(cases::all().filter(|(area, case)| self.takes(&entry(area, case))).collect())
    }

    /// The steps of a profile, in its order, each with what becomes of it: a step that is not chosen is
    /// sent nevertheless, since later ones build on it, unless it is skipped by name.
    pub fn steps(&self, profile: &'static Profile) -> Result<Vec<(&'static str, Choice)>, Unknown> {
        let entries: Vec<_> = entries(profile).collect();
        self.require_known(&entries)?;
        let choice = |entry: &Candidate<'static>| {
            if self.takes(entry) {
                Choice::Report
            } else if self.skip.iter().any(|id| fits(id, entry.id)) {
                Choice::Omit
            } else {
                Choice::Send
            }
        };
        Ok(entries.iter().map(|entry| (entry.id, choice(entry))).collect())
    }

    /// Whether a finding is wanted: one of several of a generated case may be left out, or chosen, by its whole id
    /// (`each-create:User:photos`).
    pub fn takes_finding(&self, id: &str) -> bool {
        let chosen = |pattern: &String| !pattern.contains(':') || fits(pattern, id);
        let case = id.split(':').next().unwrap_or(id);
        let mut about = self.only.iter().filter(|pattern| fits(case_of(pattern), case)).peekable();
        let wanted = about.peek().is_none() || about.any(chosen);
        wanted && !self.skip.iter().any(|pattern| pattern.contains(':') && fits(pattern, id))
    }

    fn require_known(&self, entries: &[Candidate]) -> Result<(), Unknown> {
        for id in self.only.iter().chain(&self.skip) {
            if !entries.iter().any(|entry| fits(case_of(id), entry.id)) {
                return Err(Unknown::new(id, entries.iter().map(|entry| entry.id)));
            }
        }
        for tag in &self.tags {
            if !entries.iter().any(|entry| entry.has_tag(tag)) {
                let areas = entries.iter().map(|entry| entry.area);
                return Err(Unknown::new(
                    tag,
                    areas.chain(entries.iter().flat_map(|entry| entry.tags.iter().copied())),
                ));
            }
        }
        Ok(())
    }

    fn takes(&self, entry: &Candidate) -> bool {
        (self.only.is_empty() || self.only.iter().any(|id| fits(case_of(id), entry.id)))
            && !self.skip.iter().any(|id| fits(id, entry.id))
            && self.level.is_none_or(|level| entry.level <= level)
            && (self.tags.is_empty() || self.tags.iter().any(|tag| entry.has_tag(tag)))
    }
}

fn entries(profile: &'static profile::Profile) -> impl Iterator<Item = Candidate<'static>> {
    let entry = |(dialogue, step): (&'static profile::Dialogue, &'static profile::Step)| Candidate {
        id: &step.id,
        level: step.level(),
        area: &dialogue.tag,
        tags: &[],
    };
    profile.steps().map(entry)
}

/// The part of an id that names the case, without the subject of a generated one.
fn case_of(pattern: &str) -> &str {
    pattern.split(':').next().unwrap_or(pattern)
}

fn fits(pattern: &str, id: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == id, |start| id.starts_with(start))
}

impl Candidate<'_> {
    fn has_tag(&self, tag: &str) -> bool {
        // `modify` takes the areas modify-add, modify-remove and modify-replace with it.
        let is_within = self.area.strip_prefix(tag).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        is_within || self.tags.contains(&tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(id: &str) -> Selection {
        Selection { only: vec![id.to_owned()], ..Selection::default() }
    }

    #[track_caller]
    fn check(selection: &Selection, expect: &str) {
        assert_eq!(selection.cases().err().map(|error| error.to_string()).as_deref(), Some(expect));
    }

    #[test]
    fn a_misspelt_word_is_no_empty_run() {
        check(
            &only("modify-add-apends"),
            "Nothing here has the id or tag \"modify-add-apends\". Is \"modify-add-appends\" meant? `scim-conformance list` shows all.",
        );
        check(&only("x"), "Nothing here has the id or tag \"x\". `scim-conformance list` shows all.");
        let tag = Selection { tags: vec!["fliter".to_owned()], ..Selection::default() };
        check(
            &tag,
            "Nothing here has the id or tag \"fliter\". Is \"filter\" meant? `scim-conformance list` shows all.",
        );
        assert!(only("modify-*").cases().unwrap().iter().all(|(area, _)| area.tag.starts_with("modify")));
    }

    #[test]
    fn a_finding_of_a_generated_case_is_chosen_by_its_subject() {
        let skip = Selection { skip: vec!["each-create:User:photos".to_owned()], ..Selection::default() };
        assert!(skip.cases().unwrap().iter().any(|(_, case)| case.id == "each-create"));
        assert!(!skip.takes_finding("each-create:User:photos") && skip.takes_finding("each-create:User:roles"));
        assert!(skip.takes_finding("filter-eq"));
        let one = only("each-create:Group:members");
        assert_eq!(one.cases().unwrap().len(), 1);
        assert!(one.takes_finding("each-create:Group:members") && !one.takes_finding("each-create:User:roles"));
        assert!(only("each-create").takes_finding("each-create:User:roles"));
    }

    #[test]
    fn level_goes_down_to() {
        let must = Selection { level: Some(Level::Must), ..Selection::default() };
        assert!(must.cases().unwrap().iter().all(|(_, case)| case.level == Level::Must));
    }

    #[test]
    fn what_a_step_builds_on_is_sent() {
        let okta = profile::named("okta").unwrap();
        let skip = Selection { skip: vec!["okta-users-duplicate".to_owned()], ..only("okta-users-lookup") };
        let steps = skip.steps(okta).unwrap();
        let of = |id: &str| steps.iter().find(|(step, _)| *step == id).unwrap().1;
        assert_eq!(of("okta-users-create"), Choice::Send);
        assert_eq!(of("okta-users-duplicate"), Choice::Omit);
        assert_eq!(of("okta-users-lookup"), Choice::Report);
    }
}
