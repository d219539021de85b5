//! Reading real directories: whatever changes, what was kept and continued must say the same as a
//! full reading, and nobody is gone without proof.

use std::collections::BTreeSet;

use serde_json::Value;
use sync_agent::{
    config::Config,
    population::Population,
    source::{
        self, Coverage, DirectoryError, Mark, SourceId,
        absence::Verdict,
        observation::{self, Kept, Observation, Question},
    },
};
use tempfile::TempDir;

use crate::directory::{Software, TestDirectory};

/// Which account reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    /// What a careful administrator gives.
    Sync,
    /// With the rights to follow changes.
    Replicate,
}

/// A directory that is read again and again by one agent.
struct Follower<'a> {
    directory: &'a TestDirectory,
    folder: TempDir,
    account: Account,
    config: Config,
    kept: Option<Kept>,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Follower<'a> {
    fn new(directory: &'a TestDirectory, account: Account) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = directory.get("LDAPS_URL").to_owned();
        let config = configured(directory, &folder, account, &url, "");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        Self { directory, folder, account, config, kept: None, runtime }
    }

    /// Through another URL, with more settings of the source.
    fn configure(&mut self, url: &str, more: &str) {
        self.config = configured(self.directory, &self.folder, self.account, url, more);
    }

    fn try_observe(&self, kept: Option<Kept>, everything: bool) -> Result<Observation, DirectoryError> {
        self.runtime.block_on(async {
            let mut directory = source::open(&self.config.source, self.config.mapping.attributes()).await?;
            let population = self.kept.as_ref().map(|kept| &kept.population);
            let known: BTreeSet<SourceId> =
                population.into_iter().flat_map(Population::iter).map(|observed| observed.entry.id).collect();
            let question = Question { canary: &self.config.source.canary, known: &known, everything };
            observation::observe(&mut *directory, kept, &question).await
        })
    }

    /// Reads, continuing where the last reading ended.
    #[track_caller]
    fn observe(&mut self) -> Observation {
        let observation = self.try_observe(self.kept.clone(), false).expect("a reading");
        self.keep(&observation);
        observation
    }

    fn keep(&mut self, observation: &Observation) {
        let watermark = observation.watermark.clone();
        self.kept = watermark.map(|watermark| Kept { population: observation.population.clone(), watermark });
    }

    /// After a change: a reading of changes only, which says the same as a full one.
    #[track_caller]
    fn follows(&mut self, what: &str) -> Observation {
        let observation = self.observe();
        assert_eq!(observation.coverage, Coverage::Changes, "{what}: {:?}", observation.restarted);
        self.same_as_full(what);
        observation
    }

    #[track_caller]
    fn same_as_full(&self, what: &str) {
        let full = self.try_observe(None, false).expect("a full reading").population;
        let kept = &self.kept.as_ref().expect("a watermark").population;
        for observed in full.iter() {
            let before = kept.get(observed.entry.id);
            assert_eq!(before.map(|before| &before.members), Some(&observed.members), "{what}: {}", observed.entry.dn);
            let before = before.expect("compared");
            assert_eq!(before.entry.dn.as_str(), observed.entry.dn.as_str(), "{what}");
            assert!(
                before.entry.attributes().same_values(observed.entry.attributes()),
                "{what}: {}",
                observed.entry.dn
            );
        }
        assert_eq!(kept.len(), full.len(), "{what}");
    }

    fn mark(&self) -> &Mark {
        &self.kept.as_ref().expect("a watermark").watermark.mark
    }
}

fn configured(directory: &TestDirectory, folder: &TempDir, account: Account, url: &str, more: &str) -> Config {
    let (name, password) = match account {
        Account::Sync => ("SYNC_DN", "SYNC_PASSWORD"),
        Account::Replicate => ("REPL_DN", "REPL_PASSWORD"),
    };
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("password", directory.get(password));
    write("token", "none");
    let text = format!(
        r#"
[source]
urls = ["{url}"]
bind = {{ account = "{name}", password_file = "password", allow_plain_text = true }}
users = {{ bases = ["{base}"] }}
groups = {{ bases = ["{groups}"] }}
{more}
[source.tls]
ca_file = "{ca}"
[target]
url = "http://127.0.0.1:1"
token_file = "token"
[scope]
users = ["*"]
groups = ["*"]
"#,
        name = directory.get(name),
        ca = directory.get("LDAP_CA"),
        base = directory.get("BASE_DN"),
        groups = directory.get("GROUPS_DN"),
    );
    write("sync-agent.toml", &text);
    Config::read(&folder.path().join("sync-agent.toml")).expect("a configuration")
}

#[track_caller]
fn id(seed: &Value, kind: &str, name: &str) -> SourceId {
    let text = seed[kind][name]["id"].as_str().unwrap_or_else(|| panic!("no {name} in {kind}"));
    SourceId::parse(text).expect("an id")
}

/// Every kind of change, one reading each.
#[track_caller]
fn follow(software: Software, account: Account, mechanism: &str) {
    let directory = TestDirectory::start(software);
    let seed = directory.fill(30, 5);
    let mut follower = Follower::new(&directory, account);
    assert_eq!(follower.observe().coverage, Coverage::Everything);
    assert_eq!(follower.mark().mechanism(), mechanism);
    let unchanged = follower.follows("nothing");
    assert!(unchanged.changed.is_empty(), "{:?}", unchanged.changed);

    let member = seed["groups"]["team-00001"]["users"][0].as_str().expect("a member").to_owned();
    let member = member.as_str();
    for change in [
        &["mail", "u000001", "new@corp.example.test"][..],
        &["mail", "u000002"],
        &["disable", "u000003"],
        &["rename", "u000004", "Another Name"],
        &["login", "u000005", "fifth"],
        &["remove", "team-00001", member],
        &["add", "team-00001", member],
        &["add-group", "team-00001", "team-00002"],
        &["rename-group", "team-00003", "Third"],
    ] {
        directory.change(change);
        follower.follows(&change.join(" "));
    }
    directory.change(&["move", "u000007", "Moved"]);
    follower.follows("move");

    // A member of a group, which does not change when its member is deleted.
    let gone = id(&seed, "users", "u000008");
    directory.change(&["delete", "u000008"]);
    let observation = follower.observe();
    let sees = follower.mark().shows_deletions();
    let verdict = observation.departed.iter().find(|(id, _)| *id == gone).map(|(_, verdict)| verdict);
    assert_eq!(matches!(verdict, Some(Verdict::Gone(_))), sees, "{verdict:?}");
    let everything = follower.try_observe(follower.kept.clone(), true).expect("a full reading");
    assert_eq!(everything.departed.iter().any(|(id, _)| *id == gone), !sees);
    assert_eq!(everything.drift.as_ref().map(BTreeSet::is_empty), Some(sees), "{:?}", everything.drift);
    follower.keep(&everything);
    follower.same_as_full("delete");
    assert_eq!(everything.population.get(gone), None);

    directory.change(&["recreate", "u000008"]);
    follower.follows("recreate");
}

#[test]
fn active_directory_with_the_right_to_replicate() {
    follow(Software::Samba, Account::Replicate, "DirSync");
}

#[test]
fn active_directory_with_a_plain_account() {
    follow(Software::Samba, Account::Sync, "DirSync with object security");
}

#[test]
fn openldap_with_a_limited_account() {
    follow(Software::OpenLdap, Account::Sync, "content synchronisation (RFC 4533)");
}
