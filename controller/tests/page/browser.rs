//! A real Chromium without a window, over the DevTools protocol through a pair of pipes (`--remote-debugging-pipe`): messages are
//! JSON, each ended by a zero byte. <https://chromedevtools.github.io/devtools-protocol/>

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Far beyond what a page takes, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A browser with one page, which ends with the test.
pub(crate) struct Browser {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    sent: u64,
    /// What has happened and was not asked for.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// None where there is no Chromium, which is then said; on CI there must be one.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            assert!(std::env::var_os("CI").is_none(), "no chromium here, and CI must have one (Debian: chromium)");
            println!("skipped: no chromium here (Debian: chromium)");
            return None;
        };
        let profile = TempDir::new().unwrap();
        // The pipes are its descriptors 3 and 4. Its sandbox needs rights that a container may not give; the page is our own.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >&2"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--remote-debugging-pipe", "--host-resolver-rules=MAP * ~NOTFOUND"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut browser =
            Self { child, orders, answers, session: None, sent: 0, events: Vec::new(), _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached =
            browser.call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.size(1280, 900);
        Some(browser)
    }

    pub(crate) fn size(&mut self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    pub(crate) fn media(&mut self, medium: &str, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "media": medium, "features": features }));
    }

    /// Shows a file, and waits until its charts are drawn. Complaints and requests are those of this page alone.
    pub(crate) fn open(&mut self, file: &Path) {
        self.events.clear();
        self.call("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        self.wait_for("document.documentElement?.dataset.drawn === 'yes'");
    }

    /// Shows a file whose script is not allowed to run.
    pub(crate) fn open_without_script(&mut self, file: &Path) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
        self.call("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        self.wait_for("document.readyState === 'complete' && document.querySelector('main') !== null");
    }

    /// The value of an expression, which must not throw.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let order = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", order);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"].get("value").cloned().unwrap_or(Value::Null)
    }

    #[track_caller]
    pub(crate) fn wait_for(&mut self, condition: &str) {
        let since = Instant::now();
        while self.value(condition) != json!(true) {
            assert!(since.elapsed() < LIMIT, "{condition}: not after {LIMIT:?}; {:?}", self.complaints());
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }

    /// Presses a key on what has the focus.
    pub(crate) fn key(&mut self, key: &str, code: &str, number: u32) {
        let text = if key.chars().count() == 1 {
            key
        } else if key == "Enter" {
            "\r"
        } else {
            ""
        };
        for kind in ["keyDown", "keyUp"] {
            let mut order = json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number });
            if kind == "keyDown" && !text.is_empty() {
                order["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", order);
        }
    }

    /// Drags the mouse from left to right over what a selector finds, between two shares of its width.
    pub(crate) fn drag(&mut self, selector: &str, from: f64, to: f64) {
        let place = format!(
            "(() => {{ const it = document.querySelector({}); it.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const box = it.getBoundingClientRect(); return [box.left, box.top + box.height / 2, box.width]; }})()",
            json!(selector)
        );
        let place = self.value(&place);
        let [left, y, width] = [0, 1, 2].map(|number| place[number].as_f64().unwrap());
        for (kind, share) in
            [("mousePressed", from), ("mouseMoved", (from + to) / 2.0), ("mouseMoved", to), ("mouseReleased", to)]
        {
            let order = json!({ "type": kind, "x": left + share * width, "y": y, "button": "left", "buttons": 1, "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", order);
        }
    }

    /// Errors that its script or the browser has complained of.
    pub(crate) fn complaints(&self) -> Vec<&Value> {
        let about = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => true,
            Some("Log.entryAdded") => event["params"]["entry"]["level"] != "verbose",
            _ => false,
        };
        self.events.iter().filter(about).collect()
    }

    /// Every address that was asked for.
    pub(crate) fn requests(&self) -> Vec<&str> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.filter_map(|event| event["params"]["request"]["url"].as_str()).collect()
    }

    /// Orders something and waits for what comes of it.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut order = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).unwrap();
        loop {
            let mut message = Vec::new();
            self.answers.read_until(0, &mut message).unwrap();
            assert_eq!(message.pop(), Some(0), "the browser has gone away");
            let mut message: Value = serde_json::from_slice(&message).unwrap();
            if message["id"] != json!(self.sent) {
                self.events.push(message);
                continue;
            }
            assert!(message.get("error").is_none(), "{method}: {message}");
            return message["result"].take();
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser itself: the shell has become it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn program() -> Option<PathBuf> {
    let folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
}
