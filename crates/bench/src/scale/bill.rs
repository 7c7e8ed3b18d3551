//! What a month costs on demand in one Region, and how many tasks it takes.

use capacity::operations::usual_indexes;
use capacity::prices::Prices;
use capacity::{DAYS, HOURS, TASK_CPUS, TASK_GB};
use db_adapter::Table;
use db_adapter::forum::{post, thread, user};

use super::cache::Cache;
use super::ceiling::{Setup, places};
use super::flow::Sizes;
use super::forum::{DAYS_KEPT, Forum};
use super::partition::Units;
use super::published::STORED_OVERHEAD;
use crate::scenario::mixed::{Kind, MIX};

/// Microseconds of processor that a request to DynamoDB takes in a task, by docs/benchmarks.md: of one item, and of a page.
pub(super) const ITEM_MICROS: f64 = 146.0;
pub(super) const PAGE_MICROS: f64 = 250.0;
/// How far a task is loaded in the busiest hour.
pub(super) const LOADED: f64 = 0.6;
/// Tasks of a service that one of them may leave.
const LEAST_TASKS: f64 = 2.0;
/// What an entry of the cache takes of memory, as a multiple of the item.
const ENTRY: f64 = 2.0;

/// Dollars a month.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bill {
    pub(super) reads: f64,
    pub(super) writes: f64,
    pub(super) storage: f64,
    pub(super) tasks: f64,
}

impl Bill {
    pub(super) fn new(forum: Forum, setup: Setup, prices: &Prices) -> Self {
        let average = forum.average();
        let units = places().iter().map(|place| place.units(average, setup)).fold(Units::default(), Units::plus);
        let month = DAYS * 86_400.0 / 1e6;
        Self {
            reads: units.reads * month * prices.read_million,
            writes: units.writes * month * prices.write_million,
            storage: stored_gb(forum) * prices.storage_gb_month,
            tasks: tasks_together(forum.peak()) * task_month(prices),
        }
    }

    pub(super) fn sum(&self) -> f64 {
        self.reads + self.writes + self.storage + self.tasks
    }
}

/// Bytes of a table, or of an index that has every item of it, with the overhead of each.
pub(super) fn stored(table: &Table, forum: Forum) -> f64 {
    let sizes = Sizes::of_items();
    let posts = forum.average() * 86_400.0 * share(Kind::NewPost) * DAYS_KEPT;
    let (count, bytes) = match table.name {
        name if name == user::TABLE.name => (forum.users, sizes.user),
        name if name == thread::TABLE.name => (forum.threads().count(), sizes.thread),
        _ => (posts, sizes.post),
    };
    count * (bytes + STORED_OVERHEAD)
}

/// Gigabytes of tables and indexes.
fn stored_gb(forum: Forum) -> f64 {
    let with_indexes = |table: &&'static Table| stored(table, forum) * (1.0 + usual_indexes(table).count() as f64);
    [&user::TABLE, &thread::TABLE, &post::TABLE].iter().map(with_indexes).sum::<f64>() / 1e9
}

fn share(kind: Kind) -> f64 {
    MIX.iter().filter(|(known, _)| *known == kind).map(|(_, share)| f64::from(*share)).sum::<f64>() / 100.0
}

/// A task for a month.
pub(super) fn task_month(prices: &Prices) -> f64 {
    HOURS * (TASK_CPUS * prices.task_cpu_hour + TASK_GB * prices.task_gb_hour)
}

/// The service of a request.
fn service(kind: Kind) -> usize {
    match kind {
        Kind::User => 0,
        Kind::Thread | Kind::NewestThreads | Kind::NewThread | Kind::EditedThread => 1,
        Kind::PostsOfThread | Kind::NewPost => 2,
    }
}

/// Processors that so many requests a second keep busy, by service.
fn processors(requests: f64) -> [f64; 3] {
    let mut of = [0.0; 3];
    for (kind, share) in MIX {
        let micros = if matches!(kind, Kind::PostsOfThread | Kind::NewestThreads) { PAGE_MICROS } else { ITEM_MICROS };
        if let Some(busy) = of.get_mut(service(kind)) {
            *busy += requests * f64::from(share) / 100.0 * micros / 1e6;
        }
    }
    of
}

fn tasks(processors: f64) -> f64 {
    (processors / TASK_CPUS / LOADED).ceil().max(LEAST_TASKS)
}

/// Tasks that each serve everything.
pub(super) fn tasks_together(requests: f64) -> f64 {
    tasks(processors(requests).iter().sum())
}

/// Tasks of each of three services: users, threads, posts.
pub(super) fn tasks_apart(requests: f64) -> [f64; 3] {
    processors(requests).map(tasks)
}

/// Dollars a month for the reads that a cache of so many seconds leaves, on average over the day, where each kind of request is served by so
/// many tasks.
fn reads(forum: Forum, seconds: f64, tasks: impl Fn(Kind) -> f64, prices: &Prices) -> f64 {
    let sizes = Sizes::of_items();
    let mut units = 0.0;
    for (kind, share) in MIX {
        let rate = forum.average() * f64::from(share) / 100.0;
        let cache = Cache { seconds, tasks: tasks(kind) };
        let left = match kind {
            Kind::User => cache.all_misses(&forum.people(), rate),
            Kind::Thread | Kind::PostsOfThread => cache.all_misses(&forum.threads(), rate),
            Kind::NewestThreads => cache.misses(rate),
            Kind::NewPost | Kind::NewThread | Kind::EditedThread => rate,
        };
        units += left * sizes.flows(kind).iter().map(|flow| flow.units.reads).sum::<f64>();
    }
    units * DAYS * 86_400.0 / 1e6 * prices.read_million
}

/// What three services cost more than one, in dollars a month: tasks, and, which is less than zero, reads that fewer caches leave.
pub(super) fn apart(forum: Forum, seconds: f64, prices: &Prices) -> (f64, f64) {
    let (together, apart) = (tasks_together(forum.peak()), tasks_apart(forum.peak()));
    let of_kind = |kind| apart.get(service(kind)).copied().unwrap_or(LEAST_TASKS);
    let tasks = (apart.iter().sum::<f64>() - together) * task_month(prices);
    (tasks, reads(forum, seconds, of_kind, prices) - reads(forum, seconds, |_| together, prices))
}

/// What a cache saves of the reads in a month, as a share and in dollars, and the megabytes that it takes in each task.
pub(super) fn cached(forum: Forum, seconds: f64, prices: &Prices) -> (f64, f64, f64) {
    let tasks = tasks_together(forum.peak());
    let (without, with) = (reads(forum, 0.0, |_| tasks, prices), reads(forum, seconds, |_| tasks, prices));
    let cache = Cache { seconds, tasks };
    let sizes = Sizes::of_items();
    let rate = |kind| forum.peak() * share(kind);
    let page = crate::scenario::mixed::LIMIT as f64 * sizes.post;
    let bytes = cache.kept(&forum.people(), rate(Kind::User)) * sizes.user
        + cache.kept(&forum.threads(), rate(Kind::Thread)) * sizes.thread
        + cache.kept(&forum.threads(), rate(Kind::PostsOfThread)) * page;
    (1.0 - with / without, without - with, bytes * ENTRY / 1e6)
}

/// A gigabyte of a task's memory for a month.
pub(super) fn gigabyte_month(prices: &Prices) -> f64 {
    HOURS * prices.task_gb_hour
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices() -> Prices {
        Prices::load(None).unwrap()
    }

    /// 6,666 requests a second of 177.6 µs keep 1.184 processors busy: 7.9 tasks of a quarter each, loaded to 60 %.
    #[test]
    fn tasks_follow_the_processors_that_are_busy() {
        assert_eq!(tasks_together(1.0), 2.0);
        assert_eq!(tasks_together(6_666.0), (6_666.0 * (0.6 * ITEM_MICROS + 0.4 * PAGE_MICROS) / 1e6 / 0.15_f64).ceil());
        assert_eq!(tasks_apart(1.0), [2.0; 3]);
    }

    /// By hand: of 100 requests 8 posts take 8 units and more where posts are long, 2 threads 4.
    #[test]
    fn writes_are_billed_by_the_unit() {
        let forum = Forum { users: 1e6 };
        let bill = Bill::new(forum, Setup::TODAY, &prices());
        let requests = forum.average() * DAYS * 86_400.0;
        let least = requests * (0.08 * 8.0 + 0.02 * 4.0) / 1e6 * prices().write_million;
        assert!(bill.writes > least && bill.writes < 1.3 * least, "{bill:?} {least}");
        let reads = reads(forum, 0.0, |_| 2.0, &prices());
        assert!((bill.reads / reads - 1.0).abs() < 1e-3, "{bill:?} {reads}");
    }

    /// The figures above are those that were measured, as far as a noisy machine tells.
    #[test]
    fn processor_times_are_near_the_measured_ones() {
        let report = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md")).unwrap();
        let measured = |variant: &str| -> f64 {
            let row = report.lines().find(|line| line.starts_with(&format!("| {variant} |"))).unwrap();
            row.split('|').nth(8).unwrap().split_whitespace().next().unwrap().parse().unwrap()
        };
        let (get, page) = (measured("forum: get"), measured("forum: query"));
        assert!((0.5..2.0).contains(&(ITEM_MICROS / get)), "{get}");
        // That page has 100 items, this one 20.
        assert!((0.5..2.0).contains(&(PAGE_MICROS / (get + (page - get) / 5.0))), "{page}");
    }
}
