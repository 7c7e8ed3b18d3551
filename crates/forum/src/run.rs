//! What long commands share: progress, rate limits, interruption.

pub(crate) mod interrupt;
pub(crate) mod progress;
pub(crate) mod rate;
