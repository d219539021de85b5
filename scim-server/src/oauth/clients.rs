//! The clients of all tenants, as an administrator handles them.

use std::{sync::Arc, time::Duration};

use scim_protocol::Timestamp;

use super::{
    Client, ClientSecret, Scope,
    client::{self, KIND, MOST_CLIENTS, MOST_SECRETS, MOST_TRUSTS, Trust},
    trace,
};
use crate::{
    author::Author,
    clock::Clock,
    event::{Action, Event},
    naming,
    store::{ATTEMPTS, Commit, Expect, Position, ResourceId, Start, Store, StoreError, TenantId, TypeName, Write},
    tenant::TenantRecord,
    token::{Secret, Step, record::new_id, reminder, succession},
};

/// A secret that was just issued: the only moment at which its text is known.
#[derive(Debug, Clone)]
pub struct IssuedSecret {
    /// Its record.
    pub record: ClientSecret,
    /// Its text.
    pub secret: Secret,
}

/// Why a client was not made, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// As many clients as may be.
    #[error("the tenant has {MOST_CLIENTS} clients, which is the most; delete one with `client delete CLIENT`")]
    Full,
    /// The name of a client cannot be that.
    #[error("{0}")]
    Name(String),
    /// A client has the name.
    #[error(
        "the tenant has a client {0:?} already; choose another name, or give it another secret with `client rotate {0}`"
    )]
    NameTaken(String),
    /// Others changed the client at the same moment, again and again.
    #[error("the client was changed again and again meanwhile; look at `client show CLIENT` and try again")]
    Raced,
    /// As many secrets live as may.
    #[error(
        "the client {name:?} has {MOST_SECRETS} live secrets, which is the most: delete the older one when the newer one is in use (`client secret delete {name} {older}`), or wait until one has ended, at {until}"
    )]
    Secrets {
        name: String,
        older: ResourceId,
        /// When the first of them ends.
        until: Timestamp,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An assertion would stand for two clients.
    #[error(
        "a client of the tenant trusts the same issuer, subject and audience already; an assertion stands for one client"
    )]
    TrustTaken,
    /// As many trusts as may be.
    #[error(
        "the client {0:?} has {MOST_TRUSTS} trusts, which is the most; remove one with `client trust remove {0} TRUST`"
    )]
    Trusts(String),
    /// No such client in this tenant.
    #[error("the tenant has no client {0:?}; `client list` shows those that it has")]
    Unknown(String),
    /// No such secret or trust of this client.
    #[error("the client has no {0} {1:?}; `client show CLIENT` shows those that it has")]
    UnknownPart(&'static str, String),
}

/// The clients of a store.
#[derive(Clone)]
pub struct Clients {
    store: Arc<dyn Store>,
    author: Author,
    clock: Arc<dyn Clock>,
    random: fn() -> [u8; 32],
}

impl Clients {
    /// Clients in that store, whose secrets are random bytes of the system's generator.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, author: Author::default(), clock, random: rand::random }
    }

    /// The same, as somebody else changes them.
    #[must_use]
    pub fn by(&self, author: &Author) -> Self {
        Self { author: author.clone(), ..self.clone() }
    }

    /// A tenant's clients, by name.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<Client>, StoreError> {
        let mut clients = Vec::new();
        for Position { id, .. } in self.store.index(&client::names(tenant), None, MOST_CLIENTS).await? {
            clients.extend(self.get(id).await?);
        }
        Ok(clients)
    }

    /// Every client of every tenant.
    pub async fn all(&self) -> Result<Vec<Client>, StoreError> {
        const PAGE: usize = 1000;
        let kind = TypeName::from(KIND);
        let mut clients = Vec::new();
        let mut from = Start::Offset(0);
        loop {
            let page = self.store.resources(TenantId::SYSTEM, &kind, from, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(clients) };
            from = Start::After(*last);
            for (id, stored) in page.iter() {
                clients.push(Client::from_record(*id, stored)?);
            }
        }
    }

    /// The client of a tenant with that name, in any case, or id.
    pub async fn find(&self, tenant: TenantId, which: &str) -> Result<Client, ClientsError> {
        let unknown = || ClientsError::Unknown(which.to_owned());
        let id = match ResourceId::parse(which) {
            Some(id) => id,
            None => self.store.lookup(&client::name_key(tenant, which)).await?.ok_or_else(unknown)?,
        };
        self.get(id).await?.filter(|client| client.tenant == tenant).ok_or_else(unknown)
    }

    /// Makes a client; with a `lifetime`, also its first secret, in the same commit.
    pub async fn create(
        &self,
        tenant: &TenantRecord,
        name: &str,
        scope: Scope,
        lifetime: Option<Duration>,
    ) -> Result<(Client, Option<IssuedSecret>), ClientsError> {
        naming::check_word("a client's name", name).map_err(ClientsError::Name)?;
        let now = self.clock.now();
        if self.store.index_count(&client::names(tenant.id), MOST_CLIENTS as u64).await? >= MOST_CLIENTS as u64 {
            return Err(ClientsError::Full);
        }
        let issued = lifetime.map(|lifetime| self.secret(lifetime));
        let client = Client {
            id: new_id(now, (self.random)()),
            tenant: tenant.id,
            name: name.to_owned(),
            scope,
            disabled: false,
            secrets: issued.iter().map(|issued| issued.record.clone()).collect(),
            trusts: Vec::new(),
            created: now,
            version: 1,
        };
        let mut commit = Commit::new(client.key(), event(client.id, &["created"]));
        commit.expect.push(Expect::Present(tenant.key()));
        commit.writes.push(Write::Put(client.key(), client.body()?));
        commit.writes.extend(client.entries().into_iter().map(Write::Index));
        match self.store.commit(self.author.sign(commit)).await {
            Ok(_) => Ok((client, issued)),
            Err(StoreError::Taken(_)) => Err(ClientsError::NameTaken(name.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Issues another secret, without a `lifetime` with [that of the one that was there](succession::lifetime). That one
    /// lives on until it is deleted or, with an `overlap`, until that much time has passed; it is the second that comes
    /// back. Both happen together or not at all.
    pub async fn rotate(
        &self,
        client: Client,
        lifetime: Option<Duration>,
        overlap: Option<Duration>,
    ) -> Result<(Client, IssuedSecret, Option<ClientSecret>), ClientsError> {
        let rotate = |client: &mut Client| {
            let now = self.clock.now();
            let lives = client.secrets.iter().map(ClientSecret::life);
            let lifetime = lifetime.unwrap_or_else(|| succession::lifetime(lives));
            client.secrets.retain(|secret| secret.is_live(now));
            if let (Some(older), true) = (client.secrets.first(), client.secrets.len() >= MOST_SECRETS) {
                let until = client.secrets.iter().map(|secret| secret.expires).min().unwrap_or_default();
                let until = Timestamp::from_millis(until);
                return Err(ClientsError::Secrets { name: client.name.clone(), older: older.id, until });
            }
            if let (Some(overlap), Some(old)) = (overlap, client.secrets.last_mut()) {
                succession::shorten(&mut old.expires, &mut old.meant, after(now, overlap));
            }
            let previous = client.secrets.last().cloned();
            let issued = self.secret(lifetime);
            client.secrets.push(issued.record.clone());
            Ok((issued, previous))
        };
        let (client, (issued, previous)) = self.edit(client, "secrets", rotate).await?;
        Ok((client, issued, previous))
    }

    /// Removes a secret: it gets no token from now on, and those that it got let nobody in.
    pub async fn remove_secret(&self, client: Client, which: &str) -> Result<Client, ClientsError> {
        let remove = |client: &mut Client| {
            let known = client.secrets.iter().position(|secret| secret.id.to_string() == which);
            let known = known.ok_or_else(|| ClientsError::UnknownPart("secret", which.to_owned()))?;
            client.secrets.remove(known);
            Ok(())
        };
        Ok(self.edit(client, "secrets", remove).await?.0)
    }

    /// Adds a trust. Its id, and when it was added, are set here.
    pub async fn add_trust(&self, client: Client, trust: Trust) -> Result<(Client, Trust), ClientsError> {
        let now = self.clock.now();
        let trust = Trust { id: new_id(now, (self.random)()), created: now.as_millis(), last_used: None, ..trust };
        let add = |client: &mut Client| {
            if client.trusts.len() >= MOST_TRUSTS {
                return Err(ClientsError::Trusts(client.name.clone()));
            }
            if client.trusts.iter().any(|other| other.digest(client.tenant) == trust.digest(client.tenant)) {
                return Err(ClientsError::TrustTaken);
            }
            client.trusts.push(trust.clone());
            Ok(())
        };
        let (client, ()) = self.edit(client, "trusts", add).await?;
        Ok((client, trust))
    }

    /// Removes a trust: no assertion of it gets a token from now on, and those that it got let nobody in.
    pub async fn remove_trust(&self, client: Client, which: &str) -> Result<Client, ClientsError> {
        let remove = |client: &mut Client| {
            let known = client.trusts.iter().position(|trust| trust.id.to_string() == which);
            let known = known.ok_or_else(|| ClientsError::UnknownPart("trust", which.to_owned()))?;
            client.trusts.remove(known);
            Ok(())
        };
        Ok(self.edit(client, "trusts", remove).await?.0)
    }

    /// Disables or enables a client.
    pub async fn set_disabled(&self, client: Client, disabled: bool) -> Result<Client, ClientsError> {
        let set = |client: &mut Client| {
            client.disabled = disabled;
            Ok(())
        };
        Ok(self.edit(client, "disabled", set).await?.0)
    }

    /// Removes a client with all that it has.
    pub async fn remove(&self, client: &Client) -> Result<(), ClientsError> {
        let mut client = client.clone();
        for _ in 0..ATTEMPTS {
            let mut commit = Commit::new(client.key(), event(client.id, &["deleted"]));
            commit.expect.push(Expect::Version(client.key(), client.version));
            commit.writes = removal(&client);
            commit.writes.extend(trace::removal(&*self.store, client.id).await?);
            match self.commit(commit).await {
                Err(ClientsError::Raced) => client = self.now(&client).await?,
                done => return done.map(drop),
            }
        }
        Err(ClientsError::Raced)
    }

    /// The writes that remove every client of a tenant, for the commit that deletes the tenant.
    pub async fn removal(&self, tenant: TenantId) -> Result<Vec<Write>, StoreError> {
        let mut writes = Vec::new();
        for client in self.list(tenant).await? {
            writes.extend(removal(&client));
            writes.extend(trace::removal(&*self.store, client.id).await?);
        }
        Ok(writes)
    }

    /// Writes down when a secret or trust was last used, in milliseconds since the epoch. What is gone, and
    /// uses that are already known, are passed over.
    pub async fn note_use(&self, client: ResourceId, credential: ResourceId, at: i64) -> Result<(), StoreError> {
        let note = |client: &mut Client| {
            let of_secrets = client.secrets.iter_mut().map(|secret| (secret.id, &mut secret.last_used));
            let of_trusts = client.trusts.iter_mut().map(|trust| (trust.id, &mut trust.last_used));
            let used = of_secrets.chain(of_trusts).find(|(id, _)| *id == credential);
            used.is_some_and(|(_, known)| known.is_none_or(|known| known < at) && known.replace(at) != Some(at))
        };
        self.change(client, None, note).await.map(drop)
    }

    /// Records a reminder of each secret for which one is due, and returns them with their clients. Of what asks nothing of
    /// anybody nobody is reminded.
    pub async fn remind(&self, now: Timestamp) -> Result<Vec<(Client, ClientSecret)>, StoreError> {
        let mut reminded = Vec::new();
        let due = |client: &Client| -> Vec<ResourceId> {
            let secrets = client.secrets.iter().filter(|one| reminder::is_due(one.expires, one.reminded, now));
            secrets.filter(|one| client.step(one, now) != Step::Nothing).map(|one| one.id).collect()
        };
        for client in self.all().await? {
            if due(&client).is_empty() {
                continue;
            }
            let remind = |client: &mut Client| {
                let due = due(client);
                for secret in client.secrets.iter_mut().filter(|secret| due.contains(&secret.id)) {
                    secret.reminded = Some(now.as_millis());
                }
                !due.is_empty()
            };
            let event = Event::administration(Action::Remind, KIND, client.id, &["expires"]);
            if let Some(client) = self.change(client.id, Some(event), remind).await? {
                let told = client.secrets.iter().filter(|secret| secret.reminded == Some(now.as_millis())).cloned();
                reminded.extend(told.collect::<Vec<_>>().into_iter().map(|secret| (client.clone(), secret)));
            }
        }
        Ok(reminded)
    }

    async fn get(&self, id: ResourceId) -> Result<Option<Client>, StoreError> {
        self.store.get(&client::key(id)).await?.map(|record| Client::from_record(id, &record)).transpose()
    }

    fn secret(&self, lifetime: Duration) -> IssuedSecret {
        let now = self.clock.now();
        let secret = Secret::of_client((self.random)());
        let record = ClientSecret {
            id: new_id(now, (self.random)()),
            digest: secret.digest(),
            created: now.as_millis(),
            expires: after(now, lifetime),
            meant: None,
            last_used: None,
            reminded: None,
        };
        IssuedSecret { record, secret }
    }

    /// Changes a client as an administrator says, and gives what came of it. The server writes down each use of a client:
    /// one that is used in that moment is changed as it is then.
    async fn edit<T>(
        &self,
        mut was: Client,
        attribute: &str,
        change: impl Fn(&mut Client) -> Result<T, ClientsError>,
    ) -> Result<(Client, T), ClientsError> {
        for _ in 0..ATTEMPTS {
            let mut client = was.clone();
            let done = change(&mut client)?;
            let mut commit = Commit::new(client.key(), event(client.id, &[attribute]));
            commit.expect.push(Expect::Version(client.key(), was.version));
            commit.writes = replacement(&was, &client)?;
            match self.commit(commit).await {
                Err(ClientsError::Raced) => was = self.now(&was).await?,
                version => return Ok((Client { version: version?, ..client }, done)),
            }
        }
        Err(ClientsError::Raced)
    }

    /// A client as it is now.
    async fn now(&self, client: &Client) -> Result<Client, ClientsError> {
        self.get(client.id).await?.ok_or_else(|| ClientsError::Unknown(client.name.clone()))
    }

    async fn commit(&self, commit: Commit) -> Result<u64, ClientsError> {
        match self.store.commit(self.author.sign(commit)).await {
            Ok(committed) => Ok(committed.header.map_or(0, |header| header.version)),
            Err(StoreError::Conflict(_) | StoreError::Missing(_)) => Err(ClientsError::Raced),
            Err(StoreError::Taken(_)) => Err(ClientsError::TrustTaken),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a client, lets `edit` change what is not indexed of it, and writes it when `edit` says that it
    /// did; again when somebody else changed it meanwhile.
    async fn change(
        &self,
        id: ResourceId,
        event: Option<Event>,
        edit: impl Fn(&mut Client) -> bool,
    ) -> Result<Option<Client>, StoreError> {
        loop {
            let Some(mut client) = self.get(id).await? else { return Ok(None) };
            if !edit(&mut client) {
                return Ok(None);
            }
            let mut commit = Commit::bookkeeping(TypeName::from(KIND), id);
            commit.event.clone_from(&event);
            commit.expect.push(Expect::Version(client.key(), client.version));
            commit.writes.push(Write::Put(client.key(), client.body()?));
            match self.store.commit(self.author.sign(commit)).await {
                Ok(_) => return Ok(Some(client)),
                Err(StoreError::Conflict(_)) => {}
                Err(StoreError::Missing(_)) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The writes that put a client in the place of what it was.
fn replacement(was: &Client, client: &Client) -> Result<Vec<Write>, StoreError> {
    let (had, has) = (was.entries(), client.entries());
    let mut writes: Vec<_> = had.iter().filter(|entry| !has.contains(entry)).cloned().map(Write::Unindex).collect();
    writes.push(Write::Put(client.key(), client.body()?));
    writes.extend(has.into_iter().filter(|entry| !had.contains(entry)).map(Write::Index));
    Ok(writes)
}

/// The writes that remove a client's record and its index entries.
fn removal(client: &Client) -> Vec<Write> {
    let unindex = client.entries().into_iter().map(Write::Unindex);
    unindex.chain([Write::Delete(client.key())]).collect()
}

fn after(now: Timestamp, time: Duration) -> i64 {
    now.as_millis().saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

fn event(client: ResourceId, attributes: &[&str]) -> Event {
    Event::administration(Action::Administer, KIND, client, attributes)
}
