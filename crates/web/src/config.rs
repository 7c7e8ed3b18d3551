//! Settings of the page: environment variables, each also a flag.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum_extra::extract::cookie::Key;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use http_kit::Pages;
use http_kit::auth::AuthConfig;
use http_kit::binary::PageConfig;
use http_kit::loopback::is_loopback;
use tempfile::NamedTempFile;
use tokio::sync::OnceCell;
use url::Url;

use crate::assets::Assets;
use crate::log_in::CALLBACK;
use crate::provider::Provider;
use crate::transport::Transport;
use crate::{Site, Web};

/// How many bytes a key has.
const KEY_BYTES: usize = 32;

/// What is to be set where people log in.
const COOKIE_KEY: &str = "WEB_COOKIE_KEY, as there is WEB_CLIENT_ID: 32 bytes in base64, as `openssl rand -base64 32` makes them";

/// The page.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Page")]
pub struct WebConfig {
    /// What the forum is called on its page
    #[arg(long, env = "WEB_TITLE", value_name = "WEB_TITLE", default_value = "Forum", value_parser = title)]
    pub web_title: String,
    /// The key that encrypts the page's cookies: 32 bytes in base64 [default with `forum dev`: in web-cookie.key in DATA_DIR]
    #[arg(long, env = "WEB_COOKIE_KEY", value_name = "WEB_COOKIE_KEY", value_parser = key, hide_env_values = true)]
    pub web_cookie_key: Option<CookieKey>,
    /// The page's client id at AUTH_ISSUER; without it nobody can log in on the page
    #[arg(long, env = "WEB_CLIENT_ID", value_name = "WEB_CLIENT_ID")]
    pub web_client_id: Option<String>,
    /// The secret of that client, if it has one
    #[arg(long, env = "WEB_CLIENT_SECRET", value_name = "WEB_CLIENT_SECRET", hide_env_values = true)]
    pub web_client_secret: Option<String>,
    /// What to ask the issuer for; a list with commas. With offline_access most issuers give what renews a log-in
    #[arg(long, env = "WEB_SCOPES", value_name = "WEB_SCOPES", value_delimiter = ',', default_value = "openid,email")]
    pub web_scopes: Vec<String>,
    /// What the access token is for, as the parameter resource (RFC 8707) of issuers that want it
    #[arg(long, env = "WEB_RESOURCE", value_name = "WEB_RESOURCE")]
    pub web_resource: Option<String>,
}

/// The page of a program that serves the whole API.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Page")]
pub struct ForumConfig {
    /// Serve the forum's page at /? true or false
    #[arg(long, env = "WEB", value_name = "WEB", default_value_t = false, action = clap::ArgAction::Set)]
    pub web: bool,
    /// Scheme, host and port under which people reach the page; https://, or http:// on this machine; required with WEB=true
    #[arg(long, env = "WEB_URL", value_name = "WEB_URL", value_parser = public_url)]
    pub web_url: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub page: WebConfig,
}

/// The page of a service, which has a part of the API.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Page")]
pub struct ServiceConfig {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub forum: ForumConfig,
    /// The URL below which the page finds /api with every service; required with WEB=true
    #[arg(long, env = "API_URL", value_name = "API_URL", value_parser = api_url)]
    pub api_url: Option<Url>,
}

/// 32 bytes that are not shown.
#[derive(Clone)]
pub struct CookieKey([u8; KEY_BYTES]);

impl std::fmt::Debug for CookieKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CookieKey")
    }
}

/// Why there is no page. One line, for the person who starts the program.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file with the key cannot be used.
    #[error("cannot use the key file {path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// The file holds something else.
    #[error("{path} is not a key of 32 bytes in base64: remove it, and a new one is made", path = path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// There is no randomness.
    #[error("cannot make a key for cookies")]
    Make,
    /// A setting is missing.
    #[error("WEB=true needs {0}")]
    Missing(&'static str),
}

impl WebConfig {
    /// The page of a server that has the whole API, at that URL, which has no slash at its end. `issuer` is that of AUTH; where it is the
    /// server itself (`forum dev`), everybody can log in. The key of cookies is kept in `data_dir` where none is set.
    ///
    /// # Errors
    /// [`ConfigError`] says what to do.
    pub fn open(self, url: &str, issuer: Option<&str>, data_dir: &Path) -> Result<Web, ConfigError> {
        let key = match &self.web_cookie_key {
            Some(key) => key.clone(),
            None => CookieKey::in_file(&data_dir.join("web-cookie.key"))?,
        };
        let own = issuer.is_some_and(|issuer| issuer.starts_with(&format!("{url}/")));
        Ok(self.site(url, issuer, own, key, None))
    }

    fn site(self, url: &str, issuer: Option<&str>, own_issuer: bool, key: CookieKey, api: Option<Transport>) -> Web {
        let client_id = self.web_client_id.or_else(|| own_issuer.then(|| "forum-page".to_owned()));
        let provider = issuer.zip(client_id).map(|(issuer, client_id)| Provider {
            issuer: issuer.to_owned(),
            client_id,
            client_secret: self.web_client_secret,
            scopes: self.web_scopes,
            resource: self.web_resource,
            callback: format!("{url}{CALLBACK}"),
            transport: (!own_issuer).then(|| Transport::http(None)),
            endpoints: Arc::new(OnceCell::new()),
        });
        let key = Key::derive_from(&key.0);
        Web(Arc::new(Site { title: self.web_title, url: url.to_owned(), key, provider, api, assets: Assets::new() }))
    }
}

impl PageConfig for ForumConfig {
    fn pages(self, auth: &AuthConfig) -> Result<Option<Arc<dyn Pages>>, String> {
        let page = self.web.then(|| self.open(auth, None)).transpose().map_err(|error| error.to_string())?;
        Ok(page.map(|page| -> Arc<dyn Pages> { Arc::new(page) }))
    }
}

impl PageConfig for ServiceConfig {
    fn pages(self, auth: &AuthConfig) -> Result<Option<Arc<dyn Pages>>, String> {
        let page = self.forum.web.then(|| self.open(auth)).transpose().map_err(|error| error.to_string())?;
        Ok(page.map(|page| -> Arc<dyn Pages> { Arc::new(page) }))
    }
}

impl ServiceConfig {
    fn open(self, auth: &AuthConfig) -> Result<Web, ConfigError> {
        let api = self.api_url.ok_or(ConfigError::Missing("API_URL: the URL below which /api has every service"))?;
        self.forum.open(auth, Some(Transport::http(Some(&api))))
    }
}

impl ForumConfig {
    /// `api` is the API where it is in another process.
    fn open(self, auth: &AuthConfig, api: Option<Transport>) -> Result<Web, ConfigError> {
        let url = self.web_url.ok_or(ConfigError::Missing("WEB_URL: the URL under which people reach the page"))?;
        let key = match (&self.page.web_cookie_key, &self.page.web_client_id) {
            (Some(key), _) => key.clone(),
            // Nobody logs in, so that there are no cookies.
            (None, None) => CookieKey::random()?,
            (None, Some(_)) => return Err(ConfigError::Missing(COOKIE_KEY)),
        };
        Ok(self.page.site(&url, auth.auth_issuer.as_deref(), false, key, api))
    }
}

impl CookieKey {
    fn random() -> Result<Self, ConfigError> {
        let mut bytes = [0; KEY_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ConfigError::Make)?;
        Ok(Self(bytes))
    }

    /// The key in that file. Where there is none, it is made, with its folder; only its owner may read it. Processes that make it at the
    /// same time have the same one in the end.
    fn in_file(path: &Path) -> Result<Self, ConfigError> {
        let failed = |reason| ConfigError::File { path: path.to_owned(), reason };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create(path, &STANDARD.encode(Self::random()?.0)).map_err(failed)?;
                fs::read_to_string(path)
            }
            read => read,
        };
        key(text.map_err(failed)?.trim()).map_err(|_| ConfigError::NoKey { path: path.to_owned() })
    }
}

/// Writes the key whole, or leaves the file that another process has made meanwhile.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Only its owner may read a temporary file.
    let mut file = NamedTempFile::new_in(folder)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

fn key(text: &str) -> Result<CookieKey, String> {
    let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(CookieKey).ok_or_else(|| "expected 32 bytes in base64, as `openssl rand -base64 32` makes them".to_owned())
}

fn title(text: &str) -> Result<String, String> {
    let text = text.trim();
    let allowed = (1..=60).contains(&text.chars().count()) && !text.contains(char::is_control);
    allowed.then(|| text.to_owned()).ok_or_else(|| "expected 1 to 60 characters, none of them a control character".to_owned())
}

/// Scheme, host and port. Off this machine cookies need HTTPS.
fn public_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" || url.scheme() == "http" && is_loopback(url));
    let url =
        url.filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty());
    url.map(|url| url.origin().ascii_serialization())
        .ok_or_else(|| "expected scheme, host and port, as in https://forum.example, or http:// on this machine".to_owned())
}

fn api_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none());
    url.ok_or_else(|| "expected a URL, as in http://localhost:8080".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/web-cookie.key");
        assert_eq!(CookieKey::in_file(&path).unwrap().0, CookieKey::in_file(&path).unwrap().0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&path, "short").unwrap();
        let message = CookieKey::in_file(&path).unwrap_err().to_string();
        assert!(message.contains("web-cookie.key") && message.contains("32 bytes"), "{message}");
    }

    #[rstest]
    #[case("https://forum.example", Some("https://forum.example"))]
    #[case("https://forum.example:8443/", Some("https://forum.example:8443"))]
    #[case("http://localhost:8080", Some("http://localhost:8080"))]
    #[case("http://forum.example", None)]
    #[case("https://forum.example/page", None)]
    #[case("https://user@forum.example", None)]
    #[case("forum.example", None)]
    fn people_reach_the_page_by_https_or_on_this_machine(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(public_url(text).ok().as_deref(), expected);
    }
}
