//! Interrupting a long command cleanly.

use std::future::Future;

use anyhow::{Result, bail};

/// What an interrupted command leaves, where it can be continued.
pub(crate) const KEPT: &str = "completed work is kept";

/// Runs the work until it is done or the process is interrupted (Ctrl-C, SIGTERM). Then the work is dropped at its next await, and the
/// error says what it leaves and names the command `next`, which continues it or starts over.
pub(crate) async fn or_interrupted<T>(work: impl Future<Output = Result<T>>, leaves: &str, next: &str) -> Result<T> {
    tokio::select! {
        // First, so that the signals are ours before the work begins.
        biased;
        () = stop() => bail!("interrupted; {leaves}. Next: {next}"),
        done = work => done,
    }
}

async fn stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
