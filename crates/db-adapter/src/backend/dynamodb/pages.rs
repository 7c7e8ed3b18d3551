//! Loops over the pages of a list, which end whatever the responses are.

use super::attribute_value::Raw;
use super::call::Call;
use crate::store::error::Result;

/// Maximum number of empty pages in a row. DynamoDB has one at the end of a list, and some where much was deleted.
const MAX_EMPTY: u32 = 100;

/// Where a loop over pages is.
#[derive(Debug)]
pub(super) struct Pages {
    /// Where the next page starts; `None` on the first one, unless the list is read from a cursor on.
    pub(super) start: Option<Raw>,
    /// An earlier start. It is replaced after 1, 2, 4, 8, … pages, so that a circle of any length comes back to it (Brent).
    mark: Option<Raw>,
    pages: u32,
    empty: u32,
}

impl Pages {
    /// From there on.
    pub(super) fn from(start: Option<Raw>) -> Self {
        Self { mark: start.clone(), start, pages: 0, empty: 0 }
    }

    /// After a page of so many items: is there another one?
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] where the pages do not end: one leads to an earlier one, or many are empty.
    pub(super) fn go_on(&mut self, call: &Call<'_>, items: usize, last: Option<Raw>) -> Result<bool> {
        let Some(last) = last else { return Ok(false) };
        if self.mark.as_ref() == Some(&last) {
            return Err(call.endless("a page leads to one that was read before, so that the same ones come again and again"));
        }
        self.empty = if items == 0 { self.empty + 1 } else { 0 };
        if self.empty == MAX_EMPTY {
            return Err(call.endless(&format!("{MAX_EMPTY} pages in a row are empty")));
        }
        self.pages = self.pages.saturating_add(1);
        if self.pages.is_power_of_two() {
            self.mark = Some(last.clone());
        }
        self.start = Some(last);
        Ok(true)
    }
}
