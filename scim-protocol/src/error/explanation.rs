//! What each kind of error means, for people: the reference page of errors is made of this.

use super::ErrorKind;

/// A kind of error in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// When it is answered, as one or two sentences.
    pub when: &'static str,
    /// What whoever sent the request, or runs the identity provider, does about it.
    pub remedy: &'static str,
}

impl ErrorKind {
    /// Every kind, by status and then by `scimType`. Where a kind carries something, it is empty.
    pub const ALL: [Self; 27] = [
        Self::ExpiredCursor,
        Self::InvalidCount,
        Self::InvalidCursor,
        Self::InvalidFilter,
        Self::InvalidPath,
        Self::InvalidSyntax,
        Self::InvalidValue,
        Self::InvalidVers,
        Self::Mutability,
        Self::NoTarget,
        Self::TooMany,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Sensitive,
        Self::NotFound,
        Self::MethodNotAllowed(""),
        Self::Uniqueness,
        Self::Gone,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::UriTooLong,
        Self::UnsupportedMediaType,
        Self::TooManyRequests(0),
        Self::HeadersTooLarge,
        Self::Internal,
        Self::NotImplemented,
        Self::Unavailable(0),
    ];

    /// What it means and what to do about it. A new kind must be added to [`ErrorKind::ALL`] too.
    #[allow(clippy::too_many_lines, reason = "a table, one row for each kind")]
    pub const fn explanation(self) -> Explanation {
        let (when, remedy) = match self {
            Self::ExpiredCursor => (
                "A cursor was used after the time that ServiceProviderConfig names as `cursorTimeout`.",
                "Begin the walk again with an empty `cursor`.",
            ),
            Self::InvalidCount => (
                "A request with a cursor has another `count` than the request that began the walk.",
                "Send with each cursor the `count` that began the walk, or none if that had none.",
            ),
            Self::InvalidCursor => (
                "The cursor was not given out by this server, was changed, or belongs to another query.",
                "Send `nextCursor` exactly as it came, with all other parameters unchanged; or begin again with an empty `cursor`.",
            ),
            Self::InvalidFilter => (
                "The filter does not follow the grammar, is too long or too deep, names an attribute that does not exist or may not be filtered, or compares it with a value of the wrong type.",
                "The detail names the position, counted in characters from 1, and what was expected there.",
            ),
            Self::InvalidPath => (
                "The `path` of a PATCH operation does not follow the grammar or names no attribute.",
                "Write the path in attribute notation: `name.familyName`, `emails[type eq \"work\"].value`, or with the URN of an extension before it.",
            ),
            Self::InvalidSyntax => (
                "The request is not HTTP as its RFCs define it: a character in the URL that must be percent-encoded, a malformed header, `Host` or `Authorization` twice. Or the body is not JSON, is not the message that the endpoint takes, or did not arrive whole and in time. In a strict tenant also: it has an attribute that no schema defines, or differs otherwise from the form that the RFCs give it.",
                "The detail says what was expected; of broken JSON it gives line and column.",
            ),
            Self::InvalidValue => (
                "A required attribute is missing or blank, a value has the wrong type or holds nothing that is understood, an operation would lose a value that it does not name, two elements are `primary`, a member does not exist, or a parameter of the URL has the wrong form.",
                "The detail names the attribute or parameter and says what to send.",
            ),
            Self::InvalidVers => (
                "The URL asks for a version of the protocol other than 2.",
                "Use the base URL that ends in `/scim/v2`.",
            ),
            Self::Mutability => (
                "A PATCH names a `readOnly` attribute, or a request changes an `immutable` one that has a value. `readOnly` attributes in the body of a POST or PUT, or in a value object without a path, are ignored instead.",
                "Leave the attribute out of the request or of the provider's mapping.",
            ),
            Self::NoTarget => (
                "The filter in the path of a `replace` selects nothing, or one of an `add` from which no element can be made; or a `remove` has no path. In a strict tenant also: the filter of a `remove` selects nothing.",
                "Retrieve the resource, and select an element that is there. To add one, use `add`.",
            ),
            Self::TooMany => (
                "Answering would take more work than the server is willing to do for one request.",
                "Filter by an indexed attribute, walk with a cursor, or let the administrator index the attribute.",
            ),
            Self::Unauthorized => (
                "There is no bearer token in the request, or it is mistyped, unknown, revoked, expired, or of another tenant than the one in the URL. The answer never says which; the server's log does.",
                "Compare base URL and token with what was issued; issue a new token if in doubt.",
            ),
            Self::Forbidden => (
                "The token is good and may not do this: its scopes do not cover the method, its tenant is disabled or has as many resources as its quota allows, or a discovery endpoint was given a `filter`.",
                "The detail says which. Use a token with the scope that it names, have the tenant enabled or its quota raised, or leave the filter out.",
            ),
            Self::Sensitive => (
                "A URL holds personal information that must not stand in a URL. Kept because RFC 7644 defines it; scim-server refuses no URL for it.",
                "Send the query as a POST to `/.search`.",
            ),
            Self::NotFound => (
                "There is no such resource, or no such endpoint.",
                "A resource that was deleted here stays gone: let the provider look it up and create it again. Ids are compared exactly, in lower case.",
            ),
            Self::MethodNotAllowed(_) => (
                "The URL exists and does not take this method. The `Allow` header lists those that it takes.",
                "Check the method; a collection takes POST, a resource PUT, PATCH and DELETE.",
            ),
            Self::Uniqueness => (
                "Another resource of the type has this value of a unique attribute.",
                "Look the resource up by that attribute and update it, or use another value.",
            ),
            Self::PreconditionFailed => (
                "`If-Match` names another version than the stored one: somebody changed the resource meanwhile. Or a write has an `If-None-Match` that names the stored one, or is `*`.",
                "Retrieve the resource, decide again, and send its new version.",
            ),
            Self::PayloadTooLarge => (
                "The body, the operations in it, or the members that it changes are over a limit.",
                "Send several smaller requests; the detail names the limit.",
            ),
            Self::Gone => (
                "A reader of the events feed asks for events that are older than `event_retention`.",
                "Note the newest number of the feed, read all resources, and go on after that number.",
            ),
            Self::UriTooLong => (
                "The URL is longer than the head of a request may be.",
                "Send a long filter in the body of a POST to `/.search`.",
            ),
            Self::HeadersTooLarge => (
                "The headers of the request, in HTTP/2 with its URL, are over 16 KiB, or more than 100.",
                "Send fewer or shorter headers; a proxy in between may add some.",
            ),
            Self::UnsupportedMediaType => (
                "The `Content-Type` of the body is not one of SCIM's, or the body has a `Content-Encoding`.",
                "Send `application/scim+json` or `application/json`, without compression.",
            ),
            Self::TooManyRequests(_) => (
                "The token, or the address it comes from, is over its rate limit.",
                "Wait for as many seconds as `Retry-After` says. Providers do so by themselves.",
            ),
            Self::Internal => (
                "A fault of the server. The detail says nothing of the cause; the log does, under the request's id.",
                "Give the administrator the `X-Request-Id` of the response.",
            ),
            Self::NotImplemented => (
                "The feature is not offered: `/Me`, or what the tenant's profile leaves out.",
                "Use another way; the detail names one where there is one.",
            ),
            Self::Unavailable(_) => (
                "The store cannot answer now, or many writers change the same resource at once.",
                "Repeat the request after as many seconds as `Retry-After` says.",
            ),
        };
        Explanation { when, remedy }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_kinds_are_distinct_and_in_order() {
        assert_eq!(HashSet::from(ErrorKind::ALL).len(), ErrorKind::ALL.len());
        assert!(ErrorKind::ALL.is_sorted_by_key(|kind| kind.status()));
    }
}
