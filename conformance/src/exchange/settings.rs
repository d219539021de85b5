//! How a server is reached: who the client is, whom it believes, and by which way it goes.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Renewal;

/// How long one request may take, unless something else is said.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of an answer's body that are read, unless something else is said.
const MOST_BODY: usize = 4 << 20;

/// How to reach the server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A bearer token (RFC 6750).
    pub token: Option<String>,
    /// How another token is got when the server takes this one no more.
    pub renewal: Option<Renewal>,
    /// Name and password (RFC 7617), where there is no token.
    pub basic: Option<(String, String)>,
    /// Headers of each request, such as one with an API key.
    pub headers: Vec<(String, String)>,
    /// How long one request may take.
    pub timeout: Duration,
    /// The most bytes of an answer's body that are read. A longer one is no answer, and no fault.
    pub most_body: usize,
    /// PEM certificates to trust beside those of the system: of authorities, or of the server itself.
    pub ca: Option<Vec<u8>>,
    /// Certificate and private key of the client, PEM, in one text.
    pub identity: Option<Vec<u8>>,
    /// Whether any certificate is taken.
    pub insecure: bool,
    /// The URL of a proxy. Without it the environment decides, as for curl: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`
    /// and `NO_PROXY`; a server on this machine is then reached directly.
    pub proxy: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token: None,
            renewal: None,
            basic: None,
            headers: Vec::new(),
            timeout: TIMEOUT,
            most_body: MOST_BODY,
            ca: None,
            identity: None,
            insecure: false,
            proxy: None,
        }
    }
}

impl Settings {
    /// The `Authorization` header with that token, or where one of the settings gives it.
    pub(super) fn authorization(&self, token: Option<&str>) -> Option<String> {
        match (token, &self.basic) {
            (Some(token), _) => Some(format!("Bearer {token}")),
            (None, Some((name, password))) => Some(format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))),
            (None, None) => None,
        }
    }

    /// Whether there is anything by which the server can know the client.
    pub fn has_credentials(&self) -> bool {
        self.token.is_some() || self.basic.is_some() || !self.headers.is_empty() || self.identity.is_some()
    }

    /// Every text that no report may hold.
    pub(super) fn secrets(&self) -> Vec<String> {
        let basic = self.basic.iter().flat_map(|(_, password)| {
            let header = self.authorization(None).unwrap_or_default();
            [password.clone(), header.trim_start_matches("Basic ").to_owned()]
        });
        let headers = self.headers.iter().flat_map(|(_, value)| {
            // `Token abc` is hidden without its first word too.
            let last = value.rsplit(' ').next().unwrap_or_default();
            [value.clone(), last.to_owned()]
        });
        let all = self.token.clone().into_iter().chain(basic).chain(headers);
        let mut all: Vec<_> = all.filter(|secret| secret.len() >= SHORTEST_SECRET).collect();
        // The longest first, so that no part of one is left.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        all
    }
}

/// What is shorter is no secret, and would be found in every sentence.
const SHORTEST_SECRET: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_credential_is_hidden() {
        let basic = Settings { basic: Some(("anna".to_owned(), "s3cret".to_owned())), ..Settings::default() };
        assert_eq!(basic.authorization(None).as_deref(), Some("Basic YW5uYTpzM2NyZXQ="));
        assert_eq!(basic.secrets(), ["YW5uYTpzM2NyZXQ=", "s3cret"]);
        let header = ("authorization".to_owned(), "Token 12345".to_owned());
        let header = Settings { headers: vec![header, ("x-n".to_owned(), "1".to_owned())], ..Settings::default() };
        assert_eq!(header.secrets(), ["Token 12345", "12345"]);
        assert!(!Settings::default().has_credentials() && header.has_credentials());
    }
}
