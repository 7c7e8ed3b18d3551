//! The load generator: so many connections, each sending its next request when it has the answer to the last.
//!
//! Our own, as neither wrk nor oha makes unique e-mail addresses, follows a mix of routes over several servers, or stops when a
//! compaction ends; and one generator for every variant. It parses no more of an answer than it needs, so that it costs less
//! than what it measures; the server's share of its core, in every row, shows whether that held.

mod answer;
mod connection;
mod http;
mod request;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) use connection::{Connection, fetch};
pub(crate) use http::{HttpSubject, observe};
pub(crate) use request::Request;

use crate::figures::{Metric, Sample};
use crate::machine::Cores;

/// Makes the next request.
pub(crate) type Source = Arc<dyn Fn(&mut Rng) -> Request + Send + Sync>;

/// Latencies are kept from 100 ns to a minute, to three digits.
const SHORTEST: u64 = 100;
const LONGEST: u64 = 60_000_000_000;
/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked, and by how many at once.
#[derive(Clone)]
pub(crate) struct Load {
    connections: usize,
    source: Source,
    awake: bool,
}

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Nanoseconds.
    latencies: Histogram<u64>,
    seconds: f64,
}

impl Load {
    pub(crate) fn new(connections: usize, source: Source) -> Self {
        Self { connections, source, awake: false }
    }

    /// The load generator has its core for itself and never sleeps. Else a server takes time for waking it, and the more the slower
    /// the server is, as it would not with clients on other machines.
    pub(crate) fn with_a_core(self, cores: &Cores) -> Self {
        Self { awake: cores.client.is_some(), ..self }
    }

    /// Runs for so long.
    pub(crate) async fn run(&self, duration: Duration) -> Result<Outcome> {
        self.run_until(async {
            tokio::time::sleep(duration).await;
            Ok(())
        })
        .await
    }

    /// Runs until the future is ready.
    ///
    /// # Errors
    /// The first unexpected answer, and those of the future.
    pub(crate) async fn run_until(&self, end: impl Future<Output = Result<()>>) -> Result<Outcome> {
        let latencies = Arc::new(Mutex::new(Histogram::new_with_bounds(SHORTEST, LONGEST, 3)?));
        let (stop, stopped) = watch::channel(false);
        let start = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..self.connections {
            let client = Client {
                rng: Rng::new(),
                source: Arc::clone(&self.source),
                connections: HashMap::new(),
                latencies: Arc::clone(&latencies),
            };
            clients.spawn(client.run(stopped.clone()));
        }
        let mut awake = JoinSet::new();
        if self.awake {
            awake.spawn(async {
                loop {
                    tokio::task::yield_now().await;
                }
            });
        }
        let mut seconds = None;
        let ended = async {
            end.await?;
            seconds = Some(start.elapsed().as_secs_f64());
            stop.send_replace(true);
            Ok(())
        };
        let served = async {
            while let Some(client) = clients.join_next().await {
                client.context("a client panicked")??;
            }
            Ok::<_, anyhow::Error>(())
        };
        tokio::try_join!(ended, served)?;
        let latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Outcome { latencies, seconds: seconds.context("the load did not end")? })
    }
}

/// One connection to each server that it needs.
struct Client {
    rng: Rng,
    source: Source,
    connections: HashMap<SocketAddr, Connection>,
    latencies: Arc<Mutex<Histogram<u64>>>,
}

impl Client {
    async fn run(mut self, stopped: watch::Receiver<bool>) -> Result<()> {
        loop {
            let request = (self.source)(&mut self.rng);
            let connection = match self.connections.entry(request.to) {
                Entry::Occupied(open) => open.into_mut(),
                Entry::Vacant(missing) => missing.insert(Connection::open(request.to).await?),
            };
            let start = Instant::now();
            let answered = tokio::time::timeout(PATIENCE, connection.send(&request)).await;
            answered.with_context(|| format!("no answer within {} s: {}", PATIENCE.as_secs(), request.line()))??;
            let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            // What is answered after the end is not counted.
            if *stopped.borrow() {
                return Ok(());
            }
            self.latencies.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(nanoseconds);
        }
    }
}

impl Outcome {
    /// How many requests were answered.
    pub(crate) fn count(&self) -> u64 {
        self.latencies.len()
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Throughput and latencies.
    ///
    /// # Errors
    /// Where no request was answered before the end.
    pub(crate) fn sample(&self) -> Result<Sample> {
        ensure!(self.count() > 0, "no request was answered in time");
        let milliseconds = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1e6;
        Ok([
            (Metric::Throughput, self.count() as f64 / self.seconds),
            (Metric::P50, milliseconds(0.5)),
            (Metric::P99, milliseconds(0.99)),
            (Metric::P999, milliseconds(0.999)),
        ]
        .into())
    }
}
