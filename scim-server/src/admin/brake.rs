//! The brake on mass deprovisioning, for people: look, let it go on, or put it back.

use std::collections::BTreeSet;

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    AdminContext, AdminError, Output,
    names::Actors,
    resources::{administrator, refuse_local_edits},
    undo,
};
use crate::{
    brake::{State, Trip},
    caller::Caller,
    event::{Action, Deed, Json},
    operation::undo::Range,
    store::TenantId,
    tenant::{Brake, Mode},
};

const USER: &str = "User";

/// How many events are read at a time.
const EVENTS: usize = 1000;

/// What is to be done with the brake of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum BrakeRequest {
    Show,
    /// Lets everything go on: events go out, and for the length of a window nothing is counted.
    Approve,
    /// Puts back what was taken away, then lets events go out.
    Undo {
        /// Only tell what would be put back.
        #[serde(default)]
        dry_run: bool,
    },
}

impl BrakeRequest {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Show => "brake-show",
            Self::Approve => "brake-approve",
            Self::Undo { .. } => "brake-undo",
        }
    }
}

/// How a brake stands.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "BrakeState"))]
pub(super) struct View<'a> {
    tenant: &'a str,
    /// `off`, `ready`, `approved` or `tripped`.
    state: &'static str,
    /// Of the brake that has tripped, until somebody has decided; else of that of the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<String>,
    /// Users who were deactivated, or deleted while active: within the window, or since the first that was counted if
    /// it has tripped.
    deactivated: u64,
    /// Users who were deleted.
    deleted: u64,
    /// How often somebody has left a group, if it has tripped.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tripped: Option<String>,
    /// Give it to `undo --since`.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    /// How many events wait.
    held_events: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actors: Vec<&'a str>,
    /// What people call them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actor_names: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_until: Option<String>,
    /// What the settings say by now, if that is not the brake that has tripped: it counts when somebody has decided.
    /// `null` for no brake.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<Brake>"))]
    afterwards: Option<Value>,
}

/// Does what a request says.
pub(super) async fn execute(
    context: &AdminContext,
    tenant: &str,
    request: BrakeRequest,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    match request {
        BrakeRequest::Show => show(context, &caller, output).await,
        BrakeRequest::Approve => {
            approve(context, &caller).await?;
            show(context, &caller, output).await
        }
        BrakeRequest::Undo { dry_run } => {
            refuse_local_edits(&caller)?;
            put_back(context, &caller, dry_run, output).await
        }
    }
}

async fn show(context: &AdminContext, caller: &Caller, output: &Output) -> Result<(), AdminError> {
    let tenant = caller.tenant();
    let mut state = context.operations.brake_state(tenant.home).await?.value;
    let now = context.clock.now();
    if let Some(brake) = &tenant.settings.brake {
        // What is older than the window no longer counts.
        state.lost.add(0, "", 0, now, brake.window);
        state.deleted.add(0, "", 0, now, brake.window);
    }
    let brake = tenant.settings.brake.as_ref();
    let trip = state.trip.as_ref();
    let approved = brake.filter(|_| trip.is_none()).and_then(|brake| state.approved_until(brake, now));
    let tripped = trip.and_then(|trip| trip.brake.as_ref());
    // As it stops now.
    let stops = tripped.or(brake);
    let held = context.operations.newest_out(tenant.home).await?;
    let newest = context.store.log(tenant.home).await?.newest;
    if let Some(note) = tenant.settings.lost_in_a_burst() {
        output.row(&json!({"note": note})).await?;
    }
    let names = Actors::of(context, tenant.id).await?;
    let actors: Vec<_> = trip.iter().flat_map(|trip| &trip.actors).map(String::as_str).collect();
    let gone = match trip {
        Some(trip) => Gone::since(context, tenant.home, trip).await?,
        None => Gone { deactivated: state.lost.count(), deleted: state.deleted.count(), left: None },
    };
    output
        .row(&View {
            tenant: &tenant.name,
            state: name_of(brake, &state, now),
            mode: trip.map(Trip::mode).or(stops.map(|brake| brake.mode)),
            users: stops.and_then(|brake| brake.users),
            percent: stops.and_then(|brake| brake.percent),
            window: stops.map(|brake| brake.window.into()),
            deactivated: gone.deactivated,
            deleted: gone.deleted,
            left: gone.left,
            reason: trip.map(|trip| trip.reason.as_str()),
            tripped: trip.map(|trip| Timestamp::from_millis(trip.at).to_string()),
            since: trip.map(|trip| trip.since),
            held_events: held.map_or(0, |held| newest.saturating_sub(held)),
            actors: actors.clone(),
            actor_names: actors.into_iter().map(|actor| names.called(actor)).collect(),
            approved_until: approved.map(|until| Timestamp::from_millis(until).to_string()),
            afterwards: trip.and_then(|_| (brake != stops).then(|| json!(brake))),
        })
        .await
}

/// How many went.
struct Gone {
    deactivated: u64,
    deleted: u64,
    left: Option<u64>,
}

impl Gone {
    /// By those whom the brake has counted, since the first of it.
    async fn since(context: &AdminContext, home: TenantId, trip: &Trip) -> Result<Self, AdminError> {
        let (mut lost, mut deleted, mut left) = (BTreeSet::new(), BTreeSet::new(), 0);
        let mut after = trip.since;
        loop {
            let events = context.store.events(home, after, EVENTS).await?;
            let Some(last) = events.last() else { break };
            after = last.sequence;
            for event in events.iter().filter(|event| trip.actors.contains(&event.actor)) {
                left += event.members.as_ref().map_or(0, |members| members.left.len() as u64);
                let deletes = event.action == Action::Delete;
                if event.resource_type != USER || !deletes && event.active != Some(false) {
                    continue;
                }
                if !deletes || event.values.as_ref().is_none_or(|values| is_active(&values.document)) {
                    lost.insert(event.target);
                }
                if deletes {
                    deleted.insert(event.target);
                }
            }
        }
        Ok(Self { deactivated: lost.len() as u64, deleted: deleted.len() as u64, left: Some(left) })
    }
}

fn is_active(document: &Json) -> bool {
    let document: Value = serde_json::from_str(document.text()).unwrap_or_default();
    document.get("active") != Some(&Value::Bool(false))
}

async fn approve(context: &AdminContext, caller: &Caller) -> Result<(), AdminError> {
    let tenant = caller.tenant();
    let end = |brake: &Brake| brake.window.end(context.clock.now()).as_millis();
    // What was held before the brake was taken out of the settings can be let go, too.
    let approved_until = tenant.settings.brake.as_ref().map(end);
    let approved = &tenant.settings.brake;
    let settled = context.clock.now().as_millis();
    // Else a whole window would be open for a burst that nobody has looked at.
    let change = |state: &State| {
        let approved = approved.clone();
        state.trip.is_some().then(|| State { approved_until, approved, settled, ..State::default() })
    };
    if context.operations.change_brake(Deed::BrakeApproved, caller, change).await? {
        return Ok(());
    }
    Err(if tenant.settings.brake.is_some() {
        AdminError::Refused(format!(
            "the brake of tenant {:?} has not tripped: there is nothing to approve. To let more go than it allows, raise \"users\" or \"percent\" with `tenant set TENANT --settings FILE`",
            tenant.name
        ))
    } else {
        no_brake(&tenant.name)
    })
}

async fn put_back(context: &AdminContext, caller: &Caller, dry_run: bool, output: &Output) -> Result<(), AdminError> {
    let tenant = caller.tenant();
    let state = context.operations.brake_state(tenant.home).await?.value;
    let Some(trip) = state.trip else {
        return Err(AdminError::Refused(format!(
            "the brake of tenant {:?} has not tripped; `scim-server undo` puts back any range of events",
            tenant.name
        )));
    };
    let until = context.store.log(tenant.home).await?.newest;
    let range = Range { since: trip.since, until, actors: BTreeSet::new(), only_losses: true };
    let refusals = undo::run(context, caller, &range, dry_run, output).await?;
    // Whoever is not put back must not be told of: the administrator looks, and approves.
    if !dry_run && refusals == 0 {
        // Unless it has tripped anew meanwhile.
        let settled = context.clock.now().as_millis();
        let change = |state: &State| {
            let is_same = state.trip.as_ref().is_some_and(|now| now.at == trip.at);
            is_same.then(|| State { settled, ..State::default() })
        };
        context.operations.change_brake(Deed::BrakeUndone, caller, change).await?;
        // What came while it was put back is not counted any more: it is put back, too.
        let until = context.store.log(tenant.home).await?.newest;
        undo::run(context, caller, &Range { until, ..range }, dry_run, output).await?;
    }
    let state = context.operations.brake_state(tenant.home).await?.value;
    output.row(&json!({"brake": name_of(tenant.settings.brake.as_ref(), &state, context.clock.now())})).await
}

/// What the state of a brake is called.
fn name_of(brake: Option<&Brake>, state: &State, now: Timestamp) -> &'static str {
    match brake {
        _ if state.trip.is_some() => "tripped",
        None => "off",
        Some(brake) if state.approved_until(brake, now).is_some() => "approved",
        Some(_) => "ready",
    }
}

fn no_brake(tenant: &str) -> AdminError {
    AdminError::Refused(format!(
        "tenant {tenant:?} has no brake; set one with `tenant set TENANT --settings FILE`: {}",
        json!({"brake": {"users": 50}})
    ))
}

#[cfg(test)]
mod tests;
