//! How late the data of one Region is in the other, as its processes see it.

use std::sync::Arc;
use std::time::Duration;

use db_adapter::forum::TABLES;
use db_adapter::layer::fence::Pulse;
use db_adapter::{Clock, Grant, Scan, Store};

use crate::clock::GameClock;
use crate::region::Region;
use crate::replication::Replication;

const EAST: usize = 0;
const WEST: usize = 1;
const STEP: Duration = Duration::from_secs(5);
/// A heartbeat is made when the last one is 10 s old, and read every 5 s: here one step later.
const USUAL: Duration = Duration::from_secs(20);

/// A process in each Region; the first one writes.
struct World {
    clock: Arc<GameClock>,
    regions: [Region; 2],
    grants: [Arc<Grant>; 2],
    pulses: [Pulse; 2],
    replication: Replication,
}

impl World {
    async fn start() -> Self {
        let clock = Arc::new(GameClock::default());
        let regions = [Region::start("us-east-1", None, &clock).await, Region::start("us-west-2", None, &clock).await];
        let grants = [(); 2].map(|()| Arc::new(Grant::new(clock.clone())));
        let pulse =
            |region: usize| Pulse::new(regions[region].store.clone(), TABLES.to_vec(), grants[region].clone(), clock.clone());
        let pulses = [pulse(EAST), pulse(WEST)];
        let world = Self { clock, regions, grants, pulses, replication: Replication::default() };
        world.let_write(EAST, "us-east-1");
        world
    }

    fn let_write(&self, region: usize, name: &str) {
        self.grants[1 - region].close(Some(name));
        self.grants[region].open_until(Duration::MAX, name);
    }

    /// The ages that both see after so much time.
    async fn ages(&mut self, time: Duration) -> [Option<Duration>; 2] {
        let mut ages = [None; 2];
        let end = self.clock.elapsed() + time;
        while self.clock.elapsed() < end {
            self.clock.pass(STEP);
            ages[EAST] = self.pulses[EAST].refresh().await;
            for region in [EAST, WEST] {
                self.replication.notice(&self.regions, region, self.clock.elapsed(), || Duration::ZERO).await;
            }
            self.replication.deliver(&self.regions, self.clock.elapsed()).await;
            ages[WEST] = self.pulses[WEST].refresh().await;
        }
        ages
    }
}

#[tokio::test]
async fn the_data_grows_old_where_replication_stands_still() {
    let mut world = World::start().await;
    assert_eq!(world.pulses[WEST].refresh().await, None, "nothing has arrived, which no metric tells");
    let [east, west] = world.ages(Duration::from_secs(60)).await;
    assert!(east.unwrap() <= USUAL && west.unwrap() <= USUAL, "{east:?} {west:?}");
    world.replication.cut();
    let [east, west] = world.ages(Duration::from_secs(100)).await;
    assert!(east.unwrap() <= USUAL && west.unwrap() >= Duration::from_secs(90), "{east:?} {west:?}");
    // Whoever takes over makes them, and the other one only reads.
    world.let_write(WEST, "us-west-2");
    let [east, west] = world.ages(Duration::from_secs(60)).await;
    assert!(west.unwrap() <= USUAL && east.unwrap() >= Duration::from_secs(55), "{east:?} {west:?}");
    world.replication.join();
    let [east, west] = world.ages(Duration::from_secs(10)).await;
    assert!(east.unwrap() <= USUAL && west.unwrap() <= USUAL, "{east:?} {west:?}");
    // No reader of the tables takes one for an item.
    for region in &world.regions {
        for table in TABLES {
            assert!(!region.raw(table).await.is_empty(), "{} has no heartbeat", table.name);
            let store: &dyn Store = &*region.store;
            assert!(store.scan(table, &Scan::new(10)).await.unwrap().items.is_empty());
            assert_eq!(store.check(table).await.unwrap(), []);
        }
    }
}

/// A heartbeat of a clock that was ahead is no news for long: the next process that writes replaces it.
#[tokio::test]
async fn a_heartbeat_of_the_future_is_replaced() {
    let mut world = World::start().await;
    world.clock.jump(chrono::TimeDelta::days(1));
    world.ages(STEP).await;
    world.clock.jump(chrono::TimeDelta::days(-1));
    let [east, _] = world.ages(2 * STEP).await;
    assert!(east.unwrap() <= USUAL);
    world.replication.cut();
    let [_, west] = world.ages(Duration::from_secs(60)).await;
    assert!(west.unwrap() >= Duration::from_secs(50), "{west:?}");
}
