//! `config`: what the settings are for a server with these flags, variables and this file, and whether it could start
//! with them. Nothing is opened or written.

use std::{fs, io, path::Path};

use rustix::fs::Access;
use serde_json::json;

use super::{
    Failure,
    command::ConfigCommand,
    fault, settings,
    show::{Printer, Show, write},
};
use crate::{
    audit::Destination,
    config::{Config, Given, Layers, Setting},
    http::tls::Tls,
    log, roots,
};

/// What stands in the place of a password.
const HIDDEN: &str = "***";

/// Does what the command says.
pub(super) fn run(command: ConfigCommand) -> Result<(), Failure> {
    let _ = log::LogControl::start(log::Format::Text, "warn");
    settings::warn_of_misspelt();
    match command {
        ConfigCommand::Show { settings, changed, json } => show(&settings.0, changed, json),
        ConfigCommand::Check { settings, json } => check(&settings.0, json),
    }
}

/// Shows values as they are written, also those that no server could start with.
fn show(given: &Given, changed: bool, json: bool) -> Result<(), Failure> {
    let layers = Layers::read(given)?;
    let mut printer = Printer::new(Show::Settings, json);
    for (setting, text, origin) in layers.all().filter(|(setting, text, _)| !changed || *text != setting.default) {
        let value = (!text.is_empty()).then(|| presentable(setting, text));
        let row = json!({"setting": setting.key, "value": value, "from": origin.to_string()});
        printer.row(&row.to_string())?;
    }
    printer.finish()
}

fn check(given: &Given, json: bool) -> Result<(), Failure> {
    let problems = problems(&Config::read(given)?);
    if !problems.is_empty() {
        return Err(Failure::said(problems.join("\n")));
    }
    write(&if json { format!("{}\n", json!({"valid": true})) } else { "The settings are valid.\n".to_owned() })
}

/// What a server cannot read of what its settings name, a sentence for each.
fn problems(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    if !cfg!(feature = "nats") && !config.event_nats.servers.is_empty() {
        problems.push("event_nats: this program was built without NATS; remove the setting".to_owned());
    }
    if !cfg!(feature = "kafka") && !config.event_kafka.brokers.is_empty() {
        problems.push("event_kafka: this program was built without Kafka; remove the setting".to_owned());
    }
    if let Some(files) = &config.tls
        && let Err(error) = Tls::load(&files.cert, &files.key)
    {
        problems.push(format!("tls_cert and tls_key: {}", fault::chain(&error)));
    }
    let authorities = [
        ("store_ca", &config.database.ca),
        ("jwks_ca", &config.jwks.ca),
        ("event_nats_ca", &config.event_nats.ca),
        ("event_kafka_ca", &config.event_kafka.ca),
        ("otlp_ca", &config.otlp.ca),
    ];
    for (key, path) in authorities.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?))) {
        if let Err(error) = roots::load(Some(path)) {
            problems.push(format!("{key}: {}", fault::chain(&error)));
        }
    }
    let secret = config.console.oidc.as_ref().and_then(|oidc| oidc.client_secret_file.clone());
    let secrets = [
        ("store_password_file", &config.database.password_file),
        ("event_nats_credentials", &config.event_nats.credentials),
        ("console_client_secret_file", &secret),
    ];
    for (key, path) in secrets.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?))) {
        problems.extend(unreadable(key, path));
    }
    if let Some(Destination::File { path, .. }) = &config.audit_log {
        problems.extend(unwritable("audit_log", path));
    }
    if let Some(path) = &config.event_file {
        problems.extend(unwritable("event_file", path));
    }
    if let Some(path) = &config.otlp.headers_file
        && let Err(error) = traces::headers(path)
    {
        problems.push(format!("otlp_headers_file: {}: {error}", path.display()));
    }
    problems
}

/// Says so when this user cannot read the file.
fn unreadable(key: &str, path: &Path) -> Option<String> {
    let error = fs::read_to_string(path).err()?;
    Some(format!("{key}: cannot read {}: {}", path.display(), fault::about(path, &error)))
}

/// Says so when this user can neither write the file nor make it.
fn unwritable(key: &str, path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (place, access) =
        if path.exists() { (path, Access::WRITE_OK) } else { (folder, Access::WRITE_OK | Access::EXEC_OK) };
    let found = if path.is_dir() {
        Err(io::Error::from(io::ErrorKind::IsADirectory))
    } else {
        rustix::fs::access(place, access).map_err(io::Error::from)
    };
    let error = found.err()?;
    Some(format!("{key}: cannot write {}: {}", path.display(), fault::about(place, &error)))
}

/// A value without what only the server may know.
fn presentable(setting: &Setting, text: &str) -> String {
    if setting.value.starts_with("URL") {
        text.split(' ').map(without_password).collect::<Vec<_>>().join(" ")
    } else {
        text.to_owned()
    }
}

/// A URL without its password, where it may stand: before the @, and as a parameter. Hides too much rather than
/// too little where an @ is not written as %40.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => match user.split_once(':') {
            Some((name, _)) => (format!("{name}:{HIDDEN}@"), rest),
            None => (format!("{user}@"), rest),
        },
        None => (String::new(), rest),
    };
    let Some((place, parameters)) = rest.split_once('?') else { return format!("{scheme}://{user}{rest}") };
    let shown = parameters.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    });
    format!("{scheme}://{user}{place}?{}", shown.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        assert_eq!(without_password(url), expected);
    }

    #[test]
    fn a_password_is_hidden_wherever_it_stands() {
        check("postgres://db:5432/scim", "postgres://db:5432/scim");
        check("postgres://scim@db/scim?sslmode=disable", "postgres://scim@db/scim?sslmode=disable");
        check("postgres://scim:s3cret@db/scim", "postgres://scim:***@db/scim");
        check("postgres://scim:s3@cr/et@db/scim", "postgres://scim:***@db/scim");
        check("postgres://db/scim?password=s3cret&user=scim", "postgres://db/scim?password=***&user=scim");
        check("nats://u:p@a:4222", "nats://u:***@a:4222");
        check("not a URL", "not a URL");
    }
}
