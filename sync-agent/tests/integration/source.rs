//! Reading real directories: whatever changes, what was kept and continued must say the same as a
//! full reading, and nobody is gone without proof.

use std::collections::BTreeSet;

use serde_json::Value;
use sync_agent::{
    config::{Bind, Config},
    dn::Dn,
    population::Population,
    problem::Code,
    source::{
        self, Coverage, DirectoryError, Mark, SourceId, Watermark,
        absence::Verdict,
        changes::usn,
        observation::{self, Kept, Observation, Question},
        reader::Reader,
        rights,
        watch::Watch,
    },
    state::State,
};
use tempfile::TempDir;

use crate::directory::{Proxy, Software, TestDirectory};

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
        Self::with(directory, account, "")
    }

    /// With more settings of the source.
    fn with(directory: &'a TestDirectory, account: Account, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = directory.get("LDAPS_URL").to_owned();
        let config = configured(directory, &folder, account, &url, more);
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
fn id(seed: &Value, kind: &str, name: &str) -> SourceId {
    let text = seed[kind][name]["id"].as_str().unwrap_or_else(|| panic!("no {name} in {kind}"));
    SourceId::parse(text).expect("an id")
}

/// A member of a group that all tests may change.
#[track_caller]
fn member(seed: &Value) -> &str {
    seed["groups"]["team-00001"]["users"][0].as_str().expect("a member")
}

/// Who is proved to be gone.
fn gone(observation: &Observation) -> Vec<SourceId> {
    gone_of(&observation.departed)
}

fn gone_of(departed: &[(SourceId, Verdict)]) -> Vec<SourceId> {
    let gone = departed.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Gone(_)));
    gone.map(|(id, _)| *id).collect()
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

    let member = member(&seed);
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
    // A container that is made in the second up to which was read may be one that was renamed, and
    // then everything is read. This one is made in a later second, and is known to be new.
    std::thread::sleep(std::time::Duration::from_millis(1100));
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

#[test]
fn openldap_that_keeps_no_log_names_what_is_there() {
    let directory = TestDirectory::start_with(Software::OpenLdap, &[("SYNC_LOG", "none")]);
    let seed = directory.fill(30, 5);
    let mut follower = Follower::new(&directory, Account::Sync);
    follower.observe();
    assert!(follower.follows("nothing").changed.is_empty());
    directory.change(&["mail", "u000001"]);
    directory.change(&["delete", "u000002"]);
    let observation = follower.follows("presence");
    assert_eq!(gone(&observation), [id(&seed, "users", "u000002")]);
}

#[test]
fn any_ldap_directory_is_followed_by_its_timestamps() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(30, 5);
    let mut follower = Follower::with(&directory, Account::Sync, "flavour = \"generic\"");
    follower.observe();
    assert_eq!(follower.mark().mechanism(), "modifyTimestamp");
    for change in [&["mail", "u000001"][..], &["login", "u000003", "third"], &["remove", "team-00001", member(&seed)]] {
        directory.change(change);
        follower.follows(&change.join(" "));
    }
    directory.change(&["delete", "u000002"]);
    assert_eq!(gone(&follower.observe()), []);
    let everything = follower.try_observe(follower.kept.clone(), true).expect("a full reading");
    assert_eq!(gone(&everything), [id(&seed, "users", "u000002")]);
}

#[test]
fn update_numbers_where_dirsync_is_refused() {
    let directory = TestDirectory::start(Software::Samba);
    let seed = directory.fill(30, 5);
    let mut follower = Follower::new(&directory, Account::Replicate);
    let first = follower.observe();
    let mark = follower.runtime.block_on(async {
        let mut reader = Reader::open(&follower.config.source, follower.config.mapping.attributes()).await?;
        usn::mark(&mut reader).await
    });
    let fingerprint = first.watermark.expect("a watermark").fingerprint;
    let mark = mark.expect("an answer").expect("numbers");
    follower.kept.as_mut().expect("kept").watermark = Watermark { fingerprint: fingerprint.clone(), mark };
    assert!(follower.follows("nothing").changed.is_empty());
    for change in
        [&["mail", "u000001"][..], &["rename", "u000003", "Third"], &["add-group", "team-00001", "team-00002"]]
    {
        directory.change(change);
        follower.follows(&change.join(" "));
    }
    directory.change(&["delete", "u000002"]);
    assert_eq!(gone(&follower.follows("delete")), [id(&seed, "users", "u000002")]);
    let elsewhere = Mark::Usn { highest: 1, invocation: "of another server".to_owned() };
    follower.kept.as_mut().expect("kept").watermark = Watermark { fingerprint, mark: elsewhere };
    assert!(follower.observe().restarted.is_some());
}

/// What refuses a watermark costs a full reading and is no error.
#[track_caller]
fn restarts(software: Software, rename: &str) {
    let directory = TestDirectory::start(software);
    directory.fill(30, 5);
    let mut follower = Follower::new(&directory, Account::Replicate);
    follower.observe();
    let file = directory.path().join("rename.ldif");
    std::fs::write(&file, rename.replace("BASE", directory.get("USERS_DN"))).expect("a file");
    directory.change(&["ldif", file.to_str().expect("a path")]);
    let renamed = follower.observe();
    assert!(renamed.restarted.is_some_and(|reason| reason.contains("container")));
    assert!(gone_of(&renamed.departed).is_empty());
    follower.same_as_full("a renamed container");

    let kept = follower.kept.as_mut().expect("kept");
    match &mut kept.watermark.mark {
        Mark::DirSync { cookie, .. } | Mark::SyncCookie(cookie) => *cookie = b"nonsense".to_vec(),
        other => panic!("{other:?}"),
    }
    let broken = follower.observe();
    assert!(broken.restarted.is_some());
    assert!(broken.changed.is_empty());

    follower.config.source.users.filter = Some("(|(uid=u*)(sAMAccountName=u*))".to_owned());
    assert!(follower.observe().restarted.is_some_and(|reason| reason.contains("configuration")));
}

#[test]
fn a_renamed_container_and_a_broken_cookie_on_active_directory() {
    restarts(Software::Samba, "dn: OU=Dept-01,BASE\nchangetype: modrdn\nnewrdn: OU=Department-01\ndeleteoldrdn: 1\n");
}

#[test]
fn a_renamed_container_and_a_broken_cookie_on_openldap() {
    restarts(
        Software::OpenLdap,
        "dn: ou=Dept-01,BASE\nchangetype: modrdn\nnewrdn: ou=Department-01\ndeleteoldrdn: 1\n",
    );
}

/// A reading through a fault ends with an error, and the next one repairs what is to repair.
#[track_caller]
fn faulty(software: Software, account: Account, options: &[&str], more: &str) {
    let directory = TestDirectory::start(software);
    directory.fill(30, 5);
    let mut follower = Follower::new(&directory, account);
    follower.observe();
    let kept = follower.kept.clone();
    directory.change(&["mail", "u000001"]);
    {
        let proxy = Proxy::start(&directory, options);
        follower.configure(&proxy.url(), more);
        follower.try_observe(None, false).expect_err("the fault");
    }
    let url = directory.get("LDAPS_URL").to_owned();
    follower.configure(&url, "");
    follower.kept = kept;
    follower.follows("after the fault");
}

#[test]
fn a_busy_directory_proves_nothing() {
    // The first search is of the root DSE, the last that are refused are of users.
    faulty(Software::OpenLdap, Account::Sync, &["--busy", "3"], "");
}

#[test]
fn a_dropped_connection_proves_nothing() {
    faulty(Software::OpenLdap, Account::Sync, &["--drop-after", "30"], "page_size = 20");
    faulty(Software::Samba, Account::Sync, &["--drop-after", "30", "--tidy"], "page_size = 20");
}

#[test]
fn a_directory_that_hangs_proves_nothing() {
    faulty(Software::OpenLdap, Account::Sync, &["--hang-after", "30"], "timeout_seconds = 1");
}

#[test]
fn large_groups_come_in_ranges() {
    let directory = TestDirectory::start(Software::Samba);
    directory.fill(1_510, 2);
    let mut follower = Follower::new(&directory, Account::Sync);
    let plain = follower.observe();
    let proxy = Proxy::start(&directory, &["--max-range", "400", "--max-page", "300"]);
    follower.configure(&proxy.url(), "");
    let limited = follower.try_observe(None, false).expect("a reading");
    let most = limited.population.iter().map(|observed| observed.members.len()).max();
    assert!(most >= Some(1_500), "{most:?}");
    for observed in plain.population.iter() {
        assert_eq!(limited.population.get(observed.entry.id), Some(observed));
    }
}

#[test]
fn the_bell_rings_for_a_change() {
    rings(Software::OpenLdap, &[&["mail", "u000001"], &["delete", "u000002"]]);
}

#[test]
fn the_bell_of_active_directory() {
    rings(Software::Samba, &[&["mail", "u000001"]]);
}

/// Each change rings, one after the other.
#[track_caller]
fn rings(software: Software, changes: &[&[&str]]) {
    let directory = TestDirectory::start(software);
    directory.fill(5, 1);
    let mut follower = Follower::new(&directory, Account::Sync);
    follower.observe();
    let kept = follower.kept.as_ref().expect("kept");
    follower.runtime.block_on(async {
        let mut watch =
            Watch::open(&follower.config.source, &kept.watermark).await.expect("an answer").expect("a bell");
        for change in changes {
            directory.change(change);
            watch.changed().await.expect("a ring");
        }
    });
}

#[test]
fn every_way_to_connect() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let mut follower = Follower::new(&directory, Account::Sync);
    let users = follower.observe().population.len();
    // The first server does not answer; the second wants StartTLS.
    let urls = format!("ldap://127.0.0.1:1\", \"{}", directory.get("LDAP_URL"));
    follower.configure(&urls, "tls = { start_tls = true, ca_file = \"CA\" }");
    assert_eq!(follower.observe().population.len(), users);
}

#[test]
fn what_the_account_may_do_is_found_out() {
    let directory = TestDirectory::start(Software::Samba);
    directory.fill(30, 5);
    directory.change(&["delete", "u000001"]);
    for (account, sees) in [(Account::Sync, false), (Account::Replicate, true)] {
        let follower = Follower::new(&directory, account);
        let source = &follower.config.source;
        let rights = follower.runtime.block_on(rights::examine(source, Vec::new())).expect("an answer");
        assert_eq!((rights.canary, rights.tls, rights.flavour.as_str()), (true, true, "active-directory"));
        assert_eq!((rights.sees_deletions, rights.deleted_objects), (sees, Some(sees)));
        assert!(rights.account_state["userAccountControl"] > 0 && rights.groups_with_members > 0, "{rights:?}");
    }
}

#[test]
fn without_the_canary_nobody_is_gone() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(30, 5);
    let mut follower = Follower::new(&directory, Account::Sync);
    let before = follower.observe().population;
    directory.change(&["mass-delete", "60"]);
    let url = directory.get("LDAPS_URL").to_owned();
    follower.configure(&url, &format!("canary = \"cn=nobody,{}\"", directory.get("BASE_DN")));
    let blind = follower.try_observe(follower.kept.clone(), false).expect("a reading");
    assert!(gone(&blind).is_empty());
    assert!(blind.watermark.is_none(), "the next reading is full");
    assert_eq!(blind.population.len(), before.len(), "all stay as they were");
    let records = blind.problems.iter().filter(|problem| problem.code == Code::AbsenceUnproved);
    assert_eq!(records.count(), 1);

    follower.configure(&url, "");
    let seeing = follower.observe();
    assert_eq!(gone(&seeing).len(), before.len() - seeing.population.len());
    assert!(gone(&seeing).contains(&id(&seed, "users", "u000001")));
}

#[test]
fn what_a_limit_cuts_is_not_used() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let mut follower = Follower::new(&directory, Account::Sync);
    let url = directory.get("LDAPS_URL").to_owned();
    follower.configure(&url, "page_size = 2000");
    let error = follower.try_observe(None, false).expect_err("pages that are refused");
    assert!(error.to_string().contains("lower source.page_size"), "{error}");
}

#[test]
fn members_outside_of_the_bases_are_read() {
    for software in [Software::OpenLdap, Software::Samba] {
        let directory = TestDirectory::start(software);
        let seed = directory.fill(30, 5);
        let mut follower = Follower::new(&directory, Account::Sync);
        let everybody = follower.observe().population;
        follower.config.source.users.bases =
            vec![Dn::parse(&format!("OU=Dept-01,{}", directory.get("USERS_DN"))).expect("a DN")];
        let team = id(&seed, "groups", "team-00001");
        let few = follower.observe().population;
        assert!(few.iter().any(|observed| observed.outside));
        let members = |population: &Population| population.get(team).map(|observed| observed.members.clone());
        assert_eq!(members(&few), members(&everybody));
        directory.change(&["mail", member(&seed), "other@example.test"]);
        directory.change(&["remove", "team-00001", member(&seed)]);
        follower.follows("a member outside");
    }
}

#[test]
fn references_are_reported_refused_or_followed() {
    let (directory, other) = (TestDirectory::start(Software::OpenLdap), TestDirectory::start(Software::OpenLdap));
    directory.fill(5, 1);
    other.fill(9, 1);
    let file = directory.path().join("referral.ldif");
    let people = other.get("USERS_DN");
    let text = format!(
        "dn: ou=There,{people}\nchangetype: add\nobjectClass: referral\nobjectClass: extensibleObject\nou: There\nref: {}/{people}\n",
        other.get("LDAP_URL")
    );
    std::fs::write(&file, text).expect("a file");
    directory.change(&["ldif", file.to_str().expect("a path")]);
    let mut follower = Follower::new(&directory, Account::Sync);
    let here = follower.observe();
    assert_eq!(here.problems.iter().filter(|problem| problem.code == Code::ReferralNotFollowed).count(), 1);

    let url = directory.get("LDAP_URL").to_owned();
    follower.configure(&url, "referrals = \"refuse\"");
    let error = follower.try_observe(None, false).expect_err("a refusal");
    assert!(error.to_string().contains("source.referrals"), "{error}");

    follower.configure(&url, "referrals = \"follow\"");
    let both = follower.try_observe(None, false).expect("a reading");
    assert!(both.population.len() > here.population.len() + 9);
    assert!(both.watermark.is_none(), "no watermark covers two servers");
}

#[test]
fn a_socket_needs_no_password() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let mut follower = Follower::new(&directory, Account::Sync);
    let users = follower.observe().population.len();
    follower.config.source.urls = vec![directory.get("LDAPI_URL").to_owned()];
    follower.config.source.bind = Bind::External;
    assert_eq!(follower.try_observe(None, false).expect("a reading").population.len(), users);
}

#[test]
fn what_is_kept_is_read_again_as_it_was() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(30, 5);
    let folder = tempfile::tempdir().expect("a folder");
    let state = State::open(folder.path()).expect("a state");
    let mut follower = Follower::new(&directory, Account::Sync);
    for change in [&["delete", "u000001"], &["mail", "u000002"]] {
        let observation = follower.observe();
        state.keep(&observation).expect("kept");
        let kept = state.kept().expect("an answer").expect("something");
        assert_eq!(kept.population, observation.population);
        assert_eq!(Some(kept.watermark), observation.watermark);
        directory.change(change);
    }
}
