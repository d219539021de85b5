//! Who changes records of the system's own, and what the log of a tenant tells of it.
//!
//! What is done to a tenant is told in the tenant's log. The change is one of the system's records, with an event in the
//! system's own log; both events name who did it, and all of it is one commit.

use std::sync::Arc;

use crate::{
    event::{ADMIN, Action, Deed, Event, SERVER},
    ids::TenantId,
    store::Commit,
};

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Author {
    actor: Arc<str>,
    /// Whether that is an OAuth client.
    is_client: bool,
    /// Where it is told.
    logs: Vec<TenantId>,
    /// What is told.
    deeds: Vec<Deed>,
    /// The names that the events have.
    attributes: Vec<String>,
}

impl Default for Author {
    fn default() -> Self {
        Self::new(ADMIN.into())
    }
}

impl Author {
    /// Somebody by whom events call them, who tells nothing yet.
    pub fn new(actor: Arc<str>) -> Self {
        Self { actor, is_client: false, logs: Vec::new(), deeds: Vec::new(), attributes: Vec::new() }
    }

    /// The server itself.
    pub fn server() -> Self {
        Self::new(SERVER.into())
    }

    /// The same, who is an OAuth client or is none.
    #[must_use]
    pub fn who_is_client(self, is_client: bool) -> Self {
        Self { is_client, ..self }
    }

    /// The same, who tells this in the logs that are named.
    #[must_use]
    pub fn telling(mut self, deed: Deed) -> Self {
        self.deeds.push(deed);
        self
    }

    /// The same, who tells it in the log of the tenant that is kept there, too.
    #[must_use]
    pub fn in_log(mut self, home: TenantId) -> Self {
        self.logs.push(home);
        self
    }

    /// The same, whose events have these names.
    #[must_use]
    pub fn about(self, attributes: &[&str]) -> Self {
        Self { attributes: attributes.iter().map(|&name| name.to_owned()).collect(), ..self }
    }

    /// A commit that this one makes: with who did it, and what is told of it.
    pub fn sign(&self, mut commit: Commit) -> Commit {
        let by = |event| Event { actor: self.actor.to_string(), by_client: self.is_client, ..event };
        let of_target = || Event::new(Action::Administer, "", commit.target.resource_type.as_str(), commit.target.id);
        let about = commit
            .event
            .as_ref()
            .map_or_else(of_target, |event| Event::new(Action::Administer, "", &event.resource_type, event.target));
        for (log, deed) in self.logs.iter().flat_map(|log| self.deeds.iter().map(move |deed| (*log, *deed))) {
            let told = Event { deed: Some(deed), attributes: self.attributes.clone(), ..about.clone() };
            commit.told.push((log, by(told)));
        }
        commit.event = commit.event.map(by);
        commit
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{ResourceId, ResourceKey};

    #[test]
    fn both_logs_name_who_did_it() {
        let (id, other) = (ResourceId(Uuid::from_u128(1)), ResourceId(Uuid::from_u128(2)));
        let target = ResourceKey { tenant: TenantId::SYSTEM, resource_type: "Replay".into(), id };
        let home = TenantId(Uuid::from_u128(7));
        let author = Author::new("admin:anna".into()).telling(Deed::WebhookReplayed).in_log(home).about(&["x"]);
        let event = Event::administration(Action::Administer, "Webhook", other, &["replayed"]);
        let commit = author.sign(Commit::new(target.clone(), event));
        let [(log, told)] = &commit.told[..] else { panic!("{commit:?}") };
        assert_eq!(
            (log, told.deed, told.target, told.resource_type.as_str()),
            (&home, Some(Deed::WebhookReplayed), other, "Webhook")
        );
        assert_eq!(
            (told.actor.as_str(), told.actor_type(), &told.attributes[..]),
            ("admin:anna", "administrator", &["x".to_owned()][..])
        );
        assert_eq!(commit.event.unwrap().actor, "admin:anna");
        // What has no event in the server's own log is about its target.
        let commit = author.who_is_client(true).sign(Commit::unnoticed(target));
        assert_eq!((commit.event, commit.told[0].1.target, commit.told[0].1.actor_type()), (None, id, "administrator"));
    }
}
