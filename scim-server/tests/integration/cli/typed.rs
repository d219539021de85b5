//! Deletions by hand ask a person at a terminal, and no program.

use super::*;

/// The program at a terminal, where somebody types a line. Both its outputs are the terminal's.
fn at_a_terminal(world: &World, arguments: &[&str], line: &str) -> Output {
    let program = std::iter::once(env!("CARGO_BIN_EXE_scim-server")).chain(arguments.iter().copied());
    let words: Vec<_> = program.map(|word| format!("'{word}'")).collect();
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    command.env("SCIM_SERVER_DATA", world.path("data"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("script, of util-linux");
    child.stdin.take().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn with<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [words, &["--tenant", "acme"]].concat()
}

#[test]
fn a_person_types_whom_to_delete_and_a_program_does_not() {
    let (world, _) = World::with_tenant("acme");
    let made = world.json(&with(&["user", "create", "--user-name", "anna", "--force"]));
    let id = made["id"].as_str().unwrap();
    world.json(&with(&["group", "create", "--display-name", "Staff", "--force"]));
    for words in [&["user", "delete", "anna", "--force"][..], &["group", "delete", "Staff", "--force"]] {
        let asked = at_a_terminal(&world, &with(words), "no");
        let said = stdout(&asked);
        assert_eq!(asked.status.code(), Some(1), "{said}");
        assert!(said.contains("Type") && said.contains(words[2]) && said.contains("nothing was changed"), "{said}");
    }
    let asked = at_a_terminal(&world, &with(&["user", "delete", "anna", "--force"]), "anna");
    assert_eq!(asked.status.code(), Some(0), "{}", stdout(&asked));
    let asked = at_a_terminal(&world, &with(&["user", "purge", id]), "anna");
    assert_eq!(asked.status.code(), Some(1), "{}", stdout(&asked));
    let asked = at_a_terminal(&world, &with(&["user", "purge", id, "--yes"]), "");
    assert_eq!(asked.status.code(), Some(0), "{}", stdout(&asked));
    // A program has been told what to do.
    world.json(&with(&["group", "delete", "Staff", "--force"]));
    let group = world.json(&with(&["group", "deleted"]))[0]["id"].as_str().unwrap().to_owned();
    world.json(&with(&["group", "purge", &group]));
}
