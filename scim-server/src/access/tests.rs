//! Tenants, tokens and who may come in, on a real store with a clock that the test moves.

use std::time::Duration;

use super::*;
use crate::{
    clock::ManualClock,
    directory::DirectoryError,
    profile::Profile,
    store::sled::SledStore,
    tenant::Settings,
    token::{Issued, LedgerError, Status, ledger::LIFETIME},
};

const DAY: i64 = 24 * 60 * 60 * 1000;

struct World {
    access: Access,
    clock: ManualClock,
    tenant: TenantRecord,
    first: Issued,
    _directory: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_millis(20_000 * DAY));
        let store = Arc::new(SledStore::open(directory.path(), Arc::new(clock.clone())).unwrap());
        let access = Access::load(store, Arc::new(clock.clone())).await.unwrap();
        let (tenant, first) = access.directory().create("acme", settings, Some(LIFETIME)).await.unwrap();
        access.reload().await.unwrap();
        Self { access, clock, tenant, first: first.unwrap(), _directory: directory }
    }

    async fn issue(&self) -> Result<Issued, LedgerError> {
        let issued = self.access.directory().ledger().issue(&self.tenant, None, Scopes::ALL, LIFETIME).await;
        self.access.reload().await.unwrap();
        issued
    }

    /// The status and the source of the answer to such a header.
    fn enter(&self, segment: &str, authorization: Option<&str>) -> (u16, String) {
        match self.access.authenticate(segment, authorization, self.clock.now()) {
            Ok(caller) => (200, caller.actor().to_string()),
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                (error.kind().status(), source)
            }
        }
    }

    #[track_caller]
    fn check(&self, segment: &str, authorization: Option<&str>, status: u16, expect: &str) {
        let (found, source) = self.enter(segment, authorization);
        assert_eq!(found, status, "{authorization:?}: {source}");
        assert!(source.contains(expect), "{authorization:?}: {source}");
    }

    #[track_caller]
    fn check_token(&self, issued: &Issued, status: u16) {
        let header = format!("Bearer {}", issued.secret.reveal());
        self.check(&self.tenant.id.to_string(), Some(&header), status, "");
    }
}

#[tokio::test]
async fn only_a_good_token_of_this_tenant_lets_in_and_the_answer_never_says_why_not() {
    let world = World::new().await;
    let (other, _) = world.access.directory().create("other", Settings::default(), None).await.unwrap();
    world.access.reload().await.unwrap();
    let (acme, other) = (world.tenant.id.to_string(), other.id.to_string());
    let good = world.first.secret.reveal();
    let id = world.first.token.id.to_string();
    let stranger = secret::Secret::new([1; 32]);
    let last = if good.ends_with('x') { 'y' } else { 'x' };
    let mistyped = format!("Bearer {}{last}", &good[..good.len() - 1]);

    world.check(&acme, Some(&format!("Bearer {good}")), 200, &id);
    world.check(&acme, Some(&format!("bEARER   {good}")), 200, &id);
    world.check(&acme, None, 401, "no bearer token");
    world.check(&acme, Some(""), 401, "no bearer token");
    world.check(&acme, Some(good), 401, "no bearer token");
    world.check(&acme, Some(&format!("Basic {good}")), 401, "no bearer token");
    world.check(&acme, Some("Bearer nonsense"), 401, "not a token of this server");
    world.check(&acme, Some(&mistyped), 401, "mistyped");
    world.check(&acme, Some(&format!("Bearer {}", stranger.reveal())), 401, "not known");
    world.check(&other, Some(&format!("Bearer {good}")), 401, "another tenant");
    world.check(&acme.to_uppercase(), Some(&format!("Bearer {good}")), 401, "another tenant");
    world.check("nowhere", Some(&format!("Bearer {good}")), 401, "another tenant");
    world.check(&TenantId::SYSTEM.to_string(), Some(&format!("Bearer {good}")), 401, "another tenant");

    let body = |authorization: Option<&str>, segment: &str| {
        world.access.authenticate(segment, authorization, world.clock.now()).unwrap_err().body()
    };
    assert_eq!(body(None, &acme), body(Some(&format!("Bearer {good}")), &other));
    assert_eq!(body(None, &acme), body(Some(&mistyped), "nowhere"));
}

#[tokio::test]
async fn a_token_ends_and_revocation_takes_effect_at_once() {
    let world = World::new().await;
    let second = world.issue().await.unwrap();
    world.check_token(&second, 200);
    world.access.directory().ledger().revoke(world.tenant.id, second.token.id).await.unwrap();
    world.access.reload().await.unwrap();
    world.check_token(&second, 401);
    world.check_token(&world.first, 200);

    world.clock.advance(365 * DAY - 1);
    world.check_token(&world.first, 200);
    world.clock.advance(1);
    world.check_token(&world.first, 401);
}

/// Who sends a rotation twice gets one token.
#[tokio::test]
async fn a_token_without_a_name_is_replaced_once() {
    let world = World::new().await;
    let ledger = world.access.directory().ledger();
    world.clock.advance(DAY);
    let (old, new) = ledger.rotate(&world.tenant, None, Some(LIFETIME), None).await.unwrap();
    let again = ledger.rotate(&world.tenant, Some(&old.id.to_string()), Some(LIFETIME), None).await;
    assert!(matches!(again, Err(LedgerError::Replaced(which, by)) if (which, by) == (old.id, new.token.id)));
    ledger.revoke(world.tenant.id, new.token.id).await.unwrap();
    ledger.rotate(&world.tenant, Some(&old.id.to_string()), Some(LIFETIME), None).await.unwrap();
}

#[tokio::test]
async fn tokens_have_names_and_a_number_that_is_set() {
    let world = World::new().await;
    let ledger = world.access.directory().ledger();
    let issue = |name: &str| ledger.issue(&world.tenant, Some(name.to_owned()), Scopes::ALL, LIFETIME);
    for number in 2..=10 {
        issue(&format!("app-{number}")).await.unwrap();
    }
    assert!(matches!(issue("app-11").await, Err(LedgerError::Full(10))));
    assert!(matches!(issue("APP-2").await, Err(LedgerError::NameTaken(_))));
    assert!(matches!(
        ledger.rotate(&world.tenant, Some("app-2"), Some(LIFETIME), None).await,
        Err(LedgerError::Full(10))
    ));
    let third = ledger.find(world.tenant.id, "app-3").await.unwrap();
    ledger.revoke(world.tenant.id, third.id).await.unwrap();
    assert!(matches!(ledger.rotate(&world.tenant, None, Some(LIFETIME), None).await, Err(LedgerError::Ambiguous)));
    assert!(matches!(
        ledger.rotate(&world.tenant, Some("app-3"), Some(LIFETIME), None).await,
        Err(LedgerError::NoSuchName(_))
    ));
    let (old, new) = ledger.rotate(&world.tenant, Some("App-2"), Some(LIFETIME), None).await.unwrap();
    assert_eq!((old.name.as_deref(), new.token.name.as_deref()), (Some("app-2"), Some("app-2")));
    // One successor at a time, and a name that two have is no name.
    for which in ["app-2", &old.id.to_string(), &new.token.id.to_string()] {
        assert!(matches!(
            ledger.rotate(&world.tenant, Some(which), Some(LIFETIME), None).await,
            Err(LedgerError::Replacing { .. })
        ));
    }
    assert!(matches!(ledger.find(world.tenant.id, "app-2").await, Err(LedgerError::Several(..))));
    ledger.revoke(world.tenant.id, old.id).await.unwrap();
    assert_eq!(ledger.find(world.tenant.id, "app-2").await.unwrap().id, new.token.id);
    for name in ["", "a b", "scim_x", "0190a5c6-0000-7000-8000-000000000000"] {
        assert!(matches!(issue(name).await, Err(LedgerError::Name(_))), "{name}");
    }

    let world = World::with(Settings { max_tokens: Some(1), ..Settings::default() }).await;
    assert!(matches!(world.issue().await, Err(LedgerError::Full(1))));
}

#[tokio::test]
async fn under_identity_center_at_most_two_tokens_live_and_an_expired_one_makes_room() {
    let profile = Profile::IdentityCenter;
    let world = World::with(Settings { profile, max_tokens: Some(9), ..Settings::default() }).await;
    let second = world.issue().await.unwrap();
    assert!(matches!(world.issue().await, Err(LedgerError::Full(2))));
    let ledger = world.access.directory().ledger();
    assert!(matches!(ledger.rotate(&world.tenant, None, Some(LIFETIME), None).await, Err(LedgerError::Full(2))));

    world.clock.advance(365 * DAY);
    assert_eq!(ledger.live(world.tenant.id).await.unwrap().len(), 0);
    assert_eq!(ledger.list(world.tenant.id).await.unwrap().len(), 2);
    let third = world.issue().await.unwrap();
    world.check_token(&third, 200);
    world.check_token(&second, 401);
    let statuses: Vec<_> =
        ledger.list(world.tenant.id).await.unwrap().iter().map(|token| token.status(world.clock.now())).collect();
    assert_eq!(statuses, [Status::Expired, Status::Valid]);
}

#[tokio::test]
async fn two_administrators_at_once_cannot_issue_a_third_token() {
    let world = World::with(Settings { profile: Profile::IdentityCenter, ..Settings::default() }).await;
    let ledger = world.access.directory().ledger();
    let issue = || ledger.issue(&world.tenant, None, Scopes::ALL, LIFETIME);
    let outcomes = tokio::join!(issue(), issue(), issue());
    let issued = [outcomes.0.is_ok(), outcomes.1.is_ok(), outcomes.2.is_ok()];
    assert_eq!(issued.iter().filter(|ok| **ok).count(), 1, "{issued:?}");
    assert_eq!(ledger.live(world.tenant.id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_token_that_has_ended_is_replaced_too() {
    let world = World::new().await;
    let ledger = world.access.directory().ledger();
    world.clock.advance(365 * DAY);
    let (old, new) = ledger.rotate(&world.tenant, None, Some(LIFETIME), Some(Duration::from_secs(3600))).await.unwrap();
    assert_eq!((old.id, new.token.writer()), (world.first.token.id, world.first.token.id.to_string()));
    ledger.issue(&world.tenant, Some("app".to_owned()), Scopes::ALL, LIFETIME).await.unwrap();
    world.clock.advance(365 * DAY);
    assert!(matches!(
        ledger.rotate(&world.tenant, None, Some(LIFETIME), None).await,
        Err(LedgerError::NothingToRotate)
    ));
    let (old, new) = ledger.rotate(&world.tenant, Some("app"), Some(LIFETIME), None).await.unwrap();
    // Its successor is there.
    assert!(matches!(
        ledger.rotate(&world.tenant, Some(&old.id.to_string()), Some(LIFETIME), None).await,
        Err(LedgerError::Replaced(..) | LedgerError::Unknown(_))
    ));
    assert_eq!(new.token.name.as_deref(), Some("app"));
}

#[tokio::test]
async fn rotation_overlaps_and_may_end_by_itself() {
    let world = World::new().await;
    let ledger = world.access.directory().ledger();
    let week = Duration::from_secs(7 * 86_400);
    let (old, new) = ledger.rotate(&world.tenant, None, Some(LIFETIME), Some(week)).await.unwrap();
    world.access.reload().await.unwrap();
    assert_eq!(old.id, world.first.token.id);
    world.check_token(&world.first, 200);
    world.check_token(&new, 200);
    world.clock.advance(7 * DAY);
    world.check_token(&world.first, 401);
    world.check_token(&new, 200);

    let (_, third) = ledger.rotate(&world.tenant, None, Some(LIFETIME), None).await.unwrap();
    world.access.reload().await.unwrap();
    world.check_token(&third, 200);
    world.check_token(&new, 200);
}

#[tokio::test]
async fn a_disabled_tenant_answers_403_to_its_tokens_and_401_to_others() {
    let world = World::new().await;
    world.access.directory().set_disabled(world.tenant.clone(), true).await.unwrap();
    world.access.reload().await.unwrap();
    world.check_token(&world.first, 403);
    world.check(&world.tenant.id.to_string(), None, 401, "");
}

#[tokio::test]
async fn names_are_unique_whatever_their_case_and_removal_frees_them() {
    let world = World::new().await;
    let directory = world.access.directory();
    let again = directory.create("ACME", Settings::default(), Some(LIFETIME)).await;
    assert!(matches!(again, Err(DirectoryError::Exists(_))));
    assert_eq!(directory.find("Acme").await.unwrap().id, world.tenant.id);
    assert_eq!(directory.find(&world.tenant.id.to_string()).await.unwrap().name, "acme");
    assert!(matches!(directory.find("nobody").await, Err(DirectoryError::Unknown(_))));
    let refused = directory.close(world.tenant.clone(), false).await;
    assert!(matches!(refused, Err(DirectoryError::StillProvisioned(_))));
}

#[tokio::test]
async fn the_last_use_is_written_once_and_survives_a_reload() {
    let world = World::new().await;
    world.clock.advance(5_000);
    world.check_token(&world.first, 200);
    world.access.reload().await.unwrap();
    let ledger = world.access.directory().ledger();
    let stored = || async { ledger.list(world.tenant.id).await.unwrap().remove(0) };
    assert_eq!(stored().await.last_used, None);
    assert_eq!(world.access.last_used(&stored().await), Some(world.clock.now()));
    world.access.flush_last_used().await.unwrap();
    assert_eq!(stored().await.last_used, Some(world.clock.now().as_millis()));
}

#[tokio::test]
async fn each_reminder_is_made_once() {
    let world = World::new().await;
    let remind = || world.access.reminders(world.clock.now());
    assert_eq!(remind().await.unwrap().len(), 0);
    world.clock.advance(275 * DAY);
    assert_eq!(remind().await.unwrap().len(), 1);
    assert_eq!(remind().await.unwrap().len(), 0);
    world.clock.advance(7 * DAY);
    assert_eq!(remind().await.unwrap().len(), 1);
}

/// Of what was just made nobody is reminded while what it replaces is live: the reminder of that one says what to do.
#[tokio::test]
async fn nobody_is_reminded_of_what_was_just_made() {
    let world = World::new().await;
    let ledger = world.access.directory().ledger();
    world.clock.advance(350 * DAY);
    let month = Some(Duration::from_secs(30 * 86_400));
    let (old, new) = ledger.rotate(&world.tenant, None, month, None).await.unwrap();
    let told = async || {
        let told = world.access.reminders(world.clock.now()).await.unwrap();
        told.into_iter().map(|token| token.id).collect::<Vec<_>>()
    };
    assert_eq!(told().await, [old.id]);
    ledger.revoke(world.tenant.id, old.id).await.unwrap();
    assert_eq!(told().await, [new.token.id]);
}
