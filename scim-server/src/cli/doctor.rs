//! `doctor`: looks at what a server needs of its machine and of the way to it, and says what to do.

mod audit;
mod databases;
mod probe;

use std::{
    fs,
    net::IpAddr,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use scim_protocol::Timestamp;
use serde::Serialize;

use super::{
    Failure, fault, session,
    show::{Printer, Show},
};
use crate::{
    admin::data_dir::DataDir,
    clock::{Clock, SystemClock},
    config::{Config, Given, TlsFiles, base},
    http::tls::Tls,
};

const DAY: i64 = 24 * 60 * 60 * 1000;
/// Days before the end of a certificate from which on that is told.
const CERTIFICATE: i64 = 30;
/// How far two clocks may be apart: what assertions and cursors allow for.
const SKEW: i64 = 30_000;
/// Free bytes below which the disk is nearly full, and too full to go on.
const LITTLE: u64 = 2 << 30;
const TOO_LITTLE: u64 = 256 << 20;

/// What one look has found.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    state: State,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Failing,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Ok, detail: detail.into() }
    }

    fn warning(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Warning, detail: detail.into() }
    }

    fn failing(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Failing, detail: detail.into() }
    }
}

/// Looks at everything. Fails if something is wrong.
pub(super) async fn run(given: &Given, json: bool) -> Result<(), Failure> {
    let config = Config::read(given)?;
    let now = SystemClock.now();
    let mut checks = data(&config);
    checks.extend(databases::look(&config.database).await);
    checks.extend(audit::look(&config).await);
    checks.extend(config.tls.as_ref().map(|files| certificate(files, now)));
    let running = match &config.public_url {
        Some(_) => None,
        None => session::running_base(&DataDir::new(config.data.clone())).await,
    };
    let is_set = config.public_url.is_some() || running.as_ref().is_some_and(|url| !is_local(url));
    let url = config.public_url.clone().or(running).unwrap_or_else(|| base(config.tls.is_some(), config.listen));
    checks.push(public_url(is_set, &url));
    let (answer, date) = probe::probe(&url).await;
    checks.push(answer);
    checks.push(clock(&config.data, date, now));
    let mut printer = Printer::new(Show::Doctor, json);
    for check in &checks {
        let row = serde_json::to_string(check).map_err(|error| Failure::because(error.to_string(), error))?;
        printer.row(&row)?;
    }
    printer.finish()
}

/// The data directory: nothing else of it can be looked at while there is none.
fn data(config: &Config) -> Vec<Check> {
    if config.data.exists() {
        return vec![permissions(config), disk(&config.data)];
    }
    let detail = format!(
        "there is no directory {0}: name that of your server with --data or --config, or make one with `scim-server init --data {0} --tenant NAME`",
        config.data.display()
    );
    vec![Check::failing("data", detail)]
}

/// Others reach neither the data nor the key of the certificate. Their group may be how the server itself reaches them: that
/// of the key reads it, and that of a volume writes, too.
fn permissions(config: &Config) -> Check {
    let key =
        config.tls.as_ref().map(|tls| (tls.key.as_path(), "reach the key, or its group write it", 0o027_u32, "g-w,o="));
    for (path, what, bits, less) in std::iter::once((config.data.as_path(), "reach the data", 0o007, "o=")).chain(key) {
        let mode = match fs::metadata(path) {
            Ok(found) => found.mode(),
            Err(error) => {
                return Check::failing("permissions", format!("{}: {}", path.display(), fault::about(path, &error)));
            }
        };
        if mode & bits != 0 {
            let detail = format!("other users can {what}: run `chmod {less} {}`", path.display());
            return Check::warning("permissions", detail);
        }
    }
    Check::ok("permissions", format!("other users cannot reach {}", config.data.display()))
}

fn disk(data: &Path) -> Check {
    let free = match rustix::fs::statvfs(data) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return Check::failing("disk", format!("cannot look at {}: {error}", data.display())),
    };
    room(free, data)
}

/// Whether so many free bytes are enough.
fn room(free: u64, data: &Path) -> Check {
    let detail = format!("{} MiB are free for {}", free >> 20, data.display());
    match free {
        ..TOO_LITTLE => Check::failing("disk", format!("{detail}: make room; writes fail when none is left")),
        TOO_LITTLE..LITTLE => Check::warning("disk", format!("{detail}: make room in time")),
        _ => Check::ok("disk", detail),
    }
}

fn certificate(files: &TlsFiles, now: Timestamp) -> Check {
    let name = files.cert.display();
    let tls = match Tls::load(&files.cert, &files.key) {
        Ok(tls) => tls,
        Err(error) => return Check::failing("certificate", fault::chain(&error)),
    };
    let Some(end) = tls.end() else {
        return Check::warning("certificate", format!("it cannot be read when {name} ends"));
    };
    match (end.as_millis() - now.as_millis()).div_euclid(DAY) {
        ..0 => Check::failing("certificate", format!("{name} ended at {end}: renew it, and send SIGHUP")),
        left @ 0..CERTIFICATE => Check::warning("certificate", format!("{name} ends in {left} day(s): renew it")),
        left => Check::ok("certificate", format!("{name} is good for {left} days")),
    }
}

/// Whether a URL leads whoever calls it to the caller's own machine.
fn is_local(url: &str) -> bool {
    let uri: Option<hyper::Uri> = url.parse().ok();
    let host =
        uri.as_ref().and_then(hyper::Uri::host).unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback() || address.is_unspecified(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn public_url(is_set: bool, url: &str) -> Check {
    match is_set {
        false => Check::warning(
            "public URL",
            format!("public_url is not set, so URLs in responses may begin with {url}: set what providers call"),
        ),
        // No error: it is right where providers run on the same machine, and nobody else knows that.
        true if is_local(url) => Check::warning(
            "public URL",
            format!(
                "{url} leads each caller to its own machine, so only programs on this one reach the server by it: set public_url to the https:// URL that providers call"
            ),
        ),
        true if url.starts_with("http://") => {
            Check::warning("public URL", format!("{url} is not encrypted: set the https:// URL that providers call"))
        }
        true => Check::ok("public URL", url),
    }
}

/// The clock has not gone back behind what is written, and agrees with that of whoever answers.
fn clock(data: &Path, date: Option<Timestamp>, now: Timestamp) -> Check {
    let ahead = Duration::from_millis(SKEW.unsigned_abs());
    let is_later = |path: &Path| {
        let modified = fs::metadata(path).and_then(|found| found.modified());
        modified
            .is_ok_and(|at| at > SystemTime::UNIX_EPOCH + Duration::from_millis(now.as_millis().unsigned_abs()) + ahead)
    };
    let files = fs::read_dir(data).into_iter().flatten().flatten().map(|entry| entry.path());
    if let Some(path) = files.into_iter().find(|path| is_later(path)) {
        let detail = format!("it is {now}, and {} was written later: set the clock (NTP)", path.display());
        return Check::failing("clock", detail);
    }
    match date.map(|date| (date, (date.as_millis() - now.as_millis()).abs())) {
        Some((date, skew)) if skew > SKEW => {
            Check::failing("clock", format!("it is {now} here, and {date} where the public URL leads: set both by NTP"))
        }
        Some(_) => Check::ok("clock", format!("it is {now}, here and where the public URL leads")),
        None => Check::ok("clock", format!("it is {now}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_url(url: &str, state: State, words: &str) {
        let check = public_url(true, url);
        assert!(check.state == state && check.detail.contains(words), "{check:?}");
    }

    #[test]
    fn a_public_url_leads_from_elsewhere_to_the_server() {
        check_url("https://scim.example.com", State::Ok, "");
        check_url("http://scim.example.com", State::Warning, "not encrypted");
        check_url("http://localhost.example.com", State::Warning, "not encrypted");
        for own in
            ["http://127.0.0.1:8080", "https://LOCALHOST", "https://[::1]:1", "http://0.0.0.0:80", "http://a.localhost"]
        {
            check_url(own, State::Warning, "set public_url");
        }
    }

    #[test]
    fn a_disk_that_fills_up_is_told_in_time() {
        let state = |free| room(free, Path::new("/data")).state;
        assert_eq!([u64::MAX, LITTLE].map(state), [State::Ok; 2]);
        assert_eq!([LITTLE - 1, TOO_LITTLE].map(state), [State::Warning; 2]);
        assert_eq!([TOO_LITTLE - 1, 0].map(state), [State::Failing; 2]);
        assert!(room(5 << 20, Path::new("/data")).detail.starts_with("5 MiB are free for /data: make room"));
        assert_eq!(disk(Path::new("/nowhere/at/all")).state, State::Failing);
    }
}
