//! Tenants: one directory of users and groups each, with its own schemas, profile and limits.
//!
//! [`record`] is what is stored, [`build`] turns it into what requests need. An administrator makes, changes and
//! removes tenants in the [`crate::directory`].

pub mod attributes;
mod brake;
pub mod build;
mod given;
pub mod judged;
pub mod mapping;
mod names;
mod operator;
pub mod record;
pub mod role_resources;
pub mod roles;
mod source;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use scim_protocol::{
    Timestamp,
    projection::Projection,
    schema::{ResourceType, SchemaRegistry},
};
use serde::{Deserialize, Deserializer, Serialize};

pub use self::{
    attributes::AccessAttributes,
    brake::{Brake, Mode, Protected},
    given::read_settings,
    operator::{Colour, Operator, OperatorName, Picture},
    record::TenantRecord,
    role_resources::RoleResources,
    roles::Roles,
    source::{Source, SourceKind},
};

use crate::{
    audit::Vocabulary,
    profile::{self, Profile},
    render::View,
    store::{TenantId, TypeName},
    units,
};

/// An attribute that is indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSpec {
    /// Its canonical path: `userName`, `emails.value`.
    pub path: Arc<str>,
    /// Whether two resources may not share a value.
    pub unique: bool,
    /// Whether case counts.
    pub case_exact: bool,
    /// Whether it contains every resource, so that queries may use it. Each write updates a new index at once, but
    /// queries do not use it until it also contains the resources that existed before.
    pub filled: bool,
}

/// What an administrator may set for one tenant. Stored as JSON; every field has a default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch that administrators know by its name")]
pub struct Settings {
    /// Which rules.
    pub profile: Profile,
    /// Refuse unknown attributes and whatever else contradicts the RFCs, instead of ignoring or interpreting it.
    pub strict: bool,
    /// Discovery endpoints want a token too.
    pub discovery_needs_token: bool,
    /// ServiceProviderConfig has `securityEvents` (RFC 9967 §4). Some clients refuse a document with an attribute that
    /// RFC 7643 does not have.
    pub announce_security_events: bool,
    /// Two groups may have the same `displayName` (never under `identity-center`).
    pub duplicate_group_names: bool,
    /// Requests a second, of each token under `rfc`, of all together under `identity-center`; 0 is no
    /// limit; absent is the profile's default.
    pub rate_limit: Option<u32>,
    /// The most live tokens, 1 to 100; 10 if absent. Always 2 under `identity-center`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// The most resources, by resource type: `{"User": 500}`; absent is the profile's quota.
    pub quotas: HashMap<String, u64>,
    /// Schema definitions beyond the core ones, in the form of
    /// [`SchemaRegistry::with_definition`].
    pub schemas: Vec<serde_json::Value>,
    /// Further attributes to index, by resource type: `{"User": ["title"]}`.
    pub indexes: HashMap<String, Vec<String>>,
    /// How long a deleted resource can be restored: a text such as `30d`; `0` keeps nothing.
    #[serde(deserialize_with = "or_default")]
    pub restore_window: Window,
    /// How long a tenant may go without a call before `status` calls it silent: a text such as `24h`, or `learnt`; for
    /// ever when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_after: Option<SilenceAfter>,
    /// After how long `user stale` reports who was not sent: a text such as `28d`. Only then it is noted when a provider
    /// sends somebody without a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<Window>,
    /// Who may change users and groups; absent: every token that may write, and administrators beside no such token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// What a POST must have in common with a deleted resource to bring that back under its old id.
    #[serde(deserialize_with = "or_default")]
    pub restore_by: SameBy,
    /// What a POST must have in common with a resource of another source to take that over; nothing takes over when
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopt: Option<SameBy>,
    /// Whether events hold the values of attributes, and documents: true when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_values: Option<bool>,
    /// Until when the log of requests keeps the values of bodies, for operators: a time such as `2026-12-01T09:00:00Z`. Those
    /// that are kept go with their call. Without it none are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub call_values_until: Option<Timestamp>,
    /// What stops mass deprovisioning; nothing when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brake: Option<Brake>,
    /// Who can be neither deactivated nor deleted by a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected: Option<Protected>,
    /// Keys for the policies of an application, and their values: `{"CostCenter": "${path:enterprise.costCenter}"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_attributes: Option<BTreeMap<String, String>>,
    /// Whether there are `/Roles` and `/Entitlements`, and whose schemas they have; there are none when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_resources: Option<RoleResources>,
    /// What is rewritten of what a provider sends, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mapping: Vec<mapping::Rewrite>,
    /// Who operates the application, as pages for the customer show it; as is set for the server when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// Which roles the members of which groups have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Roles>,
}

impl Settings {
    /// Reads an object with some of the settings; the others have their defaults. The error names the invalid one.
    pub fn read(given: serde_json::Map<String, serde_json::Value>) -> Result<Self, String> {
        Self::default().changed(given)
    }

    /// These settings with those in the object, each of which replaces the old value as a whole.
    pub fn changed(&self, changes: serde_json::Map<String, serde_json::Value>) -> Result<Self, String> {
        let unusable = |error: serde_json::Error| format!("the tenant's settings cannot be used: {error}");
        changes.iter().try_for_each(|(name, value)| given::check(name, value))?;
        let sets_stale_after = changes.contains_key("stale_after");
        let sets_silence_after = changes.contains_key("silence_after");
        let sets_writers = changes.contains_key("profile") || changes.contains_key("source");
        let mut settings = serde_json::to_value(self).map_err(unusable)?;
        if let serde_json::Value::Object(settings) = &mut settings {
            settings.extend(changes);
        }
        let settings: Self = serde_json::from_value(settings).map_err(unusable)?;
        // One that was set before the limit was made stays.
        settings.check_but(if sets_stale_after { None } else { settings.stale_after })?;
        if sets_silence_after {
            settings.check_silence()?;
        }
        if sets_writers {
            settings.check_writers()?;
        }
        Ok(settings)
    }

    /// Says what is wrong with them, as far as that shows without the tenant.
    pub fn check(&self) -> Result<(), String> {
        self.check_silence()?;
        self.check_writers()?;
        self.check_but(None)
    }

    /// Says so if nobody could change users and groups: under some profiles only the identity provider may, and with the
    /// source of truth `manual` only an administrator.
    pub fn check_writers(&self) -> Result<(), String> {
        let is_manual = self.source.as_ref().is_some_and(|source| source.kind == SourceKind::Manual);
        if is_manual && profile::forbids_local_edits(self.profile) {
            return Err(
                "nobody could change users and groups: under an ipsie profile only the identity provider may, and with the source of truth \"manual\" only an administrator. Change the profile first, with `tenant set TENANT --profile PROFILE`, or keep another source, with `tenant source TENANT --to SOURCE`"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn check_silence(&self) -> Result<(), String> {
        let is_short = |Window(time): &Window| !time.is_zero() && *time < SHORTEST_SILENCE;
        match self.silence_after.and_then(SilenceAfter::window).filter(is_short) {
            Some(Window(time)) => Err(format!(
                "the tenant's setting \"silence_after\" cannot be used: {} is too short. The server looks every five seconds, so it is at least {}; choose it longer than the provider usually pauses",
                units::display(time),
                units::display(SHORTEST_SILENCE)
            )),
            None => Ok(()),
        }
    }

    /// The same, without a `stale_after` that is known.
    fn check_but(&self, known: Option<Window>) -> Result<(), String> {
        if let Some(Err(wrong)) = self.brake.as_ref().map(Brake::check) {
            return Err(format!("the tenant's setting \"brake\" cannot be used: {wrong}"));
        }
        if let Some(Err(wrong)) = self.source.as_ref().map(Source::check) {
            return Err(format!("the tenant's setting \"source\" cannot be used: {wrong}"));
        }
        let is_short = |Window(time): &Window| *time < SHORTEST_STALE;
        if let Some(Window(time)) = self.stale_after.filter(|window| known.is_none() && is_short(window)) {
            return Err(format!(
                "the tenant's setting \"stale_after\" cannot be used: {} is too short. It is noted once a day when somebody is sent, so it is at least {}",
                units::display(time),
                units::display(SHORTEST_STALE)
            ));
        }
        let windows = [
            ("restore_window", Some(self.restore_window)),
            ("silence_after", self.silence_after.and_then(SilenceAfter::window)),
            ("stale_after", self.stale_after),
        ];
        match windows.into_iter().find(|(_, window)| window.is_some_and(|Window(time)| time > LONGEST_WINDOW)) {
            Some((name, _)) => Err(format!(
                "the tenant's setting {name:?} cannot be used: it is at most {}",
                units::display(LONGEST_WINDOW)
            )),
            None => Ok(()),
        }
    }

    /// That a brake cannot bring back whom the burst deletes, if it is so.
    pub fn lost_in_a_burst(&self) -> Option<&'static str> {
        (self.brake.is_some() && self.restore_window.begin(Timestamp::default()).is_none()).then_some(
            "restore_window is \"0\": whom a burst deletes the server does not keep, so that `brake undo` can put back who was deactivated or taken out of a group, and nobody who was deleted. Set a restore_window, such as \"30d\"",
        )
    }

    /// Whether events hold values.
    pub fn tells_values(&self) -> bool {
        self.event_values.unwrap_or(true)
    }

    /// How many tokens may live at once.
    pub fn live_tokens(&self) -> usize {
        match self.profile {
            Profile::Rfc => self.max_tokens.unwrap_or(TOKENS) as usize,
            Profile::IpsieAl1 | Profile::IpsieAl2 => 0,
            Profile::IdentityCenter => IDENTITY_CENTER_TOKENS as usize,
        }
    }
}

/// How long something is kept, as people write it: `30d`, `12h`, `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Window(Duration);

/// How long a provider may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum SilenceAfter {
    /// Longer than it usually pauses.
    Learnt,
    /// So long.
    Set(Window),
}

/// The word for what is learnt.
const LEARNT: &str = "learnt";

impl SilenceAfter {
    /// The time that was set.
    pub fn window(self) -> Option<Window> {
        match self {
            Self::Learnt => None,
            Self::Set(window) => Some(window),
        }
    }
}

impl TryFrom<String> for SilenceAfter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == LEARNT {
            return Ok(Self::Learnt);
        }
        Window::try_from(text).map(Self::Set).map_err(|error| format!("{error}; or {LEARNT:?}"))
    }
}

impl From<SilenceAfter> for String {
    fn from(after: SilenceAfter) -> Self {
        after.window().map_or_else(|| LEARNT.to_owned(), Self::from)
    }
}

/// How long a deleted resource can be restored unless something else is set.
const RESTORE_WINDOW: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The longest that may be set: ten years. The time after it must still be one that can be written.
const LONGEST_WINDOW: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// The shortest `silence_after`: tenants are looked at every five seconds.
const SHORTEST_SILENCE: Duration = Duration::from_secs(10);
/// The shortest `stale_after`: when somebody is sent is noted once a day.
const SHORTEST_STALE: Duration = Duration::from_secs(2 * 24 * 60 * 60);

impl Default for Window {
    fn default() -> Self {
        Self(RESTORE_WINDOW)
    }
}

impl Window {
    /// How long.
    pub fn length(self) -> Duration {
        self.0
    }

    /// The instant after which something must have happened to be still kept; `None` when nothing is.
    pub fn begin(self, now: Timestamp) -> Option<Timestamp> {
        let millis = i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX);
        (millis > 0).then(|| Timestamp::from_millis(now.as_millis().saturating_sub(millis)))
    }

    /// Until when something is kept that happened then.
    pub fn end(self, at: Timestamp) -> Timestamp {
        let millis = i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(at.as_millis().saturating_add(millis))
    }
}

impl TryFrom<String> for Window {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        units::duration(&text).map(Self)
    }
}

impl From<Window> for String {
    fn from(Window(time): Window) -> Self {
        units::display(time)
    }
}

/// By which attribute a POST means a resource that is there, or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum SameBy {
    /// By none: each POST makes a new resource.
    None,
    /// The `externalId`: it is the provider's own name of the person.
    #[default]
    ExternalId,
    /// The `externalId`, or the `userName` where one of the two has none.
    UserName,
}

impl SameBy {
    const NAMES: [(&str, Self); 3] =
        [("externalId", Self::ExternalId), ("userName", Self::UserName), ("none", Self::None)];
}

impl TryFrom<String> for SameBy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, by)| *by);
        known.ok_or_else(|| format!("{text:?} is not one of \"externalId\", \"userName\" and \"none\""))
    }
}

impl From<SameBy> for String {
    fn from(by: SameBy) -> Self {
        SameBy::NAMES.iter().find(|(_, known)| *known == by).map(|(name, _)| (*name).to_owned()).unwrap_or_default()
    }
}

/// `null` is the default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// How many tokens of a tenant may live at once unless something else is set.
pub const TOKENS: u32 = 10;

/// The most that any setting lets live at once.
pub const MOST_TOKENS: u8 = 100;

/// How many may live at once under `identity-center`: one in use, and one that replaces it.
pub const IDENTITY_CENTER_TOKENS: u32 = 2;

/// A tenant as requests see it: settings with everything derived from them.
#[derive(Debug)]
pub struct Tenant {
    /// Its id, the first segment of its base URL.
    pub id: TenantId,
    /// The id under which the store keeps its users, groups and events; another one than `id` after an import has
    /// replaced the tenant. Every key of the store contains this id.
    pub home: TenantId,
    /// The last number of its log that came with an import which replaced the tenant.
    pub begun: u64,
    /// Its name, unique in the store.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// A disabled tenant answers 403 to every request.
    pub disabled: bool,
    /// A tenant whose import is not complete answers 503 to every request.
    pub importing: bool,
    /// Whether it is being moved to another database.
    pub moving: bool,
    /// What was set.
    pub settings: Settings,
    /// Its schemas and resource types.
    pub registry: SchemaRegistry,
    /// What is indexed, by resource type.
    pub indexes: HashMap<TypeName, Vec<IndexSpec>>,
    /// What applications are told of users beside their documents.
    pub access_attributes: AccessAttributes,
    /// The endpoint of each resource type, as it stands in URLs.
    pub endpoints: Arc<[(TypeName, String)]>,
    /// What is shown of each resource type when the client does not choose.
    pub views: Vec<View>,
    /// The words of its requests that the audit log may show. Built when it is first needed.
    words: OnceLock<Vocabulary>,
}

impl Tenant {
    /// Which rules it lives by.
    pub fn profile(&self) -> Profile {
        self.settings.profile
    }

    /// The most resources of a type: its own setting, otherwise the profile's quota.
    pub fn quota(&self, rt: &ResourceType) -> Option<u64> {
        self.settings.quotas.get(&rt.name).copied().or_else(|| profile::quota(self.profile(), rt))
    }

    /// The words of its schemas, which say nothing about anybody.
    pub fn words(&self) -> &Vocabulary {
        self.words.get_or_init(|| Vocabulary::of(&self.registry))
    }

    /// What is shown of one of its resource types when the client does not choose.
    pub fn view(&self, resource_type: &Arc<ResourceType>) -> View {
        let known = self.views.iter().find(|view| Arc::ptr_eq(view.resource_type(), resource_type));
        known.cloned().unwrap_or_else(|| self.view_through(resource_type, Projection::Default))
    }

    /// What is shown of one of its resource types through a projection.
    pub fn view_through(&self, resource_type: &Arc<ResourceType>, projection: Projection) -> View {
        let profile = self.profile();
        View::new(resource_type.clone(), projection, profile::hides_members(profile))
            .with_max_groups(profile::max_groups(profile))
    }

    /// What is indexed of a resource type.
    pub fn index_specs(&self, resource_type: &str) -> &[IndexSpec] {
        self.indexes.get(&TypeName::from(resource_type)).map_or(&[], Vec::as_slice)
    }
}
