//! The result of a case.
//!
//! A case is a function that ends well or with a [`Stop`]. It does not choose its verdict: whether a
//! requirement that is not kept is a failure or a warning follows from the requirement's level.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How strongly the RFC asks (RFC 2119).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A violation means that the server does not conform.
    Must,
    /// A violation is a warning.
    Should,
    /// A violation is allowed.
    May,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        })
    }
}

/// The verdict of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The server violates a MUST.
    Fail,
    /// The case could not be run: no answer, or what it builds on does not work.
    Error,
    /// The server violates a SHOULD.
    Warn,
    /// It does not apply to this server; the reason says why.
    Skip,
    Pass,
}

impl Verdict {
    /// All, the gravest first.
    pub const ALL: [Self; 5] = [Self::Fail, Self::Error, Self::Warn, Self::Skip, Self::Pass];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Fail => "fail",
            Self::Pass => "pass",
            Self::Skip => "skip",
            Self::Warn => "warn",
        }
    }
}

/// Why a case ended before its last line. Each carries one sentence for the reader of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The case could not be run, so nothing is known of the requirement.
    Error(String),
    /// The requirement does not apply to this server.
    Skip(String),
    /// The requirement is not kept: what was expected, and what came.
    Unmet(String),
}

pub type Outcome = Result<(), Stop>;

/// The verdict of an outcome, with its sentence. A MAY that is not taken up is no fault.
pub fn judge(level: Level, outcome: Outcome) -> (Verdict, Option<String>) {
    match (outcome, level) {
        (Ok(()), _) => (Verdict::Pass, None),
        (Err(Stop::Error(why)), _) => (Verdict::Error, Some(why)),
        (Err(Stop::Skip(why)), _) => (Verdict::Skip, Some(why)),
        (Err(Stop::Unmet(why)), Level::Must) => (Verdict::Fail, Some(why)),
        (Err(Stop::Unmet(why)), Level::Should) => (Verdict::Warn, Some(why)),
        (Err(Stop::Unmet(why)), Level::May) => (Verdict::Skip, Some(format!("Optional, and not done: {why}"))),
    }
}

/// Ends the case with [`Stop::Unmet`] unless the condition holds. The sentence says what was
/// expected and what came.
macro_rules! ensure {
    ($condition:expr, $($sentence:tt)+) => {
        if !$condition {
            return Err($crate::verdict::Stop::Unmet(format!($($sentence)+)));
        }
    };
}
pub(crate) use ensure;

/// Demands one value at a JSON pointer.
pub fn equals(document: &Value, pointer: &str, expect: impl Into<Value>) -> Outcome {
    let expect = expect.into();
    match document.pointer(pointer) {
        Some(got) if *got == expect => Ok(()),
        Some(got) => Err(Stop::Unmet(format!("Expected {} to be {expect}; it is {}.", place(pointer), brief(got)))),
        None => Err(Stop::Unmet(format!("Expected {} to be {expect}; it is absent.", place(pointer)))),
    }
}

/// Demands that nothing is assigned at a JSON pointer: absent, null and an empty list are the same
/// (RFC 7643 §2.5).
pub fn unassigned(document: &Value, pointer: &str) -> Outcome {
    match document.pointer(pointer) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(elements)) if elements.is_empty() => Ok(()),
        Some(Value::Object(members)) if members.is_empty() => Ok(()),
        Some(got) => Err(Stop::Unmet(format!("Expected {} to be unassigned; it is {}.", place(pointer), brief(got)))),
    }
}

/// Demands that a document holds what is expected: the members of objects that are named, the
/// elements of arrays in any order. Null and `[]` stand for what is unassigned.
pub fn holds(document: &Value, expect: &Value) -> Outcome {
    difference(document, expect, "").map_or(Ok(()), |why| Err(Stop::Unmet(why)))
}

fn difference(got: &Value, expect: &Value, pointer: &str) -> Option<String> {
    match (got, expect) {
        (_, Value::Null) => unassigned(got, "")
            .err()
            .map(|_| format!("Expected {} to be unassigned; it is {}.", place(pointer), brief(got))),
        (Value::Null, Value::Array(elements)) if elements.is_empty() => None,
        // What has no members may be absent: only what is expected of the members counts.
        (Value::Null, Value::Object(expect)) if expect.values().all(Value::is_null) => None,
        (Value::Object(got), Value::Object(expect)) => expect.iter().find_map(|(name, expect)| {
            let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            difference(got.get(name).unwrap_or(&Value::Null), expect, &pointer)
        }),
        (Value::Array(got), Value::Array(wanted)) => {
            let has = |wanted: &Value| got.iter().any(|one| difference(one, wanted, "").is_none());
            (got.len() != wanted.len() || !wanted.iter().all(has)).then(|| {
                let got = Value::Array(got.clone());
                format!("Expected {} to hold {}; it is {}.", place(pointer), brief(expect), brief(&got))
            })
        }
        (Value::Null, _) => Some(format!("Expected {} to be {}; it is unassigned.", place(pointer), brief(expect))),
        _ if got == expect => None,
        _ => Some(format!("Expected {} to be {}; it is {}.", place(pointer), brief(expect), brief(got))),
    }
}

/// Demands a text that is not empty at a JSON pointer, and gives it.
pub fn text<'a>(document: &'a Value, pointer: &str) -> Result<&'a str, Stop> {
    match document.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(got) => Err(Stop::Unmet(format!("Expected {} to be a string; it is {}.", place(pointer), brief(got)))),
        None => Err(Stop::Unmet(format!("Expected {} to be a string; it is absent.", place(pointer)))),
    }
}

/// A JSON pointer as people write attributes: `name.familyName`, `emails[0].value`.
pub fn place(pointer: &str) -> String {
    let mut place = String::new();
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            place.extend(["[", &step, "]"]);
        } else {
            let separator = if place.is_empty() {
                ""
            } else if place.starts_with("urn:") && !place.contains('[') && place.matches(':').count() < 8 {
                ":"
            } else {
                "."
            };
            place.push_str(separator);
            place.push_str(&step);
        }
    }
    if place.is_empty() { "the document".to_owned() } else { place }
}

/// A value in a sentence, shortened.
pub fn brief(value: &Value) -> String {
    shorten(&value.to_string(), 160)
}

/// The start of a text, cut between characters.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_level_makes_the_verdict() {
        let unmet = || Err(Stop::Unmet("x".to_owned()));
        assert_eq!(judge(Level::Must, unmet()).0, Verdict::Fail);
        assert_eq!(judge(Level::Should, unmet()).0, Verdict::Warn);
        assert_eq!(judge(Level::May, unmet()).0, Verdict::Skip);
        assert_eq!(judge(Level::Must, Ok(())).0, Verdict::Pass);
    }

    #[test]
    fn documents_hold_parts_in_any_order() {
        let user = json!({"id": "1", "emails": [{"value": "a", "primary": false}, {"value": "b"}], "title": null});
        assert_eq!(
            holds(&user, &json!({"emails": [{"value": "b"}, {"value": "a"}], "title": null, "roles": []})),
            Ok(())
        );
        let why = "Expected emails to hold [{\"value\":\"a\"}]; it is [{\"value\":\"a\",\"primary\":false},{\"value\":\"b\"}].";
        assert_eq!(holds(&user, &json!({"emails": [{"value": "a"}]})), Err(Stop::Unmet(why.to_owned())));
        assert!(holds(&user, &json!({"name": {"givenName": "x"}})).is_err());
    }

    #[test]
    fn sentences_name_the_attribute() {
        let user = json!({"emails": [{"value": "a"}], "nickName": null});
        assert_eq!(equals(&user, "/emails/0/value", "a"), Ok(()));
        let why = "Expected emails[0].value to be \"b\"; it is \"a\".".to_owned();
        assert_eq!(equals(&user, "/emails/0/value", "b"), Err(Stop::Unmet(why)));
        assert_eq!(unassigned(&user, "/nickName"), Ok(()));
        assert!(unassigned(&user, "/emails").is_err());
    }
}
