//! Whether this process may write now.

mod clock;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

pub use clock::{Clock, SystemClock};

use super::error::{Error, Result};

/// The permission to write, which ends by itself. To check it is one atomic load and a look at the clock, so that it can be done right
/// before a request is sent, also after the process was stopped for a while.
#[derive(Debug)]
pub struct Grant {
    clock: Arc<dyn Clock>,
    /// Nanoseconds of the clock at which it ends; 0: there is none.
    until: AtomicU64,
    writer: RwLock<Option<String>>,
}

impl Grant {
    /// Nothing is allowed yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, until: AtomicU64::new(0), writer: RwLock::default() }
    }

    /// Is writing allowed now?
    pub fn is_open(&self) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until != 0 && self.clock.elapsed() < Duration::from_nanos(until)
    }

    /// Fails unless writing is allowed now.
    ///
    /// # Errors
    /// [`Error::NotWriting`] names the Region that writes, where it is known.
    pub fn check(&self) -> Result<()> {
        if self.is_open() { Ok(()) } else { Err(self.refusal()) }
    }

    /// The error of a write that is not allowed.
    pub(crate) fn refusal(&self) -> Error {
        Error::NotWriting { writer: self.writer() }
    }

    /// The Region that writes, where it is known and one does.
    pub fn writer(&self) -> Option<String> {
        self.writer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writing is allowed until the clock shows that time, in `writer`, which is the own Region.
    pub fn open_until(&self, until: Duration, writer: &str) {
        self.set_writer(Some(writer));
        self.until.store(u64::try_from(until.as_nanos()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Writing is not allowed from now on; `writer` is the Region that writes, if one does.
    pub fn close(&self, writer: Option<&str>) {
        self.until.store(0, Ordering::Release);
        self.set_writer(writer);
    }

    fn set_writer(&self, writer: Option<&str>) {
        let mut known = self.writer.write().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() != writer {
            *known = writer.map(str::to_owned);
        }
    }
}
