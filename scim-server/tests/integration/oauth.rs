//! OAuth 2.0: clients, their secrets and trusts, the token endpoint, and what its tokens open.

pub mod assertions;
mod endpoint;
mod foreign;
mod ipsie;
pub mod issuer;
mod keys;
mod life;
mod scopes;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::server::{Client, Response, TestServer};

/// A client of a server's tenant, as `client create` printed it.
#[derive(Clone)]
pub struct OAuth {
    http: Client,
    /// Where the tenant's authorization server is.
    pub base: String,
    pub id: String,
    pub secret: String,
}

/// A form.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// The grant that every request for a token asks for.
pub const GRANT: (&str, &str) = ("grant_type", "client_credentials");

impl OAuth {
    /// Makes a client.
    pub fn create(server: &TestServer, name: &str, further: &[&str]) -> Self {
        let args = [&["client", "create", "--tenant", "test", "--name", name, "--json"], further].concat();
        let made = server.run_json(&args);
        Self::of(server, &made)
    }

    /// The client that a command printed.
    pub fn of(server: &TestServer, made: &Value) -> Self {
        let text = |key: &str| made[key].as_str().unwrap_or_default().to_owned();
        let base = format!("{}/{}/oauth2", server.origin(), server.tenant());
        Self { http: server.client(), base, id: text("client_id"), secret: text("client_secret") }
    }

    /// The same client at another process.
    pub fn at(&self, server: &TestServer) -> Self {
        let base = format!("{}/{}/oauth2", server.origin(), server.tenant());
        Self { http: server.client(), base, ..self.clone() }
    }

    /// The `Authorization` header of its secret.
    pub fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }

    /// A form, sent to `/token`, `/revoke` or `/introspect` by the client that shows nothing of itself.
    pub async fn post(&self, endpoint: &str, authorization: Option<&str>, pairs: &[(&str, &str)]) -> Response {
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(authorization.map(|text| ("authorization", text)));
        self.http.send("POST", &format!("{}{endpoint}", self.base), &headers, Some(form(pairs))).await
    }

    /// The same with its secret, by HTTP Basic.
    pub async fn ask(&self, endpoint: &str, pairs: &[(&str, &str)]) -> Response {
        self.post(endpoint, Some(&self.basic()), pairs).await
    }

    /// An access token, got by its secret.
    pub async fn token(&self) -> String {
        access_token(&self.ask("/token", &[GRANT]).await.expect(200))
    }

    /// A SCIM client with such a token.
    pub async fn scim(&self) -> Client {
        self.http.with_token(&self.token().await)
    }
}

/// The token in an answer.
#[track_caller]
pub fn access_token(answer: &Response) -> String {
    answer.json["access_token"].as_str().unwrap_or_else(|| panic!("no token: {}", answer.text)).to_owned()
}

/// Checks an answer that is an error of OAuth.
#[track_caller]
pub fn refused(answer: Response, status: u16, error: &str) -> Response {
    assert_eq!((answer.status, answer.json["error"].as_str()), (status, Some(error)), "{}", answer.text);
    let said = answer.json["error_description"].as_str().expect("a text");
    // A command in it is whole.
    assert!(said.len() > 10 && !said.contains("`client ") && !said.contains("`token "), "{said}");
    assert_eq!(answer.media_type(), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    answer
}
