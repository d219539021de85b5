//! Completes requests that were accepted (RFC 9967 §2.5.1): in this process at once, and after the end of another
//! process those that it has left.
//!
//! Each process has a lease of its life. Whose lease is over is dead, or as good as that: what it has accepted is taken
//! over. Requests of one tenant are completed one after the other.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use scim_protocol::{
    Error, ErrorKind,
    message::{BulkOperation, BulkRequest, BulkResult, RefusedOperation},
    value::fold,
};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use crate::{
    access::{Access, Barred},
    budget::Share,
    caller::Caller,
    deferred::{Deferrals, Deferred, MOST_WAITING},
    operation::{
        Answer, Context, Operations, Rewritten,
        deferred::{Claim, Ended, Executed},
        pace::Pace,
    },
    store::{ResourceId, StoreError, TenantId},
    tenant::Tenant,
    turns::Turns,
};

/// How often it is looked for requests that others have left.
const LOOK: Duration = Duration::from_secs(5);
/// How long the lease of a process lasts unless it is renewed, in milliseconds.
const LEASE: i64 = 15_000;
/// The status of what is to be tried again.
const UNAVAILABLE: u16 = 503;
/// How long a completion can be fetched, in milliseconds.
const KEPT: i64 = 24 * 3600 * 1000;

/// What a request comes to that is not done any more.
const DISABLED: Ended = Ended {
    kind: ErrorKind::Forbidden,
    detail: "The tenant was disabled before this was done. Repeat the request when the tenant is enabled again.",
};
const NO_TOKEN: Ended = Ended {
    kind: ErrorKind::Unauthorized,
    detail: "The token of the request was deleted or has expired before this was done. Repeat the request with another token.",
};
const NO_CLIENT: Ended = Ended {
    kind: ErrorKind::Unauthorized,
    detail: "The OAuth client of the request was deleted, disabled or may no longer write before this was done. Repeat the request with a token of another client.",
};
const REPLACED: Ended = Ended {
    kind: ErrorKind::Gone,
    detail: "The tenant was replaced by an import before this was done. Read what it has now, and repeat the request if it is still wanted.",
};

/// Who waits for the answer, as long as it does.
pub type Teller = oneshot::Sender<Result<Answer, Error>>;

/// Completes requests.
pub struct Completer {
    pub operations: Arc<Operations>,
    pub access: Arc<Access>,
    pub process: Uuid,
    /// One request of each tenant at a time.
    turns: Turns,
    /// What is worked on here.
    running: Mutex<HashSet<ResourceId>>,
}

impl Completer {
    pub fn new(operations: Arc<Operations>, access: Arc<Access>) -> Self {
        let (process, turns, running) = (Uuid::new_v4(), Turns::of_each(1), Mutex::default());
        Self { operations, access, process, turns, running }
    }

    /// The requests of the store.
    pub fn deferrals(&self) -> Deferrals {
        Deferrals::new(Arc::clone(&self.operations.store))
    }

    /// Takes over what dead processes have left, until it is stopped.
    pub async fn run(self: Arc<Self>, mut stopped: watch::Receiver<()>) {
        loop {
            if let Err(error) = self.look().await {
                tracing::debug!(error = &error as &dyn std::error::Error, "cannot look for accepted requests");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stopped.changed() => break,
            }
        }
        let _ = self.operations.store.lease(&chore(self.process), self.process, 0).await;
    }

    async fn look(self: &Arc<Self>) -> Result<(), StoreError> {
        let store = &self.operations.store;
        store.lease(&chore(self.process), self.process, LEASE).await?;
        for deferred in self.deferrals().waiting().await? {
            let is_ours = deferred.process == self.process;
            // What is in a database that is away waits until it is back.
            if store.is_away(deferred.log)
                || is_ours && self.is_running(deferred.id)
                || !is_ours && !store.lease(&chore(deferred.process), self.process, LEASE).await?
            {
                continue;
            }
            let ours = Deferred { process: self.process, ..deferred.clone() };
            match self.deferrals().keep(&deferred, &ours).await {
                Ok(()) => {
                    let ours = Deferred { version: deferred.version + 1, ..ours };
                    tracing::info!(request = %ours.id, "a request that was left is taken over");
                    self.start(ours, None, None);
                }
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let now = self.operations.clock.now().as_millis();
        self.deferrals().sweep(scim_protocol::Timestamp::from_millis(now - KEPT)).await
    }

    fn is_running(&self, id: ResourceId) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// Accepts a request: it is durable then, and worked on.
    pub async fn accept(
        self: &Arc<Self>,
        deferred: Deferred,
        share: Share,
        teller: Option<Teller>,
    ) -> Result<(), StoreError> {
        let id = deferred.id;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        // Whoever looks for what was left is to find that this process is there.
        let accepted = match self.operations.store.lease(&chore(self.process), self.process, LEASE).await {
            Ok(_) => self.deferrals().accept(&deferred).await,
            Err(error) => Err(error),
        };
        if let Err(error) = accepted {
            self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            return Err(error);
        }
        self.start(Deferred { version: 1, ..deferred }, Some(share), teller);
        Ok(())
    }

    fn start(self: &Arc<Self>, deferred: Deferred, share: Option<Share>, teller: Option<Teller>) {
        let (this, is_new) = (Arc::clone(self), share.is_some());
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(deferred.id);
        tokio::spawn(async move {
            let id = deferred.id;
            if let Err(error) = this.complete(deferred, is_new, teller).await {
                tracing::warn!(error = &error as &dyn std::error::Error, request = %id, "an accepted request is not completed yet; it is tried again");
            }
            this.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            drop(share);
        });
    }

    /// Does what a request asks for, and tells of it. What was done of it before is not done again.
    async fn complete(&self, deferred: Deferred, is_new: bool, teller: Option<Teller>) -> Result<(), Error> {
        let _turn = self.turns.of(deferred.tenant).acquire_owned().await.map_err(Error::internal)?;
        let Some(tenant) = self.access.tenant_of(deferred.tenant) else {
            // The tenant was deleted: there is nothing that the request is about.
            return Ok(self.deferrals().remove(&deferred).await?);
        };
        let deferred = self.at_home(deferred, &tenant).await?;
        let ended = self.ended(&deferred, &tenant).await?;
        let version = self.deferrals().claim(&deferred).await?;
        let done = if is_new { Executed::default() } else { self.operations.executed(&deferred).await? };
        let context = self.context(&deferred, &tenant, Claim::new(&deferred, version, done, ended));
        let (results, answer) = self.perform(&context, &deferred).await?;
        if results.iter().any(|(_, result)| result.status == UNAVAILABLE) {
            // That passes. What was done is not done again.
            return Err(Error::new(ErrorKind::Unavailable(1), "The store, or somebody's decision, is waited for."));
        }
        if let (Some(teller), Some(answer)) = (teller, answer)
            && teller.send(answer).is_ok()
        {
            self.deferrals().release(&deferred, version).await?;
            return Ok(self.deferrals().remove(&deferred).await?);
        }
        match self.operations.tell_completion(&context, &deferred, &results).await {
            Ok(told) => {
                self.deferrals().release(&deferred, version).await?;
                let (completions, completed) = (Some(told), Some(self.operations.clock.now().as_millis()));
                let completed = Deferred { completions, completed, operations: None, ..deferred.clone() };
                match self.deferrals().keep(&deferred, &completed).await {
                    Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Ok(()),
                    done => Ok(done?),
                }
            }
            // Somebody else has taken it over.
            Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The request with the log that its tenant has now: an import may have replaced the tenant.
    async fn at_home(&self, deferred: Deferred, tenant: &Tenant) -> Result<Deferred, StoreError> {
        if tenant.home == deferred.log {
            return Ok(deferred);
        }
        let after = self.operations.store.log(tenant.home).await?.newest;
        let moved = Deferred { log: tenant.home, after, is_replaced: true, ..deferred.clone() };
        self.deferrals().keep(&deferred, &moved).await?;
        Ok(Deferred { version: deferred.version + 1, ..moved })
    }

    /// Why nothing more of a request is done, if that is so: what lets nobody in now does not let in who came before.
    async fn ended(&self, deferred: &Deferred, tenant: &Tenant) -> Result<Option<Ended>, Error> {
        if tenant.importing {
            return Err(Error::new(ErrorKind::Unavailable(1), "The import of the tenant is waited for."));
        }
        if deferred.is_replaced {
            return Ok(Some(REPLACED));
        }
        let now = self.operations.clock.now();
        let barred = self.access.barred(tenant, &deferred.actor, deferred.is_client, now).await?;
        Ok(barred.map(|barred| match barred {
            Barred::Tenant => DISABLED,
            Barred::Token => NO_TOKEN,
            Barred::Client => NO_CLIENT,
        }))
    }

    /// 503 if as many requests of that tenant wait as may.
    pub async fn require_room(&self, tenant: TenantId) -> Result<(), Error> {
        if self.deferrals().number_waiting(tenant).await? < MOST_WAITING {
            return Ok(());
        }
        // Done at once it would overtake those that wait.
        let detail = "Too many requests wait to be completed. Repeat the request in some seconds.";
        Err(Error::new(ErrorKind::Unavailable(5), detail))
    }

    fn context(&self, deferred: &Deferred, tenant: &Arc<Tenant>, claim: Claim) -> Context {
        let (tenant, actor, scopes) = (Arc::clone(tenant), Arc::from(deferred.actor.as_str()), deferred.scopes);
        let pace = Pace::new(&self.operations.lanes, tenant.id);
        let caller = if deferred.is_client {
            Caller::client(tenant, actor, scopes)
        } else {
            Caller::bearer(tenant, actor, scopes)
        };
        let writer = deferred.writer.clone().or_else(|| deferred.name.as_deref().map(fold));
        let caller = caller.named(deferred.name.as_deref().map(Arc::from), writer.map(Arc::from));
        let (base, request) = (deferred.base.clone(), Some(deferred.id.0));
        Context { caller, base, request, pace, claim: Some(claim), rewritten: Rewritten::default() }
    }

    /// The result of each operation, and the answer that who waits is given.
    async fn perform(
        &self,
        context: &Context,
        deferred: &Deferred,
    ) -> Result<(Vec<(usize, BulkResult)>, Option<Result<Answer, Error>>), Error> {
        let text = deferred.operations.as_ref().map(crate::event::Json::text).unwrap_or_default();
        let request = BulkRequest::parse(serde_json::from_str(text).map_err(Error::internal)?)?;
        if deferred.is_bulk {
            let named = |one: &Result<BulkOperation, RefusedOperation>| match one {
                Ok(one) => (one.method.as_str().to_owned(), one.bulk_id.clone()),
                Err(refused) => (refused.method.as_deref().unwrap_or_default().to_owned(), refused.bulk_id.clone()),
            };
            let names: Vec<_> = request.operations.iter().map(named).collect();
            let results = self.operations.bulk_results(context, request).await?;
            let answer = Operations::bulk_answer(results.iter().flatten());
            let told = results.into_iter().zip(names).map(|(result, name)| result.unwrap_or_else(|| not_tried(name)));
            return Ok((told.enumerate().collect(), Some(answer)));
        }
        match request.operations.into_iter().next() {
            Some(Ok(operation)) => {
                let (result, answer) = self.operations.one(context, operation).await;
                Ok((vec![(0, result)], Some(answer)))
            }
            _ => Err(Error::internal("an accepted request has no operation")),
        }
    }
}

/// The result of an operation behind the number of errors at which the client wanted to end.
fn not_tried((method, bulk_id): (String, Option<String>)) -> BulkResult {
    let error = Error::new(ErrorKind::PreconditionFailed, "The operation was not tried: failOnErrors was reached.");
    let (version, location) = (None, None);
    BulkResult { method, bulk_id, version, location, status: error.kind().status(), response: Some(error.body()) }
}

fn chore(process: Uuid) -> String {
    format!("requests of {process}")
}

#[cfg(test)]
mod tests;
