//! The command that repeats a call.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{
    audit::HIDDEN,
    request_log::{Method, Row},
};

/// What stays in a query as it is (RFC 3986 §2.3).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The type of bodies, unless the call was refused for another one.
const SCIM_JSON: &str = "application/scim+json";

/// A command that repeats a call, with the token in a variable. What was hidden in it must be filled in. What decides what is
/// done is as it was: the conditions on the version, and the type and coding of the body.
pub(super) fn command(row: &Row, line: &Value, base: &str) -> String {
    let mut command = "curl -sS".to_owned();
    match row.method {
        Method::Get | Method::Other => {}
        Method::Head => command.push_str(" --head"),
        method => {
            command.push_str(" -X ");
            command.push_str(method.name());
        }
    }
    let query = line.pointer("/requestParameters/query").map(query).unwrap_or_default();
    command.push(' ');
    command.push_str(&quoted(&format!("{base}{}{query}", row.path)));
    command.push_str(" -H \"Authorization: Bearer $TOKEN\"");
    let body = line.pointer("/requestParameters/httpBody").filter(|body| !body.is_null());
    let sent = line.pointer("/additionalEventData/headers").and_then(Value::as_object);
    let sent = |name: &str| sent.and_then(|headers| headers.get(name)?.as_str());
    for name in ["If-Match", "If-None-Match", "Content-Encoding", CONTENT_TYPE] {
        let usual = body.filter(|_| name == CONTENT_TYPE).map(|_| SCIM_JSON);
        if let Some(value) = sent(name).or(usual) {
            command.push_str(" -H ");
            command.push_str(&header(name, value));
        }
    }
    if let Some(body) = body {
        command.push_str(" --data ");
        // What was no JSON, or was too long, is hidden whole: another body would be refused for something else.
        let data = match body.as_str() {
            Some(HIDDEN) => format!("\"{}\"", required("BODY", "the body")),
            _ => quoted(&body.to_string()),
        };
        command.push_str(&data);
    }
    command
}

const CONTENT_TYPE: &str = "Content-Type";

/// A header as a shell takes it for one word. A value that is hidden stands in a variable, without which the shell does not
/// run the command.
fn header(name: &str, value: &str) -> String {
    if value != HIDDEN {
        return quoted(&format!("{name}: {value}"));
    }
    let (variable, what) = match name {
        CONTENT_TYPE => ("TYPE", "the type of the body"),
        "Content-Encoding" => ("CODING", "the coding of the body"),
        _ => ("VERSION", "the version of the resource"),
    };
    format!("\"{name}: {}\"", required(variable, what))
}

/// A variable without which the shell does not run the command: it says what is missing.
fn required(variable: &str, what: &str) -> String {
    format!("${{{variable}:?{what}}}")
}

fn query(parameters: &Value) -> String {
    let pairs = parameters.as_object().into_iter().flatten();
    let pairs = pairs.map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{}={}", utf8_percent_encode(name, QUERY), utf8_percent_encode(&text, QUERY))
    });
    let query = pairs.collect::<Vec<_>>().join("&");
    if query.is_empty() { query } else { format!("?{query}") }
}

/// A text as a shell takes it for one word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shell_takes_it_as_it_was_sent() {
        assert_eq!(quoted("it's"), "'it'\\''s'");
        let parameters = json!({"filter": "userName eq \"a&b\"", "count": "10"});
        assert_eq!(query(&parameters), "?filter=userName%20eq%20%22a%26b%22&count=10");
        assert_eq!(query(&json!({})), "");
    }
}
