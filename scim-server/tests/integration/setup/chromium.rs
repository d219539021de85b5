//! The way of a newcomer in a real browser: the link, the button, the values, the token, and the page that sees the
//! first call by itself.
//!
//! The browser is driven by its own protocol over two pipes (Chrome DevTools Protocol, `--remote-debugging-pipe`):
//! JSON, each message ending in a zero byte.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{fresh, link};
use crate::server::{Options, PATIENCE};

/// A browser with one page.
struct Chromium {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: String,
    next: u64,
    /// What the console and the policies of pages have complained about, and what was asked for elsewhere.
    complaints: Vec<String>,
    origin: String,
    _profile: TempDir,
}

impl Chromium {
    fn start(origin: &str) -> Self {
        let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
        let program = known.iter().find(|program| Path::new(program).exists());
        let program = program.expect("Chromium, to look at pages: apt-get install chromium");
        let profile = tempfile::tempdir().expect("a directory");
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null", program])
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Chromium starts");
        let to = process.stdin.take().expect("a pipe");
        let from = BufReader::new(process.stdout.take().expect("a pipe"));
        let (session, complaints, origin) = (String::new(), Vec::new(), origin.to_owned());
        let mut browser = Self { process, to, from, session, next: 0, complaints, origin, _profile: profile };
        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        attached["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        for domain in ["Page.enable", "Runtime.enable", "Network.enable", "Log.enable"] {
            browser.ask(domain, &json!({}));
        }
        browser
    }

    /// Gives an order, and waits for what comes of it.
    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.to.write_all(message.to_string().as_bytes()).expect("Chromium reads");
        self.to.write_all(&[0]).expect("Chromium reads");
        loop {
            let mut bytes = Vec::new();
            self.from.read_until(0, &mut bytes).expect("Chromium writes");
            bytes.pop();
            let told: Value = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{method}: {error}"));
            if told["id"] == self.next {
                // A page that is being left has nothing to say.
                return told["result"].clone();
            }
            self.note(&told);
        }
    }

    fn note(&mut self, told: &Value) {
        let url = told["params"]["request"]["url"].as_str().unwrap_or_default();
        let is_foreign = !url.is_empty() && !url.starts_with(&self.origin) && !url.starts_with("about:");
        match told["method"].as_str() {
            Some("Network.requestWillBeSent") if is_foreign => self.complaints.push(format!("asked for {url}")),
            Some("Runtime.exceptionThrown") => self.complaints.push(told["params"].to_string()),
            Some("Log.entryAdded") if told["params"]["entry"]["level"] != "verbose" => {
                self.complaints.push(told["params"].to_string());
            }
            _ => {}
        }
    }

    /// What a script of ours gives on the page.
    fn evaluate(&mut self, script: &str) -> Value {
        let answer = self.ask("Runtime.evaluate", &json!({"expression": script, "returnByValue": true}));
        answer["result"]["value"].clone()
    }

    fn go(&mut self, url: &str) {
        self.ask("Page.navigate", &json!({"url": url}));
    }

    /// Waits until the page has these words, and gives its text.
    #[track_caller]
    fn sees(&mut self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let text =
                self.evaluate("document.readyState == 'complete' && document.body ? document.body.innerText : ''");
            let text = text.as_str().unwrap_or_default().to_owned();
            if text.contains(words) {
                return text;
            }
            assert!(Instant::now() < end, "{words:?} is not on the page: {text}\n{:?}", self.complaints);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses the first thing that these selectors name and that has this text.
    #[track_caller]
    fn press(&mut self, selector: &str, text: &str) {
        let script = format!(
            "(() => {{ const found = [...document.querySelectorAll({selector})].find(one => one.textContent.includes({text})); if (found) found.click(); return !!found; }})()",
            selector = json!(selector),
            text = json!(text)
        );
        assert_eq!(self.evaluate(&script), true, "there is no {text:?} to press");
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_sees_the_first_call_arrive() {
    let server = fresh(Options::settings(json!({"operator": {"name": "Example Ltd", "colour": "#8a2be2"}})));
    let made = link(&server, &["--allow", "tokens"]);
    let mut browser = Chromium::start(server.origin());
    browser.go(made["url"].as_str().expect("a URL"));
    browser.sees("Example Ltd invites you to connect your identity provider");
    browser.press("button", "Begin");
    browser.sees("Waiting for the first call");
    assert_eq!(browser.evaluate("document.cookie"), "", "no script sees the session");
    assert_eq!(browser.evaluate("location.pathname"), "/setup", "the code is out of the address");
    browser.press("a", "Microsoft Entra ID");
    browser.sees("Values to enter");
    browser.press("a", "Use a token instead");
    browser.sees("Secret Token");
    browser.press("button", "Make the token");
    browser.sees("It is shown this once");
    let token = browser.evaluate("document.querySelector('.secret code').textContent");
    let token = token.as_str().expect("a token").to_owned();
    browser.press("a", "See whether your provider calls");
    browser.sees("Waiting for the first call");
    super::journey::entra_calls(&server, &token).await;
    // Nobody presses anything: the page asks by itself.
    browser.sees("Seen: your provider reaches this server");
    browser.go(&format!("{}/setup", server.origin()));
    let home = browser.sees("Tokens");
    assert!(home.contains("entra") && !home.contains(&token), "{home}");
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}
