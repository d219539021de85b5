//! A dialogue as it is written: the shape of the files, and the variables in them.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    ops::RangeInclusive,
    path::Path,
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What stays as it is when a `filter` is encoded.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialogue {
    /// Who speaks.
    pub provider: String,
    /// What is peculiar about it.
    #[expect(dead_code, reason = "for the reader of the file")]
    #[serde(default)]
    pub about: String,
    /// The tenant's profile.
    #[serde(default)]
    pub profile: Option<String>,
    /// The tenant's settings.
    #[serde(default)]
    pub settings: Option<Value>,
    /// Further arguments of the server.
    #[serde(default)]
    pub args: Vec<String>,
    /// Headers of every request that does not give them itself.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// In order.
    pub steps: Vec<Step>,
}

impl Dialogue {
    /// Reads and parses a file; panics with the place when it is not one.
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }
}

/// One thing that the provider does.
#[derive(Debug, Deserialize)]
#[serde(from = "WrittenStep")]
pub struct Step {
    /// What.
    pub name: String,
    /// The grade of the evidence, and its source.
    pub source: String,
    /// Lines of `behaviours.txt`.
    pub covers: Vec<String>,
    /// More than once.
    pub repeat: Option<Repeat>,
    /// The request and its answer.
    pub exchange: Exchange,
    /// What must be so afterwards.
    pub then: Vec<Exchange>,
}

/// As [`Step`], flat. (`deny_unknown_fields` and `flatten` exclude each other.)
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    name: String,
    source: String,
    #[serde(default)]
    covers: Vec<String>,
    #[serde(default)]
    repeat: Option<Repeat>,
    request: Request,
    expect: Expect,
    #[serde(default)]
    save: BTreeMap<String, String>,
    #[serde(default)]
    then: Vec<Exchange>,
}

impl From<WrittenStep> for Step {
    fn from(step: WrittenStep) -> Self {
        let exchange = Exchange { request: step.request, expect: step.expect, save: step.save };
        Self {
            name: step.name,
            source: step.source,
            covers: step.covers,
            repeat: step.repeat,
            exchange,
            then: step.then,
        }
    }
}

/// The same exchange for a run of numbers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// The variable that holds the number.
    #[serde(rename = "as")]
    pub variable: String,
    from: u32,
    to: u32,
    /// All at the same time, on connections of their own.
    #[serde(default)]
    pub at_once: bool,
}

impl Repeat {
    /// The numbers.
    pub fn rounds(&self) -> RangeInclusive<u32> {
        self.from..=self.to
    }
}

/// A request and what is expected of its answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// The answer.
    pub expect: Expect,
    /// Variables to be set from the answer: name and JSON pointer.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
}

/// A request as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    method: String,
    path: String,
    /// As on the wire.
    #[serde(default)]
    query: Option<String>,
    /// For reading: encoded, and put before the rest of the query.
    #[serde(default)]
    filter: Option<String>,
    /// `null` removes a header of the dialogue.
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    #[serde(default)]
    body: Option<Value>,
    /// A body that is not JSON, or whose bytes count.
    #[serde(default)]
    text: Option<String>,
    /// Without a token.
    #[serde(default)]
    anonymous: bool,
}

/// A request as it is sent.
pub struct Resolved {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
    pub anonymous: bool,
}

impl Request {
    /// Fills in variables and the dialogue's headers.
    pub fn resolve(&self, dialogue: &Dialogue, variables: &Variables) -> Result<Resolved, String> {
        let mut target = variables.text(&self.path)?;
        let filter = self.filter.as_ref().map(|filter| variables.text(filter)).transpose()?;
        let filter = filter.map(|filter| format!("filter={}", utf8_percent_encode(&filter, IN_QUERY)));
        let query = self.query.as_ref().map(|query| variables.text(query)).transpose()?;
        let parts: Vec<_> = filter.into_iter().chain(query).collect();
        if !parts.is_empty() {
            target = format!("{target}?{}", parts.join("&"));
        }
        let body = match (&self.body, &self.text) {
            (Some(body), _) => Some(variables.substitute(body)?.to_string()),
            (None, Some(text)) => Some(variables.text(text)?),
            (None, None) => None,
        };
        let mut headers: BTreeMap<_, _> = dialogue.headers.iter().map(|(k, v)| (k.to_lowercase(), v)).collect();
        headers.extend(self.headers.iter().map(|(k, v)| (k.to_lowercase(), v)));
        let mut given = Vec::new();
        for (name, value) in headers {
            // A request without a body says nothing of the body's type.
            if name == "content-type" && body.is_none() {
                continue;
            }
            if let Some(value) = value {
                given.push((name, variables.text(value)?));
            }
        }
        Ok(Resolved { method: self.method.clone(), target, headers: given, body, anonymous: self.anonymous })
    }
}

/// What is expected of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub status: Statuses,
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub body: Option<Value>,
}

/// One status, or several that will do.
#[derive(Debug)]
pub struct Statuses(pub Vec<u16>);

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            One(u16),
            Several(Vec<u16>),
        }
        Ok(Self(match Either::deserialize(input)? {
            Either::One(status) => vec![status],
            Either::Several(statuses) => statuses,
        }))
    }
}

/// What earlier steps saved.
#[derive(Debug, Clone)]
pub struct Variables(HashMap<String, Value>);

impl Variables {
    /// `${base}` and the URIs are there from the start.
    pub fn new(base: &str) -> Self {
        let known = [
            ("base", base),
            ("U", "urn:ietf:params:scim:schemas:core:2.0:User"),
            ("ENT", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"),
            ("G", "urn:ietf:params:scim:schemas:core:2.0:Group"),
            ("PATCHOP", "urn:ietf:params:scim:api:messages:2.0:PatchOp"),
            ("LIST", "urn:ietf:params:scim:api:messages:2.0:ListResponse"),
            ("ERROR", "urn:ietf:params:scim:api:messages:2.0:Error"),
        ];
        Self(known.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }

    /// Sets one; its name may hold variables (`user-${n}`).
    pub fn set(&mut self, name: &str, value: Value) {
        let name = self.text(name).unwrap_or_else(|_| name.to_owned());
        self.0.insert(name, value);
    }

    /// A copy with one more.
    pub fn with(&self, name: &str, value: &Value) -> Self {
        let mut all = self.clone();
        all.set(name, value.clone());
        all
    }

    /// A text with its variables filled in, the innermost first.
    pub fn text(&self, text: &str) -> Result<String, String> {
        let mut text = text.to_owned();
        while let Some(start) = text.rfind("${") {
            let end = text[start..].find('}').ok_or_else(|| format!("unclosed variable in {text}"))? + start;
            let value = self.value(&text[start + 2..end])?;
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.replace_range(start..=end, &value);
        }
        Ok(text)
    }

    /// A value with the variables in its texts filled in; a text that is one variable becomes that
    /// variable's value, of whatever type.
    pub fn substitute(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if !name.contains('$') => self.value(name)?.clone(),
                _ => Value::String(self.text(text)?),
            },
            Value::Array(elements) => {
                Value::Array(elements.iter().map(|element| self.substitute(element)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let mut filled = Map::new();
                for (key, value) in fields {
                    filled.insert(self.text(key)?, self.substitute(value)?);
                }
                Value::Object(filled)
            }
            other => other.clone(),
        })
    }

    fn value(&self, name: &str) -> Result<&Value, String> {
        self.0.get(name).ok_or_else(|| format!("no variable {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variables_nest_and_keep_their_type() {
        let mut variables = Variables::new("http://x");
        variables.set("n", json!(2));
        variables.set("user-${n}", json!({"id": "b"}));
        assert_eq!(variables.text("${base}/${n}"), Ok("http://x/2".to_owned()));
        assert_eq!(variables.substitute(&json!(["${user-2}", "n=${n}"])), Ok(json!([{"id": "b"}, "n=2"])));
        assert_eq!(variables.text("${user-${n}}"), Ok(r#"{"id":"b"}"#.to_owned()));
        assert!(variables.text("${other}").is_err());
    }
}
