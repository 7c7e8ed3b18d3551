//! Items that end by themselves: the table's time to live.
//!
//! An item ends at the time that its [`Table::ttl`] attribute holds, in seconds since 1970. What is not a number is no time: such an
//! item is broken, and does not end.

use super::Table;
use crate::store::item::Members;

impl Table {
    /// When the item ends, if it does.
    pub(crate) fn end_in(&self, members: &Members<'_>) -> Option<f64> {
        end_of(members.get(self.ttl?)?)
    }
}

/// The time that a number holds; `None` for what is not a number, such as a text as JSON.
pub(crate) fn end_of(number: &str) -> Option<f64> {
    number.parse().ok()
}

/// Is an item past its time, if it has one?
pub(crate) fn is_over(end: Option<f64>, now: f64) -> bool {
    end.is_some_and(|end| end <= now)
}
