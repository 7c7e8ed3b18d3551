//! Partitions of one table or index under a load that lasts: what each is asked for, what is refused, and which are split.
//!
//! A partition holds a range of the hashes of keys. One that is hot for [`HEAT_MINUTES`] is split where that halves its load best: between
//! keys, or, where one key makes the load, within the key's own items by their sort key. The latter helps only what is spread over these
//! items: what goes to one place of them, a single item or the newest end, stays in one partition.

use super::published::{HEAT_MINUTES, NEW_PARTITIONS, PARTITION_READS, PARTITION_WRITES};

/// The share of a limit from which on a partition is hot: it "receives read or write traffic near its throughput capacity limit".
const HOT: f64 = 0.8;
/// A day: no split comes later.
const ROUNDS: u32 = 24 * 60 / HEAT_MINUTES;
/// What rounding may seem to refuse.
const NOTHING: f64 = 1e-9;

/// Units a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Units {
    pub(super) reads: f64,
    pub(super) writes: f64,
}

impl Units {
    pub(super) fn times(self, factor: f64) -> Self {
        Self { reads: self.reads * factor, writes: self.writes * factor }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { reads: self.reads + other.reads, writes: self.writes + other.writes }
    }

    /// The share of a partition's limits: the greater one.
    pub(super) fn heat(self) -> f64 {
        (self.reads / PARTITION_READS).max(self.writes / PARTITION_WRITES)
    }
}

/// What is asked of one partition key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Its hash, from 0 to 1.
    pub(super) hash: f64,
    /// What goes to one place of its items.
    pub(super) spot: Units,
    /// What is spread over them.
    pub(super) spread: Units,
}

impl Key {
    fn all(&self) -> Units {
        self.spot.plus(self.spread)
    }
}

/// What is asked of a table or an index.
#[derive(Debug, Clone, Default)]
pub(super) struct Demand {
    /// The keys that matter alone.
    pub(super) keys: Vec<Key>,
    /// All others together, evenly over the hashes.
    pub(super) even: Units,
}

/// How a table or an index ends up under a demand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled {
    /// Partitions in the end.
    pub(super) partitions: u32,
    /// Units a second that are refused in the end.
    pub(super) refused: Units,
    /// The share of its limits that the fullest partition has.
    pub(super) fullest: f64,
    /// Minutes until the last split.
    pub(super) minutes: u32,
}

#[derive(Debug, Clone, Copy)]
struct Partition {
    from: f64,
    to: f64,
    /// Partitions over which the items of its one hot key are spread.
    parts: u32,
}

impl Demand {
    /// Lets the demand last until nothing is split any more.
    pub(super) fn settle(&mut self) -> Settled {
        self.run(ROUNDS)
    }

    /// As [`Demand::settle`], until every partition that is hot so long has been split so often.
    fn run(&mut self, rounds: u32) -> Settled {
        self.keys.sort_by(|one, other| one.hash.total_cmp(&other.hash));
        let width = 1.0 / f64::from(NEW_PARTITIONS);
        let mut partitions: Vec<_> = (0..NEW_PARTITIONS)
            .map(|at| Partition { from: f64::from(at) * width, to: f64::from(at + 1) * width, parts: 1 })
            .collect();
        let mut minutes = 0;
        for round in 1..=rounds {
            let is_due = |partition: &&mut Partition| self.fullest_part(partition) >= HOT && self.can_split(partition);
            let due: Vec<_> = partitions.iter_mut().filter(is_due).collect();
            if due.is_empty() {
                break;
            }
            let mut new: Vec<_> = due.into_iter().filter_map(|partition| self.split(partition)).collect();
            partitions.append(&mut new);
            minutes = round * HEAT_MINUTES;
        }
        let refused = partitions.iter().map(|partition| self.refused(partition)).fold(Units::default(), Units::plus);
        Settled {
            partitions: partitions.iter().map(|partition| partition.parts).sum(),
            refused,
            fullest: partitions.iter().map(|partition| self.fullest_part(partition)).fold(0.0, f64::max),
            minutes,
        }
    }

    fn keys_of(&self, from: f64, to: f64) -> &[Key] {
        let start = self.keys.partition_point(|key| key.hash < from);
        let end = self.keys.partition_point(|key| key.hash < to);
        self.keys.get(start..end).unwrap_or_default()
    }

    fn load(&self, from: f64, to: f64) -> Units {
        self.keys_of(from, to).iter().map(Key::all).fold(self.even.times(to - from), Units::plus)
    }

    /// What the part of the partition takes that all spots are in: the hot key's, where it is in parts.
    fn spot_part(&self, partition: &Partition) -> Units {
        let load = self.load(partition.from, partition.to);
        match (partition.parts, self.hottest(partition)) {
            (2.., Some(key)) => {
                let spread = key.spread.times(1.0 - 1.0 / f64::from(partition.parts));
                Units { reads: load.reads - spread.reads, writes: load.writes - spread.writes }
            }
            _ => load,
        }
    }

    fn fullest_part(&self, partition: &Partition) -> f64 {
        self.spot_part(partition).heat()
    }

    fn refused(&self, partition: &Partition) -> Units {
        let over = |asked: f64, limit: f64| if asked > limit * (1.0 + NOTHING) { asked - limit } else { 0.0 };
        let refused =
            |Units { reads, writes }| Units { reads: over(reads, PARTITION_READS), writes: over(writes, PARTITION_WRITES) };
        let others = f64::from(partition.parts - 1);
        let spread = self.hottest(partition).map_or(Units::default(), |key| key.spread.times(1.0 / f64::from(partition.parts)));
        refused(self.spot_part(partition)).plus(refused(spread).times(others))
    }

    fn hottest(&self, partition: &Partition) -> Option<Key> {
        let keys = self.keys_of(partition.from, partition.to).iter();
        keys.max_by(|one, other| one.all().heat().total_cmp(&other.all().heat())).copied()
    }

    /// Where a split leaves the least to the hotter half, and how much that is.
    fn best_cut(&self, partition: &Partition) -> (f64, f64) {
        let hotter = |cut: f64| self.load(partition.from, cut).heat().max(self.load(cut, partition.to).heat());
        let beside = self.hottest(partition).into_iter().flat_map(|key| [key.hash, key.hash.next_up()]);
        let middle = f64::midpoint(partition.from, partition.to);
        let within = beside.chain([middle]).filter(|cut| *cut > partition.from && *cut < partition.to);
        within.map(|cut| (cut, hotter(cut))).min_by(|one, other| one.1.total_cmp(&other.1)).unwrap_or((middle, f64::INFINITY))
    }

    /// Does a cut between keys take at least a fiftieth off?
    fn cut_between_keys(&self, partition: &Partition) -> Option<f64> {
        let load = self.load(partition.from, partition.to).heat();
        let (cut, hotter) = self.best_cut(partition);
        (partition.parts == 1 && hotter < 0.98 * load).then_some(cut)
    }

    fn can_split(&self, partition: &Partition) -> bool {
        self.cut_between_keys(partition).is_some()
            || self.hottest(partition).is_some_and(|key| {
                let left = Partition { parts: partition.parts * 2, ..*partition };
                key.spread.heat() > 0.0 && self.fullest_part(&left) < 0.98 * self.fullest_part(partition)
            })
    }

    /// Splits the partition, and returns the new one where that is one of other keys.
    fn split(&self, partition: &mut Partition) -> Option<Partition> {
        match self.cut_between_keys(partition) {
            Some(cut) => {
                let new = Partition { from: cut, ..*partition };
                partition.to = cut;
                Some(new)
            }
            None => {
                partition.parts *= 2;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(reads: f64) -> Units {
        Units { reads, writes: 0.0 }
    }

    fn writes(writes: f64) -> Units {
        Units { reads: 0.0, writes }
    }

    fn key(hash: f64, spot: Units, spread: Units) -> Demand {
        Demand { keys: vec![Key { hash, spot, spread }], even: Units::default() }
    }

    /// on-demand-capacity-mode.html: a new table takes 4,000 writes a second. The blog's part 1 sees it split when more is asked for.
    #[test]
    fn a_new_table_takes_4000_even_writes_at_once_and_more_once_it_is_split() {
        let mut demand = Demand { keys: Vec::new(), even: writes(10_000.0) };
        assert_eq!(demand.run(0).refused.writes, 6_000.0);
        let settled = demand.settle();
        assert_eq!(settled.refused, Units::default());
        assert!(settled.partitions >= 10 && settled.minutes >= HEAT_MINUTES, "{settled:?}");
    }

    /// The blog's part 2, "one partition key value": 3,000 units at first, or 6,000 eventual look-ups; as they go to sort keys at random,
    /// splits within the one key raise that.
    #[test]
    fn look_ups_all_over_one_key_are_split_by_its_sort_key() {
        let mut demand = key(0.3, Units::default(), reads(10_000.0));
        assert_eq!(demand.run(0).refused.reads, 7_000.0);
        assert_eq!(demand.run(1).refused.reads, 4_000.0);
        assert_eq!(demand.settle().refused.reads, 0.0);
    }

    /// bp-partition-key-design.html: a single item cannot have more than a partition's 1,000 write units, however it is split.
    #[test]
    fn one_place_of_one_key_never_takes_more_than_a_partition() {
        let mut demand = key(0.3, writes(1_500.0), Units::default());
        assert_eq!(demand.settle().refused.writes, 500.0);
        assert_eq!(demand.settle().fullest, 1.5);
    }

    /// burst-adaptive-capacity.html: "adaptive capacity might rebalance your data so that a partition contains only that single,
    /// frequently accessed item".
    #[test]
    fn a_hot_item_is_isolated_from_its_neighbours() {
        let mut demand = key(0.3, writes(950.0), Units::default());
        demand.even = writes(2_000.0);
        assert!(demand.run(0).refused.writes > 0.0);
        assert_eq!(demand.settle().refused.writes, 0.0);
    }

    /// gsi-throttling.html: reads and writes are limited each for themselves.
    #[test]
    fn reads_and_writes_have_limits_of_their_own() {
        let mut demand = key(0.5, Units { reads: 2_900.0, writes: 1_100.0 }, Units::default());
        assert_eq!(demand.settle().refused, writes(100.0).plus(reads(0.0)));
    }
}
