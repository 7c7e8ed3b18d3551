//! A function of AWS Lambda, behind a runtime of this program's own: from the start to the first response, and what it takes.

use std::io::Read;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use async_trait::async_trait;
use axum::http::HeaderMap;
use flate2::Compression;
use flate2::read::DeflateEncoder;
use http_test::lambda::{RuntimeApi, event};

use crate::endpoint::Endpoint;
use crate::figures::{Bound, Metric, Sample, Section, absolute};
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::server::Program;

const PROGRAM: &str = "forum-lambda";
const LOAD: &str = "GET /api/threads";
/// Requests after the first one.
const WARM: usize = 100;

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let endpoint = Endpoint::dynoxide(place).await?;
    let file = std::fs::read(place.binary(PROGRAM))?;
    // As zip packs it.
    let mut packed = Vec::new();
    DeflateEncoder::new(&*file, Compression::default()).read_to_end(&mut packed)?;
    let package = packed.len() as f64 / 1e6;
    let subject = Cold { place, endpoint: endpoint.url.clone(), package };
    let rows = interleave(place.settings.rounds, vec![Box::new(subject)]).await?;
    let goal = |text: &str, metric| absolute(&rows, &format!("{PROGRAM}: {text}"), (PROGRAM, LOAD, metric), Bound::Any);
    let goals = vec![
        goal("ms from the start to the first response", Metric::Start)?,
        goal("peak RSS in MB", Metric::PeakRss)?,
        goal("MB of the zip", Metric::Package)?,
    ];
    Ok(Section {
        title: "A function of AWS Lambda".to_owned(),
        method: format!(
            "Time from the start of the program to the response to its first request, an empty list of threads on DynamoDB (dynoxide), by \
             an event of an HTTP API through the interface of the runtime, which this program has; p50 of the {WARM} requests after it, \
             one at a time. AWS adds to the first one what it takes to fetch the program and to make a place for it, and gives less than \
             a core below 1,769 MB."
        ),
        rows,
        goals,
        plots: Vec::new(),
    })
}

/// A function that is started, asked, and ended.
struct Cold<'a> {
    place: &'a Place,
    endpoint: String,
    package: f64,
}

#[async_trait(?Send)]
impl Subject for Cold<'_> {
    fn name(&self) -> (String, String) {
        (PROGRAM.to_owned(), LOAD.to_owned())
    }

    async fn measure(&mut self) -> Result<Sample> {
        let runtime = RuntimeApi::listen("127.0.0.1:0").await;
        let program = Program::new(self.place.binary(PROGRAM), &[])
            .env("AWS_LAMBDA_FUNCTION_NAME", "forum")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_RUNTIME_API", runtime.address.to_string())
            .env("USE_DYNAMODB", "true")
            .env("DYNAMODB_ENDPOINT", &self.endpoint)
            .env("AUTH", "off")
            .env("LOG_FORMAT", "json");
        let started = Instant::now();
        let process = program.start(self.place, self.place.cores.server, "lambda")?;
        ask(&runtime).await?;
        let first = started.elapsed();
        let mut warm = Vec::with_capacity(WARM);
        for _ in 0..WARM {
            let sent = Instant::now();
            ask(&runtime).await?;
            warm.push(sent.elapsed().as_secs_f64() * 1e3);
        }
        warm.sort_unstable_by(f64::total_cmp);
        let median = warm.get(WARM / 2).copied().unwrap_or_default();
        let peak = process.peak_rss_mb().ok_or_else(|| anyhow!("{PROGRAM} has ended: {}", process.log.display()))?;
        let milliseconds = first.as_secs_f64() * 1e3;
        Ok([(Metric::Start, milliseconds), (Metric::P50, median), (Metric::PeakRss, peak), (Metric::Package, self.package)]
            .into())
    }
}

async fn ask(runtime: &RuntimeApi) -> Result<()> {
    let headers = HeaderMap::from_iter([(axum::http::header::HOST, axum::http::HeaderValue::from_static("localhost"))]);
    let returned = runtime.invoke(event("bench", "GET", "/api/threads", &headers, &[])).await;
    let response = returned.map_err(|error| anyhow!("the function failed: {error}"))?;
    ensure!(response.get("statusCode").is_some_and(|status| status == 200), "{response}");
    Ok(())
}
