//! Why a call failed, and what to do about it.

use scim_protocol::{ErrorKind, Timestamp, error::Explanation};
use serde_json::Value;

use crate::{audit::HIDDEN, command_line::line, request_log::Row};

/// Why a call failed, as its answer or the refusal of its token says it.
pub(super) fn reason(row: &Row, line: &Value) -> Option<String> {
    if row.status < 400 {
        return None;
    }
    if !row.reason.is_empty() {
        return Some(row.reason.clone());
    }
    let message = line.get("errorMessage").and_then(Value::as_str);
    let explanation = line.pointer("/additionalEventData/explanation").and_then(Value::as_str);
    // The text of a profile says less than its explanation.
    explanation.or(message).map(|text| text.replace(HIDDEN, "…"))
}

/// What an error of this kind means, and what is done about it.
pub(super) fn explanation(row: &Row) -> Option<Explanation> {
    let scim_type = Some(row.scim_type.as_str()).filter(|word| !word.is_empty());
    let is_it = |kind: &ErrorKind| kind.status() == row.status && kind.scim_type() == scim_type;
    ErrorKind::ALL.into_iter().find(is_it).map(ErrorKind::explanation)
}

/// What is known of the token of a refused call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known<'a> {
    /// What people call it.
    pub name: Option<&'a str>,
    /// When it ends or has ended, if it still is on the list.
    pub expires: Option<Timestamp>,
}

/// What to do about a call without a valid token.
pub(super) fn about_token(row: &Row, known: Known<'_>) -> Option<String> {
    let id = row.token.map(|id| id.to_string());
    let which = match (known.name, &id) {
        (Some(name), Some(id)) => format!("the token {name:?} ({id})"),
        (None, Some(id)) => format!("the token {id}"),
        (_, None) => "the token".to_owned(),
    };
    let tenant = row.tenant.map_or_else(|| "TENANT".to_owned(), |tenant| tenant.to_string());
    let of = |what: &str, command: &str, which: &[&str]| line(&[&[what, command, "--tenant", &tenant], which].concat());
    let client = id.as_deref().unwrap_or("CLIENT");
    Some(match row.refusal.as_str() {
        "" => return None,
        "expired" => {
            let at = known.expires.map(|at| format!(" on {at}")).unwrap_or_default();
            format!("It is put down to {which}, which expired{at}. Issue another with `{}`, and give it to the identity provider; an access token of an OAuth client is got again by the client.", of("token", "create", &[]))
        }
        "revoked" => format!("It is put down to {which}, which was deleted. Give the identity provider the newer one; if there is none, issue one with `{}`.", of("token", "create", &[])),
        "ended" => format!("It is put down to the OAuth client {client}: {}. `{}` tells its state.", row.reason, of("client", "show", &[client])),
        "other tenant" => format!("It is put down to {which}, which belongs to another tenant. Compare the tenant's id in the base URL with `{}`.", line(&["token", "list"])),
        "no assertion" => "The profile of the tenant takes only tokens that a client got by an assertion. Give the identity provider an OAuth client with a trust: `client trust add CLIENT --issuer ISSUER --subject SUBJECT --audience AUDIENCE --jwks-uri URL`.".to_owned(),
        "missing" => "The request has no `Authorization: Bearer` header. The identity provider does not send it, or a proxy removes it.".to_owned(),
        "unknown" => format!("The token was deleted before the last start of the server, or belongs to another server. Compare it with the one that was issued; if in doubt, issue another with `{}`.", of("token", "create", &[])),
        "prefix" => "What was sent is no token of this server: it does not begin with scim_. Perhaps it is the token's id, or a key of another system.".to_owned(),
        "short" | "long" | "characters" | "checksum" => "The token was not copied as a whole, or was changed. Paste it again.".to_owned(),
        _ => format!("An OAuth client was not authenticated. `{}` shows each check that failed, with what was expected and what came.", of("client", "trace", &[client])),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::request_log::{Method, Place};

    fn row(status: u16, scim_type: &str, refusal: &str) -> Row {
        Row {
            place: Place { block: 1, row: 0 },
            at: Timestamp::from_millis(0),
            took: Duration::ZERO,
            method: Method::Get,
            status,
            tenant: None,
            token: None,
            resource: None,
            count: 1,
            path: String::new(),
            scim_type: scim_type.to_owned(),
            refusal: refusal.to_owned(),
            reason: String::new(),
            line: String::new(),
            values: String::new(),
        }
    }

    #[test]
    fn every_kind_of_error_is_found_by_its_status_and_type() {
        for kind in ErrorKind::ALL {
            let row = row(kind.status(), kind.scim_type().unwrap_or_default(), "");
            assert_eq!(explanation(&row), Some(kind.explanation()), "{kind:?}");
        }
        assert_eq!(explanation(&row(200, "", "")), None);
    }

    #[test]
    fn a_401_is_put_down_to_its_token() {
        let at = Timestamp::from_millis(0);
        let known = Known { name: Some("okta"), expires: Some(at) };
        let told = about_token(&row(401, "", "expired"), known).unwrap();
        assert!(told.contains("expired on 1970-01-01"), "{told}");
        assert_eq!(about_token(&row(404, "", ""), known), None);
    }

    #[test]
    fn a_reason_is_what_the_client_was_told_without_values() {
        let line = json!({"errorMessage": format!("The value \"{HIDDEN}\" is taken.")});
        assert_eq!(reason(&row(409, "uniqueness", ""), &line).unwrap(), "The value \"…\" is taken.");
        assert_eq!(reason(&row(200, "", ""), &line), None);
    }
}
