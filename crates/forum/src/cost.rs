//! What a load costs on DynamoDB, before it does.

pub(crate) mod estimate;
pub(crate) mod operations;
pub(crate) mod prices;
pub(crate) mod profile;
pub(crate) mod report;
