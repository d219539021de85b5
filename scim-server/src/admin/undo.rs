//! Puts back what a range of events changed.

use std::collections::BTreeSet;

use scim_protocol::Error;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    AdminContext, AdminError, Output, events,
    names::Actors,
    provision,
    resources::{administrator, refuse_local_edits},
};
use crate::{
    caller::Caller,
    event::{SERVER, is_administrator},
    operation::{
        Context,
        undo::{Piece, Range},
    },
    store::{ResourceId, TenantId},
};

/// How many pieces wait for the reader.
const WAITING: usize = 256;

/// How many events are read at a time.
const EVENTS: usize = 1000;

/// What is to be put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    pub tenant: String,
    /// What happened behind this number.
    pub since: u64,
    /// Up to this number; the newest when absent.
    pub until: Option<u64>,
    /// What this one did: a token or client by its name or id, `admin` (every administrator), `admin:NAME`, or `server`; what all did when absent.
    pub actor: Option<String>,
    /// Only tell.
    #[serde(default)]
    pub dry_run: bool,
}

/// Puts back what the events changed that a request chooses. A row for each resource of which something was put back,
/// and for each change that was not.
pub(super) async fn undo(context: &AdminContext, request: UndoRequest, output: &Output) -> Result<(), AdminError> {
    let caller = administrator(context, &request.tenant).await?;
    refuse_local_edits(&caller)?;
    let log = context.store.log(caller.tenant().home).await?;
    events::check(request.since, log)?;
    let until = request.until.map_or(log.newest, |until| until.min(log.newest));
    if until < request.since {
        return Err(AdminError::Invalid(format!(
            "--until {until} is before --since {}: name a larger number with --until",
            request.since
        )));
    }
    let mut actors = BTreeSet::new();
    if let Some(actor) = &request.actor {
        actors = actors_of(context, &caller, actor, request.since).await?;
    }
    let range = Range { since: request.since, until, actors, only_losses: false };
    run(context, &caller, &range, request.dry_run, output).await.map(drop)
}

/// Puts back what a range of events changed, and tells it row by row. Gives how many changes were refused.
pub(super) async fn run(
    context: &AdminContext,
    caller: &Caller,
    range: &Range,
    dry_run: bool,
    output: &Output,
) -> Result<u64, AdminError> {
    // All that it does has one number, by which it is found in the log.
    let request = Some(context.operations.fresh_id().0);
    let of_undo = Context { request, ..provision::context(&context.operations, caller) };
    let actors = Actors::of(context, caller.tenant().id).await?;
    let called = |actor: &str| actors.called(actor).to_owned();
    let (pieces, mut told) = mpsc::channel(WAITING);
    let work = async { Ok(context.operations.undo(&of_undo, range, dry_run, &called, pieces).await?) };
    let tell = async {
        let mut refusals = 0;
        while let Some(piece) = told.recv().await {
            match piece {
                Piece::Undone(undone) => output.row(&json!({"undone": undone})).await?,
                Piece::Refused(refused) => {
                    refusals += 1;
                    output.row(&json!({"refused": refused})).await?;
                }
            }
        }
        Ok::<_, AdminError>(refusals)
    };
    tokio::try_join!(work, tell).map(|((), refusals)| refusals)
}

/// The actors that events name: a token that replaces another has the name of that one, and both are meant by it. A token
/// or client that is gone is known by what it did.
async fn actors_of(
    context: &AdminContext,
    caller: &Caller,
    name: &str,
    since: u64,
) -> Result<BTreeSet<String>, AdminError> {
    let one = |name: String| Ok(BTreeSet::from([name]));
    if name == SERVER || is_administrator(name) {
        return one(name.to_owned());
    }
    let (directory, tenant) = (context.directory(), caller.tenant());
    let tokens = directory.ledger().named(tenant.id, name).await?;
    if !tokens.is_empty() {
        return Ok(tokens.iter().map(|token| token.id.to_string()).collect());
    }
    if let Ok(token) = directory.ledger().find(tenant.id, name).await {
        return one(token.id.to_string());
    }
    if let Ok(client) = directory.clients().find(tenant.id, name).await {
        return one(client.id.to_string());
    }
    if ResourceId::parse(name).is_some() && has_done_something(context, tenant.home, name, since).await? {
        return one(name.to_owned());
    }
    Err(AdminError::Scim(Error::value(format!(
        "--actor {name:?} is no token or client of this tenant, and has done nothing since event {since}. Name one of them, or give the actor as the events do: `scim-server events` lists them."
    ))))
}

async fn has_done_something(
    context: &AdminContext,
    home: TenantId,
    actor: &str,
    since: u64,
) -> Result<bool, AdminError> {
    let mut after = since;
    loop {
        let events = context.store.events(home, after, EVENTS).await?;
        let Some(last) = events.last() else { return Ok(false) };
        if events.iter().any(|event| event.actor == actor) {
            return Ok(true);
        }
        after = last.sequence;
    }
}
