//! Processes are killed while they start, write and compact, again and again: no acknowledged write may be missing, nothing may
//! have happened twice, and every restart must succeed.
//!
//! `JSON_CRASH_ROUNDS` sets the number of rounds, `JSON_CRASH_SEED` repeats a run's choices.

use db_adapter::forum::TABLES;
use std::path::Path;
use std::time::{Duration, Instant};

use db_adapter::Store;
use db_adapter::json::JsonStore;

use crate::child::Child;
use crate::expected::Expected;
use crate::options;

/// Rounds on one directory: in a longer run each start and each check would take longer than the one before.
const ROUNDS_OF_A_DIRECTORY: u64 = 25;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Kills after random times.
struct Killer(fastrand::Rng);

impl Killer {
    /// Lets the processes run for a random while: the moment of a kill is what is tested, and no condition may choose it, as that would
    /// leave out all the moments between two conditions.
    fn wait(&mut self, least: u64, most: u64) {
        std::thread::sleep(Duration::from_micros(self.0.u64(least..most)));
    }

    /// Starts a writer and kills it while it starts.
    fn kill_in_start(&mut self, dir: &Path, name: &str) -> Vec<String> {
        let mut child = start(dir, name);
        child.await_step("opening");
        self.wait(0, 40_000);
        child.kill()
    }
}

fn start(dir: &Path, name: &str) -> Child {
    Child::start("writer::writer_process", dir, name, |_| {})
}

/// Is a table being compacted, or was it when its process died?
fn is_compacting(dir: &Path) -> bool {
    ["posts", "users"].iter().any(|table| dir.join(format!("{table}.json.new")).exists())
}

/// Waits until a table is being compacted, for no more than a second.
fn await_compaction(dir: &Path) {
    let start = Instant::now();
    while !is_compacting(dir) && start.elapsed() < Duration::from_secs(1) {
        std::thread::yield_now();
    }
}

/// What happened in all rounds.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    kills_in_compaction: u64,
    kills_in_start: u64,
    acknowledged: usize,
    refused: usize,
}

/// One round: a writer joins and is killed while it starts, one of two is killed while the other goes on, a third joins, all are killed
/// at once, and so is the one that comes first after them. Then everything must be there.
fn round(killer: &mut Killer, dir: &Path, round: u64, expected: &mut Expected, tally: &mut Tally) {
    let (mut first, mut second) = (start(dir, &format!("a{round}")), start(dir, &format!("b{round}")));
    first.await_step("ready");
    second.await_step("ready");
    let joined = killer.kill_in_start(dir, &format!("c{round}"));
    killer.wait(1_000, 150_000);
    expected.learn(&first.kill());
    let mut third = start(dir, &format!("d{round}"));
    third.await_step("ready");
    killer.wait(1_000, 100_000);
    if round.is_multiple_of(2) {
        await_compaction(dir);
        killer.wait(0, 3_000);
    }
    let [second, third] = [second, third].map(|child| std::thread::spawn(|| child.kill()));
    expected.learn(&second.join().unwrap());
    expected.learn(&third.join().unwrap());
    tally.kills_in_compaction += u64::from(is_compacting(dir));
    let alone = killer.kill_in_start(dir, &format!("e{round}"));
    for said in [joined, alone] {
        tally.kills_in_start += u64::from(!said.iter().any(|line| line == "ready"));
        expected.learn(&said);
    }
    tally.kills += 5;
}

#[test]
fn no_acknowledged_write_is_lost_to_sigkill() {
    let rounds = variable("JSON_CRASH_ROUNDS").unwrap_or(10);
    let seed = variable("JSON_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("JSON_CRASH_SEED={seed}");
    let (start, mut killer, mut tally) = (Instant::now(), Killer(fastrand::Rng::with_seed(seed)), Tally::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for first in (0..rounds).step_by(ROUNDS_OF_A_DIRECTORY as usize) {
        let (dir, mut expected) = (tempfile::tempdir().unwrap(), Expected::default());
        for number in first..rounds.min(first + ROUNDS_OF_A_DIRECTORY) {
            round(&mut killer, dir.path(), number, &mut expected, &mut tally);
            runtime.block_on(async {
                let store = JsonStore::open(&TABLES, options(dir.path())).await.unwrap();
                expected.check(&store).await;
                if number.is_multiple_of(3) {
                    store.close().await.unwrap();
                }
            });
        }
        tally.acknowledged += expected.acknowledged.len();
        tally.refused += expected.acknowledged.iter().filter(|line| line.starts_with("refused ")).count();
        println!("{} rounds, {tally:?}, nothing lost or twice", rounds.min(first + ROUNDS_OF_A_DIRECTORY));
    }
    assert!(tally.acknowledged > rounds as usize * 20, "too little was written to prove anything");
    assert!(tally.kills_in_compaction > 0 || rounds < 10, "no process was killed while it compacted");
    println!("{} s", start.elapsed().as_secs());
}
