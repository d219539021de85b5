//! The command that repeats a call.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::meaning::left_out;
use crate::{
    audit::HIDDEN,
    request_log::{Method, Row},
};

/// What stays in a query as it is (RFC 3986 §2.3).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The type of bodies, unless the call was refused for another one.
const SCIM_JSON: &str = "application/scim+json";

/// A command that repeats a call, with the token in a variable, or the id and secret of an OAuth client, unless it needs
/// neither. What was hidden in it must be filled in. What decides what is done is as it was: the conditions on the version, and
/// the type and coding of the body.
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
    let form = form(row);
    command.push_str(match &form {
        Some(_) => " -u \"$CLIENT_ID:$CLIENT_SECRET\"",
        None if is_open(row) => "",
        None => " -H \"Authorization: Bearer $TOKEN\"",
    });
    let body = if form.is_none() { body(row, line) } else { None };
    let sent = line.pointer("/additionalEventData/headers").and_then(Value::as_object);
    let sent = |name: &str| sent.and_then(|headers| headers.get(name)?.as_str());
    for name in ["If-Match", "If-None-Match", "Content-Encoding", CONTENT_TYPE] {
        let usual = body.as_ref().filter(|_| name == CONTENT_TYPE).map(|_| SCIM_JSON);
        if let Some(value) = sent(name).or(usual) {
            command.push_str(" -H ");
            command.push_str(&header(name, value));
        }
    }
    if let Some(data) = form.or(body) {
        command.push_str(" --data ");
        command.push_str(&data);
    }
    command
}

/// Whether the call needs no token: what stands below `/.well-known` is for everybody, and so is what was served to somebody
/// without a token (discovery, keys, the description). Of what was refused before anybody looked at its token nothing is known.
fn is_open(row: &Row) -> bool {
    let was_served = row.token.is_none() && row.status < 400;
    was_served || row.path.starts_with("/.well-known/")
}

/// The form of a call to the authorization server (RFC 6749 §4.4.2, RFC 7009 §2.1, RFC 7662 §2.1), where it is one. None is kept,
/// for secrets may be in it: what it must have had is written, and of one that was refused for its form nothing is known.
fn form(row: &Row) -> Option<String> {
    let mut segments = row.path.split('/').skip(2);
    if row.method != Method::Post || segments.next() != Some("oauth2") {
        return None;
    }
    Some(match segments.next() {
        _ if matches!(row.status, 400 | 413 | 415) => asked_for(),
        Some("token") => "grant_type=client_credentials".to_owned(),
        _ => format!("\"token={}\"", required("SHOWN", "the token that it was about")),
    })
}

/// The body that was sent, as a shell takes it; nothing where none was. What is not known as a whole is asked for, since another
/// body would do something else or be refused for something else: what was no JSON, was shortened for the log, or was not read
/// because the call was refused before.
fn body(row: &Row, line: &Value) -> Option<String> {
    let Some(body) = line.pointer("/requestParameters/httpBody").filter(|body| !body.is_null()) else {
        // A body that is missing is refused with 400.
        let is_unread = matches!(row.method, Method::Post | Method::Put | Method::Patch) && row.status > 400;
        return is_unread.then(asked_for);
    };
    let is_whole = body.as_str() != Some(HIDDEN) && !is_shortened(body);
    Some(if is_whole { quoted(&body.to_string()) } else { asked_for() })
}

/// Whether the log has left out elements or members of it.
fn is_shortened(body: &Value) -> bool {
    match body {
        Value::Array(all) => all.last().and_then(left_out).is_some() || all.iter().any(is_shortened),
        Value::Object(all) => all.get(HIDDEN).and_then(left_out).is_some() || all.values().any(is_shortened),
        _ => false,
    }
}

/// In place of a body that whoever runs the command must have.
fn asked_for() -> String {
    format!("\"{}\"", required("BODY", "the body"))
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

    #[test]
    fn what_the_log_has_left_out_is_missed_at_any_depth() {
        let many = json!([{"op": "add"}, "and 400 more"]);
        for part in [many.clone(), json!({"value": [{"members": many}]}), json!({"data": {HIDDEN: "and 1 more"}})] {
            assert!(is_shortened(&part), "{part}");
        }
        for whole in [json!(null), json!(["and so on", 3]), json!({"title": "and 2 more", "tags": []})] {
            assert!(!is_shortened(&whole), "{whole}");
        }
    }
}
