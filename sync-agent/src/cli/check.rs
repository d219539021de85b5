//! `check`: both sides are tried, and what works and what does not is said in plain words.
//!
//! It writes nothing. Each line is one thing; a cross names what to change. What a right is needed
//! for is said too, so that nobody grants more than the agent needs.

use std::{fmt, path::Path, process::ExitCode};

use scim_protocol::Timestamp;
use serde::Serialize;

use super::once::runtime;
use crate::{
    clock::{Clock as _, SystemClock},
    config::{Config, TargetProfile},
    number,
    source::{
        DirectoryError, Kind,
        rights::{self, Rights},
    },
    target::{Reader, TargetError, expiry},
};

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// It works.
    Good,
    /// It works, with less.
    Less,
    /// It does not.
    Bad,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it is.
    pub grade: Grade,
    /// In words.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.grade {
            Grade::Good => "ok  ",
            Grade::Less => "note",
            Grade::Bad => "BAD ",
        };
        write!(f, "{sign}  {}", self.text)
    }
}

fn good(text: impl Into<String>) -> Finding {
    Finding { grade: Grade::Good, text: text.into() }
}

fn less(text: impl Into<String>) -> Finding {
    Finding { grade: Grade::Less, text: text.into() }
}

fn bad(text: impl Into<String>) -> Finding {
    Finding { grade: Grade::Bad, text: text.into() }
}

/// Tries everything.
pub fn check(config: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let findings = runtime()?.block_on(async {
        let mut findings = vec![good("the configuration is well formed")];
        findings.extend(directory(&config).await);
        findings.extend(target(&config, SystemClock.now()).await);
        findings
    });
    let works = findings.iter().all(|finding| finding.grade != Grade::Bad);
    if json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        for finding in &findings {
            println!("{finding}");
        }
        println!("\n{}", if works { "Ready: `sync-agent plan` shows what a run would do." } else { "Not ready." });
    }
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn directory(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = try_directory(config, &mut findings).await {
        findings.push(bad(error.to_string()));
    }
    findings
}

async fn try_directory(config: &Config, findings: &mut Vec<Finding>) -> Result<(), DirectoryError> {
    let rights = rights::examine(&config.source, config.attributes()).await?;
    let Rights { server, flavour, users, groups, .. } = &rights;
    findings.push(good(format!("{server}: connected and bound; read as {flavour}")));
    if !rights.tls {
        findings.push(less("the connection to the directory is not protected by TLS"));
    }
    findings.push(if rights.canary {
        good("the canary is readable: absence can be proved")
    } else {
        bad("the canary cannot be read: without it no deletion can be proved; correct source.canary")
    });
    if rights.groups_that_hide_members > 0 {
        findings.push(bad(format!(
            "{} of the first {} show no member, which every groupOfNames and groupOfUniqueNames has: let the account read, search and compare member and uniqueMember",
            rights.groups_that_hide_members,
            number::of(*groups, "group")
        )));
    }
    findings.push(match (users, groups, rights.groups_with_members) {
        (0, ..) => bad("no user is readable: look at source.users.bases, the filter, and the rights of the account"),
        (_, 0, _) => less("users are readable, and no group"),
        (_, _, 0) => less("users and groups are readable, and no group shows a member"),
        _ => good("users and groups are readable, with members"),
    });
    for (attribute, seen) in &rights.account_state {
        findings.push(match (*attribute, seen) {
            ("userAccountControl", 0) => {
                bad("userAccountControl cannot be read: disabled accounts could not be told from enabled ones")
            }
            ("userAccountControl", seen) if seen < users => {
                less(format!("userAccountControl can be read of {seen} of {users} users"))
            }
            ("userAccountControl", _) => good("userAccountControl can be read: disabled accounts are known"),
            // An account that is not locked has none, so nothing can be said from its absence.
            (_, 0) => less(format!("{attribute} was seen of no user: either none is locked, or it cannot be read")),
            _ => good(format!("{attribute} can be read: locked accounts are known")),
        });
    }
    findings.push(match (rights.mechanism, rights.sees_deletions) {
        (None, _) => less("the directory cannot say what has changed: each run reads everything"),
        (Some(mechanism), true) => good(format!("changes are followed by {mechanism}, deletions at once")),
        (Some(mechanism), false) => {
            less(format!("changes are followed by {mechanism}; deletions are found by the full reconciliation"))
        }
    });
    if rights.deleted_objects == Some(false) {
        findings.push(less("the account sees no deleted objects; the guide says which right shows them"));
    }
    Ok(())
}

async fn target(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = try_target(config, now, &mut findings).await {
        let advice = match error.status() {
            Some(401) => "; the token is not accepted: put a new one into the file that target.token_file names",
            Some(403) => "; the token lacks a right",
            Some(404) => "; target.url ends before /Users: is the path right?",
            _ => "",
        };
        findings.push(bad(format!("{error}{advice}")));
    }
    findings
}

async fn try_target(config: &Config, now: Timestamp, findings: &mut Vec<Finding>) -> Result<(), TargetError> {
    let url = &config.target.url;
    let reader = Reader::new(&config.target)?;
    let capabilities = reader.capabilities().await?;
    findings.push(good(format!("{url}: answers, and says what it can do")));
    if url.starts_with("http://") {
        findings.push(less("the token and all data go to the target without TLS"));
    }
    let nobody = "sync-agent-check-of-a-name-that-nobody-has";
    reader.find(Kind::User, "userName", nobody, &capabilities).await?;
    reader.find(Kind::Group, "displayName", nobody, &capabilities).await?;
    findings.push(good("the token is accepted; users and groups can be read"));
    findings.push(match expiry::of(&config.target.token.current()?) {
        None => less("neither SCIM nor this token says when the token ends; the target's administration does"),
        Some(end) if end <= now => bad(format!("the token ended at {end}")),
        Some(end) if end.as_millis() - now.as_millis() < 30 * 86_400_000 => {
            less(format!("the token ends soon, at {end}"))
        }
        Some(end) => good(format!("the token ends at {end}")),
    });
    findings.push(if capabilities.patch {
        good("PATCH: only what changes is sent")
    } else {
        less("no PATCH: resources are replaced whole, large groups too")
    });
    findings.push(if capabilities.filter {
        good("filters: single objects are found without listing")
    } else {
        less("no filters: objects are found by listing all of them")
    });
    let way = if capabilities.cursor { "cursor" } else { "position" };
    findings.push(good(format!("lists by {way}, {} a page", number::of(capabilities.page, "resource"))));
    if config.target.profile == TargetProfile::IdentityCenter {
        findings.push(good(format!(
            "profile identity-center: {} a request, one value of each list",
            number::of(config.target.members_per_request, "membership change")
        )));
    }
    Ok(())
}
