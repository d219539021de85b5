//! Whether a resource is the caller's: written last by the same token or client, or by one that the caller's token has
//! replaced; of a deleted one also: made.
//!
//! It is the rule by which a tenant's source lets a token write: the name counts, and without one the tokens that replaced
//! each other are one. What an older server has written has only the id of a token; who that was is looked up.

use std::sync::Arc;

use super::{Sent, of};
use crate::{
    caller::Caller,
    deleted::Deleted,
    event::is_administrator,
    oauth::clients::Clients,
    operation::{Context, Operations},
    store::StoreError,
    token::Ledger,
};

/// The tokens and clients of a tenant: the id of each, and as whom it writes.
struct Writers(Vec<(String, String)>);

impl Writers {
    /// As whom somebody writes who is known by an id or by that; `None` when nobody of them is left.
    fn find(&self, whom: &str) -> Option<&str> {
        self.0.iter().find(|(id, writer)| id == whom || writer == whom).map(|(_, writer)| writer.as_str())
    }

    /// Whether the caller is that one.
    fn is(&self, caller: &Caller, whom: &str) -> bool {
        self.find(whom).unwrap_or(whom) == caller.writer()
    }
}

impl Operations {
    /// Whether the caller has written last what is there: a token that replaces another is the same.
    pub(in super::super) async fn is_from_caller(&self, context: &Context, sent: &Sent) -> Result<bool, StoreError> {
        let caller = &context.caller;
        if sent.by == **caller.actor() || sent.writer() == caller.writer() {
            return Ok(true);
        }
        Ok(!is_administrator(&sent.by) && self.writers(context).await?.is(caller, sent.writer()))
    }

    /// Whether a deleted resource was the caller's: the caller had written it last, or made it ([`Sent::maker`]). If neither of
    /// these tokens or clients is left, it is the caller's who has deleted it. Administrators count as one caller: theirs is what
    /// an administrator has made and no token or client has changed since ([`stamp`](super::stamp)). Anything else they restore by
    /// its id.
    pub(in super::super) async fn was_callers(&self, context: &Context, deleted: &Deleted) -> Result<bool, StoreError> {
        let caller = &context.caller;
        let sent = of(&deleted.record())?;
        if caller.is_administrator() {
            return Ok(sent.is_some_and(|sent| is_administrator(&sent.by)));
        }
        let maker = sent.as_ref().and_then(|sent| sent.maker.as_deref());
        let by = sent.as_ref().filter(|sent| !is_administrator(&sent.by)).map(Sent::writer);
        if by.into_iter().chain(maker).any(|whom| whom == caller.writer()) {
            return Ok(true);
        }
        let writers = self.writers(context).await?;
        if by.into_iter().chain(maker).any(|whom| writers.is(caller, whom)) {
            return Ok(true);
        }
        let is_nobodys = sent.is_none() || by.is_some_and(|by| writers.find(by).is_none());
        Ok(is_nobodys && writers.is(caller, deleted.writer()))
    }

    async fn writers(&self, context: &Context) -> Result<Writers, StoreError> {
        let tenant = context.caller.tenant().id;
        let tokens = Ledger::new(Arc::clone(&self.store), Arc::clone(&self.clock)).list(tenant).await?;
        let clients = Clients::new(Arc::clone(&self.store), Arc::clone(&self.clock)).list(tenant).await?;
        let tokens = tokens.iter().map(|token| (token.id.to_string(), token.writer()));
        Ok(Writers(tokens.chain(clients.iter().map(|client| (client.id.to_string(), client.writer()))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scim_protocol::Timestamp;

    use super::*;
    use crate::{
        access::Access,
        clock::{Clock, ManualClock},
        operation::{Rewritten, pace::Pace},
        store::{Body, Record, Store, sled::SledStore},
        tenant::Settings,
        token::Scopes,
    };

    const DAY: Duration = Duration::from_secs(86_400);

    /// What a server of before has written has the id of a token alone.
    #[tokio::test]
    async fn ids_of_before_are_those_of_whoever_has_replaced_them() {
        let directory = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::clone(&clock)).unwrap());
        let access = Access::load(Arc::clone(&store), Arc::clone(&clock)).await.unwrap();
        access.directory().create("t", Settings::default(), None).await.unwrap();
        let tenant = access.directory().find("t").await.unwrap();
        access.reload().await.unwrap();
        let ledger = access.directory().ledger();
        let first = ledger.issue(&tenant, Some("Okta".to_owned()), Scopes::ALL, DAY).await.unwrap().token;
        let (_, next) = ledger.rotate(&tenant, Some("okta"), Some(DAY), None).await.unwrap();
        let other = ledger.issue(&tenant, Some("other".to_owned()), Scopes::ALL, DAY).await.unwrap().token;
        let operations = Operations::on(Arc::clone(&store), Arc::clone(&clock));
        let context = |token: &crate::token::Token| {
            let built = access.tenant_of(tenant.id).unwrap();
            let caller = Caller::bearer(built, token.id.to_string().into(), Scopes::ALL);
            let caller = caller.named(None, Some(token.writer().into()));
            let pace = Pace::new(&operations.lanes, tenant.id);
            Context { caller, base: String::new(), request: None, pace, claim: None, rewritten: Rewritten::default() }
        };
        let deleted = |by: &crate::token::Token| {
            let hidden = serde_json::json!({"~source": {"by": first.id.to_string(), "at": 0}}).to_string();
            let body = Body { visible: "{}".into(), hidden: hidden.into(), ..Body::default() };
            let record = Record { body, ..Record::default() };
            let id = by.id.to_string();
            Deleted::of(&record, clock.now(), (&id, &id), String::new(), Vec::new()).unwrap()
        };
        let was = async |caller, by| operations.was_callers(&context(caller), &deleted(by)).await.unwrap();
        assert_eq!((was(&next.token, &other).await, was(&other, &other).await), (true, false));
        // Nobody knows any more who that was.
        ledger.revoke(tenant.id, first.id).await.unwrap();
        assert_eq!((was(&next.token, &other).await, was(&other, &next.token).await), (false, false));
        assert_eq!((was(&next.token, &next.token).await, was(&other, &other).await), (true, true));
    }
}
