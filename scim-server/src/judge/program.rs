//! The program `scim-conformance`: where it is, and a run of it as a child that ends when it must.
//!
//! It gets its token by its input and gives its report by its output, so no file has either. It gets no variable of the
//! server's environment, in which there may be secrets.

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::report::Verdict;

/// The name of the program.
const NAME: &str = "scim-conformance";
/// The most bytes of a report that are read.
const MOST: u64 = 64 << 20;
/// The most bytes of what it complains of.
const COMPLAINTS: u64 = 64 << 10;
/// How often it is looked whether the program has ended.
const PAUSE: Duration = Duration::from_millis(50);
/// A file that is the input.
const INPUT: &str = "/dev/stdin";

/// The program beside the one that runs, if it is there.
pub fn beside_ours() -> Option<PathBuf> {
    let ours = std::env::current_exe().ok()?;
    Some(ours.with_file_name(NAME)).filter(|program| program.is_file())
}

/// A run that can be stopped.
pub struct Judging<'a> {
    pub program: &'a Path,
    /// Set by whoever wants it to end.
    pub stop: &'a AtomicBool,
    pub longest: Duration,
}

/// What a child has said.
struct Said {
    output: Vec<u8>,
    complaints: String,
}

impl Judging<'_> {
    /// Runs the cases of a profile, and reads the report. Blocks until that is done.
    pub fn report(&self, endpoint: &str, token: &str, profile: &str) -> Result<Verdict, String> {
        let arguments = ["run", "--url", endpoint, "--token-file", INPUT, "--profile", profile, "--report", "json"];
        let said = self.run(&arguments, token.as_bytes().to_vec())?;
        let verdict = Verdict::read(&said.output).map_err(|_| {
            let why = said.complaints.trim();
            if why.is_empty() { "scim-conformance wrote no report".to_owned() } else { why.to_owned() }
        })?;
        let page = self.run(&["render", INPUT, "--report", "html"], said.output)?.output;
        Ok(Verdict { page: page.into(), ..verdict })
    }

    fn run(&self, arguments: &[&str], input: Vec<u8>) -> Result<Said, String> {
        let mut command = Command::new(self.program);
        command.args(arguments).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| format!("{} cannot be started: {error}", self.program.display()))?;
        let stdin = child.stdin.take();
        let writer = thread::spawn(move || {
            // A child that reads no more has its reasons, and says them.
            let _ = stdin.map(|mut stdin| stdin.write_all(&input));
        });
        let output = child.stdout.take().map(|output| thread::spawn(move || read(output, MOST)));
        let complaints = child.stderr.take().map(|output| thread::spawn(move || read(output, COMPLAINTS)));
        let ended = self.wait(&mut child);
        let _ = writer.join();
        let joined = |reader: Option<thread::JoinHandle<Vec<u8>>>| {
            reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
        };
        let (output, complaints) = (joined(output), joined(complaints));
        ended?;
        Ok(Said { output, complaints: String::from_utf8_lossy(&complaints).into_owned() })
    }

    /// Waits for the end of a child, and brings it about when it must end.
    fn wait(&self, child: &mut Child) -> Result<(), String> {
        let begin = Instant::now();
        let why = loop {
            match child.try_wait() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) if self.stop.load(Ordering::Relaxed) => break "it was stopped".to_owned(),
                Ok(None) if begin.elapsed() > self.longest => {
                    break format!(
                        "it was stopped, because it took longer than {} minutes",
                        self.longest.as_secs() / 60
                    );
                }
                Ok(None) => thread::sleep(PAUSE),
                Err(error) => break format!("scim-conformance cannot be waited for: {error}"),
            }
        };
        let _ = child.kill();
        let _ = child.wait();
        Err(why)
    }
}

/// Reads to the end, but keeps no more than so many bytes.
fn read(mut from: impl std::io::Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.by_ref().take(most).read_to_end(&mut bytes);
    let _ = std::io::copy(&mut from, &mut std::io::sink());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that does this. Written by another process: a child of another test would hold what this one writes open
    /// for writing, and such a program cannot be started.
    fn script(folder: &tempfile::TempDir, text: &str) -> PathBuf {
        let path = folder.path().join(NAME);
        let mut install = Command::new("install");
        let mut install = install.args(["-m", "755", "/dev/stdin"]).arg(&path).stdin(Stdio::piped()).spawn().unwrap();
        writeln!(install.stdin.take().unwrap(), "#!/bin/sh\n{text}").unwrap();
        assert!(install.wait().unwrap().success());
        path
    }

    fn judged(text: &str, stop: bool, longest: Duration) -> Result<Verdict, String> {
        let folder = tempfile::tempdir().unwrap();
        let program = script(&folder, text);
        let stop = AtomicBool::new(stop);
        Judging { program: &program, stop: &stop, longest }.report("http://x", "the-token", "rfc")
    }

    #[test]
    fn a_run_ends_when_it_must_and_says_why() {
        let hour = Duration::from_secs(3600);
        let why = |text, stop, longest| judged(text, stop, longest).unwrap_err();
        assert_eq!(why("exec sleep 600", true, hour), "it was stopped");
        assert!(why("exec sleep 600", false, Duration::ZERO).contains("longer than 0 minutes"));
        assert_eq!(why("echo no such server >&2; exit 2", false, hour), "no such server");
        assert_eq!(why("exit 0", false, hour), "scim-conformance wrote no report");
        let missing = Path::new("/nowhere/scim-conformance");
        let stop = AtomicBool::new(false);
        let judging = Judging { program: missing, stop: &stop, longest: hour };
        assert!(judging.report("http://x", "t", "rfc").unwrap_err().contains("cannot be started"));
    }

    #[test]
    fn the_token_is_the_input_and_the_page_is_made_of_the_report() {
        let report = r#"{"profile": "rfc", "totals": {"fail": 1, "error": 0, "warn": 2, "skip": 3, "pass": 4}, "causes": [{"verdict": "fail", "what": "$token", "cases": ["a"]}]}"#;
        let text = format!(
            "if [ \"$1\" = run ]; then token=$(/bin/cat); [ -z \"$HOME\" ] || token=environment; /bin/cat <<END\n{report}\nEND\nelse echo \"<p>$2</p>\"; /bin/cat >/dev/null; fi"
        );
        let verdict = judged(&text, false, Duration::from_secs(3600)).unwrap();
        assert_eq!((verdict.totals.fail, verdict.totals.pass), (1, 4));
        assert_eq!(verdict.causes[0].what, "the-token");
        assert_eq!(&verdict.page[..], b"<p>/dev/stdin</p>\n");
    }
}
