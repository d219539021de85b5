//! How the server is reached, on the command line: the arguments, and the settings that they are.

use std::{fs, path::Path, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use clap::Args;

use crate::{
    context::Server,
    exchange::{Grant, Proof, Settings, Signing, access_token, renewal_by},
    run::{self, Manner},
};

#[derive(Debug, Args)]
pub(super) struct Connection {
    /// The base URL, to which /Users is added
    #[arg(long, value_name = "BASE")]
    pub url: String,
    /// Read the arguments from this TOML file too: `url = "https://…"`, `token-file = "token.txt"`, `skip = ["ID"]`;
    /// what the command line says wins
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A file that holds the bearer token
    #[arg(long, value_name = "FILE", conflicts_with_all = ["basic_file", "token_url"])]
    token_file: Option<PathBuf>,
    /// A file that holds NAME:PASSWORD, for HTTP Basic
    #[arg(long, value_name = "FILE", conflicts_with = "token_url")]
    basic_file: Option<PathBuf>,
    /// A header of each request, such as `X-API-Key: …`; `@FILE` reads one on each line of a file. Reports hide the values
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    #[command(flatten)]
    oauth: OAuth,
    /// CA certificates (PEM) to trust in addition to those of the system, or the server's own certificate
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A certificate of the client (PEM), for a server that asks for one; the key may be in the same file
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The private key of the client's certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Take any certificate of the server. Somebody between can then read and change everything, the token too
    #[arg(long)]
    insecure: bool,
    /// The proxy, as http://HOST:PORT or http://NAME:PASSWORD@HOST:PORT; without it HTTPS_PROXY, HTTP_PROXY and NO_PROXY count, as for curl
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// The longest that one request may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// The longest answer that is read, in MiB. A longer one is an error of its case, and no failure
    #[arg(long, value_name = "MIB", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    answer_limit: u16,
}

/// An access token by client credentials.
#[derive(Debug, Args)]
struct OAuth {
    /// Get an access token at this OAuth token endpoint, by client credentials
    #[arg(long, value_name = "URL", requires = "client_id")]
    token_url: Option<String>,
    /// The id of the OAuth client
    #[arg(long, value_name = "ID", requires = "token_url")]
    client_id: Option<String>,
    /// A file that holds the client's secret
    #[arg(long, value_name = "FILE", requires = "token_url", conflicts_with_all = ["assertion_file", "assertion_key"])]
    client_secret_file: Option<PathBuf>,
    /// A file that holds a signed JWT in place of a secret (RFC 7523)
    #[arg(long, value_name = "FILE", requires = "token_url", conflicts_with = "assertion_key")]
    assertion_file: Option<PathBuf>,
    /// A private key (PEM, PKCS #8: RSA, P-256, Ed25519) to sign such a JWT with
    #[arg(long, value_name = "FILE", requires = "token_url")]
    assertion_key: Option<PathBuf>,
    /// The `kid` of the JWT
    #[arg(long, value_name = "ID", requires = "assertion_key")]
    assertion_key_id: Option<String>,
    /// The `iss` of the JWT; without it the client's id
    #[arg(long, value_name = "ISSUER", requires = "assertion_key")]
    assertion_issuer: Option<String>,
    /// The `sub` of the JWT; without it the client's id
    #[arg(long, value_name = "SUBJECT", requires = "assertion_key")]
    assertion_subject: Option<String>,
    /// The `aud` of the JWT; without it the token endpoint
    #[arg(long, value_name = "AUDIENCE", requires = "assertion_key")]
    assertion_audience: Option<String>,
    /// The scope to ask for
    #[arg(long, value_name = "SCOPE", requires = "token_url")]
    scope: Option<String>,
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// The one line of a file that holds a secret; `what` it is, for the error.
fn line(file: &Path, what: &str) -> anyhow::Result<String> {
    let text = String::from_utf8(read(file)?).with_context(|| format!("{} is not text", file.display()))?;
    let text = text.trim();
    if text.is_empty() || text.contains(['\n', '\r']) {
        bail!("{} must hold {what} and nothing else.", file.display())
    }
    Ok(text.to_owned())
}

/// As [`line()`], of what has no space in it.
fn word(file: &Path, what: &str) -> anyhow::Result<String> {
    let text = line(file, what)?;
    if text.contains(char::is_whitespace) {
        bail!("{} must hold {what} and nothing else.", file.display())
    }
    Ok(text)
}

impl Connection {
    /// Reaches the server, with what `run` a mark that sets apart two runs at a time.
    pub(super) async fn connect(&self, manner: Manner) -> anyhow::Result<Arc<Server>> {
        if self.insecure {
            eprintln!(
                "WARNING: --insecure takes any certificate. Whoever is on the way can read the token and change what \
                 this report says."
            );
        }
        let mut settings = self.settings()?;
        if let Some(grant) = self.oauth.grant()? {
            settings.token = Some(access_token(&grant, &settings).await?);
            settings.renewal = Some(renewal_by(grant, &settings));
        }
        // Six digits set apart two runs at a time; they are no secret.
        let run = format!("{:06x}", rand::random::<u32>() & 0x00ff_ffff);
        Ok(run::connect_as(&self.url, &settings, &run, manner).await?)
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let basic = self.basic_file.as_deref().map(|file| line(file, "NAME:PASSWORD")).transpose()?;
        let basic = match &basic {
            Some(both) => match both.split_once(':') {
                Some((name, password)) => Some((name.to_owned(), password.to_owned())),
                None => bail!("The file of --basic-file must hold NAME:PASSWORD, and has no colon."),
            },
            None => None,
        };
        let mut headers = Vec::new();
        for header in &self.header {
            match header.strip_prefix('@') {
                Some(file) => {
                    let text =
                        String::from_utf8(read(Path::new(file))?).with_context(|| format!("{file} is not text"))?;
                    for line in text.lines().filter(|line| !line.trim().is_empty()) {
                        headers.push(parse_header(line)?);
                    }
                }
                None => headers.push(parse_header(header)?),
            }
        }
        Ok(Settings {
            token: self.token_file.as_deref().map(|file| word(file, "the token")).transpose()?,
            renewal: None,
            basic,
            headers,
            timeout: Duration::from_secs(self.timeout),
            most_body: usize::from(self.answer_limit) << 20,
            ca: self.ca.as_deref().map(read).transpose()?,
            identity: self.identity()?,
            insecure: self.insecure,
            proxy: self.proxy.clone(),
        })
    }

    fn identity(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(cert) = &self.cert else { return Ok(None) };
        let mut pem = read(cert)?;
        if let Some(key) = &self.key {
            pem.push(b'\n');
            pem.extend(read(key)?);
        }
        Ok(Some(pem))
    }
}

/// `NAME: VALUE`. The value is not repeated in the error: it may be a secret.
fn parse_header(text: &str) -> anyhow::Result<(String, String)> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    match text.split_once(':') {
        Some((name, value)) if is_name(name.trim()) && !value.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => bail!("--header must be NAME: VALUE, such as `X-API-Key: 12345`."),
    }
}

impl OAuth {
    fn grant(&self) -> anyhow::Result<Option<Grant>> {
        let (Some(token_url), Some(client_id)) = (&self.token_url, &self.client_id) else { return Ok(None) };
        let or = |given: &Option<String>, other: &String| given.as_ref().unwrap_or(other).clone();
        let proof = match (&self.client_secret_file, &self.assertion_file, &self.assertion_key) {
            (Some(file), ..) => Proof::Secret(line(file, "the client's secret")?),
            (None, Some(file), _) => Proof::Assertion(word(file, "the JWT")?),
            (None, None, Some(file)) => Proof::Key(Signing {
                key: read(file)?,
                key_id: self.assertion_key_id.clone(),
                issuer: or(&self.assertion_issuer, client_id),
                subject: or(&self.assertion_subject, client_id),
                audience: or(&self.assertion_audience, token_url),
            }),
            (None, None, None) => {
                bail!("--token-url needs --client-secret-file, --assertion-file or --assertion-key.")
            }
        };
        Ok(Some(Grant {
            token_url: token_url.clone(),
            client_id: client_id.clone(),
            proof,
            scope: self.scope.clone(),
            clock: super::clock::now,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_name_and_a_value() {
        assert_eq!(parse_header("X-API-Key: a:b").expect("a header"), ("X-API-Key".to_owned(), "a:b".to_owned()));
        for wrong in ["X-API-Key", ": x", "X Y: z", "X:", "X: "] {
            let why = parse_header(wrong).expect_err(wrong).to_string();
            assert!(why.contains("NAME: VALUE"), "{why}");
        }
    }
}
