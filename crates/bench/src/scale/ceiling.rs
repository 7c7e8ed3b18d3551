//! The load at which a limit binds.

use capacity::operations::usual_indexes;
use db_adapter::Table;
use db_adapter::forum::{post, thread, user};
use db_adapter::schema::Index;

use super::bill;
use super::cache::Cache;
use super::flow::{By, Flow, Sizes};
use super::forum::Forum;
use super::partition::{Demand, Key, Settled, Units};
use super::popularity::Popularity;
use super::published::{PARTITION_BYTES, TABLE_UNITS};
use crate::scenario::mixed::MIX;

/// Requests a second that no forum has.
const NO_FORUM: f64 = 1e8;
/// Where the hashes of keys fall.
const SEED: u64 = 26;

/// What can be chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    /// Values of `feed` over which threads are spread: a list reads the page of each. Today it is one.
    pub(super) feeds: u32,
    /// `CACHE_TTL_SECONDS`.
    pub(super) cache_seconds: f64,
}

impl Setup {
    pub(super) const TODAY: Self = Self { feeds: 1, cache_seconds: 0.0 };

    /// The caches of all tasks that serve so many requests a second.
    pub(super) fn cache(self, requests: f64) -> Cache {
        Cache { seconds: self.cache_seconds, tasks: bill::tasks_together(requests) }
    }
}

/// A table or one of its indexes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    table: &'static Table,
    index: Option<&'static Index>,
}

/// Why a place takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// A partition's read units.
    Reads,
    /// A partition's write units.
    Writes,
    /// The quota of a table or an index.
    Quota,
}

/// What a place takes, and why no more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ceiling {
    pub(super) place: Place,
    pub(super) limit: Limit,
    /// Requests a second.
    pub(super) requests: f64,
}

/// Every place that the load reaches.
pub(super) fn places() -> Vec<Place> {
    let of = |table: &'static Table| {
        [Place { table, index: None }]
            .into_iter()
            .chain(usual_indexes(table).map(move |index| Place { table, index: Some(index) }))
    };
    [&user::TABLE, &thread::TABLE, &post::TABLE].into_iter().flat_map(of).filter(|place| !place.flows().is_empty()).collect()
}

impl Place {
    pub(super) fn name(&self) -> String {
        match self.index {
            None => self.table.name.to_owned(),
            Some(index) => format!("{}.{}", self.table.name, index.name),
        }
    }

    /// The flows that reach it, each with its share of all requests.
    fn flows(&self) -> Vec<(f64, Flow)> {
        let sizes = Sizes::of_items();
        let here = |flow: &Flow| {
            flow.table.name == self.table.name && flow.index.map(|index| index.name) == self.index.map(|index| index.name)
        };
        let of = |(kind, share): (_, u32)| sizes.flows(kind).into_iter().map(move |flow| (f64::from(share) / 100.0, flow));
        MIX.into_iter().flat_map(of).filter(|(_, flow)| here(flow)).collect()
    }

    /// What so many requests a second ask of it.
    pub(super) fn demand(&self, requests: f64, setup: Setup) -> Demand {
        let forum = Forum::of_peak(requests);
        let mut demand = Demand::default();
        let mut keys = Keys::default();
        for (share, flow) in self.flows() {
            let cache = if flow.is_cached { setup.cache(requests) } else { Cache::OFF };
            let rate = share * requests;
            match flow.by {
                By::Item => demand.even = demand.even.plus(flow.units.times(rate)),
                // A list reads every feed, a write goes to one.
                By::Constant => (0..setup.feeds).for_each(|at| {
                    let reads = flow.units.reads * cache.misses(rate);
                    keys.add(
                        at as usize,
                        Units { reads, writes: flow.units.writes * rate / f64::from(setup.feeds) },
                        flow.is_spot,
                    );
                }),
                By::Thread => keys.add_all(&mut demand, &forum.threads(), rate, &flow, cache),
                By::User => keys.add_all(&mut demand, &forum.people(), rate, &flow, cache),
            }
        }
        demand.keys = keys.keys;
        demand
    }

    /// How it ends up under so many requests a second.
    pub(super) fn settle(&self, requests: f64, setup: Setup) -> Settled {
        self.demand(requests, setup).settle()
    }

    /// Partitions once it has settled under so many requests a second: for the load, or for what is stored.
    pub(super) fn partitions(&self, requests: f64, setup: Setup) -> u32 {
        let stored = bill::stored(self.table, Forum::of_peak(requests)) / PARTITION_BYTES;
        self.settle(requests, setup).partitions.max(stored.ceil() as u32)
    }

    /// Units a second of so many requests.
    pub(super) fn units(&self, requests: f64, setup: Setup) -> Units {
        let demand = self.demand(requests, setup);
        demand.keys.iter().map(|key| key.spot.plus(key.spread)).fold(demand.even, Units::plus)
    }

    /// Why it does not take so many requests a second, if it does not.
    fn limit(&self, requests: f64, setup: Setup) -> Option<Limit> {
        let Units { reads, writes } = self.units(requests, setup);
        // What a partition refuses is told first: a quota can be raised.
        let refused = self.settle(requests, setup).refused;
        match () {
            () if refused.writes > 0.0 => Some(Limit::Writes),
            () if refused.reads > 0.0 => Some(Limit::Reads),
            () if reads.max(writes) > TABLE_UNITS => Some(Limit::Quota),
            () => None,
        }
    }

    /// The most that it takes, within a thousandth.
    pub(super) fn ceiling(&self, setup: Setup) -> Ceiling {
        let (mut takes, mut refuses) = (1.0, NO_FORUM);
        let mut limit = Limit::Quota;
        while refuses / takes > 1.001 {
            let middle = f64::sqrt(takes * refuses);
            match self.limit(middle, setup) {
                Some(why) => (refuses, limit) = (middle, why),
                None => takes = middle,
            }
        }
        Ceiling { place: *self, limit, requests: takes }
    }
}

/// The lowest ceiling of all places.
pub(super) fn first(setup: Setup) -> Option<Ceiling> {
    places().iter().map(|place| place.ceiling(setup)).min_by(|one, other| one.requests.total_cmp(&other.requests))
}

/// The fewest values of `feed` with which every place takes the load, up to 64.
pub(super) fn feeds_needed(requests: f64, cache_seconds: f64) -> Option<u32> {
    let takes =
        |feeds: &u32| places().iter().all(|place| place.limit(requests, Setup { feeds: *feeds, cache_seconds }).is_none());
    (1..=64).find(takes)
}

/// Keys that matter alone; each has its hash by its number.
#[derive(Debug, Default)]
struct Keys {
    keys: Vec<Key>,
    rng: Option<fastrand::Rng>,
}

impl Keys {
    fn add(&mut self, at: usize, units: Units, is_spot: bool) {
        let rng = self.rng.get_or_insert_with(|| fastrand::Rng::with_seed(SEED));
        while self.keys.len() <= at {
            self.keys.push(Key { hash: rng.f64(), spot: Units::default(), spread: Units::default() });
        }
        if let Some(key) = self.keys.get_mut(at) {
            let part = if is_spot { &mut key.spot } else { &mut key.spread };
            *part = part.plus(units);
        }
    }

    /// A flow over all keys of such a popularity.
    fn add_all(&mut self, demand: &mut Demand, popularity: &Popularity, rate: f64, flow: &Flow, cache: Cache) {
        let mut missed_of_hottest = 0.0;
        for (at, share) in popularity.hottest().enumerate() {
            let missed = cache.misses(rate * share);
            missed_of_hottest += missed;
            self.add(at, flow.units.times(missed), flow.is_spot);
        }
        let others = match flow.is_cached {
            true => cache.all_misses(popularity, rate) - missed_of_hottest,
            false => rate * popularity.others(),
        };
        demand.even = demand.even.plus(flow.units.times(others.max(0.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::mixed::Kind;

    fn ceiling(name: &str, setup: Setup) -> Ceiling {
        places().into_iter().find(|place| place.name() == name).unwrap().ceiling(setup)
    }

    fn share(kind: Kind) -> f64 {
        f64::from(MIX.iter().find(|(known, _)| *known == kind).unwrap().1) / 100.0
    }

    /// All threads are one partition of it: 1,000 units a second for posts, which take two, and new threads, which take one. An edit changes
    /// an entry in its place, which may be there or not.
    #[test]
    fn posts_stop_at_the_newest_end_of_activity() {
        let found = ceiling("threads.ActivityIndex", Setup::TODAY);
        let at_the_end = 2.0 * share(Kind::NewPost) + share(Kind::NewThread);
        let (least, most) = (0.998 * 1_000.0 / (at_the_end + share(Kind::EditedThread)), 1_000.0 / at_the_end);
        assert_eq!(found.limit, Limit::Writes);
        assert!((least..=most).contains(&found.requests), "{found:?} {least} {most}");
    }

    /// A quarter of the writes goes to each of four feeds, but every list reads all four.
    #[test]
    fn more_feeds_spread_writes_and_not_lists() {
        let four = ceiling("threads.ActivityIndex", Setup { feeds: 4, ..Setup::TODAY });
        assert_eq!(four.limit, Limit::Reads);
        let page = Sizes::of_items().flows(Kind::NewestThreads)[0].units.reads;
        let expected = 3_000.0 / page / share(Kind::NewestThreads);
        assert!((four.requests / expected - 1.0).abs() < 0.002, "{four:?} {expected}");
        let cached = ceiling("threads.ActivityIndex", Setup { feeds: 4, cache_seconds: 60.0 });
        assert!(cached.requests > 3.0 * ceiling("threads.ActivityIndex", Setup::TODAY).requests, "{cached:?}");
    }

    /// The blog's part 3: "a partition gets close to 10 GB in size".
    #[test]
    fn what_is_stored_takes_partitions_too() {
        let posts = places().into_iter().find(|place| place.name() == "posts").unwrap();
        let peak = Forum { users: 1e8 }.peak();
        let stored = bill::stored(&post::TABLE, Forum { users: 1e8 });
        assert!(posts.settle(peak, Setup::TODAY).partitions < 100);
        assert_eq!(f64::from(posts.partitions(peak, Setup::TODAY)), (stored / PARTITION_BYTES).ceil());
    }

    #[test]
    fn a_forum_that_one_feed_carries_needs_no_second() {
        assert_eq!(feeds_needed(1_000.0, 60.0), Some(1));
        assert_eq!(feeds_needed(8_000.0, 60.0), Some(2));
    }
}
