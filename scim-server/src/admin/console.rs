//! The one-time links by which people sign in to the console.
//!
//! Whoever may give commands gets one with `scim-server console`, and is in the browser who they are at the command
//! line. A link is good once, and for five minutes. It is in the memory of the server that made it, as a digest.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use scim_protocol::Timestamp;
use serde_json::json;

use super::{AdminContext, AdminError, Output};
use crate::{
    administrator::Administrator,
    store::StoreError,
    token::secret::{self, Digest, Secret},
};

/// How long a link is good, in milliseconds.
const LIFE: i64 = 5 * 60 * 1000;
/// Links at a time. The oldest goes when there are more.
const MOST: usize = 100;

/// The links of a server whose console is on.
pub struct SignInLinks {
    /// The console's URL.
    url: String,
    links: Mutex<HashMap<Digest, (Administrator, Timestamp)>>,
}

impl SignInLinks {
    /// Links to the console of the listener at that address, which people reach by `url` when there is one.
    pub fn new(address: SocketAddr, url: Option<&str>) -> Self {
        // Where all addresses are listened on, this machine reaches it by its own.
        let host = if address.ip().is_unspecified() { "localhost".to_owned() } else { host(address) };
        let base = url.map_or_else(|| format!("http://{host}:{}", address.port()), str::to_owned);
        Self { url: format!("{base}/console"), links: Mutex::default() }
    }

    /// The console's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a link for somebody.
    pub fn make(&self, whom: Administrator, now: Timestamp) -> String {
        let code = Secret::new(rand::random());
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|_, (_, end)| *end > now);
        if links.len() >= MOST {
            let oldest = links.iter().min_by_key(|(_, (_, end))| end.as_millis()).map(|(digest, _)| *digest);
            oldest.and_then(|oldest| links.remove(&oldest));
        }
        links.insert(code.digest(), (whom, Timestamp::from_millis(now.as_millis().saturating_add(LIFE))));
        format!("{}/enter?code={}", self.url, code.reveal())
    }

    /// Who would come in by a code, which stays good: programs look at links before people do.
    pub fn whom(&self, code: &str, now: Timestamp) -> Option<Administrator> {
        let digest = secret::parse(code).ok()?;
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.get(&digest).filter(|(_, end)| *end > now).map(|(whom, _)| whom.clone())
    }

    /// Who comes in by a code; after that it is good no more.
    pub fn redeem(&self, code: &str, now: Timestamp) -> Option<Administrator> {
        let digest = secret::parse(code).ok()?;
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.remove(&digest).filter(|(_, end)| *end > now).map(|(whom, _)| whom)
    }
}

impl fmt::Debug for SignInLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignInLinks({})", self.url)
    }
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

impl AdminContext {
    /// Whether somebody who has signed in by a token may still do what they might: it is there, and has not ended.
    /// Whom a provider has named is who they are for as long as a session lasts.
    pub async fn is_still(&self, whom: &Administrator) -> Result<bool, StoreError> {
        if whom.name.is_none() || whom.is_person() {
            return Ok(true);
        }
        let now = self.clock.now();
        let tokens = self.admin_tokens().list().await?;
        Ok(tokens.iter().any(|token| token.expires() > now && Administrator::bearer(token) == *whom))
    }
}

/// Makes a link for whoever gives the command.
pub(super) async fn link(context: &AdminContext, output: &Output) -> Result<(), AdminError> {
    let Some(links) = &context.console else {
        return Err(AdminError::Refused(
            "the console is off: start the server with --console (or the setting `console = true`)".to_owned(),
        ));
    };
    let url = links.make(context.by.clone(), context.clock.now());
    output.row(&json!({ "url": url })).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(url: &str) -> &str {
        url.split_once("code=").unwrap().1
    }

    #[test]
    fn a_link_is_good_once_and_for_five_minutes() {
        let links = SignInLinks::new("127.0.0.1:8081".parse().unwrap(), None);
        let at = Timestamp::from_millis;
        let url = links.make(Administrator::root(), at(0));
        assert!(url.starts_with("http://127.0.0.1:8081/console/enter?code=scim_"), "{url}");
        assert_eq!(links.redeem("scim_other", at(0)), None);
        assert_eq!(links.whom("scim_other", at(0)), None);
        for _ in 0..2 {
            assert_eq!(links.whom(code(&url), at(LIFE - 1)), Some(Administrator::root()), "looking spends nothing");
        }
        assert_eq!(links.whom(code(&url), at(LIFE)), None);
        assert_eq!(links.redeem(code(&url), at(LIFE - 1)), Some(Administrator::root()));
        assert_eq!(links.redeem(code(&url), at(LIFE - 1)), None);
        let late = links.make(Administrator::root(), at(0));
        assert_eq!(links.redeem(code(&late), at(LIFE)), None);
        let named = SignInLinks::new("127.0.0.1:8081".parse().unwrap(), Some("https://console.example.com"));
        assert_eq!(named.url(), "https://console.example.com/console");
    }

    #[test]
    fn there_is_no_end_of_links_and_an_end_of_memory() {
        let links = SignInLinks::new("[::1]:8081".parse().unwrap(), None);
        let first = links.make(Administrator::root(), Timestamp::from_millis(0));
        assert!(first.starts_with("http://[::1]:8081/console/"), "{first}");
        for at in 1..=i64::try_from(MOST).unwrap() {
            links.make(Administrator::root(), Timestamp::from_millis(at));
        }
        assert_eq!(links.redeem(code(&first), Timestamp::from_millis(1)), None);
    }
}
