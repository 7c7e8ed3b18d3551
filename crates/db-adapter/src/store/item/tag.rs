//! Which state of an item: what conditional writes compare, and what clients see as its ETag.

use std::fmt;

/// What a conditional write compares: the version and the write that made it. What an item lacks is 0 and `"0"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The item's version.
    pub version: u64,
    /// The write that the item comes from.
    pub write_id: String,
}

impl Tag {
    /// What stands for the `writeId` of an item that has none.
    pub const NO_WRITE_ID: &'static str = "0";
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.version, self.write_id)
    }
}
