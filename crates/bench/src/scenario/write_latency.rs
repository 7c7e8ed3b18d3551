//! Whether a write costs the same in a large store, and while the journal is folded.

use db_adapter::forum::TABLES;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use db_adapter::Store;
use db_adapter::json::{JsonOptions, JsonStore};

use super::durable_post::creating_users;
use super::grouped;
use crate::data::{Forum, user_id};
use crate::figures::{Bound, Metric, Plot, Row, Sample, Section, Series, median, ratio, values};
use crate::load::{HttpSubject, Load, observe};
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::server::Server;
use crate::variant::{self, Backend};

const ONE_CORE: &str = "Writes during a compaction: the server has one core here, which the compaction shares with the requests.";
const CONNECTIONS: usize = 8;
const LOAD: &str = "8 connections";
const COMPACTING: &str = "while the journal is folded";
const AFTER: &str = "after that";
/// Bytes that a journal must have before it is folded; never below the snapshot's own size.
const FOLDED_FROM: u64 = 64 << 20;
/// How long a compaction may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let mut sizes = [1_000, 10_000, 100_000, 1_000_000].map(|full| place.settings.items(full)).to_vec();
    // Where there are few items, sizes fall together.
    sizes.dedup();
    let (smallest, largest) = sizes.first().copied().zip(sizes.last().copied()).context("there are no sizes")?;
    let full = with_full_journal(place, &Forum::of_users(largest)).await?;
    let folding = Folding { place, full: &full, variant: variant(largest), server: RefCell::default() };
    let mut subjects: Vec<Box<dyn Subject + '_>> = Vec::new();
    for users in sizes.iter().copied() {
        let name = format!("write-latency-{users}");
        let dir = place.copy_of(&Forum::of_users(users).json_store(place).await?, &name)?;
        let server = start(place, &name, &dir).await?;
        subjects.push(Box::new(HttpSubject {
            variant: variant(users),
            load_name: LOAD.to_owned(),
            load: load(place, &server),
            servers: vec![server],
            duration: place.settings.duration(),
        }));
    }
    subjects.push(Box::new(Compacting(&folding)));
    subjects.push(Box::new(After(&folding)));
    let rows = interleave(place.settings.rounds, subjects).await?;

    let [smallest, largest] = [smallest, largest].map(variant);
    let [of_largest, of_smallest] = [&largest, &smallest].map(|variant| (variant.as_str(), LOAD, Metric::P50));
    let [during, after] = [COMPACTING, AFTER].map(|load| (largest.as_str(), load, Metric::P99));
    let goals = vec![
        ratio(&rows, &format!("{largest} / {smallest}: p50"), of_largest, of_smallest, Bound::AtMost(1.2))?,
        ratio(&rows, &format!("{largest}, {COMPACTING} / {AFTER}: p99"), during, after, Bound::AtMost(3.0))?.or_because(ONE_CORE),
    ];
    let plot = plot(&rows, &sizes)?;
    Ok(Section {
        title: "Write latency against the size of the store".to_owned(),
        method: format!(
            "POST of a new user to users-svc at {LOAD}, in stores of different sizes. For the last two rows each round starts with a \
             journal that is as long as the snapshot (and 64 MiB at least), so that the first write starts a compaction: measured is \
             from then to its end, and then as long as the other rows."
        ),
        rows,
        goals,
        plots: vec![plot],
    })
}

fn variant(users: usize) -> String {
    format!("users-svc, {} users", grouped(users))
}

async fn start(place: &Place, name: &str, dir: &Path) -> Result<Rc<Server>> {
    variant::ours(place, "users-svc", name, Backend::Json(dir), &format!("/api/users/{}", user_id(0))).await
}

fn load(place: &Place, server: &Server) -> Load {
    creating_users(place, server, "/api/users", CONNECTIONS)
}

/// The store with a journal that is due to be folded.
async fn with_full_journal(place: &Place, forum: &Forum) -> Result<PathBuf> {
    let dir = place.copy_of(&forum.json_store(place).await?, "full-journal")?;
    let bytes = |file: &str| -> Result<u64> { Ok(std::fs::metadata(dir.join(file))?.len()) };
    let due = FOLDED_FROM.max(bytes("users.json")?);
    let store = JsonStore::open(&TABLES, JsonOptions { compact_at: u64::MAX, ..JsonOptions::new(&dir) }).await?;
    while bytes("users.journal")? <= due {
        forum.load(&store as &dyn Store).await?;
    }
    // Not closed: that would fold it.
    drop(store);
    Ok(dir)
}

/// What the two subjects of a compaction share.
struct Folding<'a> {
    place: &'a Place,
    full: &'a Path,
    variant: String,
    server: RefCell<Option<Rc<Server>>>,
}

/// From the write that starts a compaction to its end.
struct Compacting<'a>(&'a Folding<'a>);

/// The same server afterwards.
struct After<'a>(&'a Folding<'a>);

#[async_trait(?Send)]
impl Subject for Compacting<'_> {
    fn name(&self) -> (String, String) {
        (self.0.variant.clone(), COMPACTING.to_owned())
    }

    async fn measure(&mut self) -> Result<Sample> {
        let Folding { place, full, server, .. } = self.0;
        server.replace(None);
        let dir = place.copy_of(full, "compacting")?;
        let started = start(place, "compacting", &dir).await?;
        let compacted = async {
            let mut timer = tokio::time::interval(Duration::from_millis(5));
            while !started.output()?.contains("compacted") {
                ensure!(timer.tick().await.elapsed() < PATIENCE, "the compaction does not end");
            }
            Ok(())
        };
        let sample = observe(&[Rc::clone(&started)], load(self.0.place, &started).run_until(compacted)).await?;
        server.replace(Some(started));
        Ok(sample)
    }
}

#[async_trait(?Send)]
impl Subject for After<'_> {
    fn name(&self) -> (String, String) {
        (self.0.variant.clone(), AFTER.to_owned())
    }

    async fn measure(&mut self) -> Result<Sample> {
        let server = self.0.server.take().context("nothing was compacted before")?;
        observe(&[Rc::clone(&server)], load(self.0.place, &server).run(self.0.place.settings.duration())).await
    }
}

fn plot(rows: &[Row], sizes: &[usize]) -> Result<Plot> {
    let series = |metric: Metric| {
        let point = |users: usize| Ok((users as f64, median(values(rows, (&variant(users), LOAD, metric))?)));
        Ok(Series { name: metric.heading().to_owned(), points: sizes.iter().copied().map(point).collect::<Result<_>>()? })
    };
    Ok(Plot {
        file: "write-latency".to_owned(),
        title: format!("Durable POST at {LOAD}: latency against the size of the store"),
        x: "users".to_owned(),
        y: "ms".to_owned(),
        series: [Metric::P50, Metric::P99].into_iter().map(series).collect::<Result<_>>()?,
    })
}
