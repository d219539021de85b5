//! The settings of [`crate::config`] as flags and environment variables.
//!
//! They are made from the one table of settings, so that a flag, its variable, its help and its
//! place in the reference cannot drift apart.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, builder::ValueParser, parser::ValueSource};

use crate::config::{Given, Origin, SETTINGS, Setting, layers};

/// The configuration file's own flag and variable.
const CONFIG: &str = "config";

/// All settings: what `serve` takes.
#[derive(Debug, Clone)]
pub struct AllSettings(pub Given);

/// Where the store is, and where clients reach the server: what every other command takes.
#[derive(Debug, Clone)]
pub struct StoreSettings(pub Given);

/// Warns of variables of the environment that are misspelt. The log is there.
pub(super) fn warn_of_misspelt() {
    let variables = std::env::vars_os().map(|(name, _)| name).map(OsString::into_string).filter_map(Result::ok);
    for said in layers::misspelt(variables) {
        tracing::warn!("{said}");
    }
}

/// `untold` are taken, and not in the help.
fn arguments(command: Command, settings: impl Iterator<Item = &'static Setting>, untold: &[&str]) -> Command {
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .env("SCIM_SERVER_CONFIG")
        .value_name("FILE")
        .value_parser(ValueParser::path_buf())
        .hide_env_values(true)
        .help("A TOML file with settings; flags and environment variables go before it");
    settings.fold(command.arg(config), |command, setting| {
        command.arg(argument(setting).hide(untold.contains(&setting.key)))
    })
}

fn argument(setting: &'static Setting) -> Arg {
    let default = if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
    let argument = Arg::new(setting.key)
        .long(setting.flag())
        .env(setting.variable())
        .hide_env_values(true)
        .value_name(setting.value)
        .help_heading(setting.group)
        .action(ArgAction::Set)
        .help(format!("{}{default}", setting.help.trim_end_matches('.')));
    if setting.is_list() {
        argument.action(ArgAction::Append)
    } else if setting.is_switch() {
        argument.num_args(0..=1).default_missing_value("true")
    } else {
        argument.allow_hyphen_values(setting.key == "audit_log")
    }
}

fn given(matches: &ArgMatches, settings: impl Iterator<Item = &'static Setting>) -> Given {
    let mut given = Given::default();
    given.file = matches.get_one::<PathBuf>(CONFIG).cloned();
    for setting in settings {
        if let Some(values) = matches.get_many::<String>(setting.key) {
            let value = values.map(String::as_str).collect::<Vec<_>>().join(" ");
            let source = match matches.value_source(setting.key) {
                Some(ValueSource::EnvVariable) => Origin::Environment(setting.variable()),
                _ => Origin::Flag(setting.flag()),
            };
            given.set(setting, value, source);
        }
    }
    given
}

fn all() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter()
}

fn store() -> impl Iterator<Item = &'static Setting> {
    let wanted = |key: &str| matches!(key, "data" | "public_url" | NETWORKS) || key.starts_with("store");
    SETTINGS.iter().filter(move |setting| wanted(setting.key))
}

/// What only the commands about webhooks look at, where they open the store themselves: every command takes it, and none
/// tells of it.
const NETWORKS: &str = "webhook_networks";

macro_rules! settings_arguments {
    ($name:ident, $which:ident, $untold:expr) => {
        impl FromArgMatches for $name {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self(given(matches, $which())))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }

        impl Args for $name {
            fn augment_args(command: Command) -> Command {
                arguments(command, $which(), &$untold)
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }
    };
}

settings_arguments!(AllSettings, all, []);
settings_arguments!(StoreSettings, store, [NETWORKS]);
