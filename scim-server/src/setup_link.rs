//! Links with which the administrator of a customer connects an identity provider to a tenant, in a browser.
//!
//! A link is a record of the system's own. Its code stands in the URL, is shown once and is stored as a digest. The
//! code is good for one browser: what opens the link spends it and begins a session, whose digest takes its place in
//! the same commit. So all processes on a store agree on who has opened a link, and what is deleted ends at once.

mod allows;
mod record;

use std::{sync::Arc, time::Duration};

use scim_protocol::Timestamp;
use subtle::ConstantTimeEq as _;

pub use self::{
    allows::Allows,
    record::{KIND, Session, SetupLink, State},
};
use crate::{
    author::Author,
    clock::Clock,
    store::{Commit, Expect, Position, ResourceId, Store, StoreError, TenantId, Write},
    token::{
        Secret,
        record::{check_name, new_id},
        secret,
    },
};

/// The most links of a tenant, those included that have ended and were not deleted.
pub const MOST: usize = 20;
/// The longest that a link lives: 90 days.
pub const LONGEST: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long it lives unless something else is said: a week.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Why a link was not made or found.
#[derive(Debug, thiserror::Error)]
pub enum SetupLinkError {
    /// As many links as may be.
    #[error("the tenant has {MOST} setup links, which is the most; delete one with `setup-link delete LINK`")]
    Full,
    /// The name of a link cannot be that.
    #[error("{0}")]
    Name(String),
    /// A link has the name.
    #[error(
        "the tenant has a setup link {0:?} already; choose another name, or delete that one with `setup-link delete {0}`"
    )]
    NameTaken(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such link in this tenant.
    #[error("the tenant has no setup link {0:?}; `setup-link list` shows those that it has")]
    Unknown(String),
}

/// The links of a store.
#[derive(Clone)]
pub struct SetupLinks {
    store: Arc<dyn Store>,
    author: Author,
    clock: Arc<dyn Clock>,
    random: fn() -> [u8; 32],
}

/// What a new link is to be.
#[derive(Debug, Clone)]
pub struct NewLink<'a> {
    /// What people call it, and what events name as the actor; made up when absent.
    pub name: Option<&'a str>,
    /// What its visitor may do beside setting up.
    pub allows: Allows,
    /// How long it lives.
    pub lifetime: Duration,
}

impl SetupLinks {
    /// Links in that store, made of random bytes of the system's generator.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, author: Author::default(), clock, random: rand::random }
    }

    /// The same, as somebody else changes them.
    #[must_use]
    pub fn by(self, author: Author) -> Self {
        Self { author, ..self }
    }

    /// A tenant's links, by name, ended ones included.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<SetupLink>, StoreError> {
        let mut links = Vec::new();
        for Position { id, .. } in self.store.index(&record::names(tenant), None, MOST).await? {
            links.extend(self.get(id).await?);
        }
        Ok(links)
    }

    /// The link of a tenant with that name, in any case, or id.
    pub async fn find(&self, tenant: TenantId, which: &str) -> Result<SetupLink, SetupLinkError> {
        let unknown = || SetupLinkError::Unknown(which.to_owned());
        let id = match ResourceId::parse(which) {
            Some(id) => id,
            None => self.store.lookup(&record::name_key(tenant, which)).await?.ok_or_else(unknown)?,
        };
        self.get(id).await?.filter(|link| link.tenant == tenant).ok_or_else(unknown)
    }

    /// Makes a link, and gives its code. Links of the tenant that have ended go first.
    pub async fn create(&self, tenant: TenantId, new: NewLink<'_>) -> Result<(SetupLink, Secret), SetupLinkError> {
        let now = self.clock.now();
        let id = new_id(now, (self.random)());
        let name = match new.name {
            Some(name) => {
                check_name("a link's name", name).map_err(SetupLinkError::Name)?;
                name.to_owned()
            }
            None => record::made_up_name(id),
        };
        let known = self.list(tenant).await?;
        let (live, ended): (Vec<_>, Vec<_>) = known.into_iter().partition(|link| link.is_live(now));
        for link in ended {
            self.remove(Commit::removal(link.key(), link.entries())).await?;
        }
        if live.len() >= MOST {
            return Err(SetupLinkError::Full);
        }
        let code = Secret::of_setup_link((self.random)());
        let lifetime = i64::try_from(new.lifetime.as_millis()).unwrap_or(i64::MAX);
        let link = SetupLink {
            id,
            tenant,
            name,
            code: code.digest(),
            allows: new.allows,
            expires: now.as_millis().saturating_add(lifetime),
            session: None,
            made: 0,
            made_at: 0,
            good_from: 0,
            created: now,
            version: 1,
        };
        let mut commit = Commit::bookkeeping(KIND.into(), id);
        commit.writes.push(Write::Put(link.key(), link.body()?));
        commit.writes.extend(link.entries().into_iter().map(Write::Index));
        match self.store.commit(self.author.sign(commit)).await {
            Ok(_) => Ok((link, code)),
            Err(StoreError::Taken(_)) => Err(SetupLinkError::NameTaken(link.name)),
            Err(error) => Err(error.into()),
        }
    }

    /// The live link with that code that no browser has opened yet.
    pub async fn by_code(&self, code: &str, now: Timestamp) -> Result<Option<SetupLink>, StoreError> {
        let Some(digest) = secret::parse_setup_link(code) else { return Ok(None) };
        let Some(id) = self.store.lookup(&record::code_key(&digest)).await? else { return Ok(None) };
        Ok(self.get(id).await?.filter(|link| link.code == digest && link.is_live(now) && link.session.is_none()))
    }

    /// Spends the code of a link, and gives the text of the session that this begins; `None` if another browser was
    /// faster, or the link was deleted.
    pub async fn open(&self, link: &SetupLink) -> Result<Option<(SetupLink, String)>, StoreError> {
        let text = format!("{}.{}", link.id.0.simple(), hex::encode((self.random)()));
        let session = Session { digest: secret::digest(&text), since: self.clock.now().as_millis() };
        let opened = SetupLink { session: Some(session), ..link.clone() };
        Ok(self.keep(link, opened).await?.map(|link| (link, text)))
    }

    /// The live link whose session has that text.
    pub async fn by_session(&self, text: &str, now: Timestamp) -> Result<Option<SetupLink>, StoreError> {
        let id = text.split_once('.').and_then(|(id, _)| uuid::Uuid::try_parse(id).ok());
        let Some(id) = id else { return Ok(None) };
        let link = self.get(ResourceId(id)).await?.filter(|link| link.is_live(now));
        let digest = secret::digest(text);
        let is_its = |session: &Session| bool::from(session.digest.ct_eq(&digest));
        Ok(link.filter(|link| link.session.as_ref().is_some_and(is_its)))
    }

    /// Notes that the visitor is about to make a credential; `None` if the link has changed since it was read, so that
    /// a form that is sent twice makes one.
    pub async fn note_made(&self, link: &SetupLink) -> Result<Option<SetupLink>, StoreError> {
        let made_at = self.clock.now().as_millis();
        let good_from = link.version + 1;
        self.keep(link, SetupLink { made: link.made + 1, made_at, good_from, ..link.clone() }).await
    }

    /// Takes back what [`Self::note_made`] has noted of the link as it was `before`, because nothing was made: forms that
    /// were good then are good again.
    pub async fn note_not_made(&self, noted: &SetupLink, before: &SetupLink) -> Result<(), StoreError> {
        self.keep(noted, before.clone()).await.map(drop)
    }

    /// Removes one; its session ends with it.
    pub async fn delete(&self, link: &SetupLink) -> Result<(), StoreError> {
        self.remove(self.author.sign(Commit::removal(link.key(), link.entries()))).await
    }

    async fn remove(&self, removal: Commit) -> Result<(), StoreError> {
        match self.store.commit(removal).await {
            Err(StoreError::Missing(_)) => Ok(()),
            done => done.map(drop),
        }
    }

    /// Removes those of a tenant that is deleted.
    pub async fn forget(&self, tenant: TenantId) -> Result<(), StoreError> {
        for link in self.list(tenant).await? {
            self.delete(&link).await?;
        }
        Ok(())
    }

    async fn get(&self, id: ResourceId) -> Result<Option<SetupLink>, StoreError> {
        self.store.get(&record::key(id)).await?.map(|record| SetupLink::from_record(id, &record)).transpose()
    }

    /// Stores what a link has become, unless somebody else has changed or deleted it since.
    async fn keep(&self, before: &SetupLink, after: SetupLink) -> Result<Option<SetupLink>, StoreError> {
        let mut commit = Commit::bookkeeping(KIND.into(), after.id);
        commit.expect.push(Expect::Version(after.key(), before.version));
        commit.writes.push(Write::Put(after.key(), after.body()?));
        match self.store.commit(self.author.sign(commit)).await {
            Ok(committed) => {
                let version = committed.header.map_or(before.version + 1, |header| header.version);
                Ok(Some(SetupLink { version, ..after }))
            }
            Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{clock::SystemClock, store::sled::SledStore};

    const TENANT: TenantId = TenantId(Uuid::from_u128(7));

    fn links(directory: &tempfile::TempDir) -> SetupLinks {
        let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::new(SystemClock)).unwrap());
        SetupLinks::new(store, Arc::new(SystemClock))
    }

    fn new(name: &str) -> NewLink<'_> {
        NewLink { name: Some(name), allows: Allows::default(), lifetime: LIFETIME }
    }

    #[tokio::test]
    async fn a_code_is_good_once_and_a_session_as_long_as_its_link() {
        let directory = tempfile::tempdir().unwrap();
        let (links, now) = (links(&directory), SystemClock.now());
        let (link, code) = links.create(TENANT, new("acme")).await.unwrap();
        let found = links.by_code(code.reveal(), now).await.unwrap().unwrap();
        assert_eq!((found.id, found.version, found.tenant), (link.id, link.version, TENANT));
        let (opened, text) = links.open(&found).await.unwrap().unwrap();
        assert!(links.open(&found).await.unwrap().is_none(), "the second browser is too late");
        assert!(links.by_code(code.reveal(), now).await.unwrap().is_none());
        assert_eq!(links.by_session(&text, now).await.unwrap().unwrap(), opened);
        let other = format!("{}0", &text[..text.len() - 1]);
        let other = if other == text { format!("{}1", &text[..text.len() - 1]) } else { other };
        for wrong in [other.as_str(), "", ".", &text[1..], "x.y"] {
            assert!(links.by_session(wrong, now).await.unwrap().is_none(), "{wrong}");
        }
        let ended = Timestamp::from_millis(link.expires);
        assert!(links.by_session(&text, ended).await.unwrap().is_none());
        links.delete(&opened).await.unwrap();
        assert!(links.by_session(&text, now).await.unwrap().is_none());
        links.delete(&opened).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_sent_twice_counts_once() {
        let directory = tempfile::tempdir().unwrap();
        let links = links(&directory);
        let (link, _) = links.create(TENANT, new("acme")).await.unwrap();
        let noted = links.note_made(&link).await.unwrap().unwrap();
        assert_eq!((noted.made, noted.version), (1, link.version + 1));
        assert!(links.note_made(&link).await.unwrap().is_none());
        let again = links.note_made(&noted).await.unwrap().unwrap();
        assert_eq!((again.made, again.takes(noted.version), again.takes(again.version)), (2, false, true));
    }

    #[tokio::test]
    async fn where_nothing_was_made_the_same_forms_are_good() {
        let directory = tempfile::tempdir().unwrap();
        let links = links(&directory);
        let (link, _) = links.create(TENANT, new("acme")).await.unwrap();
        let before = links.note_made(&link).await.unwrap().unwrap();
        let noted = links.note_made(&before).await.unwrap().unwrap();
        links.note_not_made(&noted, &before).await.unwrap();
        let after = links.find(TENANT, "acme").await.unwrap();
        assert_eq!((after.made, after.takes(before.version), after.takes(after.version)), (1, true, true));
        assert!(!after.takes(link.version) && !after.takes(after.version + 1));
    }

    #[tokio::test]
    async fn names_are_one_in_a_tenant_and_the_number_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let links = links(&directory);
        links.create(TENANT, new("Acme")).await.unwrap();
        assert!(matches!(links.create(TENANT, new("acme")).await, Err(SetupLinkError::NameTaken(_))));
        assert!(matches!(links.create(TENANT, new("a b")).await, Err(SetupLinkError::Name(_))));
        let other = TenantId(Uuid::from_u128(8));
        links.create(other, new("acme")).await.unwrap();
        assert!(matches!(links.find(other, "nobody").await, Err(SetupLinkError::Unknown(_))));
        let ended = NewLink { lifetime: Duration::ZERO, ..new("ended") };
        links.create(TENANT, ended).await.unwrap();
        for number in 2..=MOST {
            links.create(TENANT, new(&format!("l{number}"))).await.unwrap();
        }
        assert!(links.find(TENANT, "ended").await.is_err(), "what has ended makes room");
        assert!(matches!(links.create(TENANT, new("more")).await, Err(SetupLinkError::Full)));
        links.forget(TENANT).await.unwrap();
        assert!(links.list(TENANT).await.unwrap().is_empty());
        assert_eq!(links.list(other).await.unwrap().len(), 1);
    }
}
