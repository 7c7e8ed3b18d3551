//! The backends. Each stands on [`crate::store`] alone: neither knows the other, the forum or the settings.

pub mod dynamodb;
pub mod json;
