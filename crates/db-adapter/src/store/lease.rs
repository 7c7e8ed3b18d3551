//! The lease, and the store that keeps it.

use std::fmt::Debug;

use async_trait::async_trait;

use super::error::Result;

/// Which Region writes. Nothing is decided by its times alone: clocks may be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The Region that writes; `None` while none does.
    pub region: Option<String>,
    /// Grows with every change of the Region.
    pub epoch: u64,
    /// Made anew with every change, so that whoever lost the response knows its own.
    pub change: String,
    /// When it was changed, in RFC 3339, by the clock of whoever did it.
    pub since: String,
    /// Before this time the Region does not write.
    pub not_before: String,
    /// The heartbeat: the Region that writes renews it every few seconds.
    pub renewed: String,
}

/// Keeps the lease. Its reads see every acknowledged change, whichever Region made it.
#[async_trait]
pub trait Control: Debug + Send + Sync {
    /// The lease; `None` where nobody has made one.
    ///
    /// # Errors
    /// The store cannot be read now.
    async fn read(&self) -> Result<Option<Lease>>;

    /// Stores the lease if the stored one still has the epoch `expected`, or there is none where that is `None`. Returns whether it
    /// did. Repeating it after a lost response is harmless, as the stored lease tells by [`Lease::change`].
    ///
    /// # Errors
    /// The store cannot be written now. The lease may have been stored.
    async fn replace(&self, expected: Option<u64>, lease: &Lease) -> Result<bool>;

    /// Sets [`Lease::renewed`], if nobody else has changed the lease or renewed it since it was read.
    ///
    /// # Errors
    /// The store cannot be written now.
    async fn renew(&self, lease: &Lease, now: &str) -> Result<()>;
}
