//! Limits on every kind of loss.
//!
//! Users removed, users deactivated, groups removed, members removed from one group: each has a
//! limit by number and by share of what was last written. Beyond one nothing of that kind is
//! written and the rest is; what was held back is kept, and a person approves it as it stands or
//! rejects it. A source that shows nothing at all never passes without approval, whatever the limits.
//!
//! The limits are for a day: what was lost in the runs before counts too ([`Lost`]), unless a person had
//! approved it. A mistake that takes a few each hour would otherwise never meet a limit.
//!
//! A share alone would hold back every change of something small: one of three members is a third.
//! So a few losses ([`Limit::always`], 5 unless configured) pass whatever their share is, as long as
//! the number allows them. Losing everybody that way is still caught, as the source shows nothing.
//!
//! Values that the directory no longer shows are held back whatever their number: they are kept as they were
//! read before, until the account may read them again or a person says that they are gone.
//!
//! The check is a pure function over a finished [`Plan`]: it moves actions into [`HeldBack`] and
//! changes nothing else. Who is removed stays in the groups until the removal is approved.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Plan, PlanInputs, Reason, Step, SyncedObjects, dependents};
use crate::{
    document::Digest,
    identity::{Kind, SourceId},
    number,
    plan::{
        held_back::{HeldBack, OneLoss, Part, deactivates, losses, losses_of},
        limits::{Limit, Loss, Lost, Safety},
        owners::ResourceOwners,
    },
    problem::Subject,
};

/// Holds back what goes beyond the limits of the inputs.
pub(super) fn limit(inputs: PlanInputs<'_>, owners: &ResourceOwners<'_>, plan: &mut Plan) {
    let PlanInputs { desired, known, safety, approved, lost, .. } = inputs;
    let nothing = desired.resources.is_empty() && known.values().any(|written| written.left.is_none());
    hold_back(plan, Limits { known, name: &|id| owners.present_name(id), safety, approved, lost, nothing });
    plan.held_back.extend(hidden(inputs));
}

/// What would be lost if the attributes that the directory no longer shows were gone: for a person to say, one
/// record for each attribute.
fn hidden(inputs: PlanInputs<'_>) -> impl Iterator<Item = HeldBack> {
    let mut by_attribute: BTreeMap<(&str, Kind), Vec<Action>> = BTreeMap::new();
    for (subject, attributes) in inputs.desired.withheld.values() {
        for attribute in attributes {
            let step = Step::GiveUp { attributes: vec![attribute.clone()] };
            let action = Action { subject: subject.clone(), reason: Reason::NotShown, step };
            by_attribute.entry((attribute, subject.kind)).or_default().push(action);
        }
    }
    by_attribute.into_iter().map(|((attribute, kind), actions)| HeldBack {
        loss: Loss::ValuesHidden,
        because: format!(
            "{attribute} is no longer shown of {}, and the directory does not say that it is gone",
            number::of(actions.len(), &kind.to_string())
        ),
        actions,
    })
}

/// What decides about losses.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    /// What was written.
    pub known: &'a SyncedObjects,
    /// What the resource of an object is called at the target.
    pub name: &'a dyn Fn(SourceId) -> Option<&'a str>,
    /// The limits.
    pub safety: &'a Safety,
    /// What an administrator has approved.
    pub approved: &'a [HeldBack],
    /// What was lost before.
    pub lost: &'a Lost,
    /// Whether the source shows nothing, and every loss needs approval.
    pub nothing: bool,
}

/// Holds back what goes beyond the limits.
pub(super) fn hold_back(plan: &mut Plan, limits: Limits<'_>) {
    let actions = std::mem::take(&mut plan.actions);
    let mut gate =
        LossGate { limits, approved: losses_of(limits.approved), held: BTreeMap::new(), of_groups: Vec::new() };
    gate.close(&actions);
    let (staying, going) = gate.removed(&actions);
    for action in actions {
        match &action.step {
            Step::Leave { members } => plan.actions.extend(gate.leave(&action, members, &staying, &going)),
            _ => plan.actions.extend(gate.pass(action)),
        }
    }
    plan.held_back = gate.held.into_values().chain(gate.of_groups).collect();
    dependents::hold(plan, limits.name);
}

/// Through which the actions of a plan go.
struct LossGate<'a> {
    limits: Limits<'a>,
    approved: BTreeSet<OneLoss>,
    /// The kinds of loss that are closed, with what is held back of each.
    held: BTreeMap<Loss, HeldBack>,
    /// Each group that would lose too many members.
    of_groups: Vec<HeldBack>,
}

impl LossGate<'_> {
    /// Closes it for each kind of which there is too much.
    fn close(&mut self, actions: &[Action]) {
        let Limits { known, safety, .. } = self.limits;
        let users = known.values().filter(|written| written.kind == Kind::User).count();
        let limits = [
            (Loss::UsersRemoved, safety.users_removed, users),
            (Loss::UsersDeactivated, safety.users_deactivated, users),
            (Loss::GroupsRemoved, safety.groups_removed, known.len() - users),
        ];
        for (loss, limit, of) in limits {
            let count = self.open(actions).filter(|one| one.0 == loss).count();
            if let Some(because) = self.beyond(loss, count, of, limit, None) {
                self.held.insert(loss, HeldBack { loss, because, actions: Vec::new() });
            }
        }
    }

    /// The losses that nobody has approved.
    fn open(&self, actions: &[Action]) -> impl Iterator<Item = OneLoss> {
        actions.iter().flat_map(losses).filter(|one| !self.approved.contains(one))
    }

    /// Users whose removal is held back, who stay in their groups too; and users whose removal passes,
    /// who leave theirs whatever the limit of the group.
    fn removed(&self, actions: &[Action]) -> (BTreeSet<SourceId>, BTreeSet<SourceId>) {
        let closed = self.held.contains_key(&Loss::UsersRemoved);
        let removed = actions.iter().flat_map(losses).filter(|one| one.0 == Loss::UsersRemoved);
        let (staying, going): (Vec<OneLoss>, Vec<OneLoss>) =
            removed.partition(|one| closed && !self.approved.contains(one));
        let ids = |losses: Vec<OneLoss>| losses.into_iter().map(|one| one.1).collect();
        (ids(staying), ids(going))
    }

    /// Why so many cannot pass, if they cannot.
    fn beyond(&self, loss: Loss, count: usize, of: usize, limit: Limit, subject: Option<&Subject>) -> Option<String> {
        let before = self.limits.lost.get(&(loss, subject.map(|subject| subject.id))).copied().unwrap_or(0);
        // The share is of what was there a day ago; whoever was deactivated since is still counted.
        let of = if loss == Loss::UsersDeactivated { of } else { of + before };
        let allowed = limit.allows(of);
        let whose = subject.map_or(String::new(), |subject| format!(" ({subject})"));
        let since = if before > 0 { format!(" after {before} in the last day") } else { String::new() };
        let told = loss.told(count);
        match (count, self.limits.nothing) {
            (0, _) => None,
            (_, true) => Some(format!("{told}{whose}, while the directory shows nobody at all that is in scope")),
            _ => (count + before > allowed)
                .then(|| format!("{told}{whose}{since}, of {of}; the limit allows {allowed} a day")),
        }
    }

    /// What passes of an action.
    fn pass(&mut self, action: Action) -> Option<Action> {
        let closed = losses(&action).into_iter().find(|one| !self.approved.contains(one));
        match closed.and_then(|one| self.held.get_mut(&one.0)) {
            Some(held) => hold(action, held),
            None => Some(action),
        }
    }

    /// The members that may leave a group.
    fn leave(
        &mut self,
        action: &Action,
        members: &[SourceId],
        staying: &BTreeSet<SourceId>,
        going: &BTreeSet<SourceId>,
    ) -> Option<Action> {
        let id = action.subject.id;
        let some = |members| Action { step: Step::Leave { members }, ..action.clone() };
        let (stay, rest): (Vec<SourceId>, Vec<SourceId>) =
            members.iter().copied().partition(|member| staying.contains(member));
        let (mut passing, open): (Vec<SourceId>, Vec<SourceId>) = rest.into_iter().partition(|member| {
            going.contains(member) || self.approved.contains(&(Loss::MembersRemoved, id, Some(Part::Member(*member))))
        });
        if let (false, Some(held)) = (stay.is_empty(), self.held.get_mut(&Loss::UsersRemoved)) {
            held.actions.push(some(stay));
        }
        // What is remembered may be less than what was seen, where somebody added members by hand.
        let of = self.limits.known.get(&id).map_or(0, |written| written.members.len()).max(members.len());
        let limit = self.limits.safety.members_removed;
        match self.beyond(Loss::MembersRemoved, open.len(), of, limit, Some(&action.subject)) {
            Some(because) => {
                let held = HeldBack { loss: Loss::MembersRemoved, because, actions: vec![some(open)] };
                self.of_groups.push(held);
            }
            None => passing.extend(open),
        }
        (!passing.is_empty()).then(|| some(passing))
    }
}

/// Takes an action, or the part of it that is the loss, and gives back the rest.
fn hold(action: Action, held: &mut HeldBack) -> Option<Action> {
    let Action { subject, reason, step } = action;
    let Step::Modify { changes, digest } = step else {
        held.actions.push(Action { subject, reason, step });
        return None;
    };
    let (lost, rest): (Vec<_>, Vec<_>) = changes.into_iter().partition(deactivates);
    let action = |step| Action { subject: subject.clone(), reason, step };
    held.actions.push(action(Step::Modify { changes: lost, digest }));
    (!rest.is_empty()).then(|| action(Step::Modify { changes: rest, digest: Digest::unfinished() }))
}
