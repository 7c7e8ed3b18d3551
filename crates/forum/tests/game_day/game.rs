//! One game: writers in both Regions, faults, the loss of a Region, the take-over, the return and the way back.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use db_adapter::dynamodb::ControlTable;
use db_adapter::forum::{TABLES, thread, user};
use db_adapter::layer::fence::takeover::{self, Refused};
use db_adapter::layer::fence::{HOLD, PERIOD};
use db_adapter::{Attributes, Clock, Control, Error, Finding, Item, Key, Lease, Read, Store, Update};
use fastrand::Rng;
use serde_json::json;

use crate::clock::GameClock;
use crate::region::{OPERATION, Region, Switched, dynamodb};
use crate::replication::Replication;

const NAMES: [&str; 2] = ["us-east-1", "us-west-2"];
const EAST: usize = 0;
const WEST: usize = 1;

/// How a game ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What was promised and did not hold.
    pub(crate) broken: Vec<String>,
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    /// From the decision to take over to the first write in the other Region.
    pub(crate) recovery: Duration,
    /// Acknowledged changes of the lost Region that the other one did not have when it began.
    pub(crate) lost: usize,
    pub(crate) claims_added: usize,
    /// Writes that were past the fence's first check when their process was stopped.
    pub(crate) late: usize,
}

pub(crate) struct Game {
    random: Rng,
    clock: Arc<GameClock>,
    /// `None`: there is no fence.
    operator: Option<ControlTable>,
    controls: Vec<Arc<Switched>>,
    regions: [Region; 2],
    replication: Replication,
    read: Duration,
    next: usize,
    users: Vec<String>,
    /// The last acknowledged write of each item in the Region that is lost: its version and `writeId`.
    acknowledged: BTreeMap<String, (&'static db_adapter::Table, String)>,
    /// The Region of each accepted write, in order.
    log: Vec<usize>,
    takes: usize,
    outcome: Outcome,
}

impl Game {
    pub(crate) async fn new(seed: u64, fenced: bool) -> Self {
        let clock = Arc::new(GameClock::default());
        let (mut operator, mut controls) = (None, Vec::new());
        if fenced {
            let endpoint = dynamodb().await;
            let table = ControlTable::open("fence", "us-east-2", Some(&endpoint)).await.unwrap();
            assert!(table.create(None).await.unwrap());
            assert!(takeover::init(&table, &*clock, NAMES[EAST]).await.unwrap());
            operator = Some(table);
            for _ in NAMES {
                let control = ControlTable::open("fence", "us-east-2", Some(&endpoint)).await.unwrap();
                let (gone, slow) = (AtomicBool::new(false), std::sync::Mutex::default());
                controls.push(Arc::new(Switched { control, gone, slow, clock: clock.clone() }));
            }
        }
        let regions = [
            Region::start(NAMES[EAST], controls.first(), &clock).await,
            Region::start(NAMES[WEST], controls.get(1), &clock).await,
        ];
        for region in &regions {
            region.refresh().await;
        }
        Self {
            random: Rng::with_seed(seed),
            clock,
            operator,
            controls,
            regions,
            replication: Replication::default(),
            read: Duration::ZERO,
            next: 0,
            users: Vec::new(),
            acknowledged: BTreeMap::new(),
            log: Vec::new(),
            takes: 0,
            outcome: Outcome::default(),
        }
    }

    pub(crate) async fn play(mut self) -> Outcome {
        self.work(30, EAST).await;
        self.faults_of_the_control_store().await;
        let late = self.lose_a_region().await;
        self.take(WEST).await;
        self.work(15, WEST).await;
        self.the_lost_region_goes_on(late).await;
        self.compare().await;
        self.rejoin().await;
        self.take(EAST).await;
        self.is_equal("after the way back").await;
        self.work(5, EAST).await;
        let changes = self.log.windows(2).filter(|pair| pair[0] != pair[1]).count();
        if changes > self.takes {
            let takes = self.takes;
            self.broken(format!("two Regions accepted writes in turn: {changes} changes, {takes} take-overs"));
        }
        if self.operator.is_some() && changes < self.takes {
            self.broken("a Region did not accept writes after it was told to".to_owned());
        }
        self.outcome.accepted = self.log.len();
        self.outcome
    }

    fn broken(&mut self, what: String) {
        self.outcome.broken.push(what);
    }

    fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Writers in both Regions, most of them in that one.
    async fn work(&mut self, steps: usize, mostly: usize) {
        for _ in 0..steps {
            let region = if self.random.u8(..4) == 0 { 1 - mostly } else { mostly };
            self.write(region).await;
            let time = self.random.u64(50..1500);
            self.pass(Duration::from_millis(time)).await;
        }
    }

    /// Time passes: leases are read, changes arrive.
    async fn pass(&mut self, time: Duration) {
        self.clock.pass(time);
        if self.now() >= self.read + PERIOD {
            self.read = self.now();
            for region in &self.regions {
                region.refresh().await;
            }
        }
        self.replication.deliver(&self.regions, self.clock.elapsed()).await;
    }

    async fn notice(&mut self, region: usize) {
        let random = &mut self.random;
        let lag = || Duration::from_millis(if random.u8(..5) == 0 { random.u64(5_000..60_000) } else { random.u64(100..3_000) });
        self.replication.notice(&self.regions, region, self.clock.elapsed(), lag).await;
    }

    fn a_user(&mut self) -> (String, Attributes) {
        self.next += 1;
        let id = format!("user-{:04}", self.next);
        let json = json!({ "userId": id, "email": format!("{id}@example.org"), "name": "n", "createdAt": self.time() });
        (id, Item::parse(&json.to_string()).unwrap().attributes().unwrap())
    }

    fn time(&self) -> String {
        db_adapter::forum::timestamp(self.clock.time_of_day())
    }

    /// A client writes to a process of the Region, also to one that was stopped and goes on.
    async fn write(&mut self, region: usize) {
        let process = self.random.usize(..self.regions[region].processes.len());
        let store = self.regions[region].processes[process].store.clone();
        let kind = self.random.u8(..10);
        let (table, id, done) = if kind < 5 || self.users.is_empty() {
            let (id, attributes) = self.a_user();
            let done = store.create(&user::TABLE, attributes).await;
            if done.is_ok() {
                self.users.push(id.clone());
            }
            (&user::TABLE, id, done)
        } else if kind < 7 {
            self.next += 1;
            let id = format!("thread-{:04}", self.next);
            let json = json!({ "threadId": id, "title": "t", "createdAt": self.time() });
            let attributes = Item::parse(&json.to_string()).unwrap().attributes().unwrap();
            (&thread::TABLE, id, store.create(&thread::TABLE, attributes).await)
        } else {
            let id = self.users[self.random.usize(..self.users.len())].clone();
            let set = [("name".to_owned(), format!("n{}", self.next).as_str().into())].into();
            let done = store.update(&user::TABLE, &Key::hash(&id), &Update { set, ..Update::default() }).await;
            (&user::TABLE, id, done)
        };
        match done {
            Ok(item) => {
                self.log.push(region);
                if region == EAST {
                    self.acknowledged.insert(id, (table, write_id(&item)));
                }
                self.notice(region).await;
            }
            Err(Error::NotWriting { .. }) => self.outcome.refused += 1,
            // The item has not arrived yet.
            Err(Error::NotFound) => {}
            Err(error) => self.broken(format!("a write in {} failed: {error}", NAMES[region])),
        }
    }

    /// Gone for 1 s and for 30 s, slow, and clocks that jump: writes stop where they must, and come back by themselves.
    async fn faults_of_the_control_store(&mut self) {
        if self.operator.is_none() {
            return;
        }
        for (gone, stops) in [(1, false), (30, true)] {
            self.pass(PERIOD).await;
            self.controls.iter().for_each(|control| control.gone.store(true, Ordering::Relaxed));
            for _ in 0..gone {
                self.pass(Duration::from_secs(1)).await;
            }
            let before = self.log.len();
            self.write(EAST).await;
            // An update of an item that is not there is not accepted either way.
            let stopped = self.regions[EAST]
                .processes
                .iter()
                .all(|process| process.watch.as_ref().is_some_and(|watch| !watch.grant().is_open()));
            if stopped != stops || (stops && self.log.len() > before) {
                self.broken(format!("the control store was gone for {gone} s, and writes had stopped: {stopped}"));
            }
            self.controls.iter().for_each(|control| control.gone.store(false, Ordering::Relaxed));
            self.pass(PERIOD).await;
        }
        let jump = TimeDelta::days(self.random.i64(-400..400));
        self.clock.jump(jump);
        *self.controls[EAST].slow.lock().unwrap() = Duration::from_millis(self.random.u64(..4_000));
        self.work(5, EAST).await;
        *self.controls[EAST].slow.lock().unwrap() = Duration::ZERO;
        self.pass(PERIOD).await;
        self.work(3, EAST).await;
        self.clock.jump(-jump);
    }

    /// The Region is cut off, with a write on its way. Its processes are stopped or cannot read the lease; its clients go on.
    async fn lose_a_region(&mut self) -> Option<Late> {
        let gate = self.regions[EAST].processes[0].gate.clone();
        let open = gate.shut().await;
        let (id, attributes) = self.a_user();
        let store = self.regions[EAST].processes[0].store.clone();
        let task = tokio::spawn(async move { store.create(&user::TABLE, attributes).await });
        while !gate.is_reached().await && !task.is_finished() {
            tokio::task::yield_now().await;
        }
        for process in &mut self.regions[EAST].processes {
            process.stopped = self.random.bool();
        }
        self.regions[EAST].processes[0].stopped = true;
        if let Some(control) = self.controls.first() {
            control.gone.store(true, Ordering::Relaxed);
        }
        self.replication.cut();
        for _ in 0..8 {
            self.write(EAST).await;
            let time = self.random.u64(100..800);
            self.pass(Duration::from_millis(time)).await;
        }
        Some(Late { open, task, id })
    }

    /// The operator's command, and another operator who does the same.
    async fn take(&mut self, to: usize) {
        let decided = self.now();
        self.takes += 1;
        if let Some(stopped) = self.stop_raced().await {
            let wait = takeover::wait(OPERATION);
            while self.now() < decided + wait {
                let region = self.random.usize(..2);
                self.write(region).await;
                self.pass(Duration::from_millis(500)).await;
            }
            if to == EAST {
                self.replication.join();
                self.replication.deliver(&self.regions, self.clock.elapsed()).await;
            }
            let accepted = self.log.len();
            let repaired = takeover::repair_claims(&*self.regions[to].store, &TABLES).await.unwrap();
            self.outcome.claims_added += repaired.added;
            self.notice(to).await;
            self.every_user_has_its_claim(to).await;
            if self.log.len() > accepted {
                self.broken("a write was accepted before the claims were there".to_owned());
            }
            let operator = self.operator.as_ref().unwrap();
            takeover::begin(operator, &*self.clock, &stopped, NAMES[to]).await.unwrap();
        }
        while self.log.last() != Some(&to) && self.now() < decided + Duration::from_secs(60) {
            self.write(to).await;
            self.pass(Duration::from_millis(250)).await;
        }
        if to == WEST {
            self.outcome.recovery = self.now() - decided;
        }
        if self.now() - decided > takeover::wait(OPERATION) + HOLD {
            self.broken(format!("{} accepted no write for {:?}", NAMES[to], self.now() - decided));
        }
    }

    async fn stop_raced(&mut self) -> Option<Lease> {
        let operator = self.operator.as_ref()?;
        let found = operator.read().await.unwrap().unwrap();
        let race = async || takeover::stop_from(operator, &*self.clock, &found, OPERATION).await;
        let (mut first, mut second) = tokio::join!(race(), race());
        if first.is_err() {
            std::mem::swap(&mut first, &mut second);
        }
        if !matches!(second, Err(Refused::Raced)) {
            self.broken(format!("both operators: {second:?}"));
        }
        Some(first.unwrap())
    }

    async fn every_user_has_its_claim(&mut self, region: usize) {
        let store = self.regions[region].store.clone();
        let findings = store.check(&user::TABLE).await.unwrap();
        if findings.iter().any(|finding| matches!(finding, Finding::MissingClaim { .. })) {
            self.broken(format!("claims are missing in {}", NAMES[region]));
        }
    }

    /// What was stopped goes on before it reads the lease, and then reads it.
    async fn the_lost_region_goes_on(&mut self, late: Option<Late>) {
        for _ in 0..4 {
            self.write(EAST).await;
        }
        if let Some(Late { open, task, id }) = late {
            open.send(()).ok();
            match task.await.unwrap() {
                Err(Error::NotWriting { .. }) => self.outcome.late += 1,
                Ok(_) => {
                    self.log.push(EAST);
                    self.broken(format!("two Regions: {id} was on its way and was accepted"));
                }
                Err(error) => self.broken(format!("a late write failed: {error}")),
            }
        }
        if let Some(control) = self.controls.first() {
            control.gone.store(false, Ordering::Relaxed);
        }
        self.regions[EAST].processes.iter_mut().for_each(|process| process.stopped = false);
        self.pass(PERIOD).await;
        self.work(5, WEST).await;
    }

    /// Every acknowledged write that the new Region lacks is in the list of `forum verify`.
    async fn compare(&mut self) {
        let verify = ["verify", "--names", "10000", "--region", NAMES[WEST], "--against-region", NAMES[EAST]];
        let [east, west] = &self.regions;
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("forum"));
        command.args(verify).args(["--against-endpoint", &east.endpoint]);
        command.env_clear().env("USE_DYNAMODB", "true").env("DYNAMODB_ENDPOINT", &west.endpoint);
        let output = tokio::task::block_in_place(|| command.output()).unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut unlisted = Vec::new();
        for (id, (table, written)) in &self.acknowledged {
            let here = self.regions[WEST].store.get(table, &Key::hash(id), &Read::STRONG).await.unwrap();
            if here.as_ref().map(write_id).as_ref() == Some(written) {
                continue;
            }
            self.outcome.lost += 1;
            if !printed.contains(id.as_str()) {
                unlisted.push(id.clone());
            }
        }
        if !unlisted.is_empty() || (self.outcome.lost > 0 && output.status.code() != Some(3)) {
            self.broken(format!("lost and not listed: {unlisted:?} in {printed}"));
        }
    }

    /// Replication goes on, and both Regions come to hold the same.
    async fn rejoin(&mut self) {
        for region in [EAST, WEST] {
            self.notice(region).await;
        }
        self.replication.join();
        self.replication.deliver(&self.regions, self.clock.elapsed()).await;
        self.is_equal("after the return").await;
    }

    async fn is_equal(&mut self, when: &str) {
        for region in [EAST, WEST] {
            self.notice(region).await;
        }
        self.replication.join();
        self.replication.deliver(&self.regions, self.clock.elapsed()).await;
        for table in TABLES {
            let [east, west] = [self.regions[EAST].raw(table).await, self.regions[WEST].raw(table).await];
            if east != west {
                self.broken(format!("{when} {} differ: {} and {} items", table.name, east.len(), west.len()));
            }
        }
    }
}

/// A write that was on its way when its process was stopped.
struct Late {
    open: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<db_adapter::Result<Item>>,
    id: String,
}

fn write_id(item: &Item) -> String {
    item.text(db_adapter::schema::WRITE_ID).unwrap_or_default()
}
