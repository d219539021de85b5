//! The configuration file as it is written.
//!
//! Every key that is not here is refused, with the nearest one that is. What each key is, and what it is where it
//! is left out, stands in the table of `reference.rs`.

use std::{
    collections::BTreeMap,
    fmt,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::ConfigError;
use crate::source::{flavour::Flavour, settings::Referrals};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    #[serde(default = "name")]
    pub name: String,
    pub source: OneOrMore<RawSource>,
    pub target: RawTarget,
    pub scope: RawScope,
    #[serde(default)]
    pub mapping: RawMapping,
    #[serde(default)]
    pub schedule: RawSchedule,
    #[serde(default)]
    pub service: RawService,
    pub report: Option<super::report::RawReport>,
    #[serde(default)]
    pub safety: super::safety::RawSafety,
    #[serde(default)]
    pub state: RawState,
    pub traces: Option<RawTraces>,
}

/// A table, or several of the same name.
#[derive(Debug)]
pub struct OneOrMore<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tables<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Tables<T> {
            type Value = OneOrMore<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table such as [source], or several such as [[source]]")
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<OneOrMore<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(table)).map(|one| OneOrMore(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, tables: A) -> Result<OneOrMore<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(tables)).map(OneOrMore)
            }
        }
        deserializer.deserialize_any(Tables(std::marker::PhantomData))
    }
}

/// `[source]`, or each `[[source]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSource {
    pub urls: Vec<String>,
    pub flavour: Option<Flavour>,
    #[serde(default)]
    pub referrals: Referrals,
    pub bind: RawBind,
    #[serde(default)]
    pub tls: RawTls,
    #[serde(default)]
    pub bases: Vec<String>,
    #[serde(default)]
    pub users: RawSearch,
    #[serde(default)]
    pub groups: RawSearch,
    pub canary: Option<String>,
    #[serde(default)]
    pub ignored_containers: Vec<String>,
    #[serde(default = "page_size")]
    pub page_size: NonZeroU32,
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: NonZeroU64,
}

/// `[source.bind]`: `account` with a password, or `external = true`, or `gssapi = true`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBind {
    pub account: Option<String>,
    pub password_file: Option<PathBuf>,
    pub password_env: Option<String>,
    #[serde(default)]
    pub allow_plain_text: bool,
    pub external: Option<bool>,
    pub gssapi: Option<bool>,
    #[cfg_attr(not(feature = "gssapi"), expect(dead_code, reason = "read where Kerberos is built in"))]
    pub server: Option<String>,
}

/// `[source.tls]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTls {
    #[serde(default)]
    pub start_tls: bool,
    pub ca_file: Option<PathBuf>,
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
}

/// `[source.users]` and `[source.groups]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSearch {
    pub bases: Option<Vec<String>>,
    pub filter: Option<String>,
}

/// `[target]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTarget {
    pub url: String,
    pub token_file: Option<PathBuf>,
    pub token_env: Option<String>,
    pub ca_file: Option<PathBuf>,
    #[serde(default)]
    pub profile: RawTargetProfile,
    #[serde(default = "concurrency")]
    pub concurrency: NonZeroUsize,
    pub requests_per_second: Option<NonZeroU32>,
    pub members_per_request: Option<NonZeroUsize>,
    #[serde(default = "patience_seconds")]
    pub patience_seconds: u64,
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: NonZeroU64,
}

/// `target.profile`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawTargetProfile {
    #[default]
    Standard,
    IdentityCenter,
}

/// `[scope]`: names, DNs, ids, or `*`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawScope {
    #[serde(default)]
    pub users: Vec<String>,
    #[serde(default)]
    pub groups: Vec<String>,
    pub parent_group: Option<String>,
    #[serde(default)]
    pub exclude: Vec<String>,
    #[serde(default)]
    pub ignore_members: Vec<String>,
    #[serde(default)]
    pub membership: RawNesting,
}

/// `scope.membership`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawNesting {
    #[default]
    Flattened,
    Nested,
}

/// `[mapping]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMapping {
    #[serde(default)]
    pub enterprise: bool,
    pub ends: Option<Vec<RawEnd>>,
    pub inactive: Option<String>,
    #[serde(default)]
    pub user: BTreeMap<String, RawExpression>,
    #[serde(default)]
    pub group: BTreeMap<String, RawExpression>,
}

/// Each word of `mapping.ends`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum RawEnd {
    #[serde(rename = "pwdEndTime")]
    Policy,
    #[serde(rename = "shadowExpire")]
    Shadow,
}

/// One expression, or several of which the first with a value counts.
#[derive(Debug)]
pub enum RawExpression {
    One(String),
    Several(Vec<String>),
}

impl<'de> Deserialize<'de> for RawExpression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ExpressionVisitor;
        impl<'de> Visitor<'de> for ExpressionVisitor {
            type Value = RawExpression;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an expression such as \"${mail}\", or a list of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawExpression, E> {
                Ok(RawExpression::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<RawExpression, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(RawExpression::Several)
            }
        }
        deserializer.deserialize_any(ExpressionVisitor)
    }
}

impl RawExpression {
    pub fn alternatives(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

/// `[schedule]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "the keys of the file say their unit")]
pub struct RawSchedule {
    pub interval_seconds: NonZeroU64,
    pub jitter_seconds: u64,
    pub full_interval_seconds: NonZeroU64,
    pub follow_seconds: u64,
}

impl Default for RawSchedule {
    fn default() -> Self {
        Self {
            interval_seconds: const { NonZeroU64::new(3600).unwrap() },
            jitter_seconds: 300,
            full_interval_seconds: const { NonZeroU64::new(86_400).unwrap() },
            follow_seconds: 10,
        }
    }
}

/// `[service]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawService {
    pub listen: Option<std::net::SocketAddr>,
    pub socket: Option<PathBuf>,
    pub error_log: Option<PathBuf>,
}

/// `[traces]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTraces {
    pub endpoint: String,
    pub headers_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    #[serde(default = "all")]
    pub sample: f64,
}

/// `[state]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawState {
    pub directory: PathBuf,
}

impl Default for RawState {
    fn default() -> Self {
        Self { directory: PathBuf::from("state") }
    }
}

fn all() -> f64 {
    1.0
}

fn name() -> String {
    "default".to_owned()
}

fn page_size() -> NonZeroU32 {
    const { NonZeroU32::new(500).unwrap() }
}

fn timeout_seconds() -> NonZeroU64 {
    const { NonZeroU64::new(60).unwrap() }
}

fn concurrency() -> NonZeroUsize {
    const { NonZeroUsize::new(8).unwrap() }
}

const fn patience_seconds() -> u64 {
    120
}

/// Reads the text of a file.
pub fn parse(path: &Path, text: &str) -> Result<RawConfig, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let before = text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let written = text.lines().nth(line - 1).unwrap_or_default().trim();
        ConfigError::File { path: path.to_owned(), line, reason: in_words(error.message(), written) }
    })
}

/// An unknown key with its nearest neighbour, a missing one with where it belongs; anything else as the parser
/// says it, with the line as it is written.
fn in_words(message: &str, written: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (quoted.next(), message) {
        (Some(unknown), _) if message.starts_with("unknown field") => {
            let near =
                quoted.max_by(|a, b| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)));
            match near {
                Some(near) => format!("there is no setting {unknown:?} here; did you mean {near:?}?"),
                None => format!("there is no setting {unknown:?} here"),
            }
        }
        (Some(missing), _) if message.starts_with("missing field") => {
            let section = if written.starts_with('[') { written } else { "this section" };
            format!(
                "the setting {missing:?} is missing in {section}; docs/reference/sync-configuration.md says what it is"
            )
        }
        _ if written.is_empty() => message.trim_end().to_owned(),
        _ => format!("{} (it says: {written})", message.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"
[source]
urls = ["ldaps://dc1.corp.example.test"]
flavour = "active-directory"
bases = ["DC=corp,DC=example,DC=test"]
bind = { account = "CN=svc-sync,DC=corp,DC=example,DC=test", password_env = "LDAP_PASSWORD" }

[target]
url = "https://scim.example.test/scim/v2"
token_file = "token"

[scope]
groups = ["Staff"]

[mapping.user]
"nickName" = "${givenName}"
"displayName" = ["${displayName}", "${cn}"]
"#;

    #[test]
    fn a_sample_is_read() {
        let raw = parse(Path::new("sync-agent.toml"), SAMPLE).unwrap();
        assert_eq!(raw.mapping.user.len(), 2);
        assert_eq!(raw.source.0[0].page_size.get(), 500);
        let one = SAMPLE.replace("[target]", "page_size = 1\n\n[target]");
        assert_eq!(parse(Path::new("sync-agent.toml"), &one).unwrap().source.0[0].page_size.get(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_key_and_what_to_write() {
        for (old, new, words) in [
            ("bind = { account", "bind = { acount", "there is no setting \"acount\" here; did you mean \"account\"?"),
            ("\"nickName\" = \"${givenName}\"", "\"nickName\" = 5", "expected an expression such as \"${mail}\""),
            ("url = \"https://scim.example.test/scim/v2\"\n", "", "the setting \"url\" is missing in [target]"),
            ("[target]", "page_size = \"500\"\n\n[target]", "it says: page_size = \"500\""),
            ("[target]", "page_size = 0\n\n[target]", "it says: page_size = 0"),
            ("[target]", "page_size = -1\n\n[target]", "it says: page_size = -1"),
            ("[target]", "page_size = 4294967296\n\n[target]", "it says: page_size = 4294967296"),
            ("[target]", "timeout_seconds = 0\n\n[target]", "it says: timeout_seconds = 0"),
            ("[target]", "pagesize = 5\n\n[target]", "did you mean \"page_size\"?"),
        ] {
            assert!(SAMPLE.contains(old), "{old}");
            let error = parse(Path::new("a.toml"), &SAMPLE.replace(old, new)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_its_neighbour() {
        let text = SAMPLE.replace("token_file", "token_fle");
        let error = parse(Path::new("sync-agent.toml"), &text).unwrap_err().to_string();
        assert_eq!(
            error,
            "sync-agent.toml, line 10: there is no setting \"token_fle\" here; did you mean \"token_file\"?"
        );
    }
}
