//! `forum dev`: `forum serve` with sample data, the page, and an issuer that lets everybody in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Result, ensure};
use clap::Args;
use db_adapter::Backend;
use db_adapter::config::StoreConfig;
use db_adapter::forum::TABLES;
use dev_issuer::Issuer;
use http_kit::auth::{Auth, DevConfig, Mode, check_dev_address};
use http_kit::binary::{Settings, tables};
use http_kit::healthcheck::reachable;
use http_kit::{Server, Service, telemetry};
use web::WebConfig;

use crate::data::samples::{self, Counts};
use crate::{Outcome, output};

/// Serve the whole forum on one port, on JSON files unless USE_DYNAMODB=true
#[derive(Debug, Args)]
#[command(after_help = "Example: forum dev --port 9000 --data-dir /tmp/forum")]
pub(crate) struct Arguments {
    /// Do not load sample data into an empty store
    #[arg(long)]
    empty: bool,

    /// Refuse to write without a token, with AUTH=dev; else such a request may do everything
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    page: WebConfig,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let Arguments { empty, strict, settings, page } = arguments;
    let Settings { server, store: config, cache, auth } = settings;
    let logs = telemetry::init_to_serve(&server).map_err(anyhow::Error::msg)?;
    config.check_request_timeout(server.request_timeout())?;
    let mode = auth.mode(server.listen.host, Mode::Dev).map_err(anyhow::Error::msg)?;
    ensure!(!strict || mode == Mode::Dev, "--strict is for AUTH=dev, and AUTH is {}", mode.name());
    if mode == Mode::Dev {
        check_dev_address(server.listen.host, auth.development.auth_dev_url.as_deref()).map_err(anyhow::Error::msg)?;
    }
    let services = services::all(server.removed_keep_days);
    // Bind first: if the port is taken, nothing is written.
    let mut server = Server::bind(server)?;
    let store = config.open_to_serve(tables(&services)).await?;
    let mut greeting = Greeting { url: url(server.address()), place: place(&config), ..Greeting::default() };
    let (tokens, issuer) = match mode {
        Mode::Off => (None, None),
        Mode::Oidc => (Some(auth.oidc().map_err(anyhow::Error::msg)?), auth.auth_issuer.clone()),
        Mode::Dev => {
            let key_file = auth.development.key_file(&config.data_dir);
            let issuer = Issuer::open(&dev_url(server.address(), &auth.development), &key_file)?;
            greeting.introduce(&issuer)?;
            let settings = auth.dev(issuer.verification(strict));
            let name = issuer.url().to_owned();
            server = server.for_development(Arc::new(issuer).routes());
            (Some(settings), Some(name))
        }
    };
    greeting.lists = lists(&services);
    if !empty && samples::is_empty(&*store, &TABLES).await? {
        greeting.seeded = Some(samples::seed(&*store, &TABLES).await?);
    }
    let page = page.open(&greeting.url, issuer.as_deref(), &config.data_dir)?;
    let server = server.with_pages(Arc::new(page));
    output::greet(greeting.to_string());
    server.run(logs.traced(cache.wrap(store)), services, tokens.map(Auth::new)).await?;
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

/// Where this machine reaches a server that listens there.
fn url(address: SocketAddr) -> String {
    let address = reachable(address);
    // Every machine resolves localhost to the IPv4 address; some do not resolve it to that of IPv6.
    let localhost = address.ip() == IpAddr::from(Ipv4Addr::LOCALHOST);
    if localhost { format!("http://localhost:{}", address.port()) } else { format!("http://{address}") }
}

/// The same where the issuer for development is: its tokens name it.
pub(super) fn dev_url(address: SocketAddr, settings: &DevConfig) -> String {
    settings.auth_dev_url.clone().unwrap_or_else(|| url(address))
}

/// What a person is told at the start.
#[derive(Debug, Default)]
struct Greeting {
    url: String,
    place: String,
    seeded: Option<Counts>,
    lists: Vec<&'static str>,
    /// How to log in, and how to write as somebody.
    identity: Vec<(String, String)>,
}

/// The services that have a list to look at.
fn lists(services: &[Service]) -> Vec<&'static str> {
    let has_list = |service: &&Service| service.routes.can_be_read(&format!("/api/{}", service.name));
    services.iter().filter(has_list).map(|service| service.name).collect()
}

impl Greeting {
    /// Tells how to log in, and how to write as the first of those who can.
    fn introduce(&mut self, issuer: &Issuer) -> Result<()> {
        self.url = issuer.forum().to_owned();
        let names: Vec<_> = issuer.people().iter().map(|person| person.handle()).collect();
        let log_in = format!("{}  (as {}; the issuer for OpenID Connect clients)", issuer.url(), names.join(", "));
        self.identity.push(("log in".to_owned(), log_in));
        for person in issuer.people().iter().take(1) {
            let curl = format!(
                "curl {}/api/posts -H 'Content-Type: application/json' -d '{}' -H 'Authorization: Bearer {}'",
                self.url,
                r#"{"threadId":"1","content":"Hello"}"#,
                issuer.access_token(person)?
            );
            self.identity.push((format!("as {}", person.handle()), curl));
        }
        Ok(())
    }
}

impl fmt::Display for Greeting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, place, seeded, lists, identity } = self;
        writeln!(formatter, "The forum is on {url}  (open it in a browser)")?;
        let mut line = |name: &str, text: &dyn fmt::Display| writeln!(formatter, "  {name:<8} {text}");
        line("data", place)?;
        if let Some(seeded) = seeded {
            line("", &format_args!("the store was empty; loaded sample data: {seeded} (skip with --empty)"))?;
        }
        for list in lists {
            line(list, &format_args!("{url}/api/{list}"))?;
        }
        line("try it", &format_args!("{url}/docs  (as OpenAPI: {url}/openapi.json)"))?;
        line("first", &format_args!("curl {url}/api/threads"))?;
        for (name, text) in identity {
            line(name, text)?;
        }
        line("stop", &"Ctrl-C")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_tells_what_is_served_and_where_the_data_is() {
        let greeting = Greeting {
            url: "http://localhost:8080".to_owned(),
            place: "JSON files in data/store".to_owned(),
            lists: vec!["users", "threads", "posts"],
            ..Greeting::default()
        };
        let greeting = greeting.to_string();
        for part in [
            "http://localhost:8080  (open it in a browser)\n",
            "data/store",
            "/api/users",
            "/api/threads",
            "/api/posts",
            "/docs",
            "/openapi.json",
        ] {
            assert!(greeting.contains(part), "{greeting}");
        }
    }

    /// Reports and what moderators do have no list at their name.
    #[test]
    fn what_is_printed_can_be_looked_at() {
        let lists = lists(&services::all(30));
        assert!(["users", "threads", "posts"].iter().all(|name| lists.contains(name)), "{lists:?}");
        assert!(!["reports", "moderation"].iter().any(|name| lists.contains(name)), "{lists:?}");
    }

    #[test]
    fn the_url_calls_localhost_only_what_is_reached_under_that_name() {
        for (ip, host) in [
            ("127.0.0.1", "localhost:9"),
            ("127.0.0.2", "127.0.0.2:9"),
            ("0.0.0.0", "localhost:9"),
            ("::1", "[::1]:9"),
            ("::", "[::1]:9"),
            ("192.0.2.7", "192.0.2.7:9"),
        ] {
            assert_eq!(url(SocketAddr::new(ip.parse().unwrap(), 9)), format!("http://{host}"));
        }
    }
}
