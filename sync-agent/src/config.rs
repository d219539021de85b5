//! What the agent is told: one TOML file.
//!
//! [`raw`] is the file as it is written, every key known or refused with the nearest known one;
//! [`Config`] is what it means: URLs, names, filters and mappings parsed, secrets read, defaults
//! filled in. Nothing behind this module checks a setting again.

pub mod edit;
pub mod raw;
#[cfg(test)]
mod reference;
pub mod report;
pub mod safety;
mod sources;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

use traces::settings::{NO_PART, READABLE, Sample, endpoint, is_readable_on_the_way};

use crate::{
    dn::Dn,
    identity::Kind,
    mapping::{Mapping, Rule, account::AccountRules, defaults, expression::Expression, slot::Slot},
    population::withheld::Watched,
    scope::{Nesting, Scope, Selector, filter::Filter},
    secret::{self, SecretError, Token},
    source::{
        Key,
        account::Ends,
        flavour::Flavour,
        settings::{Bind, SearchSettings, SourceSettings},
    },
    target::settings::{TargetProfile, TargetSettings},
    tls::TlsSettings,
    tracer::TracerSettings,
};

use raw::{RawConfig, RawNesting, RawTargetProfile};

/// Why the configuration cannot be used. Each names the place where the wrong thing stands.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; --config names another file", path.display())]
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

impl From<SecretError> for ConfigError {
    fn from(SecretError { setting, reason }: SecretError) -> Self {
        Self::Value { setting, reason }
    }
}

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// What this synchronisation is called in the error log.
    pub name: String,
    /// The directory: the first, where there are several.
    pub source: SourceSettings,
    /// The other directories. All make one population.
    pub others: Vec<SourceSettings>,
    /// The SCIM server.
    pub target: TargetSettings,
    pub scope: Scope,
    /// What they become.
    pub mapping: Mapping,
    /// When the daemon runs.
    pub schedule: Schedule,
    /// Times of grace, and limits on losses.
    pub safety: crate::plan::limits::Safety,
    /// Where the agent remembers.
    pub state: PathBuf,
    /// Address and port of `/metrics` and `/healthz`.
    pub listen: Option<SocketAddr>,
    /// The server that is told how it stands.
    pub report: Option<report::Reporting>,
    /// The control socket.
    pub socket: PathBuf,
    /// The error log.
    pub errors: PathBuf,
    /// Where spans are sent.
    pub traces: Option<TracerSettings>,
}

/// `[schedule]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// From the start of one cycle to that of the next.
    pub interval: Duration,
    /// Up to so much is added to each pause.
    pub jitter: Duration,
    /// From one full reconciliation to the next.
    pub full_interval: Duration,
    /// How long after the directory said that something changed a cycle begins; `None` for not to ask.
    pub follow: Option<Duration>,
}

impl Config {
    /// All directories, in the order of the file.
    pub fn sources(&self) -> impl Iterator<Item = &SourceSettings> + Clone {
        std::iter::once(&self.source).chain(&self.others)
    }

    /// The canary of each directory, in the same order.
    pub fn canaries(&self) -> Vec<&Key> {
        self.sources().map(|source| &source.canary).collect()
    }

    /// The attributes of the directory that are read, in lower case, without repetition.
    pub fn attributes(&self) -> Vec<String> {
        let mut names = self.mapping.attributes();
        names.extend(self.scope.attributes());
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The attributes by which somebody is told from somebody else, in scope or not, in a group or not, active or
    /// not: what is no longer shown of these has to be proved lost.
    pub fn watched(&self) -> Watched {
        let deciding: BTreeSet<String> = self.mapping.account.deciding().collect();
        let of = |kind| {
            let all = Flavour::all();
            let own = all.iter().flat_map(|flavour| flavour.distinguishing(kind)).map(|name| (*name).to_owned());
            own.chain(self.mapping.attributes_of(kind)).chain(self.scope.attributes()).collect()
        };
        let mut users: BTreeSet<String> = of(Kind::User);
        users.extend(deciding.iter().cloned());
        Watched { users, groups: of(Kind::Group), deciding }
    }

    /// Reads the file. Paths in it are relative to its folder.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Reads a text as if it were the file at this path.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        Self::from_raw(raw::parse(path, text)?, path.parent().unwrap_or(Path::new(".")))
    }

    fn from_raw(raw: RawConfig, folder: &Path) -> Result<Self, ConfigError> {
        let (source, others) = sources::sources(raw.source.0, folder)?;
        let flavours = sources::flavours(&source, &others);
        let named = raw.mapping.group.keys().any(|slot| slot.eq_ignore_ascii_case("displayName"));
        let apart = flavours.iter().find_map(|flavour| flavour.group_name_apart()).filter(|_| !named);
        let group = |apart: Option<&'static str>| {
            let mut defaults = default_rules(&flavours, Kind::Group);
            let names = defaults.iter_mut().find(|(slot, _)| *slot == "displayName");
            if let Some(((_, alternatives), apart)) = names.zip(apart) {
                alternatives.insert(0, apart);
            }
            rules("mapping.group", &defaults, &raw.mapping.group)
        };
        let mapping = Mapping {
            user: {
                let mut defaults = default_rules(&flavours, Kind::User);
                if raw.mapping.enterprise {
                    defaults.extend(defaults::ENTERPRISE.iter().map(|(slot, rules)| (*slot, rules.to_vec())));
                }
                rules("mapping.user", &defaults, &raw.mapping.user)?
            },
            group: group(None)?,
            apart: apart.map(|apart| group(Some(apart))).transpose()?,
            account: account_rules(raw.mapping.ends.as_deref(), raw.mapping.inactive.as_deref())?,
        };
        let target = target(raw.target, folder)?;
        if target.profile == TargetProfile::IdentityCenter && matches!(raw.scope.membership, RawNesting::Nested) {
            return Err(wrong(
                "scope.membership",
                "is flattened with the profile identity-center, which has no groups in groups",
            ));
        }
        Ok(Self {
            name: raw.name,
            target,
            schedule: Schedule {
                interval: Duration::from_secs(raw.schedule.interval_seconds.get()),
                jitter: Duration::from_secs(raw.schedule.jitter_seconds),
                full_interval: Duration::from_secs(raw.schedule.full_interval_seconds.get()),
                follow: Some(raw.schedule.follow_seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs),
            },
            report: raw.report.map(|raw| report::reporting(raw, folder)).transpose()?,
            listen: raw.service.listen,
            socket: folder.join(raw.service.socket.unwrap_or_else(|| raw.state.directory.join("control.sock"))),
            traces: raw.traces.map(|raw| tracer(raw, folder)).transpose()?,
            errors: folder.join(raw.service.error_log.unwrap_or_else(|| "sync-errors.jsonl".into())),
            scope: scope(raw.scope)?,
            mapping,
            safety: safety::safety(&raw.safety)?,
            state: folder.join(raw.state.directory),
            source,
            others,
        })
    }
}

fn wrong(setting: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Value { setting: setting.to_owned(), reason: reason.into() }
}

fn source(raw: raw::RawSource, folder: &Path) -> Result<SourceSettings, ConfigError> {
    if raw.urls.is_empty() {
        return Err(wrong("source.urls", "names no server; write for example [\"ldaps://dc1.corp.example.test\"]"));
    }
    let known = ["ldap://", "ldaps://", "ldapi://"];
    if let Some(url) = raw.urls.iter().find(|url| !known.iter().any(|scheme| url.starts_with(scheme))) {
        return Err(wrong("source.urls", format!("{url:?} begins with none of ldaps://, ldap:// and ldapi://")));
    }
    let plain = raw.urls.iter().find(|url| url.starts_with("ldap://") && !raw.tls.start_tls);
    if let Some(url) = plain.filter(|_| raw.bind.account.is_some() && !raw.bind.allow_plain_text) {
        return Err(wrong(
            "source.bind",
            format!(
                "{url} would carry the password in plain text; use ldaps://, or source.tls.start_tls = true, or say source.bind.allow_plain_text = true"
            ),
        ));
    }
    let bind = bind(raw.bind, folder)?;
    let canary = match (raw.canary, &bind) {
        (Some(dn), _) => Key::Dn(dn_of("source.canary", &dn)?),
        (None, Bind::Simple { account, .. }) => Key::Dn(Dn::parse(account).map_err(|_| {
            wrong(
                "source.canary",
                "is needed where the account is not a DN: name an entry that must always be readable",
            )
        })?),
        (None, _) => {
            return Err(wrong(
                "source.canary",
                "is needed with a bind that names no account: name an entry that must always be readable",
            ));
        }
    };
    let join = |path: PathBuf| folder.join(path);
    Ok(SourceSettings {
        users: search("source.users", raw.users, &raw.bases)?,
        groups: search("source.groups", raw.groups, &raw.bases)?,
        tls: TlsSettings {
            start_tls: raw.tls.start_tls,
            ca_file: raw.tls.ca_file.map(join),
            client: match (raw.tls.client_cert, raw.tls.client_key) {
                (Some(cert), Some(key)) => Some((folder.join(cert), folder.join(key))),
                (None, None) => None,
                _ => return Err(wrong("source.tls", "client_cert and client_key are set both or neither")),
            },
        },
        urls: raw.urls,
        flavour: raw.flavour,
        referrals: raw.referrals,
        bind,
        canary,
        ignored_containers: raw
            .ignored_containers
            .iter()
            .map(|dn| dn_of("source.ignored_containers", dn))
            .collect::<Result<_, _>>()?,
        page_size: i32::try_from(raw.page_size.get()).map_err(|_| wrong("source.page_size", "is too large"))?,
        connect_timeout: Duration::from_secs(raw.timeout_seconds.get()),
        timeout: Duration::from_secs(raw.timeout_seconds.get()),
    })
}

/// The one way of binding that is named.
fn bind(raw: raw::RawBind, folder: &Path) -> Result<Bind, ConfigError> {
    let wrong = |reason: &str| wrong("source.bind", reason);
    if matches!(raw.external, Some(false)) {
        return Err(wrong("external = false says nothing; name an account instead"));
    }
    match (raw.account, raw.external.is_some(), raw.gssapi.unwrap_or(false)) {
        (Some(account), false, false) => {
            let password = secret::read("source.bind", "password", raw.password_file, raw.password_env, folder)?;
            Ok(Bind::Simple { account, password })
        }
        (None, true, false) => Ok(Bind::External),
        #[cfg(feature = "gssapi")]
        (None, false, true) => Ok(Bind::Gssapi { server: raw.server }),
        #[cfg(not(feature = "gssapi"))]
        (None, false, true) => Err(wrong("gssapi = true needs a program that was built with the feature gssapi")),
        (None, false, false) => Err(wrong(
            "names no way to bind; write account = \"the DN of the agent's account\" with password_file = \"a file\", or external = true for a client certificate",
        )),
        _ => Err(wrong("names more than one way to bind; keep one of account, external and gssapi")),
    }
}

/// A filter is parsed by the library that sends it, so that a mistake is told with its place and not by the
/// first search.
fn filter(setting: &str, text: String) -> Result<String, ConfigError> {
    if ldap3::parse_filter(&text).is_ok() {
        return Ok(text);
    }
    let lenient = text.match_indices("(!").find(|(at, sign)| !text[at + sign.len()..].trim_start().starts_with('('));
    Err(wrong(
        setting,
        match lenient {
            Some((at, _)) => {
                let inner = text[at + 2..].split(')').next().unwrap_or_default();
                format!("{text:?} is no filter of RFC 4515: behind ! parentheses are needed; write (!({inner}))")
            }
            None => format!(
                "{text:?} is no filter (RFC 4515): each condition stands in parentheses, such as (&(objectClass=person)(!(uid=a*)))"
            ),
        },
    ))
}

fn search(setting: &str, raw: raw::RawSearch, bases: &[String]) -> Result<SearchSettings, ConfigError> {
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
    let filter = raw.filter.map(|text| filter(&format!("{setting}.filter"), text)).transpose()?;
    Ok(SearchSettings { bases: outer, filter })
}

fn dn_of(setting: &str, text: &str) -> Result<Dn, ConfigError> {
    Dn::parse(text).map_err(|error| wrong(setting, error.to_string()))
}

fn target(raw: raw::RawTarget, folder: &Path) -> Result<TargetSettings, ConfigError> {
    let host = raw.url.strip_prefix("https://").or_else(|| raw.url.strip_prefix("http://"));
    if host.is_none_or(str::is_empty) {
        return Err(wrong("target.url", format!("{:?} is no http or https URL", raw.url)));
    }
    // 20 requests a second is what that service takes of all clients together; 100 members a request.
    let (profile, rate, members) = match raw.profile {
        RawTargetProfile::Standard => (TargetProfile::Standard, None, 1000),
        RawTargetProfile::IdentityCenter => (TargetProfile::IdentityCenter, NonZeroU32::new(20), 100),
    };
    let members = raw.members_per_request.map_or(members, NonZeroUsize::get);
    if profile == TargetProfile::IdentityCenter && members > 100 {
        return Err(wrong("target.members_per_request", "is at most 100 with the profile identity-center"));
    }
    Ok(TargetSettings {
        profile,
        requests_per_second: raw.requests_per_second.or(rate),
        patience: Duration::from_secs(raw.patience_seconds),
        url: raw.url.trim_end_matches('/').to_owned(),
        token: Token::read("target", raw.token_file, raw.token_env, folder)?,
        ca_file: raw.ca_file.map(|path| folder.join(path)),
        concurrency: raw.concurrency.get(),
        members_per_request: members,
        timeout: Duration::from_secs(raw.timeout_seconds.get()),
    })
}

fn tracer(raw: raw::RawTraces, folder: &Path) -> Result<TracerSettings, ConfigError> {
    let endpoint = endpoint(&raw.endpoint).map_err(|reason| wrong("traces.endpoint", reason))?;
    if raw.headers_file.is_some() && is_readable_on_the_way(&endpoint) {
        return Err(wrong("traces.headers_file", READABLE));
    }
    Ok(TracerSettings {
        endpoint,
        headers_file: raw.headers_file.map(|path| folder.join(path)),
        ca_file: raw.ca_file.map(|path| folder.join(path)),
        sample: Sample::of(raw.sample).ok_or_else(|| wrong("traces.sample", format!("{} {NO_PART}", raw.sample)))?,
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
        nobodies: raw.ignore_members.iter().map(|dn| dn_of("scope.ignore_members", dn)).collect::<Result<_, _>>()?,
        nesting: match raw.membership {
            RawNesting::Flattened => Nesting::Flattened,
            RawNesting::Nested => Nesting::Nested,
        },
    })
}

/// What makes an account inactive.
fn account_rules(ends: Option<&[raw::RawEnd]>, inactive: Option<&str>) -> Result<AccountRules, ConfigError> {
    let of = |ends: &[raw::RawEnd]| Ends {
        policy: ends.contains(&raw::RawEnd::Policy),
        shadow: ends.contains(&raw::RawEnd::Shadow),
    };
    let inactive = inactive.map(|text| Filter::parse(text).map_err(|reason| wrong("mapping.inactive", reason)));
    Ok(AccountRules { ends: ends.map_or_else(Ends::default, of), inactive: inactive.transpose()? })
}

/// The default rules of the flavours, one after the other: a directory has the attributes of its own flavour only.
fn default_rules(flavours: &[Flavour], kind: Kind) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut merged: Vec<(&str, Vec<&str>)> = Vec::new();
    for (slot, alternatives) in flavours.iter().flat_map(|flavour| flavour.default_rules(kind)) {
        match merged.iter_mut().find(|(known, _)| known == slot) {
            Some((_, known)) => {
                let more: Vec<&str> = alternatives.iter().copied().filter(|one| !known.contains(one)).collect();
                known.extend(more);
            }
            None => merged.push((slot, alternatives.to_vec())),
        }
    }
    merged
}

/// The default rules, each replaced by the one for the same slot where the file has one.
fn rules(
    section: &str,
    defaults: &[(&str, Vec<&str>)],
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
