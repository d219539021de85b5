//! Deletions by hand ask a person at a terminal, and no program.

use serde_json::json;

use super::*;
use crate::server::Client;

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
    assert!(stdout(&asked).contains("can be restored as long as restore_window"), "{}", stdout(&asked));
    let asked = at_a_terminal(&world, &with(&["user", "purge", id]), "anna");
    assert_eq!(asked.status.code(), Some(1), "{}", stdout(&asked));
    let asked = at_a_terminal(&world, &with(&["user", "purge", id, "--yes"]), "");
    assert_eq!(asked.status.code(), Some(0), "{}", stdout(&asked));
    // A program has been told what to do.
    world.json(&with(&["group", "delete", "Staff", "--force"]));
    let group = world.json(&with(&["group", "deleted"]))[0]["id"].as_str().unwrap().to_owned();
    world.json(&with(&["group", "purge", &group]));
}

/// What is refused anyway, nobody is asked about first.
#[test]
fn a_person_is_not_asked_about_what_is_refused() {
    let (world, _) = World::with_tenant("acme");
    world.json(&with(&["user", "create", "--user-name", "anna", "--force"]));
    let anna = world.json(&with(&["user", "show", "anna"]))["id"].as_str().unwrap().to_owned();
    for (words, why) in [
        (with(&["user", "purge", &anna]), "No deleted User"),
        (with(&["user", "purge", "anna"]), "is no id"),
        (with(&["user", "purge", "--request", "nothing"]), "is kept"),
        (with(&["user", "delete", "anna"]), "--force"),
        (with(&["user", "delete", "nobody", "--force"]), "There is no User"),
        (vec!["tenant", "delete", "acme"], "--force"),
    ] {
        let refused = at_a_terminal(&world, &words, words[2]);
        let said = stdout(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(why) && !said.contains("Type"), "{said}");
    }
    assert_eq!(world.json(&with(&["user", "show", "anna"]))["userName"], "anna");
}

/// Where the tenant keeps nothing of who is deleted, a person is told so before it is done.
#[test]
fn a_person_is_told_that_nothing_is_kept() {
    let (world, _) = World::with_tenant("acme");
    let file = world.file("set.json", &json!({"restore_window": "0"}).to_string());
    world.json(&["tenant", "set", "acme", "--settings", &file]);
    world.json(&with(&["user", "create", "--user-name", "anna", "--force"]));
    let asked = at_a_terminal(&world, &with(&["user", "delete", "anna", "--force"]), "no");
    let said = stdout(&asked);
    assert!(said.contains("nothing is kept of it") && !said.contains("can be restored"), "{said}");
}

/// Of a request a person types its id, and is told how many go.
#[tokio::test]
async fn a_person_is_told_how_many_a_request_deleted() {
    let (world, made) = World::with_tenant("acme");
    let server = Server::start(&world, &[]);
    let base = format!("{}{}", server.url, made["path"].as_str().unwrap());
    let client = Client::new(&base, made["token"].as_str().unwrap());
    let mut operations = Vec::new();
    for name in ["anna", "bert"] {
        let id = client.user(name).await;
        operations.push(json!({"method": "DELETE", "path": format!("/Users/{id}")}));
    }
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    client.post("/Bulk", &bulk).await.expect(200);
    let kept = world.json(&with(&["user", "deleted"]));
    let request = kept[0]["request"].as_str().unwrap();
    let purge = with(&["user", "purge", "--request", request]);
    let asked = at_a_terminal(&world, &purge, "2");
    assert_eq!(asked.status.code(), Some(1), "{}", stdout(&asked));
    assert!(stdout(&asked).contains("2 deleted user(s)"), "{}", stdout(&asked));
    let asked = at_a_terminal(&world, &purge, request);
    assert_eq!(asked.status.code(), Some(0), "{}", stdout(&asked));
    assert_eq!(world.json(&with(&["user", "deleted"])), json!([]));
}
