//! The configuration file as it is written.
//!
//! Every key that is not here is refused, with the nearest one that is. Samples of the documentation
//! are compiled into the tests of this module.

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

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// What this synchronisation is called in the error log: `default` unless it says otherwise.
    #[serde(default = "name")]
    pub name: String,
    /// The directory; several, which make one population, as `[[source]]` for each.
    pub source: OneOrMore<RawSource>,
    /// The SCIM server.
    pub target: RawTarget,
    /// Who is meant.
    pub scope: RawScope,
    /// What they become.
    #[serde(default)]
    pub mapping: RawMapping,
    /// When the daemon runs.
    #[serde(default)]
    pub schedule: RawSchedule,
    /// Where the daemon is asked.
    #[serde(default)]
    pub service: RawService,
    /// Times of grace, and limits on losses.
    #[serde(default)]
    pub safety: super::safety::RawSafety,
    /// Where the agent remembers.
    #[serde(default)]
    pub state: RawState,
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
    /// Servers, in order of preference: `ldaps://host[:port]`, `ldap://…`, `ldapi://%2Fpath`.
    pub urls: Vec<String>,
    /// The kind of directory; the server is asked where this is not said.
    pub flavour: Option<RawFlavour>,
    /// What is done with references to other servers: `report` by default.
    #[serde(default)]
    pub referrals: super::Referrals,
    /// How to bind.
    pub bind: RawBind,
    /// TLS.
    #[serde(default)]
    pub tls: RawTls,
    /// Base DNs for users and groups alike.
    #[serde(default)]
    pub bases: Vec<String>,
    /// What is special to users.
    #[serde(default)]
    pub users: RawSearch,
    /// What is special to groups.
    #[serde(default)]
    pub groups: RawSearch,
    /// DN of an entry that must always be readable; the account itself by default.
    pub canary: Option<String>,
    /// Containers that were seen once and are seen no longer, and into which nobody can have been moved:
    /// they were deleted, or are none of the agent's business.
    #[serde(default)]
    pub ignored_containers: Vec<String>,
    /// Entries a page: 500 by default.
    #[serde(default = "page_size")]
    pub page_size: NonZeroU32,
    /// Seconds that one operation may take: 60 by default.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: NonZeroU64,
}

/// `source.flavour`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawFlavour {
    /// Active Directory or Samba.
    ActiveDirectory,
    /// OpenLDAP.
    #[serde(rename = "openldap")]
    OpenLdap,
    /// 389 Directory Server.
    #[serde(rename = "389ds")]
    Ds389,
    /// Any other LDAP directory.
    Generic,
}

/// `[source.bind]`: `account` with a password, or `external = true`, or `gssapi = true`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBind {
    /// DN, UPN or `DOMAIN\name`.
    pub account: Option<String>,
    /// The file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// The environment variable that holds it.
    pub password_env: Option<String>,
    /// The explicit word for a password on an unprotected connection.
    #[serde(default)]
    pub allow_plain_text: bool,
    /// `true`: SASL EXTERNAL, by client certificate or socket.
    pub external: Option<bool>,
    /// `true`: by Kerberos ticket. Only in a program that was built with the feature `gssapi`.
    pub gssapi: Option<bool>,
    /// The server's name as the realm knows it (`dc1.corp.example.com`), where that is not the host of the
    /// URL; with `gssapi`.
    pub server: Option<String>,
}

/// `[source.tls]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTls {
    /// StartTLS on `ldap://`.
    #[serde(default)]
    pub start_tls: bool,
    /// Authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// Certificate of the agent, PEM.
    pub client_cert: Option<PathBuf>,
    /// Its key, PEM.
    pub client_key: Option<PathBuf>,
}

/// `[source.users]` and `[source.groups]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSearch {
    /// Base DNs in place of `source.bases`.
    pub bases: Option<Vec<String>>,
    /// Filter in place of the flavour's.
    pub filter: Option<String>,
}

/// `[target]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTarget {
    /// Base URL, with the path before `/Users`.
    pub url: String,
    /// The file whose first line is the bearer token.
    pub token_file: Option<PathBuf>,
    /// The environment variable that holds it.
    pub token_env: Option<String>,
    /// Authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// What kind of target: `standard` by default.
    #[serde(default)]
    pub profile: RawTargetProfile,
    /// Requests at a time: 8 by default.
    #[serde(default = "concurrency")]
    pub concurrency: NonZeroUsize,
    /// Requests a second: any number by default, 20 with the profile `identity-center`.
    pub requests_per_second: Option<NonZeroU32>,
    /// Membership changes in one request: 1,000 by default, 100 with the profile `identity-center`.
    pub members_per_request: Option<NonZeroUsize>,
    /// Seconds during which one request is tried again while the target is busy or away: 120 by default.
    #[serde(default = "patience_seconds")]
    pub patience_seconds: u64,
    /// Seconds that one request may take: 60 by default.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: NonZeroU64,
}

/// `target.profile`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawTargetProfile {
    /// What the RFCs say.
    #[default]
    Standard,
    /// AWS IAM Identity Center.
    IdentityCenter,
}

/// `[scope]`: names, DNs, ids, or `*`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawScope {
    /// Users.
    #[serde(default)]
    pub users: Vec<String>,
    /// Groups, with all who are within.
    #[serde(default)]
    pub groups: Vec<String>,
    /// A group whose members are the scope.
    pub parent_group: Option<String>,
    /// Users and groups that are never in scope.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// DNs that are members of groups and mean nobody, such as the dummy that OpenLDAP needs in an empty
    /// `groupOfNames`: they are not told as a problem.
    #[serde(default)]
    pub ignore_members: Vec<String>,
    /// How nested groups appear: `flattened` by default.
    #[serde(default)]
    pub membership: RawNesting,
}

/// `scope.membership`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawNesting {
    /// Every user through all levels.
    #[default]
    Flattened,
    /// Groups as members of groups.
    Nested,
}

/// `[mapping]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMapping {
    /// Whether the enterprise attributes are mapped too, `manager` among them.
    #[serde(default)]
    pub enterprise: bool,
    /// Attributes that make an account inactive at a time, besides `accountExpires`: `pwdEndTime`, with
    /// `pwdStartTime`, by default; `shadowExpire` may be added. Nothing with an empty list.
    pub ends: Option<Vec<RawEnd>>,
    /// A filter (RFC 4515): whoever it matches is inactive, such as `(loginShell=*/nologin)`. Nobody without it.
    pub inactive: Option<String>,
    /// Rules for users.
    #[serde(default)]
    pub user: BTreeMap<String, RawExpression>,
    /// Rules for groups.
    #[serde(default)]
    pub group: BTreeMap<String, RawExpression>,
}

/// Each word of `mapping.ends`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum RawEnd {
    /// Of OpenLDAP's password policy, `pwdStartTime` included.
    #[serde(rename = "pwdEndTime")]
    Policy,
    /// Days since 1970 (RFC 2307).
    #[serde(rename = "shadowExpire")]
    Shadow,
}

/// One expression, or several of which the first with a value counts.
#[derive(Debug)]
pub enum RawExpression {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl<'de> Deserialize<'de> for RawExpression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Expression;
        impl<'de> Visitor<'de> for Expression {
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
        deserializer.deserialize_any(Expression)
    }
}

impl RawExpression {
    /// The alternatives.
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
pub struct RawSchedule {
    /// Seconds from the start of one cycle to that of the next: 3,600 by default.
    pub interval_seconds: NonZeroU64,
    /// Up to so many seconds are added to each pause, at random: 300 by default.
    pub jitter_seconds: u64,
    /// Seconds from one full reconciliation to the next: 86,400 by default.
    pub full_interval_seconds: NonZeroU64,
    /// Where the directory says at once that something changed, a cycle begins so many seconds later:
    /// 10 by default. 0 leaves it to the interval.
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
    /// Address and port of `/metrics` and `/healthz`; none without it.
    pub listen: Option<std::net::SocketAddr>,
    /// The control socket: `control.sock` in the folder of the state by default.
    pub socket: Option<PathBuf>,
    /// The error log: `sync-errors.jsonl` beside the configuration by default.
    pub error_log: Option<PathBuf>,
}

/// `[state]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawState {
    /// The folder in which the agent remembers: `state` beside the configuration by default.
    pub directory: PathBuf,
}

impl Default for RawState {
    fn default() -> Self {
        Self { directory: PathBuf::from("state") }
    }
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
