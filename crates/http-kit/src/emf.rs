//! Metrics for Amazon CloudWatch, which reads them from the log: one JSON line a minute in the
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
//!
//! Each metric is paid for by name and dimensions, so there are few, and without dimensions: what all processes of a stack write is added
//! up under the namespace of the stack.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Number, Value, json};

use crate::metrics::{self, IN_FLIGHT, REQUEST_DURATION};
use crate::telemetry;

/// How often a line is written.
const PERIOD: Duration = Duration::from_secs(60);
/// DynamoDB's errors that ask for less load.
const THROTTLED: [&str; 3] = ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"];

/// Writes this process's metrics to standard output.
#[derive(Debug, Clone)]
pub struct Emf(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    namespace: String,
    written: Instant,
    last: Totals,
}

impl Emf {
    /// Under that namespace, from now on.
    pub fn new(namespace: &str) -> Self {
        let last = Totals::of(&metrics::install().render());
        Self(Arc::new(Mutex::new(Lines { namespace: namespace.to_owned(), written: Instant::now(), last })))
    }

    /// Writes a line of what has happened since the last one.
    pub fn write(&self) {
        let line = self.0.lock().unwrap_or_else(PoisonError::into_inner).next(&metrics::install().render(), SystemTime::now());
        telemetry::print(std::io::stdout(), line);
    }

    /// Writes a line if the last one is a minute old: for programs that run only while a request is handled.
    pub fn write_if_due(&self) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).written.elapsed() >= PERIOD {
            self.write();
        }
    }

    /// Writes a line a minute until it is dropped.
    pub(crate) async fn keep_writing(self) {
        loop {
            tokio::time::sleep(PERIOD).await;
            let emf = self.clone();
            // Whoever reads standard output may be slow.
            let _ = tokio::task::spawn_blocking(move || emf.write()).await;
        }
    }
}

impl Lines {
    fn next(&mut self, rendered: &str, now: SystemTime) -> String {
        let totals = Totals::of(rendered);
        let metrics = totals.since(&self.last);
        (self.last, self.written) = (totals, Instant::now());
        let declared: Vec<_> = metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let timestamp = u64::try_from(timestamp).unwrap_or(u64::MAX);
        let mut line = Map::new();
        let directive = json!({ "Namespace": self.namespace, "Dimensions": [[]], "Metrics": declared });
        line.insert("_aws".to_owned(), json!({ "Timestamp": timestamp, "CloudWatchMetrics": [directive] }));
        for (name, _, value) in metrics {
            line.insert(name.to_owned(), Number::from_f64(value).map_or(Value::Null, Value::Number));
        }
        format!("{}\n", Value::Object(line))
    }
}

/// Name, unit and value.
type Metric = (&'static str, &'static str, f64);

/// What the recorder has counted since the start of the process, without labels.
#[derive(Debug, Default)]
struct Totals {
    requests: f64,
    errors: f64,
    /// Requests up to that many nanoseconds, by upper bound.
    durations: BTreeMap<u64, f64>,
    in_flight: f64,
    calls: f64,
    attempts: f64,
    throttled: f64,
    no_answer: f64,
    repeated: f64,
    cache_hits: f64,
    writes_allowed: Option<f64>,
    heartbeat_age: Option<f64>,
    /// The greatest of all tables.
    replication_age: Option<f64>,
}

impl Totals {
    /// Adds up the series of a text in the format of Prometheus.
    fn of(rendered: &str) -> Self {
        let mut totals = Self::default();
        for line in rendered.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            totals.add(name, labels, value);
        }
        totals
    }

    fn add(&mut self, name: &str, labels: &str, value: f64) {
        match name {
            IN_FLIGHT => self.in_flight += value,
            "dynamodb_calls_total" => {
                self.calls += value;
                match label(labels, "outcome") {
                    Some("NoAnswer") => self.no_answer += value,
                    Some(outcome) if THROTTLED.contains(&outcome) => self.throttled += value,
                    _ => {}
                }
            }
            "dynamodb_attempts_total" => self.attempts += value,
            "dynamodb_transactions_repeated_total" => self.repeated += value,
            "store_cache_hits_total" => self.cache_hits += value,
            "writes_allowed" => self.writes_allowed = Some(value),
            "fence_heartbeat_age_seconds" => self.heartbeat_age = Some(value),
            "replication_age_seconds" => self.replication_age = Some(self.replication_age.map_or(value, |age| age.max(value))),
            _ => match name.strip_prefix(REQUEST_DURATION) {
                Some("_count") => {
                    self.requests += value;
                    if label(labels, "status").is_some_and(|status| status.starts_with('5')) {
                        self.errors += value;
                    }
                }
                Some("_bucket") => {
                    let bound = label(labels, "le").and_then(|bound| bound.parse::<f64>().ok()).unwrap_or(f64::INFINITY);
                    let bound = Duration::try_from_secs_f64(bound).map_or(u64::MAX, |bound| bound.as_nanos() as u64);
                    *self.durations.entry(bound).or_default() += value;
                }
                _ => {}
            },
        }
    }

    fn since(&self, last: &Self) -> Vec<Metric> {
        let mut metrics = vec![
            ("Requests", "Count", self.requests - last.requests),
            ("ServerErrors", "Count", self.errors - last.errors),
            ("InFlight", "Count", self.in_flight),
            ("StoreRetries", "Count", (self.attempts - self.calls) - (last.attempts - last.calls)),
            ("StoreThrottles", "Count", self.throttled - last.throttled),
            ("StoreNoAnswer", "Count", self.no_answer - last.no_answer),
            ("TransactionsRepeated", "Count", self.repeated - last.repeated),
            ("CacheHits", "Count", self.cache_hits - last.cache_hits),
        ];
        metrics.extend(self.slowest_hundredth(last).map(|seconds| ("LatencyP99", "Milliseconds", seconds * 1e3)));
        metrics.extend(self.writes_allowed.map(|allowed| ("WritesAllowed", "None", allowed)));
        metrics.extend(self.heartbeat_age.map(|age| ("HeartbeatAge", "Seconds", age)));
        metrics.extend(self.replication_age.map(|age| ("ReplicationAge", "Seconds", age)));
        metrics
    }

    /// The 99th percentile of the requests since then, in seconds: within the bucket that it is in, by its rank. `None` without requests.
    fn slowest_hundredth(&self, last: &Self) -> Option<f64> {
        let counts = self.durations.iter().map(|(bound, count)| (*bound, count - last.durations.get(bound).unwrap_or(&0.0)));
        let rank = (self.requests - last.requests) * 0.99;
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, up_to) in counts {
            if up_to >= rank && up_to > 0.0 {
                let upper = if bound == u64::MAX { lower } else { bound as f64 / 1e9 };
                let share = if up_to > below { (rank - below) / (up_to - below) } else { 1.0 };
                return Some(lower + (upper - lower) * share);
            }
            (lower, below) = (bound as f64 / 1e9, up_to);
        }
        None
    }
}

fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let labels = labels.split(&['{', ','][..]);
    let value = labels.filter_map(|label| label.split_once("=\"")).find(|(known, _)| *known == name);
    value.and_then(|(_, rest)| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{method="GET",route="/api/users/{id}",status="200",le="0.01"} 10
http_request_duration_seconds_bucket{method="GET",route="/api/users/{id}",status="200",le="0.1"} 10
http_request_duration_seconds_bucket{method="GET",route="/api/users/{id}",status="200",le="+Inf"} 10
http_request_duration_seconds_count{method="GET",route="/api/users/{id}",status="200"} 10
dynamodb_calls_total{table="users",index="",operation="GetItem",outcome="Ok"} 10
dynamodb_attempts_total{table="users",index="",operation="GetItem"} 10
http_requests_in_flight 1
"#;
    const AFTER: &str = r#"http_request_duration_seconds_bucket{method="GET",route="/api/users/{id}",status="200",le="0.01"} 108
http_request_duration_seconds_bucket{method="GET",route="/api/users/{id}",status="200",le="0.1"} 109
http_request_duration_seconds_bucket{method="GET",route="/api/users/{id}",status="200",le="+Inf"} 109
http_request_duration_seconds_count{method="GET",route="/api/users/{id}",status="200"} 109
http_request_duration_seconds_bucket{method="POST",route="/api/users",status="503",le="0.01"} 0
http_request_duration_seconds_bucket{method="POST",route="/api/users",status="503",le="0.1"} 1
http_request_duration_seconds_bucket{method="POST",route="/api/users",status="503",le="+Inf"} 1
http_request_duration_seconds_count{method="POST",route="/api/users",status="503"} 1
dynamodb_calls_total{table="users",index="",operation="GetItem",outcome="Ok"} 109
dynamodb_calls_total{table="users",index="",operation="PutItem",outcome="ThrottlingException"} 1
dynamodb_calls_total{table="users",index="",operation="PutItem",outcome="NoAnswer"} 2
dynamodb_attempts_total{table="users",index="",operation="GetItem"} 109
dynamodb_attempts_total{table="users",index="",operation="PutItem"} 7
dynamodb_transactions_repeated_total{table="users",reason="TransactionConflict"} 3
store_cache_hits_total{table="users",kind="item"} 5
http_requests_in_flight 2
writes_allowed 1
fence_heartbeat_age_seconds 4.5
replication_age_seconds{table="users"} 2
replication_age_seconds{table="posts"} 12.5
replication_age_seconds{table="threads"} 3
"#;

    #[test]
    fn a_line_tells_what_has_happened_since_the_last_one() {
        let mut lines = Lines { namespace: "forum-dev".to_owned(), written: Instant::now(), last: Totals::of(BEFORE) };
        let line = lines.next(AFTER, UNIX_EPOCH + Duration::from_millis(1_800_000_000_123));
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["_aws"]["Timestamp"], 1_800_000_000_123_u64);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&directive["Namespace"], &directive["Dimensions"]), (&json!("forum-dev"), &json!([[]])));
        for (name, unit, value) in [
            ("Requests", "Count", 100.0),
            ("ServerErrors", "Count", 1.0),
            ("InFlight", "Count", 2.0),
            ("StoreRetries", "Count", 4.0),
            ("StoreThrottles", "Count", 1.0),
            ("StoreNoAnswer", "Count", 2.0),
            ("TransactionsRepeated", "Count", 3.0),
            ("CacheHits", "Count", 5.0),
            ("WritesAllowed", "None", 1.0),
            ("HeartbeatAge", "Seconds", 4.5),
            ("ReplicationAge", "Seconds", 12.5),
        ] {
            assert_eq!(line[name], value, "{name}");
            assert!(directive["Metrics"].as_array().unwrap().contains(&json!({ "Name": name, "Unit": unit })), "{directive}");
        }
        // 98 of 100 took up to 10 ms, two up to 100 ms: the 99th is in the middle of these.
        let p99 = line["LatencyP99"].as_f64().unwrap();
        assert!((p99 - 55.0).abs() < 0.001, "{p99}");
        assert_eq!(directive["Metrics"].as_array().unwrap().len(), 12);
        assert_eq!(line.as_object().unwrap().len(), 13);
    }

    #[test]
    fn without_requests_and_fence_their_metrics_are_missing() {
        let mut lines = Lines { namespace: "n".to_owned(), written: Instant::now(), last: Totals::of(BEFORE) };
        let line: Value = serde_json::from_str(&lines.next(BEFORE, SystemTime::now())).unwrap();
        assert_eq!(line["Requests"], 0.0);
        for absent in ["LatencyP99", "WritesAllowed", "HeartbeatAge", "ReplicationAge"] {
            assert_eq!(line.get(absent), None);
        }
    }

    #[test]
    fn what_is_slower_than_every_bound_counts_as_the_last_bound() {
        let slow = r#"http_request_duration_seconds_bucket{status="200",le="30"} 0
http_request_duration_seconds_bucket{status="200",le="+Inf"} 5
http_request_duration_seconds_count{status="200"} 5"#;
        assert_eq!(Totals::of(slow).slowest_hundredth(&Totals::default()), Some(30.0));
    }
}
