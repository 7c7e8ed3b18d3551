//! How many files this process may open: each connection is one.

use std::io;

use crate::metrics::ACCEPT_ERRORS;
use crate::telemetry::OnceAMinute;

/// Raises the limit as far as this process may, and warns where that is little: a request in flight takes a connection, and perhaps
/// one to DynamoDB or a file.
#[cfg(unix)]
pub(crate) fn raise_limit(max_in_flight: u32) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it is refused, the limit is as it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let needed = u64::from(max_in_flight) * 2;
    if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            "few files can be open at once: raise the hard limit (ulimit -Hn, nofile) to twice MAX_IN_FLIGHT, or lower MAX_IN_FLIGHT"
        );
    }
}

/// There is no such limit.
#[cfg(not(unix))]
pub(crate) fn raise_limit(_: u32) {}

/// Counts connections that could not be accepted, and says so now and then: it is tried twenty times a second.
#[derive(Debug)]
pub(crate) struct AcceptErrors {
    log: OnceAMinute,
}

impl AcceptErrors {
    pub(crate) fn new() -> Self {
        // So that it is there before the first one.
        metrics::counter!(ACCEPT_ERRORS).increment(0);
        Self { log: OnceAMinute::new() }
    }

    /// Where a client is known, it was accepted, and its connection failed: that is its own affair.
    pub(crate) fn on_error<A>(&self, client: Option<&A>, error: &io::Error) {
        if client.is_some() {
            return;
        }
        metrics::counter!(ACCEPT_ERRORS).increment(1);
        if self.log.is_due() {
            tracing::warn!(%error, "connections cannot be accepted: they wait until others end");
        }
    }
}
