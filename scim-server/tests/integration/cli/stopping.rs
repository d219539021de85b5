//! The end of a server whose audit log cannot be written: it comes, and says what is lost.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Server, World};

/// How long an end may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(100);

/// A server that has written one line to its audit log, or would have.
struct Stopping {
    child: Child,
    log: BufReader<ChildStderr>,
    /// Where its data is.
    _world: World,
}

impl Stopping {
    /// With nobody who reads its standard output behind the first line.
    fn serve(arguments: &[&str]) -> Self {
        let (world, made) = World::with_tenant("acme");
        let arguments = [&["serve", "--json", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut command = world.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let path = format!("{}/Users", made["path"].as_str().unwrap());
        let listening = ready["listening"].as_str().unwrap();
        assert_eq!(Server::get(listening, &path, made["token"].as_str()).0, 200);
        let mut server = Self { child, log, _world: world };
        server.wait_for("cannot write the audit log");
        server
    }

    fn wait_for(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "{words:?} is not in the log");
        }
    }

    fn signal(&self, name: &str) {
        let told = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
    }

    /// Its exit code, and what it has said meanwhile.
    fn ends(mut self) -> (Option<i32>, String) {
        let patience = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < patience, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut said = String::new();
        self.log.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const LOST: &str = "1 record(s) of the audit log are lost";

#[test]
fn a_full_disk_is_waited_for_no_longer_than_the_drain_timeout() {
    let server = Stopping::serve(&["--audit-log", "/dev/full", "--drain-timeout", "3s"]);
    server.signal("TERM");
    let (code, said) = server.ends();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("still waiting for the audit log") && said.contains(LOST), "{said}");
}

#[test]
fn a_second_signal_ends_the_wait() {
    let mut server = Stopping::serve(&["--audit-log", "/dev/full", "--drain-timeout", "1h"]);
    server.signal("TERM");
    server.wait_for("still waiting for the audit log");
    server.signal("INT");
    let (code, said) = server.ends();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("stopping at once") && said.contains(LOST), "{said}");
}

#[test]
fn nobody_waits_for_a_reader_that_has_gone() {
    let server = Stopping::serve(&["--audit-log", "-", "--drain-timeout", "1h"]);
    server.signal("TERM");
    let (code, said) = server.ends();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(LOST) && !said.contains("still waiting"), "{said}");
}
