//! From a command to the request of HTTP that it is: the other direction of [`super::call`]. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{
    BASE,
    call::name,
    table::{ROUTES, Route},
};
use crate::admin::AdminRequest;

/// What stays in a path or a query as it is (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a client of the API sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) struct ApiRequest {
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    pub body: Content,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) enum Content {
    None,
    Json(String),
    /// The lines of the command's input.
    Lines,
}

impl ApiRequest {
    /// The request that a command is; `None` for one that is no path, which the console alone gives.
    pub fn of(command: &AdminRequest) -> Option<Self> {
        let command = serde_json::to_value(command).ok()?;
        ROUTES.iter().copied().flatten().find_map(|route| of_route(route, &command))
    }

    /// What of a command is empty, so that it is no path: its `name`, its `key`.
    pub fn empty_part(command: &AdminRequest) -> Option<String> {
        fn within(command: &Value) -> Option<&str> {
            let mut members = command.as_object()?.iter();
            members.find_map(|(name, value)| if value == "" { Some(name.as_str()) } else { within(value) })
        }
        within(&serde_json::to_value(command).ok()?).map(str::to_owned)
    }
}

/// What of a command stands in the holes of a route.
#[derive(Default)]
struct Holes {
    /// Of the path.
    parts: Vec<(String, String)>,
    /// The parameters that have a place of their own, and what the object with `"*"` has.
    rest: Map<String, Value>,
}

/// The request by that route, if it says all of the command.
fn of_route(route: &Route, command: &Value) -> Option<ApiRequest> {
    let template: Value = serde_json::from_str(route.command).ok()?;
    let mut holes = Holes::default();
    holes.fill(&template, command)?;
    let (mut query, mut body) = (Vec::new(), Map::new());
    for (name, value) in holes.rest {
        if route.query.iter().any(|(known, _)| *known == name) {
            query.push(format!("{name}={}", encoded(&word(&value)?)));
        } else {
            body.insert(name, value);
        }
    }
    let takes_body = !matches!(route.method, "GET" | "DELETE") && !route.lines;
    if !takes_body && !body.is_empty() {
        return None;
    }
    let path: Vec<_> = route.path.split('/').map(|part| filled(part, &holes.parts)).collect::<Option<_>>()?;
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let body = match (route.lines, takes_body) {
        (true, _) => Content::Lines,
        (false, true) => Content::Json(Value::Object(body).to_string()),
        (false, false) => Content::None,
    };
    Some(ApiRequest {
        method: route.method,
        target: format!("{}{}{query}", BASE.trim_end_matches('/'), path.join("/")),
        body,
    })
}

impl Holes {
    /// Reads a command by a template; `None` if it is another one. What is null is the same as what is not there.
    fn fill(&mut self, template: &Value, command: &Value) -> Option<()> {
        match template {
            Value::Object(template) => {
                let members = command.as_object()?;
                for (name, within) in template.iter().filter(|(name, _)| *name != "*") {
                    match (within.as_str().and_then(|text| text.strip_prefix('?')), members.get(name)) {
                        (Some(parameter), Some(value)) => self.keep(parameter, value),
                        (Some(_), None) => {}
                        (None, value) => self.fill(within, value?)?,
                    }
                }
                for (name, value) in members.iter().filter(|(name, _)| !template.contains_key(*name)) {
                    if !template.contains_key("*") && !value.is_null() {
                        return None;
                    }
                    self.keep(name, value);
                }
                Some(())
            }
            Value::String(text) => {
                let given = command.as_str()?;
                match name(text, '{', "}") {
                    Some(name) => self.parts.push((name.to_owned(), given.to_owned())),
                    None if text == given => {}
                    None => return None,
                }
                Some(())
            }
            other => (other == command).then_some(()),
        }
    }

    fn keep(&mut self, name: &str, value: &Value) {
        if !value.is_null() {
            self.rest.insert(name.to_owned(), value.clone());
        }
    }
}

/// A part of a path as it is sent. A part that is empty is none.
fn filled(part: &str, parts: &[(String, String)]) -> Option<String> {
    let Some(name) = name(part, '{', "}") else { return Some(part.to_owned()) };
    let (_, given) = parts.iter().find(|(known, _)| known == name).filter(|(_, given)| !given.is_empty())?;
    Some(encoded(given))
}

/// A value as it stands in a query.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(command: Value, method: &'static str, target: &str, body: Content) {
        let command = serde_json::from_value(command).unwrap();
        let expect = ApiRequest { method, target: format!("/admin/v1{target}"), body };
        assert_eq!(ApiRequest::of(&command), Some(expect));
    }

    #[test]
    fn a_command_is_a_path_a_query_and_a_body() {
        let none = || Content::None;
        check(json!({"command": "tenant-show", "tenant": "a b/c"}), "GET", "/tenants/a%20b%2Fc", none());
        check(json!({"command": "status"}), "GET", "/status", none());
        check(json!({"command": "status", "tenant": "a"}), "GET", "/tenants/a/status", none());
        check(
            json!({"command": "list", "tenant": "a", "resource_type": "User", "filter": "title eq \"a&b\"", "limit": 5}),
            "GET",
            "/tenants/a/resources/User?filter=title%20eq%20%22a%26b%22&limit=5",
            none(),
        );
        check(
            json!({"command": "import", "replace": true, "discard": false}),
            "POST",
            "/import?replace=true&discard=false",
            Content::Lines,
        );
        check(
            json!({"command": "token-rotate", "tenant": "a", "seconds": 60}),
            "POST",
            "/tenants/a/tokens/rotate",
            Content::Json(json!({"seconds": 60}).to_string()),
        );
    }

    #[test]
    fn what_only_the_console_asks_is_no_path() {
        let browse = json!({"command": "browse", "request": {"what": "history", "tenant": "a"}});
        assert_eq!(ApiRequest::of(&serde_json::from_value(browse).unwrap()), None);
        let empty = serde_json::from_value(json!({"command": "tenant-show", "tenant": ""})).unwrap();
        assert_eq!(ApiRequest::of(&empty), None, "an empty name is no part of a path");
        assert_eq!(ApiRequest::empty_part(&empty).as_deref(), Some("tenant"));
    }
}
