//! The headers that decide what is done with a request, for the logs: a call is repeated with them as it was.

use hyper::HeaderMap;

use crate::{
    audit::{self, HIDDEN},
    http::request,
    operation::Condition,
};

/// What a request has of them, as it may be shown: conditions (RFC 9110 §13), and of its body what it is refused for.
pub(super) fn deciding(headers: &HeaderMap) -> Vec<(&'static str, &str)> {
    let conditions = request::preconditions(headers);
    let condition = |condition: &Condition| match condition {
        Condition::None => None,
        Condition::Any => Some("*"),
        Condition::Tags(_) => Some(HIDDEN),
    };
    let all = [
        ("Content-Encoding", request::coding(headers).map(audit::coding)),
        ("Content-Type", request::foreign_type(headers).map(audit::media_type)),
        ("If-Match", condition(&conditions.if_match)),
        ("If-None-Match", condition(&conditions.if_none_match)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
