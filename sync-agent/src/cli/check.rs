//! `check`: both sides are tried, and what works and what does not is said in plain words.
//!
//! It writes nothing. Each line is one thing; a cross names what to change. What a right is needed
//! for is said too, so that nobody grants more than the agent needs.

use std::{fmt, path::Path, process::ExitCode, time::Duration};

use command_page::terminal::lines;
use indicatif::ProgressBar;
use scim_protocol::Timestamp;
use serde::Serialize;

use crate::{
    cli::runtime,
    clock::{Clock as _, SystemClock},
    config::Config,
    cycle::survey::{BaseCounts, Survey, survey},
    dn::Dn,
    identity::Kind,
    number,
    problem::Code,
    source::{
        DirectoryError, Key,
        rights::{self, Rights},
        settings::{Bind, SourceSettings},
    },
    target::{TargetError, TargetReader, expiry, settings::TargetProfile},
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

/// How long a server may take to accept a connection, to answer the bind, or to answer one request: `check` is
/// run by somebody who waits.
const STEP: Duration = Duration::from_secs(5);

/// What was found so far, told as it is found.
struct Findings {
    all: Vec<Finding>,
    json: bool,
    /// Says on a terminal what is being tried.
    progress: ProgressBar,
}

impl Findings {
    fn new(json: bool) -> Self {
        let progress = ProgressBar::new_spinner();
        progress.enable_steady_tick(Duration::from_millis(100));
        Self { all: Vec::new(), json, progress }
    }

    fn trying(&self, what: impl Into<String>) {
        self.progress.set_message(what.into());
    }

    fn push(&mut self, finding: Finding) {
        if !self.json {
            self.progress.suspend(|| println!("{}", lines(&finding.to_string())));
        }
        self.all.push(finding);
    }

    /// Ends the telling. Whether everything works.
    fn end(self) -> anyhow::Result<bool> {
        self.progress.finish_and_clear();
        let works = self.all.iter().all(|finding| finding.grade != Grade::Bad);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&self.all)?);
        } else {
            println!("\n{}", if works { "Ready: `sync-agent plan` shows what a run would do." } else { "Not ready." });
        }
        Ok(works)
    }
}

/// Tries everything.
pub fn check(config: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let mut config = Config::read(config)?;
    for source in std::iter::once(&mut config.source).chain(&mut config.others) {
        source.connect_timeout = source.connect_timeout.min(STEP);
    }
    config.target.timeout = config.target.timeout.min(STEP);
    config.target.patience = Duration::ZERO;
    let mut findings = Findings::new(json);
    findings.push(good("the configuration is well formed"));
    runtime()?.block_on(async {
        directory(&config, &mut findings).await;
        target(&config, SystemClock.now(), &mut findings).await;
    });
    Ok(if findings.end()? { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn directory(config: &Config, findings: &mut Findings) {
    findings.trying("the directory: connecting, and looking at the account's rights");
    let mut reached = true;
    for source in config.sources() {
        if let Err(error) = try_directory(config, source, findings).await {
            findings.push(bad(error.to_string()));
            reached = false;
        }
    }
    if !reached {
        return;
    }
    findings.trying("the directory: reading every user and group once");
    match survey(config).await {
        Ok(survey) => contents(config, &survey, findings),
        Err(error) => findings.push(bad(error.to_string())),
    }
}

/// What there is, beneath each base, and who of it is meant.
fn contents(config: &Config, survey: &Survey, findings: &mut Findings) {
    let Survey { population, selection, problems } = survey;
    let of = |source: &'_ SourceSettings| source.users.bases.iter().chain(&source.groups.bases).cloned().collect();
    let mut bases: Vec<Dn> = config.sources().flat_map(|source| -> Vec<Dn> { of(source) }).collect();
    bases.dedup();
    for base in bases {
        let BaseCounts { users, groups, memberships } = survey.beneath(&base);
        let text = format!(
            "{base}: {}, {} with {}",
            number::of(users, "user"),
            number::of(groups, "group"),
            number::of(memberships, "membership")
        );
        findings.push(if users + groups > 0 { good(text) } else { less(text) });
    }
    let of = |code| problems.iter().filter(move |problem| problem.code == code);
    let nameless = of(Code::EntryWithoutId).count();
    if nameless > 0 {
        let text = format!(
            "{} shown without an identity that the account may read: no resource is made for {}",
            number::of(nameless, "entry"),
            if nameless == 1 { "it" } else { "them" }
        );
        findings.push(if population.is_empty() { bad(text) } else { less(text) });
    }
    for problem in of(Code::AttributeHidden) {
        findings.push(bad(problem.message.clone()));
    }
    for problem in selection.problems.iter().filter(|problem| problem.code == Code::ScopeNotFound) {
        findings.push(bad(problem.message.clone()));
    }
    let (users, groups) = (selection.users.len(), selection.groups.len());
    let text = format!("in scope: {}, {}", number::of(users, "user"), number::of(groups, "group"));
    findings.push(if users + groups > 0 { good(text) } else { bad(format!("{text}; change [scope]")) });
}

async fn try_directory(
    config: &Config,
    source: &SourceSettings,
    findings: &mut Findings,
) -> Result<(), DirectoryError> {
    let rights = rights::examine(source, config.attributes()).await?;
    let Rights { server, flavour, users, groups, .. } = &rights;
    findings.push(good(format!("{server}: connected and bound; read as {flavour}")));
    if !rights.tls {
        findings.push(less("the connection to the directory is not protected by TLS"));
    }
    findings.push(if rights.canary {
        good("the canary is readable: absence can be proved")
    } else {
        bad(canary_hidden(&source.canary, &source.bind))
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
    findings.push(good(format!(
        "a user is an entry that matches {}, a group one that matches {}; source.users.filter and source.groups.filter change that",
        rights.user_filter, rights.group_filter
    )));
    for (attribute, seen) in &rights.account_state {
        findings.push(match (*attribute, seen) {
            ("userAccountControl", 0) => {
                bad("userAccountControl cannot be read: disabled accounts could not be told from enabled ones")
            }
            ("userAccountControl", seen) if seen < users => bad(format!(
                "userAccountControl can be read of {seen} of {users} users only: of the others nobody can say whether they are disabled"
            )),
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

/// Which entry is the canary, and what to do when it cannot be read. By default it is the account's own.
fn canary_hidden(canary: &Key, bind: &Bind) -> String {
    let own = match (canary, bind) {
        (Key::Dn(canary), Bind::Simple { account, .. }) => Dn::parse(account).is_ok_and(|account| account == *canary),
        _ => false,
    };
    let whose = if own { ", the account's own entry, which is tried unless source.canary names another," } else { "" };
    format!(
        "the canary {canary}{whose} cannot be read: without it no deletion can be proved; let the account read it, or name in source.canary an entry that it can always read"
    )
}

async fn target(config: &Config, now: Timestamp, findings: &mut Findings) {
    findings.trying(format!("the target: {}", config.target.url));
    if let Err(error) = try_target(config, now, findings).await {
        let advice = match error.status() {
            Some(401) => "; the token is not accepted: put a new one into the file that target.token_file names",
            Some(403) => "; the token lacks a right",
            Some(404) => "; target.url ends before /Users: is the path right?",
            _ => "",
        };
        findings.push(bad(format!("{error}{advice}")));
    }
}

async fn try_target(config: &Config, now: Timestamp, findings: &mut Findings) -> Result<(), TargetError> {
    let url = &config.target.url;
    let reader = TargetReader::new(&config.target)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_canary_that_cannot_be_read_is_named_with_what_to_set() {
        let bind = Bind::Simple { account: "CN=sync,DC=test".to_owned(), password: Secret::new("x".to_owned()) };
        let says = |canary| canary_hidden(&Key::Dn(Dn::parse(canary).unwrap()), &bind);
        let own = says("cn=sync,dc=test");
        assert!(own.contains("cn=sync,dc=test, the account's own entry") && own.contains("source.canary"), "{own}");
        let other = says("ou=people,dc=test");
        assert!(other.starts_with("the canary ou=people,dc=test cannot be read"), "{other}");
    }
}
