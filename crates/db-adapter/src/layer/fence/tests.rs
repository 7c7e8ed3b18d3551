//! The fence with a clock that the test moves and a control store that fails, is late and lies.

mod pulse;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;

use super::*;
use crate::backend::json::{JsonOptions, JsonStore};
use crate::layer::fence::takeover::Refused;
use crate::store::error::Error;
use crate::store::grant::Clock;
use crate::store::lease::{Control, Lease};
use crate::store::page::Read;
use crate::store::toy;

const OPERATION: Duration = Duration::from_secs(6);
static TABLES: [&Table; 1] = [&toy::NOTES];
const EAST: &str = "us-east-1";
const WEST: &str = "us-west-2";

/// A clock that stands still until it is moved. Its time of day can be set apart from it.
#[derive(Debug, Default)]
struct Moved(Mutex<(Duration, TimeDelta)>);

impl Moved {
    fn pass(&self, time: Duration) {
        self.0.lock().unwrap().0 += time;
    }

    fn set_time_of_day(&self, ahead: TimeDelta) {
        self.0.lock().unwrap().1 = ahead;
    }
}

impl Clock for Moved {
    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().0
    }

    fn time_of_day(&self) -> DateTime<Utc> {
        let (elapsed, ahead) = *self.0.lock().unwrap();
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + elapsed + ahead
    }
}

/// A control store in memory.
#[derive(Debug, Default)]
struct Memory {
    lease: Mutex<Option<Lease>>,
    gone: Mutex<bool>,
    renewals: Mutex<usize>,
    /// How long a read takes, of the clock of whoever reads.
    slow: Mutex<Option<(Arc<Moved>, Duration)>>,
}

impl Memory {
    fn check(&self) -> Result<()> {
        if *self.gone.lock().unwrap() { Err(Error::unavailable("it is gone")) } else { Ok(()) }
    }

    fn lease(&self) -> Lease {
        self.lease.lock().unwrap().clone().unwrap()
    }
}

#[async_trait]
impl Control for Memory {
    async fn read(&self) -> Result<Option<Lease>> {
        self.check()?;
        let lease = self.lease.lock().unwrap().clone();
        if let Some((clock, time)) = &*self.slow.lock().unwrap() {
            clock.pass(*time);
        }
        Ok(lease)
    }

    async fn replace(&self, expected: Option<u64>, lease: &Lease) -> Result<bool> {
        self.check()?;
        let mut stored = self.lease.lock().unwrap();
        let holds = stored.as_ref().map(|stored| stored.epoch) == expected;
        if holds {
            *stored = Some(lease.clone());
        }
        Ok(holds)
    }

    async fn renew(&self, lease: &Lease, now: &str) -> Result<()> {
        self.check()?;
        let mut stored = self.lease.lock().unwrap();
        if let Some(stored) = stored.as_mut().filter(|stored| *stored == lease) {
            now.clone_into(&mut stored.renewed);
            *self.renewals.lock().unwrap() += 1;
        }
        Ok(())
    }
}

/// A control store, and a process in each of two Regions. Both clocks run alike unless one is moved.
struct World {
    control: Arc<Memory>,
    clocks: [Arc<Moved>; 2],
    watches: [Watch; 2],
}

impl World {
    async fn new() -> Self {
        let control = Arc::new(Memory::default());
        let clocks = [Arc::new(Moved::default()), Arc::new(Moved::default())];
        let watch = |region, clock: &Arc<Moved>| Watch::new(region, control.clone(), clock.clone(), OPERATION);
        let watches = [watch(EAST, &clocks[0]), watch(WEST, &clocks[1])];
        let world = Self { control, clocks, watches };
        assert!(takeover::init(&*world.control, &*world.clocks[0], EAST).await.unwrap());
        world.refresh().await;
        world
    }

    fn pass(&self, time: Duration) {
        self.clocks.iter().for_each(|clock| clock.pass(time));
    }

    async fn refresh(&self) {
        for watch in &self.watches {
            watch.refresh().await;
        }
    }

    /// Which of the two may write.
    fn open(&self) -> [bool; 2] {
        [0, 1].map(|n| self.watches[n].grant().is_open())
    }

    async fn stop(&self) -> Lease {
        takeover::stop(&*self.control, &*self.clocks[1], OPERATION).await.unwrap()
    }

    async fn begin(&self, stopped: &Lease) -> Lease {
        takeover::begin(&*self.control, &*self.clocks[1], stopped, WEST).await.unwrap()
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn one_region_writes_and_the_other_says_which() {
    let world = World::new().await;
    assert_eq!(world.open(), [true, false]);
    let refused = world.watches[1].grant().check().unwrap_err();
    assert!(matches!(&refused, Error::NotWriting { writer: Some(writer) } if writer == EAST), "{refused}");
}

#[tokio::test]
async fn a_grant_ends_ten_seconds_after_the_start_of_the_read_that_gave_it() {
    let world = World::new().await;
    *world.control.gone.lock().unwrap() = true;
    world.pass(HOLD - Duration::from_nanos(1));
    world.refresh().await;
    assert_eq!(world.open(), [true, false]);
    world.pass(Duration::from_nanos(1));
    assert_eq!(world.open(), [false, false]);
    *world.control.gone.lock().unwrap() = false;
    world.refresh().await;
    assert_eq!(world.open(), [true, false]);
}

#[tokio::test]
async fn a_read_that_took_long_gives_what_is_left_or_nothing() {
    let world = World::new().await;
    for (took, left) in [(seconds(9), true), (seconds(10), false), (seconds(60), false)] {
        *world.control.slow.lock().unwrap() = Some((world.clocks[0].clone(), took));
        world.watches[0].refresh().await;
        assert_eq!(world.open()[0], left, "{took:?}");
    }
}

/// SIGSTOP, a pause of the virtual machine: the old Region comes back after the new one has begun.
#[tokio::test]
async fn a_process_that_was_stopped_may_not_write_when_it_goes_on() {
    let world = World::new().await;
    let stopped = world.stop().await;
    // The process in the old Region reads nothing of this.
    world.pass(takeover::wait(OPERATION));
    world.begin(&stopped).await;
    world.watches[1].refresh().await;
    assert_eq!(world.open(), [false, true]);
    world.watches[0].refresh().await;
    assert_eq!(world.open(), [false, true]);
}

#[tokio::test]
async fn nobody_writes_between_the_two_steps() {
    let world = World::new().await;
    let stopped = world.stop().await;
    for _ in 0..10 {
        world.refresh().await;
        assert_eq!(world.open(), [false, false]);
        world.pass(PERIOD);
    }
    assert!(matches!(world.watches[0].grant().check(), Err(Error::NotWriting { writer: None })));
    world.begin(&stopped).await;
    world.refresh().await;
    assert_eq!(world.open(), [false, true]);
}

#[tokio::test]
async fn a_time_of_day_that_jumps_takes_no_grant_and_gives_none() {
    for ahead in [TimeDelta::days(-400), TimeDelta::days(400)] {
        let world = World::new().await;
        world.clocks.iter().for_each(|clock| clock.set_time_of_day(ahead));
        world.refresh().await;
        assert_eq!(world.open(), [true, false]);
        world.pass(HOLD);
        assert_eq!(world.open(), [false, false]);
    }
}

#[tokio::test]
async fn a_lease_that_begins_later_is_waited_for_but_not_for_ever() {
    let world = World::new().await;
    let stopped = world.stop().await;
    let mut begun = world.begin(&stopped).await;
    begun.change = "by hand".to_owned();
    for (starts_in, waits) in [(TimeDelta::seconds(8), seconds(8)), (TimeDelta::days(400), takeover::wait(OPERATION))] {
        begun.epoch += 1;
        begun.change.push('+');
        begun.not_before = crate::forum::timestamp(world.clocks[1].time_of_day() + starts_in);
        *world.control.lease.lock().unwrap() = Some(begun.clone());
        world.refresh().await;
        world.pass(waits - Duration::from_millis(1));
        world.refresh().await;
        assert_eq!(world.open(), [false, false], "{starts_in}");
        world.pass(Duration::from_millis(1));
        world.refresh().await;
        assert_eq!(world.open(), [false, true], "{starts_in}");
    }
}

#[tokio::test]
async fn a_lease_older_than_one_that_was_read_is_not_believed() {
    let world = World::new().await;
    let old = world.control.lease();
    let stopped = world.stop().await;
    world.begin(&stopped).await;
    world.refresh().await;
    *world.control.lease.lock().unwrap() = Some(old);
    world.refresh().await;
    assert_eq!(world.open(), [false, true]);
}

#[tokio::test]
async fn a_lease_that_is_gone_stops_everybody() {
    let world = World::new().await;
    *world.control.lease.lock().unwrap() = None;
    world.refresh().await;
    assert_eq!(world.open(), [false, false]);
}

#[tokio::test]
async fn of_two_operators_one_succeeds() {
    let world = World::new().await;
    let (control, clock) = (&*world.control, &*world.clocks[0]);
    let found = world.control.lease();
    let first = takeover::stop_from(control, clock, &found, OPERATION).await.unwrap();
    let second = takeover::stop_from(control, clock, &found, OPERATION).await;
    assert!(matches!(second, Err(Refused::Raced)));
    // One who looks again may take over, and then the first may not go on.
    let second = world.stop().await;
    let late = takeover::begin(control, clock, &first, EAST).await;
    assert!(matches!(late, Err(Refused::Raced)));
    world.begin(&second).await;
    world.refresh().await;
    assert_eq!(world.open(), [false, true]);
    assert!(!takeover::init(control, clock, EAST).await.unwrap());
}

#[tokio::test]
async fn without_a_lease_there_is_nothing_to_take() {
    let (control, clock) = (Memory::default(), Moved::default());
    assert!(matches!(takeover::stop(&control, &clock, OPERATION).await, Err(Refused::NoLease)));
}

#[tokio::test]
async fn the_region_that_writes_renews_the_heartbeat_every_five_seconds() {
    let world = World::new().await;
    for _ in 0..30 {
        world.pass(PERIOD);
        world.refresh().await;
    }
    // Every third read of 2 s, and one to see what was renewed.
    let renewals = *world.control.renewals.lock().unwrap();
    assert!((7..=10).contains(&renewals), "{renewals}");
    let renewed = world.control.lease().renewed;
    world.pass(seconds(60));
    world.watches[1].refresh().await;
    assert_eq!(world.control.lease().renewed, renewed, "the other Region renewed it");
}

/// A store in the second Region, with one item.
async fn store(folder: &tempfile::TempDir, world: &World) -> (Arc<dyn Store>, FencedStore) {
    let inner: Arc<dyn Store> = Arc::new(JsonStore::open(&TABLES, JsonOptions::new(folder.path())).await.unwrap());
    let fenced = FencedStore::new(inner.clone(), world.watches[1].grant(), WEST);
    (inner, fenced)
}

fn a_note(id: &str) -> Attributes {
    let created_at = "2026-01-01T00:00:00.000Z";
    [("noteId", id), ("bookId", "b"), ("createdAt", created_at)]
        .map(|(name, value)| (name.to_owned(), crate::Value::from(value)))
        .into()
}

#[tokio::test]
async fn without_a_grant_every_write_is_refused_and_every_read_is_served() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::new().await);
    let (inner, fenced) = store(&folder, &world).await;
    inner.create(&toy::NOTES, a_note("a")).await.unwrap();
    let fenced: &dyn Store = &fenced;
    let key = Key::pair("a", "b");
    let finding = Finding::MissingClaim { key: key.clone(), attribute: "slug", value: "a".to_owned() };
    let items = || futures::stream::iter([Ok(Item::new(&a_note("a")))]).boxed();
    let refused = [
        fenced.create(&toy::NOTES, a_note("a")).await.map(drop),
        fenced.update(&toy::NOTES, &key, &Update::default()).await.map(drop),
        fenced.delete(&toy::NOTES, &key, None).await,
        fenced.load(&toy::NOTES, items()).await.map(drop),
        fenced.repair(&toy::NOTES, &finding).await,
    ];
    for refused in refused {
        assert!(matches!(&refused, Err(Error::NotWriting { writer: Some(writer) }) if writer == EAST), "{refused:?}");
    }
    assert!(fenced.get(&toy::NOTES, &key, &Read::STRONG).await.unwrap().is_some());
    let health = fenced.health(&toy::NOTES).await;
    assert!(health.reachable);
    assert_eq!(health.writer_elsewhere.as_deref(), Some(EAST));
    world.watches[1].grant().close(None);
    assert_eq!(fenced.health(&toy::NOTES).await.writer_elsewhere, None);
    world.watches[1].grant().open_until(Duration::MAX, WEST);
    assert_eq!(fenced.health(&toy::NOTES).await.writer_elsewhere, None);
    fenced.delete(&toy::NOTES, &key, None).await.unwrap();
}

#[tokio::test]
async fn a_load_ends_with_the_grant() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::new().await);
    let (_, fenced) = store(&folder, &world).await;
    let grant = world.watches[1].grant();
    grant.open_until(seconds(10), WEST);
    let clock = world.clocks[1].clone();
    let items = futures::stream::iter(0..3).map(move |number| {
        clock.pass(seconds(4));
        Ok(Item::new(&a_note(&format!("a{number}"))))
    });
    let loaded = Store::load(&fenced, &toy::NOTES, items.boxed()).await;
    assert!(matches!(loaded, Err(Error::NotWriting { .. })), "{loaded:?}");
}

/// As a function between two requests, or a machine that was suspended.
#[tokio::test]
async fn after_a_standstill_the_lease_is_read_before_a_write_is_refused() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::new().await);
    let (inner, _) = store(&folder, &world).await;
    let watch = Watch::new(EAST, world.control.clone(), world.clocks[0].clone(), OPERATION);
    let fenced = FencedStore::watching(inner, watch, None).await;
    world.pass(seconds(3600));
    Store::create(&fenced, &toy::NOTES, a_note("a")).await.unwrap();
    // Health, which is asked of it every minute, renews the heartbeat.
    let renewals = || *world.control.renewals.lock().unwrap();
    let before = renewals();
    for _ in 0..2 {
        world.pass(seconds(60));
        Store::health(&fenced, &toy::NOTES).await;
    }
    assert!(renewals() > before);
    *world.control.gone.lock().unwrap() = true;
    world.pass(seconds(3600));
    let refused = Store::create(&fenced, &toy::NOTES, a_note("b")).await;
    assert!(matches!(refused, Err(Error::NotWriting { .. })), "{refused:?}");
}
