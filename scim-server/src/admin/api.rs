//! The management API: everything that the command line does, as paths of HTTP under `/admin/v1`.
//!
//! [`table`] has the paths and the command that each is, [`call`] makes the command of a request, and [`mod@answer`] the
//! response of its lines. The command line is a client of it: [`request`] makes the request of a command. There is no
//! other way to a change than the command, so what a path may do is what [`super::execute`] lets its giver do.

mod answer;
mod call;
#[cfg(test)]
mod openapi;
mod request;
mod table;

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Request, StatusCode,
    body::Incoming,
    header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER},
    http::request::Parts,
};
use scim_protocol::{
    error::bounded,
    message::{Most, Names, read_json},
};
use serde_json::{Map, Value};

pub(super) use self::request::{ApiRequest, Content};
use self::{
    call::Found,
    table::{Answer, Route},
};
use super::{
    AdminContext, AdminError, AdminRequest, Fault, input,
    response::{AdminResponse, JSON_LINES, json, lines, problem, put},
    start,
};
use crate::{
    directory::DirectoryError,
    idempotency::{Begun, Call, Calls, Claim, LONGEST_KEY, Process, Reply},
    packed::{Packed, packed},
    store::{StoreError, TenantId, mark},
    system_records::secret,
};

/// What every path of the API begins with.
pub(super) const BASE: &str = "/admin/v1/";

/// Where the API is described.
pub(super) const DESCRIPTION: &str = "/admin/v1/openapi.json";

/// The most bytes of a body that is not lines: a table of users.
const MOST_BYTES: usize = 64 << 20;

/// By which a client says that a request is the same (draft-ietf-httpapi-idempotency-key-header-07 §2.1).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that an answer is given again.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The description of the API, as OpenAPI 3.1 has it.
pub(super) fn description() -> AdminResponse {
    static DOCUMENT: Packed = packed!("admin-api.json");
    json(StatusCode::OK, DOCUMENT.bytes())
}

/// Does what a request asks. `process` is what this process knows of requests that are done once.
pub(super) async fn answer(
    context: AdminContext,
    process: &Arc<Process>,
    request: Request<Incoming>,
    address: IpAddr,
) -> AdminResponse {
    let (head, body) = request.into_parts();
    let path = head.uri.path().strip_prefix(BASE.trim_end_matches('/')).unwrap_or_default().to_owned();
    let (route, parts) = match call::find(head.method.as_str(), &path) {
        Found::Route(route, parts) => (route, parts),
        Found::Methods(methods) => {
            let message = format!("This path takes {}.", methods.join(", "));
            let mut response = problem(&Fault::new(405, message));
            put(&mut response, ALLOW, &methods.join(", "));
            return response;
        }
        Found::Nothing => {
            return problem(&Fault::new(
                404,
                format!("There is no such path; {DESCRIPTION} describes those that there are."),
            ));
        }
    };
    let done = if route.lines {
        taken(&context, route, &parts, &head, body, address)
    } else {
        done(context, process, (route, &parts), &head, body, address).await
    };
    done.unwrap_or_else(|fault| problem(&fault))
}

/// Does what reads its input as it comes.
fn taken(
    context: &AdminContext,
    route: &Route,
    parts: &[(&str, String)],
    head: &Parts,
    body: Incoming,
    address: IpAddr,
) -> Result<AdminResponse, Fault> {
    if media_type(&head.headers) != JSON_LINES {
        return Err(Fault::new(415, format!("This path takes lines: send Content-Type: {JSON_LINES}.")));
    }
    let command = call::command(route, parts, head.uri.query(), Map::new()).map_err(invalid)?;
    tell(context, &command, address);
    Ok(lines(start(context.clone(), command, input::lines(body))))
}

async fn done(
    context: AdminContext,
    process: &Arc<Process>,
    (route, parts): (&'static Route, &[(&str, String)]),
    head: &Parts,
    body: Incoming,
    address: IpAddr,
) -> Result<AdminResponse, Fault> {
    let body = read(body).await?;
    let command = call::command(route, parts, head.uri.query(), members(&head.headers, &body)?).map_err(invalid)?;
    tell(&context, &command, address);
    let wants_lines = accepts_lines(&head.headers);
    if let Some(key) = key(route, &head.headers)? {
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        let asked = [route.method.as_bytes(), target.as_bytes(), body.as_ref()];
        let call = Call::new(&context.by.actor(), &key, asked, home(&context, &command).await?);
        return once(context, process, command, call, route.answer).await;
    }
    if goes_on(&command) && !wants_lines {
        let message = format!("With `follow` the answer has no end: ask with Accept: {JSON_LINES}.");
        return Err(Fault::new(406, message));
    }
    let output = start(context, command, super::line::nothing());
    if wants_lines { Ok(lines(output)) } else { answer::response(output, route.answer).await }
}

/// Does a command once, however often it is asked for with the same key.
async fn once(
    context: AdminContext,
    process: &Arc<Process>,
    command: AdminRequest,
    call: Call,
    answer: Answer,
) -> Result<AdminResponse, Fault> {
    let failed = |error: StoreError| AdminError::from(error).fault();
    let secret = secret::answers(&*context.store).await.map_err(failed)?;
    let calls = Calls::new(Arc::clone(&context.store), &secret, Arc::clone(process));
    match calls.begin(call, context.clock.now()).await.map_err(failed)? {
        Begun::New(claim) => {
            // Whoever asks may go: it is done to its end all the same, and they get the answer when they ask again.
            let work = tokio::spawn(work(context, command, calls, claim, answer));
            let reply = work.await.map_err(|_| Fault::new(500, "The command was cut off."))?;
            Ok(answer::replied(reply))
        }
        Begun::Done(reply) => {
            let mut response = answer::replied(reply);
            put(&mut response, REPLAYED, "true");
            Ok(response)
        }
        Begun::Running(since) => {
            let message = format!(
                "The request with this Idempotency-Key has begun at {since} and has no answer yet. Ask again in a moment."
            );
            let mut response = problem(&Fault::new(409, message));
            put(&mut response, RETRY_AFTER, "1");
            Ok(response)
        }
        Begun::Other => {
            let message = "Another request had this Idempotency-Key: use another key for each request.".to_owned();
            Err(Fault::new(422, message))
        }
    }
}

/// Where the tenant that a command is about has its records; `None` if it is about none, or one that is not there.
async fn home(context: &AdminContext, command: &AdminRequest) -> Result<Option<TenantId>, Fault> {
    let Some(tenant) = command.tenant() else { return Ok(None) };
    match context.directory().find(tenant).await {
        Ok(tenant) => Ok(Some(tenant.home())),
        Err(DirectoryError::Unknown(_)) => Ok(None),
        Err(error) => Err(AdminError::from(error).fault()),
    }
}

/// Does a command and keeps its answer. What the server could not do, or somebody may not, may be tried again with the
/// same key.
async fn work(context: AdminContext, command: AdminRequest, calls: Calls, claim: Claim, answer: Answer) -> Reply {
    let work = async { answer::whole(start(context, command, super::line::nothing()), answer).await };
    let reply = tokio::select! {
        reply = mark::within(claim.work, work) => reply,
        never = calls.keep_alive() => match never {},
    };
    let is_done = reply.status < 500 && reply.status != 403;
    let kept = if is_done { calls.finish(&claim, &reply).await } else { calls.give_up(&claim).await };
    if let Err(error) = kept {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, "an answer could not be kept for repetitions of its request");
    }
    reply
}

/// Tells the log who gives which command. Who is created or shown is personal, and not in it.
pub(super) fn tell(context: &AdminContext, command: &AdminRequest, address: IpAddr) {
    let [tenant, resource_type] =
        [command.tenant(), command.resource_type()].map(|name| name.map(str::to_owned).map(bounded));
    let by = context.by.actor();
    tracing::info!(%address, %by, command = command.name(), tenant, resource_type, "administration");
}

/// The key that a request has, if it changes something.
fn key(route: &Route, headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(first) = given.next().filter(|_| route.method != "GET") else { return Ok(None) };
    let text = first.to_str().unwrap_or_default();
    // It is a string of RFC 9651, and often sent without its quotes.
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_key = !key.is_empty() && key.len() <= LONGEST_KEY && key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_key && given.next().is_none() {
        return Ok(Some(key.to_owned()));
    }
    Err(invalid(format!(
        "Idempotency-Key must be one word of 1 to {LONGEST_KEY} visible ASCII characters, such as a UUID."
    )))
}

async fn read(body: Incoming) -> Result<Bytes, Fault> {
    let read = Limited::new(body, MOST_BYTES).collect().await;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            return Fault::new(413, format!("The body has more than {MOST_BYTES} bytes, which is the most."));
        }
        invalid(format!("The body cannot be read: {error}."))
    })
}

/// The members of a body, which is a JSON object or nothing.
fn members(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Fault> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let media_type = media_type(headers);
    if media_type != "application/json" && media_type != "application/merge-patch+json" {
        let message = "The body must be JSON: send Content-Type: application/json.".to_owned();
        return Err(Fault::new(415, message));
    }
    match read_json(body, Most { values: usize::MAX, operations: None, names: Names::Exactly }) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(invalid("The body must be a JSON object.".to_owned())),
        Err(why) => Err(invalid(format!("The body must be a JSON object, with each name once: {why}."))),
    }
}

/// The media type of the body, without its parameters.
fn media_type(headers: &HeaderMap) -> String {
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn accepts_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case(JSON_LINES)))
}

/// Whether the command ends only when nobody reads any more.
fn goes_on(command: &AdminRequest) -> bool {
    matches!(command, AdminRequest::Events(events) if events.follow)
}

fn invalid(message: String) -> Fault {
    Fault::new(400, message)
}
