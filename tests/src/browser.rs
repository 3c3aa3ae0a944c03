//! A real browser, driven over the DevTools protocol. It is spoken to through a pipe, so there is
//! no port, and nothing but the browser itself is needed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Names under which Chromium is installed.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page, ended when dropped.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    last_id: u64,
    session: Option<String>,
    troubles: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser with a window of this size; `None`, with a notice, where none is
    /// installed. `CODERL_TEST_BROWSER` names one that does not lie on `PATH`.
    ///
    /// # Panics
    /// When a browser is there and does not start.
    pub fn start(width: u32, height: u32) -> Option<Self> {
        let Some(program) = program() else {
            skipped("no Chromium on PATH (set CODERL_TEST_BROWSER)");
            return None;
        };
        let profile = TempDir::new().expect("a temporary directory can be made");
        // The protocol is spoken on descriptors 3 and 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null"])
            .arg(program)
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-first-run",
            ])
            // Containers and root have no user namespaces; the pages are our own.
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--disable-extensions", "--hide-scrollbars"])
            .arg(format!("--window-size={width},{height}"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser starts");
        let commands = child.stdin.take().expect("it is piped");
        let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while answers.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let parsed = serde_json::from_slice(&message).expect("the browser sends JSON");
                if sender.send(parsed).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            child,
            commands,
            messages,
            last_id: 0,
            session: None,
            troubles: Vec::new(),
            _profile: profile,
        };
        let target = browser.command("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.command("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.command(domain, json!({}));
        }
        browser.resize(width, height);
        Some(browser)
    }

    /// What the page sees as its window.
    pub fn resize(&mut self, width: u32, height: u32) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.command("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Which colors the system prefers: `light` or `dark`.
    pub fn prefer(&mut self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.command("Emulation.setEmulatedMedia", features);
    }

    /// Opens a file and waits until `ready`, an expression, is true.
    pub fn open(&mut self, path: &Path, ready: &str) {
        let url = format!("file://{}", path.display());
        // Leaves the page even where only the fragment differs.
        self.command("Page.navigate", json!({"url": "about:blank"}));
        let answer = self.command("Page.navigate", json!({"url": url}));
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        self.wait_until(ready);
    }

    /// The value of an expression, awaited if it is a promise.
    ///
    /// # Panics
    /// When it throws.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let arguments = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
        });
        let mut answer = self.command("Runtime.evaluate", arguments);
        assert!(
            answer.get("exceptionDetails").is_none(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    ///
    /// # Panics
    /// When it does not become true in time.
    #[track_caller]
    pub fn wait_until(&mut self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        let arguments =
            json!({"expression": format!("Boolean({expression})"), "returnByValue": true});
        loop {
            // While a page is left there is nothing to ask.
            let answer = self.try_command("Runtime.evaluate", arguments.clone());
            if answer.is_ok_and(|answer| answer["result"]["value"] == json!(true)) {
                return;
            }
            assert!(Instant::now() < deadline, "never true: {expression}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses and releases keys: `Tab`, `Enter`, `Escape`, `ArrowRight`, …, or single letters.
    pub fn press(&mut self, keys: &[&str]) {
        for key in keys {
            let (code, text) = match *key {
                "Enter" => (13, "\r"),
                "Tab" => (9, ""),
                "Escape" => (27, ""),
                "End" => (35, ""),
                "Home" => (36, ""),
                "ArrowLeft" => (37, ""),
                "ArrowRight" => (39, ""),
                "ArrowDown" => (40, ""),
                letter => (0, letter),
            };
            let event = |kind: &str, text: &str| {
                json!({
                    "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
                    "text": text,
                })
            };
            self.command("Input.dispatchKeyEvent", event("keyDown", text));
            self.command("Input.dispatchKeyEvent", event("keyUp", ""));
        }
    }

    /// A picture of the window, or of the whole page.
    pub fn screenshot(&mut self, whole: bool) -> String {
        let arguments = json!({"format": "png", "captureBeyondViewport": whole});
        let picture = self.command("Page.captureScreenshot", arguments);
        picture["data"].as_str().unwrap_or_default().to_owned()
    }

    /// Errors and warnings of the console so far, uncaught exceptions, and refused requests.
    pub fn troubles(&mut self) -> &[String] {
        // What was sent before the answer is here then.
        self.evaluate("0");
        &self.troubles
    }

    #[track_caller]
    fn command(&mut self, method: &str, parameters: Value) -> Value {
        let answer = self.try_command(method, parameters);
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_command(&mut self, method: &str, parameters: Value) -> Result<Value, Value> {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&command).expect("it is JSON");
        bytes.push(0);
        let sent = self.commands.write_all(&bytes);
        sent.expect("the browser listens");
        loop {
            let message = self.messages.recv_timeout(PATIENCE);
            let mut message = message.unwrap_or_else(|error| panic!("{method}: {error}"));
            if message["id"] == json!(self.last_id) {
                return match message.get_mut("error") {
                    Some(error) => Err(error.take()),
                    None => Ok(message["result"].take()),
                };
            }
            self.note(&message);
        }
    }

    fn note(&mut self, event: &Value) {
        let parameters = &event["params"];
        let is_trouble = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => {
                matches!(
                    parameters["type"].as_str(),
                    Some("error" | "warning" | "assert")
                )
            }
            Some("Log.entryAdded") => {
                matches!(
                    parameters["entry"]["level"].as_str(),
                    Some("error" | "warning")
                )
            }
            _ => false,
        };
        if is_trouble {
            self.troubles.push(parameters.to_string());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CODERL_TEST_BROWSER") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}

#[expect(clippy::print_stderr, reason = "a notice that a check was skipped")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}
