//! From an HTTP request to typed values: the bounded body, the media type, the query, the base URL.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Version,
    body::{Body as _, Incoming},
    header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, IF_MATCH, IF_NONE_MATCH},
    http::{request::Parts, uri::Authority},
};
use percent_encoding::percent_decode_str;
use scim_protocol::{
    Error, ErrorKind,
    message::{self, Most, Names, Query, read_json},
};
use serde_json::Value;

use super::{forwarded::Trust, peer::Peer};
use crate::{
    budget::Share,
    operation::{Condition, Preconditions},
};

/// The media type of SCIM (RFC 7644 §8.1).
pub const SCIM_JSON: &str = "application/scim+json";
/// The other media type, accepted in requests and sent if the client asks for it.
pub const JSON: &str = "application/json";

/// How many bytes of memory each byte of a body takes: for the body, and for what is parsed from it. An object with
/// one member takes some 250 bytes of memory, and twenty bytes of a body ([`BYTES_OF_A_VALUE`]).
pub const PARSED: usize = 12;
/// Values that any body may have.
pub const VALUES: usize = 50_000;
/// How many bytes of a body give it one value more.
pub const BYTES_OF_A_VALUE: usize = 10;

/// A body is refused for its content coding, not for its media type. As the source of an error it becomes the
/// `Accept-Encoding` of the response (RFC 9110 §15.5.16).
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the body has a Content-Encoding")]
pub struct UnknownCoding;

/// The body as it came, up to a number of bytes and within a time. The bytes are taken from the share.
pub async fn body(incoming: &mut Incoming, most: usize, within: Duration, share: &mut Share) -> Result<Bytes, Error> {
    let too_large = || {
        Error::new(
            ErrorKind::PayloadTooLarge,
            format!("The body is larger than the {most} bytes that this endpoint takes. Send less in one request."),
        )
    };
    if incoming.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(within, collect(Limited::new(incoming, most), share)).await {
        Ok(Ok(body)) => {
            share.grow(body.len() * (PARSED - 1))?;
            Ok(body)
        }
        Ok(Err(Unread::Budget(error))) => Err(error),
        Ok(Err(Unread::Broken(error))) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(Unread::Broken(error))) => {
            Err(Error::syntax("The body could not be read to its end. Send the request again.").with_source(error))
        }
        Err(_) => Err(Error::syntax(format!(
            "The body did not arrive within {} seconds. Send it faster, or send less in one request.",
            within.as_secs()
        ))),
    }
}

/// Why a body did not come.
enum Unread {
    Broken(Box<dyn std::error::Error + Send + Sync>),
    Budget(Error),
}

/// All of a body. Each piece is counted as it arrives, so a body that stalls takes only the memory of what was sent.
async fn collect(mut body: Limited<&mut Incoming>, share: &mut Share) -> Result<Bytes, Unread> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.map_err(Unread::Broken)?.into_data() {
            share.grow(piece.len()).map_err(Unread::Budget)?;
            all.extend_from_slice(&piece);
        }
    }
    Ok(all.into())
}

/// The JSON in a body of one of SCIM's media types (RFC 7644 §3.1 and §3.8). Of a bulk request it has at
/// most so many operations.
pub fn json(headers: &HeaderMap, body: &Bytes, operations: Option<usize>) -> Result<Value, Error> {
    if foreign_type(headers).is_some() {
        return Err(Error::new(
            ErrorKind::UnsupportedMediaType,
            format!("The Content-Type must be {SCIM_JSON} or {JSON}."),
        ));
    }
    if coding(headers).is_some() {
        return Err(Error::new(
            ErrorKind::UnsupportedMediaType,
            "Bodies are taken as they are, without a Content-Encoding. Send it without compression.",
        )
        .with_source(UnknownCoding));
    }
    // A byte order mark may be ignored (RFC 8259 §8.1), and some clients cannot help sending it.
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let values = VALUES + text.len() / BYTES_OF_A_VALUE;
    read_json(text, Most { values, operations, names: Names::WithoutCase }).map_err(|unread| {
        let error = match unread {
            message::Unread::Json(error) => error,
            message::Unread::Values(most) => return too_large(format!(
                "The body has more than the {most} JSON values that one of its size may have. Send less in one request."
            )),
            message::Unread::Operations(most) => return too_large(format!(
                "The request has too many operations; at most {most} are taken at once (maxOperations). Send several requests."
            )),
            message::Unread::Repeated(name) => return Error::syntax(format!(
                "An object of the body has the name \"{name}\" twice. Names are compared without case: send it once."
            )),
        };
        let (line, column) = (error.line(), error.column());
        // serde_json's own words can quote the body, so only the place is told.
        let detail = if text.is_empty() {
            "The request needs a body: a JSON object.".to_owned()
        } else if error.to_string().starts_with("recursion limit") {
            format!("The body is nested too deeply: more than 127 levels at line {line}, column {column}.")
        } else {
            format!("The body is not JSON: it is wrong at line {line}, column {column}.")
        };
        Error::syntax(detail).with_source(error)
    })
}

fn too_large(detail: String) -> Error {
    Error::new(ErrorKind::PayloadTooLarge, detail)
}

/// The media type of a body, if it is none of SCIM's. An empty header is the same as none.
pub fn foreign_type(headers: &HeaderMap) -> Option<&str> {
    let is_ours = |media_type: &str| media_type.trim().is_empty() || is(media_type, SCIM_JSON) || is(media_type, JSON);
    text(headers, &CONTENT_TYPE).filter(|media_type| !is_ours(media_type))
}

/// The coding of a body that has one.
pub fn coding(headers: &HeaderMap) -> Option<&str> {
    text(headers, &CONTENT_ENCODING).filter(|coding| !coding.trim().eq_ignore_ascii_case("identity"))
}

/// Whether a media type with parameters is this one.
fn is(media_type: &str, name: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(name)
}

/// The media type of the response (RFC 7644 §3.8): SCIM's own, unless the client prefers `application/json`.
pub fn answer_type(headers: &HeaderMap) -> &'static str {
    let (mut scim, mut json) = (0.0, 0.0);
    for accept in headers.get_all(ACCEPT) {
        for one in accept.to_str().unwrap_or_default().split(',') {
            if is(one, SCIM_JSON) {
                scim = quality(one).max(scim);
            } else if is(one, JSON) {
                json = quality(one).max(json);
            }
        }
    }
    if json > scim { JSON } else { SCIM_JSON }
}

/// The quality value of a media type, from 0 to 1 (RFC 9110 §12.4.2).
fn quality(media_range: &str) -> f32 {
    let weight = media_range.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
    });
    weight.unwrap_or(1.0)
}

/// The parameters of a URL, decoded: `+` is a space, as forms and several providers write it.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>, Error> {
    let decode = |text: &str| -> Result<String, Error> {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned);
        decoded.map_err(|_| Error::value("The query of the URL is not UTF-8 once it is percent-decoded."))
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// The query of a URL as SCIM reads it.
pub fn query(parts: &Parts) -> Result<Query, Error> {
    match parts.uri.query() {
        None | Some("") => Ok(Query::default()),
        Some(query) => Query::from_pairs(pairs(query)?),
    }
}

/// `If-Match` and `If-None-Match`.
pub fn preconditions(headers: &HeaderMap) -> Preconditions {
    Preconditions { if_match: condition(headers, &IF_MATCH), if_none_match: condition(headers, &IF_NONE_MATCH) }
}

/// One of them. Several lines are one list (RFC 9110 §5.3); what is not text names no
/// version.
fn condition(headers: &HeaderMap, name: &HeaderName) -> Condition {
    let lines: Vec<_> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).collect();
    if lines.is_empty() { Condition::None } else { Condition::parse(&lines.join(",")) }
}

/// A header's text; `None` when it is absent or not text.
pub fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// 400 for a request with two of these headers: a proxy may have used the other one (RFC 9112 §3.2 for `Host`, RFC
/// 9113 §8.3.1 for `:authority`; a request has one `Authorization`).
pub fn require_unambiguous(parts: &Parts) -> Result<(), Error> {
    let count = |name| parts.headers.get_all(name).iter().count();
    if count(AUTHORIZATION) > 1 {
        return Err(Error::syntax("The request has more than one Authorization header. Send one."));
    }
    let authority = parts.uri.authority().map(Authority::as_str);
    match count(HOST) {
        0 if authority.is_none() && parts.version == Version::HTTP_11 => {
            Err(Error::syntax("The request has no Host header, which HTTP/1.1 requires."))
        }
        1 if parts.version == Version::HTTP_2
            && authority.zip(text(&parts.headers, &HOST)).is_some_and(|(one, other)| !is_same_host(one, other)) =>
        {
            Err(Error::syntax("The Host header names another host than :authority does. Send one of them."))
        }
        0 | 1 => Ok(()),
        _ => Err(Error::syntax("The request has more than one Host header. Send one.")),
    }
}

/// Whether two authorities name one host; the ports that schemes imply may be left out.
fn is_same_host(one: &str, other: &str) -> bool {
    let without_port = |text: &'_ str| -> String {
        text.strip_suffix(":443").or_else(|| text.strip_suffix(":80")).unwrap_or(text).to_ascii_lowercase()
    };
    without_port(one) == without_port(other)
}

/// Where clients reach this server.
#[derive(Debug, Clone, Default)]
pub struct Public {
    /// The configured scheme and authority, with any path in front of the tenant, without a slash
    /// at its end: `https://scim.example.com`.
    pub url: Option<Arc<str>>,
    /// Whose `X-Forwarded-*` are believed.
    pub trust: Trust,
}

impl Public {
    /// The base URL of a tenant: from the configuration, else from the request.
    pub fn base(&self, parts: &Parts, peer: &Peer, tenant: &str) -> Result<String, Error> {
        Ok([&self.origin(parts, peer)?, "/", tenant, "/scim/v2"].concat())
    }

    /// What all URLs begin with: scheme and authority, with any path in front of the tenant.
    pub fn origin(&self, parts: &Parts, peer: &Peer) -> Result<String, Error> {
        if let Some(url) = &self.url {
            return Ok(url.to_string());
        }
        let (scheme, forwarded) = self.trust.origin(&parts.headers, peer.address.ip());
        let scheme = scheme.unwrap_or(if peer.tls { "https" } else { "http" });
        let (name, host) = match forwarded {
            Some(host) => ("X-Forwarded-Host", host),
            None => ("Host", host(parts).unwrap_or_default()),
        };
        let legal = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
        if host.is_empty() || !host.bytes().all(legal) {
            return Err(Error::value(format!("The {name} header must name this server.")));
        }
        Ok([scheme, "://", host].concat())
    }

    /// The path in front of the server's own, without a slash at its end; empty when there is none.
    pub fn root(&self) -> &str {
        let behind = self.url.as_deref().and_then(|url| url.split_once("://")).map_or("", |(_, behind)| behind);
        behind.find('/').and_then(|at| behind.get(at..)).unwrap_or_default()
    }
}

/// The host that the client asked for. If the URL contains it, as in HTTP/2, the header does not count (RFC 9112
/// §3.2.2).
pub fn host(parts: &Parts) -> Option<&str> {
    parts.uri.authority().map(Authority::as_str).or_else(|| text(&parts.headers, &HOST))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[track_caller]
    fn check_pairs(query: &str, expect: &[(&str, &str)]) {
        let found = pairs(query).unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expect, "{query}");
    }

    #[test]
    fn queries_are_decoded_as_providers_write_them() {
        check_pairs("filter=userName+eq+%22a%2Bb%22&", &[("filter", "userName eq \"a+b\"")]);
        check_pairs("cursor&count=10", &[("cursor", ""), ("count", "10")]);
        check_pairs("aadOptscim062020", &[("aadOptscim062020", "")]);
        check_pairs("filter=a=b", &[("filter", "a=b")]);
    }

    #[track_caller]
    fn check_type(accept: Option<&'static str>, expect: &str) {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        assert_eq!(answer_type(&headers), expect, "{accept:?}");
    }

    #[test]
    fn the_answer_has_the_type_that_was_asked_for() {
        check_type(None, SCIM_JSON);
        check_type(Some("*/*"), SCIM_JSON);
        check_type(Some("application/json"), JSON);
        check_type(Some("application/json; charset=utf-8, application/scim+json"), SCIM_JSON);
        check_type(Some("text/html"), SCIM_JSON);
        check_type(Some("application/scim+json;q=0.5, application/json"), JSON);
        check_type(Some("application/json;q=0.5, application/scim+json ; Q=0.8"), SCIM_JSON);
        check_type(Some("application/json;q=0"), SCIM_JSON);
        check_type(Some("application/json;q=much"), SCIM_JSON);
    }

    #[test]
    fn bodies_are_json_with_or_without_a_mark_before_them() {
        let read = |body: &'static [u8]| json(&HeaderMap::new(), &Bytes::from_static(body), None);
        let refused = |body| read(body).map_err(|error| error.detail().to_owned()).unwrap_err();
        assert_eq!(read(b"\xef\xbb\xbf{}").unwrap(), serde_json::json!({}));
        assert!(refused(b"\xef\xbb\xbf").contains("needs a body"));
        assert!(refused(b"{\"a\":\xff}").contains("line 1, column 6"));
        assert!(refused(&[b'['; 200]).contains("nested too deeply"));
        let mut compressed = HeaderMap::new();
        compressed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let error = json(&compressed, &Bytes::from_static(b"{}"), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedMediaType);
    }
}
