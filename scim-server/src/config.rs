//! The configuration of the server.
//!
//! [`setting`] is the table of all settings, [`layers`] finds the value of each (flag, then
//! `SCIM_SERVER_*`, then file, then default), and [`Config`] is what they mean: parsed, checked
//! against each other, with units gone.

mod console;
mod database;
mod kafka;
pub mod layers;
mod nats;
mod operator;
mod otlp;
mod pair;
mod place;
mod request_log;
pub mod setting;

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

pub use console::{ConsoleSettings, OidcSettings};
pub use database::Database;
use ipnet::IpNet;
pub use kafka::Kafka;
pub use layers::{Given, Layers, Origin};
pub use nats::Nats;
pub use otlp::Otlp;
pub use setting::{SETTINGS, Setting};

use self::{
    pair::pair,
    place::{address, hosts, networks, url},
};
use crate::{
    audit::Destination, log::Format, oauth::jwks::fetch::Rules, request_log::Limits, rotated::Rotation,
    tenant::Operator, units,
};

/// Why the settings are not valid. Each error names the place of the wrong one.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Two settings exclude each other, or one needs another.
    #[error("{0}")]
    Contradiction(String),
    /// The file is not TOML, or has a key that is not a setting.
    #[error("{}, line {line}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A value has the wrong form.
    #[error("{at}: {reason}")]
    Value {
        /// Where it was said.
        at: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Certificate and key, in PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// All settings of `serve`. [`SETTINGS`] explains them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directory of the store, and of what a server leaves for administrators.
    pub data: PathBuf,
    /// The database that is the store, when it is not in the directory.
    pub database: Database,
    /// Whether the server may change the database's schema.
    pub migrate: bool,
    /// Bytes of cache; as fits the machine without it.
    pub cache: Option<u64>,
    /// Bytes of keys and values after which the store is reopened; 0 is never.
    pub renew_after: u64,
    /// How long events are kept; `None` for ever.
    pub event_retention: Option<Duration>,
    /// The file to which events are written.
    pub event_file: Option<PathBuf>,
    /// When that file is replaced.
    pub event_file_rotation: Option<Rotation>,
    /// Where NATS JetStream is, to which events are sent.
    pub event_nats: Nats,
    /// Where Kafka is, to which events are sent.
    pub event_kafka: Kafka,
    /// The tenant to make in an empty store.
    pub first_tenant: Option<String>,
    /// Where SCIM clients connect.
    pub listen: SocketAddr,
    /// HTTPS, when set.
    pub tls: Option<TlsFiles>,
    /// Where administrators connect.
    pub admin_listen: SocketAddr,
    /// Whether and how the console is served.
    pub console: ConsoleSettings,
    /// The base of URLs given to clients, without a slash at the end.
    pub public_url: Option<String>,
    /// Whether `X-Forwarded-*` are believed, whoever sends them.
    pub trust_forwarded: bool,
    /// Whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Networks that webhooks reach although they are private.
    pub webhook_networks: Vec<IpNet>,
    /// Who operates the application, as pages for customers show it.
    pub operator: Operator,
    /// Whom the keys of issuers may be fetched from.
    pub jwks: Rules,
    /// How long an access token of OAuth lives.
    pub access_token_lifetime: Duration,
    /// Requests a second per token, of `rfc` tenants without a rate of their own; `None` is no limit.
    pub rate_limit: Option<u32>,
    /// Failed authentications, and requests without a token, a minute per address; 0 is no limit.
    pub address_rate_limit: u32,
    /// Connections at a time.
    pub max_connections: usize,
    /// Of these, without a valid token from one address; 0 is no limit.
    pub address_connections: usize,
    /// Bytes of a body.
    pub max_body: usize,
    /// Bytes that bodies and pages may take together.
    pub request_memory: usize,
    /// Time for the head of a request.
    pub header_timeout: Duration,
    /// Time for the body of a request.
    pub body_timeout: Duration,
    /// Time for the work on a request.
    pub request_timeout: Duration,
    /// Time for requests in flight when the server stops.
    pub drain_timeout: Duration,
    /// Values of one attribute of a resource.
    pub max_values: usize,
    /// Index entries of one resource.
    pub max_index_entries: usize,
    /// Members that one request may change.
    pub max_member_changes: usize,
    /// Resources on a page by default.
    pub page_size: usize,
    /// Resources on a page at most.
    pub max_page_size: usize,
    /// Bytes after which a page ends.
    pub max_page_bytes: usize,
    /// How long a cursor lives.
    pub cursor_ttl: Duration,
    /// Resources that an unindexed filter may look at.
    pub candidates: usize,
    /// Operations in a bulk request; 0 is no bulk.
    pub bulk_max_operations: usize,
    /// Bytes of a bulk request.
    pub bulk_max_body: usize,
    /// Members up to which a PATCH of a group is answered with the group.
    pub patch_body_members: u64,
    /// Where the audit log goes.
    pub audit_log: Option<Destination>,
    /// The `awsRegion` of audit records.
    pub audit_region: String,
    /// Of how many tenants the metrics show how they stand.
    pub metrics_tenants: usize,
    /// How much the log of requests keeps, if there is one.
    pub request_log: Option<Limits>,
    /// The filter of the log.
    pub log: String,
    /// The form of the log.
    pub log_format: Format,
    /// Where spans are sent to.
    pub otlp: Otlp,
}

/// What a command without a server needs to know of the world outside.
#[derive(Debug, Clone)]
pub struct Outward {
    /// The base of the URLs that clients use: what is set, or where a server would listen.
    pub base: String,
    /// Networks that webhooks reach although they are private.
    pub webhook_networks: Vec<IpNet>,
    /// The data directory.
    pub data: PathBuf,
}

impl Config {
    /// What all layers together mean.
    pub fn read(given: &Given) -> Result<Self, ConfigError> {
        Self::from_layers(&Layers::read(given)?)
    }

    /// Only the store's directory: all that most commands need.
    pub fn data(given: &Given) -> Result<PathBuf, ConfigError> {
        Layers::read(given)?.required("data", path)
    }

    /// Only the databases that are the store, if there are any.
    pub fn database(given: &Given) -> Result<Option<Database>, ConfigError> {
        let database = Database::from_layers(&Layers::read(given)?)?;
        Ok((!database.urls.is_empty()).then_some(database))
    }

    /// Only how others are reached, and how they reach this server.
    pub fn outward(given: &Given) -> Result<Outward, ConfigError> {
        let layers = Layers::read(given)?;
        let tls = layers.optional("tls_cert", path)?.is_some();
        let listen = layers.required("listen", address)?;
        let base = layers.optional("public_url", url)?.unwrap_or_else(|| base(tls, listen));
        let webhook_networks = layers.optional("webhook_networks", networks)?.unwrap_or_default();
        Ok(Outward { base, webhook_networks, data: layers.required("data", path)? })
    }

    /// Every setting: key, value without secrets, and where it comes from.
    pub fn shown(given: &Given) -> Result<Vec<(String, String, String)>, ConfigError> {
        Ok(Layers::read(given)?.shown())
    }

    fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let config = Self {
            data: layers.required("data", path)?,
            database: Database::from_layers(layers)?,
            migrate: layers.required("migrate", switch)?,
            cache: layers.optional("cache", units::size)?,
            renew_after: layers.required("renew_after", units::size)?,
            event_retention: Some(layers.required("event_retention", units::duration)?).filter(|time| !time.is_zero()),
            event_file: layers.optional("event_file", path)?,
            event_file_rotation: rotation(
                layers.required("event_file_size", units::size)?,
                layers.required("event_file_keep", number)?,
            ),
            event_nats: Nats::from_layers(layers)?,
            event_kafka: Kafka::from_layers(layers)?,
            first_tenant: layers.optional("first_tenant", tenant_name)?,
            listen: layers.required("listen", address)?,
            tls: pair(layers, "tls_cert", "tls_key")?.map(|(cert, key)| TlsFiles { cert, key }),
            admin_listen: layers.required("admin_listen", address)?,
            console: ConsoleSettings::from_layers(layers)?,
            public_url: layers.optional("public_url", url)?,
            trust_forwarded: layers.required("trust_forwarded", switch)?,
            trusted_proxies: layers.optional("trusted_proxies", networks)?.unwrap_or_default(),
            webhook_networks: layers.optional("webhook_networks", networks)?.unwrap_or_default(),
            operator: operator::from_layers(layers)?,
            jwks: Rules {
                hosts: layers.optional("jwks_hosts", hosts)?.unwrap_or_default(),
                private: layers.required("jwks_private", switch)?,
                ca: layers.optional("jwks_ca", path)?,
            },
            access_token_lifetime: layers.required("access_token_lifetime", access_token_lifetime)?,
            rate_limit: Some(layers.required("rate_limit", number)?).filter(|rate| *rate > 0),
            address_rate_limit: layers.required("address_rate_limit", number)?,
            max_connections: layers.required("max_connections", positive)?,
            address_connections: layers.required("address_connections", number)?,
            max_body: layers.required("max_body", bytes)?,
            request_memory: layers.required("request_memory", bytes)?,
            header_timeout: layers.required("header_timeout", timeout)?,
            body_timeout: layers.required("body_timeout", timeout)?,
            request_timeout: layers.required("request_timeout", timeout)?,
            drain_timeout: layers.required("drain_timeout", units::duration)?,
            max_values: layers.required("max_values", positive)?,
            max_index_entries: layers.required("max_index_entries", positive)?,
            max_member_changes: layers.required("max_member_changes", positive)?,
            page_size: layers.required("page_size", positive)?,
            max_page_size: layers.required("max_page_size", positive)?,
            max_page_bytes: layers.required("max_page_bytes", bytes)?,
            cursor_ttl: layers.required("cursor_ttl", timeout)?,
            candidates: layers.required("candidates", positive)?,
            bulk_max_operations: layers.required("bulk_max_operations", number)?,
            bulk_max_body: layers.required("bulk_max_body", bytes)?,
            patch_body_members: layers.required("patch_body_members", number)?,
            audit_log: audit_log(layers)?,
            audit_region: layers.required("audit_region", region)?,
            metrics_tenants: layers.required("metrics_tenants", number)?,
            request_log: request_log::limits(layers)?,
            log: layers.required("log", log_filter)?,
            log_format: layers.required("log_format", log_format)?,
            otlp: Otlp::from_layers(layers)?,
        };
        if config.page_size > config.max_page_size {
            return Err(ConfigError::Contradiction(format!(
                "page_size ({}) is larger than max_page_size ({}); lower the one or raise the other",
                config.page_size, config.max_page_size
            )));
        }
        Ok(config)
    }

    /// The settings in which another configuration differs that a running server cannot change.
    pub fn needs_restart(&self, other: &Self) -> Vec<&'static str> {
        let cert = |config: &Self| config.tls.as_ref().map(|files| files.cert.clone());
        let key = |config: &Self| config.tls.as_ref().map(|files| files.key.clone());
        let rotation = |config: &Self| config.audit_log.as_ref().and_then(Destination::rotation);
        let bytes = |config: &Self| rotation(config).map(|rotation| rotation.bytes);
        let keep = |config: &Self| rotation(config).map(|rotation| rotation.keep);
        let audit_log = |config: &Self| config.audit_log.clone().map(Destination::without_rotation);
        let event_bytes = |config: &Self| config.event_file_rotation.map(|rotation| rotation.bytes);
        let event_keep = |config: &Self| config.event_file_rotation.map(|rotation| rotation.keep);
        let retention = |config: &Self| config.request_log.map(|limits| limits.retention);
        let log_bytes = |config: &Self| config.request_log.map(|limits| limits.bytes);
        let changed = [
            ("data", self.data != other.data),
            ("store", self.database.urls != other.database.urls),
            ("store_password_file", self.database.password_file != other.database.password_file),
            ("store_ca", self.database.ca != other.database.ca),
            ("store_connections", self.database.connections != other.database.connections),
            ("store_timeout", self.database.timeout != other.database.timeout),
            ("migrate", self.migrate != other.migrate),
            ("cache", self.cache != other.cache),
            ("renew_after", self.renew_after != other.renew_after),
            ("event_retention", self.event_retention != other.event_retention),
            ("event_file", self.event_file != other.event_file),
            ("event_file_size", event_bytes(self) != event_bytes(other)),
            ("event_file_keep", event_keep(self) != event_keep(other)),
            ("listen", self.listen != other.listen),
            ("tls_cert", cert(self) != cert(other)),
            ("tls_key", key(self) != key(other)),
            ("admin_listen", self.admin_listen != other.admin_listen),
            ("webhook_networks", self.webhook_networks != other.webhook_networks),
            ("operator_name", self.operator.name != other.operator.name),
            ("operator_colour", self.operator.colour != other.operator.colour),
            ("operator_logo", self.operator.logo != other.operator.logo),
            ("jwks_hosts", self.jwks.hosts != other.jwks.hosts),
            ("jwks_private", self.jwks.private != other.jwks.private),
            ("jwks_ca", self.jwks.ca != other.jwks.ca),
            ("access_token_lifetime", self.access_token_lifetime != other.access_token_lifetime),
            ("address_rate_limit", self.address_rate_limit != other.address_rate_limit),
            ("max_connections", self.max_connections != other.max_connections),
            ("address_connections", self.address_connections != other.address_connections),
            ("header_timeout", self.header_timeout != other.header_timeout),
            ("drain_timeout", self.drain_timeout != other.drain_timeout),
            ("max_values", self.max_values != other.max_values),
            ("max_index_entries", self.max_index_entries != other.max_index_entries),
            ("max_member_changes", self.max_member_changes != other.max_member_changes),
            ("page_size", self.page_size != other.page_size),
            ("max_page_size", self.max_page_size != other.max_page_size),
            ("max_page_bytes", self.max_page_bytes != other.max_page_bytes),
            ("cursor_ttl", self.cursor_ttl != other.cursor_ttl),
            ("candidates", self.candidates != other.candidates),
            ("bulk_max_operations", self.bulk_max_operations != other.bulk_max_operations),
            ("patch_body_members", self.patch_body_members != other.patch_body_members),
            ("audit_log", audit_log(self) != audit_log(other)),
            ("audit_log_size", bytes(self) != bytes(other)),
            ("audit_log_keep", keep(self) != keep(other)),
            ("request_log_retention", retention(self) != retention(other)),
            ("request_log_size", log_bytes(self) != log_bytes(other)),
            ("log_format", self.log_format != other.log_format),
        ];
        let changed = changed
            .into_iter()
            .chain(self.event_nats.changed(&other.event_nats))
            .chain(self.event_kafka.changed(&other.event_kafka))
            .chain(self.otlp.changed(&other.otlp))
            .chain(self.console.differences(&other.console));
        changed.filter_map(|(key, differs)| differs.then_some(key)).collect()
    }
}

/// The base of the URLs of a server that listens there.
pub fn base(tls: bool, listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    match (tls, listen.port()) {
        (true, 443) => format!("https://{ip}"),
        (false, 80) => format!("http://{ip}"),
        (true, port) => format!("https://{ip}:{port}"),
        (false, port) => format!("http://{ip}:{port}"),
    }
}

fn region(text: &str) -> Result<String, String> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.len() <= 32 && text.bytes().all(legal) {
        return Ok(text.to_owned());
    }
    Err("a region has lower-case letters, digits and hyphens, as us-east-1".to_owned())
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.contains('\0') { Err("a path has no NUL in it".to_owned()) } else { Ok(Path::new(text).to_owned()) }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number, or too large"))
}

fn positive(text: &str) -> Result<usize, String> {
    match number(text)? {
        0 => Err("0 would refuse everything; write a number from 1".to_owned()),
        number => Ok(number),
    }
}

fn bytes(text: &str) -> Result<usize, String> {
    let size = usize::try_from(units::size(text)?).map_err(|_| format!("{text:?} is more than this machine has"))?;
    if size < 1024 { Err(format!("{text:?} is too small for any request; write at least 1KiB")) } else { Ok(size) }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let time = units::duration(text)?;
    if time.is_zero() { Err("0 would refuse everything; write a duration such as 30s".to_owned()) } else { Ok(time) }
}

fn access_token_lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = units::duration(text)?;
    let range = Duration::from_secs(1)..=Duration::from_secs(6 * 60 * 60);
    if range.contains(&lifetime) { Ok(lifetime) } else { Err("an access token lives from 1s to 6h".to_owned()) }
}

fn switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("{text:?} is neither true nor false"))
}

fn tenant_name(text: &str) -> Result<String, String> {
    crate::naming::check_word("a tenant's name", text).map(|()| text.to_owned())
}
fn rotation(bytes: u64, keep: u32) -> Option<Rotation> {
    (bytes > 0).then_some(Rotation { bytes, keep })
}

/// Where the audit log goes, and when its file is replaced.
fn audit_log(layers: &Layers) -> Result<Option<Destination>, ConfigError> {
    let to = |text: &str| if text == "-" { Ok(None) } else { path(text).map(Some) };
    let destination = layers.optional("audit_log", to)?;
    let rotation =
        rotation(layers.required("audit_log_size", units::size)?, layers.required("audit_log_keep", number)?);
    match destination {
        Some(Some(path)) => Ok(Some(Destination::File { path, rotation })),
        _ if rotation.is_some() => Err(ConfigError::Contradiction(
            "audit_log_size needs audit_log to be a file: set audit_log, or leave audit_log_size at 0".to_owned(),
        )),
        Some(None) => Ok(Some(Destination::Stdout)),
        None => Ok(None),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::filter::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{text:?} is not a log filter ({error}); write a level such as info or debug")),
    }
}

fn log_format(text: &str) -> Result<Format, String> {
    match text {
        "human" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err(format!("{text:?} is not a log format; write human or json")),
    }
}

#[cfg(test)]
mod tests;
