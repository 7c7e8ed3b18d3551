//! `forum dev`: all three services in one process on one port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;
use clap::Args;
use db_adapter::Backend;
use db_adapter::config::{CacheConfig, StoreConfig};
use db_adapter::forum::TABLES;
use http_kit::auth::{Auth, AuthConfig, Mode};
use http_kit::healthcheck::reachable;
use http_kit::{Server, ServerConfig, telemetry};

use crate::data::samples::{self, Counts};
use crate::{Outcome, output};

/// Serve the whole forum on one port, on JSON files unless USE_DYNAMODB=true
#[derive(Debug, Args)]
#[command(after_help = "Example: forum dev --port 9000 --data-dir /tmp/forum")]
pub(crate) struct Arguments {
    /// Do not load sample data into an empty store
    #[arg(long)]
    empty: bool,

    #[command(flatten)]
    store: StoreConfig,

    #[command(flatten)]
    cache: CacheConfig,

    #[command(flatten)]
    server: ServerConfig,

    #[command(flatten)]
    auth: AuthConfig,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let Arguments { empty, store: config, cache, server, auth } = arguments;
    let _logs = telemetry::init(server.log_format, &server.rust_log);
    config.check_request_timeout(server.request_timeout())?;
    let auth = match auth.mode(server.listen.host, Mode::Dev).map_err(anyhow::Error::msg)? {
        Mode::Off | Mode::Dev => None,
        Mode::Oidc => Some(Auth::new(auth.oidc().map_err(anyhow::Error::msg)?)),
    };
    // Bind first: if the port is taken, nothing is written.
    let server = Server::bind(server)?;
    let store = config.open().await?;
    let services = vec![users_svc::service(), threads_svc::service(), posts_svc::service()];
    let names: Vec<_> = services.iter().map(|service| service.table.name).collect();
    let seeded =
        if !empty && samples::is_empty(&*store, &TABLES).await? { Some(samples::seed(&*store, &TABLES).await?) } else { None };
    output::greet(greeting(server.address(), &place(&config), seeded.as_ref(), &names));
    server.run(cache.wrap(store), services, auth).await?;
    Ok(Outcome::Done)
}

/// The location of the data, for the greeting.
fn place(config: &StoreConfig) -> String {
    match config.backend {
        Backend::Json => format!("JSON files in {}", config.data_dir.display()),
        Backend::DynamoDb => {
            let endpoint = config.dynamodb.dynamodb_endpoint.as_deref().unwrap_or("AWS");
            format!("DynamoDB in {} ({endpoint})", config.dynamodb.aws_region)
        }
    }
}

fn greeting(address: SocketAddr, place: &str, seeded: Option<&Counts>, services: &[&str]) -> String {
    let address = reachable(address);
    // Every machine resolves localhost to the IPv4 address; some do not resolve it to that of IPv6.
    let localhost = address.ip() == IpAddr::from(Ipv4Addr::LOCALHOST);
    let host = if localhost { format!("localhost:{}", address.port()) } else { address.to_string() };
    let mut lines = vec![("data", place.to_owned())];
    lines.extend(seeded.map(|seeded| ("", format!("the store was empty; loaded sample data: {seeded} (skip with --empty)"))));
    for service in services {
        lines.push((*service, format!("http://{host}/api/{service}")));
    }
    lines.push(("try it", format!("http://{host}/docs  (as OpenAPI: http://{host}/openapi.json)")));
    lines.push(("first", format!("curl http://{host}/api/threads")));
    lines.push(("stop", "Ctrl-C".to_owned()));
    let lines = lines.iter().map(|(name, text)| format!("  {name:<8} {text}\n"));
    format!("The forum is on http://{host}\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_tells_what_is_served_and_where_the_data_is() {
        let greeting =
            greeting(SocketAddr::from(([127, 0, 0, 1], 8080)), "JSON files in data/store", None, &["users", "threads", "posts"]);
        for part in
            ["http://localhost:8080\n", "data/store", "/api/users", "/api/threads", "/api/posts", "/docs", "/openapi.json"]
        {
            assert!(greeting.contains(part), "{greeting}");
        }
    }

    #[test]
    fn the_greeting_calls_localhost_only_what_is_reached_under_that_name() {
        let first_line =
            |ip: &str| greeting(SocketAddr::new(ip.parse().unwrap(), 9), "", None, &[]).lines().next().unwrap().to_owned();
        for (ip, host) in [
            ("127.0.0.1", "localhost:9"),
            ("127.0.0.2", "127.0.0.2:9"),
            ("0.0.0.0", "localhost:9"),
            ("::1", "[::1]:9"),
            ("::", "[::1]:9"),
            ("192.0.2.7", "192.0.2.7:9"),
        ] {
            assert_eq!(first_line(ip), format!("The forum is on http://{host}"));
        }
    }
}
