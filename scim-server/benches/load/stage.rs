//! What the server is measured on: a store of either kind, empty, and the processes that serve it.

use std::{
    path::PathBuf,
    process::Command,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use scim_server::internals::{
    access::Access,
    admin::data_dir::DataDir,
    clock::{Clock, SystemClock},
    store::{
        Store,
        postgres::{Options, PostgresStore},
        sled::SledStore,
    },
    tenant::{Settings, TenantRecord},
};

use super::{
    database::Cluster,
    oauth::OAuth,
    process::{Fleet, Serving},
};

/// What the server has its data in, and how many processes serve it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A data directory, and the one process that may serve it.
    Sled,
    /// A database, and so many processes.
    Postgres(usize),
}

impl Engine {
    /// From `sled`, `postgres` or `postgres*3`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('*') {
            None if text == "sled" => Some(Self::Sled),
            None if text == "postgres" => Some(Self::Postgres(1)),
            Some(("postgres", count)) => count.parse().ok().filter(|count| *count > 0).map(Self::Postgres),
            _ => None,
        }
    }

    fn processes(&self) -> usize {
        match self {
            Self::Sled => 1,
            Self::Postgres(count) => *count,
        }
    }

    /// How it is called in tables.
    pub fn name(&self) -> String {
        match self {
            Self::Sled => "sled".to_owned(),
            Self::Postgres(count) => format!("postgres*{count}"),
        }
    }
}

/// A store, and where its processes have their files.
pub struct Stage {
    pub engine: Engine,
    pub directory: tempfile::TempDir,
    pub database: Option<(Cluster, String)>,
}

impl Stage {
    /// An empty store. A database is PostgreSQL as it is installed, with all that makes it durable, a
    /// quarter of a gigabyte for its buffers, and a log that it need not clean up in the middle.
    pub fn new(engine: Engine) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let database = matches!(engine, Engine::Postgres(_)).then(|| {
            let settings = ["shared_buffers = '256MB'", "max_wal_size = '4GB'", "checkpoint_timeout = '15min'"];
            let cluster = Cluster::start(&settings);
            let url = cluster.schema();
            (cluster, url)
        });
        Self { engine, directory, database }
    }

    fn data(&self, process: usize) -> PathBuf {
        self.directory.path().join(format!("data-{process}"))
    }

    /// Starts the processes, as they are run: durable, with tokens, rate limit, audit log and metrics.
    pub fn serve(&self) -> Fleet {
        Fleet::of((0..self.engine.processes()).map(|process| self.server(process)).collect())
    }

    fn server(&self, process: usize) -> Serving {
        let data = self.data(process);
        let mut command = Command::new(env!("CARGO_BIN_EXE_scim-server"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--rate-limit", "1000000"]);
        command.args(["--webhook-networks", "127.0.0.0/8", "--console"]);
        if let Some((_, url)) = &self.database {
            command.args(["--store", url]);
        }
        Serving::start(command.arg("--data").arg(&data).arg("--audit-log").arg(data.join("audit.jsonl")))
    }

    /// What a command prints that goes through the running server, as JSON.
    pub fn command(&self, args: &[&str]) -> serde_json::Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scim-server"));
        let output = command.args(args).arg("--data").arg(self.data(0)).output().expect("the program starts");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    async fn open(&self) -> Arc<dyn Store> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        for process in 0..self.engine.processes() {
            DataDir::new(self.data(process)).prepare().expect("a data directory");
        }
        let Some((_, url)) = &self.database else {
            return Arc::new(SledStore::open(&DataDir::new(self.data(0)).store(), clock).expect("a store"));
        };
        let options = Options::new(url.as_str());
        PostgresStore::migrate(&options, &*clock).await.expect("the tables");
        Arc::new(PostgresStore::open(&options, clock).await.expect("a store"))
    }

    /// Makes tenants in the new store.
    pub async fn tenants(&self, names: &[String]) -> Vec<Endpoint> {
        let store = self.open().await;
        let access = Access::load(store.clone(), Arc::new(SystemClock)).await.expect("tenants");
        let mut endpoints = Vec::new();
        for name in names {
            let year = Duration::from_secs(365 * 24 * 60 * 60);
            let made = access.directory().create(name, Settings::default(), Some(year)).await;
            let (tenant, issued): (TenantRecord, _) = made.expect("a tenant");
            let token = issued.expect("a token").secret.reveal().to_string();
            let oauth = Some(Rc::new(OAuth::new(access.directory(), &tenant).await));
            endpoints.push(Endpoint { path: tenant.path(), token, oauth });
        }
        store.close().await.expect("a closed store");
        endpoints
    }

    /// Has the database look at what it holds, as it does by itself when it is left alone for a minute:
    /// else the first plans after a great many rows came are made for an empty table.
    pub fn settle(&self) {
        if let Some((cluster, _)) = &self.database {
            cluster.sql("VACUUM ANALYZE");
        }
    }

    /// What the store takes on disk, in bytes.
    pub fn size(&self) -> u64 {
        match &self.database {
            Some((cluster, _)) => cluster.sql("SELECT pg_database_size('postgres')").parse().expect("a number"),
            None => std::fs::metadata(self.data(0).join("store/db")).map_or(0, |metadata| metadata.len()),
        }
    }

    /// How long a server takes from its start to its first answer.
    pub async fn opening(&self, request: &[u8]) -> (Serving, f64) {
        let started = Instant::now();
        let server = self.server(0);
        let mut connection = super::client::Connection::open(server.address).await.expect("a connection");
        let answer = connection.exchange(request).await.expect("an answer");
        assert_eq!(answer.status, 200, "the first answer after the start");
        (server, started.elapsed().as_secs_f64())
    }
}

/// How to reach one tenant.
#[derive(Clone)]
pub struct Endpoint {
    /// The path of its base URL.
    pub path: String,
    pub token: String,
    /// Its OAuth client.
    pub oauth: Option<Rc<OAuth>>,
}

impl Endpoint {
    /// The same tenant, reached by another token.
    pub fn reached_by(&self, token: &str) -> Self {
        Self { path: self.path.clone(), token: token.to_owned(), oauth: None }
    }
}
