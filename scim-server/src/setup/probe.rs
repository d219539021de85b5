//! The test of a connection: this server calls itself through its public URL, with what the visitor has taken down, and
//! says of each step what came and what to do. It only reads, and counts as no call of the provider.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hyper::{
    StatusCode,
    header::{AUTHORIZATION, HeaderName, RETRY_AFTER},
};
use scim_protocol::Error;
use serde_json::Value;

use super::{reach::OFTEN, visitor::Visitor};
use crate::{
    access::PROBE,
    admin::connection::Method,
    probe::{self, Answer},
    web::{Cell, Facts, Field, Form, Kind, Piece, Section, Tone, WebResponse, form, response},
};

/// The piece that the test and its findings stand in.
const PIECE: &str = "test";
const MARK: HeaderName = HeaderName::from_static(PROBE);

/// What the visitor shows of what was made.
pub(super) enum Shown<'a> {
    Token(&'a str),
    Client { id: &'a str, secret: &'a str },
}

/// What one step has found.
struct Finding(Tone, &'static str, String);

impl Visitor {
    /// The form that tests what was just made: one button. Nothing where the server does not know its address.
    pub(super) fn test_of(&self, shown: &Shown<'_>) -> Option<Piece> {
        let fields = match *shown {
            Shown::Token(token) => vec![Field::hidden("token", token)],
            Shown::Client { id, secret } => {
                vec![Field::hidden("client_id", id), Field::hidden("client_secret", secret)]
            }
        };
        let note = "This server calls itself by the address that your provider has, as your provider will, and changes nothing.";
        Some(piece(Section::new("Test the connection").note(note).with(self.test_form(fields)?)))
    }

    /// The form that tests what the visitor has taken down earlier.
    pub(super) fn test_pasted(&self, method: Method) -> Option<Piece> {
        Some(piece(Section::new("Test the connection").with(self.paste(method)?)))
    }

    fn paste(&self, method: Method) -> Option<Form> {
        let secret = |name, label: &str| Field::of(Kind::Secret, name, label).required();
        let fields = match method {
            Method::Token => vec![secret("token", "Token").hint("As you have entered it in your provider.")],
            Method::Client => vec![
                Field::text("client_id", "Client id").required(),
                secret("client_secret", "Client secret").hint("As you have entered them in your provider."),
            ],
        };
        self.test_form(fields)
    }

    fn test_form(&self, fields: Vec<Field>) -> Option<Form> {
        self.base.as_ref()?;
        let action = format!("{}/test", self.view.base());
        let submit = "Test the connection".to_owned();
        Some(Form { action, csrf: self.word(), fields, submit, within: PIECE, ..Form::default() })
    }

    /// Tests what a form shows.
    pub(super) async fn tested(&self) -> Result<WebResponse, Error> {
        let Some(base) = &self.base else { return Ok(self.old_form()) };
        let text = |name: &str| self.form.text(name);
        let (method, shown) = match self.form.get("client_id") {
            Some(id) => (Method::Client, Shown::Client { id, secret: text("client_secret") }),
            None => (Method::Token, Shown::Token(text("token"))),
        };
        let mut section = Section::new("Test the connection");
        let limited = self.reach.take_turn(self.tenant.id).err();
        if limited.is_none() {
            let mut facts = Facts::default();
            for Finding(tone, what, said) in self.findings(base, &shown).await {
                let word = match tone {
                    Tone::Good => "good",
                    Tone::Warn => "look at it",
                    Tone::Bad => "not good",
                    Tone::Plain => "not tried",
                };
                facts = facts.with(what, Cell::Several(vec![Cell::Badge(tone, word.to_owned()), said.into()]));
            }
            section = section.with(facts);
        } else {
            let why = format!("A connection is tested {OFTEN} times in a minute. Wait a little, and try again.");
            section = section.with(Piece::Notice(Tone::Warn, why));
        }
        if let Some(again) = self.paste(method) {
            let again = again.sent(&self.form, "");
            section = section.with(Piece::Folded("Test again".to_owned(), vec![again.into()]));
        }
        let page = self.page("Test the connection", "").with(piece(section)).with(self.back());
        let Some(retry) = limited else { return Ok(response::page(StatusCode::OK, &page)) };
        let mut answer = response::page(StatusCode::TOO_MANY_REQUESTS, &page);
        answer.headers_mut().insert(RETRY_AFTER, retry.seconds().into());
        Ok(answer)
    }

    /// Each step, as far as the one before lets it be tried.
    async fn findings(&self, base: &str, shown: &Shown<'_>) -> Vec<Finding> {
        let of_tenant = format!("{base}/{}", self.which());
        let (credential, bearer) = match shown {
            Shown::Token(token) => self.token(token),
            Shown::Client { id, secret } => self.client(&format!("{of_tenant}/oauth2/token"), id, secret).await,
        };
        let scim = format!("{of_tenant}/scim/v2");
        let get = async |path: &str| self.get(&format!("{scim}{path}"), bearer.as_deref()).await;
        let first = get("/ServiceProviderConfig").await;
        let mut found = vec![self.address(&scim, &first), credential];
        let Ok(first) = first else { return found };
        if bearer.is_none() || !first.is_scim() {
            return found;
        }
        found.push(match self.refused(&first) {
            Some(why) => Finding(Tone::Bad, "What it supports", why),
            None => Finding(Tone::Good, "What it supports", "Your provider can read what this server does.".to_owned()),
        });
        for (what, path) in [("Users", "/Users?count=0"), ("Groups", "/Groups?count=0")] {
            let listed = get(path).await;
            found.push(match &listed {
                Err(why) => Finding(Tone::Bad, what, format!("No answer came: {why}.")),
                Ok(answer) => match (self.refused(answer), total(answer)) {
                    (Some(why), _) => Finding(Tone::Bad, what, why),
                    (None, Some(total)) => Finding(Tone::Good, what, format!("They can be read. There are {total}.")),
                    (None, None) => Finding(Tone::Bad, what, "The answer is no list of SCIM.".to_owned()),
                },
            });
        }
        found
    }

    /// Whether the address leads to this server.
    fn address(&self, scim: &str, first: &Result<Answer, String>) -> Finding {
        let (tone, said) = match first {
            Err(why) => (Tone::Bad, format!("{scim} cannot be reached: {why}. Ask {}.", self.view.whom_to_ask())),
            Ok(answer) if !answer.is_scim() => {
                let ask = self.view.whom_to_ask();
                (Tone::Bad, format!("{scim} leads to another program, which answers {}. Ask {ask}.", answer.status))
            }
            Ok(_) if scim.starts_with("https:") => (Tone::Good, format!("{scim} leads to this server.")),
            Ok(_) => (Tone::Warn, format!("{scim} leads to this server, without TLS. Most providers want https.")),
        };
        Finding(tone, "Address", said)
    }

    /// Whether a token is one of this tenant, and the token to go on with. One that is none is sent to nobody.
    fn token(&self, token: &str) -> (Finding, Option<String>) {
        let known = self.context.access.introspect(&self.which(), token, self.context.clock.now());
        let (tone, said) = match &known {
            None => (
                Tone::Bad,
                "It is no token of this connection that is good now. Copy the whole of it, from scim_ to its last letter. If it was replaced or has ended, make another.",
            ),
            Some(known) if !known.scope.scopes.write => {
                (Tone::Warn, "It is good, and may only read. Your provider needs one that may write, too.")
            }
            Some(_) => (Tone::Good, "It is good, and may read and write."),
        };
        (Finding(tone, "Token", said.to_owned()), known.map(|_| token.to_owned()))
    }

    /// Whether a client gets an access token (RFC 6749 §4.4), and that token.
    async fn client(&self, endpoint: &str, id: &str, secret: &str) -> (Finding, Option<String>) {
        let basic = format!("Basic {}", BASE64.encode(format!("{id}:{secret}")));
        let grant = form::pairs(&[("grant_type", "client_credentials")]);
        let answered = self.send(endpoint, Some(&basic), Some(grant)).await;
        let granted = |answer: &Answer| {
            let body: Value = serde_json::from_slice(&answer.body).ok()?;
            Some(body.get("access_token")?.as_str()?.to_owned())
        };
        let ask = self.view.whom_to_ask();
        let (tone, said, token) = match &answered {
            Err(why) => (Tone::Bad, format!("{endpoint} cannot be reached: {why}. Ask {ask}."), None),
            Ok(answer) => match (answer.status, granted(answer)) {
                (200, Some(token)) => (Tone::Good, "It gets access tokens.".to_owned(), Some(token)),
                (401, _) => (
                    Tone::Bad,
                    "The id and the secret do not fit, or the secret has ended. Copy the whole of both. If the secret was replaced, make another.".to_owned(),
                    None,
                ),
                (status, _) => {
                    (Tone::Bad, format!("{endpoint} answers {status}: it may lead elsewhere. Ask {ask}."), None)
                }
            },
        };
        (Finding(tone, "OAuth client", said), token)
    }

    /// Why an answer to a good token is no success.
    fn refused(&self, answer: &Answer) -> Option<String> {
        let ask = self.view.whom_to_ask();
        match answer.status {
            200 => None,
            401 => Some(format!(
                "Your token is good and does not arrive: something on the way takes the Authorization header out. Ask {ask}."
            )),
            403 => Some(format!("What you have may not do that. Ask {ask}.")),
            429 => Some("Too many calls come just now. Wait a little, and try again.".to_owned()),
            status => Some(format!("The answer is {status}. Ask {ask}.")),
        }
    }

    async fn get(&self, url: &str, bearer: Option<&str>) -> Result<Answer, String> {
        let authorization = bearer.map(|token| format!("Bearer {token}"));
        self.send(url, authorization.as_deref(), None).await
    }

    async fn send(&self, url: &str, authorization: Option<&str>, form: Option<String>) -> Result<Answer, String> {
        let mark = self.context.access.probe_mark(self.context.clock.now()).unwrap_or_default();
        let mut headers = vec![(MARK, mark.as_str())];
        headers.extend(authorization.map(|text| (AUTHORIZATION, text)));
        probe::send(url, &headers, form).await
    }
}

fn piece(section: Section) -> Piece {
    Piece::Live { id: PIECE, every: None, pieces: vec![section.into()] }
}

/// How many there are, by a list (RFC 7644 §3.4.2).
fn total(answer: &Answer) -> Option<u64> {
    serde_json::from_slice::<Value>(&answer.body).ok()?.get("totalResults")?.as_u64()
}
