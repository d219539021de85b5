//! A real browser, driven by the protocol of its developer tools over two pipes (`--remote-debugging-pipe`).
//!
//! Chromium reads commands from its file descriptor 3 and writes answers and events to 4, each ended by a zero byte.
//! A shell makes these of its input and output, so nothing more than the browser itself is needed.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::PATIENCE;

/// Headless Chromium; `make test` installs it.
fn chromium() -> PathBuf {
    let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let found = known.iter().map(Path::new).find(|program| program.exists());
    found.expect("Chromium, to look at pages: apt-get install chromium").to_owned()
}

/// A browser with one page.
pub struct Browser {
    process: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: String,
    last: u64,
    /// What went wrong in the pages: errors of scripts, broken policies, requests to other hosts.
    faults: Vec<String>,
    /// The only host that pages may ask.
    host: String,
    /// Where forms were sent to: that one is refused is no fault of its page.
    sent: Vec<Value>,
    /// Whether the page that was asked for is there.
    loaded: bool,
    _profile: TempDir,
}

impl Browser {
    /// A browser whose pages may ask this server only.
    pub fn start(origin: &str) -> Self {
        let profile = tempfile::tempdir().expect("a directory");
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"])
            .arg(chromium())
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--remote-debugging-pipe", "--force-color-profile=srgb"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Chromium starts");
        let commands = process.stdin.take().expect("the pipe of commands");
        let messages = follow(process.stdout.take().expect("the pipe of answers"));
        let host = origin.trim_start_matches("http://").to_owned();
        let mut browser = Self {
            process,
            commands,
            messages,
            session: String::new(),
            last: 0,
            faults: Vec::new(),
            host,
            sent: Vec::new(),
            loaded: false,
            _profile: profile,
        };
        browser.attach();
        browser
    }

    fn attach(&mut self) {
        let targets = self.call("Target.getTargets", &json!({}));
        let targets = targets["targetInfos"].as_array().cloned().unwrap_or_default();
        let page = targets.iter().find(|target| target["type"] == "page").expect("a page");
        let attached = self.call("Target.attachToTarget", &json!({"targetId": page["targetId"], "flatten": true}));
        attached["sessionId"].as_str().expect("a session").clone_into(&mut self.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
    }

    /// Sends a command, and waits for its result. What happens meanwhile is noted.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.ask(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The same; the error of a command that failed.
    fn ask(&mut self, method: &str, parameters: &Value) -> Result<Value, Value> {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).expect("the browser reads");
        loop {
            let message = self.next(method);
            if message["id"] == self.last {
                return message.get("error").map_or_else(|| Ok(message["result"].clone()), |error| Err(error.clone()));
            }
        }
    }

    fn next(&mut self, waiting_for: &str) -> Value {
        let message = self.messages.recv_timeout(PATIENCE);
        let message = message.unwrap_or_else(|error| panic!("no answer to {waiting_for}: {error}"));
        self.note(&message);
        message
    }

    fn note(&mut self, message: &Value) {
        let event = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => self.loaded = true,
            "Runtime.exceptionThrown" => self.faults.push(format!("exception: {event}")),
            "Runtime.consoleAPICalled" if event["type"] == "error" => self.faults.push(format!("console: {event}")),
            "Log.entryAdded" if event["entry"]["source"] == "network" && self.sent.contains(&event["entry"]["url"]) => {
            }
            "Log.entryAdded" if event["entry"]["level"] == "error" => self.faults.push(format!("log: {event}")),
            "Network.requestWillBeSent" => {
                if event["type"] == "Document" && event["request"]["method"] == "POST" {
                    self.sent.push(event["request"]["url"].clone());
                }
                let url = event["request"]["url"].as_str().unwrap_or_default();
                let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
                if host != self.host && !url.starts_with("about:") {
                    self.faults.push(format!("another host: {url}"));
                }
            }
            _ => {}
        }
    }

    /// Opens a page, and waits until it is there.
    pub fn open(&mut self, url: &str) {
        self.loaded = false;
        self.call("Page.navigate", &json!({"url": url}));
        while !self.loaded {
            self.next("Page.navigate");
        }
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub fn run(&mut self, script: &str) -> Value {
        self.attempt(script).unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The same; the error of an expression that failed, or whose page was left.
    fn attempt(&mut self, script: &str) -> Result<Value, Value> {
        let parameters = json!({"expression": script, "returnByValue": true, "awaitPromise": true});
        let result = self.ask("Runtime.evaluate", &parameters)?;
        if result.get("exceptionDetails").is_some() {
            return Err(result);
        }
        Ok(result["result"]["value"].clone())
    }

    /// Waits until an expression is true. One that fails is not true yet: it may name what has not come.
    #[track_caller]
    pub fn wait_for(&mut self, script: &str) {
        let end = Instant::now() + PATIENCE;
        while self.attempt(script) != Ok(true.into()) {
            assert!(Instant::now() < end, "never true: {script}\n{}\n{:#?}", self.text(), self.faults);
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the page is there and has these words, and gives its text.
    #[track_caller]
    pub fn sees(&mut self, words: &str) -> String {
        self.wait_for(&format!(
            "document.readyState === 'complete' && document.body.innerText.includes({})",
            json!(words)
        ));
        self.text()
    }

    /// What can be read on the page.
    fn text(&mut self) -> String {
        self.attempt("document.body.innerText").unwrap_or_default().as_str().unwrap_or_default().to_owned()
    }

    /// Clicks on the first thing that these selectors name and that has this text.
    #[track_caller]
    pub fn click(&mut self, selectors: &str, text: &str) {
        let script = format!(
            "(() => {{ const found = [...document.querySelectorAll({})].find(one => one.textContent.includes({})); if (found) found.click(); return !!found; }})()",
            json!(selectors),
            json!(text)
        );
        assert_eq!(self.run(&script), true, "there is no {text:?} to click on: {}", self.text());
    }

    /// Presses a key: `Tab`, `Enter`, `/`.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => (0, other),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let key = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.call("Input.dispatchKeyEvent", &key);
        }
    }

    /// Presses Tab until the focus is on the field of that name, or on the link or button with that text.
    #[track_caller]
    pub fn tab_to(&mut self, what: &str) {
        for _ in 0..60 {
            self.press("Tab");
            if self.run("document.activeElement.name || document.activeElement.textContent.trim()") == what {
                return;
            }
        }
        panic!("Tab never leads to {what}");
    }

    /// Types a text into the first field of that name that is seen.
    #[track_caller]
    pub fn fill(&mut self, name: &str, text: &str) {
        let fields = json!(format!("main [name=\"{name}\"]"));
        let focused = self.run(&format!(
            "(() => {{ const field = [...document.querySelectorAll({fields})].find(one => one.checkVisibility()); if (field) field.focus(); return !!field; }})()"
        ));
        assert_eq!(focused, true, "there is no field {name:?}: {}", self.text());
        self.write(text);
    }

    /// Types a text where the focus is.
    pub fn write(&mut self, text: &str) {
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// Makes the window so large, light or dark.
    pub fn resize(&mut self, width: u32, height: u32, dark: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// A picture of the window (PNG).
    pub fn picture(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64")
    }

    /// What went wrong since it was last asked.
    pub fn faults(&mut self) -> Vec<String> {
        // What was on its way is read, too.
        self.run("1");
        std::mem::take(&mut self.faults)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The messages of the browser, as they come.
fn follow(answers: ChildStdout) -> Receiver<Value> {
    let (sender, messages) = mpsc::channel();
    thread::spawn(move || {
        let mut answers = BufReader::new(answers);
        let mut message = Vec::new();
        while answers.read_until(0, &mut message).is_ok_and(|read| read > 0) {
            if message.last() == Some(&0) {
                message.pop();
            }
            let parsed = serde_json::from_slice(&message).unwrap_or_default();
            message.clear();
            if sender.send(parsed).is_err() {
                return;
            }
        }
    });
    messages
}
