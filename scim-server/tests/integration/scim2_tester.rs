//! scim2-tester, a test suite that others wrote, against the real server.
//!
//! It is a Python program from PyPI. The test makes a virtual environment for it under `target/`
//! the first time, with every version pinned; without Python it fails, since a test that skips
//! itself proves nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::json;

use crate::server::{Options, TestServer};

fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scim2_tester")
}

/// The interpreter of an environment of that name, in which is installed what a folder of sources requires.
pub fn python(sources: &Path, name: &str) -> PathBuf {
    // Several tests want the same one, at the same time.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let requirements = fs::read_to_string(sources.join("requirements.txt")).expect("the requirements");
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let stamp = environment.join("installed.txt");
    let python = environment.join("bin/python");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
        return python;
    }
    let interpreter = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    run(Command::new(interpreter).args(["-m", "venv", "--clear"]).arg(&environment));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"];
    run(Command::new(&python).args(pip).arg(sources.join("requirements.txt")));
    fs::write(stamp, requirements).expect("the stamp");
    python
}

#[track_caller]
pub fn run(command: &mut Command) {
    let shown = format!("{command:?}");
    let output = command.output().unwrap_or_else(|error| {
        panic!("{shown}: {error}; this test needs Python 3.11 with venv (apt-get install python3 python3-venv)")
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{}{errors}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn no_check_fails() {
    let python = python(&sources(), "scim2-tester");
    // As it is, and with what a compliance mode is for: nothing ignored, nothing made up.
    for options in [Options::default(), Options::settings(json!({"strict": true}))] {
        let server = TestServer::with(options);
        run(Command::new(&python).arg(sources().join("run.py")).args([&server.base(), server.token()]));
    }
}
