//! What every long command has: progress, a limit of its rate, and an end when it is interrupted.

pub(crate) mod interrupt;
pub(crate) mod progress;
pub(crate) mod rate;
