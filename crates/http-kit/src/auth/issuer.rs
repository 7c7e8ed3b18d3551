//! Where an issuer's keys are.

use jsonwebtoken::jwk::JwkSet;
use serde_json::Value;
use url::Url;

use super::fetch::Client;
use crate::loopback::is_loopback;

/// Where keys come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// From an issuer, by its discovery document (OpenID Connect Discovery 1.0, section 4) or from a URL of their own.
    Issuer {
        /// The issuer, exactly as tokens name it.
        issuer: String,
        /// The URL of the keys, where discovery is not to be used.
        jwks_url: Option<String>,
    },
    /// Keys that do not change.
    Fixed(JwkSet),
}

impl Source {
    /// Fetches the keys.
    ///
    /// # Errors
    /// What went wrong, for the log.
    pub(super) async fn keys(&self, client: &Client) -> Result<JwkSet, String> {
        let url = match self {
            Self::Fixed(keys) => return Ok(keys.clone()),
            Self::Issuer { jwks_url: Some(url), .. } => url.clone(),
            Self::Issuer { jwks_url: None, .. } => self.endpoint(client, "jwks_uri").await?,
        };
        let mut document = client.json(&url, None).await?;
        // A key of a kind that is not known yet must not hide the others.
        let keys = document.get_mut("keys").and_then(Value::as_array_mut).map(std::mem::take);
        let keys = keys.ok_or_else(|| format!("{url}: has no keys"))?;
        Ok(JwkSet { keys: keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect() })
    }

    /// The claims of the issuer's userinfo endpoint for that token (OpenID Connect Core 1.0, section 5.3).
    ///
    /// # Errors
    /// What went wrong, for the log.
    pub(super) async fn userinfo(&self, client: &Client, token: &str) -> Result<Value, String> {
        let url = self.endpoint(client, "userinfo_endpoint").await?;
        client.json(&url, Some(token)).await
    }

    /// The URL of that name in the discovery document.
    async fn endpoint(&self, client: &Client, name: &str) -> Result<String, String> {
        let Self::Issuer { issuer, .. } = self else { return Err("there is no issuer to ask".to_owned()) };
        let url = discovery(issuer);
        let document = client.json(&url, None).await?;
        let said = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
        if said != issuer {
            return Err(format!("{url}: is of the issuer {said:?}, expected {issuer:?}"));
        }
        let endpoint = document.get(name).and_then(Value::as_str).ok_or_else(|| format!("{url}: has no {name}"))?;
        check_url(endpoint).map_err(|reason| format!("{url}: {name} {reason}"))?;
        Ok(endpoint.to_owned())
    }
}

/// The URL of an issuer's discovery document (OpenID Connect Discovery 1.0, section 4).
pub(super) fn discovery(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

/// Tokens and keys travel over HTTPS, but on this machine.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_url(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        _ => Err("must be https://, or http:// on this machine".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("https://issuer.example", true)]
    #[case("http://localhost:8080/realms/forum", true)]
    #[case("http://127.0.0.1", true)]
    #[case("http://[::1]:9/", true)]
    #[case("http://issuer.example", false)]
    #[case("http://localhost.example", false)]
    #[case("http://127.0.0.1.example", false)]
    #[case("http://192.168.0.1", false)]
    #[case("ftp://localhost", false)]
    #[case("issuer.example", false)]
    fn plain_http_is_for_this_machine(#[case] url: &str, #[case] allowed: bool) {
        assert_eq!(check_url(url).is_ok(), allowed, "{url}");
    }
}
