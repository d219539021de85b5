//! The requests of each identity provider, and what it needs of each response.
//!
//! A profile is data (`profiles/*.json`): dialogues of requests in the order in which the provider sends them, each
//! with how well it is known. Facts about providers change more often than programs do, and adding one should not
//! need Rust. [`play()`] is the only reader, for `scim-conformance` and for the tests of scim-server;
//! `profiles/README.md` describes the format.

mod expect;
mod play;
mod variables;

use std::{collections::BTreeMap, fmt, sync::LazyLock};

pub use play::{Choice, hold, play};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::verdict::Level;

/// The dialogues of one provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What `--profile` takes.
    pub name: String,
    /// The provider, as people call it.
    pub provider: String,
    /// What is peculiar about it, in a sentence or two.
    pub about: String,
    /// What the numbers of the steps' sources mean.
    pub sources: BTreeMap<String, String>,
    /// Settings of the tenant of scim-server that plays it, for its tests.
    #[serde(default)]
    pub settings: Option<Value>,
    /// In order; later ones may use what earlier ones saved.
    pub dialogues: Vec<Dialogue>,
}

/// A part of what a provider says, such as all about groups.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialogue {
    /// What its steps are selected by; each of their ids begins with it.
    pub tag: String,
    pub title: String,
    /// The headers of each request. Null leaves one out that would be sent otherwise.
    pub headers: BTreeMap<String, Option<String>>,
    pub steps: Vec<Step>,
}

/// Something that a provider does, and what it needs then.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Short and lasting: `okta-users-lookup`.
    pub id: String,
    /// What the provider does and needs, one sentence.
    pub does: String,
    pub source: Source,
    /// What does not work when the need is not met. A step without it is no known need of the provider: only
    /// scim-server is held to it, by its tests.
    #[serde(default)]
    pub why: Option<String>,
    /// The lines of `profiles/behaviours.txt` that it shows.
    #[serde(default)]
    pub covers: Vec<String>,
    /// What the provider then shows its administrator, where that is known.
    #[serde(default)]
    pub message: Option<String>,
    /// User attributes that the server's schemas must have for the step to apply: providers send
    /// only what is mapped.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What `/ServiceProviderConfig` must hold for the step to apply, as [`Expectation::holds`].
    #[serde(default)]
    pub declares: Option<Value>,
    /// Whether the source itself only recommends it.
    #[serde(default)]
    pub optional: bool,
    /// How often it is sent; each time `${n}` is one more, from 1.
    #[serde(default = "once")]
    pub times: u32,
    /// All of them at once, on connections of their own.
    #[serde(default)]
    pub at_once: bool,
    /// What is sent, and needed of the answer.
    #[serde(flatten)]
    pub turn: Turn,
    /// What is then read back.
    #[serde(default)]
    pub then: Vec<Turn>,
}

const fn once() -> u32 {
    1
}

/// A request, and what is needed of its answer.
#[derive(Debug, Deserialize)]
#[serde(from = "WrittenTurn")]
pub struct Turn {
    /// `METHOD /path?query` below the base URL, sent as it stands but for its variables.
    pub send: String,
    /// A filter to add to the query, percent-encoded first.
    pub filter: Option<String>,
    /// A JSON body.
    pub body: Option<Value>,
    /// A body that is not JSON.
    pub text: Option<String>,
    /// Without the token.
    pub anonymous: bool,
    /// Headers in the place of the dialogue's.
    pub headers: BTreeMap<String, Option<String>>,
    /// What the provider needs of the answer.
    pub needs: Expectation,
    /// What scim-server answers beyond that; only its tests look at it.
    pub exact: Option<Expectation>,
    /// What later steps use, by name, as JSON pointers into the answer.
    pub save: BTreeMap<String, String>,
}

/// As [`Turn`], with what is needed beside the request: a step has all of it in one object.
#[derive(Debug, Deserialize)]
struct WrittenTurn {
    send: String,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    anonymous: bool,
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    status: Statuses,
    #[serde(default)]
    answers: BTreeMap<String, Value>,
    #[serde(default)]
    holds: Option<Value>,
    #[serde(default)]
    exact: Option<Expectation>,
    #[serde(default)]
    save: BTreeMap<String, String>,
}

impl From<WrittenTurn> for Turn {
    fn from(written: WrittenTurn) -> Self {
        let WrittenTurn { send, filter, body, text, anonymous, headers, status, answers, holds, exact, save } = written;
        Self {
            send,
            filter,
            body,
            text,
            anonymous,
            headers,
            needs: Expectation { status, answers, holds },
            exact,
            save,
        }
    }
}

/// What an answer has to be.
#[derive(Debug, Deserialize)]
pub struct Expectation {
    /// One of these statuses.
    pub status: Statuses,
    /// What headers of the answer have to be, by name. A text has to be part of the header, whatever its case;
    /// other forms as in [`expect`].
    #[serde(default)]
    pub answers: BTreeMap<String, Value>,
    /// What the body has to hold, see [`expect`].
    #[serde(default)]
    pub holds: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(pub Vec<u16>);

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            One(u16),
            Several(Vec<u16>),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::One(status) => Self(vec![status]),
            Form::Several(statuses) => Self(statuses),
        })
    }
}

/// How well something is known, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub grade: Grade,
    /// A key of the profile's `sources`.
    pub number: String,
}

/// How well something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// The provider's documentation, reference code or own tests.
    Documented,
    /// A captured request, or the client's source.
    Captured,
    /// What somebody claims.
    Claimed,
}

impl Grade {
    /// Nobody's server fails by hearsay: what is only claimed is a recommendation.
    pub const fn level(self) -> Level {
        match self {
            Self::Documented | Self::Captured => Level::Must,
            Self::Claimed => Level::Should,
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documented => "documented",
            Self::Captured => "captured",
            Self::Claimed => "claimed",
        })
    }
}

impl<'de> Deserialize<'de> for Source {
    /// `A 9`: the grade's letter and the source's number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (grade, number) = text.split_once(' ').unwrap_or((&text, ""));
        let grade = match grade {
            "A" => Grade::Documented,
            "B" => Grade::Captured,
            "C" => Grade::Claimed,
            _ => return Err(D::Error::custom(format!("a source is `A 9`, `B 3` or `C 20`, and not `{text}`"))),
        };
        Ok(Self { grade, number: number.to_owned() })
    }
}

impl Step {
    /// How strongly it is asked.
    pub fn level(&self) -> Level {
        if self.optional { Level::Should } else { self.source.grade.level() }
    }

    /// What the server must declare for it to apply, for people.
    pub fn conditions(&self) -> Vec<String> {
        let attributes = self.needs.iter().map(|path| format!("User attribute {path}"));
        let members = self.declares.as_ref().and_then(Value::as_object).into_iter().flatten();
        attributes.chain(members.map(|(name, _)| name.clone())).collect()
    }
}

impl Profile {
    /// A profile in its written form. Errors: what is wrong with it, and in which line.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The steps that any server is judged by, each with its dialogue.
    pub fn steps(&self) -> impl Iterator<Item = (&Dialogue, &Step)> {
        self.all_steps().filter(|(_, step)| step.why.is_some())
    }

    /// All steps, also those that only scim-server is held to.
    pub fn all_steps(&self) -> impl Iterator<Item = (&Dialogue, &Step)> {
        self.dialogues.iter().flat_map(|dialogue| dialogue.steps.iter().map(move |step| (dialogue, step)))
    }

    /// How a step is known, for people: `documented: okta-developer-docs, …`.
    pub fn evidence(&self, step: &Step) -> String {
        let source = self.sources.get(&step.source.number).map_or("", String::as_str);
        format!("{}: {source}", step.source.grade)
    }
}

const TEXTS: [&str; 16] = [
    include_str!("../profiles/okta.json"),
    include_str!("../profiles/entra.json"),
    include_str!("../profiles/google.json"),
    include_str!("../profiles/onelogin.json"),
    include_str!("../profiles/jumpcloud.json"),
    include_str!("../profiles/ping.json"),
    include_str!("../profiles/cyberark.json"),
    include_str!("../profiles/identity-center.json"),
    include_str!("../profiles/fastfed.json"),
    include_str!("../profiles/entra-gallery.json"),
    include_str!("../profiles/okta-spec.json"),
    include_str!("../profiles/okta-crud.json"),
    include_str!("../profiles/standards/interop.json"),
    include_str!("../profiles/standards/ipsie-al1.json"),
    include_str!("../profiles/standards/ipsie-al2.json"),
    include_str!("../profiles/standards/rfc9967.json"),
];

static PROFILES: LazyLock<Vec<Profile>> =
    LazyLock::new(|| TEXTS.iter().filter_map(|text| Profile::parse(text).ok()).collect());

/// All profiles. Those that come with the program are well-formed; a test says so.
pub fn all() -> &'static [Profile] {
    &PROFILES
}

pub fn named(name: &str) -> Option<&'static Profile> {
    all().iter().find(|profile| profile.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    #[test]
    fn the_profiles_are_well_formed() {
        let mut ids = HashSet::new();
        for text in TEXTS {
            let profile = Profile::parse(text).unwrap_or_else(|error| panic!("{error}\n{text:.80}"));
            let mut saved: BTreeSet<String> = variables::PRESET.iter().map(|name| (*name).to_owned()).collect();
            for (dialogue, step) in profile.all_steps() {
                assert!(dialogue.tag.starts_with(&profile.name), "{}", dialogue.tag);
                assert!(step.id.starts_with(&format!("{}-", dialogue.tag)), "{} begins with its tag", step.id);
                assert!(ids.insert(step.id.clone()), "two steps are called {}", step.id);
                assert!(profile.sources.contains_key(&step.source.number), "{}: source {:?}", step.id, step.source);
                let said = std::iter::once(&step.does).chain(&step.why);
                assert!(said.into_iter().all(|words| words.ends_with('.')), "{}: whole sentences", step.id);
                for exchange in std::iter::once(&step.turn).chain(&step.then) {
                    for name in variables::names(exchange) {
                        assert!(saved.contains(&name), "{}: nothing before it saves ${{{name}}}", step.id);
                    }
                    let times = 1..=step.times;
                    saved.extend(
                        times.flat_map(|n| exchange.save.keys().map(move |name| name.replace("${n}", &n.to_string()))),
                    );
                    marked(step, exchange);
                }
            }
        }
        assert_eq!(all().len(), TEXTS.len());
    }

    /// What is made can be found by its name.
    fn marked(step: &Step, exchange: &Turn) {
        let Some(body) = exchange.body.as_ref().filter(|_| exchange.send.starts_with("POST")) else { return };
        let name = body["userName"].as_str().or_else(|| body["displayName"].as_str());
        let is_marked = |name: &str| name.starts_with("${mark}") || name.starts_with("${MARK}");
        assert!(name.is_none_or(is_marked), "{}: what is made is called ${{mark}}…", step.id);
    }
}
