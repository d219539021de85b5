//! The example action for a CI pipeline: its script is run as the runner runs it, with the programs that were built.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::scim_server::ScimServer;

/// The file, as the guide has it.
const ACTION: &str = include_str!("../../../docs/guide/examples/conformance-action.yml");

/// The lines below the one that is `heading`, as far as they are indented deeper, without that indentation.
fn below(text: &str, heading: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| line.trim() != heading);
    let depth = indent(lines.next().unwrap_or_else(|| panic!("the action has no {heading}")));
    let inside: Vec<_> = lines.take_while(|line| line.trim().is_empty() || indent(line) > depth).collect();
    let first = inside.iter().map(|line| indent(line)).find(|depth| *depth > 0).unwrap_or_default();
    inside.iter().map(|line| line.get(first..).unwrap_or_default().to_owned()).collect()
}

/// The value of an input: what the job gives, or the default.
fn input(given: &[(&str, &str)], name: &str) -> String {
    let declared = below(ACTION, "inputs:").join("\n");
    let properties = below(&declared, &format!("{name}:"));
    let usual = properties.iter().find_map(|line| line.strip_prefix("default: "));
    let given = given.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    given.or(usual).unwrap_or_else(|| panic!("the input {name} has no value")).to_owned()
}

/// The environment of the step, with the inputs in it.
fn environment(given: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = below(ACTION, "env:").into_iter().filter(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once(": ").expect("a name and a value");
        let name_of_input = value.trim_start_matches("${{ inputs.").trim_end_matches(" }}");
        (name.to_owned(), input(given, name_of_input))
    });
    pairs.collect()
}

/// A checkout of a repository, beside which the runner keeps its files.
struct Job {
    folder: TempDir,
}

impl Job {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(folder.path().join("checkout")).expect("a directory");
        std::fs::create_dir(folder.path().join("temp")).expect("a directory");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs the script as `shell: bash` does.
    fn run(&self, url: &str, token: &str) -> Output {
        std::fs::write(self.path("script"), below(ACTION, "run: |").join("\n")).expect("a file");
        let programs = Path::new(env!("CARGO_BIN_EXE_scim-conformance")).parent().expect("a directory");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(self.path("script"));
        bash.envs(environment(&[("url", url), ("token", token)]));
        bash.env("PATH", format!("{}:{path}", programs.display())).env("RUNNER_TEMP", self.path("temp"));
        bash.env("GITHUB_STEP_SUMMARY", self.path("summary")).current_dir(self.path("checkout"));
        bash.output().expect("bash runs")
    }

    /// The token is kept nowhere.
    #[track_caller]
    fn forgets(&self, token: &str) {
        let left = std::fs::read_dir(self.path("temp")).expect("the directory").count();
        assert_eq!(left, 0, "something is left beside the checkout");
        let reports = ["checkout/scim-conformance/report.json", "checkout/scim-conformance/report.html", "summary"];
        for file in reports {
            assert!(!self.read(file).contains(token), "{file} holds the token");
        }
    }
}

#[test]
fn the_example_action_fails_for_what_is_new() {
    let server = ScimServer::start("rfc");
    let token = std::fs::read_to_string(server.token_file()).expect("the token").trim().to_owned();
    let job = Job::new();
    let first = job.run(&server.url, &token);
    let said = format!("{}{}", String::from_utf8_lossy(&first.stdout), String::from_utf8_lossy(&first.stderr));
    // What our server does otherwise on purpose is not known yet.
    assert_eq!(first.status.code(), Some(1), "{said}");
    assert!(said.contains("The report is in scim-conformance/report.json."), "{said}");
    assert!(job.read("checkout/scim-conformance/report.html").starts_with("<!doctype html>"));
    assert!(job.read("summary").starts_with("## SCIM conformance: `http"), "{}", job.read("summary"));
    job.forgets(&token);

    std::fs::create_dir(job.path("checkout/.scim-conformance")).expect("a directory");
    let known = job.path("checkout/.scim-conformance/baseline.json");
    std::fs::copy(job.path("checkout/scim-conformance/report.json"), known).expect("a copy");
    let second = job.run(&server.url, &token);
    assert_eq!(second.status.code(), Some(0), "{}", String::from_utf8_lossy(&second.stdout));
    job.forgets(&token);
}

#[test]
fn the_example_action_says_that_it_could_not_run() {
    let job = Job::new();
    let output = job.run("http://127.0.0.1:1/scim", "a-token-of-nobody");
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Does the server run"));
    assert!(!job.path("checkout/scim-conformance/report.json").exists());
    job.forgets("a-token-of-nobody");
}

/// What is kept is what the script writes, and every input is used.
#[test]
fn the_example_action_is_whole() {
    let kept = below(ACTION, "uses: actions/upload-artifact@v4");
    assert!(kept.is_empty(), "the step has its inputs beside it: {kept:?}");
    assert!(ACTION.contains("path: scim-conformance/"));
    for line in below(ACTION, "inputs:").iter().filter(|line| !line.starts_with(' ') && !line.is_empty()) {
        let name = line.trim_end_matches(':');
        assert!(ACTION.contains(&format!("${{{{ inputs.{name} }}}}")), "the input {name} is not used");
    }
}
