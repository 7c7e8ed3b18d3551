//! Interrupting a long command cleanly.

use std::future::Future;

use anyhow::{Result, bail};

/// Runs the work until it is done or the process is interrupted (Ctrl-C, SIGTERM). Then the work is dropped at its next await, and the
/// error names the command `next` that continues it.
pub(crate) async fn or_interrupted<T>(work: impl Future<Output = Result<T>>, next: &str) -> Result<T> {
    tokio::select! {
        done = work => done,
        () = stop() => bail!("interrupted; completed work is kept. Next: {next}"),
    }
}

async fn stop() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}
