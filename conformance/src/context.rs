//! The context of a case: requests, drafts of resources, and what the server declares.
//!
//! A case calls `scim.post("/Users").json(body).await?` if it tests the response, and `scim.user().create().await?`
//! if it only needs a user. The first returns any response. The second returns a resource or [`Stop::Error`], because
//! a case without its setup cannot test its requirement.

mod call;
mod fill;
mod lists;
mod population;
mod taken;
mod usual;

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

pub use call::Call;
pub use lists::{PeopleQuery, supported, total_of};
pub use population::PEOPLE;
use serde_json::{Value, json};
pub use taken::about;
use tokio::sync::{OnceCell, RwLock};

use crate::{
    discovery::Discovery,
    draft,
    exchange::{Answer, Circumstances, Client, Exchange, Request, Strangers, redirect},
    ledger::Ledger,
    subject::Subject,
    uri::{self, Target},
    verdict::Stop,
};

/// The start of the name of every resource that the program creates, so that leftovers can be found.
pub const MARK: &str = "scim-conformance";
/// The schema of the answer to a query (RFC 7644 §3.4.2).
pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The URN of a PATCH body (RFC 7644 §3.5.2).
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The server under examination, shared by all cases of a run.
#[derive(Debug)]
pub struct Server {
    base: String,
    client: Client,
    discovery: Discovery,
    mark: String,
    counter: AtomicU32,
    ledger: Ledger,
    population: OnceCell<Result<Vec<Resource>, Stop>>,
    /// Whether a filter finds the population and nobody else.
    people_alone: OnceCell<bool>,
    /// For each resource type a resource with a value in each of its attributes, as it is read.
    full: OnceCell<Vec<(String, Resource)>>,
    tokens: Tokens,
    settle: Duration,
    /// Held for reading by each request in flight.
    under_way: Arc<RwLock<()>>,
}

impl Server {
    /// `base` without a slash at its end; `run` sets this run's names apart from those of others.
    pub fn new(base: &str, client: Client, discovery: Discovery, run: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            client,
            discovery,
            mark: format!("{MARK}-{run}"),
            counter: AtomicU32::new(0),
            ledger: Ledger::default(),
            population: OnceCell::new(),
            people_alone: OnceCell::new(),
            full: OnceCell::new(),
            tokens: Tokens::default(),
            settle: Duration::ZERO,
            under_way: Arc::default(),
        }
    }

    /// With more tokens, which only the cases about them use.
    #[must_use]
    pub fn with_tokens(self, tokens: Tokens) -> Self {
        Self { tokens, ..self }
    }

    /// For a server whose reads show a write only after a while: so long is waited after each write.
    #[must_use]
    pub fn settling(self, settle: Duration) -> Self {
        Self { settle, ..self }
    }

    pub fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// Everything made and not yet removed.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Waits until no request is in flight, so that the ledger is complete.
    pub async fn settled(&self) {
        drop(self.under_way.write().await);
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether this or an earlier run made a resource, by its id or its name.
    pub fn is_ours(&self, resource: &Value) -> bool {
        let is_marked = |value: &Value| value.as_str().is_some_and(|text| text.to_ascii_lowercase().contains(MARK));
        resource["id"].as_str().is_some_and(|id| self.ledger.has_made(id))
            || resource.as_object().is_some_and(|members| members.values().any(is_marked))
    }

    /// The start of the names of this run.
    pub fn mark(&self) -> &str {
        &self.mark
    }
}

/// Tokens beside the one of the run. Reports hide them too.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// Of another tenant.
    pub second: Option<String>,
    /// Of the same tenant, for reading alone.
    pub read_only: Option<String>,
}

/// One case's view of the server.
#[derive(Debug)]
pub struct Context {
    server: Arc<Server>,
    ledger: Ledger,
    exchanges: Mutex<Vec<Exchange>>,
    strangers: Mutex<Strangers>,
    subject: Option<Subject>,
    own_word: OnceLock<String>,
}

/// A resource that is on the server.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Below the base URL: `/Users/2819c223`.
    pub path: String,
    pub id: String,
    /// As the answer to its creation has it.
    pub body: Value,
    /// The `ETag` of that answer.
    pub etag: Option<String>,
}

/// A resource that is not yet on the server.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    scim: &'a Context,
    resource_type: String,
    endpoint: String,
    body: Value,
}

impl Context {
    /// A fresh view, without exchanges.
    pub fn new(server: Arc<Server>) -> Self {
        Self::about(server, None)
    }

    /// The same for a case about one attribute or resource type.
    pub fn about(server: Arc<Server>, subject: Option<Subject>) -> Self {
        Self {
            server,
            ledger: Ledger::default(),
            exchanges: Mutex::default(),
            strangers: Mutex::default(),
            subject,
            own_word: OnceLock::new(),
        }
    }

    /// What the case is about, for those that are generated.
    pub fn subject(&self) -> Result<&Subject, Stop> {
        self.subject
            .as_ref()
            .ok_or_else(|| Stop::Skip("The server's schemas have nothing that it is about.".to_owned()))
    }

    /// A view apart from this one, whose resources stay when this case ends.
    /// Its own word is `word`.
    #[must_use]
    pub fn apart(&self, subject: Option<Subject>, word: &str) -> Self {
        let scim = Self::about(Arc::clone(&self.server), subject);
        scim.own_word.get_or_init(|| format!("{}-", word.trim_end_matches('-')));
        scim
    }

    /// The start of the names of this run.
    pub fn run_mark(&self) -> &str {
        self.server.mark()
    }

    /// Where the resources are kept that have a value in each attribute, by resource type.
    pub fn kept_full(&self) -> &OnceCell<Vec<(String, Resource)>> {
        &self.server.full
    }

    /// The tokens beside the one of the run.
    pub fn tokens(&self) -> &Tokens {
        &self.server.tokens
    }

    /// A GET of a reference that the server gave: an absolute URL, or one relative to the base URL
    /// (RFC 7643 §2.3.7). Errors: it leads to where the token must not go.
    pub fn follow(&self, reference: &str) -> Result<Call<'_>, Stop> {
        match uri::locate(self.base(), reference) {
            Target::Here(path) | Target::OtherHost(path) => Ok(self.get(path)),
            Target::Outside(url) => {
                Err(Stop::Unmet(format!("Expected a URL below {}; the server gave {url}.", self.base())))
            }
        }
    }

    pub fn discovery(&self) -> &Discovery {
        &self.server.discovery
    }

    /// The base URL, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.server.base
    }

    /// The token of the run.
    pub fn token(&self) -> Option<String> {
        self.server.client.token()
    }

    /// Whether the server can know the run by its certificate alone.
    pub fn is_known_by_certificate(&self) -> bool {
        self.server.client.is_known_by_certificate()
    }

    /// A name that nothing else has, marked as ours.
    pub fn fresh_name(&self) -> String {
        let number = self.server.counter.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.server.mark)
    }

    /// A request. `path` is below the base URL; a whole URL is taken where it is on the same server.
    pub fn call(&self, method: &str, path: impl Into<String>) -> Call<'_> {
        Call::new(self, method, path.into())
    }

    pub fn get(&self, path: impl Into<String>) -> Call<'_> {
        self.call("GET", path)
    }

    pub fn post(&self, path: impl Into<String>, body: &Value) -> Call<'_> {
        self.call("POST", path).json(body)
    }

    pub fn put(&self, path: impl Into<String>, body: &Value) -> Call<'_> {
        self.call("PUT", path).json(body)
    }

    /// A PATCH with these operations.
    pub fn patch(&self, path: impl Into<String>, operations: &Value) -> Call<'_> {
        let operations = self.fill(operations.clone());
        self.call("PATCH", path).json(&json!({"schemas": [PATCH_OP], "Operations": operations}))
    }

    pub fn delete(&self, path: impl Into<String>) -> Call<'_> {
        self.call("DELETE", path)
    }

    /// A PATCH that has to succeed, and the resource as it is read afterwards: with 200 and with 204
    /// it is the state that counts.
    pub async fn modified(&self, resource: &Resource, operations: Value) -> Result<Value, Stop> {
        self.patch(&resource.path, &operations).await?.status_in(&[200, 204])?;
        self.read(resource).await
    }

    /// The resource as it is now. Not readable: the case cannot go on.
    pub async fn read(&self, resource: &Resource) -> Result<Value, Stop> {
        let answer = self.get(&resource.path).await?;
        answer.status(200).map_err(as_error)?;
        Ok(answer.object().map_err(as_error)?.clone())
    }

    /// The endpoint of users: `/Users`, unless the server's resource types say otherwise.
    pub fn users(&self) -> String {
        self.endpoint("User")
    }

    /// The endpoint of a resource type, by name.
    pub fn endpoint(&self, resource_type: &str) -> String {
        self.discovery().endpoint(resource_type).unwrap_or_else(|| format!("/{resource_type}s"))
    }

    /// A draft of a user.
    pub fn user(&self) -> Draft<'_> {
        self.draft("User")
    }

    /// A draft of a group.
    pub fn group(&self) -> Draft<'_> {
        self.draft("Group")
    }

    /// A draft of a resource of that type, by name.
    pub fn draft(&self, resource_type: &str) -> Draft<'_> {
        let endpoint = self.endpoint(resource_type);
        let body = draft::body(self.discovery(), resource_type, &self.fresh_name());
        Draft { scim: self, resource_type: resource_type.to_owned(), endpoint, body }
    }

    /// Users that queries may ask for, made once for all cases and changed by none: see [`PEOPLE`].
    pub async fn people(&self) -> Result<&[Resource], Stop> {
        let made = self.server.population.get_or_init(|| population::make(&self.server)).await;
        made.as_deref().map_err(Stop::clone)
    }

    /// The start of the userNames and addresses of [`PEOPLE`].
    pub fn people_mark(&self) -> String {
        format!("{}-people", self.server.mark)
    }

    /// Sends, and follows where the answer leads.
    async fn send(&self, request: Request) -> Result<Answer, Stop> {
        let mut answer = self.send_once(request).await?;
        for _ in 0..redirect::MOST {
            let Some(next) = redirect::followed(self.base(), &answer) else { break };
            answer = self.send_once(next).await?;
        }
        Ok(answer)
    }

    /// Sends, and keeps what was sent and what came.
    async fn send_once(&self, request: Request) -> Result<Answer, Stop> {
        let request = Arc::new(request);
        let (server, asked) = (Arc::clone(&self.server), Arc::clone(&request));
        // The lock is taken before the task starts. Otherwise a request that starts just when a run is interrupted
        // would be sent after the cleanup.
        let under_way = Arc::clone(&server.under_way).read_owned().await;
        let begun = Instant::now();
        // In its own task: an interrupted run drops its cases, but the ledger must still contain the resources that
        // they have just created.
        let flight = tokio::spawn(async move {
            let sent = server.client.send(Arc::clone(&asked)).await;
            if asked.method != "GET" && !server.settle.is_zero() {
                tokio::time::sleep(server.settle).await;
            }
            match &sent {
                Ok(answer) if tells_of_ours(&asked) => server.ledger.note(&server.base, &asked, answer),
                Ok(_) => {}
                Err(_) => server.ledger.note_unanswered(&asked),
            }
            drop(under_way);
            sent
        });
        let sent = flight.await.map_err(|error| Stop::Error(format!("The request was not finished: {error}.")))?;
        if let Ok(answer) = &sent
            && tells_of_ours(&request)
        {
            self.ledger.note(&self.server.base, &request, answer);
        }
        let about = Circumstances {
            client: &self.server.client,
            base: &self.server.base,
            took: begun.elapsed(),
            is_ours: &|resource| self.server.is_ours(resource),
        };
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut record = Exchange::record(&request, sent.as_ref(), &mut strangers, &about);
        drop(strangers);
        for secret in [&self.tokens().second, &self.tokens().read_only].into_iter().flatten() {
            record.hide(secret);
        }
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        let answer = sent.map_err(|error| Stop::Error(error.to_string()))?;
        // A server that limits its clients or has a bad moment says nothing about what a case asks for.
        if let 429 | 502 | 503 | 504 = answer.status {
            return Err(Stop::Error(format!(
                "The server answers {} to {}, also later.",
                answer.status,
                answer.asked()
            )));
        }
        Ok(answer)
    }

    /// A sentence without the values of resources that the run did not make, as far as this case has seen them.
    pub fn discreet(&self, sentence: &str) -> String {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).without_words(sentence)
    }

    /// The exchanges so far, in order, taken out.
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.exchanges.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes what this case made. What cannot be removed stays in the run's ledger.
    pub async fn remove(&self) {
        for path in self.ledger.take() {
            // Whether DELETE works is for the cases about it; what is left is named at the end.
            let _ = self.delete(path).await;
        }
    }
}

impl<'a> Draft<'a> {
    /// With more attributes: members of objects are merged, null takes one away.
    #[must_use]
    pub fn with(mut self, more: Value) -> Self {
        draft::lay_over(&mut self.body, self.scim.fill(more));
        draft::complete(self.scim.discovery(), &self.resource_type, &mut self.body, self.scim.own_word());
        self
    }

    pub fn body(&self) -> &Value {
        &self.body
    }

    /// The name by which it can be found: `userName` or `displayName`.
    pub fn name(&self) -> &str {
        self.body["userName"].as_str().or_else(|| self.body["displayName"].as_str()).unwrap_or_default()
    }

    /// The POST, for cases about creating.
    pub fn post(&self) -> Call<'a> {
        self.scim.post(&self.endpoint, &self.body)
    }

    /// The name of an attribute of which this has several values.
    fn several(&self) -> Option<&str> {
        let mut attributes = self.body.as_object()?.iter().filter(|(name, _)| *name != "schemas");
        attributes
            .find(|(_, value)| value.as_array().is_some_and(|values| values.len() > 1))
            .map(|(name, _)| name.as_str())
    }

    /// Creates it, for cases that test something else: without it the case cannot run. A server may refuse several
    /// values of an attribute; only `create-multi-valued` tests that, and other cases that need them do not apply to
    /// such a server.
    pub async fn create(&self) -> Result<Resource, Stop> {
        let answer = self.post().await?;
        if let (400, Some(name)) = (answer.status, self.several()) {
            return Err(Stop::Skip(format!(
                "The server answers 400 to a resource with several {name}, which create-multi-valued is about."
            )));
        }
        self.made(&answer).await
    }

    /// The resource that an answer to [`Self::post`] says was made. Its body SHOULD have it (RFC 7644 §3.3); otherwise it
    /// is read where the header says that it is. Whether the status is 201 is for create-status.
    pub async fn made(&self, answer: &Answer) -> Result<Resource, Stop> {
        match answer.header("location") {
            Some(location) if answer.status == 201 && answer.body.trim().is_empty() => {
                self.shown(&self.scim.follow(location).map_err(as_error)?.await?)
            }
            _ => self.shown(answer),
        }
    }

    /// The same for an answer with a body.
    fn shown(&self, answer: &Answer) -> Result<Resource, Stop> {
        answer.success().map_err(as_error)?;
        let body = answer.object().map_err(as_error)?.clone();
        let Some(id) = body["id"].as_str().map(str::to_owned) else {
            return Err(Stop::Error(format!("The answer to {} has no id.", answer.asked())));
        };
        let etag = answer.header("etag").or_else(|| body["meta"]["version"].as_str()).map(str::to_owned);
        Ok(Resource { path: format!("{}/{}", self.endpoint, uri::segment(&id)), id, body, etag })
    }
}

/// Whether an answer says something of what the run has made. What another token cannot delete may be there.
fn tells_of_ours(request: &Request) -> bool {
    request.method != "DELETE" || !request.headers.iter().any(|(name, _)| name == "authorization")
}

/// The error of a case whose setup failed: its own requirement was not tested.
pub fn as_error(stop: Stop) -> Stop {
    match stop {
        Stop::Unmet(why) => Stop::Error(format!("The case could not be prepared. {why}")),
        other => other,
    }
}
