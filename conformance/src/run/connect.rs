//! The first requests of a run: is there a SCIM server, does it take the token, what does it declare?

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    context::{Server, Tokens},
    discovery::{Assumed, Discovery},
    exchange::{Answer, Client, NotSent, Request, SCIM_JSON, Settings, redirect},
};

/// Why nothing could be examined. Says what to change.
#[derive(Debug)]
pub struct CannotRun(pub String);

impl fmt::Display for CannotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CannotRun {}

impl From<NotSent> for CannotRun {
    fn from(error: NotSent) -> Self {
        Self(error.0)
    }
}

/// What is peculiar about a server, and not about how it is reached.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// What it has although its discovery does not say so.
    pub assumed: Vec<Assumed>,
    /// How long a write takes until reads show it.
    pub settle: Duration,
    /// Tokens beside the one of the run.
    pub tokens: Tokens,
}

/// Reads the discovery documents at `url`. `run` marks the names of everything that this run makes.
pub async fn connect(url: &str, settings: &Settings, run: &str) -> Result<Arc<Server>, CannotRun> {
    connect_as(url, settings, run, Manner::default()).await
}

/// The same for a server with a manner of its own.
pub async fn connect_as(url: &str, settings: &Settings, run: &str, manner: Manner) -> Result<Arc<Server>, CannotRun> {
    let base = base_of(url)?;
    let client = Client::new(base, settings)?;
    let config = get(&client, base, "/ServiceProviderConfig").await?;
    let types = get(&client, base, "/ResourceTypes").await?;
    let schemas = get(&client, base, "/Schemas").await?;
    let usable = |answer: &Answer| (answer.status == 200 && answer.json().is_object()).then(|| answer.json().clone());
    let found = usable(&config);
    let discovery = Discovery::new(found.clone(), usable(&types).as_ref(), usable(&schemas).as_ref());
    let discovery = discovery.at(base).assuming(&manner.assumed);
    let users = discovery.endpoint("User").unwrap_or_else(|| "/Users".to_owned());
    let probe = get(&client, base, &discovery.as_declared(format!("{users}?count=1"))).await?;
    match probe.status {
        401 | 403 => {
            let status = probe.status;
            let hint = match (&settings.token, settings.has_credentials()) {
                (Some(_), _) => "Is the token right, and for this URL?",
                (None, true) => "Are the credentials right, and for this URL?",
                (None, false) => "Give one with --token-file, or other credentials: `run --help` lists them.",
            };
            return Err(CannotRun(format!("The server refuses the token: {status} to {}. {hint}", probe.asked())));
        }
        status if found.is_none() && (status != 200 || !probe.json().is_object()) => {
            return Err(CannotRun(format!(
                "There is no SCIM server at {base}: {} gave {}. The URL must be the base URL, to which /Users is added.",
                probe.asked(),
                probe.kind()
            )));
        }
        _ => {}
    }
    let server = Server::new(base, client, discovery, run).with_tokens(manner.tokens).settling(manner.settle);
    Ok(Arc::new(server))
}

/// The base URL without a slash at its end. What cannot be one would find a server on which no case applies.
fn base_of(url: &str) -> Result<&str, CannotRun> {
    let base = url.trim_end_matches('/');
    let Some(rest) = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://")) else {
        return Err(CannotRun(format!("--url must begin with https:// or http://, and \"{url}\" does not.")));
    };
    if base.contains(['?', '#']) || base.contains(char::is_whitespace) {
        return Err(CannotRun(format!(
            "--url must be the base URL, to which /Users is added: \"{url}\" has a ?, a # or a space."
        )));
    }
    // The password is not repeated: it would be in a log.
    if rest.split('/').next().unwrap_or_default().contains('@') {
        return Err(CannotRun(
            "--url holds a name or a password, which a report would show. Write NAME:PASSWORD into a file, and give it \
             with --basic-file."
                .to_owned(),
        ));
    }
    Ok(base)
}

async fn get(client: &Client, base: &str, path: &str) -> Result<Answer, NotSent> {
    let headers = vec![("accept".to_owned(), SCIM_JSON.to_owned())];
    let request = Request { method: "GET".to_owned(), url: format!("{base}{path}"), headers, ..Request::default() };
    let mut answer = client.send(Arc::new(request)).await?;
    for _ in 0..redirect::MOST {
        let Some(next) = redirect::followed(base, &answer) else { break };
        answer = client.send(Arc::new(next)).await?;
    }
    Ok(answer)
}
