//! What a run would do, as a person reads it: LDIF in, the words of the plan out.
//!
//! Each case starts from `tests/plans/corp.ldif`, written once to the target, and changes it. The
//! snapshots are the specification of the behaviour; read them when you wonder what the agent does.

use serde_json::json;
use sync_agent::{Facts, Plan, explain_object, find};

use crate::model::World;

const CORP: &str = include_str!("../plans/corp.ldif");

const STAFF: &str = "[scope]\ngroups = [\"Staff\"]\n[mapping]\nenterprise = true\n";

/// A world in which everything has arrived.
fn settled(more: &str) -> World {
    let mut world = World::of("active-directory", more);
    world.run(CORP);
    world
}

/// The directory with one text replaced; it must be there.
#[track_caller]
fn with(old: &str, new: &str) -> String {
    assert!(CORP.contains(old), "{old:?} is in the fixture");
    CORP.replace(old, new)
}

/// The directory without one record, and without its memberships.
fn without(dn: &str) -> String {
    let records = CORP.split("\n\n").filter(|record| !record.contains(&format!("dn: {dn}\n")));
    let gone = [format!("member: {dn}\n"), format!("manager: {dn}\n")];
    let text = records.collect::<Vec<_>>().join("\n\n") + "\n";
    gone.iter().fold(text, |text, line| text.replace(line, ""))
}

#[track_caller]
fn check(name: &str, plan: &Plan) {
    insta::assert_snapshot!(name, plan.in_full().to_string());
}

/// Checks the plan of a settled world for a changed directory, and that a second run does nothing.
#[track_caller]
fn changed(name: &str, ldif: &str) {
    let mut world = settled(STAFF);
    check(name, &world.run(ldif));
    let again = world.run(ldif);
    assert!(again.actions.is_empty() || !again.held_back.is_empty(), "a second run:\n{again}");
}

const ADA: &str = "CN=Ada Byron,OU=People,DC=corp,DC=test";

#[test]
fn nothing_to_do() {
    changed("nothing to do", CORP);
}

#[test]
fn the_first_run() {
    check("first run", &World::of("active-directory", STAFF).plan(CORP));
    let nested = STAFF.replace("[mapping]", "membership = \"nested\"\n[mapping]");
    check("first run, nested", &World::of("active-directory", &nested).plan(CORP));
}

#[test]
fn names_and_places_change() {
    changed("renamed", &with("Ada Byron", "Ada Lovelace").replace("sn: Byron", "sn: Lovelace"));
    changed("new login", &with("ada@corp.test", "lovelace@corp.test"));
    changed("moved", &with("OU=People", "OU=Elsewhere"));
    changed("group renamed", &with("sAMAccountName: Sales", "sAMAccountName: Marketing"));
    changed("another normal form", &with("givenName: José", "givenName: Jose\u{301}"));
}

#[test]
fn attributes_change() {
    changed("value removed", &with("mail: ada@corp.test\n", ""));
    changed("value emptied", &with("department: Engines", "department:"));
    changed("manager changed", &with("manager: CN=Charles Babbage", "manager: CN=Ada Byron"));
    changed("manager removed", &with("manager: CN=Charles Babbage,OU=People,DC=corp,DC=test\ndep", "dep"));
    let primary = format!(
        "{STAFF}[mapping.user]\n\"emails[work,primary].value\" = '${{proxyAddresses[?type == \"SMTP\"].value}}'\n"
    );
    let mut world = settled(&primary);
    check(
        "primary address changed",
        &world.run(&with("SMTP:ada", "x500:ada").replace("smtp:countess", "SMTP:countess")),
    );
}

#[test]
fn accounts_that_may_not_be_used() {
    changed("disabled", &with("userAccountControl: 512\naccountExpires", "userAccountControl: 514\naccountExpires"));
    changed("expired", &with("accountExpires: 9223372036854775807", "accountExpires: 134000000000000000"));
}

#[test]
fn memberships_change() {
    changed("nested group leaves", &with("member: CN=Sales,OU=Groups,DC=corp,DC=test\n", ""));
    changed("primary group changed", &with("primaryGroupID: 1101", "primaryGroupID: 513"));
    changed(
        "foreign member",
        &with("member: CN=Ada", "member: CN=S-1-5-21-9,CN=ForeignSecurityPrincipals,DC=corp,DC=test\nmember: CN=Ada"),
    );
}

#[test]
fn leaving() {
    changed("deleted", &without(ADA));
    changed("recreated", &with("aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-00000000000a"));
    check("not proved", &settled(STAFF).plan_without_rights(&without(ADA)));
    changed("group deleted", &without("CN=Sales,OU=Groups,DC=corp,DC=test"));
    let mut world = settled(STAFF);
    let left = CORP.replace(&format!("member: {ADA}\n"), "");
    check("left the scope", &world.run(&left));
    world.wait(28);
    check("left the scope 28 days ago", &world.run(&left));
    check("came back", &world.run(CORP));
    check("an empty directory", &world.plan(""));
}

#[test]
fn limits() {
    let none = format!("{STAFF}[safety]\nusers_removed = {{ number = 0 }}\nmembers_removed = {{ number = 0 }}\n");
    let mut world = settled(&none);
    let plan = world.run(&without(ADA));
    check("held back", &plan);
    world.approved = plan.held_back;
    check("approved", &world.plan(&without(ADA)));
}

#[test]
fn what_the_target_has_already() {
    let mut world = settled(STAFF);
    world.known.clear();
    check("state lost", &world.plan(CORP));
    for resource in world.target.values_mut() {
        resource.document.insert("externalId".to_owned(), json!("from another system"));
    }
    check("adopted by name", &world.plan(CORP));
    for resource in world.target.values_mut() {
        resource.document.insert("externalId".to_owned(), json!("cccccccc-0000-4000-8000-000000000001"));
    }
    check("somebody else's", &world.plan(CORP));
    world.target.clear();
    let mut world = settled(STAFF);
    let ada = world.target.iter().find(|(_, one)| one.document["displayName"] == "Ada Byron").map(|(id, _)| id.clone());
    world.target.remove(&ada.expect("Ada"));
    check("lost at the target", &world.plan(&with("department: Engines", "department: Sales")));
}

#[test]
fn two_of_one_name() {
    changed("conflict", &with("userPrincipalName: charles@", "userPrincipalName: ADA@"));
}

#[test]
fn explained() {
    let mut world = settled(STAFF);
    world.run(CORP);
    let ldif = with("department: Engines", "department: Sales");
    let population = world.population(&ldif);
    let plan = world.plan(&ldif);
    for (label, name) in
        [("a user", "ada"), ("a group", "CN=Sales,OU=Groups,DC=corp,DC=test"), ("nobody in scope", "svc-sync")]
    {
        let found = find(&population, name).expect("a name");
        let [observed] = found.as_slice() else { panic!("{name} means {} entries", found.len()) };
        let facts =
            Facts { config: &world.config, population: &population, known: &world.known, plan: &plan, now: world.now };
        let explanation = explain_object(observed, facts, None);
        insta::assert_snapshot!(format!("explained, {label}"), explanation.to_string());
    }
}
