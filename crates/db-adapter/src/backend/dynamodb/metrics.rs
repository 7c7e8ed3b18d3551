//! Metrics of the calls, by `table`, `index` and `operation`: `dynamodb_calls_total` (by `outcome` too), `dynamodb_attempts_total`,
//! `dynamodb_call_seconds`, `dynamodb_consumed_read_units_total`, `dynamodb_consumed_write_units_total`. The last two are
//! gauges that only grow, as units come in halves and counters hold whole numbers. `dynamodb_transactions_repeated_total`, by
//! `table` and `reason`, counts transactions that were cancelled and sent again.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// The outcome of a call that did what it should.
pub(super) const OK: &str = "Ok";

/// Table, index (empty where there is none) and operation.
pub(super) type Labels = [&'static str; 3];

/// The series of a store. To find one in the recorder costs more than to record in it: those that were found are kept, also those of
/// a call that came before the recorder was installed, which count nothing.
#[derive(Default)]
pub(super) struct Metrics {
    calls: RwLock<HashMap<Labels, Calls>>,
    units: RwLock<HashMap<Labels, Gauge>>,
}

#[derive(Clone)]
struct Calls {
    attempts: Counter,
    seconds: Histogram,
    ok: Counter,
}

impl Metrics {
    /// A call with all its attempts.
    pub(super) fn record(&self, labels: Labels, attempts: u32, took: Duration, outcome: &str) {
        let calls = |outcome: String| {
            let [table, index, operation] = labels;
            counter!("dynamodb_calls_total", "table" => table, "index" => index, "operation" => operation, "outcome" => outcome)
        };
        let series = kept(&self.calls, labels, || Calls {
            attempts: counter!("dynamodb_attempts_total", &named(labels)),
            seconds: histogram!("dynamodb_call_seconds", &named(labels)),
            ok: calls(OK.to_owned()),
        });
        series.attempts.increment(attempts.into());
        series.seconds.record(took);
        if outcome == OK { series.ok.increment(1) } else { calls(outcome.to_owned()).increment(1) }
    }

    /// Capacity units that a call consumed.
    pub(super) fn consumed(&self, labels: Labels, is_write: bool, units: f64) {
        let name = if is_write { "dynamodb_consumed_write_units_total" } else { "dynamodb_consumed_read_units_total" };
        kept(&self.units, labels, || gauge!(name, &named(labels))).increment(units);
    }
}

/// A transaction that was cancelled is sent again.
pub(super) fn repeated(table: &'static str, reason: String) {
    counter!("dynamodb_transactions_repeated_total", "table" => table, "reason" => reason).increment(1);
}

fn named(labels: Labels) -> [(&'static str, &'static str); 3] {
    let [table, index, operation] = labels;
    [("table", table), ("index", index), ("operation", operation)]
}

fn kept<T: Clone>(all: &RwLock<HashMap<Labels, T>>, labels: Labels, find: impl FnOnce() -> T) -> T {
    if let Some(found) = all.read().unwrap_or_else(PoisonError::into_inner).get(&labels) {
        return found.clone();
    }
    let found = find();
    all.write().unwrap_or_else(PoisonError::into_inner).insert(labels, found.clone());
    found
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}
