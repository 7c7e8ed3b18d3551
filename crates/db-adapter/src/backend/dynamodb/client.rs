//! The SDK's configuration: everything that has a default which could change under us is set.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Region;

use super::DynamoOptions;
use super::call::WatchAttempts;
use super::causes::innermost;
use crate::store::error::{Error, Result};

/// Attempts of a call, the first one included.
const MAX_ATTEMPTS: u32 = 4;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

const NOWHERE: &str = "none in the environment, a profile, the container or the instance";

/// The client, with credentials at hand.
///
/// # Errors
/// [`Error::Unavailable`] when there are no credentials.
pub(super) async fn connect(options: &DynamoOptions) -> Result<Client> {
    let retries = RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(options.connect_timeout)
        .operation_attempt_timeout(options.attempt_timeout)
        .operation_timeout(options.operation_timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(options.region.clone()))
        .retry_config(retries)
        .timeout_config(timeouts)
        // A stream that stalls runs into the timeout of its attempt: responses are read to their end within it.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(endpoint) = &options.endpoint {
        loader = loader.endpoint_url(endpoint);
        if endpoint.starts_with("http:") && std::env::var_os("AWS_ACCESS_KEY_ID").is_none() {
            loader = loader.credentials_provider(Credentials::new("local", "local", None, None, "plain endpoint"));
        }
    }
    let config = loader.load().await;
    let provider = config.credentials_provider().ok_or_else(|| no_credentials(NOWHERE))?;
    let first = provider.provide_credentials().await.map_err(|error| match error {
        CredentialsError::CredentialsNotLoaded(_) => no_credentials(NOWHERE),
        error => no_credentials(&innermost(&error)),
    })?;
    let provider = Warm { first: Mutex::new(Some(first)), provider };
    let config = aws_sdk_dynamodb::config::Builder::from(&config).credentials_provider(provider).interceptor(WatchAttempts);
    Ok(Client::from_conf(config.build()))
}

fn no_credentials(reason: &str) -> Error {
    Error::unavailable(format!(
        "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or a role ({reason})"
    ))
}

/// Returns the credentials that were obtained at the start first, so that the first request need not wait for them.
#[derive(Debug)]
struct Warm {
    first: Mutex<Option<Credentials>>,
    provider: SharedCredentialsProvider,
}

impl ProvideCredentials for Warm {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let soon = SystemTime::now() + Duration::from_secs(300);
        match first.filter(|first| first.expiry().is_none_or(|expiry| expiry > soon)) {
            Some(first) => future::ProvideCredentials::ready(Ok(first)),
            None => self.provider.provide_credentials(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_credentials_are_those_of_the_start_unless_they_expire_soon() {
        let named = |id: &str, expiry| Credentials::new(id, "secret", None, expiry, "test");
        let soon = SystemTime::now() + Duration::from_secs(60);
        for (expiry, expected) in [(None, ["start", "later"]), (Some(soon), ["later", "later"])] {
            let provider = SharedCredentialsProvider::new(named("later", None));
            let warm = Warm { first: Mutex::new(Some(named("start", expiry))), provider };
            for id in expected {
                assert_eq!(warm.provide_credentials().await.unwrap().access_key_id(), id);
            }
        }
    }
}
