//! Interleaved rounds: ours, limit, peer, ours, limit, peer, and so on, so that what the machine does meanwhile meets all alike.

use async_trait::async_trait;

use anyhow::{Context, Result};

use crate::figures::{Metric, Row, Sample};

/// One variant under one load.
#[async_trait(?Send)]
pub(crate) trait Subject {
    /// What is measured, and under which load: names its row.
    fn name(&self) -> (String, String);

    /// Measures once.
    async fn measure(&mut self) -> Result<Sample>;
}

/// Measures every subject once a round.
pub(crate) async fn interleave(rounds: u32, mut subjects: Vec<Box<dyn Subject + '_>>) -> Result<Vec<Row>> {
    let names = subjects.iter().map(|subject| subject.name());
    let mut rows: Vec<Row> = names.map(|(variant, load)| Row { variant, load, figures: Default::default() }).collect();
    for round in 1..=rounds {
        for (subject, row) in subjects.iter_mut().zip(&mut rows) {
            let sample = subject.measure().await.with_context(|| format!("{} ({})", row.variant, row.load))?;
            eprintln!("  {round}/{rounds}  {:<40} {:<24} {}", row.variant, row.load, line(&sample));
            for (metric, value) in sample {
                row.figures.entry(metric).or_default().push(value);
            }
        }
    }
    Ok(rows)
}

fn line(sample: &Sample) -> String {
    let shown = |(metric, value): (&Metric, &f64)| format!("{value:.2} {}", metric.heading());
    sample.iter().map(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    struct Counting<'a>(&'static str, &'a RefCell<Vec<&'static str>>);

    #[async_trait(?Send)]
    impl Subject for Counting<'_> {
        fn name(&self) -> (String, String) {
            (self.0.to_owned(), "no load".to_owned())
        }

        async fn measure(&mut self) -> Result<Sample> {
            self.1.borrow_mut().push(self.0);
            Ok([(Metric::Throughput, self.1.borrow().len() as f64)].into())
        }
    }

    #[tokio::test]
    async fn every_round_measures_every_subject() {
        let order = RefCell::default();
        let subjects: Vec<Box<dyn Subject>> = vec![Box::new(Counting("ours", &order)), Box::new(Counting("limit", &order))];
        let rows = interleave(2, subjects).await.unwrap();
        assert_eq!(*order.borrow(), ["ours", "limit", "ours", "limit"]);
        assert_eq!(rows[1].figures[&Metric::Throughput], [2.0, 4.0]);
    }
}
