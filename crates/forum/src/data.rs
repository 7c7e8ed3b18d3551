//! Reading, comparing, checking, repairing and copying data. Nothing here depends on the command line or prints.

pub(crate) mod activity;
pub(crate) mod archive;
pub(crate) mod backup;
pub(crate) mod checksum;
pub(crate) mod compare;
pub(crate) mod dynamodb;
pub(crate) mod inspect;
pub(crate) mod location;
pub(crate) mod repair;
pub(crate) mod restore;
pub(crate) mod samples;
pub(crate) mod source;
pub(crate) mod survey;
pub(crate) mod write;
