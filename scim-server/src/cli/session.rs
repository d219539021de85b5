//! Where a command runs: on the server that has the store open, or on the store itself.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::Path,
    sync::Arc,
};

use tokio::sync::mpsc;

use super::{
    Failure,
    show::{Printer, Show},
};
use crate::{
    access::Access,
    admin::{self, AdminContext, AdminRequest, Input, Line, client::Client, line, place::Place},
    clock::{Clock, SystemClock},
    config::{Config, Given},
    cursor::Sealer,
    log,
    operation::{Limits, Operations, UuidV7, password::Hasher},
    store::{
        Store,
        sled::{OpenError, SledStore},
    },
};

/// A store, reached in one of two ways.
pub(super) enum Session {
    /// Through the server that runs on it.
    Running(Client),
    /// In this process.
    Open(AdminContext),
}

/// The lines of a command on its way, and the store to close behind it.
pub(super) struct Running {
    lines: mpsc::Receiver<Line>,
    store: Option<Arc<dyn Store>>,
}

impl Session {
    /// The store of a data directory, which must exist.
    pub async fn open(given: &Given) -> Result<Self, Failure> {
        let place = Place::new(Config::data(given)?);
        if !place.has_store() {
            return Err(Failure::Failed(format!(
                "there is no store in {0}; make one with `scim-server init --data {0} --tenant NAME`",
                place.path().display()
            )));
        }
        Self::reach(&place).await
    }

    /// The store of a data directory, made if there is none.
    pub async fn create(given: &Given) -> Result<Self, Failure> {
        let place = Place::new(Config::data(given)?);
        prepare(&place)?;
        Self::reach(&place).await
    }

    async fn reach(place: &Place) -> Result<Self, Failure> {
        let client = Client::connect(place).await.map_err(|error| {
            Failure::Failed(format!(
                "a server is running on {}, and its token cannot be read from admin.token there: {error}; run the command as the user that the server runs as",
                place.path().display()
            ))
        })?;
        match client {
            Some(client) => Ok(Self::Running(client)),
            None => Ok(Self::Open(open(&place.store()).await?)),
        }
    }

    /// Starts a command.
    pub async fn start(self, request: AdminRequest, input: Input) -> Result<Running, Failure> {
        match self {
            Self::Running(client) => Ok(Running { lines: client.run(&request, input).await?, store: None }),
            Self::Open(context) => {
                let store = Some(Arc::clone(&context.store));
                Ok(Running { lines: admin::start(context, request, input), store })
            }
        }
    }
}

impl Running {
    /// The next line that is not the last; `None` when the command has ended well.
    pub async fn next(&mut self) -> Result<Option<Line>, Failure> {
        match self.lines.recv().await {
            Some(Line::Done) => Ok(None),
            Some(Line::Error(message)) => Err(Failure::Failed(message)),
            Some(line) => Ok(Some(line)),
            None => Err(Failure::Failed("the command ended without saying how; try again".to_owned())),
        }
    }

    /// Closes the store, if it was opened for this.
    pub async fn close(self) -> Result<(), Failure> {
        match self.store {
            Some(store) => store.close().await.map_err(|error| Failure::Failed(error.to_string())),
            None => Ok(()),
        }
    }
}

/// Runs a command without input and shows what comes.
pub(super) async fn run(session: Session, request: AdminRequest, show: Show, json: bool) -> Result<(), Failure> {
    let mut running = session.start(request, line::nothing()).await?;
    let mut printer = Printer::new(show, json);
    while let Some(line) = running.next().await? {
        if let Line::Row(row) = line {
            printer.row(&row)?;
        }
    }
    running.close().await?;
    printer.finish()
}

/// Makes the data directory and the administrators' token.
pub(super) fn prepare(place: &Place) -> Result<(), Failure> {
    place.prepare().map_err(|error| {
        Failure::Failed(format!(
            "cannot make the data directory {}: {error}; choose another with --data, or give this user the right to write there",
            place.path().display()
        ))
    })
}

/// Opens the store in this process, for one command.
async fn open(path: &Path) -> Result<AdminContext, Failure> {
    // A process that runs one command has a log only for what goes wrong; it may have one already.
    let _ = log::Log::start(log::Format::Text, "warn");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store: Arc<dyn Store> = Arc::new(open_store(path, &clock, None)?);
    context(store, clock).await
}

/// The context of commands on a store that this process has open.
pub(super) async fn context(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<AdminContext, Failure> {
    let access = Access::load(Arc::clone(&store), Arc::clone(&clock)).await;
    let access = Arc::new(access.map_err(|error| Failure::Failed(error.to_string()))?);
    let limits = Limits { candidates: u64::MAX, ..Limits::default() };
    let provision = Arc::new(Operations {
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        ids: Arc::new(UuidV7::default()),
        // These cursors do not outlive the process.
        sealer: Sealer::new(&rand::random(), limits.cursor_seconds),
        limits,
        passwords: Hasher::default(),
    });
    Ok(AdminContext { store, access, clock, provision })
}

/// Opens a store, and says what to do when that fails.
pub(super) fn open_store(path: &Path, clock: &Arc<dyn Clock>, cache: Option<u64>) -> Result<SledStore, Failure> {
    let mut options = crate::store::sled::Options::default();
    options.cache = cache.unwrap_or(options.cache);
    SledStore::open_with(path, Arc::clone(clock), options).map_err(|error| {
        Failure::Failed(match error {
            OpenError::InUse => format!(
                "another process has the store in {} open, and admin.addr there does not lead to it; wait until it has ended, or stop it",
                path.display()
            ),
            error => format!("cannot open the store in {}: {error}", path.display()),
        })
    })
}

/// On a terminal, has the tenant's name typed again before it is deleted.
pub(super) fn confirm(tenant: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(());
    }
    let mut typed = String::new();
    let asked = write!(
        std::io::stderr(),
        "This deletes tenant {tenant:?} with its users, groups, tokens and log, for good.\nType its name to go on: "
    );
    asked
        .and_then(|()| stdin.lock().read_line(&mut typed).map(drop))
        .map_err(|error| Failure::Failed(format!("cannot ask: {error}; use --yes")))?;
    if typed.trim() == tenant { Ok(()) } else { Err(Failure::Failed("nothing was deleted".to_owned())) }
}
