//! Where a command runs: on the server that has the data directory open, or on the store itself.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    sync::Arc,
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    Failure, engine, fault,
    show::{Printer, Show, counter},
};
use crate::{
    access::Access,
    admin::{
        self, AdminContext, AdminRequest, Administrator, Input, Line, RequestsView,
        client::Client,
        data_dir::{DataDir, Lock},
        line,
    },
    budget::Budget,
    clock::{Clock, SystemClock},
    config::{Config, Database, Given, Outward},
    cursor::Sealer,
    log,
    operation::{Limits, Operations, UuidV7, feed::Waits, password::Hasher},
    request_log::Reader,
    store::{Store, StoreError, sled::Options},
    webhook::Sender,
};

/// Bytes of pages that a command may hold.
const MEMORY: usize = 256 << 20;
/// How often, and with which pause, a command tries again while another one has the store open.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// A store, reached in one of two ways.
pub(super) enum Session {
    /// Through the server that runs on it.
    Running(Client),
    /// In this process.
    Open(AdminContext, Option<Lock>),
}

/// The lines of a running command, and the store to close afterwards.
pub(super) struct Running {
    lines: mpsc::Receiver<Line>,
    store: Option<(Arc<dyn Store>, Option<Lock>)>,
}

impl Session {
    /// The store that is there already: a database, or that of a data directory.
    pub async fn open(given: &Given) -> Result<Self, Failure> {
        Self::open_accepting(given, None).await
    }

    /// The same, although acknowledged writes are lost, when it stands at that commit.
    pub async fn open_accepting(given: &Given, loss: Option<u64>) -> Result<Self, Failure> {
        if let Some(database) = Config::database(given)? {
            return Self::shared(given, &database).await;
        }
        let outward = Config::outward(given)?;
        let data_dir = DataDir::new(Config::data(given)?);
        if !has_store(&data_dir)? {
            // A server whose store is a database has nothing here but its address.
            if let Some(client) = find_server(&data_dir).await? {
                return Ok(Self::Running(client));
            }
            refuse_half_restored(&data_dir)?;
            return Err(Failure::said(format!(
                "there is no store in {0}; name the directory of yours with --data or --config, or make one with `scim-server init --data {0} --tenant NAME`",
                data_dir.path().display()
            )));
        }
        Self::reach(&data_dir, outward, loss).await
    }

    /// The server that runs on a data directory. A command that only a running server can do needs it.
    pub async fn running(given: &Given) -> Result<Self, Failure> {
        let data_dir = DataDir::new(Config::data(given)?);
        match find_server(&data_dir).await? {
            Some(client) => Ok(Self::Running(client)),
            None => Err(Failure::said(format!(
                "no server runs on {0}: start one with `scim-server serve --data {0} --console`, or name the data directory of yours with --data or --config",
                data_dir.path().display()
            ))),
        }
    }

    /// The store of a data directory, made if there is none; or a database, whose tables are.
    pub async fn create(given: &Given) -> Result<Self, Failure> {
        if let Some(database) = Config::database(given)? {
            engine::prepare(&database).await?;
            return Self::shared(given, &database).await;
        }
        let outward = Config::outward(given)?;
        let data_dir = DataDir::new(Config::data(given)?);
        prepare(&data_dir)?;
        Self::reach(&data_dir, outward, None).await
    }

    /// A database, on which servers may run: they see a change within a second.
    async fn shared(given: &Given, database: &Database) -> Result<Self, Failure> {
        let outward = Config::outward(given)?;
        let _ = log::LogControl::start(log::Format::Text, "warn");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = engine::open_database(database, &clock).await?;
        let context = context(store, clock, outward).await?;
        let beside = find_server(&DataDir::new(Config::data(given)?)).await.ok().flatten();
        Ok(Self::Open(AdminContext { sinks: beside.map(|_| Arc::default()), ..context }, None))
    }

    /// Opens the store. If another process has it open, uses that process if it is a server, and waits a little if it
    /// is another command.
    async fn reach(data_dir: &DataDir, outward: Outward, accept_loss: Option<u64>) -> Result<Self, Failure> {
        for _ in 0..TRIES {
            if let Some(lock) = lock(data_dir)? {
                refuse_half_restored(data_dir)?;
                // A log for what goes wrong only.
                let _ = log::LogControl::start(log::Format::Text, "warn");
                let clock: Arc<dyn Clock> = Arc::new(SystemClock);
                let store =
                    engine::open_directory(&data_dir.store(), &clock, Options { accept_loss, ..Options::default() })?;
                return Ok(Self::Open(context(store, clock, outward).await?, Some(lock)));
            }
            if let Some(client) = find_server(data_dir).await? {
                return Ok(Self::Running(client));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Failure::said(in_use(data_dir)))
    }

    /// The log of requests is in the data directory, also that of a server whose store is a database: through that
    /// server, or from its files.
    pub async fn beside_log(given: &Given) -> Result<Self, Failure> {
        match Self::at_server(given).await? {
            Some(session) => Ok(session),
            None => Self::open(given).await,
        }
    }

    /// The server that runs on the data directory, if one does.
    pub async fn at_server(given: &Given) -> Result<Option<Self>, Failure> {
        Ok(find_server(&DataDir::new(Config::data(given)?)).await?.map(Self::Running))
    }

    /// A store to which others may write meanwhile: that of a running server, or a database.
    pub async fn shared_with_others(given: &Given) -> Result<Option<Self>, Failure> {
        if let Some(database) = Config::database(given)? {
            return Self::shared(given, &database).await.map(Some);
        }
        Self::at_server(given).await
    }

    /// Starts a command.
    pub async fn start(self, request: AdminRequest, input: Input) -> Result<Running, Failure> {
        match self {
            Self::Running(client) => Ok(Running { lines: client.run(&request, input).await?, store: None }),
            Self::Open(context, lock) => {
                let store = Some((Arc::clone(&context.store), lock));
                Ok(Running { lines: admin::start(context, request, input), store })
            }
        }
    }
}

impl Running {
    /// The next line, whatever it is; `None` when the server has ended before the command has.
    pub async fn line(&mut self) -> Option<Line> {
        self.lines.recv().await
    }

    /// The next line that is not the last; `None` when the command has ended well.
    pub async fn next(&mut self) -> Result<Option<Line>, Failure> {
        match self.line().await {
            Some(Line::Done) => Ok(None),
            Some(Line::Error(fault)) => Err(Failure::said(fault.message)),
            Some(line) => Ok(Some(line)),
            None => Err(Failure::said(
                "the server stopped before the command was finished; look at its log, then try again".to_owned(),
            )),
        }
    }

    /// Closes the store, if it was opened for this.
    pub async fn close(self) -> Result<(), Failure> {
        match self.store {
            Some((store, _lock)) => store.close().await.map_err(failed),
            None => Ok(()),
        }
    }
}

/// Runs a command without input and shows what comes.
pub(super) async fn run(session: Session, request: AdminRequest, show: Show, json: bool) -> Result<(), Failure> {
    let mut running = session.start(request, line::nothing()).await?;
    let mut printer = Printer::new(show, json);
    let bar = counter("rows");
    while let Some(line) = running.next().await? {
        match line {
            Line::Row(row) => printer.row(&row)?,
            Line::More(number) => printer.more(number),
            Line::Progress(number) => bar.set_position(number),
            _ => {}
        }
    }
    bar.finish_and_clear();
    running.close().await?;
    printer.finish()
}

/// Runs a command without input. Gives how many rows it has, and what it notes beside them.
pub(super) async fn count(session: Session, request: AdminRequest) -> Result<(usize, Vec<String>), Failure> {
    let mut running = session.start(request, line::nothing()).await?;
    let (mut rows, mut notes) = (0, Vec::new());
    while let Some(line) = running.next().await? {
        let Line::Row(row) = line else { continue };
        match row.strip_prefix("{\"note\":").and_then(|rest| rest.strip_suffix('}')) {
            Some(note) => notes.extend(serde_json::from_str::<String>(note)),
            None => rows += 1,
        }
    }
    running.close().await?;
    Ok((rows, notes))
}

/// With what is behind it.
pub(super) fn failed(error: StoreError) -> Failure {
    Failure::because(fault::chain(&error), error)
}

/// Makes the data directory and the administrators' token.
pub(super) fn prepare(data_dir: &DataDir) -> Result<(), Failure> {
    data_dir.prepare().map_err(|error| {
        let said = format!(
            "cannot make the data directory {}: {}; or choose another with --data",
            data_dir.path().display(),
            fault::about(data_dir.path(), &error)
        );
        Failure::because(said, error)
    })
}

/// The context of commands on a store that this process has open.
pub(super) async fn context(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    outward: Outward,
) -> Result<AdminContext, Failure> {
    let access = Access::load(Arc::clone(&store), Arc::clone(&clock)).await;
    let access = Arc::new(access.map_err(failed)?);
    let limits = Limits { candidates: u64::MAX, ..Limits::default() };
    let operations = Arc::new(Operations {
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        ids: UuidV7::default(),
        // These cursors do not outlive the process.
        sealer: Sealer::new(&rand::random(), limits.cursor_seconds),
        limits,
        lanes: Arc::default(),
        budget: Budget::new(MEMORY),
        passwords: Hasher::default(),
        waits: Waits::default(),
        shown: Arc::default(),
    });
    let Outward { base, webhook_networks, data } = outward;
    let requests = Some(RequestsView::Files(Reader::new(&DataDir::new(data).requests())));
    let (sender, by) = (Arc::new(Sender::new(webhook_networks)), Administrator::root());
    Ok(AdminContext { store, access, clock, operations, base, sender, by, console: None, requests, sinks: None })
}

/// What the URLs begin with that the server on a data directory gives out; `None` where none runs.
pub(super) async fn running_base(data_dir: &DataDir) -> Option<String> {
    let server = find_server(data_dir).await.ok().flatten()?;
    let mut lines = server.run(&AdminRequest::Base, line::nothing()).await.ok()?;
    let Some(Line::Row(row)) = lines.recv().await else { return None };
    let row: serde_json::Value = serde_json::from_str(&row).ok()?;
    row.get("base")?.as_str().map(str::to_owned)
}

/// The server that runs on a data directory; `None` where none does.
pub(super) async fn find_server(data_dir: &DataDir) -> Result<Option<Client>, Failure> {
    Client::connect(data_dir).await.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::PermissionDenied => "; run the command as the user that the server runs as",
            _ => "",
        };
        let said = format!("a server may be running on {}, and {error}{advice}", data_dir.path().display());
        Failure::because(said, error)
    })
}

/// Takes the lock of the data directory, if no other process has it.
fn lock(data_dir: &DataDir) -> Result<Option<Lock>, Failure> {
    data_dir.lock().map_err(|error| {
        let said = format!("cannot lock {}: {}", data_dir.path().display(), fault::about(data_dir.path(), &error));
        Failure::because(said, error)
    })
}

/// Takes the lock of the data directory, waiting a moment for a predecessor that is about to end.
pub(super) async fn lock_soon(data_dir: &DataDir) -> Result<Lock, Failure> {
    for _ in 0..20 {
        if let Some(lock) = lock(data_dir)? {
            return Ok(lock);
        }
        tokio::time::sleep(PAUSE).await;
    }
    match find_server(data_dir).await? {
        Some(server) => Err(Failure::said(format!(
            "another process has the store in {} open: a server, whose administration is on {}. Stop it, or choose another data directory with --data",
            data_dir.path().display(),
            server.address()
        ))),
        None => Err(Failure::said(in_use(data_dir))),
    }
}

/// Whether there is a store in the data directory. An error if this user may not look.
pub(super) fn has_store(data_dir: &DataDir) -> Result<bool, Failure> {
    data_dir.has_store().map_err(|error| {
        let said = format!(
            "cannot look for the store in {}: {error}; run the command as the user that owns the directory",
            data_dir.path().display()
        );
        Failure::because(said, error)
    })
}

/// Keeps an empty store from being made where a restore was cut off: nobody would notice what is missing.
pub(super) fn refuse_half_restored(data_dir: &DataDir) -> Result<(), Failure> {
    let partial = data_dir.partial();
    if has_store(data_dir)? || !partial.exists() {
        return Ok(());
    }
    Err(Failure::said(format!(
        "a restore into {0} was cut off, and there is no store yet: `scim-server restore FILE --data {0}` with the same file continues it, and with --discard begins anew; to begin with an empty store, remove the directory {1}",
        data_dir.path().display(),
        partial.display()
    )))
}

/// What to say when another process has the store open.
fn in_use(data_dir: &DataDir) -> String {
    format!(
        "another process has the store in {} open, and admin.addr there does not lead to it; wait until it has ended, or stop it",
        data_dir.path().display()
    )
}

/// On a terminal, asks to type the tenant's name before it is deleted. Without a terminal, `--yes` is required.
pub(super) fn confirm(tenant: &str, force: bool) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return if force {
            Err(Failure::Usage(format!(
                "tenant delete --force removes tenant {tenant:?} although a provider may be using it, and without a terminal there is no confirmation: add --yes"
            )))
        } else {
            Ok(())
        };
    }
    let mut typed = String::new();
    let asked = write!(
        std::io::stderr(),
        "This deletes tenant {tenant:?} with its users, groups, tokens and log, for good.\nType its name to continue: "
    );
    asked
        .and_then(|()| stdin.lock().read_line(&mut typed).map(drop))
        .map_err(|error| Failure::because(format!("cannot ask: {error}; use --yes"), error))?;
    if typed.trim() == tenant { Ok(()) } else { Err(Failure::said("nothing was deleted".to_owned())) }
}
