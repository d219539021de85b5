//! Attributes whose value is the resource of another object, and those of the enterprise extension.

use serde_json::{Value, json};

use crate::model::{World, group, id, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const EVERYBODY: &str = "[scope]\nusers = [\"u1\", \"u2\", \"u3\"]\n[mapping]\nenterprise = true\n";

fn manager(n: u32) -> String {
    format!("manager: UID=u{n}, ou=People,dc=test")
}

#[track_caller]
fn check(world: &World, n: u32, expect: Option<u32>) {
    let document = world.content().remove(&id(n).to_string()).unwrap_or_else(|| panic!("no user {n}"));
    let found = &document[ENTERPRISE]["manager"]["value"];
    assert_eq!(*found, expect.map_or(Value::Null, |expect| json!(id(expect).to_string())), "{document}");
}

#[test]
fn managers_arrive_in_a_circle_and_in_one_run() {
    let mut world = World::new(EVERYBODY);
    let ldif = user(1, &manager(2)) + &user(2, &manager(3)) + &user(3, &manager(1));
    world.run(&ldif);
    for (n, expect) in [(1, 2), (2, 3), (3, 1)] {
        check(&world, n, Some(expect));
    }
    assert!(world.run(&ldif).actions.is_empty());
}

#[test]
fn a_manager_changes_goes_out_of_scope_and_is_removed() {
    let mut world = World::new(EVERYBODY);
    world.run(&(user(1, &manager(2)) + &user(2, "") + &user(3, "") + &user(4, "")));
    let other = user(1, &manager(3)) + &user(2, "") + &user(3, "") + &user(4, "");
    assert_eq!(world.run(&other).actions.len(), 1);
    check(&world, 1, Some(3));
    let outside = user(1, &manager(4)) + &user(2, "") + &user(3, "") + &user(4, "");
    assert_eq!(world.run(&outside).actions.len(), 1);
    check(&world, 1, None);
    assert!(world.run(&outside).actions.is_empty());
}

#[test]
fn who_was_lost_at_the_target_is_referred_to_again() {
    let mut world = World::new(EVERYBODY);
    let ldif = user(1, &manager(2)) + &user(2, "title: old");
    world.run(&ldif);
    let resource = world.known[&id(2)].resource.clone();
    world.target.remove(&resource);
    world.run(&ldif.replace("title: old", "departmentNumber: 7"));
    check(&world, 1, Some(2));
}

#[test]
fn the_state_may_be_lost() {
    let mut world = World::new(EVERYBODY);
    let ldif = user(1, &manager(2)) + &user(2, "employeeNumber: 42") + &group(100, [1], "");
    world.run(&ldif);
    world.known.clear();
    let plan = world.run(&ldif);
    assert!(plan.writes_nothing(), "{plan}");
    check(&world, 1, Some(2));
}

#[test]
fn two_users_of_one_name_are_told_together_and_the_others_go_on() {
    let mut world = World::new(EVERYBODY);
    let plan = world.run(&(user(1, "") + &user(2, "").replace("uid: u2", "uid: U3") + &user(3, "")));
    // The scope finds both by their name.
    let told: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
    let conflict = told.iter().find(|text| text.starts_with("ConflictError")).unwrap_or_else(|| panic!("{plan}"));
    assert!(conflict.contains(&id(2).to_string()) && conflict.contains(&id(3).to_string()), "{conflict}");
    assert_eq!(world.target.len(), 1);
}

#[test]
fn whoever_has_the_name_keeps_it() {
    let mut world = World::new("[scope]\nusers = [\"*\"]\n");
    world.run(&(user(1, "") + &user(2, "")));
    let shared = user(1, "title: x") + &user(2, "").replace("uid: u2", "uid: U1") + &user(3, "");
    let plan = world.run(&shared);
    assert_eq!(plan.problems.len(), 1, "{plan}");
    assert!(world.known.contains_key(&id(3)));
    assert_eq!(world.known[&id(1)].name, "u1");
    assert_eq!(world.known[&id(2)].name, "u2");
}
