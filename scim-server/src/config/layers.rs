//! The layers of settings: flag, then environment, then file, then default.
//!
//! A value is text until all layers are merged, and is parsed once; an error names the layer that it comes from.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{
    ConfigError,
    setting::{self, SETTINGS, Setting},
};

/// Which layer a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag(String),
    /// The environment variable of that name.
    Environment(String),
    /// A line of the configuration file.
    File(PathBuf, usize, &'static str),
    /// Nobody said anything.
    Default(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::File(path, line, key) => write!(f, "{}, line {line}: {key}", path.display()),
            Self::Default(key) => write!(f, "default of {key}"),
        }
    }
}

/// What flags and environment said, by key: it stays the same while the process lives.
#[derive(Debug, Clone, Default)]
pub struct Given {
    values: BTreeMap<&'static str, (String, Origin)>,
    /// The configuration file.
    pub file: Option<PathBuf>,
}

impl Given {
    /// Notes a value. A later one for the same key takes the place of an earlier one.
    pub fn set(&mut self, setting: &'static Setting, value: String, source: Origin) {
        self.values.insert(setting.key, (value, source));
    }
}

/// All layers, one value for each setting.
#[derive(Debug)]
pub struct Layers {
    values: BTreeMap<&'static str, (String, Origin)>,
}

impl Layers {
    /// Reads the file, if one is named, and lays what was given over it.
    pub fn read(given: &Given) -> Result<Self, ConfigError> {
        let mut values = match &given.file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
                parse_file(path, &text)?
            }
            None => BTreeMap::new(),
        };
        values.extend(given.values.clone());
        Ok(Self { values })
    }

    /// Every setting with its value as it is written, and the layer that it comes from.
    pub fn all(&self) -> impl Iterator<Item = (&'static Setting, &str, Origin)> {
        SETTINGS.iter().map(|setting| match self.values.get(setting.key) {
            Some((text, origin)) => (setting, text.as_str(), origin.clone()),
            None => (setting, setting.default, Origin::Default(setting.key)),
        })
    }

    /// The value of a setting, parsed; `None` when it is empty, which is how a setting without a
    /// default is left unset.
    pub fn optional<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let default = || (setting::find(key).map_or("", |setting| setting.default).to_owned(), Origin::Default(key));
        let (text, source) = self.values.get(key).cloned().unwrap_or_else(default);
        if text.is_empty() {
            return Ok(None);
        }
        parse(&text).map(Some).map_err(|reason| ConfigError::Value { at: source.to_string(), reason })
    }

    /// Every setting: key, value, and where it comes from. URLs may have a password in them, and are not shown.
    pub fn shown(&self) -> Vec<(String, String, String)> {
        let one = |setting: &Setting| {
            let default = || (setting.default.to_owned(), Origin::Default(setting.key));
            let (value, origin) = self.values.get(setting.key).cloned().unwrap_or_else(default);
            let has_secret = value.contains("://") && value.contains('@');
            let value = if has_secret { "(a URL that is not shown)".to_owned() } else { value };
            (setting.key.to_owned(), value, origin.to_string())
        };
        SETTINGS.iter().map(one).collect()
    }

    /// The value of a setting that must have one.
    pub fn required<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.optional(key, parse)?.ok_or_else(|| ConfigError::Value {
            at: self.values.get(key).map_or_else(|| key.to_owned(), |(_, source)| source.to_string()),
            reason: format!("{key} cannot be empty"),
        })
    }
}

/// Reads a configuration file: one table without others in it, whose keys are settings.
fn parse_file(path: &Path, text: &str) -> Result<BTreeMap<&'static str, (String, Origin)>, ConfigError> {
    let line_of = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let wrong = |offset, reason: String| ConfigError::File { path: path.to_owned(), line: line_of(offset), reason };
    let table = DeTable::parse(text).map_err(|error| {
        wrong(error.span().map_or(0, |span| span.start), format!("this is not TOML: {}", error.message()))
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in table.get_ref() {
        let offset = key.span().start;
        let setting = setting::find(key.get_ref()).ok_or_else(|| wrong(offset, unknown_key(key.get_ref())))?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Array(items) if setting.is_list() => {
                let texts = items.iter().map(|item| item.get_ref().as_str()).collect::<Option<Vec<_>>>();
                let wrong = || wrong(offset, format!("{} is an array of texts", setting.key));
                texts.ok_or_else(wrong)?.join(" ")
            }
            DeValue::Boolean(value) if setting.is_switch() => value.to_string(),
            DeValue::Integer(value) if value.radix() == 10 && setting.is_number() => value.as_str().to_owned(),
            DeValue::Float(value) if setting.is_ratio() => value.as_str().to_owned(),
            other => {
                let kind = other.type_str();
                let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
                return Err(wrong(
                    offset,
                    format!("{} is {article} {kind}; write it as {}", setting.key, setting.value),
                ));
            }
        };
        values.insert(setting.key, (text, Origin::File(path.to_owned(), line_of(offset), setting.key)));
    }
    Ok(values)
}

/// What is to be told of the environment: a sentence for each variable that begins as those of settings do and is none.
/// Kubernetes sets some of its own for a Service of this name (`SCIM_SERVER_SERVICE_HOST`, `SCIM_SERVER_PORT_80_TCP`).
pub fn misspelt(variables: impl Iterator<Item = String>) -> Vec<String> {
    let tell = |variable: String| {
        let key = variable.strip_prefix("SCIM_SERVER_")?;
        let is_known = key == "CONFIG" || SETTINGS.iter().any(|setting| setting.variable() == variable);
        let is_of_a_service = key.ends_with("SERVICE_HOST") || key.split('_').any(|word| word == "PORT");
        let hint = match near(&key.to_lowercase()) {
            Some(setting) => format!("did you mean {}?", setting.variable()),
            None => ALL.to_owned(),
        };
        (!is_known && !is_of_a_service)
            .then(|| format!("the environment variable {variable} sets nothing: there is no such setting; {hint}"))
    };
    variables.filter_map(tell).collect()
}

fn unknown_key(key: &str) -> String {
    match near(key) {
        Some(Setting { key: near, .. }) => format!("there is no setting {key:?}; did you mean {near:?}?"),
        None => format!("there is no setting {key:?}; {ALL}"),
    }
}

/// Where all are told.
const ALL: &str = "`scim-server help serve` lists all settings";

/// The setting that a misspelt key may mean.
fn near(key: &str) -> Option<&'static Setting> {
    let known = SETTINGS.iter().map(|setting| (setting, strsim::jaro_winkler(key, setting.key)));
    let (nearest, likeness) = known.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (likeness >= LIKENESS).then_some(nearest)
}

/// How like a setting a misspelt one has to be (Jaro-Winkler, 1 is the same) to be meant.
const LIKENESS: f64 = 0.8;
