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
    source::{self, DirectoryError, Kind},
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
    let mut directory = source::open(&config.source, config.mapping.attributes()).await?;
    let server = directory.server().to_owned();
    findings.push(good(format!("{server}: connected and bound")));
    if server.starts_with("ldap://") && !config.source.tls.start_tls {
        findings.push(less("the connection to the directory is not protected by TLS"));
    }
    findings.push(match directory.find(&config.source.canary).await? {
        Some(entry) => good(format!("the canary {} is readable", entry.dn)),
        None => bad("the canary cannot be read: without it no deletion can be proved; correct source.canary"),
    });
    let (mut users, mut groups, mut told, mut uac) = (0_usize, 0_usize, 0_usize, 0_usize);
    let reading = directory
        .read(None, &mut |change| {
            if let source::Change::Upsert(entry) = change {
                match entry.kind {
                    Kind::Group => groups += 1,
                    Kind::User => users += 1,
                }
                if entry.kind == Kind::User {
                    uac += usize::from(entry.attributes().text("useraccountcontrol").is_some());
                }
                told += entry.members.len();
            }
        })
        .await?;
    findings.push(match (users, groups) {
        (0, _) => bad("no user is readable: look at source.users.bases, the filter, and the rights of the account"),
        (_, 0) => less(format!("{users} users are readable, and no group")),
        _ => good(format!("{users} users and {groups} groups are readable, with {told} direct memberships")),
    });
    if config.source.flavour == crate::config::Flavour::ActiveDirectory && users > 0 {
        findings.push(match uac {
            0 => bad("userAccountControl cannot be read: disabled accounts could not be told from enabled ones"),
            _ if uac < users => less(format!("userAccountControl can be read of {uac} of {users} users")),
            _ => good("userAccountControl can be read: disabled accounts are known"),
        });
    }
    findings.push(match reading.watermark {
        Some(_) => good("the directory can say what has changed: runs read changes only"),
        None => less("the directory cannot say what has changed: each run reads everything"),
    });
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
    findings.push(good(format!("lists by {way}, {} resources a page", capabilities.page)));
    if config.target.profile == TargetProfile::IdentityCenter {
        findings.push(good(format!(
            "profile identity-center: {} membership changes a request, one value of each list",
            config.target.members_per_request
        )));
    }
    Ok(())
}
