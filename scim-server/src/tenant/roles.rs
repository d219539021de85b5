//! Roles that users have because of their groups: rules in an order, the first of which counts most.
//!
//! A rule names its group by what a rename leaves alone: the id of the group, or its `externalId`, by which a provider
//! knows the group also after it was made anew. What a user gets is a function of the groups that hold it directly and
//! of the rules: nothing of it is stored.

use std::collections::BTreeMap;

use scim_protocol::{Error, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{naming, store::ResourceId};

/// The resource type of groups.
pub const GROUP: &str = "Group";
/// The most rules of a tenant.
pub const MOST_RULES: usize = 200;
/// What is called the rule of a role that a user has because no other rule fits.
pub const DEFAULT: &str = "default";

/// The rules of a tenant. Stored among its settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Roles {
    /// The role of an active user whom no rule gives one.
    #[serde(rename = "default", skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// The first counts most.
    pub rules: Vec<Rule>,
}

/// The members of a group have a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What people call it.
    pub name: String,
    pub role: String,
    /// The id of the group; or
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// the `externalId` of the group.
    #[serde(rename = "externalId", default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When it was made, or got another role or group, as RFC 3339 has it; set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// That a user has a role, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Grant<'a> {
    pub role: &'a str,
    /// The name of the rule.
    pub rule: &'a str,
    /// The group; absent of the default role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<ResourceId>,
    /// Since when both the rule and the membership are there, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// The ids of the groups that have the `externalId` of a rule.
pub type ExternalGroups = BTreeMap<String, Vec<ResourceId>>;

impl Roles {
    /// Says what is wrong with the rules.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |why: String| Err(Error::value(format!("roles: {why}")));
        if self.rules.len() > MOST_RULES {
            return wrong(format!(
                "there would be {} rules, and {MOST_RULES} is the most. Remove one that is not needed first; `role list` shows them.",
                self.rules.len()
            ));
        }
        let words = self.rules.iter().flat_map(|rule| [&rule.name, &rule.role]).chain(&self.fallback);
        for word in words {
            naming::check_text("a rule's name or a role", word).or_else(wrong)?;
        }
        for (at, rule) in self.rules.iter().enumerate() {
            let name = &rule.name;
            if name == DEFAULT || self.rules.iter().take(at).any(|other| other.name == *name) {
                return wrong(format!("the name {name:?} is taken. Give each rule a name of its own."));
            }
            let is_id = rule.group.as_deref().is_none_or(|id| ResourceId::parse(id).is_some());
            let has_external = rule.external_id.as_deref().is_some_and(|id| !id.is_empty());
            if rule.group.is_some() == has_external || !is_id {
                return wrong(format!(
                    "the rule {name:?} needs either \"group\", the id of a group, or \"externalId\"."
                ));
            }
        }
        Ok(())
    }

    /// Notes of each rule that was not in `before` when it was made.
    pub fn note_since(&mut self, before: Option<&Self>, now: Timestamp) {
        for rule in &mut self.rules {
            let known = before.and_then(|before| before.rules.iter().find(|known| known.name == rule.name));
            rule.since = match known {
                Some(known) if known.gives_the_same(rule) => known.since.clone(),
                _ => Some(now.to_string()),
            };
        }
    }

    /// The values of `externalId` that rules name.
    pub fn external_ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter_map(|rule| rule.external_id.as_deref())
    }

    /// What the members of a group get because of it: the roles, in the order of the rules.
    pub fn of_group(&self, id: ResourceId, external_id: Option<&str>) -> Vec<&str> {
        let by_external = |rule: &Rule| rule.external_id.is_some() && rule.external_id.as_deref() == external_id;
        let fits = |rule: &&Rule| rule.id() == Some(id) || by_external(rule);
        distinct(self.rules.iter().filter(fits).map(|rule| rule.role.as_str()))
    }

    /// What an active user has, in the order of the rules. `groups` are those that hold it directly, and since when.
    pub fn grants<'a>(
        &'a self,
        groups: &[(ResourceId, Option<Timestamp>)],
        external: &ExternalGroups,
    ) -> Vec<Grant<'a>> {
        let mut grants = Vec::new();
        for rule in &self.rules {
            let named = rule.id();
            let known = rule.external_id.as_ref().and_then(|id| external.get(id)).map_or(&[][..], Vec::as_slice);
            let fits = |id: ResourceId| named == Some(id) || known.contains(&id);
            grants.extend(groups.iter().filter(|(id, _)| fits(*id)).map(|(id, joined)| Grant {
                role: &rule.role,
                rule: &rule.name,
                group: Some(*id),
                since: joined.map(|joined| rule.later(joined)),
            }));
        }
        if let (true, Some(role)) = (grants.is_empty(), &self.fallback) {
            grants.push(Grant { role, rule: DEFAULT, group: None, since: None });
        }
        grants
    }
}

impl Rule {
    /// A rule that gives nobody anything yet.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), role: String::new(), group: None, external_id: None, since: None }
    }

    /// The id of the group, if the rule names it.
    pub fn id(&self) -> Option<ResourceId> {
        self.group.as_deref().and_then(ResourceId::parse)
    }

    fn gives_the_same(&self, other: &Self) -> bool {
        (&self.role, &self.group, &self.external_id) == (&other.role, &other.group, &other.external_id)
    }

    /// The later of two instants: when the rule was made, and when somebody joined.
    fn later(&self, joined: Timestamp) -> String {
        let made = self.since.as_deref().and_then(Timestamp::parse);
        made.map_or(joined, |made| made.max(joined)).to_string()
    }
}

/// Each once, at its first place.
pub fn distinct<'a>(roles: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for role in roles {
        if !found.contains(&role) {
            found.push(role);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> ResourceId {
        ResourceId(Uuid::from_u128(number))
    }

    fn rule(name: &str, role: &str, group: u128) -> Rule {
        Rule { role: role.to_owned(), group: Some(id(group).to_string()), ..Rule::named(name) }
    }

    fn by_external_id(name: &str, role: &str, external_id: &str) -> Rule {
        Rule { role: role.to_owned(), external_id: Some(external_id.to_owned()), ..Rule::named(name) }
    }

    fn rules() -> Roles {
        let rules = vec![rule("a", "admin", 1), by_external_id("b", "editor", "x"), rule("c", "admin", 3)];
        Roles { fallback: Some("guest".to_owned()), rules }
    }

    #[track_caller]
    fn check(groups: &[u128], expect: &[(&str, &str)]) {
        let (rules, external) = (rules(), ExternalGroups::from([("x".to_owned(), vec![id(2)])]));
        let groups: Vec<_> = groups.iter().map(|number| (id(*number), None)).collect();
        let grants = rules.grants(&groups, &external);
        let found: Vec<_> = grants.iter().map(|grant| (grant.role, grant.rule)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn grants_come_in_the_order_of_the_rules() {
        check(&[3, 2, 1], &[("admin", "a"), ("editor", "b"), ("admin", "c")]);
        check(&[2], &[("editor", "b")]);
        check(&[9], &[("guest", "default")]);
        check(&[], &[("guest", "default")]);
        assert_eq!(rules().of_group(id(1), Some("x")), ["admin", "editor"]);
        assert_eq!(rules().of_group(id(7), None), [""; 0]);
    }

    #[test]
    fn a_grant_begins_when_both_the_rule_and_the_membership_are_there() {
        let at = Timestamp::from_millis;
        let mut rules = Roles { rules: vec![rule("a", "admin", 1)], ..Roles::default() };
        rules.note_since(None, at(5000));
        let since = |joined: i64| rules.grants(&[(id(1), Some(at(joined)))], &ExternalGroups::new())[0].since.clone();
        assert_eq!(since(1000), Some(at(5000).to_string()));
        assert_eq!(since(9000), Some(at(9000).to_string()));
        let mut later = rules.clone();
        later.note_since(Some(&rules), at(7000));
        assert_eq!(later, rules, "it gives the same");
        later.rules[0].role = "editor".to_owned();
        later.note_since(Some(&rules), at(7000));
        assert_eq!(later.rules[0].since, Some(at(7000).to_string()));
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        let check = |rules: Vec<Rule>| Roles { rules, ..Roles::default() }.check();
        let both = Rule { external_id: Some("x".to_owned()), ..rule("a", "r", 1) };
        let by_name = Rule { group: Some("Staff".to_owned()), ..rule("a", "r", 1) };
        for wrong in [both, by_name, Rule::named("a"), rule("default", "r", 1), rule("a ", "r", 1)] {
            assert!(check(vec![wrong.clone()]).is_err(), "{wrong:?}");
        }
        assert!(check(vec![rule("a", "r", 1), rule("a", "r", 2)]).unwrap_err().detail().contains("taken"));
        assert!(rules().check().is_ok());
    }
}
