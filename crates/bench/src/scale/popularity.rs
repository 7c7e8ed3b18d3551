//! How unevenly things are asked for: by the law of Zipf, the rank-th most popular one in proportion to `1 / rank^exponent`.

/// So many of the most popular ones stand for themselves; the others are taken together.
const ALONE: u64 = 1_000;

/// The popularity of so many things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Popularity {
    count: u64,
    exponent: f64,
    sum: f64,
}

/// Things of nearly the same popularity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// How many.
    pub(super) count: f64,
    /// The share of all requests that each of them has.
    pub(super) share: f64,
}

impl Popularity {
    pub(super) fn new(count: u64, exponent: f64) -> Self {
        let count = count.max(1);
        Self { count, exponent, sum: weight(1, count, exponent) }
    }

    /// How many there are.
    pub(super) fn count(&self) -> f64 {
        self.count as f64
    }

    /// The most popular ones, each alone, with their shares.
    pub(super) fn hottest(&self) -> impl Iterator<Item = f64> {
        let (exponent, sum) = (self.exponent, self.sum);
        (1..=self.count.min(ALONE)).map(move |rank| (rank as f64).powf(-exponent) / sum)
    }

    /// The share of all that are not among [`Popularity::hottest`].
    pub(super) fn others(&self) -> f64 {
        (1.0 - self.hottest().sum::<f64>()).max(0.0)
    }

    /// All of them: the hottest alone, then groups, each of which ends at twice the rank of the one before.
    pub(super) fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<_> = self.hottest().map(|share| Group { count: 1.0, share }).collect();
        let mut first = ALONE + 1;
        while first <= self.count {
            let last = (2 * first).min(self.count);
            let count = (last - first + 1) as f64;
            groups.push(Group { count, share: weight(first, last, self.exponent) / self.sum / count });
            first = last + 1;
        }
        groups
    }
}

/// The sum of `1 / rank^exponent` over these ranks: term by term at the start, then as the integral, whose error is below a millionth there.
fn weight(first: u64, last: u64, exponent: f64) -> f64 {
    let exact = last.min(ALONE);
    let terms: f64 = (first..=exact).map(|rank| (rank as f64).powf(-exponent)).sum();
    if last <= ALONE {
        return terms;
    }
    let (from, to) = (first.max(ALONE + 1) as f64 - 0.5, last as f64 + 0.5);
    let rest = if (exponent - 1.0).abs() < 1e-9 {
        (to / from).ln()
    } else {
        (to.powf(1.0 - exponent) - from.powf(1.0 - exponent)) / (1.0 - exponent)
    };
    terms + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The harmonic number of n is ln n + 0.57722 + 1/(2n).
    #[test]
    fn the_hottest_of_a_million_has_the_share_of_the_harmonic_number() {
        let hottest = Popularity::new(1_000_000, 1.0).hottest().next().unwrap();
        let harmonic = 1e6_f64.ln() + 0.577_215_664_9 + 0.5e-6;
        assert!((hottest * harmonic - 1.0).abs() < 1e-6, "{hottest}");
    }

    #[test]
    fn shares_sum_to_one() {
        for (count, exponent) in [(1, 1.0), (700, 1.0), (10_000, 0.5), (100_000_000, 1.0)] {
            let all = Popularity::new(count, exponent);
            let sum: f64 = all.groups().iter().map(|group| group.count * group.share).sum();
            let counted: f64 = all.groups().iter().map(|group| group.count).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{count} {exponent}: {sum}");
            assert_eq!(counted, count as f64);
        }
    }
}
