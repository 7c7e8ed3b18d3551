//! What the commands do with the data: read, compare, check, repair, copy. Knows no command line and prints nothing.

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
