//! Bulk (RFC 7644 §3.7): many operations in one request, each with its own result.
//!
//! Operations run one by one, each in its own commit, in an order in which a resource exists before another refers to
//! it by `bulkId`. If resources refer to each other in a circle (§3.7.1), some reference is resolved before its resource
//! exists: ids of new resources are chosen beforehand, and those of deleted ones that return are looked up. If groups refer to each other in a circle (§3.7.1), the first of them is created without the members that
//! do not exist yet, and gets them at the end.

mod order;

use std::collections::{HashMap, HashSet};

use scim_protocol::{
    Error, ErrorKind, dialect,
    message::{BulkMethod, BulkOperation, BulkRequest, BulkResult, Query, RefusedOperation},
    patch::PATCH_OP_SCHEMA,
};
use serde_json::{Value, json};

use self::order::Order;
use super::{Answer, Asked, Condition, Content, Context, Operations, Outcome, Preconditions, restore::Namesake};
use crate::{membership::MEMBERS, render::etag, store::ResourceId};

/// The state of a bulk request while it runs.
pub(super) struct BulkRun {
    /// The id that each POST's resource gets, by its `bulkId`.
    ids: HashMap<String, ResourceId>,
    /// The bulkIds whose resource is there.
    made: HashSet<String>,
    /// The bulkIds whose resource will not be created.
    failed: HashSet<String>,
    /// Members to add when everything else is done: the group's path, the members' bulkIds.
    later: Vec<(usize, String, Vec<String>)>,
    /// Whether `ids` has the ids of the deleted resources that return.
    is_foreseen: bool,
    results: Vec<Option<BulkResult>>,
    errors: u32,
}

impl Operations {
    /// 501 if the settings switch bulk off.
    pub fn require_bulk(&self) -> Result<(), Error> {
        if self.limits.bulk_operations > 0 {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotImplemented, "This server has /Bulk turned off. Send the operations one by one."))
    }

    /// Runs a bulk request and gives the bulk response.
    pub async fn bulk(&self, context: &Context, request: BulkRequest) -> Result<Answer, Error> {
        self.require_few(&request)?;
        let results = self.bulk_results(context, request).await?;
        Self::bulk_answer(results.iter().flatten())
    }

    /// The bulk response.
    pub fn bulk_answer<'r>(results: impl Iterator<Item = &'r BulkResult>) -> Result<Answer, Error> {
        let body = serde_json::to_vec(&BulkResult::response(results)).map_err(Error::internal)?;
        Ok(Answer::plain(Outcome::Ok, Content::Whole(body.into())))
    }

    /// 413 for more operations than are taken at once.
    pub fn require_few(&self, request: &BulkRequest) -> Result<(), Error> {
        let most = self.limits.bulk_operations;
        if request.operations.len() > most {
            return Err(Error::new(
                ErrorKind::PayloadTooLarge,
                format!(
                    "The request has {} operations; at most {most} are taken at once (maxOperations). Send several requests.",
                    request.operations.len()
                ),
            ));
        }
        Ok(())
    }

    /// Runs a bulk request, and gives the result of each operation; none of what stands behind the number of errors at
    /// which it ends.
    pub async fn bulk_results(
        &self,
        context: &Context,
        request: BulkRequest,
    ) -> Result<Vec<Option<BulkResult>>, Error> {
        let fail_on_errors = request.fail_on_errors.unwrap_or(u32::MAX);
        let mut run = BulkRun::new(request.operations.len());
        for operation in request.operations.iter().flatten() {
            if let BulkOperation { method: BulkMethod::Post, bulk_id: Some(bulk_id), .. } = operation
                && run.ids.insert(bulk_id.clone(), self.fresh_id()).is_some()
            {
                return Err(Error::syntax(format!(
                    "Two operations have the bulkId \"{bulk_id}\". Give each POST its own."
                )));
            }
        }
        let references_of =
            |one: &Result<BulkOperation, _>| one.as_ref().map_or_else(|_| Vec::new(), BulkOperation::references);
        let references = || request.operations.iter().map(references_of).collect::<Vec<_>>();
        let references = context.pace.whole(references).await?;
        let mut order = Order::new(references.iter().map(Vec::as_slice), |id| run.ids.contains_key(id));
        drop(references);
        let mut operations: Vec<_> = request.operations.into_iter().map(Some).collect();
        while run.errors < fail_on_errors
            && let Some((i, settled)) = order.next()
        {
            let Some(operation) = operations.get_mut(i).and_then(Option::take) else { continue };
            let in_time = context.pace.breathe().await;
            if context.pace.is_abandoned() {
                // Nobody reads the error: it says that the client has gone.
                context.pace.check()?;
            }
            let bulk_id = match operation {
                Ok(operation) if in_time.is_err() => run.leave(i, operation),
                Ok(operation) => {
                    if !settled && !std::mem::replace(&mut run.is_foreseen, true) {
                        let waiting = operations.iter().flatten().flatten().chain([&operation]);
                        self.foresee(context, &mut run.ids, waiting).await;
                    }
                    self.run(context, &mut run, i, operation, settled).await
                }
                Err(refused) => run.refuse(i, self.refused(context, refused).await),
            };
            order.settle(bulk_id.as_deref().unwrap_or_default());
        }
        self.add_later(context, &mut run).await;
        Ok(run.results)
    }

    /// Looks up under which ids deleted resources will return, and which will be taken over.
    async fn foresee<'a>(
        &self,
        context: &Context,
        ids: &mut HashMap<String, ResourceId>,
        operations: impl Iterator<Item = &'a BulkOperation>,
    ) {
        for BulkOperation { bulk_id, path, data, .. } in operations {
            let Some(id) = bulk_id.as_ref().and_then(|bulk_id| ids.get_mut(bulk_id)) else { continue };
            let rt = context.caller.tenant().registry.endpoint(&format!("/{}", path.trim_matches('/')));
            let (Some(rt), Some(mut body)) = (rt, data.clone()) else { continue };
            dialect::standardise_resource(&mut body, rt);
            let Value::Object(document) = body else { continue };
            // An error shows in the result of the operation itself.
            if let Ok(Some((adopted, _))) = self.adoptable(context, rt, &document).await {
                *id = adopted;
            } else if let Ok(Namesake { kept: Some(kept), .. }) = self.namesake(context, rt, &document).await {
                *id = kept.key.id;
            }
        }
    }

    /// Runs one operation and stores its result. Returns its bulkId, which is then settled.
    async fn run(
        &self,
        context: &Context,
        run: &mut BulkRun,
        i: usize,
        mut operation: BulkOperation,
        settled: bool,
    ) -> Option<String> {
        let (method, bulk_id) = (operation.method, operation.bulk_id.clone());
        context.pace.works_on(operation.data.as_ref().map_or(0, bytes));
        let resolve = || {
            let later = if settled { Vec::new() } else { run.postpone(&mut operation) };
            (later, run.resolve(&mut operation))
        };
        let (later, resolved) = match context.pace.whole(resolve).await {
            Ok((later, resolved)) => (later, resolved),
            Err(late) => (Vec::new(), Err(late)),
        };
        // A failed operation has a location too, unless it is a POST (RFC 7644 §3.7.3).
        let target = target_of(context, &operation).filter(|_| resolved.is_ok());
        let of_part = context.claim.is_some().then(|| context.part(i));
        let context = of_part.as_ref().unwrap_or(context);
        let done = match resolved.map(|()| context.done_before(&operation)) {
            Ok(Some(answer)) => Ok(answer),
            undone => match context.require_open().and(undone) {
                Ok(_) if context.was_tried(|part| matches!(run.results.get(part), Some(None))) => Err(tried()),
                Ok(_) => self.perform(context, run, operation).await,
                Err(error) => Err(error),
            },
        };
        let result = result_of(method, bulk_id.clone(), target, &done);
        if let Ok(answer) = done {
            // A deleted resource that returns has its old id.
            if method == BulkMethod::Post {
                run.ids.extend(bulk_id.clone().zip(answer.id));
            }
            run.made.extend(bulk_id.clone());
            if let (Some(path), false) = (&result.location, later.is_empty()) {
                run.later.push((i, path.clone(), later));
            }
        } else {
            run.failed.extend(bulk_id.clone());
            run.errors += 1;
        }
        if let Some(place) = run.results.get_mut(i) {
            *place = Some(result);
        }
        bulk_id
    }

    pub(super) async fn perform(
        &self,
        context: &Context,
        run: &BulkRun,
        operation: BulkOperation,
    ) -> Result<Answer, Error> {
        let BulkOperation { method, bulk_id, version, path, data } = operation;
        let plain = path.trim_matches('/');
        let (endpoint, id) = plain.split_once('/').map_or((plain, None), |(endpoint, id)| (endpoint, Some(id)));
        let registry = &context.caller.tenant().registry;
        let rt = registry.endpoint(&format!("/{endpoint}")).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("The path \"{path}\" names no endpoint of this server."))
        })?;
        let data = data.unwrap_or_default();
        let query = Query::default();
        let condition = Preconditions::of(version.map_or(Condition::None, |version| Condition::parse(&version)));
        match (method, id) {
            (BulkMethod::Post, None) => {
                let id = bulk_id.and_then(|bulk_id| run.ids.get(&bulk_id).copied());
                let id = id.unwrap_or_else(|| self.fresh_id());
                self.create(context, rt, id, data, &query).await
            }
            (BulkMethod::Put, Some(id)) => {
                let asked = Asked { context, rt, id, query: &query, preconditions: &condition };
                let done = self.replace(asked, data).await;
                self.or_missing(asked, done).await
            }
            (BulkMethod::Patch, Some(id)) => {
                let asked = Asked { context, rt, id, query: &query, preconditions: &condition };
                let done = self.modify(asked, data).await;
                self.or_missing(asked, done).await
            }
            (BulkMethod::Delete, Some(id)) => {
                let mut answer = self.delete(context, rt, id, &condition).await?;
                answer.location = Some(format!("{}{}/{id}", context.base, rt.endpoint));
                Ok(answer)
            }
            (method, _) => Err(Error::syntax(format!(
                "{} does not go with the path \"{path}\": POST takes an endpoint (/Users), the others a resource (/Users/id).",
                method.as_str()
            ))),
        }
    }

    async fn or_missing(&self, asked: Asked<'_>, done: Result<Answer, Error>) -> Result<Answer, Error> {
        match done {
            Err(error) => Err(self.missing_or(asked.context, asked.rt, asked.id, error).await),
            done => done,
        }
    }

    /// The error of an operation that could not be read: 404 if its resource does not exist.
    async fn refused(&self, context: &Context, refused: RefusedOperation) -> RefusedOperation {
        let is_post = refused.method.as_deref().is_some_and(|method| method.eq_ignore_ascii_case("POST"));
        let path = refused.path.as_deref().unwrap_or_default().trim_matches('/');
        let target = path.split_once('/').filter(|(_, id)| !is_post && !id.contains("bulkId:"));
        let registry = &context.caller.tenant().registry;
        let target = target.and_then(|(endpoint, id)| Some((registry.endpoint(&format!("/{endpoint}"))?, id)));
        match target {
            Some((rt, id)) => {
                let error = self.missing_or(context, rt, id, refused.error).await;
                RefusedOperation { error, ..refused }
            }
            None => refused,
        }
    }

    /// Adds the members that did not exist yet when their group was created.
    async fn add_later(&self, context: &Context, run: &mut BulkRun) {
        for (i, location, members) in std::mem::take(&mut run.later) {
            let Some(path) = location.strip_prefix(&*context.base).and_then(|path| path.strip_prefix('/')) else {
                continue;
            };
            let Some((endpoint, id)) = path.split_once('/') else { continue };
            let values: Vec<Value> = members
                .iter()
                .filter(|member| run.made.contains(*member))
                .filter_map(|member| run.ids.get(member))
                .map(|id| json!({"value": id.to_string()}))
                .collect();
            let missing = values.len() < members.len();
            let operations = json!([{"op": "add", "path": MEMBERS, "value": values}]);
            let body = json!({"schemas": [PATCH_OP_SCHEMA], "Operations": operations});
            context.pace.works_on(bytes(&body));
            let added = match context.caller.tenant().registry.endpoint(&format!("/{endpoint}")) {
                Some(rt) => {
                    let (query, preconditions) = (&Query::default(), &Preconditions::default());
                    let context = &context.part(i);
                    match context.require_open() {
                        Ok(()) => self.modify(Asked { context, rt, id, query, preconditions }, body).await,
                        Err(ended) => Err(ended),
                    }
                }
                None => continue,
            };
            let Some(Some(result)) = run.results.get_mut(i) else { continue };
            match added {
                Ok(answer) if !missing => result.version = answer.version.map(etag),
                Ok(_) => result.fail(&unresolved(&members.join(", "))),
                Err(error) => result.fail(&error),
            }
        }
    }
}

/// An operation of a request that was taken over: what came of it is not known any more.
fn tried() -> Error {
    Error::new(
        ErrorKind::PreconditionFailed,
        "The operation had changed nothing when the server was interrupted. Later ones are done already, so it is not tried again.",
    )
}

/// About how many bytes a value takes as JSON. A value that was parsed is not deep.
fn bytes(value: &Value) -> usize {
    match value {
        Value::Array(elements) => elements.iter().map(bytes).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + 4 + bytes(value)).sum(),
        Value::String(text) => text.len() + 3,
        _ => 5,
    }
}

/// The result of an operation. A failed one has the location of its target.
pub(super) fn result_of(
    method: BulkMethod,
    bulk_id: Option<String>,
    target: Option<String>,
    done: &Result<Answer, Error>,
) -> BulkResult {
    let (method, version, location, response) = (method.as_str().to_owned(), None, target, None);
    let mut result = BulkResult { method, bulk_id, version, location, status: 0, response };
    match done {
        Ok(answer) => {
            result.status = status(answer.outcome);
            result.version = answer.version.map(etag);
            result.location.clone_from(&answer.location);
        }
        Err(error) => result.fail(error),
    }
    result
}

/// The result of an operation that failed.
trait Fail {
    fn fail(&mut self, error: &Error);
}

impl Fail for BulkResult {
    fn fail(&mut self, error: &Error) {
        self.status = error.kind().status();
        self.response = Some(error.body());
    }
}

impl BulkRun {
    pub(super) fn new(operations: usize) -> Self {
        Self {
            ids: HashMap::new(),
            made: HashSet::new(),
            failed: HashSet::new(),
            later: Vec::new(),
            is_foreseen: false,
            results: (0..operations).map(|_| None).collect(),
            errors: 0,
        }
    }

    /// Stores that the time was over before this operation. Returns its bulkId.
    fn leave(&mut self, i: usize, operation: BulkOperation) -> Option<String> {
        let BulkOperation { method, bulk_id, .. } = operation;
        let error = Error::new(
            ErrorKind::Unavailable(1),
            "The bulk request took longer than the server works on one, and this operation was not tried. Send it again.",
        );
        let method = Some(method.as_str().into());
        let refused = RefusedOperation { method, bulk_id: bulk_id.clone(), path: None, error };
        let bulk_id = self.refuse(i, refused).or(bulk_id);
        self.failed.extend(bulk_id.clone());
        bulk_id
    }

    /// Stores that an operation could not be read. Returns the bulkId, whose resource will not be created.
    fn refuse(&mut self, i: usize, refused: RefusedOperation) -> Option<String> {
        self.errors += 1;
        // A duplicate bulkId means the first operation that has it.
        let failed = refused.bulk_id.clone().filter(|id| !self.ids.contains_key(id));
        self.failed.extend(failed.clone());
        if let Some(place) = self.results.get_mut(i) {
            *place = Some(BulkResult {
                method: refused.method.map(String::from).unwrap_or_default(),
                bulk_id: refused.bulk_id,
                version: None,
                location: None,
                status: refused.error.kind().status(),
                response: Some(refused.error.body()),
            });
        }
        failed
    }

    /// Removes the members that do not exist yet, which happens only if operations refer to each other in a circle.
    /// Returns their bulkIds.
    fn postpone(&self, operation: &mut BulkOperation) -> Vec<String> {
        if operation.method != BulkMethod::Post {
            return Vec::new();
        }
        let Some(Value::Object(data)) = &mut operation.data else { return Vec::new() };
        let Some((_, Value::Array(members))) = data.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(MEMBERS))
        else {
            return Vec::new();
        };
        let mut later = Vec::new();
        members.retain(|member| {
            let references = scim_protocol::message::references(member);
            let open = references.iter().find(|id| self.ids.contains_key(*id) && !self.made.contains(*id));
            later.extend(open.cloned());
            open.is_none()
        });
        later
    }

    /// Replaces bulkIds by ids. An operation fails if it refers to a resource that does not exist.
    fn resolve(&self, operation: &mut BulkOperation) -> Result<(), Error> {
        if let Some(unknown) =
            operation.references().iter().find(|id| !self.ids.contains_key(*id) || self.failed.contains(*id))
        {
            return Err(unresolved(unknown));
        }
        operation.resolve(&|id| self.ids.get(id).map(ToString::to_string));
        Ok(())
    }
}

/// The URL of the resource that an operation names: its result has it also when it fails, unless it
/// is a POST (RFC 7644 §3.7.3).
pub(super) fn target_of(context: &Context, operation: &BulkOperation) -> Option<String> {
    let (endpoint, id) = operation.path.trim_start_matches('/').split_once('/')?;
    let rt = context.caller.tenant().registry.endpoint(&format!("/{endpoint}"))?;
    (operation.method != BulkMethod::Post).then(|| format!("{}{}/{id}", context.base, rt.endpoint))
}

fn unresolved(bulk_id: &str) -> Error {
    Error::value(format!("The bulkId \"{bulk_id}\" names no resource that a POST of this request created."))
}

/// The status of an operation's result (RFC 7644 §3.7.3).
fn status(outcome: Outcome) -> u16 {
    match outcome {
        Outcome::Accepted => 202,
        Outcome::Created => 201,
        Outcome::Ok => 200,
        Outcome::NoContent => 204,
        Outcome::NotModified => 304,
    }
}
