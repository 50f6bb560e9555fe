//! A run under way, followed by its events.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::Outcome;
use crate::patience::eventually;

/// Far longer than any run is silent.
const LIMIT: Duration = Duration::from_secs(120);

/// A controller whose run goes on; it is killed when this is dropped.
pub struct Going {
    controller: Child,
    events: Receiver<Value>,
    stderr: Option<JoinHandle<String>>,
}

impl Going {
    /// Starts `rpycbench-controller run … --json`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(mut command: Command) -> Self {
        let mut controller =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the controller starts");
        let stdout = BufReader::new(controller.stdout.take().expect("a pipe"));
        let mut stderr = controller.stderr.take().expect("a pipe");
        let (sender, events) = channel();
        // Read on whether or not anybody looks, or the run would wait for its reader.
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                drop(serde_json::from_str(&line).map(|event| sender.send(event)));
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut said = String::new();
            drop(stderr.read_to_string(&mut said));
            said
        });
        Self { controller, events, stderr: Some(stderr) }
    }

    /// The next event of that sort.
    ///
    /// # Panics
    /// When the run ends without one.
    #[track_caller]
    pub fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        loop {
            match self.events.recv_timeout(LIMIT) {
                Ok(event) if wanted(&event) => return event,
                Ok(event) => last = event,
                Err(error) => {
                    drop(self.controller.kill());
                    let said = self.stderr.take().map(JoinHandle::join);
                    panic!("{what}: {error}, last event {last}, {said:?}");
                }
            }
        }
    }

    /// Waits until samples are taken, at least so many.
    ///
    /// # Panics
    /// When there never are.
    #[track_caller]
    pub fn until_done(&mut self, at_least: u64) -> Value {
        self.until("the load runs", |event| event["phase"] == "driving" && event["done"].as_u64() >= Some(at_least))
    }

    /// Sends the controller a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.controller.id().cast_signed()), signal).expect("it lives");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it never ends.
    #[track_caller]
    pub fn end(mut self) -> Outcome {
        let status = eventually("the controller ends", || match self.controller.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(other),
        });
        let stderr = self.stderr.take().map(|reading| reading.join().expect("it was read")).unwrap_or_default();
        Outcome { code: status.code(), stdout: String::new(), stderr }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        drop(self.controller.kill());
        drop(self.controller.wait());
    }
}
