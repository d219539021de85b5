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
                "Start again with an empty `cursor`.",
            ),
            Self::InvalidCount => (
                "A request with a cursor has another `count` than the first request of the query.",
                "With each cursor, send the `count` of the first request, or none if it had none.",
            ),
            Self::InvalidCursor => (
                "This server did not issue the cursor, or it was changed, or it belongs to another query.",
                "Send `nextCursor` unchanged, with the same other parameters; or start again with an empty `cursor`.",
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
                "The request is not HTTP as its RFCs define it: a character in the URL that must be percent-encoded, a malformed header, `Host` or `Authorization` twice. Or the body is not JSON, has a name twice in one object (names are compared without case), is not the message that the endpoint takes, or did not arrive completely and in time. In a strict tenant also: it has an attribute that no schema defines, or deviates in another way from the RFCs.",
                "The detail says what was expected; for invalid JSON it gives line and column.",
            ),
            Self::InvalidValue => (
                "A required attribute is missing or blank, a value has the wrong type or contains no known attribute, an operation would lose a value that it does not name, two elements are `primary`, a member does not exist, or a parameter of the URL has the wrong form.",
                "The detail names the attribute or parameter and says what to send.",
            ),
            Self::InvalidVers => (
                "The URL contains another version of the protocol than 2.",
                "Use the base URL that ends in `/scim/v2`.",
            ),
            Self::Mutability => (
                "A PATCH names a `readOnly` attribute, or a request changes an `immutable` one that has a value. `readOnly` attributes in the body of a POST or PUT, or in a value object without a path, are ignored instead.",
                "Leave the attribute out of the request or of the provider's mapping.",
            ),
            Self::NoTarget => (
                "The filter in the path of a `replace` selects nothing; the filter of an `add` selects nothing and does not describe a new element; or a `remove` has no path. In a strict tenant also: the filter of a `remove` selects nothing.",
                "Retrieve the resource, and select an existing element. To add one, use `add`.",
            ),
            Self::TooMany => (
                "The request needs more work than the server allows for one request.",
                "Filter by an indexed attribute, use a cursor, or ask the administrator to index the attribute.",
            ),
            Self::Unauthorized => (
                "There is no bearer token in the request, or it is mistyped, unknown, revoked, expired, or belongs to another tenant than the one in the URL. The response does not say which; the server's log does.",
                "Compare base URL and token with those that were issued; if in doubt, issue a new token.",
            ),
            Self::Forbidden => (
                "The token is valid, but the request is not allowed: the token's scopes do not cover the method, its tenant is disabled or has as many resources as its quota allows, or the request has a `filter` at a discovery endpoint.",
                "The detail says which. Use a token with the scope that it names, ask the administrator to enable the tenant or to raise its quota, or leave the filter out.",
            ),
            Self::Sensitive => (
                "The URL contains personal information that must not be in a URL. RFC 7644 defines this error; scim-server never returns it.",
                "Send the query as a POST to `/.search`.",
            ),
            Self::NotFound => (
                "The resource or the endpoint does not exist.",
                "A deleted resource does not come back: let the provider look it up and create it again. Ids are compared exactly, in lower case.",
            ),
            Self::MethodNotAllowed(_) => (
                "The URL exists, but does not support this method. The `Allow` header lists the supported ones.",
                "Check the method: a collection supports POST, a resource PUT, PATCH and DELETE.",
            ),
            Self::Uniqueness => (
                "Another resource of the type has this value of a unique attribute.",
                "Look the resource up by that attribute and update it, or use another value.",
            ),
            Self::PreconditionFailed => (
                "`If-Match` names another version than the stored one, because the resource was changed meanwhile. Or a write has an `If-None-Match` that names the stored version, or is `*`.",
                "Retrieve the resource, decide again, and send its new version.",
            ),
            Self::PayloadTooLarge => (
                "The body, the number of operations in it, or the number of members that it changes exceeds a limit.",
                "Send several smaller requests; the detail names the limit.",
            ),
            Self::Gone => (
                "A reader of the events feed asks for events that are older than `event_retention`.",
                "Note the newest number of the feed, read all resources, and continue after that number.",
            ),
            Self::UriTooLong => (
                "The URL is longer than the head of a request may be.",
                "Send a long filter in the body of a POST to `/.search`.",
            ),
            Self::HeadersTooLarge => (
                "The headers of the request (in HTTP/2 with its URL) exceed 16 KiB, or there are more than 100.",
                "Send fewer or shorter headers; a proxy in between may add some.",
            ),
            Self::UnsupportedMediaType => (
                "The `Content-Type` of the body is not one of SCIM's, or the body has a `Content-Encoding`.",
                "Send `application/scim+json` or `application/json`, without compression.",
            ),
            Self::TooManyRequests(_) => (
                "The token or the client's address has exceeded its rate limit.",
                "Wait for as many seconds as `Retry-After` says. Providers do so by themselves.",
            ),
            Self::Internal => (
                "A fault of the server. The server's log has the cause, with the request's id; the detail does not.",
                "Give the administrator the `X-Request-Id` of the response.",
            ),
            Self::NotImplemented => (
                "The server does not support this feature: `/Me`, or one that the tenant's profile excludes.",
                "Use another request; the detail names one if there is one.",
            ),
            Self::Unavailable(_) => (
                "The store cannot answer now, or many writers change the same resource at once. Also when a consumer asks for the \
                 state while the brake on mass deprovisioning has tripped: making the consumer got 201, and what it is to \
                 begin with is told when an administrator has decided.",
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
