//! What a client sends: a form, and in it or in the `Authorization` header who it says it is.

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use percent_encoding::percent_decode_str;
use scim_protocol::{Error, ErrorKind};

use crate::{
    access::Credentials,
    http::request::{pairs, text},
    oauth::{Code, Refused},
};

/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";
/// The largest form.
pub(in crate::http) const MOST: usize = 32 * 1024;
/// What a JWT as a client assertion is called (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The parameters of a request. One that is sent without a value counts as not sent (RFC 6749 §3.2).
#[derive(Debug)]
pub struct Form(Vec<(String, String)>);

/// The credentials in a request: the client's name and its secret or assertion.
#[derive(Debug)]
pub enum Shown {
    /// A secret (RFC 6749 §2.3.1).
    Secret(String, String),
    /// An assertion (RFC 7523 §2.2), and its `client_id` if that was said, too.
    Assertion(Option<String>, String),
}

impl Shown {
    /// The same, borrowed.
    pub fn credentials(&self) -> Credentials<'_> {
        match self {
            Self::Secret(client, secret) => Credentials::Secret { client, secret },
            Self::Assertion(client, assertion) => Credentials::Assertion { client: client.as_deref(), assertion },
        }
    }
}

impl Form {
    /// 415 unless the body is said to be a form.
    pub fn require_type(headers: &HeaderMap) -> Result<(), Error> {
        let essence = text(headers, &CONTENT_TYPE).and_then(|media_type| media_type.split(';').next());
        if essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(FORM)) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::UnsupportedMediaType, format!("The Content-Type must be {FORM}.")))
    }

    /// Reads a body. No parameter may stand there twice (RFC 6749 §3.2).
    pub fn parse(body: &[u8]) -> Result<Self, Refused> {
        let unreadable = |_| invalid("The body is not a form in UTF-8.");
        let text = std::str::from_utf8(body).map_err(|_| invalid("The body is not a form in UTF-8."))?;
        let mut parameters = pairs(text).map_err(unreadable)?;
        parameters.retain(|(_, value)| !value.is_empty());
        let mut names: Vec<_> = parameters.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| matches!(two, [one, other] if one == other)) {
            return Err(invalid("A parameter stands twice in the form. Send each once."));
        }
        Ok(Self(parameters))
    }

    /// A parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What the client shows of itself: in one way, and never in two (RFC 6749 §2.3). `None` when it shows nothing.
    pub fn shown(&self, headers: &HeaderMap) -> Result<Option<Shown>, Refused> {
        let basic = text(headers, &AUTHORIZATION).and_then(credentials_of_basic).transpose()?;
        let client = self.get("client_id").map(str::to_owned);
        let assertion = self.get("client_assertion");
        let ways = [basic.is_some(), self.get("client_secret").is_some(), assertion.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(invalid(
                "The client authenticates in more than one way. Use one: HTTP Basic, client_secret or client_assertion.",
            ));
        }
        if let Some((id, secret)) = basic {
            if client.is_some_and(|client| client != id) {
                return Err(invalid("The client_id in the form is another than in the Authorization header."));
            }
            return Ok(Some(Shown::Secret(id, secret)));
        }
        if let Some(assertion) = assertion {
            if self.get("client_assertion_type") != Some(JWT_BEARER) {
                return Err(invalid(&format!("The client_assertion_type must be {JWT_BEARER}.")));
            }
            return Ok(Some(Shown::Assertion(client, assertion.to_owned())));
        }
        Ok(client.zip(self.get("client_secret")).map(|(id, secret)| Shown::Secret(id, secret.to_owned())))
    }
}

/// The two parts of HTTP Basic, each encoded as in a form before that (RFC 6749 §2.3.1). `None` for another scheme.
fn credentials_of_basic(authorization: &str) -> Option<Result<(String, String), Refused>> {
    let (scheme, encoded) = authorization.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    let read = || {
        let bytes = STANDARD.decode(encoded.trim()).ok()?;
        let text = std::str::from_utf8(&bytes).ok()?;
        let (id, secret) = text.split_once(':')?;
        decode(id).zip(decode(secret))
    };
    Some(read().ok_or_else(|| {
        invalid("The Authorization header cannot be read: Basic and the base64 of client_id:client_secret, each form-encoded.")
    }))
}

fn invalid(description: &str) -> Refused {
    Refused::new(Code::InvalidRequest, description)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    /// What is shown, as words; or the beginning of why not.
    fn shown(authorization: Option<&str>, form: &str) -> String {
        let mut headers = HeaderMap::new();
        if let Some(text) = authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        }
        match Form::parse(form.as_bytes()).and_then(|form| form.shown(&headers)) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(Shown::Secret(id, secret))) => format!("{id} {secret}"),
            Ok(Some(Shown::Assertion(id, assertion))) => format!("{id:?} {assertion}"),
            Err(refused) => format!("{}: {}", refused.code.as_str(), refused.description),
        }
    }

    #[track_caller]
    fn check(authorization: Option<&str>, form: &str, expect: &str) {
        let found = shown(authorization, form);
        assert!(found.starts_with(expect), "{form}: {found}");
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn a_client_shows_itself_in_one_way() {
        check(Some(&basic("one:secret")), "grant_type=client_credentials", "one secret");
        check(Some(&basic("one:secret").replace("Basic", "bASIC")), "client_id=one", "one secret");
        check(Some(&basic("a%20b+c:s%3Ae%25")), "", "a b c s:e%");
        check(None, "client_id=one&client_secret=a%2Bb", "one a+b");
        check(None, "client_id=one&client_secret=", "nothing");
        check(None, "client_secret=x", "nothing");
        check(Some("Bearer x"), "", "nothing");
        check(Some(&basic("one:secret")), "client_id=two", "invalid_request: The client_id in the form");
        check(Some(&basic("one:secret")), "client_id=one&client_secret=x", "invalid_request: The client authenticates");
        check(Some(&basic("one")), "", "invalid_request: The Authorization header");
        check(Some("Basic !"), "", "invalid_request: The Authorization header");
        check(None, "client_id=one&client_id=one&client_secret=x", "invalid_request: A parameter stands twice");
        check(None, "client_id=%ff", "invalid_request: The body");
    }

    #[test]
    fn an_assertion_says_what_it_is() {
        let form = |rest: &str| format!("client_assertion=a.b.c{rest}");
        let of_type = format!("&client_assertion_type={JWT_BEARER}");
        check(None, &form(&of_type), "None a.b.c");
        check(None, &form(&format!("{of_type}&client_id=one")), "Some(\"one\") a.b.c");
        check(None, &form(""), "invalid_request: The client_assertion_type");
        check(None, &form("&client_assertion_type=saml2-bearer"), "invalid_request: The client_assertion_type");
        check(None, &form(&format!("{of_type}&client_secret=x")), "invalid_request: The client authenticates");
    }
}
