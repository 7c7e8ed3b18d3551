//! The read cache in front of DynamoDB: on and off.

use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;

use crate::data::{Forum, thread_id, user_id};
use crate::endpoint::Endpoint;
use crate::figures::{Bound, Metric, Sample, Section, ratio};
use crate::load::{HttpSubject, Load, Request, fetch};
use crate::metrics_text;
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::server::Server;
use crate::variant::{self, Backend};

const SETTING: &str = "CACHE_TTL_SECONDS";
const CONNECTIONS: usize = 64;
const LOAD: &str = "64 connections";
/// What the server counts: read units, hits, misses, requests.
const COUNTED: [&str; 4] = [
    "dynamodb_consumed_read_units_total",
    "store_cache_hits_total",
    "store_cache_misses_total",
    "http_request_duration_seconds_count",
];

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let forum_binary = place.binary("forum");
    let help = Command::new(&forum_binary).args(["dev", "--help"]).output().context("cannot run forum")?;
    ensure!(String::from_utf8_lossy(&help.stdout).contains(SETTING), "this forum has no {SETTING}");

    let items = place.settings.items(10_000);
    let forum = Forum { users: items, threads: items, posts: 0, crowd: 0 };
    let endpoint = Endpoint::dynoxide(place).await?;
    endpoint.load(&forum).await?;
    let ready = format!("/api/users/{}", user_id(0));
    let names = ["off", "60 s"].map(|cache| format!("forum, cache {cache}"));
    let mut subjects: Vec<Box<dyn Subject>> = Vec::new();
    for (variant, seconds) in names.iter().zip(["0", "60"]) {
        let program = |port| variant::program(place, "forum", Backend::DynamoDb(&endpoint), port).env(SETTING, seconds);
        let server = Rc::new(Server::start(place, &format!("cache-{seconds}"), &ready, program).await?);
        subjects.push(Box::new(Metered(HttpSubject {
            variant: variant.clone(),
            load_name: LOAD.to_owned(),
            load: load(&server, items),
            servers: vec![server],
            duration: place.settings.duration(),
        })));
    }
    let rows = interleave(place.settings.rounds, subjects).await?;

    let [off, on] = names.each_ref().map(|name| name.as_str());
    let goal = |metric: Metric, bound| {
        ratio(&rows, &format!("{on} / {off}: {}", metric.heading()), (on, LOAD, metric), (off, LOAD, metric), bound)
    };
    let goals = vec![goal(Metric::P50, Bound::AtMost(1.0))?, goal(Metric::ReadUnits, Bound::AtMost(1.0))?];
    Ok(Section {
        title: "Read cache in front of DynamoDB".to_owned(),
        method: format!(
            "Reads of users (60 %) and threads (30 %) by id and of the first page of threads (10 %) on dynoxide; {items} of each, few of \
             them asked for most of the time (rank by the fourth power of a uniform number: half of the reads go to a sixteenth of the \
             items). Read units are what DynamoDB counts, hits what the server counts."
        ),
        rows,
        goals,
        plots: Vec::new(),
    })
}

fn load(server: &Server, items: usize) -> Load {
    let to = server.address;
    let source = move |rng: &mut fastrand::Rng| {
        let popular = ((rng.f64().powi(4) * items as f64) as usize).min(items - 1);
        match rng.u32(..100) {
            0..60 => Request::get(to, &format!("/api/users/{}", user_id(popular))),
            60..90 => Request::get(to, &format!("/api/threads/{}", thread_id(popular))),
            _ => Request::get(to, "/api/threads?limit=20"),
        }
    };
    Load::new(CONNECTIONS, Arc::new(source))
}

/// A load with what the server counts of it.
struct Metered(HttpSubject);

#[async_trait(?Send)]
impl Subject for Metered {
    fn name(&self) -> (String, String) {
        self.0.name()
    }

    async fn measure(&mut self) -> Result<Sample> {
        let server = self.0.servers.first().map(Rc::clone).context("no server")?;
        let counted = async || -> Result<[f64; 4]> {
            let text = String::from_utf8(fetch(server.address, "/metrics").await?.body)?;
            Ok(COUNTED.map(|name| metrics_text::sum(&text, name)))
        };
        let before = counted().await?;
        let mut sample = self.0.measure().await?;
        let after = counted().await?;
        let grown = |at: usize| after.get(at).zip(before.get(at)).map_or(0.0, |(after, before)| after - before);
        let [units, hits, misses, requests] = std::array::from_fn(grown);
        sample.insert(Metric::ReadUnits, 1000.0 * units / requests);
        if hits + misses > 0.0 {
            sample.insert(Metric::HitRate, 100.0 * hits / (hits + misses));
        }
        Ok(sample)
    }
}
