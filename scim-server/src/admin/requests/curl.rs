//! The command that repeats a call.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::request_log::{Method, Row};

/// What stays in a query as it is (RFC 3986 §2.3).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a call was refused with because a condition on the version did not hold (RFC 7644 §3.14).
const PRECONDITION_FAILED: u16 = 412;

/// A command that repeats a call, with the token in a variable. What was hidden in it must be filled in. Conditions are not
/// kept; a call that was refused by one has a variable for the version, without which the shell does not run the command.
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
    if row.status == PRECONDITION_FAILED {
        command.push_str(" -H \"If-Match: ${VERSION:?the version of the resource}\"");
    }
    if let Some(body) = line.pointer("/requestParameters/httpBody").filter(|body| !body.is_null()) {
        command.push_str(" -H 'Content-Type: application/scim+json' --data ");
        command.push_str(&quoted(&body.to_string()));
    }
    command
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
