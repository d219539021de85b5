//! The operations of a request that is completed later: each is committed once, whoever works on the request.
//!
//! Every commit expects the claim of the request, and its event has the request's id: so the log says what was done, and
//! nobody needs another note of it. Who takes a request over reads the log from where it stood when the request was
//! accepted, and goes on behind that.

use std::{collections::BTreeMap, sync::Arc};

use scim_protocol::{
    Error, ErrorKind,
    message::{BulkMethod, BulkOperation, BulkResult},
};
use serde_json::{Value, json};

use super::{
    Answer, Context, Operations, Outcome,
    bulk::{BulkRun, result_of, target_of},
};
use crate::{
    deferred::Deferred,
    event::{Action, Deed, Event, Json, Values},
    store::{Commit, Expect, ResourceId, ResourceKey, StoreError, Write},
};

/// How many events are read at a time.
const PAGE: usize = 1000;
/// What an event is about that is about an accepted request and no resource.
pub const REQUEST: &str = "Request";

/// What lets the operations of an accepted request be committed.
#[derive(Clone)]
pub struct Claim {
    key: ResourceKey,
    version: u64,
    /// What was done of the request before.
    done: Arc<Executed>,
    /// Why the rest is not done any more.
    ended: Option<Ended>,
    /// Which operation of a bulk request is worked on.
    part: Option<usize>,
}

/// Why operations of an accepted request are not done any more: what is told of each.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    pub kind: ErrorKind,
    pub detail: &'static str,
}

/// What the log says of a request: the events of each operation, and those of their completions.
#[derive(Default)]
pub struct Executed {
    changes: BTreeMap<usize, Vec<Event>>,
    /// By number of operation.
    pub completions: BTreeMap<usize, u64>,
}

impl Claim {
    /// The claim as it was put last, for a request that may be done, or has ended.
    pub fn new(deferred: &Deferred, version: u64, done: Executed, ended: Option<Ended>) -> Self {
        Self { key: deferred.claim(), version, done: Arc::new(done), ended, part: None }
    }
}

impl Context {
    /// The request's id as events have it: with the number of the operation, where a bulk request is completed later
    /// (RFC 9967 §2.5.1.2).
    pub(super) fn request_id(&self) -> String {
        let id = self.request.map(|id| id.to_string()).unwrap_or_default();
        let part = self.claim.as_ref().and_then(|claim| claim.part);
        part.map_or(id.clone(), |part| format!("{id}:{part}"))
    }

    /// Has a commit expect the claim, if the request has one.
    pub(super) fn expect_claim(&self, commit: &mut Commit) {
        let expected = self.claim.as_ref().map(|claim| Expect::Version(claim.key.clone(), claim.version));
        commit.expect.extend(expected);
    }

    /// For that operation of a bulk request.
    pub(super) fn part(&self, part: usize) -> Self {
        let claim = self.claim.clone().map(|claim| Claim { part: Some(part), ..claim });
        Self { claim, ..self.clone() }
    }

    /// Refuses what would be done of a request that has ended.
    pub(super) fn require_open(&self) -> Result<(), Error> {
        match self.claim.as_ref().and_then(|claim| claim.ended) {
            Some(Ended { kind, detail }) => Err(Error::new(kind, detail)),
            None => Ok(()),
        }
    }

    /// Whether an operation that left no event was tried before: others of the request, which are still `left`, have
    /// events, and operations are done in the same order each time. To do it behind them would be another request.
    pub(super) fn was_tried(&self, left: impl Fn(usize) -> bool) -> bool {
        let Some(claim) = &self.claim else { return false };
        claim.done.changes.keys().any(|part| Some(*part) != claim.part && left(*part))
    }

    /// What came of an operation that was done before.
    pub(super) fn done_before(&self, operation: &BulkOperation) -> Option<Answer> {
        let claim = self.claim.as_ref()?;
        // A POST may have taken somebody over.
        let (actions, outcome): (&[Action], _) = match operation.method {
            BulkMethod::Post => (&[Action::Create, Action::Replace], Outcome::Created),
            BulkMethod::Put => (&[Action::Replace], Outcome::Ok),
            BulkMethod::Patch => (&[Action::Modify], Outcome::Ok),
            BulkMethod::Delete => (&[Action::Delete], Outcome::NoContent),
        };
        let of_it = |event: &&Event| {
            let is_named = || operation.path.ends_with(&event.target.to_string());
            actions.contains(&event.action) && (operation.method == BulkMethod::Post || is_named())
        };
        let event = claim.done.changes.get(&claim.part.unwrap_or_default())?.iter().find(of_it)?;
        let key = ResourceKey {
            tenant: claim.key.tenant,
            resource_type: event.resource_type.as_str().into(),
            id: event.target,
        };
        let answer = Answer::about(self, outcome, &key, event.version);
        let version = answer.version.filter(|version| *version > 0);
        Some(Answer { version, ..answer })
    }
}

impl Operations {
    /// What the log says of an accepted request.
    pub async fn executed(&self, deferred: &Deferred) -> Result<Executed, StoreError> {
        let (mut executed, mut after, id) = (Executed::default(), deferred.after, deferred.id.to_string());
        loop {
            let page = self.store.events(deferred.log, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(executed) };
            after = last.sequence;
            for event in page {
                let Some(rest) = event.request.strip_prefix(&id) else { continue };
                let part = rest.strip_prefix(':').and_then(|part| part.parse().ok()).unwrap_or_default();
                if event.deed == Some(Deed::RequestCompleted) {
                    executed.completions.insert(part, event.sequence);
                } else {
                    executed.changes.entry(part).or_default().push(event);
                }
            }
        }
    }

    /// Does the one operation of a request that did not come to `/Bulk`.
    pub async fn one(&self, context: &Context, operation: BulkOperation) -> (BulkResult, Result<Answer, Error>) {
        let (method, target) = (operation.method, target_of(context, &operation));
        let done = match context.done_before(&operation) {
            Some(answer) => Ok(answer),
            None => match context.require_open() {
                Ok(()) => self.perform(context, &BulkRun::new(1), operation).await,
                Err(ended) => Err(ended),
            },
        };
        (result_of(method, None, target, &done), done)
    }

    /// Tells that the operations of a request are completed, and removes its claim. Gives the numbers of the events.
    pub async fn tell_completion(
        &self,
        context: &Context,
        deferred: &Deferred,
        results: &[(usize, BulkResult)],
    ) -> Result<Vec<u64>, StoreError> {
        let Some(claim) = &context.claim else { return Ok(Vec::new()) };
        let mut told = claim.done.completions.clone();
        let left: Vec<_> = results.iter().filter(|(part, _)| !told.contains_key(part)).collect();
        for (at, (part, result)) in left.iter().enumerate() {
            let context = if deferred.is_bulk { context.part(*part) } else { context.clone() };
            let mut commit = Commit::note(deferred.log, completion(&context, deferred, *part, result));
            context.expect_claim(&mut commit);
            if at + 1 == left.len() {
                commit.writes.push(Write::Delete(claim.key.clone()));
            }
            told.insert(*part, self.store.commit(commit).await?.sequence);
        }
        Ok(told.into_values().collect())
    }
}

/// The event that tells of an operation's completion: its result, and the path of what it is about. Where that is no
/// resource, because it was not made, the path is that of the operation, and the event is about the request.
fn completion(context: &Context, deferred: &Deferred, part: usize, result: &BulkResult) -> Event {
    let location = result.location.as_deref().and_then(|url| url.strip_prefix(&*context.base));
    let path = location.map(str::to_owned).or_else(|| deferred.path(part)).unwrap_or_default();
    let registry = &context.caller.tenant().registry;
    let named = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let resource =
        named.and_then(|(endpoint, id)| Some((registry.endpoint(&format!("/{endpoint}"))?, ResourceId::parse(id)?)));
    let (kind, id) = resource.map_or((REQUEST, deferred.id), |(rt, id)| (rt.name.as_str(), id));
    let event = context.caller.event(Action::Administer, kind, id);
    let document = json!({"uri": path, "operation": result.to_json()});
    let values = Json::of(&document).map(|document| Box::new(Values { document, changes: BTreeMap::new() }));
    Event { deed: Some(Deed::RequestCompleted), request: context.request_id(), values, ..event }
}

/// The operation of a request that did not come to `/Bulk`, as that of a bulk request.
pub fn as_bulk(method: &str, path: &str, version: Option<&str>, data: Option<Value>) -> Value {
    let mut operation = json!({"method": method, "path": path});
    for (name, value) in [("version", version.map(Value::from)), ("data", data)] {
        if let Some(value) = value {
            operation[name] = value;
        }
    }
    // A POST of a bulk request has a name, which nothing refers to here.
    if method == "POST" {
        operation["bulkId"] = "0".into();
    }
    json!({"schemas": [scim_protocol::message::BULK_REQUEST_SCHEMA], "Operations": [operation]})
}
