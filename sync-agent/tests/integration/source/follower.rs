//! An agent's side of the directory that reads again and again, as tests need it.

use std::collections::BTreeSet;

use serde_json::Value;
use sync_agent::{
    Config, DirectoryError, Kept, Mark, Mode, Observation, ObservationInputs, Population, SourceId, Verdict, observe,
    open_source,
};
use tempfile::TempDir;

use crate::directory::TestDirectory;

/// Which account reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// What a careful administrator gives.
    Sync,
    /// With the rights to follow changes.
    Replicate,
}

/// A directory that is read again and again by one agent.
pub struct Follower<'a> {
    directory: &'a TestDirectory,
    folder: TempDir,
    account: Account,
    pub config: Config,
    pub kept: Option<Kept>,
    pub runtime: tokio::runtime::Runtime,
}

impl<'a> Follower<'a> {
    pub fn new(directory: &'a TestDirectory, account: Account) -> Self {
        Self::with(directory, account, "")
    }

    /// With more settings of the source.
    pub fn with(directory: &'a TestDirectory, account: Account, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = directory.get("LDAPS_URL").to_owned();
        let config = configured(directory, &folder, account, &url, more);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        Self { directory, folder, account, config, kept: None, runtime }
    }

    /// Through another URL, with more settings of the source.
    pub fn configure(&mut self, url: &str, more: &str) {
        self.config = configured(self.directory, &self.folder, self.account, url, more);
    }

    pub fn try_observe(&self, kept: Option<Kept>, everything: bool) -> Result<Observation, DirectoryError> {
        self.runtime.block_on(async {
            let mut directory = open_source(&self.config.source, self.config.mapping.attributes()).await?;
            let population = self.kept.as_ref().map(|kept| &kept.population);
            let known: BTreeSet<SourceId> =
                population.into_iter().flat_map(Population::iter).map(|observed| observed.entry.id).collect();
            let inputs = ObservationInputs {
                canaries: &self.config.canaries(),
                known: &known,
                everything,
                referring: &self.config.mapping.referring(),
                names: &self.config.scope.names(),
                watched: &self.config.watched(),
                accepted: &BTreeSet::new(),
            };
            observe(&mut *directory, kept, &inputs).await
        })
    }

    /// Reads, continuing where the last reading ended.
    #[track_caller]
    pub fn observe(&mut self) -> Observation {
        let observation = self.try_observe(self.kept.clone(), false).expect("a reading");
        self.keep(&observation);
        observation
    }

    pub fn keep(&mut self, observation: &Observation) {
        let Observation { population, watermark, sightings, .. } = observation;
        let (population, watermark, sightings) = (population.clone(), watermark.clone(), sightings.clone());
        self.kept = Some(Kept { population, watermark, sightings });
    }

    /// After a change: a reading of changes only, which says the same as a full one.
    #[track_caller]
    pub fn follows(&mut self, what: &str) -> Observation {
        let observation = self.observe();
        assert_eq!(observation.mode, Mode::Incremental, "{what}: {:?}", observation.restarted);
        self.same_as_full(what);
        observation
    }

    #[track_caller]
    pub fn same_as_full(&self, what: &str) {
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

    pub fn mark(&self) -> &Mark {
        &self.kept.as_ref().and_then(|kept| kept.watermark.as_ref()).expect("a watermark").mark
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
{tls}
[target]
url = "http://127.0.0.1:1"
token_file = "token"
[scope]
users = ["*"]
groups = ["*"]
"#,
        name = directory.get(name),
        more = more.replace("CA", directory.get("LDAP_CA")),
        tls = if more.contains("tls =") {
            String::new()
        } else {
            format!("tls = {{ ca_file = {:?} }}", directory.get("LDAP_CA"))
        },
        base = directory.get("BASE_DN"),
        groups = directory.get("GROUPS_DN"),
    );
    write("sync-agent.toml", &text);
    Config::read(&folder.path().join("sync-agent.toml")).expect("a configuration")
}

#[track_caller]
pub fn id(seed: &Value, kind: &str, name: &str) -> SourceId {
    let text = seed[kind][name]["id"].as_str().unwrap_or_else(|| panic!("no {name} in {kind}"));
    SourceId::parse(text).expect("an id")
}

/// A member of a group that all tests may change.
#[track_caller]
pub fn member(seed: &Value) -> &str {
    seed["groups"]["team-00001"]["users"][0].as_str().expect("a member")
}

/// The objects whose absence is proved.
pub fn gone(observation: &Observation) -> Vec<SourceId> {
    gone_of(&observation.verdicts)
}

pub fn gone_of(verdicts: &[(SourceId, Verdict)]) -> Vec<SourceId> {
    let gone = verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Gone(_)));
    gone.map(|(id, _)| *id).collect()
}
