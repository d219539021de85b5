//! From the settings of a tenant to what its requests need: schemas and indexes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use scim_protocol::{
    Error,
    path::AttributePath,
    projection::Projection,
    schema::{Attribute, ResourceType, SchemaRegistry, Strictness, Uniqueness},
};

use super::{AccessAttributes, IndexSpec, MOST_TOKENS, Roles, Settings, Tenant, mapping, record::TenantRecord};
use crate::{
    profile::{self, Profile},
    store::TypeName,
};

impl Tenant {
    /// The tenant that a record describes. `ErrorKind::InvalidValue` or `InvalidPath` if a schema definition or an
    /// index refers to something that does not exist.
    pub fn build(record: &TenantRecord) -> Result<Arc<Self>, Error> {
        let settings = record.settings.clone();
        if settings.max_tokens.is_some_and(|most| !(1..=u32::from(MOST_TOKENS)).contains(&most)) {
            return Err(Error::value(format!("\"max_tokens\": a tenant has 1 to {MOST_TOKENS} live tokens.")));
        }
        if let (Some(least), Some(rate)) = (profile::least_rate(settings.profile), settings.rate_limit)
            && (1..least).contains(&rate)
        {
            return Err(Error::value(format!(
                "rate_limit: under the profile it is at least {least}, or 0 for no limit."
            )));
        }
        let registry = registry(&settings)?;
        let mut indexes = HashMap::new();
        for resource_type in registry.resource_types() {
            let mut specs = index_specs(resource_type, &settings)?;
            for spec in &mut specs {
                spec.filled =
                    !record.unfilled.iter().any(|(name, path)| *name == resource_type.name && **path == *spec.path);
            }
            indexes.insert(TypeName::from(resource_type.name.as_str()), specs);
        }
        let named = settings.indexes.keys().map(|name| ("indexes", name));
        for (setting, name) in named.chain(settings.quotas.keys().map(|name| ("quotas", name))) {
            if registry.resource_type(name).is_none() {
                return Err(Error::value(format!(
                    "{setting}: there is no resource type \"{name}\". Say User or Group, or the name of a type of your own."
                )));
            }
        }
        let access_attributes = AccessAttributes::build(settings.access_attributes.as_ref(), &registry)?;
        mapping::check(&settings.mapping, &registry)?;
        settings.roles.as_ref().map_or(Ok(()), Roles::check)?;
        let endpoint = |rt: &Arc<ResourceType>| (TypeName::from(rt.name.as_str()), rt.endpoint.clone());
        let endpoints = registry.resource_types().iter().map(endpoint).collect();
        let TenantRecord { id, created, disabled, importing, begun, .. } = *record;
        let (name, home, views, words) = (record.name.clone(), record.home(), Vec::new(), OnceLock::new());
        let mut tenant = Self {
            moving: record.moving.is_some(),
            id,
            home,
            begun,
            name,
            created,
            disabled,
            importing,
            settings,
            registry,
            indexes,
            access_attributes,
            endpoints,
            views,
            words,
        };
        let view = |rt| tenant.view_through(rt, Projection::Default);
        tenant.views = tenant.registry.resource_types().iter().map(view).collect();
        Ok(Arc::new(tenant))
    }

    /// The indexes, as resource type and path, that this tenant has and that one has not, has not
    /// filled, or holds in another form.
    pub fn indexes_beyond(&self, before: &Self) -> BTreeSet<(String, String)> {
        let mut beyond = BTreeSet::new();
        for (name, specs) in &self.indexes {
            let had = before.index_specs(name.as_str());
            let is_new = |spec: &&IndexSpec| {
                !had.iter().any(|old| old.filled && old.path == spec.path && old.case_exact == spec.case_exact)
            };
            beyond.extend(specs.iter().filter(is_new).map(|spec| (name.as_str().to_owned(), spec.path.to_string())));
        }
        beyond
    }
}

impl Settings {
    /// Whether two groups may have one name.
    fn groups_share_names(&self) -> bool {
        self.duplicate_group_names && self.profile != Profile::IdentityCenter
    }
}

fn registry(settings: &Settings) -> Result<SchemaRegistry, Error> {
    let mut registry = profile::registry(settings.profile)?;
    if !settings.groups_share_names() {
        registry = registry.with_uniqueness("Group", "displayName", Uniqueness::Server)?;
    }
    let registry = settings.schemas.iter().try_fold(registry, |registry, one| registry.with_definition(one))?;
    let registry = match settings.role_resources {
        Some(resources) => resources.add_to(registry)?,
        None => registry,
    };
    let strictness =
        if settings.strict || profile::is_strict(settings.profile) { Strictness::Strict } else { Strictness::Lenient };
    Ok(registry.with_strictness(strictness))
}

/// The indexes of a resource type: unique attributes, attributes by which identity providers look resources up, and
/// those in the settings.
fn index_specs(resource_type: &ResourceType, settings: &Settings) -> Result<Vec<IndexSpec>, Error> {
    let strict = settings.profile == Profile::IdentityCenter;
    let mut specs = vec![IndexSpec { path: Arc::from("externalId"), unique: strict, case_exact: true, filled: true }];
    for attribute in &resource_type.schema.attributes {
        add_unique(&mut specs, "", attribute);
    }
    for extension in &resource_type.extensions {
        for attribute in &extension.schema.attributes {
            add_unique(&mut specs, &format!("{}:", extension.schema.id), attribute);
        }
    }
    let folded = |path: &str, unique| IndexSpec { path: Arc::from(path), unique, case_exact: false, filled: true };
    match resource_type.name.as_str() {
        "User" => {
            add(&mut specs, folded("emails.value", strict));
            add(&mut specs, folded("displayName", false));
        }
        "Group" => add(&mut specs, folded("displayName", false)),
        _ => {}
    }
    // Indexes that an administrator has set stay valid when the tenant becomes strict.
    let lenient = ResourceType { strictness: Strictness::Lenient, ..resource_type.clone() };
    for path in settings.indexes.get(&resource_type.name).into_iter().flatten() {
        let bound = AttributePath::parse(path)?.bind(&lenient)?;
        let leaf = bound.leaf().filter(|leaf| !leaf.is_complex());
        let leaf = leaf.ok_or_else(|| {
            Error::value(format!("indexes: \"{path}\" has no value of its own; name one of its sub-attributes."))
        })?;
        let case_exact = leaf.case_exact;
        add(&mut specs, IndexSpec { path: bound.to_string().into(), unique: false, case_exact, filled: true });
    }
    Ok(specs)
}

/// Adds the attribute and its sub-attributes where the schema says that they are unique.
fn add_unique(specs: &mut Vec<IndexSpec>, prefix: &str, attribute: &Attribute) {
    let subs = attribute.sub_attributes.iter().map(|sub| (format!("{prefix}{}.{}", attribute.name, sub.name), &**sub));
    for (path, found) in [(format!("{prefix}{}", attribute.name), attribute)].into_iter().chain(subs) {
        if found.uniqueness != Uniqueness::None && !found.is_complex() {
            let path = path.into();
            add(specs, IndexSpec { path, unique: true, case_exact: found.case_exact, filled: true });
        }
    }
}

/// Adds an index unless the attribute has one already.
fn add(specs: &mut Vec<IndexSpec>, spec: IndexSpec) {
    if specs.iter().all(|known| known.path != spec.path) {
        specs.push(spec);
    }
}

#[cfg(test)]
mod tests {
    use scim_protocol::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::store::TenantId;

    /// The indexes of a resource type as words: `path`, `!` when unique, `=` when case counts.
    fn indexes(settings: serde_json::Value, resource_type: &str) -> Result<Vec<String>, String> {
        let settings = serde_json::from_value(settings).unwrap();
        let id = TenantId::random([1; 16]);
        let record = TenantRecord::new(id, "t", settings, Timestamp::default());
        let tenant = Tenant::build(&record).map_err(|error| error.detail().to_owned())?;
        let mark = |set, mark: &'static str| if set { mark } else { "" };
        let word = |spec: &IndexSpec| format!("{}{}{}", spec.path, mark(spec.unique, "!"), mark(spec.case_exact, "="));
        Ok(tenant.index_specs(resource_type).iter().map(word).collect())
    }

    #[track_caller]
    fn check(settings: serde_json::Value, resource_type: &str, expect: &[&str]) {
        assert_eq!(indexes(settings, resource_type).unwrap(), expect);
    }

    #[test]
    fn what_providers_look_up_is_indexed() {
        check(json!({}), "User", &["externalId=", "userName!", "emails.value", "displayName"]);
        check(json!({}), "Group", &["externalId=", "displayName!"]);
        check(json!({"duplicate_group_names": true}), "Group", &["externalId=", "displayName"]);
    }

    #[test]
    fn identity_center_wants_more_to_be_unique() {
        let profile = json!({"profile": "identity-center", "duplicate_group_names": true});
        check(profile.clone(), "User", &["externalId!=", "userName!", "emails.value!", "displayName"]);
        check(profile, "Group", &["externalId!=", "displayName!"]);
    }

    #[test]
    fn further_indexes_are_named_by_their_canonical_paths() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let settings =
            json!({"indexes": {"User": ["TITLE", "name.familyname", format!("{urn}:employeeNumber"), "userName"]}});
        let number = format!("{urn}:employeeNumber");
        let expect = ["externalId=", "userName!", "emails.value", "displayName", "title", "name.familyName", &number];
        check(settings, "User", &expect);
        assert!(indexes(json!({"indexes": {"User": ["shoeSize"]}}), "User").unwrap_err().contains("shoeSize"));
        assert!(indexes(json!({"indexes": {"User": ["name"]}}), "User").unwrap_err().contains("sub-attributes"));
        assert!(indexes(json!({"indexes": {"Car": ["title"]}}), "User").unwrap_err().contains("Car"));
    }
}
