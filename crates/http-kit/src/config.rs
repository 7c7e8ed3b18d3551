//! How to serve: environment variables, each also a flag.
//!
//! clap names the flag and the value in its messages; both are called as the variable is, so that a message about a bad variable
//! names it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::http::HeaderValue;
use clap::{Arg, Args, Command, ValueEnum};
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::connection::{ConnectionLimits, Patience};
use crate::limits::Switch;
use crate::receive::MAX_BODY_BYTES;

/// Where and how to serve.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Serving")]
pub struct ServerConfig {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub listen: Listen,
    /// How to write logs
    #[arg(long, env = "LOG_FORMAT", value_name = "LOG_FORMAT", value_enum, default_value_t, ignore_case = true)]
    pub log_format: LogFormat,
    /// What to log, as in `info,db_adapter=debug`
    #[arg(long, env = "RUST_LOG", value_name = "RUST_LOG", default_value = "info", value_parser = filter)]
    pub rust_log: String,
    /// Which origins browsers may call from: `*`, a list with commas, or `none` [default: * on JSON files, none on DynamoDB, this machine's with AUTH=dev]
    #[arg(long, env = "CORS_ALLOWED_ORIGINS", value_name = "CORS_ALLOWED_ORIGINS", value_parser = origins)]
    pub cors_allowed_origins: Option<Origins>,
    /// Seconds after which a request gets 504
    #[arg(long, env = "REQUEST_TIMEOUT_SECONDS", value_name = "REQUEST_TIMEOUT_SECONDS", default_value_t = 30,
          value_parser = number::<u64, 1, 3_600>)]
    pub request_timeout_seconds: u64,
    /// Requests handled at once; more get 503
    #[arg(long, env = "MAX_IN_FLIGHT", value_name = "MAX_IN_FLIGHT", default_value_t = 1024,
          value_parser = number::<u32, 1, 1_000_000>)]
    pub max_in_flight: u32,
    /// Seconds in which the body of a request must arrive, else 408; below 1 KiB a second a body is given up after 5
    #[arg(long, env = "BODY_TIMEOUT_SECONDS", value_name = "BODY_TIMEOUT_SECONDS", default_value_t = 30,
          value_parser = number::<u64, 1, 3_600>)]
    pub body_timeout_seconds: u64,
    /// Bytes that the bodies of all requests may take at once; more get 503
    #[arg(long, env = "BODY_MEMORY_BYTES", value_name = "BODY_MEMORY_BYTES", default_value_t = 64 * 1024 * 1024,
          value_parser = number::<usize, 524_288, 1_099_511_627_776>)]
    pub body_memory_bytes: usize,
    /// Seconds in which the header of a request must arrive once it has begun, else the connection is closed
    #[arg(long, env = "HEADER_TIMEOUT_SECONDS", value_name = "HEADER_TIMEOUT_SECONDS", default_value_t = 10,
          value_parser = number::<u64, 1, 3_600>)]
    pub header_timeout_seconds: u64,
    /// Seconds in which a client must read 8 KiB a second of a response, else the connection is closed
    #[arg(long, env = "RESPONSE_STALL_SECONDS", value_name = "RESPONSE_STALL_SECONDS", default_value_t = 10,
          value_parser = number::<u64, 1, 3_600>)]
    pub response_stall_seconds: u64,
    /// Bytes that large responses may take until clients have read them; more get 503
    #[arg(long, env = "RESPONSE_MEMORY_BYTES", value_name = "RESPONSE_MEMORY_BYTES", default_value_t = 128 * 1024 * 1024,
          value_parser = number::<usize, 8_388_608, 1_099_511_627_776>)]
    pub response_memory_bytes: usize,
    /// Connections at once; more are refused
    #[arg(long, env = "MAX_CONNECTIONS", value_name = "MAX_CONNECTIONS", default_value_t = 4096,
          value_parser = number::<usize, 1, 1_000_000>)]
    pub max_connections: usize,
    /// Connections of one address at once; more are refused; 0 for any number, as behind a load balancer, whose address all have
    #[arg(long, env = "MAX_CONNECTIONS_PER_ADDRESS", value_name = "MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 0,
          value_parser = number::<usize, 0, 1_000_000>)]
    pub max_connections_per_address: usize,
    /// Is each client limited in how much it may do in a minute? [default: on with AUTH=oidc, else off]
    #[arg(long, env = "RATE_LIMITS", value_name = "RATE_LIMITS", value_enum, ignore_case = true)]
    pub rate_limits: Option<Switch>,
    /// Proxies in front that add to X-Forwarded-For, as a load balancer does: a client's address is what the outermost of them saw
    #[arg(long, env = "TRUSTED_PROXY_HOPS", value_name = "TRUSTED_PROXY_HOPS", default_value_t = 0,
          value_parser = number::<usize, 0, 16>)]
    pub trusted_proxy_hops: usize,
    /// Days for which a post that moderators have removed is kept, from its removal on
    #[arg(long, env = "REMOVED_KEEP_DAYS", value_name = "REMOVED_KEEP_DAYS", default_value_t = 30,
          value_parser = number::<u32, 1, 36_500>)]
    pub removed_keep_days: u32,
    /// Seconds to go on serving after SIGTERM while readiness says that this process is leaving
    #[arg(long, env = "SHUTDOWN_GRACE_SECONDS", value_name = "SHUTDOWN_GRACE_SECONDS", default_value_t = 3,
          value_parser = number::<u64, 0, 3_600>)]
    pub shutdown_grace_seconds: u64,
    /// Where metrics go besides /metrics: nowhere, or to Amazon CloudWatch by a line a minute on standard output
    #[arg(long, env = "METRICS", value_name = "METRICS", value_enum, default_value_t, ignore_case = true)]
    pub metrics: MetricsSink,
    /// The namespace of these metrics in CloudWatch
    #[arg(long, env = "METRICS_NAMESPACE", value_name = "METRICS_NAMESPACE", default_value = "forum", value_parser = namespace)]
    pub metrics_namespace: String,
    /// URL of an OpenTelemetry collector that takes traces by OTLP over HTTP, as in http://localhost:4318 [default: no traces]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "OTEL_EXPORTER_OTLP_ENDPOINT", value_parser = collector)]
    pub otel_exporter_otlp_endpoint: Option<String>,
    /// What traces call this service [default: the program's name]
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "OTEL_SERVICE_NAME")]
    pub otel_service_name: Option<String>,
}

/// Where a server listens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Serving")]
pub struct Listen {
    /// The address to listen on
    #[arg(long, env = "HOST", value_name = "HOST", default_value = "127.0.0.1", value_parser = address)]
    pub host: IpAddr,
    /// The port to listen on; 0 takes a free one
    #[arg(long, env = "PORT", value_name = "PORT", value_parser = number::<u16, 0, 65_535>)]
    pub port: u16,
}

impl Listen {
    /// The address.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

impl ServerConfig {
    /// How many connections there may be, and how long a client may take. `name_peers` tells requests whose connection they came on.
    pub(crate) fn connections(&self, name_peers: bool) -> ConnectionLimits {
        let (header, stall) = (self.header_timeout_seconds, self.response_stall_seconds);
        ConnectionLimits {
            all: self.max_connections,
            of_one_address: self.max_connections_per_address,
            name_peers,
            patience: Patience { header: Duration::from_secs(header), stall: Duration::from_secs(stall) },
        }
    }

    /// What the bodies of one client may take where clients can be told apart: a quarter, and at least one body.
    pub(crate) fn body_memory_of_client(&self) -> Option<usize> {
        let told_apart = self.trusted_proxy_hops > 0 || self.max_connections_per_address > 0;
        told_apart.then(|| (self.body_memory_bytes / 4).max(MAX_BODY_BYTES))
    }

    /// When a request gets 504.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }
}

/// Where metrics go besides `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum MetricsSink {
    /// Nowhere.
    #[default]
    None,
    /// To CloudWatch, by its embedded metric format on standard output.
    Emf,
}

/// How to write logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    #[default]
    Pretty,
}

/// The origins that browsers may call from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Every origin.
    Any,
    /// These only; none where it is empty.
    Only(Vec<HeaderValue>),
    /// Those of this machine, on any port, and these.
    Loopback(Vec<HeaderValue>),
}

fn number<N: TryFrom<u64>, const MIN: u64, const MAX: u64>(text: &str) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number)).and_then(|number| N::try_from(number).ok());
    number.ok_or_else(|| format!("expected a whole number from {MIN} to {MAX}"))
}

fn address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "expected an IP address, as in 127.0.0.1 (this machine only) or 0.0.0.0 (every network)")
}

/// What CloudWatch takes: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>.
fn namespace(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#:".contains(&byte);
    let valid = (1..=255).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with([':', '/'])
        && !text.starts_with("AWS/");
    if valid { Ok(text.to_owned()) } else { Err("expected 1 to 255 letters, digits and .-_/#, not AWS/ at the start") }
}

fn collector(text: &str) -> Result<String, &'static str> {
    let url =
        Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none());
    url.map(|_| text.to_owned()).ok_or("expected a URL of http:// or https://, as in http://localhost:4318")
}

fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| format!("{error}; expected LEVEL or a list TARGET=LEVEL"))
}

fn origins(text: &str) -> Result<Origins, String> {
    match text.trim() {
        "*" => Ok(Origins::Any),
        "" | "none" => Ok(Origins::Only(Vec::new())),
        list => {
            let listed = list.split(',').map(str::trim).filter(|origin| !origin.is_empty());
            listed.map(origin).collect::<Result<_, _>>().map(Origins::Only)
        }
    }
}

/// The origin as browsers send it (the URL standard's serialization): in lower case, without the scheme's default port. What a browser
/// never sends is refused, as it would never match.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let refused =
        |reason: &str| format!("{text:?} {reason}; expected * or a list as in https://forum.example,http://localhost:5173");
    if text.contains('*') {
        return Err(refused("has a *, which stands for every origin, alone"));
    }
    let url = Url::parse(text).map_err(|error| refused(&format!("is not an origin: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("is not an origin of http:// or https://"));
    }
    let host_and_port = text.split_once("//").map_or("", |(_, rest)| rest);
    if host_and_port.contains(['/', '\\', '?', '#', '@']) {
        return Err(refused("has more than a scheme, a host and a port, which is all that a browser sends"));
    }
    HeaderValue::try_from(url.origin().ascii_serialization()).map_err(|_| refused("is not an origin"))
}

/// The command as if the variables that are set to nothing were not set, as Compose and shells write `PORT=` for one that is not set.
#[must_use]
pub fn without_empty_variables(command: Command) -> Command {
    let empty = |arg: &Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|arg| if empty(&arg) { arg.env(None::<&str>) } else { arg });
    command.mut_subcommands(without_empty_variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::Parser;
    use rstest::rstest;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        server: ServerConfig,
    }

    /// Then clap's messages name the variable.
    #[test]
    fn flags_and_values_are_called_as_their_variables() {
        let command = Cli::command();
        command.clone().debug_assert();
        let settings: Vec<_> = command.get_arguments().filter(|arg| arg.get_env().is_some()).collect();
        assert_eq!(settings.len(), 22);
        for arg in settings {
            let variable = arg.get_env().unwrap().to_str().unwrap();
            assert_eq!(arg.get_long().unwrap().to_uppercase().replace('-', "_"), variable);
            assert_eq!(arg.get_value_names().unwrap(), [variable]);
        }
    }

    #[rstest]
    #[case("--port", "x", "PORT")]
    #[case("--port", "x", "from 0 to 65535")]
    #[case("--port", "65536", "from 0 to 65535")]
    #[case("--host", "forum.example", "HOST")]
    #[case("--host", "localhost", "as in 127.0.0.1")]
    #[case("--log-format", "xml", "json, pretty")]
    #[case("--rust-log", "x=y=z", "RUST_LOG")]
    #[case("--cors-allowed-origins", "forum.example", "https://")]
    #[case("--cors-allowed-origins", "https://a.example/path", "CORS_ALLOWED_ORIGINS")]
    #[case("--request-timeout-seconds", "0", "from 1 to 3600")]
    #[case("--max-in-flight", "0", "MAX_IN_FLIGHT")]
    #[case("--shutdown-grace-seconds", "-1", "SHUTDOWN_GRACE_SECONDS")]
    #[case("--rate-limits", "true", "on, off")]
    #[case("--metrics", "statsd", "none, emf")]
    #[case("--metrics-namespace", "AWS/x", "METRICS_NAMESPACE")]
    #[case("--metrics-namespace", "a b", "1 to 255 letters")]
    #[case("--trusted-proxy-hops", "17", "TRUSTED_PROXY_HOPS")]
    #[case("--otel-exporter-otlp-endpoint", "localhost:4318", "http://localhost:4318")]
    #[case("--otel-exporter-otlp-endpoint", "http://", "OTEL_EXPORTER_OTLP_ENDPOINT")]
    fn a_bad_value_is_named_with_its_variable_and_what_is_allowed(#[case] flag: &str, #[case] value: &str, #[case] named: &str) {
        let error = Cli::try_parse_from(["forum", &format!("{flag}={value}")]).unwrap_err().to_string();
        assert!(error.contains(value) && error.contains(named), "{error}");
    }

    #[test]
    fn origins_are_all_or_some_or_none() {
        assert_eq!(origins(" * "), Ok(Origins::Any));
        for none in ["", "none", " "] {
            assert_eq!(origins(none), Ok(Origins::Only(vec![])));
        }
        let listed = ["https://a.example", "http://localhost:5173"].map(HeaderValue::from_static);
        assert_eq!(origins("https://a.example, http://localhost:5173,"), Ok(Origins::Only(listed.to_vec())));
    }

    #[rstest]
    #[case("https://a.example:443", "https://a.example")]
    #[case("http://a.example:80", "http://a.example")]
    #[case("http://a.example:443", "http://a.example:443")]
    #[case("https://a.example:8443", "https://a.example:8443")]
    #[case("HTTPS://A.Example", "https://a.example")]
    #[case("https://bücher.example", "https://xn--bcher-kva.example")]
    #[case("http://[::1]:5173", "http://[::1]:5173")]
    fn an_origin_is_kept_as_browsers_send_it(#[case] text: &str, #[case] kept: &str) {
        assert_eq!(origin(text).unwrap(), kept);
    }

    #[rstest]
    #[case("https://a.example/")]
    #[case("https://a.example/path")]
    #[case("https://a.example?x")]
    #[case("https://a.example#x")]
    #[case("https://ann@a.example")]
    #[case("https://*.example")]
    #[case("https://a.example:99999")]
    #[case("https://a b.example")]
    #[case("https://")]
    #[case("a.example")]
    #[case("//a.example")]
    #[case("ftp://a.example")]
    #[case("null")]
    fn what_no_browser_sends_is_refused_with_the_reason(#[case] text: &str) {
        let error = origins(&format!("https://b.example,{text}")).unwrap_err();
        assert!(error.contains(text) && error.contains("expected"), "{error}");
    }
}
