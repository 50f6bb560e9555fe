//! Signals become two tokens, which are handed to whatever has to end.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
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
    /// Cancels `drain` on the first SIGINT or SIGTERM and `abort` on the second.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::default();
        let tokens = shutdown.clone();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            for token in [tokens.drain, tokens.abort] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                token.cancel();
            }
        });
        Ok(shutdown)
    }
}
