//! Answers of the authorization server: JSON that nobody keeps.

use hyper::{
    Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE},
};
use scim_protocol::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::{
    access::{Granted, Known},
    http::{body::ResponseBody, request::JSON},
    oauth::{refusal, scope},
    profile::{self, Profile},
};

/// An access token (RFC 6749 §5.1).
pub fn issued(granted: &Granted) -> Response<ResponseBody> {
    document(&json!({
        "access_token": granted.text,
        "token_type": "Bearer",
        "expires_in": granted.seconds,
        "scope": granted.scope.to_string(),
    }))
}

/// The answer to a revocation (RFC 7009 §2.2).
pub fn revoked() -> Response<ResponseBody> {
    unkept(Response::new(ResponseBody::Empty))
}

/// What a token is good for (RFC 7662 §2.2).
pub fn introspected(known: Option<&Known>, issuer: &str) -> Response<ResponseBody> {
    let Some(known) = known else { return document(&json!({"active": false})) };
    let seconds = |at: scim_protocol::Timestamp| at.as_millis().div_euclid(1000);
    let mut said = json!({
        "active": true,
        "scope": known.scope.to_string(),
        "token_type": "Bearer",
        "exp": seconds(known.expires),
        "sub": &*known.subject,
        "iss": issuer,
    });
    if let Value::Object(said) = &mut said {
        if known.is_grant {
            said.insert("client_id".to_owned(), (*known.subject).into());
        }
        if let Some(issued) = known.issued {
            said.insert("iat".to_owned(), seconds(issued).into());
        }
    }
    document(&said)
}

/// The metadata of a tenant's authorization server (RFC 8414 §2). `issuer` is its identifier, and the base of its
/// endpoints.
pub fn metadata(issuer: &str, profile: Profile) -> Response<ResponseBody> {
    let all = ["private_key_jwt", "client_secret_basic", "client_secret_post"];
    let only_assertions = profile::wants_assertions(profile);
    let (methods, scopes) =
        if only_assertions { (&all[..1], &scope::WORDS[..1]) } else { (&all[..], &scope::WORDS[..]) };
    let algorithms = ["RS256", "ES256", "EdDSA"];
    let said = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/token"),
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint": format!("{issuer}/revoke"),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint": format!("{issuer}/introspect"),
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "grant_types_supported": ["client_credentials"],
        // The list is required, and must not be empty (RFC 8414 §2, §3.2); there is no authorization endpoint.
        "response_types_supported": ["none"],
        "scopes_supported": scopes,
    });
    let mut response = Response::new(ResponseBody::from(said.to_string().into_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// The answer to a request that failed (RFC 6749 §5.2).
pub fn error(error: &Error) -> Response<ResponseBody> {
    let status = StatusCode::from_u16(error.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = refusal::of(error).map_or_else(|| code(error.kind()), |refused| refused.code.as_str());
    let mut response = document(&json!({"error": code, "error_description": ascii(error.detail())}));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    match error.kind() {
        ErrorKind::Unauthorized => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"scim\""));
        }
        ErrorKind::MethodNotAllowed(methods) => {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        ErrorKind::TooManyRequests(seconds) | ErrorKind::Unavailable(seconds) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        _ => {}
    }
    response
}

/// What the other errors are called. RFC 6749 has words for those of the front channel, which say the same.
fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unauthorized => "invalid_client",
        ErrorKind::Forbidden => "unauthorized_client",
        ErrorKind::TooManyRequests(_) | ErrorKind::Unavailable(_) => "temporarily_unavailable",
        kind if kind.status() >= 500 => "server_error",
        _ => "invalid_request",
    }
}

/// The characters that a description may have (RFC 6749 §5.2).
fn ascii(text: &str) -> String {
    let legal = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
    text.chars().map(|c| if c == '"' { '\'' } else { c }).filter(|c| legal(*c)).collect()
}

fn document(document: &Value) -> Response<ResponseBody> {
    let mut response = unkept(Response::new(ResponseBody::from(document.to_string().into_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// No cache may keep the answer (RFC 6749 §5.1).
fn unkept(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
