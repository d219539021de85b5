//! Forms: how they are shown, and what browsers send of them.

use askama::Template;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use scim_protocol::message::{Most, Names, Unread, read_json};
use serde_json::Value;

/// A form with fields that people fill in.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "form.html")]
pub struct Form {
    /// The path that it is sent to, by POST.
    pub action: String,
    /// The session's token against forged requests; empty where there is no session yet.
    pub csrf: String,
    pub fields: Vec<Field>,
    /// What the button says.
    pub submit: String,
    /// Whether it takes something away.
    pub danger: bool,
    /// The id of the piece of the page that the answer's piece of the same id takes the place of, so that the rest of
    /// the page stays; empty where the answer is a page of its own. Without JavaScript it always is.
    pub within: &'static str,
    /// Why it was not done what it was sent for ([`Self::sent`]); empty where it was not sent.
    pub refused: String,
}

impl Form {
    /// The form after it was sent in vain: why, and what was typed in, so that it can be mended. Secrets are never sent
    /// back, and what nobody has typed in (hidden fields) is as the page has it now.
    #[must_use]
    pub fn sent(mut self, typed: &Parameters, why: impl Into<String>) -> Self {
        for field in &mut self.fields {
            field.retype(typed);
        }
        self.refused = why.into();
        self
    }
}

/// A field of a form.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: &'static str,
    pub label: String,
    pub kind: Kind,
    pub value: String,
    /// What is to be known before one fills it in.
    pub hint: String,
    pub required: bool,
}

/// How a field is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// What is looked for. The key `/` leads to it.
    Search,
    /// What nobody should read over a shoulder; browsers do not keep it.
    Secret,
    /// Several lines.
    Area,
    /// One of these: value and label.
    Choice(Vec<(String, String)>),
    Hidden,
    /// Any of these: value, label, and whether it is chosen.
    Boxes(Vec<(String, String, bool)>),
    /// Sent as `on`.
    Switch,
}

impl Field {
    /// A field of one line.
    pub fn text(name: &'static str, label: impl Into<String>) -> Self {
        Self::of(Kind::Text, name, label)
    }

    pub fn of(kind: Kind, name: &'static str, label: impl Into<String>) -> Self {
        Self { name, label: label.into(), kind, value: String::new(), hint: String::new(), required: false }
    }

    /// What is sent and not shown.
    pub fn hidden(name: &'static str, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..Self::of(Kind::Hidden, name, "") }
    }

    #[must_use]
    pub fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    fn retype(&mut self, typed: &Parameters) {
        match &mut self.kind {
            Kind::Hidden | Kind::Secret => {}
            Kind::Boxes(boxes) => {
                for (value, _, is_chosen) in boxes {
                    *is_chosen = typed.all(self.name).any(|one| one == value);
                }
            }
            Kind::Text | Kind::Search | Kind::Area | Kind::Choice(_) | Kind::Switch => {
                typed.text(self.name).clone_into(&mut self.value);
            }
        }
    }
}

/// What a query or the body of a form says, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`. What is not UTF-8 becomes U+FFFD.
    pub fn parse(text: &str) -> Self {
        let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        };
        Self(text.split('&').filter(|part| !part.is_empty()).map(pair).collect())
    }

    /// Whether a parameter is there, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// A parameter without the spaces around it; `None` where it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// All values of a parameter, in their order: several of that name, each of which may be several with commas
    /// between.
    pub fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        let of_name = self.0.iter().filter(move |(known, _)| known == name);
        of_name.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|value| !value.is_empty())
    }

    /// A JSON document that somebody typed, with each name once in its object, as in bodies of requests.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn json(&self, name: &str) -> Result<Value, String> {
        let any = Most { values: usize::MAX, operations: None, names: Names::Exactly };
        read_json(self.text(name).as_bytes(), any).map_err(|why| match why {
            Unread::Json(error) => format!("This is not JSON: {error}"),
            why => format!("This must be JSON with each name once: {why}"),
        })
    }

    /// The same, empty where it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }
}

/// All but the unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A part of a path or a value of a query, so that it stays one.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Names and values as a query or the body of a form has them.
pub fn pairs(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// What [`encode`] has made.
pub fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_browsers_send_them() {
        let read = Parameters::parse("name=Zo%C3%AB+B&empty=&flag&a=1&a=2&x=%FF");
        assert_eq!(read.get("name"), Some("Zoë B"));
        assert_eq!((read.get("empty"), read.get("flag"), read.get("none")), (None, None, None));
        assert!(read.has("empty") && read.has("flag") && !read.has("none"));
        assert_eq!(read.get("a"), Some("1"));
        assert_eq!(read.all("a").collect::<Vec<_>>(), ["1", "2"]);
        let read_lists = Parameters::parse("c=x,+y&c=&c=z,");
        assert_eq!(read_lists.all("c").collect::<Vec<_>>(), ["x", "y", "z"]);
        assert_eq!(read.text("x"), "\u{fffd}");
        assert_eq!(Parameters::parse(""), Parameters::default());
    }

    #[test]
    fn json_that_was_typed_has_each_name_once() {
        let read = |text: &str| Parameters::parse(&format!("typed={}", encode(text))).json("typed");
        assert_eq!(read(" {\"a\": {\"b\": 1, \"B\": 2}} "), Ok(serde_json::json!({"a": {"b": 1, "B": 2}})));
        for (text, expect) in [
            ("{\"a\": {\"b\": 1, \"b\": 2}}", "each name once: the name \"b\" stands in one object twice"),
            ("{\"a\": ", "This is not JSON: EOF while parsing a value at line 1"),
            ("", "This is not JSON: EOF"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(expect), "{text}: {why}");
        }
    }

    #[test]
    fn a_form_that_is_refused_keeps_what_was_typed_but_no_secret() {
        let boxes = ["a", "b"].map(|name| (name.to_owned(), name.to_owned(), name == "a")).to_vec();
        let form = Form {
            action: "/x".to_owned(),
            csrf: String::new(),
            fields: vec![
                Field::text("text", "").value("default"),
                Field::of(Kind::Secret, "secret", ""),
                Field::hidden("was", "now"),
                Field::of(Kind::Switch, "on", ""),
                Field::of(Kind::Switch, "off", "").value("on"),
                Field::of(Kind::Boxes(boxes), "boxes", ""),
            ],
            submit: String::new(),
            ..Form::default()
        };
        let typed = Parameters::parse("text=mine&secret=s3cret&was=then&on=on&boxes=b");
        let form = form.sent(&typed, "No: `this` is why.");
        let values: Vec<_> = form.fields.iter().map(|field| field.value.as_str()).collect();
        assert_eq!(values, ["mine", "", "now", "on", "", ""]);
        let Kind::Boxes(boxes) = &form.fields[5].kind else { panic!("boxes") };
        assert_eq!(boxes.iter().map(|(_, _, is_chosen)| *is_chosen).collect::<Vec<_>>(), [false, true]);
        let html = form.render().unwrap();
        assert!(html.contains("No: <code>this</code> is why.") && !html.contains("s3cret"), "{html}");
    }

    #[test]
    fn a_part_of_a_path_stays_one() {
        assert_eq!(encode("a/b?c&d e\"<-._~"), "a%2Fb%3Fc%26d%20e%22%3C-._~");
        assert_eq!(decode(&encode("Zoë/ü 100%")), "Zoë/ü 100%");
        assert_eq!(pairs(&[("a", "1&2"), ("b", "")]), "a=1%262&b=");
    }
}
