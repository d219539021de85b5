//! `[report]`: the server that is told how it stands, and may be asked what was decided.

use std::{
    net::IpAddr,
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{ConfigError, wrong};
use crate::{
    secret::Token,
    target::settings::{TargetProfile, TargetSettings},
};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// `[report]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawReport {
    pub url: String,
    pub token_file: Option<PathBuf>,
    pub token_env: Option<String>,
    pub ca_file: Option<PathBuf>,
    #[serde(default)]
    pub decisions: bool,
    #[serde(default = "a_minute")]
    pub every_seconds: NonZeroU64,
}

const fn a_minute() -> NonZeroU64 {
    const { NonZeroU64::new(60).unwrap() }
}

/// `[report]` as it is meant.
#[derive(Debug, Clone)]
pub struct Reporting {
    /// How the server's administration listener is reached; its URL has `/admin/v1` behind it.
    pub server: TargetSettings,
    /// Whether what is decided there is done.
    pub decisions: bool,
    /// From one report to the next, where nothing happens in between.
    pub every: Duration,
}

/// Reads the section.
pub(super) fn reporting(raw: RawReport, folder: &Path) -> Result<Reporting, ConfigError> {
    let url = raw.url.trim_end_matches('/');
    let is_usable = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => !rest.is_empty(),
        (None, Some(rest)) => is_this_machine(rest),
        (None, None) => false,
    };
    if !is_usable {
        return Err(wrong(
            "report.url",
            format!("{:?} is no https:// URL, nor http:// of this machine, as http://127.0.0.1:9443 is", raw.url),
        ));
    }
    Ok(Reporting {
        server: TargetSettings {
            url: format!("{url}/admin/v1"),
            profile: TargetProfile::Standard,
            token: Token::read("report", raw.token_file, raw.token_env, folder)?,
            ca_file: raw.ca_file.map(|path| folder.join(path)),
            concurrency: 1,
            requests_per_second: None,
            members_per_request: 1,
            timeout: PATIENCE,
            // A report that does not arrive is not repeated: the next one says more.
            patience: Duration::ZERO,
        },
        decisions: raw.decisions,
        every: Duration::from_secs(raw.every_seconds.get()),
    })
}

/// Whether the host of what stands behind `http://` is this machine: the token would be read on the way elsewhere.
fn is_this_machine(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_cross_the_network_in_the_clear() {
        for (url, is) in [
            ("https://console.example.com", true),
            ("https://console.example.com/", true),
            ("http://127.0.0.1:9443", true),
            ("http://localhost:9443/", true),
            ("http://[::1]:9443", true),
            ("http://console.example.com", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
            ("https://", false),
            ("ftp://127.0.0.1", false),
            ("", false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("token"), "t\n").unwrap();
            let text = format!("url = {url:?}\ntoken_file = \"token\"");
            let read = reporting(toml::from_str(&text).unwrap(), folder.path());
            assert_eq!(read.is_ok(), is, "{url}: {read:?}");
        }
    }
}
