//! What a setting is: its flag, its environment variable and its key in the configuration file. [`SETTINGS`] has all.

mod table;

pub use table::SETTINGS;

/// One setting of `serve`.
#[derive(Debug)]
pub struct Setting {
    /// Its key in the configuration file: `admin_listen`.
    pub key: &'static str,
    /// Under which heading it is listed.
    pub group: &'static str,
    /// What its value looks like.
    pub value: &'static str,
    /// Its default value; empty for none.
    pub default: &'static str,
    /// Whether SIGHUP applies a change to a running server.
    pub live: bool,
    /// What it does, in one or two sentences.
    pub help: &'static str,
}

/// One that a server reads when it starts.
const fn fixed(
    group: &'static str,
    key: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { key, group, value, default, live: false, help }
}

/// One that SIGHUP changes, too.
const fn live(
    group: &'static str,
    key: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { live: true, ..fixed(group, key, value, default, help) }
}

impl Setting {
    /// Its flag, without the dashes in front: `admin-listen`.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// Its environment variable: `SCIM_SERVER_ADMIN_LISTEN`.
    pub fn variable(&self) -> String {
        format!("SCIM_SERVER_{}", self.key.to_uppercase())
    }

    /// Whether it is switched on by its flag alone.
    pub fn is_switch(&self) -> bool {
        self.value == SWITCH
    }

    /// Whether it may have several values: its flag several times, or an array in the file; in one text, white space is
    /// between them.
    pub fn is_list(&self) -> bool {
        self.key == "store"
    }

    /// Whether a number without a unit is a value of it: a count, or bytes, or seconds.
    pub fn is_number(&self) -> bool {
        matches!(self.value, "N" | "SIZE" | "DURATION") || self.is_ratio()
    }

    /// Whether it is a part of something, from 0 to 1.
    pub fn is_ratio(&self) -> bool {
        self.value == "RATIO"
    }
}

/// The value of a setting that is on or off.
pub const SWITCH: &str = "true|false";

/// The setting with that key.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_each_says_what_it_is_for() {
        let mut keys: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), SETTINGS.len());
        for setting in SETTINGS {
            assert!(setting.help.ends_with('.'), "{}", setting.key);
        }
    }
}
