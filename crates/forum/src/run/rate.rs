//! Limits of the capacity that a command uses, so that it leaves capacity for the forum's own requests.

use std::sync::{Mutex, PoisonError};

use db_adapter::{Item, Table};
use tokio::time::{Duration, Instant};

/// Bytes that one read unit covers with strong consistency; an eventual read costs half.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
const READ_UNIT_BYTES: f64 = 4096.0;
/// Bytes that one write unit covers. Source: as [`READ_UNIT_BYTES`].
const WRITE_UNIT_BYTES: usize = 1024;
/// Approximate size of a claim in bytes.
const CLAIM_BYTES: usize = 100;

/// A maximum of capacity units per second, shared by all tasks of a command; `None` for no limit.
#[derive(Debug)]
pub(crate) struct RateCap {
    per_second: Option<u32>,
    /// When all units that were used so far are within the limit.
    paid_at: Mutex<Instant>,
}

impl RateCap {
    /// A limit in units per second.
    pub(crate) fn new(per_second: Option<u32>) -> Self {
        Self { per_second, paid_at: Mutex::new(Instant::now()) }
    }

    /// Counts units, and waits until those that were counted before are within the limit. There are no bursts after idle times.
    pub(crate) async fn spend(&self, units: f64) {
        if let Some(free) = self.reserve(units, Instant::now()) {
            tokio::time::sleep_until(free).await;
        }
    }

    fn reserve(&self, units: f64, now: Instant) -> Option<Instant> {
        let per_second = f64::from(self.per_second?.max(1));
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let free = now.max(*paid_at);
        *paid_at = free + Duration::from_secs_f64(units / per_second);
        Some(free)
    }
}

/// The read units that scanning these items and their claims costs on DynamoDB. Slightly more than DynamoDB counts, as JSON is longer.
pub(crate) fn read_units(table: &Table, items: &[Item]) -> f64 {
    let claims = items.len() * table.unique.len() * CLAIM_BYTES;
    let bytes: usize = items.iter().map(|item| item.as_json().len()).sum();
    (bytes + claims) as f64 / READ_UNIT_BYTES / 2.0
}

/// The write units that storing a new item costs on DynamoDB: in the table, in each index, and for its claims.
pub(crate) fn write_units(table: &Table, item: &Item) -> f64 {
    let copies = 1 + table.indexes.len();
    (item.as_json().len().div_ceil(WRITE_UNIT_BYTES) * copies + table.unique.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::forum::{post, user};

    #[test]
    fn what_was_spent_must_be_paid_before_more_is() {
        let cap = RateCap::new(Some(10));
        let start = Instant::now() + Duration::from_secs(1);
        let waits = [5.0, 20.0, 1.0].map(|units| cap.reserve(units, start).unwrap() - start);
        assert_eq!(waits, [0, 500, 2500].map(Duration::from_millis));
        let later = start + Duration::from_secs(60);
        assert_eq!([1.0, 1.0].map(|units| cap.reserve(units, later).unwrap() - later), [0, 100].map(Duration::from_millis));
        assert_eq!(RateCap::new(None).reserve(1e9, start), None);
    }

    #[test]
    fn writes_pay_for_indexes_and_claims() {
        let item = |bytes: usize| Item::parse(&format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8))).unwrap();
        assert_eq!(write_units(&post::TABLE, &item(1024)), 3.0);
        assert_eq!(write_units(&post::TABLE, &item(1025)), 6.0);
        assert_eq!(write_units(&user::TABLE, &item(100)), 3.0);
        assert_eq!(read_units(&post::TABLE, &[item(4096), item(4096)]), 1.0);
    }
}
