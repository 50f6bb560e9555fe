//! Signals become two tokens, which are handed to whatever has to end.

use std::io;

use nix::libc;
use procfs::process::Process;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two ways a process is told to end.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// End in order: stop the load, keep what was measured.
    pub drain: CancellationToken,
    /// End at once.
    pub abort: CancellationToken,
}

impl Shutdown {
    /// Cancels `drain` on the first SIGINT, SIGTERM or SIGHUP and `abort` on the second. A SIGHUP that whoever started this
    /// process had it ignore (`nohup`) stays ignored.
    ///
    /// A file that may not grow any more is from here on an error of who writes it, and does not end the process.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::default();
        let tokens = shutdown.clone();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = if is_ignored(libc::SIGHUP) { None } else { Some(signal(SignalKind::hangup())?) };
        // Nobody listens: that it is caught is enough. What is started begins with the signal as it was.
        drop(signal(SignalKind::from_raw(libc::SIGXFSZ))?);
        tokio::spawn(async move {
            for token in [tokens.drain, tokens.abort] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = received(&mut hang_up) => {}
                }
                token.cancel();
            }
        });
        Ok(shutdown)
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether this process was started with that signal ignored.
fn is_ignored(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign & (1 << (signal - 1)) != 0)
}
