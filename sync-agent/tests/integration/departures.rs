//! Objects that leave the scope, and what is never lost by it.

use sync_agent::{Code, Step};

use crate::model::{World, group, id, user};

const SCOPE: &str = "[scope]\ngroups = [\"g100\"]\n";

fn ldif(users: &[u32], members: &[u32]) -> String {
    let users: String = users.iter().map(|n| user(*n, "")).collect();
    users + &group(100, members.iter().copied(), "")
}

/// `create user u1`, `leave group g100 [u2]`: each action in a few words.
fn words(plan: &sync_agent::Plan) -> Vec<String> {
    let word = |action: &sync_agent::Action| {
        let step = match &action.step {
            Step::Create { .. } => "create".to_owned(),
            Step::Adopt { .. } => "adopt".to_owned(),
            Step::Confirm { .. } => "confirm".to_owned(),
            Step::Recall { members } => format!("recall {}", members.len()),
            Step::Remember { left } => format!("remember {}", if left.is_some() { "left" } else { "back" }),
            Step::Release { new, .. } => format!("release as {new}"),
            Step::Modify { changes, .. } => {
                format!("modify {}", changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(" "))
            }
            Step::Refer { .. } => "refer".to_owned(),
            Step::Join { members } => format!("join {}", members.len()),
            Step::Leave { members } => format!("leave {}", members.len()),
            Step::Deactivate => "deactivate".to_owned(),
            Step::GiveUp { .. } => "give up".to_owned(),
            Step::Delete { .. } => "delete".to_owned(),
        };
        format!("{step}: {}", action.subject.name)
    };
    plan.actions.iter().map(word).collect()
}

#[track_caller]
fn check(plan: &sync_agent::Plan, expect: &[&str]) {
    assert_eq!(words(plan), expect, "{plan}");
}

#[test]
fn out_of_scope_is_deactivated_after_the_time_of_grace_and_comes_back_active() {
    let mut world = World::new(SCOPE);
    check(&world.run(&ldif(&[1, 2], &[1, 2])), &["create: u1", "create: u2", "create: g100", "join 2: g100"]);
    let without = ldif(&[1, 2], &[1]);
    let plan = world.run(&without);
    check(&plan, &["remember left: u2", "leave 1: g100"]);
    assert_eq!(plan.upcoming.len(), 1);
    world.wait(27);
    check(&world.run(&without), &[]);
    world.wait(1);
    check(&world.run(&without), &["deactivate: u2"]);
    check(&world.run(&without), &[]);
    check(&world.run(&ldif(&[1, 2], &[1, 2])), &["remember back: u2", "modify active: u2", "join 1: g100"]);
    check(&world.run(&ldif(&[1, 2], &[1, 2])), &[]);
}

#[test]
fn whoever_another_group_in_scope_holds_stays() {
    let mut world = World::new("[scope]\ngroups = [\"g100\", \"g101\"]\n");
    let with = |members: &[u32]| ldif(&[1, 2], members) + &group(101, [2], "");
    world.run(&with(&[1, 2]));
    check(&world.run(&with(&[1])), &["leave 1: g100"]);
    world.wait(60);
    check(&world.run(&with(&[1])), &[]);
}

#[test]
fn deleted_in_the_directory_is_deleted_with_proof_only() {
    let mut world = World::new(SCOPE);
    world.run(&ldif(&[1, 2], &[1, 2]));
    let without = ldif(&[1], &[1]);
    let blind = world.plan_without_rights(&without);
    check(&blind, &[]);
    assert!(blind.problems.iter().any(|problem| problem.code == Code::AbsenceUnproved), "{blind}");
    check(&world.run(&without), &["leave 1: g100", "delete: u2"]);
    check(&world.run(&without), &[]);
}

#[test]
fn deactivated_first_if_so_configured() {
    let mut world =
        World::new(&format!("{SCOPE}[safety]\non_deletion = \"deactivate-first\"\ndelete_after_days = 7\n"));
    world.run(&ldif(&[1, 2], &[1, 2]));
    let without = ldif(&[1], &[1]);
    check(&world.run(&without), &["remember left: u2", "leave 1: g100", "deactivate: u2"]);
    world.wait(6);
    check(&world.run(&without), &[]);
    // The proof was given once and is remembered: no rights are needed any more.
    world.wait(1);
    check(&world.plan_without_rights(&without), &["delete: u2"]);
    check(&world.run(&without), &["delete: u2"]);
}

#[test]
fn a_name_given_to_somebody_new_is_a_new_resource() {
    for (safety, expect) in [
        ("", vec!["release as u2~00000000: u2", "create: u2", "join 1: g100", "leave 1: g100", "delete: u2"]),
        (
            "[safety]\non_deletion = \"deactivate-first\"\n",
            vec![
                "remember left: u2",
                "release as u2~00000000: u2",
                "create: u2",
                "join 1: g100",
                "leave 1: g100",
                "deactivate: u2",
            ],
        ),
    ] {
        let mut world = World::new(&format!("{SCOPE}{safety}"));
        world.run(&ldif(&[1, 2], &[1, 2]));
        let again = ldif(&[1, 2], &[1, 2]).replace(&id(2).to_string(), &id(3).to_string());
        check(&world.run(&again), &expect);
        check(&world.run(&again), &[]);
    }
}

#[test]
fn names_that_are_swapped_arrive() {
    let mut world = World::new(SCOPE);
    world.run(&ldif(&[1, 2], &[1, 2]));
    let swapped = ldif(&[1, 2], &[1, 2]).replace("uid: u1", "uid: x").replace("uid: u2", "uid: u1");
    let swapped = swapped.replace("uid: x", "uid: u2");
    world.run(&swapped);
    check(&world.run(&swapped), &[]);
    let name = |n: u32| world.target[&world.known[&id(n)].resource].document["userName"].clone();
    assert_eq!([name(1), name(2)], ["u2", "u1"]);
}

#[test]
fn a_name_that_somebody_out_of_scope_still_has_is_a_conflict_that_names_both() {
    let mut world = World::new(SCOPE);
    world.run(&ldif(&[1, 2], &[1, 2]));
    let renamed = ldif(&[1, 2, 3], &[1, 3]).replace("uid: u2", "uid: former").replace("uid: u3", "uid: u2");
    let plan = world.run(&renamed);
    check(&plan, &["remember left: u2", "leave 1: g100"]);
    let [problem] = plan.problems.as_slice() else { panic!("{plan}") };
    assert_eq!(problem.code, Code::ConflictError);
    let text = problem.to_string();
    assert!(text.contains(&id(2).to_string()) && text.contains(&id(3).to_string()), "{text}");
}

#[test]
fn one_of_three_may_leave_and_half_of_a_hundred_may_not() {
    let hundred: Vec<u32> = (1..=99).collect();
    let mut world = World::new(SCOPE);
    world.run(&ldif(&[1, 2, 3], &[1, 2, 3]));
    check(&world.plan(&ldif(&[1, 2, 3], &[1, 2])), &["remember left: u3", "leave 1: g100"]);
    let mut world = World::new(SCOPE);
    world.run(&ldif(&hundred, &hundred));
    let plan = world.run(&ldif(&hundred, &hundred[..50]));
    assert_eq!(plan.held_back.len(), 1, "{plan}");
    assert!(!words(&plan).iter().any(|word| word.starts_with("leave")), "{plan}");
    // Approved as it stands: exactly these, and what comes on top is counted by itself.
    world.approved = plan.held_back;
    check(&world.run(&ldif(&hundred, &hundred[..49])), &["remember left: u50", "leave 50: g100"]);
}

#[test]
fn a_few_each_hour_meet_the_limit_of_the_day() {
    let hundred: Vec<u32> = (1..=99).collect();
    let mut world = World::new(SCOPE);
    world.run(&ldif(&hundred, &hundred));
    assert_eq!(world.run(&ldif(&hundred[..93], &hundred[..93])).held_back, []);
    // The memberships of users who are deleted are no loss of their own.
    assert_eq!(world.run(&ldif(&hundred[..93], &hundred[..90])).held_back, []);
    let bled = ldif(&hundred[..89], &hundred[..89]);
    let plan = world.run(&bled);
    let [held] = plan.held_back.as_slice() else { panic!("{plan}") };
    assert!(held.because.contains("4 users to delete after 6 in the last day, of 99"), "{plan}");
    // What was approved does not count against what comes later.
    world.approved = plan.held_back;
    world.run(&bled);
    assert_eq!(world.run(&ldif(&hundred[..86], &hundred[..86])).held_back, []);
    assert_eq!(world.run(&ldif(&hundred[..85], &hundred[..85])).held_back.len(), 1);
    world.wait(1);
    assert_eq!(world.run(&ldif(&hundred[..85], &hundred[..85])).held_back, []);
}

#[test]
fn a_mass_deletion_waits_with_its_memberships_and_the_rest_goes_on() {
    let hundred: Vec<u32> = (1..=99).collect();
    let mut world = World::new(SCOPE);
    world.run(&ldif(&hundred, &hundred));
    let plan = world.run(&(ldif(&hundred[..40], &hundred[..40]) + &user(150, "") + &group(101, [150], "")));
    check(&plan, &[]);
    let [held] = plan.held_back.as_slice() else { panic!("{plan}") };
    assert_eq!(held.actions.len(), 59 + 1, "59 deletions and one group that they leave");
    let changed = ldif(&hundred[..40], &hundred[..40]).replace("sn: Name7\n", "sn: Other\n");
    check(&world.run(&changed), &["modify name.familyName: u7"]);
    world.approved = plan.held_back;
    let done = world.run(&changed);
    assert_eq!(done.actions.len(), 60, "{done}");
    check(&world.run(&changed), &[]);
}

#[test]
fn disabling_many_in_the_directory_is_a_loss_too() {
    let hundred: Vec<u32> = (1..=99).collect();
    let mut world = World::new(SCOPE);
    world.run(&ldif(&hundred, &hundred));
    let locked = ldif(&hundred, &hundred).replace("sn: ", "pwdAccountLockedTime: 000001010000Z\nsn: ");
    let plan = world.run(&locked.replace("sn: Name7\n", "sn: Other\n"));
    check(&plan, &["modify name.familyName: u7"]);
    assert_eq!(plan.held_back[0].actions.len(), 99);
    check(&world.run(&ldif(&hundred, &hundred)), &["modify name.familyName: u7"]);
}

#[test]
fn nothing_at_all_never_passes() {
    let mut world = World::new(&format!(
        "{SCOPE}[safety]\nusers_removed = {{ percent = 100 }}\ngroups_removed = {{ percent = 100 }}\n"
    ));
    world.run(&ldif(&[1, 2], &[1, 2]));
    let plan = world.run("");
    check(&plan, &[]);
    assert_eq!(plan.held_back.len(), 2, "{plan}");
    world.approved = plan.held_back;
    check(&world.run(""), &["delete: u1", "delete: u2", "delete: g100"]);
}

#[test]
fn a_pause_longer_than_the_grace_deactivates_within_the_limits_and_says_so_before() {
    let mut world = World::new(SCOPE);
    world.run(&ldif(&[1, 2], &[1, 2]));
    let since = world.now;
    let of_pause = |world: &World| {
        let safety = &world.config.safety;
        sync_agent::of_pause(&world.known, since, safety, &[], &world.lost, world.now)
    };
    let before = of_pause(&world);
    check(&before, &[]);
    assert_eq!(before.upcoming.len(), 2);
    world.wait(28);
    let plan = of_pause(&world);
    check(&plan, &["remember left: u1", "remember left: u2", "deactivate: u1", "deactivate: u2"]);
    world.apply(&plan);
    check(&of_pause(&world), &[]);
    check(
        &world.run(&ldif(&[1, 2], &[1, 2])),
        &["remember back: u1", "remember back: u2", "modify active: u1", "modify active: u2"],
    );
}
