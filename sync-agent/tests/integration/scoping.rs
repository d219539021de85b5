//! The scope: users, and the members of groups.

use std::collections::BTreeSet;

use sync_agent::{Code, select};

use crate::model::{World, group, id, user};

/// Users 1 to 4; g100 holds u1 and g101, which holds u2 and g102, which holds u3 and g100.
fn ldif() -> String {
    let users: String = (1..=4).map(|n| user(n, if n == 4 { "employeeType: guest" } else { "" })).collect();
    let within = |n: u32| format!("member: cn=g{n},ou=groups,dc=test");
    users
        + &group(100, [1], &within(101))
        + &group(101, [2], &within(102))
        + &group(102, [3], &within(100))
        + &group(103, [4], "description: (odd)")
        + &user(5, "").replace("uid: u5", "uid: R=D,x=y")
}

#[track_caller]
fn check(scope: &str, users: &[u32], groups: &[(u32, &[u32])]) {
    let world = World::new(&format!("[scope]\n{scope}"));
    let selection = select(&world.population(&ldif()), &world.config.scope);
    let found: BTreeSet<_> = selection.users.keys().copied().collect();
    assert_eq!(found, users.iter().map(|n| id(*n)).collect(), "users of {scope}");
    let members: Vec<_> = selection.groups.iter().map(|(id, chosen)| (*id, chosen.members.clone())).collect();
    let expect: Vec<_> =
        groups.iter().map(|(n, members)| (id(*n), members.iter().map(|n| id(*n)).collect::<Vec<_>>())).collect();
    assert_eq!(members, expect, "groups of {scope}");
    assert!(selection.problems.is_empty(), "{:?}", selection.problems);
}

#[test]
fn names_dns_ids_and_filters_mean_users() {
    check("users = [\"U1\", \"u2\"]", &[1, 2], &[]);
    check("users = [\"UID=u1, OU=people,dc=test\"]", &[1], &[]);
    check("users = [\"r=d,X=Y\"]", &[5], &[]);
    check(&format!("users = [\"{}\"]", id(3)), &[3], &[]);
    check("users = [\"(employeeType=guest)\"]", &[4], &[]);
    check("users = [\"(&(objectClass=inetOrgPerson)(!(employeeType=*))(uid=u*))\"]", &[1, 2, 3], &[]);
}

#[test]
fn groups_bring_whom_they_hold_through_cycles() {
    let all: &[u32] = &[1, 2, 3];
    check("groups = [\"g101\"]", all, &[(100, all), (101, all), (102, all)]);
    check("groups = [\"g101\"]\nmembership = \"nested\"", all, &[(100, &[1, 101]), (101, &[2, 102]), (102, &[3, 100])]);
    check("groups = [\"g100\"]\nexclude = [\"g101\", \"u1\"]", &[], &[(100, &[])]);
    check(
        "groups = [\"g100\", \"g103\"]\nexclude = [\"(employeeType=guest)\", \"g101\"]",
        &[1],
        &[(100, &[1]), (103, &[])],
    );
    check("parent_group = \"g102\"", all, &[(100, all), (101, all), (102, all)]);
    check("parent_group = \"g103\"", &[4], &[]);
}

#[test]
fn a_name_that_nobody_has_is_told() {
    let world = World::new("[scope]\nusers = [\"u1\", \"nobody\"]\n");
    let selection = select(&world.population(&ldif()), &world.config.scope);
    assert_eq!(selection.users.len(), 1);
    let [problem] = selection.problems.as_slice() else { panic!("{:?}", selection.problems) };
    assert_eq!(problem.code, Code::ScopeNotFound);
    assert!(problem.message.contains("nobody"), "{problem}");
}
