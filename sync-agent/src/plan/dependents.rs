//! What waits with a deletion that is held back.
//!
//! A directory that was loaded anew shows everybody gone and somebody new under each name. The deletions
//! are held back; so nobody may lose the name either, and nobody new may be made who would need it. What
//! depends on a held deletion is held with it: the release of the name, whoever would take the name, and
//! all that is said about that one: memberships and references. Approved, all of it is done; rejected, the
//! target stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use scim_protocol::value::fold;
use serde_json::Value;

use super::{Action, Plan, Step};
use crate::{
    document::Digest,
    identity::{Kind, SourceId},
    number,
    plan::held_back::HeldBack,
    problem::Subject,
};

/// Whether something of ours ends by it.
const fn ends(action: &Action) -> bool {
    matches!(action.step, Step::Delete { .. } | Step::Deactivate)
}

/// Takes what depends on the deletions that are held back out of a plan, and puts it beside them.
pub(super) fn hold<'a>(plan: &mut Plan, name: &'a dyn Fn(SourceId) -> Option<&'a str>) {
    if !plan.held_back.iter().flat_map(|held| &held.actions).any(ends) {
        return;
    }
    let chain = Chain::of(&plan.actions, name, &plan.held_back);
    let mut waiting = Vec::new();
    for action in std::mem::take(&mut plan.actions) {
        let (now, later) = chain.part(action);
        plan.actions.extend(now);
        waiting.extend(later);
    }
    let with = plan.held_back.iter_mut().find(|held| held.actions.iter().any(ends));
    if let (false, Some(HeldBack { because, actions, .. })) = (waiting.is_empty(), with) {
        *because = format!("{because}; {} that depend on them wait too", number::of(waiting.len(), "step"));
        actions.extend(waiting);
    }
}

/// The objects that wait for a name.
struct Chain<'a> {
    /// Whose name is not given up: those who stay, and those whose next name is not free.
    keep_their_names: BTreeSet<SourceId>,
    /// Groups that are not deleted, since whoever would be in the next of their name is not made.
    stay: BTreeSet<SourceId>,
    /// What resources are called at the target.
    name: &'a dyn Fn(SourceId) -> Option<&'a str>,
    /// Names that are not free.
    taken: BTreeSet<(Kind, String)>,
    /// The objects that are not created.
    unmade: BTreeSet<SourceId>,
}

impl<'a> Chain<'a> {
    /// From the deletions that are held back to everybody who would need one of their names, or the name
    /// of somebody who would.
    fn of(actions: &[Action], name: &'a dyn Fn(SourceId) -> Option<&'a str>, held_back: &[HeldBack]) -> Self {
        let named = |subject: &Subject| Some((subject.kind, fold(name(subject.id)?)));
        let staying =
            held_back.iter().flat_map(|held| &held.actions).filter(|action| ends(action)).map(|action| &action.subject);
        let taken = staying.clone().filter_map(named).collect();
        let (unmade, stay) = Default::default();
        let mut chain =
            Self { keep_their_names: staying.map(|subject| subject.id).collect(), stay, name, taken, unmade };
        let deleted = actions.iter().filter(|action| matches!(action.step, Step::Delete { .. }));
        let deleted: BTreeMap<(Kind, String), SourceId> =
            deleted.filter_map(|action| Some((named(&action.subject)?, action.subject.id))).collect();
        let takers: Vec<(SourceId, (Kind, String), bool)> = actions.iter().filter_map(takes).collect();
        loop {
            let before = (chain.keep_their_names.len(), chain.unmade.len());
            for (id, wanted, makes) in &takers {
                if !chain.taken.contains(wanted) || chain.keep_their_names.contains(id) {
                    continue;
                }
                if *makes {
                    chain.unmade.insert(*id);
                } else {
                    chain.keep_their_names.insert(*id);
                    chain.taken.extend(name(*id).map(|name| (wanted.0, fold(name))));
                }
            }
            for action in actions {
                let Step::Join { members } = &action.step else { continue };
                let next = (action.subject.kind, fold(&action.subject.name));
                if let (true, Some(old)) = (members.iter().any(|id| chain.unmade.contains(id)), deleted.get(&next)) {
                    chain.stay.insert(*old);
                    chain.keep_their_names.insert(*old);
                    chain.taken.insert(next);
                }
            }
            if before == (chain.keep_their_names.len(), chain.unmade.len()) {
                return chain;
            }
        }
    }

    /// What of an action is done now, and what waits.
    fn part(&self, action: Action) -> (Option<Action>, Option<Action>) {
        let (mut now, later) = self.parted(action);
        // What is remembered of it keeps the name that it has, and is not whole.
        if let Some(now) = now.as_mut().filter(|now| self.keep_their_names.contains(&now.subject.id)) {
            if let Some(name) = (self.name)(now.subject.id) {
                name.clone_into(&mut now.subject.name);
            }
            if let Step::Refer { digest, .. } | Step::Modify { digest, .. } | Step::Confirm { digest } = &mut now.step {
                *digest = Digest::unfinished();
            }
        }
        (now, later)
    }

    fn parted(&self, action: Action) -> (Option<Action>, Option<Action>) {
        let id = action.subject.id;
        let with = |step| Some(Action { step, ..action.clone() });
        if self.unmade.contains(&id) {
            return (None, Some(action));
        }
        match &action.step {
            Step::Delete { .. } | Step::Leave { .. } if self.stay.contains(&id) => (None, Some(action)),
            Step::Release { .. } if self.keep_their_names.contains(&id) => (None, Some(action)),
            Step::Modify { changes, .. } if self.keep_their_names.contains(&id) => {
                let naming = action.subject.kind.naming_attribute();
                let (later, now): (Vec<_>, Vec<_>) = changes.iter().cloned().partition(|change| change.path == naming);
                let step = |changes: Vec<_>| {
                    let some = !changes.is_empty();
                    some.then(|| Step::Modify { changes, digest: Digest::unfinished() }).and_then(with)
                };
                (step(now), step(later))
            }
            Step::Join { members } => {
                let (later, now): (Vec<_>, Vec<_>) = members.iter().partition(|member| self.unmade.contains(member));
                let step = |members: Vec<SourceId>| {
                    let some = !members.is_empty();
                    some.then_some(Step::Join { members }).and_then(with)
                };
                (step(now), step(later))
            }
            Step::Refer { references, digest } => {
                let (later, now): (Vec<_>, Vec<_>) =
                    references.iter().cloned().partition(|reference| self.unmade.contains(&reference.to));
                let digest = if later.is_empty() { digest.clone() } else { Digest::unfinished() };
                let step = |references: Vec<_>| {
                    let some = !references.is_empty();
                    some.then(|| Step::Refer { references, digest: digest.clone() }).and_then(with)
                };
                (step(now), step(later))
            }
            _ => (Some(action), None),
        }
    }
}

/// The name that each object takes, and whether by its creation.
fn takes(action: &Action) -> Option<(SourceId, (Kind, String), bool)> {
    let kind = action.subject.kind;
    let (name, makes) = match &action.step {
        Step::Create { .. } => (action.subject.name.as_str(), true),
        Step::Modify { changes, .. } => {
            let naming = changes.iter().find(|change| change.path == kind.naming_attribute())?;
            (naming.new.as_ref().and_then(Value::as_str)?, false)
        }
        _ => return None,
    };
    Some((action.subject.id, (kind, fold(name)), makes))
}
