//! RFC 6750, as far as SCIM uses it: a token in the Authorization header.

use super::{Document, Line, hidden, must, should};

pub(super) const DOCUMENT: Document = Document { name: "RFC 6750", title: "Bearer Token Usage", parts: &[LINES] };

const LINES: &[Line] = &[
    must(
        "§2.1",
        "A token in the Authorization header is taken, whatever the case of the scheme.",
        &["auth-scheme-case"],
    ),
    hidden("§2.2", "A token in a form body follows its rules.", "SCIM has no form bodies"),
    hidden(
        "§2.3",
        "A token in the query is kept out of caches.",
        "the method is discouraged, and a run does not put its token into URLs",
    ),
    must(
        "§3",
        "A request without a token, or with a wrong one, is answered with WWW-Authenticate.",
        &["auth-challenge", "auth-challenge-wrong-token", "auth-no-token"],
    ),
    must("§3", "The scheme is Bearer, with at least one parameter, and none of them twice.", &["auth-challenge"]),
    should("§3", "A wrong token is told by the error code.", &["auth-invalid-token"]),
    must(
        "§3.1",
        "A token that was not given, or not for this, is not served (RFC 6749 §7).",
        &["auth-any-token*", "auth-read-only"],
    ),
    should("§3.1", "invalid_token is 401.", &["auth-wrong-token", "auth-invalid-token"]),
    should("§3.1", "A request without any token gets no error code.", &["auth-no-error-code"]),
    hidden("§3.1", "insufficient_scope is 403.", "a run has one token, whose scope it does not know"),
    hidden(
        "§5.2",
        "Tokens are protected against forgery and disclosure, and are not stored in clear.",
        "it is about how tokens are made and kept",
    ),
];
