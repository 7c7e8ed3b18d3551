//! Servers under a load, as a subject of a scenario.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;

use super::Load;
use crate::figures::{Metric, Sample};
use crate::round::Subject;
use crate::server::Server;

/// Part of a measurement's time that the load runs before it.
const WARM_UP: f64 = 0.1;

/// Servers that stand for one variant, under one load.
pub(crate) struct HttpSubject {
    pub(crate) variant: String,
    pub(crate) load_name: String,
    pub(crate) servers: Vec<Rc<Server>>,
    pub(crate) load: Load,
    pub(crate) duration: Duration,
}

#[async_trait(?Send)]
impl Subject for HttpSubject {
    fn name(&self) -> (String, String) {
        (self.variant.clone(), self.load_name.clone())
    }

    async fn measure(&mut self) -> Result<Sample> {
        self.load.run(self.duration.mul_f64(WARM_UP)).await?;
        observe(&self.servers, self.load.run(self.duration)).await
    }
}

/// The figures of a load, with what the servers took for it.
pub(crate) async fn observe(servers: &[Rc<Server>], load: impl Future<Output = Result<super::Outcome>>) -> Result<Sample> {
    let used = || servers.iter().map(|server| server.cpu_seconds()).sum::<Result<f64>>();
    let before = used()?;
    let outcome = load.await?;
    let seconds = used()? - before;
    let mut sample = outcome.sample()?;
    sample.insert(Metric::Busy, 100.0 * seconds / outcome.seconds());
    sample.insert(Metric::CpuPerRequest, 1e6 * seconds / outcome.count() as f64);
    sample.insert(Metric::Rss, servers.iter().map(|server| server.rss_mb()).sum::<Result<f64>>()?);
    Ok(sample)
}
