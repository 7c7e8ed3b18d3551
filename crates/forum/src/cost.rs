//! Estimates of what a load costs on DynamoDB, and with everything around it.

pub(crate) mod estimate;
pub(crate) mod profile;
pub(crate) mod report;
pub(crate) mod stack;
