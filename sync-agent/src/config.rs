//! What the agent is told: one TOML file.
//!
//! [`raw`] is the file as it is written, every key known or refused with the nearest known one;
//! [`Config`] is what it means: URLs, names, filters and mappings parsed, secrets read, defaults
//! filled in. Nothing behind this module checks a setting again.

pub mod edit;
pub mod raw;
pub mod safety;
pub mod secret;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use raw::{RawConfig, RawFlavour, RawNesting};
pub use secret::Secret;

use crate::{
    dn::Dn,
    mapping::{Mapping, Rule, defaults, expression::Expression, slot::Slot},
    scope::{Nesting, Scope, Selector},
    source::Key,
};

/// Why the configuration cannot be used. Each names the place where the wrong thing stands.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be replaced.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML, or has something in it that is no setting.
    #[error("{}, line {line}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A value that cannot be used.
    #[error("{setting}: {reason}")]
    Value {
        /// The setting, with its section: `source.urls`.
        setting: String,
        /// What is wrong, and what to write.
        reason: String,
    },
}

/// What kind of directory it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Microsoft's Active Directory, or Samba's.
    ActiveDirectory,
    /// OpenLDAP, and others with `entryUUID` and groups of names.
    OpenLdap,
}

/// How the agent proves who it is.
#[derive(Debug, Clone)]
pub enum Bind {
    /// A name and a password.
    Simple {
        /// DN, or on Active Directory also UPN or `DOMAIN\name`.
        account: String,
        /// The password.
        password: Secret,
    },
    /// By client certificate or by the socket's peer (RFC 4422 appendix A).
    External,
}

/// How connections to the directory are protected.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// StartTLS on `ldap://`.
    pub start_tls: bool,
    /// Authorities to trust in place of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Certificate and key of the agent, PEM, for [`Bind::External`].
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Where one kind of entry is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchSettings {
    /// The bases, none within another.
    pub bases: Vec<Dn>,
    /// The filter (RFC 4515).
    pub filter: String,
}

/// `[source]`.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// Servers, in order of preference.
    pub urls: Vec<String>,
    /// The kind of directory.
    pub flavour: Flavour,
    /// How to bind.
    pub bind: Bind,
    /// How connections are protected.
    pub tls: Tls,
    /// Where users are.
    pub users: SearchSettings,
    /// Where groups are.
    pub groups: SearchSettings,
    /// What is read to prove that the account can read.
    pub canary: Key,
    /// Entries a page.
    pub page_size: i32,
    /// How long one operation may take.
    pub timeout: Duration,
}

/// `[target]`.
#[derive(Debug, Clone)]
pub struct TargetSettings {
    /// The base URL, without a slash at the end.
    pub url: String,
    /// The bearer token.
    pub token: Secret,
    /// Authorities to trust in place of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Requests at a time.
    pub concurrency: usize,
    /// Membership changes in one request.
    pub members_per_request: usize,
    /// How long one request may take.
    pub timeout: Duration,
}

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory.
    pub source: SourceSettings,
    /// The SCIM server.
    pub target: TargetSettings,
    /// Who is meant.
    pub scope: Scope,
    /// What they become.
    pub mapping: Mapping,
    /// Times of grace, and limits on losses.
    pub safety: crate::plan::safety::Safety,
    /// Where the agent remembers.
    pub state: PathBuf,
}

impl Config {
    /// The attributes of the directory that are read, in lower case, without repetition.
    pub fn attributes(&self) -> Vec<String> {
        let mut names = self.mapping.attributes();
        names.extend(self.scope.attributes());
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Reads the file. Paths in it are relative to its folder.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let raw = raw::parse(path, &text)?;
        Self::from_raw(raw, path.parent().unwrap_or(Path::new(".")))
    }

    fn from_raw(raw: RawConfig, folder: &Path) -> Result<Self, ConfigError> {
        let source = source(raw.source, folder)?;
        let mapping = Mapping {
            user: rules(
                "mapping.user",
                &[defaults::user(source.flavour), if raw.mapping.enterprise { defaults::ENTERPRISE } else { &[] }]
                    .concat(),
                &raw.mapping.user,
            )?,
            group: rules("mapping.group", defaults::group(source.flavour), &raw.mapping.group)?,
        };
        Ok(Self {
            target: target(raw.target, folder)?,
            scope: scope(raw.scope)?,
            mapping,
            safety: safety::safety(&raw.safety)?,
            state: folder.join(raw.state.directory),
            source,
        })
    }
}

fn wrong(setting: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Value { setting: setting.to_owned(), reason: reason.into() }
}

fn source(raw: raw::RawSource, folder: &Path) -> Result<SourceSettings, ConfigError> {
    let flavour = match raw.flavour {
        RawFlavour::ActiveDirectory => Flavour::ActiveDirectory,
        RawFlavour::OpenLdap => Flavour::OpenLdap,
    };
    if raw.urls.is_empty() {
        return Err(wrong("source.urls", "names no server; write for example [\"ldaps://dc1.corp.example.test\"]"));
    }
    let known = ["ldap://", "ldaps://", "ldapi://"];
    if let Some(url) = raw.urls.iter().find(|url| !known.iter().any(|scheme| url.starts_with(scheme))) {
        return Err(wrong("source.urls", format!("{url:?} begins with none of ldaps://, ldap:// and ldapi://")));
    }
    let plain = raw.urls.iter().find(|url| url.starts_with("ldap://") && !raw.tls.start_tls);
    let bind = match raw.bind {
        raw::RawBind::Simple(simple) => {
            if let Some(url) = plain.filter(|_| !simple.allow_plain_text) {
                return Err(wrong(
                    "source.bind",
                    format!(
                        "{url} would carry the password in plain text; use ldaps://, or source.tls.start_tls = true, or say source.bind.allow_plain_text = true"
                    ),
                ));
            }
            let password = secret::read("source.bind", "password", simple.password_file, simple.password_env, folder)?;
            Bind::Simple { account: simple.account, password }
        }
        raw::RawBind::External(_) => Bind::External,
    };
    let canary = match (raw.canary, &bind) {
        (Some(dn), _) => Key::Dn(dn_of("source.canary", &dn)?),
        (None, Bind::Simple { account, .. }) => Key::Dn(Dn::parse(account).map_err(|_| {
            wrong(
                "source.canary",
                "is needed where the account is not a DN: name an entry that must always be readable",
            )
        })?),
        (None, Bind::External) => {
            return Err(wrong(
                "source.canary",
                "is needed with an external bind: name an entry that must always be readable",
            ));
        }
    };
    let (user_filter, group_filter) = crate::source::full::default_filters(flavour);
    let join = |path: PathBuf| folder.join(path);
    Ok(SourceSettings {
        users: search("source.users", raw.users, &raw.bases, user_filter)?,
        groups: search("source.groups", raw.groups, &raw.bases, group_filter)?,
        tls: Tls {
            start_tls: raw.tls.start_tls,
            ca_file: raw.tls.ca_file.map(join),
            client: match (raw.tls.client_cert, raw.tls.client_key) {
                (Some(cert), Some(key)) => Some((folder.join(cert), folder.join(key))),
                (None, None) => None,
                _ => return Err(wrong("source.tls", "client_cert and client_key are set both or neither")),
            },
        },
        urls: raw.urls,
        flavour,
        bind,
        canary,
        page_size: i32::try_from(raw.page_size.get()).map_err(|_| wrong("source.page_size", "is too large"))?,
        timeout: Duration::from_secs(raw.timeout_seconds.get()),
    })
}

fn search(setting: &str, raw: raw::RawSearch, bases: &[String], filter: &str) -> Result<SearchSettings, ConfigError> {
    let bases = raw.bases.as_deref().unwrap_or(bases);
    if bases.is_empty() {
        return Err(wrong(&format!("{setting}.bases"), "is empty, and so is source.bases; name at least one base DN"));
    }
    let mut outer: Vec<Dn> = Vec::new();
    for base in bases {
        let base = dn_of(&format!("{setting}.bases"), base)?;
        // A base within another would be read twice.
        if !outer.iter().any(|other| base.is_within(other)) {
            outer.retain(|other| !other.is_within(&base));
            outer.push(base);
        }
    }
    Ok(SearchSettings { bases: outer, filter: raw.filter.unwrap_or_else(|| filter.to_owned()) })
}

fn dn_of(setting: &str, text: &str) -> Result<Dn, ConfigError> {
    Dn::parse(text).map_err(|error| wrong(setting, error.to_string()))
}

fn target(raw: raw::RawTarget, folder: &Path) -> Result<TargetSettings, ConfigError> {
    let host = raw.url.strip_prefix("https://").or_else(|| raw.url.strip_prefix("http://"));
    if host.is_none_or(str::is_empty) {
        return Err(wrong("target.url", format!("{:?} is no http or https URL", raw.url)));
    }
    Ok(TargetSettings {
        url: raw.url.trim_end_matches('/').to_owned(),
        token: secret::read("target", "token", raw.token_file, raw.token_env, folder)?,
        ca_file: raw.ca_file.map(|path| folder.join(path)),
        concurrency: raw.concurrency.get(),
        members_per_request: raw.members_per_request.get(),
        timeout: Duration::from_secs(raw.timeout_seconds.get()),
    })
}

fn scope(raw: raw::RawScope) -> Result<Scope, ConfigError> {
    if raw.users.is_empty() && raw.groups.is_empty() && raw.parent_group.is_none() {
        return Err(wrong(
            "scope",
            "names nobody; name users, groups or a parent_group, or write groups = [\"*\"] for every group that the source reads",
        ));
    }
    let selector = |setting: &str, line: &str| Selector::parse(line).map_err(|reason| wrong(setting, reason));
    let selectors = |setting: &str, lines: Vec<String>| -> Result<Vec<Selector>, ConfigError> {
        lines.iter().map(|line| selector(setting, line)).collect()
    };
    Ok(Scope {
        users: selectors("scope.users", raw.users)?,
        groups: selectors("scope.groups", raw.groups)?,
        parent: raw.parent_group.as_deref().map(|line| selector("scope.parent_group", line)).transpose()?,
        exclude: selectors("scope.exclude", raw.exclude)?,
        nesting: match raw.membership {
            RawNesting::Flattened => Nesting::Flattened,
            RawNesting::Nested => Nesting::Nested,
        },
    })
}

/// The default rules, each replaced by the one for the same slot where the file has one.
fn rules(
    section: &str,
    defaults: &[defaults::Default],
    raw: &BTreeMap<String, raw::RawExpression>,
) -> Result<Vec<Rule>, ConfigError> {
    let kept = defaults.iter().filter(|(slot, _)| !raw.contains_key(*slot));
    let kept = kept.map(|(slot, alternatives)| rule(section, slot, alternatives));
    let own = raw.iter().map(|(slot, expression)| rule(section, slot, expression.alternatives()));
    kept.chain(own).collect()
}

fn rule<T: AsRef<str>>(section: &str, slot: &str, alternatives: &[T]) -> Result<Rule, ConfigError> {
    let at = |reason| wrong(&format!("{section}.{slot}"), reason);
    let expression = Expression::parse(alternatives).map_err(|error| at(error.to_string()))?;
    Ok(Rule { slot: Slot::parse(slot).map_err(at)?, expression })
}
