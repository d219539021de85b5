//! The configuration file that packages install: the settings that a server on a public address needs, and every other
//! one as a comment with its default.

use std::fmt::Write as _;

use crate::config::{SETTINGS, Setting};

/// What the installed file sets.
const INSTALLED: &[(&str, &str)] = &[
    ("data", "/var/lib/scim-server"),
    ("listen", "0.0.0.0:443"),
    ("tls_cert", "/etc/scim-server/fullchain.pem"),
    ("tls_key", "/etc/scim-server/privkey.pem"),
    ("admin_listen", "127.0.0.1:9443"),
    ("public_url", "https://scim.example.com"),
    ("audit_log", "/var/log/scim-server/audit.jsonl"),
    ("log_format", "json"),
];

const INTRODUCTION: &str = "\
# The settings of scim-server. A line that begins with # has no effect; remove the # to set its value.
# To check the file:    scim-server config check --config /etc/scim-server/scim-server.toml
# What is in effect:    scim-server config show --config /etc/scim-server/scim-server.toml
# SIGHUP (systemctl reload scim-server) applies the settings marked with (reload); others need a restart.
";

/// The longest line of a comment.
const WIDTH: usize = 110;

/// The file, as TOML.
pub(super) fn page() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut group = "";
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            let _ = write!(text, "\n## {group}\n");
        }
        text.push('\n');
        let reload = if setting.live { " (reload)" } else { "" };
        wrap(&mut text, &format!("{}{reload}", setting.help));
        let _ = match INSTALLED.iter().find(|(key, _)| *key == setting.key) {
            Some((key, value)) => writeln!(text, "{key} = \"{value}\""),
            None => writeln!(text, "# {} = {}", setting.key, default(setting)),
        };
    }
    text
}

/// The default, as it is written in TOML. A text without characters is how a setting is left unset.
fn default(setting: &Setting) -> String {
    let is_bare = setting.is_switch() || (setting.is_number() && setting.default.parse::<f64>().is_ok());
    if is_bare { setting.default.to_owned() } else { format!("\"{}\"", setting.default) }
}

/// A text as lines of a comment.
fn wrap(to: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(to, "{line}");
            line.truncate(1);
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(to, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Given};

    fn read(text: &str) -> Config {
        let directory = tempfile::tempdir().unwrap();
        let mut given = Given::default();
        let file = directory.path().join("scim-server.toml");
        std::fs::write(&file, text).unwrap();
        given.file = Some(file);
        Config::read(&given).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_comment_is_the_default() {
        let page = page();
        let is_setting = |line: &str| SETTINGS.iter().any(|setting| line.starts_with(&format!("# {} = ", setting.key)));
        let uncommented = |line: &str| if is_setting(line) { line[2..].to_owned() } else { line.to_owned() };
        let all: Vec<_> = page.lines().map(uncommented).collect();
        let settings = all.iter().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
        assert_eq!(settings, SETTINGS.len());
        assert_eq!(read(&all.join("\n")), read(&page));
    }

    #[test]
    fn comments_are_wrapped() {
        assert!(page().lines().filter(|line| line.starts_with("# ")).all(|line| line.chars().count() <= WIDTH));
    }
}
