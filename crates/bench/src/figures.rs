//! What is measured, and what came out.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// One figure, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Metric {
    /// Requests a second.
    Throughput,
    /// Items a second.
    ItemRate,
    /// Milliseconds that half of the requests took at most.
    P50,
    /// Milliseconds, 99 of 100.
    P99,
    /// Milliseconds, 999 of 1000.
    P999,
    /// Milliseconds from the start of a program to its first answer.
    Start,
    /// Percent of one core that the server used.
    Busy,
    /// Microseconds of processor time of the server for a request.
    CpuPerRequest,
    /// Megabytes in memory.
    Rss,
    /// Megabytes in memory at most so far.
    PeakRss,
    /// Megabytes of the store's files.
    FileSize,
    /// Megabytes of the program, packed.
    Package,
    /// Read units that DynamoDB counts for 1,000 reads.
    ReadUnits,
    /// Percent of the reads that the cache answered.
    HitRate,
}

impl Metric {
    /// The head of its column.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Throughput => "requests/s",
            Self::ItemRate => "items/s",
            Self::P50 => "p50 ms",
            Self::P99 => "p99 ms",
            Self::P999 => "p99.9 ms",
            Self::Start => "first answer ms",
            Self::Busy => "server core %",
            Self::CpuPerRequest => "server CPU µs/request",
            Self::Rss => "RSS MB",
            Self::PeakRss => "peak RSS MB",
            Self::FileSize => "files MB",
            Self::Package => "zip MB",
            Self::ReadUnits => "read units/1000 reads",
            Self::HitRate => "cache hits %",
        }
    }
}

/// The figures of one measurement.
pub(crate) type Sample = BTreeMap<Metric, f64>;

/// One variant under one load, in every round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) variant: String,
    pub(crate) load: String,
    /// One value a round.
    pub(crate) figures: BTreeMap<Metric, Vec<f64>>,
}

/// The range in which a ratio should be.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Any: shown beside a goal, to tell what is possible.
    Any,
}

impl Bound {
    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::Any => true,
        }
    }
}

/// What should be true of the figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Goal {
    pub(crate) text: String,
    pub(crate) bound: Bound,
    /// One value a round.
    pub(crate) values: Vec<f64>,
    /// Why it is not met, where it is not.
    pub(crate) answer: Option<String>,
}

impl Goal {
    /// What to say where the goal is not met: the measurement that forbids it.
    pub(crate) fn or_because(self, answer: &str) -> Self {
        Self { answer: Some(answer.to_owned()), ..self }
    }
}

/// A curve over something that grows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plot {
    /// The name of its file, without the ending.
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) series: Vec<Series>,
}

/// One line of a plot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// In the order of x; both above 0.
    pub(crate) points: Vec<(f64, f64)>,
}

/// One scenario, measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) title: String,
    /// What was done, in a few sentences.
    pub(crate) method: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) goals: Vec<Goal>,
    pub(crate) plots: Vec<Plot>,
}

impl Section {
    /// In how many rounds it was measured.
    pub(crate) fn rounds(&self) -> usize {
        self.rows.iter().flat_map(|row| row.figures.values()).map(Vec::len).max().unwrap_or_default()
    }
}

/// A section and where it is from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) section: Section,
    pub(crate) commit: String,
    /// The day: RFC 3339, UTC.
    pub(crate) date: String,
    pub(crate) machine: Machine,
}

/// One figure of one row.
pub(crate) type Figure<'a> = (&'a str, &'a str, Metric);

/// The values of a figure, one a round.
pub(crate) fn values<'a>(rows: &'a [Row], (variant, load, metric): Figure<'_>) -> Result<&'a [f64]> {
    let row = rows.iter().find(|row| row.variant == variant && row.load == load);
    let values = row.and_then(|row| row.figures.get(&metric)).map(Vec::as_slice);
    values.with_context(|| format!("{variant} ({load}) was not measured: {metric:?}"))
}

/// A goal on the ratio of two figures of the same rounds.
pub(crate) fn ratio(rows: &[Row], text: &str, ours: Figure<'_>, theirs: Figure<'_>, bound: Bound) -> Result<Goal> {
    let (ours, theirs) = (values(rows, ours)?, values(rows, theirs)?);
    let values = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    Ok(Goal { text: text.to_owned(), bound, values, answer: None })
}

/// A goal on a figure itself.
pub(crate) fn absolute(rows: &[Row], text: &str, figure: Figure<'_>, bound: Bound) -> Result<Goal> {
    Ok(Goal { text: text.to_owned(), bound, values: values(rows, figure)?.to_vec(), answer: None })
}

/// The middle value; the mean of the two middle ones where there is an even number.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = |at: usize| sorted.get(at).copied().unwrap_or(f64::NAN);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => middle(count / 2),
        count => f64::midpoint(middle(count / 2 - 1), middle(count / 2)),
    }
}

/// The smallest and the largest value.
pub(crate) fn spread(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(*value), max.max(*value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_compares_the_same_rounds() {
        let row = |variant: &str, values: &[f64]| Row {
            variant: variant.to_owned(),
            load: "64".to_owned(),
            figures: [(Metric::Throughput, values.to_vec())].into(),
        };
        let rows = [row("ours", &[8.0, 4.0, 9.0]), row("limit", &[10.0, 5.0, 10.0])];
        let [ours, limit] = ["ours", "limit"].map(|variant| (variant, "64", Metric::Throughput));
        let goal = ratio(&rows, "fast", ours, limit, Bound::AtLeast(0.8)).unwrap();
        assert_eq!(goal.values, [0.8, 0.8, 0.9]);
        assert!(goal.bound.holds(median(&goal.values)));
        assert!(ratio(&rows, "fast", ours, ("limit", "8", Metric::Throughput), Bound::AtLeast(0.8)).is_err());
    }

    #[test]
    fn medians_and_spreads() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), (1.0, 3.0));
    }
}
