//! The program's commands and options, as people use them.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Output, Stdio},
    sync::{Mutex, mpsc},
    time::{Duration, Instant},
};

use conformance::{Context, Report, Settings, connect, remove_all};
use serde_json::Value;

use crate::{
    scim_server::ScimServer,
    trouble::{forwarded, listen, origin, request},
};

fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scim-conformance")).args(args).output().expect("scim-conformance runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn check(args: &[&str], code: i32, words: &[&str]) {
    let output = program(args);
    let said = format!("{}{}", out(&output), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "\"{words}\" is not in: {said}");
    }
}

#[test]
fn explain_says_what_is_demanded_and_where() {
    check(
        &["explain", "modify-add-appends"],
        0,
        &[
            "RFC 7644 §3.5.2.1, MUST",
            "https://www.rfc-editor.org/rfc/rfc7644.html#section-3.5.2.1",
            "To change: Let add append",
            "- IAM Identity Center ",
            "--only modify-add-appends",
        ],
    );
    check(
        &["explain", "okta-users-create"],
        0,
        &[
            "Otherwise: ",
            "The administrator then sees: \"Create new user returned empty user\"",
            "--profile okta",
            "documented: okta/",
        ],
    );
    check(&["explain", "modify-add-apends"], 2, &["Is \"modify-add-appends\" meant?"]);
}

#[test]
fn list_shows_cases_and_steps() {
    let all: Value = serde_json::from_slice(&program(&["list", "--json"]).stdout).expect("JSON");
    let ids = |all: &Value| all.as_array().expect("a list").iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
    let (cases, steps) = (conformance::cases().count(), conformance::profiles().iter());
    assert_eq!(ids(&all).len(), cases + steps.map(|profile| profile.steps().count()).sum::<usize>());
    check(&["list", "--profile", "entra"], 0, &["Entra ID: users [entra-users]", "entra-users-add-email"]);
    check(&["list", "--only", "okta-users-putt"], 2, &["meant?"]);
    check(&["list", "--only", "okta-users-put"], 0, &["okta-users-put"]);
    check(&["list", "--profile", "workday"], 2, &["okta", "fastfed"]);
}

#[test]
fn words_that_choose_nothing_are_errors() {
    let run = |args: &[&'static str]| [&["run", "--url", "http://127.0.0.1:1"], args].concat();
    check(&run(&["--only", "create-statsu"]), 2, &["create-statsu", "meant?"]);
    check(&run(&["--skip", "nothing-at-all"]), 2, &["Nothing here has the id or tag \"nothing-at-all\""]);
    check(&run(&["--tag", "fitler"]), 2, &["Is \"filter\" meant?"]);
    check(&run(&["--profile", "okta", "--only", "modify-add-appends"]), 2, &["modify-add-appends"]);
    check(&run(&["--only", "okta-users-put", "--profile", "okta", "--skip", "okta-*"]), 2, &["No case is left"]);
    check(&run(&["--concurrency", "0"]), 2, &["--concurrency"]);
    // Before the run, and not after it.
    check(&run(&["--out", "/nowhere/report.html"]), 2, &["there is no directory /nowhere"]);
    check(&run(&["--out", "/"]), 2, &["it is a directory"]);
    check(&run(&["--transcript", "/dev/null/x"]), 2, &["/dev/null/x cannot be made"]);
}

#[test]
fn a_run_is_narrowed_and_compared() {
    let server = ScimServer::start("rfc");
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str| directory.path().join(name).to_str().expect("a path").to_owned();
    let report = |name: &str, args: &[&str]| {
        let out = file(name);
        let output = server.conformance(&[&["run", "--report", "json", "--out", &out], args].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str::<Report>(&std::fs::read_to_string(out).expect("the report")).expect("a report")
    };
    let one = report("one.json", &["--tag", "delete", "--level", "must", "--concurrency", "1"]);
    let four = report("four.json", &["--tag", "delete", "--level", "must", "--concurrency", "8"]);
    let verdicts =
        |report: &Report| report.findings.iter().map(|one| (one.id.clone(), one.verdict)).collect::<Vec<_>>();
    assert_eq!(verdicts(&one), verdicts(&four));
    check(&["compare", &file("one.json"), &file("four.json")], 0, &["cases are as before."]);

    // A report in which something was better before.
    let before = std::fs::read_to_string(file("one.json")).expect("the report");
    std::fs::write(file("worse.json"), before.replacen("\"verdict\": \"pass\"", "\"verdict\": \"fail\"", 1))
        .expect("a file");
    check(&["compare", &file("one.json"), &file("worse.json")], 1, &["worse delete-", "pass → fail"]);
    check(&["compare", &file("worse.json"), &file("one.json")], 0, &["fail → pass"]);
    check(&["compare", &file("one.json"), &file("nothing.json")], 2, &["cannot be read"]);
    check(&["compare", &file("one.json"), &server.token_file().display().to_string()], 2, &["is no report"]);
}

#[test]
fn figures_of_groups_are_notes() {
    let server = ScimServer::start("rfc");
    let report = server.report(&["--only", "create-status", "--measure-groups", "3,12"]);
    let about = |size: u32| report.notes.iter().any(|note| note.starts_with(&format!("A group of {size} members: ")));
    assert!(about(3) && about(12) && report.notes.len() == 2, "{:?}", report.notes);
    assert!(!leftovers(&server));
}

#[test]
fn transcripts_hold_everything_but_the_token() {
    let server = ScimServer::start("rfc");
    let directory = tempfile::tempdir().expect("a directory");
    let folder = directory.path().join("transcripts");
    let output =
        server.conformance(&["run", "--tag", "delete,method", "--transcript", folder.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(0));
    let token = std::fs::read_to_string(server.token_file()).expect("the token");
    let files: Vec<_> = std::fs::read_dir(folder).expect("the folder").flatten().collect();
    assert!(files.len() > 5, "{} files", files.len());
    for file in files {
        let text = std::fs::read_to_string(file.path()).expect("a transcript");
        assert!(!text.contains(token.trim()), "{} holds the token", file.path().display());
        let transcript: Value = serde_json::from_str(&text).expect("JSON");
        assert!(transcript["evidence"].as_array().is_some_and(|all| !all.is_empty()), "{text}");
    }
}

/// Starts a run that lasts long enough, and waits until something of it is on the server: the people
/// whom filters ask for, who stay until its end.
fn start_and_wait(server: &ScimServer) -> std::process::Child {
    let mut command = server.command(&["run", "--tag", "filter,modify", "--concurrency", "1"]);
    let child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn();
    let child = child.expect("scim-conformance runs");
    let started = Instant::now();
    while !leftovers(server) {
        assert!(started.elapsed() < Duration::from_secs(120), "nothing is made");
    }
    child
}

/// Whether something that the program made is on the server.
fn leftovers(server: &ScimServer) -> bool {
    let token = std::fs::read_to_string(server.token_file()).expect("the token").trim().to_owned();
    let settings = Settings { token: Some(token), ..Settings::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let scim = Context::new(connect(&server.url, &settings, "looker").await.expect("a SCIM server"));
        let list = scim.get("/Users").filter("userName sw \"scim-conformance\"").await.expect("a list");
        list.json()["totalResults"] != 0
    })
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    let server = ScimServer::start("rfc");
    for signal in ["-INT", "-TERM"] {
        let child = start_and_wait(&server);
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
        assert!(killed.success());
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("Everything that was made has been removed again."), "{said}");
        assert!(!leftovers(&server), "{signal}: something is left");
    }
}

/// A POST is on its way when the run is interrupted, and reaches the server afterwards: it is waited for.
#[test]
fn a_post_on_its_way_leaves_nothing() {
    let server = ScimServer::start("rfc");
    let origin = origin(&server);
    let (arrived, has_arrived) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (arrived, may_go_on) = (Mutex::new(arrived), Mutex::new(may_go_on));
    let proxy = listen(move |mut stream| {
        let Some(asked) = request(&mut stream) else { return };
        if asked.starts_with(b"POST ") {
            // Only the first has somebody who waits for it; the others follow when that has ended.
            let _ = arrived.lock().expect("no panic").send(());
            let _ = may_go_on.lock().expect("no panic").recv();
        }
        let _ = stream.write_all(&forwarded(origin, &asked));
    });
    let url = server.url.replace(&origin.to_string(), &proxy.to_string());
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-conformance"));
    command.args(["run", "--url", &url, "--only", "create-status", "--token-file"]).arg(server.token_file());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("scim-conformance runs");
    has_arrived.recv().expect("a POST");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let mut errors = BufReader::new(child.stderr.take().expect("its errors")).lines().map_while(Result::ok);
    assert!(errors.any(|line| line.starts_with("Interrupted. Removing what was made")));
    drop(go_on);
    let rest: Vec<_> = errors.collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(2), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("Everything that was made has been removed again.")), "{rest:?}");
    assert!(!leftovers(&server), "something is left");
}

#[test]
fn clean_removes_what_a_killed_run_left() {
    let server = ScimServer::start("rfc");
    let mut child = start_and_wait(&server);
    child.kill().and_then(|()| child.wait()).expect("it ends");
    assert!(leftovers(&server));
    let output = server.conformance(&["clean"]);
    assert!(out(&output).contains("removed /Users/"), "{}", out(&output));
    assert_eq!(output.status.code(), Some(0));
    assert!(!leftovers(&server));
}

/// What was about to be asked just when a run is interrupted is made all the same, and so is to be removed.
#[test]
fn a_request_that_is_about_to_begin_is_waited_for() {
    let server = ScimServer::start("rfc");
    let token = std::fs::read_to_string(server.token_file()).expect("the token").trim().to_owned();
    let settings = Settings { token: Some(token), timeout: Duration::from_secs(120), ..Settings::default() };
    // One thread: what is spawned runs when this test waits, and not before.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let target = connect(&server.url, &settings, "dropped").await.expect("a SCIM server");
        let scim = Context::new(std::sync::Arc::clone(&target));
        let user = scim.user();
        tokio::select! {
            biased;
            _ = user.post().into_future() => panic!("the server answers before it was asked"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(remove_all(&target).await, [""; 0]);
        assert_eq!(target.ledger().take(), [""; 0], "something came into the ledger behind its end");
        let filter = format!("userName sw \"{}\"", target.mark());
        let list = scim.get("/Users").filter(filter).await.expect("a list");
        assert_eq!(list.json()["totalResults"], 0);
    });
}
